use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::support::World;

const COMMENTED: &str =
    "# Ours. Ask Mia.\n[directory]\npath = \"people.db\" # fast disk\n\n# The main one.\n";

/// A configuration with comments, whose connector `acme` reads the simulator.
fn world() -> World {
    let world = World::company(&["ann"], &[]);
    let connector = world.connector("acme", "{ env = \"OKTA_TOKEN\" } # soon a file");
    world.write(
        "rollcall.toml",
        format!("{COMMENTED}{connector}\n[connector.acme.http]\nshare = 0.5 # half\n"),
    );
    world
}

fn text(world: &World, name: &str) -> String {
    fs::read_to_string(world.work().join(name)).unwrap()
}

#[test]
fn connectors_go_to_another_place_with_their_secrets_or_without() {
    let world = world();
    let plain = world.run(&["config", "export"]).exits(0).stdout;
    assert!(plain.contains("env = \"OKTA_TOKEN\"") && !plain.contains(world.sim.token()), "{plain}");
    world.run(&["config", "export", "--with-secrets"]).exits(2).says(&["--out"]);
    let wrote = world.run(&["config", "export", "--with-secrets", "--out", "moved.toml"]).exits(0);
    wrote.says(&["warning: moved.toml holds 1 secret"]);
    assert!(!wrote.stdout.contains(world.sim.token()));
    assert!(text(&world, "moved.toml").contains(world.sim.token()));
    let mode = |name: &str| fs::metadata(world.work().join(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("moved.toml"), 0o600);
    world.run(&["config", "export", "--out", "moved.toml"]).exits(1).says(&["failed to write moved.toml"]);
    world.run(&["config", "export", "--format", "json", "--with-secrets", "--out", "moved.json"]).exits(0);

    for (file, folder) in [("moved.toml", "there"), ("moved.json", "elsewhere")] {
        fs::create_dir(world.work().join(folder)).unwrap();
        let config = format!("{folder}/rollcall.toml");
        let import = ["--config", &config, "config", "import", file];
        world.run(&[&import[..], &["--dry-run"]].concat()).exits(0);
        assert_eq!(fs::read_dir(world.work().join(folder)).unwrap().count(), 0, "a dry run writes nothing");
        let imported = world.run(&import).exits(0);
        assert!(!imported.stdout.contains(world.sim.token()));
        assert_eq!(mode(&format!("{folder}/acme-secret")), 0o600);
        assert!(!text(&world, &config).contains(world.sim.token()));
        world.run(&["--config", &config, "sync", "acme"]).exits(0);
        // Once more changes nothing.
        let again = world.run(&[&import[..], &["--json"]].concat()).exits(0).json();
        assert_eq!((&again["unchanged"], &again["secrets"]), (&json!(["acme"]), &json!([])));
    }
}

#[test]
fn what_is_there_is_changed_only_when_asked_and_only_where_it_differs() {
    let world = world();
    let before = text(&world, "rollcall.toml");
    let url = world.sim.url();
    world.write(
        "new.toml",
        format!(
            "[plugins]\npath = \"x\"\n[connector.acme]\nplugin = \"okta\"\nendpoint = \"{url}\"\n\
             credential = {{ env = \"OKTA_TOKEN\" }}\nhttp.share = 0.25\nsettings.groups.include = [\"a*\"]\n\
             [connector.other]\nplugin = \"okta\"\nendpoint = \"{url}\"\ncredential = {{ file = \"token\" }}\n"
        ),
    );
    let refused = world.run(&["config", "import", "new.toml"]).exits(2);
    refused.says(&["would be changed: `acme`", "acme: http.share 0.5 → 0.25", "--replace"]);
    assert_eq!(text(&world, "rollcall.toml"), before);
    let did = world.run(&["config", "import", "new.toml", "--replace", "--json"]).exits(0).json();
    assert_eq!(did["added"], json!(["other"]));
    assert_eq!(
        did["replaced"][0]["differences"][0],
        json!({ "key": "http.share", "before": "0.5", "after": "0.25" })
    );
    let after = text(&world, "rollcall.toml");
    assert!(after.starts_with(COMMENTED), "{after}");
    assert!(after.contains("share = 0.25 # half") && after.contains("# soon a file"), "{after}");
    world.run(&["config", "check"]).exits(0);
    world.run(&["sync", "acme"]).exits(0);
}

#[test]
fn mistakes_in_the_file_are_shown_where_they_are_and_nothing_is_changed() {
    let world = world();
    let before = text(&world, "rollcall.toml");
    let url = world.sim.url();
    let connector = |lines: &str| {
        format!(
            "[connector.new]\nplugin = \"okta\"\nendpoint = \"{url}\"\ncredential = {{ env = \"T\" }}\n{lines}"
        )
    };
    for (content, code, told) in [
        (connector("http.share = 7\n[secrets.new]\ncredential = \"x\"\n"), 2, "bad.toml:5:"),
        (connector("shedule = \"@daily\"\n"), 2, "did you mean `schedule`?"),
        (connector("settings.page-sise = 1\n"), 2, "page-sise"),
        (connector("").replace("\"okta\"", "\"octa\""), 2, "octa"),
        (connector("[secrets.new]\npassword = \"x\"\n"), 2, "a secret for password of connector `new`"),
        ("[directory]\n".to_owned(), 2, "bad.toml has no connectors"),
        ("{ \"connector\": ".to_owned(), 2, "failed to read bad.toml"),
        ("not toml".to_owned(), 2, "bad.toml:1:"),
    ] {
        world.write("bad.toml", &content);
        world.run(&["config", "import", "bad.toml"]).exits(code).says(&[told]);
        assert_eq!(text(&world, "rollcall.toml"), before, "{content}");
    }
    world.run(&["config", "import", "missing.toml"]).exits(2);
    world.run(&["config", "export", "akme"]).exits(2).says(&["did you mean `acme`?"]);
}

/// Needs a debug build.
#[cfg(debug_assertions)]
#[test]
fn a_killed_import_leaves_the_old_configuration_or_the_new_one() {
    let world = world();
    world.run(&["config", "export", "--with-secrets", "--out", "moved.toml"]).exits(0);
    let import = ["--config", "there.toml", "config", "import", "moved.toml"];
    for (at, whole) in [
        ("file-written", false),
        ("file-renamed", false),
        ("file-written:2", false),
        ("file-renamed:2", true),
    ] {
        let running = world.start_with(&import, |command| {
            command.env("ROLLCALL_KILL_AT", at);
        });
        assert_eq!(world.wait(running).signal, Some(9), "{at}");
        assert_eq!(world.work().join("there.toml").exists(), whole, "{at}");
        if whole {
            world.run(&["--config", "there.toml", "config", "check"]).exits(0);
        }
        for name in ["there.toml", "acme-secret"] {
            let _ = fs::remove_file(world.work().join(name));
        }
    }
}
