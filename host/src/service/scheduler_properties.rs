//! Each due time leads to exactly one run or to a skip that is told, whatever runs take, and however long nothing ran.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::last::LastRuns;
use super::scheduler::{AT_A_TIME, How, Scheduler, Start};
use crate::config::{Config, Schedule};
use crate::run::Extent;

const EXPRESSIONS: [&str; 6] =
    ["*/10 * * * *", "@hourly", "30 2 * * *", "0 */2 * * *", "7,37 1-4 * * *", "15 * * * sat,sun"];

/// `full`, `changes`: which expression, beyond the last none.
fn schedule(full: usize, changes: usize, jitter: u64) -> Schedule {
    let line = |key: &str, which: usize| match EXPRESSIONS.get(which) {
        Some(expression) => format!("{key} = '{expression}'\n"),
        None => String::new(),
    };
    let (full, changes) = (line("full", full), line("changes", changes));
    let text = format!(
        "[connector.a]\nplugin = 'okta'\nendpoint = 'a.b'\ncredential.env = 'T'\n[connector.a.schedule]\n\
         full-every-hours = 24\n{full}{changes}time-zone = 'Europe/Berlin'\njitter-seconds = {jitter}\n"
    );
    let config = Config::parse("rollcall.toml".as_ref(), &text).unwrap_or_else(|error| panic!("{error}"));
    config.connectors["a"].schedule.clone().unwrap()
}

fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at + SignedDuration::from_secs(seconds)
}

#[derive(Debug)]
struct Ran {
    began_as: Extent,
    read: Extent,
    due: Timestamp,
    begun: Timestamp,
}

#[derive(Debug, Default)]
struct Seen {
    runs: Vec<Ran>,
    skips: Vec<(Extent, Timestamp)>,
}

impl Seen {
    /// When the last one began that is for what a run of this extent is for.
    fn last(&self, extent: Extent) -> Option<Timestamp> {
        self.runs.iter().filter(|ran| ran.read <= extent).map(|ran| ran.begun).max()
    }
}

/// A weekend in which the clock is put forward, or back.
const WEEKENDS: [&str; 2] = ["2027-03-27T11:59:30Z", "2027-10-30T11:59:30Z"];
const LENGTH: i64 = 26 * 3600;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn each_due_time_is_met_once(
        connectors in prop::collection::vec((0..=EXPRESSIONS.len(), 0..=EXPRESSIONS.len(), prop::sample::select(vec![0_u64, 0, 40, 900])), 1..=7),
        lengths in prop::collection::vec(1_i64..5000, 50),
        weekend in 0..2_usize,
        down in prop::option::of((0_i64..LENGTH / 2, 1_i64..LENGTH / 2)),
    ) {
        let begin: Timestamp = WEEKENDS[weekend].parse().unwrap();
        let end = after(begin, LENGTH);
        let schedules: BTreeMap<String, Schedule> = connectors
            .iter()
            .enumerate()
            .map(|(number, (full, changes, jitter))| (format!("c{number}"), schedule(*full, *changes, *jitter)))
            .collect();
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        let mut running: BTreeMap<String, (Extent, Timestamp)> = BTreeMap::new();
        let mut lengths = lengths.iter().cycle();
        let mut scheduler = Scheduler::default();
        scheduler.set(schedules.clone(), begin, |_| LastRuns::default());
        let mut now = begin;
        let mut outage = down.map(|(from, length)| (after(begin, from), after(begin, from + length)));
        while now < end {
            if let Some((_, back)) = outage.filter(|(from, _)| *from <= now) {
                // It is killed, and started again later: it has only what the store knows.
                outage = None;
                now = back.max(now);
                running.clear();
                scheduler = Scheduler::default();
                let last = |name: &str| {
                    // A connector that never ran misses nothing; here it has, as it has been seen before.
                    let begun = |extent| seen.get(name).and_then(|seen| seen.last(extent)).or(Some(begin));
                    let (full, any) = (begun(Extent::Full), begun(Extent::Changes));
                    LastRuns { full, any, ..LastRuns::default() }
                };
                scheduler.set(schedules.clone(), now, last);
            }
            let starts = scheduler.start(now);
            let busy = !starts.is_empty();
            for start in starts {
                match start {
                    Start::Run { connector, extent, due, .. } => {
                        let ends = after(now, *lengths.next().unwrap());
                        let free = running.insert(connector.clone(), (extent, ends));
                        prop_assert!(free.is_none(), "{connector} runs twice at {now}");
                        prop_assert!(running.len() <= AT_A_TIME);
                        seen.entry(connector).or_default().runs.push(Ran { began_as: extent, read: extent, due, begun: now });
                    }
                    Start::Skip { connector, extent, due } => {
                        let of = running.get(&connector).map(|(of, _)| *of);
                        prop_assert!(of == Some(Extent::Full) || of == Some(Extent::Changes) && extent == Extent::Changes);
                        seen.entry(connector).or_default().skips.push((extent, due));
                    }
                }
            }
            let ends = running.values().map(|(_, ends)| *ends).min();
            let Some(next) = scheduler.wakes().into_iter().chain(ends).min() else { break };
            // Several that were due during one run are skipped one after the other.
            prop_assert!(next > now || busy, "it never sleeps at {now}: {next}");
            let next = next.max(now);
            now = outage.map_or(next, |(from, _)| if from > now { next.min(from) } else { next });
            running.retain(|connector, (extent, ends)| {
                let over = *ends <= now;
                if over {
                    // Now and then an increment reads everything.
                    let turned = ends.as_second() % 4 == 0;
                    let read = if turned { Extent::Full } else { *extent };
                    let how = How { extent: read, succeeded: true, failed: false };
                    let seen = seen.entry(connector.clone()).or_default();
                    for due in scheduler.ended(connector, now, Some(how)) {
                        assert!(turned && *extent == Extent::Changes, "{connector} skips a full run at {now}");
                        seen.skips.push((Extent::Full, due));
                    }
                    // So the store has it.
                    seen.runs.last_mut().unwrap().read = read;
                }
                !over
            });
        }
        for (connector, schedule) in &schedules {
            let seen = seen.remove(connector).unwrap_or_default();
            for extent in Extent::SCHEDULED {
                let mut due = begin;
                while let Some(next) = schedule.due_after(extent, due) {
                    due = next;
                    // What is late at the end was not given its time.
                    if after(due, 4 * 3600) > end {
                        break;
                    }
                    let met = seen
                        .runs
                        .iter()
                        .filter(|ran| ran.began_as == extent && ran.due <= due && due <= ran.begun);
                    let skipped = seen.skips.iter().filter(|skip| **skip == (extent, due)).count();
                    // An increment is not needed where a full run began instead.
                    let first = seen.runs.iter().find(|ran| due <= ran.begun);
                    let instead = first.is_some_and(|ran| ran.began_as < extent);
                    let waited = outage_over(down, begin, due);
                    // What was skipped last is made up for after an outage: that it was skipped is known to nobody then.
                    let back = down.map(|(from, length)| after(begin, from + length));
                    let made_up = skipped == 1 && met.clone().all(|ran| back.is_some_and(|back| back <= ran.begun));
                    let met = met.count();
                    prop_assert!(
                        met + skipped == 1 || (met + skipped == 0 && instead) || ((waited || made_up) && met <= 1),
                        "{connector}: {extent:?} at {due} led to {met} runs and {skipped} skips: {seen:?}"
                    );
                }
            }
        }
    }
}

/// Near an outage: a run that was killed met what it began for, and what was skipped for it is made up for. Only never
/// by two runs.
fn outage_over(down: Option<(i64, i64)>, begin: Timestamp, due: Timestamp) -> bool {
    down.is_some_and(|(from, length)| {
        due >= after(begin, from - 5000) && due <= after(begin, from + length + 5000)
    })
}
