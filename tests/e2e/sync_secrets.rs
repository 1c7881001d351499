//! The token goes to Okta and nowhere else.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use okta_sim::{Population, Sim};

use crate::support::{Ran, World};

const TOKEN: &str = "00Secret-DoNotTell_aBcDeFgHiJkLmNoPqRsTuVw";

fn world() -> World {
    let population = Population { users: 450, groups: 5, ..Population::default() };
    World::of(Sim::builder().population(population).token(TOKEN))
}

/// All files below the folder that hold the token.
fn holders(folder: &Path) -> Vec<PathBuf> {
    let mut holders = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            holders.extend(self::holders(&path));
        } else if fs::read(&path).unwrap().windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes()) {
            holders.push(path);
        }
    }
    holders
}

fn assert_silent(ran: &Ran) {
    assert!(!ran.stderr.is_empty(), "there was something to say");
    for said in [&ran.stdout, &ran.stderr] {
        assert!(!said.contains(TOKEN), "{said}");
    }
}

#[test]
fn from_a_variable_a_file_or_a_command_the_token_is_never_shown_or_stored() {
    for (credential, keepers) in [
        ("{ env = \"OKTA_TOKEN\" }", &[][..]),
        ("{ file = \"token\" }", &["token"]),
        ("{ command = [\"cat\", \"token\"] }", &["token"]),
    ] {
        let mut world = world();
        if !keepers.is_empty() {
            world.place.variables.clear();
            let path = world.write("token", TOKEN.to_owned() + "\n");
            fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
        }
        // Whatever any crate would say.
        world.place.variables.push(("ROLLCALL_LOG".into(), "trace".into()));
        world.write("rollcall.toml", world.connector("acme", credential));
        let keepers: Vec<PathBuf> = keepers.iter().map(|name| world.work().join(name)).collect();
        for arguments in [
            &["plan", "acme", "-vv"][..],
            &["sync", "acme", "-vv"],
            &["connector", "test", "acme", "-vv"],
            &["runs", "--json", "-vv"],
        ] {
            let ran = world.run(arguments);
            assert!(matches!(ran.code, Some(0 | 4)), "{credential}: {}", ran.stderr);
            assert!(!ran.stdout.contains(TOKEN) && !ran.stderr.contains(TOKEN), "{credential}");
            assert_eq!(holders(world.whole()), keepers, "{credential}");
        }
        assert!(world.sim.stats().total > 0);

        // And when Okta does not like it.
        world.sim.set_token(TOKEN, None);
        assert_silent(&world.run(&["sync", "acme", "-vv"]).exits(1));
        assert_silent(&world.run(&["connector", "test", "acme", "-vv"]).exits(1));
        assert_eq!(holders(world.whole()), keepers, "{credential}");
    }
}

/// What a killed run leaves behind is for its owner's eyes only, and the token is not in it.
#[test]
fn a_spool_holds_no_token() {
    let world = world();
    world.hold_at_second_page_of_users();
    let mut running = world.start(&["sync", "acme"]);
    world.wait_for_second_page_of_users();
    assert_eq!(holders(world.whole()), Vec::<PathBuf>::new());
    running.kill();
    world.wait(running);
    let spool = world.work().join("rollcall.db.work/acme.spool");
    assert!(fs::metadata(&spool).unwrap().len() > 1_000);
    assert_eq!(holders(world.whole()), Vec::<PathBuf>::new());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&spool), mode(spool.parent().unwrap())), (0o600, 0o700));
    assert_eq!(mode(&world.work().join("rollcall.db")), 0o600);
}
