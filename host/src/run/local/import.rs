use std::collections::BTreeMap;

use roaring::RoaringBitmap;

use super::draft::Draft;
use super::edit::set_text;
use super::error::{LocalError, Mistake, describe_group, describe_user};
use super::table::{Row, Table, at};
use crate::directory::{GroupFilter, GroupKey, LOCAL, UserEntry};

/// Puts people of a file into the draft: new ones are made, those of earlier imports are brought in step. Who is not in
/// the file is left alone, and so is what the file has no column for.
///
/// Gives the names that connectors have: those rows, and these memberships, are left out.
pub fn import(draft: &mut Draft<'_>, table: &Table) -> Result<Vec<Mistake>, LocalError> {
    let mut taken = Vec::new();
    let mut people = RoaringBitmap::new();
    let mut listed: BTreeMap<GroupKey, RoaringBitmap> = BTreeMap::new();
    let mut memberships = 0;
    for row in &table.rows {
        let Some(key) = import_row(draft, row, &mut taken)? else { continue };
        let Some(groups) = &row.groups else { continue };
        people.insert(key);
        for name in groups {
            let group = match draft.group_named(name)? {
                None => draft.new_group(name),
                Some(group) if group.connector == LOCAL => group.key,
                Some(group) => {
                    let message = format!("the group name {name:?} belongs to {}", describe_group(&group));
                    let hint = "`rollcall local group add` puts people into a connector's group";
                    taken.push(at(row.line, Some("groups"), message, Some(hint)));
                    continue;
                }
            };
            memberships += 1;
            listed.entry(group).or_default().insert(key);
        }
    }
    // The file says of its people in which local groups they are, and so in which they are not.
    if !people.is_empty() {
        let mut own = Vec::new();
        let filter = GroupFilter { connector: Some(LOCAL.to_owned()), ..GroupFilter::default() };
        draft.reader().groups(&filter, &mut |group| {
            own.push(group.key);
            true
        })?;
        for group in own {
            listed.entry(group).or_default();
        }
    }
    draft.report.users.seen = table.rows.len() as u64;
    draft.report.groups.seen = listed.values().filter(|members| !members.is_empty()).count() as u64;
    draft.report.memberships.seen = memberships;
    for (group, wanted) in listed {
        let members = draft.members(group)?;
        let unchanged = members.intersection_len(&wanted);
        *members = (&*members - &people) | wanted;
        draft.report.memberships.unchanged += unchanged;
    }
    Ok(taken)
}

/// Gives the key of the row's user; nothing where a connector has the name.
fn import_row(draft: &mut Draft<'_>, row: &Row, taken: &mut Vec<Mistake>) -> Result<Option<u32>, LocalError> {
    let mut entry: UserEntry = match draft.user_named(&row.user_name)? {
        None => draft.new_user(&row.user_name),
        Some(entry) if entry.connector == LOCAL => entry,
        Some(entry) => {
            let message = format!("the user name {:?} belongs to {}", row.user_name, describe_user(&entry));
            taken.push(at(row.line, Some("userName"), message, None));
            return Ok(None);
        }
    };
    entry.user_name.clone_from(&row.user_name);
    entry.active = row.active.unwrap_or(entry.active);
    for (name, value) in &row.values {
        set_text(&mut entry, name, value.clone());
    }
    let key = entry.key.0;
    draft.put_user(entry)?;
    Ok(Some(key))
}
