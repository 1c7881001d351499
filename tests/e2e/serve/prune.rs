use super::scene::{NIGHTLY, Scene};
use crate::support::World;

#[test]
fn old_runs_are_pruned_at_the_start_and_once_a_day() {
    let scene = Scene::new(World::company(&["ann"], &[]), &format!("{NIGHTLY}[runs]\nkeep-runs = 2\n"));
    scene.world.sync();
    for name in ["bob", "cy"] {
        scene.world.hire(name);
        scene.world.sync();
    }
    let changes = |run: &str| {
        let run = scene.world.run(&["run", run, "--json"]).exits(0).json();
        run["changes"].as_array().unwrap().len()
    };
    assert!(changes("1") > 0);
    let mut serving = scene.serve();
    scene.waits_for(&mut serving, "pruned old runs: 1,");
    assert_eq!(changes("1"), 0);
    scene.run_at(&mut serving, "2027-03-02T02:00:00Z", "acme: done (run 4");
    assert!(changes("2") > 0, "a day has not passed");
    scene.at("2027-03-02T23:00:00Z");
    scene.waits_for_lines(&mut serving, "pruned old runs: 1,", 2);
    assert_eq!(changes("2"), 0);
    assert!(changes("3") > 0);
    scene.stop(serving);
}

#[test]
fn without_being_told_everything_is_kept() {
    let scene = Scene::new(World::company(&["ann"], &[]), NIGHTLY);
    scene.world.sync();
    scene.at("2037-03-01T23:00:00Z");
    let mut serving = scene.serve();
    scene.waits_for(&mut serving, "acme: done (run 2");
    assert_eq!(scene.stop(serving).matches("prune").count(), 0);
    let first = scene.world.run(&["run", "1", "--json"]).exits(0).json();
    assert!(!first["changes"].as_array().unwrap().is_empty());
}

#[test]
fn every_directory_is_pruned() {
    let scene = Scene::new(World::company(&["ann"], &[]), "");
    let world = &scene.world;
    let connector = |name| world.connector(name, "{ env = \"OKTA_TOKEN\" }");
    let (acme, hr) = (connector("acme"), connector("hr"));
    let directory = "[directory.portal]\npath = \"portal.db\"\n[runs]\nkeep-runs = 1\n";
    world.write("rollcall.toml", format!("{directory}{acme}{hr}directory = \"portal\"\n"));
    for name in ["bob", "cy"] {
        world.hire(name);
        world.run(&["sync", "--all"]).exits(0);
    }
    let mut serving = scene.serve();
    scene.waits_for_lines(&mut serving, "pruned old runs: 1,", 2);
    for directory in [&[][..], &["--directory", "portal"]] {
        let run = |id| world.run(&[&["run", id, "--json"], directory].concat()).exits(0).json();
        assert_eq!(run("1")["changes"].as_array().unwrap().len(), 0);
        assert!(!run("2")["changes"].as_array().unwrap().is_empty());
    }
    scene.stop(serving);
}
