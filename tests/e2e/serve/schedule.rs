use serde_json::Value;

use super::scene::{NIGHTLY, Scene};
use crate::support::World;

fn scene() -> Scene {
    Scene::new(World::company(&["ann"], &[]), NIGHTLY)
}

#[test]
fn a_run_begins_when_the_clock_says_so() {
    let scene = scene();
    let mut serving = scene.serve();
    let status = scene.status();
    assert_eq!(status["serve"]["process"], serving.process().id());
    assert_eq!(status["connectors"][0]["schedule"]["next"]["begins"], "2027-03-02T02:00:00Z");
    scene.at("2027-03-02T01:59:59Z");
    scene.run_at(&mut serving, "2027-03-02T02:00:00Z", "acme: done (run 1");
    assert_eq!(scene.world.directory().user_names(), ["ann@acme.example"]);
    scene.world.hire("bob");
    scene.run_at(&mut serving, "2027-03-03T02:00:00Z", "acme: done (run 2");
    let log = scene.stop(serving);
    assert_eq!(log.matches("a run begins (due at 2027-03-02T02:00:00Z)").count(), 1, "{log}");
    assert_eq!(log.matches("a run begins").count(), 2, "{log}");
    assert_eq!(
        scene.runs(),
        [("done", "2027-03-02T02:00:00Z"), ("done", "2027-03-03T02:00:00Z")]
            .map(|(outcome, at)| (outcome.to_owned(), at.to_owned()))
    );
    // A restart in the morning has nothing to make up for.
    scene.at("2027-03-03T08:00:00Z");
    let serving = scene.serve();
    let text = scene.world.run(&["status"]).exits(0).stdout;
    assert!(text.contains("Thu 2027-03-04 03:00 CET, in 18 h"), "{text}");
    assert!(text.contains("`rollcall serve` is at work (process "), "{text}");
    assert_eq!(scene.stop(serving).matches("a run begins").count(), 0);
    let text = scene.world.run(&["status"]).exits(0).stdout;
    assert!(text.contains("No `rollcall serve` is at work"), "{text}");
    assert_eq!(scene.status()["serve"], Value::Null);
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let scene = scene();
    scene.world.sync();
    scene.at("2027-03-09T12:00:00Z");
    let mut serving = scene.serve();
    scene.waits_for(&mut serving, "acme: done (run 2");
    let log = scene.stop(serving);
    assert!(
        log.contains("acme: a run begins that makes up for what was missed since 2027-03-02T02:00:00Z"),
        "{log}"
    );
    assert_eq!(scene.runs().len(), 2, "{log}");
}

#[test]
fn a_paused_connector_is_left_out_until_it_is_resumed() {
    let scene = scene();
    scene.world.sync();
    scene.world.run(&["pause", "acme"]).exits(0);
    let mut serving = scene.serve();
    scene.at("2027-03-02T02:00:00Z");
    scene.waits_for(
        &mut serving,
        "it is paused since 2027-03-01T23:00:00Z by hand; `rollcall resume acme` ends that",
    );
    scene.world.run(&["resume", "acme"]).exits(0);
    scene.run_at(&mut serving, "2027-03-03T02:00:00Z", "acme: done (run 2");
    scene.stop(serving);
}

#[test]
fn a_second_service_is_refused() {
    let scene = scene();
    let mut first = scene.serve();
    let process = first.process().id();
    scene.world.run(&["serve"]).exits(1).says(&[
        &format!("another `rollcall serve` is at work on rollcall.db (process {process})"),
        "hint: one is enough",
    ]);
    scene.stop(first);
    let again = scene.serve();
    scene.stop(again);
}

#[test]
fn a_wrong_configuration_is_told_before_anything_begins() {
    let scene = scene();
    scene.world.configure("schedule = \"0 25 * * *\"");
    scene.world.run(&["serve"]).exits(2).says(&["rollcall.toml:5:15: hour: `25` is not from 0 to 23", "^^"]);
    assert!(!scene.world.work().join("rollcall.db").exists());
}
