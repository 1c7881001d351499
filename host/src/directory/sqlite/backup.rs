//! Copies of a directory: made while others read and write it, and put in its place.
//!
//! A copy is made with `VACUUM INTO`: one moment of the database, in one file without a log beside it, without what was
//! unused. SQLite's backup interface copies page by page, which is quicker; but it copies damage too, and begins anew
//! when another process writes between two steps.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OpenFlags, params};
use serde::Serialize;

use super::file::DatabaseFile;
use super::health::damage;
use super::open::{APPLICATION_ID, BUSY_TIMEOUT, MIGRATIONS, SqliteStore};
use crate::directory::{StoreError, StoreResult};
use crate::failpoint::FailPoint;
use crate::whole_file::{self, Place};

/// Why there is no copy, or the directory was not replaced. Nothing was changed then.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{} is there already", path.display())]
    Exists { path: PathBuf },
    #[error("{} is the directory database itself", path.display())]
    Itself { path: PathBuf },
    #[error("there is no backup at {}", path.display())]
    Missing { path: PathBuf },
    #[error("{} can't be restored", path.display())]
    Unsound {
        path: PathBuf,
        #[source]
        source: StoreError,
    },
    #[error("{} holds no directory", path.display())]
    Empty { path: PathBuf },
    #[error("{} lacks the latest runs of the directory: {runs}, the last one begun at {last}", path.display())]
    Older { path: PathBuf, runs: u64, last: String },
    #[error("{} could not be {action}", path.display())]
    File {
        path: PathBuf,
        action: &'static str,
        #[source]
        source: io::Error,
    },
}

impl BackupError {
    pub fn hint(&self) -> Option<String> {
        match self {
            BackupError::Store(error) => error.hint(),
            BackupError::Exists { .. } => Some("name another file, or give `--force` to overwrite it".into()),
            BackupError::Itself { .. } => Some("name another file".into()),
            BackupError::Missing { .. } => Some("`rollcall backup FILE` makes one".into()),
            BackupError::Unsound { source: StoreError::Corrupt { .. }, .. } => {
                Some("it is damaged: name an earlier backup; the directory was left as it is".into())
            }
            BackupError::Unsound { source: StoreError::Foreign { .. }, .. } => {
                Some("name a file that `rollcall backup` wrote; the directory was left as it is".into())
            }
            BackupError::Unsound { source, .. } => source.hint(),
            BackupError::Empty { .. } => Some("it was made before the first sync: name another one".into()),
            BackupError::Older { .. } => Some(
                "`--force` goes back all the same; what is replaced is kept beside it, and the next sync brings the \
                 directory in step again"
                    .into(),
            ),
            BackupError::File { .. } => {
                Some("nothing was changed; check that its folder exists, is writable and has space left".into())
            }
        }
    }
}

/// What is in a copy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Contents {
    /// Of its schema.
    pub version: i64,
    pub users: u64,
    pub groups: u64,
    pub runs: u64,
    /// The number of the latest run, 0 if there was none.
    pub last_run: i64,
    /// When it began.
    pub last_run_at: Option<String>,
    pub bytes: u64,
}

/// What became of the database that was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Restored {
    pub contents: Contents,
    /// Where the replaced one is now.
    pub replaced: Option<PathBuf>,
}

impl SqliteStore {
    /// Writes a copy of one moment, whole or not at all, for its owner only, and checks it. Others go on meanwhile.
    pub fn backup(&self, to: &Path, overwrite: bool) -> Result<Contents, BackupError> {
        if same_file(to, &self.file.path) {
            return Err(BackupError::Itself { path: to.to_owned() });
        }
        let place = if overwrite { Place::Any(None) } else { Place::NewPrivate };
        if !overwrite && to.exists() {
            return Err(BackupError::Exists { path: to.to_owned() });
        }
        whole_file::fill(to, place, |new| {
            copy(&self.connection, &self.file, new)?;
            Ok(checked(new, to)?)
        })
        .map_err(|error| unwritten(error, to))
    }
}

/// Puts a checked copy of a backup into the place of the database, and keeps what was there beside it.
///
/// The caller sees to it that nobody works on the database. `set_out` is called when everything is ready, and before
/// anything is changed. After a crash at any instant the old database is there or the restored one, with a name of its
/// own or without. Numbers of entries and runs that the replaced database gave are never given again.
pub fn restore(
    backup: &Path,
    database: &Path,
    force: bool,
    now: Timestamp,
    set_out: impl FnOnce() -> io::Result<()>,
) -> Result<Restored, BackupError> {
    if !backup.is_file() {
        return Err(BackupError::Missing { path: backup.to_owned() });
    }
    if same_file(backup, database) {
        return Err(BackupError::Itself { path: backup.to_owned() });
    }
    // A link stays one.
    let database = &match fs::symlink_metadata(database) {
        Ok(metadata) if metadata.is_symlink() => {
            database.canonicalize().unwrap_or_else(|_| database.to_owned())
        }
        _ => database.to_owned(),
    };
    let current = Current::of(database)?;
    let permissions = fs::metadata(database).ok().map(|metadata| metadata.permissions());
    whole_file::fill(database, Place::Any(permissions), |new| {
        let unsound = |source| BackupError::Unsound { path: backup.to_owned(), source };
        copy_backup(backup, new).map_err(unsound)?;
        let contents = checked(new, backup).map_err(unsound)?;
        if contents.version == 0 {
            return Err(BackupError::Empty { path: backup.to_owned() }.into());
        }
        if let Current::Sound { ahead, .. } = &current
            && !force
        {
            ahead.refuse(backup, contents.last_run)?;
        }
        current.hand_numbers_on(new)?;
        FailPoint::RestoreReady.pass();
        set_out()?;
        let replaced = set_aside(database, &current, now)?;
        FailPoint::ReplacedKept.pass();
        Ok(Restored { contents, replaced })
    })
    .map_err(|error| unwritten(error, database))
}

/// Of an error on the way: what it is about, or the file that was to be written.
#[derive(Debug)]
enum Stopped {
    Backup(BackupError),
    Io(io::Error),
}

impl From<io::Error> for Stopped {
    fn from(error: io::Error) -> Self {
        Stopped::Io(error)
    }
}

impl From<BackupError> for Stopped {
    fn from(error: BackupError) -> Self {
        Stopped::Backup(error)
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Stopped::Backup(error.into())
    }
}

fn unwritten(stopped: Stopped, path: &Path) -> BackupError {
    match stopped {
        Stopped::Backup(error) => error,
        Stopped::Io(source) if source.kind() == io::ErrorKind::AlreadyExists => {
            BackupError::Exists { path: path.to_owned() }
        }
        Stopped::Io(source) => BackupError::File { path: path.to_owned(), action: "written", source },
    }
}

fn same_file(one: &Path, other: &Path) -> bool {
    matches!((one.canonicalize(), other.canonicalize()), (Ok(one), Ok(other)) if one == other)
}

fn named(path: &Path) -> DatabaseFile {
    DatabaseFile { path: path.to_owned(), patience: BUSY_TIMEOUT }
}

fn copy(from: &Connection, file: &DatabaseFile, new: &Path) -> StoreResult<()> {
    let Some(path) = new.to_str() else {
        return Err(file.io("copied", io::Error::other("its folder's name is not text")));
    };
    from.execute("VACUUM INTO ?1", [path]).map_err(|source| file.error("copied", source))?;
    Ok(())
}

/// Reads the backup as it lies there, also one that was copied with its log beside it.
fn copy_backup(backup: &Path, new: &Path) -> StoreResult<()> {
    let file = named(backup);
    let error = |source| file.error("read", source);
    let connection = Connection::open_with_flags(backup, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(error)?;
    connection.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
    let pragma = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let (id, found) = (pragma("application_id").map_err(error)?, pragma("user_version").map_err(error)?);
    let known = MIGRATIONS.len() as i64;
    if id != APPLICATION_ID {
        return Err(StoreError::Foreign { path: file.name(), found: id });
    }
    if found > known {
        return Err(StoreError::Newer { path: file.name(), found, known });
    }
    copy(&connection, &file, new)
}

/// Reads a copy whole, and says what is in it. `told` is its name in errors.
fn checked(copy: &Path, told: &Path) -> StoreResult<Contents> {
    let file = named(told);
    let error = |source| file.error("checked", source);
    let connection = Connection::open_with_flags(copy, OpenFlags::SQLITE_OPEN_READ_ONLY).map_err(error)?;
    let damage = damage(&connection, "integrity_check").map_err(error)?;
    if !damage.is_empty() {
        return Err(file.corrupt(damage.join("; ")));
    }
    let one = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0)).map_err(error);
    let version = one("PRAGMA user_version")?;
    let mut contents = Contents {
        version,
        users: 0,
        groups: 0,
        runs: 0,
        last_run: 0,
        last_run_at: None,
        bytes: fs::metadata(copy).map(|file| file.len()).unwrap_or_default(),
    };
    if version > 0 {
        contents.users = one("SELECT count(*) FROM directory_user")? as u64;
        contents.groups = one("SELECT count(*) FROM directory_group")? as u64;
        contents.runs = one("SELECT count(*) FROM run")? as u64;
        let last = "SELECT coalesce(max(id), 0), max(started_at) FROM run";
        (contents.last_run, contents.last_run_at) =
            connection.query_row(last, [], |row| Ok((row.get(0)?, row.get(1)?))).map_err(error)?;
    }
    Ok(contents)
}

/// The database that is to be replaced.
enum Current {
    None,
    /// It can be read.
    Sound {
        counters: Vec<(String, i64)>,
        ahead: Ahead,
    },
    /// It is damaged, which may be why it is replaced.
    Damaged,
}

/// Its runs: number and beginning.
struct Ahead(Vec<(i64, String)>);

impl Ahead {
    /// If it has runs that come after the last one of the backup.
    fn refuse(&self, backup: &Path, last: i64) -> Result<(), BackupError> {
        let newer: Vec<&(i64, String)> = self.0.iter().filter(|(id, _)| *id > last).collect();
        match newer.last() {
            None => Ok(()),
            Some((_, at)) => Err(BackupError::Older {
                path: backup.to_owned(),
                runs: newer.len() as u64,
                last: at.clone(),
            }),
        }
    }
}

impl Current {
    /// Looks at it, and puts its log into it, so that it is one file. Refuses what is not ours, and what another program
    /// has open.
    fn of(path: &Path) -> StoreResult<Self> {
        if !path.exists() {
            return Ok(Current::None);
        }
        let file = DatabaseFile { path: path.to_owned(), patience: std::time::Duration::from_secs(2) };
        match Self::read(path, &file) {
            Ok(current) => Ok(current),
            Err(source) => match source.sqlite_error_code() {
                Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => Ok(Current::Damaged),
                _ => Err(file.error("made ready to be replaced", source)),
            },
        }
        .and_then(|current| match current {
            Current::Sound { counters, .. } if counters.is_empty() && !is_ours(path) => {
                Err(StoreError::Foreign { path: file.name(), found: 0 })
            }
            current => Ok(current),
        })
    }

    fn read(path: &Path, file: &DatabaseFile) -> rusqlite::Result<Self> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
        connection.busy_timeout(file.patience)?;
        let id: i64 = connection.pragma_query_value(None, "application_id", |row| row.get(0))?;
        let (mut counters, mut runs) = (Vec::new(), Vec::new());
        if id == APPLICATION_ID {
            let mut statement = connection.prepare("SELECT name, next FROM counter")?;
            counters =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
            let mut statement = connection.prepare("SELECT id, started_at FROM run ORDER BY id")?;
            runs =
                statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect::<Result<_, _>>()?;
        }
        let mode: String =
            connection.pragma_update_and_check(None, "journal_mode", "delete", |row| row.get(0))?;
        tracing::debug!(mode, "the database that is to be replaced is one file");
        Ok(Current::Sound { counters, ahead: Ahead(runs) })
    }

    /// Numbers that were given are not given again: applications may know them.
    fn hand_numbers_on(&self, new: &Path) -> StoreResult<()> {
        let Current::Sound { counters, ahead } = self else { return Ok(()) };
        let file = named(new);
        let hand_on = || -> rusqlite::Result<()> {
            let connection = Connection::open(new)?;
            // Nothing is left beside it whenever this process dies.
            connection.pragma_update(None, "journal_mode", "memory")?;
            for (name, next) in counters {
                connection.execute(
                    "UPDATE counter SET next = max(next, ?2) WHERE name = ?1",
                    params![name, next],
                )?;
            }
            if let Some((last, _)) = ahead.0.last() {
                let known = connection
                    .execute("UPDATE sqlite_sequence SET seq = max(seq, ?1) WHERE name = 'run'", [last])?;
                if known == 0 {
                    connection
                        .execute("INSERT INTO sqlite_sequence (name, seq) VALUES ('run', ?1)", [last])?;
                }
            }
            Ok(())
        };
        hand_on().map_err(|source| file.error("written", source))
    }
}

/// Whether a database without any counter may be replaced: one that is empty, as a crash at its making leaves it.
fn is_ours(path: &Path) -> bool {
    let tables = || -> rusqlite::Result<i64> {
        let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))
    };
    tables().is_ok_and(|tables| tables == 0)
}

/// Gives the database a second name, so that it is never without its own before the restored one has it.
fn set_aside(database: &Path, current: &Current, now: Timestamp) -> Result<Option<PathBuf>, BackupError> {
    if matches!(current, Current::None) {
        return Ok(None);
    }
    let with = |end: &str| {
        let mut name = database.as_os_str().to_owned();
        name.push(end);
        PathBuf::from(name)
    };
    let stamp = now.strftime("%Y%m%d-%H%M%S").to_string();
    let free = (1..).find_map(|nth: u32| {
        let end = if nth == 1 { format!(".replaced-{stamp}") } else { format!(".replaced-{stamp}-{nth}") };
        Some(end).filter(|end| !with(end).exists())
    });
    let end = free.unwrap_or_else(|| format!(".replaced-{stamp}"));
    let aside = with(&end);
    let failed = |source| BackupError::File { path: aside.clone(), action: "written", source };
    match fs::hard_link(database, &aside) {
        Ok(()) => {}
        // Where the file system knows no second names.
        Err(_) => fs::copy(database, &aside).map(drop).map_err(failed)?,
    }
    // Of a damaged one: a log that stayed would be taken for that of the restored one.
    for log in ["-wal", "-journal"] {
        if with(log).exists() {
            fs::rename(with(log), with(&format!("{end}{log}"))).map_err(failed)?;
        }
    }
    match fs::remove_file(with("-shm")) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(failed(error)),
        _ => Ok(Some(aside)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What SQLite leaves beside a database that it can't read goes with it.
    #[test]
    fn a_log_is_set_aside_with_its_database_and_two_of_one_second_have_names_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let now = Timestamp::UNIX_EPOCH;
        for nth in ["", "-2"] {
            for end in ["", "-wal", "-shm"] {
                fs::write(path(&format!("x.db{end}")), format!("{nth}{end}")).unwrap();
            }
            let aside = set_aside(&path("x.db"), &Current::Damaged, now).unwrap().unwrap();
            assert_eq!(aside, path(&format!("x.db.replaced-19700101-000000{nth}")));
            assert_eq!(fs::read_to_string(&aside).unwrap(), nth);
            let log = path(&format!("x.db.replaced-19700101-000000{nth}-wal"));
            assert_eq!(fs::read_to_string(log).unwrap(), format!("{nth}-wal"));
            assert!(path("x.db").exists() && !path("x.db-wal").exists() && !path("x.db-shm").exists());
            // As the restored one takes its place.
            fs::remove_file(path("x.db")).unwrap();
        }
        assert_eq!(set_aside(&path("x.db"), &Current::None, now).unwrap(), None);
    }

    #[test]
    fn an_empty_file_is_replaced_and_a_database_of_another_program_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        assert!(matches!(Current::of(&path), Ok(Current::None)));
        fs::write(&path, "").unwrap();
        assert!(matches!(Current::of(&path), Ok(Current::Sound { .. })));
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        assert!(matches!(Current::of(&path), Err(StoreError::Foreign { .. })));
        fs::write(&path, "x".repeat(5000)).unwrap();
        assert!(matches!(Current::of(&path), Ok(Current::Damaged)));
    }
}
