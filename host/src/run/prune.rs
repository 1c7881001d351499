//! What of the history can go: by age and by number, connector by connector.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;

use crate::directory::{KeptRun, Reader, Store, StoreResult};
use crate::failpoint::FailPoint;

/// Which runs keep their changes and reports. A run goes only when nothing here keeps it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Keep {
    /// So many of each connector, the newest.
    pub runs: Option<u32>,
    /// Those that began no longer ago.
    pub age: Option<Duration>,
}

impl Keep {
    /// What can be set.
    pub const DAYS: RangeInclusive<u64> = 1..=36_500;
    pub const RUNS: RangeInclusive<u64> = 1..=1_000_000;

    /// Whether nothing ever goes.
    pub fn is_everything(&self) -> bool {
        self.runs.is_none() && self.age.is_none()
    }

    fn keeps(&self, nth: usize, run: &KeptRun, now: Timestamp) -> bool {
        let among_the_newest = self.runs.is_some_and(|runs| nth < runs as usize);
        let young = self.age.is_some_and(|age| {
            let began = run.started_at.parse::<Timestamp>().ok();
            let limit = SignedDuration::try_from(age).ok().and_then(|age| now.checked_sub(age).ok());
            // What has no readable time, or an age before all time, stays.
            began.zip(limit).is_none_or(|(began, limit)| began >= limit)
        });
        run.needed || self.is_everything() || among_the_newest || young
    }
}

/// What went, or would go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Pruned {
    pub connectors: BTreeMap<String, PrunedRuns>,
}

/// Of one connector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PrunedRuns {
    pub runs: u64,
    /// Changed entries, and groups whose memberships changed.
    pub changes: u64,
    pub oldest: i64,
    pub newest: i64,
}

impl Pruned {
    pub fn runs(&self) -> u64 {
        self.connectors.values().map(|of| of.runs).sum()
    }

    pub fn changes(&self) -> u64 {
        self.connectors.values().map(|of| of.changes).sum()
    }
}

/// What [`prune`] would take out.
pub fn prunable(
    reader: &dyn Reader,
    keep: &Keep,
    connector: Option<&str>,
    now: Timestamp,
) -> StoreResult<(Vec<KeptRun>, Pruned)> {
    let (mut going, mut pruned) = (Vec::new(), Pruned::default());
    let mut nth = 0;
    let mut before: Option<String> = None;
    for run in reader.kept_runs(connector)? {
        nth = if before.as_ref() == Some(&run.connector) { nth + 1 } else { 0 };
        before = Some(run.connector.clone());
        if keep.keeps(nth, &run, now) {
            continue;
        }
        let changes = reader.changes_of(run.run)?;
        let newest = PrunedRuns { runs: 0, changes: 0, oldest: run.run.0, newest: run.run.0 };
        let of = pruned.connectors.entry(run.connector.clone()).or_insert(newest);
        of.runs += 1;
        of.changes += changes;
        of.oldest = run.run.0;
        going.push(run);
    }
    Ok((going, pruned))
}

/// Takes changes, what was held, and reports of old runs out of the history, in one transaction. That there was a run,
/// when, and how it ended stays: other runs are counted from it.
pub fn prune(
    store: &mut dyn Store,
    keep: &Keep,
    connector: Option<&str>,
    now: Timestamp,
) -> StoreResult<Pruned> {
    let (going, pruned) = prunable(store.read()?.as_ref(), keep, connector, now)?;
    if going.is_empty() {
        return Ok(pruned);
    }
    let mut writer = store.write()?;
    for run in &going {
        writer.prune_run(run.run, now)?;
    }
    FailPoint::Pruning.pass();
    writer.commit()?;
    FailPoint::HistoryPruned.pass();
    Ok(pruned)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{Change, RunId, RunStart, SqliteStore, StoreError, UserEntry, UserKey};
    use crate::model::User;

    const DAY: i64 = 86_400;

    fn at(day: i64) -> Timestamp {
        Timestamp::from_second(day * DAY).unwrap()
    }

    /// One run a day, with one change each, and their ids.
    fn history(store: &mut SqliteStore, name: &str, outcomes: &[&str]) -> Vec<RunId> {
        let connector = store.connector(name).unwrap();
        let mut ids = Vec::new();
        for (day, outcome) in outcomes.iter().enumerate() {
            let at = at(day as i64);
            let id = store.begin_run(&RunStart { connector, mode: "full", at }).unwrap();
            if *outcome != "running" {
                let user = User { id: "u".into(), username: format!("u{day}"), ..User::default() };
                let entry = UserEntry::from_user(UserKey(day as u32), name, user);
                let mut writer = store.write().unwrap();
                writer.add_change(id, 0, &Change::create_user(&entry)).unwrap();
                if *outcome == "held" {
                    writer.hold_change(id, 0, "too many", &Change::delete_user(&entry)).unwrap();
                }
                let report = r#"{"held":{"applied":true}}"#;
                writer.end_run(id, outcome, at, report).unwrap();
                writer.commit().unwrap();
            }
            ids.push(id);
        }
        ids
    }

    fn left(store: &mut SqliteStore, ids: &[RunId]) -> Result<Vec<bool>, StoreError> {
        let reader = store.read()?;
        ids.iter().map(|id| Ok(reader.changes_of(*id)? > 0)).collect()
    }

    fn store() -> (tempfile::TempDir, SqliteStore) {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("x.db")).unwrap();
        (folder, store)
    }

    #[test]
    fn a_run_goes_only_when_neither_number_nor_age_keeps_it() {
        let days = |days: u64| Some(Duration::from_secs(days * DAY as u64));
        for (keep, stay) in [
            (Keep { runs: Some(2), age: None }, [false, false, false, true, true]),
            (Keep { runs: None, age: days(3) }, [false, false, true, true, true]),
            (Keep { runs: Some(2), age: days(3) }, [false, false, true, true, true]),
            (Keep { runs: Some(4), age: days(1) }, [false, true, true, true, true]),
            (Keep { runs: Some(0), age: None }, [false, false, false, false, true]),
            (Keep { runs: None, age: days(u64::MAX / DAY as u64) }, [true; 5]),
            (Keep::default(), [true; 5]),
        ] {
            let (_folder, mut store) = store();
            let ids = history(&mut store, "acme", &["done"; 5]);
            let planned = prunable(store.read().unwrap().as_ref(), &keep, None, at(5)).unwrap().1;
            assert_eq!(left(&mut store, &ids).unwrap(), [true; 5], "looking takes nothing");
            let pruned = prune(&mut store, &keep, None, at(5)).unwrap();
            assert_eq!(left(&mut store, &ids).unwrap(), stay, "{keep:?}");
            assert_eq!(planned, pruned);
            let gone = stay.iter().filter(|stays| !**stays).count() as u64;
            assert_eq!((pruned.runs(), pruned.changes()), (gone, gone));
        }
    }

    #[test]
    fn what_is_still_needed_stays_however_old_it_is() {
        let (_folder, mut store) = store();
        let outcomes = ["held", "done", "problems", "failed", "failed", "running"];
        let ids = history(&mut store, "acme", &outcomes);
        let none = Keep { runs: Some(0), age: None };
        let pruned = prune(&mut store, &none, None, at(100)).unwrap();
        // What waits, the latest that was applied, the latest; that one is at work.
        assert_eq!(left(&mut store, &ids).unwrap(), [true, false, true, false, false, false]);
        let of = &pruned.connectors["acme"];
        assert_eq!((of.oldest, of.newest, of.runs), (ids[1].0, ids[4].0, 3));
        let reader = store.read().unwrap();
        let running = reader.run(ids[5]).unwrap().unwrap();
        assert_eq!(running.pruned_at, None);
        assert_eq!(reader.last_pruned().unwrap().unwrap().id, ids[4]);
        assert_eq!(reader.held_changes(ids[0]).unwrap().len(), 1);
        // Its row stays, without its report.
        let gone = reader.run(ids[1]).unwrap().unwrap();
        assert_eq!((gone.outcome.as_str(), gone.report.as_str()), ("done", "null"));
        drop(reader);
        assert_eq!(
            prune(&mut store, &none, None, at(100)).unwrap(),
            Pruned::default(),
            "nothing is left to do"
        );
    }

    /// Who is missing is counted in runs that were applied: the count is the same without their reports.
    #[test]
    fn a_pruned_run_that_held_something_still_counts_as_applied() {
        let (_folder, mut store) = store();
        let ids = history(&mut store, "acme", &["done", "held", "done"]);
        let connector = store.connector("acme").unwrap();
        let mut writer = store.write().unwrap();
        writer.supersede_held(connector).unwrap();
        writer.commit().unwrap();
        let counted =
            |store: &mut SqliteStore| store.read().unwrap().applied_since(connector, ids[0]).unwrap();
        assert_eq!(counted(&mut store), 3);
        let pruned = prune(&mut store, &Keep { runs: Some(1), age: None }, None, at(9)).unwrap();
        assert_eq!((pruned.runs(), counted(&mut store)), (2, 3));
    }

    #[test]
    fn connectors_are_counted_by_themselves_and_one_can_be_chosen() {
        let (_folder, mut store) = store();
        let acme = history(&mut store, "acme", &["done"; 3]);
        let other = history(&mut store, "other", &["done"; 3]);
        let two = Keep { runs: Some(2), age: None };
        prune(&mut store, &two, Some("other"), at(9)).unwrap();
        assert_eq!(left(&mut store, &acme).unwrap(), [true; 3]);
        assert_eq!(left(&mut store, &other).unwrap(), [false, true, true]);
        prune(&mut store, &two, None, at(9)).unwrap();
        assert_eq!(left(&mut store, &acme).unwrap(), [false, true, true]);
    }
}
