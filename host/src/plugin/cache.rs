use std::fs;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use wasmtime::Engine;
use wasmtime::component::Component;

use crate::whole_file::{self, Place};

/// More compiled components than any installation uses at once: what is beyond it is left over from earlier
/// versions of plugins or of Rollcall, and goes, oldest first.
const KEPT_ENTRIES: usize = 64;

/// Compiled components on disk, so that a start takes a millisecond and not a compilation.
///
/// An entry is machine code that this process will run, so a folder is used only if nobody else can write to
/// it (owner and mode 0700), and an entry only if its checksum is right: wasmtime runs a flipped byte without
/// complaint. Anything wrong with folder or entry means compiling again, never an error.
#[derive(Debug, Clone)]
pub struct Cache {
    folder: Option<PathBuf>,
}

/// Where compiled code came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    Cache,
    Compiler,
}

impl Cache {
    /// In this folder, which is made when it is first written to.
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// In `$XDG_CACHE_HOME/rollcall/compiled` or `~/.cache/rollcall/compiled`; nowhere when there is no home.
    pub fn of_user() -> Self {
        let absolute =
            |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME").or_else(|| absolute("HOME").map(|home| home.join(".cache")));
        Self { folder: base.map(|base| base.join("rollcall").join("compiled")) }
    }

    /// Compiles every time.
    pub fn none() -> Self {
        Self { folder: None }
    }

    /// The component, from the cache if it has it. `sha256` is the bytes'.
    pub(super) fn compile(
        &self,
        engine: &Engine,
        bytes: &[u8],
        sha256: &str,
    ) -> wasmtime::Result<(Component, Origin)> {
        let name = format!("{sha256}-{}.cwasm", compatibility(engine));
        if let Some(code) = self.read(&name) {
            // SAFETY: `deserialize` asks that the bytes come from `precompile_component` of a compatible
            // engine. The name holds the engine's compatibility hash, and the checksum, which covers the name,
            // says that these are the very bytes that this program wrote, in a folder that no other account
            // can write to.
            match unsafe { Component::deserialize(engine, &code) } {
                Ok(component) => return Ok((component, Origin::Cache)),
                Err(error) => tracing::debug!(%error, name, "compiled plugin in the cache is of no use"),
            }
        }
        let component = Component::new(engine, bytes)?;
        if self.folder.is_some() {
            self.write(&name, &component.serialize()?);
        }
        Ok((component, Origin::Compiler))
    }

    fn read(&self, name: &str) -> Option<Vec<u8>> {
        let folder = self.folder.as_deref()?;
        if !is_private(folder) {
            return None;
        }
        let mut entry = fs::read(folder.join(name)).ok()?;
        let code = entry.len().checked_sub(blake3::OUT_LEN)?;
        let sum = checksum(name, &entry[..code]);
        if entry[code..] != sum.as_bytes()[..] {
            tracing::warn!(name, "a compiled plugin in the cache is damaged and is compiled again");
            return None;
        }
        entry.truncate(code);
        Some(entry)
    }

    /// Best effort: a cache that can't be written is no cache, and nothing worse.
    fn write(&self, name: &str, code: &[u8]) {
        let Some(folder) = self.folder.as_deref() else { return };
        if let Err(error) = write_entry(folder, name, code) {
            tracing::debug!(%error, folder = %folder.display(), "compiled plugin not cached");
        }
    }
}

fn write_entry(folder: &Path, name: &str, code: &[u8]) -> std::io::Result<()> {
    make_private(folder)?;
    if !is_private(folder) {
        return Err(std::io::Error::other("the folder is open to others"));
    }
    let sum = checksum(name, code);
    whole_file::write(&folder.join(name), &[code, sum.as_bytes()], Place::Any(None))?;
    prune(folder)
}

fn checksum(name: &str, code: &[u8]) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_derive_key("rollcall 2026 compiled component");
    hasher.update(&(name.len() as u64).to_le_bytes()).update(name.as_bytes()).update(code);
    hasher.finalize()
}

/// What of wasmtime and its configuration compiled code depends on, as 32 hex digits.
fn compatibility(engine: &Engine) -> String {
    struct Blake3(blake3::Hasher);
    impl Hasher for Blake3 {
        fn write(&mut self, bytes: &[u8]) {
            self.0.update(bytes);
        }
        fn finish(&self) -> u64 {
            let hash = self.0.finalize();
            u64::from_le_bytes(*hash.as_bytes().first_chunk().expect("a hash has 32 bytes"))
        }
    }
    let mut hasher = Blake3(blake3::Hasher::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.0.finalize().to_hex()[..32].to_owned()
}

fn make_private(folder: &Path) -> std::io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

/// Whether only this account can write to the folder.
#[cfg(unix)]
fn is_private(folder: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match fs::symlink_metadata(folder) {
        Ok(metadata) => {
            metadata.is_dir()
                && metadata.uid() == rustix::process::geteuid().as_raw()
                && metadata.mode() & 0o077 == 0
        }
        Err(_) => false,
    }
}

/// Profile folders are private where permissions are not Unix's.
#[cfg(not(unix))]
fn is_private(folder: &Path) -> bool {
    folder.is_dir()
}

fn prune(folder: &Path) -> std::io::Result<()> {
    let mut entries: Vec<(SystemTime, PathBuf)> = fs::read_dir(folder)?
        .filter_map(Result::ok)
        .filter(|entry| entry.path().extension().is_some_and(|extension| extension == "cwasm"))
        .filter_map(|entry| Some((entry.metadata().ok()?.modified().ok()?, entry.path())))
        .collect();
    entries.sort();
    for (_, path) in entries.iter().take(entries.len().saturating_sub(KEPT_ENTRIES)) {
        fs::remove_file(path)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::engine::new_engine;
    use super::*;

    const SHA: &str = "00";

    fn compile(cache: &Cache) -> Origin {
        let engine = new_engine().unwrap();
        let bytes = wat::parse_str("(component (core module (func (export \"f\"))))").unwrap();
        cache.compile(&engine, &bytes, SHA).unwrap().1
    }

    fn only_entry(folder: &Path) -> PathBuf {
        let entries: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        assert_eq!(entries.len(), 1, "{entries:?}");
        entries[0].clone()
    }

    #[test]
    fn the_second_time_comes_from_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path().join("a/b"));
        assert_eq!(compile(&cache), Origin::Compiler);
        assert_eq!(compile(&cache), Origin::Cache);
    }

    #[test]
    fn an_entry_of_another_name_is_not_taken() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path().join("a"));
        compile(&cache);
        let entry = only_entry(&folder.path().join("a"));
        let other =
            entry.with_file_name(entry.file_name().unwrap().to_str().unwrap().replacen("00", "01", 1));
        fs::rename(&entry, &other).unwrap();
        assert_eq!(cache.read(other.file_name().unwrap().to_str().unwrap()), None);
        fs::rename(&other, &entry).unwrap();
        assert_eq!(compile(&cache), Origin::Cache);
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_open_to_others_is_not_used() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path().join("a"));
        assert_eq!(compile(&cache), Origin::Compiler);
        fs::set_permissions(folder.path().join("a"), fs::Permissions::from_mode(0o770)).unwrap();
        assert_eq!(compile(&cache), Origin::Compiler);
        fs::set_permissions(folder.path().join("a"), fs::Permissions::from_mode(0o700)).unwrap();
        assert_eq!(compile(&cache), Origin::Cache);
    }

    #[test]
    fn without_a_place_to_write_it_compiles() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        for cache in [Cache::none(), Cache::in_folder(file.join("below-a-file"))] {
            assert_eq!(compile(&cache), Origin::Compiler);
            assert_eq!(compile(&cache), Origin::Compiler);
        }
    }

    #[test]
    fn old_entries_go() {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::in_folder(folder.path().join("a"));
        for number in 0..KEPT_ENTRIES + 3 {
            cache.write(&format!("{number}.cwasm"), b"code");
        }
        assert_eq!(fs::read_dir(folder.path().join("a")).unwrap().count(), KEPT_ENTRIES);
    }
}
