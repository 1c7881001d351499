use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, ErrorCode};

use super::open::{BUSY_TIMEOUT, SqliteStore};
use crate::directory::{StoreError, StoreResult};

/// Faults that are named before the rest is left out.
const NAMED: usize = 5;

/// How a database is.
#[derive(Debug)]
pub struct Health {
    /// Of its schema.
    pub version: i64,
    /// Of its files, in bytes.
    pub size: u64,
    /// What SQLite finds wrong with its structure; empty when it is sound.
    pub damage: Vec<String>,
    pub writing: Writing,
}

/// Whether a run could write to a database.
#[derive(Debug)]
pub enum Writing {
    Possible,
    /// Another process writes right now.
    Busy,
    Impossible(StoreError),
}

impl SqliteStore {
    /// Reads the whole file, some seconds for each gigabyte, and changes nothing.
    pub fn health(&mut self) -> StoreResult<Health> {
        let error = |source| self.file.error("checked", source);
        let version =
            self.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(error)?;
        let found = damage(&self.connection, "quick_check").map_err(error)?;
        self.connection.busy_timeout(Duration::ZERO).map_err(error)?;
        let tried = self.connection.execute_batch("BEGIN IMMEDIATE; ROLLBACK");
        self.connection.busy_timeout(BUSY_TIMEOUT).map_err(error)?;
        let writing = match tried {
            Ok(()) => Writing::Possible,
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy) => Writing::Busy,
            Err(source) => Writing::Impossible(self.file.error("written", source)),
        };
        Ok(Health { version, size: size(&self.file.name()), damage: found, writing })
    }
}

/// `check` is `quick_check`, or `integrity_check`, which compares indexes with their tables too.
pub(super) fn damage(connection: &Connection, check: &str) -> rusqlite::Result<Vec<String>> {
    let mut statement = connection.prepare(&format!("PRAGMA {check}({NAMED})"))?;
    let found =
        statement.query_map([], |row| row.get::<_, String>(0))?.collect::<rusqlite::Result<Vec<_>>>()?;
    Ok(found.into_iter().filter(|line| line != "ok").collect())
}

/// With what is not in the main file yet.
pub(super) fn size(name: &str) -> u64 {
    ["", "-wal"]
        .iter()
        .filter_map(|end| fs::metadata(PathBuf::from(format!("{name}{end}"))).ok())
        .map(|file| file.len())
        .sum()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, SeekFrom, Write};

    use super::*;
    use crate::directory::Store;

    fn store(folder: &tempfile::TempDir) -> SqliteStore {
        let mut store = SqliteStore::open(&folder.path().join("a.db")).unwrap();
        for number in 0..500 {
            store.connector(&format!("connector-{number}")).unwrap();
        }
        store
    }

    #[test]
    fn a_sound_database_is_sound() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = store(&folder);
        let health = store.health().unwrap();
        assert!(health.damage.is_empty(), "{health:?}");
        assert!(matches!(health.writing, Writing::Possible));
        assert!(health.version > 0 && health.size > 4096);
        store.connector("one-more").unwrap();
    }

    #[test]
    fn while_another_writes_it_is_busy() {
        let folder = tempfile::tempdir().unwrap();
        let mut one = store(&folder);
        let mut other = SqliteStore::open(&folder.path().join("a.db")).unwrap();
        let writer = one.write().unwrap();
        assert!(matches!(other.health().unwrap().writing, Writing::Busy));
        drop(writer);
        assert!(matches!(other.health().unwrap().writing, Writing::Possible));
    }

    #[test]
    fn damage_is_found() {
        let folder = tempfile::tempdir().unwrap();
        drop(store(&folder));
        let path = folder.path().join("a.db");
        let mut file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).unwrap();
        // The last page that names connectors: its cells lie about where they are.
        let at = bytes.windows(11).rposition(|window| window == b"connector-4").unwrap();
        file.seek(SeekFrom::Start((at / 4096 * 4096 + 8) as u64)).unwrap();
        file.write_all(&[0xff; 64]).unwrap();
        drop(file);
        let mut store = SqliteStore::open(&path).unwrap();
        let damage = match store.health() {
            Ok(health) => health.damage,
            Err(error) => vec![error.to_string()],
        };
        assert!(!damage.is_empty());
    }
}
