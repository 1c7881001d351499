use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use super::exit::Exit;
use super::global::Global;
use super::held_view::ShownHeld;
use super::human::{ago, ahead, count, plural};
use super::output::Output;
use super::report::Failure;
use super::runs::{self, ShownRun};
use super::table::Table;
use crate::clock;
use crate::config::{Config, ConfigError, Schedule};
use crate::directory::{Reader, RunRow, SqliteStore, Store, StoreError};
use crate::run::{RunReport, history};
use crate::service::{self, LastRuns, Next, Scheduler, State};

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Status {
    directory: Directory,
    /// The `rollcall serve` that is at work; null if none is.
    serve: Option<State>,
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
    /// What waits for a person; null where nothing does.
    held: Option<Waits>,
    /// Null where only a command syncs it.
    schedule: Option<ConnectorSchedule>,
}

/// What a run holds for a person.
#[derive(Debug, Serialize)]
struct Waits {
    run: i64,
    /// Of entries, and groups' memberships.
    changes: usize,
    reasons: Vec<String>,
}

impl Waits {
    fn of(connector: &str, reader: &dyn Reader) -> Result<Option<Self>, StoreError> {
        let Some(run) = reader.holding_runs(Some(connector))?.pop() else { return Ok(None) };
        let held = ShownHeld::of_run(run, true, reader)?;
        Ok(Some(Self { run: run.0, changes: held.lines.len(), reasons: held.reasons() }))
    }
}

#[derive(Debug, Serialize)]
struct ConnectorSchedule {
    full: String,
    /// Null for the machine's.
    time_zone: Option<String>,
    next: Option<NextRun>,
}

/// What `rollcall serve` does next, or would do if it were started now.
#[derive(Debug, Serialize)]
struct NextRun {
    due: Timestamp,
    begins: Timestamp,
    #[serde(skip)]
    shown: String,
}

impl ConnectorSchedule {
    fn new(name: &str, schedule: &Schedule, last: LastRuns, now: Timestamp) -> Self {
        let next = Scheduler::next_of(name, schedule, last.begun, now).map(|Next { due, begins }| {
            let local = begins.to_zoned_datetime(schedule.zone.zone.clone());
            let shown = format!("{}, {}", local.strftime("%a %Y-%m-%d %H:%M %Z"), ahead(begins, now));
            NextRun { due, begins, shown }
        });
        Self { full: schedule.full.to_string(), time_zone: schedule.zone.written.clone(), next }
    }
}

pub(super) fn run(global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = match global.load() {
        Ok(config) => config,
        Err(error) => {
            if matches!(error, ConfigError::Wrong { .. }) {
                goes_on(global, output);
            }
            return Err(error.into());
        }
    };
    let mut directory = Directory { path: config.directory.display().to_string(), ..Directory::default() };
    let mut store = SqliteStore::open_existing(&config.directory)?;
    let now = clock::now();
    let (mut last_runs, mut lasts) = (BTreeMap::new(), BTreeMap::new());
    if let Some(store) = &mut store {
        for name in config.connectors.keys() {
            let last = history(store, &config.directory, |reader| reader.runs(Some(name), 1))?.pop();
            last_runs.insert(name, last);
            lasts.insert(name, service::last_runs(store, &config.directory, name)?);
        }
    }
    let reader = store.as_mut().map(Store::read).transpose()?;
    if let Some(reader) = &reader {
        directory.exists = true;
        (directory.users, directory.groups, directory.memberships) = reader.totals(None)?;
    }
    let mut connectors = Vec::new();
    for (name, connector) in &config.connectors {
        let totals = reader.as_ref().map(|reader| reader.totals(Some(name))).transpose()?;
        let (users, groups, memberships) = totals.unwrap_or_default();
        let row = last_runs.remove(name).flatten();
        let last_run = row.as_ref().map(ShownRun::from);
        let schedule = connector.schedule.as_ref().map(|schedule| {
            let last = lasts.remove(name).unwrap_or_default();
            ConnectorSchedule::new(name, schedule, last, now)
        });
        let held = reader.as_ref().map(|reader| Waits::of(name, reader.as_ref())).transpose()?.flatten();
        let name = name.clone();
        connectors.push(ConnectorStatus { name, users, groups, memberships, last_run, row, held, schedule });
    }
    let status = Status { directory, serve: State::of(&config.directory), connectors };
    output.view(|| text(&status), || &status)?;
    Ok(Exit::Done)
}

/// Says that a service doesn't mind the mistake, as far as that can be known without a configuration.
fn goes_on(global: &Global, output: Output) {
    let database = global.database.clone().unwrap_or_else(|| Config::usual_database(&global.config));
    if let Some(State { process, .. }) = State::of(&database) {
        output.note(&format!(
            "`rollcall serve` (process {process}) goes on with the configuration that was in force before."
        ));
    }
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
    for ConnectorStatus { name, held, .. } in &status.connectors {
        let Some(Waits { run, changes, reasons }) = held else { continue };
        let changes = plural(*changes as u64, "change", "changes");
        text.push_str(&format!("\n\nRun {run} of {name} holds {changes} for a person: `rollcall held`"));
        reasons.iter().for_each(|reason| text.push_str(&format!("\n  {reason}")));
    }
    text.push_str(&schedules(status));
    text
}

/// What happens by itself; nothing where nothing does.
fn schedules(status: &Status) -> String {
    let mut table = Table::new(["connector", "schedule", "time zone", "next run"]);
    let mut rows = 0;
    for (name, schedule) in
        status.connectors.iter().filter_map(|connector| Some((&connector.name, connector.schedule.as_ref()?)))
    {
        rows += 1;
        table.row([
            name.clone(),
            schedule.full.clone(),
            schedule.time_zone.clone().unwrap_or_else(|| "this machine's".to_owned()),
            schedule.next.as_ref().map_or_else(|| "-".to_owned(), |next| next.shown.clone()),
        ]);
    }
    let mut text = String::new();
    if rows > 0 {
        text.push_str(&format!("\n\n{}", table.render(None)));
    }
    match &status.serve {
        Some(State { process, since, refused }) => {
            let since = ago(*since, clock::now());
            text.push_str(&format!("\n\n`rollcall serve` is at work (process {process}, started {since})."));
            if let Some(refused) = refused {
                text.push_str(&format!(
                    "\nA change is refused since {}, and what was in force before stays:\n  {}",
                    ago(refused.since, clock::now()),
                    refused.reason.replace('\n', "\n  ")
                ));
            }
        }
        None if rows > 0 => {
            text.push_str("\n\nNo `rollcall serve` is at work: nothing is synced by itself.");
        }
        None => {}
    }
    text
}
