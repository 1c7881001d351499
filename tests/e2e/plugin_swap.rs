//! A connector is swapped by swapping one file.

use std::fs;

use okta_sim::Population;
use sha2::{Digest, Sha256};

use crate::support::World;

fn host() -> Vec<u8> {
    Sha256::digest(fs::read(env!("CARGO_BIN_EXE_rollcall")).unwrap()).to_vec()
}

fn world() -> World {
    let world = World::new(Population { users: 40, groups: 3, awkward: false, ..Population::default() });
    world.write("plugins/README", "Components that override the built-in ones.");
    world.configure("[plugins]\npath = \"plugins\"");
    world
}

fn display_names(world: &World) -> Vec<String> {
    let directory = world.directory();
    directory.users.values().map(|user| user["displayName"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn a_file_in_the_plugin_folder_changes_the_next_sync_while_the_host_stays_the_same() {
    let (host_before, world) = (host(), world());
    world.sync();
    let names = display_names(&world);
    let capitals: Vec<String> = names.iter().map(|name| name.to_uppercase()).collect();
    assert_ne!(names, capitals);

    world.install("okta-shouting.wasm", "okta.wasm");
    let report = world.sync();
    assert_eq!((report["users"]["seen"].as_u64(), report["users"]["updated"].as_u64()), (Some(40), Some(40)));
    assert_eq!(display_names(&world), capitals);
    let list = world.run(&["plugin", "list", "--json"]).exits(0).stdout;
    assert!(list.contains("0.1.1") && list.contains("okta.wasm"), "{list}");

    fs::remove_file(world.work().join("plugins/okta.wasm")).unwrap();
    assert_eq!(world.sync()["users"]["updated"], 40);
    assert_eq!(display_names(&world), names);
    assert_eq!(host(), host_before);
}

#[test]
fn a_connector_may_insist_on_the_very_plugin() {
    let world = world();
    world.configure("plugin-version = \"0.1.0\"\n[plugins]\npath = \"plugins\"");
    world.sync();
    world.install("okta-shouting.wasm", "okta.wasm");
    world.run(&["sync", "acme"]).exits(2).says(&["rollcall.toml:5:", "0.1.1", "0.1.0"]);
}

#[test]
fn two_files_of_one_name_are_refused_by_both_their_names() {
    let world = world();
    world.install("okta-shouting.wasm", "okta.wasm");
    world.install("okta-shouting.wasm", "okta-copy.wasm");
    world.run(&["sync", "acme"]).exits(2).says(&["okta.wasm", "okta-copy.wasm", "hint: "]);
    assert_eq!(world.sim.stats().total, 0);
}
