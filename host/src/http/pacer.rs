use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reqwest::header::HeaderMap;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::bucket::{Bucket, Ticket, Turn};
use super::limits::{Limits, retry_after};
use super::parallel::{Parallelism, Slot};
use super::telling::Telling;
use crate::model::RateLimitRules;

/// Decides when requests go: for every bucket its budget, for all of them how many at a time. Its own object,
/// so that several clients of one provider can spend one budget.
pub(super) struct Pacer {
    /// `None`: a provider without limits.
    rules: Option<RateLimitRules>,
    share: f64,
    state: Mutex<State>,
    /// A request came back, or a window turned out to be another one.
    changed: Notify,
}

struct State {
    lanes: HashMap<String, Lane>,
    parallel: Parallelism,
}

struct Lane {
    bucket: Bucket,
    /// Requests queue here in the order they came, and only the first looks at the bucket: a window that ends
    /// wakes one task of each lane, not all that wait.
    queue: Arc<tokio::sync::Mutex<()>>,
}

/// Leave to send one request; gives it back when dropped, however the request ended.
pub(super) struct Permit {
    pacer: Arc<Pacer>,
    lane: String,
    ticket: Ticket,
    slot: Slot,
    seen: bool,
}

/// What an answer means for the request it belongs to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// It is the answer.
    Answer,
    /// The window is spent: the same request again, not before this moment.
    Refused { again: Instant },
    /// Too many at once: the same request again, after a backoff.
    Crowded,
}

/// The wait for the bucket is longer than the time that is left.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TooLate {
    pub wait: Duration,
    pub left: Duration,
}

impl Pacer {
    pub(super) fn new(rules: Option<RateLimitRules>, share: f64, parallel: u32) -> Self {
        let state = State { lanes: HashMap::new(), parallel: Parallelism::new(parallel) };
        Self { rules, share, state: Mutex::new(state), changed: Notify::new() }
    }

    /// Waits until a request of this bucket may go.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        bucket: &str,
        deadline: Option<Instant>,
        telling: &Telling,
    ) -> Result<Permit, TooLate> {
        // A provider without limits has one lane, whatever its plugin calls the buckets.
        let lane = if self.rules.is_some() { bucket } else { "" };
        let queue = Arc::clone(&self.state().lane(lane, self).queue);
        let _first = queue.lock().await;
        let mut announced = None;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.try_acquire(lane) {
                Ok(permit) => return Ok(permit),
                Err(Held::Until(at, reason)) => {
                    let now = Instant::now();
                    let wait = at.saturating_duration_since(now);
                    if let Some(deadline) = deadline
                        && deadline < at
                    {
                        return Err(TooLate { wait, left: deadline.saturating_duration_since(now) });
                    }
                    if announced != Some(at) {
                        telling.waiting(bucket, reason, wait);
                        announced = Some(at);
                    }
                    let _wait = telling.wait();
                    tokio::select! {
                        () = tokio::time::sleep_until(at) => {}
                        () = changed => {}
                    }
                }
                Err(Held::UntilAnswer) => changed.await,
            }
        }
    }

    fn try_acquire(self: &Arc<Self>, lane: &str) -> Result<Permit, Held> {
        let mut state = self.state();
        if state.parallel.is_full() {
            return Err(Held::UntilAnswer);
        }
        match state.lane(lane, self).bucket.turn(Instant::now()) {
            Turn::Go(ticket) => {
                let slot = state.parallel.take();
                Ok(Permit { pacer: Arc::clone(self), lane: lane.to_owned(), ticket, slot, seen: false })
            }
            Turn::At(at, reason) => Err(Held::Until(at, reason)),
            Turn::AfterAnswer => Err(Held::UntilAnswer),
        }
    }

    fn new_lane(&self) -> Lane {
        let bucket = match &self.rules {
            Some(rules) => Bucket::new(self.share, Duration::from_secs(rules.window_seconds.into())),
            None => Bucket::unlimited(),
        };
        Lane { bucket, queue: Arc::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Held {
    Until(Instant, &'static str),
    UntilAnswer,
}

impl State {
    fn lane(&mut self, name: &str, pacer: &Pacer) -> &mut Lane {
        self.lanes.entry(name.to_owned()).or_insert_with(|| pacer.new_lane())
    }
}

impl Permit {
    /// Takes note of an answer's head, as soon as it is here: the body may take its time, and others wait to
    /// hear what is left. The request stays one of those under way until the permit is dropped.
    pub(super) fn answered(&mut self, status: u16, headers: &HeaderMap, telling: &Telling) -> Verdict {
        let pacer = Arc::clone(&self.pacer);
        let limits = pacer.rules.as_ref().map(|rules| Limits::read(rules, headers)).unwrap_or_default();
        let now = Instant::now();
        let mut state = pacer.state();
        let State { lanes, parallel } = &mut *state;
        let bucket = &mut lanes.entry(self.lane.clone()).or_insert_with(|| pacer.new_lane()).bucket;
        self.seen = true;
        let verdict = match status {
            429 if pacer.rules.as_ref().is_some_and(|rules| limits.too_many_at_once(rules)) => {
                bucket.crowded(&self.ticket);
                parallel.crowded(self.slot);
                Verdict::Crowded
            }
            429 => {
                Verdict::Refused { again: bucket.refused(&self.ticket, &limits, retry_after(headers), now) }
            }
            // A gateway in between may have answered for the provider.
            500.. if limits.remaining.is_none() => {
                bucket.lost(&self.ticket);
                Verdict::Answer
            }
            _ => {
                bucket.answered(&self.ticket, &limits, now);
                parallel.answered();
                Verdict::Answer
            }
        };
        drop(state);
        pacer.changed.notify_waiters();
        if let (Some(limit), Some(remaining)) = (limits.limit, limits.remaining)
            && verdict != Verdict::Crowded
        {
            telling.budget(&self.lane, limit, remaining);
        }
        verdict
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut state = self.pacer.state();
        if !self.seen
            && let Some(lane) = state.lanes.get_mut(&self.lane)
        {
            lane.bucket.lost(&self.ticket);
        }
        state.parallel.give_back();
        drop(state);
        self.pacer.changed.notify_waiters();
    }
}
