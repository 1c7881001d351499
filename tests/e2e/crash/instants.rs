//! Kills at random instants.

use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;

use super::scene::Scene;

/// How many instants are tried, half of them of each kind.
fn how_many() -> u64 {
    number("ROLLCALL_CRASH_INSTANTS").unwrap_or(50)
}

/// The seed of the first instant; the next ones follow.
fn first_seed() -> u64 {
    number("ROLLCALL_CRASH_SEED").unwrap_or(1)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable}={text} is no number")))
}

/// Tries half of the instants, alternately on a first and on a second sync. `kill` lets a sync run into one.
fn try_instants(kill: impl Fn(&mut Scene, &mut Rng) -> String) {
    let mut scenes = [Scene::first(), Scene::second()];
    let (mut new, mut resumed) = (0, 0);
    for seed in first_seed()..first_seed() + how_many() / 2 {
        let mut random = Rng::with_seed(seed);
        let scene = &mut scenes[(seed % 2) as usize];
        scene.reset();
        let mut instants = vec![kill(scene, &mut random)];
        // Now and then the run after the killed one is killed too.
        while random.u8(..4) == 0 {
            instants.push(kill(scene, &mut random));
        }
        let (is_new, pages) = scene.check(&format!("ROLLCALL_CRASH_SEED={seed} ({})", instants.join(", ")));
        new += u64::from(is_new);
        resumed += pages;
    }
    println!("{} instants: {new} after the commit; {resumed} pages were gone on from", how_many() / 2);
}

/// The nth passing of any point: the same instants every time, but for the order in which pages arrive.
#[test]
fn kills_at_random_passings() {
    try_instants(|scene, random| {
        let point = format!("any:{}", random.usize(1..=scene.passings));
        let ran = scene.sync_until(&point);
        // A sync that has less to do than the first one passes fewer points.
        assert!(ran.signal == Some(9) || ran.code == Some(0), "{point}: {}", ran.stderr);
        point
    });
}

/// When the simulator has answered so many requests, and so many microseconds later.
#[test]
fn kills_at_random_moments() {
    try_instants(|scene, random| {
        let answered = random.u64(0..=scene.pages as u64);
        // Shaping, planning and applying take some milliseconds after the last answer.
        let later = Duration::from_micros(
            random.u64(..if answered as usize == scene.pages { 30_000 } else { 1_500 }),
        );
        let mut running = scene.start(None);
        while running.is_running() && scene.world.sim.stats().total < answered {
            thread::yield_now();
        }
        let began = Instant::now();
        while running.is_running() && began.elapsed() < later {
            thread::yield_now();
        }
        if running.is_running() {
            running.kill();
        }
        scene.world.wait(running);
        scene.ended();
        format!("{answered} answers and {later:?}")
    });
}
