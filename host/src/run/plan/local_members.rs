//! Local memberships of groups that a connector fills: they stay, or go where no connector gives them.

use std::collections::BTreeSet;

use roaring::RoaringBitmap;

use super::plan::{Draft, PlannedMembers};
use crate::directory::{ConnectorId, GroupKey, LOCAL};
use crate::run::conflicts::{LocalGroups, LocalMemberships};
use crate::run::error::RunError;

impl Draft<'_> {
    /// Takes local memberships out of the groups of which the admin says that they hold exactly whom connectors give.
    pub(super) fn plan_local_members(&mut self, planned: &mut Vec<PlannedMembers>) -> Result<(), RunError> {
        let managed = |groups: &LocalGroups| groups.memberships == LocalMemberships::Managed;
        if !self.policy.conflicts.local_groups.iter().any(managed) {
            return Ok(());
        }
        let Some(local) = self.reader.connector_id(LOCAL)? else { return Ok(()) };
        let filled: BTreeSet<GroupKey> =
            self.groups.keys.iter().flatten().chain(&self.groups.filled).copied().collect();
        for group in filled {
            let name = match self.groups.planned.iter().find(|planned| planned.entry.key == group) {
                Some(planned) => planned.entry.name.clone(),
                None => self.reader.group(group)?.map(|entry| entry.name).unwrap_or_default(),
            };
            if self.policy.conflicts.local_memberships(&name) == LocalMemberships::Protected {
                continue;
            }
            let before = self.reader.members_from(group, local)?;
            let at = planned.iter().position(|members| members.group == group && members.connector == local);
            let now = at.map_or_else(|| before.clone(), |at| planned[at].all.clone());
            if now.is_empty() {
                continue;
            }
            let not_given = &now - self.given(group, planned, local)?;
            let all = &now - self.concerned(&not_given);
            if all == now {
                continue;
            }
            let removed = &before - &all;
            let already = at.map_or(0, |at| planned[at].removed.len());
            self.report.memberships.removed += removed.len() - already;
            let members =
                PlannedMembers { group, connector: local, all, added: RoaringBitmap::new(), removed };
            match at {
                Some(at) => planned[at] = members,
                None => planned.push(members),
            }
        }
        planned.sort_by_key(|members| (members.group, members.connector));
        Ok(())
    }

    /// Whom connectors give to the group after the run.
    fn given(
        &self,
        group: GroupKey,
        planned: &[PlannedMembers],
        local: ConnectorId,
    ) -> Result<RoaringBitmap, RunError> {
        let mut given = RoaringBitmap::new();
        for connector in self.reader.givers(group)? {
            let changes =
                |members: &&PlannedMembers| members.group == group && members.connector == connector;
            if connector != local && !planned.iter().any(|members| changes(&members)) {
                given |= self.reader.members_from(group, connector)?;
            }
        }
        for members in planned.iter().filter(|members| members.group == group && members.connector != local) {
            given |= &members.all;
        }
        Ok(given)
    }
}
