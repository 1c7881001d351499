use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::directory::{RunRow, Store, StoreResult};
use crate::run::{Extent, Outcome, RunReport, history};

/// What the store knows of a connector's past.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastRuns {
    /// When the last run began that read everything and came to an end of its own: one that was stopped or killed is to
    /// be made up for. If there was none but those, a day before the first of them, since only its due time says what it
    /// was for.
    pub full: Option<Timestamp>,
    /// The same of any run: an increment is for what a full run sees, too.
    pub any: Option<Timestamp>,
    /// When the last one ended that succeeded; if none of the last hundreds did, the beginning of the first of them.
    pub success: Option<Timestamp>,
    /// The same of those that read everything.
    pub full_success: Option<Timestamp>,
    /// Whether the last one that read everything failed.
    pub full_failed: bool,
}

/// Weeks of an hourly schedule, of each kind.
const LOOKED_AT: u32 = 500;

/// `database` is the store's file.
pub fn last_runs(store: &mut dyn Store, database: &Path, connector: &str) -> StoreResult<LastRuns> {
    let rows = history(store, database, |reader| {
        let mut rows = Vec::new();
        for extent in Extent::SCHEDULED {
            rows.extend(reader.runs_in_mode(connector, extent.mode(), LOOKED_AT)?);
        }
        rows.sort_by_key(|row| std::cmp::Reverse(row.id.0));
        Ok(rows)
    })?;
    let full = || rows.iter().filter(|row| read_everything(row));
    let failed =
        full().find(|row| is_complete(row)).is_some_and(|row| row.outcome == Outcome::Failed.as_str());
    Ok(LastRuns {
        full: begun(full()),
        any: begun(rows.iter()),
        success: success(rows.iter()),
        full_success: success(full()),
        full_failed: failed,
    })
}

/// An increment may have found out in its middle that it has to.
fn read_everything(row: &RunRow) -> bool {
    row.mode == Extent::Full.mode()
        || serde_json::from_str(&row.report).is_ok_and(|report: RunReport| report.read_everything())
}

fn is(row: &RunRow, outcomes: &[Outcome]) -> bool {
    outcomes.iter().any(|outcome| row.outcome == outcome.as_str())
}

fn is_complete(row: &RunRow) -> bool {
    row.outcome != RunRow::INTERRUPTED && !is(row, &[Outcome::Cancelled])
}

fn began(row: &RunRow) -> Option<Timestamp> {
    row.started_at.parse().ok()
}

fn begun<'a>(mut rows: impl DoubleEndedIterator<Item = &'a RunRow> + Clone) -> Option<Timestamp> {
    rows.clone().find(|row| is_complete(row)).and_then(began).or_else(|| {
        let first = rows.next_back().and_then(began)?;
        first.checked_sub(SignedDuration::from_hours(24)).ok()
    })
}

fn success<'a>(mut rows: impl DoubleEndedIterator<Item = &'a RunRow> + Clone) -> Option<Timestamp> {
    let succeeded = rows.clone().find(|row| is(row, &[Outcome::Done, Outcome::Problems, Outcome::Held]));
    let ended = |row: &RunRow| row.ended_at.as_deref().and_then(|at| at.parse().ok());
    succeeded.and_then(ended).or_else(|| rows.next_back().and_then(began))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{RunStart, SqliteStore};

    fn hour(hour: i64) -> Timestamp {
        Timestamp::from_second(hour * 3600).unwrap()
    }

    /// Runs of one connector, as they are added.
    struct Past {
        folder: tempfile::TempDir,
        store: SqliteStore,
    }

    impl Past {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = SqliteStore::open(&folder.path().join("x.db")).unwrap();
            Self { folder, store }
        }

        /// Begins and ends at that hour; without an outcome it was killed.
        fn add(&mut self, at: i64, mode: &'static str, outcome: Option<&str>, report: &str) -> LastRuns {
            let connector = self.store.connector("acme").unwrap();
            let run = self.store.begin_run(&RunStart { connector, mode, at: hour(at) }).unwrap();
            if let Some(outcome) = outcome {
                self.store.end_run(run, outcome, hour(at), report).unwrap();
            }
            last_runs(&mut self.store, &self.folder.path().join("x.db"), "acme").unwrap()
        }
    }

    #[test]
    fn a_run_that_was_stopped_or_killed_is_to_be_made_up_for() {
        let mut past = Past::new();
        let mut add = |at: i64, mode: &'static str, outcome: Option<&str>| {
            let last = past.add(at, mode, outcome, "null");
            assert_eq!((last.full, last.full_success), (last.any, last.success), "all were full");
            (last.full, last.full_success, last.full_failed)
        };
        let is = |begun: i64, success: i64, failed: bool| (Some(hour(begun)), Some(hour(success)), failed);
        assert_eq!(add(1, "replay", Some("done")), (None, None, false));
        assert_eq!(add(2, "full", Some("cancelled")), is(2 - 24, 2, false));
        assert_eq!(add(2, "full", Some("failed")), is(2, 2, true));
        assert_eq!(add(3, "full", Some("problems")), is(3, 3, false));
        assert_eq!(add(4, "full", Some("failed")), is(4, 3, true));
        assert_eq!(add(5, "full", Some("cancelled")), is(4, 3, true));
        assert_eq!(add(6, "full", None), is(4, 3, true), "killed: nobody holds the lock");
        assert_eq!(add(7, "full", Some("done")), is(7, 7, false));
    }

    #[test]
    fn an_increment_is_no_full_run_unless_it_read_everything() {
        let mut past = Past::new();
        past.add(1, "full", Some("done"), "null");
        past.add(2, "full", Some("failed"), "null");
        let quiet = past.add(3, "changes", Some("done"), "null");
        let expected = LastRuns {
            full: Some(hour(2)),
            any: Some(hour(3)),
            success: Some(hour(3)),
            full_success: Some(hour(1)),
            full_failed: true,
        };
        assert_eq!(quiet, expected);
        let mut report = RunReport::new("acme", "changes");
        report.everything_because = Some("the log was too old".to_owned());
        let turned = past.add(4, "changes", Some("done"), &serde_json::to_string(&report).unwrap());
        assert_eq!(
            (turned.full, turned.full_success, turned.full_failed),
            (Some(hour(4)), Some(hour(4)), false)
        );
    }

    #[test]
    fn hundreds_of_increments_hide_no_full_run() {
        let mut past = Past::new();
        past.add(1, "full", Some("done"), "null");
        for _ in 0..LOOKED_AT {
            past.add(2, "changes", Some("done"), "null");
        }
        assert_eq!(past.add(2, "changes", Some("done"), "null").full, Some(hour(1)));
    }
}
