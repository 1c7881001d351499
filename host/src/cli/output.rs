use std::io::{self, ErrorKind, IsTerminal, Write};

use serde::Serialize;

use super::exit::Exit;
use super::report::Failure;
use super::table::Table;

/// How results are printed. Results go to stdout; whatever is said besides goes to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// One JSON object instead of text.
    pub json: bool,
    /// Nothing but results and errors.
    pub quiet: bool,
}

impl Output {
    /// A result: `text` for people, `json` for programs.
    pub fn result<J: Serialize>(
        self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> J,
    ) -> Result<(), Failure> {
        match self.json {
            true => print_json(&json()),
            false => print(&text()),
        }
    }

    /// A list: as a table, or `empty` where there is nothing to list.
    pub fn list<J: Serialize>(
        self,
        table: Table,
        rows: usize,
        empty: &str,
        json: impl FnOnce() -> J,
    ) -> Result<(), Failure> {
        match (self.json, rows) {
            (true, _) => print_json(&json()),
            (false, 0) => {
                self.note(empty);
                Ok(())
            }
            (false, _) => print(&table.render(width())),
        }
    }

    /// Said to people beside the result.
    pub fn note(self, text: &str) {
        if !self.quiet && !self.json {
            anstream::eprintln!("{text}");
        }
    }
}

/// The terminal's width in characters; `None` when stdout is none.
pub fn width() -> Option<u16> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| width.0)
}

fn print(text: &str) -> Result<(), Failure> {
    written(writeln!(anstream::stdout().lock(), "{text}"))
}

/// Indented for people, one line for programs.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    let text = match io::stdout().is_terminal() {
        true => serde_json::to_string_pretty(value),
        false => serde_json::to_string(value),
    };
    let text =
        text.map_err(|error| Failure::new(Exit::Failed, "failed to print the result").because(&error))?;
    written(writeln!(io::stdout().lock(), "{text}"))
}

fn written(result: io::Result<()>) -> Result<(), Failure> {
    match result {
        Ok(()) => Ok(()),
        // `rollcall users | head` is no failure.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Err(Failure::silent(Exit::Done)),
        Err(error) => Err(Failure::new(Exit::Failed, "failed to print the result").because(&error)),
    }
}
