use std::process::ExitCode;

/// What the exit code of the process means. Part of the interface: scripts depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    Failed = 1,
    /// The command line or the configuration is wrong; nothing was tried.
    Usage = 2,
    /// Changes wait for a person.
    Held = 3,
    /// Done, but some people or groups could not be read or changed.
    Problems = 4,
    /// Stopped by a second signal, or at a question. 128 + SIGINT, as shells have it.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}
