//! What the views of one user and of one group have in common.

use serde::Serialize;
use serde_json::Value;

use super::exit::Exit;
use super::report::Failure;
use super::runs::since;
use crate::directory::{ChangeKind, EntryKind, Reader, RunId, StoreError};

/// The only one that was found, or why it is not the only one. `kind` is `user` or `group`; `name` tells two of them
/// apart.
pub(super) fn only<T>(
    mut found: Vec<T>,
    kind: &str,
    asked: &str,
    name: impl Fn(&T) -> String,
) -> Result<T, Failure> {
    let several = found.len() > 1;
    match found.pop() {
        Some(entry) if !several => Ok(entry),
        Some(last) => {
            let names: Vec<String> = found.iter().chain([&last]).map(name).collect();
            let what = format!("{asked:?} means several {kind}s: {}", names.join(", "));
            Err(Failure::new(Exit::Failed, what).with_hint(Some("name one as it is listed here")))
        }
        None => Err(Failure::new(Exit::Failed, format!("there is no {kind} {asked:?} in the directory"))
            .with_hint(Some(format!("`rollcall {kind}s TEXT` finds a part of a name")))),
    }
}

/// A change of the past, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct PastChange {
    pub run: i64,
    pub started_at: String,
    pub kind: &'static str,
}

/// The latest changes of an entry.
pub(super) fn past_changes(
    reader: &dyn Reader,
    entry: EntryKind,
    key: u32,
) -> Result<Vec<PastChange>, StoreError> {
    let changes = reader.last_changes(entry, key, 10)?;
    let past = |(run, started_at, kind): (RunId, String, ChangeKind)| PastChange {
        run: run.0,
        started_at,
        kind: kind.as_str(),
    };
    Ok(changes.into_iter().map(past).collect())
}

/// The latest changes, for people.
pub(super) fn told(changes: &[PastChange]) -> String {
    let mut text = "\n\nLatest changes:".to_owned();
    for change in changes {
        text.push_str(&format!("\n  {} in run {} ({})", change.kind, change.run, since(&change.started_at)));
    }
    text
}

/// The core fields, as a person looks for them; attributes come after them.
const FIRST: [&str; 11] = [
    "userName",
    "displayName",
    "givenName",
    "familyName",
    "email",
    "active",
    "description",
    "externalId",
    "connector",
    "key",
    "memberCount",
];

/// An entry's fields, one a line; attributes under their own names.
pub(super) fn fields(entry: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.replace(char::is_control, " "),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    let core = FIRST.iter().filter_map(|name| Some((*name, entry.get(name)?)));
    let attributes = entry.get("attributes").and_then(Value::as_object).into_iter().flatten();
    let attributes = attributes.map(|(name, value)| (name.as_str(), value));
    let rows: Vec<(&str, String)> =
        core.chain(attributes).map(|(name, value)| (name, plain(value))).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
    lines.join("\n")
}
