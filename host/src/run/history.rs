//! Past runs, with what the store alone can't know: whether a run that never ended is still at work. A killed process
//! has no time to say that it was.

use std::collections::BTreeSet;
use std::path::Path;

use super::lock::WorkFolder;
use crate::directory::{Reader, RunId, RunRow, Store, StoreResult};

/// Runs as `select` takes them from the store; one that was killed is `interrupted`.
///
/// `database` is the store's file: the locks of runs at work lie beside it.
pub fn history(
    store: &mut dyn Store,
    database: &Path,
    select: impl Fn(&dyn Reader) -> StoreResult<Vec<RunRow>>,
) -> StoreResult<Vec<RunRow>> {
    let rows = select(store.read()?.as_ref())?;
    let unfinished: Vec<&RunRow> = rows.iter().filter(|row| row.outcome == RunRow::RUNNING).collect();
    let dead: BTreeSet<RunId> = unfinished
        .into_iter()
        .filter(|row| !WorkFolder::is_at_work(database, &row.connector))
        .map(|row| row.id)
        .collect();
    if dead.is_empty() {
        return Ok(rows);
    }
    // Read again: between the first reading and the look at the lock a run may have ended well.
    let mut rows = select(store.read()?.as_ref())?;
    for row in &mut rows {
        if row.outcome == RunRow::RUNNING && dead.contains(&row.id) {
            row.outcome = RunRow::INTERRUPTED.to_owned();
        }
    }
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{RunStart, SqliteStore};

    #[test]
    fn a_run_that_never_ended_runs_only_while_its_lock_is_held() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        let mut store = SqliteStore::open(&database).unwrap();
        for name in ["acme", "other"] {
            let connector = store.connector(name).unwrap();
            let at = jiff::Timestamp::UNIX_EPOCH;
            store.begin_run(&RunStart { connector, mode: "full", at }).unwrap();
        }
        let mut outcomes = |database: &Path| -> Vec<(String, String)> {
            let rows = history(&mut store, database, |reader| reader.runs(None, 10)).unwrap();
            rows.into_iter().map(|row| (row.connector, row.outcome)).collect()
        };
        let both = |other: &str, acme: &str| {
            vec![("other".to_owned(), other.to_owned()), ("acme".to_owned(), acme.to_owned())]
        };
        assert_eq!(outcomes(&database), both("interrupted", "interrupted"), "there is no work folder");
        let work = WorkFolder::beside(&database).unwrap();
        let held = work.lock_connector("acme").unwrap();
        assert_eq!(outcomes(&database), both("interrupted", "running"));
        drop(held);
        assert_eq!(outcomes(&database), both("interrupted", "interrupted"));
        work.lock_connector("acme").unwrap();
    }
}
