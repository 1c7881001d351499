//! Several directories in one configuration: each is a database of its own.

use okta_sim::{Population, Status};
use serde_json::{Value, json};

use crate::support::{World, profile};

/// `acme` fills the usual directory, `hr` another one, from an organisation of its own.
fn world() -> (World, okta_sim::RunningSim) {
    let world = World::company(&["ann"], &[("Sales", &["ann"])]);
    let other = world.another_sim(Population { users: 0, groups: 0, ..Population::default() });
    // The same name: it is no conflict, because nothing is shared.
    other.create_user(Status::Active, profile("ann")).unwrap();
    other.create_user(Status::Active, profile("bob")).unwrap();
    let own = world.connector("acme", "{ env = \"OKTA_TOKEN\" }");
    let hr = world.connector("hr", "{ env = \"OKTA_TOKEN\" }").replace(&world.sim.url(), &other.url());
    world.write(
        "rollcall.toml",
        format!("[directory.portal]\npath = \"portal.db\"\n{own}{hr}directory = \"portal\"\n"),
    );
    (world, other)
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().unwrap().iter().map(|user| user["userName"].as_str().unwrap()).collect()
}

#[test]
fn every_command_works_on_the_directory_that_is_meant() {
    let (world, _other) = world();
    world.run(&["sync", "--all"]).exits(0);
    assert!(world.work().join("rollcall.db").exists() && world.work().join("portal.db").exists());
    let json = |arguments: &[&str]| world.run(&[arguments, &["--json"]].concat()).exits(0).json();
    assert_eq!(names(&json(&["users"])), ["ann@acme.example"]);
    assert_eq!(names(&json(&["users", "--directory", "portal"])), ["ann@acme.example", "bob@acme.example"]);
    assert_eq!(
        names(&json(&["users", "--connector", "hr"])).len(),
        2,
        "a connector's directory is meant with it"
    );
    assert_eq!(json(&["runs", "hr"])[0]["connector"], "hr");
    assert_eq!(json(&["runs"])[0]["connector"], "acme");
    assert_eq!(json(&["run", "1", "--directory", "portal"])["connector"], "hr", "each counts its runs");
    assert_eq!(json(&["groups", "--directory", "portal"]).as_array().unwrap().len(), 1);
    world.run(&["user", "bob@acme.example"]).exits(1);
    world.run(&["user", "bob@acme.example", "--directory", "portal"]).exits(0);
    world.run(&["group", "Sales", "--directory", "portal"]).exits(1);
    world.run(&["held", "--directory", "portal"]).exits(0);
    world.run(&["local", "group", "create", "Night shift", "--directory", "portal"]).exits(0);
    assert!(!world.directory().group_names().contains(&"Night shift"));
    world
        .run(&["users", "--directory", "portl"])
        .exits(2)
        .says(&["rollcall.toml has no directory `portl`", "did you mean `portal`?"]);
}

#[test]
fn what_goes_over_everything_goes_over_all_directories() {
    let (world, _other) = world();
    let status = world.run(&["status"]).exits(0).stdout;
    assert!(status.contains("There is no directory portal (portal.db) yet"), "{status}");
    world.run(&["sync", "hr"]).exits(0);
    let status = world.run(&["status", "--json"]).exits(0).json();
    let directories: Vec<(&Value, &Value)> = status["directories"]
        .as_array()
        .unwrap()
        .iter()
        .map(|directory| (&directory["name"], &directory["users"]))
        .collect();
    assert_eq!(directories, [(&Value::Null, &json!(0)), (&json!("portal"), &json!(2))]);
    assert_eq!(status["connectors"][1]["directory"], "portal");
    let one = world.run(&["status", "--directory", "portal", "--json"]).exits(0).json();
    assert_eq!(
        (one["directories"].as_array().unwrap().len(), &one["connectors"][0]["name"]),
        (1, &json!("hr"))
    );
    let doctor = world.run(&["doctor", "--offline"]).exits(0).stdout;
    assert!(
        doctor.contains("there is none at rollcall.db yet") && doctor.contains("portal.db is sound"),
        "{doctor}"
    );
    let doctor = world.run(&["doctor", "hr", "--offline"]).exits(0).stdout;
    assert!(!doctor.contains("rollcall.db"), "{doctor}");
}

#[test]
fn a_database_of_the_command_line_is_the_chosen_directorys() {
    let (world, _other) = world();
    world.run(&["--database", "else.db", "sync", "hr"]).exits(0);
    assert!(!world.work().join("portal.db").exists());
    let users =
        world.run(&["users", "--database", "else.db", "--directory", "portal", "--json"]).exits(0).json();
    assert_eq!(names(&users).len(), 2);
    world
        .run(&["--database", "else.db", "sync", "--all"])
        .exits(2)
        .says(&["`--database` names one file", "that of [directory] and `portal`"]);
    let shown = world.run(&["--database", "else.db", "config", "show"]).exits(0).stdout;
    assert!(shown.contains("[directory.portal]\npath = \"else.db\"  # --database"), "{shown}");
    let shown = world.run(&["config", "show"]).exits(0).stdout;
    assert!(shown.contains("directory = \"portal\""), "{shown}");
}
