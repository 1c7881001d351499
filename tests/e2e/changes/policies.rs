//! Increments under what an admin configured: they end as a full sync would.

use okta_sim::{Population, RunningSim, Status};
use serde_json::{Value, json};

use super::{LATER, company, converged, increment, login};
use crate::support::{World, profile};

/// The company, under these lines of the connector from the first sync on.
fn configured(lines: &str) -> World {
    let world = company();
    world.configure(lines);
    world.sync();
    world.sim.advance(LATER);
    world
}

fn delete(world: &World, name: &str) {
    let id = world.user_id(&login(name));
    for _ in 0..2 {
        world.sim.delete_user(&id).unwrap();
    }
}

fn title(world: &World, name: &str, title: &str) {
    let Value::Object(profile) = json!({ "title": title }) else { unreachable!() };
    world.sim.update_profile(&login(name), profile).unwrap();
}

#[test]
fn a_connector_of_a_named_directory_changes_that_one() {
    let world = company();
    let connector = world.connector("acme", "{ env = \"OKTA_TOKEN\" }");
    world.write(
        "rollcall.toml",
        format!("[directory.portal]\npath = \"portal.db\"\n{connector}directory = \"portal\"\n"),
    );
    let refused = world.run(&["sync", "acme", "--changes"]).exits(1);
    refused.says(&["no full sync has left a point to go on from"]);
    world.sync();
    world.sim.rename_login(&login("ann"), &login("anna")).unwrap();
    delete(&world, "cy");
    let planned = world.run(&["plan", "acme", "--changes"]).exits(0).stdout;
    assert!(planned.contains("rename user anna@acme.example"), "{planned}");
    let report = increment(&world);
    assert_eq!((&report["users"]["renamed"], &report["users"]["disabled"]), (&json!(1), &json!(1)));
    let users = |directory: &[&str]| {
        let listed = world.run(&[&["users", "--active", "--json"], directory].concat()).exits(0).json();
        let names = listed.as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap());
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(users(&["--directory", "portal"]), ["anna", "bob", "dee"].map(login));
    assert_eq!(users(&[]), ["ann", "bob", "cy", "dee"].map(login), "the usual one is as it was");
    assert_eq!(world.sync()["users"]["unchanged"], 3, "but for cy, who is absent");
}

/// `hr`, which is above, has ann and has taken her entry.
fn held_by_hr() -> (World, RunningSim) {
    let world = company();
    let hr = world.another_sim(Population { users: 0, groups: 0, ..Population::default() });
    hr.create_user(Status::Active, profile("ann")).unwrap();
    let connector = |name: &str, url: &str, lines: &str| {
        let connector = world.connector(name, "{ env = \"OKTA_TOKEN\" }").replace(&world.sim.url(), url);
        format!("{connector}settings.groups.exclude-types = [\"BUILT_IN\"]\n{lines}\n")
    };
    let acme = connector("acme", &world.sim.url(), "");
    let hrs = connector("hr", &hr.url(), "conflicts = { users = \"adopt\" }");
    world.write("rollcall.toml", format!("[directory]\norder = [\"hr\", \"acme\"]\n{acme}{hrs}"));
    world.run(&["sync", "hr"]).exits(0);
    world.sync();
    world.sim.advance(LATER);
    (world, hr)
}

#[test]
fn of_someone_whom_another_connector_holds_only_memberships_change() {
    let (world, _hr) = held_by_hr();
    let user = || world.run(&["user", "ann@acme.example", "--json"]).exits(0).json()["user"].clone();
    let members = |group: &str| {
        let shown = world.run(&["group", group, "--json"]).exits(0).json();
        serde_json::from_value::<Vec<String>>(shown["members"].clone()).unwrap()
    };
    let before = user();
    title(&world, "ann", "Chief");
    world.sim.add_member(&world.group_id("ops"), &login("ann")).unwrap();
    world.sim.remove_member(&world.group_id("eng"), &login("ann")).unwrap();
    let report = increment(&world);
    assert_eq!(report["users"]["updated"], 0, "{report}");
    assert_eq!(report["left_out"][0]["reason"], "held by connector hr", "{report}");
    assert_eq!(members("ops"), ["ann", "cy"].map(login));
    assert_eq!(members("eng"), [login("bob")]);
    assert_eq!(user()["attributes"], before["attributes"], "her entry is not acme's");
    world.sim.advance(LATER);

    // She leaves acme and stays hr's.
    delete(&world, "ann");
    let report = increment(&world);
    assert_eq!(
        (&report["users"]["disabled"], &report["memberships"]["removed"]),
        (&json!(0), &json!(2)),
        "of ops, and of Everyone, which is out of scope by now: {report}"
    );
    assert_eq!(members("ops"), [login("cy")]);
    assert_eq!(user()["active"], true);
    let full = world.sync();
    assert_eq!(
        (&full["users"]["disabled"], &full["memberships"]["removed"]),
        (&json!(0), &json!(0)),
        "a full sync finds nothing left: {full}"
    );
}

#[test]
fn what_was_set_here_stays_and_the_rest_follows() {
    let world = company();
    world.configure("[connector.acme.entries]\ngroup-names = \"follow\"\nkeep-local = [\"profile.title\"]\n");
    title(&world, "ann", "Engineer");
    world.sync();
    world.run(&["local", "set", &login("ann"), "title", "Boss"]).exits(0);
    world.sim.advance(LATER);
    title(&world, "ann", "Clerk");
    title(&world, "bob", "Clerk");
    let mut profile = profile("ann");
    profile.insert("department".to_owned(), json!("Sales"));
    world.sim.update_profile(&login("ann"), profile).unwrap();
    let report = increment(&world);
    assert_eq!(report["users"]["updated"], 2, "{report}");
    let directory = world.directory();
    let of = |name: &str, attribute: &str| directory.user(&login(name))["attributes"][attribute].clone();
    assert_eq!(of("ann", "profile.title"), "Boss");
    assert_eq!(of("ann", "profile.department"), "Sales");
    assert_eq!(of("bob", "profile.title"), "Clerk");
    converged(&world);

    // Given back, it is the provider's again, though nothing of her has changed there.
    world.sim.advance(LATER);
    world.run(&["local", "set", &login("ann"), "--unset", "title"]).exits(0);
    assert_eq!(increment(&world)["users"]["updated"], 1);
    assert_eq!(world.directory().user(&login("ann"))["attributes"]["profile.title"], "Clerk");
    converged(&world);
}

#[test]
fn who_was_deleted_is_cleaned_up_at_once() {
    for (policy, counted, there) in [("delete", "removed", false), ("anonymize", "anonymized", true)] {
        let world = configured(&format!("cleanup = {{ users = \"{policy}\", memberships = \"remove\" }}"));
        let ann = world.user_id(&login("ann"));
        delete(&world, "ann");
        let planned = world.run(&["plan", "acme", "--changes"]).exits(0).stdout;
        assert!(planned.contains("(no longer returned)"), "{planned}");
        let report = increment(&world);
        assert_eq!(report["users"][counted], 1, "{report}");
        let directory = world.directory();
        assert_eq!(directory.users.contains_key(&ann), there);
        assert_eq!(directory.members_of("eng"), [login("bob")]);
        converged(&world);
    }
}

#[test]
fn grace_counts_full_syncs_and_increments_wait_for_them() {
    let world = configured("cleanup.grace-runs = 2");
    delete(&world, "ann");
    let report = increment(&world);
    assert_eq!(report["leaving"][0]["stays"], "missing for 1 of 2 runs; then disabled", "{report}");
    for _ in 0..3 {
        world.sim.advance(LATER);
        assert_eq!(increment(&world)["users"]["disabled"], 0);
    }
    assert_eq!(world.sync()["users"]["disabled"], 0);
    assert_eq!(world.sync()["users"]["disabled"], 1);
    converged(&world);
}

#[test]
fn a_deleted_group_is_cleaned_up_at_once_because_the_log_says_so() {
    let world = configured("cleanup.groups = \"delete\"");
    world.sim.delete_group(&world.group_id("ops")).unwrap();
    assert_eq!(increment(&world)["groups"]["removed"], 1);
    assert!(!world.directory().group_names().contains(&"ops"));
    converged(&world);
}

#[test]
fn who_comes_under_a_rule_that_keeps_them_out_leaves_and_comes_back() {
    let lines = "[[connector.acme.transform]]\nplugin = \"rules\"\n\
                 [[connector.acme.transform.settings.people]]\ndrop = 'profile.title == \"Guest\"'\nreason = \"a guest\"\n";
    let world = configured(lines);
    title(&world, "ann", "Guest");
    let report = increment(&world);
    assert_eq!(report["users"]["disabled"], 1, "{report}");
    assert_eq!(report["left_out"][0]["reason"], "rules: a guest");
    converged(&world);
    world.sim.advance(LATER);
    title(&world, "ann", "Host");
    assert_eq!(increment(&world)["users"]["enabled"], 1);
    assert_eq!(world.directory().members_of("eng"), ["ann", "bob"].map(login));
    converged(&world);
}
