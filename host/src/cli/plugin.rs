//! `rollcall plugin list | inspect | check | build`: plugins without a connector.
//!
//! [`execute`] does the work and gives an [`Outcome`], which is text for people and JSON for programs.

mod outcome;
mod settings;

use std::io;
use std::path::{Path, PathBuf};
use std::{fs, iter};

use clap::{Args, Subcommand};

pub use outcome::{BuiltPlugin, Checked, Compared, Inspected, ListedPlugin, Outcome, UnusableFile};
pub use settings::{Setting, settings};

use super::output::Output;
use super::report::Failure;
use crate::plugin::build::{self, BuildError, BuildTarget, BytesCompared};
use crate::plugin::{
    AdmissionError, Anatomy, Cache, EngineError, Expected, FindError, Library, LibraryError, Limits,
    LoadError, ManifestError, NotAComponent, Place, Sandbox, UnusableError, read_manifest, sha256_hex,
};

/// See what plugins there are, look into one, try one, build one.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall plugin list\n  \
    rollcall plugin inspect okta")]
pub struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// The plugins that connectors can name: those built in and those of the plugin folder.
    #[command(after_help = "Examples:\n  \
        rollcall plugin list\n  \
        rollcall plugin list --json")]
    List,
    /// What a plugin says of itself and is made of: settings, requests, credential, imports. None of its code is
    /// run.
    #[command(after_help = "Examples:\n  \
        rollcall plugin inspect okta\n  \
        rollcall plugin inspect plugins/staff.wasm")]
    Inspect {
        /// A `.wasm` file, or the name of a plugin that `list` shows.
        plugin: PathBuf,
    },
    /// Whether a plugin may run here: everything that is checked before its first call.
    #[command(after_help = "Examples:\n  \
        rollcall plugin check plugins/staff.wasm")]
    Check {
        /// A `.wasm` file, or the name of a plugin that `list` shows.
        plugin: PathBuf,
        /// The sha256 that the file has to have.
        #[arg(long, value_name = "HEX")]
        sha256: Option<String>,
    },
    /// Build a plugin's source into one `.wasm` file with its manifest inside.
    #[command(after_help = "Examples:\n  \
        rollcall plugin build staff --out plugins\n  \
        rollcall plugin build plugins/okta --out plugins/dist --record\n  \
        rollcall plugin build plugins/okta --out plugins/dist --verify")]
    Build(BuildArgs),
}

#[derive(Debug, Args)]
struct BuildArgs {
    /// The folder with `Cargo.toml`, `plugin.toml` and `src/`.
    dir: PathBuf,
    /// Where NAME.wasm goes.
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    /// What it is compiled for.
    #[arg(long, value_enum, default_value_t)]
    target: BuildTarget,
    /// Also write down what it was built from: NAME.toml and SHA256SUMS, beside NAME.wasm.
    #[arg(long, requires = "out", conflicts_with = "verify")]
    record: bool,
    /// Build nothing into `--out`, but check that the NAME.wasm there is what the sources give.
    #[arg(long, requires = "out")]
    verify: bool,
}

/// A `plugin` command did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum PluginCliError {
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error(transparent)]
    Library(#[from] LibraryError),
    #[error(transparent)]
    Find(#[from] FindError),
    #[error(transparent)]
    Load(#[from] LoadError),
    #[error("read {}: {error}", .path.display())]
    Read { path: PathBuf, error: io::Error },
    #[error("{}: {error}", .path.display())]
    NotAComponent { path: PathBuf, error: NotAComponent },
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    #[error(transparent)]
    Build(#[from] BuildError),
}

impl PluginCliError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.hint(),
            Self::Library(error) => error.hint(),
            Self::Find(error) => error.hint(),
            Self::Load(error) => error.hint(),
            Self::NotAComponent { error, .. } => error.hint(),
            Self::Admission(error) => error.hint(),
            Self::Build(error) => error.hint(),
            Self::Read { .. } => None,
        }
    }
}

/// Does the work and prints its outcome.
pub fn run(args: &PluginArgs, library_folder: Option<&Path>, output: Output) -> Result<(), Failure> {
    let outcome = execute(args, library_folder)?;
    match outcome {
        Outcome::List { .. } | Outcome::Inspect(_) => output.view(|| outcome.text(), || &outcome),
        _ => output.result(|| outcome.text(), || &outcome),
    }
}

/// Does the work. `library_folder` is what `[plugins] path` names.
pub fn execute(args: &PluginArgs, library_folder: Option<&Path>) -> Result<Outcome, PluginCliError> {
    let sandbox = Sandbox::new(Cache::of_user())?;
    match &args.command {
        PluginCommand::List => list(&Library::open(library_folder, sandbox)?),
        PluginCommand::Inspect { plugin } => inspect(&Chosen::find(plugin, library_folder, sandbox)?.0),
        PluginCommand::Check { plugin, sha256 } => {
            let (chosen, sandbox) = Chosen::find(plugin, library_folder, sandbox)?;
            check(&chosen, sha256.as_deref(), &sandbox)
        }
        PluginCommand::Build(build) if build.verify => verify(build, &sandbox),
        PluginCommand::Build(build) => make(build, &sandbox),
    }
}

/// The bytes that a command is about.
struct Chosen {
    place: String,
    bytes: Vec<u8>,
}

impl Chosen {
    /// The file of that path; else the plugin of that name in the library.
    fn find(
        plugin: &Path,
        folder: Option<&Path>,
        sandbox: Sandbox,
    ) -> Result<(Self, Sandbox), PluginCliError> {
        let name = plugin.to_str().filter(|name| !plugin.is_file() && !name.contains(['/', '\\', '.']));
        let Some(name) = name else {
            let read = fs::read(plugin);
            let bytes = read.map_err(|error| PluginCliError::Read { path: plugin.to_owned(), error })?;
            return Ok((Self { place: plugin.display().to_string(), bytes }, sandbox));
        };
        let library = Library::open(folder, sandbox)?;
        let listed = library.find(name, None, None)?;
        let chosen = Self { place: listed.place.to_string(), bytes: library.bytes(listed)?.into_owned() };
        Ok((chosen, library.into_sandbox()))
    }
}

fn list(library: &Library) -> Result<Outcome, PluginCliError> {
    let plugins = library.list().map(|listed| ListedPlugin {
        name: listed.manifest.name.clone(),
        version: listed.manifest.version.clone(),
        kind: listed.manifest.kind,
        summary: listed.manifest.summary.clone(),
        place: listed.place.to_string(),
        built_in: listed.place == Place::BuiltIn,
        overrides_built_in: listed.overrides_built_in,
        sha256: listed.sha256.clone(),
        size: listed.size,
    });
    let unusable = library.unusable().iter().map(|file| UnusableFile {
        path: file.path.display().to_string(),
        reason: file.error.to_string(),
        hint: match &file.error {
            UnusableError::Manifest(error) => error.hint(),
            UnusableError::Read(_) => None,
        },
    });
    Ok(Outcome::List { plugins: plugins.collect(), unusable: unusable.collect() })
}

fn inspect(chosen: &Chosen) -> Result<Outcome, PluginCliError> {
    let anatomy = Anatomy::of(&chosen.bytes)
        .map_err(|error| PluginCliError::NotAComponent { path: chosen.place.clone().into(), error })?;
    // A component that is no plugin can still be looked at.
    let (manifest, problem) = match read_manifest(&chosen.bytes) {
        Ok(manifest) => (Some(manifest), None),
        Err(error) => (None, Some(problem(&error))),
    };
    let settings = manifest.as_ref().map(|manifest| settings(&manifest.settings)).unwrap_or_default();
    Ok(Outcome::Inspect(Box::new(Inspected {
        place: chosen.place.clone(),
        size: chosen.bytes.len() as u64,
        sha256: sha256_hex(&chosen.bytes),
        manifest,
        problem,
        settings,
        anatomy,
    })))
}

fn problem(error: &ManifestError) -> String {
    iter::once(error.to_string()).chain(error.hint()).collect::<Vec<_>>().join("; ")
}

fn check(chosen: &Chosen, sha256: Option<&str>, sandbox: &Sandbox) -> Result<Outcome, PluginCliError> {
    let expected = Expected { origin: &chosen.place, sha256 };
    let admitted = sandbox.admit(&chosen.bytes, expected, &Limits::default())?;
    Ok(Outcome::Check(Checked {
        name: admitted.identity.name,
        version: admitted.identity.version,
        kind: admitted.manifest.kind,
        sha256: admitted.identity.sha256,
        size: chosen.bytes.len() as u64,
        wasi: admitted.wasi,
    }))
}

fn make(args: &BuildArgs, sandbox: &Sandbox) -> Result<Outcome, PluginCliError> {
    let built = build::build(&args.dir, args.target, args.record, sandbox)?;
    let file = build::write_component(&built, &args.out)?;
    if args.record {
        build::write_record(&built, &args.out)?;
    }
    let identity = &built.admitted.identity;
    Ok(Outcome::Build(BuiltPlugin {
        name: identity.name.clone(),
        version: identity.version.clone(),
        file: file.display().to_string(),
        size: built.component.len() as u64,
        sha256: identity.sha256.clone(),
        recorded: args.record,
    }))
}

fn verify(args: &BuildArgs, sandbox: &Sandbox) -> Result<Outcome, PluginCliError> {
    let verified = build::verify(&args.dir, args.target, &args.out, sandbox)?;
    let (same_bytes, not_compared) = match verified.bytes {
        BytesCompared::Same => (true, None),
        BytesCompared::No(reason) => (false, Some(reason)),
    };
    Ok(Outcome::Verify(Compared {
        name: verified.record.name,
        sha256: verified.record.sha256,
        sources: verified.record.sources,
        same_bytes,
        not_compared,
    }))
}
