//! Okta's limits, with windows of seconds instead of a minute.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use okta_sim::{Access, Limits, Population, Sim};
use serde_json::Value;

use crate::support::{OTHERS_TARGET, OTHERS_TOKEN, World, spend, truth};

fn population() -> Population {
    Population {
        users: 500,
        groups: 14,
        members_per_group: 5,
        empty_groups: 2,
        awkward: false,
        ..Population::default()
    }
}

fn world() -> World {
    let world = World::of(Sim::builder().population(population()).extra_token(OTHERS_TOKEN, Access::Full));
    world.configure("settings.attributes = [\"*\"]");
    world
}

/// Windows of two seconds, all of which one token may use.
fn limits(requests: u32) -> Limits {
    Limits { window_ms: 2_000, token_share_percent: 100, ..Limits::all(requests, 75) }
}

fn assert_complete(world: &World) {
    let (mut truth, directory) = (truth(&world.sim), world.directory());
    truth.keys.clone_from(&directory.keys);
    assert!(directory == truth, "the directory is not the organisation");
}

#[test]
fn alone_a_sync_slows_down_before_it_is_refused() {
    let world = world();
    world.sim.set_limits(limits(10));
    let report = world.sync();
    let stats = world.sim.stats();
    // 12 groups have members, and of 10 requests in a window 8 are ours.
    assert_eq!((stats.total, stats.rate_limited), (3 + 1 + 12, 0));
    assert!(report["milliseconds"]["waited"].as_u64().unwrap() > 0, "{report}");
    assert_eq!(
        (report["requests"]["sent"].as_u64(), report["requests"]["retried"].as_u64()),
        (Some(16), Some(0))
    );
    assert_complete(&world);
}

#[test]
fn when_others_spend_the_window_a_429_is_waited_out() {
    let world = world();
    world.sim.set_limits(Limits { groups: 9, ..limits(1_000) });
    let refused = || {
        let requests = world.sim.requests();
        requests.iter().any(|request| request.status == 429 && !request.target.contains(OTHERS_TARGET))
    };
    // The other client takes all that it can get, until the sync was refused.
    let over = AtomicBool::new(false);
    let report = thread::scope(|scope| {
        scope.spawn(|| {
            while !refused() && !over.load(Ordering::Relaxed) {
                spend(&world);
            }
        });
        let ran = world.run(&["sync", "acme", "--json"]);
        over.store(true, Ordering::Relaxed);
        ran.exits(0).json()
    });
    assert!(refused());
    assert!(
        report["requests"]["retried"].as_u64() > Some(0)
            && report["milliseconds"]["waited"].as_u64() > Some(0)
    );
    assert_eq!(report["problems"], Value::Array(Vec::new()));
    assert_complete(&world);
}

#[test]
fn too_many_at_once_is_answered_with_fewer_at_once() {
    let world = world();
    // So that requests overlap.
    world.sim.set_latency(Duration::from_millis(50));
    world.sim.set_limits(Limits { concurrent: 3, ..Limits::default() });
    let report = world.sync();
    let stats = world.sim.stats();
    assert!(stats.concurrency_limited > 0 && stats.peak_in_flight > 3, "{stats:?}");
    assert_eq!(report["requests"]["retried"].as_u64(), Some(stats.concurrency_limited));
    assert_complete(&world);
}
