use serde_json::json;

use crate::support::World;

#[test]
fn each_edit_is_a_run_with_a_kept_change() {
    let world = World::company(&["ann"], &[("Sales", &["ann"])]);
    world.sync();
    world.write("people.csv", "userName,phone\ntemp,1\n");
    world.run(&["local", "import", "people.csv"]).exits(0);
    let edits: [(&[&str], &str); 9] = [
        (&["local", "set", "temp", "phone", "-2"], "update user temp: phone \"1\" → \"-2\""),
        (&["local", "set", "temp", "active", "false"], "disable user temp"),
        (&["local", "set", "temp", "userName", "Temp.Two"], "rename user Temp.Two"),
        (&["local", "set", "temp.two", "--unset", "phone"], "update user Temp.Two: phone \"-2\" → nothing"),
        (&["local", "group", "create", "Night shift"], "create group Night shift"),
        (
            &["local", "group", "add", "night shift", "temp.two", "ann@acme.example"],
            "members of Night shift: + ann@acme.example, Temp.Two",
        ),
        (
            &["local", "group", "remove", "night shift", "ann@acme.example"],
            "members of Night shift: - ann@acme.example",
        ),
        (&["local", "remove", "temp.two"], "delete user Temp.Two"),
        (&["local", "group", "delete", "Night shift"], "delete group Night shift"),
    ];
    for (run, (arguments, told)) in (3..).zip(edits) {
        let ran = world.run(arguments).exits(0);
        assert!(ran.stdout.contains(told), "{told:?} is not said by\n{}", ran.stdout);
        let shown = world.run(&["run", &run.to_string()]).exits(0).stdout;
        assert!(shown.contains(told), "{told:?} is not said by\n{shown}");
    }
    let gone = world.run(&["run", "10", "--json"]).exits(0).json();
    assert_eq!(
        gone["memberships"],
        json!([{ "group": "Night shift", "local": true, "added": [], "removed": ["Temp.Two"] }])
    );
    assert_eq!(world.directory().user_names(), ["ann@acme.example"]);
    assert_eq!(world.directory().group_names(), ["Everyone", "Sales"]);
}

#[test]
fn what_is_a_connectors_is_refused_with_what_to_do() {
    let world = World::company(&["ann"], &[("Sales", &["ann"])]);
    world.sync();
    world.write("people.csv", "userName\ntemp\n");
    world.run(&["local", "import", "people.csv"]).exits(0);
    let refused: [(&[&str], i32, &[&str]); 7] = [
        (&["local", "remove", "ann@acme.example"], 2, &["is connector acme's", "hint: "]),
        (&["local", "group", "delete", "Sales"], 2, &["is connector acme's", "hint: "]),
        (&["local", "group", "create", "sales"], 2, &["belongs to group \"Sales\" (connector acme)"]),
        (&["local", "set", "ann@acme.example", "phone", "1"], 2, &["keep-local = [\"phone\"]"]),
        (
            &["local", "set", "temp", "userName", "ANN@acme.example"],
            2,
            &["belongs to user \"ann@acme.example\""],
        ),
        (&["local", "set", "temp", "externalId", "1"], 2, &["never changes"]),
        (&["local", "group", "add", "Nothing", "temp"], 1, &["there is no group \"Nothing\""]),
    ];
    for (arguments, code, told) in refused {
        world.run(arguments).exits(code).says(told);
    }
    assert_eq!(
        world.run(&["runs", "--json"]).exits(0).json().as_array().unwrap().len(),
        2,
        "no run for a refusal"
    );
    world.run(&["local", "group", "remove", "Sales", "ann@acme.example"]).exits(0);
    assert_eq!(world.directory().members_of("Sales"), ["ann@acme.example"]);
}
