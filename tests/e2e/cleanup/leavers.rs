use serde_json::json;

use crate::support::World;

/// The first call deactivates, the second removes: from then on nothing names them.
fn delete(world: &World, name: &str) {
    let id = world.user_id(&format!("{name}@acme.example"));
    for _ in 0..2 {
        world.sim.delete_user(&id).unwrap();
    }
}

#[test]
fn never_delete_unless_told_disable_first_with_a_grace_period() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann", "bob"])]);
    world.sync();
    world.configure("cleanup.grace-runs = 2");
    delete(&world, "bob");
    let report = world.sync();
    assert_eq!(report["leaving"][0]["stays"], "missing for 1 of 2 runs; then disabled", "{report}");
    assert_eq!(report["users"]["disabled"], 0);
    let report = world.sync();
    assert_eq!((&report["users"]["disabled"], &report["users"]["removed"]), (&json!(1), &json!(0)));
    assert_eq!(world.sync()["users"]["disabled"], 0);
}

#[test]
fn a_report_with_the_reason_for_each_removal() {
    let world = World::company(&["ann", "bob"], &[("eng", &["bob"])]);
    world.sync();
    world.configure("cleanup.users = \"delete\"");
    delete(&world, "bob");
    let planned = world.run(&["plan", "acme", "--json"]).exits(0).json();
    assert_eq!(planned["changes"][0]["reason"], "no longer returned", "{planned}");
    assert_eq!(world.directory().users.len(), 2, "a plan changes nothing");
    let report = world.sync();
    assert_eq!((&report["users"]["removed"], &report["memberships"]["removed"]), (&json!(1), &json!(2)));
    let text = world.run(&["run", "2"]).exits(0);
    assert!(text.stdout.contains("- delete user bob@acme.example (no longer returned)"), "{}", text.stdout);
    let csv = world.run(&["run", "2", "--csv"]).exits(0);
    assert!(csv.stdout.contains("delete,user,bob@acme.example,,,,no longer returned"), "{}", csv.stdout);
}
