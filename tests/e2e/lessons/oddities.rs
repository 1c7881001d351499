//! 12: what is rare in tests and daily in organisations.

use okta_sim::{Access, Population};
use serde_json::{Map, json};

use crate::support::{World, truth};

#[test]
fn lesson_12_two_people_with_one_address_are_two_people() {
    let world = World::company(&["ann", "bob"], &[]);
    for login in ["ann", "bob"] {
        world
            .sim
            .update_profile(login, Map::from_iter([("email".to_owned(), json!("shared@acme.example"))]))
            .unwrap();
    }
    world.sync();
    assert_eq!(world.directory().user_names(), ["ann@acme.example", "bob@acme.example"]);
    world.run(&["user", "shared@acme.example"]).exits(1).says(&[
        "means several users",
        "ann@",
        "bob@",
        "hint: name one",
    ]);
}

#[test]
fn lesson_12_a_change_of_case_only_is_a_rename() {
    let world = World::company(&["ann"], &[("eng", &["ann"])]);
    world.sync();
    let before = world.directory();
    world.sim.rename_login("ann", "Ann@Acme.Example").unwrap();
    world.sim.rename_group(&world.group_id("eng"), "ENG").unwrap();
    let report = world.sync();
    assert_eq!((&report["users"]["renamed"], &report["groups"]["renamed"]), (&json!(1), &json!(1)));
    let after = world.directory();
    assert_eq!(
        (after.user_names(), after.members_of("ENG")),
        (vec!["Ann@Acme.Example"], vec!["Ann@Acme.Example"])
    );
    assert_eq!(after.keys, before.keys);
}

#[test]
fn lesson_12_a_group_that_vanishes_between_listing_and_reading_costs_only_itself() {
    let world = World::company(&["ann"], &[("doomed", &["ann"]), ("fine", &["ann"])]);
    let doomed = world.group_id("doomed");
    world.sim.add_fault("vanished-group group=doomed".parse().unwrap());
    let report = world.run(&["sync", "acme", "--json"]).exits(4).json();
    assert_eq!(world.sim.faults()[0].struck, 1);
    assert_eq!(
        (&report["problems"][0]["id"], &report["memberships"]["unknown"]),
        (&json!(doomed), &json!(1))
    );
    assert_eq!(world.directory().members_of("fine"), ["ann@acme.example"]);
    let report = world.sync();
    assert_eq!((&report["groups"]["absent"], &report["memberships"]["removed"]), (&json!(1), &json!(0)));
}

#[test]
fn lesson_12_a_token_narrowed_overnight_removes_nobody() {
    let world = World::new(Population { users: 30, groups: 3, awkward: false, ..Population::default() });
    world.configure("settings.attributes = [\"*\"]");
    world.sync();
    world.sim.set_token(world.sim.token(), Some(Access::NoAdminRole));
    world.failed_sync();
    let (mut truth, directory) = (truth(&world.sim), world.directory());
    truth.keys.clone_from(&directory.keys);
    assert_eq!(directory, truth);
}

/// Then the manifest's window is waited out, of which Okta's is a minute: here it is a second.
#[test]
fn lesson_12_a_limit_without_reset_header_is_waited_out() {
    let world = World::new(Population { users: 450, groups: 2, awkward: false, ..Population::default() });
    let built_in = include_bytes!("../../../plugins/dist/okta.wasm");
    world.write("plugins/okta.wasm", with_window_of_a_second(built_in));
    world.configure("[plugins]\npath = \"plugins\"");
    for fault in ["rate-limited reset=none where=users nth=2", "no-reset"] {
        world.sim.add_fault(fault.parse().unwrap());
    }
    let report = world.sync();
    assert_eq!((&report["users"]["created"], &report["requests"]["retried"]), (&json!(450), &json!(1)));
    assert!(report["milliseconds"]["waited"].as_u64() >= Some(1_000), "{report}");
}

/// The manifest is JSON within the component: a shorter number and a space take the same room.
fn with_window_of_a_second(component: &[u8]) -> Vec<u8> {
    let (from, to) = (b"\"window-seconds\":60", b"\"window-seconds\": 1");
    let at = component.windows(from.len()).position(|bytes| bytes == from).expect("a window of a minute");
    let mut changed = component.to_vec();
    changed[at..at + to.len()].copy_from_slice(to);
    changed
}

#[test]
fn lesson_12_a_429_with_no_json_body_is_a_429() {
    let world = World::company(&["ann"], &[("eng", &["ann"])]);
    world.sim.add_fault("rate-limited reset=0 body=none nth=1".parse().unwrap());
    world.sim.add_fault("rate-limited reset=0 body=none where=members".parse().unwrap());
    world.configure("http.deadline-minutes = 1");
    // The one that never ends is cleared as soon as it has struck.
    let running = world.start(&["sync", "acme", "--json"]);
    world.wait_until("members were refused", || world.sim.faults()[1].struck > 0);
    world.sim.clear_faults();
    let report = world.wait(running).exits(0).json();
    assert!(report["requests"]["retried"].as_u64() >= Some(2), "{report}");
    assert_eq!(world.directory().members_of("eng"), ["ann@acme.example"]);
}

#[test]
fn lesson_12_a_mapping_hook_that_fails_on_one_person_costs_only_that_one() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann", "bob"])]);
    world.sync();
    let before = world.directory();
    let bob = world.user_id("bob@acme.example");
    // The hook panics at this name.
    world.sim.rename_login(&bob, "boom").unwrap();
    world.sim.rename_login("ann", "ann.b@acme.example").unwrap();
    world.install("panic.wasm", "panic.wasm");
    world.configure("[[connector.acme.transform]]\nplugin = \"panic\"\n[plugins]\npath = \"plugins\"");
    let report = world.run(&["sync", "acme", "--json"]).exits(4).json();
    let problem = &report["problems"][0];
    assert_eq!((&problem["kind"], &problem["id"]), (&json!("user"), &json!(bob)), "{problem}");
    assert_eq!((&report["users"]["renamed"], &report["users"]["disabled"]), (&json!(1), &json!(0)));
    let after = world.directory();
    assert_eq!((&after.users[&bob], &after.members), (&before.users[&bob], &before.members));
}
