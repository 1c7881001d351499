//! Increments by the clock, between full runs and without them.

use std::fs;

use jiff::Timestamp;
use okta_sim::{GroupType, Population, Sim};
use serde_json::{Value, json};

use super::scene::{EVENING, Scene};
use crate::support::World;

/// A full run in the night, and an increment at half past each hour.
const BOTH: &str = "schedule = { full = \"30 3 * * *\", changes = \"30 * * * *\", time-zone = \"UTC\" }\n";

/// A company whose clock goes by the same time as ours: how far back the provider's log reaches counts here.
fn scene(lines: &str) -> Scene {
    let evening: Timestamp = EVENING.parse().unwrap();
    let ahead = evening.as_second() - Timestamp::now().as_second();
    let nobody = Population { users: 0, groups: 0, ..Population::default() };
    let world = World::of(Sim::builder().population(nobody).clock_offset_seconds(ahead));
    world.hire("ann");
    world.found(GroupType::OktaGroup, "Staff", &["ann"]);
    Scene::new(world, lines)
}

/// What each run read, the first one first.
fn modes(scene: &Scene) -> Vec<String> {
    let runs = scene.world.run(&["runs", "--json"]).exits(0).json();
    let mode = |run: &Value| run["mode"].as_str().unwrap().to_owned();
    runs.as_array().unwrap().iter().rev().map(mode).collect()
}

#[test]
fn quiet_increments_run_between_full_runs_and_never_beside_one() {
    let scene = scene(BOTH);
    scene.world.sync();
    let mut serving = scene.serve();
    let next = scene.status()["connectors"][0]["schedule"].clone();
    assert_eq!(
        (&next["next"]["reads"], &next["next"]["begins"]),
        (&json!("changes"), &json!("2027-03-01T23:30:00Z"))
    );
    assert_eq!(next["next_full"]["begins"], "2027-03-02T03:30:00Z");
    assert_eq!(next["next_changes"]["begins"], "2027-03-01T23:30:00Z");
    let text = scene.world.run(&["status"]).exits(0).stdout;
    for row in ["acme       everything  30 3 * * *  UTC", "acme       changes     30 * * * *  UTC"] {
        assert!(text.contains(row), "{text}");
    }
    scene.world.requests();
    scene.run_at(&mut serving, "2027-03-01T23:30:00Z", "acme: done (run 2, an increment, ");
    assert!(scene.world.requests().len() <= 4);
    scene.world.hire("bob");
    scene.run_at(&mut serving, "2027-03-02T00:30:00Z", "acme: done (run 3, an increment, ");
    assert_eq!(scene.world.directory().user_names(), ["ann@acme.example", "bob@acme.example"]);
    // The clock jumps over two increments; with the third the full run is due, too.
    scene.run_at(&mut serving, "2027-03-02T03:30:00Z", "acme: done (run 4, 0");
    scene.run_at(&mut serving, "2027-03-02T04:30:00Z", "acme: done (run 5, an increment, ");
    let log = scene.stop(serving);
    assert_eq!(modes(&scene), ["full", "changes", "changes", "full", "changes"], "{log}");
    assert!(log.contains("acme: an increment begins (due at 2027-03-02T04:30:00Z)"), "{log}");
    assert!(log.contains("acme: the next run begins at 2027-03-02T05:30:00Z, an increment"), "{log}");
    // What was missed while it was down is made up for once, by an increment.
    scene.at("2027-03-02T08:00:00Z");
    let mut serving = scene.serve();
    scene.waits_for(
        &mut serving,
        "acme: an increment begins that makes up for what was missed since 2027-03-02T05:30",
    );
    scene.waits_for(&mut serving, "acme: done (run 6, an increment, ");
    scene.stop(serving);
    assert_eq!(modes(&scene).len(), 6);
}

#[test]
fn without_times_of_full_runs_an_increment_makes_one_when_it_has_to() {
    let scene = scene("schedule = { changes = \"30 * * * *\", full-every-hours = 3, time-zone = \"UTC\" }\n");
    let mut serving = scene.serve();
    let done = |run: u32| format!("acme: done (run {run}, ");
    scene.run_at(&mut serving, "2027-03-01T23:30:00Z", &done(1));
    scene.run_at(&mut serving, "2027-03-02T00:30:00Z", &done(2));
    scene.run_at(&mut serving, "2027-03-02T02:30:00Z", &done(3));
    scene.run_at(&mut serving, "2027-03-02T03:30:00Z", &done(4));
    // Of another configuration no increment can be sure.
    let changed =
        "schedule = { changes = \"15 * * * *\", time-zone = \"UTC\" }\nsettings.attributes = [\"title\"]\n";
    scene.world.configure(changed);
    scene.ticks_until("2027-03-02T03:30:00Z", "it is taken over", || {
        serving.lines("the next run begins at 2027-03-02T04:15:00Z, an increment") == 1
    });
    scene.run_at(&mut serving, "2027-03-02T04:15:00Z", &done(5));
    let log = scene.stop(serving);
    assert_eq!(modes(&scene), ["full", "changes", "full", "changes", "full"], "{log}");
    for reason in [
        "no full sync has left a point to go on from",
        "the last full sync is 3 h old or older",
        "its configuration, plugins or credential have changed since the last full sync",
    ] {
        assert_eq!(log.matches(&format!("; everything was read: {reason}")).count(), 1, "{log}");
    }
    let schedule = scene.status()["connectors"][0]["schedule"].clone();
    assert_eq!((&schedule["full"], &schedule["full_every_hours"]), (&Value::Null, &json!(24)));
    let text = scene.world.run(&["status"]).exits(0).stdout;
    assert!(text.contains("everything  after 24 hours  UTC        instead of an increment"), "{text}");
}

#[test]
fn a_broken_expression_is_shown_where_it_is() {
    let scene = scene("[connector.acme.schedule]\nfull = \"@daily\"\nchanges = \"*/5 25 * * *\"");
    scene.world.run(&["serve"]).exits(2).says(&["rollcall.toml:7:16: hour: `25` is not from 0 to 23", "^^"]);
}

#[test]
fn full_runs_that_keep_failing_are_told_though_increments_go_well() {
    let scene = scene("");
    let program = scene.world.write("keep", "#!/bin/sh\ncat >> ../told\n");
    #[cfg(unix)]
    fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let schedule = BOTH.replace(" }", ", alert-after-hours = 26 }");
    scene.world.configure(&format!("{schedule}[notify]\ncommand = [\"./keep\"]\n"));
    scene.world.sync();
    // An empty list of everybody is refused by a full run, and nothing for an increment to mind.
    scene.world.sim.add_fault("empty-list where=users".parse().unwrap());
    let mut serving = scene.serve();
    scene.run_at(&mut serving, "2027-03-02T03:30:00Z", "acme: failed (run 2");
    scene.run_at(&mut serving, "2027-03-02T04:30:00Z", "acme: done (run 3, an increment");
    scene.run_at(&mut serving, "2027-03-03T02:30:00Z", "acme: the command was told: silent");
    scene.run_at(&mut serving, "2027-03-03T03:30:00Z", "acme: failed (run ");
    // The same is not told again by a service that begins anew.
    scene.stop(serving);
    let mut serving = scene.serve();
    scene.run_at(&mut serving, "2027-03-03T04:30:00Z", "acme: done (run ");
    scene.world.sim.clear_faults();
    scene.run_at(&mut serving, "2027-03-03T05:30:00Z", "acme: done (run ");
    scene.run_at(&mut serving, "2027-03-04T03:30:00Z", "acme: the command was told: recovered");
    scene.stop(serving);
    let told = fs::read_to_string(scene.world.whole().join("told")).unwrap();
    let told: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let kinds: Vec<&str> = told.iter().map(|event| event["event"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["failed", "silent", "recovered"], "{told:?}");
    let silent =
        "no full sync of connector acme has succeeded since 2027-03-01T23:00:00Z, though increments do";
    assert_eq!(told[1]["message"], silent);
}

#[test]
fn a_sync_decides_by_itself_only_where_increments_are_configured() {
    let scene = scene("schedule = \"@daily\"\n");
    let sync = |more: &[&str]| scene.world.run(&[&["sync", "acme"], more].concat()).exits(0).stdout;
    for _ in 0..2 {
        let told = sync(&[]);
        assert!(!told.contains("was read:"), "{told}");
    }
    scene.world.configure("schedule = { full-every-hours = 6, changes = \"*/5 * * * *\" }\n");
    scene.at("2027-03-02T02:00:00Z");
    let told = sync(&[]);
    assert!(told.contains("\nOnly what changed was read: the last full sync is 3 h old.\n"), "{told}");
    let planned = scene.world.run(&["plan", "acme"]).exits(0).stdout;
    assert!(planned.contains("Only what changed was read: the last full sync is 3 h old."), "{planned}");
    assert!(!scene.world.run(&["plan", "acme", "--full"]).exits(0).stdout.contains("was read:"));
    scene.at("2027-03-02T05:00:00Z");
    let told = sync(&[]);
    assert!(told.contains("\nEverything was read: the last full sync is 6 h old or older.\n"), "{told}");
    assert!(!sync(&["--full"]).contains("was read:"));
    assert!(
        sync(&["--auto"])
            .contains("Only what changed was read: the last full sync is less than a minute old.")
    );
    scene.at("2027-03-02T06:00:00Z");
    assert!(
        sync(&["--auto", "--full-every", "1"]).contains("Everything was read: the last full sync is 1 h old")
    );
    scene.world.run(&["sync", "--all"]).exits(0);
    assert_eq!(modes(&scene), ["full", "full", "changes", "full", "full", "changes", "full", "changes"]);
    // Nothing is due by itself where only the age is configured.
    scene.world.configure("schedule = { full-every-hours = 6 }\n");
    assert!(sync(&[]).contains("Only what changed was read"));
    assert_eq!(scene.status()["connectors"][0]["schedule"], Value::Null);
    let serving = scene.serve();
    assert!(scene.stop(serving).contains("no connector has a schedule"));
}
