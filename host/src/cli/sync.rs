use clap::Args;

use super::exit::Exit;
use super::global::Global;
use super::installed::library;
use super::interrupt::block_on;
use super::output::Output;
use super::report::Failure;
use super::{job, open, show};
use crate::config::Config;
use crate::run::{self, Ended, RunReport};

/// Read everything in scope and bring the directory in step with it.
///
/// Nothing is written before everything was read and the plan is complete; then all of it at once. A reading that is
/// empty or incomplete changes nothing.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall sync acme\n  \
    rollcall sync --all --json\n\n\
    Exit codes: 0 done, 1 failed, 2 usage or configuration, 4 done with problems.")]
pub(super) struct SyncArguments {
    /// The connector.
    #[arg(required_unless_present = "all", conflicts_with = "all")]
    name: Option<String>,
    /// Every connector, one after the other.
    #[arg(long)]
    all: bool,
}

pub(super) fn run(arguments: &SyncArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    if let Some(name) = &arguments.name {
        let report = sync(&config, name, output)?;
        output.result(|| show::report(&report), || &report)?;
        return Ok(report.outcome.into());
    }
    if config.connectors.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{} has no connector", config.file().display()))
            .with_hint(Some("`rollcall connector add` adds one")));
    }
    let mut reports = Vec::new();
    let mut worst = Exit::Done;
    for name in config.connectors.keys() {
        match sync(&config, name, output) {
            Ok(report) => {
                worst = worse(worst, report.outcome.into());
                if !output.json {
                    output.result(|| show::report(&report), || &report)?;
                }
                reports.push(report);
            }
            // One connector's failure is no reason not to sync the others.
            Err(failure) if !failure.is_silent() && failure.exit() != Exit::Interrupted => {
                anstream::eprintln!("{}", failure.text());
                worst = worse(worst, failure.exit());
            }
            Err(failure) => return Err(failure),
        }
    }
    if output.json {
        output.result(String::new, || &reports)?;
    }
    Ok(worst)
}

/// One run of one connector. What made it fail is told on stderr.
pub(super) fn sync(config: &Config, name: &str, output: Output) -> Result<RunReport, Failure> {
    config.connector(name)?;
    let library = library(&config.plugins)?;
    let plugins = open::plugins(config, &library, name)?;
    let mut store = job::store(config)?;
    let ended = block_on(|interrupt| async move {
        let job = job::job(config, name, plugins, output, interrupt).await?;
        run::sync(&job, &mut store).await.map_err(Failure::from)
    })?;
    let Ended { report, error } = ended;
    if let Some(error) = error {
        let failure = Failure::from(error);
        anstream::eprintln!("{}", failure.text());
    }
    Ok(report)
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
