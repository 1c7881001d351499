use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Sees whether files have changed: by what the file system says of them, and by their content where that is new. Once
/// every few seconds it costs a few calls, whatever the files' size.
#[derive(Debug, Default)]
pub struct Watch {
    seen: BTreeMap<PathBuf, (Marks, [u8; 32])>,
}

/// What no change of a file leaves as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Marks {
    length: u64,
    modified: Option<SystemTime>,
    /// Inode, and when the system last changed it, which no program can set.
    #[cfg(unix)]
    system: (u64, i64, i64),
}

impl Watch {
    /// A hash of the contents of a file and of the `.wasm` files in these folders, with their names.
    pub fn look(&mut self, file: &Path, folders: &BTreeSet<PathBuf>) -> [u8; 32] {
        let mut paths = vec![file.to_owned()];
        for folder in folders {
            // One that can't be read holds nothing; loading says why.
            let entries = fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
            paths.extend(
                entries
                    .map(|entry| entry.path())
                    .filter(|path| path.extension().is_some_and(|end| end == "wasm")),
            );
        }
        paths.sort();
        let mut seen = BTreeMap::new();
        let mut hasher = blake3::Hasher::new();
        for path in paths {
            let Ok(metadata) = fs::metadata(&path) else { continue };
            let marks = Marks::of(&metadata);
            let hash = match self.seen.get(&path) {
                Some((known, hash)) if *known == marks => *hash,
                _ => match fs::read(&path) {
                    Ok(content) => *blake3::hash(&content).as_bytes(),
                    Err(_) => continue,
                },
            };
            let name = path.as_os_str().as_encoded_bytes();
            hasher.update(&(name.len() as u64).to_le_bytes()).update(name).update(&hash);
            seen.insert(path, (marks, hash));
        }
        self.seen = seen;
        *hasher.finalize().as_bytes()
    }
}

impl Marks {
    fn of(metadata: &Metadata) -> Self {
        #[cfg(unix)]
        use std::os::unix::fs::MetadataExt;
        Self {
            length: metadata.len(),
            modified: metadata.modified().ok(),
            #[cfg(unix)]
            system: (metadata.ino(), metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_of_content_is_seen_and_nothing_else_is() {
        let folder = tempfile::tempdir().unwrap();
        let (file, plugins) = (folder.path().join("rollcall.toml"), folder.path().join("plugins"));
        fs::create_dir(&plugins).unwrap();
        fs::write(&file, "one").unwrap();
        fs::write(plugins.join("a.wasm"), "a").unwrap();
        let mut watch = Watch::default();
        let folders = BTreeSet::from([plugins.clone(), folder.path().join("not-there")]);
        let mut last = watch.look(&file, &folders);
        let mut changed = |what: &str, expected: bool| {
            let now = watch.look(&file, &folders);
            assert_eq!(now != last, expected, "{what}");
            last = now;
        };
        changed("nothing", false);
        // Of the same length, with its old time.
        let modified = fs::metadata(&file).unwrap().modified().unwrap();
        fs::write(&file, "two").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(modified).unwrap();
        changed("another content", true);
        fs::write(&file, "two").unwrap();
        changed("written with what it held", false);
        fs::write(plugins.join("b.wasm"), "b").unwrap();
        changed("another plugin", true);
        fs::write(plugins.join("README"), "b").unwrap();
        changed("what is no plugin", false);
        fs::rename(plugins.join("b.wasm"), plugins.join("c.wasm")).unwrap();
        changed("another name", true);
        fs::write(plugins.join("a.wasm"), "A").unwrap();
        changed("a replaced plugin", true);
        fs::remove_file(plugins.join("c.wasm")).unwrap();
        changed("a plugin gone", true);
        fs::remove_file(&file).unwrap();
        changed("no configuration", true);
    }
}
