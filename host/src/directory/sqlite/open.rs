use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension, TransactionBehavior, params};

use super::file::{DatabaseFile, create_private};
use super::reader::SqliteReader;
use super::told;
use super::writer::SqliteWriter;
use crate::directory::{
    ConnectorId, Reader, RunId, RunRow, RunStart, Store, StoreError, StoreResult, Told, Writer,
};
use crate::failpoint::FailPoint;

/// "Roll" in ASCII: tells our files from another program's.
pub(super) const APPLICATION_ID: i64 = 0x526f_6c6c;

/// Each step takes the database from the version of its index to the next. Never edited once released: a change
/// of the schema is a new step.
pub(super) const MIGRATIONS: &[&str] = &[
    include_str!("schema.sql"),
    include_str!("schema-2.sql"),
    include_str!("schema-3.sql"),
    include_str!("schema-4.sql"),
];

/// How long to wait for another process's transaction. A large first sync holds the write lock for a minute.
pub(super) const BUSY_TIMEOUT: Duration = Duration::from_secs(120);

/// The store in one SQLite file.
pub struct SqliteStore {
    pub(super) connection: Connection,
    pub(super) file: DatabaseFile,
}

impl SqliteStore {
    /// Opens the file, creates it (readable by its owner only) if there is none, and brings an older version up to
    /// this one in a transaction of its own.
    pub fn open(path: &Path) -> StoreResult<Self> {
        Self::open_waiting(path, BUSY_TIMEOUT)
    }

    fn open_waiting(path: &Path, patience: Duration) -> StoreResult<Self> {
        let file = DatabaseFile { path: path.to_owned(), patience };
        create_private(path).map_err(|source| file.io("opened", source))?;
        FailPoint::DatabaseCreated.pass();
        let connection = Connection::open(path).map_err(|source| file.error("opened", source))?;
        Self::prepare(connection, file)
    }

    /// Opens the file only if it is there already.
    pub fn open_existing(path: &Path) -> StoreResult<Option<Self>> {
        if path.exists() { Self::open(path).map(Some) } else { Ok(None) }
    }

    fn prepare(connection: Connection, file: DatabaseFile) -> StoreResult<Self> {
        let mut store = Self { connection, file };
        store
            .connection
            .busy_timeout(store.file.patience)
            .map_err(|source| store.file.error("set up", source))?;
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
        // A commit is in the log, and the log on the disk, before it counts: the directory survives a power cut as the
        // old one or the new one. NORMAL could lose the last commit, whose spool is gone by then.
        self.connection.pragma_update(None, "synchronous", "full")?;
        self.connection.pragma_update(None, "foreign_keys", true)?;
        // A damaged page is found when it is read, before anything is concluded from it.
        self.connection.pragma_update(None, "cell_size_check", true)?;
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
        let give_up = Instant::now() + self.file.patience;
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
            FailPoint::DatabaseMigrating.pass();
            transaction.commit().map_err(error)?;
            FailPoint::DatabaseMigrated.pass();
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
                "UPDATE run SET outcome = ?2 WHERE connector = ?1 AND outcome = ?3",
                params![start.connector.0, RunRow::INTERRUPTED, RunRow::RUNNING],
            )
            .map_err(error)?;
        transaction
            .execute(
                "INSERT INTO run (connector, mode, outcome, started_at, report) VALUES (?1, ?2, ?4, ?3, 'null')",
                params![start.connector.0, start.mode, start.at.to_string(), RunRow::RUNNING],
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

    fn told(&mut self, of: &Told) -> StoreResult<Option<String>> {
        told::get(&self.connection, of).map_err(|source| self.file.error("read", source))
    }

    fn set_told(&mut self, of: &Told, cause: &str, at: jiff::Timestamp) -> StoreResult<()> {
        told::set(&self.connection, of, cause, &at.to_string())
            .map_err(|source| self.file.error("written", source))
    }

    fn forget_told(&mut self, of: &Told) -> StoreResult<()> {
        told::forget(&self.connection, of).map_err(|source| self.file.error("written", source))
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
    fn a_database_of_version_1_is_brought_up_with_what_it_holds() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        let first = Connection::open(&path).unwrap();
        first.execute_batch(MIGRATIONS[0]).unwrap();
        first.execute_batch("INSERT INTO connector VALUES (7, 'acme')").unwrap();
        first.pragma_update(None, "application_id", APPLICATION_ID).unwrap();
        first.pragma_update(None, "user_version", 1).unwrap();
        drop(first);
        let mut store = SqliteStore::open(&path).unwrap();
        assert_eq!(store.connector("acme").unwrap(), ConnectorId(7));
        let told = |aspect| Told { connector: "acme".into(), aspect, channel: "command" };
        assert_eq!(store.told(&told("run")).unwrap(), None);
        for cause in ["one", "two"] {
            store.set_told(&told("run"), cause, jiff::Timestamp::UNIX_EPOCH).unwrap();
            assert_eq!(store.told(&told("run")).unwrap().as_deref(), Some(cause));
        }
        assert_eq!(store.told(&told("silence")).unwrap(), None);
        store.forget_told(&told("silence")).unwrap();
        assert!(store.told(&told("run")).unwrap().is_some());
        store.forget_told(&told("run")).unwrap();
        assert_eq!(store.told(&told("run")).unwrap(), None);
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
    fn whoever_holds_it_for_too_long_is_told_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        let mut store = SqliteStore::open_waiting(&path, Duration::ZERO).unwrap();
        let other = Connection::open(&path).unwrap();
        other.execute_batch("BEGIN EXCLUSIVE").unwrap();
        let error = store.write().err().expect("it waits no longer");
        assert_eq!(
            error.to_string(),
            format!(
                "the directory database {} could not be locked for writing: another program holds it for 0 s already",
                path.display()
            )
        );
        assert!(error.hint().unwrap().starts_with("wait if it is another sync"), "{error:?}");
        other.execute_batch("ROLLBACK").unwrap();
        store.write().unwrap();
    }

    #[test]
    fn a_full_disk_is_told_as_one_and_nothing_is_half_written() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        let mut store = SqliteStore::open(&path).unwrap();
        // As a disk of so many pages.
        let pages: i64 = store.connection.query_row("PRAGMA page_count", [], |row| row.get(0)).unwrap();
        store.connection.pragma_update(None, "max_page_count", pages + 3).unwrap();
        let connector = store.connector("acme").unwrap();
        let mut writer = store.write().unwrap();
        let value = "x".repeat(1000);
        let error = (0..1000)
            .find_map(|number| writer.set_checkpoint(connector, &number.to_string(), &value).err())
            .expect("it fills up");
        assert!(matches!(error, StoreError::Full { .. }), "{error:?}");
        drop(writer);
        let kept: i64 =
            store.connection.query_row("SELECT count(*) FROM checkpoint", [], |row| row.get(0)).unwrap();
        assert_eq!(kept, 0);
    }

    #[test]
    fn damage_is_found_where_it_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.db");
        let mut store = SqliteStore::open(&path).unwrap();
        let connector = store.connector("acme").unwrap();
        let mut writer = store.write().unwrap();
        for number in 0..500 {
            writer.set_checkpoint(connector, &format!("{number:04}"), "value").unwrap();
        }
        writer.commit().unwrap();
        drop(store);
        let whole = std::fs::read(&path).unwrap();
        let page = 4096;
        let mut found = 0;
        for number in 1..whole.len() / page {
            // Where the page's first row lies, which counting rows doesn't look at.
            let mut damaged = whole.clone();
            damaged[number * page + 8..number * page + 10].fill(0xff);
            std::fs::write(&path, &damaged).unwrap();
            let read = SqliteStore::open(&path).and_then(|store| {
                let all = "SELECT count(*) FROM checkpoint";
                let counted = store.connection.query_row(all, [], |row| row.get::<_, i64>(0));
                counted.map_err(|source| store.file.error("read", source))
            });
            match read {
                Ok(rows) => assert_eq!(rows, 500, "another table's page"),
                Err(error) => {
                    assert!(matches!(error, StoreError::Corrupt { .. }), "{error:?}");
                    found += 1;
                }
            }
        }
        assert!(found >= 3, "{found} pages hold the rows");
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
