use okta_sim::Population;
use rollcall::failpoint::FailPoint;
use rustix::process::Signal;

use super::scene::{NIGHTLY, Scene};
use crate::support::World;

const NIGHT: &str = "2027-03-02T02:00:00Z";

#[test]
fn a_collection_stops_and_goes_on_after_the_restart() {
    let population = Population { users: 900, groups: 0, awkward: false, ..Population::default() };
    let scene = Scene::new(World::new(population), NIGHTLY);
    scene.world.hold_at_second_page_of_users();
    let mut serving = scene.serve();
    scene.at(NIGHT);
    scene.waits_for(&mut serving, "acme: a run begins");
    scene.world.wait_for_second_page_of_users();
    let log = scene.stop(serving);
    assert!(log.contains("stopping when the runs at work have ended: 1"), "{log}");
    assert!(log.contains("acme: cancelled (run 1"), "{log}");
    assert!(log.trim_end().ends_with("stopped"), "{log}");
    // What was stopped is made up for at once, and asks for nothing twice.
    scene.world.sim.set_limits(okta_sim::Limits::default());
    scene.world.requests();
    let mut serving = scene.serve();
    scene.waits_for(&mut serving, "acme: done (run 2");
    scene.stop(serving);
    let pages = scene.world.requests();
    let first = pages.iter().filter(|page| page.starts_with("/api/v1/users?") && !page.contains("after="));
    assert_eq!(first.count(), 0, "{pages:?}");
    let outcomes: Vec<String> = scene.runs().into_iter().map(|(outcome, _)| outcome).collect();
    assert_eq!(outcomes, ["cancelled", "done"]);
}

#[test]
fn an_apply_finishes() {
    let scene = Scene::new(World::company(&["ann"], &[]), NIGHTLY);
    let mut serving = scene.start_with(&[("ROLLCALL_STOP_AT", FailPoint::UsersWritten.name())]);
    scene.waits_for(&mut serving, "serving ");
    scene.at(NIGHT);
    scene.world.wait_until("it applies", || serving.process().is_stopped());
    serving.process().signal(Signal::TERM);
    serving.process().signal(Signal::CONT);
    let (ran, log) = scene.ends(serving);
    assert_eq!(ran.code, Some(0), "{log}");
    assert!(log.contains("acme: done (run 1"), "{log}");
    assert_eq!(scene.world.directory().user_names(), ["ann@acme.example"]);
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let population = Population { users: 900, groups: 0, awkward: false, ..Population::default() };
    let scene = Scene::new(World::new(population), NIGHTLY);
    let mut serving = scene.start_with(&[("ROLLCALL_STOP_AT", FailPoint::RunBegun.name())]);
    scene.waits_for(&mut serving, "serving ");
    scene.at(NIGHT);
    scene.world.wait_until("a run begins", || serving.process().is_stopped());
    serving.process().signal(Signal::TERM);
    serving.process().signal(Signal::INT);
    serving.process().signal(Signal::CONT);
    let (ran, log) = scene.ends(serving);
    // Both wait when it goes on; whether the run ends before the second is seen is a race.
    assert!([Some(0), Some(130)].contains(&ran.code), "{:?} {log}", ran.code);
}
