use std::collections::BTreeMap;

use clap::Args;
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
use crate::config::{Config, ConfigError, Cron, Directory, Schedule};
use crate::directory::{LOCAL, Reader, RunRow, SqliteStore, Store, StoreError};
use crate::run::{Extent, RunReport, history};
use crate::service::{self, LastRuns, Next, Nexts, State};

/// Show the connectors, their last runs, and what the directories hold.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rollcall status\n  rollcall status --json")]
pub(super) struct StatusArguments {
    /// Only that of [directory.NAME], with its connectors.
    #[arg(long, value_name = "NAME")]
    directory: Option<String>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Status {
    directories: Vec<DirectoryStatus>,
    /// The `rollcall serve` that is at work; null if none is.
    serve: Option<State>,
    connectors: Vec<ConnectorStatus>,
}

#[derive(Debug, Default, Serialize)]
struct DirectoryStatus {
    /// Null for that of [directory].
    name: Option<String>,
    path: String,
    /// False until the first sync.
    exists: bool,
    users: u64,
    groups: u64,
    memberships: u64,
    /// Of these, what was made here.
    local: Local,
}

#[derive(Debug, Default, Serialize)]
struct Local {
    users: u64,
    groups: u64,
    memberships: u64,
}

#[derive(Debug, Serialize)]
struct ConnectorStatus {
    name: String,
    /// Null for that of [directory].
    directory: Option<String>,
    users: u64,
    groups: u64,
    memberships: u64,
    /// Null until the first.
    last_run: Option<ShownRun>,
    #[serde(skip)]
    row: Option<RunRow>,
    /// What waits for a person; null where nothing does.
    held: Option<Waits>,
    /// Since when its syncs hold all that they plan, and why; null where they don't.
    paused: Option<Paused>,
    /// Null where only commands sync it.
    schedule: Option<ConnectorSchedule>,
}

#[derive(Debug, Serialize)]
struct Paused {
    since: String,
    /// The rollback; null where a person paused it.
    run: Option<i64>,
    #[serde(skip)]
    shown: String,
}

impl Paused {
    fn of(connector: &str, reader: &dyn Reader) -> Result<Option<Self>, StoreError> {
        let id = reader.connector_id(connector)?;
        let pause = id.map(|id| reader.pause(id)).transpose()?.flatten();
        Ok(pause.map(|pause| Self {
            shown: pause.to_string(),
            since: pause.since,
            run: pause.run.map(|run| run.0),
        }))
    }
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
    /// Null where increments alone have times.
    full: Option<String>,
    changes: Option<String>,
    /// How old the last full run is when an increment of the service reads everything; null where none does for that.
    full_every_hours: Option<u64>,
    /// Null for the machine's.
    time_zone: Option<String>,
    /// The first of the two that follow.
    next: Option<NextRun>,
    next_full: Option<NextRun>,
    next_changes: Option<NextRun>,
}

/// What `rollcall serve` does next, or would do if it were started now.
#[derive(Debug, Clone, Serialize)]
struct NextRun {
    reads: Extent,
    due: Timestamp,
    begins: Timestamp,
    #[serde(skip)]
    shown: String,
}

impl ConnectorSchedule {
    fn new(name: &str, schedule: &Schedule, last: LastRuns, now: Timestamp) -> Self {
        let run = |reads: Extent, Next { due, begins }: Next| {
            let local = begins.to_zoned_datetime(schedule.zone.zone.clone());
            let shown = format!("{}, {}", local.strftime("%a %Y-%m-%d %H:%M %Z"), ahead(begins, now));
            NextRun { reads, due, begins, shown }
        };
        let nexts = Nexts::of(name, schedule, last, now);
        let text = |extent| schedule.cron(extent).map(Cron::to_string);
        let by_age = schedule.full_by_age().filter(|_| schedule.changes.is_some());
        Self {
            full: text(Extent::Full),
            changes: text(Extent::Changes),
            full_every_hours: by_age.map(|every| every.as_secs() / 3600),
            time_zone: schedule.zone.written.clone(),
            next: nexts.first().map(|(extent, next)| run(extent, next)),
            next_full: nexts.full.map(|next| run(Extent::Full, next)),
            next_changes: nexts.changes.map(|next| run(Extent::Changes, next)),
        }
    }

    /// What it reads, when, and when next.
    fn rows(&self) -> Vec<[String; 3]> {
        let shown =
            |next: &Option<NextRun>| next.as_ref().map_or_else(|| "-".to_owned(), |next| next.shown.clone());
        let mut rows = Vec::new();
        if let Some(full) = &self.full {
            rows.push(["everything".to_owned(), full.clone(), shown(&self.next_full)]);
        }
        if let Some(changes) = &self.changes {
            rows.push(["changes".to_owned(), changes.clone(), shown(&self.next_changes)]);
        }
        if let Some(hours) = self.full_every_hours {
            let when = format!("after {}", plural(hours, "hour", "hours"));
            rows.push(["everything".to_owned(), when, "instead of an increment".to_owned()]);
        }
        rows
    }
}

pub(super) fn run(arguments: &StatusArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = match global.load() {
        Ok(config) => config,
        Err(error) => {
            if matches!(error, ConfigError::Wrong { .. }) {
                goes_on(global, output);
            }
            return Err(error.into());
        }
    };
    let shown = match &arguments.directory {
        Some(name) => vec![config.directory(Some(name))?],
        None => config.directories()?,
    };
    let serve = shown.iter().find_map(|directory| State::of(&directory.path));
    let mut status = Status { directories: Vec::new(), serve, connectors: Vec::new() };
    for directory in shown {
        look_at(&config, directory, &mut status)?;
    }
    status.connectors.sort_by(|one, other| one.name.cmp(&other.name));
    output.view(|| text(&status), || &status)?;
    Ok(Exit::Done)
}

/// What one directory holds, and how its connectors are.
fn look_at(config: &Config, directory: &Directory, status: &mut Status) -> Result<(), Failure> {
    let path = &directory.path;
    let mut holds = DirectoryStatus {
        name: directory.name.clone(),
        path: path.display().to_string(),
        ..DirectoryStatus::default()
    };
    let mut store = SqliteStore::open_existing(path)?;
    let now = clock::now();
    let (mut last_runs, mut lasts) = (BTreeMap::new(), BTreeMap::new());
    if let Some(store) = &mut store {
        for name in &directory.order {
            let last = history(store, path, |reader| reader.runs(Some(name), 1))?.pop();
            last_runs.insert(name, last);
            lasts.insert(name, service::last_runs(store, path, name)?);
        }
    }
    let reader = store.as_mut().map(Store::read).transpose()?;
    if let Some(reader) = &reader {
        holds.exists = true;
        (holds.users, holds.groups, holds.memberships) = reader.totals(None)?;
        let local = &mut holds.local;
        (local.users, local.groups, local.memberships) = reader.totals(Some(LOCAL))?;
    }
    for name in &directory.order {
        let totals = reader.as_ref().map(|reader| reader.totals(Some(name))).transpose()?;
        let (users, groups, memberships) = totals.unwrap_or_default();
        let row = last_runs.remove(name).flatten();
        let last_run = row.as_ref().map(ShownRun::from);
        let timed = config.connector(name)?.schedule.as_ref().filter(|schedule| schedule.is_timed());
        let schedule = timed.map(|schedule| {
            let last = lasts.remove(name).unwrap_or_default();
            ConnectorSchedule::new(name, schedule, last, now)
        });
        let held = reader.as_ref().map(|reader| Waits::of(name, reader.as_ref())).transpose()?.flatten();
        let paused = reader.as_ref().map(|reader| Paused::of(name, reader.as_ref())).transpose()?.flatten();
        let (name, directory) = (name.clone(), directory.name.clone());
        status.connectors.push(ConnectorStatus {
            name,
            directory,
            users,
            groups,
            memberships,
            last_run,
            row,
            held,
            paused,
            schedule,
        });
    }
    status.directories.push(holds);
    Ok(())
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
    let several = status.directories.len() > 1;
    let lines = status.directories.iter().map(|directory| {
        let name = match &directory.name {
            Some(name) => format!("{name} ({})", directory.path),
            None => directory.path.clone(),
        };
        match directory.exists {
            true => {
                let told = |users, groups, memberships| {
                    format!(
                        "{}, {} and {}",
                        plural(users, "user", "users"),
                        plural(groups, "group", "groups"),
                        plural(memberships, "membership", "memberships"),
                    )
                };
                let all = told(directory.users, directory.groups, directory.memberships);
                let Local { users, groups, memberships } = directory.local;
                let local = match users + groups + memberships {
                    0 => String::new(),
                    _ => format!("; of these {} were made here", told(users, groups, memberships)),
                };
                format!("The directory {name} holds {all}{local}.")
            }
            false => {
                let at = if directory.name.is_some() { name } else { format!("at {name}") };
                format!("There is no directory {at} yet; `rollcall sync --all` makes it.")
            }
        }
    });
    let mut text = lines.collect::<Vec<_>>().join("\n");
    if status.connectors.is_empty() {
        text.push_str("\nThere are no connectors yet; `rollcall connector add` adds one.");
        return text;
    }
    let heads = ["connector", "users", "groups", "memberships", "last run", "outcome", "changes"];
    let mut heads: Vec<String> = heads.map(str::to_owned).to_vec();
    // At the end, where it moves no other column.
    heads.extend(several.then(|| "directory".to_owned()));
    let mut table = Table::of(heads).right(1).right(2).right(3).right(6);
    for connector in &status.connectors {
        let report: Option<RunReport> =
            connector.row.as_ref().and_then(|row| serde_json::from_str(&row.report).ok());
        let (when, outcome) = match &connector.row {
            Some(row) => (runs::since(&row.started_at), format!("{} (run {})", row.outcome, row.id.0)),
            None => ("never".to_owned(), "-".to_owned()),
        };
        let mut cells = vec![
            connector.name.clone(),
            count(connector.users),
            count(connector.groups),
            count(connector.memberships),
            when,
            outcome,
            report.map_or_else(|| "-".to_owned(), |report| count(runs::changes(&report))),
        ];
        cells.extend(several.then(|| connector.directory.clone().unwrap_or_else(|| "-".to_owned())));
        table.push(cells);
    }
    text.push_str(&format!("\n\n{}", table.render(None)));
    for ConnectorStatus { name, held, paused, .. } in &status.connectors {
        if let Some(Paused { shown, .. }) = paused {
            text.push_str(&format!(
                "\n\n{name} is {shown}: its syncs hold all that they plan. `rollcall resume {name}` ends that."
            ));
        }
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
    let mut table = Table::new(["connector", "reads", "schedule", "time zone", "next run"]);
    let mut rows = 0;
    for (name, schedule) in
        status.connectors.iter().filter_map(|connector| Some((&connector.name, connector.schedule.as_ref()?)))
    {
        let zone = schedule.time_zone.clone().unwrap_or_else(|| "this machine's".to_owned());
        for [reads, times, next] in schedule.rows() {
            rows += 1;
            table.row([name.clone(), reads, times, zone.clone(), next]);
        }
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
