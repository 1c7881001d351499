//! Only the ids of a list: of a page of a group's members nothing else is needed, and it is most of what a full
//! run reads.

use std::borrow::Cow;

use crate::Error;

/// The `"id"` of each object of a JSON array of objects, in order.
///
/// Nothing else is built or decoded: brackets have to match and strings to end, so a cut-off answer is an
/// error and never a shorter list; other values are only skipped, not checked. After an error the iterator
/// ends. Objects nested more than 64 deep are refused.
///
/// ```
/// let json = br#"[{"id":"00u1","manager":{"id":"00u9"}},{"profile":{},"id":"00u2"}]"#;
/// let ids: Vec<_> = rollcall_plugin::ids(json).collect::<Result<_, _>>().unwrap();
/// assert_eq!(ids, ["00u1", "00u2"]);
/// assert!(rollcall_plugin::ids(&json[..30]).any(|id| id.is_err()));
/// ```
pub fn ids(json: &[u8]) -> Ids<'_> {
    Ids { scanner: Scanner { json, at: 0 }, state: State::Start, index: 0 }
}

/// See [`ids`].
#[derive(Debug, Clone)]
pub struct Ids<'a> {
    scanner: Scanner<'a>,
    state: State,
    index: usize,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum State {
    Start,
    Between,
    End,
}

impl<'a> Iterator for Ids<'a> {
    type Item = Result<Cow<'a, str>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.state == State::End {
            return None;
        }
        let found = self.advance().map_err(|wrong| {
            let (what, at) = (wrong.0, self.scanner.at);
            Error::unexpected(format!("the list can't be read: {what} (entry {}, byte {at})", self.index))
        });
        if !matches!(found, Ok(Some(_))) {
            self.state = State::End;
        }
        self.index += 1;
        found.transpose()
    }
}

impl<'a> Ids<'a> {
    fn advance(&mut self) -> Result<Option<Cow<'a, str>>, Wrong> {
        let scanner = &mut self.scanner;
        let mut first = scanner.next_token()?;
        if self.state == State::Start {
            if first != b'[' {
                return Err(Wrong("it is not an array"));
            }
            self.state = State::Between;
            first = scanner.next_token()?;
            if first == b']' {
                return scanner.end();
            }
        } else {
            match first {
                b']' => return scanner.end(),
                b',' => first = scanner.next_token()?,
                _ => return Err(Wrong("a comma is missing")),
            }
        }
        if first != b'{' {
            return Err(Wrong("an entry is not an object"));
        }
        scanner.object().map(Some)
    }
}

/// What is wrong with the text.
#[derive(Debug)]
struct Wrong(&'static str);

const CUT_OFF: Wrong = Wrong("it is cut off");

#[derive(Debug, Clone)]
struct Scanner<'a> {
    json: &'a [u8],
    at: usize,
}

impl<'a> Scanner<'a> {
    /// The next byte that is no blank, and steps over it.
    fn next_token(&mut self) -> Result<u8, Wrong> {
        loop {
            let byte = *self.json.get(self.at).ok_or(CUT_OFF)?;
            self.at += 1;
            if !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Ok(byte);
            }
        }
    }

    /// Nothing but blanks may follow the array.
    fn end(&mut self) -> Result<Option<Cow<'a, str>>, Wrong> {
        match self.next_token() {
            Err(_) => Ok(None),
            Ok(_) => Err(Wrong("something follows it")),
        }
    }

    /// The id of an object whose opening brace was stepped over, and steps over the rest of it.
    fn object(&mut self) -> Result<Cow<'a, str>, Wrong> {
        let mut token = self.next_token()?;
        while token == b'"' {
            let key = self.string()?;
            if self.next_token()? != b':' {
                return Err(Wrong("a colon is missing"));
            }
            token = self.next_token()?;
            if is_id(key) {
                if token != b'"' {
                    return Err(Wrong("an id is not a text"));
                }
                let id = decode(self.string()?)?;
                self.skip_containers(OBJECT)?;
                return Ok(id);
            }
            match token {
                b'"' => drop(self.string()?),
                b'{' => self.skip_containers(OBJECT)?,
                b'[' => self.skip_containers(ARRAY)?,
                b',' | b'}' | b']' | b':' => return Err(Wrong("a value is missing")),
                _ => self.skip_scalar(),
            }
            token = self.next_token()?;
            if token == b',' {
                token = self.next_token()?;
                if token != b'"' {
                    return Err(Wrong("a key is missing"));
                }
            } else if token != b'}' {
                return Err(Wrong("a comma is missing"));
            }
        }
        Err(Wrong(if token == b'}' { "an entry has no id" } else { "a key is missing" }))
    }

    fn skip_scalar(&mut self) {
        while let Some(byte) = self.json.get(self.at)
            && !matches!(byte, b',' | b'}' | b']' | b' ' | b'\n' | b'\r' | b'\t')
        {
            self.at += 1;
        }
    }

    /// Steps over everything up to the bracket that closes the container of this kind, which was entered.
    fn skip_containers(&mut self, kind: u64) -> Result<(), Wrong> {
        // One bit a level, the innermost lowest, under a marker bit that tells the depth.
        let mut open = 1 << 1 | kind;
        loop {
            let byte = *self.json.get(self.at).ok_or(CUT_OFF)?;
            self.at += 1;
            match CLASS[usize::from(byte)] {
                Class::Plain => {}
                Class::Quote => self.skip_string()?,
                Class::Open => {
                    if open >> 63 == 1 {
                        return Err(Wrong("it is nested too deeply"));
                    }
                    open = open << 1 | kind_of(byte);
                }
                Class::Close => {
                    if open & 1 != kind_of(byte) {
                        return Err(Wrong("brackets don't match"));
                    }
                    open >>= 1;
                    if open == 1 {
                        return Ok(());
                    }
                }
            }
        }
    }

    /// The text between quotes, still escaped, of a string whose opening quote was stepped over.
    fn string(&mut self) -> Result<&'a [u8], Wrong> {
        let start = self.at;
        self.skip_string()?;
        Ok(&self.json[start..self.at - 1])
    }

    /// Steps over a string whose opening quote was stepped over, eight bytes at a time.
    #[inline]
    fn skip_string(&mut self) -> Result<(), Wrong> {
        let mut rest = self.json.get(self.at..).ok_or(CUT_OFF)?;
        loop {
            let length = match rest.first_chunk::<8>() {
                Some(chunk) => {
                    let word = u64::from_le_bytes(*chunk);
                    let special = zero_bytes(word ^ QUOTES) | zero_bytes(word ^ BACKSLASHES);
                    if special == 0 {
                        rest = &rest[8..];
                        continue;
                    }
                    special.trailing_zeros() as usize / 8
                }
                None => rest.iter().position(|byte| matches!(byte, b'"' | b'\\')).ok_or(CUT_OFF)?,
            };
            if rest[length] == b'"' {
                self.at = self.json.len() - rest.len() + length + 1;
                return Ok(());
            }
            // A backslash, and what it escapes.
            rest = rest.get(length + 2..).ok_or(CUT_OFF)?;
        }
    }
}

const OBJECT: u64 = 1;
const ARRAY: u64 = 0;

fn kind_of(bracket: u8) -> u64 {
    if matches!(bracket, b'{' | b'}') { OBJECT } else { ARRAY }
}

#[derive(Clone, Copy)]
enum Class {
    Plain,
    Quote,
    Open,
    Close,
}

static CLASS: [Class; 256] = {
    let mut table = [Class::Plain; 256];
    table[b'"' as usize] = Class::Quote;
    table[b'{' as usize] = Class::Open;
    table[b'[' as usize] = Class::Open;
    table[b'}' as usize] = Class::Close;
    table[b']' as usize] = Class::Close;
    table
};

const ONES: u64 = u64::from_le_bytes([1; 8]);
const QUOTES: u64 = ONES * b'"' as u64;
const BACKSLASHES: u64 = ONES * b'\\' as u64;

/// The high bit of each byte that is zero. Bytes above the lowest zero may be marked falsely (the subtraction
/// borrows from them), so only the lowest mark counts.
fn zero_bytes(word: u64) -> u64 {
    word.wrapping_sub(ONES) & !word & (ONES << 7)
}

fn is_id(key: &[u8]) -> bool {
    key == b"id" || (key.contains(&b'\\') && decode(key).is_ok_and(|key| key == "id"))
}

fn decode(text: &[u8]) -> Result<Cow<'_, str>, Wrong> {
    let plain = std::str::from_utf8(text).map_err(|_| Wrong("it is not UTF-8"))?;
    if !plain.contains('\\') {
        return Ok(Cow::Borrowed(plain));
    }
    serde_json::from_str(&format!("\"{plain}\"")).map(Cow::Owned).map_err(|_| Wrong("an escape is wrong"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(json: &[u8]) -> Result<Vec<String>, Error> {
        ids(json).map(|id| id.map(Cow::into_owned)).collect()
    }

    #[test]
    fn lists_that_are_whole() {
        for (json, expected) in [
            ("[]", &[][..]),
            (" [ ] \n", &[]),
            (r#"[{"id":"a"}]"#, &["a"]),
            (r#"[{"id":"a","x":1},{"x":{"id":"no"},"y":["]","}"],"id":"b"}]"#, &["a", "b"]),
            (r#"[ { "x" : null , "id" : "a" } , { "id" : "b" } ] "#, &["a", "b"]),
            (r#"[{"x":"\"id\":\"no\"","id":"a\"b\\"}]"#, &["a\"b\\"]),
            (r#"[{"\u0069d":"\u0061"}]"#, &["a"]),
            (r#"[{"x":"a\\","id":"Zoë"}]"#, &["Zoë"]),
            (r#"[{"x":-1.5e3,"y":true,"idx":"no","id":"a","id":"later"}]"#, &["a"]),
            (r#"[{"x":[],"y":{},"z":[[[{"a":[{}]}]]],"id":"a"}]"#, &["a"]),
        ] {
            assert_eq!(read(json.as_bytes()).unwrap(), expected, "{json}");
        }
    }

    #[test]
    fn lists_that_are_not() {
        for json in [
            "",
            " ",
            "{}",
            "null",
            "7",
            "[",
            "[{",
            r#"[{"id":"a"}"#,
            r#"[{"id":"a"},"#,
            r#"[{"id":"a"},]"#,
            r#"[{"id":"a"}{"id":"b"}]"#,
            r#"[{"id":"a"}]x"#,
            r#"[{"id":7}]"#,
            r#"[{"id":null}]"#,
            "[{}]",
            r#"[{"x":1}]"#,
            r#"["id"]"#,
            r#"[{"id":"a"]]"#,
            r#"[{"id":"a","x":[}]}]"#,
            r#"[{"id":"a\"#,
            r#"[{"id":"a\""#,
            r#"[{"id" "a"}]"#,
            r#"[{"x":,"id":"a"}]"#,
            r#"[{"x":1 "id":"a"}]"#,
            r#"[{"x":1,,"id":"a"}]"#,
            r#"[{,"id":"a"}]"#,
            r#"[{"id":"\q"}]"#,
            r#"[{"id":"\ud800"}]"#,
        ] {
            assert!(read(json.as_bytes()).is_err(), "{json}");
        }
        assert!(read(b"[{\"id\":\"\xff\"}]").is_err(), "not UTF-8");
        let deep = format!(r#"[{{"id":"a","x":{}{}}}]"#, "[".repeat(64), "]".repeat(64));
        assert!(read(deep.as_bytes()).unwrap_err().message.contains("too deeply"));
    }

    #[test]
    fn an_error_ends_the_list_and_says_where() {
        let mut list = ids(br#"[{"id":"a"},{"x":1},{"id":"c"}]"#);
        assert_eq!(list.next().unwrap().unwrap(), "a");
        assert_eq!(
            list.next().unwrap().unwrap_err().message,
            "the list can't be read: an entry has no id (entry 1, byte 19)"
        );
        assert!(list.next().is_none());
    }

    /// Any JSON value of any shape, with keys that are likely to be taken for the id.
    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            text().prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 24, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
                prop::collection::hash_map(key(), inner, 0..5)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof!["[\\\\\"{}\\[\\],:id ]{0,20}", "\\PC{0,20}", any::<String>()]
    }

    fn key() -> impl Strategy<Value = String> {
        prop_oneof![Just("id".to_owned()), Just("ID".to_owned()), text()]
    }

    fn any_list() -> impl Strategy<Value = (Vec<String>, Value)> {
        let entry = (text(), prop::collection::hash_map(key(), any_json(), 0..6));
        prop::collection::vec(entry, 0..5).prop_map(|entries| {
            let mut ids = Vec::new();
            let mut list = Vec::new();
            for (id, rest) in entries {
                let mut object: serde_json::Map<String, Value> = rest.into_iter().collect();
                object.insert("id".to_owned(), json!(id));
                ids.push(id);
                list.push(Value::Object(object));
            }
            (ids, Value::Array(list))
        })
    }

    proptest! {
        #[test]
        fn the_ids_are_those_that_serde_json_finds((expected, list) in any_list(), pretty: bool) {
            let json = if pretty { serde_json::to_string_pretty(&list) } else { serde_json::to_string(&list) };
            prop_assert_eq!(read(json.unwrap().as_bytes()).unwrap(), expected);
        }

        #[test]
        fn a_list_that_is_cut_off_anywhere_is_an_error((_, list) in any_list(), at: prop::sample::Index) {
            let json = serde_json::to_vec(&list).unwrap();
            prop_assert!(read(&json[..at.index(json.len())]).is_err());
        }

        #[test]
        fn any_bytes_are_read_or_refused(json: Vec<u8>) {
            let _ = read(&json);
        }

        #[test]
        fn any_near_json_is_read_or_refused(json in "\\[\\{[\\\\\"{}\\[\\],:id1 ]{0,40}") {
            // Where serde_json finds a list of objects with one text id, so do we.
            #[derive(serde::Deserialize)]
            struct Entry { id: String }
            if let Ok(entries) = serde_json::from_str::<Vec<Entry>>(&json) {
                let expected: Vec<String> = entries.into_iter().map(|entry| entry.id).collect();
                prop_assert_eq!(read(json.as_bytes()).unwrap(), expected);
            } else {
                let _ = read(json.as_bytes());
            }
        }
    }
}
