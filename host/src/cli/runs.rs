use clap::{Args, Subcommand};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::directory::DirectoryArguments;
use super::exit::Exit;
use super::global::Global;
use super::held_view::ShownHeld;
use super::human::{ago, count, duration, plural};
use super::job::existing_store;
use super::listing::{Listing, in_words};
use super::names;
use super::output::Output;
use super::plan::{ShownChange, ShownMembers};
use super::prune::{self, PruneArguments};
use super::report::Failure;
use super::{changes_csv, show};
use crate::clock;
use crate::directory::{LOCAL, Reader, RunId, RunRow, Store, StoreError};
use crate::run::{RunReport, history};

/// List the latest runs, or prune old ones.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(after_help = "Examples:\n  \
    rollcall runs\n  \
    rollcall runs acme --limit 100 --json\n  \
    rollcall runs --limit 1000 --csv > runs.csv")]
pub(super) struct RunsArguments {
    #[command(subcommand)]
    command: Option<RunsCommand>,
    #[command(flatten)]
    list: RunsList,
}

#[derive(Debug, Subcommand)]
enum RunsCommand {
    Prune(PruneArguments),
}

#[derive(Debug, Args)]
struct RunsList {
    /// Only those of this connector.
    connector: Option<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
    /// How many, the newest first.
    #[arg(long, value_name = "NUMBER", default_value_t = 20)]
    limit: u32,
    /// Print comma-separated values.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Show what one run did.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall run 12\n  \
    rollcall run 12 --json\n  \
    rollcall run 12 --changes\n  \
    rollcall run 12 --csv > changes.csv")]
pub(super) struct RunArguments {
    /// The run's number, as `rollcall runs` lists it.
    id: i64,
    #[command(flatten)]
    directory: DirectoryArguments,
    /// Print only the changes: all of them, a line for each entry, and for each group whose members change.
    #[arg(long, conflicts_with = "csv")]
    changes: bool,
    /// Print only the changes, as comma-separated values: one line for each changed field, member, or entry.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
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
    /// When its changes and its report were taken out of the history.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pruned_at: Option<String>,
    /// Null while it runs, and when it was interrupted.
    pub report: Value,
}

/// What a run changed, and nothing else.
#[derive(Debug, Serialize)]
struct OnlyChanges<'a> {
    run: i64,
    connector: &'a str,
    changes: &'a [ShownChange],
    memberships: &'a [ShownMembers],
}

/// A run with all that it changed.
#[derive(Debug, Serialize)]
struct WholeRun<'a> {
    #[serde(flatten)]
    run: ShownRun,
    changes: &'a [ShownChange],
    memberships: &'a [ShownMembers],
    /// What it did not do, but held, and what became of that.
    #[serde(skip_serializing_if = "ShownHeld::is_empty")]
    held: &'a ShownHeld,
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
            pruned_at: row.pruned_at.clone(),
            report: serde_json::from_str(&row.report).unwrap_or_default(),
        }
    }
}

/// The columns of `--csv`; those of a table are fewer.
const COLUMNS: [&str; 10] = [
    "run",
    "connector",
    "mode",
    "outcome",
    "startedAt",
    "endedAt",
    "changes",
    "problems",
    "requests",
    "held",
];

pub(super) fn run(arguments: &RunsArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    match &arguments.command {
        Some(RunsCommand::Prune(arguments)) => prune::run(arguments, global, output),
        None => list(&arguments.list, global, output),
    }
}

fn list(arguments: &RunsList, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    if let Some(name) = arguments.connector.as_deref().filter(|name| *name != LOCAL) {
        config.connector(name)?;
    }
    let directory = arguments.directory.of(&config, arguments.connector.as_deref())?;
    let mut store = existing_store(directory)?;
    let rows = history(&mut store, &directory.path, |reader| {
        reader.runs(arguments.connector.as_deref(), arguments.limit)
    })?;
    let columns: &[&str] = match arguments.csv {
        true => &COLUMNS,
        false => &["run", "connector", "mode", "outcome", "started", "took", "changes"],
    };
    let columns: Vec<String> = columns.iter().map(|name| (*name).to_owned()).collect();
    let mut listing = Listing::start(output, arguments.csv, &columns, in_words)?;
    for row in &rows {
        let cells = || match arguments.csv {
            true => for_programs(row),
            false => for_people(row),
        };
        listing.row(cells, || serde_json::to_value(ShownRun::from(row)).unwrap_or_default())?;
    }
    listing.end("There are no runs yet; `rollcall sync` makes one.")?;
    Ok(Exit::Done)
}

fn for_people(row: &RunRow) -> Vec<Value> {
    let report: Option<RunReport> = serde_json::from_str(&row.report).ok();
    let outcome = match report.as_ref().map_or(0, held) {
        0 => row.outcome.clone(),
        number => format!("{} ({})", row.outcome, count(number)),
    };
    let changes = report.filter(|report| report.error.is_none()).map(|report| changes(&report));
    vec![
        // A name rather than a quantity.
        Value::from(row.id.0.to_string()),
        Value::from(row.connector.as_str()),
        Value::from(row.mode.as_str()),
        Value::from(outcome),
        Value::from(since(&row.started_at)),
        Value::from(took(row)),
        changes.map_or_else(|| Value::from("-"), Value::from),
    ]
}

fn for_programs(row: &RunRow) -> Vec<Value> {
    let report: Option<RunReport> = serde_json::from_str(&row.report).ok();
    let number = |of: fn(&RunReport) -> u64| report.as_ref().map(of).map_or(Value::Null, Value::from);
    vec![
        Value::from(row.id.0),
        Value::from(row.connector.as_str()),
        Value::from(row.mode.as_str()),
        Value::from(row.outcome.as_str()),
        Value::from(row.started_at.as_str()),
        Value::from(row.ended_at.as_deref()),
        number(changes),
        number(|report| report.problems.len() as u64 + report.further_problems),
        number(|report| report.requests.sent),
        number(held),
    ]
}

pub(super) fn one(arguments: &RunArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let directory = arguments.directory.of(&config, None)?;
    let mut store = existing_store(directory)?;
    let id = RunId(arguments.id);
    let row = history(&mut store, &directory.path, |reader| Ok(reader.run(id)?.into_iter().collect()))?.pop();
    let reader = store.read()?;
    let row = row.ok_or_else(|| {
        Failure::usage(format!("there is no run {}", arguments.id))
            .with_hint(Some("`rollcall runs` lists them"))
    })?;
    let done = done_by(reader.as_ref(), id)?;
    let held = ShownHeld::of_run(id, false, reader.as_ref())?;
    if arguments.csv {
        changes_csv::print(output, (&done.changes, &done.memberships), &held)?;
        return Ok(Exit::Done);
    }
    let Done { changes, memberships, .. } = &done;
    if arguments.changes {
        if done.lines.is_empty() {
            output.note(if row.pruned_at.is_some() { PRUNED } else { "It changed nothing." });
        }
        if output.json || !done.lines.is_empty() {
            let only = || OnlyChanges { run: row.id.0, connector: &row.connector, changes, memberships };
            let text = || {
                let lines = done.lines.iter().map(|line| line.replace(char::is_control, " "));
                lines.collect::<Vec<_>>().join("\n")
            };
            output.view(text, only)?;
        }
        return Ok(Exit::Done);
    }
    output.view(
        || text(&row, &done, &held),
        || WholeRun { run: ShownRun::from(&row), changes, memberships, held: &held },
    )?;
    Ok(Exit::Done)
}

const PRUNED: &str = "What it changed, and its report, were pruned.";

/// What a run changed.
#[derive(Debug, Default)]
pub(super) struct Done {
    pub changes: Vec<ShownChange>,
    pub memberships: Vec<ShownMembers>,
    /// Both, for people.
    pub lines: Vec<String>,
}

/// What a run changed, with today's names of the members; those who are gone with their last ones.
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
    for change in memberships {
        let members = names::members(reader, &change)?;
        done.lines.push(members.line());
        done.memberships.push(members);
    }
    Ok(done)
}

fn text(row: &RunRow, done: &Done, held: &ShownHeld) -> String {
    let started = since(&row.started_at);
    let mut text = match row.mode.as_str() {
        LOCAL => format!("Run {}, made here, started {started}.\n", row.id.0),
        mode => format!("Run {} of {}, {}, started {started}.\n", row.id.0, row.connector, what(mode)),
    };
    match serde_json::from_str::<RunReport>(&row.report) {
        Ok(report) => {
            text.push_str(&show::report(&report));
            if let Some(error) = &report.error {
                text.push_str(&format!("\n  {}", error.message));
                error.causes.iter().for_each(|cause| text.push_str(&format!("\n  caused by: {cause}")));
                error.hint.iter().for_each(|hint| text.push_str(&format!("\n  hint: {hint}")));
            }
        }
        Err(_) => {
            text.push_str(&format!("{}: {}", row.connector, row.outcome));
            if row.pruned_at.is_some() {
                text.push_str(&format!("\n{PRUNED}"));
            }
        }
    }
    if !done.lines.is_empty() {
        let number = done.lines.len() as u64;
        text.push_str(&format!("\n\n{}:", plural(number, "change", "changes")));
        text.push_str(&show::listed(done.lines.iter().cloned(), number));
    }
    if !held.is_empty() {
        let number = held.lines.len() as u64;
        let changes = plural(number, "change", "changes");
        text.push_str(&format!("\n\n{changes} held ({}):", held.states()));
        text.push_str(&show::listed(held.lines.iter().cloned(), number));
    }
    text
}

/// What a run of this mode is.
fn what(mode: &str) -> String {
    match mode {
        "approve" => "an approval of what another held".to_owned(),
        "apply" => "a plan that was kept in a file".to_owned(),
        "rollback" => "an undoing of another run".to_owned(),
        mode => format!("a {mode} reading"),
    }
}

/// How many entries and memberships a run changed.
pub(super) fn changes(report: &RunReport) -> u64 {
    let entries = [&report.users, &report.groups];
    let entries = entries
        .iter()
        .map(|c| c.created + c.updated + c.renamed + c.disabled + c.enabled + c.removed + c.anonymized);
    entries.sum::<u64>() + report.memberships.created + report.memberships.removed
}

/// How many entries' changes and memberships a run held.
pub(super) fn held(report: &RunReport) -> u64 {
    report.held.as_ref().map_or(0, |held| held.changes + held.memberships)
}

/// A kept time as how long ago it is.
pub(super) fn since(at: &str) -> String {
    at.parse::<Timestamp>().map_or_else(|_| at.to_owned(), |at| ago(at, clock::now()))
}

fn took(row: &RunRow) -> String {
    let start = row.started_at.parse::<Timestamp>().ok();
    let end = row.ended_at.as_deref().and_then(|at| at.parse::<Timestamp>().ok());
    let took = start.zip(end).and_then(|(start, end)| end.duration_since(start).try_into().ok());
    took.map_or_else(|| "-".to_owned(), duration)
}
