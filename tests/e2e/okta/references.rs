use okta_sim::Status;
use serde_json::{Value, json};

use crate::support::{World, profile};

fn hire(world: &World, name: &str, more: &[(&str, &str)]) -> String {
    let mut profile = profile(name);
    profile.extend(more.iter().map(|(key, value)| ((*key).to_owned(), json!(value))));
    world.sim.create_user(Status::Active, profile).unwrap()
}

fn user(world: &World, name: &str) -> Value {
    world.run(&["user", &format!("{name}@acme.example"), "--json"]).exits(0).json()
}

#[test]
fn everybody_has_their_manager_whatever_the_organisation_puts_there() {
    for (key, value) in [
        ("id", None),
        ("userName", Some("BOSS@acme.example")),
        ("email", Some("boss@acme.example")),
        ("profile.employeeNumber", Some("17")),
    ] {
        let world = World::company(&[], &[]);
        let boss = hire(&world, "boss", &[("employeeNumber", "17")]);
        hire(&world, "ann", &[("managerId", value.unwrap_or(&boss))]);
        if key != "id" {
            world.configure(&format!("references.manager = \"{key}\""));
        }
        world.sync();
        let ann = user(&world, "ann");
        let boss = user(&world, "boss");
        assert_eq!(ann["user"]["attributes"]["manager"], boss["user"]["key"], "{key}");
        assert_eq!(ann["references"]["manager"]["userName"], "boss@acme.example");
        assert_eq!(boss.get("references"), None);
    }
}

#[test]
fn a_manager_shows_by_name_and_in_the_plan() {
    let world = World::company(&["boss"], &[]);
    let boss = world.user_id("boss@acme.example");
    hire(&world, "ann", &[("managerId", &boss)]);
    let plan = world.run(&["plan", "acme", "--json"]).exits(0).stdout;
    assert!(plan.contains("\"manager\":1"), "{plan}");
    world.sync();
    let key = user(&world, "boss")["user"]["key"].clone();
    let shown = world.run(&["user", "ann@acme.example"]).exits(0).stdout;
    assert!(shown.contains(&format!("{key} (boss Test, boss@acme.example)")), "{shown}");
    world.sim.rename_login(&boss, "chief@acme.example").unwrap();
    let report = world.sync();
    assert_eq!((&report["users"]["renamed"], &report["users"]["updated"]), (&json!(1), &json!(0)));
    assert_eq!(user(&world, "ann")["user"]["attributes"]["manager"], key);
}

#[test]
fn a_manager_whom_nobody_knows_is_left_out_and_named() {
    let world = World::company(&["ann"], &[]);
    hire(&world, "bob", &[("managerId", "emp-17")]);
    for command in [["sync", "acme"], ["run", "1"]] {
        let told = world.run(&command).exits(0).stdout;
        for text in [
            "1 person is without `manager`",
            "user bob@acme.example",
            "\"emp-17\": nobody has it as `id`",
            "hint: none was found; say in `references.manager`",
        ] {
            assert!(told.contains(text), "{text}: {told}");
        }
    }
    world.configure("references.manager = false");
    let report = world.sync();
    assert_eq!(report.get("references"), None);
}

#[test]
fn a_reference_that_the_plugin_does_not_have_is_a_mistake() {
    let world = World::company(&["ann"], &[]);
    for (line, message) in [
        ("references.boss = \"id\"", "plugin okta has no reference `boss`"),
        ("references.manager = true", "`manager` has to be a text or `false`"),
        ("references.manager = \"username\"", "`username` is no key of people"),
    ] {
        world.configure(line);
        world.run(&["sync", "acme"]).exits(2).says(&[message, "rollcall.toml:5"]);
        world.run(&["config", "check"]).exits(2).says(&[message]);
    }
}
