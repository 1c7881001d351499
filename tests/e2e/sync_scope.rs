//! What of an organisation syncs.

use okta_sim::{GroupType, Status};
use serde_json::json;

use crate::support::World;

/// Groups of each type, whose names share beginnings and differ in case.
fn company() -> World {
    let world = World::company(
        &["ann", "bob", "cy"],
        &[("eng-web", &["ann"]), ("Eng-Ops", &["bob"]), ("sales", &["cy"]), ("eng-test", &["ann", "bob"])],
    );
    world.found(GroupType::AppGroup, "imported", &["cy"]);
    world
}

#[test]
fn groups_by_pattern_type_and_id() {
    let world = company();
    let sales = world.group_id("sales");
    for (lines, expected) in [
        ("", &["Eng-Ops", "Everyone", "eng-test", "eng-web", "imported", "sales"][..]),
        ("settings.groups.include = [\"eng-*\"]", &["Eng-Ops", "eng-test", "eng-web"]),
        (
            "settings.groups = { include = [\"eng-*\"], ignore-case = false, exclude = [\"*-test\"] }",
            &["eng-web"],
        ),
        ("settings.groups.include-types = [\"APP_GROUP\"]", &["imported"]),
        (
            "settings.groups.exclude-types = [\"BUILT_IN\", \"APP_GROUP\"]",
            &["Eng-Ops", "eng-test", "eng-web", "sales"],
        ),
        (&format!("settings.groups.include-ids = [\"{sales}\"]"), &["sales"]),
        (&format!("settings.groups = {{ exclude-ids = [\"{sales}\"], exclude = [\"e*\"] }}"), &["imported"]),
    ] {
        let place = company();
        place.configure(lines);
        place.sync();
        let directory = place.directory();
        assert_eq!(directory.group_names(), expected, "{lines}");
        assert_eq!(directory.users.len(), 3, "which groups sync says nothing about people");
        let requests = place.requests();
        let groups = expected.iter().filter(|name| **name != "Everyone").count();
        assert_eq!(requests.len(), 2 + groups, "only members of groups in scope are read: {requests:?}");
    }
}

#[test]
fn an_expression_is_oktas_to_evaluate() {
    let world = company();
    for (lines, parameter, expected) in [
        (
            r#"settings.groups.search = 'type eq "OKTA_GROUP" and profile.name sw "eng-"'"#,
            "search=",
            &["Eng-Ops", "eng-test", "eng-web"][..],
        ),
        (r#"settings.groups.filter = 'type eq "APP_GROUP"'"#, "filter=", &["imported"]),
    ] {
        let place = company();
        place.configure(lines);
        place.sync();
        assert_eq!(place.directory().group_names(), expected);
        let listing = place.requests().into_iter().find(|target| target.starts_with("/api/v1/groups?"));
        assert!(listing.is_some_and(|target| target.contains(parameter)), "{parameter}");
    }
    world.configure("settings.groups.search = 'profile.name like \"eng\"'");
    world
        .failed_sync()
        .says(&["okta does not accept the request", "hint: correct the expression in groups.search"]);
    assert!(world.directory().users.is_empty());
}

#[test]
fn only_members_of_required_groups_sync() {
    let world = company();
    world.configure("settings.groups = { required = [\"eng-web\", \"sales\"], include = [\"eng-*\"] }");
    world.sync();
    let directory = world.directory();
    assert_eq!(directory.user_names(), ["ann@acme.example", "cy@acme.example"]);
    assert_eq!(directory.group_names(), ["Eng-Ops", "eng-test", "eng-web"]);
    assert_eq!(directory.members_of("eng-web"), ["ann@acme.example"]);
    assert_eq!(directory.members_of("eng-test"), ["ann@acme.example"], "bob does not sync");
    let requests = world.requests();
    assert!(!requests.iter().any(|target| target.starts_with("/api/v1/users?")), "{requests:?}");
}

#[test]
fn a_required_group_that_nobody_knows_ends_the_run_with_nothing_applied() {
    let world = company();
    world.sync();
    let before = world.directory();
    world.configure("settings.groups.required = [\"eng-web\", \"engineering\"]");
    world.failed_sync().says(&[
        "groups.required.1",
        "okta has no group \"engineering\"",
        "hint: correct the name",
    ]);
    assert_eq!(world.directory(), before);
}

#[test]
fn which_statuses_count_as_active_is_a_setting() {
    let world = World::company(&["ann", "bob", "cy"], &[]);
    world.sim.set_status("bob", Status::Suspended).unwrap();
    world.sim.set_status("cy", Status::LockedOut).unwrap();
    let active = || {
        let directory = world.directory();
        ["ann", "bob", "cy"].map(|name| directory.user(&format!("{name}@acme.example"))["active"] == true)
    };
    world.sync();
    assert_eq!(active(), [true, false, true]);
    world.configure("settings.active-statuses = [\"ACTIVE\", \"SUSPENDED\"]");
    let report = world.sync();
    assert_eq!(active(), [true, true, false]);
    let users = &report["users"];
    assert_eq!((&users["enabled"], &users["disabled"], &users["updated"]), (&json!(1), &json!(1), &json!(0)));
}
