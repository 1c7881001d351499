use serde_json::json;

use super::{converged, delete, login, shows, sync_of};
use crate::support::World;

fn company(lines: &str) -> World {
    let world = World::company(&["ann", "bob", "cy"], &[("eng", &["ann", "bob"]), ("ops", &["cy"])]);
    world.configure(lines);
    world.sync();
    world
}

#[test]
fn whoever_was_deleted_is_treated_as_cleanup_says_and_the_others_are_not() {
    let world = company("cleanup.users = \"delete\"");
    delete(&world, "ann");
    delete(&world, "bob");
    world.requests();
    let planned = world.run(&["plan", "acme", "--user", &login("ann")]).exits(0);
    shows(&planned, &["- delete user ann@acme.example (no longer returned)"]);
    let report = sync_of(&world, &login("ann"));
    assert_eq!((&report["users"]["removed"], &report["memberships"]["removed"]), (&json!(1), &json!(2)));
    let directory = world.directory();
    assert_eq!(directory.user_names(), [login("bob"), login("cy")]);
    assert_eq!(directory.members_of("eng"), [login("bob")]);
    world.run(&["sync", "acme", "--user", &login("ann")]).exits(1).says(&["the provider has nobody called"]);
    world.sync();
    assert_eq!(world.directory().user_names(), [login("cy")]);
    converged(&world);
}

#[test]
fn a_grace_is_respected_and_only_full_runs_count() {
    let world = company("cleanup.grace-runs = 2");
    delete(&world, "ann");
    for _ in 0..3 {
        let report = sync_of(&world, &login("ann"));
        let stays = report["leaving"][0]["stays"].as_str().unwrap();
        assert!(stays.ends_with("of 2 runs; then disabled"), "{report}");
        assert_eq!(report["users"]["disabled"], 0);
    }
    assert_eq!(world.sync()["users"]["disabled"], 0);
    assert_eq!(world.sync()["users"]["disabled"], 1);
}

#[test]
fn out_of_scope_is_out_of_scope_without_asking_again() {
    let world = company("");
    world.configure("settings.groups.required = [\"eng\"]");
    world.requests();
    let report = sync_of(&world, &login("cy"));
    assert_eq!(report["users"]["disabled"], 1, "{report}");
    assert!(world.requests().len() <= 2);
    let run = world.run(&["run", "2"]).exits(0);
    shows(&run, &["disable user cy@acme.example (no longer returned: out of scope)"]);
    world.hire("dee");
    world.run(&["sync", "acme", "--user", &login("dee")]).exits(1).says(&["keep them out of scope"]);
    converged(&world);
}

#[test]
fn whoever_rules_drop_is_disabled_with_the_reason_that_the_admin_wrote() {
    let world = company("");
    world.configure(
        "[[connector.acme.transform]]\nplugin = \"rules\"\n\
         [[connector.acme.transform.settings.people]]\nname = \"no ops\"\n\
         drop = 'isMember(\"ops\")'\nreason = \"ops has accounts of its own\"\n",
    );
    let ran = world.run(&["sync", "acme", "--user", &login("cy")]).exits(0);
    shows(&ran, &["ops has accounts of its own"]);
    assert_eq!(world.directory().user(&login("cy"))["active"], false);
    converged(&world);
}

#[test]
fn protection_holds_and_what_waits_of_others_goes_on_waiting() {
    let world = company("[connector.acme.safety]\ndisables = 0\n");
    for name in ["ann", "bob"] {
        world.sim.set_status(&login(name), okta_sim::Status::Suspended).unwrap();
    }
    world.run(&["sync", "acme"]).exits(3);
    let waiting = |world: &World| {
        let held = world.run(&["held", "--json"]).exits(0).stdout;
        ["ann", "bob"].map(|name| held.contains(&login(name)))
    };
    assert_eq!(waiting(&world), [true, true]);
    // Of a run of one person the limit holds too, in place of what waited of them.
    let report = world.run(&["sync", "acme", "--user", &login("ann"), "--json"]).exits(3).json();
    assert_eq!(report["held"]["changes"], 1, "{report}");
    assert_eq!(waiting(&world), [true, true]);
    let run = report["run"].to_string();
    world.run(&["approve", &run]).exits(0);
    assert_eq!(world.directory().user(&login("ann"))["active"], false);
    assert_eq!(waiting(&world), [false, true]);
    world.sim.set_status(&login("bob"), okta_sim::Status::Active).unwrap();
    sync_of(&world, &login("bob"));
    assert_eq!(waiting(&world), [false, false]);
    world.configure("[connector.acme.safety]\nprotect = ['userName == \"cy@acme.example\"']\n");
    world.sim.set_status(&login("cy"), okta_sim::Status::Suspended).unwrap();
    let report = sync_of(&world, &login("cy"));
    assert_eq!(report["protected"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(world.directory().user(&login("cy"))["active"], true);
}
