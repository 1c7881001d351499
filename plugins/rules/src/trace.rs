//! What each rule did, as lines of JSON in the log: what `rollcall rules try` shows.
//!
//! A line is `{"rule": …, "of": …, "result": …}` with `reason` where the rule ended it, and `changes`, each with
//! `what`, `before` and `after`. It holds people's data, so it is written only when the setting `trace` says so.

use rollcall_plugin::{Attribute, Group, GroupRef, Person, Value};
use serde::Serialize;

/// What one rule did with one person or group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Step {
    /// The rule's name, or else its place in the settings.
    pub rule: String,
    /// `user 00u1` or `group 00g1`.
    pub of: String,
    pub result: Result,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<Change>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Result {
    Changed,
    Unchanged,
    /// Its `when` is not true.
    NotConcerned,
    Hidden,
    Dropped,
    Skipped,
    Failed,
}

/// A value before and after; null is absent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// A field, an attribute's name, or `groups`.
    pub what: String,
    pub before: serde_json::Value,
    pub after: serde_json::Value,
}

impl Step {
    /// One line for the log.
    pub fn line(&self) -> String {
        // Text keys and plain values: nothing of it can fail to be written.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// What differs between a person before a rule and after it.
pub fn changes_of_person(before: &Person, after: &Person) -> Vec<Change> {
    let (b, a) = (&before.user, &after.user);
    let mut changes = Changes::default();
    changes.note("userName", &b.username, &a.username);
    changes.note("email", &b.email, &a.email);
    changes.note("displayName", &b.display_name, &a.display_name);
    changes.note("givenName", &b.given_name, &a.given_name);
    changes.note("familyName", &b.family_name, &a.family_name);
    changes.note("active", b.active, a.active);
    let find =
        |list: &[Attribute], name: &str| list.iter().find(|one| one.name == name).map(|one| json(&one.value));
    for attribute in &b.attributes {
        changes.note(&attribute.name, json(&attribute.value), find(&a.attributes, &attribute.name));
    }
    for attribute in a.attributes.iter().filter(|one| find(&b.attributes, &one.name).is_none()) {
        changes.note(&attribute.name, (), json(&attribute.value));
    }
    let names = |groups: &[GroupRef]| groups.iter().map(|group| group.name.clone()).collect::<Vec<_>>();
    changes.note("groups", names(&before.groups), names(&after.groups));
    changes.0
}

/// What differs between a group before a rule and after it.
pub fn changes_of_group(before: &Group, after: &Group) -> Vec<Change> {
    let mut changes = Changes::default();
    changes.note("name", &before.name, &after.name);
    changes.0
}

#[derive(Default)]
struct Changes(Vec<Change>);

impl Changes {
    fn note(&mut self, what: &str, before: impl Serialize, after: impl Serialize) {
        // Plain values: nothing of them can fail to be JSON.
        let (before, after) = (
            serde_json::to_value(before).unwrap_or_default(),
            serde_json::to_value(after).unwrap_or_default(),
        );
        if before != after {
            self.0.push(Change { what: what.to_owned(), before, after });
        }
    }
}

fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Text(text) => text.as_str().into(),
        Value::Boolean(value) => (*value).into(),
        Value::Integer(value) => (*value).into(),
        Value::Decimal(value) => (*value).into(),
        Value::Texts(texts) => texts.clone().into(),
        Value::Json(text) => serde_json::from_str(text).unwrap_or_else(|_| text.as_str().into()),
    }
}
