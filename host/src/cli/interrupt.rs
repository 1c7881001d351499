use std::future::Future;
use std::io;
use std::sync::OnceLock;
use std::thread;

use tokio::runtime;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::exit::Exit;
use super::progress;
use super::report::Failure;

/// Set by the first SIGINT (Ctrl-C) or SIGTERM: whoever works ends what it does, and applies nothing. The second
/// signal ends the process at once, as does the first when nobody works, such as at a question.
#[derive(Debug, Clone)]
pub struct Interrupt {
    phase: watch::Receiver<Phase>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Idle,
    Working,
    Stopping,
    /// A pager has the terminal: Ctrl-C is for it.
    Paging,
}

/// The process has one: once its signals are taken over they stay so.
static PHASE: OnceLock<watch::Sender<Phase>> = OnceLock::new();

impl Interrupt {
    /// One that no signal sets.
    pub fn never() -> Self {
        let (_, phase) = watch::channel(Phase::Working);
        Self { phase }
    }

    /// A token that is cancelled when it is set.
    pub fn token(&self) -> CancellationToken {
        let token = CancellationToken::new();
        let (interrupt, set) = (self.clone(), token.clone());
        tokio::spawn(async move {
            interrupt.wait().await;
            set.cancel();
        });
        token
    }

    pub fn is_set(&self) -> bool {
        *self.phase.borrow() == Phase::Stopping
    }

    /// Returns when it is set.
    pub async fn wait(&self) {
        let mut phase = self.phase.clone();
        if phase.wait_for(|phase| *phase == Phase::Stopping).await.is_err() {
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
    let runtime = runtime::Builder::new_multi_thread().enable_all().build().map_err(failed)?;
    let phase = listen().map_err(failed)?;
    phase.send_replace(Phase::Working);
    let result = runtime.block_on(work(Interrupt { phase: phase.subscribe() }));
    phase.send_replace(Phase::Idle);
    result
}

/// Ends with the pager.
pub(super) struct Paging(());

/// From now on SIGINT is ignored: a terminal gives it to the pager too, which may go on, and must not lose the other
/// end of its pipe and its terminal's state then. `None` where signals can't be taken over.
pub(super) fn leave_to_pager() -> Option<Paging> {
    let phase = listen().ok()?;
    phase.send_replace(Phase::Paging);
    Some(Paging(()))
}

impl Drop for Paging {
    fn drop(&mut self) {
        if let Some(phase) = PHASE.get() {
            phase.send_replace(Phase::Idle);
        }
    }
}

/// Takes the signals over, the first time; a thread of their own answers them from then on.
fn listen() -> io::Result<&'static watch::Sender<Phase>> {
    if let Some(phase) = PHASE.get() {
        return Ok(phase);
    }
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let mut signals = runtime.block_on(async { Signals::new() })?;
    let phase = PHASE.get_or_init(|| watch::Sender::new(Phase::Idle));
    thread::Builder::new().name("signals".into()).spawn(move || {
        loop {
            let signal = runtime.block_on(signals.next());
            if signal == Received::Interrupt && *phase.borrow() == Phase::Paging {
                continue;
            }
            let first = phase.send_if_modified(|phase| {
                let working = *phase == Phase::Working;
                if working {
                    *phase = Phase::Stopping;
                }
                working
            });
            if !first {
                std::process::exit(Exit::Interrupted as i32);
            }
            progress::above(|| anstream::eprintln!("stopping; once more to stop at once"));
        }
    })?;
    Ok(phase)
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Received {
    Interrupt,
    #[cfg(unix)]
    Terminate,
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

    async fn next(&mut self) -> Received {
        tokio::select! {
            _ = self.interrupt.recv() => Received::Interrupt,
            _ = self.terminate.recv() => Received::Terminate,
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

    async fn next(&mut self) -> Received {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        Received::Interrupt
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
