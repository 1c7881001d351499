//! Kills of commands that write files: a file is the old one or the new one, and the command can be given again.

use std::fs;
use std::path::Path;

use rollcall::failpoint::FailPoint;

use super::scene::{files, passings};
use super::state::State;
use crate::support::{Place, World};

const RENAMING: [FailPoint; 2] = [FailPoint::FileWritten, FailPoint::FileRenamed];

/// Compiled plugins are in the cache: the only file that is written is the configuration.
fn world() -> World {
    let world = World::company(&["ann"], &[]);
    world.run(&["connector", "test", "acme"]).exits(0);
    world
}

#[track_caller]
fn killed(place: &Place, at: &str, arguments: &[&str]) {
    let running = place.start_with(arguments, |command| {
        command.env("ROLLCALL_KILL_AT", at);
    });
    let ran = place.wait(running);
    assert_eq!(ran.signal, Some(9), "{at}: {}", ran.stderr);
}

fn read(place: &Place, name: &str) -> Option<String> {
    fs::read_to_string(place.work().join(name)).ok()
}

/// What killed writers leave has such names.
fn leftovers(folder: &Path) -> usize {
    files(folder).iter().filter(|name| name.contains(".rollcall-")).count()
}

#[test]
fn init_leaves_no_configuration_or_a_whole_one() {
    let world = world();
    let url = world.sim.url();
    let init = ["init", "--yes", "--name", "acme", "--endpoint", &url, "--token-env", "OKTA_TOKEN"];
    fs::remove_file(world.work().join("rollcall.toml")).unwrap();
    world.run(&init).exits(0);
    let whole = read(&world, "rollcall.toml");
    for point in RENAMING {
        fs::remove_file(world.work().join("rollcall.toml")).unwrap();
        killed(&world, point.name(), &init);
        if point == FailPoint::FileWritten {
            assert_eq!(read(&world, "rollcall.toml"), None);
            world.run(&init).exits(0);
        }
        assert_eq!(read(&world, "rollcall.toml"), whole, "{}", point.name());
        world.run(&["sync", "acme"]).exits(0);
        assert_eq!(leftovers(&world.work()), 0, "{}", point.name());
    }
}

#[test]
fn adding_and_removing_a_connector_leave_the_old_configuration_or_the_new_one() {
    let world = world();
    let url = world.sim.url();
    let add =
        ["connector", "add", "--yes", "--name", "other", "--endpoint", &url, "--token-env", "OKTA_TOKEN"];
    let remove = ["connector", "remove", "--yes", "other"];
    let without = read(&world, "rollcall.toml");
    world.run(&add).exits(0);
    let with = read(&world, "rollcall.toml");
    assert!(with != without);
    for point in RENAMING {
        for (arguments, before, after) in [(&remove[..], &with, &without), (&add[..], &without, &with)] {
            let what = format!("{arguments:?} at {}", point.name());
            assert_eq!(read(&world, "rollcall.toml"), *before, "{what}");
            killed(&world, point.name(), arguments);
            if point == FailPoint::FileWritten {
                assert_eq!(read(&world, "rollcall.toml"), *before, "{what}");
                assert_eq!(leftovers(&world.work()), 1, "{what}");
                world.run(arguments).exits(0);
            }
            assert_eq!(read(&world, "rollcall.toml"), *after, "{what}");
            assert_eq!(leftovers(&world.work()), 0, "{what}");
        }
    }
}

#[test]
fn a_killed_demo_leaves_a_folder_that_can_be_looked_around_in() {
    let place = Place::new();
    let (mut empty, mut synced) = (0, 0);
    let passings = passings(&place, &["demo"]);
    for nth in (1..passings).step_by(passings / 12) {
        let name = format!("demo-{nth}");
        killed(&place, &format!("any:{nth}"), &["demo", "--keep", &name]);
        let folder = place.work().join(&name);
        let state = State::read(&folder);
        if !folder.join("rollcall.toml").exists() {
            place.run_in(&folder, &["status"]).exits(2).says(&["there is no configuration"]);
            continue;
        }
        place.run_in(&folder, &["connector", "list"]).exits(0);
        let shown = place.run_in(&folder, &["status", "--json"]).exits(0).json();
        match shown["directories"][0]["users"].as_u64() {
            Some(0) => empty += 1,
            Some(250 | 251) => synced += 1,
            users => panic!("killed at {nth}, it shows {users:?} users"),
        }
        if state.last_is_unfinished() {
            assert_eq!(shown["connectors"][0]["last_run"]["outcome"], "interrupted", "killed at {nth}");
        }
    }
    assert!(empty > 0 && synced > 0, "{empty} were killed in the first sync, {synced} later");
}

/// Takes half a minute, to compile a plugin: where `.ci/run` finds that it can be done.
#[test]
fn a_killed_build_leaves_whole_files_and_the_next_one_makes_them_fit() {
    if std::env::var_os("ROLLCALL_TEST_WASM").is_none_or(|value| value != "1") {
        eprintln!("skipped: ROLLCALL_TEST_WASM=1 says that plugins can be built here");
        return;
    }
    let mut place = Place::new();
    for name in ["HOME", "RUSTUP_HOME", "CARGO_HOME"] {
        place.variables.extend(std::env::var(name).ok().map(|value| (name.to_owned(), value)));
    }
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e-plugins");
    place.variables.push(("CARGO_TARGET_DIR".into(), target.display().to_string()));
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugins/okta").canonicalize().unwrap();
    let build = ["plugin", "build", sources.to_str().unwrap(), "--out", "dist", "--record"];
    let verify = ["plugin", "build", sources.to_str().unwrap(), "--out", "dist", "--verify"];
    place.run(&build).exits(0);
    place.run(&verify).exits(0);
    // As an earlier build's line of hashes.
    const OLD: &[u8] = b"old  okta.wasm\n";
    let names = ["okta.wasm", "okta.toml", "SHA256SUMS"];
    let good = names.map(|name| fs::read(place.work().join("dist").join(name)).unwrap());
    // Component, record, list of hashes. What admission compiled is in the cache.
    for nth in 1..=names.len() {
        for point in RENAMING {
            for name in names {
                place.write(&format!("dist/{name}"), OLD);
            }
            killed(&place, &format!("{}:{nth}", point.name()), &build);
            for (at, name) in names.iter().enumerate() {
                let found = fs::read(place.work().join("dist").join(name)).unwrap();
                let done = at + 1 < nth || at + 1 == nth && point == FailPoint::FileRenamed;
                assert!(
                    found == if done { &good[at][..] } else { OLD },
                    "{name} after {} {nth}",
                    point.name()
                );
            }
            place.run(&build).exits(0);
            place.run(&verify).exits(0);
            assert_eq!(leftovers(&place.work()), 0);
        }
    }
}
