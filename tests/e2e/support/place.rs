use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tempfile::TempDir;
use tokio::process::Command;
use tokio::runtime::Runtime;

use super::process::{Ran, Running};

/// No command of these tests takes a tenth of this; one that hangs has to end the test.
const LONGEST: Duration = Duration::from_secs(90);

/// A folder of its own, in which the binary runs and beside which it can leave nothing.
pub struct Place {
    folder: TempDir,
    runtime: Runtime,
    /// Environment variables besides those that keep it in the folder.
    pub variables: Vec<(String, String)>,
}

impl Place {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        for name in ["home", "tmp", "work"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        // One worker serves the simulator, while the test's own thread waits for processes.
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { folder, runtime, variables: Vec::new() }
    }

    /// Everything that the binary can write to, but for compiled plugins.
    pub fn whole(&self) -> &Path {
        self.folder.path()
    }

    /// Where it runs.
    pub fn work(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    pub fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.work().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// Puts a component of the fixtures into the folder `plugins`.
    pub fn install(&self, fixture: &str, file: &str) {
        let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/dist").join(fixture);
        let component = fs::read(&from).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        self.write(&format!("plugins/{file}"), component);
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        self.run_in(&self.work(), arguments)
    }

    pub fn run_in(&self, folder: &Path, arguments: &[&str]) -> Ran {
        let running = self.start_in(folder, arguments);
        self.wait(running)
    }

    pub fn start(&self, arguments: &[&str]) -> Running {
        self.start_in(&self.work(), arguments)
    }

    fn start_in(&self, folder: &Path, arguments: &[&str]) -> Running {
        self.start_prepared(folder, arguments, |_| {})
    }

    /// Where it runs, after `prepare` has changed what is about to be started.
    pub fn start_with(&self, arguments: &[&str], prepare: impl FnOnce(&mut Command)) -> Running {
        self.start_prepared(&self.work(), arguments, prepare)
    }

    fn start_prepared(
        &self,
        folder: &Path,
        arguments: &[&str],
        prepare: impl FnOnce(&mut Command),
    ) -> Running {
        let home = self.folder.path().join("home");
        // Compiled plugins are the same for all tests, and named by what they were compiled from.
        let cache = Path::new(env!("CARGO_TARGET_TMPDIR")).join("e2e-cache");
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(arguments).current_dir(folder).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.env("HOME", &home).env("TMPDIR", self.folder.path().join("tmp"));
        command.env("XDG_CACHE_HOME", cache);
        command.env("XDG_CONFIG_HOME", &home).env("XDG_DATA_HOME", &home).env("XDG_STATE_HOME", &home);
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        prepare(&mut command);
        let _context = self.runtime.enter();
        Running { child: command.spawn().unwrap() }
    }

    /// Waits for its end.
    pub fn wait(&self, running: Running) -> Ran {
        let output = self.runtime.block_on(async {
            tokio::time::timeout(LONGEST, running.child.wait_with_output())
                .await
                .expect("it ends in time")
                .unwrap()
        });
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let signal = std::os::unix::process::ExitStatusExt::signal(&output.status);
        Ran { code: output.status.code(), signal, stdout: text(output.stdout), stderr: text(output.stderr) }
    }
}
