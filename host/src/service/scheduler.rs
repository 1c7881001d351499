//! What begins when.
//!
//! * A due time is met by the first run that begins at or after it, whoever began that run: that of a full run by a full
//!   run, that of an increment by either. So what was missed while nothing ran is made up for by one run, however many due
//!   times it was, and when both are due only the full run begins.
//! * A connector never runs twice at once. What comes due during its run is skipped: that run reads what there is now,
//!   and one that follows it at once would ask the provider the same again. A slow provider is not asked without a
//!   pause. Only a full run that comes due during an increment waits for its end; it is skipped if that increment had to
//!   read everything.
//! * Some connectors run at a time. The others wait for a place, the longest waiting first, and none is skipped for it.
//! * A schedule that is new or changed begins at that moment: no due time of before is missed.
//! * A clock that is put back repeats nothing: a due time that was met stays met.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::last::LastRuns;
use crate::config::{Schedule, later};
use crate::run::Extent;

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
    full: Times,
    changes: Times,
    /// What the run at work was begun as.
    running: Option<Extent>,
    /// When a run last succeeded, or since when one is waited for.
    success: Quiet,
    /// The same of runs that read everything.
    full_success: Quiet,
    /// The last run that read everything failed.
    full_failed: bool,
}

/// One of a connector's two schedules.
#[derive(Debug, Clone, Copy)]
struct Times {
    /// All due times up to here are met.
    met: Timestamp,
    next: Option<Next>,
}

#[derive(Debug, Clone, Copy)]
struct Quiet {
    since: Timestamp,
    told: bool,
}

/// A run to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Next {
    /// As the schedule has it.
    pub due: Timestamp,
    /// With what it is spread by.
    pub begins: Timestamp,
}

/// The next runs of a connector.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Nexts {
    pub full: Option<Next>,
    pub changes: Option<Next>,
}

/// What is to happen now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// A run is to begin.
    Run {
        connector: String,
        extent: Extent,
        due: Timestamp,
        /// It makes up for what was missed.
        late: bool,
    },
    /// A due time passes without a run, because one is at work.
    Skip { connector: String, extent: Extent, due: Timestamp },
}

/// How a run ended that had begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct How {
    /// What it read, or was to read.
    pub extent: Extent,
    pub succeeded: bool,
    /// It came to an end of its own, and not a good one.
    pub failed: bool,
}

/// What has not succeeded for longer than the schedule bears.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    pub connector: String,
    pub since: Timestamp,
    /// Increments do succeed.
    pub only_full: bool,
}

impl Nexts {
    /// What the schedule says next of a connector whose last runs began then.
    pub fn of(connector: &str, schedule: &Schedule, last: LastRuns, now: Timestamp) -> Self {
        let next = |extent, last| next_of(connector, schedule, extent, last, now);
        let (full, mut changes) = (next(Extent::Full, last.full), next(Extent::Changes, last.any));
        // Both were missed: the full run is for both.
        if let (Some(full), Some(changes)) = (full, &mut changes)
            && full.due <= now
            && changes.due <= now
        {
            changes.begins = changes.begins.max(full.begins);
        }
        Self { full, changes }
    }

    /// The first of them. Where both begin at once it is the full run.
    pub fn first(self) -> Option<(Extent, Next)> {
        let full = self.full.map(|next| (Extent::Full, next));
        let changes = self.changes.map(|next| (Extent::Changes, next));
        full.into_iter().chain(changes).min_by_key(|(extent, next)| (next.begins, *extent))
    }
}

fn next_of(
    connector: &str,
    schedule: &Schedule,
    extent: Extent,
    last: Option<Timestamp>,
    now: Timestamp,
) -> Option<Next> {
    let due = schedule.due_after(extent, last.unwrap_or(now))?;
    let begins = schedule.begins(connector, due);
    // The last of what was missed is what the run is for.
    let missed = begins < now && last.is_some();
    Some(match missed {
        true => Next { due, begins: later(now, connector, due, schedule.jitter.min(CATCH_UP)) },
        false => Next { due, begins },
    })
}

impl Scheduler {
    /// Takes the stated order of the connectors over.
    pub fn set_order(&mut self, order: Vec<String>) {
        self.order = order;
    }

    fn place(&self, connector: &str) -> usize {
        self.order.iter().position(|name| name == connector).unwrap_or(self.order.len())
    }

    /// Takes other schedules over. `last` tells of a connector that was not known before how its last runs were.
    pub fn set(
        &mut self,
        schedules: BTreeMap<String, Schedule>,
        now: Timestamp,
        mut last: impl FnMut(&str) -> LastRuns,
    ) {
        let mut before = std::mem::take(&mut self.slots);
        for (connector, schedule) in schedules {
            let slot = match before.remove(&connector) {
                Some(known) => known.with(&connector, schedule, now),
                None => Slot::new(&connector, schedule, last(&connector), now),
            };
            self.slots.insert(connector, slot);
        }
        // Its run goes on, and must not be joined by another if it comes back meanwhile.
        for (connector, mut slot) in before.into_iter().filter(|(_, slot)| slot.running.is_some()) {
            (slot.full.next, slot.changes.next) = (None, None);
            self.slots.insert(connector, slot);
        }
    }

    /// What begins and what is skipped now. What begins is running from now on, until [`ended`](Self::ended).
    pub fn start(&mut self, now: Timestamp) -> Vec<Start> {
        let mut starts = Vec::new();
        let mut places = AT_A_TIME.saturating_sub(self.running());
        let mut waiting: Vec<(Timestamp, usize, String)> = self
            .slots
            .iter()
            .filter_map(|(name, slot)| {
                let (_, next) = slot.nexts().first().filter(|(_, next)| next.begins <= now)?;
                Some((next.begins, self.place(name), name.clone()))
            })
            .collect();
        waiting.sort();
        for (_, _, connector) in waiting {
            let Some(slot) = self.slots.get_mut(&connector) else { continue };
            if slot.running.is_some() {
                starts.extend(slot.skip(&connector, now));
            } else if places > 0
                && let Some((extent, next)) = slot.due(now)
            {
                places -= 1;
                slot.running = Some(extent);
                let late =
                    next.begins.as_second() - next.due.as_second() > slot.schedule.jitter.as_secs() as i64;
                // A clock that was put back may have the due time before it.
                let then = now.max(next.due);
                if extent == Extent::Full {
                    slot.meet(&connector, Extent::Full, then);
                }
                slot.meet(&connector, Extent::Changes, then);
                starts.push(Start::Run { connector, extent, due: next.due, late });
            }
        }
        // Those that begin together change the directory in this order.
        starts.sort_by_cached_key(|start| (self.place(start.connector()), start.connector().to_owned()));
        starts
    }

    /// The connector's run is over; nothing where it could not even begin. Gives the due times of full runs
    /// that have waited for it, and need not begin any more.
    pub fn ended(&mut self, connector: &str, now: Timestamp, how: Option<How>) -> Vec<Timestamp> {
        let mut skipped = Vec::new();
        let Some(slot) = self.slots.get_mut(connector) else { return skipped };
        let begun_as = slot.running.take();
        let Some(How { extent, succeeded, failed }) = how else { return skipped };
        if succeeded {
            slot.success.heard(now);
        }
        if extent == Extent::Changes {
            return skipped;
        }
        slot.full_failed = failed || slot.full_failed && !succeeded;
        if succeeded {
            slot.full_success.heard(now);
        }
        if succeeded && begun_as == Some(Extent::Changes) {
            while let Some(waited) = slot.full.next.filter(|next| next.begins <= now) {
                slot.meet(connector, Extent::Full, waited.due);
                skipped.push(waited.due);
            }
        }
        skipped
    }

    /// What has not succeeded for longer than its schedule bears; each once.
    pub fn silent(&mut self, now: Timestamp) -> Vec<Silence> {
        let mut silent = Vec::new();
        for (connector, slot) in &mut self.slots {
            let over = |from: Option<Timestamp>| from.is_some_and(|from| from <= now);
            let only_full = match (over(slot.silent_from()), over(slot.full_silent_from())) {
                (true, _) => false,
                (false, true) => true,
                (false, false) => continue,
            };
            let quiet = if only_full { &mut slot.full_success } else { &mut slot.success };
            quiet.told = true;
            silent.push(Silence { connector: connector.clone(), since: quiet.since, only_full });
        }
        silent
    }

    /// When there is something to do again, if nothing else happens.
    pub fn wakes(&self) -> Option<Timestamp> {
        let full = self.running() >= AT_A_TIME;
        let begins = |slot: &Slot| {
            let Nexts { full: everything, changes } = slot.nexts();
            // A full run that waits for an increment begins at its end, and not by the clock.
            let everything = everything.filter(|_| slot.running != Some(Extent::Changes));
            let first = Nexts { full: everything, changes }.first().map(|(_, next)| next.begins);
            first.filter(|_| !full || slot.running.is_some())
        };
        let each = |slot: &Slot| [begins(slot), slot.silent_from(), slot.full_silent_from()];
        self.slots.values().flat_map(each).flatten().min()
    }

    fn running(&self) -> usize {
        self.slots.values().filter(|slot| slot.running.is_some()).count()
    }

    /// The connector's next run.
    pub fn next(&self, connector: &str) -> Option<(Extent, Next)> {
        self.slots.get(connector)?.nexts().first()
    }
}

impl Start {
    fn connector(&self) -> &str {
        match self {
            Start::Run { connector, .. } | Start::Skip { connector, .. } => connector,
        }
    }
}

impl Quiet {
    fn heard(&mut self, now: Timestamp) {
        *self = Self { since: self.since.max(now), told: false };
    }

    fn until(self, after: Option<Duration>) -> Option<Timestamp> {
        let after = after.filter(|_| !self.told)?;
        self.since.checked_add(SignedDuration::try_from(after).ok()?).ok()
    }
}

impl Slot {
    fn new(connector: &str, schedule: Schedule, last: LastRuns, now: Timestamp) -> Self {
        let Nexts { full, changes } = Nexts::of(connector, &schedule, last, now);
        let quiet = |since: Option<Timestamp>| Quiet { since: since.unwrap_or(now), told: false };
        Self {
            schedule,
            full: Times { met: last.full.unwrap_or(now), next: full },
            changes: Times { met: last.any.unwrap_or(now), next: changes },
            running: None,
            success: quiet(last.success),
            full_success: quiet(last.full_success),
            full_failed: last.full_failed,
        }
    }

    /// The same connector under another schedule. Of the two, one that is as it was keeps its times.
    fn with(mut self, connector: &str, schedule: Schedule, now: Timestamp) -> Self {
        let before = std::mem::replace(&mut self.schedule, schedule);
        let same = before.zone == self.schedule.zone && before.jitter == self.schedule.jitter;
        for extent in Extent::SCHEDULED {
            let stays = same && before.cron(extent) == self.schedule.cron(extent);
            let times = self.times(extent);
            if stays && times.next.is_some() {
                continue;
            }
            let met = times.met.max(now);
            let next = next_of(connector, &self.schedule, extent, Some(met), now);
            *self.times(extent) = Times { met, next };
        }
        self
    }

    fn times(&mut self, extent: Extent) -> &mut Times {
        match extent {
            Extent::Full | Extent::User => &mut self.full,
            Extent::Changes => &mut self.changes,
        }
    }

    fn nexts(&self) -> Nexts {
        Nexts { full: self.full.next, changes: self.changes.next }
    }

    /// What is to begin now: a full run before an increment.
    fn due(&self, now: Timestamp) -> Option<(Extent, Next)> {
        let due = |next: Option<Next>| next.filter(|next| next.begins <= now);
        let full = due(self.full.next).map(|next| (Extent::Full, next));
        full.or_else(|| due(self.changes.next).map(|next| (Extent::Changes, next)))
    }

    /// What passes because of the run at work. A full run waits for an increment.
    fn skip(&mut self, connector: &str, now: Timestamp) -> Vec<Start> {
        let passes = match self.running {
            Some(Extent::Full) => &Extent::SCHEDULED[..],
            _ => &[Extent::Changes],
        };
        let mut skips = Vec::new();
        for extent in passes {
            if let Some(next) = self.times(*extent).next.filter(|next| next.begins <= now) {
                self.meet(connector, *extent, next.due);
                skips.push(Start::Skip { connector: connector.to_owned(), extent: *extent, due: next.due });
            }
        }
        skips
    }

    /// What was due up to then is met.
    fn meet(&mut self, connector: &str, extent: Extent, then: Timestamp) {
        let met = self.times(extent).met.max(then);
        let schedule = &self.schedule;
        let next = schedule.due_after(extent, met);
        let next = next.map(|due| Next { due, begins: schedule.begins(connector, due) });
        *self.times(extent) = Times { met, next };
    }

    fn silent_from(&self) -> Option<Timestamp> {
        self.success.until(self.schedule.alert_after)
    }

    /// Full runs are tried and fail while increments go well; where nothing goes well that is told already.
    fn full_silent_from(&self) -> Option<Timestamp> {
        let matters = self.full_failed && !self.success.told && self.success.since > self.full_success.since;
        self.full_success.until(self.schedule.alert_after.filter(|_| matters))
    }
}
