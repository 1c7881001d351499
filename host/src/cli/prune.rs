//! `rollcall runs prune`: takes the changes and reports of old runs out of the history.

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use super::directory::DirectoryArguments;
use super::exit::Exit;
use super::global::Global;
use super::human::{bytes, plural};
use super::job::existing_store;
use super::output::Output;
use super::report::Failure;
use super::users::known_connector;
use crate::clock;
use crate::directory::{SqliteStore, Store};
use crate::run::{Keep, Pruned, PrunedRuns, WorkFolder, prunable, prune};

/// Take what old runs changed, and their reports, out of the history.
///
/// A run goes when it is older than --older-than and not among the latest --keep of its connector; where only one of them
/// is given, it decides alone, and without both, `[runs]` of the configuration. What a connector applied last, its latest
/// run, a run at work and one of which changes wait for approval always stay. That there was a run, when, and how it
/// ended stays too.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall runs prune --older-than 90d --dry-run\n  \
    rollcall runs prune acme --older-than 1y --keep 100\n  \
    rollcall runs prune --keep 1000 --json")]
pub(super) struct PruneArguments {
    /// Only those of this connector.
    connector: Option<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
    /// Those that began longer ago: a number of hours (h), days (d), weeks (w) or years (y).
    #[arg(long, value_name = "AGE", value_parser = age)]
    older_than: Option<Duration>,
    /// Those that are not among so many, the latest, of their connector.
    #[arg(long, value_name = "NUMBER")]
    keep: Option<u32>,
    /// Say what would go, and take nothing.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    dry_run: bool,
    #[serde(flatten)]
    pruned: &'a Pruned,
    /// Bytes that were given back to the disk.
    freed: u64,
}

const HOUR: u64 = 3600;

/// `90d`.
fn age(text: &str) -> Result<Duration, String> {
    let wrong = || "it is a number with its unit: 12h, 90d, 8w or 2y".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let hours = match unit {
        'h' => 1,
        'd' => 24,
        'w' => 7 * 24,
        'y' => 365 * 24,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    let seconds = number.checked_mul(hours * HOUR).ok_or_else(|| "it is too long".to_owned())?;
    Ok(Duration::from_secs(seconds))
}

pub(super) fn run(arguments: &PruneArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let keep = match (arguments.keep, arguments.older_than) {
        (None, None) => config.runs,
        (runs, age) => Keep { runs, age },
    };
    if keep.is_everything() {
        return Err(Failure::usage("nothing says which runs are old").with_hint(Some(
            "give `--older-than 90d`, `--keep 100` or both, or set `keep-days` or `keep-runs` under [runs] in the \
             configuration",
        )));
    }
    let connector = arguments.connector.as_deref();
    let directory = arguments.directory.of(&config, connector)?;
    let mut store = existing_store(directory)?;
    known_connector(&config, store.read()?.as_ref(), connector)?;
    let now = clock::now();
    let (pruned, freed) = match arguments.dry_run {
        true => (prunable(store.read()?.as_ref(), &keep, connector, now)?.1, 0),
        false => {
            let pruned = prune(&mut store, &keep, connector, now)?;
            let freed = give_back(&mut store, &WorkFolder::beside(&directory.path)?, output);
            (pruned, freed)
        }
    };
    output.result(
        || text(&pruned, arguments.dry_run, freed),
        || Shown { dry_run: arguments.dry_run, pruned: &pruned, freed },
    )?;
    Ok(Exit::Done)
}

/// Runs wait meanwhile. What was pruned is pruned, whatever becomes of this.
fn give_back(store: &mut SqliteStore, work: &WorkFolder, output: Output) -> u64 {
    let waiting = || output.note("Waiting for a run that is being planned or applied.");
    let lock = match work.lock_directory(&CancellationToken::new(), waiting) {
        Ok(lock) => lock,
        Err(error) => {
            tracing::warn!("no space is given back: {error}");
            return 0;
        }
    };
    let freed = store.compact();
    drop(lock);
    freed.unwrap_or_else(|error| {
        tracing::warn!("no space is given back; later runs use it: {error}");
        0
    })
}

fn text(pruned: &Pruned, dry_run: bool, freed: u64) -> String {
    if pruned.connectors.is_empty() {
        return "No run is old enough: nothing was changed.".to_owned();
    }
    let verb = if dry_run { "Would prune" } else { "Pruned" };
    let mut text = format!(
        "{verb} {}, with {}.",
        plural(pruned.runs(), "run", "runs"),
        plural(pruned.changes(), "change", "changes")
    );
    for (connector, PrunedRuns { runs, changes, oldest, newest }) in &pruned.connectors {
        let which =
            if oldest == newest { format!("run {newest}") } else { format!("runs {oldest} to {newest}") };
        let (runs, changes) = (plural(*runs, "run", "runs"), plural(*changes, "change", "changes"));
        text.push_str(&format!("\n  {connector}: {runs} ({which}), {changes}"));
    }
    if freed > 0 {
        text.push_str(&format!("\n{} given back to the disk.", bytes(freed)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_a_number_with_its_unit() {
        let hours = |text: &str| age(text).map(|age| age.as_secs() / HOUR);
        assert_eq!(hours("12h"), Ok(12));
        assert_eq!(hours("90d"), Ok(90 * 24));
        assert_eq!(hours("8w"), Ok(8 * 7 * 24));
        assert_eq!(hours("1y"), Ok(365 * 24));
        for wrong in
            ["", "d", "90", "90 d", "-1d", "1.5d", "90é", "1m", "99999999999999999999d", "9999999999999999y"]
        {
            assert!(age(wrong).is_err(), "{wrong}");
        }
    }
}
