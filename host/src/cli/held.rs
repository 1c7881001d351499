//! What waits for a person, and what the person decides.

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::directory::DirectoryArguments;
use super::exit::Exit;
use super::global::Global;
use super::held_view::ShownHeld;
use super::human::plural;
use super::job::existing_store;
use super::listing::{Listing, in_words};
use super::output::Output;
use super::plan::{ShownChange, ShownMembers};
use super::report::Failure;
use super::{changes_csv, show};
use crate::config::Config;
use crate::directory::{EntryKind, GroupKey, RunId, SqliteStore, Store, UserKey};
use crate::run::WorkFolder;
use crate::run::safety::{self, Approval, DecisionError};

/// List the changes that runs hold for a person.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  rollcall held\n  rollcall held acme --json\n  rollcall held --csv > held.csv"
)]
pub(super) struct HeldArguments {
    /// Only those of this connector.
    connector: Option<String>,
    /// Print the held changes as comma-separated values: one line for each changed field, member, or entry.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// Apply what a run holds, or let the next sync of a connector change what is named.
///
/// Each entry has to be as it was when the change was planned. It is a run of its own, in one transaction.
///
/// With a connector, nothing is applied now: the next sync does not hold what becomes of the named people and groups,
/// and does not count it for its limits.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall approve 12\n  \
    rollcall approve 12 --only mei.costa@acme.example --only Sales\n  \
    rollcall approve 12 --skip-changed\n  \
    rollcall approve acme --user mei.costa@acme.example --group Sales\n\n\
    Exit codes: 0 done, 1 failed, 2 usage or configuration, 4 done, but some no longer fitted.")]
pub(super) struct ApproveArguments {
    /// The run, as `rollcall held` lists it; or the connector whose next sync it is for.
    #[arg(value_name = "RUN|CONNECTOR")]
    what: String,
    /// Only what is held of this user or group; the rest still waits.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["user", "group"])]
    only: Vec<String>,
    /// Leave out what no longer fits, instead of applying nothing.
    #[arg(long, conflicts_with_all = ["user", "group"])]
    skip_changed: bool,
    /// A user whom the connector's next sync may disable, delete or rename.
    #[arg(long, value_name = "LOGIN")]
    user: Vec<String>,
    /// A group that the connector's next sync may empty, delete or take members from.
    #[arg(long, value_name = "NAME")]
    group: Vec<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// Drop what a run holds. The next sync plans, and holds, it again.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rollcall reject 12\n  rollcall reject 12 --only Sales")]
pub(super) struct RejectArguments {
    /// The run, as `rollcall held` lists it.
    run: i64,
    /// Only what is held of this user or group.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// What waits, and what was approved before it is planned.
#[derive(Debug, Default, Serialize)]
struct Listed {
    waiting: Vec<Waiting>,
    approved: Vec<ApprovedEntry>,
}

/// What waits of one run.
#[derive(Debug, Serialize)]
struct Waiting {
    run: i64,
    connector: String,
    reasons: Vec<String>,
    changes: Vec<ShownChange>,
    memberships: Vec<ShownMembers>,
    #[serde(skip)]
    lines: Vec<String>,
}

/// An entry whose changes the next complete run of the connector does not hold.
#[derive(Debug, Serialize)]
struct ApprovedEntry {
    connector: String,
    entry: &'static str,
    key: u32,
    name: String,
}

pub(super) fn list(arguments: &HeldArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    if let Some(name) = &arguments.connector {
        config.connector(name)?;
    }
    let directory = arguments.directory.of(&config, arguments.connector.as_deref())?;
    let mut store = existing_store(directory)?;
    let reader = store.read()?;
    let mut listed = Listed::default();
    for run in reader.holding_runs(arguments.connector.as_deref())? {
        let connector = reader.run(run)?.map(|row| row.connector).unwrap_or_default();
        let held = ShownHeld::of_run(run, true, reader.as_ref())?;
        let reasons = held.reasons();
        let ShownHeld { changes, memberships, lines } = held;
        listed.waiting.push(Waiting { run: run.0, connector, reasons, changes, memberships, lines });
    }
    for (id, connector) in reader.connectors()? {
        if arguments.connector.as_ref().is_some_and(|wanted| *wanted != connector) {
            continue;
        }
        for (kind, key) in reader.approved_entries(id)? {
            let name = match kind {
                EntryKind::User => reader.user(UserKey(key))?.map(|user| user.user_name),
                EntryKind::Group => reader.group(GroupKey(key))?.map(|group| group.name),
            };
            // Whoever is gone has nothing left that could be held.
            let Some(name) = name else { continue };
            let (connector, entry) = (connector.clone(), kind.as_str());
            listed.approved.push(ApprovedEntry { connector, entry, key, name });
        }
    }
    if arguments.csv {
        return csv(&listed, output);
    }
    output.view(|| text(&listed), || &listed)?;
    Ok(Exit::Done)
}

fn csv(listed: &Listed, output: Output) -> Result<Exit, Failure> {
    let columns: Vec<String> =
        ["run", "connector"].into_iter().chain(changes_csv::COLUMNS).map(str::to_owned).collect();
    let mut listing = Listing::start(output, true, &columns, in_words)?;
    for waiting in &listed.waiting {
        for row in changes_csv::rows(&waiting.changes, &waiting.memberships) {
            let from = [Value::from(waiting.run), Value::from(waiting.connector.as_str())];
            listing.row(|| from.into_iter().chain(row).collect(), || Value::Null)?;
        }
    }
    listing.end("Nothing waits for a person.")?;
    Ok(Exit::Done)
}

fn text(listed: &Listed) -> String {
    let mut blocks: Vec<String> = Vec::new();
    for Waiting { run, connector, reasons, lines, .. } in &listed.waiting {
        let number = lines.len() as u64;
        let changes = plural(number, "change", "changes");
        let mut text = format!("Run {run} of {connector} holds {changes}:");
        text.push_str(&show::listed(lines.iter().cloned(), number));
        reasons.iter().for_each(|reason| text.push_str(&format!("\nReason: {reason}")));
        blocks.push(text);
    }
    if blocks.is_empty() {
        blocks.push("Nothing waits for a person.".to_owned());
    }
    if !listed.approved.is_empty() {
        let number = listed.approved.len() as u64;
        let lines = listed.approved.iter().map(|ApprovedEntry { connector, entry, name, .. }| {
            format!("{entry} {name}: the next sync of {connector} does not hold it")
        });
        blocks.push(format!("Approved beforehand:{}", show::listed(lines, number)));
    }
    blocks.join("\n\n")
}

fn connector_of(config: &Config, store: &mut SqliteStore, run: i64) -> Result<String, Failure> {
    let row = store.read()?.run(RunId(run))?.ok_or_else(|| {
        Failure::usage(format!("there is no run {run}")).with_hint(Some("`rollcall runs` lists them"))
    })?;
    config.connector(&row.connector)?;
    Ok(row.connector)
}

pub(super) fn approve(
    arguments: &ApproveArguments,
    global: &Global,
    output: Output,
) -> Result<Exit, Failure> {
    let config = global.load()?;
    let beforehand = !arguments.user.is_empty() || !arguments.group.is_empty();
    match (arguments.what.parse(), beforehand) {
        (Ok(run), false) => approve_run(run, arguments, &config, output),
        (Err(_), true) => approve_beforehand(arguments, &config, output),
        (Ok(run), true) => Err(Failure::usage("`--user` and `--group` are for the next sync of a connector")
            .with_hint(Some(format!(
                "`rollcall approve {run} --only NAME` applies what that run holds of it"
            )))),
        (Err(_), false) => {
            config.connector(&arguments.what)?;
            Err(Failure::usage(format!("what is the next sync of {} to change?", arguments.what)).with_hint(
                Some("name it with `--user` or `--group`; `rollcall approve RUN` applies what a run holds"),
            ))
        }
    }
}

fn approve_run(
    run: i64,
    arguments: &ApproveArguments,
    config: &Config,
    output: Output,
) -> Result<Exit, Failure> {
    let directory = arguments.directory.of(config, None)?;
    let mut store = existing_store(directory)?;
    let connector = connector_of(config, &mut store, run)?;
    let approval = Approval {
        connector: &connector,
        run: RunId(run),
        only: &arguments.only,
        skip_changed: arguments.skip_changed,
        safety: &config.connector(&connector)?.policy.safety,
        work: &WorkFolder::beside(&directory.path)?,
        cancel: &tokio_util::sync::CancellationToken::new(),
    };
    let report = safety::approve(&approval, &mut store)?;
    output.result(|| show::report(&report), || &report)?;
    Ok(report.outcome.into())
}

fn approve_beforehand(
    arguments: &ApproveArguments,
    config: &Config,
    output: Output,
) -> Result<Exit, Failure> {
    let connector = &arguments.what;
    config.connector(connector)?;
    let mut store = existing_store(arguments.directory.of(config, Some(connector))?)?;
    let names = safety::approve_beforehand(&mut store, connector, &arguments.user, &arguments.group)?;
    output.result(
        || format!("The next sync of {connector} does not hold changes of {}.", names.join(", ")),
        || serde_json::json!({ "connector": connector, "approved": names }),
    )?;
    Ok(Exit::Done)
}

pub(super) fn reject(arguments: &RejectArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let mut store = existing_store(arguments.directory.of(&config, None)?)?;
    let connector = connector_of(&config, &mut store, arguments.run)?;
    let number = safety::reject(&mut store, &connector, RunId(arguments.run), &arguments.only)?;
    output.result(
        || {
            let changes = plural(number, "held change is", "held changes are");
            format!("{changes} dropped. The next sync of {connector} plans, and holds, what is still so.")
        },
        || serde_json::json!({ "run": arguments.run, "rejected": number }),
    )?;
    Ok(Exit::Done)
}

impl From<DecisionError> for Failure {
    fn from(error: DecisionError) -> Self {
        let exit = match error {
            DecisionError::NothingWaits { .. }
            | DecisionError::Unknown { .. }
            | DecisionError::Nobody { .. } => Exit::Usage,
            DecisionError::Changed { .. } | DecisionError::Run(_) => Exit::Failed,
        };
        let changed = error.changed();
        let detail = (!changed.is_empty()).then(|| format!("  {}", changed.join("\n  ")));
        let mut failure = Failure::of(exit, &error).with_detail(detail).with_hint(error.hint());
        failure.add_causes(changed);
        failure
    }
}
