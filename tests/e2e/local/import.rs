use serde_json::{Value, json};

use crate::support::{World, assert_golden};

const PEOPLE: &str = "userName,displayName,email,active,groups,phone\n\
    temp1@acme.example,\"Temp, One\",temp1@acme.example,true,Contractors;Night shift,+49 30 1\n\
    temp2@acme.example,Temp Two,,false,Contractors,\n";

fn world() -> World {
    let world = World::company(&["ann", "bob"], &[("Sales", &["ann"])]);
    world.write("people.csv", PEOPLE);
    world
}

#[test]
fn people_of_a_file_come_into_the_directory_as_a_run_that_can_be_read_afterwards() {
    let world = world();
    let foreseen = world.run(&["local", "import", "people.csv", "--dry-run"]).exits(0);
    assert_golden(&world, "local-dry-run", &foreseen.stdout);
    assert!(world.directory().users.is_empty(), "a dry run writes nothing");
    let done = world.run(&["local", "import", "people.csv"]).exits(0);
    assert_golden(&world, "local-import", &done.stdout);
    assert_golden(&world, "local-run", &world.run(&["run", "1"]).exits(0).stdout);
    let csv = world.run(&["run", "1", "--csv"]).exits(0).stdout;
    assert!(csv.contains("add-member,group,Night shift,member,,temp1@acme.example,,\n"), "{csv}");
    let run = world.run(&["run", "1", "--json"]).exits(0).json();
    assert_eq!(
        (&run["connector"], &run["mode"], &run["outcome"]),
        (&json!("local"), &json!("local"), &json!("done"))
    );
    assert_eq!(run["changes"][0]["after"]["attributes"]["phone"], "+49 30 1");
    assert_eq!(run["memberships"][0]["added"], json!(["temp1@acme.example", "temp2@acme.example"]));
    let listed =
        world.run(&["users", "--connector", "local", "--inactive", "--csv", "--columns", "userName"]);
    assert_eq!(listed.exits(0).stdout, "userName\ntemp2@acme.example\n");
    assert_eq!(world.run(&["runs", "local", "--json"]).exits(0).json().as_array().unwrap().len(), 1);

    let again = world.run(&["local", "import", "people.csv"]).exits(0);
    assert!(again.stdout.starts_with("local: nothing had to be changed (run 2"), "{}", again.stdout);
    let run = world.run(&["run", "2", "--json"]).exits(0).json();
    assert_eq!((&run["changes"], &run["memberships"]), (&json!([]), &json!([])));
}

#[test]
fn a_whole_sync_beside_local_entries_and_memberships_leaves_them_alone() {
    let world = world();
    world.run(&["local", "import", "people.csv"]).exits(0);
    world.sync();
    world.run(&["local", "group", "add", "Sales", "temp1@acme.example", "bob@acme.example"]).exits(0);
    world.run(&["local", "group", "add", "Contractors", "ann@acme.example"]).exits(0);
    let before = world.directory();
    assert_eq!(before.members_of("Sales"), ["ann@acme.example", "bob@acme.example", "temp1@acme.example"]);
    let report = world.sync();
    assert_eq!((&report["users"]["unchanged"], &report["users"]["absent"]), (&json!(2), &json!(0)));
    assert_eq!(world.directory(), before);

    // Ann leaves Sales, and so does everybody whom Okta gave; who was put in here stays.
    world.sim.remove_member(&world.group_id("Sales"), "ann@acme.example").unwrap();
    world.hire("cleo");
    let report = world.sync();
    assert_eq!(report["memberships"]["removed"], 1);
    let after = world.directory();
    assert_eq!(after.members_of("Sales"), ["bob@acme.example", "temp1@acme.example"]);
    assert_eq!(
        after.members_of("Contractors"),
        ["ann@acme.example", "temp1@acme.example", "temp2@acme.example"]
    );
    for local in ["temp1@acme.example", "temp2@acme.example"] {
        assert_eq!(after.user(local), before.user(local));
    }
}

#[test]
fn every_mistake_of_a_file_is_told_at_once_and_nothing_is_imported() {
    let world = world();
    world.sync();
    world.write(
        "wrong.csv",
        "userName,active,groups,phone\nann@acme.example,true,,\nnew,true,Sales;Own,\nother,true,Own,1\n",
    );
    world.write("broken.csv", "userName,active,E-Mail\nx,perhaps,a\nX,true,b\n,true\n");
    let before = world.directory();
    for (name, file) in [("local-names-taken", "wrong.csv"), ("local-broken-file", "broken.csv")] {
        let ran = world.run(&["local", "import", file]).exits(2);
        assert_golden(&world, name, &ran.stderr);
        let json = world.run(&["local", "import", file, "--json"]).exits(2).json();
        assert!(json["error"]["causes"].as_array().unwrap().len() > 1, "{json}");
    }
    world.run(&["local", "import", "nowhere.csv"]).exits(1).says(&["failed to read nowhere.csv"]);
    world.write("utf16.csv", b"\xff\xfeu\0s\0");
    world.run(&["local", "import", "utf16.csv"]).exits(2).says(&["UTF-16", "save it as UTF-8"]);
    assert_eq!(world.directory(), before);
    assert_eq!(world.run(&["runs", "--json"]).exits(0).json().as_array().unwrap().len(), 1);
}

#[test]
fn a_dry_run_tells_whom_a_connector_would_adopt() {
    let world = world();
    world.hire("cleo");
    // Before it takes over, the connector reads into a database of its own.
    let trial = |arguments: &[&str]| world.run(&[&["--database", "trial.db"], arguments].concat());
    trial(&["sync", "acme"]).exits(0);
    world.write(
        "people.csv",
        "userName,email\nANN@acme.example,\nbob,BOB@acme.example\ncleo@acme.example,\nkleo,cleo@acme.example\nzoe,\n",
    );
    let ran = trial(&["local", "import", "people.csv", "--dry-run"]).exits(4);
    assert_golden(&world, "local-adoption", &ran.stdout);
    let json = trial(&["local", "import", "people.csv", "--dry-run", "--json"]).exits(4).json();
    let adoption = &json["adoption"][0];
    let by: Vec<(&str, &str)> = adoption["matches"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["userName"].as_str().unwrap(), one["by"].as_str().unwrap()))
        .collect();
    assert_eq!(by, [("ANN@acme.example", "user name"), ("bob", "mail"), ("cleo@acme.example", "user name")]);
    assert_eq!(adoption["matches"][1]["id"], Value::from(world.user_id("bob@acme.example")));
    assert_eq!(adoption["ambiguous"][0]["userName"], "kleo", "another one has the name");
    assert_eq!(adoption["local"], json!(["zoe"]));
    // In the directory itself nobody is in the way.
    world.run(&["local", "import", "people.csv"]).exits(0);
}

#[cfg(debug_assertions)]
#[test]
fn an_import_that_is_killed_has_happened_as_a_whole_or_not_at_all() {
    let world = world();
    let import = ["local", "import", "people.csv"];
    for (point, done) in [
        ("applying", false),
        ("users-written", false),
        ("groups-written", false),
        ("memberships-written", false),
        ("outcome-written", false),
        ("committed", true),
    ] {
        let killed = world.start_with(&import, |command| {
            command.env("ROLLCALL_KILL_AT", point);
        });
        assert_eq!(world.wait(killed).signal, Some(9), "{point} is never passed");
        let directory = world.directory();
        let (users, groups) = (directory.users.len(), directory.groups.len());
        assert_eq!((users, groups), if done { (2, 2) } else { (0, 0) }, "{point}");
        let last = &world.run(&["runs", "--json"]).exits(0).json()[0]["outcome"];
        assert_eq!(last, if done { "done" } else { "interrupted" }, "{point}");
    }
    let again = world.run(&import).exits(0).stdout;
    assert!(again.contains("nothing had to be changed"), "{again}");
}
