use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::global::Global;
use super::installed::library;
use super::interrupt::block_on;
use super::job::Surroundings;
use super::open::ConnectorPlugins;
use super::output::Output;
use super::progress::above;
use super::report::Failure;
use super::tape::{Tape, TapeArguments};
use super::{job, open, show};
use crate::config::{Config, Schedule};
use crate::http::Budgets;
use crate::run::{self, Ended, Reads, RunError, RunReport, Turn, Turns};
use crate::service::AT_A_TIME;

/// Read everything in scope, or what changed, and bring the directory in step with it.
///
/// Nothing is written before everything was read and the plan is complete; then all of it at once. A reading that is
/// empty or incomplete changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall sync acme\n  \
    rollcall sync acme --changes\n  \
    rollcall sync acme --full\n  \
    rollcall sync acme --user ann@example.com\n  \
    rollcall sync --all --auto --json\n  \
    rollcall sync acme --record acme.jsonl.gz\n\n\
    Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 changes are held for a person, \
    4 done with problems.")]
pub(super) struct SyncArguments {
    /// The connector.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Every connector: some read at a time, and they are applied in the stated order, or by name.
    #[arg(long, conflicts_with = "tape")]
    all: bool,
    /// Read only what changed since the last sync.
    ///
    /// That takes a few requests. It needs an earlier full sync of the same configuration, and a full sync from time
    /// to time: no provider tells of every change.
    #[arg(long, conflicts_with = "tape")]
    changes: bool,
    /// Read only this person: user name, e-mail address or the provider's id.
    ///
    /// Only their entry and their memberships are brought in step, in groups that a sync has read before. Whoever left is
    /// treated as [connector.NAME.cleanup] says.
    #[arg(long, value_name = "WHO", value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["all", "changes", "auto", "full"])]
    user: Option<String>,
    /// Read only what changed where that can be told, and else everything, saying why.
    ///
    /// Without being asked a connector does so whose schedule has `changes` or `full-every-hours`.
    #[arg(long, conflicts_with_all = ["changes", "tape"])]
    auto: bool,
    /// Read everything, whatever the connector's schedule says.
    #[arg(long, conflicts_with_all = ["changes", "auto"])]
    full: bool,
    /// With --auto, read everything when the last full sync is so many hours old; without it, `full-every-hours` of the
    /// schedule, or 24.
    #[arg(long, value_name = "HOURS", requires = "auto", value_parser = clap::value_parser!(u32).range(1..))]
    full_every: Option<u32>,
    #[command(flatten)]
    tape: TapeArguments,
    /// Let --record overwrite the file, and --replay apply what is older than the connector's last run.
    #[arg(long, requires = "tape")]
    force: bool,
    /// Let this one sync go over the limits of [connector.NAME.safety]; protected entries stay protected.
    #[arg(long, conflicts_with = "all")]
    override_limits: bool,
}

pub(super) fn run(arguments: &SyncArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    if let Some(name) = &arguments.name {
        let tape = arguments.tape.tape(arguments.force);
        let wishes = arguments.wishes(&config, name);
        let report = sync(&config, name, output, tape, wishes)?;
        output.result(|| show::report(&report), || &report)?;
        return Ok(report.outcome.into());
    }
    if config.connectors.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{} has no connector", config.file().display()))
            .with_hint(Some("`rollcall connector add` adds one")));
    }
    all(config, output, arguments)
}

impl SyncArguments {
    /// A recording is always of everything.
    fn wishes(&self, config: &Config, name: &str) -> Wishes {
        let full_every = self.full_every.map(|hours| Duration::from_secs(u64::from(hours) * 60 * 60));
        let reads = match (self.changes, self.auto) {
            (true, _) => Reads::Changes,
            (false, true) => Reads::Either { full_every: full_every.or(Some(full_every_of(config, name))) },
            (false, false) if self.full || self.tape.is_used() => Reads::Full,
            (false, false) => configured_reads(config, name),
        };
        Wishes { reads, person: self.user.clone(), override_limits: self.override_limits }
    }
}

/// What a sync reads that nobody told how much: what changed only where somebody wants increments.
pub(super) fn configured_reads(config: &Config, name: &str) -> Reads {
    match schedule(config, name).is_some_and(Schedule::has_increments) {
        true => Reads::Either { full_every: Some(full_every_of(config, name)) },
        false => Reads::Full,
    }
}

fn full_every_of(config: &Config, name: &str) -> Duration {
    schedule(config, name).and_then(|schedule| schedule.full_every).unwrap_or(Schedule::FULL_EVERY)
}

fn schedule<'a>(config: &'a Config, name: &str) -> Option<&'a Schedule> {
    config.connectors.get(name)?.schedule.as_ref()
}

/// What is wanted of a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Wishes {
    pub reads: Reads,
    /// Only whoever is called so.
    pub person: Option<String>,
    /// Limits are noted and not enforced.
    pub override_limits: bool,
}

/// One run of one connector. What made it fail is told on stderr.
pub(super) fn sync(
    config: &Config,
    name: &str,
    output: Output,
    tape: Option<Tape>,
    wishes: Wishes,
) -> Result<RunReport, Failure> {
    config.connector(name)?;
    let library = library(&config.plugins)?;
    let plugins = open::plugins(config, &library, name)?;
    let ended = block_on(|interrupt| async move {
        let around = Surroundings { output, cancel: interrupt.token(), budgets: Budgets::default() };
        Ok(one(config, name, plugins, &around, Turn::at_once(), tape, wishes).await??)
    })?;
    tell(ended.error.map(Failure::from));
    Ok(ended.report)
}

/// One run: how it ended, or why it could not begin.
pub(super) async fn one(
    config: &Config,
    name: &str,
    plugins: ConnectorPlugins,
    around: &Surroundings,
    turn: Turn,
    tape: Option<Tape>,
    wishes: Wishes,
) -> Result<Result<Ended, RunError>, Failure> {
    let mut store = tokio::task::block_in_place(|| job::store(config.directory_of(name)))?;
    let mut job = job::job(config, name, plugins, around, turn, tape).await?;
    (job.reads, job.override_limits) = (wishes.reads, wishes.override_limits);
    job.person = job::whom(&mut store, name, wishes.person.as_deref())?;
    Ok(run::sync(&job, &mut store).await)
}

/// Every connector. Those of one provider and credential spend one budget together.
fn all(config: Config, output: Output, arguments: &SyncArguments) -> Result<Exit, Failure> {
    let library = library(&config.plugins)?;
    let directories = config.directories()?;
    let names: Vec<String> = directories.iter().flat_map(|directory| directory.order.clone()).collect();
    // Here, because it may compile.
    let opened: Vec<_> = names.iter().map(|name| open::plugins(&config, &library, name)).collect();
    let wishes: Vec<_> = names.iter().map(|name| arguments.wishes(&config, name)).collect();
    let config = Arc::new(config);
    block_on(|interrupt| async move {
        let around =
            Arc::new(Surroundings { output, cancel: interrupt.token(), budgets: Budgets::default() });
        let (begun, mut runs) = mpsc::unbounded_channel();
        tokio::spawn(async move {
            let places = Arc::new(Semaphore::new(AT_A_TIME));
            // Only those of one directory wait for each other.
            let mut turns: BTreeMap<PathBuf, Turns> = BTreeMap::new();
            for ((name, opened), wishes) in names.into_iter().zip(opened).zip(wishes) {
                let place = Arc::clone(&places).acquire_owned().await;
                let (config, around) = (Arc::clone(&config), Arc::clone(&around));
                let wishes = wishes.clone();
                let turn = turns.entry(config.directory_of(&name).path.clone()).or_default().give();
                let run = tokio::spawn(async move {
                    let _place = place;
                    stop_if_asked(&around.cancel, &name)?;
                    let ended = one(&config, &name, opened?, &around, turn, None, wishes).await?;
                    ended.map_err(Failure::from)
                });
                // Nobody listens any more when the results can't be printed.
                if begun.send(run).is_err() {
                    break;
                }
            }
        });
        let mut reports = Vec::new();
        let mut worst = Exit::Done;
        while let Some(run) = runs.recv().await {
            let ended =
                run.await.map_err(|error| Failure::new(Exit::Failed, "a run ended").because(&error))?;
            match ended {
                Ok(Ended { report, error }) => {
                    worst = worse(worst, report.outcome.into());
                    tell(error.map(|error| {
                        Failure::from(error)
                            .within(format!("failed to sync connector `{}`", report.connector))
                    }));
                    if !output.json {
                        above(|| output.result(|| show::report(&report), || &report))?;
                    }
                    reports.push(report);
                }
                // One connector's failure is no reason not to sync the others.
                Err(failure) => {
                    worst = worse(worst, failure.exit());
                    above(|| anstream::eprintln!("{}", failure.text()));
                }
            }
        }
        if output.json {
            output.result(String::new, || &reports)?;
        }
        Ok(worst)
    })
}

fn stop_if_asked(cancel: &CancellationToken, name: &str) -> Result<(), Failure> {
    match cancel.is_cancelled() {
        true => {
            Err(Failure::new(Exit::Failed, format!("connector {name} was not synced: stopped by request")))
        }
        false => Ok(()),
    }
}

fn tell(failure: Option<Failure>) {
    if let Some(failure) = failure {
        above(|| anstream::eprintln!("{}", failure.text()));
    }
}

fn worse(one: Exit, other: Exit) -> Exit {
    let rank = |exit| match exit {
        Exit::Done => 0,
        Exit::Problems => 1,
        Exit::Held => 2,
        Exit::Usage => 3,
        Exit::Failed => 4,
        Exit::Interrupted => 5,
    };
    if rank(other) > rank(one) { other } else { one }
}
