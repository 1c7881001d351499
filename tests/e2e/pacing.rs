//! How well a rate limit is spent. Windows are seconds of the clock, so what is asserted is what the simulator
//! counted, never how long something took.

use std::time::Duration;

use okta_sim::{Bucket, Limits, Population, Sim};

use crate::support::World;

fn population() -> Population {
    Population { users: 500, groups: 70, members_per_group: 5, empty_groups: 0, seed: 1, awkward: false }
}

#[test]
fn alone_the_whole_share_is_spent_and_never_refused() {
    let world = World::of(Sim::builder().population(population()).latency(Duration::from_millis(20)));
    world.configure("http.share = 0.5");
    let limits =
        Limits { users: 20, groups: 34, window_ms: 2_000, token_share_percent: 100, ..Limits::default() };
    world.sim.set_limits(limits);
    let report = world.sync();
    let stats = world.sim.stats();
    eprintln!("{report} {stats:?}");
    assert_eq!(stats.rate_limited, 0);
    let windows = &stats.buckets[&Bucket::Groups].windows;
    eprintln!("{windows:?}");
}
