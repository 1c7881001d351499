//! Runs that are asked to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio_util::sync::CancellationToken;

use super::Outcome;
use super::shape::BATCH;
use super::testing::{Organisation, World};
use crate::model::{Group, GroupVerdict, Person, Verdict};
use crate::plugin::{CallError, Identity, Transform};

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_applies_nothing() {
    let mut world = World::new(Organisation::with(&["ann"], &[]));
    world.job.cancel.cancel();
    let ended = world.sync().await;
    assert_eq!(ended.report.outcome, Outcome::Cancelled);
    assert!(world.shown().0.is_empty());
}

/// Asks the run to stop while it shapes the first batch.
struct Stopping {
    identity: Identity,
    cancel: CancellationToken,
    people: AtomicUsize,
}

impl Transform for Stopping {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn shape_groups(&self, groups: &[Group]) -> Result<Vec<GroupVerdict>, CallError> {
        Ok(groups.iter().cloned().map(GroupVerdict::Keep).collect())
    }

    fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
        self.cancel.cancel();
        self.people.fetch_add(people.len(), Ordering::Relaxed);
        Ok(people.iter().cloned().map(Verdict::Keep).collect())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn planning_stops_after_the_batches_at_hand() {
    // One a core, and the one that waits for its turn.
    let at_hand = std::thread::available_parallelism().map_or(1, usize::from) + 1;
    let people = (at_hand + 3) * BATCH;
    let mut world = World::new(Organisation::with(&[], &[]));
    world.change(|organisation| {
        for number in 0..people {
            organisation.add_user(&format!("{number:06}"), &format!("user{number}"));
        }
    });
    world.job.max_requests = people as u64;
    let stopping = Arc::new(Stopping {
        identity: Identity { name: "stopping".into(), version: "1.0.0".into(), sha256: "1".repeat(64) },
        cancel: world.job.cancel.clone(),
        people: AtomicUsize::new(0),
    });
    world.job.transforms = Arc::new([stopping.clone() as Arc<dyn Transform>]);
    let ended = world.sync().await;
    assert_eq!(ended.report.outcome, Outcome::Cancelled);
    assert!(stopping.people.load(Ordering::Relaxed) <= at_hand * BATCH);
    assert!(world.shown().0.is_empty());
    // What was read is not read again.
    let read = world.requests().len();
    world.job.cancel = CancellationToken::new();
    world.job.transforms = Arc::new([]);
    let report = world.sync_well().await;
    assert_eq!((world.requests().len(), report.requests.resumed), (0, read as u64));
    assert_eq!(world.shown().0.len(), people);
}
