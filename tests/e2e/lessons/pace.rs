//! 6: the provider's limits.

use okta_sim::Population;
use serde_json::json;

use crate::support::{World, truth};

fn world() -> World {
    let world = World::new(Population { users: 450, groups: 3, awkward: false, ..Population::default() });
    world.configure("settings.attributes = [\"*\"]");
    world
}

fn assert_complete(world: &World) {
    let (mut truth, directory) = (truth(&world.sim), world.directory());
    truth.keys.clone_from(&directory.keys);
    assert_eq!(directory.difference(&truth), None);
}

#[test]
fn lesson_6_the_first_429_does_not_end_the_run() {
    let world = world();
    for fault in ["rate-limited reset=0 where=users nth=1", "rate-limited reset=0 where=members nth=1"] {
        world.sim.add_fault(fault.parse().unwrap());
    }
    let report = world.sync();
    assert_eq!((&report["requests"]["retried"], &report["problems"]), (&json!(2), &json!([])));
    assert_complete(&world);
}

/// A client that waits 1, 2, 4 s would come back before the window ends.
#[test]
fn lesson_6_a_429_is_waited_out_until_its_reset() {
    let world = world();
    world.sim.add_fault("rate-limited reset=2 where=users nth=1".parse().unwrap());
    let report = world.sync();
    assert_eq!(report["requests"]["retried"], 1, "nothing is asked before the reset");
    assert!(report["milliseconds"]["waited"].as_u64() >= Some(2_000), "{report}");
    assert_complete(&world);
}
