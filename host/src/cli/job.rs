//! From a configured connector to a run of it.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::open::{self, ConnectorPlugins};
use super::output::Output;
use super::progress::Progress;
use super::report::Failure;
use super::tape::Tape;
use crate::config::{Config, Connector, Directory};
use crate::directory::{SqliteStore, Store, StoreError};
use crate::http::{Budgets, Cassette, CassetteError, Endpoint, PluginUsed, Provenance, Recorder};
use crate::plugin::Identity;
use crate::run::{Answers, Event, Job, Observer, Precedence, Reads, Turn, Whom, WorkFolder};

/// Opens the directory, making it if there is none.
pub(super) fn store(directory: &Directory) -> Result<SqliteStore, Failure> {
    SqliteStore::open(&directory.path).map_err(Failure::from)
}

/// Opens the directory if there is one; else says how to get one.
pub(super) fn existing_store(directory: &Directory) -> Result<SqliteStore, Failure> {
    SqliteStore::open_existing(&directory.path)?.ok_or_else(|| {
        let what = format!("there is no directory yet at {}", directory.path.display());
        let hint = match directory.is_filled() {
            true => "`rollcall sync --all` makes it",
            false => "no connector fills it; `--directory NAME` shows another one",
        };
        Failure::new(Exit::Failed, what).with_hint(Some(hint))
    })
}

/// What is around the runs of a command.
pub(super) struct Surroundings {
    pub output: Output,
    /// Ends the runs.
    pub cancel: CancellationToken,
    /// What the runs spend together.
    pub budgets: Budgets,
}

/// Everything that a run of the connector works with. Its plugins are opened already, because that may compile.
pub(super) async fn job(
    config: &Config,
    name: &str,
    plugins: ConnectorPlugins,
    around: &Surroundings,
    turn: Turn,
    tape: Option<Tape>,
) -> Result<Job, Failure> {
    let connector = config.connector(name)?;
    let progress = Arc::new(Progress::start(name, around.output));
    let heard = Arc::clone(&progress);
    let listener = Arc::new(move |event| heard.event(Event::Http(event)));
    let manifest = plugins.source.manifest();
    let rules = rules(connector, &plugins);
    let references = open::references(config, name, manifest)?;
    let from = |endpoint: &Endpoint| provenance(config, name, &plugins, endpoint);
    let (answers, endpoint, whose) = match tape {
        Some(Tape::Replay { file, even_if_older }) => {
            let (endpoint, _) = open::endpoint(config, name, manifest)?;
            let cassette = tokio::task::block_in_place(|| Cassette::open(&file))?;
            let from = from(&endpoint)?;
            cassette.check(&from)?;
            let (differs, whose) = (cassette.differences(&from), cassette.identity().to_owned());
            for difference in &differs {
                around.output.note(&format!("since it was recorded there is another {difference}"));
            }
            (Answers::Recording { cassette, differs, even_if_older }, endpoint, whose)
        }
        recorded => {
            let budgets = around.budgets.clone();
            let (client, endpoint) = open::client(config, name, manifest, listener, budgets).await?;
            let recorder = match recorded {
                Some(Tape::Record { file, overwrite }) => {
                    Some(Recorder::create(&file, overwrite, client.scrub()?, from(&endpoint)?)?)
                }
                _ => None,
            };
            let whose = client.credential_identity().to_owned();
            (Answers::Provider { transport: Arc::new(client), recorder }, endpoint, whose)
        }
    };
    let reading = hash("rollcall reading 1", |part| {
        part_of_plugin(part, plugins.source.identity(), &connector.settings);
        part(endpoint.to_string().as_bytes());
        part(whose.as_bytes());
        part(&rules);
    });
    Ok(Job {
        connector: name.to_owned(),
        source: plugins.source,
        transforms: plugins.transforms.into(),
        answers,
        turn,
        work: WorkFolder::beside(&config.directory_of(name).path)?,
        reading,
        rules,
        references,
        policy: connector.policy.clone(),
        precedence: Precedence::new(&config.directory_of(name).order),
        override_limits: false,
        reads: Reads::Full,
        person: None,
        skipping: connector.reading,
        max_requests: connector.limits.requests_per_run,
        observer: progress,
        cancel: around.cancel.child_token(),
    })
}

/// Whom a run of one person is about.
pub(super) fn whom(
    store: &mut SqliteStore,
    connector: &str,
    asked: Option<&str>,
) -> Result<Option<Whom>, Failure> {
    let Some(asked) = asked else { return Ok(None) };
    let found = tokio::task::block_in_place(|| Whom::find(store.read()?.as_ref(), connector, asked));
    Ok(Some(found?))
}

/// Of what a recording or a plan of the connector is one.
pub(super) fn provenance(
    config: &Config,
    name: &str,
    plugins: &ConnectorPlugins,
    endpoint: &Endpoint,
) -> Result<Provenance, Failure> {
    let connector = config.connector(name)?;
    let settings = hash("rollcall settings 1", |part| part(connector.settings.to_string().as_bytes()));
    Ok(Provenance {
        connector: name.to_owned(),
        plugin: used(plugins.source.identity()),
        endpoint: endpoint.to_string(),
        settings: hex(&settings),
        transforms: hex(&rules(connector, plugins)),
    })
}

/// Hash of the transforms and their settings.
fn rules(connector: &Connector, plugins: &ConnectorPlugins) -> [u8; 32] {
    hash("rollcall rules 1", |part| {
        for (transform, used) in plugins.transforms.iter().zip(&connector.transforms) {
            part_of_plugin(part, transform.identity(), &used.settings);
        }
    })
}

fn used(identity: &Identity) -> PluginUsed {
    PluginUsed {
        name: identity.name.clone(),
        version: identity.version.clone(),
        sha256: identity.sha256.clone(),
    }
}

/// Enough of a hash to tell settings apart.
fn hex(hash: &[u8; 32]) -> String {
    hash[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

fn part_of_plugin(part: &mut dyn FnMut(&[u8]), identity: &Identity, settings: &Value) {
    part(identity.sha256.as_bytes());
    part(settings.to_string().as_bytes());
}

/// A hash of parts, each with its length.
fn hash(context: &str, parts: impl FnOnce(&mut dyn FnMut(&[u8]))) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new_derive_key(context);
    parts(&mut |part| {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    });
    *hasher.finalize().as_bytes()
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Failure::of(Exit::Failed, &error).with_hint(error.hint())
    }
}

impl From<CassetteError> for Failure {
    fn from(error: CassetteError) -> Self {
        let exit = match error {
            CassetteError::Exists { .. } => Exit::Usage,
            _ => Exit::Failed,
        };
        Failure::of(exit, &error).with_hint(error.hint())
    }
}
