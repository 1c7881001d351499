use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
use serde_json::Value;

/// A process that ended.
#[derive(Debug)]
pub struct Ran {
    /// Nothing if a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    /// Ended with this exit code, or the test fails with everything that was printed.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "exit code\n--- stdout\n{}\n--- stderr\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    /// What `--json` printed: one object, or list, on one line, and nothing else.
    #[track_caller]
    pub fn json(&self) -> Value {
        assert_eq!(self.stdout.trim_end().lines().count(), 1, "one line of JSON: {}", self.stdout);
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}", self.stdout))
    }

    /// Standard output says all of this.
    #[track_caller]
    pub fn prints(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.stdout.contains(text), "{text:?} is not printed by\n{}", self.stdout);
        }
        self
    }

    /// Standard error says all of this.
    #[track_caller]
    pub fn says(&self, texts: &[&str]) -> &Self {
        for text in texts {
            assert!(self.stderr.contains(text), "{text:?} is not said by\n{}", self.stderr);
        }
        self
    }
}

/// A process that has not ended yet. Dropping it kills it.
pub struct Running {
    pub(super) child: tokio::process::Child,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id().expect("it was not waited for")
    }

    /// SIGKILL.
    pub fn kill(&mut self) {
        self.child.start_kill().expect("it still runs");
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("it is our child").is_none()
    }

    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).expect("it still runs");
    }

    /// True once a signal has stopped it, as a fail point does; it has not ended.
    pub fn is_stopped(&self) -> bool {
        // Its status is left for whoever waits for its end.
        let options = WaitIdOptions::STOPPED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(self.pid()), options).expect("it is our child").is_some()
    }

    fn pid(&self) -> Pid {
        i32::try_from(self.id()).ok().and_then(Pid::from_raw).expect("a process id")
    }
}
