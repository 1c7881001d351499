//! Files and folders that may not be written to.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::crash::scene::Scene;
use crate::support::Ran;

/// The right of root to write to what it may not write to.
#[cfg(target_os = "linux")]
const CAP_DAC_OVERRIDE: libc::c_ulong = 1;

fn chmod(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// As somebody whom permissions mean something to, also when the tests are run by root.
fn run(scene: &Scene, arguments: &[&str]) -> Ran {
    let running = scene.world.start_with(arguments, |command| {
        #[cfg(target_os = "linux")]
        // SAFETY: between fork and exec only one system call is made, which is safe there.
        unsafe {
            command.pre_exec(|| {
                // Who is not root can't, and need not.
                libc::prctl(libc::PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, 0, 0, 0);
                Ok(())
            });
        }
        let _ = command;
    });
    scene.world.wait(running)
}

#[test]
fn a_database_that_may_not_be_written_to() {
    let mut scene = Scene::second();
    let database = scene.world.work().join("rollcall.db");
    chmod(&database, 0o444);
    run(&scene, &["users"]).exits(0);
    let ran = run(&scene, &["sync", "acme"]).exits(1);
    ran.says(&[
        "error: the directory database rollcall.db may not be written to",
        "caused by: attempt to write a readonly database",
        "hint: let this account write to rollcall.db and to its folder",
    ]);
    assert_eq!(scene.world.requests().len(), 0, "nothing is asked of the provider in vain");
    chmod(&database, 0o600);
    assert!(!scene.check("after it").0);
}

#[test]
fn a_folder_that_may_not_be_written_to() {
    let mut scene = Scene::second();
    let (work, database) = (scene.world.work(), scene.world.work().join("rollcall.db"));
    chmod(&work, 0o555);
    // Without the log beside it SQLite can't read it either.
    for arguments in [&["sync", "acme"][..], &["users"]] {
        run(&scene, arguments).exits(1).says(&[
            "error: the directory database rollcall.db may not be written to",
            "hint: let this account write to rollcall.db and to its folder",
        ]);
    }
    let ran = run(&scene, &["connector", "remove", "--yes", "acme"]).exits(1);
    ran.says(&[
        "error: failed to write rollcall.toml",
        "caused by: Permission denied",
        "hint: nothing was changed; check that its folder is writable",
    ]);
    chmod(&work, 0o755);
    let good = fs::read(&database).unwrap();
    fs::remove_file(&database).unwrap();
    chmod(&work, 0o555);
    run(&scene, &["sync", "acme"]).exits(1).says(&[
        "error: the directory database rollcall.db may not be written to",
        "caused by: Permission denied",
        "hint: ",
    ]);
    chmod(&work, 0o755);
    fs::write(&database, good).unwrap();
    assert_eq!(scene.world.requests().len(), 0);
    assert!(!scene.check("after it").0);
}

#[test]
fn a_working_folder_that_may_not_be_written_to() {
    let mut scene = Scene::second();
    let folder = scene.world.work().join("rollcall.db.work");
    fs::create_dir_all(&folder).unwrap();
    chmod(&folder, 0o500);
    let path = folder.join("acme.lock").display().to_string();
    run(&scene, &["sync", "acme"]).exits(1).says(&[
        &format!("error: the working file {path} could not be opened"),
        "caused by: Permission denied",
        "hint: check that the folder is writable",
    ]);
    chmod(&folder, 0o700);
    assert!(!scene.check("after it").0);
}
