//! The manifest and the crate's documentation say what is true.

use rollcall_plugin::{Transform as _, Verdict};
use serde_json::{Value, json};

use crate::company::{ann, groups, read, rules};

/// The TOML examples of the crate's documentation, in order.
fn examples() -> Vec<String> {
    let docs: String = include_str!("../../src/lib.rs")
        .lines()
        .filter_map(|line| line.strip_prefix("//!"))
        .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
        .collect();
    docs.split("```")
        .skip(1)
        .step_by(2)
        .filter_map(|block| block.strip_prefix("toml\n"))
        .map(str::to_owned)
        .collect()
}

fn manifest() -> toml::Table {
    toml::from_str(include_str!("../../plugin.toml")).expect("the manifest is TOML")
}

fn schema() -> Value {
    serde_json::to_value(&manifest()["settings"]).expect("TOML without dates is JSON")
}

#[test]
fn every_example_is_valid_and_loads() {
    let schema = jsonschema::validator_for(&schema()).expect("the schema is a schema");
    let examples = examples();
    assert_eq!(examples.len(), 6);
    for example in examples {
        let settings = example.replace("connector.acme.transform.settings.", "");
        let settings = settings.replace("[[connector.acme.transform]]\nplugin = \"rules\"\n", "");
        let value = serde_json::to_value(toml::from_str::<toml::Table>(&settings).unwrap()).unwrap();
        let errors: Vec<String> = schema.iter_errors(&value).map(|error| error.to_string()).collect();
        assert!(errors.is_empty(), "{settings}\n{errors:?}");
        rules(&settings);
    }
}

#[test]
fn the_examples_do_what_they_say() {
    let examples = examples();
    assert_eq!(
        groups(
            &examples[2],
            &["ops", "eng-core", "eng-tmp-1", "Sales EMEA", "sales-portal", "Product", "other"]
        ),
        [
            "operations",
            "engineering core",
            "drop: temporary",
            "(sales)",
            "(sales-portal)",
            "product",
            "drop: by the rule \"groups.0\""
        ]
    );
    let Verdict::Keep(person) = rules(&examples[4]).shape_person(ann()).unwrap() else { panic!("kept") };
    for (name, value) in [
        ("email", "Ann.Ang@acme.example"),
        ("displayName", "Ann Ångström"),
        ("userName", "ann.ang"),
        ("profile.country", "Germany"),
        ("profile.started", "24.11.2026"),
        ("profile.title", "Employee"),
        ("active", "true"),
    ] {
        assert_eq!(read(&person, name), value, "{name}");
    }
    let Verdict::Keep(person) = rules(&examples[5]).shape_person(ann()).unwrap() else { panic!("kept") };
    assert_eq!(read(&person, "groups"), "Everyone|eng-core|Sales EMEA|All Staff");
    assert!(
        matches!(rules(&examples[3]).shape_person(ann()).unwrap(), Verdict::Drop(reason) if reason == "neither staff nor intern")
    );
}

#[test]
fn the_manifest_tells_the_defaults() {
    let schema = schema();
    let properties = schema["properties"].as_object().unwrap();
    let defaults: serde_json::Map<String, Value> =
        properties.iter().map(|(name, property)| (name.clone(), property["default"].clone())).collect();
    let read: rollcall_rules::Settings = serde_json::from_value(Value::Object(defaults)).unwrap();
    assert_eq!(read, rollcall_rules::Settings::default());
}

#[test]
fn what_the_manifest_describes_is_what_is_read() {
    let schema = schema();
    let validator = jsonschema::validator_for(&schema).unwrap();
    // Each key of each rule, alone: the plugin may find the rule wrong, but knows the key.
    for list in ["groups", "people"] {
        let keys = schema["properties"][list]["items"]["properties"].as_object().unwrap();
        assert!(keys.len() > 10);
        for (key, property) in keys {
            assert!(property["description"].is_string(), "{list}.{key} is described");
            let value = match (&property["type"], &property["enum"]) {
                (_, Value::Array(options)) => options[0].clone(),
                (Value::String(kind), _) if kind == "boolean" => json!(true),
                (Value::String(kind), _) if kind == "array" => json!(["trim"]),
                (Value::String(kind), _) if kind == "object" => json!({"a": "b"}),
                _ => json!("x"),
            };
            let settings = json!({ list: [{ key: value }] });
            assert!(validator.is_valid(&settings), "{settings}");
            serde_json::from_value::<rollcall_rules::Settings>(settings.clone())
                .unwrap_or_else(|e| panic!("{settings}: {e}"));
        }
        let unknown = json!({ list: [{ "colour": 1 }] });
        assert!(
            !validator.is_valid(&unknown)
                && serde_json::from_value::<rollcall_rules::Settings>(unknown).is_err()
        );
    }
    let steps = &schema["properties"]["people"]["items"]["properties"]["steps"]["items"];
    for name in ["trim", "lower", "upper", "first", "last", "unique"] {
        let settings = json!({ "people": [{ "set": "x", "steps": [name] }] });
        assert!(validator.is_valid(&settings));
        serde_json::from_value::<rollcall_rules::Settings>(settings).unwrap();
    }
    for (name, property) in steps["properties"].as_object().unwrap() {
        assert!(property["description"].is_string());
        let value = if name == "replace" { json!({ "pattern": "a", "with": "b" }) } else { json!("x") };
        let settings = json!({ "people": [{ "set": "x", "steps": [{ name: value }] }] });
        assert!(validator.is_valid(&settings), "{settings}");
        serde_json::from_value::<rollcall_rules::Settings>(settings).unwrap();
    }
    for wrong in [
        json!("trimm"),
        json!({}),
        json!({ "before": "a", "after": "b" }),
        json!({ "colour": "a" }),
        json!(7),
    ] {
        let settings = json!({ "people": [{ "set": "x", "steps": [wrong] }] });
        assert!(!validator.is_valid(&settings), "{settings}");
        assert!(serde_json::from_value::<rollcall_rules::Settings>(settings).is_err());
    }
}
