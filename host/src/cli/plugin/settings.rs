use serde::Serialize;
use serde_json::Value;

/// One setting of a plugin, read from its schema.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Setting {
    /// Dotted: `groups.include`.
    pub key: String,
    /// In words: `text`, `list of text`, `"a" | "b"`, …
    pub kind: String,
    /// As JSON.
    pub default: Option<String>,
    pub required: bool,
    pub help: String,
}

/// The settings that a JSON Schema describes, tables inside of tables as dotted keys.
pub fn settings(schema: &Value) -> Vec<Setting> {
    let mut found = Vec::new();
    collect(schema, "", &mut found);
    found
}

fn collect(schema: &Value, prefix: &str, found: &mut Vec<Setting>) {
    let required: Vec<&str> =
        schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
    for (name, property) in schema["properties"].as_object().into_iter().flatten() {
        let key = format!("{prefix}{name}");
        if property["properties"].is_object() {
            collect(property, &format!("{key}."), found);
            continue;
        }
        found.push(Setting {
            kind: kind(property),
            default: property.get("default").map(Value::to_string),
            required: required.contains(&name.as_str()),
            help: property["description"].as_str().unwrap_or_default().to_owned(),
            key,
        });
    }
}

fn kind(schema: &Value) -> String {
    if let Some(options) = schema["enum"].as_array() {
        return options.iter().map(Value::to_string).collect::<Vec<_>>().join(" | ");
    }
    let words = |name: &str| match name {
        "string" => "text".to_owned(),
        "integer" => bounded("whole number", schema),
        "number" => bounded("number", schema),
        "boolean" => "true or false".to_owned(),
        "array" => format!("list of {}", kind(&schema["items"])),
        "object" => "table".to_owned(),
        other => other.to_owned(),
    };
    match &schema["type"] {
        Value::String(name) => words(name),
        Value::Array(names) => {
            names.iter().filter_map(Value::as_str).map(words).collect::<Vec<_>>().join(" or ")
        }
        _ => "anything".into(),
    }
}

fn bounded(name: &str, schema: &Value) -> String {
    match (&schema["minimum"], &schema["maximum"]) {
        (Value::Null, Value::Null) => name.to_owned(),
        (least, Value::Null) => format!("{name}, at least {least}"),
        (Value::Null, most) => format!("{name}, at most {most}"),
        (least, most) => format!("{name}, {least} to {most}"),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_becomes_a_list() {
        let schema = json!({
            "type": "object",
            "required": ["mode"],
            "properties": {
                "mode": { "enum": ["a", "b"], "description": "How." },
                "size": { "type": "integer", "minimum": 1, "maximum": 9, "default": 5 },
                "groups": { "type": "object", "properties": {
                    "include": { "type": "array", "items": { "type": "string" }, "default": [] },
                    "deep": { "type": ["string", "boolean"] },
                } },
            },
        });
        let mut lines: Vec<String> = settings(&schema)
            .into_iter()
            .map(|one| {
                format!(
                    "{}|{}|{}|{}|{}",
                    one.key,
                    one.kind,
                    one.default.unwrap_or_default(),
                    one.required,
                    one.help
                )
            })
            .collect();
        lines.sort();
        assert_eq!(
            lines,
            [
                "groups.deep|text or true or false||false|",
                "groups.include|list of text|[]|false|",
                "mode|\"a\" | \"b\"||true|How.",
                "size|whole number, 1 to 9|5|false|",
            ]
        );
    }
}
