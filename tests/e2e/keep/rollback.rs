//! A run is undone, the connector is paused, and what would make it again is held.

use std::collections::BTreeMap;

use okta_sim::Status;
use serde_json::{Value, json};

use crate::support::{Directory, World};

const PEOPLE: [&str; 4] = ["ann", "bob", "cy", "dee"];

/// Run 2 disables three of four people, takes them out of a group, renames it, and hires one.
fn mass_disable() -> World {
    let world = World::company(&PEOPLE, &[("eng", &["ann", "bob", "cy", "dee"])]);
    world.configure("[connector.acme.entries]\ngroup-names = \"follow\"\n");
    world.sync();
    world.directory();
    let group = world.group_id("eng");
    for name in ["ann", "bob", "cy"] {
        let id = world.user_id(&format!("{name}@acme.example"));
        world.sim.set_status(&id, Status::Suspended).unwrap();
        world.sim.remove_member(&group, &id).unwrap();
    }
    world.hire("eve");
    world
}

/// What applications see, with keys.
fn seen(world: &World) -> Value {
    let json = |what: &str| world.run(&[what, "--json"]).exits(0).json();
    json!({ "users": json("users"), "groups": json("groups"), "members": world.directory().members_of("eng") })
}

#[test]
fn a_mass_disable_is_undone_the_next_sync_is_held_and_an_approval_makes_it_again() {
    let world = mass_disable();
    let before = seen(&world);
    world.sync();
    let after = seen(&world);
    assert_ne!(before, after);

    let foreseen = world.run(&["rollback", "2", "--dry-run"]).exits(0);
    foreseen.prints(&[
        "acme: this is what it would do now (undoes run 2, ",
        "enable user ann@acme.example (run 2 is undone)",
        "- delete user eve@acme.example (run 2 is undone)",
        "members of eng: + ann@acme.example, bob@acme.example, cy@acme.example",
        "It would pause acme.",
    ]);
    assert_eq!(seen(&world), after, "a dry run changes nothing");
    let csv = world.run(&["rollback", "2", "--dry-run", "--csv"]).exits(0).stdout;
    assert!(csv.contains("\nenable,user,ann@acme.example,,,,run 2 is undone,"), "{csv}");

    let report = world.run(&["rollback", "2", "--json"]).exits(0).json();
    assert_eq!((&report["report"]["mode"], &report["report"]["undid"]), (&json!("rollback"), &json!(2)));
    assert_eq!(report["report"]["users"]["enabled"], 3);
    assert_eq!(seen(&world), before);
    let run = world.run(&["run", "3"]).exits(0);
    run.prints(&["Run 3 of acme, an undoing of another run", "undoes run 2", "(run 2 is undone)"]);
    let history = world.run(&["history", "user", "ann@acme.example"]).exits(0).stdout;
    assert!(history.lines().last().unwrap_or_default().contains("joins eng"), "{history}");
    assert!(history.contains("enable (run 2 is undone)"), "{history}");
    let runs = world.run(&["runs"]).exits(0).stdout;
    assert!(runs.contains("rollback"), "{runs}");

    // Nobody is told by the provider that somebody is active again: without a mark nothing would be looked at.
    for arguments in [["sync", "acme", "--changes"], ["sync", "acme", "--json"]] {
        let held = world.run(&arguments).exits(3).stdout;
        assert!(
            held.contains("connector acme is paused since ") && held.contains("by run 3, a rollback"),
            "{held}"
        );
        assert_eq!(seen(&world), before, "additions too are held");
    }
    let plan = world.run(&["plan", "acme"]).exits(3);
    plan.prints(&["`rollcall resume acme` ends the pause"]);
    let status = world.run(&["status"]).exits(0);
    status.prints(&["acme is paused since ", "by run 3, a rollback", "`rollcall resume acme` ends that"]);
    assert_eq!(world.run(&["status", "--json"]).exits(0).json()["connectors"][0]["paused"]["run"], 3);
    let doctor = world.run(&["doctor", "--offline"]).exits(0);
    doctor.prints(&["pause", "by run 3, a rollback"]);

    let held = world.run(&["sync", "acme"]).exits(3);
    held.prints(&["an approval of all of it ends the pause too"]);
    world.run(&["reject", "6"]).exits(0);
    let last = world.run(&["sync", "acme", "--json"]).exits(3).json()["run"].to_string();
    world.run(&["approve", &last, "--only", "ann@acme.example"]).exits(0);
    assert_ne!(world.run(&["status", "--json"]).exits(0).json()["connectors"][0]["paused"], Value::Null);
    let approved = world.run(&["approve", &last]).exits(0);
    approved.prints(&["connector acme is no longer paused"]);
    let sync = world.sync();
    assert_eq!(sync["users"]["disabled"], 0, "{sync}");
    // Who was created, undone and created again has another key.
    let names = |seen: &Value| {
        let mut seen = seen.clone();
        for user in seen["users"].as_array_mut().unwrap() {
            user.as_object_mut().unwrap().remove("key");
        }
        seen
    };
    assert_eq!(names(&seen(&world)), names(&after));
}

#[test]
fn a_resumed_connector_makes_it_again_by_its_next_sync() {
    let world = mass_disable();
    world.sync();
    // Who was created, undone and created again has another key.
    let after = Directory { keys: BTreeMap::new(), ..world.directory() };
    world.run(&["rollback", "2"]).exits(0).prints(&["acme is paused: "]);
    world
        .run(&["resume", "acme"])
        .exits(0)
        .prints(&["acme was paused since ", "Its next sync applies what it plans."]);
    world.run(&["resume", "acme"]).exits(0).prints(&["acme is not paused."]);
    let report = world.run(&["sync", "acme", "--changes", "--json"]).exits(0).json();
    assert_eq!(
        (&report["users"]["disabled"], &report["users"]["created"]),
        (&json!(3), &json!(1)),
        "{report}"
    );
    assert_eq!(world.directory().difference(&after), None);
    world.run(&["pause", "acme"]).exits(0).prints(&["until `rollcall resume acme`"]);
    world.run(&["pause", "acme"]).exits(0).prints(&["by hand already"]);
    world.hire("flo");
    world.run(&["sync", "acme"]).exits(3).prints(&["connector acme is paused since ", "by hand"]);
    world.run(&["pause", "nobody"]).exits(2).says(&["nobody"]);
    world.run(&["resume", "nobody"]).exits(2).says(&["nobody"]);
}

/// A rename alone, of a group without members: no person is marked, and yet it is looked at.
#[test]
fn a_group_alone_is_looked_at_again_by_a_sync_of_changes() {
    let world = World::company(&["ann"], &[("eng", &[])]);
    world.configure("[connector.acme.entries]\ngroup-names = \"follow\"\n");
    world.sync();
    world.sim.rename_group(&world.group_id("eng"), "Engineering").unwrap();
    world.sync();
    world.run(&["rollback", "2"]).exits(0);
    assert_eq!(world.directory().group_names(), ["Everyone", "eng"]);
    world.run(&["sync", "acme", "--changes"]).exits(3).prints(&["rename group Engineering"]);
}

#[test]
fn what_was_changed_later_is_refused_with_both_sides_or_stays() {
    let world = mass_disable();
    world.sync();
    world.sim.set_status(&world.user_id("ann@acme.example"), Status::Active).unwrap();
    world.sim.set_status(&world.user_id("eve@acme.example"), Status::Suspended).unwrap();
    world.sync();
    let refused = world.run(&["rollback", "2"]).exits(1);
    refused.says(&[
        "1 change that run 2 made was changed later: nothing was undone",
        "user eve@acme.example: it stays, because active is false now by run 3, and was made as true",
        "hint: `--merge` leaves these as they are",
    ]);
    assert_eq!(world.run(&["runs", "--json"]).exits(0).json().as_array().unwrap().len(), 3, "not even a run");
    let merged = world.run(&["rollback", "2", "--merge"]).exits(4);
    merged.prints(&["done, with problems", "user eve@acme.example: it stays, because active is false now"]);
    let directory = world.directory();
    assert_eq!(directory.user("bob@acme.example")["active"], true);
    assert_eq!(directory.user("eve@acme.example")["active"], false);
    assert_eq!(directory.members_of("eng").len(), 4);
}

#[test]
fn limits_protection_and_selection_hold_for_an_undoing() {
    let world = World::company(&["ann"], &[("eng", &["ann"])]);
    world.sync();
    for name in ["x1", "x2", "x3"] {
        world.hire(name);
    }
    world.sync();
    world.configure("[connector.acme.safety]\ndeletes = 1\nprotect = [\"userName.startsWith('x3')\"]\n");
    let refused = world.run(&["rollback", "2"]).exits(3);
    refused.says(&["undoing run 2 would delete 2 of 4 people, over the limit of 1", "`--override-limits`"]);
    let foreseen = world.run(&["rollback", "2", "--dry-run"]).exits(3);
    foreseen
        .prints(&["delete user x1@acme.example", "refused without `--override-limits`: would delete 2 of 4"]);
    world.run(&["rollback", "2", "--only", "nobody"]).exits(2).says(&["run 2 changed nothing of \"nobody\""]);
    world.run(&["rollback", "2", "--only", "X1@acme.example"]).exits(0);
    assert_eq!(world.directory().user_names(), ["ann@acme.example", "x2@acme.example", "x3@acme.example"]);
    let undone = world.run(&["rollback", "2", "--override-limits"]).exits(0);
    undone.prints(&["user x3@acme.example stays: forbidden by"]);
    assert_eq!(world.directory().user_names(), ["ann@acme.example", "x3@acme.example"]);
    world.run(&["rollback", "2"]).exits(1).says(&["nothing that run 2 changed can be undone any more", "x3"]);
}

#[test]
fn runs_that_can_t_be_undone_are_refused_with_what_to_do() {
    let world = World::company(&["ann"], &[]);
    world.run(&["rollback", "1"]).exits(1).says(&["there is no directory yet"]);
    world.sync();
    world.sync();
    world.run(&["rollback", "9"]).exits(2).says(&["there is no run 9 in this directory", "hint: "]);
    world.run(&["rollback", "2"]).exits(2).says(&["run 2 changed nothing (done)", "hint: "]);
    world.run(&["rollback", "x"]).exits(2);
    world.run(&["rollback", "1"]).exits(0);
    assert_eq!(world.directory().user_names(), [""; 0]);
    world
        .run(&["rollback", "1"])
        .exits(2)
        .says(&["run 1 was undone already, by run 3", "`rollcall rollback 3`"]);
    world.run(&["rollback", "3"]).exits(0).prints(&["acme is no longer paused"]);
    let report = world.sync();
    assert_eq!((&report["users"]["created"], &report["users"]["unchanged"]), (&json!(0), &json!(1)));
    world.run(&["runs", "prune", "--keep", "1"]).exits(0);
    world.run(&["rollback", "1"]).exits(2).says(&["what run 1 changed was pruned at ", "hint: "]);
}

#[test]
fn what_was_made_here_is_undone_and_pauses_nobody() {
    let world = World::company(&["ann"], &[("Sales", &["ann"])]);
    world.configure("[connector.acme.entries]\nkeep-local = [\"phone\"]\n");
    world.sync();
    world.write("people.csv", "userName,phone\ntemp,1\n");
    world.run(&["local", "import", "people.csv"]).exits(0);
    world.run(&["local", "group", "add", "Sales", "temp"]).exits(0);
    world.run(&["local", "set", "ann@acme.example", "phone", "7"]).exits(0);
    world
        .run(&["rollback", "2"])
        .exits(1)
        .says(&["user temp: it stays, because it came into groups otherwise"]);
    world.run(&["rollback", "3"]).exits(0);
    world.run(&["rollback", "2"]).exits(0);
    world.run(&["rollback", "4"]).exits(0);
    let directory = world.directory();
    assert_eq!(directory.user_names(), ["ann@acme.example"]);
    assert_eq!(directory.user("ann@acme.example")["attributes"]["phone"], Value::Null);
    assert!(!world.run(&["user", "ann@acme.example"]).exits(0).stdout.contains("set here"));
    assert_eq!(world.run(&["status", "--json"]).exits(0).json()["connectors"][0]["paused"], Value::Null);
    assert_eq!(world.sync()["users"]["updated"], 0);
}
