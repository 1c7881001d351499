use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::cron::Cron;
use crate::run::Extent;

/// When a connector is synced by itself, and when a sync that may decide reads everything. It has a time, or
/// `full_every`.
#[derive(Debug, Clone, PartialEq)]
pub struct Schedule {
    /// When everything is read.
    pub full: Option<Cron>,
    /// When what changed is read.
    pub changes: Option<Cron>,
    /// How old the last full run may be for an increment.
    pub full_every: Option<Duration>,
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

    /// A year.
    pub const FULL_EVERY_HOURS: RangeInclusive<u64> = 1..=366 * 24;
    /// For those who do not say how old the last full run may be.
    pub const FULL_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

    pub fn cron(&self, extent: Extent) -> Option<&Cron> {
        match extent {
            Extent::Full => self.full.as_ref(),
            Extent::Changes => self.changes.as_ref(),
            Extent::User => None,
        }
    }

    /// Whether it says any time. One that doesn't is for commands only.
    pub fn is_timed(&self) -> bool {
        self.full.is_some() || self.changes.is_some()
    }

    /// Whether somebody wants increments: then a sync decides by itself what it reads.
    pub fn has_increments(&self) -> bool {
        self.changes.is_some() || self.full_every.is_some()
    }

    /// At which age of the last full run an increment of the schedule reads everything; nothing where full runs have
    /// times of their own and nobody asked for more.
    pub fn full_by_age(&self) -> Option<Duration> {
        self.full_every.or_else(|| self.full.is_none().then_some(Self::FULL_EVERY))
    }

    /// The first due time after that moment of a run that reads so much.
    pub fn due_after(&self, extent: Extent, after: Timestamp) -> Option<Timestamp> {
        self.cron(extent)?.after(after, &self.zone.zone)
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
            full: Some(Cron::parse("@daily").unwrap()),
            changes: None,
            full_every: None,
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
            due = schedule.due_after(Extent::Full, due).unwrap();
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
    fn an_increment_reads_everything_by_age_where_no_full_run_has_a_time() {
        let day = Some(Schedule::FULL_EVERY);
        let hour = Some(Duration::from_secs(3600));
        let both = Schedule { changes: daily(0).full, ..daily(0) };
        assert_eq!((both.full_by_age(), both.has_increments()), (None, true));
        assert_eq!(Schedule { full_every: hour, ..both.clone() }.full_by_age(), hour);
        assert_eq!(Schedule { full: None, ..both }.full_by_age(), day);
        assert!(!daily(0).has_increments());
        let by_command = Schedule { full: None, full_every: hour, ..daily(0) };
        assert!(by_command.has_increments() && !by_command.is_timed());
    }

    #[test]
    fn without_jitter_a_run_begins_when_it_is_due() {
        let due: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        assert_eq!(daily(0).begins("acme", due), due);
    }
}
