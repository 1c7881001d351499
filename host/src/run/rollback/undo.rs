use std::collections::BTreeSet;
use std::time::Instant;

use roaring::RoaringBitmap;
use tokio_util::sync::CancellationToken;

use super::error::RollbackError;
use super::inverse::{Deed, Inverse};
use crate::clock::timestamp;
use crate::directory::{
    AliasChange, Change, ChangeKind, EntryKind, KeptChange, LOCAL, MembershipChange, Reader, RunId, RunRow,
    RunStart, Store, Writer,
};
use crate::failpoint::FailPoint;
use crate::run::error::RunError;
use crate::run::lock::WorkFolder;
use crate::run::report::{Outcome, ReportedProblem, RunReport};
use crate::run::safety::{Fitted, Owner, Safety, Wanted};

/// How runs that undo another one are called.
const MODE: &str = "rollback";

/// Which run is to be undone, and how.
pub struct Rollback<'a> {
    /// Whose run it is.
    pub connector: &'a str,
    pub run: RunId,
    /// Names of users and groups; all that the run changed where there are none.
    pub only: &'a [String],
    /// What was changed later stays as it is, instead of nothing being undone.
    pub merge: bool,
    pub override_limits: bool,
    pub safety: &'a Safety,
    pub work: &'a WorkFolder,
    pub cancel: &'a CancellationToken,
}

/// What a rollback did, or would do.
pub struct Undone {
    pub report: RunReport,
    /// Each with the reason.
    pub changes: Vec<Change>,
    pub members: Vec<MembershipChange>,
    pub pause: Pausing,
    /// Limits that it is over, and for which it would be refused: only of one that is foreseen.
    pub over_limits: Vec<String>,
}

/// What it would do, whatever the limits say. Nothing is written.
pub fn foresee(rollback: &Rollback<'_>, store: &mut dyn Store) -> Result<Undone, RollbackError> {
    let clock = Instant::now();
    let reader = store.read()?;
    let prepared = Prepared::of(rollback, reader.as_ref())?;
    let fitted = rollback.fit(&prepared.inverse, reader.as_ref())?;
    let mut report = prepared.check(rollback, &fitted, reader.as_ref())?;
    report.milliseconds.total = clock.elapsed().as_millis() as u64;
    let refusing = if rollback.override_limits { Vec::new() } else { std::mem::take(&mut report.overridden) };
    Ok(Undone { over_limits: refusing, ..prepared.undone(&fitted, report) })
}

/// Undoes the run as a run of its own, in one transaction. One that is refused leaves nothing, not even a run.
pub fn undo(rollback: &Rollback<'_>, store: &mut dyn Store) -> Result<Undone, RollbackError> {
    let clock = Instant::now();
    let _lock = rollback.work.lock_connector(rollback.connector)?;
    FailPoint::ConnectorLocked.pass();
    let _directory = rollback.work.lock_directory(rollback.cancel, || {})?;
    FailPoint::DirectoryLocked.pass();
    let connector = store.connector(rollback.connector)?;
    let reader = store.read()?;
    let prepared = Prepared::of(rollback, reader.as_ref())?;
    let fitted = rollback.fit(&prepared.inverse, reader.as_ref())?;
    let mut report = prepared.check(rollback, &fitted, reader.as_ref())?;
    drop(reader);
    if !report.overridden.is_empty() && !rollback.override_limits {
        return Err(RollbackError::OverLimits { run: rollback.run.0, sentences: report.overridden });
    }
    FailPoint::Planned.pass();
    let at = timestamp();
    let run = store.begin_run(&RunStart { connector, mode: MODE, at })?;
    FailPoint::RunBegun.pass();
    report.run = Some(run.0);
    report.milliseconds.total = clock.elapsed().as_millis() as u64;
    let told = serde_json::to_string(&report).map_err(|error| RunError::Worker(error.to_string()))?;
    FailPoint::Applying.pass();
    let mut writer = store.write()?;
    fitted.write(writer.as_mut(), run)?;
    prepared.inverse.write_beside(writer.as_mut())?;
    // It is newer than what waits.
    writer.supersede_held(connector)?;
    // Groups too are compared again, whatever the provider says next.
    writer.look_again(connector)?;
    match prepared.pause {
        Pausing::Begins => writer.pause(connector, at, Some(run))?,
        Pausing::Ends => writer.end_pause(connector)?,
        Pausing::Stays => {}
    }
    writer.end_run(run, report.outcome.as_str(), timestamp(), &told)?;
    FailPoint::OutcomeWritten.pass();
    writer.commit()?;
    FailPoint::Committed.pass();
    Ok(prepared.undone(&fitted, report))
}

/// What becomes of the connector's pause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pausing {
    /// Its next sync would take the rollback back.
    Begins,
    /// The rollback for whose sake it is paused is undone itself.
    Ends,
    Stays,
}

impl Rollback<'_> {
    fn fit<'w>(&self, inverse: &'w Inverse, reader: &dyn Reader) -> Result<Fitted<'w>, RunError>
    where
        Self: 'w,
    {
        Fitted::new(
            &Wanted {
                connector: self.connector,
                owner: Owner::Any,
                safety: self.safety,
                changes: &inverse.changes,
                members: &inverse.members,
            },
            reader,
        )
    }

    /// The run, if it can be undone at all.
    fn row(&self, reader: &dyn Reader) -> Result<RunRow, RollbackError> {
        let run = self.run.0;
        let row = reader.run(self.run)?.ok_or(RollbackError::NoRun { run })?;
        if let Some(at) = row.pruned_at {
            return Err(RollbackError::Pruned { run, at });
        }
        if reader.changes_of(self.run)? == 0 && reader.kept_changes(self.run)?.is_empty() {
            return Err(RollbackError::ChangedNothing { run, outcome: row.outcome });
        }
        Ok(row)
    }

    fn pausing(&self, row: &RunRow, reader: &dyn Reader) -> Result<Pausing, RunError> {
        if row.mode == MODE {
            let connector = reader.connector_id(self.connector)?;
            let pause = connector.map(|id| reader.pause(id)).transpose()?.flatten();
            let ends = pause.is_some_and(|pause| pause.run == Some(self.run));
            return Ok(if ends { Pausing::Ends } else { Pausing::Stays });
        }
        // Nobody syncs what was made here.
        Ok(if self.connector == LOCAL { Pausing::Stays } else { Pausing::Begins })
    }
}

struct Prepared {
    inverse: Inverse,
    pause: Pausing,
}

impl Prepared {
    fn of(rollback: &Rollback<'_>, reader: &dyn Reader) -> Result<Self, RollbackError> {
        let row = rollback.row(reader)?;
        let deed = Deed { run: rollback.run, connector: rollback.connector, only: rollback.only };
        let mut inverse = Inverse::of(&deed, reader)?;
        // What lies beside an entry that stays, stays too.
        let fitting: BTreeSet<usize> = rollback.fit(&inverse, reader)?.fitting_changes().collect();
        let refused = inverse.changes.iter().enumerate().filter(|(at, _)| !fitting.contains(at));
        let refused: Vec<(EntryKind, u32, ChangeKind)> =
            refused.map(|(_, change)| (change.entry, change.key, change.kind)).collect();
        inverse.leave_out(&refused);
        Ok(Self { inverse, pause: rollback.pausing(&row, reader)? })
    }

    /// What there is to tell, where nothing but limits is in the way: those it is over are told as not counting.
    fn check(
        &self,
        rollback: &Rollback<'_>,
        fitted: &Fitted<'_>,
        reader: &dyn Reader,
    ) -> Result<RunReport, RollbackError> {
        let run = rollback.run.0;
        let later = || self.inverse.later.iter().chain(&fitted.misfits);
        let changed: Vec<String> = later().map(ReportedProblem::line).collect();
        if fitted.is_empty() && self.inverse.kept.is_empty() {
            let stays: Vec<String> = changed.into_iter().chain(fitted.protected.iter().cloned()).collect();
            return Err(match reader.rollbacks_of(rollback.run)?.last() {
                Some(by) if stays.is_empty() => RollbackError::Undone { run, by: by.0 },
                _ => RollbackError::NothingLeft { run, stays },
            });
        }
        if !changed.is_empty() && !rollback.merge {
            return Err(RollbackError::ChangedLater { run, changed });
        }
        let mut report = RunReport::new(rollback.connector, MODE);
        report.undid = Some(run);
        fitted.count(&mut report);
        report.overridden = fitted.over(rollback.safety, rollback.connector, reader)?;
        report.protected.clone_from(&fitted.protected);
        report.protected.truncate(RunReport::LISTED);
        later().for_each(|problem| report.add_problem(problem.clone()));
        report.outcome = if changed.is_empty() { Outcome::Done } else { Outcome::Problems };
        Ok(report)
    }

    fn undone(&self, fitted: &Fitted<'_>, report: RunReport) -> Undone {
        Undone {
            report,
            changes: fitted.changes().cloned().collect(),
            members: fitted.membership_changes().cloned().collect(),
            pause: self.pause,
            over_limits: Vec::new(),
        }
    }
}

impl Inverse {
    /// Changes that are not made, and what would only go with them.
    fn leave_out(&mut self, refused: &[(EntryKind, u32, ChangeKind)]) {
        let users = |wanted: ChangeKind| -> RoaringBitmap {
            let of_kind =
                refused.iter().filter(|(entry, _, kind)| *entry == EntryKind::User && *kind == wanted);
            of_kind.map(|(_, key, _)| *key).collect()
        };
        let (stay, missing) = (users(ChangeKind::Delete), users(ChangeKind::Create));
        let groups: BTreeSet<u32> = refused
            .iter()
            .filter(|(entry, _, kind)| *entry == EntryKind::Group && *kind == ChangeKind::Delete)
            .map(|(_, key, _)| *key)
            .collect();
        for members in &mut self.members {
            members.added -= &missing;
            members.removed -= &stay;
        }
        self.members.retain(|members| {
            let nobody = members.added.is_empty() && members.removed.is_empty();
            !nobody && !groups.contains(&members.group.0)
        });
        let refused = |kind: EntryKind, key: u32| {
            refused.iter().any(|(entry, refused, _)| *entry == kind && *refused == key)
        };
        self.aliases.retain(|alias| {
            let mut keys = alias.before.into_iter().chain(alias.after);
            !keys.any(|key| refused(alias.entry, key))
        });
        self.kept.retain(|kept| !refused(EntryKind::User, kept.user.0));
    }

    /// What is no change that applications see.
    fn write_beside(&self, writer: &mut dyn Writer) -> Result<(), RunError> {
        for AliasChange { connector, entry, id, after, .. } in &self.aliases {
            match after {
                Some(key) => writer.put_alias(*connector, *entry, id, *key)?,
                None => writer.remove_alias(*connector, *entry, id)?,
            }
        }
        for KeptChange { user, name, kept } in &self.kept {
            match kept {
                true => writer.keep(*user, name)?,
                false => writer.forget_kept(*user, name)?,
            }
        }
        Ok(())
    }
}
