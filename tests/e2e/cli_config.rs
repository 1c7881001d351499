//! `rollcall config`: what is in force, whether it is right, and its schema; and what overrides the file.

use serde_json::{Value, json};

use crate::support::{World, assert_golden};

#[test]
fn what_is_in_force_is_shown_with_its_origin() {
    let mut world = World::company(&["ann"], &[]);
    world.configure("settings.groups.exclude = [\"old\"]\nhttp.share = 0.5");
    assert_golden(&world, "config-show", &world.run(&["config", "show"]).exits(0).stdout);
    assert_golden(&world, "config-show-acme", &world.run(&["config", "show", "acme"]).exits(0).stdout);
    world.run(&["config", "show", "akme"]).exits(2).says(&["did you mean `acme`?"]);

    world.place.variables.push(("ROLLCALL_DATABASE".into(), "elsewhere.db".into()));
    let shown = world.run(&["config", "show", "--json"]).exits(0).json();
    let value = |key: &str| {
        let values = shown["values"].as_array().unwrap();
        values.iter().find(|value| value["key"] == key).unwrap_or_else(|| panic!("{key}")).clone()
    };
    assert_eq!(
        value("directory.path")["origin"],
        json!({ "from": "environment", "name": "ROLLCALL_DATABASE" })
    );
    assert_eq!(value("connector.acme.http.share")["origin"], json!({ "from": "file", "line": 6 }));
    assert_eq!(value("connector.acme.settings.groups.include")["origin"], json!({ "from": "plugin" }));
    assert_eq!(value("connector.acme.http.attempts")["origin"], json!({ "from": "default" }));
}

#[test]
fn another_database_is_used_everywhere() {
    let mut world = World::company(&["ann"], &[]);
    world.run(&["sync", "acme", "--database", "other.db", "--quiet"]).exits(0);
    assert!(world.work().join("other.db").exists() && !world.work().join("rollcall.db").exists());
    world.run(&["users"]).exits(1).says(&["there is no directory yet at rollcall.db"]);
    world.place.variables.push(("ROLLCALL_DATABASE".into(), "other.db".into()));
    for command in
        [&["users"][..], &["groups"], &["runs"], &["run", "1"], &["status"], &["user", "ann@acme.example"]]
    {
        world.run(command).exits(0);
    }
}

#[test]
fn a_configuration_is_checked_without_a_secret() {
    let world = World::company(&["ann"], &[]);
    let good = world.connector("acme", "{ env = \"NOT_SET\" }");
    world.write("rollcall.toml", &good);
    let ran = world.run(&["config", "check"]).exits(0);
    assert_eq!(ran.stdout, "rollcall.toml is valid: 1 connector.\n");
    assert_eq!(world.requests(), [""; 0]);

    let two = world.connector("typo", "{ env = \"T\" }") + "settings.atributes = []\n";
    let three = world.connector("plain", "{ env = \"T\" }").replace("127.0.0.1", "acme.okta.com");
    world.write("rollcall.toml", good + &two + &three);
    let ran = world.run(&["config", "check"]).exits(2);
    ran.says(&[
        "rollcall.toml:9:10: `atributes`",
        "did you mean `attributes`?",
        "rollcall.toml:12:12:",
        "https",
    ]);
    let shown = world.run(&["config", "check", "--json"]).exits(2).json();
    assert_eq!(shown["valid"], false);
    let wrong: Vec<&str> = shown["connectors"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|connector| !connector["error"].is_null())
        .map(|connector| connector["name"].as_str().unwrap())
        .collect();
    assert_eq!(wrong, ["plain", "typo"]);
}

#[test]
fn the_schema_knows_the_settings_of_the_plugins_that_are_there() {
    let world = World::company(&[], &[]);
    world.install("upper.wasm", "upper.wasm");
    world.write("rollcall.toml", "[plugins]\npath = \"plugins\"\n");
    let schema = world.run(&["config", "schema", "--json"]).exits(0).json();
    let printed: Value = serde_json::from_str(&world.run(&["config", "schema"]).exits(0).stdout).unwrap();
    assert_eq!(printed, schema);
    let validator = jsonschema::draft202012::new(&schema).unwrap();
    let valid = |lines: &str| {
        let text = world.connector("acme", "{ env = \"T\" }") + lines;
        validator.is_valid(&serde_json::to_value(toml::from_str::<toml::Table>(&text).unwrap()).unwrap())
    };
    assert!(valid("settings.attributes = [\"*\"]"));
    assert!(!valid("settings.attributes = [\"a b\"]"));
    assert!(!valid("settings.atributes = []"));
    assert!(valid("[[connector.acme.transform]]\nplugin = \"upper\"\n"));
    assert!(!valid("[[connector.acme.transform]]\nplugin = \"upper\"\nsettings.x = 1"));
    assert_eq!(validator.iter_errors(&json!({ "connector": { "acme": {} } })).count(), 3);

    world.write("rollcall.toml", "[plugin]\n");
    world.run(&["config", "schema"]).exits(0).says(&["only the settings of built-in plugins are known"]);
}
