use std::io::{self, IsTerminal, Write};

use serde::Serialize;

use super::exit::Exit;
use super::pager::{Pages, written};
use super::report::Failure;
use super::table::Table;

/// How results are printed. Results go to stdout; whatever is said besides goes to stderr.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Output {
    /// One JSON object instead of text.
    pub json: bool,
    /// Nothing but results and errors.
    pub quiet: bool,
    /// Long views may go through a pager where stdout is a terminal.
    pub pager: bool,
}

impl Output {
    /// What a command did: `text` for people, `json` for programs.
    pub fn result<J: Serialize>(
        self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> J,
    ) -> Result<(), Failure> {
        Self { pager: false, ..self }.view(text, json)
    }

    /// What a command shows, which may be long: as [`result`](Self::result), through a pager on a terminal.
    pub fn view<J: Serialize>(
        self,
        text: impl FnOnce() -> String,
        json: impl FnOnce() -> J,
    ) -> Result<(), Failure> {
        match self.json {
            true => print_json(&json()),
            false => {
                let mut pages = Pages::open(self);
                written(writeln!(pages, "{}", text()))?;
                pages.end()
            }
        }
    }

    /// A short list: as a table, or `empty` where there is nothing to list.
    pub fn list<J: Serialize>(
        self,
        table: Table,
        rows: usize,
        empty: &str,
        json: impl FnOnce() -> J,
    ) -> Result<(), Failure> {
        if !self.json && rows == 0 {
            self.note(empty);
            return Ok(());
        }
        self.view(|| table.render(width()), json)
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

/// Indented for people, one line for programs.
pub(super) fn print_json(value: &impl Serialize) -> Result<(), Failure> {
    written(writeln!(io::stdout().lock(), "{}", json_text(value)?))
}

pub(super) fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    let text = match io::stdout().is_terminal() {
        true => serde_json::to_string_pretty(value),
        false => serde_json::to_string(value),
    };
    text.map_err(|error| Failure::new(Exit::Failed, "failed to print the result").because(&error))
}
