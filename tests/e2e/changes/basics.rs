//! What changes at the provider, and when nothing can be told.

use std::time::Duration;

use okta_sim::{GroupType, LogDelay, Status};
use serde_json::json;

use super::{LATER, company, converged, increment, login};
use crate::support::{World, profile};

#[test]
fn a_quiet_increment_is_at_most_four_requests_and_changes_nothing() {
    let world = company();
    let before = world.directory();
    for _ in 0..3 {
        let report = increment(&world);
        let requests = world.requests();
        assert!(requests.len() <= 4, "{requests:?}");
        assert_eq!(report["outcome"], "done");
        assert_eq!(before.difference(&world.directory()), None);
    }
    let text = world.run(&["sync", "acme", "--changes"]).exits(0).stdout;
    assert!(text.contains("3 requests."), "{text}");
    converged(&world);
}

#[test]
fn trap_5_a_delta_that_misses_membership_only_changes() {
    let world = company();
    let id = |name: &str| world.group_id(name);
    world.sim.add_member(&id("ops"), &login("ann")).unwrap();
    world.sim.remove_member(&id("eng"), &login("bob")).unwrap();
    world.sim.add_member_by_rule(&id("empty"), &login("bob")).unwrap();
    world.sim.import_members(&id("imported"), &[login("dee"), login("bob")], &[login("cy")]).unwrap();
    let planned = world.run(&["plan", "acme", "--changes"]).exits(0).stdout;
    assert!(planned.contains("members of ops: + ann@acme.example"), "{planned}");
    let report = increment(&world);
    assert_eq!(
        (&report["memberships"]["created"], &report["memberships"]["removed"]),
        (&json!(4), &json!(2))
    );
    let directory = world.directory();
    assert_eq!(directory.members_of("ops"), [login("ann"), login("cy")]);
    assert_eq!(directory.members_of("eng"), [login("ann")]);
    assert_eq!(directory.members_of("empty"), [login("bob")]);
    assert_eq!(directory.members_of("imported"), [login("bob"), login("dee")]);
    converged(&world);
}

#[test]
fn trap_5_a_delta_that_misses_deletions() {
    let world = company();
    let ann = world.user_id(&login("ann"));
    world.sim.deactivate_user(&login("ann")).unwrap();
    world.sim.delete_user(&ann).unwrap();
    world.sim.delete_group(&world.group_id("ops")).unwrap();
    let report = increment(&world);
    let absent: Vec<&str> =
        report["absent"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap()).collect();
    assert_eq!(absent, ["ops", "ann@acme.example"], "{report}");
    converged(&world);
    // It was told once and for all.
    world.sim.advance(LATER);
    increment(&world);
    converged(&world);
}

#[test]
fn trap_5_a_log_polled_by_published_time_misses_late_events() {
    let world = company();
    world.sim.set_log_delay(LogDelay { delay_ms: 0, late_every: 1, late_by_ms: 15 * 60 * 1000 });
    world.sim.delete_group(&world.group_id("ops")).unwrap();
    world.sim.set_log_delay(LogDelay::default());
    world.sim.delete_group(&world.group_id("empty")).unwrap();
    // A later event is there before the late one.
    assert_eq!(increment(&world)["groups"]["absent"], 1);
    world.sim.advance(LATER);
    world.sim.advance(LATER);
    assert_eq!(increment(&world)["groups"]["absent"], 2);
    converged(&world);
}

#[test]
fn trap_10_a_rename_stays_a_rename() {
    let world = company();
    world.sim.rename_login(&login("ann"), &login("anna")).unwrap();
    world.sim.rename_group(&world.group_id("eng"), "engineering").unwrap();
    let report = increment(&world);
    assert_eq!((&report["users"]["renamed"], &report["groups"]["renamed"]), (&json!(1), &json!(1)));
    assert_eq!(world.directory().members_of("engineering"), [login("anna"), login("bob")]);
    converged(&world);
}

#[test]
fn whoever_is_deactivated_leaves_all_groups_and_comes_back_into_those_that_a_rule_kept() {
    let world = company();
    let empty = world.group_id("empty");
    world.sim.add_member_by_rule(&empty, &login("bob")).unwrap();
    increment(&world);
    world.sim.advance(LATER);

    world.sim.deactivate_user(&login("bob")).unwrap();
    let report = increment(&world);
    assert_eq!(report["users"]["disabled"], 1, "{report}");
    let directory = world.directory();
    assert!(directory.members_of("empty").is_empty() && directory.members_of("eng") == [login("ann")]);
    assert!(!directory.members_of("Everyone").contains(&&*login("bob")));
    converged(&world);
    world.sim.advance(LATER);

    world.sim.set_status(&login("bob"), Status::Active).unwrap();
    let report = increment(&world);
    assert_eq!(report["users"]["enabled"], 1, "{report}");
    let directory = world.directory();
    assert_eq!(directory.members_of("empty"), [login("bob")]);
    assert!(directory.members_of("Everyone").contains(&&*login("bob")));
    converged(&world);
}

#[test]
fn whoever_was_deactivated_long_ago_stays_out_of_everyone_when_somebody_is_hired() {
    let world = company();
    world.sim.deactivate_user(&login("bob")).unwrap();
    increment(&world);
    world.sim.advance(LATER);
    world.hire("eve");
    increment(&world);
    let names = ["ann", "cy", "dee", "eve"].map(login);
    assert_eq!(world.directory().members_of("Everyone"), names);
    converged(&world);
}

#[test]
fn members_that_could_not_be_read_are_read_by_the_next_increment_though_nothing_changed_since() {
    let world = company();
    let eng = world.group_id("eng");
    world.sim.add_member(&eng, &login("dee")).unwrap();
    world.found(GroupType::OktaGroup, "new", &["cy"]);
    for group in ["eng", "new"] {
        world.sim.forbid_members(&world.group_id(group), true).unwrap();
    }
    for _ in 0..2 {
        let report = world.run(&["sync", "acme", "--changes", "--json"]).exits(4).json();
        assert_eq!(report["problems"].as_array().unwrap().len(), 2, "{report}");
        assert_eq!(world.directory().members_of("eng"), ["ann", "bob"].map(login), "as they were");
        world.sim.advance(LATER);
    }
    for group in ["eng", "new"] {
        world.sim.forbid_members(&world.group_id(group), false).unwrap();
    }
    increment(&world);
    let directory = world.directory();
    assert_eq!(directory.members_of("eng"), ["ann", "bob", "dee"].map(login));
    assert_eq!(directory.members_of("new"), [login("cy")]);
    world.requests();
    increment(&world);
    assert_eq!(world.requests().len(), 3, "nothing is left to be read again");
    converged(&world);
}

#[test]
fn a_new_person_is_created_with_their_groups() {
    let world = company();
    world.hire("eve");
    world.sim.add_member(&world.group_id("eng"), &login("eve")).unwrap();
    world.found(GroupType::OktaGroup, "new", &["eve", "ann"]);
    assert_eq!(increment(&world)["users"]["created"], 1);
    let directory = world.directory();
    assert_eq!(directory.members_of("new"), [login("ann"), login("eve")]);
    assert!(directory.members_of("Everyone").contains(&&*login("eve")));
    converged(&world);
}

#[test]
fn before_the_search_has_caught_up_nothing_is_removed_and_afterwards_nothing_is_missing() {
    let world = company();
    world.sim.set_search_lag(Duration::from_secs(4 * 60));
    world.hire("eve");
    let eng = world.group_id("eng");
    world.sim.add_member(&eng, &login("eve")).unwrap();
    world.sim.set_status(&login("cy"), Status::Suspended).unwrap();
    let dee = world.user_id(&login("dee"));
    world.sim.deactivate_user(&dee).unwrap();
    world.sim.delete_user(&dee).unwrap();
    // The search shows dee as she was, and does not know eve.
    let early = increment(&world);
    assert_eq!(early["memberships"]["removed"], 0, "{early}");
    assert_eq!(early["users"]["absent"], 1, "the log knows better than the search: {early}");
    increment(&world);
    world.sim.advance(Duration::from_secs(4 * 60 + 1));
    increment(&world);
    let directory = world.directory();
    assert_eq!(directory.members_of("eng"), [login("ann"), login("bob"), login("eve")]);
    assert_eq!(directory.user(&login("cy"))["active"], false);
    converged(&world);
}

#[test]
fn what_can_not_be_told_asks_for_a_full_sync() {
    let world = World::company(&["ann"], &[]);
    let refused = |why: &str| {
        let ran = world.run(&["sync", "acme", "--changes"]).exits(1);
        assert!(ran.stderr.contains(why), "{}", ran.stderr);
        ran.stderr
    };
    let told = refused("no full sync has left a point to go on from");
    assert!(told.contains("`rollcall sync acme` reads everything"), "{told}");
    world.sync();
    increment(&world);
    world.configure("settings.attributes = [\"title\"]");
    refused("its configuration, plugins or credential have changed since the last full sync");
    world.configure("settings.users.search = 'profile.firstName eq \"ann\"'");
    world.sync();
    refused("okta does not tell of changes in whom the expression finds (users.search)");
}

#[test]
fn a_credential_that_may_not_read_the_log_is_told_what_it_does_not_see() {
    let world = company();
    world.sim.add_fault("forbidden where=logs".parse().unwrap());
    world.sim.update_profile(&login("ann"), profile("anna")).unwrap();
    let report = world.run(&["sync", "acme", "--changes", "--json"]).exits(4).json();
    assert_eq!((&report["users"]["renamed"], &report["problems"][0]["kind"]), (&json!(1), &json!("run")));
    assert!(report["problems"][0]["hint"].as_str().unwrap().contains("System Log"), "{report}");
}

#[test]
fn a_sync_decides_by_itself_and_says_why_it_read_everything() {
    let world = World::company(&["ann"], &[]);
    let auto = || world.run(&["sync", "acme", "--auto"]).exits(0).stdout;
    let told = auto();
    assert!(told.contains("Everything was read: no full sync has left a point to go on from."), "{told}");
    world.requests();
    assert!(!auto().contains("Everything was read"));
    assert!(world.requests().iter().any(|request| request.contains("/api/v1/logs")));
    world.configure("settings.users.search = 'profile.firstName eq \"ann\"'");
    assert!(auto().contains("its configuration, plugins or credential have changed"));
    let told = auto();
    assert!(told.contains("Everything was read: okta does not tell of changes in whom"), "{told}");
    let runs = world.run(&["runs", "--json"]).exits(0).json();
    let modes: Vec<&str> = runs.as_array().unwrap().iter().map(|run| run["mode"].as_str().unwrap()).collect();
    assert_eq!(modes, ["full", "full", "changes", "full"]);
}
