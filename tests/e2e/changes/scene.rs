use std::time::Duration;

use okta_sim::GroupType;
use serde_json::{Value, json};

use crate::support::World;

/// Longer than Okta's search lags, and than what a sync reads twice.
pub const LATER: Duration = Duration::from_secs(10 * 60);

pub fn company() -> World {
    let world = World::company(
        &["ann", "bob", "cy", "dee"],
        &[("eng", &["ann", "bob"]), ("ops", &["cy"]), ("empty", &[])],
    );
    world.found(GroupType::AppGroup, "imported", &["cy"]);
    world.sim.advance(LATER);
    world.sync();
    world.sim.advance(LATER);
    world.requests();
    world
}

/// What a sync of changes prints, after it ended well.
#[track_caller]
pub fn increment(world: &World) -> Value {
    let report = world.run(&["sync", "acme", "--changes", "--json"]).exits(0).json();
    assert_eq!(report["mode"], "changes");
    report
}

/// A full sync finds nothing left to do.
#[track_caller]
pub fn converged(world: &World) {
    let before = world.directory();
    let report = world.sync();
    assert_eq!(before.difference(&world.directory()), None, "{report}");
    for entries in ["users", "groups"] {
        for count in ["created", "updated", "renamed", "disabled", "enabled", "removed"] {
            assert_eq!(report[entries][count], 0, "{entries} {count}: {report}");
        }
    }
    assert_eq!(
        (&report["memberships"]["created"], &report["memberships"]["removed"]),
        (&json!(0), &json!(0))
    );
}

pub fn login(name: &str) -> String {
    format!("{name}@acme.example")
}
