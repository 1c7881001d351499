//! What a person decides about held changes: approved, they are applied by a run of their own.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;
use serde_json::{Map, Value as Json};
use tokio_util::sync::CancellationToken;

use super::limits::Safety;
use crate::directory::{
    Change, ChangeKind, ConnectorId, EntryKind, GroupEntry, GroupKey, HeldChange, HeldMembers, HeldState,
    MembershipChange, PatchError, Reader, RunId, RunStart, Store, StoreError, UserEntry, UserKey, fold,
};
use crate::failpoint::FailPoint;
use crate::run::error::RunError;
use crate::run::lock::WorkFolder;
use crate::run::plan::count_changes;
use crate::run::report::{Outcome, ReportedProblem, RunReport};
use crate::run::run::timestamp;

/// Which held changes to apply.
pub struct Approval<'a> {
    /// The connector of the run.
    pub connector: &'a str,
    pub run: RunId,
    /// Names of users and groups; all that waits where there are none.
    pub only: &'a [String],
    /// What no longer fits is left out, instead of nothing being applied.
    pub skip_changed: bool,
    pub safety: &'a Safety,
    pub work: &'a WorkFolder,
    pub cancel: &'a CancellationToken,
}

/// Why nothing was decided.
#[derive(Debug, thiserror::Error)]
pub enum DecisionError {
    #[error("nothing of run {run} waits{}", was(*.state))]
    NothingWaits { run: i64, state: Option<HeldState>, current: Vec<i64> },
    #[error("run {run} holds nothing of {name:?}")]
    Unknown { run: i64, name: String },
    #[error("{} held {} no longer fit: nothing was applied", .changed.len(), if .changed.len() == 1 { "change does" } else { "changes do" })]
    Changed { connector: String, changed: Vec<String> },
    #[error(transparent)]
    Run(#[from] RunError),
}

fn was(state: Option<HeldState>) -> String {
    state.map(|state| format!(": it was {}", state.as_str())).unwrap_or_default()
}

impl DecisionError {
    /// What an admin can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            DecisionError::NothingWaits { current, .. } => Some(match current.last() {
                Some(run) => format!("what waits now is that of run {run}: `rollcall held` shows it"),
                None => "`rollcall held` lists what waits".to_owned(),
            }),
            DecisionError::Unknown { .. } => Some("`rollcall held` lists the names".to_owned()),
            DecisionError::Changed { connector, .. } => Some(format!(
                "`--skip-changed` applies the others; `rollcall sync {connector}` plans all of it anew"
            )),
            DecisionError::Run(error) => error.hint(),
        }
    }

    /// One line for each held change that no longer fits.
    pub fn changed(&self) -> &[String] {
        match self {
            DecisionError::Changed { changed, .. } => changed,
            _ => &[],
        }
    }
}

impl From<StoreError> for DecisionError {
    fn from(error: StoreError) -> Self {
        DecisionError::Run(error.into())
    }
}

/// What waits of a run.
struct Waiting {
    changes: Vec<HeldChange>,
    members: Vec<HeldMembers>,
}

impl Waiting {
    fn of(reader: &dyn Reader, connector: &str, run: RunId, only: &[String]) -> Result<Self, DecisionError> {
        let (mut changes, mut members) = (reader.held_changes(run)?, reader.held_members(run)?);
        let states = changes.iter().map(|held| held.state).chain(members.iter().map(|held| held.state));
        let last = states.last();
        changes.retain(|held| held.state == HeldState::Waiting);
        members.retain(|held| held.state == HeldState::Waiting);
        if changes.is_empty() && members.is_empty() {
            let current = reader.holding_runs(Some(connector))?.into_iter().map(|run| run.0).collect();
            return Err(DecisionError::NothingWaits { run: run.0, state: last, current });
        }
        if only.is_empty() {
            return Ok(Self { changes, members });
        }
        let mut names = BTreeMap::new();
        for name in only {
            names.insert(fold(name), (name, false));
        }
        let mut wanted = |name: &str| {
            let found = names.get_mut(&fold(name));
            found.map(|(_, seen)| *seen = true).is_some()
        };
        let mut users = FxHashSet::default();
        changes.retain(|held| {
            let now = match held.change.entry {
                EntryKind::User => {
                    reader.user(UserKey(held.change.key)).ok().flatten().map(|user| user.user_name)
                }
                EntryKind::Group => {
                    reader.group(GroupKey(held.change.key)).ok().flatten().map(|group| group.name)
                }
            };
            let keep = wanted(&held.change.name) | now.is_some_and(|name| wanted(&name));
            if keep && held.change.entry == EntryKind::User {
                users.insert(held.change.key);
            }
            keep
        });
        let mut groups = Vec::new();
        for held in members {
            let name = reader.group(held.change.group)?.map(|group| group.name).unwrap_or_default();
            if wanted(&name) {
                groups.push(held);
            }
        }
        if let Some((name, _)) = names.values().find(|(_, seen)| !seen) {
            return Err(DecisionError::Unknown { run: run.0, name: (*name).clone() });
        }
        Ok(Self { changes, members: groups })
    }
}

/// The held changes stay what the next run plans and holds again. Gives how many there were.
pub fn reject(
    store: &mut dyn Store,
    connector: &str,
    run: RunId,
    only: &[String],
) -> Result<u64, DecisionError> {
    let waiting = Waiting::of(store.read()?.as_ref(), connector, run, only)?;
    let mut writer = store.write()?;
    for held in &waiting.changes {
        writer.decide_change(run, held.sequence, HeldState::Rejected)?;
    }
    for HeldMembers { change, .. } in &waiting.members {
        writer.decide_members(run, change.group, change.connector, HeldState::Rejected)?;
    }
    writer.commit()?;
    Ok((waiting.changes.len() + waiting.members.len()) as u64)
}

/// Applies held changes as a run of its own, in one transaction, after a look at each entry: it has to be as it was
/// when the change was planned.
pub fn approve(approval: &Approval<'_>, store: &mut dyn Store) -> Result<RunReport, DecisionError> {
    let began = std::time::Instant::now();
    let _lock = approval.work.lock_connector(approval.connector)?;
    let _directory = approval.work.lock_directory(approval.cancel, || {})?;
    let connector = store.connector(approval.connector)?;
    let work = Work::of(approval, store.read()?.as_ref())?;
    if !work.misfits.is_empty() && !approval.skip_changed {
        return Err(DecisionError::Changed {
            connector: approval.connector.to_owned(),
            changed: work.misfits.into_iter().map(|problem| problem.message).collect(),
        });
    }
    let run = store.begin_run(&RunStart { connector, mode: "approve", at: timestamp() })?;
    FailPoint::RunBegun.pass();
    let mut report = RunReport::new(approval.connector, "approve");
    report.run = Some(run.0);
    for entry in &work.users {
        count_changes(&mut report.users, &entry.changes());
    }
    for entry in &work.groups {
        count_changes(&mut report.groups, &entry.changes());
    }
    for (held, _) in &work.members {
        report.memberships.created += held.change.added.len();
        report.memberships.removed += held.change.removed.len();
    }
    report.protected.clone_from(&work.protected);
    work.misfits.iter().for_each(|problem| report.add_problem(problem.clone()));
    report.outcome = if work.misfits.is_empty() { Outcome::Done } else { Outcome::Problems };
    report.milliseconds.total = began.elapsed().as_millis() as u64;
    work.write(store, approval.run, run, connector, &report)?;
    Ok(report)
}

/// An entry with the held changes that make it.
struct Entry<T> {
    /// Nothing for one that is deleted.
    after: Option<T>,
    key: u32,
    held: Vec<HeldChange>,
}

/// Why the changes of an entry are nothing that the connector may apply: another took it over meanwhile.
fn foreign(owner: Option<String>, connector: &str) -> Option<String> {
    owner.filter(|owner| owner != connector).map(|owner| format!("it belongs to connector {owner} now"))
}

impl<T> Entry<T> {
    fn changes(&self) -> Vec<Change> {
        self.held.iter().map(|held| held.change.clone()).collect()
    }

    fn has(&self, kind: ChangeKind) -> bool {
        self.held.iter().any(|held| held.change.kind == kind)
    }
}

/// What fits.
#[derive(Default)]
struct Work {
    users: Vec<Entry<UserEntry>>,
    groups: Vec<Entry<GroupEntry>>,
    /// With all members that the connector gives to the group afterwards.
    members: Vec<(HeldMembers, roaring::RoaringBitmap)>,
    misfits: Vec<ReportedProblem>,
    protected: Vec<String>,
}

impl Work {
    fn of(approval: &Approval<'_>, reader: &dyn Reader) -> Result<Self, DecisionError> {
        let waiting = Waiting::of(reader, approval.connector, approval.run, approval.only)?;
        let mut work = Work::default();
        let mut entries: BTreeMap<(EntryKind, u32), Vec<HeldChange>> = BTreeMap::new();
        for held in waiting.changes {
            entries.entry((held.change.entry, held.change.key)).or_default().push(held);
        }
        for ((kind, key), held) in entries {
            match kind {
                EntryKind::User => work.user(approval, reader, key, held)?,
                EntryKind::Group => work.group(approval, reader, key, held)?,
            }
        }
        work.refuse_taken_names(reader)?;
        for held in waiting.members {
            work.membership(approval, reader, held)?;
        }
        Ok(work)
    }

    fn misfit(&mut self, kind: EntryKind, name: &str, why: impl std::fmt::Display) {
        self.misfits.push(ReportedProblem {
            kind: kind.as_str().to_owned(),
            id: None,
            name: Some(name.to_owned()),
            code: "changed-since".to_owned(),
            message: format!("{} {name}: {why}", kind.as_str()),
            hint: None,
        });
    }

    fn user(
        &mut self,
        approval: &Approval<'_>,
        reader: &dyn Reader,
        key: u32,
        mut held: Vec<HeldChange>,
    ) -> Result<(), DecisionError> {
        let before = reader.user(UserKey(key))?;
        let name = held.first().map(|held| held.change.name.clone()).unwrap_or_default();
        if let Some(entry) = &before
            && let Some(why) = approval.safety.protects(entry, reader)?
        {
            let takes = [ChangeKind::Disable, ChangeKind::Delete, ChangeKind::Anonymize];
            let was = held.len();
            held.retain(|held| !takes.contains(&held.change.kind));
            if held.len() < was {
                self.protected.push(format!("user {} stays: forbidden by {why}", entry.user_name));
            }
        }
        if held.is_empty() {
            return Ok(());
        }
        let after = after(before.as_ref(), &held, UserEntry::fields, UserEntry::patched, |fields| {
            UserEntry::from_fields(UserKey(key), approval.connector, fields)
        });
        let owner =
            |after: &Option<UserEntry>| after.as_ref().or(before.as_ref()).map(|e| e.connector.clone());
        match after {
            Ok(after) => match foreign(owner(&after), approval.connector) {
                None => self.users.push(Entry { after, key, held }),
                Some(why) => self.misfit(EntryKind::User, &name, why),
            },
            Err(why) => self.misfit(EntryKind::User, &name, why),
        }
        Ok(())
    }

    fn group(
        &mut self,
        approval: &Approval<'_>,
        reader: &dyn Reader,
        key: u32,
        held: Vec<HeldChange>,
    ) -> Result<(), DecisionError> {
        let before = reader.group(GroupKey(key))?;
        let name = held.first().map(|held| held.change.name.clone()).unwrap_or_default();
        if let Some(entry) =
            before.as_ref().filter(|_| held.iter().any(|h| h.change.kind == ChangeKind::Delete))
            && let Some(pattern) = approval.safety.protects_group(entry)
        {
            self.protected.push(format!("group {} stays: delete is forbidden by {pattern}", entry.name));
            return Ok(());
        }
        let after = after(before.as_ref(), &held, GroupEntry::fields, GroupEntry::patched, |fields| {
            GroupEntry::from_fields(GroupKey(key), approval.connector, fields)
        });
        let owner =
            |after: &Option<GroupEntry>| after.as_ref().or(before.as_ref()).map(|e| e.connector.clone());
        match after {
            Ok(after) => match foreign(owner(&after), approval.connector) {
                None => self.groups.push(Entry { after, key, held }),
                Some(why) => self.misfit(EntryKind::Group, &name, why),
            },
            Err(why) => self.misfit(EntryKind::Group, &name, why),
        }
        Ok(())
    }

    /// A name that somebody took meanwhile, and does not give up now. Whoever is refused keeps a name that another may
    /// want: until nobody is left who does.
    fn refuse_taken_names(&mut self, reader: &dyn Reader) -> Result<(), DecisionError> {
        loop {
            let changing: FxHashSet<u32> = self.users.iter().map(|entry| entry.key).collect();
            let mut taken = Vec::new();
            for (at, entry) in self.users.iter().enumerate() {
                let Some(after) = &entry.after else { continue };
                let holder = reader.user_by_name(&fold(&after.user_name))?;
                if holder.is_some_and(|holder| holder.key != after.key && !changing.contains(&holder.key.0)) {
                    taken.push(at);
                }
            }
            for at in taken.iter().rev() {
                let entry = self.users.remove(*at);
                let name = entry.after.map(|after| after.user_name).unwrap_or_default();
                self.misfit(EntryKind::User, &name, "another user has the name now");
            }
            let changing: FxHashSet<u32> = self.groups.iter().map(|entry| entry.key).collect();
            let mut groups_taken = Vec::new();
            for (at, entry) in self.groups.iter().enumerate() {
                let Some(after) = &entry.after else { continue };
                let holder = reader.group_by_name(&fold(&after.name))?;
                if holder.is_some_and(|holder| holder.key != after.key && !changing.contains(&holder.key.0)) {
                    groups_taken.push(at);
                }
            }
            for at in groups_taken.iter().rev() {
                let entry = self.groups.remove(*at);
                let name = entry.after.map(|after| after.name).unwrap_or_default();
                self.misfit(EntryKind::Group, &name, "another group has the name now");
            }
            if taken.is_empty() && groups_taken.is_empty() {
                return Ok(());
            }
        }
    }

    fn membership(
        &mut self,
        approval: &Approval<'_>,
        reader: &dyn Reader,
        held: HeldMembers,
    ) -> Result<(), DecisionError> {
        let MembershipChange { group, connector, added, removed } = &held.change;
        let now = reader.members_from(*group, *connector)?;
        let entry = reader.group(*group)?;
        let made = self.groups.iter().find(|entry| entry.key == group.0);
        let name = match (&entry, made.and_then(|made| made.after.as_ref())) {
            (Some(entry), _) | (None, Some(entry)) => entry.name.clone(),
            (None, None) => {
                let name = format!("number {}", group.0);
                self.misfit(EntryKind::Group, &name, "is not in the directory");
                return Ok(());
            }
        };
        let all = (&now - removed) | added;
        if let Some(pattern) = entry.as_ref().and_then(|entry| approval.safety.protects_group(entry))
            && all.is_empty()
            && reader.members(*group)? == *removed
        {
            self.protected.push(format!("group {name} keeps its members: forbidden by {pattern}"));
            return Ok(());
        }
        let mut missing = 0;
        for key in added {
            let made = self.users.iter().any(|user| user.key == key && user.after.is_some());
            if !made && reader.user(UserKey(key))?.is_none() {
                missing += 1;
            }
        }
        if !removed.is_subset(&now) || !now.is_disjoint(added) || missing > 0 {
            self.misfit(
                EntryKind::Group,
                &name,
                "its members are others now than when the change was planned",
            );
            return Ok(());
        }
        self.members.push((held, all));
        Ok(())
    }

    fn write(
        &self,
        store: &mut dyn Store,
        of: RunId,
        run: RunId,
        connector: ConnectorId,
        report: &RunReport,
    ) -> Result<(), DecisionError> {
        let told = serde_json::to_string(report).map_err(|error| RunError::Worker(error.to_string()))?;
        FailPoint::Applying.pass();
        let mut writer = store.write()?;
        let mut sequence = 0;
        for user in &self.users {
            if user.has(ChangeKind::Rename) || user.has(ChangeKind::Anonymize) || user.after.is_none() {
                writer.release_user_name(UserKey(user.key))?;
            }
        }
        for user in &self.users {
            match &user.after {
                None => writer.delete_user(UserKey(user.key))?,
                Some(after) if user.has(ChangeKind::Create) => writer.create_user(connector, after)?,
                Some(after) => writer.update_user(connector, after)?,
            }
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
                Some(after) if group.has(ChangeKind::Create) => writer.create_group(connector, after)?,
                Some(after) => writer.update_group(connector, after)?,
            }
        }
        FailPoint::GroupsWritten.pass();
        for held in self.users.iter().flat_map(|u| &u.held).chain(self.groups.iter().flat_map(|g| &g.held)) {
            writer.add_change(run, sequence, &held.change)?;
            writer.decide_change(of, held.sequence, HeldState::Approved)?;
            sequence += 1;
        }
        for (HeldMembers { change, .. }, all) in &self.members {
            writer.set_members(change.group, change.connector, all)?;
            writer.add_membership_change(run, change)?;
            writer.decide_members(of, change.group, change.connector, HeldState::Approved)?;
        }
        for group in self.groups.iter().filter(|group| group.after.is_none()) {
            writer.delete_group(GroupKey(group.key))?;
        }
        FailPoint::MembershipsWritten.pass();
        writer.end_run(run, report.outcome.as_str(), timestamp(), &told)?;
        FailPoint::OutcomeWritten.pass();
        writer.commit()?;
        FailPoint::Committed.pass();
        Ok(())
    }
}

/// The entry after its held changes; nothing when it is deleted.
fn after<T: Clone>(
    before: Option<&T>,
    held: &[HeldChange],
    fields: impl Fn(&T) -> Map<String, Json>,
    patched: impl Fn(&T, &Change) -> Result<T, PatchError>,
    made: impl Fn(Map<String, Json>) -> Result<T, PatchError>,
) -> Result<Option<T>, String> {
    let mut entry = before.cloned();
    for HeldChange { change, .. } in held {
        entry = match (change.kind, &entry) {
            (ChangeKind::Create, None) => {
                let fields = change.fields_after().map_err(|error| error.to_string())?;
                Some(made(fields).map_err(|error| error.to_string())?)
            }
            (ChangeKind::Create, Some(_)) => return Err("it is in the directory already".to_owned()),
            (_, None) => return Err("it is not in the directory any more".to_owned()),
            (ChangeKind::Delete, Some(entry)) => {
                let wanted = change.fields_before().map_err(|error| error.to_string())?;
                if fields(entry) != wanted {
                    return Err("it is another now than when its deletion was planned".to_owned());
                }
                None
            }
            (_, Some(entry)) => Some(patched(entry, change).map_err(|error| error.to_string())?),
        };
    }
    Ok(entry)
}
