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

/// Decides when requests go: for every bucket its budget, for all of them how many at a time. Several clients of
/// one provider spend one budget, each at a [`Place`] of its own.
pub(super) struct Pacer {
    /// `None`: a provider without limits.
    rules: Option<RateLimitRules>,
    state: Mutex<State>,
    /// A request came back, or a window turned out to be another one.
    changed: Notify,
}

struct State {
    lanes: HashMap<String, Lane>,
    parallel: Parallelism,
    /// The smallest share of those who are there.
    share: f64,
    places: Vec<Terms>,
    /// Listings that only wait for another request to come back.
    listings_held: u32,
}

/// What a client's settings say.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Terms {
    share: f64,
    parallel: u32,
}

/// A client's place at a budget, until it is dropped.
pub(super) struct Place {
    pacer: Arc<Pacer>,
    terms: Terms,
}

struct Lane {
    bucket: Bucket,
    /// Requests queue here in the order they came, and only the first looks at the bucket: a window that ends
    /// wakes one task of each lane, not all that wait.
    queue: Arc<tokio::sync::Mutex<()>>,
    /// The same for listings.
    listings: Arc<tokio::sync::Mutex<()>>,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// A page of a list: the next page is known only by its answer, so it goes before whatever could go at any time.
    Listing,
    /// About one user or group.
    Subject,
}

/// A listing's claim to the next request that may go, until it goes, waits for something else, or is given up.
struct Claim(Arc<Pacer>);

impl Claim {
    fn lay(pacer: &Arc<Pacer>) -> Self {
        pacer.state().listings_held += 1;
        Self(Arc::clone(pacer))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.state().listings_held -= 1;
        self.0.changed.notify_waiters();
    }
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
    /// Nothing can be sent until somebody joined.
    pub(super) fn new(rules: Option<RateLimitRules>) -> Self {
        let state = State {
            lanes: HashMap::new(),
            parallel: Parallelism::new(1),
            share: 1.0,
            places: Vec::new(),
            listings_held: 0,
        };
        Self { rules, state: Mutex::new(state), changed: Notify::new() }
    }

    pub(super) fn join(pacer: &Arc<Self>, share: f64, parallel: u32) -> Place {
        let terms = Terms { share, parallel };
        let mut state = pacer.state();
        state.places.push(terms);
        state.agree();
        drop(state);
        Place { pacer: Arc::clone(pacer), terms }
    }

    fn leave(&self, terms: Terms) {
        let mut state = self.state();
        if let Some(at) = state.places.iter().position(|place| *place == terms) {
            state.places.swap_remove(at);
        }
        state.agree();
        drop(state);
        // There may be more to spend now.
        self.changed.notify_waiters();
    }

    /// The share and the parallelism that hold now.
    #[cfg(test)]
    pub(super) fn terms(&self) -> (f64, u32) {
        let state = self.state();
        (state.share, state.parallel.configured())
    }

    /// Waits until a request of this bucket may go.
    pub(super) async fn acquire(
        self: &Arc<Self>,
        bucket: &str,
        purpose: Purpose,
        deadline: Option<Instant>,
        telling: &Telling,
    ) -> Result<Permit, TooLate> {
        // A provider without limits has one lane, whatever its plugin calls the buckets.
        let lane = if self.rules.is_some() { bucket } else { "" };
        let queue = {
            let mut state = self.state();
            let lane = state.lane(lane, self.rules.as_ref());
            Arc::clone(if purpose == Purpose::Listing { &lane.listings } else { &lane.queue })
        };
        let _first = queue.lock().await;
        let mut announced = None;
        let mut claim = None;
        loop {
            let changed = self.changed.notified();
            tokio::pin!(changed);
            changed.as_mut().enable();
            match self.try_acquire(lane, purpose) {
                Ok(permit) => return Ok(permit),
                Err(Held::Full) => {
                    if purpose == Purpose::Listing && claim.is_none() {
                        claim = Some(Claim::lay(self));
                    }
                    changed.await;
                }
                Err(Held::Until(at, reason)) => {
                    claim = None;
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
                Err(Held::UntilAnswer) => {
                    claim = None;
                    changed.await;
                }
            }
        }
    }

    fn try_acquire(self: &Arc<Self>, lane: &str, purpose: Purpose) -> Result<Permit, Held> {
        let mut state = self.state();
        let claimed = if purpose == Purpose::Listing { 0 } else { state.listings_held };
        if state.parallel.free() <= claimed {
            return Err(Held::Full);
        }
        match state.lane(lane, self.rules.as_ref()).bucket.turn(Instant::now()) {
            Turn::Go(ticket) => {
                let slot = state.parallel.take();
                Ok(Permit { pacer: Arc::clone(self), lane: lane.to_owned(), ticket, slot, seen: false })
            }
            Turn::At(at, reason) => Err(Held::Until(at, reason)),
            Turn::AfterAnswer => Err(Held::UntilAnswer),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Held {
    Until(Instant, &'static str),
    /// The bucket's first answer says how it stands.
    UntilAnswer,
    /// As many requests are under way as may be.
    Full,
}

impl State {
    fn lane(&mut self, name: &str, rules: Option<&RateLimitRules>) -> &mut Lane {
        let share = self.share;
        self.lanes.entry(name.to_owned()).or_insert_with(|| {
            let bucket = match rules {
                Some(rules) => Bucket::new(share, Duration::from_secs(rules.window_seconds.into())),
                None => Bucket::unlimited(),
            };
            Lane { bucket, queue: Arc::default(), listings: Arc::default() }
        })
    }

    /// Finds the terms that suit everybody who is there. When the last one has left, the old ones stay.
    fn agree(&mut self) {
        let Some(parallel) = self.places.iter().map(|place| place.parallel).min() else { return };
        self.parallel.configure(parallel);
        self.share = self.places.iter().map(|place| place.share).fold(1.0, f64::min);
        for lane in self.lanes.values_mut() {
            lane.bucket.set_share(self.share);
        }
    }
}

impl Place {
    pub(super) fn pacer(&self) -> &Arc<Pacer> {
        &self.pacer
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.pacer.leave(self.terms);
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
        state.lane(&self.lane, pacer.rules.as_ref());
        let State { lanes, parallel, .. } = &mut *state;
        let bucket = &mut lanes.get_mut(&self.lane).expect("the line above made it").bucket;
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

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_listing_goes_before_whoever_waits_already() {
        let pacer = Arc::new(Pacer::new(None));
        let _place = Pacer::join(&pacer, 1.0, 2);
        let telling = Telling::new(Arc::new(|_| {}));
        let acquire = |purpose| Box::pin(pacer.acquire("any", purpose, None, &telling));
        let first = acquire(Purpose::Subject).await.unwrap();
        let second = acquire(Purpose::Subject).await.unwrap();
        let mut subject = acquire(Purpose::Subject);
        assert!((&mut subject).now_or_never().is_none());
        let mut listing = acquire(Purpose::Listing);
        assert!((&mut listing).now_or_never().is_none());
        drop(first);
        assert!((&mut subject).now_or_never().is_none(), "the listing has a claim");
        let Some(Ok(third)) = (&mut listing).now_or_never() else { panic!("nobody is before it") };
        assert!((&mut subject).now_or_never().is_none(), "two are under way");

        // A claim that is given up holds nobody back.
        let mut given_up = acquire(Purpose::Listing);
        assert!((&mut given_up).now_or_never().is_none());
        drop(second);
        assert!((&mut subject).now_or_never().is_none());
        drop(given_up);
        assert!(subject.now_or_never().is_some());
        drop(third);
    }
}
