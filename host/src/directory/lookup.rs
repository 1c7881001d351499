use std::borrow::Cow;

use serde_json::Value as Json;

use super::entry::{GroupEntry, UserEntry, fold};
use crate::model::Attribute;

/// A value by the name that a person types: a field of its own by its SCIM name (`displayName`), else an attribute by
/// its name or by the last part of it (`department` finds `profile.department`). Upper and lower case mean the same.
impl UserEntry {
    /// The names of what every user can have.
    pub const FIELDS: [&str; 9] = [
        "userName",
        "displayName",
        "givenName",
        "familyName",
        "email",
        "active",
        "connector",
        "externalId",
        "key",
    ];

    /// `None` where the user has no such value.
    pub fn value(&self, name: &str) -> Option<Json> {
        let text = |text: &Option<String>| text.as_deref().map(Json::from);
        let field = Self::FIELDS.into_iter().find(|field| field.eq_ignore_ascii_case(name));
        match field {
            Some("userName") => Some(Json::from(self.user_name.as_str())),
            Some("displayName") => text(&self.display_name),
            Some("givenName") => text(&self.given_name),
            Some("familyName") => text(&self.family_name),
            Some("email") => text(&self.email),
            Some("active") => Some(Json::from(self.active)),
            Some("connector") => Some(Json::from(self.connector.as_str())),
            Some("externalId") => Some(Json::from(self.external_id.as_str())),
            Some(_) => Some(Json::from(self.key.0)),
            None => attribute(&self.attributes, name),
        }
    }

    /// Whether the user has that value, or it in a list, upper and lower case meaning the same. The empty text stands
    /// for no value.
    pub fn holds(&self, name: &str, value: &str) -> bool {
        let wanted = fold(value);
        match self.value(name) {
            Some(Json::Array(items)) if !items.is_empty() => {
                items.iter().any(|item| fold(&plain_text(item)) == wanted)
            }
            Some(found) => fold(&plain_text(&found)) == wanted,
            None => wanted.is_empty(),
        }
    }
}

/// As for users.
impl GroupEntry {
    pub const FIELDS: [&str; 5] = ["displayName", "description", "connector", "externalId", "key"];

    /// `None` where the group has no such value.
    pub fn value(&self, name: &str) -> Option<Json> {
        let field = Self::FIELDS.into_iter().find(|field| field.eq_ignore_ascii_case(name));
        match field {
            Some("displayName") => Some(Json::from(self.name.as_str())),
            Some("description") => self.description.as_deref().map(Json::from),
            Some("connector") => Some(Json::from(self.connector.as_str())),
            Some("externalId") => self.external_id.as_deref().map(Json::from),
            Some(_) => Some(Json::from(self.key.0)),
            None => attribute(&self.attributes, name),
        }
    }
}

/// The attribute of that name, else the first whose name ends in it.
fn attribute(attributes: &[Attribute], name: &str) -> Option<Json> {
    let last = |attribute: &Attribute| {
        let part = attribute.name.rsplit('.').next().unwrap_or_default();
        part.eq_ignore_ascii_case(name)
    };
    let whole = |attribute: &&Attribute| attribute.name.eq_ignore_ascii_case(name);
    let found = attributes.iter().find(whole).or_else(|| attributes.iter().find(|one| last(one)))?;
    found.value.to_json()
}

/// A value without the notation of JSON: texts without quotes, the items of a list after each other.
pub fn plain_text(value: &Json) -> Cow<'_, str> {
    match value {
        Json::Null => Cow::Borrowed(""),
        Json::String(text) => Cow::Borrowed(text),
        Json::Array(items) => items.iter().map(plain_text).collect::<Vec<_>>().join("; ").into(),
        other => Cow::Owned(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::UserKey;
    use crate::model::{User, Value};

    fn ann() -> UserEntry {
        let user = User {
            id: "00u1".into(),
            username: "Ann@acme.example".into(),
            active: true,
            attributes: vec![
                Attribute::new("created", "2020"),
                Attribute::new("custom.created", "never"),
                Attribute::new("profile.department", "Sales"),
                Attribute::new("profile.level", 3),
                Attribute {
                    name: "profile.sites".into(),
                    value: Value::Texts(vec!["Oslo".into(), "Bonn".into()]),
                },
                Attribute { name: "profile.tags".into(), value: Value::Texts(Vec::new()) },
            ],
            ..User::default()
        };
        UserEntry::from_user(UserKey(7), "acme", user)
    }

    #[test]
    fn every_field_is_found_by_its_name() {
        let ann = UserEntry {
            display_name: Some("d".into()),
            given_name: Some("g".into()),
            family_name: Some("f".into()),
            email: Some("e".into()),
            ..ann()
        };
        let shown = ann.to_json();
        for field in UserEntry::FIELDS {
            assert_eq!(ann.value(field).as_ref(), Some(&shown[field]), "{field}");
        }
        assert_eq!(shown.as_object().unwrap().len(), UserEntry::FIELDS.len() + 1, "and the attributes");
    }

    #[test]
    fn every_field_of_a_group_is_found_by_its_name() {
        let group = crate::model::Group {
            id: "00g1".into(),
            name: "Sales".into(),
            description: Some("us".into()),
            ..Default::default()
        };
        let group = GroupEntry::from_group(crate::directory::GroupKey(3), "acme", group);
        let shown = group.to_json();
        for field in GroupEntry::FIELDS {
            assert_eq!(group.value(field).as_ref(), Some(&shown[field]), "{field}");
        }
        assert_eq!(shown.as_object().unwrap().len(), GroupEntry::FIELDS.len());
    }

    #[test]
    fn an_attribute_is_found_by_its_whole_name_before_its_last_part() {
        let ann = ann();
        assert_eq!(ann.value("created"), Some("2020".into()));
        assert_eq!(ann.value("Department"), Some("Sales".into()));
        assert_eq!(ann.value("profile.department"), Some("Sales".into()));
        assert_eq!(ann.value("part"), None);
    }

    #[test]
    fn a_value_is_held_whatever_its_case_and_kind() {
        let ann = ann();
        for (name, value, held) in [
            ("department", "sales", true),
            ("department", "sale", false),
            ("department", "", false),
            ("level", "3", true),
            ("active", "TRUE", true),
            ("username", "ann@ACME.example", true),
            ("sites", "bonn", true),
            ("sites", "", false),
            ("tags", "", true),
            ("email", "", true),
            ("nothing", "", true),
            ("nothing", "x", false),
        ] {
            assert_eq!(ann.holds(name, value), held, "{name}={value}");
        }
    }
}
