use std::fs;
use std::path::Path;

use wit_component::ComponentEncoder;

use super::cargo::{BuildTarget, Package};
use super::error::BuildError;
use crate::model::Manifest;
use crate::plugin::manifest::embed_manifest;
use crate::plugin::{Admitted, Anatomy, Expected, Limits, Sandbox, parse_plugin_toml};

/// A component that is ready to be used.
pub struct Built {
    pub package: Package,
    pub component: Vec<u8>,
    pub admitted: Admitted,
    pub target: BuildTarget,
}

/// Builds the plugin in `folder`: compiles it, makes a component of it, stamps the version of the contract that
/// it was built for, embeds the manifest, and admits it.
///
/// `locked`: refuse to change `Cargo.lock`, as for everything that is recorded.
pub fn build(
    folder: &Path,
    target: BuildTarget,
    locked: bool,
    sandbox: &Sandbox,
) -> Result<Built, BuildError> {
    // Before the compilation, which takes a while.
    let mut manifest = plugin_toml(folder)?;
    let package = Package::read(folder, target, locked)?;
    let linked = package.compile(target, locked)?;
    let mut component = match target {
        BuildTarget::Bare => componentize(&package, &linked)?,
        BuildTarget::Wasi => linked,
    };
    manifest.api = contract(&package, &component)?;
    embed_manifest(&mut component, &manifest);
    let expected = Expected { origin: &package.name, sha256: None };
    let admitted = sandbox.admit(&component, expected, &Limits::default())?;
    Ok(Built { package, component, admitted, target })
}

pub(super) fn plugin_toml(folder: &Path) -> Result<Manifest, BuildError> {
    let path = folder.join("plugin.toml");
    if !path.is_file() {
        return Err(BuildError::NotAPlugin { folder: folder.to_owned(), missing: "plugin.toml" });
    }
    let text = fs::read_to_string(&path).map_err(|error| BuildError::File {
        action: "read",
        path: path.clone(),
        error,
    })?;
    parse_plugin_toml(&text).map_err(|error| BuildError::Manifest { path, error })
}

fn componentize(package: &Package, module: &[u8]) -> Result<Vec<u8>, BuildError> {
    let encoded =
        ComponentEncoder::default().validate(true).module(module).and_then(|mut encoder| encoder.encode());
    encoded.map_err(|error| BuildError::Componentize {
        package: package.name.clone(),
        detail: format!("{error:#}"),
    })
}

/// `0.1` of the exported `rollcall:plugin/plugin@0.1.0`.
fn contract(package: &Package, component: &[u8]) -> Result<String, BuildError> {
    let anatomy = Anatomy::of(component)
        .map_err(|error| BuildError::NotAComponent { package: package.name.clone(), error })?;
    let version =
        anatomy.exports.iter().find_map(|export| export.name.strip_prefix("rollcall:plugin/plugin@"));
    let version = version.and_then(|version| semver::Version::parse(version).ok());
    let version = version.ok_or_else(|| BuildError::NoContract { package: package.name.clone() })?;
    Ok(format!("{}.{}", version.major, version.minor))
}
