use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::excess::Over;
use super::held::waiting_of;
use super::limits::OnLimit;
use crate::directory::{ChangeKind, EntryKind, GroupKey, Pause, Reader, fold};
use crate::run::error::RunError;
use crate::run::plan::{Plan, PlanInputs, count_changes, count_users};
use crate::run::report::{Counts, MembershipCounts, RunReport};
use crate::run::staging::Action;

const TAKES_AWAY: [ChangeKind; 3] = [ChangeKind::Disable, ChangeKind::Delete, ChangeKind::Anonymize];

/// Takes out of a finished plan what protection forbids and what is over a limit; where the connector is paused, all of
/// it.
pub fn guard(
    plan: &mut Plan,
    inputs: &PlanInputs<'_>,
    override_limits: bool,
    report: &mut RunReport,
) -> Result<(), RunError> {
    plan.superseded = waiting_of(plan, inputs.reader, inputs.connector_name)?;
    let approved = Approved::of(inputs)?;
    let mut guard =
        Guard { plan, inputs, approved, stuck: FxHashSet::default(), stuck_groups: FxHashSet::default() };
    let protected = guard.protect(report)?;
    // There is nothing yet that could be taken away by mistake.
    let first = inputs.reader.last_applied(inputs.connector)?.is_none();
    let over = if first { Over::new() } else { guard.over()? };
    let mut sentences: Vec<String> = over.iter().map(|(_, sentence)| sentence.clone()).collect();
    let paused = guard.pause()?;
    let holds = paused.is_some() || !over.is_empty() && !override_limits;
    let applied = paused.is_none() && (!holds || inputs.policy.safety.on_limit == OnLimit::Withhold);
    if let Some(pause) = &paused {
        sentences.insert(0, format!("connector {} is {pause}", inputs.connector_name));
    }
    if holds {
        match applied {
            true => guard.withhold(&over)?,
            false => guard.hold_all(&sentences.join("; "))?,
        }
        guard.shape_again();
    } else {
        report.overridden = std::mem::take(&mut sentences);
    }
    if holds || protected {
        guard.count(report);
    }
    if applied {
        report.approved = guard.approvals_used()?;
    }
    let held = &guard.plan.held;
    if holds || !held.is_empty() {
        sentences.extend(held.further_reasons(&sentences));
        let reader = inputs.reader;
        let mut told = held.report(applied, sentences, |members| {
            let made = held.changes.iter().find(|(_, change)| {
                change.kind == ChangeKind::Create
                    && change.entry == EntryKind::Group
                    && change.key == members.group.0
            });
            match made {
                Some((_, change)) => Ok(change.name.clone()),
                None => guard.plan.group_name(reader, members.group),
            }
        })?;
        told.paused = paused.is_some();
        report.held = Some(told);
    }
    Ok(())
}

/// Entries that somebody approved beforehand: their changes count for no limit, and none holds them.
#[derive(Debug, Default)]
pub(super) struct Approved {
    pub users: RoaringBitmap,
    pub groups: RoaringBitmap,
}

impl Approved {
    fn of(inputs: &PlanInputs<'_>) -> Result<Self, RunError> {
        let mut approved = Self::default();
        for (kind, key) in inputs.reader.approved_entries(inputs.connector)? {
            match kind {
                EntryKind::User => approved.users.insert(key),
                EntryKind::Group => approved.groups.insert(key),
            };
        }
        Ok(approved)
    }
}

pub(super) struct Guard<'a, 'p> {
    pub plan: &'p mut Plan,
    pub inputs: &'a PlanInputs<'a>,
    pub approved: Approved,
    /// Folded user names that stay taken, because whoever was to free them is held.
    pub stuck: FxHashSet<String>,
    /// The same of groups.
    pub stuck_groups: FxHashSet<String>,
}

impl Guard<'_, '_> {
    pub fn reader(&self) -> &dyn Reader {
        self.inputs.reader
    }

    /// Why all of the plan is held, where it changes anything.
    fn pause(&self) -> Result<Option<Pause>, RunError> {
        let Plan { users, groups, memberships, .. } = &*self.plan;
        match users.is_empty() && groups.is_empty() && memberships.is_empty() {
            true => Ok(None),
            false => Ok(self.reader().pause(self.inputs.connector)?),
        }
    }

    /// True when something was taken out.
    fn protect(&mut self, report: &mut RunReport) -> Result<bool, RunError> {
        let safety = &self.inputs.policy.safety;
        let mut spared: Vec<(u32, String)> = Vec::new();
        let mut notes = Vec::new();
        if !safety.protect.is_empty() {
            for user in
                self.plan.users.iter().filter(|user| TAKES_AWAY.iter().any(|kind| user.kinds.has(*kind)))
            {
                let Some(before) = self.reader().user(user.key)? else { continue };
                if let Some(why) = safety.protects(&before, self.reader())? {
                    let kinds = TAKES_AWAY.iter().filter(|kind| user.kinds.has(**kind));
                    let kinds: Vec<&str> = kinds.map(|kind| kind.as_str()).collect();
                    let what = kinds.join(" and ");
                    notes.push(format!("user {} stays: {what} is forbidden by {why}", before.user_name));
                    spared.push((user.key.0, before.user_name));
                }
            }
        }
        let keys: RoaringBitmap = spared.iter().map(|(key, _)| *key).collect();
        let protected = self.take(|key, kind| keys.contains(key) && TAKES_AWAY.contains(&kind))?;
        if safety.protects_groups() {
            notes.extend(self.protect_groups()?);
        }
        let cleaned = &keys & &self.plan.cleaned;
        self.give_back(|_, removed| removed & &cleaned);
        // What was to be taken from them is planned, and told, again.
        self.shape_people(&keys);
        let changed = !protected.is_empty() || !notes.is_empty();
        if !keys.is_empty() {
            self.let_go(&FxHashMap::default())?;
        }
        notes.truncate(RunReport::LISTED);
        report.protected = notes;
        Ok(changed)
    }

    fn protect_groups(&mut self) -> Result<Vec<String>, RunError> {
        let safety = &self.inputs.policy.safety;
        let mut notes = Vec::new();
        let (mut kept, mut stay) = (Vec::new(), FxHashSet::default());
        for group in std::mem::take(&mut self.plan.groups) {
            let why = match group.action {
                Action::Delete => safety.protects_group(&group.entry),
                Action::Create | Action::Update => None,
            };
            match why {
                Some(why) => {
                    notes.push(format!("group {} stays: delete is forbidden by {why}", group.entry.name));
                    self.stuck_groups.insert(fold(&group.entry.name));
                    stay.insert(group.entry.key);
                }
                None => kept.push(group),
            }
        }
        self.plan.groups = kept;
        self.give_back(
            |group, removed| if stay.contains(&group) { removed.clone() } else { RoaringBitmap::new() },
        );
        let mut people = RoaringBitmap::new();
        for at in 0..self.plan.memberships.len() {
            if !self.empties(&self.plan.memberships[at])? {
                continue;
            }
            let Some(entry) = self.reader().group(self.plan.memberships[at].group)? else { continue };
            let Some(pattern) = safety.protects_group(&entry) else { continue };
            notes.push(format!(
                "group {} keeps its members: that it has none is forbidden by {pattern}",
                entry.name
            ));
            let members = &mut self.plan.memberships[at];
            members.all |= &members.removed;
            people |= std::mem::take(&mut members.removed);
        }
        self.shape_people(&people);
        self.plan.memberships.retain(|members| !members.added.is_empty() || !members.removed.is_empty());
        Ok(notes)
    }

    /// Lets people stay in groups that the plan takes them out of.
    fn give_back(&mut self, stays: impl Fn(GroupKey, &RoaringBitmap) -> RoaringBitmap) {
        for members in &mut self.plan.memberships {
            let stay = stays(members.group, &members.removed);
            members.all |= &stay;
            members.removed -= &stay;
        }
        self.plan.memberships.retain(|members| !members.added.is_empty() || !members.removed.is_empty());
    }

    /// The approved entries that the plan takes something from: `user ann`.
    fn approvals_used(&mut self) -> Result<Vec<String>, RunError> {
        let limited = [ChangeKind::Rename, ChangeKind::Disable, ChangeKind::Delete, ChangeKind::Anonymize];
        let mut used = Vec::new();
        for user in &self.plan.users {
            let changes = limited.iter().any(|kind| user.kinds.has(*kind));
            if changes && self.approved.users.contains(user.key.0) {
                let before = self.reader().user(user.key)?;
                used.extend(before.map(|entry| format!("user {}", entry.user_name)));
            }
        }
        let loses = self.plan.memberships.iter().filter(|members| !members.removed.is_empty());
        let mut groups: RoaringBitmap = loses.map(|members| members.group.0).collect();
        let gone = self.plan.groups.iter().filter(|group| group.action == Action::Delete);
        groups.extend(gone.map(|group| group.entry.key.0));
        for key in groups & &self.approved.groups {
            let before = self.reader().group(GroupKey(key))?;
            used.extend(before.map(|entry| format!("group {}", entry.name)));
        }
        used.truncate(RunReport::LISTED);
        Ok(used)
    }

    /// Counts what is left to apply.
    fn count(&self, report: &mut RunReport) {
        let Counts { created, updated, renamed, disabled, enabled, removed, anonymized, .. } =
            Counts::default();
        count_users(&self.plan.users, &mut report.users);
        let groups = std::mem::take(&mut report.groups);
        report.groups =
            Counts { created, updated, renamed, disabled, enabled, removed, anonymized, ..groups };
        for group in &self.plan.groups {
            count_changes(&mut report.groups, &group.changes);
        }
        let members = self.plan.memberships.iter();
        let (added, ended) = members.fold((0, 0), |(added, ended), members| {
            (added + members.added.len(), ended + members.removed.len())
        });
        let stay = report.memberships.removed.saturating_sub(ended);
        let before = std::mem::take(&mut report.memberships);
        let held = &self.plan.held;
        let entries = |kind: EntryKind| {
            let keys = held.changes.iter().filter(|(_, change)| change.entry == kind);
            keys.map(|(_, change)| change.key).collect::<RoaringBitmap>().len()
        };
        (report.users.held, report.groups.held) = (entries(EntryKind::User), entries(EntryKind::Group));
        let members = held.members.iter();
        let waiting = members.fold(0, |sum, (_, change)| sum + change.added.len() + change.removed.len());
        let ends = held.members.iter().fold(0, |sum, (_, change)| sum + change.removed.len());
        report.memberships = MembershipCounts {
            created: added,
            removed: ended,
            unchanged: before.unchanged + stay.saturating_sub(ends),
            held: waiting,
            ..before
        };
    }
}
