//! A transform between the mirror and the directory.

use serde_json::json;

use crate::support::World;

fn world(settings: &str) -> World {
    let world = World::company(
        &["ann", "bob"],
        &[("kept", &["ann"]), ("hidden", &["ann", "bob"]), ("dropped", &["bob"])],
    );
    world.install("upper.wasm", "upper.wasm");
    shape(&world, settings);
    world
}

fn shape(world: &World, settings: &str) {
    world.configure(&format!(
        "[[connector.acme.transform]]\nplugin = \"upper\"\n{settings}\n[plugins]\npath = \"plugins\""
    ));
}

const RULES: &str =
    "settings = { drop-groups = [\"dropped\"], hide-groups = [\"hidden\"], extra-group = \"All Staff\" }";

#[test]
fn people_and_groups_are_shaped_and_dropped_groups_are_never_read() {
    let world = world(RULES);
    let report = world.sync();
    let requests = world.requests();
    let directory = world.directory();
    assert_eq!(directory.user("ann@acme.example")["displayName"], "ANN TEST");
    assert_eq!(directory.group_names(), ["All Staff", "Everyone", "kept"]);
    assert_eq!(directory.members_of("All Staff"), ["ann@acme.example", "bob@acme.example"]);
    assert_eq!(directory.members_of("kept"), ["ann@acme.example"]);
    assert_eq!((&report["groups"]["seen"], &report["groups"]["dropped"]), (&json!(4), &json!(2)));
    let asked = |group: &str| {
        let path = format!("/api/v1/groups/{}/users?", world.group_id(group));
        requests.iter().any(|target| target.starts_with(&path))
    };
    // Rules may read who is in a hidden group.
    assert_eq!([asked("kept"), asked("hidden"), asked("dropped")], [true, true, false]);
}

#[test]
fn other_rules_reshape_everybody() {
    let world = world(RULES);
    world.sync();
    let before = world.directory();
    shape(&world, "settings = { drop-attribute = \"status\", drop-value = \"SUSPENDED\" }");
    world.sim.set_status("bob", okta_sim::Status::Suspended).unwrap();
    let report = world.sync();
    assert_eq!((&report["users"]["dropped"], &report["users"]["absent"]), (&json!(1), &json!(0)));
    let after = world.directory();
    assert_eq!(after.group_names(), ["All Staff", "Everyone", "dropped", "hidden", "kept"]);
    let (was, mut is) = (before.user("bob@acme.example").clone(), after.user("bob@acme.example").clone());
    assert_eq!(is["active"], false, "whom rules drop is disabled, and nothing else");
    is["active"] = json!(true);
    assert_eq!(is, was);
    world.configure("");
    world.sync();
    assert_eq!(world.directory().user("ann@acme.example")["displayName"], "ann Test");
}

#[test]
fn wrong_settings_of_a_transform_are_shown_where_they_stand() {
    let world = world("settings = { extra-grup = \"x\" }");
    world.run(&["sync", "acme"]).exits(2).says(&[
        "rollcall.toml:7:14: ",
        "settings = { extra-grup = \"x\" }",
        "did you mean `extra-group`?",
    ]);
    assert_eq!(world.sim.stats().total, 0);
}
