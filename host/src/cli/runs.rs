use std::path::Path;

use clap::Args;
use jiff::Timestamp;
use roaring::RoaringBitmap;
use serde::Serialize;
use serde_json::Value;

use super::exit::Exit;
use super::human::{ago, count, duration, plural};
use super::job::existing_store;
use super::output::Output;
use super::plan::{ShownChange, ShownMembers};
use super::report::Failure;
use super::show;
use super::table::Table;
use crate::config::Config;
use crate::directory::{Reader, RunId, RunRow, Store, StoreError};
use crate::run::{RunReport, history};

/// List the latest runs.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall runs\n  \
    rollcall runs acme --limit 100 --json")]
pub(super) struct RunsArguments {
    /// Only those of this connector.
    connector: Option<String>,
    /// How many, the newest first.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: u32,
}

/// Show what one run did.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall run 12\n  \
    rollcall run 12 --json")]
pub(super) struct RunArguments {
    /// The run's number, as `rollcall runs` lists it.
    id: i64,
}

/// A run as `--json` prints it.
#[derive(Debug, Serialize)]
pub(super) struct ShownRun {
    pub run: i64,
    pub connector: String,
    pub mode: String,
    pub outcome: String,
    pub started_at: String,
    pub ended_at: Option<String>,
    /// Null while it runs, and when it was interrupted.
    pub report: Value,
}

/// A run with all that it changed.
#[derive(Debug, Serialize)]
struct WholeRun<'a> {
    #[serde(flatten)]
    run: ShownRun,
    changes: &'a [ShownChange],
    memberships: &'a [ShownMembers],
}

impl From<&RunRow> for ShownRun {
    fn from(row: &RunRow) -> Self {
        Self {
            run: row.id.0,
            connector: row.connector.clone(),
            mode: row.mode.clone(),
            outcome: row.outcome.clone(),
            started_at: row.started_at.clone(),
            ended_at: row.ended_at.clone(),
            report: serde_json::from_str(&row.report).unwrap_or_default(),
        }
    }
}

pub(super) fn list(arguments: &RunsArguments, path: &Path, output: Output) -> Result<Exit, Failure> {
    let config = Config::load(path)?;
    if let Some(name) = &arguments.connector {
        config.connector(name)?;
    }
    let mut store = existing_store(&config)?;
    let rows = history(&mut store, &config.directory, |reader| {
        reader.runs(arguments.connector.as_deref(), arguments.limit)
    })?;
    let mut table =
        Table::new(["run", "connector", "mode", "outcome", "started", "took", "changes"]).right(0).right(6);
    for row in &rows {
        let report: Option<RunReport> = serde_json::from_str(&row.report).ok();
        table.row([
            row.id.0.to_string(),
            row.connector.clone(),
            row.mode.clone(),
            row.outcome.clone(),
            since(&row.started_at),
            took(row),
            report
                .filter(|report| report.error.is_none())
                .map_or_else(|| "-".to_owned(), |report| count(changes(&report))),
        ]);
    }
    output.list(table, rows.len(), "There are no runs yet; `rollcall sync` makes one.", || {
        rows.iter().map(ShownRun::from).collect::<Vec<_>>()
    })?;
    Ok(Exit::Done)
}

pub(super) fn one(arguments: &RunArguments, path: &Path, output: Output) -> Result<Exit, Failure> {
    let config = Config::load(path)?;
    let mut store = existing_store(&config)?;
    let id = RunId(arguments.id);
    let row =
        history(&mut store, &config.directory, |reader| Ok(reader.run(id)?.into_iter().collect()))?.pop();
    let reader = store.read()?;
    let row = row.ok_or_else(|| {
        Failure::usage(format!("there is no run {}", arguments.id))
            .with_hint(Some("`rollcall runs` lists them"))
    })?;
    let done = done_by(reader.as_ref(), id)?;
    output.result(
        || text(&row, &done),
        || WholeRun { run: ShownRun::from(&row), changes: &done.changes, memberships: &done.memberships },
    )?;
    Ok(Exit::Done)
}

/// What a run changed.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub changes: Vec<ShownChange>,
    pub memberships: Vec<ShownMembers>,
    /// Both, for people.
    pub lines: Vec<String>,
}

/// What a run changed, with today's names of the members.
pub(super) fn done_by(reader: &dyn Reader, run: RunId) -> Result<Done, StoreError> {
    let mut done = Done::default();
    reader.changes(run, &mut |change| {
        done.lines.push(show::change(&change));
        done.changes.push(ShownChange::from(&change));
        true
    })?;
    let mut memberships = Vec::new();
    reader.membership_changes(run, &mut |change| {
        memberships.push(change);
        true
    })?;
    let names = |keys: &RoaringBitmap| -> Result<Vec<String>, StoreError> {
        let mut names = Vec::new();
        reader.user_names(keys, &mut |_, name| names.push(name.to_owned()))?;
        Ok(names)
    };
    for change in memberships {
        let members = ShownMembers {
            group: reader.group(change.group)?.map(|group| group.name).unwrap_or_default(),
            added: names(&change.added)?,
            removed: names(&change.removed)?,
        };
        done.lines.push(members.line());
        done.memberships.push(members);
    }
    Ok(done)
}

fn text(row: &RunRow, done: &Done) -> String {
    let mut text = format!(
        "Run {} of {}, a {} reading, started {}.\n",
        row.id.0,
        row.connector,
        row.mode,
        since(&row.started_at)
    );
    match serde_json::from_str::<RunReport>(&row.report) {
        Ok(report) => {
            text.push_str(&show::report(&report));
            if let Some(error) = &report.error {
                text.push_str(&format!("\n  {}", error.message));
                error.causes.iter().for_each(|cause| text.push_str(&format!("\n  caused by: {cause}")));
                error.hint.iter().for_each(|hint| text.push_str(&format!("\n  hint: {hint}")));
            }
        }
        Err(_) => text.push_str(&format!("{}: {}", row.connector, row.outcome)),
    }
    if !done.lines.is_empty() {
        let number = done.lines.len() as u64;
        text.push_str(&format!("\n\n{}:", plural(number, "change", "changes")));
        text.push_str(&show::listed(done.lines.iter().cloned(), number));
    }
    text
}

/// How many entries and memberships a run changed.
pub(super) fn changes(report: &RunReport) -> u64 {
    let entries = [&report.users, &report.groups];
    let entries =
        entries.iter().map(|c| c.created + c.updated + c.renamed + c.disabled + c.enabled + c.removed);
    entries.sum::<u64>() + report.memberships.created + report.memberships.removed
}

/// A kept time as how long ago it is.
pub(super) fn since(at: &str) -> String {
    at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), |at| ago(at, Timestamp::now()))
}

fn took(row: &RunRow) -> String {
    let start = row.started_at.parse::<Timestamp>().ok();
    let end = row.ended_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
    let took = start.zip(end).and_then(|(start, end)| end.duration_since(start).try_into().ok());
    took.map_or_else(|| "-".to_owned(), duration)
}
