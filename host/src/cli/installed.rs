use std::sync::Arc;
use std::time::Instant;

use super::connect::{Connections, ProbeReport};
use super::exit::Exit;
use super::interrupt::block_on;
use super::open;
use super::output::Output;
use super::progress::Progress;
use super::report::Failure;
use crate::config::{Config, Plugins};
use crate::http::{Budgets, Endpoint, Transport};
use crate::model::{EndpointRules, Manifest, PluginKind};
use crate::plugin::{Cache, Library, Sandbox};
use crate::run::{Event, Observer, probe};

/// The plugins of this binary and of the configured folder, and the network.
pub(super) struct Installed {
    pub output: Output,
}

impl Connections for Installed {
    fn sources(&self, plugins: &Plugins) -> Result<Vec<Manifest>, Failure> {
        let library = library(plugins)?;
        let sources = library.list().filter(|plugin| plugin.manifest.kind == PluginKind::Source);
        Ok(sources.map(|plugin| plugin.manifest.clone()).collect())
    }

    fn endpoint(&self, rules: &EndpointRules, given: &str) -> Result<String, String> {
        let endpoint = Endpoint::parse(given, rules).map_err(|error| error.to_string())?;
        let origin = endpoint.to_string();
        Ok(origin.strip_prefix("https://").map_or(origin.clone(), str::to_owned))
    }

    fn test(&self, config: &Config, connector: &str) -> Result<ProbeReport, Failure> {
        let library = library(&config.plugins)?;
        let source = open::plugins(config, &library, connector)?.source;
        let progress = Arc::new(Progress::start(connector, self.output));
        block_on(|interrupt| async move {
            let started = Instant::now();
            let heard = Arc::clone(&progress);
            let listener = Arc::new(move |event| heard.event(Event::Http(event)));
            let (client, endpoint) =
                open::client(config, connector, source.manifest(), listener, Budgets::default()).await?;
            let identity = source.identity().to_string();
            let found = tokio::select! {
                found = probe(source, &client) => found,
                () = interrupt.wait() => return Err(Failure::new(Exit::Interrupted, "stopped")),
            };
            let facts = found.map_err(|error| {
                Failure::new(Exit::Failed, format!("failed to test connector `{connector}`"))
                    .because(&error)
                    .with_hint(error.hint())
            })?;
            let mut told = client.app_facts();
            told.extend(facts);
            Ok(ProbeReport {
                endpoint: endpoint.to_string(),
                plugin: identity,
                facts: told,
                requests: client.totals().sent,
                elapsed: started.elapsed(),
            })
        })
    }
}

/// The plugins there are. Files of the folder that are none are told of, and do not stop the others.
pub fn library(plugins: &Plugins) -> Result<Library, Failure> {
    let library = find(plugins)?;
    for unusable in library.unusable() {
        tracing::warn!("{} can't be used as a plugin: {}", unusable.path.display(), unusable.error);
    }
    Ok(library)
}

/// The plugins there are, without a word.
pub(super) fn find(plugins: &Plugins) -> Result<Library, Failure> {
    let sandbox = Sandbox::new(Cache::of_user())
        .map_err(|error| Failure::new(Exit::Failed, "failed to start the sandbox").because(&error))?;
    Library::open(plugins.path.as_deref(), sandbox).map_err(|error| {
        Failure::new(Exit::Usage, "failed to find the plugins").because(&error).with_hint(error.hint())
    })
}
