//! Names and ids that others have by now.

use rustc_hash::{FxHashMap, FxHashSet};

use super::fit::{Entry, Fitted};
use crate::directory::{EntryKind, GroupEntry, Reader, UserEntry, fold};
use crate::run::error::RunError;

impl Fitted<'_> {
    /// A name that somebody took meanwhile, and does not give up now. Whoever is refused keeps a name that another may
    /// want: until nobody is left who does.
    pub(super) fn refuse_taken_names(&mut self, reader: &dyn Reader) -> Result<(), RunError> {
        loop {
            let user = |name: &str| Ok(reader.user_by_name(name)?.map(|holder| holder.key.0));
            let users = taken(&self.users, |entry| &entry.user_name, user)?;
            for at in users.iter().rev() {
                let entry = self.users.remove(*at);
                let name = entry.after.map(|after| after.user_name).unwrap_or_default();
                self.misfit(EntryKind::User, &name, "another user has the name now");
            }
            let group = |name: &str| Ok(reader.group_by_name(name)?.map(|holder| holder.key.0));
            let groups = taken(&self.groups, |entry| &entry.name, group)?;
            for at in groups.iter().rev() {
                let entry = self.groups.remove(*at);
                let name = entry.after.map(|after| after.name).unwrap_or_default();
                self.misfit(EntryKind::Group, &name, "another group has the name now");
            }
            if users.is_empty() && groups.is_empty() {
                return Ok(());
            }
        }
    }
}

/// The places of entries whose names somebody has who keeps it, or another of them gets.
fn taken<T>(
    entries: &[Entry<'_, T>],
    name: impl Fn(&T) -> &str,
    holder: impl Fn(&str) -> Result<Option<u32>, RunError>,
) -> Result<Vec<usize>, RunError> {
    let name_of = |entry: &Entry<'_, T>| entry.after.as_ref().map(|after| fold(name(after)));
    let names: FxHashMap<u32, Option<String>> =
        entries.iter().map(|entry| (entry.key, name_of(entry))).collect();
    let (mut taken, mut given) = (Vec::new(), FxHashSet::default());
    for (at, entry) in entries.iter().enumerate() {
        let Some(wanted) = name_of(entry) else { continue };
        let kept = match holder(&wanted)? {
            Some(holder) if holder != entry.key => match names.get(&holder) {
                Some(after) => after.as_ref() == Some(&wanted),
                None => true,
            },
            _ => false,
        };
        if kept || !given.insert(wanted) {
            taken.push(at);
        }
    }
    Ok(taken)
}

/// Whether the entry is known by another connector's id afterwards, or by another id.
pub(super) fn moves(before: &UserEntry, after: &UserEntry) -> bool {
    (&before.connector, &before.external_id) != (&after.connector, &after.external_id)
}

pub(super) fn known_otherwise(connector: &str) -> String {
    format!("connector {connector} has another entry for it now")
}

pub(super) fn has_user(reader: &dyn Reader, made: &UserEntry) -> Result<bool, RunError> {
    let found = reader.users_by_id(&made.external_id)?;
    Ok(found.iter().any(|entry| entry.connector == made.connector && entry.key != made.key))
}

/// Those that rules made up have no id, but a name.
pub(super) fn has_group(reader: &dyn Reader, made: &GroupEntry) -> Result<bool, RunError> {
    let Some(id) = &made.external_id else { return Ok(false) };
    let found = reader.groups_by_id(id)?;
    Ok(found.iter().any(|entry| entry.connector == made.connector && entry.key != made.key))
}
