use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use super::HttpEvent;

/// Hears what happens on the wire. Must return at once.
pub type Listener = Arc<dyn Fn(HttpEvent) + Send + Sync>;

/// Totals since the client was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HttpTotals {
    /// Requests sent, each attempt counted.
    pub sent: u64,
    /// Of these, how many were repetitions.
    pub retried: u64,
    /// Time in which at least one request was held back on purpose (limit or backoff). Waits that overlap
    /// count once, so that this is a part of the run's own duration.
    pub waited: Duration,
}

/// The one place where events are emitted and counted, so that the two agree.
pub(super) struct Telling {
    listener: Listener,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    totals: HttpTotals,
    waiting: u32,
    waiting_since: Option<Instant>,
    /// Seconds.
    clock_ahead: Option<i64>,
}

/// Lasts as long as a request is held back.
pub(super) struct Wait<'t> {
    telling: &'t Telling,
}

impl Telling {
    pub(super) fn new(listener: Listener) -> Self {
        Self { listener, counts: Mutex::default() }
    }

    pub(super) fn totals(&self) -> HttpTotals {
        let counts = self.counts();
        let mut totals = counts.totals;
        totals.waited += counts.waiting_since.map_or(Duration::ZERO, |since| since.elapsed());
        totals
    }

    pub(super) fn sent(&self, bucket: &str) {
        self.counts().totals.sent += 1;
        (self.listener)(HttpEvent::Sent { bucket: bucket.to_owned() });
    }

    pub(super) fn retrying(&self, bucket: &str, reason: String, wait: Duration) {
        self.counts().totals.retried += 1;
        (self.listener)(HttpEvent::Retrying { bucket: bucket.to_owned(), reason, wait });
    }

    pub(super) fn waiting(&self, bucket: &str, reason: &str, wait: Duration) {
        (self.listener)(HttpEvent::Waiting { bucket: bucket.to_owned(), reason: reason.to_owned(), wait });
    }

    pub(super) fn budget(&self, bucket: &str, limit: u32, remaining: u32) {
        (self.listener)(HttpEvent::Budget { bucket: bucket.to_owned(), limit, remaining });
    }

    /// The provider answered and said what time it was, in seconds since 1970.
    pub(super) fn dated(&self, date: u64, now: SystemTime) {
        let now = now.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let apart = i64::try_from(now.abs_diff(date)).unwrap_or(i64::MAX);
        self.counts().clock_ahead = Some(if now < date { -apart } else { apart });
    }

    pub(super) fn clock_ahead(&self) -> Option<i64> {
        self.counts().clock_ahead
    }

    pub(super) fn wait(&self) -> Wait<'_> {
        let mut counts = self.counts();
        counts.waiting += 1;
        counts.waiting_since.get_or_insert_with(Instant::now);
        Wait { telling: self }
    }

    fn counts(&self) -> std::sync::MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Wait<'_> {
    fn drop(&mut self) {
        let mut counts = self.telling.counts();
        counts.waiting -= 1;
        if counts.waiting == 0
            && let Some(since) = counts.waiting_since.take()
        {
            counts.totals.waited += since.elapsed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_is_compared_with_the_latest_date() {
        let telling = Telling::new(Arc::new(|_| {}));
        assert_eq!(telling.clock_ahead(), None);
        let now = UNIX_EPOCH + Duration::from_secs(1_000);
        telling.dated(970, now);
        assert_eq!(telling.clock_ahead(), Some(30));
        telling.dated(1_060, now);
        assert_eq!(telling.clock_ahead(), Some(-60));
    }

    #[tokio::test(start_paused = true)]
    async fn waits_that_overlap_count_once() {
        let telling = Telling::new(Arc::new(|_| {}));
        let first = telling.wait();
        tokio::time::advance(Duration::from_secs(2)).await;
        let second = telling.wait();
        tokio::time::advance(Duration::from_secs(3)).await;
        drop(first);
        assert_eq!(telling.totals().waited, Duration::from_secs(5));
        tokio::time::advance(Duration::from_secs(1)).await;
        drop(second);
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(telling.totals().waited, Duration::from_secs(6));
    }
}
