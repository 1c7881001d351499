//! `rollcall explain`: the answer for everybody an admin may ask about.

use okta_sim::Status;
use serde_json::json;

use crate::support::{World, assert_golden};

const RULES: &str = r#"cleanup.grace-runs = 3
entries.keep-local = ["givenName"]
entries.group-names = "hold"

[[connector.acme.transform]]
plugin = "rules"

[[connector.acme.transform.settings.groups]]
drop = ["tmp-*"]
reason = "not for applications"

[[connector.acme.transform.settings.groups]]
hide = ["ops"]

[[connector.acme.transform.settings.people]]
drop = 'isMember("ops")'
reason = "operators have accounts of their own"

[[connector.acme.transform.settings.people]]
name = "shout"
set = "displayName"
from = "userName"
steps = [{ before = "@" }, "upper"]

[[connector.acme.transform.settings.people]]
name = "staff"
when = 'isMember("eng")'
add-groups = "Staff"
"#;

fn login(name: &str) -> String {
    format!("{name}@acme.example")
}

fn delete(world: &World, name: &str) {
    let id = world.user_id(&login(name));
    for _ in 0..2 {
        world.sim.delete_user(&id).unwrap();
    }
}

fn company() -> World {
    let people = ["ann", "bob", "cy", "dee", "eve", "gil"];
    let world = World::company(&people, &[("eng", &["ann", "bob"]), ("tmp-1", &["ann"]), ("ops", &["cy"])]);
    world.configure(RULES);
    world.write("people.csv", "userName,email\ngil@acme.example,gil@else.example\nlou,lou@else.example\n");
    world.run(&["local", "import", "people.csv"]).exits(0);
    world.run(&["sync", "acme"]).exits(4);
    world.run(&["local", "set", &login("ann"), "givenName", "Annie"]).exits(0);
    world.sim.set_status(&login("eve"), Status::Suspended).unwrap();
    world.sim.rename_login(&login("bob"), &login("bobby")).unwrap();
    world.sim.rename_group(&world.group_id("eng"), "engineering").unwrap();
    delete(&world, "dee");
    world.run(&["sync", "acme"]).exits(4);
    world
}

/// What it prints, after that exit code.
#[track_caller]
fn explained(world: &World, who: &str, code: i32) -> String {
    world.run(&["explain", "acme", who]).exits(code).stdout
}

#[test]
fn the_answer_comes_first_and_then_what_it_rests_on() {
    let world = company();
    world.requests();
    let before = world.directory();
    for (golden, who, code) in [
        ("normal", login("ann"), 0),
        ("renamed", login("bob"), 0),
        ("dropped", login("cy"), 0),
        ("in-grace", login("dee"), 0),
        ("disabled", login("eve"), 0),
        ("conflict", login("gil"), 0),
        ("unknown", login("anne"), 1),
        ("local", "lou".to_owned(), 0),
    ] {
        assert_golden(&world, &format!("explain-{golden}"), &explained(&world, &who, code));
    }
    assert!(world.requests().is_empty(), "nothing is asked of the provider");
    assert_eq!(world.directory(), before);
    let json = world.run(&["explain", "acme", &login("ann"), "--json"]).exits(0).json();
    assert_eq!(json["whereabouts"], "active", "{json}");
    assert_eq!(json["differences"][0]["what"], "givenName", "{json}");
}

#[test]
fn what_waits_for_a_person_is_the_answer() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann"])]);
    world.configure("[connector.acme.safety]\ndisables = 0\nprotect = ['userName.startsWith(\"ann\")']\n");
    world.sync();
    world.sim.set_status(&login("bob"), Status::Suspended).unwrap();
    world.run(&["sync", "acme"]).exits(3);
    assert_golden(&world, "explain-held", &explained(&world, &login("bob"), 0));
    world.run(&["approve", "2"]).exits(0);
    let told = explained(&world, &login("bob"), 0);
    assert!(told.contains("disabled, because the provider says so"), "{told}");
    assert!(explained(&world, &login("ann"), 0).contains("no run disables, deletes or anonymizes them"));
}

#[test]
fn whoever_is_gone_is_told_from_what_is_kept() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann"])]);
    let before = world.run(&["explain", "acme", &login("ann")]).exits(1);
    before.says(&["there is no directory yet"]);
    world.configure("cleanup.users = \"delete\"");
    world.sync();
    delete(&world, "ann");
    world.sync();
    let told = explained(&world, &login("ann"), 0);
    assert!(
        told.starts_with("ann@acme.example is not in the directory: the provider no longer returns them"),
        "{told}"
    );
    assert!(told.contains("since run 2"), "{told}");
    // A changed rule is told before a sync follows it.
    world.configure(RULES);
    let json = world.run(&["explain", "acme", &login("bob"), "--json"]).exits(0).json();
    assert_eq!(
        json["differences"][0]["why"], "the next sync changes it, unless something holds it",
        "{json}"
    );
    assert_eq!(json["next"], json!("`rollcall sync acme --user bob@acme.example` brings it in step"));
}
