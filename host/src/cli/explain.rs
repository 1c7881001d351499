//! `rollcall explain`: why a person is, or is not, in the directory, with these groups, looking like this.

mod text;

use clap::Args;
use clap::builder::NonEmptyStringValueParser;

use super::exit::Exit;
use super::global::Global;
use super::installed::library;
use super::job::existing_store;
use super::open;
use super::output::{Output, width};
use super::report::Failure;
use crate::clock;
use crate::directory::Store;
use crate::run::RunError;
use crate::run::explain::{ExplainInputs, Whereabouts, explain};

/// Explain why a person is, or is not, in the directory, with these groups, looking like this.
///
/// The answer comes from what the last syncs read and did, and from the rules as they are now. Nothing is asked of the
/// provider, and nothing is changed.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall explain acme ann@example.com\n  \
    rollcall explain acme 00u1a2b3c4d5e6f7g8h9 --json\n\n\
    Exit codes: 0 explained, 1 nobody like that is known, 2 usage or configuration.")]
pub(super) struct ExplainArguments {
    /// The connector.
    #[arg(value_name = "NAME")]
    connector: String,
    /// User name, here or at the provider, now or before; e-mail address; or the provider's id.
    #[arg(value_parser = NonEmptyStringValueParser::new())]
    who: String,
}

pub(super) fn run(arguments: &ExplainArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let name = &arguments.connector;
    let connector = config.connector(name)?;
    let library = library(&config.plugins)?;
    let transforms = open::trial(&config, &library, name)?;
    let choice = &connector.plugin;
    // Without the source, what it refers with is not known, and all else is.
    let source = library.find(&choice.name, choice.version.as_deref(), choice.sha256.as_deref());
    let references = source.map(|listed| listed.manifest.reference.clone()).unwrap_or_default();
    let mut store = existing_store(config.directory_of(name))?;
    let reader = store.read().map_err(RunError::from)?;
    let explained = explain(&ExplainInputs {
        reader: reader.as_ref(),
        connector: name,
        asked: arguments.who.trim(),
        transforms: &transforms,
        policy: &connector.policy,
        references: &references,
        now: clock::now(),
    })?;
    output.view(|| text::of(&explained, width()), || &explained)?;
    Ok(match explained.whereabouts {
        Whereabouts::Unknown => Exit::Failed,
        _ => Exit::Done,
    })
}
