//! A plan that `plan --out` kept is applied.

use std::path::PathBuf;

use clap::Args;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::global::Global;
use super::installed::library;
use super::job::{self, existing_store};
use super::output::Output;
use super::report::Failure;
use super::{open, show};
use crate::run::planfile::{Applying, PlanFile, PlanFileError, apply};
use crate::run::{RunError, WorkFolder};

/// Apply a plan that `rollcall plan NAME --out FILE` kept: exactly it, or nothing.
///
/// Nothing is read from the provider. Each entry has to be as it was when the plan was made, and so have the settings of
/// its connector. It is a run of its own, in one transaction. What the plan would hold is held.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall apply acme.plan\n  \
    rollcall apply acme.plan --skip-changed\n  \
    rollcall apply acme.plan.gz --override-limits\n\n\
    Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 changes are held for a person, \
    4 done with problems, or some no longer fitted.")]
pub(super) struct ApplyArguments {
    /// The plan.
    file: PathBuf,
    /// Leave out what no longer fits, instead of applying nothing.
    #[arg(long)]
    skip_changed: bool,
    /// Apply what the plan would hold as well; protected entries stay protected.
    #[arg(long)]
    override_limits: bool,
}

pub(super) fn run(arguments: &ApplyArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let plan = PlanFile::open(&arguments.file)?;
    let name = plan.connector().to_owned();
    if !config.connectors.contains_key(&name) {
        return Err(plan.unknown_connector().into());
    }
    let mut store = existing_store(config.directory_of(&name))?;
    let plugins = open::plugins(&config, &library(&config.plugins)?, &name)?;
    let (endpoint, _) = open::endpoint(&config, &name, plugins.source.manifest())?;
    let applying = Applying {
        plan,
        from: &job::provenance(&config, &name, &plugins, &endpoint)?,
        policy: &config.connector(&name)?.policy,
        override_limits: arguments.override_limits,
        skip_changed: arguments.skip_changed,
        work: &WorkFolder::beside(&config.directory_of(&name).path)?,
        cancel: &CancellationToken::new(),
    };
    let report = apply(applying, &mut store)?;
    output.result(|| show::report(&report), || &report)?;
    Ok(report.outcome.into())
}

impl From<PlanFileError> for Failure {
    fn from(error: PlanFileError) -> Self {
        let exit = match error {
            PlanFileError::Exists { .. }
            | PlanFileError::Connector { .. }
            | PlanFileError::Directory { .. }
            | PlanFileError::Applied { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
        let changed = error.changed();
        let detail = (!changed.is_empty()).then(|| format!("  {}", changed.join("\n  ")));
        let mut failure = Failure::of(exit, &error).with_detail(detail).with_hint(error.hint());
        failure.add_causes(changed);
        failure
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        match error {
            RunError::PlanFile(error) => error.into(),
            error => Failure::of(Exit::Failed, &error).with_hint(error.hint()),
        }
    }
}
