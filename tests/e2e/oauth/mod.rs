//! Service apps: the real binary signs, and the simulator believes nothing that Okta would not believe.

mod refusals;
mod renewal;
mod secrets;

use std::fs;

use okta_sim::{Population, ServiceApp};
use serde_json::Value;

use crate::support::World;

const CLIENT_ID: &str = "0oaRollcall1";
const SCOPES: [&str; 2] = ["okta.users.read", "okta.groups.read"];

/// A file of the keys that are for tests only.
fn key(name: &str) -> String {
    let path = format!("{}/../tests/fixtures/oauth/{name}", env!("CARGO_MANIFEST_DIR"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The public halves of the good ones.
fn public() -> Vec<Value> {
    let set: Value = serde_json::from_str(&key("public.jwks.json")).unwrap();
    set["keys"].as_array().unwrap().clone()
}

/// A world whose connector is an app that signs with this key.
fn world_with(name: &str, change: impl FnOnce(&mut ServiceApp)) -> World {
    let mut world =
        World::new(Population { users: 450, groups: 12, awkward: false, ..Population::default() });
    world.place.variables.clear();
    let mut app = ServiceApp::new(CLIENT_ID, public(), &SCOPES);
    change(&mut app);
    world.sim.set_service_app(app);
    let path = world.write("key.pem", key(name));
    owner_only(&path);
    configure(&world, "");
    world
}

fn world() -> World {
    world_with("ec.pem", |_| ())
}

fn configure(world: &World, more: &str) {
    let credential =
        format!("{{ client-id = \"{CLIENT_ID}\", private-key = {{ file = \"key.pem\" }}{more} }}");
    world.write("rollcall.toml", world.connector("acme", &credential));
}

fn owner_only(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
}

/// How often a token was asked for, and with which outcomes.
fn token_answers(world: &World) -> Vec<u16> {
    let requests = world.sim.requests().into_iter();
    requests.filter(|request| request.target == "/oauth2/v1/token").map(|request| request.status).collect()
}

#[test]
fn with_every_kind_of_key_an_app_reads_what_a_token_reads() {
    for name in ["ec.pem", "rsa-pkcs1.pem", "ec-p384.pem", "rsa.jwk.json", "ec-sec1.pem"] {
        let world = world_with(name, |_| ());
        let synced = world.sync();
        assert_eq!(synced["users"]["created"], world.sim.counts().users, "{name}: {synced}");
        // The nonce is asked for once; all else goes with one token.
        assert_eq!(token_answers(&world), [400, 200], "{name}");
        if name == "ec.pem" {
            let again = world.sync();
            assert_eq!(again["users"]["unchanged"], world.sim.counts().users, "{again}");
        }
    }
}

#[test]
fn without_proofs_of_possession_it_works_too() {
    let world = world_with("ec.pem", |app| app.dpop = false);
    world.sync();
}

/// An organisation may demand nonces of the API's own, as RFC 9449 has it.
#[test]
fn a_nonce_of_the_api_is_taken() {
    let world = world();
    world.sim.demand_api_nonce(true);
    world.sync();
    let refused = world.sim.requests().iter().filter(|request| request.status == 401).count();
    // As many as may be under way when the first answer comes.
    assert!((1..=8).contains(&refused), "{refused} requests without a nonce");
    assert_eq!(token_answers(&world), [400, 200]);
}

/// Five hours apart, and yet the assertion, the proofs and the token are good.
#[test]
fn a_clock_that_is_off_is_corrected() {
    for (dpop, offset) in [(true, 18_000), (false, -18_000)] {
        let mut world = World::of(
            okta_sim::Sim::builder()
                .population(Population { users: 5, groups: 1, awkward: false, ..Population::default() })
                .clock_offset_seconds(offset),
        );
        world.place.variables.clear();
        world.sim.set_service_app(ServiceApp { dpop, ..ServiceApp::new(CLIENT_ID, public(), &SCOPES) });
        owner_only(&world.write("key.pem", key("ec.pem")));
        configure(&world, "");
        world.sync();
        // The time, the nonce, and then a token.
        assert_eq!(token_answers(&world), [401, 400, 200], "{offset}");
    }
}

#[test]
fn a_test_tells_what_the_app_is_and_sees() {
    let world = world();
    let ran = world.run(&["connector", "test", "acme", "--json"]).exits(0);
    let facts = &ran.json()["facts"];
    assert_eq!(facts["credential"], "OAuth service app");
    assert_eq!(facts["app"], CLIENT_ID);
    assert_eq!(facts["signs with"], "ES256");
    assert_eq!(facts["scopes"], serde_json::json!(SCOPES));
    assert_eq!(facts["proof of possession"], true);
    assert_eq!(facts["users"], "200 or more");
    assert_eq!(facts["people"], world.sim.counts().users);
    assert_eq!(facts["groups"], 13, "{facts}");
    let doctor = world.run(&["doctor"]).exits(0).stdout;
    assert!(doctor.contains("scopes okta.users.read, okta.groups.read"), "{doctor}");
    // What the setting needs is asked for with it.
    let app = world.sim.create_app("Atlassian Cloud");
    let user = world.sim.user_ids()[0].clone();
    world.sim.assign_user(&app, &user, true).unwrap();
    configure(&world, "");
    let text = fs::read_to_string(world.work().join("rollcall.toml")).unwrap();
    world.write("rollcall.toml", text + "settings.app = \"Atlassian Cloud\"\n");
    let ran = world.run(&["connector", "test", "acme"]).exits(1);
    assert!(
        ran.stderr.contains("okta.apps.read, without which applications can't be read"),
        "{}",
        ran.stderr
    );
}

/// Every command that sets up a connector can make one of an app.
#[test]
fn init_makes_a_connector_of_an_app() {
    let world = world();
    fs::remove_file(world.work().join("rollcall.toml")).unwrap();
    let url = world.sim.url();
    let ran = world
        .run(&[
            "init",
            "--name",
            "acme",
            "--endpoint",
            &url,
            "--client-id",
            CLIENT_ID,
            "--token-file",
            "key.pem",
        ])
        .exits(0);
    assert!(ran.stdout.contains("OAuth service app"), "{}", ran.stdout);
    let written = fs::read_to_string(world.work().join("rollcall.toml")).unwrap();
    let line =
        format!("credential = {{ client-id = \"{CLIENT_ID}\", private-key = {{ file = \"key.pem\" }} }}");
    assert!(written.contains(&line), "{written}");
    let shown = world.run(&["config", "show"]).exits(0).stdout;
    assert!(shown.contains("credential.private-key.file = \"key.pem\""), "{shown}");
}
