//! Names of entries in what is past, also of those that are no longer there.

use roaring::RoaringBitmap;

use super::plan::ShownMembers;
use crate::directory::{EntryKind, GroupKey, LOCAL, MembershipChange, Reader, StoreError, UserKey};

/// Today's name of a group, else its last one.
pub(super) fn group(reader: &dyn Reader, key: GroupKey) -> Result<String, StoreError> {
    match reader.group(key)? {
        Some(group) => Ok(group.name),
        None => past(reader, EntryKind::Group, key.0),
    }
}

/// Today's names of users, else their last ones, in the order of the keys.
pub(super) fn users(reader: &dyn Reader, keys: &RoaringBitmap) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    reader.user_names(keys, &mut |key, name| found.push((key, name.to_owned())))?;
    if found.len() as u64 == keys.len() {
        return Ok(found.into_iter().map(|(_, name)| name).collect());
    }
    let mut found = found.into_iter().peekable();
    let mut names = Vec::new();
    for key in keys {
        names.push(match found.next_if(|(known, _)| *known == UserKey(key)) {
            Some((_, name)) => name,
            None => past(reader, EntryKind::User, key)?,
        });
    }
    Ok(names)
}

/// A change of memberships, by name.
pub(super) fn members(reader: &dyn Reader, change: &MembershipChange) -> Result<ShownMembers, StoreError> {
    Ok(ShownMembers {
        group: group(reader, change.group)?,
        local: reader.connector_id(LOCAL)? == Some(change.connector),
        added: users(reader, &change.added)?,
        removed: users(reader, &change.removed)?,
        held: None,
        state: None,
    })
}

/// The key, where not even the history knows a name any more.
fn past(reader: &dyn Reader, entry: EntryKind, key: u32) -> Result<String, StoreError> {
    Ok(reader.last_name(entry, key)?.unwrap_or_else(|| format!("({} {key}, gone)", entry.as_str())))
}
