//! Writing what fits into the directory.

use std::borrow::Cow;

use roaring::RoaringBitmap;

use super::fit::{Entry, Fitted, Members};
use crate::directory::{ChangeKind, GroupKey, RunId, UserEntry, UserKey, Writer};
use crate::failpoint::FailPoint;
use crate::run::error::RunError;

impl Fitted<'_> {
    /// Changes the directory, and keeps the changes with the run.
    pub fn write(&self, writer: &mut dyn Writer, run: RunId) -> Result<(), RunError> {
        for user in &self.users {
            if user.has(ChangeKind::Rename) || user.has(ChangeKind::Anonymize) || user.after.is_none() {
                writer.release_user_name(UserKey(user.key))?;
            }
        }
        for user in &self.users {
            match &user.after {
                None => writer.delete_user(UserKey(user.key))?,
                Some(after) if user.has(ChangeKind::Create) => writer.create_user(user.owner, after)?,
                Some(after) => writer.update_user(user.owner, after)?,
            }
            // The mirror is not of the reading that this was planned by: should the provider say again what the mirror
            // has, that has to be seen.
            writer.shape_again(user.owner, &user.external_id()?)?;
        }
        FailPoint::UsersWritten.pass();
        for group in &self.groups {
            if group.has(ChangeKind::Rename) || group.after.is_none() {
                writer.release_group_name(GroupKey(group.key))?;
            }
        }
        for group in &self.groups {
            match &group.after {
                // Once its memberships are gone.
                None => {}
                Some(after) if group.has(ChangeKind::Create) => writer.create_group(group.owner, after)?,
                Some(after) => writer.update_group(group.owner, after)?,
            }
        }
        FailPoint::GroupsWritten.pass();
        let users = self.users.iter().flat_map(|entry| &entry.changes);
        let changes = users.chain(self.groups.iter().flat_map(|entry| &entry.changes));
        for (sequence, (_, change)) in (0..).zip(changes) {
            writer.add_change(run, sequence, change)?;
        }
        for Members { change, all } in &self.members {
            writer.set_members(change.group, change.connector, all)?;
            writer.add_membership_change(run, change)?;
        }
        // As above: whoever is in another group now than the mirror makes of it.
        let people = self.members.iter().fold(RoaringBitmap::new(), |people, Members { change, .. }| {
            people | &change.added | &change.removed
        });
        for key in people {
            writer.shape_user_again(UserKey(key))?;
        }
        for group in self.groups.iter().filter(|group| group.after.is_none()) {
            writer.delete_group(GroupKey(group.key))?;
        }
        FailPoint::MembershipsWritten.pass();
        Ok(())
    }
}

impl Entry<'_, UserEntry> {
    /// The provider's id; of one that is deleted, what its change tells.
    fn external_id(&self) -> Result<Cow<'_, str>, RunError> {
        if let Some(after) = &self.after {
            return Ok(after.external_id.as_str().into());
        }
        let deletion = self.changes.last().and_then(|(_, change)| change.fields_before().ok());
        let id = deletion.as_ref().and_then(|fields| fields.get("externalId")?.as_str());
        id.map(|id| id.to_owned().into())
            .ok_or_else(|| RunError::Worker(format!("the deletion of user {} tells no id", self.key)))
    }
}
