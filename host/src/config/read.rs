//! Text to [`File`], with serde's messages turned into those of a person who knows this file.

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
        let hint = match nearest(key, known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("known here: {}", list(known.iter().copied())),
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
        // Not TOML.
        let message = match message.as_str() {
            text if text.starts_with("string values must be quoted") => {
                "a value is missing here, or text is not in quotes".to_owned()
            }
            "duplicate key" => "this is in the file twice".to_owned(),
            _ => message,
        };
        return source.fault_at(span, message, None, false);
    };
    let (found, expected) = types.rsplit_once(", expected ").unwrap_or((types, "something else"));
    let key = keys.last().copied().unwrap_or_default();
    if in_connector && key == "credential" {
        let message = "`credential` says where the secret is, it does not hold it".to_owned();
        return source.fault_at(span, message, Some(SECRET_HINT.to_owned()), true);
    }
    // Serde's words for the value itself are left out: the excerpt shows it, or hides it.
    let found = match found.split([' ', '`', '"']).next() {
        Some("string") => "text",
        Some("integer") if found.contains('-') => "a negative one",
        Some("integer") => "a number",
        Some("floating") => "a fraction",
        Some("boolean") => "true or false",
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
    source.fault_at(span, format!("`{}` has to be {expected}, not {found}", keys.join(".")), None, false)
}

/// The first name in backticks after `prefix`, and what follows it.
fn quoted<'a>(message: &'a str, prefix: &str) -> Option<(&'a str, &'a str)> {
    let rest = message.strip_prefix(prefix)?;
    Some(rest.split_once("`, ").or_else(|| rest.strip_suffix('`').map(|key| (key, ""))).unwrap_or((rest, "")))
}
