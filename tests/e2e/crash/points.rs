//! A kill at every named instant.

use rollcall::failpoint::FailPoint;

use super::scene::Scene;

/// Points that come before the commit, in the order in which a run passes them; the rest comes after it.
fn comes_after_commit(point: FailPoint) -> bool {
    matches!(point, FailPoint::Committed | FailPoint::SpoolForgetting | FailPoint::SpoolForgotten)
}

/// Points at which the spool holds the whole reading, not applied yet.
fn has_read_all(point: FailPoint) -> bool {
    let at = |wanted| FailPoint::ALL.iter().position(|point| *point == wanted).unwrap();
    (at(FailPoint::ReadingEnding)..at(FailPoint::Committed)).contains(&at(point))
}

/// Points at which nobody has been asked yet about those whom the list left out.
fn comes_before_confirmation(point: FailPoint) -> bool {
    matches!(point, FailPoint::ReadingEnding | FailPoint::ReadingEnded | FailPoint::Indexed)
}

fn kill_at_every_point(mut scene: Scene, unreached: &[FailPoint]) {
    for point in FailPoint::ALL.iter().filter(|point| !unreached.contains(point)) {
        scene.reset();
        // What brings a run to the rarer points.
        let compiles = matches!(point, FailPoint::FileWritten | FailPoint::FileRenamed);
        let fails = matches!(point, FailPoint::RunEnding | FailPoint::RunEnded);
        if compiles {
            scene.forget_compiled_plugins();
        }
        scene.revoke_token(fails);
        let ran = scene.sync_until(point.name());
        assert_eq!(ran.signal, Some(9), "{} is never passed: {}", point.name(), ran.stderr);
        scene.revoke_token(false);
        let (is_new, resumed) = scene.check(point.name());
        assert_eq!(is_new, comes_after_commit(*point), "{}", point.name());
        if has_read_all(*point) {
            let asked_later = if comes_before_confirmation(*point) { scene.confirmations } else { 0 };
            assert_eq!(resumed, scene.pages - asked_later, "{}", point.name());
        }
    }
}

#[test]
fn a_kill_at_any_point_of_the_first_sync() {
    kill_at_every_point(Scene::first(), &[FailPoint::Confirmed]);
}

#[test]
fn a_kill_at_any_point_of_a_second_sync() {
    kill_at_every_point(Scene::second(), &[FailPoint::DatabaseMigrating, FailPoint::DatabaseMigrated]);
}

/// Three more pages each time: what is in the spool is never asked for again.
#[test]
fn a_run_that_is_killed_again_and_again_gets_to_the_end() {
    let mut scene = Scene::first();
    let kills = (scene.pages - 1) / 3;
    for _ in 0..kills {
        let ran = scene.sync_until("page-flushed:3");
        assert_eq!(ran.signal, Some(9), "{}", ran.stderr);
    }
    let (is_new, resumed) = scene.check("three pages at a time");
    assert_eq!((is_new, resumed), (false, 3 * kills));
}
