//! 9 to 11: who is who, and whose.

use okta_sim::{Population, Status};
use serde_json::{Map, json};

use crate::support::World;

#[test]
fn lesson_9_one_bad_record_does_not_stop_the_others_and_is_named() {
    let world = World::company(&["ann", "bob", "cy"], &[("eng", &["ann", "bob"])]);
    world.sync();
    let bob = world.user_id("bob@acme.example");
    let before = world.directory();
    world
        .sim
        .update_profile(&bob, Map::from_iter([("firstName".to_owned(), json!({ "what": "is this" }))]))
        .unwrap();
    world.sim.rename_login("ann", "ann.b@acme.example").unwrap();
    let report = world.run(&["sync", "acme", "--json"]).exits(4).json();
    let problem = &report["problems"][0];
    assert_eq!((&problem["kind"], &problem["id"]), (&json!("user"), &json!(bob)), "{problem}");
    assert_eq!(
        (&report["users"]["renamed"], &report["users"]["absent"], &report["users"]["skipped"]),
        (&json!(1), &json!(0), &json!(1))
    );
    let after = world.directory();
    assert_eq!(after.users[&bob], before.users[&bob]);
    assert_eq!(after.members, before.members);
}

#[test]
fn lesson_10_ids_identify_whatever_names_and_addresses_do() {
    let world = World::company(&["ann", "bob"], &[("red", &["ann"]), ("blue", &["bob"])]);
    world.sync();
    let before = world.directory();
    let (ann, bob) = (world.user_id("ann@acme.example"), world.user_id("bob@acme.example"));
    // Each gets the other's name and address.
    world.sim.rename_login(&ann, "between@acme.example").unwrap();
    for (id, name) in [(&bob, "ann"), (&ann, "bob")] {
        let address = json!(format!("{name}@acme.example"));
        let profile = Map::from_iter([("login".to_owned(), address.clone()), ("email".to_owned(), address)]);
        world.sim.update_profile(id, profile).unwrap();
    }
    let (red, blue) = (world.group_id("red"), world.group_id("blue"));
    world.sim.rename_group(&red, "blue").unwrap();
    world.sim.rename_group(&blue, "red").unwrap();
    let report = world.sync();
    for what in ["users", "groups"] {
        let counts = &report[what];
        assert_eq!(
            (&counts["renamed"], &counts["created"], &counts["absent"]),
            (&json!(2), &json!(0), &json!(0)),
            "{what}"
        );
    }
    let after = world.directory();
    assert_eq!((&after.keys, &after.members), (&before.keys, &before.members));
    assert_eq!(
        (&after.users[&ann]["userName"], &after.groups[&red]["displayName"]),
        (&json!("bob@acme.example"), &json!("blue"))
    );
}

#[test]
fn lesson_11_what_a_connector_did_not_create_it_leaves_alone() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann"])]);
    world.sync();
    let before = world.directory();
    let other = world.another_sim(Population { users: 0, groups: 0, ..Population::default() });
    other.create_user(Status::Active, crate::support::profile("cy")).unwrap();
    let second = world.connector("other", "{ env = \"OKTA_TOKEN\" }").replace(&world.sim.url(), &other.url());
    world.write("rollcall.toml", second + "settings.groups.exclude = [\"Everyone\"]\n");
    world.run(&["sync", "other"]).exits(0);
    let after = world.directory();
    assert_eq!(after.users.len(), 3);
    for (id, user) in &before.users {
        assert_eq!(after.users[id], *user);
    }
    assert_eq!(after.members, before.members);

    // Nobody at the provider any more: reported, and left alone where cleanup keeps them.
    let world = World::company(&["ann", "bob"], &[("eng", &["ann", "bob"])]);
    world.sync();
    world.configure("cleanup.users = \"keep\"");
    let before = world.directory();
    world.sim.delete_user("bob").unwrap();
    world.sim.delete_user("bob").unwrap();
    world.sim.delete_group(&world.group_id("eng")).unwrap();
    let report = world.sync();
    let absent: Vec<_> = report["absent"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(absent, ["eng", "bob@acme.example"]);
    assert_eq!(world.directory(), before);
}
