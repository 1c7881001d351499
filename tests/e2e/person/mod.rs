//! Syncs of one person: they follow the provider, and nobody and nothing else does.

mod leaving;
mod sync;

use serde_json::Value;

use crate::support::{Ran, World};

fn login(name: &str) -> String {
    format!("{name}@acme.example")
}

/// What `sync acme --user WHO --json` prints, after it ended well.
#[track_caller]
fn sync_of(world: &World, who: &str) -> Value {
    let report = world.run(&["sync", "acme", "--user", who, "--json"]).exits(0).json();
    assert_eq!(report["mode"], "user");
    report
}

/// A full sync finds nothing left to do.
#[track_caller]
fn converged(world: &World) {
    let before = world.directory();
    let report = world.sync();
    assert_eq!(before.difference(&world.directory()), None, "{report}");
    assert_eq!(report["memberships"]["created"], 0, "{report}");
}

/// The first call deactivates, the second removes.
fn delete(world: &World, name: &str) {
    let id = world.user_id(&login(name));
    for _ in 0..2 {
        world.sim.delete_user(&id).unwrap();
    }
}

#[track_caller]
fn shows(ran: &Ran, texts: &[&str]) {
    for text in texts {
        assert!(ran.stdout.contains(text), "{text:?} is not in\n{}", ran.stdout);
    }
}
