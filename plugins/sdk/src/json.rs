//! JSON values as attribute values, without loss.

use serde_json::value::RawValue;

use crate::{Error, Value};

impl Value {
    /// The narrowest case that holds this JSON value; null is nothing, the same as absent.
    ///
    /// Read from the source text and not from a parsed tree, because a tree has already rounded what doesn't
    /// fit 64 bits.
    pub fn from_json(json: &RawValue) -> Option<Self> {
        let text = json.get();
        Some(match text.as_bytes().first()? {
            b'n' => return None,
            b't' => Value::Boolean(true),
            b'f' => Value::Boolean(false),
            b'"' => Value::Text(unquote(text)),
            b'[' => match serde_json::from_str(text) {
                Ok(texts) => Value::Texts(texts),
                Err(_) => Value::Json(text.to_owned()),
            },
            b'{' => Value::Json(text.to_owned()),
            _ => number(text),
        })
    }

    /// As [`from_json`](Self::from_json), of text that still has to be checked.
    ///
    /// ```
    /// use rollcall_plugin::Value;
    ///
    /// assert_eq!(Value::parse_json(r#"["a","b"]"#).unwrap(), Some(Value::Texts(vec!["a".into(), "b".into()])));
    /// assert_eq!(Value::parse_json("18446744073709551616").unwrap(), Some(Value::Json("18446744073709551616".into())));
    /// assert_eq!(Value::parse_json("null").unwrap(), None);
    /// ```
    pub fn parse_json(text: &str) -> Result<Option<Self>, Error> {
        let json: &RawValue =
            serde_json::from_str(text).map_err(|error| Error::unexpected(format!("not JSON: {error}")))?;
        Ok(Self::from_json(json))
    }
}

fn unquote(text: &str) -> String {
    let plain =
        text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).filter(|text| !text.contains('\\'));
    match plain {
        Some(plain) => plain.to_owned(),
        // Only a lone surrogate can fail here (RawValue checked the rest): shown as it was written.
        None => serde_json::from_str(text).unwrap_or_else(|_| text.to_owned()),
    }
}

fn number(text: &str) -> Value {
    if !text.contains(['.', 'e', 'E']) {
        return match text.parse() {
            Ok(integer) => Value::Integer(integer),
            Err(_) => Value::Json(text.to_owned()),
        };
    }
    match text.parse::<f64>() {
        Ok(decimal) if is_written(decimal, text) => Value::Decimal(decimal),
        _ => Value::Json(text.to_owned()),
    }
}

/// Is this how the host will write the number, but for zeros and the place of the point? Of two shortest forms that lie
/// equally near, writers choose differently: what counts is the choice of the library that the host writes with, too.
fn is_written(decimal: f64, text: &str) -> bool {
    let written = serde_json::to_string(&decimal).unwrap_or_default();
    significant(&written) == significant(text)
}

/// The digits of a decimal number without zeros at either end, and the power of ten of the first of them:
/// equal for equal numbers, however they are written.
fn significant(number: &str) -> (bool, String, i64) {
    let negative = number.starts_with('-');
    let (mantissa, exponent) = number.trim_start_matches('-').split_once(['e', 'E']).unwrap_or((number, "0"));
    let mantissa = mantissa.trim_start_matches('-');
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits: String = [whole, fraction].concat();
    let leading = digits.len() - digits.trim_start_matches('0').len();
    let digits = digits.trim_matches('0').to_owned();
    if digits.is_empty() {
        return (negative, digits, 0);
    }
    let length = |text: usize| i64::try_from(text).unwrap_or(i64::MAX);
    // An exponent beyond 64 bits is beyond every float as well, so it need only differ from theirs.
    let exponent = exponent.trim_start_matches('+').parse().unwrap_or(i64::MAX / 2);
    (negative, digits, exponent + length(whole.len()) - length(leading))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn each_case() {
        for (json, expected) in [
            ("null", None),
            ("true", Some(Value::Boolean(true))),
            ("false", Some(Value::Boolean(false))),
            (r#""Zo\u00eb \"x\"""#, Some(Value::Text("Zoë \"x\"".into()))),
            (r#""""#, Some(Value::Text(String::new()))),
            ("42", Some(Value::Integer(42))),
            ("-9223372036854775808", Some(Value::Integer(i64::MIN))),
            ("9223372036854775808", Some(Value::Json("9223372036854775808".into()))),
            ("2.5", Some(Value::Decimal(2.5))),
            ("5.0", Some(Value::Decimal(5.0))),
            ("0.10", Some(Value::Decimal(0.1))),
            ("-0.0", Some(Value::Decimal(-0.0))),
            ("1E+2", Some(Value::Decimal(100.0))),
            ("0.00012e-3", Some(Value::Decimal(1.2e-7))),
            ("4295846082740.4062", Some(Value::Decimal(4_295_846_082_740.0 + 0.406_25))),
            ("4295846082740.4063", Some(Value::Json("4295846082740.4063".into()))),
            ("1e999", Some(Value::Json("1e999".into()))),
            ("1e-999", Some(Value::Json("1e-999".into()))),
            ("1e99999999999999999999", Some(Value::Json("1e99999999999999999999".into()))),
            ("0.1234567890123456789", Some(Value::Json("0.1234567890123456789".into()))),
            ("[]", Some(Value::Texts(vec![]))),
            (r#"["a",""]"#, Some(Value::Texts(vec!["a".into(), String::new()]))),
            (r#"["a",null]"#, Some(Value::Json(r#"["a",null]"#.into()))),
            ("[1,2]", Some(Value::Json("[1,2]".into()))),
            (r#"{"a":1}"#, Some(Value::Json(r#"{"a":1}"#.into()))),
        ] {
            assert_eq!(Value::parse_json(json).unwrap(), expected, "{json}");
        }
        assert!(Value::parse_json("{").is_err());
    }

    proptest! {
        #[test]
        fn a_float_is_kept(value in proptest::num::f64::NORMAL) {
            let json = serde_json::to_string(&value).unwrap();
            let read = Value::parse_json(&json).unwrap();
            prop_assert!(read == Some(Value::Decimal(value)), "{json}: {read:?}");
        }

        #[test]
        fn a_text_is_kept(text in "\\PC*") {
            let json = serde_json::to_string(&text).unwrap();
            prop_assert_eq!(Value::parse_json(&json).unwrap(), Some(Value::Text(text)));
        }
    }
}
