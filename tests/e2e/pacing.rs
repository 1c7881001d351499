//! How a rate limit is spent. Windows are seconds of the clock, so what is asserted is what the simulator counted,
//! never how long something took.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use okta_sim::{Access, Bucket, Limits, Population, Sim, Stats};

use crate::support::{OTHERS_TARGET, OTHERS_TOKEN, World, spend, truth};

/// An organisation of so many users and groups with members, besides Everyone, which is not asked for its members.
fn world(users: u32, groups: u32, settings: &str) -> World {
    let population =
        Population { users, groups, members_per_group: 2, empty_groups: 0, apps: 0, seed: 1, awkward: false };
    let sim = Sim::builder().population(population).extra_token(OTHERS_TOKEN, Access::Full);
    // So that requests overlap.
    let world = World::of(sim.latency(Duration::from_millis(20)));
    world.configure(&format!("settings.attributes = [\"*\"]\n{settings}"));
    world
}

/// All of them one token may use.
fn limits(window_ms: u64) -> Limits {
    Limits { window_ms, token_share_percent: 100, ..Limits::default() }
}

fn assert_complete(world: &World) {
    let (mut truth, directory) = (truth(&world.sim), world.directory());
    truth.keys.clone_from(&directory.keys);
    assert!(directory == truth, "the directory is not the organisation");
}

fn windows(stats: &Stats, bucket: Bucket) -> &BTreeMap<u64, u64> {
    &stats.buckets[&bucket].windows
}

/// Every window but the last was spent to at least nine tenths of `ours`, none over it, and none was left out.
fn assert_spent(stats: &Stats, bucket: Bucket, ours: u64) {
    let windows = windows(stats, bucket);
    let (last, _) = windows.last_key_value().unwrap();
    let (first, _) = windows.first_key_value().unwrap();
    assert!(windows.len() > 1 && windows.len() as u64 == last - first + 1, "{windows:?}");
    for (window, spent) in windows {
        assert!(*spent <= ours && (window == last || spent * 10 >= ours * 9), "{ours} are ours: {windows:?}");
    }
}

/// Our own requests that were answered with 429.
fn refused(world: &World) -> u64 {
    let requests = world.sim.requests();
    let ours =
        requests.iter().filter(|request| request.status == 429 && !request.target.contains(OTHERS_TARGET));
    ours.count() as u64
}

#[test]
fn alone_the_share_is_spent_and_not_one_request_is_refused() {
    let world = world(2_500, 37, "http.share = 0.5");
    // 10 and 17 are ours, of 13 pages of users, and of 1 page of groups and 37 of members.
    world.sim.set_limits(Limits { users: 20, groups: 34, ..limits(3_000) });
    let report = world.sync();
    let stats = world.sim.stats();
    assert_eq!((stats.total, stats.rate_limited), (13 + 38, 0));
    assert_spent(&stats, Bucket::Users, 10);
    assert_spent(&stats, Bucket::Groups, 17);
    assert_eq!(report["requests"]["retried"], 0);
    assert_complete(&world);
}

#[test]
fn connectors_of_one_credential_spend_one_budget() {
    let world = world(60, 24, "");
    let scope = |letter: char| format!("settings.groups.include = [\"*{letter}*\"]\nhttp.share = 0.5\n");
    let connector = |name: &str| world.connector(name, "{ env = \"OKTA_TOKEN\" }");
    world.write("rollcall.toml", connector("one") + &scope('a') + &connector("two") + &scope('e'));
    world.sim.set_limits(Limits { groups: 60, ..limits(3_000) });
    let reports = world.run(&["sync", "--all", "--json"]).exits(4).json();
    let sent: u64 =
        reports.as_array().unwrap().iter().map(|report| report["requests"]["sent"].as_u64().unwrap()).sum();
    let stats = world.sim.stats();
    assert_eq!((stats.total, stats.rate_limited), (sent, 0));
    assert_spent(&stats, Bucket::Groups, 30);
    assert!(stats.peak_in_flight <= 8, "{stats:?}");
}

#[test]
fn what_others_have_left_of_a_window_is_found_out_with_one_request() {
    let world = world(10, 20, "http.share = 1.0");
    world.sim.set_latency(Duration::from_millis(5));
    world.sim.set_limits(Limits { groups: 40, ..limits(2_000) });
    let last_window = || windows(&world.sim.stats(), Bucket::Groups).keys().next_back().copied();
    (0..39).for_each(|_| spend(&world));
    let first = last_window();
    thread::scope(|scope| {
        // The listing of groups takes the last one of this window, and the members wait for the next; of which the
        // other client takes all but one as well, before we come.
        let running = world.start(&["sync", "acme"]);
        world.wait_until("the groups were listed", || {
            let requests = world.sim.requests();
            requests.iter().any(|request| request.target.starts_with("/api/v1/groups?limit=2"))
        });
        scope.spawn(|| {
            while last_window() == first {
                spend(&world);
            }
            (0..38).for_each(|_| spend(&world));
        });
        world.wait(running).exits(0);
    });
    assert_eq!(refused(&world), 0);
    assert_complete(&world);
}

#[test]
fn while_others_spend_half_nothing_is_lost() {
    let world = world(10, 20, "http.share = 1.0");
    world.sim.set_limits(Limits { groups: 20, ..limits(2_000) });
    let over = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            while !over.load(Ordering::Relaxed) {
                (0..5).for_each(|_| spend(&world));
                thread::sleep(Duration::from_millis(500));
            }
        });
        let ran = world.run(&["sync", "acme", "--json"]);
        over.store(true, Ordering::Relaxed);
        ran.exits(0).json()
    });
    assert_eq!(report["requests"]["retried"].as_u64(), Some(refused(&world)), "each once for each refusal");
    assert_eq!(report["problems"], serde_json::json!([]));
    assert_complete(&world);
}

#[test]
fn too_many_at_once_soon_becomes_few() {
    let world = world(10, 60, "");
    world.sim.set_limits(Limits { concurrent: 3, ..Limits::default() });
    let report = world.sync();
    let stats = world.sim.stats();
    // Eight at first, of which five are refused; then four, and two. Without that there would be thirteen.
    assert!((1..=9).contains(&stats.concurrency_limited), "{stats:?}");
    assert_eq!(report["requests"]["retried"].as_u64(), Some(stats.concurrency_limited));
    assert_complete(&world);
}
