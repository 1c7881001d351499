//! The host's records in the form of the contract, lent: what a plugin is given is copied once, into the sandbox.
//!
//! A person has some forty texts, and a copy of each on the way cost more than the rules that look at them. What
//! doesn't match the contract shows when a plugin is admitted, as with the generated types.

use wasmtime::component::{ComponentType, Lower};

use crate::model;

#[derive(ComponentType, Lower)]
#[component(variant)]
pub(super) enum Value<'a> {
    #[component(name = "text")]
    Text(&'a str),
    #[component(name = "boolean")]
    Boolean(bool),
    #[component(name = "integer")]
    Integer(i64),
    #[component(name = "decimal")]
    Decimal(f64),
    #[component(name = "texts")]
    Texts(&'a [String]),
    #[component(name = "json")]
    Json(&'a str),
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Attribute<'a> {
    name: &'a str,
    value: Value<'a>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct User<'a> {
    id: &'a str,
    username: &'a str,
    email: Option<&'a str>,
    #[component(name = "display-name")]
    display_name: Option<&'a str>,
    #[component(name = "given-name")]
    given_name: Option<&'a str>,
    #[component(name = "family-name")]
    family_name: Option<&'a str>,
    active: bool,
    attributes: Vec<Attribute<'a>>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Group<'a> {
    id: &'a str,
    name: &'a str,
    description: Option<&'a str>,
    attributes: Vec<Attribute<'a>>,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct GroupRef<'a> {
    id: Option<&'a str>,
    name: &'a str,
}

#[derive(ComponentType, Lower)]
#[component(record)]
pub(super) struct Person<'a> {
    user: User<'a>,
    groups: Vec<GroupRef<'a>>,
}

/// Lends each item of a list.
pub(super) fn lent<'a, A, B: From<&'a A>>(items: &'a [A]) -> Vec<B> {
    items.iter().map(B::from).collect()
}

impl<'a> From<&'a model::Value> for Value<'a> {
    fn from(value: &'a model::Value) -> Self {
        match value {
            model::Value::Text(text) => Self::Text(text),
            model::Value::Boolean(value) => Self::Boolean(*value),
            model::Value::Integer(value) => Self::Integer(*value),
            model::Value::Decimal(value) => Self::Decimal(*value),
            model::Value::Texts(texts) => Self::Texts(texts),
            model::Value::Json(text) => Self::Json(text),
        }
    }
}

impl<'a> From<&'a model::Attribute> for Attribute<'a> {
    fn from(attribute: &'a model::Attribute) -> Self {
        Self { name: &attribute.name, value: (&attribute.value).into() }
    }
}

impl<'a> From<&'a model::User> for User<'a> {
    fn from(user: &'a model::User) -> Self {
        Self {
            id: &user.id,
            username: &user.username,
            email: user.email.as_deref(),
            display_name: user.display_name.as_deref(),
            given_name: user.given_name.as_deref(),
            family_name: user.family_name.as_deref(),
            active: user.active,
            attributes: lent(&user.attributes),
        }
    }
}

impl<'a> From<&'a model::Group> for Group<'a> {
    fn from(group: &'a model::Group) -> Self {
        Self {
            id: &group.id,
            name: &group.name,
            description: group.description.as_deref(),
            attributes: lent(&group.attributes),
        }
    }
}

impl<'a> From<&'a model::GroupRef> for GroupRef<'a> {
    fn from(group: &'a model::GroupRef) -> Self {
        Self { id: group.id.as_deref(), name: &group.name }
    }
}

impl<'a> From<&'a model::Person> for Person<'a> {
    fn from(person: &'a model::Person) -> Self {
        Self { user: (&person.user).into(), groups: lent(&person.groups) }
    }
}
