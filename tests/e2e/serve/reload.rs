use std::fs;

use rustix::process::Signal;

use super::scene::{EVENING, NIGHTLY, Scene};
use crate::support::World;

const PLUGINS: &str = "[plugins]\npath = \"plugins\"\n";

fn scene() -> Scene {
    let world = World::company(&["ann"], &[]);
    world.write("plugins/README", "Components that override the built-in ones.");
    Scene::new(world, &(NIGHTLY.to_owned() + PLUGINS))
}

fn display_names(scene: &Scene) -> Vec<String> {
    let directory = scene.world.directory();
    directory.users.values().map(|user| user["displayName"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn an_edited_configuration_is_taken_over_without_a_restart() {
    let scene = scene();
    let mut serving = scene.serve();
    scene.world.configure(&format!("schedule = {{ full = \"0 5 * * *\", time-zone = \"UTC\" }}\n{PLUGINS}"));
    scene.ticks_until(EVENING, "it is taken over", || {
        serving.lines("the changed configuration is in force") == 1
    });
    scene.waits_for(&mut serving, "acme: the next run begins at 2027-03-02T05:00:00Z");
    scene.run_at(&mut serving, "2027-03-02T05:00:00Z", "acme: done (run 1");
    let log = scene.stop(serving);
    assert!(
        log.contains("due at 2027-03-02T05:00:00Z") && !log.contains("due at 2027-03-02T02:00:00Z"),
        "{log}"
    );
}

#[test]
fn a_broken_configuration_is_refused_once_and_the_old_one_stays_in_force() {
    let scene = scene();
    let mut serving = scene.serve();
    scene.world.configure(&format!("schedule = \"0 25 * * *\"\n{PLUGINS}"));
    serving.process().signal(Signal::HUP);
    let refused = "the change is refused, and what was in force stays: rollcall.toml:5:15: hour: `25`";
    scene.waits_for(&mut serving, refused);
    scene.world.run(&["status"]).exits(2).says(&["rollcall.toml:5:15", "goes on with the configuration"]);
    // It looks again and again, and the night's run is that of the old schedule.
    scene.ticks_until("2027-03-02T01:59:50Z", "the run ends", || serving.lines("acme: done (run 1") == 1);
    assert_eq!(serving.lines("refused"), 1, "{}", serving.log());
    scene.world.configure(&(NIGHTLY.to_owned() + PLUGINS));
    serving.process().signal(Signal::HUP);
    scene.waits_for(&mut serving, "the configuration is valid again");
    scene.stop(serving);
}

#[test]
fn a_replaced_plugin_is_used_by_the_next_run_and_a_broken_one_is_not() {
    let scene = scene();
    let mut serving = scene.serve();
    scene.world.install("okta-shouting.wasm", "okta.wasm");
    scene.ticks_until(EVENING, "it is taken over", || {
        serving.lines("the changed configuration is in force") == 1
    });
    scene.run_at(&mut serving, "2027-03-02T02:00:00Z", "acme: done (run 1");
    assert_eq!(display_names(&scene), ["ANN TEST"]);

    scene.world.write("plugins/okta.wasm", "no component at all");
    scene
        .ticks_until("2027-03-02T03:00:00Z", "it is refused", || serving.lines("the change is refused") == 1);
    let text = scene.world.run(&["status"]).exits(0).stdout;
    assert!(text.contains("A change is refused since") && text.contains("okta.wasm"), "{text}");
    assert!(scene.status()["serve"]["refused"]["reason"].as_str().unwrap().contains("okta.wasm"));
    // The one that was loaded stays, though its file is gone.
    scene.world.hire("bob");
    scene.run_at(&mut serving, "2027-03-03T02:00:00Z", "acme: done (run 2");
    assert_eq!(display_names(&scene), ["ANN TEST", "BOB TEST"]);

    fs::remove_file(scene.world.work().join("plugins/okta.wasm")).unwrap();
    scene.ticks_until("2027-03-03T03:00:00Z", "it is mended", || {
        serving.lines("the configuration is valid again") == 1
    });
    scene.run_at(&mut serving, "2027-03-04T02:00:00Z", "acme: done (run 3");
    assert_eq!(display_names(&scene), ["ann Test", "bob Test"]);
    scene.stop(serving);
    assert_eq!(scene.runs().len(), 3);
}

#[test]
fn another_database_needs_a_restart() {
    let scene = scene();
    let mut serving = scene.serve();
    scene.world.configure(&format!("{NIGHTLY}{PLUGINS}[directory]\npath = \"other.db\"\n"));
    serving.process().signal(Signal::HUP);
    scene.waits_for(&mut serving, "the database is now other.db, and rollcall.db is served");
    scene.stop(serving);
}
