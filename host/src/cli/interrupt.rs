use std::future::Future;
use std::io;

use tokio::sync::watch;

use super::exit::Exit;
use super::report::Failure;

/// Set by the first SIGINT (Ctrl-C) or SIGTERM: whoever works ends what it does, and applies nothing. The second
/// signal ends the process at once.
#[derive(Debug, Clone)]
pub struct Interrupt {
    received: watch::Receiver<bool>,
}

impl Interrupt {
    /// Takes the signals over; from inside a tokio runtime.
    fn listen() -> io::Result<Self> {
        let (set, received) = watch::channel(false);
        let mut signals = Signals::new()?;
        tokio::spawn(async move {
            signals.next().await;
            anstream::eprintln!("stopping; once more to stop at once");
            // Whoever waits may be gone: then there is nobody to tell.
            set.send_replace(true);
            signals.next().await;
            std::process::exit(Exit::Interrupted as i32);
        });
        Ok(Self { received })
    }

    /// One that no signal sets.
    pub fn never() -> Self {
        let (_, received) = watch::channel(false);
        Self { received }
    }

    pub fn is_set(&self) -> bool {
        *self.received.borrow()
    }

    /// Returns when it is set.
    pub async fn wait(&self) {
        let mut received = self.received.clone();
        if received.wait_for(|set| *set).await.is_err() {
            // Nobody is left who could set it.
            std::future::pending::<()>().await;
        }
    }
}

/// Runs a command's work, which is told of an interrupt.
pub fn block_on<T, F>(work: impl FnOnce(Interrupt) -> F) -> Result<T, Failure>
where
    F: Future<Output = Result<T, Failure>>,
{
    let failed = |error: io::Error| Failure::new(Exit::Failed, "failed to start").because(&error);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    runtime.block_on(async { work(Interrupt::listen().map_err(failed)?).await })
}

#[cfg(unix)]
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_told_of_the_first_signal() {
        let answer = block_on(|interrupt| async move {
            assert!(!interrupt.is_set());
            // To this very process; its handler is installed by now.
            let pid = std::process::id().to_string();
            let status = tokio::process::Command::new("kill").args(["-TERM", &pid]).status().await.unwrap();
            assert!(status.success());
            interrupt.wait().await;
            assert!(interrupt.is_set());
            Ok(7)
        });
        assert_eq!(answer.unwrap(), 7);
    }

    #[test]
    fn never_stays_unset() {
        let interrupt = Interrupt::never();
        assert!(!interrupt.is_set());
    }
}
