//! Kills of commands that apply what was decided: the directory is the old one or the new one, and the command can be
//! given again.

use std::fs;

use okta_sim::Status;
use rollcall::failpoint::FailPoint;
use tempfile::TempDir;

use super::state::State;
use crate::support::World;

const POINTS: [FailPoint; 7] = [
    FailPoint::RunBegun,
    FailPoint::Applying,
    FailPoint::UsersWritten,
    FailPoint::GroupsWritten,
    FailPoint::MembershipsWritten,
    FailPoint::OutcomeWritten,
    FailPoint::Committed,
];

/// Three are suspended, where two may be; one is hired, into a group that two leave.
fn changed() -> World {
    let world = World::company(&["ann", "bob", "cy"], &[("eng", &["ann", "bob", "cy"])]);
    world.configure("[connector.acme.safety]\ndisables = 2\nremovals = 1");
    world.sync();
    for name in ["ann", "bob", "cy"] {
        world.sim.set_status(&world.user_id(&format!("{name}@acme.example")), Status::Suspended).unwrap();
    }
    let (group, eve) = (world.group_id("eng"), world.hire("eve"));
    world.sim.add_member(&group, &eve).unwrap();
    for name in ["ann", "bob"] {
        world.sim.remove_member(&group, &world.user_id(&format!("{name}@acme.example"))).unwrap();
    }
    world
}

/// Kills the command at every point. Given again it makes the new directory, or says `done` that it has.
fn kill_at_every_point(world: &World, arguments: &[&str], done: &str) {
    let database = world.work().join("rollcall.db");
    let before = TempDir::new().unwrap();
    let saved = before.path().join("rollcall.db");
    fs::copy(&database, &saved).unwrap();
    let old = State::read(&world.work());
    world.run(arguments).exits(0);
    let new = State::read(&world.work());
    assert!(old != new);
    for point in POINTS {
        for name in ["rollcall.db-wal", "rollcall.db-shm"] {
            drop(fs::remove_file(world.work().join(name)));
        }
        fs::copy(&saved, &database).unwrap();
        let running = world.start_with(arguments, |command| {
            command.env("ROLLCALL_KILL_AT", point.name());
        });
        let ran = world.wait(running);
        assert_eq!(ran.signal, Some(9), "{} is never passed: {}", point.name(), ran.stderr);
        let state = State::read(&world.work());
        match point {
            FailPoint::Committed => {
                assert!(state == new, "{}", state.differs_from(&new));
                world.run(arguments).exits(2).says(&[done]);
            }
            _ => {
                assert!(state == old, "{}: {}", point.name(), state.differs_from(&old));
                world.run(arguments).exits(0);
            }
        }
        let after = State::read(&world.work());
        assert!(after == new, "{}: {}", point.name(), after.differs_from(&new));
    }
}

#[test]
fn a_killed_approve_leaves_all_or_nothing_of_it() {
    let world = changed();
    world.run(&["sync", "acme"]).exits(3);
    kill_at_every_point(&world, &["approve", "2"], "nothing of run 2 waits: it was approved");
    assert_eq!(world.sync()["outcome"], "done");
}

#[test]
fn a_killed_apply_leaves_all_or_nothing_of_it() {
    let world = changed();
    world.run(&["plan", "acme", "--out", "acme.plan"]).exits(3);
    let apply = ["apply", "acme.plan", "--override-limits"];
    kill_at_every_point(&world, &apply, "acme.plan was applied already");
    assert_eq!(world.sync()["outcome"], "done");
}

/// With the pause: else the next sync would make at once what was undone.
#[test]
fn a_killed_rollback_leaves_all_or_nothing_of_it() {
    let world = changed();
    world.run(&["sync", "acme", "--override-limits"]).exits(0);
    let rollback = ["rollback", "2", "--override-limits"];
    kill_at_every_point(&world, &rollback, "run 2 was undone already");
    let held = world.run(&["sync", "acme"]).exits(3).stdout;
    assert!(held.contains("connector acme is paused since "), "{held}");
}
