//! What was asked of the simulator: counters, and a bounded log of requests.

use std::collections::{BTreeMap, VecDeque};

use crate::limits::Bucket;

/// One request to Okta's API.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct RequestRecord {
    pub method: String,
    /// Path and query as sent.
    pub target: String,
    /// The status it was answered with; 0 when a fault left it without an answer.
    pub status: u16,
}

/// Requests of one bucket.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct BucketStats {
    /// All requests, refused ones included.
    pub requests: u64,
    /// Those refused with 429 because the bucket was used up.
    pub rate_limited: u64,
    /// Requests let through in each of the last 1,000 windows that had any, whoever's they were. Windows are counted
    /// from when the limits were last set.
    pub windows: BTreeMap<u64, u64>,
}

/// Windows that a bucket remembers.
const WINDOWS: usize = 1_000;

/// Counters since the start or the last reset. Control requests aren't counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Stats {
    /// All requests to Okta's API.
    pub total: u64,
    /// All answered with 429, for either reason.
    pub rate_limited: u64,
    /// Those refused because too many were in flight.
    pub concurrency_limited: u64,
    /// The most requests that were in flight at once.
    pub peak_in_flight: u32,
    /// Bytes of bodies sent, after compression.
    pub body_bytes: u64,
    /// By bucket; every bucket is present.
    pub buckets: BTreeMap<Bucket, BucketStats>,
}

/// Keeps the counters and the log.
#[derive(Debug)]
pub(crate) struct Recorder {
    stats: Stats,
    log: VecDeque<RequestRecord>,
    log_capacity: usize,
}

/// Why a request was refused with 429.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Refusal {
    Rate,
    Concurrency,
}

impl Recorder {
    /// The log keeps the last `log_capacity` requests; 0 keeps none.
    pub(crate) fn new(log_capacity: usize) -> Self {
        Self { stats: fresh(), log: VecDeque::new(), log_capacity }
    }

    pub(crate) fn arrived(&mut self, bucket: Bucket, in_flight: u32) {
        self.stats.total += 1;
        self.stats.peak_in_flight = self.stats.peak_in_flight.max(in_flight);
        self.stats.buckets.entry(bucket).or_default().requests += 1;
    }

    pub(crate) fn admitted(&mut self, bucket: Bucket, window: u64) {
        let windows = &mut self.stats.buckets.entry(bucket).or_default().windows;
        *windows.entry(window).or_default() += 1;
        if windows.len() > WINDOWS {
            windows.pop_first();
        }
    }

    pub(crate) fn refused(&mut self, bucket: Bucket, refusal: Refusal) {
        self.stats.rate_limited += 1;
        match refusal {
            Refusal::Rate => self.stats.buckets.entry(bucket).or_default().rate_limited += 1,
            Refusal::Concurrency => self.stats.concurrency_limited += 1,
        }
    }

    pub(crate) fn answered(&mut self, method: &str, target: &str, status: u16, body_bytes: usize) {
        self.stats.body_bytes += body_bytes as u64;
        if self.log_capacity == 0 {
            return;
        }
        if self.log.len() == self.log_capacity {
            self.log.pop_front();
        }
        self.log.push_back(RequestRecord { method: method.to_owned(), target: target.to_owned(), status });
    }

    pub(crate) fn stats(&self) -> Stats {
        self.stats.clone()
    }

    pub(crate) fn requests(&self) -> Vec<RequestRecord> {
        self.log.iter().cloned().collect()
    }

    pub(crate) fn reset(&mut self) {
        self.stats = fresh();
        self.log.clear();
    }
}

fn fresh() -> Stats {
    let buckets = Bucket::ALL.iter().map(|bucket| (*bucket, BucketStats::default())).collect();
    Stats { buckets, ..Stats::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_remembers_its_last_windows() {
        let mut recorder = Recorder::new(0);
        for window in 0..WINDOWS as u64 + 5 {
            recorder.admitted(Bucket::Users, window);
        }
        recorder.admitted(Bucket::Users, 7);
        recorder.admitted(Bucket::Groups, 7);
        let stats = recorder.stats();
        let windows = &stats.buckets[&Bucket::Users].windows;
        assert_eq!((windows.len(), windows.first_key_value(), windows[&7]), (WINDOWS, Some((&5, &1)), 2));
    }

    #[test]
    fn the_log_is_bounded_and_can_be_off() {
        for (capacity, kept) in [(0, 0), (2, 2)] {
            let mut recorder = Recorder::new(capacity);
            for nth in 0..5 {
                recorder.answered("GET", &format!("/{nth}"), 200, 10);
            }
            assert_eq!(recorder.requests().len(), kept);
            assert_eq!(recorder.stats().body_bytes, 50);
        }
    }
}
