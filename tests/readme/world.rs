//! Where the README's commands are run: a folder, and a simulated Okta in place of acme.okta.com.

use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{env, fs};

use okta_sim::{Access, Population, RunningSim, Sim, Status};
use serde_json::json;
use tokio::runtime::Runtime;

use super::page::root;

/// What the README calls its Okta organisation.
pub const ENDPOINT: &str = "acme.okta.com";

pub struct World {
    folder: tempfile::TempDir,
    pub sim: RunningSim,
    // After the simulator: it is dropped in its runtime.
    _runtime: Runtime,
}

impl World {
    pub fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let population = Population {
            users: 120,
            groups: 8,
            members_per_group: 12,
            empty_groups: 1,
            awkward: false,
            ..Population::default()
        };
        let sim = runtime.block_on(Sim::builder().population(population).start()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        symlink(root(), folder.path().join("rollcall")).unwrap();
        Self { folder, sim, _runtime: runtime }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// A file of the README, with the simulator's address for Okta's.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, self.here(text)).unwrap();
    }

    fn here(&self, text: &str) -> String {
        text.replace(ENDPOINT, &self.sim.url())
    }

    /// Runs a line as a shell does, with the token to read from its input.
    pub fn run(&self, line: &str) -> Output {
        let program = Path::new(env!("CARGO_BIN_EXE_rollcall")).parent().unwrap();
        let others = env::var_os("PATH").unwrap_or_default();
        let path =
            env::join_paths(std::iter::once(program.to_owned()).chain(env::split_paths(&others))).unwrap();
        let mut command = Command::new("sh");
        command.args(["-c", &self.here(line)]).current_dir(self.folder.path());
        command.env("PATH", path).env("XDG_CACHE_HOME", self.path("cache")).env("NO_PROXY", "127.0.0.1");
        // Kept from one run of the tests to the next.
        command.env("CARGO_TARGET_DIR", Path::new(env!("CARGO_TARGET_TMPDIR")).join("readme"));
        for variable in
            ["ROLLCALL_CONFIG", "ROLLCALL_DATABASE", "ROLLCALL_LOG", "OKTA_TOKEN", "HTTP_PROXY", "http_proxy"]
        {
            command.env_remove(variable);
        }
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // A command that reads nothing may have ended before.
        let _ = writeln!(child.stdin.take().unwrap(), "{}", self.sim.token());
        child.wait_with_output().unwrap()
    }

    /// What the README tells of before a block with the note `a-week-later`.
    pub fn a_week_later(&self) {
        let group = |name: &str| self.sim.groups_named(name).remove(0);
        let profile = json!({
            "login": "nora.quist@acme.example",
            "email": "nora.quist@acme.example",
            "firstName": "Nora",
            "lastName": "Quist",
            "department": "Sales",
        });
        let nora = self.sim.create_user(Status::Active, profile.as_object().unwrap().clone()).unwrap();
        self.sim.add_member(&group("Sales team 1"), &nora).unwrap();
        self.sim.rename_login("farid.nguyen.1@acme.example", "farid.haddad@acme.example").unwrap();
        self.sim.set_status("mei.costa.2@acme.example", Status::Suspended).unwrap();
        for _ in 0..2 {
            self.sim.delete_user("ada.garcia.4@acme.example").unwrap();
        }
        self.sim.forbid_members(&group("Finance team 3"), true).unwrap();
    }

    /// A token of somebody without any admin role.
    pub fn narrow_token(&self) -> &'static str {
        let token = "00narrowTokenForLoopbackOnly_0123456789abc";
        self.sim.set_token(token, Some(Access::NoAdminRole));
        token
    }
}

/// Whether plugins can be built here. `.ci/run` knows, and says so in ROLLCALL_TEST_WASM: then it is no excuse.
pub fn can_build_plugins() -> bool {
    let wanted = env::var("ROLLCALL_TEST_WASM").is_ok_and(|value| value == "1");
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let found = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", "wasm32-unknown-unknown"])
        .output()
        .is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir());
    assert!(
        found || !wanted,
        "ROLLCALL_TEST_WASM is set, but the target wasm32-unknown-unknown is not there"
    );
    found
}
