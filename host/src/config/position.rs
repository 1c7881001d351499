//! From a key to its place in the text, and from a place to the line that shows it.

use std::ops::Range;

use toml_edit::{Document, Item, Table, TableLike, Value};
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

/// One step on the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Key(String),
    Index(usize),
}

impl Step {
    /// `groups.include.0`. A key that has a dot in it can't be told from two; a number is an index where there
    /// is a list, else a key.
    pub fn dotted(path: &str) -> impl Iterator<Item = Step> + '_ {
        path.split('.').filter(|part| !part.is_empty()).map(|part| match part.parse::<usize>() {
            Ok(index) => Step::Index(index),
            Err(_) => Step::Key(part.to_owned()),
        })
    }
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Step::Key(key.to_owned())
    }
}

impl From<usize> for Step {
    fn from(index: usize) -> Self {
        Step::Index(index)
    }
}

/// What of the last step of a path a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    Key,
    Value,
    /// This many bytes from the start of the text that the value stands for: a place in an expression.
    Within(usize),
}

/// The bytes of `text` that the path leads to, or as near as the text goes: the innermost key or header that
/// exists. `None` when `text` is not TOML or not even the first step is there.
pub(super) fn locate(text: &str, path: &[Step], at: At) -> Option<Range<usize>> {
    let document = Document::parse(text).ok()?;
    let mut node = Node::Item(document.as_item());
    let mut found = None;
    for step in path {
        let entry = |key: &str| {
            let (key, item) = node.table()?.get_key_value(key)?;
            Some((key.span(), Node::Item(item)))
        };
        let inner = match step {
            Step::Key(key) => entry(key),
            Step::Index(index) => match node.element(*index) {
                Some(element) => Some((element.span(), element)),
                None => entry(&index.to_string()),
            },
        };
        let Some((key, next)) = inner else { break };
        found = key.or(found);
        node = next;
        if at != At::Key && std::ptr::eq(step, &path[path.len() - 1]) {
            found = node.value_span().or(found);
            if let (At::Within(offset), Some(value), Some(span)) = (at, node.text(), &found) {
                found = Some(within(text, span, value, offset));
            }
        }
    }
    found
}

/// The line, from 1, of exactly that key; `None` when the text does not have it.
pub(super) fn line_of(text: &str, path: &[Step]) -> Option<usize> {
    let document = Document::parse(text).ok()?;
    let mut node = Node::Item(document.as_item());
    let mut found = None;
    for step in path {
        let (span, next) = match step {
            Step::Key(key) => {
                let (key, item) = node.table()?.get_key_value(key)?;
                (key.span(), Node::Item(item))
            }
            Step::Index(index) => {
                let element = node.element(*index)?;
                (element.span(), element)
            }
        };
        found = span.or(found);
        node = next;
    }
    found.map(|span| line_and_column(text, span.start).0)
}

#[derive(Clone, Copy)]
enum Node<'a> {
    Item(&'a Item),
    /// An element of an array.
    Value(&'a Value),
    /// An element of an array of tables.
    Table(&'a Table),
}

impl<'a> Node<'a> {
    fn table(self) -> Option<&'a dyn TableLike> {
        match self {
            Node::Item(item) => item.as_table_like(),
            Node::Value(value) => value.as_inline_table().map(|table| table as &dyn TableLike),
            Node::Table(table) => Some(table),
        }
    }

    fn element(self, index: usize) -> Option<Node<'a>> {
        match self {
            Node::Item(Item::ArrayOfTables(tables)) => tables.get(index).map(Node::Table),
            Node::Item(Item::Value(Value::Array(array))) | Node::Value(Value::Array(array)) => {
                array.get(index).map(Node::Value)
            }
            _ => None,
        }
    }

    fn span(self) -> Option<Range<usize>> {
        match self {
            Node::Item(item) => item.span(),
            Node::Value(value) => value.span(),
            Node::Table(table) => table.span(),
        }
    }

    fn text(self) -> Option<&'a str> {
        match self {
            Node::Item(item) => item.as_str(),
            Node::Value(value) => value.as_str(),
            Node::Table(_) => None,
        }
    }

    /// Not for tables with a header: what shows those is the key in the header.
    fn value_span(self) -> Option<Range<usize>> {
        match self {
            Node::Item(Item::Table(_) | Item::ArrayOfTables(_)) | Node::Table(_) => None,
            node => node.span(),
        }
    }
}

/// Where in the file the byte at `offset` of a string's value stands, up to the end of the name that begins there.
/// `span` is the string with its quotes, of whichever of the four notations.
fn within(text: &str, span: &Range<usize>, value: &str, offset: usize) -> Range<usize> {
    let raw = &text[span.clone()];
    let escapes = raw.starts_with('"');
    let quotes = if raw.starts_with("\"\"\"") || raw.starts_with("'''") { 3 } else { 1 };
    let inside = raw.get(quotes..raw.len().saturating_sub(quotes)).unwrap_or_default();
    // The line break after three opening quotes is not part of the value.
    let mut at = match quotes {
        3 => ["\r\n", "\n"].into_iter().find(|one| inside.starts_with(one)).map_or(0, str::len),
        _ => 0,
    };
    let mut read = 0;
    while let Some(Unit { written, stands_for }) =
        unit(&inside[at..], value.get(read..).unwrap_or_default(), escapes)
        // A backslash that joins two lines stands for nothing: the place is after it.
        && (read + stands_for <= offset)
    {
        at += written;
        read += stands_for;
    }
    let start = span.start + quotes + at;
    let name = inside[at..].chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | '.'));
    let length: usize = name.map(char::len_utf8).sum();
    start..start + length
}

/// How many bytes of the file stand for how many bytes of a string's value.
struct Unit {
    written: usize,
    stands_for: usize,
}

fn unit(written: &str, value: &str, escapes: bool) -> Option<Unit> {
    let first = written.chars().next()?;
    if written.starts_with("\r\n") && !value.starts_with('\r') {
        return Some(Unit { written: 2, stands_for: 1 });
    }
    if first != '\\' || !escapes {
        return Some(Unit { written: first.len_utf8(), stands_for: first.len_utf8() });
    }
    let kind = written[1..].chars().next()?;
    if kind.is_whitespace() {
        let blank = written[1..].find(|c: char| !c.is_whitespace()).unwrap_or(written.len() - 1);
        return Some(Unit { written: 1 + blank, stands_for: 0 });
    }
    let digits = match kind {
        'x' => 2,
        'u' => 4,
        'U' => 8,
        _ => return Some(Unit { written: 1 + kind.len_utf8(), stands_for: 1 }),
    };
    let code = written.get(2..2 + digits).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let character = code.and_then(char::from_u32)?;
    Some(Unit { written: 2 + digits, stands_for: character.len_utf8() })
}

/// Line and column, both from 1; a column is a character.
pub(super) fn line_and_column(text: &str, offset: usize) -> (usize, usize) {
    let before = &text[..floor_boundary(text, offset)];
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// The line that `span` begins on, with its number and a mark under the span:
///
/// ```text
///   |
/// 4 | pluginn = "okta"
///   | ^^^^^^^
/// ```
///
/// Values of keys that should not hold a secret but may are hidden, and with `conceal` every text in the span.
pub(super) fn excerpt(text: &str, span: Range<usize>, conceal: bool) -> String {
    let start = floor_boundary(text, span.start);
    let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[line_start..].split('\n').next().unwrap_or_default().trim_end_matches('\r');
    let (number, _) = line_and_column(text, start);

    let from = start - line_start;
    let to = floor_boundary(line, span.end.saturating_sub(line_start).max(from));
    let mut hidden = secrets(line);
    if conceal {
        hidden.extend(texts(line).filter(|range| range.start < to.max(from + 1) && range.end > from));
    }
    let from = from.min(line.len());
    let before = shown(line, &hidden, 0..from);
    let marked = shown(line, &hidden, from..to).width().max(1);
    // A tab is as wide as the terminal wants, so it is repeated.
    let indent: String = before
        .chars()
        .map(|character| match character {
            '\t' => "\t".to_owned(),
            other => " ".repeat(other.width().unwrap_or(0)),
        })
        .collect();

    let number = number.to_string();
    let gutter = " ".repeat(number.len());
    let line = shown(line, &hidden, 0..line.len());
    format!("{gutter} |\n{number} | {line}\n{gutter} | {indent}{}", "^".repeat(marked))
}

fn floor_boundary(text: &str, offset: usize) -> usize {
    let mut offset = offset.min(text.len());
    while !text.is_char_boundary(offset) {
        offset -= 1;
    }
    offset
}

/// What of the line within `range` is printed: hidden parts become `…`.
fn shown(line: &str, hidden: &[Range<usize>], range: Range<usize>) -> String {
    let mut out = String::new();
    for (offset, character) in line.char_indices().filter(|(offset, _)| range.contains(offset)) {
        match hidden.iter().find(|hidden| hidden.contains(&offset)) {
            Some(hidden) if offset == hidden.start => out.push('…'),
            Some(_) => {}
            None if character.is_control() && character != '\t' => out.push('\u{fffd}'),
            None => out.push(character),
        }
    }
    out
}

/// Keys that people put a secret under although no key of this file takes one.
pub(super) const SECRET_KEYS: [&str; 9] =
    ["token", "api-token", "api_token", "apitoken", "secret", "password", "api-key", "api_key", "apikey"];

/// The values of [`SECRET_KEYS`], and of a `credential` or `webhook` that is not a table, quoted or not.
fn secrets(line: &str) -> Vec<Range<usize>> {
    let mut hidden = Vec::new();
    for (equals, _) in line.match_indices('=') {
        let key = line[..equals].trim_end().rsplit(|c: char| !(c.is_alphanumeric() || c == '-' || c == '_'));
        let key = key.clone().next().filter(|key| !key.is_empty()).unwrap_or_else(|| {
            // A quoted key ends in its quote.
            line[..equals]
                .trim_end()
                .trim_end_matches(['"', '\''])
                .rsplit(['"', '\''])
                .next()
                .unwrap_or_default()
        });
        let value = &line[equals + 1..];
        let start = equals + 1 + (value.len() - value.trim_start().len());
        let value = value.trim_start();
        // Whoever knows a webhook's address may post to it.
        let suspect = SECRET_KEYS.contains(&key.to_lowercase().as_str())
            || key == "url"
            || (["credential", "webhook"].contains(&key) && !value.starts_with('{') && !value.is_empty());
        if !suspect {
            continue;
        }
        match texts(line).find(|text| text.start == start + 1) {
            Some(text) => hidden.push(text),
            None => {
                let length = value.find([',', '}']).unwrap_or(value.len());
                hidden.push(start..start + value[..length].trim_end().len());
            }
        }
    }
    hidden.retain(|range| !range.is_empty());
    hidden
}

/// What is between quotes. A text without an end reaches to the end of the line.
fn texts(line: &str) -> impl Iterator<Item = Range<usize>> {
    let mut rest = 0;
    std::iter::from_fn(move || {
        let open = rest + line[rest..].find(['"', '\''])?;
        let quote = line.as_bytes()[open];
        let mut escaped = false;
        let close = line[open + 1..].bytes().position(|byte| {
            let end = byte == quote && !escaped;
            escaped = byte == b'\\' && !escaped && quote == b'"';
            end
        });
        let end = close.map_or(line.len(), |length| open + 1 + length);
        rest = (end + 1).min(line.len());
        Some(open + 1..end)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, path: &[Step], at: At) -> String {
        locate(text, path, at).map_or_else(|| "nowhere".to_owned(), |span| text[span].to_owned())
    }

    #[test]
    fn finds_keys_and_values_in_every_notation() {
        let text = r#"
[connector.acme]
plugin = "okta"
credential = { env = "OKTA_TOKEN", command = ["pass", "okta"] }
http.share = 2.0

[[connector.acme.transform]]
plugin = "rules"
[[connector.acme.transform]]
plugin = "more"
"#;
        let path = |steps: &[&str]| -> Vec<Step> {
            let mut path: Vec<Step> = vec!["connector".into(), "acme".into()];
            path.extend(steps.iter().map(|step| match step.parse::<usize>() {
                Ok(index) => index.into(),
                Err(_) => (*step).into(),
            }));
            path
        };
        assert_eq!(place(text, &path(&["plugin"]), At::Key), "plugin");
        assert_eq!(place(text, &path(&["plugin"]), At::Value), r#""okta""#);
        assert_eq!(place(text, &path(&["credential", "env"]), At::Value), r#""OKTA_TOKEN""#);
        assert_eq!(place(text, &path(&["credential", "command", "1"]), At::Value), r#""okta""#);
        assert_eq!(place(text, &path(&["http", "share"]), At::Value), "2.0");
        assert_eq!(place(text, &path(&["transform", "1", "plugin"]), At::Value), r#""more""#);
        assert_eq!(
            place(text, &path(&["transform", "1", "settings"]), At::Key),
            "[[connector.acme.transform]]"
        );
        assert_eq!(place(text, &path(&["settings", "groups"]), At::Value), "acme");
        assert_eq!(place(text, &["plugins".into()], At::Key), "nowhere");
    }

    #[test]
    fn a_place_within_a_text_is_found_in_every_notation() {
        for text in [
            r#"a = "aä\n\"x\" == nobody""#,
            r#"a = "\u0061\U000000E4\n\"x\" == nobody""#,
            "a = 'aä == nobody'",
            "a = '''aä\n\"x\" == nobody'''",
            "a = '''\naä\n\"x\" == nobody'''",
            "a = '''\r\naä\r\n == nobody'''\r\n",
            "a = \"\"\"\naä\n\"x\" == nobody\"\"\"",
            "a = \"\"\"\naä \\\n   == \\\n\n   nobody\"\"\"",
        ] {
            let value = toml::from_str::<toml::Table>(text).unwrap()["a"].as_str().unwrap().to_owned();
            let offset = value.find("nobody").unwrap();
            let span = locate(text, &["a".into()], At::Within(offset)).unwrap();
            assert_eq!((&text[span.clone()], Some(span.start)), ("nobody", text.find("nobody")), "{text}");
        }
        let start = |offset| locate("a = 'b +'", &["a".into()], At::Within(offset)).unwrap().start;
        assert_eq!((start(3), start(99)), (8, 8), "what is missing at the end is missed before the quote");
        assert_eq!(place("a = [1, 'x y']", &["a".into(), 1.into()], At::Within(2)), "y");
        assert_eq!(place("a = 1", &["a".into()], At::Within(2)), "1");
    }

    #[test]
    fn a_line_is_that_of_exactly_the_key() {
        let text = "[connector.acme]\nhttp.share = 0.5\n[[connector.acme.transform]]\nplugin = 'a'\n";
        let line = |keys: &str| line_of(text, &Step::dotted(keys).collect::<Vec<_>>());
        assert_eq!(line("connector.acme.http.share"), Some(2));
        assert_eq!(line("connector.acme.transform.0.plugin"), Some(4));
        assert_eq!(line("connector.acme.http.parallel"), None);
        assert_eq!(line("connector.acme.transform.1.plugin"), None);
    }

    #[test]
    fn marks_what_is_meant() {
        let text = "# first\n\t\"naïve 名\" = 1 # last";
        let span = text.find("= 1").map(|at| at + 2..at + 3).unwrap();
        assert_eq!(excerpt(text, span, false), "  |\n2 | \t\"naïve 名\" = 1 # last\n  | \t             ^");
        assert_eq!(line_and_column(text, text.len()), (2, 22));
        assert_eq!(excerpt("a =", 3..3, false), "  |\n1 | a =\n  |    ^");
    }

    #[test]
    fn hides_secrets() {
        for line in [
            r#"token = "00SECRET""#,
            r#"credential = { token = "00SECRET" }"#,
            r#"credential = { scheme = "header", api_token = '00SECRET' }"#,
            r#"credential = "00SECRET""#,
            "credential = 00SECRET",
            "credential = { token = 00SECRET }",
            r#"credential = { "token" = "00SECRET" }"#,
            r#"credential = { token = "00SECRET }"#,
            r#"credential = { PASSWORD="a\"00SECRET" }"#,
        ] {
            let shown = excerpt(line, 0..1, false);
            assert!(!shown.contains("SECRET"), "{shown}");
            assert!(shown.contains('…'), "{shown}");
        }
        let line = r#"credential = { env = "00SECRET", scheme = "header" }"#;
        let span = locate(line, &["credential".into(), "env".into()], At::Value).unwrap();
        let shown = excerpt(line, span, true);
        assert_eq!(
            shown,
            "  |\n1 | credential = { env = \"…\", scheme = \"header\" }\n  |                      ^^^"
        );
    }
}
