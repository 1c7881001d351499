//! README.md keeps its word: its commands are run against a simulated Okta and print what it shows, its files are
//! valid, its tables complete.
#![cfg(unix)]

use std::fs;

use rollcall::config::{Config, HttpOptions};
use rollcall::model::Manifest;
use rollcall::plugin::{Cache, Library, Limits, Sandbox, parse_plugin_toml, validate_settings};

#[path = "readme/compare.rs"]
mod compare;
#[path = "readme/page.rs"]
mod page;
/// The README's plugin, with its own test.
#[path = "readme/staff.rs"]
mod staff;
#[path = "readme/world.rs"]
mod world;

use compare::is_as_shown;
use page::{Block, blocks, commands, in_backticks, named_in_tables, readme, root};
use world::World;

/// What a test can't do, and the words of `.ci/run` that do it.
const ELSEWHERE: &[(&str, &str)] = &[
    ("cargo test --workspace", "cargo test --workspace"),
    ("cargo install --locked --path host", "cargo install --locked --path host"),
    ("rustup target add wasm32-unknown-unknown", "rustup target add wasm32-unknown-unknown"),
    ("cargo doc --no-deps -p rollcall-plugin", "cargo doc --locked --no-deps --workspace"),
    ("cargo clippy --workspace --all-targets -- -D warnings", "--workspace --all-targets -- -D warnings"),
    ("cargo fmt --all --check", "cargo fmt --all --check"),
    ("cargo run -p okta-sim -- --users 5000 --groups 200", "debug/okta-sim\" --users 5000 --groups 200"),
    ("rollcall plugin build plugins/okta --out plugins/dist --record", "--out plugins/dist --verify"),
    (".ci/run", ""),
];

/// What is run in the place of what would compile everything again.
const INSTEAD: &[(&str, &str)] = &[("cargo run --release -- demo", "rollcall demo")];

/// What else than `rollcall` is run here.
const SHELL: &[&str] = &["(umask 077; cat > okta-token)"];

#[test]
fn every_command_does_what_is_shown() {
    let ci = fs::read_to_string(root().join(".ci/run")).unwrap();
    let world = World::new();
    let can_build = world::can_build_plugins();
    let mut wrong = Vec::new();
    for block in blocks(&readme()) {
        if is_file(&block) {
            world.write(&block.note, &block.text());
        }
        if block.language == "cron" {
            run_as_cron_does(&world, &block);
        }
        if block.language != "console" {
            continue;
        }
        match block.note.as_str() {
            "" => {}
            "a-week-later" => world.a_week_later(),
            "wasm" if can_build => {
                // The versions that the workspace has, which are there already.
                fs::copy(root().join("Cargo.lock"), world.path("staff/Cargo.lock")).unwrap();
            }
            "wasm" => {
                eprintln!("README.md:{}: not run: there is no wasm32-unknown-unknown", block.line);
                continue;
            }
            note => panic!("README.md:{}: what is a console block `{note}`?", block.line),
        }
        for command in commands(&block) {
            if let Some((_, words)) = ELSEWHERE.iter().find(|(text, _)| *text == command.text) {
                assert!(ci.contains(words), "{}: .ci/run does not run `{words}`", command.line);
                continue;
            }
            let instead = INSTEAD.iter().find(|(text, _)| *text == command.text);
            let line = instead.map_or(command.text.as_str(), |(_, instead)| instead);
            let runs_here = line.starts_with("rollcall ") || SHELL.contains(&line);
            assert!(
                runs_here,
                "README.md:{}: nothing runs `{line}`: not this test, not .ci/run",
                command.line
            );
            let output = world.run(line);
            let printed = String::from_utf8(output.stdout).unwrap();
            // Where nothing is shown, what is printed does not matter.
            let as_shown = command.shown.is_empty() || is_as_shown(&command.shown, &printed);
            if !as_shown || output.status.code() != Some(command.code) {
                wrong.push(format!(
                    "README.md:{}: `{}` ended with {} and printed\n{printed}\n{}",
                    command.line,
                    command.text,
                    output.status,
                    String::from_utf8_lossy(&output.stderr)
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_command_is_excused_that_is_not_there() {
    let there: Vec<String> = blocks(&readme())
        .iter()
        .filter(|block| block.language == "console")
        .flat_map(|block| commands(block).into_iter().map(|command| command.text))
        .collect();
    let excused = ELSEWHERE.iter().chain(INSTEAD).map(|(text, _)| *text).chain(SHELL.iter().copied());
    for text in excused {
        assert!(there.iter().any(|command| command == text), "the README has no command `{text}`");
    }
}

/// The story has come to where a sync has problems: cron has to send a mail of them.
fn run_as_cron_does(world: &World, block: &Block) {
    for line in &block.lines {
        let fields = line.split_whitespace().take(5).collect::<Vec<_>>().join(" ");
        let command = line.strip_prefix(&fields).unwrap_or(line).replace("/srv/rollcall", ".");
        let output = world.run(&command);
        let mail = String::from_utf8(output.stdout).unwrap();
        assert!(
            mail.contains("acme: done, with problems"),
            "README.md:{}: cron's mail is {mail:?}",
            block.line
        );
        assert_eq!(fs::read_to_string(world.path("sync.log")).unwrap(), mail);
    }
}

/// A block whose note is the name of the file that it is.
fn is_file(block: &Block) -> bool {
    block.language != "console" && block.note.contains('.')
}

#[test]
fn every_block_is_of_a_kind_that_is_tested() {
    for block in blocks(&readme()) {
        let known = match (block.language.as_str(), block.note.as_str()) {
            ("console", _) => true,
            ("toml", "" | "settings" | "references" | "http" | "credential" | "directories") => true,
            ("toml" | "rust" | "csv", _) => is_file(&block),
            ("cron", "") => true,
            ("json", "") => true,
            ("ini", "rollcall.service") => true,
            _ => false,
        };
        assert!(known, "README.md:{}: nothing tests a block `{} {}`", block.line, block.language, block.note);
    }
}

/// What the service manager starts is understood by this program, and the unit by the service manager, where there is
/// one.
#[test]
fn the_unit_is_one_that_systemd_understands() {
    let page = readme();
    let unit = blocks(&page).into_iter().find(|block| block.language == "ini").unwrap().text();
    let start = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).unwrap();
    let (program, words) = start.split_once(' ').unwrap();
    let world = World::new();
    let help = world.run(&format!("rollcall {words} --help"));
    assert!(help.status.success(), "{}", String::from_utf8_lossy(&help.stderr));
    let path = world.path("rollcall.service");
    fs::write(&path, unit.replace(program, env!("CARGO_BIN_EXE_rollcall"))).unwrap();
    match std::process::Command::new("systemd-analyze").arg("verify").arg(&path).output() {
        Err(_) => eprintln!("the unit was not verified: there is no systemd-analyze"),
        Ok(verified) => {
            let said = String::from_utf8_lossy(&verified.stderr);
            // It also tells of other units that it comes across.
            let about: Vec<&str> = said.lines().filter(|line| line.contains("rollcall")).collect();
            assert_eq!(about, [""; 0]);
        }
    }
}

/// The example of an event has the keys of one.
#[test]
fn the_event_is_as_it_is_told() {
    let shown = blocks(&readme()).into_iter().find(|block| block.language == "json").unwrap().text();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let event = rollcall::service::Event {
        event: rollcall::service::EventKind::Failed,
        connector: "acme".into(),
        run: Some(12),
        at: "2026-11-24T03:00:07Z".parse().unwrap(),
        message: "connector acme was not synced: reading GET /api/v1/users failed".into(),
        causes: vec!["okta does not accept the credential".into()],
        hint: Some("make a new API token".into()),
        problems: 0,
    };
    assert_eq!(shown, serde_json::to_value(event).unwrap());
}

#[test]
fn the_plugin_is_the_one_that_is_tested() {
    let written = fs::read_to_string(root().join("tests/readme/staff.rs")).unwrap();
    let shown: Vec<String> =
        blocks(&readme()).iter().filter(|block| block.language == "rust").map(Block::text).collect();
    assert_eq!(shown, [written], "the README shows tests/readme/staff.rs");
    let manifest = blocks(&readme()).into_iter().find(|block| block.note.ends_with("plugin.toml")).unwrap();
    parse_plugin_toml(&manifest.text()).unwrap();
}

#[test]
fn every_configuration_is_valid() {
    let schema = jsonschema::draft202012::new(&rollcall::config::schema(&[&okta()])).unwrap();
    for block in blocks(&readme()).iter().filter(|block| block.language == "toml") {
        let text = block.text();
        let configurations = match block.note.as_str() {
            "credential" => block.lines.iter().map(|line| connector(&format!("{line}\n"))).collect(),
            "settings" | "references" | "http" | "" => vec![connector(CREDENTIAL) + &text],
            // The rest of the connector stands where its table begins.
            "directories" => {
                let own = format!(
                    "{}[connector.acme]\n",
                    text.split("[connector.acme]\n").next().unwrap_or_default()
                );
                let rest = text.strip_prefix(&own).expect("it has the connector's table");
                let connector = connector(CREDENTIAL);
                vec![own.replace("[connector.acme]\n", &connector) + rest]
            }
            "trial.toml" => vec![text],
            _ => continue,
        };
        for text in configurations {
            let file: toml::Table = toml::from_str(&text).unwrap();
            let wrong: Vec<String> = schema
                .iter_errors(&serde_json::to_value(file).unwrap())
                .map(|error| error.to_string())
                .collect();
            assert_eq!(wrong, [""; 0], "README.md:{}: not by the schema", block.line);
            let config = Config::parse("rollcall.toml".as_ref(), &text)
                .unwrap_or_else(|error| panic!("README.md:{}: {error}", block.line));
            let acme = &config.connectors["acme"];
            match block.note.as_str() {
                "settings" => validate_settings(&okta(), &acme.settings)
                    .unwrap_or_else(|errors| panic!("README.md:{}: {errors:?}", block.line)),
                "http" => assert_eq!(acme.http, HttpOptions::default(), "these are shown as the defaults"),
                _ => {}
            }
        }
    }
}

const CREDENTIAL: &str = "credential = { file = \"okta-token\" }\n";

fn connector(credential: &str) -> String {
    format!("[connector.acme]\nplugin = \"okta\"\nendpoint = \"acme.okta.com\"\n{credential}")
}

fn okta() -> Manifest {
    let library = Library::open(None, Sandbox::new(Cache::none()).unwrap()).unwrap();
    library.find("okta", None, None).unwrap().manifest.clone()
}

/// What can be set outside of the file, in the order of the help.
#[test]
fn every_environment_variable_of_the_help_is_explained() {
    let help = World::new().run("rollcall --help");
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, variables) = help.split_once("Environment:\n").unwrap();
    let variables = variables.lines().take_while(|line| line.starts_with("  "));
    let named = named_in_tables(&readme());
    let mut seen = 0;
    for variable in variables.filter_map(|line| line.split_whitespace().next()) {
        assert!(named.iter().any(|name| name == variable), "the README does not explain {variable}");
        seen += 1;
    }
    assert_eq!(seen, 6);
}

#[test]
fn every_setting_of_the_okta_plugin_is_explained() {
    let named = named_in_tables(&readme());
    let mut settings = Vec::new();
    collect_settings(&okta().settings, "", &mut settings);
    assert!(settings.len() > 10, "{settings:?}");
    for setting in settings {
        assert!(named.contains(&setting), "no table of the README explains `{setting}`");
    }
}

fn collect_settings(schema: &serde_json::Value, prefix: &str, settings: &mut Vec<String>) {
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        match property["type"] == "object" {
            true => collect_settings(property, &format!("{prefix}{name}."), settings),
            false => settings.push(format!("{prefix}{name}")),
        }
    }
}

#[test]
fn every_limit_of_a_plugin_is_listed_with_its_default() {
    let page = readme();
    let limits = serde_json::to_value(Limits::default()).unwrap();
    for (key, default) in limits.as_object().unwrap() {
        let row = page.lines().find(|line| line.starts_with(&format!("| `{key}` |")));
        let row = row.unwrap_or_else(|| panic!("no table of the README lists `{key}`"));
        let number = row.split(" | ").nth(1).unwrap().replace(',', "");
        assert_eq!(number, default.to_string(), "{key}");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let page = readme();
    let (_, section) = page.split_once("### Dependencies").unwrap();
    let rows = section.lines().filter(|line| line.starts_with("- "));
    let named: Vec<String> =
        rows.flat_map(|row| in_backticks(row.split_once(": ").unwrap_or((row, "")).0)).collect();
    let mut used = Vec::new();
    for folder in
        ["host", "plugins/sdk", "plugins/okta", "plugins/expression", "plugins/rules", "tests/okta-sim"]
    {
        let text = fs::read_to_string(root().join(folder).join("Cargo.toml")).unwrap();
        let manifest: toml::Table = toml::from_str(&text).unwrap();
        collect_dependencies(&manifest, &mut used);
    }
    for name in &used {
        assert!(named.contains(name), "the README does not say why `{name}` is used");
    }
    for name in &named {
        assert!(used.contains(name), "the README says why `{name}` is used, but nothing uses it");
    }
}

fn collect_dependencies(table: &toml::Table, used: &mut Vec<String>) {
    for (key, value) in table {
        match (key.as_str(), value.as_table()) {
            ("dependencies" | "dev-dependencies" | "build-dependencies", Some(dependencies)) => {
                let outside = dependencies.iter().filter(|(_, how)| how.get("path").is_none());
                used.extend(outside.map(|(name, _)| name.clone()));
            }
            ("target", Some(targets)) => targets
                .values()
                .filter_map(toml::Value::as_table)
                .for_each(|table| collect_dependencies(table, used)),
            _ => {}
        }
    }
}

/// Each row of the table of errors that can be brought about quickly.
#[test]
fn the_errors_are_told_in_the_words_of_the_table() {
    let world = World::new();
    let table: Vec<String> = named_in_tables(&readme());
    // Any of the messages: of two requests that are refused, the one that is answered first ends the run.
    let told_any = |line: &str, code: i32, messages: &[&str]| {
        for message in messages {
            assert!(table.iter().any(|row| row == message), "the README has no row `{message}`");
        }
        let output = world.run(line);
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert_eq!(output.status.code(), Some(code), "{line}: {text}");
        let said = |message: &&str| message.split('…').all(|part| text.contains(part.trim()));
        assert!(messages.iter().any(said), "`{line}` says none of {messages:?}: {text}");
    };
    let told = |line: &str, code, message| told_any(line, code, &[message]);
    let with = |credential: &str, settings: &str| {
        let settings = format!("[connector.acme.settings]\n{settings}\n");
        world.write("rollcall.toml", &(connector(&format!("credential = {credential}\n")) + &settings));
    };
    let here = "{ file = \"token\" }";
    fs::write(world.path("token"), world.sim.token()).unwrap();

    told("rollcall sync acme", 2, "there is no configuration at rollcall.toml");
    with("{ env = \"OKTA_TOKEN\" }", "");
    told("rollcall sync acme", 2, "environment variable OKTA_TOKEN is not set");
    told("OKTA_TOKEN=wrong rollcall sync acme", 1, "okta does not accept the credential");
    let narrow = format!("OKTA_TOKEN={} rollcall sync acme", world.narrow_token());
    let no_role =
        ["okta lists no users to this credential", "the credential may not read this (listing groups"];
    told_any(&narrow, 1, &no_role);
    with(here, "groups.required = [\"Nobody\"]");
    told("rollcall sync acme", 1, "okta has no group \"…\" that this credential sees");
    with(here, "groups.search = \"type eq\"");
    told(
        "rollcall sync acme",
        1,
        "okta does not accept the request (listing groups: … Invalid search criteria",
    );
    with(here, "attribute = []");
    told("rollcall sync acme", 2, "is not a setting of this plugin");
    with(here, "");
    world.sim.forbid_members(&world.sim.groups_named("Finance team 3")[0], true).unwrap();
    told("rollcall sync acme", 4, "its members stay as they were: the credential may not read this");
    world.sim.create_group(okta_sim::GroupType::OktaGroup, "FINANCE TEAM 3", None);
    told("rollcall sync acme", 4, "the name \"…\" belongs to group \"…\"");
}
