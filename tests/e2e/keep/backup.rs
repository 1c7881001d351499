use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::support::World;

fn beside(folder: &Path, part: &str) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| name.contains(part)).collect();
    names.sort();
    names
}

#[test]
fn a_backup_brings_the_directory_back_as_it_was_and_keeps_what_it_replaces() {
    let world = World::company(&["ann"], &[("Sales", &["ann"])]);
    world.sync();
    let before = world.directory();
    let shown = world.run(&["backup", "b.db", "--json"]).exits(0).json();
    assert_eq!((&shown["contents"]["users"], &shown["contents"]["last_run"]), (&1.into(), &1.into()));
    let mode = fs::metadata(world.work().join("b.db")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(beside(&world.work(), "b.db-").len() + beside(&world.work(), ".rollcall-").len(), 0);
    world.run(&["backup", "b.db"]).exits(2).says(&["b.db is there already", "--force"]);
    world.run(&["backup", "rollcall.db", "--force"]).exits(2).says(&["is the directory database itself"]);
    world
        .run(&["backup", "no/such/b.db"])
        .exits(1)
        .says(&["no/such/b.db could not be written", "its folder exists"]);

    let bob = world.hire("bob");
    world.sync();
    let bob_was = world.directory().keys[&bob];
    let refused = world.run(&["restore", "b.db"]).exits(1);
    refused.says(&["b.db lacks the latest runs of the directory: 1,", "--force"]);
    assert_eq!(world.directory().user_names().len(), 2, "nothing was changed");
    let restored = world.run(&["restore", "b.db", "--force", "--json"]).exits(0).json();
    assert_eq!(world.directory(), before);
    let replaced = restored["replaced"].as_str().unwrap().to_owned();
    let old = world.run(&["--database", &replaced, "users", "--json"]).exits(0).json();
    assert_eq!(old.as_array().unwrap().len(), 2, "what was there is kept");

    // Numbers that were given are not given to anybody else, or again.
    world.hire("cy");
    let report = world.sync();
    assert_eq!(report["run"], 3);
    let after = world.directory();
    assert!(
        after.keys.iter().all(|(id, key)| before.keys.contains_key(id) || *key > bob_was),
        "{:?}",
        after.keys
    );
    assert_eq!(after.user_names().len(), 3);
}

#[test]
fn what_is_no_sound_backup_is_refused_and_changes_nothing() {
    let world = World::company(&["ann"], &[]);
    world.sync();
    world.run(&["backup", "b.db"]).exits(0);
    let good = fs::read(world.work().join("b.db")).unwrap();
    let before = world.directory();

    world.run(&["restore", "missing.db"]).exits(2).says(&["there is no backup at missing.db"]);
    world.run(&["restore", "rollcall.db"]).exits(2).says(&["is the directory database itself"]);
    world.write(
        "text.db",
        "not a database at all, but long enough to be read as the head of one: ".repeat(20),
    );
    world
        .run(&["restore", "text.db", "--force"])
        .exits(1)
        .says(&["text.db can't be restored", "name an earlier backup"]);
    world.write("cut.db", &good[..good.len() / 2]);
    world.run(&["restore", "cut.db", "--force"]).exits(1).says(&["cut.db"]);
    let change = |name: &str, sql: &str| {
        let path = world.write(name, &good);
        rusqlite::Connection::open(path).unwrap().execute_batch(sql).unwrap();
    };
    change("newer.db", "PRAGMA user_version = 99");
    world.run(&["restore", "newer.db", "--force"]).exits(1).says(&["is of version 99"]);
    change("theirs.db", "PRAGMA application_id = 7");
    world.run(&["restore", "theirs.db", "--force"]).exits(1).says(&["a database of another program"]);

    assert_eq!(world.directory(), before);
    assert_eq!(beside(&world.work(), "replaced"), Vec::<String>::new());
    assert_eq!(beside(&world.work(), ".rollcall-"), Vec::<String>::new());
}

#[test]
fn a_damaged_directory_is_replaced_without_being_asked_and_set_aside() {
    let world = World::company(&["ann"], &[]);
    world.sync();
    let before = world.directory();
    world.run(&["backup", "b.db"]).exits(0);
    world.write("rollcall.db", "damaged ".repeat(1000));
    world.run(&["users"]).exits(1);
    world.run(&["restore", "b.db"]).exits(0);
    assert_eq!(world.directory(), before);
    let aside = beside(&world.work(), "replaced");
    assert_eq!(aside.len(), 1, "{aside:?}");
    assert!(fs::read_to_string(world.work().join(&aside[0])).unwrap().starts_with("damaged"));
    // To where there is no directory at all.
    world.run(&["--database", "elsewhere.db", "restore", "b.db"]).exits(0);
    let users = world.run(&["--database", "elsewhere.db", "users", "--json"]).exits(0).json();
    assert_eq!(users.as_array().unwrap().len(), 1);
}

#[test]
fn nothing_is_replaced_while_a_run_is_at_work_and_what_it_read_is_forgotten_afterwards() {
    use okta_sim::{Limits, Population};

    let world = World::new(Population { users: 450, groups: 2, awkward: false, ..Population::default() });
    world.sync();
    world.run(&["backup", "b.db"]).exits(0);
    world.requests();
    world.hold_at_second_page_of_users();
    let mut reading = world.start_with(&["sync", "acme"], |_| {});
    world.wait_for_second_page_of_users();
    // A copy can be made meanwhile, and not be put back.
    world.run(&["backup", "during.db"]).exits(0);
    world.run(&["restore", "b.db", "--force"]).exits(1).says(&["another run of connector acme is at work"]);
    reading.kill();
    world.wait(reading);
    assert_eq!(beside(&world.work().join("rollcall.db.work"), ".spool").len(), 1);
    world.run(&["restore", "b.db", "--force"]).exits(0);
    assert_eq!(beside(&world.work().join("rollcall.db.work"), ".spool").len(), 0);
    world.sim.set_limits(Limits::default());
    let report = world.sync();
    assert_eq!((&report["requests"]["resumed"], &report["users"]["unchanged"]), (&0.into(), &450.into()));
}

/// Needs a debug build, like everything that stops at a fail point.
#[cfg(debug_assertions)]
mod killed {
    use rollcall::failpoint::FailPoint;

    use super::*;
    use crate::support::Place;

    fn kill(place: &Place, at: FailPoint, arguments: &[&str]) {
        let running = place.start_with(arguments, |command| {
            command.env("ROLLCALL_KILL_AT", at.name());
        });
        assert_eq!(place.wait(running).signal, Some(9), "{} is never passed", at.name());
    }

    fn users(world: &World) -> usize {
        world.run(&["users", "--json"]).exits(0).json().as_array().unwrap().len()
    }

    #[test]
    fn a_killed_backup_is_a_whole_file_or_none() {
        let world = World::company(&["ann"], &[]);
        world.sync();
        for (point, whole) in [(FailPoint::FileWritten, false), (FailPoint::FileRenamed, true)] {
            let name = format!("{}.db", point.name());
            kill(&world, point, &["backup", &name]);
            assert_eq!(world.work().join(&name).exists(), whole);
            if !whole {
                world.run(&["backup", &name]).exits(0);
            }
            world.run(&["restore", &name]).exits(0);
        }
        assert_eq!(beside(&world.work(), ".rollcall-"), Vec::<String>::new());
        assert_eq!(users(&world), 1);
    }

    #[test]
    fn a_killed_restore_leaves_the_old_directory_or_the_restored_one() {
        let world = World::company(&["ann"], &[]);
        world.sync();
        world.run(&["backup", "one.db"]).exits(0);
        world.hire("bob");
        world.sync();
        world.run(&["backup", "two.db"]).exits(0);
        let points = [
            FailPoint::RestoreReady,
            FailPoint::ReplacedKept,
            FailPoint::FileWritten,
            FailPoint::FileRenamed,
        ];
        for (nth, point) in points.into_iter().enumerate() {
            world.run(&["restore", "two.db", "--force"]).exits(0);
            kill(&world, point, &["restore", "one.db", "--force"]);
            let restored = point == FailPoint::FileRenamed;
            assert_eq!(users(&world), if restored { 1 } else { 2 }, "{}", point.name());
            assert_eq!(world.run(&["doctor", "--offline"]).code, Some(0), "{}", point.name());
            // It can be given again, and a sync after it makes the directory whole.
            world.run(&["restore", "one.db", "--force"]).exits(0);
            assert_eq!((users(&world), beside(&world.work(), ".rollcall-").len()), (1, 0), "{nth}");
            world.sync();
            assert_eq!(users(&world), 2);
        }
    }

    #[test]
    fn a_killed_pruning_took_all_or_nothing() {
        let world = World::company(&["ann"], &[]);
        world.sync();
        world.hire("bob");
        world.sync();
        let changes =
            || world.run(&["run", "1", "--json"]).exits(0).json()["changes"].as_array().unwrap().len();
        kill(&world, FailPoint::Pruning, &["runs", "prune", "--keep", "1"]);
        assert!(changes() > 0);
        kill(&world, FailPoint::HistoryPruned, &["runs", "prune", "--keep", "1"]);
        assert_eq!(changes(), 0);
        assert_eq!(users(&world), 2);
        world.sync();
    }
}
