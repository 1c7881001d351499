//! Files that are there whole or not at all, whatever happens while they are written.
//!
//! The content goes into a file of another name beside it, which is synced and then renamed, and the folder is synced:
//! after a crash or a power cut the name stands for the old content or for the new. What a killed writer left behind
//! is swept away by the next one that writes into the folder. A writer holds a lock on its unfinished file, so that
//! nobody sweeps what is still being written.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::path::Path;

use tempfile::{Builder, NamedTempFile};

use crate::failpoint::FailPoint;

const PREFIX: &str = ".rollcall-";
const SUFFIX: &str = ".new";

/// What the file takes the place of, and who may read it.
#[derive(Debug, Clone)]
pub enum Place {
    /// Nothing: an existing file is an error of the kind `AlreadyExists`. The umask applies.
    New,
    /// As [`New`](Self::New), for the owner only.
    NewPrivate,
    /// Whatever is there, with these permissions; for the owner only if there are none.
    Any(Option<Permissions>),
}

/// Writes the parts, one after the other.
pub fn write(path: &Path, parts: &[&[u8]], place: Place) -> io::Result<()> {
    write_with(path, place, |file| parts.iter().try_for_each(|part| file.write_all(part)))
}

/// Lets `fill` write it, which may take its time: nothing of that name is there before it has ended well.
pub fn write_with<E: From<io::Error>>(
    path: &Path,
    place: Place,
    fill: impl FnOnce(&mut File) -> Result<(), E>,
) -> Result<(), E> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    sweep(folder);
    let mut file = unfinished(folder, &place)?;
    fill(file.as_file_mut())?;
    if let Place::Any(Some(permissions)) = &place {
        file.as_file().set_permissions(permissions.clone())?;
    }
    file.as_file().sync_all()?;
    FailPoint::FileWritten.pass();
    match place {
        Place::New | Place::NewPrivate => file.persist_noclobber(path).map_err(io::Error::from)?,
        Place::Any(_) => file.persist(path).map_err(io::Error::from)?,
    };
    FailPoint::FileRenamed.pass();
    // Makes the rename itself durable.
    #[cfg(unix)]
    File::open(folder)?.sync_all()?;
    Ok(())
}

fn unfinished(folder: &Path, place: &Place) -> io::Result<NamedTempFile> {
    let mut builder = Builder::new();
    builder.prefix(PREFIX).suffix(SUFFIX);
    #[cfg(unix)]
    if matches!(place, Place::New) {
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    #[cfg(not(unix))]
    let _ = place;
    loop {
        let file = builder.tempfile_in(folder)?;
        file.as_file().lock()?;
        // Somebody may have swept it away before it was locked.
        if file.path().exists() {
            return Ok(file);
        }
    }
}

/// Removes what killed writers left. A file that can't be removed harms nobody.
fn sweep(folder: &Path) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.filter_map(Result::ok) {
        let name = entry.file_name();
        let ours = name.to_str().is_some_and(|name| name.starts_with(PREFIX) && name.ends_with(SUFFIX));
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        if ours && is_file && File::open(entry.path()).is_ok_and(|file| file.try_lock().is_ok()) {
            let _ = fs::remove_file(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn what_a_killed_writer_left_is_swept_and_what_is_being_written_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        fs::write(folder.path().join(".rollcall-killed.new"), "half").unwrap();
        fs::write(folder.path().join(".rollcall-theirs.toml"), "not ours").unwrap();
        let at_work = unfinished(folder.path(), &Place::New).unwrap();
        let its_name = at_work.path().file_name().unwrap().to_str().unwrap().to_owned();
        write(&path, &[b"a", b"b"], Place::New).unwrap();
        let mut expected = vec![its_name, ".rollcall-theirs.toml".into(), "file".into()];
        expected.sort();
        assert_eq!(names(folder.path()), expected);
        assert_eq!(fs::read(&path).unwrap(), b"ab");
    }

    #[test]
    fn a_new_file_takes_nobodys_place() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, &[b"old"], Place::New).unwrap();
        let error = write(&path, &[b"new"], Place::New).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&path).unwrap(), b"old");
        write(&path, &[b"new"], Place::Any(None)).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["file"], "nothing else is left");
    }

    #[cfg(unix)]
    #[test]
    fn permissions_are_those_asked_for() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        write(&path, &[b""], Place::Any(None)).unwrap();
        assert_eq!(mode(&path), 0o600);
        write(&path, &[b""], Place::Any(Some(Permissions::from_mode(0o640)))).unwrap();
        assert_eq!(mode(&path), 0o640);
        let new = folder.path().join("new");
        write(&new, &[b""], Place::NewPrivate).unwrap();
        assert_eq!(mode(&new), 0o600);
        assert!(write(&new, &[b""], Place::NewPrivate).is_err(), "it takes nobody's place");
    }
}
