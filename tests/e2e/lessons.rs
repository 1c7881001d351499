//! The traps that cost other tools their users' trust, each by its name. Not here: 5, which is about reading changes
//! only; 6, the first 429 that ends a run, which is in `sync_limits`; 8, limits on changes, of which there are none
//! yet.

use okta_sim::{Access, Limits, Population, Quirks, Sim, Status};
use serde_json::{Map, json};

use crate::support::{World, truth};

#[test]
fn lesson_1_members_that_fail_to_load_are_not_members_who_left() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann", "bob"])]);
    world.sync();
    let before = world.directory();
    world.sim.forbid_members(&world.group_id("eng"), true).unwrap();
    let report = world.run(&["sync", "acme", "--json"]).exits(4).json();
    assert_eq!(report["memberships"]["removed"], 0);
    assert_eq!(world.directory(), before);
}

#[test]
fn lesson_2_no_cap_on_pages_is_the_end_of_a_list() {
    let users = 6_100;
    let world = World::new(Population {
        users,
        groups: 1,
        members_per_group: 3_000,
        empty_groups: 0,
        apps: 0,
        awkward: false,
        seed: 2,
    });
    // Pages of 100 users and of 500 members: 61 and 6.
    world.sim.set_quirks(Quirks { short_pages: true, ..Quirks::default() });
    let report = world.sync();
    assert_eq!(
        (&report["users"]["created"], &report["requests"]["sent"]),
        (&json!(users), &json!(61 + 1 + 6))
    );
    assert_eq!(report["memberships"]["created"], 3_000 + users);
}

#[test]
fn lesson_3_a_required_group_is_not_one_whose_name_begins_the_same() {
    let world = World::company(
        &["ann", "bob", "cy"],
        &[("Engineering Managers", &["bob"]), ("Engineering", &["ann"]), ("Engineering2", &["cy"])],
    );
    world.configure("settings.groups.required = [\"engineering\"]");
    world.sync();
    assert_eq!(world.directory().user_names(), ["ann@acme.example"]);
}

#[test]
fn lesson_4_success_and_an_empty_list_is_no_success() {
    let token = "00tokenWithoutAnyRole";
    let mut world = World::of(Sim::builder().extra_token(token, Access::NoAdminRole));
    world.place.variables.push(("OKTA_TOKEN".into(), token.into()));
    world.failed_sync().says(&["hint: give the token's owner the role Read-only Administrator"]);
    assert!(world.directory().users.is_empty());
}

#[test]
fn lesson_7_ctrl_c_at_half_way_is_no_success_and_loses_nothing() {
    let world = World::new(Population { users: 900, groups: 3, awkward: false, ..Population::default() });
    world.hold_at_second_page_of_users();
    let running = world.start(&["sync", "acme", "--json"]);
    world.wait_for_second_page_of_users();
    running.signal(rustix::process::Signal::INT);
    world.wait(running).exits(1);
    world.sim.set_limits(Limits::default());
    let report = world.sync();
    assert!(report["requests"]["resumed"].as_u64() > Some(0), "{report}");
    assert_eq!(report["users"]["created"], 900);
}

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

    // Nobody at the provider any more: reported, and left alone.
    let world = World::company(&["ann", "bob"], &[("eng", &["ann", "bob"])]);
    world.sync();
    let before = world.directory();
    world.sim.delete_user("bob").unwrap();
    world.sim.delete_user("bob").unwrap();
    world.sim.delete_group(&world.group_id("eng")).unwrap();
    let report = world.sync();
    let absent: Vec<_> = report["absent"].as_array().unwrap().iter().map(|entry| &entry["name"]).collect();
    assert_eq!(absent, ["eng", "bob@acme.example"]);
    assert_eq!(world.directory(), before);
}

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
    // Time to delete it: after the listing the share of this window is spent.
    world.sim.set_limits(Limits {
        groups: 2,
        token_share_percent: 100,
        window_ms: 5_000,
        ..Limits::default()
    });
    let running = world.start(&["sync", "acme", "--json"]);
    world.wait_until("the groups were listed", || {
        world.sim.requests().iter().any(|request| request.target.starts_with("/api/v1/groups?"))
    });
    world.sim.delete_group(&doomed).unwrap();
    world.sim.set_limits(Limits::default());
    let report = world.wait(running).exits(4).json();
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
