//! 1 to 5: what was read is taken for all that there is.

use okta_sim::{Access, Population, Quirks, Sim};
use serde_json::json;

use crate::support::World;

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

/// The other half of the trap: the group is there, and its list is empty although Okta counts members.
#[test]
fn lesson_1_a_group_that_is_listed_empty_is_not_emptied() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann", "bob"])]);
    world.sync();
    let before = world.directory();
    for fault in ["empty-list where=members", "server-error where=members"] {
        world.sim.add_fault(fault.parse().unwrap());
        world.configure("http.attempts = 1");
        let report = world.run(&["sync", "acme", "--json"]).exits(4).json();
        assert_eq!(
            (&report["memberships"]["removed"], &report["memberships"]["unknown"]),
            (&json!(0), &json!(1))
        );
        assert_eq!(world.directory(), before, "{fault}");
        world.sim.clear_faults();
    }
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
fn lesson_2_members_are_more_than_their_first_page() {
    let world = World::new(Population {
        users: 1_300,
        groups: 1,
        members_per_group: 1_201,
        empty_groups: 0,
        apps: 0,
        awkward: false,
        seed: 2,
    });
    world.configure("settings.groups.exclude-types = [\"BUILT_IN\"]");
    // The last one is alone on its page.
    world.sim.set_quirks(Quirks { short_pages: true, empty_last_page: true, ..Quirks::default() });
    let report = world.sync();
    let asked = world.requests().iter().filter(|target| target.contains("/users?limit=")).count();
    assert_eq!(asked, 1, "the first page of members");
    assert_eq!(report["memberships"]["created"], 1_201);
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
fn lesson_3_a_search_has_more_than_one_page() {
    let world = World::company(&["ann", "bob"], &[]);
    // Okta's search ignores case, so all of these are found before the one that is meant.
    for number in 1_u32..=201 {
        let letters = "engineering".char_indices().map(|(at, letter)| match number >> at & 1 {
            1 => letter.to_ascii_uppercase(),
            _ => letter,
        });
        world.found(okta_sim::GroupType::OktaGroup, &letters.collect::<String>(), &["bob"]);
    }
    world.found(okta_sim::GroupType::OktaGroup, "engineering", &["ann"]);
    world.configure(
        "settings.groups = { required = [\"engineering\"], ignore-case = false, include = [\"engineering\"] }",
    );
    world.sync();
    let directory = world.directory();
    assert_eq!(
        (directory.user_names(), directory.group_names()),
        (vec!["ann@acme.example"], vec!["engineering"])
    );
}

#[test]
fn lesson_4_success_and_an_empty_list_is_no_success() {
    let token = "00tokenWithoutAnyRole";
    let mut world = World::of(Sim::builder().extra_token(token, Access::NoAdminRole));
    world.place.variables.push(("OKTA_TOKEN".into(), token.into()));
    world.failed_sync().says(&["hint: give the token's owner the role Read-only Administrator"]);
    assert!(world.directory().users.is_empty());
}

/// Adding a member moves nothing of the user, and a full run doesn't look at what moved.
#[test]
fn lesson_5_a_change_of_membership_alone_is_seen() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann"])]);
    world.sync();
    let bob = world.sim.user("bob").unwrap();
    world.sim.add_member(&world.group_id("eng"), "bob").unwrap();
    assert_eq!(world.sim.user("bob").unwrap()["lastUpdated"], bob["lastUpdated"]);
    assert_eq!(world.sync()["memberships"]["created"], 1);
    assert_eq!(world.directory().members_of("eng"), ["ann@acme.example", "bob@acme.example"]);
}

#[test]
fn lesson_5_a_deletion_is_seen() {
    let world = World::company(&["ann", "bob"], &[]);
    world.sync();
    // The first deactivates, the second removes: from then on no list, search or delta names them.
    for outcome in [("disabled", 1, 0), ("absent", 0, 1)] {
        world.sim.delete_user(&world.user_id("bob@acme.example")).unwrap();
        let (what, disabled, absent) = outcome;
        let users = &world.sync()["users"];
        assert_eq!((&users["disabled"], &users["absent"]), (&json!(disabled), &json!(absent)), "{what}");
    }
}
