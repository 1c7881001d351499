//! A full sync makes the directory equal to the organisation, and then follows it.

use std::collections::BTreeMap;

use okta_sim::{Population, Status};
use serde_json::{Value, json};

use crate::support::{World, assert_golden, shape, truth};

/// Every awkwardness that the simulator knows, and a group of more than one page.
fn awkward() -> World {
    let world = World::new(Population { users: 1_750, groups: 30, ..Population::default() });
    world.configure("settings.attributes = [\"*\"]");
    world
}

#[test]
fn the_directory_equals_the_organisation_entry_by_entry() {
    let world = awkward();
    let ran = world.run(&["sync", "acme", "--json"]).exits(4);
    let report = ran.json();

    // Two groups whose names another one has are the only problems.
    let problems: Vec<_> = report["problems"].as_array().unwrap().iter().map(|p| &p["code"]).collect();
    assert_eq!(problems, ["name-taken", "name-taken"], "{report}");
    let directory = world.directory();
    let truth = truth(&world.sim);
    for (id, user) in &truth.users {
        assert_eq!(directory.users.get(id), Some(user));
    }
    for (id, group) in &truth.groups {
        assert_eq!(directory.groups.get(id), Some(group));
        assert_eq!(directory.members[id], truth.members[id], "members of {group}");
    }
    assert_eq!((directory.users.len(), directory.groups.len()), (truth.users.len(), truth.groups.len()));

    // That it was worth comparing.
    let kinds = |matches: fn(&Value) -> bool| {
        let values =
            directory.users.values().flat_map(|user| user["attributes"].as_object().unwrap().values());
        values.filter(|value| matches(value)).count()
    };
    assert!(kinds(|value| value.is_boolean()) > 0 && kinds(Value::is_i64) > 0 && kinds(Value::is_f64) > 0);
    assert!(kinds(|value| value[0].is_string()) > 0 && kinds(|value| value[0].is_number()) > 0);
    assert!(kinds(|value| *value == json!([])) > 0 && kinds(|value| *value == "") > 0);
    let active = |status: &str| {
        let with: Vec<_> =
            directory.users.values().filter(|user| user["attributes"]["status"] == status).collect();
        assert!(!with.is_empty(), "{status}");
        with.iter().all(|user| user["active"] == true)
    };
    assert!(active("ACTIVE") && active("LOCKED_OUT") && !active("DEPROVISIONED") && !active("SUSPENDED"));
    assert!(directory.user_names().contains(&"zoë.ångström@acme.example"));
    assert!(directory.members.values().any(|members| members.is_empty()));
    assert!(directory.members.values().any(|members| members.len() > 1_000));
}

#[test]
fn a_second_sync_changes_nothing() {
    let world = awkward();
    world.run(&["sync", "acme"]).exits(4);
    let before = world.directory();
    let report = world.run(&["sync", "acme", "--json"]).exits(4).json();
    for what in ["users", "groups"] {
        for change in ["created", "updated", "renamed", "disabled", "enabled", "removed", "absent"] {
            assert_eq!(report[what][change], 0, "{what} {change}");
        }
    }
    assert_eq!(report["users"]["unchanged"], 1_750);
    assert_eq!(
        (&report["memberships"]["created"], &report["memberships"]["removed"]),
        (&json!(0), &json!(0))
    );
    assert_eq!(world.directory(), before);
    let changes = world.run(&["run", "2", "--json"]).exits(0).json();
    assert_eq!((&changes["changes"], &changes["memberships"]), (&json!([]), &json!([])));
}

/// Users in pages of 200, groups of 200, members of 1,000; no empty group's members, and not Everyone's.
#[test]
fn exactly_the_pages_that_there_are_are_requested() {
    let world = awkward();
    world.run(&["sync", "acme"]).exits(4);
    let mut expected = BTreeMap::from([
        ("/api/v1/users limit=200".to_owned(), 1_750_usize.div_ceil(200)),
        ("/api/v1/groups limit=200".to_owned(), 1),
    ]);
    let mut skipped = 0;
    for id in world.sim.group_ids() {
        let members = world.sim.member_ids(&id).unwrap().len();
        let everyone = world.sim.group(&id).unwrap()["profile"]["name"] == "Everyone";
        if members == 0 || everyone {
            skipped += 1;
            continue;
        }
        expected.insert(format!("/api/v1/groups/{id}/users limit=1000"), members.div_ceil(1_000));
    }
    assert_eq!(skipped, 3, "two empty groups and Everyone");

    assert!(world.sim.requests().iter().all(|request| request.status == 200));
    let mut requests = world.requests();
    let mut found: BTreeMap<String, usize> = BTreeMap::new();
    for target in &requests {
        let (path, query) = target.split_once('?').unwrap();
        let limit = query.split('&').find(|parameter| parameter.starts_with("limit=")).unwrap();
        *found.entry(format!("{path} {limit}")).or_default() += 1;
    }
    assert_eq!(found, expected);
    requests.sort();
    requests.dedup();
    assert_eq!(requests.len(), expected.values().sum::<usize>(), "no page is asked for twice");
}

#[test]
fn changes_in_the_organisation_are_followed() {
    let world = World::company(
        &["ann", "bob", "cy", "dee"],
        &[("eng", &["ann", "bob"]), ("ops", &["cy"]), ("nobody", &[])],
    );
    world.sync();
    let before = world.directory();
    let (sim, ann, bob, cy) = (
        &world.sim,
        world.user_id("ann@acme.example"),
        world.user_id("bob@acme.example"),
        world.user_id("cy@acme.example"),
    );
    let (eng, ops) = (world.group_id("eng"), world.group_id("ops"));
    sim.rename_login(&ann, "ann.married@acme.example").unwrap();
    sim.set_status(&bob, Status::Suspended).unwrap();
    sim.deactivate_user(&cy).unwrap();
    sim.rename_group(&eng, "Engineering").unwrap();
    sim.add_member(&eng, "dee@acme.example").unwrap();
    sim.remove_member(&eng, &bob).unwrap();
    world.hire("eve");
    let eve = world.user_id("eve@acme.example");
    sim.add_member(&world.group_id("nobody"), &eve).unwrap();

    let report = world.sync();
    let after = world.directory();
    let users = &report["users"];
    assert_eq!(
        (&users["renamed"], &users["disabled"], &users["created"], &users["absent"]),
        (&json!(1), &json!(2), &json!(1), &json!(0))
    );
    assert_eq!((&report["groups"]["renamed"], &report["groups"]["created"]), (&json!(1), &json!(0)));
    // dee and eve joined, and eve is in Everyone; bob left, and cy, with the deactivation, Everyone as well.
    let memberships = &report["memberships"];
    assert_eq!((&memberships["created"], &memberships["removed"]), (&json!(3), &json!(3)));
    assert_eq!(after.users[&ann]["userName"], "ann.married@acme.example");
    assert_eq!((&after.users[&bob]["active"], &after.users[&cy]["active"]), (&json!(false), &json!(false)));
    assert_eq!(after.groups[&eng]["displayName"], "Engineering");
    assert_eq!(after.members_of("Engineering"), ["ann.married@acme.example", "dee@acme.example"]);
    assert_eq!(after.members_of("nobody"), ["eve@acme.example"]);
    assert!(after.members[&ops].is_empty());
    for (id, key) in &before.keys {
        assert_eq!(after.keys[id], *key, "a rename keeps the entry");
    }

    // Back again, and the keys are still the same.
    sim.set_status(&bob, Status::Active).unwrap();
    let report = world.sync();
    assert_eq!(report["users"]["enabled"], 1);
    assert_eq!(world.directory().keys, after.keys);
}

#[test]
fn a_plan_shows_exactly_what_the_sync_then_does_and_changes_nothing() {
    let world = World::new(Population { users: 60, groups: 12, ..Population::default() });
    let strip = |mut report: Value| {
        for volatile in ["run", "mode", "milliseconds"] {
            report.as_object_mut().unwrap().remove(volatile);
        }
        report
    };
    let mut before = None;
    for run in ["1", "2"] {
        let plan = world.run(&["plan", "acme", "--json"]).exits(4).json();
        assert_eq!(plan["report"]["run"], Value::Null);
        if let Some(before) = before.take() {
            assert_eq!(world.directory(), before, "planning changes nothing");
        }
        let report = world.run(&["sync", "acme", "--json"]).exits(4).json();
        assert_eq!(strip(report), strip(plan["report"].clone()));
        let done = world.run(&["run", run, "--json"]).exits(0).json();
        assert_eq!((&done["changes"], &done["memberships"]), (&plan["changes"], &plan["memberships"]));
        assert!(!done["changes"].as_array().unwrap().is_empty());

        let ids = world.sim.user_ids();
        world.sim.rename_login(&ids[1], "renamed@acme.example").unwrap();
        world.sim.set_status(&ids[2], Status::Suspended).unwrap();
        let group = world.found(okta_sim::GroupType::OktaGroup, &format!("new in {run}"), &[]);
        world.sim.add_member(&group, &ids[3]).unwrap();
        before = Some(world.directory());
    }
    let runs = world.run(&["runs", "--json"]).exits(0).json();
    assert_eq!(runs.as_array().unwrap().len(), 2, "a plan is no run");
}

#[test]
fn sync_json_has_its_golden_shape() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann"]), ("ENG", &["bob"])]);
    world.run(&["sync", "acme", "--json"]).exits(4);
    world.sim.delete_user("bob").unwrap();
    world.sim.delete_user("bob").unwrap();
    let report = world.run(&["sync", "acme", "--json"]).exits(4).json();
    assert_golden(&world, "sync-json-shape", &format!("{:#}", shape(&report)));
    world.sim.set_token(world.sim.token(), None);
    let failed = world.failed_sync();
    assert_golden(&world, "sync-json-shape-failed", &format!("{:#}", shape(&failed.json())));
}
