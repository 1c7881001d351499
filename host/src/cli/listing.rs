//! Lists that are printed while they are read, so that a million rows need no more memory than a thousand.

use std::io::{IsTerminal, Write};

use clap::Args;
use serde_json::Value;

use super::csv;
use super::human::count;
use super::output::{Output, json_text, width};
use super::pager::{Pages, written};
use super::report::Failure;
use super::table::Table;

/// Rows that are laid out together: the columns of what follows are at least as wide as theirs.
const BLOCK: u64 = 1_000;

/// For lists whose columns can be chosen.
#[derive(Debug, Args)]
pub(super) struct ListArguments {
    /// Print comma-separated values. What a spreadsheet would take for a formula has an apostrophe before it.
    #[arg(long, conflicts_with = "json")]
    pub csv: bool,
    /// Which columns, separated by commas: fields as in --json, and attributes.
    #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "json")]
    pub columns: Vec<String>,
    /// At most so many.
    #[arg(long, value_name = "NUMBER")]
    pub limit: Option<u64>,
}

/// A list on its way out.
pub(super) struct Listing {
    output: Output,
    format: Format,
    pages: Pages,
    rows: u64,
    block: Vec<Vec<String>>,
    head: Vec<String>,
    /// Which columns hold numbers; known from the first row on.
    numbers: Vec<bool>,
    widths: Option<Vec<u16>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Table,
    Json { indent: bool },
    Csv,
}

impl Listing {
    /// `columns` are the names of the columns as `--json` has them; `head` is what a table calls one.
    pub fn start(
        output: Output,
        csv: bool,
        columns: &[String],
        head: fn(&str) -> String,
    ) -> Result<Self, Failure> {
        let format = match (output.json, csv) {
            (true, _) => Format::Json { indent: std::io::stdout().is_terminal() },
            (false, true) => Format::Csv,
            (false, false) => Format::Table,
        };
        let mut listing = Self {
            output,
            format,
            pages: Pages::open(output),
            rows: 0,
            block: Vec::new(),
            head: columns.iter().map(|name| head(name)).collect(),
            numbers: vec![false; columns.len()],
            widths: None,
        };
        if format == Format::Csv {
            let names: Vec<Value> = columns.iter().map(|name| Value::from(name.as_str())).collect();
            listing.print(&csv::line(&names))?;
        }
        Ok(listing)
    }

    /// The next row: `cells` in the order of the columns, `json` the whole of it.
    pub fn row(
        &mut self,
        cells: impl FnOnce() -> Vec<Value>,
        json: impl FnOnce() -> Value,
    ) -> Result<(), Failure> {
        self.rows += 1;
        match self.format {
            Format::Csv => self.print(&csv::line(&cells())),
            Format::Json { indent } => {
                let text = json_text(&json())?;
                let text = if indent { format!("\n{text}").replace('\n', "\n  ") } else { text };
                self.print(if self.rows == 1 { "[" } else { "," })?;
                self.print(&text)
            }
            Format::Table => {
                let cells = cells();
                if self.rows == 1 {
                    self.numbers = cells.iter().map(is_number).collect();
                }
                self.block.push(cells.iter().map(for_people).collect());
                if self.rows.is_multiple_of(BLOCK) { self.print_block() } else { Ok(()) }
            }
        }
    }

    /// How many there were so far.
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// The end of the list; `empty` is said where there was nothing to list.
    pub fn end(mut self, empty: &str) -> Result<(), Failure> {
        match self.format {
            Format::Csv => {}
            Format::Json { indent } => {
                let end = match (self.rows, indent) {
                    (0, _) => "[]\n",
                    (_, true) => "\n]\n",
                    (_, false) => "]\n",
                };
                self.print(end)?;
            }
            Format::Table => self.print_block()?,
        }
        if self.rows == 0 {
            self.output.note(empty);
        }
        self.pages.end()
    }

    fn print_block(&mut self) -> Result<(), Failure> {
        let block = std::mem::take(&mut self.block);
        if block.is_empty() {
            return Ok(());
        }
        let mut table = match self.widths {
            None => Table::of(self.head.clone()),
            Some(_) => Table::continued(),
        };
        for cells in block {
            table.push(cells);
        }
        for column in self.numbers.iter().enumerate().filter(|(_, number)| **number).map(|(index, _)| index) {
            table = table.right(column);
        }
        let width = width();
        let widths = self.widths.get_or_insert_with(|| table.fitted(width));
        let text = table.with_widths(widths).render(width);
        self.print(&text)?;
        self.print("\n")
    }

    fn print(&mut self, text: &str) -> Result<(), Failure> {
        written(self.pages.write_all(text.as_bytes()))
    }
}

/// Also the number of a run, which is a name: written without separators, so that it can be copied.
fn is_number(value: &Value) -> bool {
    value.is_number() || value.as_str().is_some_and(|text| text.parse::<u64>().is_ok())
}

fn for_people(value: &Value) -> String {
    match value {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), count),
        other => crate::directory::plain_text(other).into_owned(),
    }
}

/// `displayName` → `display name`.
pub(super) fn in_words(name: &str) -> String {
    let mut words = String::new();
    let mut before = 'A';
    for character in name.chars() {
        if character.is_ascii_uppercase() && before.is_ascii_lowercase() {
            words.push(' ');
        }
        words.push(character.to_ascii_lowercase());
        before = character;
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_fields_in_words() {
        for (name, words) in [
            ("displayName", "display name"),
            ("email", "email"),
            ("profile.costCenter", "profile.cost center"),
            ("ID", "id"),
        ] {
            assert_eq!(in_words(name), words);
        }
    }

    #[test]
    fn values_as_people_read_them() {
        for (value, text) in [
            (serde_json::json!(true), "yes"),
            (serde_json::json!(12345), "12,345"),
            (serde_json::json!(-5), "-5"),
            (serde_json::json!(null), ""),
            (serde_json::json!(["a", "b"]), "a; b"),
        ] {
            assert_eq!(for_people(&value), text);
        }
    }
}
