use super::health::size;
use super::open::SqliteStore;
use crate::directory::StoreResult;

/// The file is made smaller when at least one of so many of its pages is unused: what runs write next uses free pages
/// again, so that a few of them are worth nothing.
const WORTHWHILE: i64 = 8;

impl SqliteStore {
    /// Gives unused space back to the disk where there is much of it; gives how many bytes. Needs as much free space
    /// again meanwhile as the database has content, and keeps others from writing for some seconds a gigabyte.
    pub fn compact(&mut self) -> StoreResult<u64> {
        let error = |source| self.file.error("made smaller", source);
        let pragma = |name: &str| self.connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let (pages, free) = (pragma("page_count").map_err(error)?, pragma("freelist_count").map_err(error)?);
        if free * WORTHWHILE < pages {
            return Ok(0);
        }
        let before = size(&self.file.name());
        self.connection.execute_batch("VACUUM").map_err(error)?;
        // The file itself shrinks with the log. Whoever reads right now keeps it from that until the next time.
        let shrink = self.connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()));
        shrink.map_err(error)?;
        Ok(before.saturating_sub(size(&self.file.name())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::Store;

    #[test]
    fn unused_space_is_given_back_where_there_is_much_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.db");
        let mut store = SqliteStore::open(&path).unwrap();
        let connector = store.connector("acme").unwrap();
        let mut writer = store.write().unwrap();
        for number in 0..1000 {
            writer.set_checkpoint(connector, &number.to_string(), &"x".repeat(1000)).unwrap();
        }
        writer.commit().unwrap();
        assert_eq!(store.compact().unwrap(), 0, "nothing is unused");
        let full = size(&store.file.name());
        store.connection.execute("DELETE FROM checkpoint WHERE name != '7'", []).unwrap();
        assert!(store.compact().unwrap() > 900_000);
        assert!(size(&store.file.name()) < full / 5);
        assert!(store.health().unwrap().damage.is_empty());
        let left: i64 =
            store.connection.query_row("SELECT count(*) FROM checkpoint", [], |row| row.get(0)).unwrap();
        assert_eq!(left, 1);
    }
}
