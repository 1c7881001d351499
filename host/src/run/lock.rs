//! Who may work when, across processes. The operating system frees a lock when its process ends, however it ends.

use std::collections::BTreeSet;
use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio_util::sync::CancellationToken;

use super::collect::{MAX_SPOOL_AGE, work_file};
use super::error::RunError;

/// How often a connector's lock that somebody may only have looked at is tried again, and how long after the last time
/// any lock is.
const PEEKS: u32 = 4;
const PEEK: Duration = Duration::from_millis(10);

const SERVICE: &str = "_serve.lock";
const DIRECTORY: &str = "_directory.lock";

/// How the names of readings end.
const SPOOLS: [&str; 3] = ["spool", "replay", "person"];

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

    /// The spool of a repeated reading: what a real run has read so far is still to be gone on from.
    pub fn replay(&self, connector: &str) -> PathBuf {
        self.0.join(format!("{connector}.replay"))
    }

    /// The spool of a reading of one person: as for [`replay`](Self::replay).
    pub fn person(&self, connector: &str) -> PathBuf {
        self.0.join(format!("{connector}.person"))
    }

    /// One run at a time for a connector: refuses while another holds it.
    pub fn lock_connector(&self, connector: &str) -> Result<Lock, RunError> {
        self.lock_alone(&format!("{connector}.lock"))?
            .map_err(|process| RunError::Busy { connector: connector.to_owned(), process })
    }

    /// One service at a time for a database: refuses while another holds it. No connector's name begins with `_`.
    pub fn lock_service(&self, database: &Path) -> Result<Lock, RunError> {
        self.lock_alone(SERVICE)?.map_err(|process| RunError::Served { path: database.to_owned(), process })
    }

    /// The process that serves the database, if one does. Makes nothing.
    pub fn serving(database: &Path) -> Option<u32> {
        let path = Self::path_beside(database).join(SERVICE);
        let mut file = File::open(path).ok()?;
        match file.try_lock_shared() {
            Err(TryLockError::WouldBlock) => holder(&mut file),
            _ => None,
        }
    }

    /// Everything at once, for whoever replaces the database: no service, no run of a connector that ever ran here, and
    /// nobody who plans or applies. Refuses while one of them is at work.
    pub fn lock_all<'a>(
        &self,
        database: &Path,
        connectors: impl Iterator<Item = &'a str>,
    ) -> Result<Vec<Lock>, RunError> {
        let mut locks = vec![self.lock_service(database)?];
        let mut names: BTreeSet<String> = connectors.map(str::to_owned).collect();
        let entries = std::fs::read_dir(&self.0).map_err(work_file(&self.0, "read"))?;
        let files = entries.filter_map(Result::ok).filter_map(|entry| entry.file_name().into_string().ok());
        names.extend(files.filter_map(|file| Some(file.strip_suffix(".lock")?.to_owned())));
        for name in names.iter().filter(|name| !name.starts_with('_')) {
            locks.push(self.lock_connector(name)?);
        }
        let path = self.0.join(DIRECTORY);
        let file = open(&path)?;
        match try_lock(&file) {
            Ok(()) => locks.push(Lock(file)),
            Err(TryLockError::WouldBlock) => return Err(RunError::Changing { path: database.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(work_file(&path, "locked")(source)),
        }
        Ok(locks)
    }

    /// Removes what runs have read so far, and not applied: they read it anew.
    pub fn forget_readings(&self) -> std::io::Result<()> {
        for entry in std::fs::read_dir(&self.0)? {
            let path = entry?.path();
            if SPOOLS.iter().any(|end| path.extension().is_some_and(|known| known == *end)) {
                std::fs::remove_file(path)?;
            }
        }
        Ok(())
    }

    /// Holds the lock, or says who does.
    fn lock_alone(&self, name: &str) -> Result<Result<Lock, Option<u32>>, RunError> {
        let path = self.0.join(name);
        let mut file = open(&path)?;
        match try_lock(&file) {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Err(holder(&mut file))),
            Err(TryLockError::Error(source)) => return Err(work_file(&path, "locked")(source)),
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.seek(SeekFrom::Start(0)))
            .and_then(|_| writeln!(file, "{}", std::process::id()));
        written.map_err(work_file(&path, "written"))?;
        Ok(Ok(Lock(file)))
    }

    /// Whether a run of the connector holds its lock now. Makes nothing: what is not there is not at work.
    pub fn is_at_work(database: &Path, connector: &str) -> bool {
        let Ok(file) = File::open(WorkFolder::path_beside(database).join(format!("{connector}.lock"))) else {
            return false;
        };
        match file.try_lock_shared() {
            Ok(()) => false,
            Err(TryLockError::WouldBlock) => true,
            // Where there are no locks, the run's own word has to do.
            Err(TryLockError::Error(_)) => true,
        }
    }

    /// Removes what nobody goes on from any more: spools too old, of connectors that may be gone, and files without a
    /// name of their own from where the file system knows none that vanish by themselves.
    pub fn tidy(&self, now: SystemTime) {
        let Ok(entries) = std::fs::read_dir(&self.0) else { return };
        for entry in entries.filter_map(Result::ok) {
            let written = entry.metadata().and_then(|metadata| metadata.modified());
            let age = written.ok().and_then(|written| now.duration_since(written).ok());
            if age.is_none_or(|age| age <= MAX_SPOOL_AGE) {
                continue;
            }
            let (path, name) = (entry.path(), entry.file_name());
            let Some(name) = name.to_str() else { continue };
            // Under the connector's lock: a collection that waits for an hour is still at work.
            let spool = name.rsplit_once('.').filter(|(_, end)| SPOOLS.contains(end)).map(|(name, _)| name);
            let lock = spool.map(|connector| self.lock_connector(connector));
            let unused = match &lock {
                Some(lock) => lock.is_ok(),
                None => name.starts_with(".tmp"),
            };
            if unused && let Err(error) = std::fs::remove_file(&path) {
                tracing::warn!("the working file {} could not be removed: {error}", path.display());
            }
        }
    }

    /// From plan to apply, one connector at a time: a plan holds only as long as nobody else changes the directory.
    /// Waits, for minutes if the other one is large, but not for longer than it is wanted. No connector's name begins
    /// with `_`.
    /// `waiting` is called when there is another one.
    pub fn lock_directory(
        &self,
        cancel: &CancellationToken,
        waiting: impl FnOnce(),
    ) -> Result<Lock, RunError> {
        let mut waiting = Some(waiting);
        let path = self.0.join(DIRECTORY);
        let file = open(&path)?;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock(file)),
                Err(TryLockError::WouldBlock) if cancel.is_cancelled() => return Err(RunError::Cancelled),
                Err(TryLockError::WouldBlock) => {
                    if let Some(waiting) = waiting.take() {
                        waiting();
                    }
                    std::thread::sleep(PEEK);
                }
                Err(TryLockError::Error(source)) => return Err(work_file(&path, "locked")(source)),
            }
        }
    }
}

/// Whoever looks whether a run is at work holds the lock too, for some microseconds.
fn try_lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..PEEKS {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(PEEK),
            result => return result,
        }
    }
    file.try_lock()
}

/// Who holds a lock is a courtesy: a reader that races the writer just says less.
fn holder(file: &mut File) -> Option<u32> {
    let mut text = String::new();
    file.read_to_string(&mut text).ok()?;
    text.trim().parse().ok()
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

    #[test]
    fn whoever_waits_for_the_directory_waits_no_longer_than_it_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        let work = WorkFolder::beside(&folder.path().join("x.db")).unwrap();
        let cancel = CancellationToken::new();
        let held = work.lock_directory(&cancel, || panic!("nobody holds it")).unwrap();
        cancel.cancel();
        let error = work.lock_directory(&cancel, || {}).unwrap_err();
        assert!(matches!(error, RunError::Cancelled), "{error}");
        drop(held);
        work.lock_directory(&CancellationToken::new(), || {}).unwrap();
    }

    #[test]
    fn whoever_replaces_the_database_is_alone() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        let work = WorkFolder::beside(&database).unwrap();
        let all = || work.lock_all(&database, ["acme"].into_iter());
        // One that is configured, one that once ran here, a plan, a service.
        let cancel = CancellationToken::new();
        drop(work.lock_connector("gone").unwrap());
        let acme = work.lock_connector("acme").unwrap();
        assert!(matches!(all(), Err(RunError::Busy { connector, .. }) if connector == "acme"));
        drop(acme);
        let gone = work.lock_connector("gone").unwrap();
        assert!(matches!(all(), Err(RunError::Busy { connector, .. }) if connector == "gone"));
        drop(gone);
        let planning = work.lock_directory(&cancel, || {}).unwrap();
        assert!(matches!(all(), Err(RunError::Changing { .. })));
        drop(planning);
        let serving = work.lock_service(&database).unwrap();
        assert!(matches!(all(), Err(RunError::Served { .. })));
        drop(serving);
        let alone = all().unwrap();
        assert!(work.lock_connector("acme").is_err() && work.lock_service(&database).is_err());
        drop(alone);
        work.lock_connector("acme").unwrap();
    }

    #[test]
    fn spools_that_nobody_goes_on_from_are_removed_and_those_of_a_run_at_work_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let work = WorkFolder::beside(&folder.path().join("x.db")).unwrap();
        let names =
            ["gone.spool", "gone.person", "waiting.spool", "waiting.replay", ".tmpAbC", "_directory.lock"];
        for name in names {
            std::fs::write(work.path().join(name), "x").unwrap();
        }
        let left = || names.map(|name| work.path().join(name).exists());
        let _waiting = work.lock_connector("waiting").unwrap();
        work.tidy(SystemTime::now());
        assert_eq!(left(), [true; 6], "an hour has not passed");
        work.tidy(SystemTime::now() + MAX_SPOOL_AGE + Duration::from_secs(60));
        assert_eq!(left(), [false, false, true, true, false, true]);
    }
}
