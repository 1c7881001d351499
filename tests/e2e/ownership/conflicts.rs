//! Two organisations with the same people, over one directory: `hr` is above `acme`.

use okta_sim::{GroupType, Population, RunningSim, Status};
use serde_json::{Value, json};

use crate::support::{World, profile};

/// `acme` has ann and bob, who are staff; `hr` has Ann, who is in Staff.
fn two() -> (World, RunningSim) {
    let world = World::company(&["ann", "bob"], &[("staff", &["ann", "bob"])]);
    let hr = world.another_sim(Population { users: 0, groups: 0, ..Population::default() });
    hr.create_user(Status::Active, profile("Ann")).unwrap();
    let group = hr.create_group(GroupType::OktaGroup, "Staff", None);
    hr.add_member(&group, "Ann@acme.example").unwrap();
    (world, hr)
}

/// With these lines for each connector.
fn configure(world: &World, hr: &RunningSim, of_acme: &str, of_hr: &str) {
    let connector = |name: &str, url: &str, lines: &str| {
        let connector = world.connector(name, "{ env = \"OKTA_TOKEN\" }").replace(&world.sim.url(), url);
        format!(
            "{connector}settings.groups.exclude-types = [\"BUILT_IN\"]\n[connector.{name}.conflicts]\n{lines}\n"
        )
    };
    let order = "[directory]\norder = [\"hr\", \"acme\"]\n";
    let connectors =
        [connector("acme", &world.sim.url(), of_acme), connector("hr", &hr.url(), of_hr)].concat();
    world.write("rollcall.toml", format!("{order}{connectors}"));
}

fn sync(world: &World, name: &str, exit: i32) -> Value {
    world.run(&["sync", name, "--json"]).exits(exit).json()
}

const ADOPT: &str = "users = \"adopt\"\ngroups = \"adopt\"";

#[test]
fn the_connector_above_takes_over_and_the_one_below_leaves_it_so_every_night() {
    let (world, hr) = two();
    configure(&world, &hr, "", ADOPT);
    sync(&world, "acme", 0);
    let ann = world.user_id("ann@acme.example");
    let key = world.directory().keys[&ann];
    // What is planned is seen before it happens, and is what happens.
    let plan = world.run(&["plan", "hr"]).exits(0).stdout;
    assert!(
        plan.contains("~ update user Ann@acme.example: ") && plan.contains("connector \"acme\" → \"hr\""),
        "{plan}"
    );
    let csv = world.run(&["plan", "hr", "--csv"]).exits(0).stdout;
    assert!(csv.contains("update,user,Ann@acme.example,connector,acme,hr,"), "{csv}");
    assert!(csv.contains(&format!("update,user,Ann@acme.example,externalId,{ann},")), "{csv}");
    let report = sync(&world, "hr", 0);
    assert_eq!(
        (&report["users"]["created"], &report["users"]["updated"]),
        (&json!(0), &json!(1)),
        "{report}"
    );
    let run = world.run(&["run", &report["run"].to_string()]).exits(0).stdout;
    assert!(run.contains("connector \"acme\" → \"hr\""), "{run}");
    let directory = world.directory();
    let names = directory.user_names();
    assert_eq!(
        names,
        ["Ann@acme.example", "bob@acme.example"],
        "case-insensitive matching with the original case kept"
    );
    assert!(directory.keys.values().any(|known| *known == key), "the key stays");
    for _ in 0..2 {
        let report = sync(&world, "acme", 0);
        assert_eq!(report["users"]["dropped"], json!(1));
        let told = report["left_out"].as_array().unwrap();
        assert_eq!(told.last().unwrap()["reason"], "held by connector hr", "{report}");
        assert_eq!(report["memberships"]["removed"], json!(0), "nobody loses access between two runs");
        let words = world.run(&["sync", "acme"]).exits(0).stdout;
        assert!(words.contains("1 user and 1 group are left out:"), "{words}");
        assert!(words.contains(&format!("user Ann@acme.example ({ann}): held by connector hr")), "{words}");
        let report = sync(&world, "hr", 0);
        assert_eq!((&report["users"]["updated"], &report["users"]["unchanged"]), (&json!(0), &json!(1)));
    }
    let group = world.run(&["group", "staff"]).exits(0).stdout;
    assert!(group.contains("Ann@acme.example") && group.contains("bob@acme.example"), "{group}");
}

#[test]
fn dont_touch_what_the_tool_did_not_create() {
    let (world, hr) = two();
    configure(&world, &hr, "", "");
    sync(&world, "hr", 0);
    let before = world.run(&["users", "ann", "--json"]).exits(0).stdout;
    let report = sync(&world, "acme", 4);
    let problems: Vec<&str> = report["problems"]
        .as_array()
        .unwrap()
        .iter()
        .map(|problem| problem["message"].as_str().unwrap())
        .collect();
    assert!(
        problems.iter().any(|told| told
            .contains("the user name \"ann@acme.example\" belongs to user \"Ann@acme.example\"")
            && told.contains("connector hr")),
        "{problems:?}"
    );
    assert_eq!(world.run(&["users", "ann", "--json"]).exits(0).stdout, before);

    configure(&world, &hr, "users = \"fail\"\ngroups = \"share\"", "");
    world.failed_sync().says(&[
        "belongs to user \"Ann@acme.example\"",
        "is wanted by",
        "connector.acme.conflicts",
    ]);
    assert_eq!(
        world.directory().user_names(),
        ["Ann@acme.example", "bob@acme.example"],
        "nothing is applied"
    );

    configure(&world, &hr, "users = \"suffix\"\ngroups = \"share\"\nsuffix = \".{connector}\"", "");
    let report = sync(&world, "acme", 0);
    assert_eq!(report["groups"]["created"], json!(0));
    assert_eq!(
        world.directory().user_names(),
        ["Ann@acme.example", "ann@acme.example.acme", "bob@acme.example"]
    );
    let report = sync(&world, "acme", 0);
    assert_eq!((&report["users"]["unchanged"], &report["memberships"]["created"]), (&json!(2), &json!(0)));
    let group = world.run(&["group", "Staff"]).exits(0).stdout;
    for name in ["Ann@acme.example", "ann@acme.example.acme", "bob@acme.example"] {
        assert!(group.contains(name), "{group}");
    }
}
