use super::scene::{NIGHTLY, Scene};
use crate::support::World;

#[test]
fn one_service_serves_all_directories() {
    let scene = Scene::new(World::company(&["ann"], &[]), "");
    let world = &scene.world;
    let connector = |name| world.connector(name, "{ env = \"OKTA_TOKEN\" }") + NIGHTLY;
    world.write(
        "rollcall.toml",
        format!(
            "[directory.portal]\npath = \"portal.db\"\n{}{}directory = \"portal\"\n",
            connector("acme"),
            connector("hr")
        ),
    );
    let mut serving = scene.serve();
    for directory in [&[][..], &["--directory", "portal"]] {
        let status = world.run(&[&["status", "--json"], directory].concat()).exits(0).json();
        assert_eq!(status["serve"]["process"], serving.process().id());
    }
    scene.waits_for_lines(&mut serving, ": the next run begins at", 2);
    scene.at("2027-03-02T02:00:01Z");
    scene.waits_for_lines(&mut serving, ": the next run begins at", 4);
    for directory in [&[][..], &["--directory", "portal"]] {
        let users = world.run(&[&["users", "--json"], directory].concat()).exits(0).json();
        assert_eq!(users.as_array().unwrap().len(), 1, "{}", serving.log());
    }
    let other = world.run(&["serve"]).exits(1);
    other.says(&["another `rollcall serve` is at work on"]);
    scene.stop(serving);
    // Each directory knows its own past: what was missed is made up for in both.
    scene.at("2027-03-03T02:30:00Z");
    let mut serving = scene.serve();
    scene.waits_for_lines(&mut serving, ": done (run 2", 2);
    scene.stop(serving);
}
