use std::fs;
use std::os::unix::fs::PermissionsExt;

use okta_sim::Status;
use serde_json::json;

use super::limits::over_the_limit;
use crate::support::World;

#[test]
fn a_plan_is_kept_looked_at_and_applied_once_and_then_a_sync_has_nothing_to_do() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann"])]);
    world.sync();
    world.hire("eve");
    world.sim.rename_login(&world.user_id("ann@acme.example"), "anna@acme.example").unwrap();
    world.sim.add_member(&world.group_id("eng"), "eve@acme.example").unwrap();

    let planned = world.run(&["plan", "acme", "--out", "acme.plan"]).exits(0);
    planned.says(&["The plan is kept in acme.plan: `rollcall apply acme.plan` makes exactly these changes."]);
    let file = world.work().join("acme.plan");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(world.sim.token()), "no credential");
    world.run(&["plan", "acme", "--out", "acme.plan"]).exits(2).says(&["acme.plan is there already"]);
    world.run(&["plan", "acme", "--out", "acme.plan", "--force"]).exits(0);

    world.requests();
    let report = world.run(&["apply", "acme.plan", "--json"]).exits(0).json();
    assert_eq!(world.requests().len(), 0, "nothing is read");
    assert_eq!((&report["run"], &report["mode"]), (&json!(2), &json!("apply")));
    assert_eq!((&report["users"]["created"], &report["users"]["renamed"]), (&json!(1), &json!(1)));
    assert_eq!(world.directory().members_of("eng").len(), 2);
    let shown = world.run(&["run", "2"]).exits(0).stdout;
    assert!(shown.contains("~ rename user anna@acme.example"), "{shown}");

    let told = world.run(&["apply", "acme.plan"]).exits(2);
    told.says(&["acme.plan was applied already, by run 2", "`rollcall plan acme --out FILE`"]);
    let after = world.sync();
    assert_eq!((&after["outcome"], &after["users"]["unchanged"]), (&json!("done"), &json!(3)));
    assert_eq!(world.run(&["run", "3", "--json"]).exits(0).json()["changes"], json!([]));
}

#[test]
fn a_plan_over_a_limit_is_held_by_apply_as_by_sync() {
    let world = over_the_limit("");
    world.run(&["plan", "acme", "--out", "acme.plan.gz"]).exits(3);
    let report = world.run(&["apply", "acme.plan.gz", "--json"]).exits(3).json();
    assert_eq!((&report["users"]["created"], &report["users"]["held"]), (&json!(1), &json!(3)));
    let held = world.run(&["held"]).exits(0).stdout;
    assert!(held.contains("Run 2 of acme holds 3 changes:"), "{held}");
    world.run(&["approve", "2"]).exits(0);
    assert_eq!(world.directory().user("ann@acme.example")["active"], false);

    let world = over_the_limit("");
    world.run(&["plan", "acme", "--out", "acme.plan"]).exits(3);
    let report = world.run(&["apply", "acme.plan", "--override-limits", "--json"]).exits(0).json();
    assert_eq!((&report["users"]["disabled"], &report["users"]["held"]), (&json!(3), &json!(0)));
    assert_eq!(world.sync()["users"]["disabled"], 0);
}

#[test]
fn what_can_not_be_applied_is_refused_with_what_to_do() {
    let world = World::company(&["ann", "bob"], &[]);
    world.sync();
    let suspend = |name: &str| {
        world.sim.set_status(&world.user_id(&format!("{name}@acme.example")), Status::Suspended).unwrap();
    };
    suspend("ann");
    world.run(&["plan", "acme", "--out", "first"]).exits(0);
    suspend("bob");
    world.run(&["plan", "acme", "--out", "second"]).exits(0);
    world.run(&["apply", "first"]).exits(0);
    let told = world.run(&["apply", "second"]).exits(1);
    told.says(&[
        "error: 1 change of second no longer fits: nothing was applied",
        "  user ann@acme.example: active is false now, and was true when the change was planned",
        "hint: `--skip-changed` applies the others; `rollcall plan acme --out FILE` makes one of today",
    ]);
    let causes = world.run(&["apply", "second", "--json"]).exits(1).json()["error"]["causes"].clone();
    assert_eq!(causes.as_array().unwrap().len(), 1, "a program sees it too: {causes}");
    assert_eq!(world.directory().user("bob@acme.example")["active"], true);
    world.run(&["apply", "second", "--skip-changed"]).exits(4);
    assert_eq!(world.directory().user("bob@acme.example")["active"], false);

    world.run(&["plan", "acme", "--out", "third"]).exits(0);
    world.configure("[connector.acme.settings]\ngroups.exclude = [\"x\"]");
    world.run(&["apply", "third"]).exits(1).says(&["had another value of the plugin's settings"]);
    world.configure("");
    world.sync();
    world.run(&["apply", "third"]).exits(1).says(&["run 4 has read connector acme since"]);
    world
        .run(&["apply", "nothing"])
        .exits(1)
        .says(&["the plan nothing could not be opened", "check the file's name"]);
    world.run(&["apply", "rollcall.toml"]).exits(1).says(&["rollcall.toml is no plan"]);
    world.run(&["plan", "acme", "--force"]).exits(2);
}
