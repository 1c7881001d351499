//! A connector whose syncs hold all that they plan, until somebody ends that.

use clap::Args;

use super::exit::Exit;
use super::global::Global;
use super::job::existing_store;
use super::output::Output;
use super::report::Failure;
use crate::clock;
use crate::config::Config;
use crate::directory::{Pause, SqliteStore, Store};

/// Let a connector's syncs hold all that they plan, and no schedule start one.
///
/// `rollcall rollback` does so by itself. `rollcall sync` still reads and plans; `rollcall approve` applies what it
/// held, and ends the pause.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rollcall pause acme\n  rollcall pause acme --json")]
pub(super) struct PauseArguments {
    /// The connector.
    name: String,
}

/// End a connector's pause: its next sync applies what it plans.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rollcall resume acme\n  rollcall resume acme --json")]
pub(super) struct ResumeArguments {
    /// The connector.
    name: String,
}

pub(super) fn pause(arguments: &PauseArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let name = &arguments.name;
    let (before, _) = set(name, global, true)?;
    output.result(
        || match &before {
            Some(pause) => format!("{name} was {pause} already."),
            None => format!(
                "{name} is paused: its syncs hold all that they plan, until `rollcall resume {name}`."
            ),
        },
        || serde_json::json!({ "connector": name, "paused": true, "was": before.is_some() }),
    )?;
    Ok(Exit::Done)
}

pub(super) fn resume(arguments: &ResumeArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let name = &arguments.name;
    let (before, waits) = set(name, global, false)?;
    output.result(
        || match (&before, waits) {
            (None, _) => format!("{name} is not paused."),
            (Some(pause), None) => format!("{name} was {pause}. Its next sync applies what it plans."),
            (Some(pause), Some(run)) => format!(
                "{name} was {pause}. Its next sync applies what it plans; what run {run} holds still waits until then."
            ),
        },
        || serde_json::json!({ "connector": name, "paused": false, "was": before.is_some() }),
    )?;
    Ok(Exit::Done)
}

/// What it was before, and the run of which something waits.
fn set(name: &str, global: &Global, paused: bool) -> Result<(Option<Pause>, Option<i64>), Failure> {
    let config = global.load()?;
    config.connector(name)?;
    let mut store = existing_store(config.directory_of(name))?;
    let connector = store.connector(name)?;
    let (before, waits) = {
        let reader = store.read()?;
        (reader.pause(connector)?, reader.holding_runs(Some(name))?.pop().map(|run| run.0))
    };
    if before.is_some() != paused {
        let mut writer = store.write()?;
        match paused {
            true => writer.pause(connector, clock::timestamp(), None)?,
            false => writer.end_pause(connector)?,
        }
        writer.commit()?;
    }
    Ok((before, waits))
}

/// Whether the connector is paused. Makes no directory where there is none.
pub(super) fn pause_of(config: &Config, name: &str) -> Result<Option<Pause>, Failure> {
    let Some(mut store) = SqliteStore::open_existing(&config.directory_of(name).path)? else {
        return Ok(None);
    };
    let reader = store.read()?;
    let id = reader.connector_id(name)?;
    Ok(id.map(|id| reader.pause(id)).transpose()?.flatten())
}
