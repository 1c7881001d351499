//! Several connectors in one command.

use okta_sim::{GroupType, Population, Status};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::{World, profile};

/// The world's own connector, `acme`, and others at these addresses.
fn configuration(world: &World, others: &[(&str, &str)]) -> String {
    let scope = "settings.groups.exclude-types = [\"BUILT_IN\"]\n";
    let own = world.connector("acme", "{ env = \"OKTA_TOKEN\" }");
    others.iter().fold(own.clone() + scope, |text, (name, url)| {
        text + &own.replace("[connector.acme]", &format!("[connector.{name}]")).replace(&world.sim.url(), url)
            + scope
    })
}

#[test]
fn a_failure_of_one_stops_no_other_and_results_come_in_order() {
    let world = World::company(&["ann"], &[]);
    let other = world.another_sim(Population { users: 0, groups: 0, ..Population::default() });
    other.create_user(Status::Active, profile("bob")).unwrap();
    // The first one is slow.
    world.sim.set_latency(std::time::Duration::from_millis(200));
    let text = configuration(&world, &[("broken", "http://127.0.0.1:9"), ("last", &other.url())]);
    world.write("rollcall.toml", text.replace("[connector.broken]", "[connector.broken]\nhttp.attempts = 1"));
    let ran = world.run(&["sync", "--all", "--json"]).exits(1);
    ran.says(&["error: failed to sync connector `broken`", "caused by: reading GET /api/v1/", "no answer"]);
    let reports = ran.json();
    let told: Vec<(&str, &str)> = reports
        .as_array()
        .unwrap()
        .iter()
        .map(|report| (report["connector"].as_str().unwrap(), report["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(told, [("acme", "done"), ("broken", "failed"), ("last", "done")]);
    let lines = world.run(&["sync", "--all"]).exits(1).stdout;
    let headlines: Vec<&str> =
        lines.lines().filter(|line| line.contains(": ") && line.contains("(run ")).collect();
    assert!(
        matches!(headlines[..], [a, b, c] if a.starts_with("acme: done") && b.starts_with("broken: failed") && c.starts_with("last: done")),
        "{lines}"
    );
    assert_eq!(world.directory().user_names(), ["ann@acme.example", "bob@acme.example"]);
}

#[test]
fn who_has_a_name_does_not_depend_on_whose_provider_is_faster() {
    let world = World::company(&["ann"], &[]);
    let other = world.another_sim(Population { users: 0, groups: 0, ..Population::default() });
    other.create_user(Status::Active, profile("ann")).unwrap();
    // The first one is slow.
    world.sim.set_latency(std::time::Duration::from_millis(300));
    world.write("rollcall.toml", configuration(&world, &[("last", &other.url())]));
    let reports = world.run(&["sync", "--all", "--json"]).exits(4).json();
    let problems = |of: usize| reports[of]["problems"].as_array().unwrap().len();
    assert_eq!((problems(0), problems(1)), (0, 1), "{reports}");
    assert!(reports[1]["problems"][0]["message"].as_str().unwrap().contains("connector acme"), "{reports}");
}

#[test]
fn one_that_can_not_begin_stops_no_other() {
    let world = World::company(&["ann"], &[]);
    let own = world.connector("acme", "{ env = \"OKTA_TOKEN\" }");
    let without = world.connector("without", "{ env = \"NOT_SET\" }");
    world.write("rollcall.toml", without + &own);
    let ran = world.run(&["sync", "--all", "--json"]).exits(2);
    ran.says(&["error: connector `without` has no credential", "hint: "]);
    assert_eq!(ran.json().as_array().unwrap().len(), 1);
    assert_eq!(world.directory().user_names(), ["ann@acme.example"]);
}

#[test]
fn a_signal_stops_all_of_them() {
    let world = World::new(Population { users: 900, groups: 0, awkward: false, ..Population::default() });
    let other =
        world.another_sim(Population { users: 900, groups: 0, awkward: false, ..Population::default() });
    other.create_group(GroupType::OktaGroup, "others", None);
    world.hold_at_second_page_of_users();
    let slow = okta_sim::Limits { users: 3, token_share_percent: 100, ..okta_sim::Limits::default() };
    other.set_limits(slow);
    world.write("rollcall.toml", configuration(&world, &[("other", &other.url())]));
    let running = world.start(&["sync", "--all", "--json"]);
    world.wait_for_second_page_of_users();
    world.wait_until("the other one was asked too", || {
        other.requests().iter().filter(|request| request.target.starts_with("/api/v1/users?")).count() == 2
    });
    running.signal(Signal::INT);
    let ran = world.wait(running).exits(1);
    ran.says(&["stopped by request: nothing was applied"]);
    let outcomes: Vec<Value> =
        ran.json().as_array().unwrap().iter().map(|report| report["outcome"].clone()).collect();
    assert_eq!(outcomes, [json!("cancelled"), json!("cancelled")]);
    assert!(world.directory().users.is_empty());
}
