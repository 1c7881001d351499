//! What becomes of groups that leave, and of the memberships of whoever leaves.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;

use super::cleanup::named;
use super::groups::{PlannedGroup, count_changes};
use super::plan::{Draft, PlannedMembers};
use crate::directory::{Change, ConnectorId, GroupEntry, GroupKey, RunId};
use crate::model::{PluginError, Subject};
use crate::run::cleanup::{Grace, GroupCleanup};
use crate::run::error::RunError;
use crate::run::leavers::since_run;
use crate::run::report::{Leaving, ReportedProblem};
use crate::run::shape::GroupShape;
use crate::run::staging::Action;

impl Draft<'_> {
    /// Decides about groups that the reading does not have, or that rules keep out.
    pub(super) fn plan_group_cleanup(&mut self, existing: &[GroupEntry]) -> Result<(), RunError> {
        for entry in existing {
            let Some(id) = &entry.external_id else { continue };
            let found = self.reading.groups.get_full(id).map(|(at, _, state)| (at, state));
            let known = found.and_then(|(_, state)| state.known.as_ref());
            let shape = found.and_then(|(at, _)| self.groups.shapes[at].as_ref());
            match (found, shape) {
                (_, Some(GroupShape::Kept(_))) => {}
                (Some((at, _)), Some(shape)) => {
                    let since = known.and_then(|known| known.dropped_since);
                    let reason = match shape {
                        GroupShape::Dropped(reason) => format!("{} by {reason}", since_run("dropped", since)),
                        GroupShape::Hidden(_) | GroupShape::Kept(_) => since_run("hidden by rules", since),
                    };
                    self.clean_group(entry, &reason, self.policy.cleanup.grace, since)?;
                    if !self.cleanup.deleted_groups.contains(&entry.key) {
                        self.cleanup.dropped_groups.insert(at);
                    }
                }
                (Some((_, state)), None) if state.unreadable || state.record.is_some() => {}
                (_, None) => {
                    let since = known.and_then(|known| known.absent_since);
                    self.report.groups.absent += 1;
                    self.report_absent(named("group", id, &entry.name));
                    let reason = since_run("no longer returned", since);
                    // Groups can't be asked for; where the provider itself says it, nobody has to.
                    let grace = match self.reading.is_gone_group(id) {
                        true => self.policy.cleanup.grace,
                        false => self.policy.cleanup.grace_of_groups(),
                    };
                    self.clean_group(entry, &reason, grace, since)?;
                }
                (None, Some(_)) => {}
            }
        }
        Ok(())
    }

    fn clean_group(
        &mut self,
        entry: &GroupEntry,
        reason: &str,
        grace: Grace,
        since: Option<RunId>,
    ) -> Result<(), RunError> {
        let action = self.policy.cleanup.groups;
        if action == GroupCleanup::Keep
            || action == GroupCleanup::Empty
                && self.reader.members_from(entry.key, self.connector)?.is_empty()
        {
            return Ok(());
        }
        if let Some(stays) = grace.lasts(self.judge().missing(since)?, self.now) {
            self.report.add_leaving(Leaving {
                kind: "group".to_owned(),
                id: entry.external_id.clone().unwrap_or_default(),
                name: entry.name.clone(),
                reason: reason.to_owned(),
                stays: format!("{stays}; then {}", action.done()),
            });
            return Ok(());
        }
        if action == GroupCleanup::Empty {
            self.cleanup.emptied_groups.insert(entry.key, (entry.clone(), reason.to_owned()));
            return Ok(());
        }
        self.cleanup.deleted_groups.insert(entry.key);
        let changes = vec![Change::delete_group(entry).because(reason)];
        count_changes(&mut self.report.groups, &changes);
        self.groups.planned.push(PlannedGroup {
            action: Action::Delete,
            renames: false,
            entry: entry.clone(),
            changes,
        });
        Ok(())
    }

    /// Takes whoever leaves out of the groups, and the members out of groups that leave.
    pub(super) fn take_out_leavers(&mut self, planned: &mut Vec<PlannedMembers>) -> Result<(), RunError> {
        if !self.cleanup.takes_members_out() {
            return Ok(());
        }
        let mut given: BTreeMap<(GroupKey, ConnectorId), RoaringBitmap> = BTreeMap::new();
        self.reader.memberships(&mut |group, connector, members| {
            given.insert((group, connector), members);
        })?;
        let mut plans: BTreeMap<(GroupKey, ConnectorId), PlannedMembers> =
            planned.drain(..).map(|members| ((members.group, members.connector), members)).collect();
        let places: Vec<_> = given.keys().chain(plans.keys()).copied().collect();
        let mut keeps: FxHashMap<GroupKey, bool> = FxHashMap::default();
        for (group, connector) in places {
            let before = given.get(&(group, connector)).cloned().unwrap_or_default();
            let plan = plans.get(&(group, connector));
            let now = plan.map_or_else(|| before.clone(), |plan| plan.all.clone());
            let own = connector == self.connector;
            let all = if self.cleanup.deleted_groups.contains(&group)
                || own && self.cleanup.emptied_groups.contains_key(&group)
            {
                RoaringBitmap::new()
            } else {
                let mut all = &now - &self.cleanup.deleted;
                if own && !self.keeps_members(group, &mut keeps)? {
                    all -= &self.cleanup.stripped;
                }
                all
            };
            if all == now {
                continue;
            }
            let (added, removed) = (&all - &before, &before - &all);
            let counts = &mut self.report.memberships;
            let (was_added, was_removed) = plan.map_or((0, 0), |plan| (plan.added.len(), plan.removed.len()));
            counts.created = counts.created + added.len() - was_added;
            counts.removed = counts.removed + removed.len() - was_removed;
            counts.unchanged = counts.unchanged.saturating_sub(removed.len() - was_removed);
            match added.is_empty() && removed.is_empty() {
                true => drop(plans.remove(&(group, connector))),
                false => {
                    let members = PlannedMembers { group, connector, all, added, removed };
                    plans.insert((group, connector), members);
                }
            }
        }
        planned.extend(plans.into_values());
        for (group, (entry, reason)) in &self.cleanup.emptied_groups {
            let own =
                |members: &&PlannedMembers| members.group == *group && members.connector == self.connector;
            let removed = planned.iter().find(own).map_or(0, |members| members.removed.len());
            let members = if removed == 1 { "member" } else { "members" };
            let message = format!("{reason}: cleanup takes its {removed} {members} out");
            let subject = entry.external_id.clone().map(Subject::Group);
            let notice = PluginError::new("emptied", message);
            self.report.add_notice(ReportedProblem::new(subject.as_ref(), Some(&entry.name), &notice));
        }
        Ok(())
    }

    /// Whether whoever leaves stays in this group.
    fn keeps_members(
        &self,
        group: GroupKey,
        known: &mut FxHashMap<GroupKey, bool>,
    ) -> Result<bool, RunError> {
        if let Some(keeps) = known.get(&group) {
            return Ok(*keeps);
        }
        let planned = self.groups.planned.iter().find(|planned| planned.entry.key == group);
        let entry = match planned {
            Some(planned) => Some(planned.entry.clone()),
            None => self.reader.group(group)?,
        };
        let keeps = entry.is_some_and(|entry| self.policy.cleanup.keeps_memberships_of(&entry));
        known.insert(group, keeps);
        Ok(keeps)
    }
}
