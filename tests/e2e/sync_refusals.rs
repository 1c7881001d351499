//! What stops a sync says what to do, and leaves the directory as it was.

use std::net::TcpListener;

use okta_sim::{Access, Population, Sim};
use serde_json::json;

use crate::support::World;

const NARROW: &str = "00tokenWithoutAnyRole";

fn company() -> World {
    World::company(&["ann", "bob"], &[("eng", &["ann", "bob"]), ("ops", &["bob"])])
}

fn set_token(world: &mut World, token: &str) {
    world.place.variables.push(("OKTA_TOKEN".into(), token.into()));
}

#[test]
fn a_wrong_token() {
    let mut world = company();
    set_token(&mut world, "00notTheToken");
    world.failed_sync().says(&[
        "error: reading GET /api/v1/",
        "caused by: okta does not accept the credential",
        "E0000011 \"Invalid token provided\"",
        "hint: make a new API token in Okta's Admin Console",
    ]);
    assert!(world.directory().users.is_empty());
    let run = world.run(&["run", "1", "--json"]).exits(0).json();
    assert_eq!((&run["outcome"], &run["changes"]), (&json!("failed"), &json!([])));
}

/// Okta answers a token without a role with 200 and an empty list.
#[test]
fn a_token_that_sees_nobody_is_no_empty_company() {
    let population = Population { users: 20, groups: 3, awkward: false, ..Population::default() };
    let mut world = World::of(Sim::builder().population(population).extra_token(NARROW, Access::NoAdminRole));
    world.sync();
    let before = world.directory();
    assert_eq!(before.users.len(), 20);
    set_token(&mut world, NARROW);
    // Which of the two listings is answered first is chance.
    let ran = world.failed_sync();
    ran.says(&["hint: give the token's owner the role Read-only Administrator"]);
    let nobody = ran.stderr.contains("okta lists no users to this credential");
    assert!(nobody || ran.stderr.contains("the credential may not read this"), "{}", ran.stderr);
    assert_eq!(world.directory(), before);
}

#[test]
fn a_token_revoked_between_two_syncs() {
    let world = company();
    world.sync();
    let before = world.directory();
    world.hire("cy");
    world.sim.set_token(world.sim.token(), None);
    world.failed_sync().says(&["okta does not accept the credential", "hint: make a new API token"]);
    assert_eq!(world.directory(), before);
    world.sim.set_token(world.sim.token(), Some(Access::Full));
    assert_eq!(world.sync()["users"]["created"], 1);
}

#[test]
fn members_that_may_not_be_read_cost_only_their_group() {
    let world = company();
    world.sync();
    let eng = world.group_id("eng");
    world.sim.forbid_members(&eng, true).unwrap();
    world.sim.remove_member(&eng, "bob").unwrap();
    world.hire("cy");
    world.sim.add_member(&world.group_id("ops"), "cy").unwrap();

    let ran = world.run(&["sync", "acme", "--json"]).exits(4);
    let report = ran.json();
    assert_eq!((&report["outcome"], &report["memberships"]["unknown"]), (&json!("problems"), &json!(1)));
    let problem = &report["problems"][0];
    assert_eq!(
        (&problem["kind"], &problem["id"], &problem["name"]),
        (&json!("group"), &json!(eng), &json!("eng"))
    );
    let message = problem["message"].as_str().unwrap();
    assert!(
        message.starts_with("its members stay as they were: ") && message.contains("E0000006"),
        "{message}"
    );
    let directory = world.directory();
    assert_eq!(directory.members_of("eng"), ["ann@acme.example", "bob@acme.example"], "as they were");
    assert_eq!(directory.members_of("ops"), ["bob@acme.example", "cy@acme.example"]);

    world.sim.forbid_members(&eng, false).unwrap();
    assert_eq!(world.sync()["memberships"]["removed"], 1);
    assert_eq!(world.directory().members_of("eng"), ["ann@acme.example"]);
}

#[test]
fn a_variable_that_is_not_set() {
    let mut world = company();
    world.place.variables.clear();
    let ran = world.run(&["sync", "acme"]).exits(2);
    ran.says(&[
        "connector `acme` has no credential",
        "OKTA_TOKEN is not set",
        "hint: set it where rollcall runs",
    ]);
    assert_eq!(world.sim.stats().total, 0);
}

#[test]
fn a_host_that_nobody_answers_at() {
    let world = company();
    // Free again at once, so that connections to it are refused.
    let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let elsewhere = world
        .connector("acme", "{ env = \"OKTA_TOKEN\" }")
        .replace(&world.sim.url(), &format!("http://{address}"));
    world.write("rollcall.toml", elsewhere + "http.attempts = 1\n");
    world.failed_sync().says(&["error: reading GET /api/v1/", "caused by: ", &address.to_string(), "hint: "]);
    assert!(world.directory().users.is_empty());
}

#[test]
fn a_connector_that_does_not_exist() {
    let world = company();
    world
        .run(&["sync", "acne"])
        .exits(2)
        .says(&["rollcall.toml has no connector `acne`", "did you mean `acme`?"]);
    let error = world.run(&["sync", "acne", "--json"]).exits(2).json();
    assert!(error["error"]["hint"].as_str().unwrap().contains("`acme`"), "{error}");
}

#[test]
fn settings_that_are_wrong_are_shown_where_they_stand() {
    let world = company();
    world.configure("settings.groups.inclde = [\"eng\"]");
    world.run(&["sync", "acme"]).exits(2).says(&[
        "rollcall.toml:5:17: ",
        "5 | settings.groups.inclde = [\"eng\"]",
        "did you mean `include`?",
    ]);
    // What only the plugin itself can find out.
    world.configure("settings.groups.search = 'a'\nsettings.groups.filter = 'b'");
    world.run(&["sync", "acme"]).exits(2).says(&[
        "rollcall.toml:6:17: ",
        "search and filter can't be used together",
        "hint: write the whole condition",
    ]);
    assert_eq!(world.sim.stats().total, 0, "nothing was asked of Okta");
}

#[test]
fn a_directory_of_a_newer_version() {
    let world = company();
    world.sync();
    let path = world.work().join("rollcall.db");
    let database = rusqlite::Connection::open(&path).unwrap();
    let version: i64 = database.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    database.pragma_update(None, "user_version", 99).unwrap();
    drop(database);
    world.sim.reset_stats();
    world.run(&["sync", "acme"]).exits(1).says(&["rollcall.db", "99", "hint: "]);
    world.run(&["users"]).exits(1).says(&["rollcall.db", "99"]);
    assert_eq!(world.sim.stats().total, 0);
    let database = rusqlite::Connection::open(&path).unwrap();
    database.pragma_update(None, "user_version", version).unwrap();
    drop(database);
    assert_eq!(world.directory().users.len(), 2, "it was left alone");
}

#[test]
fn a_directory_that_is_something_else() {
    let world = company();
    let garbage = "this is no database ".repeat(500);
    let path = world.write("rollcall.db", &garbage);
    world.run(&["sync", "acme"]).exits(1).says(&["rollcall.db", "hint: "]);
    world.run(&["users"]).exits(1).says(&["rollcall.db", "hint: "]);
    assert_eq!(std::fs::read(&path).unwrap(), garbage.as_bytes(), "it was left alone");

    std::fs::remove_file(&path).unwrap();
    let other = rusqlite::Connection::open(&path).unwrap();
    other.execute_batch("CREATE TABLE somebody_elses (x); PRAGMA user_version = 1;").unwrap();
    drop(other);
    world.run(&["sync", "acme"]).exits(1).says(&["rollcall.db", "hint: "]);
    assert_eq!(world.sim.stats().total, 0);
}
