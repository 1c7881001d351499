use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::cargo::{BuildTarget, Package, check_target, rustc_version};
use super::component::{Built, build, plugin_toml};
use super::error::BuildError;
use crate::plugin::{Sandbox, sha256_hex};
use crate::whole_file::{self, Place};

/// What a committed component was built from: `NAME.toml` beside `NAME.wasm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Record {
    pub name: String,
    pub version: String,
    /// Of the component, lower-case hex.
    pub sha256: String,
    /// One hash over all that it was built from: the files of the package and of those it depends on by path, `wit/`, and
    /// name, version and checksum of every other package that goes into the component.
    pub sources: String,
    /// The compiler's version line.
    pub rustc: String,
    pub target: String,
}

/// The list of the components' hashes, as `sha256sum --check` reads it.
const SUMS: &str = "SHA256SUMS";

/// Writes `NAME.wasm` into `folder`, which is made if need be.
pub fn write_component(built: &Built, folder: &Path) -> Result<PathBuf, BuildError> {
    let path = folder.join(format!("{}.wasm", built.admitted.identity.name));
    write_whole(&path, &built.component)?;
    Ok(path)
}

/// Writes `NAME.toml` and the component's line of `SHA256SUMS`.
pub fn write_record(built: &Built, folder: &Path) -> Result<Record, BuildError> {
    let identity = &built.admitted.identity;
    let record = Record {
        name: identity.name.clone(),
        version: identity.version.clone(),
        sha256: identity.sha256.clone(),
        sources: source_hash(&built.package)?,
        rustc: rustc_version(&built.package.folder)?,
        target: built.target.triple().to_owned(),
    };
    let path = folder.join(format!("{}.toml", record.name));
    let body = toml::to_string(&record)
        .map_err(|error| BuildError::Record { path: path.clone(), detail: error.to_string() })?;
    let text = format!("# Written by `rollcall plugin build --record`. Not to be edited.\n{body}");
    write_whole(&path, text.as_bytes())?;
    let mut sums = read_sums(folder)?;
    sums.insert(format!("{}.wasm", record.name), record.sha256.clone());
    let lines: String = sums.iter().map(|(file, sum)| format!("{sum}  {file}\n")).collect();
    write_whole(&folder.join(SUMS), lines.as_bytes())?;
    Ok(record)
}

/// What [`verify`] found to be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verified {
    pub record: Record,
    pub bytes: BytesCompared,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BytesCompared {
    /// Built again, and the same byte for byte.
    Same,
    /// Not built again, and why.
    No(String),
}

/// Checks a committed component against its record, and the record against the sources. Where the recorded
/// compiler and target are installed, builds it again and compares the bytes.
pub fn verify(
    folder: &Path,
    target: BuildTarget,
    committed: &Path,
    sandbox: &Sandbox,
) -> Result<Verified, BuildError> {
    let name = plugin_toml(folder)?.name;
    let path = committed.join(format!("{name}.toml"));
    let text = read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())?;
    let record: Record = toml::from_str(&text)
        .map_err(|error| BuildError::Record { path, detail: error.message().to_owned() })?;
    let package = Package::read(folder, target, true)?;
    let found = source_hash(&package)?;
    if found != record.sources {
        return Err(BuildError::Stale { name, recorded: record.sources, found });
    }
    let sum = sha256_hex(&read(&committed.join(format!("{name}.wasm")))?);
    let listed = read_sums(committed)?.remove(&format!("{name}.wasm")).unwrap_or_else(|| "nothing".into());
    for (place, recorded) in [("its record", record.sha256.clone()), (SUMS, listed)] {
        if recorded != sum {
            return Err(BuildError::OtherFile { name, place, recorded, found: sum });
        }
    }
    let bytes = match why_not_again(&package, target, &record)? {
        Some(reason) => BytesCompared::No(reason),
        None => {
            let rebuilt = build(folder, target, true, sandbox)?.admitted.identity.sha256;
            if rebuilt != record.sha256 {
                return Err(BuildError::OtherBytes { name, recorded: record.sha256, rebuilt });
            }
            BytesCompared::Same
        }
    };
    Ok(Verified { record, bytes })
}

fn why_not_again(
    package: &Package,
    target: BuildTarget,
    record: &Record,
) -> Result<Option<String>, BuildError> {
    if record.target != target.triple() {
        return Ok(Some(format!("it was built for {}, and {target} is asked for", record.target)));
    }
    let rustc = match rustc_version(&package.folder) {
        Ok(version) => version,
        Err(BuildError::Program { .. }) => return Ok(Some("there is no rustc here".into())),
        Err(error) => return Err(error),
    };
    if rustc != record.rustc {
        return Ok(Some(format!("it was built with {}, and here is {rustc}", record.rustc)));
    }
    match check_target(&package.folder, target) {
        Ok(()) => Ok(None),
        Err(error @ BuildError::NoTarget { .. }) => Ok(Some(error.to_string())),
        Err(error) => Err(error),
    }
}

/// One hash over everything that a component is made of. It holds no absolute path and nothing of a package
/// that doesn't go into it, so it is the same in every clone, and the host's own dependencies don't change it.
fn source_hash(package: &Package) -> Result<String, BuildError> {
    hash_sources(&package.local, &package.registry)
}

fn hash_sources(
    local: &BTreeMap<String, PathBuf>,
    registry: &BTreeSet<(String, String, String)>,
) -> Result<String, BuildError> {
    let mut lines = String::new();
    let mut contracts = BTreeSet::new();
    for (name, folder) in local {
        lines += &format!("package {name}\n");
        hash_files(folder, &["Cargo.toml", "plugin.toml", "build.rs", "src"], &mut lines)?;
        // The contract is beside or above the packages that read it.
        if let Some(wit) = folder.ancestors().take(4).map(|above| above.join("wit")).find(|wit| wit.is_dir())
        {
            contracts.insert(wit);
        }
    }
    for wit in &contracts {
        lines += "wit\n";
        let inside = read_folder(wit)?;
        hash_files(wit, &inside.iter().map(String::as_str).collect::<Vec<_>>(), &mut lines)?;
    }
    for (name, version, checksum) in registry {
        lines += &format!("depends {name} {version} {checksum}\n");
    }
    Ok(hex(Sha256::digest(lines)))
}

/// Adds a line for each file, in the order of their paths.
fn hash_files(base: &Path, names: &[&str], lines: &mut String) -> Result<(), BuildError> {
    let mut open: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let mut files = BTreeMap::new();
    while let Some(relative) = open.pop() {
        let path = base.join(&relative);
        if path.is_dir() {
            open.extend(read_folder(&path)?.into_iter().map(|name| format!("{relative}/{name}")));
        } else if path.is_file() {
            files.insert(relative, sha256_hex(&read(&path)?));
        }
    }
    for (relative, sum) in files {
        *lines += &format!("file {relative} {sum}\n");
    }
    Ok(())
}

fn hex(bytes: impl AsRef<[u8]>) -> String {
    bytes.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn read(path: &Path) -> Result<Vec<u8>, BuildError> {
    fs::read(path).map_err(|error| BuildError::File { action: "read", path: path.to_owned(), error })
}

/// Names in a folder, sorted.
fn read_folder(folder: &Path) -> Result<Vec<String>, BuildError> {
    let failed = |error| BuildError::File { action: "read", path: folder.to_owned(), error };
    let mut names = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

/// The file's hashes by file name; empty when there is no such file yet.
fn read_sums(folder: &Path) -> Result<BTreeMap<String, String>, BuildError> {
    let path = folder.join(SUMS);
    let text = match fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeMap::new()),
        Err(error) => return Err(BuildError::File { action: "read", path, error }),
    };
    text.lines()
        .map(|line| match line.split_once("  ") {
            Some((sum, file)) => Ok((file.to_owned(), sum.to_owned())),
            None => Err(BuildError::Record { path: path.clone(), detail: format!("a line is {line:?}") }),
        })
        .collect()
}

/// All or nothing: a reader never sees half a file.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let failed = |error| BuildError::File { action: "write", path: path.to_owned(), error };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    fs::create_dir_all(folder).map_err(failed)?;
    whole_file::write(path, &[bytes], Place::Any(readable_by_all())).map_err(failed)
}

#[cfg(unix)]
fn readable_by_all() -> Option<fs::Permissions> {
    Some(std::os::unix::fs::PermissionsExt::from_mode(0o644))
}

#[cfg(not(unix))]
fn readable_by_all() -> Option<fs::Permissions> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    type Registry = BTreeSet<(String, String, String)>;

    fn clone_of_the_sources() -> (tempfile::TempDir, BTreeMap<String, PathBuf>, Registry) {
        let folder = tempfile::tempdir().unwrap();
        let mut local = BTreeMap::new();
        for name in ["okta", "sdk"] {
            let package = folder.path().join("plugins").join(name);
            fs::create_dir_all(package.join("src/deep")).unwrap();
            fs::write(package.join("Cargo.toml"), "[package]").unwrap();
            fs::write(package.join("src/lib.rs"), "code").unwrap();
            fs::write(package.join("src/deep/more.rs"), name).unwrap();
            local.insert(name.to_owned(), package);
        }
        fs::create_dir_all(folder.path().join("wit/0.1")).unwrap();
        fs::write(folder.path().join("wit/0.1/types.wit"), "types").unwrap();
        let registry = Registry::from([("serde".into(), "1.0.0".into(), "aa".into())]);
        (folder, local, registry)
    }

    #[test]
    fn the_source_hash_is_the_same_in_every_clone() {
        let (_one, local, registry) = clone_of_the_sources();
        let (_two, other, _) = clone_of_the_sources();
        assert_eq!(hash_sources(&local, &registry).unwrap(), hash_sources(&other, &registry).unwrap());
    }

    #[test]
    fn whatever_goes_into_the_component_changes_the_source_hash() {
        let (folder, local, mut registry) = clone_of_the_sources();
        let mut seen = BTreeSet::from([hash_sources(&local, &registry).unwrap()]);
        let mut changed = |what: &str, registry: &Registry| {
            assert!(seen.insert(hash_sources(&local, registry).unwrap()), "{what}");
        };
        for (file, text) in [
            ("plugins/okta/src/deep/more.rs", "changed"),
            ("plugins/okta/src/new.rs", ""),
            ("plugins/sdk/src/lib.rs", "changed"),
            ("plugins/okta/plugin.toml", "name"),
            ("plugins/okta/Cargo.toml", "changed"),
            ("wit/0.1/types.wit", "changed"),
        ] {
            fs::write(folder.path().join(file), text).unwrap();
            changed(file, &registry);
        }
        registry.insert(("serde_json".into(), "1.0.0".into(), "bb".into()));
        changed("a new dependency", &registry);
        fs::write(folder.path().join("plugins/okta/README.md"), "").unwrap();
        assert!(seen.contains(&hash_sources(&local, &registry).unwrap()), "a file that is not built");
    }

    #[test]
    fn hashes_of_other_components_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        assert!(read_sums(folder.path()).unwrap().is_empty());
        write_whole(&folder.path().join(SUMS), b"aa  a.wasm\nbb  b.wasm\n").unwrap();
        assert_eq!(read_sums(folder.path()).unwrap()["b.wasm"], "bb");
        write_whole(&folder.path().join(SUMS), b"aa a.wasm\n").unwrap();
        assert!(read_sums(folder.path()).is_err());
    }
}
