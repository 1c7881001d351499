//! 7 and 8: runs that are ended at half way, and exit codes.

use okta_sim::{Limits, Population};
use rustix::process::Signal;
use serde_json::json;

use crate::support::{Running, World};

/// Five pages of users, of which the second is waited for.
fn half_way() -> (World, Running) {
    let world = World::new(Population { users: 900, groups: 3, awkward: false, ..Population::default() });
    world.hold_at_second_page_of_users();
    let running = world.start(&["sync", "acme", "--json"]);
    world.wait_for_second_page_of_users();
    (world, running)
}

/// The next run asks for what is missing and nothing again.
fn assert_nothing_lost(world: &World) {
    assert!(world.directory().users.is_empty(), "half a reading is not applied");
    world.sim.set_limits(Limits::default());
    let first = world.requests();
    let report = world.sync();
    let second = world.requests();
    assert!(report["requests"]["resumed"].as_u64() > Some(0), "{report}");
    assert!(!second.contains(&first[0]), "the first page was read already");
    assert_eq!(report["users"]["created"], 900);
}

#[test]
fn lesson_7_ctrl_c_at_half_way_is_no_success_and_loses_nothing() {
    let (world, running) = half_way();
    running.signal(Signal::INT);
    assert_eq!(world.wait(running).exits(1).json()["outcome"], "cancelled");
    assert_nothing_lost(&world);
}

#[test]
fn lesson_7_sigterm_at_half_way_is_no_success_and_loses_nothing() {
    let (world, running) = half_way();
    running.signal(Signal::TERM);
    assert_eq!(world.wait(running).exits(1).json()["outcome"], "cancelled");
    assert_nothing_lost(&world);
}

#[test]
fn lesson_7_sigkill_at_half_way_loses_nothing() {
    let (world, mut running) = half_way();
    running.kill();
    assert_eq!(world.wait(running).code, None);
    assert_nothing_lost(&world);
}

/// There is no limit on changes yet that could hold some back. What is left undone for other reasons says so.
#[test]
fn lesson_8_what_was_not_done_is_no_success() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann"]), ("ops", &["bob"])]);
    world.sync();
    world.sim.forbid_members(&world.group_id("eng"), true).unwrap();
    assert_eq!(world.run(&["sync", "acme", "--json"]).exits(4).json()["outcome"], "problems");
    assert_eq!(world.run(&["plan", "acme", "--json"]).exits(4).json()["report"]["outcome"], "problems");
    world.sim.add_fault("empty-list where=users".parse().unwrap());
    world.failed_sync();
    world.run(&["plan", "acme", "--json"]).exits(1);
    world.run(&["sync", "--all", "--json"]).exits(1);
}

/// Nothing disables or removes more than the provider does, and a listing that shrinks so much waits for a person.
#[test]
fn lesson_8_who_is_gone_is_disabled_never_deleted_and_keeps_the_memberships() {
    let people: Vec<String> = (0..30).map(|number| format!("person{number}")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let world = World::company(&people, &[("all", &people)]);
    world.sync();
    let before = world.directory();
    for name in &people[1..] {
        let id = world.user_id(&format!("{name}@acme.example"));
        for _ in 0..2 {
            world.sim.delete_user(&id).unwrap();
        }
    }
    let report = world.run(&["sync", "acme", "--json"]).exits(3).json();
    let counts = &report["users"];
    assert_eq!(
        (&counts["absent"], &counts["disabled"], &counts["removed"]),
        (&json!(29), &json!(0), &json!(0))
    );
    assert_eq!(world.directory(), before, "all of it is held");
    world.run(&["approve", "2"]).exits(0);
    let after = world.directory();
    assert_eq!(after.members, before.members);
    assert_eq!(after.users.len(), before.users.len());
    assert_eq!(world.sync()["users"]["disabled"], 0, "once is enough");
}
