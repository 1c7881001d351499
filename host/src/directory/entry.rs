use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use crate::model::{Attribute, Group, User, Value};

/// Whose the entries and memberships are that people made here and no connector gave. No connector has this name.
pub const LOCAL: &str = "local";

/// A directory user's immutable key: set at creation, kept through renames, adoption, anonymising and return,
/// never used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct UserKey(pub u32);

/// A directory group's immutable key, like [`UserKey`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupKey(pub u32);

/// The form in which names are unique: Unicode lower case. The name itself keeps its case.
pub fn fold(name: &str) -> String {
    name.to_lowercase()
}

/// A user as applications see them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct UserEntry {
    pub key: UserKey,
    /// The connector that gave the entry.
    pub connector: String,
    /// The provider's immutable id.
    pub external_id: String,
    pub user_name: String,
    pub display_name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub email: Option<String>,
    pub active: bool,
    /// Sorted by name; values that JSON can't say are left out.
    pub attributes: Vec<Attribute>,
}

/// A group as applications see it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupEntry {
    pub key: GroupKey,
    /// The connector that gave the entry.
    pub connector: String,
    /// The provider's immutable id; nothing for a group that a transform made up.
    pub external_id: Option<String>,
    pub name: String,
    pub description: Option<String>,
    pub attributes: Vec<Attribute>,
}

impl UserEntry {
    pub fn from_user(key: UserKey, connector: &str, user: User) -> Self {
        Self {
            key,
            connector: connector.to_owned(),
            external_id: user.id,
            user_name: user.username,
            display_name: user.display_name,
            given_name: user.given_name,
            family_name: user.family_name,
            email: user.email,
            active: user.active,
            attributes: normal_attributes(user.attributes),
        }
    }

    /// Gives the attribute that value, or takes it away.
    pub fn set_attribute(&mut self, name: &str, value: Option<Value>) {
        let found = self.attributes.binary_search_by(|attribute| attribute.name.as_str().cmp(name));
        match (found, value) {
            (Ok(at), Some(value)) => self.attributes[at].value = value,
            (Ok(at), None) => drop(self.attributes.remove(at)),
            (Err(at), Some(value)) => self.attributes.insert(at, Attribute { name: name.to_owned(), value }),
            (Err(_), None) => {}
        }
    }

    /// What applications see, under SCIM names, without key and connector: what a change compares.
    pub fn fields(&self) -> Map<String, Json> {
        let mut fields = Map::new();
        fields.insert("externalId".into(), Json::from(self.external_id.as_str()));
        fields.insert("userName".into(), Json::from(self.user_name.as_str()));
        insert_text(&mut fields, "displayName", &self.display_name);
        insert_text(&mut fields, "givenName", &self.given_name);
        insert_text(&mut fields, "familyName", &self.family_name);
        insert_text(&mut fields, "email", &self.email);
        fields.insert("active".into(), Json::from(self.active));
        insert_attributes(&mut fields, &self.attributes);
        fields
    }

    /// [`fields`](Self::fields) with key and connector: what `--json` prints.
    pub fn to_json(&self) -> Json {
        with_origin(self.key.0, &self.connector, self.fields())
    }
}

impl GroupEntry {
    pub fn from_group(key: GroupKey, connector: &str, group: Group) -> Self {
        Self {
            key,
            connector: connector.to_owned(),
            external_id: Some(group.id),
            name: group.name,
            description: group.description,
            attributes: normal_attributes(group.attributes),
        }
    }

    /// What applications see, under SCIM names, without key and connector: what a change compares.
    pub fn fields(&self) -> Map<String, Json> {
        let mut fields = Map::new();
        insert_text(&mut fields, "externalId", &self.external_id);
        fields.insert("displayName".into(), Json::from(self.name.as_str()));
        insert_text(&mut fields, "description", &self.description);
        insert_attributes(&mut fields, &self.attributes);
        fields
    }

    /// [`fields`](Self::fields) with key and connector: what `--json` prints.
    pub fn to_json(&self) -> Json {
        with_origin(self.key.0, &self.connector, self.fields())
    }
}

fn with_origin(key: u32, connector: &str, fields: Map<String, Json>) -> Json {
    let mut all = Map::new();
    all.insert("key".into(), Json::from(key));
    all.insert("connector".into(), Json::from(connector));
    all.extend(fields);
    Json::Object(all)
}

fn insert_text(fields: &mut Map<String, Json>, name: &str, text: &Option<String>) {
    if let Some(text) = text {
        fields.insert(name.into(), Json::from(text.as_str()));
    }
}

/// Attributes lie flat beside the core fields under `attributes.`, so that a change names exactly one.
fn insert_attributes(fields: &mut Map<String, Json>, attributes: &[Attribute]) {
    if attributes.is_empty() {
        return;
    }
    fields.insert("attributes".into(), attributes_to_json(attributes));
}

/// Attributes as one JSON object.
fn attributes_to_json(attributes: &[Attribute]) -> Json {
    let values = attributes.iter().filter_map(|a| Some((a.name.clone(), a.value.to_json()?)));
    Json::Object(values.collect())
}

/// The inverse of [`attributes_to_json`].
pub(super) fn attributes_from_json(object: Map<String, Json>) -> Vec<Attribute> {
    let values = object.into_iter();
    values.filter_map(|(name, json)| Some(Attribute { name, value: Value::from_json(json)? })).collect()
}

/// Sorted, the last of one name, each value in its narrowest case: so that what was stored compares equal.
fn normal_attributes(attributes: Vec<Attribute>) -> Vec<Attribute> {
    // What a plugin gives mostly is normal, and going through JSON takes most of the time of making an entry.
    let sorted = attributes.is_sorted_by(|a, b| a.name < b.name);
    if sorted && attributes.iter().all(|attribute| is_normal(&attribute.value)) {
        return attributes;
    }
    match attributes_to_json(&attributes) {
        Json::Object(object) => {
            let mut attributes = attributes_from_json(object);
            attributes.sort_by(|a, b| a.name.cmp(&b.name));
            attributes
        }
        _ => Vec::new(),
    }
}

/// Whether a value comes back from JSON as it is; false where that would have to be tried.
fn is_normal(value: &Value) -> bool {
    match value {
        Value::Text(_) | Value::Boolean(_) | Value::Integer(_) | Value::Texts(_) => true,
        Value::Decimal(_) | Value::Json(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_as_normal_comes_back_from_json_as_it_is() {
        let values = [
            Value::Text(String::new()),
            Value::Boolean(false),
            Value::Integer(i64::MIN),
            Value::Integer(i64::MAX),
            Value::Texts(Vec::new()),
            Value::Texts(vec![String::new()]),
        ];
        for value in values {
            assert!(is_normal(&value));
            assert_eq!(value.to_json().and_then(Value::from_json), Some(value));
        }
    }

    #[test]
    fn attributes_are_normal_so_that_what_was_stored_compares_equal() {
        let user = User {
            id: "u1".into(),
            username: "Ann".into(),
            attributes: vec![
                Attribute::new("b", 1),
                Attribute { name: "a".into(), value: Value::Json("\"x\"".into()) },
                Attribute { name: "gone".into(), value: Value::Json("null".into()) },
                Attribute::new("b", 2),
            ],
            ..User::default()
        };
        let entry = UserEntry::from_user(UserKey(1), "acme", user);
        assert_eq!(entry.attributes, vec![Attribute::new("a", "x"), Attribute::new("b", 2)]);
        assert_eq!(entry.fields()["attributes"], serde_json::json!({"a": "x", "b": 2}));
    }

    #[test]
    fn names_fold_by_unicode_lower_case() {
        assert_eq!(fold("ÅNGSTRÖM@Example.COM"), "ångström@example.com");
    }
}
