use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::reader::SqliteReader;
use super::writer::SqliteWriter;
use crate::directory::{ConnectorId, Reader, RunId, RunStart, Store, StoreError, StoreResult, Writer};

/// "Roll" in ASCII: tells our files from another program's.
const APPLICATION_ID: i64 = 0x526f_6c6c;

/// Each step takes the database from the version of its index to the next. Never edited once released: a change
/// of the schema is a new step.
const MIGRATIONS: &[&str] = &[include_str!("schema.sql")];

/// How long to wait for another process's transaction. A large first sync holds the write lock for a minute.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(120);

/// The store in one SQLite file.
pub struct SqliteStore {
    pub(super) connection: Connection,
    pub(super) file: DatabaseFile,
}

/// The file's name, for errors.
#[derive(Debug, Clone)]
pub(super) struct DatabaseFile(PathBuf);

impl SqliteStore {
    /// Opens the file, creates it (readable by its owner only) if there is none, and brings an older version up to
    /// this one in a transaction of its own.
    pub fn open(path: &Path) -> StoreResult<Self> {
        let file = DatabaseFile(path.to_owned());
        create_private(path).map_err(|source| file.io("opened", source))?;
        let connection = Connection::open(path).map_err(|source| file.error("opened", source))?;
        Self::prepare(connection, file)
    }

    /// Opens the file only if it is there already.
    pub fn open_existing(path: &Path) -> StoreResult<Option<Self>> {
        if path.exists() { Self::open(path).map(Some) } else { Ok(None) }
    }

    fn prepare(connection: Connection, file: DatabaseFile) -> StoreResult<Self> {
        let mut store = Self { connection, file };
        store.connection.busy_timeout(BUSY_TIMEOUT).map_err(|source| store.file.error("set up", source))?;
        store.check_owner()?;
        store.set_up().map_err(|source| store.file.error("set up", source))?;
        store.migrate()?;
        Ok(store)
    }

    fn check_owner(&self) -> StoreResult<()> {
        let error = |source| self.file.error("read", source);
        let read = || -> rusqlite::Result<(i64, i64, i64)> {
            // All of one moment: another process may be making the database right now.
            let moment = self.connection.unchecked_transaction()?;
            let pragma = |name| moment.pragma_query_value(None, name, |row| row.get(0));
            let tables = moment.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
            Ok((tables, pragma("application_id")?, pragma("user_version")?))
        };
        let (tables, id, found) = read().map_err(error)?;
        if id != APPLICATION_ID && (id != 0 || tables > 0) {
            return Err(StoreError::Foreign { path: self.file.name(), found: id });
        }
        let known = MIGRATIONS.len() as i64;
        if found > known {
            return Err(StoreError::Newer { path: self.file.name(), found, known });
        }
        Ok(())
    }

    fn set_up(&self) -> rusqlite::Result<()> {
        self.write_ahead()?;
        // FULL makes a commit survive a power cut, which WAL's NORMAL does not promise.
        self.connection.pragma_update(None, "synchronous", "full")?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        // 32 MiB: the random-order name index of a large first sync, and no more than that of a small machine.
        self.connection.pragma_update(None, "cache_size", -32 * 1024)?;
        self.connection.set_prepared_statement_cache_capacity(64);
        // Otherwise SQLite prepares a statement anew for every value that is bound to it, in case another plan
        // suits that value better: 10 µs a look-up, and there is only one sensible plan for each of ours.
        self.connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
        Ok(())
    }

    /// A new file's change to a write-ahead log needs the file for itself, and fails at once instead of waiting when
    /// another process makes the same change.
    fn write_ahead(&self) -> rusqlite::Result<()> {
        let give_up = Instant::now() + BUSY_TIMEOUT;
        loop {
            match self.connection.pragma_update(None, "journal_mode", "wal") {
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && Instant::now() < give_up =>
                {
                    thread::sleep(Duration::from_millis(5));
                }
                result => return result,
            }
        }
    }

    fn migrate(&mut self) -> StoreResult<()> {
        let file = self.file.clone();
        let error = |source| file.error("brought up to this version", source);
        let version: i64 =
            self.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(error)?;
        if version == MIGRATIONS.len() as i64 {
            return Ok(());
        }
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
        let version: i64 =
            transaction.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(error)?;
        for step in MIGRATIONS.iter().skip(version.max(0) as usize) {
            transaction.execute_batch(step).map_err(error)?;
        }
        if version < MIGRATIONS.len() as i64 {
            transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(error)?;
            transaction.pragma_update(None, "user_version", MIGRATIONS.len() as i64).map_err(error)?;
            transaction.commit().map_err(error)?;
        }
        Ok(())
    }
}

impl Store for SqliteStore {
    fn connector(&mut self, name: &str) -> StoreResult<ConnectorId> {
        let error = |source| self.file.error("written", source);
        let known = self
            .connection
            .query_row("SELECT id FROM connector WHERE name = ?1", [name], |row| row.get(0))
            .optional()
            .map_err(error)?;
        if let Some(id) = known {
            return Ok(ConnectorId(id));
        }
        self.connection
            .execute("INSERT INTO connector (name) VALUES (?1) ON CONFLICT DO NOTHING", [name])
            .map_err(error)?;
        self.connection
            .query_row("SELECT id FROM connector WHERE name = ?1", [name], |row| row.get(0).map(ConnectorId))
            .map_err(error)
    }

    fn begin_run(&mut self, start: &RunStart) -> StoreResult<RunId> {
        let file = self.file.clone();
        let error = |source| file.error("written", source);
        let transaction =
            self.connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(error)?;
        transaction
            .execute(
                "UPDATE run SET outcome = 'interrupted', ended_at = ?2 WHERE connector = ?1 AND outcome = 'running'",
                params![start.connector.0, start.at.to_string()],
            )
            .map_err(error)?;
        transaction
            .execute(
                "INSERT INTO run (connector, mode, outcome, started_at, report) VALUES (?1, ?2, 'running', ?3, 'null')",
                params![start.connector.0, start.mode, start.at.to_string()],
            )
            .map_err(error)?;
        let id = RunId(transaction.last_insert_rowid());
        transaction.commit().map_err(error)?;
        Ok(id)
    }

    fn end_run(&mut self, run: RunId, outcome: &str, at: jiff::Timestamp, report: &str) -> StoreResult<()> {
        end_run(&self.connection, run, outcome, at, report)
            .map_err(|source| self.file.error("written", source))
    }

    fn read(&mut self) -> StoreResult<Box<dyn Reader + '_>> {
        let file = self.file.clone();
        let transaction = self.connection.transaction().map_err(|source| file.error("read", source))?;
        Ok(Box::new(SqliteReader { transaction, file }))
    }

    fn write(&mut self) -> StoreResult<Box<dyn Writer + '_>> {
        let file = self.file.clone();
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)
            .map_err(|source| file.error("locked for writing", source))?;
        Ok(Box::new(SqliteWriter { transaction, file }))
    }
}

pub(super) fn end_run(
    connection: &Connection,
    run: RunId,
    outcome: &str,
    at: jiff::Timestamp,
    report: &str,
) -> rusqlite::Result<()> {
    connection
        .execute(
            "UPDATE run SET outcome = ?2, ended_at = ?3, report = ?4 WHERE id = ?1",
            params![run.0, outcome, at.to_string(), report],
        )
        .map(|_| ())
}

/// An empty file that only its owner can read: the directory holds personal data.
fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        // A read-only file still opens for reading; SQLite says so when something is written.
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied && path.exists() => Ok(()),
        other => other.map(|_| ()),
    }
}

impl DatabaseFile {
    pub(super) fn name(&self) -> String {
        self.0.display().to_string()
    }

    pub(super) fn error(&self, action: &'static str, source: rusqlite::Error) -> StoreError {
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => self.corrupt(source.to_string()),
            _ => StoreError::Database { path: self.name(), action, source: Box::new(source) },
        }
    }

    pub(super) fn io(&self, action: &'static str, source: std::io::Error) -> StoreError {
        StoreError::Database { path: self.name(), action, source: Box::new(source) }
    }

    pub(super) fn corrupt(&self, what: impl Into<String>) -> StoreError {
        StoreError::Corrupt { path: self.name(), what: what.into() }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn a_file_of_another_program_is_left_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("other.db");
        Connection::open(&path).unwrap().execute_batch("CREATE TABLE theirs (x)").unwrap();
        let error = SqliteStore::open(&path).err().expect("refused");
        assert!(matches!(error, StoreError::Foreign { .. }), "{error}");
    }

    #[test]
    fn a_newer_version_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        drop(SqliteStore::open(&path).unwrap());
        Connection::open(&path).unwrap().pragma_update(None, "user_version", 99).unwrap();
        let error = SqliteStore::open(&path).err().expect("refused");
        assert_eq!(
            error.to_string(),
            format!(
                "the directory database {} is of version 99, and this Rollcall knows versions up to {}",
                path.display(),
                MIGRATIONS.len()
            )
        );
    }

    #[test]
    fn garbage_is_corrupt_and_left_untouched() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        std::fs::write(&path, vec![b'x'; 4096]).unwrap();
        let error = SqliteStore::open(&path).err().expect("refused");
        assert!(matches!(error, StoreError::Corrupt { .. }), "{error}");
        assert_eq!(std::fs::read(&path).unwrap(), vec![b'x'; 4096]);
    }

    #[test]
    fn several_may_make_the_file_at_once() {
        const OPENERS: usize = 6;
        for _ in 0..25 {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("rollcall.db");
            let start = Barrier::new(OPENERS);
            thread::scope(|scope| {
                let open = || {
                    start.wait();
                    SqliteStore::open(&path).map(drop)
                };
                let openers: Vec<_> = (0..OPENERS).map(|_| scope.spawn(open)).collect();
                for opener in openers {
                    opener.join().unwrap().unwrap();
                }
            });
        }
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_for_its_owner_only() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        drop(SqliteStore::open(&path).unwrap());
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
