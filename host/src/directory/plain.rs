//! Records as JSON text, written without building the JSON first: a large first sync writes three such texts for
//! each person.

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde::{Deserialize, Serialize as DeriveSerialize};
use serde_json::{Map, Value as Json};

use super::entry::{UserEntry, attributes_from_json};
use crate::model::{Attribute, User, Value};

/// Attributes as one JSON object, in their order. What JSON can't say is left out.
struct Attributes<'a>(&'a [Attribute]);

impl Serialize for Attributes<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut object = serializer.serialize_map(None)?;
        for Attribute { name, value } in self.0 {
            match value {
                Value::Text(text) => object.serialize_entry(name, text)?,
                Value::Boolean(value) => object.serialize_entry(name, value)?,
                Value::Integer(value) => object.serialize_entry(name, value)?,
                Value::Texts(texts) => object.serialize_entry(name, texts)?,
                Value::Decimal(_) | Value::Json(_) => {
                    if let Some(json) = value.to_json() {
                        object.serialize_entry(name, &json)?;
                    }
                }
            }
        }
        object.end()
    }
}

fn text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("keys are texts and numbers are finite")
}

pub(super) fn attributes(attributes: &[Attribute]) -> String {
    text(&Attributes(attributes))
}

/// [`UserEntry::fields`] as text.
pub(super) fn user_fields(entry: &UserEntry) -> String {
    // In the order of the names, as in any change.
    #[derive(DeriveSerialize)]
    #[serde(rename_all = "camelCase")]
    struct Fields<'a> {
        active: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        attributes: Option<Attributes<'a>>,
        #[serde(skip_serializing_if = "Option::is_none")]
        display_name: &'a Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        email: &'a Option<String>,
        external_id: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        family_name: &'a Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        given_name: &'a Option<String>,
        user_name: &'a str,
    }
    text(&Fields {
        active: entry.active,
        attributes: (!entry.attributes.is_empty()).then_some(Attributes(&entry.attributes)),
        display_name: &entry.display_name,
        email: &entry.email,
        external_id: &entry.external_id,
        family_name: &entry.family_name,
        given_name: &entry.given_name,
        user_name: &entry.user_name,
    })
}

/// A user of the mirror as it is stored, read by `read_record`. Attributes are an object of plain values: half the
/// size of what naming each value's case would take.
pub fn write_record(user: &User) -> String {
    #[derive(DeriveSerialize)]
    struct Record<'a> {
        id: &'a str,
        username: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        email: &'a Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        display_name: &'a Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        given_name: &'a Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        family_name: &'a Option<String>,
        active: bool,
        attributes: Attributes<'a>,
    }
    text(&Record {
        id: &user.id,
        username: &user.username,
        email: &user.email,
        display_name: &user.display_name,
        given_name: &user.given_name,
        family_name: &user.family_name,
        active: user.active,
        attributes: Attributes(&user.attributes),
    })
}

/// The inverse of [`write_record`], but for attributes: sorted, the last of one name, each value in its narrowest
/// case.
pub(super) fn read_record(text: &str) -> serde_json::Result<User> {
    #[derive(Deserialize)]
    struct Record {
        id: String,
        username: String,
        email: Option<String>,
        display_name: Option<String>,
        given_name: Option<String>,
        family_name: Option<String>,
        active: bool,
        attributes: Map<String, Json>,
    }
    let record: Record = serde_json::from_str(text)?;
    Ok(User {
        id: record.id,
        username: record.username,
        email: record.email,
        display_name: record.display_name,
        given_name: record.given_name,
        family_name: record.family_name,
        active: record.active,
        attributes: attributes_from_json(record.attributes),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::UserKey;

    fn user() -> User {
        User {
            id: "00u1".into(),
            username: "Zoë \"Z\"".into(),
            email: Some("zoe@example.com".into()),
            family_name: Some("\u{0}\n".into()),
            active: true,
            attributes: vec![
                Attribute::new("boolean", false),
                Attribute { name: "decimal".into(), value: Value::Decimal(5.0) },
                Attribute::new("integer", i64::MIN),
                Attribute { name: "json".into(), value: Value::Json(r#"{"a":[1,null]}"#.into()) },
                Attribute::new("text", ""),
                Attribute { name: "texts".into(), value: Value::Texts(vec!["a".into(), "b".into()]) },
            ],
            ..User::default()
        }
    }

    #[test]
    fn a_record_comes_back_as_it_was() {
        for user in [user(), User { id: "1".into(), username: "a".into(), ..User::default() }] {
            assert_eq!(read_record(&write_record(&user)).unwrap(), user);
        }
    }

    #[test]
    fn what_json_cannot_say_is_left_out_and_the_last_of_one_name_counts() {
        let mut user = user();
        user.attributes = vec![
            Attribute::new("b", 1),
            Attribute { name: "a".into(), value: Value::Decimal(f64::NAN) },
            Attribute { name: "c".into(), value: Value::Json("\"x\"".into()) },
            Attribute::new("b", 2),
        ];
        let read = read_record(&write_record(&user)).unwrap();
        assert_eq!(read.attributes, [Attribute::new("b", 2), Attribute::new("c", "x")]);
    }

    #[test]
    fn the_text_of_fields_is_that_of_the_built_json() {
        for user in [user(), User { id: "1".into(), username: "a".into(), ..User::default() }] {
            let entry = UserEntry::from_user(UserKey(7), "acme", user);
            assert_eq!(user_fields(&entry), Json::Object(entry.fields()).to_string());
        }
    }
}
