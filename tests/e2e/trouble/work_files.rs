//! Working files that are damaged or vanish.

use std::fs;

use rollcall::failpoint::FailPoint;
use rustix::process::Signal;

use crate::crash::scene::Scene;

fn spool(scene: &Scene) -> std::path::PathBuf {
    scene.world.work().join("rollcall.db.work/acme.spool")
}

/// Flips a byte at this part of the spool.
fn damage(scene: &Scene, at: f64) {
    let mut bytes = fs::read(spool(scene)).unwrap();
    let at = (bytes.len() as f64 * at) as usize;
    bytes[at] ^= 0xff;
    fs::write(spool(scene), bytes).unwrap();
}

#[test]
fn a_spool_damaged_between_two_runs_is_gone_on_from_up_to_the_damage() {
    let mut scene = Scene::first();
    for (at, left) in [(0.0, 0..1), (0.5, 1..scene.pages), (0.95, 1..scene.pages)] {
        scene.reset();
        assert_eq!(scene.sync_until(FailPoint::Applying.name()).signal, Some(9));
        damage(&scene, at);
        // What stood behind the damage is asked for again.
        scene.forget_asked();
        let (is_new, resumed) = scene.check("a damaged spool");
        assert!(!is_new);
        assert!(left.contains(&resumed), "{resumed} pages were gone on from, damaged at {at}");
    }
}

#[test]
fn a_spool_that_is_damaged_or_vanishes_in_the_run_ends_it() {
    let mut scene = Scene::second();
    for vanishes in [false, true] {
        scene.reset();
        let running = scene.stopped_at(FailPoint::ReadingEnded);
        match vanishes {
            true => fs::remove_file(spool(&scene)).unwrap(),
            false => damage(&scene, 0.5),
        }
        running.signal(Signal::CONT);
        let ran = scene.world.wait(running).exits(1);
        scene.ended();
        let path = spool(&scene).display().to_string();
        match vanishes {
            true => ran.says(&[
                &format!("error: the working file {path} could not be read"),
                "caused by: No such file",
                "hint: ",
            ]),
            false => ran.says(&[
                &format!("error: the reading in {path} is damaged or incomplete"),
                "hint: run it again",
            ]),
        };
        assert_eq!(ran.json()["outcome"], "failed");
        assert!(scene.state() == scene.old);
        scene.forget_asked();
        assert_eq!(scene.check("after it"), (false, 0), "everything is read anew");
    }
}

/// Staged changes lie in a file without a name: nobody can take it away, and nothing is left of it.
#[cfg(target_os = "linux")]
#[test]
fn staged_changes_have_no_name() {
    let mut scene = Scene::first();
    let running = scene.stopped_at(FailPoint::Planned);
    let mut names: Vec<_> = fs::read_dir(scene.world.work().join("rollcall.db.work"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(names, ["_directory.lock", "acme.lock", "acme.spool"]);
    running.signal(Signal::CONT);
    scene.world.wait(running).exits(0);
    scene.ended();
    assert!(scene.check("a run that nobody disturbed").0);
}
