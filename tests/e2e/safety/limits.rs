use okta_sim::Status;
use serde_json::json;

use crate::support::World;

const PEOPLE: [&str; 4] = ["ann", "bob", "cy", "dee"];

/// Three are suspended, one is hired, and only two may be disabled.
pub fn over_the_limit(lines: &str) -> World {
    let world = World::company(&PEOPLE, &[("eng", &["ann", "bob"])]);
    world.configure(&format!("[connector.acme.safety]\ndisables = 2\n{lines}"));
    world.sync();
    for name in ["ann", "bob", "cy"] {
        world.sim.set_status(&world.user_id(&format!("{name}@acme.example")), Status::Suspended).unwrap();
    }
    world.hire("eve");
    world
}

#[test]
fn lesson_8_the_safety_limit_trips_the_exit_code_is_3_and_there_is_a_way_through() {
    let world = over_the_limit("");
    let planned = world.run(&["plan", "acme"]).exits(3).stdout;
    assert!(planned.contains("would disable 3 of 4 people, over the limit of 2"), "{planned}");
    assert!(planned.contains("disable user bob@acme.example"), "a dry run names objects: {planned}");

    let report = world.run(&["sync", "acme", "--json"]).exits(3).json();
    assert_eq!((&report["outcome"], &report["held"]["changes"]), (&json!("held"), &json!(3)), "{report}");
    assert_eq!(report["users"]["created"], 1, "over the ceiling still do the additions");
    assert_eq!(world.directory().user("ann@acme.example")["active"], true);

    let held = world.run(&["held"]).exits(0).stdout;
    assert!(held.contains("Run 2 of acme holds 3 changes:"), "{held}");
    world.run(&["approve", "2", "--only", "bob@acme.example"]).exits(0);
    let directory = world.directory();
    assert_eq!(directory.user("bob@acme.example")["active"], false);
    assert_eq!(directory.user("ann@acme.example")["active"], true);
    world.run(&["approve", "2", "--only", "nobody"]).exits(2).says(&["holds nothing of \"nobody\""]);
    world.run(&["approve", "2"]).exits(0);
    world.run(&["approve", "2"]).exits(2).says(&["nothing of run 2 waits: it was approved"]);
    assert_eq!(world.directory().user("ann@acme.example")["active"], false);
    let after = world.sync();
    assert_eq!(after["users"]["disabled"], 0);
    assert_eq!(world.run(&["held", "--json"]).exits(0).json()["waiting"], json!([]));
}

#[test]
fn one_sync_can_be_let_over_the_limits_but_protected_people_stay() {
    let world = over_the_limit("protect = [\"userName.startsWith('cy')\"]");
    let report = world.run(&["sync", "acme", "--override-limits", "--json"]).exits(0).json();
    assert_eq!((&report["users"]["disabled"], &report["users"]["created"]), (&json!(2), &json!(1)));
    assert_eq!(world.directory().user("cy@acme.example")["active"], true);
    let told = report["protected"][0].as_str().unwrap();
    assert!(told.starts_with("user cy@acme.example stays: disable is forbidden by"), "{told}");
}
