//! A person from a file, in the form that `rollcall user NAME --json` prints.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Map, Value as Json};

use crate::cli::exit::Exit;
use crate::cli::report::Failure;
use crate::model::{Attribute, Group, User, Value};
use crate::run::Subjects;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    user: WrittenUser,
    /// Names.
    #[serde(default)]
    groups: Vec<String>,
    #[serde(default, rename = "changes")]
    _changes: Option<IgnoredAny>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct WrittenUser {
    user_name: String,
    external_id: Option<String>,
    email: Option<String>,
    display_name: Option<String>,
    given_name: Option<String>,
    family_name: Option<String>,
    #[serde(default = "yes")]
    active: bool,
    #[serde(default)]
    attributes: Map<String, Json>,
    #[serde(default, rename = "key")]
    _key: Option<IgnoredAny>,
    #[serde(default, rename = "connector")]
    _connector: Option<IgnoredAny>,
}

fn yes() -> bool {
    true
}

/// A group of a name alone has that as its id.
pub(super) fn read(file: &Path) -> Result<Subjects, Failure> {
    let from = match file.to_str() {
        Some("-") => "standard input".to_owned(),
        _ => file.display().to_string(),
    };
    let text = match file.to_str() {
        Some("-") => {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map(|_| text)
        }
        _ => fs::read_to_string(file),
    };
    let text =
        text.map_err(|error| Failure::new(Exit::Usage, format!("failed to read {from}")).because(&error))?;
    parse(&text).map_err(|error| {
        Failure::new(Exit::Usage, format!("{from} is not a person")).because(&error).with_hint(Some(
            "it has the form that `rollcall user NAME --json` prints: \
             {\"user\": {\"userName\": \"ann@acme.com\", \"attributes\": {\"status\": \"ACTIVE\"}}, \"groups\": [\"Sales\"]}",
        ))
    })
}

fn parse(text: &str) -> Result<Subjects, serde_json::Error> {
    let Written { user, groups, .. } = serde_json::from_str(text)?;
    let attributes = user.attributes.into_iter();
    let person = User {
        id: user.external_id.unwrap_or_else(|| user.user_name.clone()),
        username: user.user_name,
        email: user.email,
        display_name: user.display_name,
        given_name: user.given_name,
        family_name: user.family_name,
        active: user.active,
        attributes: attributes
            .filter_map(|(name, value)| Some(Attribute { name, value: Value::from_json(value)? }))
            .collect(),
    };
    let groups = groups.into_iter().map(|name| Group { id: name.clone(), name, ..Group::default() });
    Ok(Subjects { person: Some(person), groups: groups.collect() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{UserEntry, UserKey};

    #[test]
    fn what_one_user_is_printed_as_is_read_back() {
        let user = User {
            id: "00u1".into(),
            username: "ann".into(),
            email: Some("ann@acme.example".into()),
            active: false,
            attributes: vec![Attribute::new("profile.level", 7)],
            ..User::default()
        };
        let entry = UserEntry::from_user(UserKey(3), "acme", user.clone());
        let text =
            serde_json::json!({ "user": entry.to_json(), "groups": ["Sales"], "changes": [{ "run": 1 }] });
        let read = parse(&text.to_string()).unwrap();
        assert_eq!(read.person, Some(user));
        assert_eq!((read.groups[0].id.as_str(), read.groups[0].name.as_str()), ("Sales", "Sales"));
    }

    #[test]
    fn a_misspelt_key_is_told() {
        let error = parse(r#"{"user": {"username": "ann"}}"#).unwrap_err().to_string();
        assert!(error.contains("unknown field `username`") && error.contains("line 1"), "{error}");
    }
}
