use std::fmt;
use std::io;
use std::path::PathBuf;

use super::cargo::BuildTarget;
use crate::plugin::{AdmissionError, NotAComponent, TomlError};

/// A plugin could not be built, recorded or verified.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    #[error("{} is not a plugin's folder: it has no {missing}", .folder.display())]
    NotAPlugin { folder: PathBuf, missing: &'static str },
    #[error("{action} {}: {error}", .path.display())]
    File { action: &'static str, path: PathBuf, error: io::Error },
    #[error("{}: {error}", .path.display())]
    Manifest { path: PathBuf, error: TomlError },
    #[error("run `{program}`: {error}")]
    Program { program: String, error: io::Error },
    #[error("`{program}` failed{}", output(.stderr))]
    Failed { program: String, stderr: String },
    #[error("`{program}` gave what can't be read: {detail}")]
    Output { program: String, detail: String },
    #[error("the Rust target {target} is not installed")]
    NoTarget { target: BuildTarget },
    #[error("package {package} has no library target")]
    NoLibrary { package: String },
    #[error("cargo made no component out of package {package}")]
    NoArtifact { package: String },
    #[error("make a component of package {package}: {detail}")]
    Componentize { package: String, detail: String },
    #[error("the component of package {package} is no plugin: {error}")]
    NotAComponent { package: String, error: NotAComponent },
    #[error("the component of package {package} exports no `rollcall:plugin/plugin`")]
    NoContract { package: String },
    #[error(transparent)]
    Admission(#[from] AdmissionError),
    #[error("{} can't be read: {detail}", .path.display())]
    Record { path: PathBuf, detail: String },
    #[error("{name}.wasm is stale: its sources were {recorded} when it was built and are {found} now")]
    Stale { name: String, recorded: String, found: String },
    #[error("{name}.wasm is not the recorded file: {place} says sha256 {recorded}, the file has {found}")]
    OtherFile { name: String, place: &'static str, recorded: String, found: String },
    #[error(
        "{name}.wasm is not what its sources give: built again with the same rustc it has sha256 {rebuilt}, not {recorded}"
    )]
    OtherBytes { name: String, recorded: String, rebuilt: String },
}

fn output(stderr: &str) -> impl fmt::Display {
    if stderr.trim().is_empty() { String::new() } else { format!(": {}", stderr.trim()) }
}

impl BuildError {
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::NotAPlugin { .. } => {
                "a plugin's folder holds `Cargo.toml` and `plugin.toml`, with the code in `src/`".into()
            }
            Self::NoTarget { target } => format!("install it: `rustup target add {target}`"),
            Self::NoLibrary { .. } => "put the plugin into `src/lib.rs`".into(),
            Self::Componentize { .. } | Self::NoContract { .. } => {
                "end `src/lib.rs` with `rollcall_plugin::export_source!(…)` or `export_transform!(…)`".into()
            }
            Self::Program { .. } => "install Rust: https://rustup.rs".into(),
            Self::Stale { .. } | Self::OtherBytes { .. } | Self::OtherFile { .. } => {
                "build it again: `rollcall plugin build DIR --out plugins/dist --record`, and commit the result".into()
            }
            Self::Record { .. } => "write it again with `rollcall plugin build DIR --out OUT --record`".into(),
            Self::Admission(error) => return error.hint(),
            Self::NotAComponent { error, .. } => return error.hint(),
            Self::File { .. }
            | Self::Manifest { .. }
            | Self::Failed { .. }
            | Self::Output { .. }
            | Self::NoArtifact { .. } => return None,
        })
    }
}
