//! What begins when.
//!
//! * A due time is met by the first run that begins at or after it, whoever began that run. So what was missed while
//!   nothing ran is made up for by one run, however many due times it was.
//! * A connector never runs twice at once. What comes due during its run is skipped: that run reads what there is now,
//!   and one that follows it at once would ask the provider the same again. A slow provider is not asked without a
//!   pause.
//! * Some connectors run at a time. The others wait for a place, the longest waiting first, and none is skipped for it.
//! * A schedule that is new or changed begins at that moment: no due time of before is missed.
//! * A clock that is put back repeats nothing: a due time that was met stays met.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::config::{Schedule, later};

/// Connectors that run at a time. Most of the time each waits for its provider; more of them would need more memory
/// and be no faster.
pub const AT_A_TIME: usize = 4;

/// What was missed is made up for within this time, even where the schedule spreads its runs over more.
const CATCH_UP: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub struct Scheduler {
    slots: BTreeMap<String, Slot>,
    /// The connectors as they are stated: of those that begin together the first changes the directory first. Those that
    /// are not in it follow by name.
    order: Vec<String>,
}

/// One connector.
#[derive(Debug)]
struct Slot {
    schedule: Schedule,
    /// All due times up to here are met.
    met: Timestamp,
    next: Option<Next>,
    running: bool,
    /// When a run last succeeded, or since when one is waited for.
    success: Timestamp,
    silence_told: bool,
}

/// A run to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// As the schedule has it.
    pub due: Timestamp,
    /// With what it is spread by.
    pub begins: Timestamp,
}

/// What is to happen now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A run is to begin.
    Run {
        connector: String,
        due: Timestamp,
        /// It makes up for what was missed.
        late: bool,
    },
    /// A due time passes without a run, because one is at work.
    Skip { connector: String, due: Timestamp },
}

impl Scheduler {
    /// What the schedule says next of a connector whose last run began then.
    pub fn next_of(
        connector: &str,
        schedule: &Schedule,
        last: Option<Timestamp>,
        now: Timestamp,
    ) -> Option<Next> {
        let due = schedule.due_after(last.unwrap_or(now))?;
        let begins = schedule.begins(connector, due);
        // The last of what was missed is what the run is for.
        let missed = begins < now && last.is_some();
        Some(match missed {
            true => Next { due, begins: later(now, connector, due, schedule.jitter.min(CATCH_UP)) },
            false => Next { due, begins },
        })
    }

    /// Takes the stated order of the connectors over.
    pub fn set_order(&mut self, order: Vec<String>) {
        self.order = order;
    }

    fn place(&self, connector: &str) -> usize {
        self.order.iter().position(|name| name == connector).unwrap_or(self.order.len())
    }

    /// Takes other schedules over. `last` tells of a connector that was not known before when its last run began, and
    /// when one last succeeded.
    pub fn set(
        &mut self,
        schedules: BTreeMap<String, Schedule>,
        now: Timestamp,
        mut last: impl FnMut(&str) -> (Option<Timestamp>, Option<Timestamp>),
    ) {
        let mut before = std::mem::take(&mut self.slots);
        for (connector, schedule) in schedules {
            let slot = match before.remove(&connector) {
                Some(known) if known.schedule == schedule && known.next.is_some() => known,
                Some(known) => {
                    let met = known.met.max(now);
                    let next = Self::next_of(&connector, &schedule, Some(met), now);
                    Slot { schedule, met, next, ..known }
                }
                None => {
                    let (begun, success) = last(&connector);
                    let next = Self::next_of(&connector, &schedule, begun, now);
                    let met = begun.unwrap_or(now);
                    Slot {
                        schedule,
                        met,
                        next,
                        running: false,
                        success: success.unwrap_or(now),
                        silence_told: false,
                    }
                }
            };
            self.slots.insert(connector, slot);
        }
        // Its run goes on, and must not be joined by another if it comes back meanwhile.
        for (connector, mut slot) in before.into_iter().filter(|(_, slot)| slot.running) {
            slot.next = None;
            self.slots.insert(connector, slot);
        }
    }

    /// What begins and what is skipped now. What begins is running from now on, until [`ended`](Self::ended).
    pub fn start(&mut self, now: Timestamp) -> Vec<Start> {
        let mut starts = Vec::new();
        let mut places = AT_A_TIME.saturating_sub(self.slots.values().filter(|slot| slot.running).count());
        let mut waiting: Vec<(Timestamp, usize, String)> = self
            .slots
            .iter()
            .filter_map(|(name, slot)| {
                let next = slot.next.filter(|next| next.begins <= now)?;
                Some((next.begins, self.place(name), name.clone()))
            })
            .collect();
        waiting.sort();
        for (_, _, connector) in waiting {
            let Some(slot) = self.slots.get_mut(&connector) else { continue };
            let Some(next) = slot.next else { continue };
            if slot.running {
                slot.meet(&connector, next.due);
                starts.push(Start::Skip { connector, due: next.due });
            } else if places > 0 {
                places -= 1;
                slot.running = true;
                let late =
                    next.begins.as_second() - next.due.as_second() > slot.schedule.jitter.as_secs() as i64;
                // A clock that was put back may have the due time before it.
                slot.meet(&connector, now.max(next.due));
                starts.push(Start::Run { connector, due: next.due, late });
            }
        }
        // Those that begin together change the directory in this order.
        starts.sort_by_cached_key(|start| (self.place(start.connector()), start.connector().to_owned()));
        starts
    }

    /// The connector's run is over.
    pub fn ended(&mut self, connector: &str, now: Timestamp, succeeded: bool) {
        let Some(slot) = self.slots.get_mut(connector) else { return };
        slot.running = false;
        if succeeded {
            slot.success = slot.success.max(now);
            slot.silence_told = false;
        }
    }

    /// Connectors of which no run has succeeded for longer than their schedule bears, and since when; each once.
    pub fn silent(&mut self, now: Timestamp) -> Vec<(String, Timestamp)> {
        let silent =
            self.slots.iter_mut().filter(|(_, slot)| slot.silent_from().is_some_and(|from| from <= now));
        silent
            .map(|(connector, slot)| {
                slot.silence_told = true;
                (connector.clone(), slot.success)
            })
            .collect()
    }

    /// When there is something to do again, if nothing else happens.
    pub fn wakes(&self) -> Option<Timestamp> {
        let full = self.slots.values().filter(|slot| slot.running).count() >= AT_A_TIME;
        let begins = |slot: &Slot| slot.next.map(|next| next.begins).filter(|_| !full || slot.running);
        self.slots.values().flat_map(|slot| [begins(slot), slot.silent_from()]).flatten().min()
    }

    /// The connector's next run.
    pub fn next(&self, connector: &str) -> Option<Next> {
        self.slots.get(connector)?.next
    }
}

impl Start {
    fn connector(&self) -> &str {
        match self {
            Start::Run { connector, .. } | Start::Skip { connector, .. } => connector,
        }
    }
}

impl Slot {
    /// What was due up to then is met.
    fn meet(&mut self, connector: &str, then: Timestamp) {
        self.met = self.met.max(then);
        self.next = self
            .schedule
            .due_after(self.met)
            .map(|due| Next { due, begins: self.schedule.begins(connector, due) });
    }

    fn silent_from(&self) -> Option<Timestamp> {
        let after = self.schedule.alert_after.filter(|_| !self.silence_told)?;
        self.success.checked_add(SignedDuration::try_from(after).ok()?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// As it is written in the file.
    pub(in crate::service) fn schedule(lines: &str) -> Schedule {
        let text = format!(
            "[connector.a]\nplugin = 'okta'\nendpoint = 'a.b'\ncredential.env = 'T'\n[connector.a.schedule]\n{lines}"
        );
        let config = Config::parse("rollcall.toml".as_ref(), &text).unwrap_or_else(|error| panic!("{error}"));
        config.connectors["a"].schedule.clone().unwrap()
    }

    fn scheduler(connectors: &[(&str, &str)], now: &str, last: Option<&str>) -> Scheduler {
        let mut scheduler = Scheduler::default();
        let schedules = connectors.iter().map(|(name, lines)| ((*name).to_owned(), schedule(lines)));
        scheduler.set(schedules.collect(), at(now), |_| (last.map(at), last.map(at)));
        scheduler
    }

    const HOURLY: &str = "full = '@hourly'\ntime-zone = 'UTC'";
    const NIGHTLY: &str = "full = '0 3 * * *'\ntime-zone = 'Europe/Berlin'";

    fn run(connector: &str, due: &str, late: bool) -> Start {
        Start::Run { connector: connector.to_owned(), due: at(due), late }
    }

    #[test]
    fn a_run_begins_when_it_is_due_and_not_before_and_not_twice() {
        let mut scheduler = scheduler(&[("acme", NIGHTLY)], "2026-11-24T12:00:00Z", None);
        assert_eq!(scheduler.wakes(), Some(at("2026-11-25T02:00:00Z")));
        assert_eq!(scheduler.start(at("2026-11-25T01:59:59Z")), []);
        let now = at("2026-11-25T02:00:00Z");
        assert_eq!(scheduler.start(now), [run("acme", "2026-11-25T02:00:00Z", false)]);
        assert_eq!(scheduler.start(now), []);
        scheduler.ended("acme", at("2026-11-25T02:10:00Z"), true);
        assert_eq!(scheduler.start(at("2026-11-25T02:10:00Z")), []);
        assert_eq!(scheduler.wakes(), Some(at("2026-11-26T02:00:00Z")));
    }

    #[test]
    fn what_was_missed_is_made_up_for_once() {
        let now = "2026-11-24T12:20:00Z";
        let mut missed = scheduler(&[("acme", HOURLY)], now, Some("2026-11-23T08:00:03Z"));
        let starts = missed.start(at(now));
        assert_eq!(starts, [run("acme", "2026-11-23T09:00:00Z", true)]);
        missed.ended("acme", at("2026-11-24T12:21:00Z"), true);
        assert_eq!(missed.start(at("2026-11-24T12:59:59Z")), []);
        assert_eq!(missed.wakes(), Some(at("2026-11-24T13:00:00Z")));
        // Nothing was missed where the last run began after the last due time, and where there never was one.
        for last in [Some("2026-11-24T12:00:03Z"), None] {
            let mut scheduler = scheduler(&[("acme", HOURLY)], now, last);
            assert_eq!(
                (scheduler.start(at(now)), scheduler.wakes()),
                (vec![], Some(at("2026-11-24T13:00:00Z")))
            );
        }
        // With jitter, a run may be due and not be missed yet; many that were missed don't begin in one second.
        let spread: Vec<String> = (0..8).map(|number| format!("c{number}")).collect();
        let lines = format!("{HOURLY}\njitter-seconds = 3600");
        let connectors: Vec<(&str, &str)> =
            spread.iter().map(|name| (name.as_str(), lines.as_str())).collect();
        let waiting = super::tests::scheduler(&connectors, now, Some("2026-11-23T08:00:03Z"));
        let begins: Vec<i64> = spread
            .iter()
            .map(|name| waiting.next(name).unwrap().begins.as_second() - at(now).as_second())
            .collect();
        assert!(begins.iter().all(|after| (0..=60).contains(after)), "{begins:?}");
        assert!(begins.iter().max() > begins.iter().min(), "{begins:?}");
    }

    #[test]
    fn what_comes_due_during_a_run_is_skipped_and_said() {
        let mut scheduler = scheduler(&[("acme", HOURLY)], "2026-11-24T12:30:00Z", None);
        assert_eq!(scheduler.start(at("2026-11-24T13:00:00Z")).len(), 1);
        let skip = Start::Skip { connector: "acme".to_owned(), due: at("2026-11-24T14:00:00Z") };
        assert_eq!(scheduler.start(at("2026-11-24T14:00:01Z")), [skip]);
        scheduler.ended("acme", at("2026-11-24T14:20:00Z"), true);
        assert_eq!(scheduler.start(at("2026-11-24T14:20:00Z")), []);
        assert_eq!(scheduler.start(at("2026-11-24T15:00:00Z")), [run("acme", "2026-11-24T15:00:00Z", false)]);
    }

    #[test]
    fn those_that_begin_together_begin_in_the_stated_order() {
        let names = ["a", "b", "c", "d", "e", "f"];
        let mut scheduler = scheduler(&names.map(|name| (name, HOURLY)), "2026-11-24T12:30:00Z", None);
        scheduler.set_order(["e", "b"].map(str::to_owned).into());
        let due = "2026-11-24T13:00:00Z";
        assert_eq!(scheduler.start(at(due)), ["e", "b", "a", "c"].map(|name| run(name, due, false)));
    }

    #[test]
    fn only_some_run_at_a_time_and_the_others_wait_their_turn() {
        let names = ["f", "e", "d", "c", "b", "a"];
        let connectors = names.map(|name| (name, HOURLY));
        let mut scheduler = scheduler(&connectors, "2026-11-24T12:30:00Z", None);
        let due = "2026-11-24T13:00:00Z";
        let four = ["a", "b", "c", "d"].map(|name| run(name, due, false));
        assert_eq!(scheduler.start(at(due)), four);
        assert_eq!((scheduler.start(at(due)), scheduler.wakes()), (vec![], Some(at("2026-11-24T14:00:00Z"))));
        scheduler.ended("c", at("2026-11-24T13:10:00Z"), false);
        assert_eq!(scheduler.wakes(), Some(at(due)));
        assert_eq!(scheduler.start(at("2026-11-24T13:10:00Z")), [run("e", due, false)]);
        scheduler.ended("a", at("2026-11-24T13:20:00Z"), true);
        scheduler.ended("b", at("2026-11-24T13:20:00Z"), true);
        assert_eq!(scheduler.start(at("2026-11-24T13:20:00Z")), [run("f", due, false)]);
    }

    #[test]
    fn a_changed_schedule_misses_nothing_of_before_and_a_running_one_stays() {
        let mut scheduler = scheduler(&[("acme", HOURLY), ("other", HOURLY)], "2026-11-24T12:30:00Z", None);
        let now = at("2026-11-24T13:00:00Z");
        assert_eq!(scheduler.start(now).len(), 2);
        scheduler.ended("other", now, true);
        let nightly = [("acme".to_owned(), schedule("full = '0 13 * * *'\ntime-zone = 'UTC'"))];
        let later = at("2026-11-24T13:30:00Z");
        scheduler.set(nightly.clone().into(), later, |_| panic!("both are known"));
        assert_eq!(scheduler.next("acme").unwrap().due, at("2026-11-25T13:00:00Z"));
        assert_eq!(scheduler.next("other"), None);
        // It is taken out, and comes back while its run goes on.
        scheduler.set([].into(), later, |_| panic!("none is new"));
        scheduler.set(nightly.into(), later, |_| panic!("it still runs"));
        let skip = Start::Skip { connector: "acme".to_owned(), due: at("2026-11-25T13:00:00Z") };
        assert_eq!(scheduler.start(at("2026-11-25T13:00:00Z")), [skip]);
    }

    #[test]
    fn a_clock_that_is_put_back_repeats_nothing() {
        let mut scheduler = scheduler(&[("acme", HOURLY)], "2026-11-24T12:30:00Z", None);
        assert_eq!(scheduler.start(at("2026-11-24T13:00:00Z")).len(), 1);
        scheduler.ended("acme", at("2026-11-24T12:00:30Z"), true);
        assert_eq!(scheduler.start(at("2026-11-24T13:00:00Z")), []);
        assert_eq!(scheduler.wakes(), Some(at("2026-11-24T14:00:00Z")));
    }

    #[test]
    fn silence_is_told_once_until_a_run_succeeds() {
        let lines = format!("{HOURLY}\nalert-after-hours = 5");
        let mut scheduler =
            scheduler(&[("acme", &lines)], "2026-11-24T12:00:00Z", Some("2026-11-24T09:00:00Z"));
        assert_eq!(scheduler.silent(at("2026-11-24T13:59:59Z")), []);
        let silent = [("acme".to_owned(), at("2026-11-24T09:00:00Z"))];
        assert_eq!(scheduler.silent(at("2026-11-24T14:00:00Z")), silent);
        assert_eq!(scheduler.silent(at("2026-11-24T15:00:00Z")), []);
        scheduler.ended("acme", at("2026-11-24T16:00:00Z"), false);
        assert_eq!(scheduler.silent(at("2026-11-24T16:00:00Z")), []);
        scheduler.ended("acme", at("2026-11-24T17:00:00Z"), true);
        assert_eq!(scheduler.silent(at("2026-11-24T21:59:59Z")), []);
        assert_eq!(scheduler.silent(at("2026-11-24T22:00:00Z")).len(), 1);
    }
}
