//! The key stays where it is, and no token is ever told.

use std::fs;
use std::path::{Path, PathBuf};

use super::{key, token_answers, world};

/// All files below the folder that hold one of the texts.
fn holders(folder: &Path, texts: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(holders(&path, texts));
        } else {
            let bytes = fs::read(&path).unwrap();
            let text = String::from_utf8_lossy(&bytes);
            if texts.iter().any(|needle| text.contains(needle)) {
                found.push(path);
            }
        }
    }
    found
}

#[test]
fn neither_key_nor_token_is_shown_or_stored() {
    let mut world = world();
    // Whatever any crate would say.
    world.place.variables.push(("ROLLCALL_LOG".into(), "trace".into()));
    let key = key("ec.pem");
    let body = key.lines().nth(1).unwrap();
    // The key, and what every assertion and proof, and every token of the simulator, begins with.
    let secrets = [body, "eyJhbGciOiJFUzI1NiI", "eyJraWQiOiJva3RhLXNpbSJ9"];
    for arguments in [
        &["connector", "test", "acme", "-vv"][..],
        &["sync", "acme", "-vv", "--record", "acme.jsonl"],
        &["config", "show"],
        &["doctor", "-vv"],
    ] {
        let ran = world.run(arguments).exits(0);
        for secret in secrets {
            assert!(
                !ran.stdout.contains(secret) && !ran.stderr.contains(secret),
                "{arguments:?} tells {secret}"
            );
        }
    }
    assert!(token_answers(&world).contains(&200));
    assert_eq!(holders(world.whole(), &secrets), [world.work().join("key.pem")]);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_can_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;

    let world = world();
    let path = world.work().join("key.pem");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let ran = world.run(&["sync", "acme"]).exits(0);
    assert!(ran.stderr.contains("chmod 600 key.pem"), "{}", ran.stderr);
}
