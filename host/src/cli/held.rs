//! What waits for a person, and what the person decides.

use clap::Args;
use serde::Serialize;

use super::directory::DirectoryArguments;
use super::exit::Exit;
use super::global::Global;
use super::human::plural;
use super::job::existing_store;
use super::output::Output;
use super::plan::{ShownChange, ShownMembers};
use super::report::Failure;
use super::show;
use crate::config::Config;
use crate::directory::{HeldState, Reader, RunId, SqliteStore, Store, UserKey};
use crate::run::WorkFolder;
use crate::run::safety::{self, Approval, DecisionError};

/// List the changes that runs hold for a person.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rollcall held\n  rollcall held acme --json")]
pub(super) struct HeldArguments {
    /// Only those of this connector.
    connector: Option<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// Apply what a run holds.
///
/// Each entry has to be as it was when the change was planned. It is a run of its own, in one transaction.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall approve 12\n  \
    rollcall approve 12 --only mei.costa@acme.example --only Sales\n  \
    rollcall approve 12 --skip-changed\n\n\
    Exit codes: 0 done, 1 failed, 2 usage or configuration, 4 done, but some no longer fitted.")]
pub(super) struct ApproveArguments {
    /// The run, as `rollcall held` lists it.
    run: i64,
    /// Only what is held of this user or group; the rest still waits.
    #[arg(long, value_name = "NAME")]
    only: Vec<String>,
    /// Leave out what no longer fits, instead of applying nothing.
    #[arg(long)]
    skip_changed: bool,
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

pub(super) fn list(arguments: &HeldArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    if let Some(name) = &arguments.connector {
        config.connector(name)?;
    }
    let directory = arguments.directory.of(&config, arguments.connector.as_deref())?;
    let mut store = existing_store(directory)?;
    let reader = store.read()?;
    let mut all = Vec::new();
    for run in reader.holding_runs(arguments.connector.as_deref())? {
        all.push(waiting(reader.as_ref(), run)?);
    }
    output.view(|| text(&all), || &all)?;
    Ok(Exit::Done)
}

fn waiting(reader: &dyn Reader, run: RunId) -> Result<Waiting, Failure> {
    let connector = reader.run(run)?.map(|row| row.connector).unwrap_or_default();
    let mut all = Waiting {
        run: run.0,
        connector,
        reasons: Vec::new(),
        changes: Vec::new(),
        memberships: Vec::new(),
        lines: Vec::new(),
    };
    let mut made = std::collections::BTreeMap::new();
    for held in reader.held_changes(run)?.into_iter().filter(|held| held.state == HeldState::Waiting) {
        all.lines.push(show::change(&held.change));
        made.insert((held.change.entry, held.change.key), held.change.name.clone());
        all.changes.push(ShownChange::from(&held.change));
        all.reasons.push(held.reason);
    }
    let user = crate::directory::EntryKind::User;
    let group = crate::directory::EntryKind::Group;
    for held in reader.held_members(run)?.into_iter().filter(|held| held.state == HeldState::Waiting) {
        let names = |keys: &roaring::RoaringBitmap| -> Result<Vec<String>, Failure> {
            let name = |key| -> Result<String, Failure> {
                let found = reader.user(UserKey(key))?.map(|user| user.user_name);
                Ok(found.or_else(|| made.get(&(user, key)).cloned()).unwrap_or_default())
            };
            keys.iter().map(name).collect()
        };
        let key = held.change.group;
        let name = reader.group(key)?.map(|group| group.name).or_else(|| made.get(&(group, key.0)).cloned());
        let members = ShownMembers {
            group: name.unwrap_or_default(),
            added: names(&held.change.added)?,
            removed: names(&held.change.removed)?,
        };
        all.lines.push(members.line());
        all.memberships.push(members);
        all.reasons.push(held.reason);
    }
    all.reasons.sort();
    all.reasons.dedup();
    Ok(all)
}

fn text(all: &[Waiting]) -> String {
    if all.is_empty() {
        return "Nothing waits for a person.".to_owned();
    }
    let blocks = all.iter().map(|waiting| {
        let number = waiting.lines.len() as u64;
        let mut text = format!(
            "Run {} of {} holds {}:",
            waiting.run,
            waiting.connector,
            plural(number, "change", "changes")
        );
        text.push_str(&show::listed(waiting.lines.iter().cloned(), number));
        waiting.reasons.iter().for_each(|reason| text.push_str(&format!("\nReason: {reason}")));
        text
    });
    blocks.collect::<Vec<_>>().join("\n\n")
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
    let directory = arguments.directory.of(&config, None)?;
    let mut store = existing_store(directory)?;
    let connector = connector_of(&config, &mut store, arguments.run)?;
    let approval = Approval {
        connector: &connector,
        run: RunId(arguments.run),
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
            DecisionError::NothingWaits { .. } | DecisionError::Unknown { .. } => Exit::Usage,
            DecisionError::Changed { .. } | DecisionError::Run(_) => Exit::Failed,
        };
        let changed = error.changed();
        let detail = (!changed.is_empty()).then(|| format!("  {}", changed.join("\n  ")));
        Failure::of(exit, &error).with_detail(detail).with_hint(error.hint())
    }
}
