use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::error::BuildError;

/// What a plugin is compiled for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, clap::ValueEnum)]
pub enum BuildTarget {
    /// Imports nothing but the host interface.
    #[default]
    #[value(name = "wasm32-unknown-unknown")]
    Bare,
    /// Imports WASI, which is empty here. For code that doesn't compile without.
    #[value(name = "wasm32-wasip2")]
    Wasi,
}

impl BuildTarget {
    pub fn triple(self) -> &'static str {
        match self {
            Self::Bare => "wasm32-unknown-unknown",
            Self::Wasi => "wasm32-wasip2",
        }
    }
}

impl fmt::Display for BuildTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.triple())
    }
}

/// A plugin's package as cargo sees it.
#[derive(Debug, Clone)]
pub struct Package {
    pub folder: PathBuf,
    pub name: String,
    library: String,
    workspace: PathBuf,
    target_folder: PathBuf,
    /// The package itself and those it depends on by path: name and folder.
    pub(super) local: BTreeMap<String, PathBuf>,
    /// Name, version and checksum of the other packages that go into the component.
    pub(super) registry: BTreeSet<(String, String, String)>,
}

/// The fields that are used of `cargo metadata --no-deps --format-version 1`.
#[derive(Deserialize)]
struct Metadata {
    packages: Vec<MetadataPackage>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct MetadataPackage {
    name: String,
    manifest_path: PathBuf,
    targets: Vec<MetadataTarget>,
}

#[derive(Deserialize)]
struct MetadataTarget {
    name: String,
    kind: Vec<String>,
}

/// The fields that are used of a `Cargo.lock`.
#[derive(Deserialize)]
struct Lockfile {
    #[serde(default)]
    package: Vec<LockedPackage>,
}

#[derive(Deserialize)]
struct LockedPackage {
    name: String,
    version: String,
    checksum: Option<String>,
}

fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn rustc() -> OsString {
    env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())
}

impl Package {
    /// Asks cargo about the package in `folder`. `locked` refuses to change its `Cargo.lock`.
    pub fn read(folder: &Path, target: BuildTarget, locked: bool) -> Result<Self, BuildError> {
        let folder = canonical(folder)?;
        let manifest = folder.join("Cargo.toml");
        if !manifest.is_file() {
            return Err(BuildError::NotAPlugin { folder, missing: "Cargo.toml" });
        }
        let mut command = Command::new(cargo());
        command.args(["metadata", "--no-deps", "--format-version", "1", "--manifest-path"]).arg(&manifest);
        let metadata: Metadata = serde_json::from_slice(&output(command.current_dir(&folder))?)
            .map_err(|error| BuildError::Output { program: shown(&command), detail: error.to_string() })?;
        let Some(root) = metadata.packages.into_iter().find(|package| package.manifest_path == manifest)
        else {
            return Err(BuildError::NotAPlugin { folder, missing: "package in Cargo.toml" });
        };
        let is_library = |target: &&MetadataTarget| {
            target.kind.iter().any(|kind| matches!(kind.as_str(), "lib" | "rlib" | "cdylib"))
        };
        let Some(library) = root.targets.iter().find(is_library) else {
            return Err(BuildError::NoLibrary { package: root.name });
        };
        // Unlike the whole metadata, the tree is only of what goes into this package for this target, and so
        // asks for nothing that other packages of the workspace need.
        let mut command = Command::new(cargo());
        command.args([
            "tree",
            "--edges",
            "normal,build",
            "--prefix",
            "none",
            "--no-dedupe",
            "--format",
            "{p}",
        ]);
        command.args(["--target", target.triple(), "--manifest-path"]).arg(&manifest).current_dir(&folder);
        if locked {
            command.arg("--locked");
        }
        let tree = String::from_utf8_lossy(&output(&mut command)?).into_owned();
        let checksums = checksums(&metadata.workspace_root)?;
        let mut package = Self {
            library: library.name.clone(),
            folder,
            name: root.name,
            workspace: metadata.workspace_root,
            target_folder: metadata.target_directory,
            local: BTreeMap::new(),
            registry: BTreeSet::new(),
        };
        for line in tree.lines() {
            let Some(found) = TreeLine::parse(line) else { continue };
            match found.folder {
                Some(folder) => {
                    package.local.insert(found.name, folder);
                }
                None => {
                    let key = (found.name, found.version);
                    let checksum = checksums.get(&key).cloned().unwrap_or_default();
                    package.registry.insert((key.0, key.1, checksum));
                }
            }
        }
        Ok(package)
    }

    /// Compiles the package and gives the file that the linker wrote: a core module, or for
    /// [`BuildTarget::Wasi`] a component. cargo's own messages go to the terminal.
    pub(super) fn compile(&self, target: BuildTarget, locked: bool) -> Result<Vec<u8>, BuildError> {
        check_target(&self.folder, target)?;
        let mut command = Command::new(cargo());
        command.args(["rustc", "--lib", "--crate-type", "cdylib", "--release", "--target", target.triple()]);
        command.arg("--manifest-path").arg(self.folder.join("Cargo.toml"));
        // A folder of its own: its flags differ from those of other builds, which would rebuild each other.
        command.arg("--target-dir").arg(self.target_folder.join("plugin"));
        command.args(["--message-format", "json-render-diagnostics"]);
        for setting in PROFILE {
            command.args(["--config", &format!("profile.release.{setting}")]);
        }
        if locked {
            command.arg("--locked");
        }
        // Takes the place of whatever RUSTFLAGS and configuration files say, which would change the bytes.
        command.env("CARGO_ENCODED_RUSTFLAGS", self.rustflags().join("\u{1f}"));
        command.env("CARGO_INCREMENTAL", "0").current_dir(&self.folder).stderr(Stdio::inherit());
        let messages = output(&mut command)?;
        let file =
            self.artifact(&messages).ok_or_else(|| BuildError::NoArtifact { package: self.name.clone() })?;
        fs::read(&file).map_err(|error| BuildError::File { action: "read", path: file, error })
    }

    /// The last `.wasm` file that cargo says it made of this package's library.
    fn artifact(&self, messages: &[u8]) -> Option<PathBuf> {
        #[derive(Deserialize)]
        struct Message {
            reason: String,
            target: Option<MetadataTarget>,
            #[serde(default)]
            filenames: Vec<PathBuf>,
        }
        messages
            .split(|byte| *byte == b'\n')
            .filter_map(|line| serde_json::from_slice::<Message>(line).ok())
            .filter(|message| message.reason == "compiler-artifact")
            .filter(|message| message.target.as_ref().is_some_and(|target| target.name == self.library))
            .flat_map(|message| message.filenames)
            .rfind(|file| file.extension().is_some_and(|extension| extension == "wasm"))
    }

    /// Paths of this machine become short names, so that the component holds nothing of its builder and is the
    /// same wherever it is built. Of two rules that fit, rustc takes the later.
    fn rustflags(&self) -> Vec<String> {
        let mut remap: Vec<(PathBuf, String)> = Vec::new();
        for variable in ["HOME", "USERPROFILE", "CARGO_HOME", "RUSTUP_HOME"] {
            if let Some(folder) = env::var_os(variable).filter(|folder| !folder.is_empty()) {
                remap.push((folder.into(), format!("/{}", variable.to_lowercase())));
            }
        }
        remap.push((self.workspace.clone(), "/workspace".into()));
        remap.push((self.target_folder.clone(), "/target".into()));
        remap.extend(registry_folders().into_iter().map(|folder| (folder, "/registry".into())));
        // Only those that cargo names by an absolute path: it names workspace members by a relative one.
        let outside = self.local.iter().filter(|(_, folder)| !folder.starts_with(&self.workspace));
        remap.extend(outside.map(|(name, folder)| (folder.clone(), format!("/{name}"))));
        let mut flags = vec!["-Ctarget-feature=+simd128".to_owned()];
        flags.extend(remap.iter().map(|(from, to)| format!("--remap-path-prefix={}={to}", from.display())));
        flags
    }
}

/// `2` and `3` decode alike, `s` 9 % slower for a component that is a quarter smaller. One
/// codegen unit and full LTO for the same bytes everywhere; names are kept for messages, all else of debug information
/// goes.
const PROFILE: &[&str] = &[
    "opt-level=2",
    "lto=\"fat\"",
    "codegen-units=1",
    "panic=\"abort\"",
    "debug=false",
    "strip=\"debuginfo\"",
    "overflow-checks=false",
    "incremental=false",
];

/// The version line of the compiler that is used in `folder`, such as `rustc 1.95.0 (59807616e 2026-04-14)`.
pub(super) fn rustc_version(folder: &Path) -> Result<String, BuildError> {
    let version = output(Command::new(rustc()).arg("-V").current_dir(folder))?;
    Ok(String::from_utf8_lossy(&version).trim().to_owned())
}

pub(super) fn check_target(folder: &Path, target: BuildTarget) -> Result<(), BuildError> {
    let mut command = Command::new(rustc());
    command.args(["--print", "target-libdir", "--target", target.triple()]).current_dir(folder);
    let libraries = output(&mut command)?;
    let libraries = PathBuf::from(String::from_utf8_lossy(&libraries).trim());
    if libraries.is_dir() { Ok(()) } else { Err(BuildError::NoTarget { target }) }
}

/// One package of `cargo tree --format {p}`.
#[derive(Debug, PartialEq, Eq)]
struct TreeLine {
    name: String,
    version: String,
    /// Of a package that is used by path.
    folder: Option<PathBuf>,
}

impl TreeLine {
    /// `NAME vVERSION`, and perhaps `(proc-macro)` or `(PATH)`.
    fn parse(line: &str) -> Option<Self> {
        let (name, rest) = line.trim().split_once(" v")?;
        let (version, notes) = rest.split_once(' ').unwrap_or((rest, ""));
        let notes = notes.replace("(proc-macro)", "");
        let note = notes.trim().strip_prefix('(').and_then(|note| note.strip_suffix(')'));
        let folder = note.map(PathBuf::from).filter(|note| note.is_absolute());
        Some(Self { name: name.to_owned(), version: version.to_owned(), folder })
    }
}

/// Where cargo unpacks the packages that it downloads.
fn registry_folders() -> Vec<PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| env::home_dir().map(|home| home.join(".cargo")));
    let entries = home.and_then(|home| fs::read_dir(home.join("registry/src")).ok());
    let mut folders: Vec<PathBuf> =
        entries.into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    folders.sort();
    folders
}

fn checksums(workspace: &Path) -> Result<BTreeMap<(String, String), String>, BuildError> {
    let path = workspace.join("Cargo.lock");
    let text = fs::read_to_string(&path).map_err(|error| BuildError::File {
        action: "read",
        path: path.clone(),
        error,
    })?;
    let lock: Lockfile = toml::from_str(&text)
        .map_err(|error| BuildError::Record { path, detail: error.message().to_owned() })?;
    Ok(lock
        .package
        .into_iter()
        .filter_map(|package| Some(((package.name, package.version), package.checksum?)))
        .collect())
}

fn canonical(folder: &Path) -> Result<PathBuf, BuildError> {
    fs::canonicalize(folder).map_err(|error| BuildError::File {
        action: "open",
        path: folder.to_owned(),
        error,
    })
}

/// Standard output of a program that has to succeed.
fn output(command: &mut Command) -> Result<Vec<u8>, BuildError> {
    let output = command.stdin(Stdio::null()).output();
    let output = output.map_err(|error| BuildError::Program { program: shown(command), error })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(BuildError::Failed { program: shown(command), stderr })
}

/// Program and subcommand: `cargo metadata`.
fn shown(command: &Command) -> String {
    let program =
        Path::new(command.get_program()).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    match command.get_args().next() {
        Some(first) => format!("{program} {}", first.to_string_lossy()),
        None => program,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_tree_are_understood() {
        let parsed = |line| TreeLine::parse(line).map(|found| (found.name, found.version, found.folder));
        let expected = |name: &str, version: &str, folder: Option<&str>| {
            Some((name.to_owned(), version.to_owned(), folder.map(PathBuf::from)))
        };
        assert_eq!(parsed("serde v1.0.229"), expected("serde", "1.0.229", None));
        assert_eq!(parsed("serde_derive v1.0.229 (proc-macro)"), expected("serde_derive", "1.0.229", None));
        #[cfg(unix)]
        {
            let local = expected("rollcall-okta", "0.1.0", Some("/a b/(c)/okta"));
            assert_eq!(parsed("rollcall-okta v0.1.0 (/a b/(c)/okta)"), local);
            let local = expected("macros", "0.1.0", Some("/m"));
            assert_eq!(parsed("macros v0.1.0 (proc-macro) (/m)"), local);
        }
        assert_eq!(parsed(""), None);
    }
}
