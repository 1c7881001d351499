//! Signals that come in the middle of the work, as from a service manager. What they do to a run that waits for the
//! provider is in `sync_alone`.

use rollcall::failpoint::FailPoint;
use rustix::process::Signal;

use super::scene::Scene;

/// The process is stopped at the point, gets the signals, and goes on. Gives its exit code.
#[track_caller]
fn signalled(scene: &mut Scene, point: FailPoint, signals: &[Signal]) -> i32 {
    let running = scene.stopped_at(point);
    for signal in signals {
        running.signal(*signal);
    }
    running.signal(Signal::CONT);
    let ran = scene.world.wait(running);
    scene.ended();
    let state = scene.state();
    let what = format!("{signals:?} at {}", point.name());
    let code = ran.code.unwrap_or_else(|| panic!("{what}: it ended by signal {:?}", ran.signal));
    match code {
        0 => assert!(state == scene.new, "{what}: it says that it is done"),
        1 => {
            assert_eq!(ran.json()["outcome"], "cancelled", "{what}");
            assert_eq!(state.outcomes.0.last().map(String::as_str), Some("cancelled"), "{what}");
            assert!(state == scene.old, "{what}: it says that nothing was applied");
        }
        // The second signal doesn't wait for what was going on.
        130 => assert!(signals.len() == 2, "{what}"),
        code => panic!("{what}: exit code {code}: {}", ran.stderr),
    }
    scene.check(&what);
    code
}

#[test]
fn a_signal_before_the_transaction_leaves_the_old_directory() {
    let mut scene = Scene::second();
    for signal in [Signal::TERM, Signal::INT] {
        for point in [FailPoint::RunBegun, FailPoint::ReadingEnded, FailPoint::BatchStaged] {
            scene.reset();
            assert!([0, 1].contains(&signalled(&mut scene, point, &[signal])));
        }
    }
}

/// A transaction is never left half way: it is finished, or for the impatient rolled back.
#[test]
fn a_signal_in_the_transaction_lets_it_be_finished() {
    let mut scene = Scene::second();
    for point in [FailPoint::MirrorWritten, FailPoint::OutcomeWritten, FailPoint::Committed] {
        scene.reset();
        assert_eq!(signalled(&mut scene, point, &[Signal::TERM]), 0, "it was applying already");
        scene.reset();
        assert!([0, 130].contains(&signalled(&mut scene, point, &[Signal::TERM, Signal::INT])));
    }
}
