use okta_sim::{GroupType, Status};
use serde_json::{Value, json};

use crate::support::World;

/// Three syncs: everybody comes, things happen, things happen again.
fn busy() -> World {
    let world = World::company(&["ann", "bob"], &[("Sales", &["ann", "bob"])]);
    world.sync();
    let ann = world.user_id("ann@acme.example");
    world.sim.rename_login(&ann, "Ann.B@acme.example").unwrap();
    world.sim.remove_member(&world.group_id("Sales"), &ann).unwrap();
    world.found(GroupType::OktaGroup, "Support", &[]);
    world.sim.add_member(&world.group_id("Support"), &ann).unwrap();
    world.sync();
    world.sim.set_status(&ann, Status::Suspended).unwrap();
    world.sim.rename_group(&world.group_id("Sales"), "Selling").unwrap();
    world.sync();
    world
}

fn history(world: &World, kind: &str, who: &str) -> Value {
    world.run(&["history", kind, who, "--json"]).exits(0).json()
}

fn kinds(history: &Value) -> Vec<(i64, String)> {
    let changes = history["changes"].as_array().unwrap().iter();
    changes
        .map(|change| {
            let what = match change["kind"].as_str().unwrap() {
                kind @ ("add-member" | "remove-member") => {
                    format!("{kind} {}", change["group"].as_str().unwrap())
                }
                kind => kind.to_owned(),
            };
            (change["run"].as_i64().unwrap(), what)
        })
        .collect()
}

#[test]
fn a_persons_history_tells_what_happened_in_its_order_whatever_name_is_asked_for() {
    let world = busy();
    let told = history(&world, "user", "ann.b@ACME.example");
    let expected = [
        (1, "create"),
        (1, "add-member Everyone"),
        (1, "add-member Selling"),
        (2, "rename"),
        (2, "remove-member Selling"),
        (2, "add-member Support"),
        (3, "disable"),
    ];
    let found = kinds(&told);
    assert_eq!(found[..7], expected.map(|(run, what)| (run, what.to_owned())), "{told}");
    let rename = &told["changes"][3];
    assert_eq!(rename["before"], json!({ "userName": "ann@acme.example" }));
    assert_eq!(rename["after"], json!({ "userName": "Ann.B@acme.example" }));
    assert_eq!((&rename["connector"], &told["gone"]), (&json!("acme"), &json!(false)));
    assert!(rename["at"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());

    // By id, by mail, and by the name of before.
    let id = world.user_id("Ann.B@acme.example");
    for who in [id.as_str(), "ann@acme.example"] {
        assert_eq!(history(&world, "user", who), told, "{who}");
    }
    let nobody = world.run(&["history", "user", "nobody@acme.example"]).exits(1);
    nobody.says(&["there is no user \"nobody@acme.example\"", "rollcall users TEXT"]);
}

#[test]
fn a_groups_history_names_who_came_and_who_left() {
    let world = busy();
    let told = history(&world, "group", "sales");
    assert_eq!(told, history(&world, "group", "Selling"));
    let expected = [(1, "create"), (1, "add-member Selling"), (2, "remove-member Selling"), (3, "rename")];
    assert_eq!(kinds(&told), expected.map(|(run, what)| (run, what.to_owned())));
    assert_eq!(told["changes"][1]["members"], json!(["Ann.B@acme.example", "bob@acme.example"]));
    assert_eq!(told["changes"][2]["members"], json!(["Ann.B@acme.example"]));
}

#[test]
fn the_latest_can_be_asked_for_and_all_of_it_for_a_spreadsheet() {
    let world = busy();
    let all = history(&world, "user", "Ann.B@acme.example");
    let number = all["changes"].as_array().unwrap().len();
    let two = world.run(&["history", "user", "Ann.B@acme.example", "--limit", "2", "--json"]).exits(0).json();
    assert_eq!(two["changes"].as_array().unwrap()[..], all["changes"].as_array().unwrap()[number - 2..]);
    assert_eq!(two["earlier"], number - 2);

    let text = world.run(&["history", "user", "Ann.B@acme.example", "--limit", "2"]).exits(0).stdout;
    assert!(text.starts_with("user Ann.B@acme.example\n"), "{text}");
    assert!(text.contains(&format!("… {} changes before these", number - 2)), "{text}");

    let csv = world.run(&["history", "user", "Ann.B@acme.example", "--csv"]).exits(0).stdout;
    let head = csv.lines().next().unwrap();
    assert!(head.starts_with("run,connector,at,kind,entry,name,field,before,after"), "{head}");
    let left = csv.lines().find(|line| line.contains("remove-member")).unwrap();
    assert!(left.contains("group,Selling,member,Ann.B@acme.example,"), "{left}");
}

#[test]
fn a_run_can_be_asked_for_its_changes_only() {
    let world = World::company(&[], &[]);
    for number in 0..30 {
        world.hire(&format!("p{number}"));
    }
    world.sync();
    let whole = world.run(&["run", "1", "--json"]).exits(0).json();
    let only = world.run(&["run", "1", "--changes", "--json"]).exits(0).json();
    assert_eq!(only["changes"], whole["changes"]);
    assert_eq!(only["memberships"], whole["memberships"]);
    assert_eq!(only.as_object().unwrap().len(), 4, "no report: {only}");
    let text = world.run(&["run", "1", "--changes"]).exits(0).stdout;
    assert_eq!(text.lines().count(), 32, "each of them, and Everyone with its members: {text}");
    world.sync();
    let nothing = world.run(&["run", "2", "--changes"]).exits(0);
    assert_eq!(nothing.stdout, "");
    nothing.says(&["It changed nothing."]);
}
