//! A file of people as comma-separated values: read whole, with every mistake at once.

use csv::{ReaderBuilder, StringRecord};
use rustc_hash::FxHashMap;

use super::edit::{boolean, checked_name};
use super::error::Mistake;
use crate::directory::{UserEntry, fold};

/// People as a file has them. What a file has no column for is left as it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Table {
    pub rows: Vec<Row>,
}

/// One person.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Where it begins, from 1.
    pub line: u64,
    pub user_name: String,
    /// Nothing without the column.
    pub active: Option<bool>,
    /// Names of local groups; nothing without the column.
    pub groups: Option<Vec<String>>,
    /// The other fields and the attributes that the file has a column for, by name; an empty cell is no value.
    pub values: Vec<(String, Option<String>)>,
}

impl Row {
    /// The e-mail address, where the file has one.
    pub fn email(&self) -> Option<&str> {
        self.values.iter().find(|(name, _)| name == "email").and_then(|(_, value)| value.as_deref())
    }
}

const USER_NAME: &str = "userName";
const ACTIVE: &str = "active";
const GROUPS: &str = "groups";

/// The columns that are no attributes.
const COLUMNS: [&str; 7] = [USER_NAME, "displayName", "givenName", "familyName", "email", ACTIVE, GROUPS];

/// Reads a file, or tells all that is wrong with it.
///
/// UTF-8, with or without a byte-order mark; values are separated by commas and quoted as RFC 4180 has it; the first
/// line names the columns.
pub fn read_table(bytes: &[u8]) -> Result<Table, Vec<Mistake>> {
    let text = text(bytes).map_err(|mistake| vec![mistake])?;
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = Vec::new();
    for record in reader.records() {
        match record {
            Ok(record) => records.push((line_of(text, &record), record)),
            Err(error) => return Err(vec![at(1, None, error.to_string(), None)]),
        }
    }
    let mut mistakes = Vec::new();
    // Within quotes a quote is doubled, and elsewhere there is none: an odd one opens what never ends.
    if text.matches('"').count() % 2 == 1 {
        let line = records.last().map_or(1, |(line, _)| *line);
        let hint = "a quote inside of a quoted value is written twice";
        mistakes.push(at(line, None, "a quote has no other one", Some(hint)));
        return Err(mistakes);
    }
    let mut records = records.into_iter();
    let Some((line, header)) = records.next() else {
        let hint = "the first line names the columns, such as userName,displayName,email";
        return Err(vec![at(1, None, "the file is empty", Some(hint))]);
    };
    let columns = columns(line, &header, &mut mistakes);
    let mut seen: FxHashMap<String, u64> = FxHashMap::default();
    let mut rows = Vec::new();
    for (line, record) in records {
        if record.len() != header.len() {
            let message = format!("{} values, and the header has {} columns", record.len(), header.len());
            mistakes.push(at(line, None, message, Some("a value with a comma in it has to be in quotes")));
            continue;
        }
        rows.extend(row(line, &record, &columns, &mut seen, &mut mistakes));
    }
    match mistakes.is_empty() {
        true => Ok(Table { rows }),
        false => {
            mistakes.sort();
            Err(mistakes)
        }
    }
}

pub(super) fn at(line: u64, column: Option<&str>, message: impl Into<String>, hint: Option<&str>) -> Mistake {
    Mistake {
        line,
        column: column.map(str::to_owned),
        message: message.into(),
        hint: hint.map(str::to_owned),
    }
}

fn text(bytes: &[u8]) -> Result<&str, Mistake> {
    let hint = Some("save it as UTF-8");
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return Err(at(1, None, "the file is in UTF-16", hint));
    }
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let line = |end: usize| 1 + bytes[..end].iter().filter(|byte| **byte == b'\n').count() as u64;
    let text = std::str::from_utf8(bytes)
        .map_err(|error| at(line(error.valid_up_to()), None, "this is not in UTF-8", hint))?;
    match text.find('\0') {
        Some(place) => {
            Err(at(line(place), None, "there is a character 0, as in UTF-16 and in binary files", hint))
        }
        None => Ok(text),
    }
}

/// Where the record's text begins. The reader's own count is that of what it skipped before.
fn line_of(text: &str, record: &StringRecord) -> u64 {
    let before = record.position().map_or(0, |position| position.byte() as usize).min(text.len());
    let blank = text[before..].len() - text[before..].trim_start_matches(['\n', '\r']).len();
    1 + text[..before + blank].matches('\n').count() as u64
}

/// What each column is called; nothing for one that is wrong.
fn columns(line: u64, header: &StringRecord, mistakes: &mut Vec<Mistake>) -> Vec<Option<String>> {
    let mut columns: Vec<Option<String>> = Vec::new();
    for (index, name) in header.iter().enumerate() {
        let name = name.trim();
        let meant = COLUMNS.into_iter().find(|known| *known != name && letters(known) == letters(name));
        let number = format!("number {}", index + 1);
        let wrong = if name.is_empty() {
            Some(at(line, Some(&number), "it has no name", None))
        } else if name.contains(char::is_control) {
            Some(at(line, Some(&number), "its name holds a control character", None))
        } else if let Some(meant) = meant {
            let hint = format!("did you mean `{meant}`?");
            Some(at(line, Some(name), "there is no such column", Some(&hint)))
        } else if UserEntry::FIELDS.iter().any(|field| letters(field) == letters(name))
            && !COLUMNS.contains(&name)
        {
            Some(at(line, Some(name), "it can't be imported", Some("leave it out: it is given here")))
        } else if columns.iter().flatten().any(|other| other.eq_ignore_ascii_case(name)) {
            Some(at(line, Some(name), "there are two columns of this name", None))
        } else {
            None
        };
        let fits = wrong.is_none();
        mistakes.extend(wrong);
        columns.push(fits.then(|| name.to_owned()));
    }
    let is_there = header.iter().any(|name| letters(name) == letters(USER_NAME));
    if !is_there {
        let whole = header.iter().collect::<String>();
        let hint =
            match ['\t', ';', '|'].into_iter().find(|other| header.len() == 1 && whole.contains(*other)) {
                Some('\t') => "separate values by commas, not by tabs".to_owned(),
                Some(other) => format!("separate values by commas, not by `{other}`"),
                None => "it is the one column that has to be there".to_owned(),
            };
        mistakes.push(at(line, None, "the column userName is missing", Some(&hint)));
    }
    columns
}

/// `E-Mail` and `email` are alike.
fn letters(name: &str) -> String {
    fold(name).chars().filter(|c| !matches!(c, ' ' | '-' | '_')).collect()
}

fn row(
    line: u64,
    record: &StringRecord,
    columns: &[Option<String>],
    seen: &mut FxHashMap<String, u64>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Row> {
    let mut row = Row { line, user_name: String::new(), active: None, groups: None, values: Vec::new() };
    let mut named = false;
    for (column, cell) in columns.iter().zip(record) {
        let Some(column) = column else { continue };
        match column.as_str() {
            USER_NAME => match checked_name("user", cell) {
                Ok(name) => {
                    named = true;
                    row.user_name = name.to_owned();
                    if let Some(first) = seen.insert(fold(name), line) {
                        let message = format!("{name:?} is in line {first} already");
                        mistakes.push(at(line, Some(column), message, None));
                        // So that a third one is told of the first, too.
                        seen.insert(fold(name), first);
                    }
                }
                Err(error) => mistakes.push(at(line, Some(column), error.to_string(), None)),
            },
            ACTIVE => match boolean(cell) {
                Some(active) => row.active = Some(active),
                None => {
                    let message = format!("{cell:?} is neither true nor false");
                    mistakes.push(at(line, Some(column), message, None));
                }
            },
            GROUPS => {
                let mut groups: Vec<String> = Vec::new();
                for name in cell.split(';').filter(|name| !name.trim().is_empty()) {
                    match checked_name("group", name) {
                        Ok(name) if groups.iter().any(|other| fold(other) == fold(name)) => {}
                        Ok(name) => groups.push(name.to_owned()),
                        Err(error) => mistakes.push(at(line, Some(column), error.to_string(), None)),
                    }
                }
                row.groups = Some(groups);
            }
            name => row.values.push((name.to_owned(), Some(cell.to_owned()).filter(|cell| !cell.is_empty()))),
        }
    }
    named.then_some(row)
}
