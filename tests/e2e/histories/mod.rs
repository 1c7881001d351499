//! Random histories: whatever happens at the provider, and however it is synced meanwhile, the directory ends as the
//! organisation says, and on the way there nobody loses what they have.
//!
//! A history comes from a seed ([`story`]), is played against a simulated organisation ([`stage`], [`play`]) and judged by
//! what was true there, and when ([`chronicle`], [`oracle`]). One that goes wrong is told with its seed and with the fewest of
//! its steps that still go wrong.
//!
//! `ROLLCALL_HISTORIES=10000 cargo test --test e2e histories` plays more of them than the usual ones;
//! `ROLLCALL_HISTORY=7` plays that one alone. Those that ever went wrong are always played.

mod chronicle;
mod oracle;
mod play;
mod stage;
mod story;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use play::play;
use stage::By;
use story::{Step, Story};

/// Histories at a time: some of a run is waiting.
const AT_A_TIME: usize = 4;

/// How many are tried to find a shorter history that goes wrong.
const SHORTER: usize = 150;

/// Seeds of histories that went wrong once, whichever way they are played.
const WENT_WRONG: [u64; 4] = [19, 27, 39, 49];

#[test]
fn random_histories_end_with_the_directory_as_the_organisation_is() {
    all_of(By::ThisProcess, 1, number("ROLLCALL_HISTORIES").unwrap_or(300));
}

/// The same, with a process for each run, some of which are killed at any instant.
#[cfg(debug_assertions)]
#[test]
fn random_histories_with_processes_that_are_killed_end_the_same() {
    // Of those above there is one of these in twenty.
    all_of(By::TheBinary, 1_000_001, number("ROLLCALL_HISTORIES").map_or(8, |histories| histories / 20));
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().expect(variable))
}

fn all_of(by: By, first: u64, count: u64) {
    let seeds: Vec<u64> = match number("ROLLCALL_HISTORY") {
        Some(seed) => vec![seed],
        None => {
            WENT_WRONG.into_iter().filter(|_| by == By::ThisProcess).chain(first..first + count).collect()
        }
    };
    let (next, wrong) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            scope.spawn(|| {
                while let Some(seed) = seeds.get(next.fetch_add(1, Ordering::Relaxed) as usize) {
                    if let Err(told) = told(*seed, by) {
                        eprintln!("{told}\n");
                        wrong.lock().unwrap().push(*seed);
                    }
                }
            });
        }
    });
    let mut wrong = wrong.into_inner().unwrap();
    wrong.sort_unstable();
    assert!(wrong.is_empty(), "of {} histories went wrong those of the seeds {wrong:?}", seeds.len());
}

/// Plays it, and tells what goes wrong in as few steps as can be found.
fn told(seed: u64, by: By) -> Result<(), String> {
    let mut story = Story::of(seed);
    let Err(mut wrong) = play(&story, by) else { return Ok(()) };
    let mut tries = SHORTER;
    let mut size = story.steps.len() / 2;
    while size > 0 && tries > 0 {
        let mut at = 0;
        while at < story.steps.len() && tries > 0 {
            tries -= 1;
            let mut steps: Vec<Step> = story.steps.clone();
            steps.drain(at..(at + size).min(steps.len()));
            let shorter = Story { steps, ..story.clone() };
            match play(&shorter, by) {
                Err(still) => (story, wrong) = (shorter, still),
                Ok(()) => at += size,
            }
        }
        size /= 2;
    }
    Err(format!("{story}\n→ {wrong}"))
}
