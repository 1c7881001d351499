//! Runs that are recorded, and repeated somewhere else: without the provider and without its secret.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use flate2::read::MultiGzDecoder;
use okta_sim::{Limits, Population, Quirks, Sim};
use serde_json::Value;

use crate::support::{Directory, Place, World};

const TOKEN: &str = "00Secret-DoNotTell_aBcDeFgHiJkLmNoPqRsTuVw";
const SETTINGS: &str = "settings.attributes = [\"*\"]\n";

fn world() -> World {
    let population = Population { users: 450, groups: 12, ..Population::default() };
    let world = World::of(Sim::builder().population(population).token(TOKEN));
    world.configure(SETTINGS);
    world
}

fn unpacked(path: &Path) -> String {
    let bytes = fs::read(path).unwrap();
    if !bytes.starts_with(&[0x1f, 0x8b]) {
        return String::from_utf8(bytes).unwrap();
    }
    let mut text = String::new();
    MultiGzDecoder::new(&bytes[..]).read_to_string(&mut text).unwrap();
    text
}

/// Another machine: nothing but the configuration and the recording, no secret, and nobody who answers.
fn elsewhere(world: World, recording: &str) -> Place {
    let place = Place::new();
    place.write(recording, fs::read(world.work().join(recording)).unwrap());
    place.write("rollcall.toml", world.connector("acme", "{ file = \"nowhere\" }") + SETTINGS);
    drop(world.sim);
    place
}

/// What a plan or a run changes and finds, without what differs from run to run.
fn essence(mut shown: Value) -> Value {
    if let Some(report) = shown.get_mut("report") {
        *report = essence(report.take());
    }
    if let Some(fields) = shown.as_object_mut() {
        for differs in ["milliseconds", "requests", "replayed", "mode"] {
            fields.remove(differs);
        }
    }
    shown
}

#[test]
fn a_first_sync_is_repeated_on_a_machine_without_network_and_secret() {
    for recording in ["acme.jsonl", "acme.jsonl.gz"] {
        let world = world();
        let planned = world.run(&["plan", "acme", "--json"]).exits(4).json();
        let synced = world.run(&["sync", "acme", "--json", "--record", recording]).exits(4).json();
        let (sent, directory) = (synced["requests"]["sent"].as_u64().unwrap(), world.directory());
        let path = world.work().join(recording);
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(unpacked(&path).lines().count() as u64, 1 + sent + 1);

        let place = elsewhere(world, recording);
        let again = place.run(&["plan", "acme", "--json", "--replay", recording]).exits(4).json();
        assert_eq!(essence(again), essence(planned));
        let again = place.run(&["sync", "acme", "--json", "--replay", recording]).exits(4).json();
        assert_eq!((&again["mode"], &again["requests"]["sent"]), (&"replay".into(), &0.into()));
        assert!(again["replayed"].is_string());
        assert_eq!(essence(again), essence(synced));
        assert!(Directory::read(&place) == directory, "the directory is not the recorded one");
        assert_eq!(place.run(&["runs", "--json"]).exits(0).json()[0]["mode"], "replay");
        // It says so to people too.
        let told = place.run(&["sync", "acme", "--replay", recording]).exits(4).stdout;
        assert!(told.starts_with("acme: done, with problems (run 2, as recorded 20"), "{told}");
    }
}

/// What a provider does wrong is part of it: refusals, odd pages, and members that may not be read.
#[test]
fn troubles_are_repeated_too() {
    let world = world();
    let group = world.sim.group_ids().into_iter().find(|id| {
        world.sim.group(id).unwrap()["type"] == "OKTA_GROUP" && !world.sim.member_ids(id).unwrap().is_empty()
    });
    world.sim.forbid_members(&group.unwrap(), true).unwrap();
    world.sim.set_quirks(Quirks {
        one_link_header: true,
        short_pages: true,
        empty_last_page: true,
        ..Quirks::default()
    });
    world.sim.set_limits(Limits { concurrent: 4, ..Limits::default() });
    world.sim.set_latency(std::time::Duration::from_millis(10));
    let synced = world.run(&["sync", "acme", "--json", "--record", "a"]).exits(4).json();
    assert!(
        synced["requests"]["retried"].as_u64() > Some(0) && synced["memberships"]["unknown"] == 1,
        "{synced}"
    );
    // Refusals that were waited out are the client's business, so they are not in it.
    let answers =
        synced["requests"]["sent"].as_u64().unwrap() - synced["requests"]["retried"].as_u64().unwrap();
    assert_eq!(unpacked(&world.work().join("a")).lines().count() as u64, 1 + answers + 1);
    let directory = world.directory();
    let place = elsewhere(world, "a");
    let again = place.run(&["sync", "acme", "--json", "--replay", "a"]).exits(4).json();
    assert_eq!(essence(again), essence(synced));
    assert!(Directory::read(&place) == directory, "the directory is not the recorded one");
}

#[test]
fn the_token_is_in_no_recording() {
    let world = world();
    // As if somebody had pasted it into a profile.
    let user = world.sim.user_ids().remove(3);
    let pasted = |text: String| serde_json::json!({ "title": text }).as_object().cloned().unwrap();
    let encoded = base64::engine::general_purpose::STANDARD.encode(TOKEN);
    world.sim.update_profile(&user, pasted(format!("my token is {TOKEN}, or {encoded}"))).unwrap();
    for recording in ["acme.jsonl", "acme.jsonl.gz"] {
        world.run(&["plan", "acme", "--record", recording]).exits(4);
        let text = unpacked(&world.work().join(recording));
        assert!(text.contains("my token is [credential removed], or [credential removed]"), "{recording}");
        for secret in [TOKEN, encoded.trim_end_matches('='), "SSWS", "authorization"] {
            assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "{secret} in {recording}");
        }
        let raw = fs::read(world.work().join(recording)).unwrap();
        assert!(!raw.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()));
    }
}

#[test]
fn what_is_not_the_recording_of_this_connector_as_it_was_made_is_refused() {
    let world = world();
    world.run(&["plan", "acme", "--record", "a"]).exits(4);
    world.run(&["plan", "acme", "--record", "a"]).exits(2).says(&["a is there already", "--force"]);
    world.run(&["plan", "acme", "--record", "a", "--force"]).exits(4);
    let asked = world.sim.stats().total;
    let text = fs::read_to_string(world.work().join("a")).unwrap();
    let half = text.len() / 2;
    for (name, content, says) in [
        ("torn", text[..half].to_owned(), "torn is incomplete"),
        ("tampered", text.replacen("ACTIVE", "STAGED", 1), "tampered is not as it was recorded"),
        (
            "newer",
            text.replacen("\"format\":1", "\"format\":2", 1),
            "in format 2, and this one knows format 1",
        ),
        ("foreign", "[connector.acme]\n".to_owned(), "foreign is no recording of a run"),
    ] {
        assert_ne!(content, text);
        world.write(name, content);
        for command in ["plan", "sync"] {
            world.run(&[command, "acme", "--replay", name]).exits(1).says(&[says, "hint: "]);
        }
    }
    let own = world.connector("acme", "{ env = \"OKTA_TOKEN\" }");
    world.write("rollcall.toml", own.replace("acme", "other"));
    let ran = world.run(&["plan", "other", "--replay", "a"]).exits(1);
    ran.says(&["a is a recording of connector acme, not of other", "hint: repeat it with connector acme"]);
    world.write("rollcall.toml", own.replace(&world.sim.url(), "acme.okta.com"));
    world.run(&["plan", "acme", "--replay", "a"]).exits(1).says(&["not of https://acme.okta.com"]);
    world.install("pages.wasm", "pages.wasm");
    world.write("rollcall.toml", own.replace("\"okta\"", "\"pages\"") + "[plugins]\npath = \"plugins\"\n");
    world.run(&["plan", "acme", "--replay", "a"]).exits(1).says(&["plugin okta, not of pages"]);
    assert_eq!(world.sim.stats().total, asked, "the provider is not asked");
    assert!(world.directory().users.is_empty());
}

#[test]
fn other_settings_than_recorded_are_told_when_something_is_missing() {
    let world = world();
    world.configure("settings.groups.exclude = [\"*\"]\nsettings.groups.include-types = [\"OKTA_GROUP\"]");
    world.run(&["plan", "acme", "--record", "a"]).exits(0);
    world.configure("");
    let ran = world.run(&["plan", "acme", "--replay", "a"]).exits(1);
    ran.says(&[
        "a has no answer to GET /api/v1/",
        "hint: since it was recorded there is another value of the plugin's settings",
    ]);
}

#[test]
fn an_older_recording_is_planned_but_not_applied_unless_wanted() {
    let world = World::company(&["ann"], &[]);
    world.run(&["plan", "acme", "--record", "old"]).exits(0);
    world.hire("bob");
    world.sync();
    let planned = world.run(&["plan", "acme", "--json", "--replay", "old"]).exits(0).json();
    assert_eq!(planned["report"]["users"]["absent"], 1, "{planned}");
    let ran = world.run(&["sync", "acme", "--replay", "old"]).exits(1);
    ran.says(&["the recording was read at 20", "before what run 1 of connector acme applied", "`--force`"]);
    assert_eq!(
        world.run(&["runs", "--json"]).exits(0).json().as_array().unwrap().len(),
        1,
        "it did not begin"
    );
    world.run(&["sync", "acme", "--replay", "old", "--force"]).exits(0);
}

/// A recording has all of a reading, so it does not go on from what an interrupted run has read, and one that is
/// stopped half-way is not there.
#[test]
fn a_recording_is_whole_or_not_there() {
    let world = world();
    let files = || -> Vec<PathBuf> {
        let entries = fs::read_dir(world.work()).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.display().to_string().contains("a.jsonl")).collect()
    };
    world.hold_at_second_page_of_users();
    let mut running = world.start(&["sync", "acme", "--record", "a.jsonl"]);
    world.wait_for_second_page_of_users();
    running.kill();
    world.wait(running);
    let [part] = &files()[..] else { panic!("{:?}", files()) };
    let name = part.file_name().unwrap().to_str().unwrap();
    assert!(name.ends_with(".part"), "{name}");
    world.run(&["plan", "acme", "--replay", name]).exits(1).says(&["is incomplete"]);
    fs::remove_file(part).unwrap();

    let running = world.start(&["sync", "acme", "--record", "a.jsonl"]);
    world.sim.reset_stats();
    world.wait_until("something was read", || world.sim.stats().total > 1);
    running.signal(rustix::process::Signal::INT);
    world.wait(running).exits(1);
    assert_eq!(files(), Vec::<PathBuf>::new());

    world.sim.set_limits(Limits::default());
    let report = world.run(&["sync", "acme", "--json", "--record", "a.jsonl"]).exits(4).json();
    assert_eq!(report["requests"]["resumed"], 0);
    world.run(&["plan", "acme", "--replay", "a.jsonl"]).exits(4);
    assert_eq!(files().len(), 1);
}
