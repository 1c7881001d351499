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

/// "a ceiling on deletions, with a way through": for one of them, before the next sync.
#[test]
fn who_is_approved_by_name_is_taken_along_by_the_next_sync() {
    let world = over_the_limit("");
    world.run(&["sync", "acme"]).exits(3);
    let planned = world.run(&["plan", "acme", "--json"]).exits(3).json();
    let held = &planned["held"]["changes"][0];
    assert_eq!((&held["kind"], &held["name"]), (&json!("disable"), &json!("ann@acme.example")));
    assert_eq!(held["held"], "would disable 3 of 5 people, over the limit of 2");
    assert_eq!(planned["changes"], json!([]), "what is held is not what is changed");
    let csv = world.run(&["held", "--csv"]).exits(0).stdout;
    let second = csv.lines().nth(1).unwrap();
    assert!(second.starts_with("2,acme,disable,user,ann@acme.example,"), "{csv}");
    assert!(second.contains("would disable 3 of 4 people, over the limit of 2"), "{csv}");
    let status = world.run(&["status"]).exits(0).stdout;
    assert!(status.contains("Run 2 of acme holds 3 changes for a person"), "{status}");
    let runs = world.run(&["runs"]).exits(0).stdout;
    assert!(runs.contains("held (3)"), "{runs}");

    world.run(&["approve", "acme"]).exits(2).says(&["name it with `--user` or `--group`"]);
    world.run(&["approve", "2", "--user", "x"]).exits(2).says(&["`rollcall approve 2 --only NAME`"]);
    world.run(&["approve", "acme", "--user", "x"]).exits(2).says(&["the directory has no user x"]);
    let told = world.run(&["approve", "acme", "--user", "Ann@acme.example"]).exits(0).stdout;
    assert_eq!(told, "The next sync of acme does not hold changes of user ann@acme.example.\n");
    let held = world.run(&["held"]).exits(0).stdout;
    assert!(held.contains("user ann@acme.example: the next sync of acme does not hold it"), "{held}");

    let report = world.sync();
    assert_eq!(
        (&report["users"]["disabled"], &report["approved"]),
        (&json!(3), &json!(["user ann@acme.example"]))
    );
    let first = world.run(&["run", "2", "--json"]).exits(0).json();
    assert_eq!(first["held"]["changes"][0]["state"], "superseded");
    let listed = world.run(&["held", "--json"]).exits(0).json();
    assert_eq!(listed, json!({ "waiting": [], "approved": [] }));
}
