//! Records as expressions see them, without a copy.

use rollcall_expression::{Environment, Kind, List, Record, Texts, Value};
use rollcall_plugin::{Attribute, Attributes as _, Group, GroupRef, Person};

/// A person, seen through an expression's names.
#[derive(Debug)]
pub struct PersonView<'a> {
    person: &'a Person,
    groups: GroupNames<'a>,
}

impl<'a> PersonView<'a> {
    pub fn of(person: &'a Person) -> Self {
        Self { person, groups: GroupNames(&person.groups) }
    }

    /// The names that [`Record::field`] knows, in its order.
    pub fn declare(environment: &mut Environment) {
        environment
            .field("id", Kind::Text)
            .field("userName", Kind::Text)
            .field("email", Kind::Text)
            .field("displayName", Kind::Text)
            .field("givenName", Kind::Text)
            .field("familyName", Kind::Text)
            .field("active", Kind::Boolean)
            .groups("groups");
    }
}

impl Record for PersonView<'_> {
    fn field(&self, index: usize) -> Value<'_> {
        let user = &self.person.user;
        match index {
            0 => Value::text(&user.id),
            1 => Value::text(&user.username),
            2 => optional(&user.email),
            3 => optional(&user.display_name),
            4 => optional(&user.given_name),
            5 => optional(&user.family_name),
            6 => Value::Boolean(user.active),
            7 => Value::List(List::Texts(&self.groups)),
            _ => Value::Null,
        }
    }

    fn attribute(&self, name: &str) -> Value<'_> {
        attribute(&self.person.user.attributes, name)
    }
}

/// A group, seen through an expression's names.
#[derive(Debug)]
pub struct GroupView<'a>(pub &'a Group);

impl GroupView<'_> {
    /// The names that [`Record::field`] knows, in its order.
    pub fn declare(environment: &mut Environment) {
        environment.field("id", Kind::Text).field("name", Kind::Text).field("description", Kind::Text);
    }
}

impl Record for GroupView<'_> {
    fn field(&self, index: usize) -> Value<'_> {
        match index {
            0 => Value::text(&self.0.id),
            1 => Value::text(&self.0.name),
            2 => optional(&self.0.description),
            _ => Value::Null,
        }
    }

    fn attribute(&self, name: &str) -> Value<'_> {
        attribute(&self.0.attributes, name)
    }
}

#[derive(Debug)]
struct GroupNames<'a>(&'a [GroupRef]);

impl Texts for GroupNames<'_> {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index).map(|group| group.name.as_str())
    }
}

fn optional(text: &Option<String>) -> Value<'_> {
    text.as_deref().map_or(Value::Null, Value::text)
}

fn attribute<'a>(attributes: &'a [Attribute], name: &str) -> Value<'a> {
    use rollcall_plugin::Value as Given;

    match attributes.value(name) {
        None => Value::Null,
        Some(Given::Text(text) | Given::Json(text)) => Value::text(text),
        Some(Given::Boolean(value)) => Value::Boolean(*value),
        Some(Given::Integer(value)) => Value::Integer(*value),
        Some(Given::Decimal(value)) => Value::Decimal(*value),
        Some(Given::Texts(texts)) => Value::List(List::Texts(texts)),
    }
}
