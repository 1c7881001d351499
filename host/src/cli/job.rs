//! From a configured connector to a run of it.

use std::sync::Arc;

use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::interrupt::Interrupt;
use super::open::{self, ConnectorPlugins};
use super::output::Output;
use super::progress::Progress;
use super::report::Failure;
use crate::config::Config;
use crate::directory::{SqliteStore, StoreError};
use crate::plugin::Identity;
use crate::run::{Event, Job, Observer, RunError, WorkFolder};

/// Opens the directory, making it if there is none.
pub(super) fn store(config: &Config) -> Result<SqliteStore, Failure> {
    SqliteStore::open(&config.directory).map_err(Failure::from)
}

/// Opens the directory if there is one; else says how to get one.
pub(super) fn existing_store(config: &Config) -> Result<SqliteStore, Failure> {
    SqliteStore::open_existing(&config.directory)?.ok_or_else(|| {
        let what = format!("there is no directory yet at {}", config.directory.display());
        Failure::new(Exit::Failed, what).with_hint(Some("`rollcall sync --all` makes it"))
    })
}

/// Everything that a run of the connector works with. Its plugins are opened already, because that may compile.
pub(super) async fn job(
    config: &Config,
    name: &str,
    plugins: ConnectorPlugins,
    output: Output,
    interrupt: Interrupt,
) -> Result<Job, Failure> {
    let connector = config.connector(name)?;
    let progress = Arc::new(Progress::start(name, output));
    let heard = Arc::clone(&progress);
    let listener = Arc::new(move |event| heard.event(Event::Http(event)));
    let (client, endpoint) = open::client(config, name, plugins.source.manifest(), listener).await?;
    let cancel = CancellationToken::new();
    let token = cancel.clone();
    tokio::spawn(async move {
        interrupt.wait().await;
        token.cancel();
    });
    let rules = hash("rollcall rules 1", |part| {
        for (transform, used) in plugins.transforms.iter().zip(&connector.transforms) {
            part_of_plugin(part, transform.identity(), &used.settings);
        }
    });
    let reading = hash("rollcall reading 1", |part| {
        part_of_plugin(part, plugins.source.identity(), &connector.settings);
        part(endpoint.to_string().as_bytes());
        part(client.credential_identity().as_bytes());
        part(&rules);
    });
    Ok(Job {
        connector: name.to_owned(),
        source: plugins.source,
        transforms: plugins.transforms.into(),
        transport: Arc::new(client),
        work: WorkFolder::beside(&config.directory)?,
        reading,
        rules,
        max_requests: connector.limits.requests_per_run,
        observer: progress,
        cancel,
    })
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

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Failure::of(Exit::Failed, &error).with_hint(error.hint())
    }
}
