//! References between people, such as a manager: what a reading says of them, and whom they mean.
//!
//! Of each person two texts are kept while pages are taken in: what the reference holds, and what others may refer to
//! them by. Where the connector has no references nothing is.

use std::collections::hash_map::Entry;

use rustc_hash::FxHashMap;

use crate::directory::fold;
use crate::model::{ReferenceRule, User, Value};

/// What a reading says of one kind of reference. People are given by the reading's index.
#[derive(Debug)]
pub struct References {
    pub rule: ReferenceRule,
    values: FxHashMap<u32, Box<str>>,
    keys: FxHashMap<u32, Box<str>>,
    meant: FxHashMap<u32, Meant>,
}

/// Whom a reference means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    Person(u32),
    /// Nobody whom this reading knows.
    Nobody,
    /// More than one person has that key.
    Several,
}

impl References {
    pub fn new(rule: ReferenceRule) -> Self {
        let (values, keys, meant) = Default::default();
        Self { rule, values, keys, meant }
    }

    /// Takes in a record. Of several of one person the last one counts.
    pub fn take_in(&mut self, person: u32, user: &User) {
        let value = attribute(user, &self.rule.attribute).map(|text| self.form(&text));
        set(&mut self.values, person, value);
        self.take_in_key(person, user);
    }

    /// Takes in what others refer to somebody by, and not whom they refer to.
    pub fn take_in_key(&mut self, person: u32, user: &User) {
        let key = self.key_of(user);
        set(&mut self.keys, person, key);
    }

    fn key_of(&self, user: &User) -> Option<Box<str>> {
        let key = match self.rule.key.as_str() {
            "id" => Some(user.id.clone()),
            "userName" => Some(user.username.clone()),
            "email" => user.email.clone(),
            name => attribute(user, name),
        };
        key.map(|text| self.form(&text))
    }

    /// Names and addresses mean the same in any case.
    fn form(&self, text: &str) -> Box<str> {
        match self.rule.key.as_str() {
            "userName" | "email" => fold(text.trim()).into(),
            _ => text.trim().into(),
        }
    }

    /// Finds out whom each reference means, among those who count.
    pub fn resolve(&mut self, counts: impl Fn(u32) -> bool) {
        let mut holders: FxHashMap<&str, Meant> = FxHashMap::default();
        for (person, key) in self.keys.iter().filter(|(person, _)| counts(**person)) {
            match holders.entry(key) {
                Entry::Vacant(free) => drop(free.insert(Meant::Person(*person))),
                Entry::Occupied(mut taken) => drop(taken.insert(Meant::Several)),
            }
        }
        let whom = |value: &str| holders.get(value).copied().unwrap_or(Meant::Nobody);
        self.meant = self.values.iter().map(|(person, value)| (*person, whom(value))).collect();
        self.keys = FxHashMap::default();
    }

    /// Whether the person's reference goes by what this other person has.
    pub fn means(&self, person: u32, other: &User) -> bool {
        let value = self.values.get(&person);
        value.is_some() && value == self.key_of(other).as_ref()
    }

    /// Whom the person's reference means; nothing when they have none.
    pub fn of(&self, person: u32) -> Option<Meant> {
        self.meant.get(&person).copied()
    }

    /// The other person whom the person's reference means, if it means exactly one.
    pub fn target(&self, person: u32) -> Option<u32> {
        match self.of(person)? {
            Meant::Person(target) => Some(target),
            Meant::Nobody | Meant::Several => None,
        }
    }

    /// What the person's reference holds.
    pub fn value(&self, person: u32) -> &str {
        self.values.get(&person).map(|value| &**value).unwrap_or_default()
    }
}

fn set(texts: &mut FxHashMap<u32, Box<str>>, person: u32, text: Option<Box<str>>) {
    match text.filter(|text| !text.is_empty()) {
        Some(text) => texts.insert(person, text),
        None => texts.remove(&person),
    };
}

/// The attribute as a text; numbers as they are written.
fn attribute(user: &User, name: &str) -> Option<String> {
    match &user.attributes.iter().find(|attribute| attribute.name == name)?.value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Boolean(_) | Value::Decimal(_) | Value::Texts(_) | Value::Json(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Attribute;

    fn user(id: &str, attributes: Vec<Attribute>) -> User {
        User {
            id: id.into(),
            username: format!("{id}@Acme.example"),
            email: Some(format!("{id}@mail.example")),
            attributes,
            ..User::default()
        }
    }

    /// Two people; the first's reference holds the value. Whom does it mean?
    fn meant(key: &str, value: impl Into<Value>) -> Option<Meant> {
        let rule = ReferenceRule { attribute: "boss".into(), key: key.into(), name: "manager".into() };
        let mut references = References::new(rule);
        references.take_in(0, &user("Ann", vec![Attribute { name: "boss".into(), value: value.into() }]));
        references.take_in(1, &user("Ben", vec![Attribute::new("number", 17)]));
        references.take_in(2, &user("Cy", vec![Attribute::new("number", "twice")]));
        references.take_in(3, &user("Di", vec![Attribute::new("number", "twice")]));
        references.take_in(4, &user("Ed", vec![Attribute::new("number", "away")]));
        references.resolve(|person| person != 4);
        references.of(0)
    }

    #[test]
    fn a_reference_means_whoever_has_that_key() {
        let ben = Some(Meant::Person(1));
        for (key, value, expected) in [
            ("id", "Ben", ben),
            ("id", "ben", Some(Meant::Nobody)),
            ("userName", " BEN@acme.example ", ben),
            ("email", "ben@MAIL.example", ben),
            ("email", "ben@acme.example", Some(Meant::Nobody)),
            ("number", "17", ben),
            ("number", "twice", Some(Meant::Several)),
            ("number", "away", Some(Meant::Nobody)),
            ("number", "", None),
        ] {
            assert_eq!(meant(key, value), expected, "{key} {value}");
        }
        assert_eq!(meant("number", 17), ben, "a number is the text that it is written as");
        assert_eq!(meant("number", true), None);
    }

    #[test]
    fn the_last_record_counts() {
        let rule = ReferenceRule { attribute: "boss".into(), key: "id".into(), name: "manager".into() };
        let mut references = References::new(rule);
        references.take_in(0, &user("Ann", vec![Attribute::new("boss", "Ben")]));
        references.take_in(1, &user("Ben", vec![]));
        references.take_in(0, &user("Ann", vec![]));
        references.resolve(|_| true);
        assert_eq!(references.of(0), None);
    }
}
