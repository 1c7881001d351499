use okta_sim::{Population, Status};
use rollcall::failpoint::FailPoint;
use rustix::process::Signal;
use serde_json::json;

use crate::support::{World, profile};

/// The first call deactivates, the second removes: from then on nothing names them.
fn delete(world: &World, name: &str) {
    let id = world.user_id(&format!("{name}@acme.example"));
    for _ in 0..2 {
        world.sim.delete_user(&id).unwrap();
    }
}

#[test]
fn never_delete_unless_told_disable_first_with_a_grace_period() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann", "bob"])]);
    world.sync();
    world.configure("cleanup.grace-runs = 2");
    delete(&world, "bob");
    let report = world.sync();
    assert_eq!(report["leaving"][0]["stays"], "missing for 1 of 2 runs; then disabled", "{report}");
    assert_eq!(report["users"]["disabled"], 0);
    let report = world.sync();
    assert_eq!((&report["users"]["disabled"], &report["users"]["removed"]), (&json!(1), &json!(0)));
    assert_eq!(world.sync()["users"]["disabled"], 0);
}

/// A listing without them changes nobody whom Okta still has.
#[test]
fn a_failed_read_must_not_become_removals() {
    let world = World::company(&["ann", "bob", "cy", "dee", "eve", "fay"], &[("eng", &["ann", "bob"])]);
    world.sync();
    let before = world.directory();
    world.sim.add_fault("shrunken-list share=0.5 where=users".parse().unwrap());
    let report = world.sync();
    assert!(report["users"]["absent"].as_u64() > Some(0), "{report}");
    assert_eq!(report["users"]["disabled"], 0, "{report}");
    for leaving in report["leaving"].as_array().unwrap() {
        assert_eq!(leaving["stays"], "found again by id: the provider's list left them out");
    }
    assert_eq!(world.directory(), before);
}

/// Whoever waits for Okta's word about absent people keeps nobody else waiting.
#[test]
fn absent_people_are_asked_for_before_the_directory_is_locked() {
    let world = World::company(&["ann", "bob"], &[]);
    let other = world.another_sim(Population { users: 0, groups: 0, ..Population::default() });
    other.create_user(Status::Active, profile("zoe")).unwrap();
    let own = world.connector("acme", "{ env = \"OKTA_TOKEN\" }");
    let scope = "settings.groups.exclude-types = [\"BUILT_IN\"]\n";
    let second = world.connector("other", "{ env = \"OKTA_TOKEN\" }").replace(&world.sim.url(), &other.url());
    world.write("rollcall.toml", own + scope + &second + scope);
    world.sync();
    delete(&world, "bob");
    let asking = world.start_with(&["sync", "acme", "--json"], |command| {
        command.env("ROLLCALL_STOP_AT", FailPoint::Confirmed.name());
    });
    world.wait_until("it has asked", || asking.is_stopped());
    world.run(&["sync", "other"]).exits(0);
    asking.signal(Signal::CONT);
    let report = world.wait(asking).exits(0).json();
    assert_eq!(report["users"]["disabled"], 1, "{report}");
    assert_eq!(world.directory().user_names().len(), 3);
}

#[test]
fn a_report_with_the_reason_for_each_removal() {
    let world = World::company(&["ann", "bob"], &[("eng", &["bob"])]);
    world.sync();
    world.configure("cleanup.users = \"delete\"");
    delete(&world, "bob");
    let planned = world.run(&["plan", "acme", "--json"]).exits(0).json();
    assert_eq!(planned["changes"][0]["reason"], "no longer returned", "{planned}");
    assert_eq!(world.directory().users.len(), 2, "a plan changes nothing");
    let report = world.sync();
    assert_eq!((&report["users"]["removed"], &report["memberships"]["removed"]), (&json!(1), &json!(2)));
    let text = world.run(&["run", "2"]).exits(0);
    assert!(text.stdout.contains("- delete user bob@acme.example (no longer returned)"), "{}", text.stdout);
    let csv = world.run(&["run", "2", "--csv"]).exits(0);
    assert!(csv.stdout.contains("delete,user,bob@acme.example,,,,no longer returned"), "{}", csv.stdout);
}
