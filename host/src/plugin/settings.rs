use std::fmt;

use jsonschema::error::{TypeKind, ValidationErrorKind};
use jsonschema::{JsonType, ValidationError};
use serde_json::Value;

use super::nearest::nearest;
use crate::model::Manifest;

/// One setting that doesn't fit the plugin's schema.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsError {
    /// Dotted: `groups.include.0`. Empty for the settings as a whole.
    pub path: String,
    /// Reads well after the path: "is 5, and has to be text".
    pub message: String,
}

impl fmt::Display for SettingsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            write!(f, "it {}", self.message)
        } else {
            write!(f, "`{}` {}", self.path, self.message)
        }
    }
}

impl std::error::Error for SettingsError {}

/// Checks a connector's settings against the manifest's schema. The same check runs when a configuration is
/// read, when a plugin is configured, and in `connector test`.
///
/// # Errors
///
/// Everything that is wrong, in the order of the schema.
pub fn validate_settings(manifest: &Manifest, settings: &Value) -> Result<(), Vec<SettingsError>> {
    let validator = jsonschema::draft202012::new(&manifest.settings).map_err(|error| {
        vec![SettingsError {
            path: String::new(),
            message: format!("can't be checked: the schema is wrong: {error}"),
        }]
    })?;
    let mut errors = Vec::new();
    for error in validator.iter_errors(settings) {
        explain(&error, &manifest.settings, &mut errors);
    }
    if errors.is_empty() { Ok(()) } else { Err(errors) }
}

fn explain(error: &ValidationError<'_>, schema: &Value, out: &mut Vec<SettingsError>) {
    let path = dotted(error.instance_path().as_str());
    let is = |wanted: String| format!("is {}, and has to be {wanted}", shown(error.instance()));
    let message = match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected }
        | ValidationErrorKind::UnevaluatedProperties { unexpected } => {
            let known = known_keys(schema, error.schema_path().as_str());
            for key in unexpected {
                let here = if path.is_empty() { key.clone() } else { format!("{path}.{key}") };
                out.push(SettingsError { path: here, message: unknown_key(key, &known) });
            }
            return;
        }
        ValidationErrorKind::Required { property } => {
            let key = property.as_str().unwrap_or_default();
            let here = if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") };
            out.push(SettingsError { path: here, message: "is missing".into() });
            return;
        }
        ValidationErrorKind::Enum { options } => one_of(error.instance(), options),
        ValidationErrorKind::Constant { expected_value } => is(shown(expected_value)),
        ValidationErrorKind::Type { kind } => is(match kind {
            TypeKind::Single(single) => type_name(*single).to_owned(),
            TypeKind::Multiple(several) => several.iter().map(type_name).collect::<Vec<_>>().join(" or "),
        }),
        ValidationErrorKind::Minimum { limit } => is(format!("at least {limit}")),
        ValidationErrorKind::Maximum { limit } => is(format!("at most {limit}")),
        ValidationErrorKind::ExclusiveMinimum { limit } => is(format!("more than {limit}")),
        ValidationErrorKind::ExclusiveMaximum { limit } => is(format!("less than {limit}")),
        ValidationErrorKind::MinLength { limit } => is(format!("at least {limit} letters long")),
        ValidationErrorKind::MaxLength { limit } => is(format!("at most {limit} letters long")),
        ValidationErrorKind::MinItems { limit } => format!("needs at least {limit} items"),
        ValidationErrorKind::MaxItems { limit } => format!("may have at most {limit} items"),
        ValidationErrorKind::UniqueItems => "holds an item twice".into(),
        ValidationErrorKind::Pattern { pattern } => is(format!("text that matches `{pattern}`")),
        ValidationErrorKind::Format { format } => is(format!("a valid {format}")),
        _ => error.to_string(),
    };
    out.push(SettingsError { path, message });
}

fn unknown_key(key: &str, known: &[&str]) -> String {
    match (nearest(key, known.iter().copied()), known) {
        (Some(near), _) => format!("is not a setting of this plugin; did you mean `{near}`?"),
        (None, []) => "is not a setting of this plugin, which has none here".into(),
        (None, _) => format!("is not a setting of this plugin; it knows {}", known.join(", ")),
    }
}

fn one_of(found: &Value, options: &Value) -> String {
    let options: Vec<&Value> = options.as_array().into_iter().flatten().collect();
    let words = options.iter().filter_map(|option| option.as_str());
    let near = found.as_str().and_then(|word| nearest(word, words));
    let all = options.iter().map(|option| shown(option)).collect::<Vec<_>>().join(", ");
    match near {
        Some(near) => format!("is {}; did you mean {near:?}? It can be {all}", shown(found)),
        None => format!("is {}; it can be {all}", shown(found)),
    }
}

/// The keys that the schema allows at the place whose `additionalProperties` said no.
fn known_keys<'a>(schema: &'a Value, schema_path: &str) -> Vec<&'a str> {
    let parent = schema_path.rsplit_once('/').map_or("", |(parent, _)| parent);
    let properties =
        schema.pointer(parent).and_then(|here| here.get("properties")).and_then(Value::as_object);
    properties.into_iter().flat_map(|keys| keys.keys().map(String::as_str)).collect()
}

/// `/groups/include/0` → `groups.include.0`.
fn dotted(pointer: &str) -> String {
    pointer.trim_start_matches('/').replace('/', ".").replace("~1", "/").replace("~0", "~")
}

/// A value as a person would write it, cut when long.
fn shown(value: &Value) -> String {
    let text = value.to_string();
    if text.chars().count() <= 60 { text } else { text.chars().take(60).chain("…".chars()).collect() }
}

fn type_name(json: JsonType) -> &'static str {
    match json {
        JsonType::String => "text",
        JsonType::Integer => "a whole number",
        JsonType::Number => "a number",
        JsonType::Boolean => "true or false",
        JsonType::Array => "a list",
        JsonType::Object => "a table",
        JsonType::Null => "null",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::PluginKind;

    fn check(settings: Value) -> Vec<String> {
        let manifest = Manifest {
            name: "x".into(),
            version: "1.0.0".into(),
            kind: PluginKind::Transform,
            api: "0.1".into(),
            summary: "x".into(),
            endpoint: None,
            http: None,
            credential: vec![],
            rate_limit: None,
            reference: Vec::new(),
            settings: json!({
                "type": "object",
                "additionalProperties": false,
                "required": ["color"],
                "properties": {
                    "color": { "enum": ["red", "green"] },
                    "size": { "type": "integer", "minimum": 1, "maximum": 9 },
                    "groups": {
                        "type": "object",
                        "additionalProperties": false,
                        "properties": {
                            "include": { "type": "array", "items": { "type": "string", "pattern": "^[a-z]+$" } },
                        },
                    },
                },
            }),
        };
        validate_settings(&manifest, &settings)
            .err()
            .unwrap_or_default()
            .iter()
            .map(ToString::to_string)
            .collect()
    }

    #[test]
    fn good_settings_pass() {
        assert_eq!(check(json!({"color": "red", "size": 9, "groups": {"include": ["a"]}})), [""; 0]);
    }

    #[test]
    fn each_mistake_is_told_in_words() {
        for (settings, expected) in [
            (json!({}), "`color` is missing"),
            (
                json!({"color": "gren"}),
                "`color` is \"gren\"; did you mean \"green\"? It can be \"red\", \"green\"",
            ),
            (json!({"color": 1}), "`color` is 1; it can be \"red\", \"green\""),
            (
                json!({"color": "red", "siez": 1}),
                "`siez` is not a setting of this plugin; did you mean `size`?",
            ),
            (
                json!({"color": "red", "zebra": 1}),
                "`zebra` is not a setting of this plugin; it knows color, groups, size",
            ),
            (json!({"color": "red", "size": "big"}), "`size` is \"big\", and has to be a whole number"),
            (json!({"color": "red", "size": 10}), "`size` is 10, and has to be at most 9"),
            (
                json!({"color": "red", "groups": {"includes": []}}),
                "`groups.includes` is not a setting of this plugin; did you mean `include`?",
            ),
            (
                json!({"color": "red", "groups": {"include": ["a", "B"]}}),
                "`groups.include.1` is \"B\", and has to be text that matches `^[a-z]+$`",
            ),
            (json!([]), "it is [], and has to be a table"),
        ] {
            assert_eq!(check(settings.clone()), [expected], "{settings}");
        }
        assert_eq!(check(json!({"size": 0, "x": 0})).len(), 3);
    }
}
