use std::collections::BTreeMap;
use std::time::Instant;

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;
use tokio_util::sync::CancellationToken;

use super::error::PlanFileError;
use super::format::{Held, Members};
use super::read::PlanFile;
use crate::clock::timestamp;
use crate::directory::{
    Change, ChangeKind, ConnectorId, Counters, EntryKind, GroupKey, MembershipChange, Reader, RunId,
    RunStart, Store,
};
use crate::failpoint::FailPoint;
use crate::http::Provenance;
use crate::run::error::RunError;
use crate::run::lock::WorkFolder;
use crate::run::policy::Policy;
use crate::run::report::{
    Counts, MembershipCounts, Milliseconds, Outcome, ReportedProblem, RequestCounts, RunReport,
};
use crate::run::safety::{self, Fitted, Owner, Wanted};

/// A plan that is to be applied, and by whom.
pub struct Applying<'a> {
    pub plan: PlanFile,
    /// What the connector is now.
    pub from: &'a Provenance,
    pub policy: &'a Policy,
    /// What the plan would hold is applied too.
    pub override_limits: bool,
    /// What no longer fits is left out, instead of nothing being applied.
    pub skip_changed: bool,
    pub work: &'a WorkFolder,
    pub cancel: &'a CancellationToken,
}

/// Applies exactly what the plan says as a run of its own, in one transaction, after a look at each entry: it has to be
/// as it was when the plan was made.
pub fn apply(applying: Applying<'_>, store: &mut dyn Store) -> Result<RunReport, RunError> {
    let began = Instant::now();
    let name = applying.plan.connector().to_owned();
    let _lock = applying.work.lock_connector(&name)?;
    let _directory = applying.work.lock_directory(applying.cancel, || {})?;
    let connector = store.connector(&name)?;
    let reader = store.read()?;
    applying.check(reader.as_ref())?;
    let (work, counters) = Work::of(&applying, reader.as_ref())?;
    let wanted = Wanted {
        connector: &name,
        owner: Owner::Own,
        safety: &applying.policy.safety,
        changes: &work.changes,
        members: &work.members,
    };
    let fitted = Fitted::new(&wanted, reader.as_ref())?;
    if !fitted.misfits.is_empty() && !applying.skip_changed {
        return Err(PlanFileError::Conflicts {
            path: applying.plan.path.clone(),
            connector: name.clone(),
            changed: fitted.misfits.iter().map(ReportedProblem::line).collect(),
        }
        .into());
    }
    applying.refuse_outdated(reader.as_ref(), connector)?;
    drop(reader);

    let run = store.begin_run(&RunStart { connector, mode: "apply", at: timestamp() })?;
    FailPoint::RunBegun.pass();
    let mut report = applying.report(&fitted);
    report.run = Some(run.0);
    report.milliseconds = Milliseconds { waited: 0, total: began.elapsed().as_millis() as u64 };
    let told = serde_json::to_string(&report).map_err(|error| RunError::Worker(error.to_string()))?;
    FailPoint::Applying.pass();
    let mut writer = store.write()?;
    writer.set_counters(counters)?;
    fitted.write(writer.as_mut(), run)?;
    // As a run that reads: it is a newer plan than what waits.
    writer.supersede_held(connector)?;
    if report.held.as_ref().is_none_or(|held| held.applied) {
        writer.forget_approved_entries(connector)?;
    }
    work.held.write(writer.as_mut(), run)?;
    writer.note_applied_plan(&applying.plan.checksum, run)?;
    writer.end_run(run, report.outcome.as_str(), timestamp(), &told)?;
    FailPoint::OutcomeWritten.pass();
    writer.commit()?;
    FailPoint::Committed.pass();
    Ok(report)
}

impl Applying<'_> {
    /// Refuses a plan for another directory, one that was applied, and one that today's settings would not make.
    fn check(&self, reader: &dyn Reader) -> Result<(), RunError> {
        let plan = &self.plan;
        let path = || plan.path.clone();
        let header = &plan.header;
        if header.directory != reader.identity()? {
            return Err(PlanFileError::Directory { path: path() }.into());
        }
        if let Some(RunId(run)) = reader.applied_plan(&plan.checksum)? {
            let connector = plan.connector().to_owned();
            return Err(PlanFileError::Applied { path: path(), connector, run }.into());
        }
        let mut differs = header.from.differences(self.from);
        if header.from.plugin.name == self.from.plugin.name && header.from.endpoint != self.from.endpoint {
            differs
                .insert(0, format!("endpoint ({} then, {} now)", header.from.endpoint, self.from.endpoint));
        }
        if header.policy != self.policy.digest() {
            differs.push("set of limits or of what is to become of entries".to_owned());
        }
        if !differs.is_empty() {
            let differs = differs.join(", another ");
            let connector = plan.connector().to_owned();
            return Err(PlanFileError::Settings { path: path(), connector, differs }.into());
        }
        Ok(())
    }

    /// What was read earlier must not undo what was read later.
    fn refuse_outdated(&self, reader: &dyn Reader, connector: ConnectorId) -> Result<(), RunError> {
        let last = reader.last_reading(connector)?.map(|run| run.0);
        match last.filter(|_| last != self.plan.header.after) {
            None => Ok(()),
            Some(run) => Err(PlanFileError::Outdated {
                path: self.plan.path.clone(),
                connector: self.plan.connector().to_owned(),
                made: self.plan.made(),
                run,
            }
            .into()),
        }
    }

    /// What the plan told, with what is made of it.
    fn report(&self, fitted: &Fitted<'_>) -> RunReport {
        let planned = &self.plan.header.report;
        let entries = |counts: &Counts| Counts {
            seen: counts.seen,
            unchanged: counts.unchanged,
            held: if self.override_limits { 0 } else { counts.held },
            absent: counts.absent,
            dropped: counts.dropped,
            skipped: counts.skipped,
            ..Counts::default()
        };
        let mut report = RunReport {
            mode: "apply".to_owned(),
            users: entries(&planned.users),
            groups: entries(&planned.groups),
            memberships: MembershipCounts { created: 0, removed: 0, ..planned.memberships.clone() },
            requests: RequestCounts::default(),
            ..planned.clone()
        };
        fitted.count(&mut report);
        report.protected.extend(fitted.protected.iter().cloned());
        report.protected.truncate(RunReport::LISTED);
        fitted.misfits.iter().for_each(|problem| report.add_problem(problem.clone()));
        if self.override_limits
            && let Some(held) = report.held.take()
        {
            report.overridden = held.reasons;
            report.memberships.held = 0;
        }
        report.outcome = match (&report.held, report.problems.is_empty()) {
            (Some(_), _) => Outcome::Held,
            (None, true) => Outcome::Done,
            (None, false) => Outcome::Problems,
        };
        report
    }
}

/// What is to be made and what is to be held, under the keys that new entries get.
struct Work {
    changes: Vec<Change>,
    members: Vec<MembershipChange>,
    held: safety::Held,
}

impl Work {
    fn of(applying: &Applying<'_>, reader: &dyn Reader) -> Result<(Self, Counters), RunError> {
        let plan = &applying.plan;
        let mut counters = reader.counters()?;
        let keys = Keys::give(plan, &mut counters);
        let connectors: BTreeMap<String, ConnectorId> =
            reader.connectors()?.into_iter().map(|(id, name)| (name, id)).collect();
        let members = |members: &Members| -> Result<MembershipChange, RunError> {
            let connector = connectors.get(&members.connector).copied();
            Ok(MembershipChange {
                group: GroupKey(keys.of(EntryKind::Group, members.group)),
                connector: connector.ok_or_else(|| PlanFileError::Directory { path: plan.path.clone() })?,
                added: keys.users(&members.added),
                removed: keys.users(&members.removed),
            })
        };
        let mut work = Work {
            changes: plan.changes.iter().map(|change| keys.change(change)).collect(),
            members: plan.members.iter().map(&members).collect::<Result<_, _>>()?,
            held: safety::Held::default(),
        };
        for Held { reason, change } in &plan.held_changes {
            work.held.changes.push((reason.clone(), keys.change(change)));
        }
        for Held { reason, change } in &plan.held_members {
            work.held.members.push((reason.clone(), members(change)?));
        }
        if applying.override_limits {
            work.take_held();
        }
        Ok((work, counters))
    }

    /// What was to be held is made as well.
    fn take_held(&mut self) {
        let safety::Held { changes, members } = std::mem::take(&mut self.held);
        self.changes.extend(changes.into_iter().map(|(_, change)| change));
        for (_, held) in members {
            let same = |members: &&mut MembershipChange| {
                members.group == held.group && members.connector == held.connector
            };
            match self.members.iter_mut().find(same) {
                Some(members) => {
                    members.added |= &held.added;
                    members.removed |= &held.removed;
                }
                None => self.members.push(held),
            }
        }
        self.members.sort_by_key(|members| (members.group, members.connector));
    }
}

/// The keys of the entries that the plan makes: those in the file are of the time when it was made.
struct Keys(FxHashMap<(EntryKind, u32), u32>);

impl Keys {
    fn give(plan: &PlanFile, counters: &mut Counters) -> Self {
        let held = plan.held_changes.iter().map(|held| &held.change);
        let mut keys = FxHashMap::default();
        for change in plan.changes.iter().chain(held).filter(|change| change.kind == ChangeKind::Create) {
            let next = match change.entry {
                EntryKind::User => &mut counters.user,
                EntryKind::Group => &mut counters.group,
            };
            keys.insert((change.entry, change.key), *next);
            *next += 1;
        }
        Self(keys)
    }

    fn of(&self, kind: EntryKind, key: u32) -> u32 {
        self.0.get(&(kind, key)).copied().unwrap_or(key)
    }

    fn change(&self, change: &Change) -> Change {
        Change { key: self.of(change.entry, change.key), ..change.clone() }
    }

    fn users(&self, keys: &[u32]) -> RoaringBitmap {
        keys.iter().map(|key| self.of(EntryKind::User, *key)).collect()
    }
}
