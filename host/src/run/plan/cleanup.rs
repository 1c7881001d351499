//! What becomes of those who leave: absent people and groups, dropped ones, and people who don't sign in any more.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::groups::{PlannedGroup, count_changes};
use super::names::Claim;
use super::people::{Claimant, Gathered, PlannedUser};
use super::plan::{Draft, PlannedMembers, UNSHAPED};
use crate::directory::{
    Change, ChangeKind, ConnectorId, GroupEntry, GroupKey, MembersState, RunId, UserEntry, UserFilter,
    UserKey, fold,
};
use crate::model::{PluginError, Subject};
use crate::run::cleanup::{Grace, GroupCleanup, Inactivity, MembershipCleanup, Treatment, UserCleanup};
use crate::run::collect::work_file;
use crate::run::confirm::{Presence, Verdict};
use crate::run::error::RunError;
use crate::run::leavers::{Fate, Judge, since_run};
use crate::run::report::{Leaving, LeftOut, NamedEntry, ReportedProblem};
use crate::run::shape::GroupShape;
use crate::run::staging::{Action, StagedUser};

/// What cleanup decided so far.
#[derive(Default)]
pub struct CleanupDraft {
    /// Dropped people of the directory: the reading's index, the key, and the rules' reason.
    dropped: Vec<(u32, UserKey, String)>,
    /// The reading's indexes of those of them who stay in the directory.
    pub(super) dropped_people: RoaringBitmap,
    /// The reading's indexes of dropped groups that stay in the directory.
    pub(super) dropped_groups: FxHashSet<usize>,
    /// Keys of those who lose the memberships that this connector gave.
    stripped: RoaringBitmap,
    deleted: RoaringBitmap,
    /// With the reason.
    emptied_groups: BTreeMap<GroupKey, (GroupEntry, String)>,
    deleted_groups: FxHashSet<GroupKey>,
}

impl CleanupDraft {
    pub fn drop_person(&mut self, person: u32, key: UserKey, reason: String) {
        self.dropped.push((person, key, reason));
    }

    pub fn deletes_user(&self, key: u32) -> bool {
        self.deleted.contains(key)
    }

    pub fn deletes_group(&self, key: GroupKey) -> bool {
        self.deleted_groups.contains(&key)
    }

    /// Keys of those who lose what this connector, or anyone, gave them.
    pub fn loses_memberships(&self) -> RoaringBitmap {
        &self.stripped | &self.deleted
    }

    fn takes_members_out(&self) -> bool {
        !(self.stripped.is_empty()
            && self.deleted.is_empty()
            && self.emptied_groups.is_empty()
            && self.deleted_groups.is_empty())
    }
}

/// Someone who doesn't sign in any more.
struct Inactive {
    person: u32,
    entry: UserEntry,
    reason: String,
}

impl Draft<'_> {
    /// What of the policy enters everybody's shaping key: another rule about inactivity looks at all people anew.
    pub(super) fn inactivity_token(&self) -> Vec<u8> {
        let rule = self.policy.cleanup.inactivity.as_ref();
        rule.map(|rule| format!("{rule:?}").into_bytes()).unwrap_or_default()
    }

    /// Stages what becomes of people who leave.
    pub(super) fn plan_cleanup(&mut self, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        let policy = self.policy;
        if let Some(rule) = &policy.cleanup.inactivity {
            self.plan_inactive(rule, gathered)?;
        }
        self.plan_dropped(gathered)?;
        self.plan_absent(gathered)
    }

    fn judge(&self) -> Judge<'_> {
        Judge::new(self.reader, self.connector, &self.policy.cleanup, self.now, self.reading.is_complete())
    }

    fn plan_absent(&mut self, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        self.report.users.absent += self.absent.len() as u64;
        let confirm = self.policy.cleanup.confirm > 0 && !self.confirmations.unsupported;
        let mut acted = false;
        for absentee in self.absent {
            let acts = matches!(absentee.fate, Fate::Act(_) | Fate::Stay(_) | Fate::Unclear(_));
            if !acts && !self.lists_absent() {
                continue;
            }
            let Some(entry) = self.reader.user(absentee.key)? else { continue };
            self.report_absent(named("user", &entry.external_id, &entry.user_name));
            let verdict = self.confirmations.verdicts.get(&entry.external_id);
            let stays = match (&absentee.fate, verdict) {
                (Fate::Act(treatment), _) if !confirm => {
                    acted = true;
                    self.clean(absentee.person, entry, *treatment, &absentee.reason, gathered)?;
                    continue;
                }
                (Fate::Act(treatment), Some(Verdict::Certain(Presence::Gone))) => {
                    self.clean(absentee.person, entry, *treatment, &absentee.reason, gathered)?;
                    continue;
                }
                (Fate::Act(treatment), Some(Verdict::Certain(Presence::OutOfScope))) => {
                    let reason = format!("{}: out of scope", absentee.reason);
                    self.clean(absentee.person, entry, *treatment, &reason, gathered)?;
                    continue;
                }
                (Fate::Act(_), Some(Verdict::Certain(Presence::InScope))) => {
                    "found again by id: the provider's list left them out".to_owned()
                }
                (Fate::Act(_), Some(Verdict::Unclear(error))) => {
                    let message = format!("{} cannot be confirmed: {}", absentee.reason, error.message);
                    let error = PluginError { message, ..error.clone() };
                    self.report_user_problem(&entry, &error);
                    continue;
                }
                (Fate::Act(_), Some(Verdict::Unrecorded)) => {
                    "not confirmed: the recording has no answer about them".to_owned()
                }
                (Fate::Act(_), None) => "not confirmed yet: a later run asks for them by id".to_owned(),
                (fate, _) => match self.stays(&entry, &absentee.reason, fate) {
                    Some(stays) => stays,
                    None => continue,
                },
            };
            self.report_leaving(&entry, &absentee.reason, stays);
        }
        if acted && self.confirmations.unsupported {
            let message = "the plugin can't read single people, so nobody could be confirmed by id: the list's word counted";
            self.report.add_notice(ReportedProblem::new(
                None,
                None,
                &PluginError::new("unconfirmed", message),
            ));
        }
        Ok(())
    }

    fn plan_dropped(&mut self, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        let mut dropped = std::mem::take(&mut self.cleanup.dropped);
        dropped.sort_by_key(|(_, key, _)| *key);
        let keys = dropped.iter().map(|(_, key, _)| key.0).collect();
        let held = dropped.iter().any(|(person, ..)| self.reading.state(*person).alias);
        let groups = self.judge().groups_that_matter(&keys, held)?;
        for (person, key, reason) in dropped {
            let Some(entry) = self.reader.user(key)? else { continue };
            let since = self.reading.state(person).known.and_then(|known| known.dropped_since);
            let reason = format!("{} by {reason}", since_run("dropped", since));
            // It is told anew at every run, until it is no longer in the directory.
            let held = self.reading.state(person).alias;
            self.people.shaping[person as usize] = match self.judge().fate(&entry, held, &groups, since)? {
                Fate::Act(treatment) => {
                    self.clean(person, entry, treatment, &reason, gathered)?;
                    match treatment.users {
                        UserCleanup::Delete => self.people.shaping[person as usize],
                        _ => UNSHAPED,
                    }
                }
                fate => {
                    if let Some(stays) = self.stays(&entry, &reason, &fate) {
                        self.report_leaving(&entry, &reason, stays);
                    }
                    UNSHAPED
                }
            };
            if !self.cleanup.deletes_user(key.0) {
                self.cleanup.dropped_people.insert(person);
            }
        }
        Ok(())
    }

    /// Why somebody stays who is not to be changed now; nothing when there is nothing to say.
    fn stays(&mut self, entry: &UserEntry, reason: &str, fate: &Fate) -> Option<String> {
        match fate {
            Fate::Act(_) | Fate::Settled => None,
            Fate::Stay(stays) => Some(stays.clone()),
            Fate::Unclear(failure) => {
                let message = format!("{reason}, and a condition of cleanup can't be calculated: {failure}");
                let error = PluginError::new("cleanup-condition", message)
                    .with_hint("guard it with `has(…)`, or give a default");
                self.report_user_problem(entry, &error);
                None
            }
        }
    }

    fn report_user_problem(&mut self, entry: &UserEntry, error: &PluginError) {
        let subject = Subject::User(entry.external_id.clone());
        self.report.add_problem(ReportedProblem::new(Some(&subject), Some(&entry.user_name), error));
    }

    fn report_leaving(&mut self, entry: &UserEntry, reason: &str, stays: String) {
        self.report.add_leaving(Leaving {
            kind: "user".to_owned(),
            id: entry.external_id.clone(),
            name: entry.user_name.clone(),
            reason: reason.to_owned(),
            stays,
        });
    }

    /// Stages what makes the entry what the treatment says.
    fn clean(
        &mut self,
        person: u32,
        before: UserEntry,
        treatment: Treatment,
        reason: &str,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), RunError> {
        if treatment.memberships == MembershipCleanup::Remove {
            self.cleanup.stripped.insert(before.key.0);
        }
        let key = before.key;
        let (action, entry, changes) = match treatment.users.applied(&before) {
            None => {
                self.cleanup.deleted.insert(key.0);
                let change = Change::delete_user(&before).because(reason);
                (Action::Delete, before, vec![change])
            }
            Some(after) if after == before => return Ok(()),
            Some(after) => {
                let changes = match treatment.users {
                    UserCleanup::Anonymize => vec![Change::anonymize_user(&before, &after)],
                    _ => Change::between_users(&before, &after),
                };
                let changes = changes.into_iter().map(|change| change.because(reason)).collect();
                let folded = fold(&after.user_name);
                if folded != fold(&before.user_name) {
                    gathered.claims.push(Claim { key: key.0, folded, renames: true });
                    let name = after.user_name.clone();
                    gathered.claimants.push(Claimant { person, key, name });
                }
                (Action::Update, after, changes)
            }
        };
        let frees_name = action == Action::Delete || treatment.users == UserCleanup::Anonymize;
        let staged = StagedUser { action, entry, changes };
        let place = gathered.staging.put(&staged).map_err(work_file(self.work_folder, "written"))?;
        self.people.planned.push(PlannedUser::new(key, frees_name, &staged.changes, place));
        Ok(())
    }

    /// Changes what is staged, and what the directory has, of people who don't sign in any more.
    fn plan_inactive(&mut self, rule: &Inactivity, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        let (mut told, mut inactive) = (false, Vec::new());
        let mut consider = |person: u32, entry: UserEntry| {
            told |= rule.is_told(&entry);
            if let Some(reason) = rule.reason(&entry, self.now).filter(|_| entry.active) {
                inactive.push(Inactive { person, entry, reason });
            }
        };
        let mut staged_keys = RoaringBitmap::new();
        for user in &self.people.planned {
            staged_keys.insert(user.key.0);
            let staged: StagedUser =
                gathered.staging.get(user.staged).map_err(work_file(self.work_folder, "read"))?;
            let Some(person) = self.reading.index_of(&staged.entry.external_id) else { continue };
            consider(person, staged.entry);
        }
        let dropped: FxHashSet<u32> = self.cleanup.dropped.iter().map(|(person, ..)| *person).collect();
        let filter = UserFilter { connector: Some(self.connector_name.to_owned()), ..UserFilter::default() };
        self.reader.users(&filter, &mut |entry| {
            let person = self.reading.index_of(&entry.external_id);
            // Who was skipped, is dropped or was not read is no matter of signing in.
            let person = person.filter(|person| {
                self.reading.state(*person).is_told()
                    && self.people.shaping[*person as usize] != UNSHAPED
                    && !dropped.contains(person)
                    && !staged_keys.contains(entry.key.0)
            });
            if let Some(person) = person {
                consider(person, entry);
            }
            true
        })?;
        if inactive.is_empty() {
            return Ok(());
        }
        if !told {
            let message = format!(
                "nobody has the attribute {:?}, so that nobody can be told from those who never sign in: the rule for \
                 inactivity is left out",
                rule.sign_in
            );
            let error = PluginError::new("no-sign-in", message).with_hint(
                "let the plugin read it (okta: `settings.timestamps = [\"lastLogin\"]`) and the transforms keep it",
            );
            self.report.add_problem(ReportedProblem::new(None, None, &error));
            return Ok(());
        }
        let groups = self.groups_of_inactive(&inactive)?;
        for Inactive { person, entry, reason } in inactive {
            let names = groups.get(&entry.key.0).map(Vec::as_slice).unwrap_or_default();
            let cleanup = &self.policy.cleanup;
            let treatment = match (rule.spare.holds(&entry, names), cleanup.treatment(&entry, names)) {
                (Ok(false), Ok(Some(treatment))) => Treatment { users: rule.users, ..treatment },
                (Ok(true), _) | (_, Ok(None)) => continue,
                (Err(failure), _) | (_, Err(failure)) => {
                    let _ = self.stays(&entry, &reason, &Fate::Unclear(failure.to_string()));
                    continue;
                }
            };
            self.clean_inactive(person, entry, treatment, &reason, gathered)?;
        }
        Ok(())
    }

    /// The groups' names of these people after this run: as the reading has them, and of groups that it does not decide
    /// about, or that others give, as the directory does.
    fn groups_of_inactive(&self, inactive: &[Inactive]) -> Result<FxHashMap<u32, Vec<String>>, RunError> {
        let keys: RoaringBitmap = inactive.iter().map(|inactive| inactive.entry.key.0).collect();
        let mut names: FxHashMap<u32, Vec<String>> = FxHashMap::default();
        let known = |at: usize| self.reading.groups[at].members_state == Some(MembersState::Known);
        let read: FxHashSet<GroupKey> = (0..self.groups.keys.len())
            .filter(|at| known(*at))
            .filter_map(|at| self.groups.keys[at])
            .collect();
        let own = self.connector;
        let before = self
            .judge()
            .groups_among(&keys, |group, connector| connector != own || !read.contains(&group))?;
        for key in &keys {
            names.insert(key, before.names(UserKey(key)).to_vec());
        }
        for (at, key) in self.groups.keys.iter().enumerate() {
            let (Some(_), Some(GroupShape::Kept(group))) = (key, &self.groups.shapes[at]) else { continue };
            for person in &self.reading.groups[at].members {
                let key = self.key_so_far(*person);
                if let Some(of_person) = key.and_then(|key| names.get_mut(&key.0)) {
                    of_person.push(group.name.clone());
                }
            }
        }
        Ok(names)
    }

    fn clean_inactive(
        &mut self,
        person: u32,
        entry: UserEntry,
        treatment: Treatment,
        reason: &str,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), RunError> {
        let key = entry.key;
        let Some(before) = self.reader.user(key)? else {
            // Nobody comes into the directory only to be taken out of it again.
            match treatment.users {
                UserCleanup::Keep => {}
                UserCleanup::Disable => {
                    let staged = StagedUser {
                        action: Action::Create,
                        entry: UserEntry { active: false, ..entry },
                        changes: Vec::new(),
                    };
                    let place =
                        gathered.staging.put(&staged).map_err(work_file(self.work_folder, "written"))?;
                    if let Some(planned) = self.people.planned.iter_mut().find(|user| user.key == key) {
                        planned.staged = place;
                    }
                }
                UserCleanup::Delete | UserCleanup::Anonymize => {
                    self.unstage(key, gathered);
                    let nobody = RoaringBitmap::from_iter([key.0]);
                    self.people.shaped -= &nobody;
                    self.forget_members(&nobody);
                    // At each run, the time decides anew.
                    self.people.shaping[person as usize] = UNSHAPED;
                    self.report.users.dropped += 1;
                    self.report.add_left_out(LeftOut {
                        kind: "user".to_owned(),
                        name: entry.user_name,
                        id: entry.external_id,
                        reason: reason.to_owned(),
                    });
                }
            }
            return Ok(());
        };
        if treatment.users == UserCleanup::Disable {
            // What else the provider says of them is brought in step.
            let after = UserEntry { active: false, ..entry };
            let at = self.people.planned.iter().position(|user| user.key == key);
            let changes: Vec<Change> = Change::between_users(&before, &after)
                .into_iter()
                .map(|change| match change.kind {
                    ChangeKind::Disable => change.because(reason),
                    _ => change,
                })
                .collect();
            if treatment.memberships == MembershipCleanup::Remove {
                self.cleanup.stripped.insert(key.0);
            }
            let frees_name = fold(&before.user_name) != fold(&after.user_name);
            let staged = StagedUser { action: Action::Update, entry: after, changes };
            let place = gathered.staging.put(&staged).map_err(work_file(self.work_folder, "written"))?;
            let planned = PlannedUser::new(key, frees_name, &staged.changes, place);
            match at {
                Some(at) => self.people.planned[at] = planned,
                None if staged.changes.is_empty() => {}
                None => self.people.planned.push(planned),
            }
            if staged.changes.is_empty() {
                self.report.users.unchanged += u64::from(at.is_some());
                self.unstage(key, gathered);
            }
            return Ok(());
        }
        self.unstage(key, gathered);
        if treatment.users == UserCleanup::Delete {
            self.people.shaping[person as usize] = UNSHAPED;
        }
        self.clean(person, before, treatment, reason, gathered)
    }

    /// Forgets what is staged for somebody.
    fn unstage(&mut self, key: UserKey, gathered: &mut Gathered<'_>) {
        self.people.planned.retain(|user| user.key != key);
        let kept: Vec<bool> = gathered.claims.iter().map(|claim| claim.key != key.0).collect();
        let mut keep = kept.iter();
        gathered.claims.retain(|_| keep.next().copied().unwrap_or(true));
        let mut keep = kept.iter();
        gathered.claimants.retain(|_| keep.next().copied().unwrap_or(true));
    }

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

fn named(kind: &str, id: &str, name: &str) -> NamedEntry {
    NamedEntry { kind: kind.to_owned(), id: id.to_owned(), name: name.to_owned() }
}
