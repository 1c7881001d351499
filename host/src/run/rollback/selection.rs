use roaring::RoaringBitmap;

use super::error::RollbackError;
use crate::directory::{Change, EntryKind, MembershipChange, Reader, RunId, fold};

/// Which of the entries that a run changed are to be undone; all where none is named.
pub(super) enum Selection {
    All,
    Only { users: RoaringBitmap, groups: RoaringBitmap },
}

impl Selection {
    /// By the names of users and groups, as the run or the directory of now has them.
    pub fn of(
        names: &[String],
        run: RunId,
        changes: &[Change],
        members: &[MembershipChange],
        reader: &dyn Reader,
    ) -> Result<Self, RollbackError> {
        if names.is_empty() {
            return Ok(Self::All);
        }
        let (mut users, mut groups) = (RoaringBitmap::new(), RoaringBitmap::new());
        for name in names {
            let folded = fold(name);
            let mut found = false;
            for change in changes.iter().filter(|change| fold(&change.name) == folded) {
                found = true;
                match change.entry {
                    EntryKind::User => users.insert(change.key),
                    EntryKind::Group => groups.insert(change.key),
                };
            }
            let changed = |kind: EntryKind, key: u32| {
                changes.iter().any(|change| change.entry == kind && change.key == key)
            };
            if let Some(user) = reader.user_by_name(&folded)?
                && (changed(EntryKind::User, user.key.0)
                    || members.iter().any(|one| (&one.added | &one.removed).contains(user.key.0)))
            {
                users.insert(user.key.0);
                found = true;
            }
            if let Some(group) = reader.group_by_name(&folded)?
                && (changed(EntryKind::Group, group.key.0)
                    || members.iter().any(|one| one.group == group.key))
            {
                groups.insert(group.key.0);
                found = true;
            }
            if !found {
                return Err(RollbackError::Unknown { run: run.0, name: name.clone() });
            }
        }
        Ok(Self::Only { users, groups })
    }

    pub fn has(&self, kind: EntryKind, key: u32) -> bool {
        match (self, kind) {
            (Self::All, _) => true,
            (Self::Only { users, .. }, EntryKind::User) => users.contains(key),
            (Self::Only { groups, .. }, EntryKind::Group) => groups.contains(key),
        }
    }

    /// Those of the members that are to be undone: of a group that is not named, the people who are.
    pub fn members(&self, group: u32, members: &RoaringBitmap) -> RoaringBitmap {
        match self {
            Self::Only { users, groups } if !groups.contains(group) => members & users,
            _ => members.clone(),
        }
    }
}
