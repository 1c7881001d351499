use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;

/// When a connector is synced by itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// When everything is read.
    pub full: Cron,
    pub zone: Zone,
    /// A run begins up to this long after its time: many connectors, or many machines, don't begin in one second.
    pub jitter: Duration,
    /// How long there may be no run that succeeded before somebody is told.
    pub alert_after: Option<Duration>,
}

/// A time zone, and whether it is the machine's or one that was asked for.
#[derive(Clone, PartialEq)]
pub struct Zone {
    pub written: Option<String>,
    pub zone: TimeZone,
}

impl fmt::Debug for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Zone({})", self.written.as_deref().unwrap_or("the machine's"))
    }
}

impl Schedule {
    /// A day: more is another schedule.
    pub const JITTER_SECONDS: RangeInclusive<u64> = 0..=24 * 60 * 60;
    /// A year.
    pub const ALERT_AFTER_HOURS: RangeInclusive<u64> = 1..=366 * 24;

    /// The first due time after that moment.
    pub fn due_after(&self, after: Timestamp) -> Option<Timestamp> {
        self.full.after(after, &self.zone.zone)
    }

    /// When the run that is due then begins: the same at every start of the program, another for each connector and
    /// each time.
    pub fn begins(&self, connector: &str, due: Timestamp) -> Timestamp {
        later(due, connector, due, self.jitter)
    }
}

/// `from`, and up to `most` later: as the connector and the due time have it.
pub fn later(from: Timestamp, connector: &str, due: Timestamp, most: Duration) -> Timestamp {
    let mut hasher = blake3::Hasher::new_derive_key("rollcall jitter 1");
    hasher.update(connector.as_bytes()).update(&due.as_second().to_le_bytes());
    let mut number = [0; 8];
    hasher.finalize_xof().fill(&mut number);
    let seconds = u64::from_le_bytes(number) % (most.as_secs() + 1);
    // A due time so near the end of the calendar that it can't be later is as good as the end.
    from.checked_add(SignedDuration::from_secs(seconds as i64)).unwrap_or(from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn daily(jitter: u64) -> Schedule {
        Schedule {
            full: Cron::parse("@daily").unwrap(),
            zone: Zone { written: None, zone: TimeZone::UTC },
            jitter: Duration::from_secs(jitter),
            alert_after: None,
        }
    }

    #[test]
    fn jitter_is_spread_and_always_the_same() {
        let schedule = daily(300);
        let mut due: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        let mut delays = Vec::new();
        for _ in 0..200 {
            due = schedule.due_after(due).unwrap();
            let begins = schedule.begins("acme", due);
            assert_eq!(begins, schedule.clone().begins("acme", due));
            delays.push((begins.as_second() - due.as_second(), schedule.begins("other", due).as_second()));
        }
        let seconds: Vec<i64> = delays.iter().map(|(delay, _)| *delay).collect();
        assert!(seconds.iter().all(|delay| (0..=300).contains(delay)), "{seconds:?}");
        assert!(seconds.iter().any(|delay| *delay < 60) && seconds.iter().any(|delay| *delay > 240));
        assert!(delays.iter().filter(|(delay, other)| delay == other).count() < 10);
    }

    #[test]
    fn without_jitter_a_run_begins_when_it_is_due() {
        let due: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        assert_eq!(daily(0).begins("acme", due), due);
    }
}
