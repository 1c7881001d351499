//! Only people in these groups or this app.

use okta_sim::{GroupType, Status};
use serde_json::json;

use crate::support::World;

/// Ann has the application through a group, bob directly, cy not at all.
fn company() -> (World, String) {
    let world =
        World::company(&["ann", "bob", "cy"], &[("Engineering", &["ann", "cy"]), ("Sales", &["bob"])]);
    let app = world.sim.create_app("Atlassian Cloud");
    world.sim.create_app("Atlassian Cloud Test");
    world.sim.remove_member(&world.group_id("Engineering"), "cy@acme.example").unwrap();
    world.sim.assign_group(&app, &world.group_id("Engineering"), true).unwrap();
    world.sim.assign_user(&app, "bob@acme.example", true).unwrap();
    (world, app)
}

#[test]
fn only_people_in_this_app() {
    let (world, app) = company();
    for name in [app.as_str(), "atlassian cloud"] {
        world.configure(&format!("settings.app = {name:?}"));
        world.sync();
        let directory = world.directory();
        assert_eq!(directory.user_names(), ["ann@acme.example", "bob@acme.example"], "{name}");
        assert_eq!(directory.group_names(), ["Engineering"]);
        assert_eq!(directory.members_of("Engineering"), ["ann@acme.example"]);
        let requests = world.requests();
        assert!(!requests.iter().any(|target| target.starts_with("/api/v1/users")), "{requests:?}");
    }
    assert_eq!(world.sync()["users"]["unchanged"], json!(2), "by label or by id, it is the same");
}

#[test]
fn who_loses_the_app_is_no_longer_returned() {
    let (world, app) = company();
    world.configure(&format!("settings.app = \"{app}\""));
    world.sync();
    world.sim.assign_user(&app, "bob@acme.example", false).unwrap();
    world.sim.set_status("ann", Status::Deprovisioned).unwrap();
    world.hire("di");
    world.sim.assign_user(&app, "di@acme.example", true).unwrap();
    let report = world.sync();
    assert_eq!((&report["users"]["absent"], &report["users"]["created"]), (&json!(2), &json!(1)), "{report}");
    assert_eq!(report["users"]["disabled"], 2, "{report}");
    let told = world.run(&["run", "2"]).exits(0).stdout;
    assert!(told.contains("disable user bob@acme.example (no longer returned: out of scope)"), "{told}");
}

#[test]
fn an_app_that_is_not_there_ends_the_run_with_nothing_applied() {
    let (world, app) = company();
    world.configure(&format!("settings.app = \"{app}\""));
    world.sync();
    let before = world.directory();
    for (app, message, hint) in [
        ("0oaZZZZZZZZZZZZZZZZZ", "okta has no application \"0oaZZZZZZZZZZZZZZZZZ\"", "its label"),
        ("Atlassian", "okta has no application \"Atlassian\"", "correct the label"),
    ] {
        world.configure(&format!("settings.app = \"{app}\""));
        world.failed_sync().says(&[message, hint]);
        assert_eq!(world.directory(), before, "{app}");
    }
    world.configure("settings.app = \"Atlassian Cloud\"\nsettings.groups.required = [\"Sales\"]");
    world.run(&["sync", "acme"]).exits(2).says(&[
        "groups.required and app can't be used together",
        "rollcall.toml:6",
        "hint: assign the required groups to the application",
    ]);
}

#[test]
fn an_imported_group_of_the_app_comes_along() {
    let (world, app) = company();
    let imported = world.found(GroupType::AppGroup, "HR/Managers", &["ann", "cy"]);
    world.sim.assign_group(&app, &imported, true).unwrap();
    world.configure(&format!("settings.app = \"{app}\"\nsettings.groups.include-types = [\"APP_GROUP\"]"));
    world.sync();
    let directory = world.directory();
    assert_eq!(directory.group_names(), ["HR/Managers"]);
    assert_eq!(directory.user_names().len(), 3, "people are those of the application, whatever groups sync");
}
