//! Each due time leads to exactly one run or to a skip that is told, whatever runs take, and however long nothing ran.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;

use super::scheduler::{AT_A_TIME, Scheduler, Start};
use crate::config::{Config, Schedule};

const EXPRESSIONS: [&str; 6] =
    ["*/10 * * * *", "@hourly", "30 2 * * *", "0 */2 * * *", "7,37 1-4 * * *", "15 * * * sat,sun"];

fn schedule(expression: usize, jitter: u64) -> Schedule {
    let text = format!(
        "[connector.a]\nplugin = 'okta'\nendpoint = 'a.b'\ncredential.env = 'T'\n[connector.a.schedule]\n\
         full = '{}'\ntime-zone = 'Europe/Berlin'\njitter-seconds = {jitter}\n",
        EXPRESSIONS[expression]
    );
    let config = Config::parse("rollcall.toml".as_ref(), &text).unwrap_or_else(|error| panic!("{error}"));
    config.connectors["a"].schedule.clone().unwrap()
}

fn after(at: Timestamp, seconds: i64) -> Timestamp {
    at + SignedDuration::from_secs(seconds)
}

#[derive(Debug, Default)]
struct Seen {
    /// Due, begun.
    runs: Vec<(Timestamp, Timestamp)>,
    skips: Vec<Timestamp>,
}

/// A weekend in which the clock is put forward, or back.
const WEEKENDS: [&str; 2] = ["2027-03-27T11:59:30Z", "2027-10-30T11:59:30Z"];
const LENGTH: i64 = 26 * 3600;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn each_due_time_is_met_once(
        connectors in prop::collection::vec((0..EXPRESSIONS.len(), prop::sample::select(vec![0_u64, 0, 40, 900])), 1..=7),
        lengths in prop::collection::vec(1_i64..5000, 50),
        weekend in 0..2_usize,
        down in prop::option::of((0_i64..LENGTH / 2, 1_i64..LENGTH / 2)),
    ) {
        let begin: Timestamp = WEEKENDS[weekend].parse().unwrap();
        let end = after(begin, LENGTH);
        let schedules: BTreeMap<String, Schedule> = connectors
            .iter()
            .enumerate()
            .map(|(number, (expression, jitter))| (format!("c{number}"), schedule(*expression, *jitter)))
            .collect();
        let mut seen: BTreeMap<String, Seen> = BTreeMap::new();
        let mut running: BTreeMap<String, Timestamp> = BTreeMap::new();
        let mut lengths = lengths.iter().cycle();
        let mut scheduler = Scheduler::default();
        scheduler.set(schedules.clone(), begin, |_| (None, None));
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
                    let begun = seen.get(name).and_then(|seen| seen.runs.last()).map(|(_, begun)| *begun);
                    // A connector that never ran misses nothing; here it has, as it has been seen before.
                    (begun.or(Some(begin)), None)
                };
                scheduler.set(schedules.clone(), now, last);
            }
            let starts = scheduler.start(now);
            let busy = !starts.is_empty();
            for start in starts {
                match start {
                    Start::Run { connector, due, .. } => {
                        let free = running.insert(connector.clone(), after(now, *lengths.next().unwrap()));
                        prop_assert!(free.is_none(), "{connector} runs twice at {now}");
                        prop_assert!(running.len() <= AT_A_TIME);
                        seen.entry(connector).or_default().runs.push((due, now));
                    }
                    Start::Skip { connector, due } => {
                        prop_assert!(running.contains_key(&connector));
                        seen.entry(connector).or_default().skips.push(due);
                    }
                }
            }
            let ends = running.values().min().copied();
            let Some(next) = scheduler.wakes().into_iter().chain(ends).min() else { break };
            // Several that were due during one run are skipped one after the other.
            prop_assert!(next > now || busy, "it never sleeps at {now}: {next}");
            let next = next.max(now);
            now = outage.map_or(next, |(from, _)| if from > now { next.min(from) } else { next });
            running.retain(|connector, ends| {
                let over = *ends <= now;
                if over {
                    scheduler.ended(connector, now, true);
                }
                !over
            });
        }
        for (connector, schedule) in &schedules {
            let seen = seen.remove(connector).unwrap_or_default();
            let mut due = begin;
            loop {
                due = schedule.due_after(due).unwrap();
                // What is late at the end was not given its time.
                if after(due, 4 * 3600) > end {
                    break;
                }
                let met = seen.runs.iter().filter(|(from, begun)| *from <= due && due <= *begun).count();
                let skipped = seen.skips.iter().filter(|skip| **skip == due).count();
                let waited = outage_over(down, begin, due);
                prop_assert!(
                    met + skipped == 1 || (waited && met <= 1),
                    "{connector}: {due} led to {met} runs and {skipped} skips: {seen:?}"
                );
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
