use std::io::{self, IsTerminal, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use super::progress;
use super::report::Failure;

/// Another choice of what is logged than `-v` and `-q` give, in tracing's notation: `rollcall::http=trace,warn`.
const VARIABLE: &str = "ROLLCALL_LOG";

/// Begins to log to stderr. Other crates are heard from warnings on, since what they say below that is about
/// them and not about the admin's work.
pub(super) fn start(verbose: u8, quiet: bool) -> Result<(), Failure> {
    let level = match (quiet, verbose) {
        (true, _) => "error",
        (false, 0) => "warn",
        (false, 1) => "warn,rollcall=info",
        (false, 2) => "warn,rollcall=debug",
        (false, _) => "warn,rollcall=trace",
    };
    let filter = match std::env::var(VARIABLE) {
        Ok(directives) if !directives.trim().is_empty() => {
            EnvFilter::try_new(&directives).map_err(|error| {
                Failure::usage(format!("failed to read {VARIABLE}=`{directives}`")).because(&error).with_hint(
                    Some(format!("such as {VARIABLE}=debug or {VARIABLE}=rollcall::http=trace,warn")),
                )
            })?
        }
        _ => EnvFilter::new(level),
    };
    let terminal = io::stderr().is_terminal();
    let colours = anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never;
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(AboveProgress)
        .with_ansi(colours)
        .compact();
    // A person sees the time go by; a file that collects lines needs it written.
    let started = match terminal {
        true => subscriber.without_time().with_target(false).try_init(),
        false => subscriber.try_init(),
    };
    started.map_err(|error| Failure::usage("failed to start logging").because(&*error))
}

/// Log lines go above the live line instead of through it.
struct AboveProgress;

impl<'a> MakeWriter<'a> for AboveProgress {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        AboveProgress
    }
}

impl Write for AboveProgress {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        progress::above(|| io::stderr().write_all(bytes))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
