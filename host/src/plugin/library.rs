use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use super::admission::{AdmissionError, Admitted, Expected, Sandbox, sha256_hex};
use super::call::{CallError, Source, Transform};
use super::guest::{Functions, SourceFunctions, TransformFunctions};
use super::limits::Limits;
use super::manifest::{ManifestError, read_manifest};
use super::nearest::nearest;
use super::pool::Pool;
use super::settings::{SettingsError, validate_settings};
use super::state::LogListener;
use crate::model::{Manifest, PluginKind};

include!(concat!(env!("OUT_DIR"), "/builtin.rs"));

/// The plugins that can be used: those in the binary, and the `.wasm` files of the `[plugins] path` folder. A
/// file overrides the built-in of its name. Opening and listing run no plugin's code.
pub struct Library {
    sandbox: Sandbox,
    plugins: BTreeMap<String, Listed>,
    unusable: Vec<Unusable>,
    /// Files' bytes, where they are to outlive the files. By sha256.
    held: BTreeMap<String, Arc<[u8]>>,
}

/// A plugin that can be used, as its manifest describes it.
#[derive(Debug, Clone)]
pub struct Listed {
    pub manifest: Manifest,
    /// Lower-case hex.
    pub sha256: String,
    /// Bytes.
    pub size: u64,
    pub place: Place,
    /// A file that takes the place of a built-in of its name.
    pub overrides_built_in: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    BuiltIn,
    File(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Place::BuiltIn => f.write_str("built-in"),
            Place::File(path) => path.display().fmt(f),
        }
    }
}

/// A `.wasm` file in the folder that is no plugin for this host. It doesn't stop the others.
#[derive(Debug)]
pub struct Unusable {
    pub path: PathBuf,
    pub error: UnusableError,
}

#[derive(Debug, thiserror::Error)]
pub enum UnusableError {
    #[error("read it: {0}")]
    Read(#[from] io::Error),
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

/// The plugins can't be told.
#[derive(Debug, thiserror::Error)]
pub enum LibraryError {
    #[error("read the plugin folder {}: {error}", .folder.display())]
    Folder { folder: PathBuf, error: io::Error },
    #[error("two files give plugin {name}: {} and {}", .first.display(), .second.display())]
    TwoFiles { name: String, first: PathBuf, second: PathBuf },
}

impl LibraryError {
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Folder { .. } => "make the folder, or correct `path` under `[plugins]`".into(),
            Self::TwoFiles { .. } => "remove one of the two files, or move it to another folder".into(),
        })
    }
}

/// A configuration names a plugin that isn't there.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum FindError {
    #[error("there is no plugin {name}; there is {}", names(.available))]
    Unknown { name: String, available: Vec<String>, near: Option<String> },
    #[error("plugin {name} has version {found} ({place}), but {wanted} is asked for")]
    Version { name: String, found: String, wanted: String, place: String },
    #[error("plugin {name} has sha256 {found} ({place}), but {wanted} is asked for")]
    Sha256 { name: String, found: String, wanted: String, place: String },
    #[error("plugin {name}: the file {} can't be used: {reason}", .path.display())]
    Unusable { name: String, path: PathBuf, reason: String, hint: Option<String> },
}

fn names(available: &[String]) -> String {
    if available.is_empty() { "none at all".into() } else { available.join(", ") }
}

impl FindError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Unknown { near: Some(near), .. } => Some(format!("did you mean `{near}`?")),
            Self::Unknown { .. } => {
                Some("put its `.wasm` file into the folder that `[plugins] path` names".into())
            }
            Self::Version { .. } | Self::Sha256 { .. } => Some(
                "put the wanted file into the plugin folder, or correct the connector's configuration".into(),
            ),
            Self::Unusable { hint, .. } => hint.clone(),
        }
    }
}

/// How a plugin is to be used.
#[derive(Debug, Clone, Copy)]
pub struct Setup<'a> {
    /// Whose configuration this is: for hints.
    pub connector: &'a str,
    /// The settings table, as JSON.
    pub settings: &'a Value,
    pub limits: &'a Limits,
}

/// A plugin that is there can't be used as configured.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("plugin {plugin}: read {place}: {reason}")]
    Read { plugin: String, place: String, reason: String },
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    #[error("plugin {plugin} is a {found}, and a {wanted} is needed here")]
    Kind { plugin: String, found: PluginKind, wanted: PluginKind },
    #[error("the settings of plugin {plugin} are wrong: {}", joined(.errors))]
    Settings { plugin: String, errors: Vec<SettingsError> },
    /// `configure` failed.
    #[error(transparent)]
    Call(#[from] CallError),
}

fn joined(errors: &[SettingsError]) -> String {
    errors.iter().map(SettingsError::to_string).collect::<Vec<_>>().join("; ")
}

impl LoadError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read { .. } => None,
            Self::Admission(error) => error.hint(),
            Self::Kind { .. } => Some("see `rollcall plugin list` for what there is".into()),
            Self::Settings { plugin, .. } => {
                Some(format!("`rollcall plugin inspect` shows the settings that {plugin} knows"))
            }
            Self::Call(error) => error.hint(),
        }
    }
}

impl Library {
    /// # Errors
    ///
    /// When the folder can't be read, or two of its files give a plugin of one name.
    pub fn open(folder: Option<&Path>, sandbox: Sandbox) -> Result<Self, LibraryError> {
        let mut library =
            Self { sandbox, plugins: BTreeMap::new(), unusable: Vec::new(), held: BTreeMap::new() };
        for bytes in BUILT_IN {
            match read_manifest(bytes) {
                Ok(manifest) => library.add(listed(manifest, bytes, Place::BuiltIn))?,
                // Only while the contract is being changed and the built component isn't rebuilt yet.
                Err(error) => tracing::warn!(%error, "a built-in plugin can't be used"),
            }
        }
        if let Some(folder) = folder {
            library.read_folder(folder)?;
        }
        Ok(library)
    }

    fn read_folder(&mut self, folder: &Path) -> Result<(), LibraryError> {
        let unreadable = |error| LibraryError::Folder { folder: folder.to_owned(), error };
        let mut paths = Vec::new();
        for entry in fs::read_dir(folder).map_err(unreadable)? {
            let path = entry.map_err(unreadable)?.path();
            if path.extension().is_some_and(|extension| extension == "wasm") && !path.is_dir() {
                paths.push(path);
            }
        }
        // So that messages don't depend on the file system's order.
        paths.sort();
        for path in paths {
            let read = fs::read(&path).map_err(UnusableError::from);
            let read = read.and_then(|bytes| Ok((read_manifest(&bytes)?, bytes)));
            match read {
                Ok((manifest, bytes)) => self.add(listed(manifest, &bytes, Place::File(path)))?,
                Err(error) => self.unusable.push(Unusable { path, error }),
            }
        }
        Ok(())
    }

    fn add(&mut self, mut new: Listed) -> Result<(), LibraryError> {
        let name = new.manifest.name.clone();
        match self.plugins.get(&name) {
            Some(Listed { place: Place::File(first), .. }) => {
                let first = first.clone();
                let Place::File(second) = new.place else { return Ok(()) };
                return Err(LibraryError::TwoFiles { name, first, second });
            }
            Some(Listed { place: Place::BuiltIn, .. }) => new.overrides_built_in = true,
            None => {}
        }
        self.plugins.insert(name, new);
        Ok(())
    }

    /// By name.
    pub fn list(&self) -> impl Iterator<Item = &Listed> {
        self.plugins.values()
    }

    /// Files of the folder that can't be used, and why.
    pub fn unusable(&self) -> &[Unusable] {
        &self.unusable
    }

    pub fn sandbox(&self) -> &Sandbox {
        &self.sandbox
    }

    /// The plugin that a configuration names, optionally with the exact version or sha256.
    pub fn find(
        &self,
        name: &str,
        version: Option<&str>,
        sha256: Option<&str>,
    ) -> Result<&Listed, FindError> {
        // A broken `okta.wasm` was meant to override the built-in: using that one instead would surprise.
        let broken = self.unusable.iter().find(|file| file.path.file_stem().is_some_and(|stem| stem == name));
        let is_file = |listed: &&Listed| matches!(listed.place, Place::File(_));
        if let (Some(file), None) = (broken, self.plugins.get(name).filter(is_file)) {
            let hint = match &file.error {
                UnusableError::Manifest(error) => error.hint(),
                UnusableError::Read(_) => None,
            };
            let (path, reason) = (file.path.clone(), file.error.to_string());
            return Err(FindError::Unusable { name: name.to_owned(), path, reason, hint });
        }
        let Some(found) = self.plugins.get(name) else {
            let available: Vec<String> = self.plugins.keys().cloned().collect();
            let near = nearest(name, available.iter().map(String::as_str)).map(str::to_owned);
            return Err(FindError::Unknown { name: name.to_owned(), available, near });
        };
        let (name, place) = (name.to_owned(), found.place.to_string());
        if let Some(wanted) = version
            && wanted != found.manifest.version
        {
            let (found, wanted) = (found.manifest.version.clone(), wanted.to_owned());
            return Err(FindError::Version { name, found, wanted, place });
        }
        if let Some(wanted) = sha256
            && !wanted.eq_ignore_ascii_case(&found.sha256)
        {
            let (found, wanted) = (found.sha256.clone(), wanted.to_owned());
            return Err(FindError::Sha256 { name, found, wanted, place });
        }
        Ok(found)
    }

    /// A configured source: its settings checked, admitted, one instance configured. Blocks, as its calls do:
    /// to be called on a blocking thread.
    pub fn source(&self, plugin: &Listed, setup: Setup<'_>) -> Result<Arc<dyn Source>, LoadError> {
        Ok(Arc::new(self.configured::<SourceFunctions>(plugin, setup, None)?))
    }

    /// A configured transform, like [`Library::source`].
    pub fn transform(&self, plugin: &Listed, setup: Setup<'_>) -> Result<Arc<dyn Transform>, LoadError> {
        Ok(Arc::new(self.configured::<TransformFunctions>(plugin, setup, None)?))
    }

    /// A configured transform whose lines at debug level go to the listener and not into the log.
    pub fn heard_transform(
        &self,
        plugin: &Listed,
        setup: Setup<'_>,
        listener: LogListener,
    ) -> Result<Arc<dyn Transform>, LoadError> {
        Ok(Arc::new(self.configured::<TransformFunctions>(plugin, setup, Some(listener))?))
    }

    fn configured<F: Functions>(
        &self,
        plugin: &Listed,
        setup: Setup<'_>,
        listener: Option<LogListener>,
    ) -> Result<Pool<F>, LoadError> {
        let label = || format!("{} {}", plugin.manifest.name, plugin.manifest.version);
        if plugin.manifest.kind != F::KIND {
            return Err(LoadError::Kind { plugin: label(), found: plugin.manifest.kind, wanted: F::KIND });
        }
        validate_settings(&plugin.manifest, setup.settings)
            .map_err(|errors| LoadError::Settings { plugin: label(), errors })?;
        let admitted = self.admit(plugin, setup.limits)?;
        Ok(Pool::new(admitted, setup.settings.to_string(), setup.connector, setup.limits, listener)?)
    }

    /// Admits a plugin whose bytes are still those that were listed.
    pub fn admit(&self, plugin: &Listed, limits: &Limits) -> Result<Admitted, LoadError> {
        let label = format!("{} {}", plugin.manifest.name, plugin.manifest.version);
        let expected = Expected { origin: &label, sha256: Some(&plugin.sha256) };
        Ok(self.sandbox.admit(&self.bytes(plugin)?, expected, limits)?)
    }

    /// Keeps the files' bytes, so that the plugins stay what they are when their files change. A process that lives
    /// long wants that.
    pub fn hold(&mut self) -> Result<(), LoadError> {
        for listed in self.plugins.values().filter(|listed| listed.place != Place::BuiltIn) {
            self.held.insert(listed.sha256.clone(), self.bytes(listed)?.into());
        }
        Ok(())
    }

    /// The component's bytes.
    pub fn bytes(&self, plugin: &Listed) -> Result<Cow<'_, [u8]>, LoadError> {
        if let Some(held) = self.held.get(&plugin.sha256) {
            return Ok(Cow::Borrowed(held));
        }
        let unreadable = |reason: String| LoadError::Read {
            plugin: format!("{} {}", plugin.manifest.name, plugin.manifest.version),
            place: plugin.place.to_string(),
            reason,
        };
        match &plugin.place {
            Place::BuiltIn => BUILT_IN
                .iter()
                .find(|bytes| sha256_hex(bytes) == plugin.sha256)
                .map(|bytes| Cow::Borrowed(*bytes))
                .ok_or_else(|| unreadable("it belongs to another build of Rollcall".into())),
            Place::File(path) => {
                fs::read(path).map(Cow::Owned).map_err(|error| unreadable(error.to_string()))
            }
        }
    }

    pub fn into_sandbox(self) -> Sandbox {
        self.sandbox
    }
}

fn listed(manifest: Manifest, bytes: &[u8], place: Place) -> Listed {
    let sha256 = sha256_hex(bytes);
    Listed { manifest, sha256, size: bytes.len() as u64, place, overrides_built_in: false }
}
