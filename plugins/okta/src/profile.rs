//! What Okta's users and groups have in common: an id, and a profile of properties that each organisation
//! defines for itself.

use std::borrow::Cow;
use std::fmt;

use rollcall_plugin::{Attribute, Value};
use serde::Deserialize;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

/// The properties of a profile, still as they were written: most of them are only passed on.
#[derive(Debug, Default)]
pub struct Properties<'a>(pub Vec<(Cow<'a, str>, &'a RawValue)>);

impl Properties<'_> {
    /// Adds them as `profile.NAME`, in the order of their names: Okta promises none, and a record must not
    /// change because of it. A null is no attribute.
    pub fn add_to(mut self, attributes: &mut Vec<Attribute>) {
        self.0.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        for (name, json) in self.0 {
            if let Some(value) = Value::from_json(json) {
                attributes.push(Attribute { name: ["profile.", &name].concat(), value });
            }
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Properties<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;

        impl<'de> Visitor<'de> for Reader {
            type Value = Properties<'de>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a profile")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some((Text(name), value)) = map.next_entry()? {
                    entries.push((name, value));
                }
                Ok(Properties(entries))
            }
        }

        deserializer.deserialize_map(Reader)
    }
}

/// A text that is borrowed where it has no escapes. (Serde's own `Cow` borrows only as a field of its own.)
#[derive(Deserialize)]
#[serde(transparent)]
pub struct Text<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// For `deserialize_with`.
pub fn text_or_null<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Cow<'de, str>>, D::Error> {
    Ok(Option::<Text<'de>>::deserialize(deserializer)?.map(|Text(text)| text))
}

/// The id of an object of which nothing else can be read.
pub fn id_of(object: &RawValue) -> Option<String> {
    #[derive(Deserialize)]
    struct OnlyId {
        id: String,
    }
    let OnlyId { id } = serde_json::from_str(object.get()).ok()?;
    Some(id).filter(|id| !id.is_empty())
}

/// The text, unless it is empty: Okta's forms leave an empty text behind where somebody cleared a field.
pub fn filled(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}
