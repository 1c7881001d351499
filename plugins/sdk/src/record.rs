use std::fmt;

use crate::{Attribute, Error, Members, Membership, Person, Problem, Subject, Value};

impl Attribute {
    pub fn new(name: impl Into<String>, value: impl Into<Value>) -> Self {
        Self { name: name.into(), value: value.into() }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Boolean(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Value::Integer(value)
    }
}

impl From<i32> for Value {
    fn from(value: i32) -> Self {
        Value::Integer(value.into())
    }
}

impl From<u16> for Value {
    fn from(value: u16) -> Self {
        Value::Integer(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Decimal(value)
    }
}

impl From<Vec<String>> for Value {
    fn from(texts: Vec<String>) -> Self {
        Value::Texts(texts)
    }
}

/// Looking things up in a list of attributes, such as a user's, or what the host knows.
pub trait Attributes {
    /// The value of the first attribute of that name.
    fn value(&self, name: &str) -> Option<&Value>;

    /// The text of that name; nothing when the value is of another kind.
    fn text(&self, name: &str) -> Option<&str> {
        match self.value(name)? {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl Attributes for [Attribute] {
    fn value(&self, name: &str) -> Option<&Value> {
        self.iter().find(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::User(id) => write!(f, "user {id}"),
            Subject::Group(id) => write!(f, "group {id}"),
        }
    }
}

impl Problem {
    /// This user could not be read, and stays as they are.
    pub fn user(id: impl Into<String>, error: Error) -> Self {
        Self { subject: Some(Subject::User(id.into())), error }
    }

    /// This group could not be read, and stays as it is.
    pub fn group(id: impl Into<String>, error: Error) -> Self {
        Self { subject: Some(Subject::Group(id.into())), error }
    }

    /// Something about nobody in particular.
    pub fn general(error: Error) -> Self {
        Self { subject: None, error }
    }
}

impl Membership {
    /// These users are members of the group, among others.
    pub fn some(group: impl Into<String>, users: Vec<String>) -> Self {
        Self { group: group.into(), members: Members::Some(users) }
    }

    /// Every user is a member of the group.
    pub fn everyone(group: impl Into<String>) -> Self {
        Self { group: group.into(), members: Members::Everyone }
    }

    /// These users are members of no group, whatever is said of any.
    pub fn none(users: Vec<String>) -> Self {
        Self { group: String::new(), members: Members::Remove(users) }
    }

    /// The group's members could not be read, and why: they stay as they were.
    pub fn unknown(group: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { group: group.into(), members: Members::Unknown(reason.into()) }
    }
}

impl Person {
    /// Is this person in a group of that name?
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|reference| reference.name == group)
    }
}
