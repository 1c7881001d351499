//! Conditions about entries of the directory, in CEL: whom a protection, an exception or a rule of cleanup is about.
//!
//! The names are those of rules (`userName`, `groups`, `profile.department`, see `plugins/expression`), and
//! `connector`; they say what the directory shows.

use std::fmt;
use std::sync::{Arc, LazyLock};

use rollcall_expression::{Environment, Expression, Failure, Kind, List, Mistake, Record, Texts, Value};

use crate::directory::{GroupEntry, UserEntry};
use crate::model::{Attribute, Value as Given};

/// A condition about a person of the directory.
#[derive(Clone)]
pub struct PersonCondition(Arc<Expression>);

/// A condition about a group of the directory.
#[derive(Clone)]
pub struct GroupCondition(Arc<Expression>);

static PERSON: LazyLock<Environment> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment
        .field("id", Kind::Text)
        .field("userName", Kind::Text)
        .field("email", Kind::Text)
        .field("displayName", Kind::Text)
        .field("givenName", Kind::Text)
        .field("familyName", Kind::Text)
        .field("active", Kind::Boolean)
        .field("connector", Kind::Text)
        .groups("groups");
    for name in ["status", "created", "activated", "lastLogin", "type.id", "manager", "profile.*"] {
        environment.attributes(name);
    }
    environment
});

static GROUP: LazyLock<Environment> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment
        .field("id", Kind::Text)
        .field("name", Kind::Text)
        .field("description", Kind::Text)
        .field("connector", Kind::Text);
    for name in ["type", "created", "objectClass", "source.id", "profile.*"] {
        environment.attributes(name);
    }
    environment
});

impl PersonCondition {
    /// # Errors
    ///
    /// The first mistake, with its place.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        Expression::condition(text, &PERSON).map(|expression| Self(Arc::new(expression)))
    }

    pub fn text(&self) -> &str {
        self.0.source()
    }

    /// Whether it holds of a person in these groups, by name.
    ///
    /// # Errors
    ///
    /// What can't be compared or calculated; it names no values.
    pub fn holds(&self, entry: &UserEntry, groups: &[String]) -> Result<bool, Failure> {
        self.0.test(&PersonView { entry, groups: Names(groups) })
    }
}

impl GroupCondition {
    /// # Errors
    ///
    /// The first mistake, with its place.
    pub fn parse(text: &str) -> Result<Self, Mistake> {
        Expression::condition(text, &GROUP).map(|expression| Self(Arc::new(expression)))
    }

    pub fn text(&self) -> &str {
        self.0.source()
    }

    /// # Errors
    ///
    /// What can't be compared or calculated; it names no values.
    pub fn holds(&self, entry: &GroupEntry) -> Result<bool, Failure> {
        self.0.test(&GroupView(entry))
    }
}

/// Its text, which is all that two can differ in.
impl fmt::Debug for PersonCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

/// Its text, which is all that two can differ in.
impl fmt::Debug for GroupCondition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.text().fmt(f)
    }
}

impl PartialEq for PersonCondition {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl PartialEq for GroupCondition {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

#[derive(Debug)]
struct PersonView<'a> {
    entry: &'a UserEntry,
    groups: Names<'a>,
}

impl Record for PersonView<'_> {
    fn field(&self, index: usize) -> Value<'_> {
        let entry = self.entry;
        match index {
            0 => Value::text(&entry.external_id),
            1 => Value::text(&entry.user_name),
            2 => optional(&entry.email),
            3 => optional(&entry.display_name),
            4 => optional(&entry.given_name),
            5 => optional(&entry.family_name),
            6 => Value::Boolean(entry.active),
            7 => Value::text(&entry.connector),
            8 => Value::List(List::Texts(&self.groups)),
            _ => Value::Null,
        }
    }

    fn attribute(&self, name: &str) -> Value<'_> {
        attribute(&self.entry.attributes, name)
    }
}

#[derive(Debug)]
struct GroupView<'a>(&'a GroupEntry);

impl Record for GroupView<'_> {
    fn field(&self, index: usize) -> Value<'_> {
        match index {
            0 => optional(&self.0.external_id),
            1 => Value::text(&self.0.name),
            2 => optional(&self.0.description),
            3 => Value::text(&self.0.connector),
            _ => Value::Null,
        }
    }

    fn attribute(&self, name: &str) -> Value<'_> {
        attribute(&self.0.attributes, name)
    }
}

#[derive(Debug)]
struct Names<'a>(&'a [String]);

impl Texts for Names<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index).map(String::as_str)
    }
}

fn optional(text: &Option<String>) -> Value<'_> {
    text.as_deref().map_or(Value::Null, Value::text)
}

fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Value<'a> {
    match attributes.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value) {
        None => Value::Null,
        Some(Given::Text(text) | Given::Json(text)) => Value::text(text),
        Some(Given::Boolean(value)) => Value::Boolean(*value),
        Some(Given::Integer(value)) => Value::Integer(*value),
        Some(Given::Decimal(value)) => Value::Decimal(*value),
        Some(Given::Texts(texts)) => Value::List(List::Texts(texts)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{GroupKey, UserKey};
    use crate::model::{Group, User};

    #[test]
    fn conditions_see_what_the_directory_shows() {
        let user = User {
            id: "u1".into(),
            username: "Ann".into(),
            active: true,
            attributes: vec![Attribute::new("profile.department", "Sales")],
            ..User::default()
        };
        let entry = UserEntry::from_user(UserKey(7), "acme", user);
        let groups = ["break-glass".to_owned()];
        for (text, expected) in [
            (r#"isMember("break-glass")"#, true),
            (r#"isMember("staff")"#, false),
            (r#"profile.department == "Sales" && active"#, true),
            (r#"connector == "acme" && userName == "Ann" && id == "u1""#, true),
            ("email == null", true),
        ] {
            assert_eq!(PersonCondition::parse(text).unwrap().holds(&entry, &groups), Ok(expected), "{text}");
        }
        let group = Group { id: "g1".into(), name: "jira-admins".into(), ..Group::default() };
        let entry = GroupEntry::from_group(GroupKey(1), "acme", group);
        assert_eq!(GroupCondition::parse(r#"name.startsWith("jira-")"#).unwrap().holds(&entry), Ok(true));
    }

    #[test]
    fn a_misspelt_name_is_found_when_it_is_read() {
        let mistake = PersonCondition::parse("username == 'x'").unwrap_err();
        assert_eq!((mistake.place.line, mistake.place.column), (1, 1));
        assert_eq!(mistake.hint().as_deref(), Some("did you mean `userName`?"));
    }
}
