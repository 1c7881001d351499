//! `rollcall doctor`: could a sync work, and if not, what is to be done?
//!
//! Each check makes [`Finding`]s, and none stops the others. They use what a run uses ([`open`](super::open), the
//! library, the store, the probe), so that they can't disagree with it. `machine` checks what all connectors share,
//! `connector` what is one's own.

mod connector;
mod finding;
mod machine;

use std::io::{self, IsTerminal, Write};

use clap::Args;
use serde::Serialize;

use finding::{Finding, State};

use super::directory::DirectoryArguments;
use super::exit::Exit;
use super::global::Global;
use super::human::plural;
use super::interrupt::block_on;
use super::output::{Output, print_json, width};
use super::pager::written;
use super::pause::pause_of;
use super::report::Failure;
use crate::config::Config;

/// See whether a sync could work: configuration, plugins, database, disk, connections, credentials, clocks.
///
/// Asks each provider what `rollcall connector test` asks, and changes nothing. Every check says what it saw, and what
/// to do where that is not well.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall doctor\n  \
    rollcall doctor acme --json\n  \
    rollcall doctor --offline\n\n\
    Exit codes: 0 all is well, or there are only warnings; 2 the configuration is wrong; 1 something else is.")]
pub(super) struct DoctorArguments {
    /// Only this connector; without it all of them.
    name: Option<String>,
    /// Ask no provider, and read no credential.
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    problems: usize,
    warnings: usize,
    checks: &'a [Finding],
}

pub(super) fn run(arguments: &DoctorArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let findings = examine(arguments, global, output)?;
    let count = |state: State| findings.iter().filter(|finding| finding.state == state).count();
    let (problems, warnings) = (count(State::Problem), count(State::Warning));
    if output.json {
        print_json(&Shown { problems, warnings, checks: &findings })?;
    } else {
        let shown = findings.iter().filter(|finding| !output.quiet || finding.state != State::Ok);
        let mut text = finding::text(shown, width());
        if !output.quiet {
            text.push_str(&format!("\n{}\n", summary(problems, warnings)));
        }
        written(anstream::stdout().lock().write_all(text.as_bytes()))?;
    }
    let of_configuration =
        findings.iter().any(|finding| finding.state == State::Problem && finding.exit == Exit::Usage);
    Ok(match (problems, of_configuration) {
        (0, _) => Exit::Done,
        (_, true) => Exit::Usage,
        (_, false) => Exit::Failed,
    })
}

fn summary(problems: usize, warnings: usize) -> String {
    let problems_told = plural(problems as u64, "problem", "problems");
    let warnings_told = plural(warnings as u64, "warning", "warnings");
    match (problems, warnings) {
        (0, 0) => "All is well.".to_owned(),
        (0, _) => format!("{warnings_told}; a sync can work."),
        (_, 0) => format!("{problems_told}."),
        (_, _) => format!("{problems_told}, {warnings_told}."),
    }
}

fn examine(arguments: &DoctorArguments, global: &Global, output: Output) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    let config = match global.load() {
        Ok(config) => config,
        Err(error) => {
            findings.push(Finding::failed("configuration", &error.into()));
            let rest = ["plugins", "database", "work folder", "disk"];
            findings
                .extend(rest.map(|check| Finding::skipped(check, "the configuration says what to look at")));
            return Ok(findings);
        }
    };
    if let Some(name) = &arguments.name {
        config.connector(name)?;
    }
    findings.push(configuration(&config));
    let library = machine::plugins(&config, &mut findings);
    let directories = match (&arguments.name, &arguments.directory.directory) {
        (None, None) => config.directories()?,
        (name, _) => vec![arguments.directory.of(&config, name.as_deref())?],
    };
    directories.iter().for_each(|directory| machine::storage(&directory.path, &mut findings));
    let of_directories =
        |name: &str| directories.iter().any(|directory| directory.name == config.directory_of(name).name);
    let names: Vec<&String> = config
        .connectors
        .keys()
        .filter(|name| arguments.name.as_ref().map_or_else(|| of_directories(name), |asked| asked == *name))
        .collect();
    // On a terminal somebody waits; elsewhere only the result counts.
    let output = Output { quiet: output.quiet || !io::stderr().is_terminal(), ..output };
    for name in names {
        // What is wrong with the database is told already.
        if let Ok(Some(pause)) = pause_of(&config, name) {
            let finding =
                Finding::warning("pause", format!("it is {pause}: its syncs hold all that they plan"));
            findings.push(finding.with_hint(format!("`rollcall resume {name}` ends that")).about(name));
        }
        let found = match &library {
            Some(library) => {
                let loaded = connector::plugin(&config, library, name, &mut findings);
                loaded.map(|source| (name, source))
            }
            None => {
                findings.push(Finding::skipped("plugin", "there is no library of plugins").about(name));
                None
            }
        };
        let Some((name, source)) = found else {
            for check in ["credential", "connection", "access", "clock"] {
                findings.push(Finding::skipped(check, "it takes the plugin").about(name));
            }
            continue;
        };
        findings.extend(connector::increments(&config, name, source.as_ref()));
        if arguments.offline {
            connector::offline(&config, name, source.manifest(), &mut findings);
            continue;
        }
        let config = &config;
        let asked = block_on(|interrupt| async move {
            tokio::select! {
                asked = connector::ask(config, name, source, output) => Ok(asked),
                () = interrupt.wait() => Err(Failure::new(Exit::Interrupted, "stopped")),
            }
        })?;
        findings.extend(asked);
    }
    Ok(findings)
}

fn configuration(config: &Config) -> Finding {
    let file = config.file().display();
    match config.connectors.len() {
        0 => Finding::warning("configuration", format!("{file} has no connector"))
            .with_hint("`rollcall connector add` adds one"),
        number => {
            let saw = format!("{file} is valid: {}", plural(number as u64, "connector", "connectors"));
            Finding::ok("configuration", saw)
        }
    }
}
