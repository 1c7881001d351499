use okta_sim::GroupType;
use serde_json::json;

use super::{converged, login, shows, sync_of};
use crate::support::{World, profile};

fn company() -> World {
    let world = World::company(&["ann", "bob", "cy"], &[("eng", &["ann", "bob"]), ("ops", &["cy"])]);
    world.sync();
    world.requests();
    world
}

#[test]
fn one_person_follows_and_everybody_else_stays() {
    let world = company();
    let id = |name: &str| world.group_id(name);
    world.sim.remove_member(&id("eng"), &login("ann")).unwrap();
    world.sim.add_member(&id("ops"), &login("ann")).unwrap();
    world.sim.remove_member(&id("ops"), &login("cy")).unwrap();
    world.sim.rename_login(&login("ann"), &login("anna")).unwrap();
    world.sim.rename_login(&login("bob"), &login("bobby")).unwrap();
    world.sim.rename_group(&id("ops"), "operations").unwrap();
    let planned = world.run(&["plan", "acme", "--user", &login("ann"), "--json"]).exits(0).json();
    assert_eq!(planned["changes"].as_array().unwrap().len(), 1, "{planned}");
    assert_eq!(planned["memberships"].as_array().unwrap().len(), 2, "{planned}");
    world.requests();

    let report = sync_of(&world, &login("ann"));
    let requests = world.requests();
    assert_eq!(requests.len(), 2, "the record and the groups: {requests:?}");
    assert_eq!((&report["users"]["seen"], &report["users"]["renamed"]), (&json!(1), &json!(1)), "{report}");
    assert_eq!(
        (&report["memberships"]["created"], &report["memberships"]["removed"]),
        (&json!(1), &json!(1)),
        "{report}"
    );
    let directory = world.directory();
    assert_eq!(directory.user_names(), [login("anna"), login("bob"), login("cy")]);
    assert_eq!(directory.members_of("eng"), [login("bob")]);
    assert_eq!(directory.members_of("ops"), [login("anna"), login("cy")]);
    // A second one changes nothing.
    let again = sync_of(&world, &login("anna"));
    assert_eq!((&again["users"]["unchanged"], &again["users"]["renamed"]), (&json!(1), &json!(0)), "{again}");
    assert_eq!(
        (&again["memberships"]["created"], &again["memberships"]["unchanged"]),
        (&json!(0), &json!(2))
    );
    let rest = world.sync();
    assert_eq!((&rest["users"]["renamed"], &rest["groups"]["renamed"]), (&json!(1), &json!(1)), "{rest}");
    converged(&world);
}

#[test]
fn somebody_new_is_created_with_groups_that_are_known_and_the_others_are_told() {
    let world = company();
    world.found(GroupType::OktaGroup, "new group", &["ann"]);
    let dee = world.hire("dee");
    world.sim.add_member(&world.group_id("eng"), &login("dee")).unwrap();
    world.sim.add_member(&world.group_id("new group"), &login("dee")).unwrap();
    let report = sync_of(&world, &login("dee"));
    assert_eq!(report["users"]["created"], 1, "{report}");
    assert_eq!(report["notices"].as_array().unwrap().len(), 1, "{report}");
    assert_eq!(report["notices"][0]["name"], "new group");
    assert!(
        report["notices"][0]["message"].as_str().unwrap().contains("no sync has read it yet"),
        "{report}"
    );
    let directory = world.directory();
    assert_eq!(directory.group_names(), ["Everyone", "eng", "ops"]);
    assert_eq!(directory.members_of("eng"), [login("ann"), login("bob"), login("dee")]);
    assert_eq!(sync_of(&world, &dee)["users"]["unchanged"], 1);
    world.sync();
    assert_eq!(world.directory().members_of("new group"), [login("ann"), login("dee")]);
    converged(&world);
}

#[test]
fn before_any_sync_the_person_alone_is_created() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann"])]);
    let report = sync_of(&world, &login("ann"));
    assert_eq!((&report["users"]["created"], &report["groups"]["created"]), (&json!(1), &json!(0)));
    let told: Vec<&str> =
        report["notices"].as_array().unwrap().iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(told, ["Everyone", "eng"], "{report}");
    assert_eq!(world.directory().user_names(), [login("ann")]);
    world.sync();
    assert_eq!(world.directory().members_of("eng"), [login("ann")]);
    converged(&world);
}

#[test]
fn whoever_can_t_be_found_is_told_with_what_to_do() {
    let world = company();
    let before = world.directory();
    let ran = world.run(&["sync", "acme", "--user", "nobody@acme.example"]).exits(1);
    ran.says(&["the provider has nobody called \"nobody@acme.example\"", "rollcall explain acme nobody"]);
    world.write("local.csv", "userName,email\nlou,lou@else.example\n");
    world.run(&["local", "import", "local.csv"]).exits(0);
    world.run(&["sync", "acme", "--user", "lou"]).exits(1).says(&["is a local entry, which no sync changes"]);
    // Two of one mail address, here and there.
    for name in ["eve", "fay"] {
        let mut twin = profile(name);
        twin.insert("email".into(), "team@acme.example".into());
        world.sim.create_user(okta_sim::Status::Active, twin).unwrap();
    }
    world
        .run(&["sync", "acme", "--user", "team@acme.example"])
        .exits(1)
        .says(&["several users have the address"]);
    world.sync();
    let ran = world.run(&["plan", "acme", "--user", "team@acme.example"]).exits(1);
    ran.says(&["means several people: eve@acme.example (00u", "name one by the user name or the id"]);
    assert_eq!(before.user_names().len() + 3, world.directory().user_names().len());
}

#[test]
fn a_name_that_another_person_has_is_taken_only_once_that_one_is_synced() {
    let world = company();
    let ann = world.user_id(&login("ann"));
    world.sim.rename_login(&login("ann"), &login("annabel")).unwrap();
    world.sim.rename_login(&login("bob"), &login("ann")).unwrap();
    let bob = world.user_id(&login("ann"));
    let ran = world.run(&["sync", "acme", "--user", &bob]).exits(4);
    shows(
        &ran,
        &["the user name \"ann@acme.example\" belongs to user \"ann@acme.example\"", "sync them first"],
    );
    assert_eq!(sync_of(&world, &ann)["users"]["renamed"], 1);
    assert_eq!(sync_of(&world, &bob)["users"]["renamed"], 1);
    assert_eq!(world.directory().user_names(), [login("ann"), login("annabel"), login("cy")]);
    converged(&world);
}

#[test]
fn rules_hold_for_one_person() {
    let world = company();
    world.configure(
        "[[connector.acme.transform]]\nplugin = \"rules\"\n\
         [[connector.acme.transform.settings.people]]\nname = \"upper\"\nset = \"displayName\"\nfrom = \"userName\"\nsteps = [\"upper\"]\n",
    );
    let report = sync_of(&world, &login("ann"));
    assert_eq!(report["users"]["updated"], 1, "{report}");
    let directory = world.directory();
    assert_eq!(directory.user(&login("ann"))["displayName"], "ANN@ACME.EXAMPLE");
    assert_ne!(directory.user(&login("bob"))["displayName"], "BOB@ACME.EXAMPLE");
    converged_others(&world);
}

/// A full sync changes the two others only.
#[track_caller]
fn converged_others(world: &World) {
    assert_eq!(world.sync()["users"]["updated"], 2);
    converged(world);
}

#[test]
fn increments_go_on_from_where_they_were() {
    let world = company();
    let later = std::time::Duration::from_secs(10 * 60);
    world.sim.advance(later);
    world.sim.rename_login(&login("bob"), &login("bobby")).unwrap();
    world.sim.advance(later);
    sync_of(&world, &login("ann"));
    let report = world.run(&["sync", "acme", "--changes", "--json"]).exits(0).json();
    assert_eq!((&report["mode"], &report["users"]["renamed"]), (&json!("changes"), &json!(1)), "{report}");
    converged(&world);
}

#[test]
fn a_recording_of_one_person_is_repeated_for_that_person() {
    let world = company();
    world.sim.rename_login(&login("ann"), &login("anna")).unwrap();
    let who = login("ann");
    world.run(&["plan", "acme", "--user", &who, "--record", "ann.jsonl"]).exits(0);
    world.requests();
    let report =
        world.run(&["sync", "acme", "--user", &who, "--replay", "ann.jsonl", "--json"]).exits(0).json();
    assert_eq!((&report["mode"], &report["users"]["renamed"]), (&json!("user"), &json!(1)), "{report}");
    assert!(world.requests().is_empty());
    converged(&world);
    let csv = world.run(&["plan", "acme", "--user", &login("anna"), "--csv"]).exits(0).stdout;
    assert_eq!(csv.lines().count(), 1, "only the heading: {csv}");
}

#[test]
fn a_manager_is_found_without_reading_everybody() {
    let world = company();
    world.configure("references.manager = \"userName\"");
    let set = |name: &str, manager: &str| {
        let changed = [("managerId".to_owned(), login(manager).into())].into_iter().collect();
        world.sim.update_profile(&login(name), changed).unwrap();
    };
    set("bob", "cy");
    world.sync();
    set("ann", "bob");
    let report = sync_of(&world, &login("ann"));
    assert_eq!(report["references"][0]["found"], 1, "{report}");
    let shown = world.run(&["user", &login("ann"), "--json"]).exits(0).json();
    assert_eq!(shown["references"]["manager"]["userName"], login("bob"), "{shown}");
    converged(&world);
}
