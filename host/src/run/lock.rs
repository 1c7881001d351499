//! Who may work when, across processes. The operating system frees a lock when its process ends, however it ends.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use super::collect::work_file;
use super::error::RunError;

/// The folder beside the database where spools, staged changes and locks lie. Its owner's only.
#[derive(Debug, Clone)]
pub struct WorkFolder(PathBuf);

/// A held lock; dropping it frees it.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough at once: a child process that was forked meanwhile holds it until it runs its
        // own program. If this fails, closing still frees the lock a moment later.
        let _ = self.0.unlock();
    }
}

impl WorkFolder {
    /// `rollcall.db` → `rollcall.db.work/`, beside the file itself, not beside a link to it.
    pub fn beside(database: &Path) -> Result<Self, RunError> {
        let path = Self::path_beside(database);
        let mut builder = std::fs::DirBuilder::new();
        builder.recursive(true);
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path).map_err(work_file(&path, "created"))?;
        Ok(Self(path))
    }

    /// Where it is or would be; makes nothing.
    pub fn path_beside(database: &Path) -> PathBuf {
        let database = database.canonicalize().unwrap_or_else(|_| database.to_owned());
        let mut name = database.into_os_string();
        name.push(".work");
        PathBuf::from(name)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    pub fn spool(&self, connector: &str) -> PathBuf {
        self.0.join(format!("{connector}.spool"))
    }

    /// One run at a time for a connector: refuses while another holds it.
    pub fn lock_connector(&self, connector: &str) -> Result<Lock, RunError> {
        let path = self.0.join(format!("{connector}.lock"));
        let mut file = open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let mut text = String::new();
                // Who holds it is a courtesy: a reader that races the writer just says less.
                let _ = file.read_to_string(&mut text);
                return Err(RunError::Busy {
                    connector: connector.to_owned(),
                    process: text.trim().parse().ok(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(work_file(&path, "locked")(source)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        written.map_err(work_file(&path, "written"))?;
        Ok(Lock(file))
    }

    /// From plan to apply, one connector at a time: a plan holds only as long as nobody else changes the directory.
    /// Waits. No connector's name begins with `_`.
    pub fn lock_directory(&self) -> Result<Lock, RunError> {
        let path = self.0.join("_directory.lock");
        let file = open(&path)?;
        file.lock().map_err(work_file(&path, "locked"))?;
        Ok(Lock(file))
    }
}

fn open(path: &Path) -> Result<File, RunError> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map_err(work_file(path, "opened"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_run_of_a_connector_is_refused_until_the_first_ends() {
        let folder = tempfile::tempdir().unwrap();
        let work = WorkFolder::beside(&folder.path().join("x.db")).unwrap();
        let first = work.lock_connector("acme").unwrap();
        let refused = work.lock_connector("acme").unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!("another run of connector acme is at work (process {})", std::process::id())
        );
        work.lock_connector("other").unwrap();
        drop(first);
        work.lock_connector("acme").unwrap();
    }
}
