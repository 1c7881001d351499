//! Full syncs that leave out the members of groups that did not change: the directory is what it would be without.

use std::time::Duration;

use okta_sim::{GroupType, Status};
use serde_json::{Value, json};

use crate::support::World;

/// Longer than what is too young to be trusted.
const LATER: Duration = Duration::from_secs(10 * 60);

const SKIP: &str = "[connector.acme.reading]\nskip-unchanged-members = true\n";

fn company(lines: &str) -> World {
    let world = World::company(
        &["ann", "bob", "cy", "dee"],
        &[("eng", &["ann", "bob"]), ("ops", &["cy"]), ("empty", &[])],
    );
    world.found(GroupType::AppGroup, "imported", &["cy"]);
    world.configure(lines);
    world.sim.advance(LATER);
    world.sync();
    world
}

/// A full sync: what it told, and the groups whose members it asked for.
#[track_caller]
fn sync(world: &World) -> (Value, Vec<String>) {
    world.requests();
    let report = world.sync();
    let mut asked: Vec<String> = world
        .requests()
        .iter()
        .filter_map(|path| {
            path.strip_prefix("/api/v1/groups/")?.split_once("/users").map(|(id, _)| id.to_owned())
        })
        .map(|id| world.sim.group(&id).unwrap()["profile"]["name"].as_str().unwrap().to_owned())
        .collect();
    asked.sort();
    (report, asked)
}

/// Reading all members finds nothing left to do.
#[track_caller]
fn converged(world: &World) {
    world.configure("");
    let (report, asked) = sync(world);
    assert!(asked.len() >= 3, "{asked:?}");
    for count in ["created", "removed"] {
        assert_eq!(report["memberships"][count], 0, "{report}");
    }
}

fn login(name: &str) -> String {
    format!("{name}@acme.example")
}

#[test]
fn members_of_unchanged_groups_are_read_again_unless_the_admin_wants_otherwise() {
    let world = company("");
    let (report, asked) = sync(&world);
    assert_eq!(asked, ["eng", "imported", "ops"]);
    assert_eq!(report["requests"].get("groups_unchanged"), None);
}

#[test]
fn fewer_calls_only_members_of_groups_that_changed_are_read() {
    let world = company(SKIP);
    let before = world.directory();
    let (report, asked) = sync(&world);
    // Nothing says that the time follows imports.
    assert_eq!(asked, ["imported"]);
    assert_eq!(report["requests"]["groups_unchanged"], 2);
    assert_eq!(before.difference(&world.directory()), None);
    let text = world.run(&["sync", "acme"]).exits(0).stdout;
    assert!(text.contains("members of 2 groups unchanged and not asked for"), "{text}");

    world.sim.add_member(&world.group_id("eng"), &login("dee")).unwrap();
    world.sim.import_members(&world.group_id("imported"), &[login("dee")], &[login("cy")]).unwrap();
    let planned = world.run(&["plan", "acme"]).exits(0).stdout;
    assert!(planned.contains("members of eng: + dee@acme.example"), "{planned}");
    let (report, asked) = sync(&world);
    assert_eq!(asked, ["eng", "imported"]);
    assert_eq!(
        (&report["memberships"]["created"], &report["memberships"]["removed"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(world.directory().members_of("eng"), [login("ann"), login("bob"), login("dee")]);
    converged(&world);
}

#[test]
fn a_membership_that_changed_a_moment_ago_is_read_until_its_time_is_long_past() {
    let world = company(SKIP);
    world.sim.add_member(&world.group_id("ops"), &login("ann")).unwrap();
    assert_eq!(sync(&world).1, ["imported", "ops"]);
    // Within the same second, so that the time that Okta shows stays as it was.
    world.sim.add_member(&world.group_id("ops"), &login("bob")).unwrap();
    assert_eq!(sync(&world).0["memberships"]["created"], 1);
    world.sim.advance(LATER);
    // Now it is known for certain, and is kept as such.
    assert_eq!(sync(&world).1, ["imported", "ops"]);
    assert_eq!(sync(&world).1, ["imported"]);
    assert_eq!(world.directory().members_of("ops"), [login("ann"), login("bob"), login("cy")]);
    converged(&world);
}

#[test]
fn whoever_is_deactivated_leaves_groups_that_are_not_read_and_comes_back_into_those_that_a_rule_kept() {
    let world = company(SKIP);
    world.sim.add_member_by_rule(&world.group_id("empty"), &login("bob")).unwrap();
    sync(&world);
    world.sim.advance(LATER);
    sync(&world);
    world.sim.advance(LATER);

    world.sim.deactivate_user(&login("bob")).unwrap();
    let (report, asked) = sync(&world);
    assert_eq!(asked, ["imported"]);
    assert_eq!(report["users"]["disabled"], 1, "{report}");
    let directory = world.directory();
    assert!(directory.members_of("empty").is_empty() && directory.members_of("eng") == [login("ann")]);
    world.sim.advance(LATER);

    world.sim.set_status(&login("bob"), Status::Active).unwrap();
    let (report, asked) = sync(&world);
    assert!(!asked.contains(&"empty".to_owned()), "{asked:?}");
    assert_eq!(report["users"]["enabled"], 1, "{report}");
    assert_eq!(world.directory().members_of("empty"), [login("bob")]);
    converged(&world);
}

#[test]
fn whoever_is_deleted_is_cleaned_up_out_of_groups_that_are_not_read() {
    let lines = format!("cleanup = {{ users = \"delete\" }}\n{SKIP}");
    let world = company(&lines);
    let cy = world.user_id(&login("cy"));
    world.sim.deactivate_user(&cy).unwrap();
    world.sim.delete_user(&cy).unwrap();
    let (report, asked) = sync(&world);
    assert!(asked.is_empty(), "{asked:?}: nobody is left in imported");
    assert_eq!(report["users"]["removed"], 1, "{report}");
    assert!(world.directory().members_of("ops").is_empty());
}

#[test]
fn a_group_whose_members_could_not_be_read_is_asked_for_again() {
    let world = company(SKIP);
    let eng = world.group_id("eng");
    world.sim.add_member(&eng, &login("cy")).unwrap();
    world.sim.advance(LATER);
    world.sim.forbid_members(&eng, true).unwrap();
    world.run(&["sync", "acme"]).exits(4);
    world.sim.forbid_members(&eng, false).unwrap();
    let (report, asked) = sync(&world);
    assert_eq!(asked, ["eng", "imported"]);
    assert_eq!(report["memberships"]["created"], 1, "{report}");
}

#[test]
fn another_configuration_reads_all_members_again() {
    let world = company(SKIP);
    assert_eq!(sync(&world).1, ["imported"]);
    world.configure(&format!("cleanup = {{ users = \"keep\" }}\n{SKIP}"));
    assert_eq!(sync(&world).1, ["eng", "imported", "ops"]);
    assert_eq!(sync(&world).1, ["imported"]);
}

/// A debug build can be told the time.
#[cfg(debug_assertions)]
#[test]
fn after_seven_days_all_members_are_read_whatever_okta_says() {
    let mut world = World::company(&["ann"], &[("eng", &["ann"])]);
    let clock = world.whole().join("clock");
    let at = |time: &str| {
        let new = clock.with_extension("new");
        std::fs::write(&new, time).unwrap();
        std::fs::rename(new, &clock).unwrap();
    };
    world.place.variables.push(("ROLLCALL_CLOCK".into(), clock.display().to_string()));
    world.configure(SKIP);
    world.sim.advance(LATER);
    at("2027-03-01T00:00:00Z");
    world.sync();
    at("2027-03-07T23:59:00Z");
    assert!(sync(&world).1.is_empty());
    at("2027-03-08T00:00:00Z");
    assert_eq!(sync(&world).1, ["eng"]);
    at("2027-03-14T00:00:00Z");
    assert!(sync(&world).1.is_empty());
}
