//! Runs beside each other, and runs that are stopped.

use okta_sim::{GroupType, Limits, Population, Status};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{Running, World, profile, truth};

/// Five pages of users, and a run that gets no further than the second.
fn held() -> (World, Running) {
    let population =
        Population { users: 900, groups: 4, empty_groups: 1, awkward: false, ..Population::default() };
    let world = World::new(population);
    world.configure("settings.attributes = [\"*\"]");
    world.hold_at_second_page_of_users();
    let running = world.start(&["sync", "acme", "--json"]);
    // With the listing of groups, and the members of each.
    world.wait_until("everything but the other users was read", || world.sim.requests().len() == 2 + 1 + 3);
    (world, running)
}

/// Nobody holds it any more: the next sync is complete, and reads nothing again that was read before.
fn assert_goes_on(world: &World) {
    world.sim.set_limits(Limits::default());
    let before = world.requests();
    let report = world.sync();
    let after = world.requests();
    let resumed = report["requests"]["resumed"].as_u64().unwrap();
    assert!(resumed > 0, "{report}");
    // 5 pages of users, 1 of groups, 1 of each of 3 groups' members. What was under way when the run ended is read
    // again.
    assert_eq!(after.len() as u64 + resumed, 9);
    let first =
        before.iter().find(|target| target.starts_with("/api/v1/users?") && !target.contains("after="));
    assert!(!after.contains(first.unwrap()), "{after:?}");
    let (mut truth, directory) = (truth(&world.sim), world.directory());
    truth.keys.clone_from(&directory.keys);
    assert!(directory == truth, "the directory is not the organisation");
}

fn outcomes(world: &World) -> Vec<Value> {
    let runs = world.run(&["runs", "--json"]).exits(0).json();
    runs.as_array().unwrap().iter().map(|run| run["outcome"].clone()).collect()
}

#[test]
fn a_second_run_of_a_connector_is_refused_and_the_first_goes_on() {
    let (world, mut first) = held();
    let asked = world.sim.stats().total;
    let holder = format!("another run of connector acme is at work (process {})", first.id());
    world.run(&["sync", "acme"]).exits(1).says(&[&holder, "hint: wait until it has ended"]);
    world.run(&["plan", "acme"]).exits(1).says(&[&holder]);
    assert_eq!(world.sim.stats().total, asked, "they asked nothing of Okta");
    assert!(first.is_running());
    assert_eq!(outcomes(&world), ["running"]);
    first.signal(Signal::INT);
    world.wait(first).exits(1);
    assert_goes_on(&world);
}

#[test]
fn a_killed_run_leaves_no_lock_and_the_next_goes_on_where_it_stopped() {
    let (world, mut first) = held();
    first.kill();
    assert_eq!(world.wait(first).code, None);
    assert!(world.directory().users.is_empty());
    assert_goes_on(&world);
    assert_eq!(outcomes(&world), ["done", "interrupted"]);
}

#[test]
fn a_signal_ends_a_run_cleanly_with_nothing_applied() {
    for signal in [Signal::INT, Signal::TERM] {
        let (world, first) = held();
        first.signal(signal);
        let ran = world.wait(first).exits(1);
        ran.says(&["stopped by request: nothing was applied", "hint: run it again"]);
        assert_eq!(ran.json()["outcome"], "cancelled");
        assert!(world.directory().users.is_empty());
        assert_eq!(outcomes(&world), ["cancelled"]);
        assert_goes_on(&world);
    }
}

#[test]
fn a_spool_of_other_settings_is_not_gone_on_from() {
    let (world, mut first) = held();
    first.kill();
    world.wait(first);
    world.sim.set_limits(Limits::default());
    world.configure("settings.attributes = []");
    world.requests();
    let report = world.sync();
    assert_eq!((&report["requests"]["resumed"], world.requests().len()), (&json!(0), 9));
}

#[test]
fn two_connectors_sync_into_one_directory_at_the_same_time() {
    let world = World::company(&["ann", "bob"], &[("eng", &["ann"])]);
    let other = world.another_sim(Population { users: 0, groups: 0, ..Population::default() });
    for number in 0..300 {
        other.create_user(Status::Active, profile(&format!("other{number}"))).unwrap();
        world.hire(&format!("one{number}"));
    }
    let group = other.create_group(GroupType::OktaGroup, "others", None);
    other.add_member(&group, "other7").unwrap();
    let second = world.connector("other", "{ env = \"OKTA_TOKEN\" }").replace(&world.sim.url(), &other.url());
    // Both organisations have the group Everyone, and a name belongs to one.
    let second = second + "settings.groups.exclude-types = [\"BUILT_IN\"]\n";
    world.write("rollcall.toml", world.connector("acme", "{ env = \"OKTA_TOKEN\" }") + &second);
    for round in 0..3 {
        let both = ["acme", "other"].map(|name| world.start(&["sync", name, "--json"]));
        for running in both {
            let report = world.wait(running).exits(0).json();
            assert_eq!(report["users"]["created"].as_u64() > Some(0), round == 0, "{report}");
        }
    }
    let directory = world.directory();
    assert_eq!(directory.users.len(), 2 + 300 + 300);
    assert_eq!(directory.members_of("eng"), ["ann@acme.example"]);
    assert_eq!(directory.members_of("others"), ["other7@acme.example"]);
    assert_eq!(directory.members_of("Everyone").len(), 302, "those of its own organisation");
    let mut keys: Vec<u64> = directory.users.keys().map(|id| directory.keys[id]).collect();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), 602, "no key is given twice");
    // Both simulators give the same ids.
    let id = directory.users.keys().find(|id| !id.starts_with("other ")).unwrap();
    world.run(&["user", id]).exits(1).says(&["means several users", "hint: "]);
    let id = world.group_id("eng");
    world.run(&["group", &id]).exits(1).says(&[
        "means several groups: ",
        "eng (connector acme)",
        "others (connector other)",
    ]);
    let all = world.run(&["sync", "--all", "--json"]).exits(0).json();
    assert_eq!(all.as_array().unwrap().len(), 2);
}
