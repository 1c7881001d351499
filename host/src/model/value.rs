use serde::{Deserialize, Serialize};

/// A value of an attribute, without loss.
///
/// Outside (JSON, REST, the database) a value is plain JSON: see [`Value::to_json`] and [`Value::from_json`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Value {
    Text(String),
    Boolean(bool),
    Integer(i64),
    Decimal(f64),
    Texts(Vec<String>),
    /// One JSON value that the other cases can't hold: an object, a mixed list, a number beyond 64 bits.
    Json(String),
}

/// A named value. Names are the provider's own, dotted where nested: `profile.department`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attribute {
    pub name: String,
    pub value: Value,
}

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

impl Value {
    /// The value as JSON; `None` where JSON has no such value (not a number, infinity, text that claims to be
    /// JSON and is not), which means the same as an absent attribute.
    pub fn to_json(&self) -> Option<serde_json::Value> {
        Some(match self {
            Value::Text(text) => serde_json::Value::String(text.clone()),
            Value::Boolean(value) => serde_json::Value::Bool(*value),
            Value::Integer(value) => serde_json::Value::from(*value),
            Value::Decimal(value) => serde_json::Value::Number(serde_json::Number::from_f64(*value)?),
            Value::Texts(texts) => serde_json::Value::from(texts.clone()),
            Value::Json(text) => match serde_json::from_str(text).ok() {
                Some(serde_json::Value::Null) => return None,
                // A number that JSON here can't hold without loss keeps its digits, as text.
                Some(serde_json::Value::Number(number)) if number.to_string() != text.trim() => {
                    serde_json::Value::String(text.trim().to_owned())
                }
                Some(value) => value,
                None if is_number(text) => serde_json::Value::String(text.trim().to_owned()),
                None => return None,
            },
        })
    }

    /// The narrowest case that holds this JSON value; null is `None`, the same as absent.
    pub fn from_json(json: serde_json::Value) -> Option<Self> {
        use serde_json::Value as Json;
        Some(match json {
            Json::Null => return None,
            Json::Bool(value) => Value::Boolean(value),
            Json::String(text) => Value::Text(text),
            Json::Number(ref number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Value::Integer(integer),
                (None, Some(decimal)) if number.is_f64() => Value::Decimal(decimal),
                _ => Value::Json(json.to_string()),
            },
            Json::Array(ref items) => {
                let texts: Option<Vec<String>> =
                    items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
                match texts {
                    Some(texts) => Value::Texts(texts),
                    None => Value::Json(json.to_string()),
                }
            }
            Json::Object(_) => Value::Json(json.to_string()),
        })
    }
}

/// Digits that no 64 bits hold (`1e400`), which the JSON library refuses.
fn is_number(text: &str) -> bool {
    let text = text.trim();
    text.starts_with(|c: char| c == '-' || c.is_ascii_digit())
        && text.chars().all(|c| c.is_ascii_digit() || matches!(c, '-' | '+' | '.' | 'e' | 'E'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_round_trip_keeps_every_case() {
        for value in [
            Value::Text("Zoë".into()),
            Value::Boolean(true),
            Value::Integer(i64::MIN),
            Value::Decimal(2.5),
            Value::Decimal(5.0),
            Value::Texts(vec![]),
            Value::Texts(vec!["a".into(), String::new()]),
            Value::Json(r#"{"a":[1,"b",null]}"#.into()),
            Value::Json("18446744073709551615".into()),
        ] {
            let json = value.to_json().expect("has a JSON form");
            let text = json.to_string();
            assert_eq!(Value::from_json(serde_json::from_str(&text).unwrap()), Some(value));
        }
    }

    #[test]
    fn numbers_beyond_64_bits_keep_their_digits() {
        for digits in ["18446744073709551616", "12345678901234567890123", "1e400", "-0.1234567890123456789"] {
            let json = Value::Json(digits.into()).to_json();
            assert_eq!(json, Some(serde_json::Value::String(digits.into())));
        }
        assert_eq!(Value::Json("18446744073709551615".into()).to_json(), Some(u64::MAX.into()));
    }

    #[test]
    fn null_and_what_json_cannot_say_are_absent() {
        assert_eq!(Value::from_json(serde_json::Value::Null), None);
        assert_eq!(Value::Json("null".into()).to_json(), None);
        assert_eq!(Value::Json("{".into()).to_json(), None);
        assert_eq!(Value::Decimal(f64::NAN).to_json(), None);
    }
}
