//! What the commands that only look print, of a small organisation that is always the same.

use okta_sim::{Population, Status};

use crate::support::{World, assert_golden};

/// Two runs: all of it, and then a rename, a suspension and a leaver.
fn world() -> World {
    let world = World::new(Population {
        users: 5,
        groups: 3,
        members_per_group: 2,
        empty_groups: 1,
        apps: 0,
        seed: 1,
        awkward: false,
    });
    world.sync();
    let ids = world.sim.user_ids();
    world.sim.rename_login(&ids[1], "renamed@acme.example").unwrap();
    world.sim.set_status(&ids[2], Status::Suspended).unwrap();
    world.sim.rename_group(&world.sim.group_ids()[1], "Renamed team").unwrap();
    world.sim.delete_user(&ids[3]).unwrap();
    world.sim.delete_user(&ids[3]).unwrap();
    world.sync();
    world
}

#[test]
fn every_view_as_text_and_as_json() {
    let world = world();
    let id = &world.sim.user_ids()[2];
    for (name, arguments) in [
        ("status", &["status"][..]),
        ("runs", &["runs"]),
        ("runs-of-a-connector", &["runs", "acme", "--limit", "1"]),
        ("run-1", &["run", "1"]),
        ("run-2", &["run", "2"]),
        ("users", &["users"]),
        ("users-search", &["users", "RENAMED", "--connector", "acme"]),
        ("user", &["user", "renamed@acme.example"]),
        ("user-by-id", &["user", id]),
        ("groups", &["groups"]),
        ("group", &["group", "RENAMED team"]),
        ("plan", &["plan", "acme", "--quiet"]),
    ] {
        let text = world.run(arguments).exits(0);
        assert_golden(&world, name, &text.stdout);
        let json = [arguments, &["--json"]].concat();
        let json = world.run(&json).exits(0).json();
        assert_golden(&world, &format!("{name}-json"), &format!("{json:#}"));
    }
}

#[test]
fn what_is_not_there_is_said() {
    let world = world();
    for (name, arguments, code) in [
        ("no-user", &["user", "nobody"][..], 1),
        ("no-group", &["group", "nothing"], 1),
        ("no-run", &["run", "99"], 2),
        ("no-match", &["users", "xyzzy"], 0),
    ] {
        let ran = world.run(arguments).exits(code);
        assert_eq!(ran.stdout, "", "{name}");
        assert_golden(&world, name, &ran.stderr);
    }
}

#[test]
fn before_the_first_sync_there_is_nothing_to_see() {
    let world = World::company(&["ann"], &[]);
    assert_golden(&world, "status-before", &world.run(&["status"]).exits(0).stdout);
    for what in ["users", "groups", "runs"] {
        world
            .run(&[what])
            .exits(1)
            .says(&["there is no directory yet", "hint: `rollcall sync --all` makes it"]);
    }
    assert!(!world.work().join("rollcall.db").exists(), "looking makes nothing");
}
