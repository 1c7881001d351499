use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::directory::{RunRow, Store, StoreResult};
use crate::run::{Outcome, history};

/// What the store knows of a connector's past.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LastRuns {
    /// When the last full run began that came to an end of its own: one that was stopped or killed is to be made up for.
    /// If there was none but those, a day before the first of them, since only its due time says what it was for.
    pub begun: Option<Timestamp>,
    /// When the last one ended that succeeded; if none of the last hundreds did, the beginning of the first of them.
    pub success: Option<Timestamp>,
}

/// Weeks of an hourly schedule.
const LOOKED_AT: u32 = 500;

/// `database` is the store's file.
pub fn last_runs(store: &mut dyn Store, database: &Path, connector: &str) -> StoreResult<LastRuns> {
    let rows = history(store, database, |reader| reader.runs(Some(connector), LOOKED_AT))?;
    let is =
        |row: &RunRow, outcomes: &[Outcome]| outcomes.iter().any(|outcome| row.outcome == outcome.as_str());
    let began = |row: &RunRow| row.started_at.parse().ok();
    let full = || rows.iter().filter(|row| row.mode == "full");
    let complete = full().find(|row| row.outcome != RunRow::INTERRUPTED && !is(row, &[Outcome::Cancelled]));
    let succeeded = full().find(|row| is(row, &[Outcome::Done, Outcome::Problems, Outcome::Held]));
    let ended = |row: &RunRow| row.ended_at.as_deref().and_then(|at| at.parse().ok());
    Ok(LastRuns {
        begun: complete.and_then(began).or_else(|| {
            let first: Timestamp = full().next_back().and_then(began)?;
            first.checked_sub(SignedDuration::from_hours(24)).ok()
        }),
        success: succeeded.and_then(ended).or_else(|| full().next_back().and_then(began)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{RunStart, SqliteStore};

    #[test]
    fn a_run_that_was_stopped_or_killed_is_to_be_made_up_for() {
        let folder = tempfile::tempdir().unwrap();
        let database = folder.path().join("x.db");
        let mut store = SqliteStore::open(&database).unwrap();
        let connector = store.connector("acme").unwrap();
        let mut add = |hour: i64, mode: &'static str, outcome: Option<&str>| {
            let at = Timestamp::from_second(hour * 3600).unwrap();
            let run = store.begin_run(&RunStart { connector, mode, at }).unwrap();
            if let Some(outcome) = outcome {
                store.end_run(run, outcome, at, "null").unwrap();
            }
            last_runs(&mut store, &database, "acme").unwrap()
        };
        let is = |begun: i64, success: i64| {
            let [begun, success] = [begun, success].map(|hour| Timestamp::from_second(hour * 3600).ok());
            LastRuns { begun, success }
        };
        assert_eq!(add(1, "replay", Some("done")), LastRuns::default());
        assert_eq!(add(2, "full", Some("cancelled")), is(2 - 24, 2));
        assert_eq!(add(2, "full", Some("failed")), is(2, 2));
        assert_eq!(add(3, "full", Some("problems")), is(3, 3));
        assert_eq!(add(4, "full", Some("failed")), is(4, 3));
        assert_eq!(add(5, "full", Some("cancelled")), is(4, 3));
        assert_eq!(add(6, "full", None), is(4, 3), "killed: nobody holds the lock");
        assert_eq!(add(7, "full", Some("done")), is(7, 7));
    }
}
