use serde_json::{Value, json};

use crate::support::World;

/// Four runs, each of which changes something.
fn world() -> World {
    let world = World::company(&["ann"], &[]);
    world.sync();
    for name in ["bob", "cy", "dee"] {
        world.hire(name);
        world.sync();
    }
    world
}

fn prune(world: &World, arguments: &[&str]) -> Value {
    world.run(&[&["runs", "prune", "--json"], arguments].concat()).exits(0).json()
}

#[test]
fn old_runs_lose_their_changes_and_the_history_says_where_it_was_cut() {
    let world = world();
    let would = prune(&world, &["--keep", "2", "--dry-run"]);
    assert_eq!(would["connectors"]["acme"]["runs"], 2);
    let kept =
        |run: &str| world.run(&["run", run, "--json"]).exits(0).json()["changes"].as_array().unwrap().len();
    assert!(kept("1") > 0, "a dry run takes nothing");
    let did = prune(&world, &["--keep", "2"]);
    assert_eq!(did["connectors"], would["connectors"]);
    assert_eq!((kept("1"), kept("2")), (0, 0));
    assert!(kept("3") > 0 && kept("4") > 0);

    // Directory and runs are as before.
    assert_eq!(world.directory().user_names().len(), 4);
    let runs = world.run(&["runs", "--json"]).exits(0).json();
    let outcomes: Vec<&str> =
        runs.as_array().unwrap().iter().map(|run| run["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["done"; 4]);
    let told = world.run(&["run", "1"]).exits(0).stdout;
    assert!(told.contains("What it changed, and its report, were pruned."), "{told}");
    let history = world.run(&["history", "user", "dee@acme.example"]).exits(0);
    history.says(&["Runs up to 2 of "]);
    let history = world.run(&["history", "user", "ann@acme.example", "--json"]).exits(0).json();
    assert_eq!((&history["pruned"]["run"], &history["changes"]), (&json!(2), &json!([])));

    assert_eq!(prune(&world, &["--keep", "2"])["connectors"], json!({}));
    assert_eq!(world.sync()["users"]["unchanged"], 4);
}

#[test]
fn the_configuration_says_what_is_kept_where_the_command_does_not() {
    let world = world();
    let asked = world.run(&["runs", "prune"]).exits(2);
    asked.says(&["nothing says which runs are old", "keep-days"]);
    world.configure("[runs]\nkeep-runs = 3\n");
    assert_eq!(prune(&world, &[])["connectors"]["acme"]["runs"], 1);
    let wrong = world.run(&["runs", "prune", "--older-than", "90"]).exits(2);
    wrong.says(&["it is a number with its unit"]);
    world.run(&["runs", "prune", "akme", "--keep", "1"]).exits(2).says(&["did you mean `acme`?"]);
    // By age: none of them is a day old.
    assert_eq!(prune(&world, &["--older-than", "1d"])["connectors"], json!({}));
    assert_eq!(prune(&world, &["--older-than", "0d"])["connectors"]["acme"]["runs"], 2);
}
