use std::collections::BTreeMap;
use std::path::Path;

use serde::Serialize;

use super::exit::Exit;
use super::human::{count, plural};
use super::output::Output;
use super::report::Failure;
use super::runs::{self, ShownRun};
use super::table::Table;
use crate::config::Config;
use crate::directory::{RunRow, SqliteStore, Store};
use crate::run::{RunReport, history};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Status {
    directory: Directory,
    connectors: Vec<ConnectorStatus>,
}

#[derive(Debug, Default, Serialize)]
struct Directory {
    path: String,
    /// False until the first sync.
    exists: bool,
    users: u64,
    groups: u64,
    memberships: u64,
}

#[derive(Debug, Serialize)]
struct ConnectorStatus {
    name: String,
    users: u64,
    groups: u64,
    memberships: u64,
    /// Null until the first.
    last_run: Option<ShownRun>,
    #[serde(skip)]
    row: Option<RunRow>,
}

pub(super) fn run(path: &Path, output: Output) -> Result<Exit, Failure> {
    let config = Config::load(path)?;
    let mut directory = Directory { path: config.directory.display().to_string(), ..Directory::default() };
    let mut store = SqliteStore::open_existing(&config.directory)?;
    let mut last_runs = BTreeMap::new();
    if let Some(store) = &mut store {
        for name in config.connectors.keys() {
            let last = history(store, &config.directory, |reader| reader.runs(Some(name), 1))?.pop();
            last_runs.insert(name, last);
        }
    }
    let reader = store.as_mut().map(Store::read).transpose()?;
    if let Some(reader) = &reader {
        directory.exists = true;
        (directory.users, directory.groups, directory.memberships) = reader.totals(None)?;
    }
    let mut connectors = Vec::new();
    for name in config.connectors.keys() {
        let totals = reader.as_ref().map(|reader| reader.totals(Some(name))).transpose()?;
        let (users, groups, memberships) = totals.unwrap_or_default();
        let row = last_runs.remove(name).flatten();
        let last_run = row.as_ref().map(ShownRun::from);
        connectors.push(ConnectorStatus { name: name.clone(), users, groups, memberships, last_run, row });
    }
    let status = Status { directory, connectors };
    output.result(|| text(&status), || &status)?;
    Ok(Exit::Done)
}

fn text(status: &Status) -> String {
    let directory = &status.directory;
    let mut text = match directory.exists {
        true => format!(
            "The directory {} holds {}, {} and {}.",
            directory.path,
            plural(directory.users, "user", "users"),
            plural(directory.groups, "group", "groups"),
            plural(directory.memberships, "membership", "memberships"),
        ),
        false => format!("There is no directory at {} yet; `rollcall sync --all` makes it.", directory.path),
    };
    if status.connectors.is_empty() {
        text.push_str("\nThere are no connectors yet; `rollcall connector add` adds one.");
        return text;
    }
    let heads = ["connector", "users", "groups", "memberships", "last run", "outcome", "changes"];
    let mut table = Table::new(heads).right(1).right(2).right(3).right(6);
    for connector in &status.connectors {
        let report: Option<RunReport> =
            connector.row.as_ref().and_then(|row| serde_json::from_str(&row.report).ok());
        let (when, outcome) = match &connector.row {
            Some(row) => (runs::since(&row.started_at), format!("{} (run {})", row.outcome, row.id.0)),
            None => ("never".to_owned(), "-".to_owned()),
        };
        table.row([
            connector.name.clone(),
            count(connector.users),
            count(connector.groups),
            count(connector.memberships),
            when,
            outcome,
            report.map_or_else(|| "-".to_owned(), |report| count(runs::changes(&report))),
        ]);
    }
    text.push_str(&format!("\n\n{}", table.render(None)));
    text
}
