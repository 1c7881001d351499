//! A file of people as comma-separated values: read whole, with every mistake at once.

use std::sync::Arc;

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
    pub values: Vec<(Arc<str>, Option<String>)>,
}

impl Row {
    /// The e-mail address, where the file has one.
    pub fn email(&self) -> Option<&str> {
        self.values.iter().find(|(name, _)| **name == *"email").and_then(|(_, value)| value.as_deref())
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
    // It passes a byte-order mark over.
    let mut reader = ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let mut records = Vec::new();
    let mut lines = Lines { text, read: 0, line: 1 };
    for record in reader.records() {
        match record {
            Ok(record) => records.push((lines.of(&record), record)),
            Err(error) => return Err(vec![at(1, None, error.to_string(), None)]),
        }
    }
    let mut mistakes = Vec::new();
    // Within quotes a quote is doubled, and elsewhere there is none: an odd one opens what never ends.
    if text.matches('"').count() % 2 == 1 {
        let starts = records.iter().filter_map(|(_, record)| Some(record.position()?.byte() as usize));
        let ends = starts.clone().skip(1).chain([text.len()]);
        let odd = starts.zip(ends).position(|(start, end)| {
            text.get(start..end).is_some_and(|record| record.matches('"').count() % 2 == 1)
        });
        let line = odd.map_or(1, |index| records[index].0);
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
            let values = if record.len() == 1 { "value" } else { "values" };
            let message = format!("{} {values}, and the header has {} columns", record.len(), header.len());
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

/// Counts lines, once over the whole text: records are asked about in their order.
struct Lines<'a> {
    text: &'a str,
    /// Up to where lines are counted.
    read: usize,
    line: u64,
}

impl Lines<'_> {
    /// Where the record's text begins. The reader's own count is that of what it skipped before.
    fn of(&mut self, record: &StringRecord) -> u64 {
        let before = record.position().map_or(0, |position| position.byte() as usize).min(self.text.len());
        let blank = self.text[before..].len() - self.text[before..].trim_start_matches(['\n', '\r']).len();
        let begin = (before + blank).max(self.read);
        self.line += self.text[self.read..begin].matches('\n').count() as u64;
        self.read = begin;
        self.line
    }
}

/// What each column is called; nothing for one that is wrong.
fn columns(line: u64, header: &StringRecord, mistakes: &mut Vec<Mistake>) -> Vec<Option<Arc<str>>> {
    let mut columns: Vec<Option<Arc<str>>> = Vec::new();
    for (index, name) in header.iter().enumerate() {
        let name = name.trim();
        let meant = COLUMNS.into_iter().find(|known| *known != name && letters(known) == letters(name));
        let number = format!("number {}", index + 1);
        let wrong = if name.is_empty() {
            Some(at(line, Some(&number), "it has no name", None))
        } else if name.contains(|c: char| c.is_control() && (c != '\t' || header.len() > 1)) {
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
        columns.push(fits.then(|| name.into()));
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
    columns: &[Option<Arc<str>>],
    seen: &mut FxHashMap<String, u64>,
    mistakes: &mut Vec<Mistake>,
) -> Option<Row> {
    let mut row = Row { line, user_name: String::new(), active: None, groups: None, values: Vec::new() };
    let mut named = false;
    for (column, cell) in columns.iter().zip(record) {
        let Some(column) = column else { continue };
        match &**column {
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
            _ => row.values.push((Arc::clone(column), Some(cell.to_owned()).filter(|cell| !cell.is_empty()))),
        }
    }
    named.then_some(row)
}

#[cfg(test)]
mod tests {
    use std::fmt::Write;

    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Table {
        read_table(text.as_bytes()).unwrap()
    }

    #[test]
    fn columns_come_in_any_order_and_what_is_none_of_ours_is_an_attribute() {
        let table = read(
            "phone,email,groups,userName,active\r\n\
             +49 30,ann@x.y,Sales; Night shift ;sales, Ann ,TRUE\r\n\
             ,,,\"B, ob\",false\r\n",
        );
        let value = |name: &str, value: Option<&str>| (name.into(), value.map(str::to_owned));
        let row = |line, user_name: &str, active, groups: &[&str], values| Row {
            line,
            user_name: user_name.to_owned(),
            active: Some(active),
            groups: Some(groups.iter().map(|name| (*name).to_owned()).collect()),
            values,
        };
        assert_eq!(
            table.rows,
            [
                row(
                    2,
                    "Ann",
                    true,
                    &["Sales", "Night shift"],
                    vec![value("phone", Some("+49 30")), value("email", Some("ann@x.y"))]
                ),
                row(3, "B, ob", false, &[], vec![value("phone", None), value("email", None)]),
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_is_no_part_of_the_first_column() {
        assert_eq!(read("\u{feff}userName\nann\n"), read("userName\nann\n"));
    }

    #[test]
    fn a_record_is_told_by_the_line_where_it_begins() {
        let table = read("userName,note\n\n\nann,\"one\ntwo\"\n\nbob,x\n");
        assert_eq!(table.rows.iter().map(|row| row.line).collect::<Vec<_>>(), [4, 7]);
    }

    #[test]
    fn every_mistake() {
        let files: &[(&str, &[u8])] = &[
            ("empty", b""),
            ("semicolons", b"userName;email\nann;a@b.c\n"),
            ("tabs", b"userName\temail\nann\ta@b.c\n"),
            ("UTF-16", b"\xff\xfeu\0s\0"),
            ("UTF-16 without a mark", b"u\0s\0e\0r\0"),
            ("Latin-1", b"userName,displayName\nann,Ann\nzoe,Zo\xeb\n"),
            ("no user name", b"email\na@b.c\n"),
            ("header", b"User_Name,E-Mail,externalId,,a\x07b,phone,Phone\n"),
            ("too few and too many values", b"userName,email\nann\nbob,b@c.d,x\n"),
            ("a quote for inches", b"userName,note\nann,5\" long\nbob,\n"),
            ("a quote without another one", b"userName,email\nann,a@b.c\nbob,\"b@c.d\nzoe,z@c.d\n"),
            (
                "values",
                b"userName,active,groups\nann,yes,\n,true,\n\"two\nlines\",true,\nAnn,,a;b\x07c\nANN,true,\n",
            ),
        ];
        let mut all = String::new();
        for (name, bytes) in files {
            writeln!(all, "## {name}\n").unwrap();
            for mistake in read_table(bytes).unwrap_err() {
                writeln!(all, "{mistake}").unwrap();
            }
            all.push('\n');
        }
        insta::assert_snapshot!(all);
    }

    fn cell() -> impl Strategy<Value = String> {
        prop_oneof![Just(String::new()), "[a-zé\",\n;' =]{1,6}", "\\PC{1,8}"]
    }

    proptest! {
        /// Whatever stands in the cells comes back, as RFC 4180 writes it.
        #[test]
        fn what_was_written_is_read(rows in prop::collection::vec((cell(), cell(), any::<bool>()), 0..8)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["userName", "displayName", "note", "active"]).unwrap();
            for (index, (one, other, active)) in rows.iter().enumerate() {
                let (name, active) = (format!("user {index}"), active.to_string());
                writer.write_record([&name, one, other, &active]).unwrap();
            }
            let table = read_table(&writer.into_inner().unwrap()).unwrap();
            prop_assert_eq!(table.rows.len(), rows.len());
            for (index, (row, (one, other, active))) in table.rows.iter().zip(rows).enumerate() {
                let value = |text: String| Some(text).filter(|text| !text.is_empty());
                prop_assert_eq!(&row.user_name, &format!("user {index}"));
                prop_assert_eq!(row.active, Some(active));
                prop_assert_eq!(&row.values[0], &("displayName".into(), value(one)));
                prop_assert_eq!(&row.values[1], &("note".into(), value(other)));
            }
        }

        #[test]
        fn no_bytes_are_too_much(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = read_table(&bytes);
        }
    }
}
