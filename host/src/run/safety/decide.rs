//! What a person decides about held changes: approved, they are applied by a run of their own.

use std::collections::BTreeMap;

use tokio_util::sync::CancellationToken;

use super::fit::{Fitted, Owner, Wanted};
use super::limits::Safety;
use crate::clock::timestamp;
use crate::directory::{
    Change, EntryKind, GroupKey, HeldChange, HeldMembers, HeldState, MembershipChange, Reader, RunId,
    RunStart, Store, StoreError, UserKey, fold,
};
use crate::failpoint::FailPoint;
use crate::run::error::RunError;
use crate::run::lock::WorkFolder;
use crate::run::report::{Outcome, ReportedProblem, RunReport};

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
    #[error("the directory has no {kind} {name}")]
    Nobody { kind: &'static str, name: String },
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
            DecisionError::Nobody { kind, .. } => Some(format!("`rollcall {kind}s` lists them")),
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
        changes.retain(|held| {
            let now = match held.change.entry {
                EntryKind::User => {
                    reader.user(UserKey(held.change.key)).ok().flatten().map(|user| user.user_name)
                }
                EntryKind::Group => {
                    reader.group(GroupKey(held.change.key)).ok().flatten().map(|group| group.name)
                }
            };
            wanted(&held.change.name) | now.is_some_and(|name| wanted(&name))
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

/// Notes that the connector's next complete run does not hold what becomes of these users and groups of the directory.
/// Gives what they are: `user ann`.
pub fn approve_beforehand(
    store: &mut dyn Store,
    connector: &str,
    users: &[String],
    groups: &[String],
) -> Result<Vec<String>, DecisionError> {
    let mut entries = Vec::new();
    {
        let reader = store.read()?;
        for name in users {
            let found = reader.user_by_name(&fold(name))?;
            let found = found.ok_or_else(|| DecisionError::Nobody { kind: "user", name: name.clone() })?;
            entries.push((EntryKind::User, found.key.0, found.user_name));
        }
        for name in groups {
            let found = reader.group_by_name(&fold(name))?;
            let found = found.ok_or_else(|| DecisionError::Nobody { kind: "group", name: name.clone() })?;
            entries.push((EntryKind::Group, found.key.0, found.name));
        }
    }
    let connector = store.connector(connector)?;
    let mut writer = store.write()?;
    for (kind, key, _) in &entries {
        writer.approve_entry(connector, *kind, *key)?;
    }
    writer.commit()?;
    Ok(entries.into_iter().map(|(kind, _, name)| format!("{} {name}", kind.as_str())).collect())
}

impl Approval<'_> {
    /// A pause is confirmed where all is approved that a run held because of it.
    fn ends_pause(&self, reader: &dyn Reader) -> Result<bool, StoreError> {
        let row = reader.run(self.run)?;
        let report: Option<RunReport> = row.and_then(|row| serde_json::from_str(&row.report).ok());
        let paused = report.and_then(|report| report.held).is_some_and(|held| held.paused);
        let connector = reader.connector_id(self.connector)?;
        let is_paused = connector.map(|id| reader.pause(id)).transpose()?.flatten().is_some();
        Ok(paused && is_paused && self.only.is_empty())
    }
}

/// Applies held changes as a run of its own, in one transaction, after a look at each entry: it has to be as it was
/// when the change was planned.
pub fn approve(approval: &Approval<'_>, store: &mut dyn Store) -> Result<RunReport, DecisionError> {
    let began = std::time::Instant::now();
    let _lock = approval.work.lock_connector(approval.connector)?;
    let _directory = approval.work.lock_directory(approval.cancel, || {})?;
    let connector = store.connector(approval.connector)?;
    let waiting = Waiting::of(store.read()?.as_ref(), approval.connector, approval.run, approval.only)?;
    let changes: Vec<Change> = waiting.changes.iter().map(|held| held.change.clone()).collect();
    let members: Vec<MembershipChange> = waiting.members.iter().map(|held| held.change.clone()).collect();
    let wanted = Wanted {
        connector: approval.connector,
        owner: Owner::Own,
        safety: approval.safety,
        changes: &changes,
        members: &members,
    };
    let fitted = Fitted::new(&wanted, store.read()?.as_ref())?;
    let ends_pause = approval.ends_pause(store.read()?.as_ref())?;
    if !fitted.misfits.is_empty() && !approval.skip_changed {
        return Err(DecisionError::Changed {
            connector: approval.connector.to_owned(),
            changed: fitted.misfits.iter().map(ReportedProblem::line).collect(),
        });
    }
    let run = store.begin_run(&RunStart { connector, mode: "approve", at: timestamp() })?;
    FailPoint::RunBegun.pass();
    let mut report = RunReport::new(approval.connector, "approve");
    report.run = Some(run.0);
    fitted.count(&mut report);
    report.protected.clone_from(&fitted.protected);
    fitted.misfits.iter().for_each(|problem| report.add_problem(problem.clone()));
    report.outcome = if fitted.misfits.is_empty() { Outcome::Done } else { Outcome::Problems };
    if ends_pause {
        report.add_notice(ReportedProblem {
            kind: "run".to_owned(),
            id: None,
            name: None,
            code: "resumed".to_owned(),
            message: format!("connector {} is no longer paused", approval.connector),
            hint: None,
        });
    }
    report.milliseconds.total = began.elapsed().as_millis() as u64;

    let told = serde_json::to_string(&report).map_err(|error| RunError::Worker(error.to_string()))?;
    FailPoint::Applying.pass();
    let mut writer = store.write()?;
    fitted.write(writer.as_mut(), run)?;
    for at in fitted.fitting_changes() {
        writer.decide_change(approval.run, waiting.changes[at].sequence, HeldState::Approved)?;
    }
    for at in fitted.fitting_members() {
        let change = &members[*at];
        writer.decide_members(approval.run, change.group, change.connector, HeldState::Approved)?;
    }
    if ends_pause {
        writer.end_pause(connector)?;
    }
    writer.end_run(run, report.outcome.as_str(), timestamp(), &told)?;
    FailPoint::OutcomeWritten.pass();
    writer.commit()?;
    FailPoint::Committed.pass();
    Ok(report)
}
