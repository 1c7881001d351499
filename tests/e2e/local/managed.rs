use serde_json::json;

use crate::support::World;

/// Kim and Lee are local; both, and ann's local membership, are in groups that `acme` fills.
fn world() -> World {
    let world = World::company(&["ann", "bob"], &[("jira-admins", &["ann"]), ("wiki", &["bob"])]);
    world.sync();
    world.write("people.csv", "userName\nkim\nlee\n");
    world.run(&["local", "import", "people.csv"]).exits(0);
    for (group, who) in [("jira-admins", "kim"), ("jira-admins", "ann@acme.example"), ("wiki", "lee")] {
        world.run(&["local", "group", "add", group, who]).exits(0);
    }
    world
}

fn members(world: &World, group: &str) -> Vec<String> {
    let shown = world.run(&["group", group, "--json"]).exits(0).json();
    serde_json::from_value(shown["members"].clone()).unwrap()
}

const MANAGED: &str = "conflicts.local-groups = [{ name = \"jira-*\", memberships = \"managed\" }]";

#[test]
fn a_managed_group_holds_exactly_whom_connectors_give() {
    let world = world();
    world.sync();
    assert_eq!(members(&world, "jira-admins"), ["ann@acme.example", "kim"], "protected unless it is managed");
    world.configure(MANAGED);
    let planned = world.run(&["plan", "acme"]).exits(0).stdout;
    assert!(planned.contains("~ local members of jira-admins: - kim"), "{planned}");
    let report = world.sync();
    assert_eq!(report["memberships"]["removed"], json!(1), "what acme gives as well goes on: {report}");
    let run = world.run(&["run", &report["run"].to_string()]).exits(0).stdout;
    assert!(run.contains("~ local members of jira-admins: - kim"), "{run}");
    assert_eq!(members(&world, "jira-admins"), ["ann@acme.example"]);
    assert_eq!(members(&world, "wiki"), ["bob@acme.example", "lee"], "another group stays protected");
    world.run(&["user", "kim"]).exits(0);
    assert_eq!(world.sync()["memberships"]["removed"], 0);
}

#[test]
fn taking_local_members_out_is_held_over_the_limit_of_removals() {
    let world = world();
    world.configure(&format!("{MANAGED}\nsafety.removals = 0"));
    let report = world.run(&["sync", "acme", "--json"]).exits(3).json();
    assert_eq!(report["held"]["memberships"], json!(1), "{report}");
    assert_eq!(members(&world, "jira-admins"), ["ann@acme.example", "kim"]);
    world.run(&["approve", &report["run"].to_string()]).exits(0);
    assert_eq!(members(&world, "jira-admins"), ["ann@acme.example"]);
}
