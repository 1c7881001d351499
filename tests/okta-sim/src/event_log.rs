//! The System Log: the last events, in the order they were persisted, which is not always the order in which
//! they happened.

use std::collections::VecDeque;

use crate::event::{Actor, Event, EventType, Target};

/// How long the log keeps events, in milliseconds: 90 days.
const RETENTION_MS: u64 = 90 * 86_400_000;

/// How the log lags.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct LogDelay {
    /// Milliseconds from an event until the log holds it.
    pub delay_ms: u64,
    /// Each event of this number is late; 0 for none.
    pub late_every: u64,
    /// Milliseconds that late events take longer, so that others which happened after them come before them.
    pub late_by_ms: u64,
}

/// The log.
#[derive(Debug)]
pub(crate) struct EventLog {
    /// Ascending by place.
    events: VecDeque<Event>,
    capacity: usize,
    happened: u64,
    pub(crate) delay: LogDelay,
}

/// Where an event stands, in the order of persistence or of publication: a time in milliseconds since 1970,
/// then the event's serial number. Cursors name the place of the last event read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) millis: u64,
    pub(crate) serial: u64,
}

impl Place {
    /// The place before every event of later than a time.
    pub(crate) fn after(millis: u64) -> Self {
        Self { millis: millis.saturating_add(1), serial: 0 }
    }
}

impl Event {
    fn place(&self) -> Place {
        Place { millis: self.persisted_ms, serial: self.serial }
    }
}

impl Default for EventLog {
    fn default() -> Self {
        Self { events: VecDeque::new(), capacity: 100_000, happened: 0, delay: LogDelay::default() }
    }
}

impl EventLog {
    /// Keeps the last `capacity` events from now on.
    pub(crate) fn keep(&mut self, capacity: usize) {
        self.capacity = capacity;
        let surplus = self.events.len().saturating_sub(capacity);
        self.events.drain(..surplus);
    }

    /// Notes what happened at a time.
    pub(crate) fn add(&mut self, now_ms: u64, kind: EventType, actor: Actor, targets: Vec<Target>) {
        self.happened += 1;
        let late = self.delay.late_every > 0 && self.happened.is_multiple_of(self.delay.late_every);
        let delay = self.delay.delay_ms + if late { self.delay.late_by_ms } else { 0 };
        let event = Event {
            serial: self.happened,
            published_ms: now_ms,
            persisted_ms: now_ms + delay,
            kind,
            actor,
            targets,
        };
        let place = event.place();
        let at = self.events.partition_point(|other| other.place() < place);
        self.events.insert(at, event);
        while self.events.len() > self.capacity {
            self.events.pop_front();
        }
    }

    /// Events past a place that the log holds at a time, in the order of persistence.
    pub(crate) fn persisted(&self, from: Place, now_ms: u64) -> impl Iterator<Item = &Event> {
        let from = from.max(Place::after(now_ms.saturating_sub(RETENTION_MS)));
        let start = self.events.partition_point(|event| event.place() <= from);
        self.events.range(start..).take_while(move |event| event.persisted_ms <= now_ms)
    }

    /// Events that the log holds at a time and that happened after `since_ms` and not after `until_ms`, in the
    /// order in which they happened.
    pub(crate) fn published(&self, since_ms: u64, until_ms: u64, now_ms: u64) -> Vec<&Event> {
        let held = self.persisted(Place { millis: 0, serial: 0 }, now_ms);
        let mut found: Vec<&Event> =
            held.filter(|event| event.published_ms > since_ms && event.published_ms <= until_ms).collect();
        found.sort_by_key(|event| (event.published_ms, event.serial));
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{GROUP_CREATE, GROUP_DELETE};

    const START: Place = Place { millis: 0, serial: 0 };

    fn serials<'a>(events: impl IntoIterator<Item = &'a Event>) -> Vec<u64> {
        events.into_iter().map(|event| event.serial).collect()
    }

    #[test]
    fn late_events_are_persisted_after_those_that_happened_later() {
        let delay = LogDelay { delay_ms: 10, late_every: 2, late_by_ms: 100 };
        let mut log = EventLog { delay, ..EventLog::default() };
        for at in [1000, 1001, 1002] {
            log.add(at, GROUP_CREATE, Actor::System, Vec::new());
        }
        assert!(serials(log.persisted(START, 1009)).is_empty());
        assert_eq!(serials(log.persisted(START, 1012)), [1, 3]);
        assert_eq!(serials(log.persisted(START, 1111)), [1, 3, 2]);
        assert_eq!(serials(log.published(0, 2000, 1012)), [1, 3]);
        assert_eq!(serials(log.published(0, 2000, 1111)), [1, 2, 3]);
        // After the last place read, only the late one is new; a bound before is exclusive, one behind isn't.
        assert_eq!(serials(log.persisted(Place { millis: 1012, serial: 3 }, 1111)), [2]);
        assert_eq!(serials(log.published(1000, 1001, 1111)), [2]);
    }

    #[test]
    fn the_log_is_bounded_and_forgets_after_90_days() {
        let mut log = EventLog::default();
        log.keep(2);
        for at in 1..=3 {
            log.add(at, GROUP_DELETE, Actor::System, Vec::new());
        }
        assert_eq!(serials(log.persisted(START, 3)), [2, 3]);
        assert_eq!(serials(log.persisted(START, RETENTION_MS + 2)), [3]);
        log.keep(0);
        assert!(serials(log.persisted(START, 3)).is_empty());
    }
}
