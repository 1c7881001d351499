//! A run is undone.

use clap::Args;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::directory::DirectoryArguments;
use super::exit::Exit;
use super::global::Global;
use super::held_view::ShownHeld;
use super::human::plural;
use super::job::existing_store;
use super::output::Output;
use super::plan::{ShownChange, ShownMembers};
use super::report::Failure;
use super::{changes_csv, names, show};
use crate::directory::{LOCAL, Reader, RunId, Store, StoreError};
use crate::run::rollback::{self, Pausing, Rollback, RollbackError, Undone};
use crate::run::safety::Safety;
use crate::run::{RunReport, WorkFolder};

/// Undo what a run changed, as a run of its own.
///
/// Who was created is deleted, who was deleted is there again under the same key, and every field and membership gets
/// back what it had. What was changed later is in the way: nothing is undone, unless `--merge` leaves it as it is.
///
/// The connector is paused, because its next sync would make the same changes again: what its syncs plan is held until
/// `rollcall approve RUN` applies it, or `rollcall resume NAME` ends the pause.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall rollback 12 --dry-run\n  \
    rollcall rollback 12\n  \
    rollcall rollback 12 --only mei.costa@acme.example --only Sales\n  \
    rollcall rollback 12 --merge\n\n\
    Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 over a limit, \
    4 done, but something that was changed later stays.")]
pub(super) struct RollbackArguments {
    /// The run, as `rollcall runs` lists it.
    run: i64,
    /// Only show what it would do.
    #[arg(long)]
    dry_run: bool,
    /// Only what the run did to this user or group.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Leave what was changed later as it is, instead of undoing nothing.
    #[arg(long)]
    merge: bool,
    /// Undo it whatever the limits of the connector say; protected entries stay protected.
    #[arg(long)]
    override_limits: bool,
    /// Print the changes as comma-separated values: one line for each changed field, member, or entry.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// What `--json` prints, like a plan.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    report: &'a RunReport,
    changes: Vec<ShownChange>,
    memberships: Vec<ShownMembers>,
    /// Why it would be refused; only of a dry run.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    over_limits: &'a [String],
}

pub(super) fn run(arguments: &RollbackArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let directory = arguments.directory.of(&config, None)?;
    let mut store = existing_store(directory)?;
    let row = store.read()?.run(RunId(arguments.run))?;
    let row = row.ok_or(RollbackError::NoRun { run: arguments.run })?;
    let usual = Safety::default();
    let safety = match row.connector.as_str() {
        LOCAL => &usual,
        name => &config.connector(name)?.policy.safety,
    };
    let rollback = Rollback {
        connector: &row.connector,
        run: row.id,
        only: &arguments.only,
        merge: arguments.merge,
        override_limits: arguments.override_limits,
        safety,
        work: &WorkFolder::beside(&directory.path)?,
        cancel: &CancellationToken::new(),
    };
    let undone = match arguments.dry_run {
        true => rollback::foresee(&rollback, &mut store)?,
        false => rollback::undo(&rollback, &mut store)?,
    };
    let shown = Shown::of(&undone, store.read()?.as_ref())?;
    match arguments.csv {
        true => changes_csv::print(output, (&shown.changes, &shown.memberships), &ShownHeld::default())?,
        false => output.view(|| text(&undone, &shown, &row.connector), || &shown)?,
    }
    Ok(if undone.over_limits.is_empty() { undone.report.outcome.into() } else { Exit::Held })
}

impl<'a> Shown<'a> {
    fn of(undone: &'a Undone, reader: &dyn Reader) -> Result<Self, StoreError> {
        let memberships = undone.members.iter().map(|change| names::members(reader, change));
        Ok(Self {
            report: &undone.report,
            changes: undone.changes.iter().map(ShownChange::from).collect(),
            memberships: memberships.collect::<Result<_, _>>()?,
            over_limits: &undone.over_limits,
        })
    }
}

fn text(undone: &Undone, shown: &Shown<'_>, connector: &str) -> String {
    let mut text = show::report(&undone.report);
    let lines = undone.changes.iter().map(show::change);
    let lines: Vec<String> = lines.chain(shown.memberships.iter().map(ShownMembers::line)).collect();
    let number = lines.len() as u64;
    if number > 0 {
        text.push_str(&format!("\n\n{}:", plural(number, "change", "changes")));
        text.push_str(&show::listed(lines.into_iter(), number));
    }
    let done = undone.report.run.is_some();
    text.push_str(&match (undone.pause, done) {
        (Pausing::Stays, _) => String::new(),
        (Pausing::Begins, true) => format!(
            "\n\n{connector} is paused: what its next sync plans is held until somebody approves it. \
             `rollcall resume {connector}` ends that."
        ),
        (Pausing::Begins, false) => format!("\n\nIt would pause {connector}."),
        (Pausing::Ends, true) => format!("\n\n{connector} is no longer paused."),
        (Pausing::Ends, false) => format!("\n\nIt would end the pause of {connector}."),
    });
    if !undone.over_limits.is_empty() {
        let why = undone.over_limits.join("; ");
        text.push_str(&format!("\n\nIt would be refused without `--override-limits`: {why}."));
    }
    text
}

impl From<RollbackError> for Failure {
    fn from(error: RollbackError) -> Self {
        let stays = error.stays();
        let exit = match error {
            RollbackError::ChangedLater { .. } | RollbackError::Run(_) => Exit::Failed,
            RollbackError::NothingLeft { .. } if !stays.is_empty() => Exit::Failed,
            RollbackError::OverLimits { .. } => Exit::Held,
            _ => Exit::Usage,
        };
        let detail = (!stays.is_empty()).then(|| format!("  {}", stays.join("\n  ")));
        let mut failure = Failure::of(exit, &error).with_detail(detail).with_hint(error.hint());
        failure.add_causes(stays);
        failure
    }
}
