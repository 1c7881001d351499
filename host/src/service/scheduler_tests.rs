use jiff::Timestamp;

use super::last::LastRuns;
use super::scheduler::{How, Next, Nexts, Scheduler, Silence, Start};
use crate::config::{Config, Schedule};
use crate::run::Extent;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// As it is written in the file.
fn schedule(lines: &str) -> Schedule {
    let text = format!(
        "[connector.a]\nplugin = 'okta'\nendpoint = 'a.b'\ncredential.env = 'T'\n[connector.a.schedule]\n{lines}"
    );
    let config = Config::parse("rollcall.toml".as_ref(), &text).unwrap_or_else(|error| panic!("{error}"));
    config.connectors["a"].schedule.clone().unwrap()
}

fn scheduler(connectors: &[(&str, &str)], now: &str, last: Option<&str>) -> Scheduler {
    let mut scheduler = Scheduler::default();
    let schedules = connectors.iter().map(|(name, lines)| ((*name).to_owned(), schedule(lines)));
    let last = last.map(at);
    let last = LastRuns { full: last, any: last, success: last, full_success: last, full_failed: false };
    scheduler.set(schedules.collect(), at(now), |_| last);
    scheduler
}

/// The end of a run that read so much.
fn well(extent: Extent) -> Option<How> {
    Some(How { extent, succeeded: true, failed: false })
}

fn badly(extent: Extent) -> Option<How> {
    Some(How { extent, succeeded: false, failed: true })
}

const HOURLY: &str = "full = '@hourly'\ntime-zone = 'UTC'";
const NIGHTLY: &str = "full = '0 3 * * *'\ntime-zone = 'Europe/Berlin'";

fn silence(since: &str, only_full: bool) -> Silence {
    Silence { connector: "acme".to_owned(), since: at(since), only_full }
}

fn run(connector: &str, due: &str, late: bool) -> Start {
    Start::Run { connector: connector.to_owned(), extent: Extent::Full, due: at(due), late }
}

#[test]
fn a_run_begins_when_it_is_due_and_not_before_and_not_twice() {
    let mut scheduler = scheduler(&[("acme", NIGHTLY)], "2026-11-24T12:00:00Z", None);
    assert_eq!(scheduler.wakes(), Some(at("2026-11-25T02:00:00Z")));
    assert_eq!(scheduler.start(at("2026-11-25T01:59:59Z")), []);
    let now = at("2026-11-25T02:00:00Z");
    assert_eq!(scheduler.start(now), [run("acme", "2026-11-25T02:00:00Z", false)]);
    assert_eq!(scheduler.start(now), []);
    scheduler.ended("acme", at("2026-11-25T02:10:00Z"), well(Extent::Full));
    assert_eq!(scheduler.start(at("2026-11-25T02:10:00Z")), []);
    assert_eq!(scheduler.wakes(), Some(at("2026-11-26T02:00:00Z")));
}

#[test]
fn what_was_missed_is_made_up_for_once() {
    let now = "2026-11-24T12:20:00Z";
    let mut missed = scheduler(&[("acme", HOURLY)], now, Some("2026-11-23T08:00:03Z"));
    let starts = missed.start(at(now));
    assert_eq!(starts, [run("acme", "2026-11-23T09:00:00Z", true)]);
    missed.ended("acme", at("2026-11-24T12:21:00Z"), well(Extent::Full));
    assert_eq!(missed.start(at("2026-11-24T12:59:59Z")), []);
    assert_eq!(missed.wakes(), Some(at("2026-11-24T13:00:00Z")));
    // Nothing was missed where the last run began after the last due time, and where there never was one.
    for last in [Some("2026-11-24T12:00:03Z"), None] {
        let mut scheduler = scheduler(&[("acme", HOURLY)], now, last);
        assert_eq!((scheduler.start(at(now)), scheduler.wakes()), (vec![], Some(at("2026-11-24T13:00:00Z"))));
    }
    // With jitter, a run may be due and not be missed yet; many that were missed don't begin in one second.
    let spread: Vec<String> = (0..8).map(|number| format!("c{number}")).collect();
    let lines = format!("{HOURLY}\njitter-seconds = 3600");
    let connectors: Vec<(&str, &str)> = spread.iter().map(|name| (name.as_str(), lines.as_str())).collect();
    let waiting = super::scheduler_tests::scheduler(&connectors, now, Some("2026-11-23T08:00:03Z"));
    let begins: Vec<i64> = spread
        .iter()
        .map(|name| waiting.next(name).unwrap().1.begins.as_second() - at(now).as_second())
        .collect();
    assert!(begins.iter().all(|after| (0..=60).contains(after)), "{begins:?}");
    assert!(begins.iter().max() > begins.iter().min(), "{begins:?}");
}

#[test]
fn what_comes_due_during_a_run_is_skipped_and_said() {
    let mut scheduler = scheduler(&[("acme", HOURLY)], "2026-11-24T12:30:00Z", None);
    assert_eq!(scheduler.start(at("2026-11-24T13:00:00Z")).len(), 1);
    let skip =
        Start::Skip { connector: "acme".to_owned(), extent: Extent::Full, due: at("2026-11-24T14:00:00Z") };
    assert_eq!(scheduler.start(at("2026-11-24T14:00:01Z")), [skip]);
    scheduler.ended("acme", at("2026-11-24T14:20:00Z"), well(Extent::Full));
    assert_eq!(scheduler.start(at("2026-11-24T14:20:00Z")), []);
    assert_eq!(scheduler.start(at("2026-11-24T15:00:00Z")), [run("acme", "2026-11-24T15:00:00Z", false)]);
}

#[test]
fn those_that_begin_together_begin_in_the_stated_order() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let mut scheduler = scheduler(&names.map(|name| (name, HOURLY)), "2026-11-24T12:30:00Z", None);
    scheduler.set_order(["e", "b"].map(str::to_owned).into());
    let due = "2026-11-24T13:00:00Z";
    assert_eq!(scheduler.start(at(due)), ["e", "b", "a", "c"].map(|name| run(name, due, false)));
}

#[test]
fn only_some_run_at_a_time_and_the_others_wait_their_turn() {
    let names = ["f", "e", "d", "c", "b", "a"];
    let connectors = names.map(|name| (name, HOURLY));
    let mut scheduler = scheduler(&connectors, "2026-11-24T12:30:00Z", None);
    let due = "2026-11-24T13:00:00Z";
    let four = ["a", "b", "c", "d"].map(|name| run(name, due, false));
    assert_eq!(scheduler.start(at(due)), four);
    assert_eq!((scheduler.start(at(due)), scheduler.wakes()), (vec![], Some(at("2026-11-24T14:00:00Z"))));
    scheduler.ended("c", at("2026-11-24T13:10:00Z"), badly(Extent::Full));
    assert_eq!(scheduler.wakes(), Some(at(due)));
    assert_eq!(scheduler.start(at("2026-11-24T13:10:00Z")), [run("e", due, false)]);
    scheduler.ended("a", at("2026-11-24T13:20:00Z"), well(Extent::Full));
    scheduler.ended("b", at("2026-11-24T13:20:00Z"), well(Extent::Full));
    assert_eq!(scheduler.start(at("2026-11-24T13:20:00Z")), [run("f", due, false)]);
}

#[test]
fn a_changed_schedule_misses_nothing_of_before_and_a_running_one_stays() {
    let mut scheduler = scheduler(&[("acme", HOURLY), ("other", HOURLY)], "2026-11-24T12:30:00Z", None);
    let now = at("2026-11-24T13:00:00Z");
    assert_eq!(scheduler.start(now).len(), 2);
    scheduler.ended("other", now, well(Extent::Full));
    let nightly = [("acme".to_owned(), schedule("full = '0 13 * * *'\ntime-zone = 'UTC'"))];
    let later = at("2026-11-24T13:30:00Z");
    scheduler.set(nightly.clone().into(), later, |_| panic!("both are known"));
    assert_eq!(scheduler.next("acme").unwrap().1.due, at("2026-11-25T13:00:00Z"));
    assert_eq!(scheduler.next("other"), None);
    // It is taken out, and comes back while its run goes on.
    scheduler.set([].into(), later, |_| panic!("none is new"));
    scheduler.set(nightly.into(), later, |_| panic!("it still runs"));
    let skip =
        Start::Skip { connector: "acme".to_owned(), extent: Extent::Full, due: at("2026-11-25T13:00:00Z") };
    assert_eq!(scheduler.start(at("2026-11-25T13:00:00Z")), [skip]);
}

#[test]
fn a_clock_that_is_put_back_repeats_nothing() {
    let mut scheduler = scheduler(&[("acme", HOURLY)], "2026-11-24T12:30:00Z", None);
    assert_eq!(scheduler.start(at("2026-11-24T13:00:00Z")).len(), 1);
    scheduler.ended("acme", at("2026-11-24T12:00:30Z"), well(Extent::Full));
    assert_eq!(scheduler.start(at("2026-11-24T13:00:00Z")), []);
    assert_eq!(scheduler.wakes(), Some(at("2026-11-24T14:00:00Z")));
}

#[test]
fn silence_is_told_once_until_a_run_succeeds() {
    let lines = format!("{HOURLY}\nalert-after-hours = 5");
    let mut scheduler = scheduler(&[("acme", &lines)], "2026-11-24T12:00:00Z", Some("2026-11-24T09:00:00Z"));
    assert_eq!(scheduler.silent(at("2026-11-24T13:59:59Z")), []);
    let silent = [silence("2026-11-24T09:00:00Z", false)];
    assert_eq!(scheduler.silent(at("2026-11-24T14:00:00Z")), silent);
    assert_eq!(scheduler.silent(at("2026-11-24T15:00:00Z")), []);
    scheduler.ended("acme", at("2026-11-24T16:00:00Z"), badly(Extent::Full));
    assert_eq!(scheduler.silent(at("2026-11-24T16:00:00Z")), []);
    scheduler.ended("acme", at("2026-11-24T17:00:00Z"), well(Extent::Full));
    assert_eq!(scheduler.silent(at("2026-11-24T21:59:59Z")), []);
    assert_eq!(scheduler.silent(at("2026-11-24T22:00:00Z")).len(), 1);
}

const BOTH: &str = "full = '0 3 * * *'\nchanges = '*/5 * * * *'\ntime-zone = 'UTC'";

fn increment(due: &str, late: bool) -> Start {
    Start::Run { connector: "acme".to_owned(), extent: Extent::Changes, due: at(due), late }
}

fn skip(extent: Extent, due: &str) -> Start {
    Start::Skip { connector: "acme".to_owned(), extent, due: at(due) }
}

#[test]
fn increments_run_between_full_runs_and_when_both_are_due_only_the_full_one_does() {
    let mut scheduler = scheduler(&[("acme", BOTH)], "2026-11-24T02:52:00Z", None);
    for due in ["2026-11-24T02:55:00Z", "2026-11-24T03:00:00Z", "2026-11-24T03:05:00Z"] {
        assert_eq!(scheduler.wakes(), Some(at(due)));
        let full = due.contains("03:00");
        let expected = if full { run("acme", due, false) } else { increment(due, false) };
        assert_eq!(scheduler.start(at(due)), [expected]);
        assert_eq!(
            scheduler.ended("acme", at(due), well(if full { Extent::Full } else { Extent::Changes })),
            []
        );
        assert_eq!(scheduler.start(at(due)), [], "the increment of that time is met, too");
    }
}

#[test]
fn a_full_run_that_comes_due_during_an_increment_waits_for_its_end() {
    let begun = || {
        let mut scheduler = scheduler(&[("acme", BOTH)], "2026-11-24T02:52:00Z", None);
        assert_eq!(scheduler.start(at("2026-11-24T02:55:00Z")).len(), 1);
        let now = at("2026-11-24T03:00:00Z");
        assert_eq!(scheduler.start(now), [skip(Extent::Changes, "2026-11-24T03:00:00Z")]);
        assert_eq!((scheduler.start(now), scheduler.wakes()), (vec![], Some(at("2026-11-24T03:05:00Z"))));
        scheduler
    };
    let later = at("2026-11-24T03:02:00Z");
    let full = run("acme", "2026-11-24T03:00:00Z", false);
    for how in [well(Extent::Changes), badly(Extent::Changes), badly(Extent::Full), None] {
        let mut scheduler = begun();
        assert_eq!(scheduler.ended("acme", later, how), []);
        assert_eq!(scheduler.start(later), std::slice::from_ref(&full), "{how:?}");
    }
    // It had to read everything, and did.
    let mut scheduler = begun();
    assert_eq!(scheduler.ended("acme", later, well(Extent::Full)), [at("2026-11-24T03:00:00Z")]);
    assert_eq!((scheduler.start(later), scheduler.wakes()), (vec![], Some(at("2026-11-24T03:05:00Z"))));
}

#[test]
fn what_comes_due_during_a_full_run_is_skipped_of_both_kinds() {
    let lines = BOTH.replace("0 3 * * *", "*/10 3 * * *");
    let mut scheduler = scheduler(&[("acme", &lines)], "2026-11-24T02:58:00Z", None);
    assert_eq!(scheduler.start(at("2026-11-24T03:00:00Z")).len(), 1);
    let mut passes = |time: &str| scheduler.start(at(time));
    assert_eq!(passes("2026-11-24T03:05:00Z"), [skip(Extent::Changes, "2026-11-24T03:05:00Z")]);
    let both = [Extent::Full, Extent::Changes].map(|extent| skip(extent, "2026-11-24T03:10:00Z"));
    assert_eq!(passes("2026-11-24T03:10:00Z"), both);
}

#[test]
fn a_missed_increment_is_made_up_for_once_and_not_beside_a_missed_full_run() {
    let now = "2026-11-24T12:02:00Z";
    let last =
        |full: &str, any: &str| LastRuns { full: Some(at(full)), any: Some(at(any)), ..LastRuns::default() };
    let missed = |full: &str, any: &str, jitter: u64| {
        let mut scheduler = Scheduler::default();
        let schedule = schedule(&format!("{BOTH}\njitter-seconds = {jitter}"));
        scheduler.set([("acme".to_owned(), schedule)].into(), at(now), |_| last(full, any));
        let begins = scheduler.wakes().unwrap().max(at(now));
        let starts = scheduler.start(begins);
        scheduler.ended("acme", begins, well(Extent::Full));
        assert_eq!(scheduler.start(begins), []);
        starts
    };
    let increment = increment("2026-11-24T11:00:00Z", true);
    assert_eq!(missed("2026-11-24T03:00:01Z", "2026-11-24T10:55:01Z", 0), [increment]);
    for jitter in [0, 40, 900] {
        let full = run("acme", "2026-11-24T03:00:00Z", true);
        assert_eq!(missed("2026-11-23T03:00:01Z", "2026-11-24T02:10:01Z", jitter), [full], "{jitter}");
    }
}

#[test]
fn of_a_changed_schedule_only_what_changed_begins_anew() {
    let mut scheduler = scheduler(&[("acme", BOTH)], "2026-11-24T02:52:00Z", None);
    assert_eq!(scheduler.start(at("2026-11-24T02:55:00Z")).len(), 1);
    // The full run waits for the increment while somebody changes how often there is one.
    let now = at("2026-11-24T03:01:00Z");
    let hourly = schedule(&BOTH.replace("*/5", "30"));
    scheduler.set([("acme".to_owned(), hourly)].into(), now, |_| panic!("it is known"));
    scheduler.ended("acme", now, well(Extent::Changes));
    assert_eq!(scheduler.start(now), [run("acme", "2026-11-24T03:00:00Z", false)]);
    assert_eq!(scheduler.wakes(), Some(at("2026-11-24T03:30:00Z")));
}

#[test]
fn full_runs_that_keep_failing_are_told_while_increments_go_well() {
    let lines = format!("{BOTH}\nalert-after-hours = 30");
    let mut scheduler = scheduler(&[("acme", &lines)], "2026-11-24T03:00:00Z", Some("2026-11-24T03:00:00Z"));
    let well_at =
        |scheduler: &mut Scheduler, time: &str| scheduler.ended("acme", at(time), well(Extent::Changes));
    well_at(&mut scheduler, "2026-11-25T08:59:00Z");
    assert_eq!(
        scheduler.silent(at("2026-11-25T09:00:00Z")),
        [],
        "none was tried: its time may be once a week"
    );
    scheduler.ended("acme", at("2026-11-25T09:00:00Z"), badly(Extent::Full));
    let told = [silence("2026-11-24T03:00:00Z", true)];
    assert_eq!(scheduler.silent(at("2026-11-25T09:00:00Z")), told);
    assert_eq!(scheduler.silent(at("2026-11-25T10:00:00Z")), []);
    // An increment does not make it good, and when nothing goes well any more that is told by itself.
    well_at(&mut scheduler, "2026-11-25T11:00:00Z");
    assert_eq!(scheduler.silent(at("2026-11-26T16:59:59Z")), []);
    assert_eq!(scheduler.silent(at("2026-11-26T17:00:00Z")), [silence("2026-11-25T11:00:00Z", false)]);
    scheduler.ended("acme", at("2026-11-26T18:00:00Z"), well(Extent::Full));
    assert_eq!(scheduler.silent(at("2026-11-27T18:00:00Z")), []);
    assert_eq!(scheduler.silent(at("2026-11-28T00:00:00Z")), [silence("2026-11-26T18:00:00Z", false)]);
}

#[test]
fn the_first_of_both_is_the_next_and_the_full_run_where_they_begin_together() {
    let (now, schedule) = (at("2026-11-24T02:57:00Z"), schedule(BOTH));
    let nexts = Nexts::of("acme", &schedule, LastRuns::default(), now);
    let next = |time: &str| Next { due: at(time), begins: at(time) };
    assert_eq!(nexts.first(), Some((Extent::Full, next("2026-11-24T03:00:00Z"))));
    let earlier = Nexts::of("acme", &schedule, LastRuns::default(), at("2026-11-24T02:52:00Z"));
    assert_eq!(earlier.first(), Some((Extent::Changes, next("2026-11-24T02:55:00Z"))));
}
