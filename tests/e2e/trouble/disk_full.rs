//! Disks that fill up, at every stage of a run.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use rollcall::failpoint::FailPoint;
use serde_json::Value;

use crate::crash::scene::Scene;
use crate::crash::state::State;

/// A sync whose files may have so many bytes each; writing beyond that fails.
fn sync_with_files_up_to(scene: &mut Scene, bytes: u64) -> (Option<i32>, String) {
    let running = scene.world.start_with(&["sync", "acme"], |command| {
        // SAFETY: between fork and exec only two system calls are made, which are safe there.
        unsafe {
            command.pre_exec(move || {
                let limit = libc::rlimit { rlim_cur: bytes, rlim_max: bytes };
                // Otherwise the signal ends the process, and no write fails.
                libc::signal(libc::SIGXFSZ, libc::SIG_IGN);
                match libc::setrlimit(libc::RLIMIT_FSIZE, &limit) {
                    0 => Ok(()),
                    _ => Err(std::io::Error::last_os_error()),
                }
            });
        }
    });
    let ran = scene.world.wait(running);
    scene.ended();
    (ran.code, ran.stderr)
}

/// The line that says what failed.
fn error_of(stderr: &str) -> String {
    let line = stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_else(|| panic!("{stderr}"));
    assert!(stderr.contains("\nhint: "), "{stderr}");
    line.to_owned()
}

#[test]
fn a_write_that_fails_at_any_size_ends_the_run_with_nothing_applied() {
    // A second sync writes less to the database than to its spool.
    for (mut scene, fills_database) in [(Scene::first(), true), (Scene::second(), false)] {
        let mut errors = BTreeSet::new();
        let mut kib = 64;
        loop {
            scene.reset();
            let (code, stderr) = sync_with_files_up_to(&mut scene, kib * 1024);
            let what = format!("{kib} KiB a file");
            if code == Some(0) {
                assert!(scene.check(&what).0);
                break;
            }
            assert_eq!(code, Some(1), "{what}: {stderr}");
            errors.insert(error_of(&stderr).replace(&scene.world.work().display().to_string(), ""));
            assert!(!scene.check(&what).0, "{what}");
            kib *= 2;
        }
        let expected = match fills_database {
            true => "the directory database rollcall.db could not be written",
            false => "rollcall.db.work/acme.spool could not be written",
        };
        assert!(errors.iter().any(|error| error.contains(expected)), "{errors:?}");
    }
}

/// A disk of its own that is filled when the run has come to a point, and later is larger. Only where a test may have
/// one.
#[cfg(target_os = "linux")]
#[test]
fn a_disk_that_fills_up_ends_the_run_with_nothing_applied_and_with_space_the_next_one_goes_on() {
    const SCRIPT: &str = r#"
        mount -t tmpfs -o size=16m tmpfs "$DISK" || exit 99
        cp "$FROM/rollcall.toml" "$FROM/rollcall.db" "$DISK" && cd "$DISK" || exit 98
        ROLLCALL_STOP_AT=$POINT "$ROLLCALL" sync acme >"$OUT/full.txt" 2>&1 &
        tries=0
        until grep -q '^State:.T' /proc/$!/status; do
            tries=$((tries + 1))
            if [ $tries -gt 3000 ]; then exit 97; fi
            sleep 0.01
        done
        dd if=/dev/zero of=filler bs=4k 2>/dev/null
        kill -CONT $!
        wait $!
        echo $? >"$OUT/code"
        rm filler && mkdir "$OUT/full" "$OUT/after" && cp rollcall.db "$OUT/full"
        if [ -e rollcall.db-wal ]; then cp rollcall.db-wal "$OUT/full"; fi
        "$ROLLCALL" sync acme --json >"$OUT/after.txt" 2>"$OUT/after.err" || exit 96
        cp rollcall.db "$OUT/after"
    "#;
    let scene = Scene::second();
    let disk = tempfile::tempdir().unwrap();
    for (point, told) in [
        (
            FailPoint::RunBegun,
            "error: the working file DISK/rollcall.db.work/acme.spool could not be written",
        ),
        (
            FailPoint::PageFlushed,
            "error: the working file DISK/rollcall.db.work/acme.spool could not be written",
        ),
        (FailPoint::Indexed, "error: the working file DISK/rollcall.db.work could not be written"),
        (FailPoint::Applying, "error: there is no space left for the directory database rollcall.db"),
    ] {
        let out = tempfile::tempdir().unwrap();
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-c", SCRIPT]).stdin(Stdio::null());
        command.envs(scene.world.variables.iter().map(|(name, value)| (name, value)));
        command.env("HOME", scene.world.whole().join("home")).env("TMPDIR", scene.world.whole().join("tmp"));
        command.env("ROLLCALL", env!("CARGO_BIN_EXE_rollcall")).env("POINT", point.name());
        command.env("DISK", disk.path()).env("OUT", out.path()).env("FROM", scene.world.work());
        let output = command.output();
        let code = output.as_ref().ok().and_then(|output| output.status.code());
        if ![Some(0), Some(96), Some(97), Some(98)].contains(&code) {
            eprintln!("skipped: no disk of its own can be had here: {output:?}");
            return;
        }
        let read = |name: &str| fs::read_to_string(out.path().join(name)).unwrap_or_default();
        let what = format!("{}: {} {} {output:?}", point.name(), read("full.txt"), read("after.err"));
        assert_eq!((code, read("code").trim()), (Some(0), "1"), "{what}");
        let full = read("full.txt").replace(&disk.path().display().to_string(), "DISK");
        assert_eq!(error_of(&full), told, "{what}");
        assert!(State::read(&out.path().join("full")) == scene.old, "{what}");
        assert!(State::read(&out.path().join("after")) == scene.new, "{what}");
        let report: Value = serde_json::from_str(&read("after.txt")).unwrap();
        let of = |name: &str| report["requests"][name].as_u64().unwrap() as usize;
        assert_eq!(of("sent") + of("resumed"), scene.pages, "{what}");
        assert_eq!(of("resumed") > 0, point != FailPoint::RunBegun, "{what}");
    }
}
