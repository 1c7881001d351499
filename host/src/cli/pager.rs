//! Where long results go: through a pager on a terminal, straight to stdout elsewhere.
//!
//! A pager is never a reason to fail: one that can't be started is left out, and one that is quit early has shown what
//! its user wanted to see.

use std::io::{self, BufWriter, ErrorKind, IsTerminal, StdoutLock, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

use anstream::AutoStream;

use super::exit::Exit;
use super::interrupt::{self, Paging};
use super::output::Output;
use super::report::Failure;

/// Ends by itself when everything fits the screen (F), passes colours on (R), and leaves its text on the screen (X).
const DEFAULT: &str = "less -FRX";

/// Enough for a block of rows in one system call.
const BUFFER: usize = 64 * 1024;

/// A result on its way to whoever reads it.
pub(super) struct Pages {
    // `Some` until the end.
    out: Option<Out>,
}

enum Out {
    Stdout(BufWriter<AutoStream<StdoutLock<'static>>>),
    Pager { input: BufWriter<ChildStdin>, child: Child, _paging: Option<Paging> },
}

impl Pages {
    pub fn open(output: Output) -> Self {
        let pager = (output.pager && !output.json && io::stdout().is_terminal()).then(pager).flatten();
        let out = match pager.and_then(|words| start(&words)) {
            Some((child, input)) => Out::Pager { input, child, _paging: interrupt::leave_to_pager() },
            None => Out::Stdout(BufWriter::with_capacity(BUFFER, anstream::stdout().lock())),
        };
        Self { out: Some(out) }
    }

    /// Everything is written; returns when the pager is quit.
    pub fn end(mut self) -> Result<(), Failure> {
        written(self.finish())
    }

    fn finish(&mut self) -> io::Result<()> {
        match self.out.take() {
            None => Ok(()),
            Some(Out::Stdout(mut out)) => out.flush(),
            Some(Out::Pager { mut input, mut child, _paging }) => {
                let flushed = input.flush();
                drop(input);
                child.wait()?;
                flushed
            }
        }
    }
}

impl Write for Pages {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.out {
            Some(Out::Stdout(out)) => out.write(bytes),
            Some(Out::Pager { input, .. }) => input.write(bytes),
            None => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.out {
            Some(Out::Stdout(out)) => out.flush(),
            Some(Out::Pager { input, .. }) => input.flush(),
            None => Ok(()),
        }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // Something failed, and is told of after the pager has left the screen.
        let _ = self.finish();
    }
}

/// What became of writing a result. `rollcall users | head` is no failure.
pub(super) fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::silent(Exit::Done)),
        Err(error) => Err(Failure::new(Exit::Failed, "failed to print the result").because(&error)),
    }
}

fn pager() -> Option<Vec<String>> {
    chosen(["ROLLCALL_PAGER", "PAGER"].into_iter().find_map(|name| std::env::var(name).ok()).as_deref())
}

/// The words of the command; `None` where no pager is wanted.
fn chosen(variable: Option<&str>) -> Option<Vec<String>> {
    let words = shell_words::split(variable.unwrap_or(DEFAULT)).ok()?;
    words.first().is_some_and(|program| program != "cat").then_some(words)
}

fn start(words: &[String]) -> Option<(Child, BufWriter<ChildStdin>)> {
    let (program, arguments) = words.split_first()?;
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::piped());
    // A plain `PAGER=less` is to end by itself, too.
    if std::env::var_os("LESS").is_none() {
        command.env("LESS", "FRX");
    }
    match command.spawn() {
        Ok(mut child) => {
            let input = BufWriter::with_capacity(BUFFER, child.stdin.take()?);
            Some((child, input))
        }
        Err(error) => {
            tracing::debug!(program, %error, "no pager");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pager_is_what_the_environment_says() {
        let words = |text: Option<&str>| chosen(text).map(|words| words.join("|"));
        assert_eq!(words(None).as_deref(), Some("less|-FRX"));
        assert_eq!(words(Some("most '-a b'")).as_deref(), Some("most|-a b"));
        for none in ["", "  ", "cat", "'unclosed"] {
            assert_eq!(words(Some(none)), None, "{none:?}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_pager_that_is_not_there_is_left_out_and_one_that_quits_early_is_no_failure() {
        assert!(start(&["rollcall-no-such-pager".to_owned()]).is_none());
        let (child, input) = start(&["true".to_owned()]).unwrap();
        let mut pages = Pages { out: Some(Out::Pager { input, child, _paging: None }) };
        let line = [b'x'; 1024];
        // The pipe holds some of it, then it breaks.
        let result = (0..10_000).try_for_each(|_| pages.write_all(&line));
        let failure = written(result).unwrap_err();
        assert!(failure.is_silent());
        assert_eq!(failure.exit(), Exit::Done);
    }
}
