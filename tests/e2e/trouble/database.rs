//! Databases that are damaged, too new, another program's, or held by one.

use std::fs;
use std::path::PathBuf;

use rollcall::failpoint::FailPoint;
use rusqlite::Connection;
use rustix::process::Signal;
use serde_json::json;

use crate::crash::scene::Scene;

fn database(scene: &Scene) -> PathBuf {
    scene.world.work().join("rollcall.db")
}

/// Sync and views fail and say all this; the file stays byte for byte what it is.
#[track_caller]
fn refused(scene: &Scene, what: &str, told: &[&str]) {
    let before = fs::read(database(scene)).unwrap();
    for arguments in [&["sync", "acme"][..], &["users"], &["status"]] {
        scene.world.run(arguments).exits(1).says(told).says(&["rollcall.db", "hint: "]);
        assert!(fs::read(database(scene)).unwrap() == before, "{what}: {arguments:?} changed the file");
    }
    assert_eq!(scene.world.requests().len(), 0, "{what}: nothing is asked of the provider in vain");
}

#[test]
fn what_is_no_database_of_ours_is_refused_and_left_untouched() {
    let scene = Scene::second();
    let good = fs::read(database(&scene)).unwrap();
    let corrupt = ["holds something unreadable", "restore a backup"];
    let with = |at: usize, bytes: &[u8]| {
        let mut file = good.clone();
        file[at..at + bytes.len()].copy_from_slice(bytes);
        file
    };
    let damaged: [(&str, Vec<u8>); 7] = [
        ("a text file", b"hello, this is no database\n".to_vec()),
        ("a long text file", b"hello, this is no database\n".repeat(1_000)),
        ("its first bytes are damaged", with(3, &[0xff; 8])),
        ("its page size is damaged", with(16, &[0x12, 0x34])),
        ("its schema is damaged", with(100, &[0xee; 40])),
        ("it ends in the first page", good[..3_000].to_vec()),
        ("it ends in the middle", good[..good.len() / 2].to_vec()),
    ];
    for (what, bytes) in damaged {
        fs::write(database(&scene), bytes).unwrap();
        refused(&scene, what, &corrupt);
    }
    for (pragma, told) in [
        ("user_version = 99", &["is of version 99", "use the newer Rollcall"][..]),
        ("application_id = 7", &["is a database of another program (application id 0x7)", "left untouched"]),
    ] {
        fs::write(database(&scene), &good).unwrap();
        Connection::open(database(&scene)).unwrap().execute_batch(&format!("PRAGMA {pragma}")).unwrap();
        refused(&scene, pragma, told);
    }
}

/// Whatever page is damaged: a run that reads it fails with nothing applied, and one that doesn't is right.
#[test]
fn a_damaged_page_fails_the_run_that_reads_it() {
    let mut scene = Scene::second();
    let good = fs::read(database(&scene)).unwrap();
    let (mut failed, page) = (0, 4_096);
    let pages = good.len() / page;
    for number in (1..pages).step_by(pages / 20) {
        scene.reset();
        let mut damaged = good.clone();
        // The page's kind and how many cells it has.
        damaged[number * page..number * page + 8].fill(0xee);
        fs::write(database(&scene), &damaged).unwrap();
        let ran = scene.world.run(&["sync", "acme"]);
        if ran.code == Some(1) {
            failed += 1;
            ran.says(&[
                "the directory database rollcall.db holds something unreadable",
                "hint: restore a backup",
            ]);
            for entry in ["users", "memberships"] {
                assert!(!ran.stdout.contains(&format!("{entry} created")), "{}", ran.stdout);
            }
        } else {
            ran.exits(0);
        }
        // The backup that the hint speaks of, and the removal of the log.
        scene.reset();
        fs::write(database(&scene), &good).unwrap();
        scene.check(&format!("page {number} was damaged"));
    }
    assert!(failed >= 5, "a run reads many of 21 pages: {failed} failed");
}

/// Of a killed run's database nothing is left but the log, which holds all that was committed.
#[test]
fn a_log_whose_database_was_moved_away_is_not_replayed_into_the_next_one() {
    let mut scene = Scene::second();
    assert_eq!(scene.sync_until(FailPoint::Committed.name()).signal, Some(9));
    assert!(fs::metadata(database(&scene).with_extension("db-wal")).unwrap().len() > 0);
    fs::remove_file(database(&scene)).unwrap();
    let report = scene.world.sync();
    assert_eq!(report["run"], 1);
    assert_eq!(
        (&report["users"]["created"], &report["users"]["unchanged"]),
        (&report["users"]["seen"], &json!(0))
    );
    let state = scene.state();
    assert!(state != scene.new && state != scene.old);
    assert_eq!(state.outcomes.0, ["done"]);
}

#[test]
fn a_run_waits_for_another_programs_transaction() {
    let mut scene = Scene::second();
    let running = scene.stopped_at(FailPoint::Applying);
    let other = Connection::open(database(&scene)).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    running.signal(Signal::CONT);
    // Readers are not in each other's way, and see the old directory.
    assert!(scene.state() == scene.old);
    scene.world.run(&["users"]).exits(0);
    other.execute_batch("ROLLBACK").unwrap();
    drop(other);
    scene.world.wait(running).exits(0);
    scene.ended();
    assert!(scene.check("after it waited").0);
}
