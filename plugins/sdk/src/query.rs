//! Query strings: building, reading and replacing a parameter.

use std::borrow::Cow;
use std::fmt::{self, Display, Write};

/// Builds a path with a query.
///
/// ```
/// use rollcall_plugin::query::Query;
///
/// let path = Query::new("/api/v1/users").with("search", "status pr").with("limit", 200).to_string();
/// assert_eq!(path, "/api/v1/users?search=status%20pr&limit=200");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Query {
    path: String,
    separator: char,
}

impl Query {
    /// `path` is taken as it is; see [`segment`] for parts of it that come from elsewhere.
    pub fn new(path: impl Into<String>) -> Self {
        let path = path.into();
        let separator = if path.contains('?') { '&' } else { '?' };
        Self { path, separator }
    }

    /// Adds `name=value`, both encoded.
    pub fn with(mut self, name: &str, value: impl Display) -> Self {
        self.path.push(self.separator);
        self.separator = '&';
        encode(name, &mut self.path);
        self.path.push('=');
        encode(&value.to_string(), &mut self.path);
        self
    }
}

impl Display for Query {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl From<Query> for String {
    fn from(query: Query) -> Self {
        query.path
    }
}

/// The decoded value of the first parameter of that name. `+` is a blank, as providers' own links have it.
pub fn get<'a>(path: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (_, query) = path.split_once('?')?;
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(key) == name).then(|| decode(value))
    })
}

/// The same path with that parameter set to that value; everything else stays byte for byte as it was.
pub fn replace(path: &str, name: &str, value: impl Display) -> String {
    let mut encoded = String::new();
    encode(name, &mut encoded);
    encoded.push('=');
    encode(&value.to_string(), &mut encoded);

    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let mut pairs: Vec<&str> = Vec::new();
    let mut replaced = false;
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        if decode(pair.split_once('=').map_or(pair, |(key, _)| key)) != name {
            pairs.push(pair);
        } else if !replaced {
            pairs.push(&encoded);
            replaced = true;
        }
    }
    if !replaced {
        pairs.push(&encoded);
    }
    format!("{path}?{}", pairs.join("&"))
}

/// One segment of a path, encoded: whatever it holds, it stays one segment.
///
/// Dots alone would mean this folder or the one above, even where they are encoded (WHATWG URL, "double-dot path
/// segment"). They come out encoded twice, which names nothing.
///
/// ```
/// assert_eq!(rollcall_plugin::query::segment("a/b c"), "a%2Fb%20c");
/// ```
pub fn segment(text: &str) -> String {
    if matches!(text, "." | "..") {
        return text.replace('.', "%252E");
    }
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        push_byte(byte, is_unreserved(byte), &mut out);
    }
    out
}

/// Beyond the unreserved characters, those stay that a query may hold (RFC 3986, section 3.4) and no server
/// takes for a delimiter: logs and recordings stay readable.
fn encode(text: &str, out: &mut String) {
    for byte in text.bytes() {
        push_byte(byte, is_unreserved(byte) || b":,()/@".contains(&byte), out);
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

fn push_byte(byte: u8, plain: bool, out: &mut String) {
    if plain {
        out.push(char::from(byte));
    } else {
        write!(out, "%{byte:02X}").expect("writing to a String never fails");
    }
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.as_bytes();
    while let [first, rest @ ..] = bytes {
        bytes = rest;
        out.push(match (first, rest) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    bytes = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            _ => *first,
        });
    }
    Cow::Owned(String::from_utf8_lossy(&out).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn building() {
        let path = Query::new("/u")
            .with("fields", "id,status,profile:(login,Zoë)")
            .with("search", r#"name eq "a&b=c+d#e""#)
            .to_string();
        assert_eq!(
            path,
            "/u?fields=id,status,profile:(login,Zo%C3%AB)&search=name%20eq%20%22a%26b%3Dc%2Bd%23e%22"
        );
        assert_eq!(Query::new("/u?a=1").with("b", 2).to_string(), "/u?a=1&b=2");
    }

    #[test]
    fn a_segment_stays_a_segment() {
        for (text, expected) in [
            ("00g1", "00g1"),
            ("../x?y#z", "..%2Fx%3Fy%23z"),
            ("..", "%252E%252E"),
            (".", "%252E"),
            ("%2e", "%252e"),
        ] {
            assert_eq!(segment(text), expected);
        }
    }

    #[test]
    fn reading() {
        let path = "/u?search=status+pr&limit=200&after=a%2Bb%zz&flag&empty=";
        for (name, expected) in [
            ("search", Some("status pr")),
            ("limit", Some("200")),
            ("after", Some("a+b%zz")),
            ("flag", Some("")),
            ("empty", Some("")),
            ("lim", None),
        ] {
            assert_eq!(get(path, name).as_deref(), expected, "{name}");
        }
        assert_eq!(get("/u", "limit"), None);
    }

    #[test]
    fn replacing_touches_nothing_else() {
        for (path, expected) in [
            ("/u?after=a%2Bb&limit=1000&search=a+b", "/u?after=a%2Bb&limit=500&search=a+b"),
            ("/u?limit=1&limit=2", "/u?limit=500"),
            ("/u", "/u?limit=500"),
            ("/u?", "/u?limit=500"),
            ("/u?a=limit", "/u?a=limit&limit=500"),
        ] {
            assert_eq!(replace(path, "limit", 500), expected);
        }
    }

    proptest! {
        #[test]
        fn what_was_put_in_comes_out(name in "\\PC{1,8}", value in "\\PC{0,20}", other in "\\PC{0,8}") {
            prop_assume!(name != "zz");
            let path = Query::new("/p").with("zz", &other).with(&name, &value).to_string();
            prop_assert!(path.is_ascii());
            prop_assert_eq!(get(&path, &name), Some(Cow::from(&value)));
            let replaced = replace(&path, &name, &other);
            prop_assert_eq!(get(&replaced, &name), Some(Cow::from(&other)));
            prop_assert_eq!(get(&replaced, "zz"), Some(Cow::from(&other)));
        }
    }
}
