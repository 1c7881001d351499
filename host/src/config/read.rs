//! Text to [`File`], with serde's messages turned into those of a person who knows this file.

use std::ops::Range;

use serde_json::Value;

use super::fault::{Fault, Source};
use super::load::list;
use super::position::{At, SECRET_KEYS, Step};
use super::written::File;
use crate::plugin::nearest;

pub(super) fn read(source: &Source) -> Result<File, Fault> {
    toml::from_str(&source.text).map_err(|error| explain(source, error))
}

/// What to do about a secret in the file.
const SECRET_HINT: &str = "keep it elsewhere and say where: `credential = { env = \"OKTA_TOKEN\" }` for an \
    environment variable, `{ file = \"token.txt\" }` for a file, `{ command = [\"pass\", \"okta\"] }` for a program \
    that prints it";

fn explain(source: &Source, mut error: toml::de::Error) -> Fault {
    let span = error.span();
    let message = error.message().to_owned();
    // Without its input the error says which keys it is under.
    error.set_input(None);
    let whole = error.to_string();
    let keys: Vec<&str> = whole
        .trim_end()
        .rsplit_once("\nin `")
        .and_then(|(_, keys)| keys.strip_suffix('`'))
        .map(|keys| keys.split('.').collect())
        .unwrap_or_default();
    let place = match keys.as_slice() {
        [] => "at the top level".to_owned(),
        keys => format!("in [{}]", keys.join(".")),
    };
    let in_connector = keys.first() == Some(&"connector");

    if let Some((key, expected)) = quoted(&message, "unknown field `") {
        if in_connector && SECRET_KEYS.contains(&key.to_lowercase().as_str()) {
            let message = format!("`{key}` {place}: a secret does not belong in this file");
            return source.fault_at(span, message, Some(SECRET_HINT.to_owned()), true);
        }
        let known: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
        let longer = || known.iter().find(|known| known.starts_with(&format!("{key}-"))).copied();
        let hint = match (
            nearest(key, known.iter().copied()).or_else(longer),
            home_of(key).filter(|_| keys.is_empty() || in_connector),
        ) {
            (Some(meant), _) => format!("did you mean `{meant}`?"),
            (None, Some(home)) => format!("its place is in {home}"),
            (None, None) if matches!(keys.as_slice(), ["connector", _]) => format!(
                "a setting of the plugin goes into [{}.settings]; known here: {}",
                keys.join("."),
                list(known.iter().copied())
            ),
            (None, None) => format!("known here: {}", list(known.iter().copied())),
        };
        return source.fault_at(span, format!("unknown key `{key}` {place}"), Some(hint), false);
    }
    if let Some((key, _)) = quoted(&message, "missing field `") {
        let path: Vec<Step> = keys.iter().map(|key| (*key).into()).collect();
        let hint = match key {
            "plugin" => "name a plugin; `rollcall plugin list` lists them: `plugin = \"okta\"`",
            "endpoint" => "say where the provider is: `endpoint = \"acme.okta.com\"`",
            _ => "say where the secret is: `credential = { env = \"OKTA_TOKEN\" }`",
        };
        return source.fault(&path, At::Key, format!("`{key}` is missing {place}"), Some(hint.to_owned()));
    }
    let types = message.strip_prefix("invalid type: ").or_else(|| message.strip_prefix("invalid value: "));
    let Some(types) = types else {
        let (message, hint) = not_toml(source, span.clone(), &message);
        return source.fault_at(span, message, hint.map(str::to_owned), false);
    };
    let (found, expected) = types.rsplit_once(", expected ").unwrap_or((types, "something else"));
    let key = keys.last().copied().unwrap_or_default();
    if let Some(header) =
        span.clone().and_then(|span| source.text.get(span)).filter(|text| text.starts_with("[["))
        && keys.as_slice() != ["connector"]
    {
        let message = format!("{header} begins a list, and this is a table");
        return source.fault_at(span, message, Some(format!("write [{}]", keys.join("."))), false);
    }
    if in_connector && key == "credential" {
        let message = "`credential` says where the secret is, it does not hold it".to_owned();
        return source.fault_at(span, message, Some(SECRET_HINT.to_owned()), true);
    }
    if in_connector && key == "private-key" {
        let message = "`private-key` says where the key is, it does not hold it".to_owned();
        let hint = "such as `private-key = { file = \"key.pem\" }`; if others can read this file, take the key out of \
            the app and make another";
        return source.fault_at(span, message, Some(hint.to_owned()), true);
    }
    // Serde's words for the value itself are left out: the excerpt shows it, or hides it.
    let found = match found.split([' ', '`', '"']).next() {
        Some("string") => "text",
        Some("integer") if found.contains('-') => "a negative one",
        Some("integer") if expected.contains("64") => "one as large as that",
        Some("integer") => "a number",
        Some("floating") => "a fraction",
        Some("boolean") => "true or false",
        // How the reader hands dates on.
        Some("map") if is_value(source, span.as_ref()) => "a date",
        Some("map") => "a table",
        Some("sequence") => "a list",
        _ => "something else",
    };
    let expected = match expected {
        "a string" | "path string" => "text in quotes",
        "i64" | "u64" => "a whole number",
        "f64" => "a number",
        "a sequence" => "a list",
        "a map" => "a table",
        other => other,
    };
    let hint = match keys.as_slice() {
        ["directory", "path" | "order"] if found == "a table" => {
            Some("`path` and `order` can't be the names of directories".to_owned())
        }
        _ => None,
    };
    source.fault_at(span, format!("`{}` has to be {expected}, not {found}", keys.join(".")), hint, false)
}

/// What is wrong with a text that is no TOML, and what to do.
fn not_toml(source: &Source, span: Option<Range<usize>>, message: &str) -> (String, Option<&'static str>) {
    const SHAPE: &str =
        "a line is `key = value`, and a table begins with its name in brackets: `[connector.acme]`";
    let line = span.and_then(|span| {
        let start = source.text.get(..span.start)?.rfind('\n').map_or(0, |newline| newline + 1);
        source.text.get(start..)?.lines().next()
    });
    let curly = line.is_some_and(|line| line.contains(['“', '”', '„', '‘', '’']));
    match message {
        _ if curly => (
            "the quotes are not those of a keyboard".to_owned(),
            Some("write `\"` or `'` in place of typographic quotes"),
        ),
        "duplicate key" => ("this is in the file twice".to_owned(), None),
        text if text.starts_with("string values must be quoted") => {
            ("a value is missing here, or text is not in quotes".to_owned(), None)
        }
        text if text.starts_with("invalid basic string") || text.starts_with("invalid literal string") => {
            ("the text has no quote at its end".to_owned(), None)
        }
        text if text.starts_with("key with no value") || text.starts_with("invalid key-value pair") => {
            ("this is no key with a value".to_owned(), Some(SHAPE))
        }
        text if text.starts_with("carriage return") => {
            (text.to_owned(), Some("end lines with a newline, or carriage return and newline"))
        }
        text => (text.to_owned(), None),
    }
}

/// Whether a value stands there, rather than the header of a table or the table itself.
fn is_value(source: &Source, span: Option<&Range<usize>>) -> bool {
    let text = span.and_then(|span| source.text.get(span.clone()));
    text.is_some_and(|text| text.starts_with(|first: char| first.is_ascii_digit()))
}

/// The table that knows the key, when only one does.
fn home_of(key: &str) -> Option<String> {
    let mut homes = Vec::new();
    tables_with(&super::schema(&[]), key, "", &mut homes);
    let home = homes.pop()?;
    homes.is_empty().then_some(home)
}

fn tables_with(table: &Value, key: &str, path: &str, homes: &mut Vec<String>) {
    let properties = table["properties"].as_object().into_iter().flatten();
    for (name, property) in properties {
        if name == key && !path.is_empty() {
            homes.push(format!("[{path}]"));
        }
        let below = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        tables_with(property, key, &below, homes);
        tables_with(&property["additionalProperties"], key, &format!("{below}.NAME"), homes);
    }
}

/// The first name in backticks after `prefix`, and what follows it.
fn quoted<'a>(message: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let rest = message.strip_prefix(prefix)?;
    Some(rest.split_once("`, ").or_else(|| rest.strip_suffix('`').map(|key| (key, ""))).unwrap_or((rest, "")))
}
