use super::connect::{Connections, ProbeReport};
use super::exit::Exit;
use super::report::Failure;
use crate::config::{Config, Plugins};
use crate::model::{EndpointRules, Manifest, PluginKind};
use crate::plugin::{Cache, Library, Sandbox};

/// The plugins of this binary and of the configured folder, and the network.
pub(super) struct Installed;

/// The plugins there are. Files of the folder that are none are told of, and do not stop the others.
pub fn library(plugins: &Plugins) -> Result<Library, Failure> {
    let sandbox = Sandbox::new(Cache::of_user())
        .map_err(|error| Failure::new(Exit::Failed, "failed to start the sandbox").because(&error))?;
    let library = Library::open(plugins.path.as_deref(), sandbox).map_err(|error| {
        Failure::new(Exit::Usage, "failed to find the plugins").because(&error).with_hint(error.hint())
    })?;
    for unusable in library.unusable() {
        tracing::warn!("{} is no plugin: {}", unusable.path.display(), unusable.error);
    }
    Ok(library)
}
