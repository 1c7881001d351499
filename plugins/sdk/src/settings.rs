use serde::de::DeserializeOwned;

use crate::Error;

/// Reads typed settings from the JSON that the host gives. What is wrong is named by its path.
///
/// ```
/// # use rollcall_plugin::{Attributes, Error};
/// #[derive(Debug, serde::Deserialize)]
/// struct Settings { retries: Vec<u8> }
///
/// let error = rollcall_plugin::settings::<Settings>(r#"{"retries":[1,"two"]}"#).unwrap_err();
/// assert_eq!(error.code, Error::SETTINGS);
/// assert_eq!(error.details.text("path"), Some("retries.1"));
/// ```
pub fn settings<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string().replace('[', ".").replace(']', "");
        let message = without_position(&error.into_inner());
        if path == "." {
            return Error::new(Error::SETTINGS, message).with_detail("path", "");
        }
        Error::settings(path, message)
    })?;
    reader
        .end()
        .map_err(|error| Error::new(Error::SETTINGS, without_position(&error)).with_detail("path", ""))?;
    Ok(value)
}

/// Line and column of a JSON text that no admin ever sees would only mislead.
fn without_position(error: &serde_json::Error) -> String {
    let message = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    match message.strip_suffix(&position) {
        Some(stripped) => stripped.to_owned(),
        None => message,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Deserialize;

    use super::*;
    use crate::Attributes;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Sample {
        name: String,
        nested: BTreeMap<String, Vec<u8>>,
    }

    #[test]
    fn the_path_of_what_is_wrong_is_named() {
        for (json, path, message) in [
            (r#"{"name":7}"#, "name", "invalid type: integer `7`, expected a string"),
            (r#"{"nested":{"a":[1,"x"]}}"#, "nested.a.1", "invalid type: string \"x\", expected u8"),
            (r#"{"colour":1}"#, "colour", "unknown field `colour`, expected `name` or `nested`"),
            ("[]7", "", "trailing characters"),
            ("7", "", "invalid type: integer `7`, expected struct Sample"),
        ] {
            let error = settings::<Sample>(json).unwrap_err();
            assert_eq!(error.code, Error::SETTINGS, "{json}");
            assert_eq!(error.details.text("path"), Some(path), "{json}");
            assert_eq!(error.message, message, "{json}");
        }
    }

    #[test]
    fn defaults_fill_in() {
        assert_eq!(settings::<Sample>("{}").unwrap(), Sample::default());
    }
}
