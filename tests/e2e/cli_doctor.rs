//! `rollcall doctor` sees everything that would stop a sync, and nothing stops it from seeing the rest.

use std::fs;

use serde_json::Value;

use crate::support::{Ran, World};

/// State and text of each check, by connector and name.
fn checks(ran: &Ran) -> Vec<(String, String, String)> {
    let shown = ran.json();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let checks = shown["checks"].as_array().unwrap().iter();
    checks
        .map(|check| {
            let name = match check["connector"].as_str() {
                Some(connector) => format!("{connector} {}", text(&check["check"])),
                None => text(&check["check"]),
            };
            (name, text(&check["state"]), format!("{} {}", text(&check["saw"]), check["hint"]))
        })
        .collect()
}

#[track_caller]
fn state<'a>(checks: &'a [(String, String, String)], name: &str) -> (&'a str, &'a str) {
    let found = checks.iter().find(|(found, _, _)| found == name);
    let (_, state, saw) = found.unwrap_or_else(|| panic!("no check {name}: {checks:#?}"));
    (state, saw)
}

#[test]
fn when_all_is_well_it_says_so_and_makes_nothing() {
    let world = World::company(&["ann"], &[("Sales", &["ann"])]);
    let ran = world.run(&["doctor"]).exits(0);
    assert!(ran.stdout.ends_with("All is well.\n"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("there is none at rollcall.db yet; the first sync makes it"),
        "{}",
        ran.stdout
    );
    let left: Vec<_> = fs::read_dir(world.work()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left, ["rollcall.toml"]);

    world.sync();
    let checks = checks(&world.run(&["doctor", "acme", "--json"]).exits(0));
    for (name, state, saw) in &checks {
        assert_eq!(state, "ok", "{name}: {saw}");
    }
    assert!(state(&checks, "database").1.contains("1 user, 2 groups, 2 memberships"), "{checks:?}");
    assert_eq!(checks.len(), 10);
    assert_eq!(world.run(&["doctor", "--quiet"]).exits(0).stdout, "");
    world.run(&["doctor", "akme"]).exits(2).says(&["did you mean `acme`?"]);
}

#[test]
fn offline_it_asks_nobody() {
    let world = World::company(&["ann"], &[]);
    let ran = world.run(&["doctor", "--offline", "--json"]).exits(0);
    assert_eq!(world.requests(), [""; 0]);
    let checks = checks(&ran);
    assert_eq!(state(&checks, "acme plugin").0, "ok");
    for check in ["credential", "connection", "access", "clock"] {
        assert_eq!(state(&checks, &format!("acme {check}")).0, "skipped");
    }
}

/// What would stop a sync, which check sees it, what it says. The exit code is the sync's own.
#[test]
fn it_agrees_with_a_sync() {
    let world = World::company(&["ann"], &[]);
    let good = world.connector("acme", "{ env = \"OKTA_TOKEN\" }");
    world.write("wrong-token", "00wrong");
    for (check, configuration, says) in [
        ("credential", good.replace("OKTA_TOKEN", "NOT_SET"), "set it where rollcall runs"),
        ("access", good.replace("env = \"OKTA_TOKEN\"", "file = \"wrong-token\""), "okta does not accept"),
        ("plugin", format!("{good}settings.atributes = []\n"), "did you mean `attributes`?"),
        ("plugin", good.replace("\"okta\"", "\"otka\""), "did you mean `okta`?"),
        ("plugin", format!("{good}[[connector.acme.transform]]\nplugin = \"rule\"\n"), "no plugin rule"),
        ("connection", good.replace(&world.sim.url(), "http://127.0.0.1:1") + "http.attempts = 1\n", "TCP: "),
        (
            "connection",
            good.replace(&world.sim.url(), "nowhere.invalid") + "http.attempts = 1\n",
            "name resolution: ",
        ),
        ("connection", good.replace("http://", "https://") + "http.attempts = 1\n", "TLS: "),
        ("connection", good.replace(&world.sim.url(), "http://acme.okta.com"), "https"),
        ("connection", format!("{good}http.ca-bundle = \"none.pem\"\n"), "none.pem can't be used"),
    ] {
        world.write("rollcall.toml", &configuration);
        let sync = world.run(&["sync", "acme", "--quiet"]);
        let code = sync.code.unwrap();
        assert_ne!(code, 0, "{configuration}");
        let ran = world.run(&["doctor", "--json"]).exits(code);
        let all = checks(&ran);
        let (state, saw) = state(&all, &format!("acme {check}"));
        let causes = ran.json()["checks"].to_string();
        assert_eq!(state, "problem", "{configuration}\n{all:#?}");
        assert!(saw.contains(says) || causes.contains(says), "{says:?} is not in {saw}");
        assert_eq!(all.iter().filter(|(_, state, _)| state == "problem").count(), 1, "{all:#?}");
    }
}

#[test]
fn one_problem_hides_no_other() {
    let world = World::company(&["ann"], &[]);
    world.sync();
    world.write("plugins/broken.wasm", "no component");
    world.write(
        "rollcall.db",
        "no database, and longer than its header has to be, which is a hundred bytes or so in SQLite.",
    );
    let url = world.sim.url();
    let other = |name: &str, endpoint: &str| {
        world.connector(name, "{ env = \"OKTA_TOKEN\" }").replace(&url, endpoint)
    };
    let configuration = [
        "[plugins]\npath = \"plugins\"\n".to_owned(),
        other("acme", &url),
        other("gone", "http://127.0.0.1:1") + "http.attempts = 1\n",
        other("typo", &url) + "settings.atributes = []\n",
    ];
    world.write("rollcall.toml", configuration.concat());
    let checks = checks(&world.run(&["doctor", "--json"]).exits(2));
    assert_eq!(state(&checks, "database").0, "problem");
    assert!(state(&checks, "database").1.contains("restore a backup"), "{checks:?}");
    let unusable = checks.iter().find(|(name, state, _)| name == "plugins" && state == "warning");
    assert!(unusable.unwrap().2.contains("broken.wasm"));
    assert_eq!(state(&checks, "acme access").0, "ok");
    assert_eq!(state(&checks, "gone connection").0, "problem");
    assert_eq!(state(&checks, "typo plugin").0, "problem");

    world.write("rollcall.toml", "[conector.acme]\n");
    let ran = world.run(&["doctor"]).exits(2);
    assert!(ran.stdout.contains("did you mean `connector`?"), "{}", ran.stdout);
}

#[test]
fn a_clock_that_is_off_is_told_of() {
    let world = World::of(okta_sim::Sim::builder().clock_offset_seconds(300));
    let checks = checks(&world.run(&["doctor", "--json"]).exits(0));
    let (state, saw) = state(&checks, "acme clock");
    assert_eq!(state, "warning");
    assert!(saw.contains("behind the provider's"), "{saw}");
}

#[cfg(unix)]
#[test]
fn what_others_can_read_is_told_of() {
    use std::os::unix::fs::PermissionsExt;

    let world = World::company(&["ann"], &[]);
    world.sync();
    let token = world.write("token", world.sim.token());
    world.write("rollcall.toml", world.connector("acme", "{ file = \"token\" }"));
    let open =
        |path: &std::path::Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    open(&token, 0o644);
    open(&world.work().join("rollcall.db"), 0o640);
    open(&world.work().join("rollcall.db.work"), 0o755);
    let ran = world.run(&["doctor"]).exits(0);
    for hint in ["chmod 600 token", "chmod 600 rollcall.db`", "chmod 700 "] {
        assert!(ran.stdout.contains(hint), "{hint}: {}", ran.stdout);
    }
    assert!(ran.stdout.ends_with("3 warnings; a sync can work.\n"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "", "nothing is said twice");
}
