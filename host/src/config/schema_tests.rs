use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::mistakes::{EVERYTHING, mistakes};
use super::super::template::tests::{acme, uncommented};
use super::super::{Config, new_file};
use super::*;

/// The parser's answer to a file, all of it.
fn parse(file: &Value) -> Result<(), String> {
    let text = toml::to_string(file).unwrap();
    let error = match Config::parse("rollcall.toml".as_ref(), &text) {
        Ok(_) => return Ok(()),
        Err(error) => error,
    };
    let answer = [Some(error.to_string()), error.detail(), error.hint()];
    Err(answer.into_iter().flatten().collect::<Vec<_>>().join("\n"))
}

fn accepts(schema: &Value, file: &Value) -> bool {
    jsonschema::draft202012::new(schema).unwrap().is_valid(file)
}

/// Text to what a schema sees of it: dates are texts.
fn read(text: &str) -> Option<Value> {
    fn json(value: toml::Value) -> Value {
        match value {
            toml::Value::Datetime(date) => date.to_string().into(),
            toml::Value::Table(table) => {
                table.into_iter().map(|(key, value)| (key, json(value))).collect::<Map<_, _>>().into()
            }
            toml::Value::Array(items) => items.into_iter().map(json).collect::<Vec<_>>().into(),
            other => serde_json::to_value(other).unwrap(),
        }
    }
    toml::from_str(text).ok().map(json)
}

/// A file that has every table.
fn everything() -> Value {
    read(EVERYTHING).unwrap()
}

/// Every table that the schema knows, with the JSON pointer of one in [`everything`].
fn tables(schema: &Value, at: &str, found: &mut Vec<(String, Value)>) {
    let Some(properties) = schema["properties"].as_object() else { return };
    found.push((at.to_owned(), schema.clone()));
    for (key, property) in properties {
        tables(property, &format!("{at}/{key}"), found);
        tables(&property["additionalProperties"], &format!("{at}/{key}/acme"), found);
        tables(&property["items"], &format!("{at}/{key}/0"), found);
    }
}

fn all_tables() -> Vec<(String, Value)> {
    let mut found = Vec::new();
    tables(&schema(&[]), "", &mut found);
    found
}

/// The file with another value there.
fn with(at: &str, key: &str, value: Value) -> Value {
    let mut file = everything();
    // Of the three places of a secret there is only one.
    if at.ends_with("/credential") && ["env", "file"].contains(&key) {
        file["connector"]["acme"]["credential"] = json!({});
    }
    // An app has no other secret.
    if at.ends_with("/private-key") {
        let mut place = json!({});
        if !["env", "file", "command"].contains(&key) {
            place["env"] = "OKTA_KEY".into();
        }
        file["connector"]["acme"]["credential"] = json!({ "client-id": "0oa1", "private-key": place });
    }
    file.pointer_mut(at).unwrap_or_else(|| panic!("the file has no {at}"))[key] = value;
    file
}

#[test]
fn parser_and_schema_know_the_same_keys() {
    let tables = all_tables();
    assert_eq!(tables.len(), 23, "{:?}", tables.iter().map(|(at, _)| at).collect::<Vec<_>>());
    for (at, table) in tables {
        // Whatever else stands in [directory] is another directory.
        assert!(table["additionalProperties"] == false || at == "/directory", "{at}");
        let known: BTreeSet<String> = table["properties"].as_object().unwrap().keys().cloned().collect();
        // A word that is near to none of them is answered with all of them.
        let file = with(&at, "quizzaciously", 1.into());
        assert!(!accepts(&schema(&[]), &file), "{at}");
        let answer = parse(&file).unwrap_err();
        let (_, hint) = answer.split_once("known here: ").unwrap_or_else(|| panic!("{at}: {answer}"));
        let parsers: BTreeSet<String> = hint.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        assert_eq!(parsers, known, "{at}");
    }
}

#[test]
fn parser_and_schema_know_the_same_types_and_ranges() {
    let schema = schema(&[]);
    let both = |at: &str, key: &str, value: Value, valid: bool| {
        let file = with(at, key, value);
        assert_eq!(accepts(&schema, &file), valid, "schema: {at} {key}: {file:#}");
        let answer = parse(&file);
        assert_eq!(answer.is_ok(), valid, "parser: {at} {key}: {answer:?}");
    };
    let mut numbers = 0;
    for (at, table) in all_tables() {
        for (key, property) in table["properties"].as_object().unwrap() {
            both(&at, key, true.into(), property["type"] == "boolean");
            match property["type"].as_str() {
                Some("string" | "boolean") => both(&at, key, 1.into(), false),
                Some("integer") => both(&at, key, "1".into(), false),
                _ => {}
            }
            if property["minLength"] == 1 {
                both(&at, key, "".into(), false);
            }
            if let (Some(least), Some("integer")) = (property["minimum"].as_i64(), property["type"].as_str())
            {
                numbers += 1;
                both(&at, key, least.into(), true);
                both(&at, key, (least - 1).into(), false);
            }
            if let Some(most) = property["maximum"].as_i64().filter(|_| property["type"] == "integer") {
                both(&at, key, most.into(), true);
                both(&at, key, (most + 1).into(), false);
            }
        }
    }
    assert_eq!(numbers, 11 + 7 + 2 * Limit::ALL.len());
}

#[test]
fn what_the_parser_takes_is_valid() {
    let schema = schema(&[]);
    assert!(accepts(&schema, &everything()));
    let template = new_file(&acme());
    assert!(accepts(&schema, &read(&template).unwrap()));
    assert!(accepts(&schema, &read(&uncommented(&template)).unwrap()), "with every default written out");
    assert!(accepts(&schema, &json!({})));
    for endpoint in
        ["acme.okta.com", "https://acme.okta.com/", "http://127.0.0.1:8080", "[::1]:80", "a.b/x?y=z@w"]
    {
        assert!(accepts(&schema, &with("/connector/acme", "endpoint", endpoint.into())), "{endpoint}");
        parse(&with("/connector/acme", "endpoint", endpoint.into())).unwrap();
    }
}

#[test]
fn the_defaults_are_those_of_a_file_that_says_nothing() {
    let mut defaults = 0;
    let mut file = everything();
    for (at, table) in all_tables() {
        for (key, property) in table["properties"].as_object().unwrap() {
            if let Some(default) = property.get("default") {
                file.pointer_mut(&at).unwrap()[key] = default.clone();
                defaults += 1;
            }
        }
    }
    let parse = |text: &str| Config::parse("rollcall.toml".as_ref(), text).unwrap();
    let silent = parse("[connector.acme]\nplugin = 'okta'\nendpoint = 'a.b'\ncredential.env = 'T'\n");
    file["connector"]["acme"]["limits"] = json!({});
    // Without them, nobody is treated in another way than the table says.
    for key in ["rule", "inactivity"] {
        file["connector"]["acme"]["cleanup"].as_object_mut().unwrap().remove(key);
    }
    for key in ["proxy", "ca-bundle"] {
        file["connector"]["acme"]["http"].as_object_mut().unwrap().remove(key);
    }
    let written = parse(&toml::to_string(&file).unwrap());
    assert_eq!(written.directory(None).unwrap().path, silent.directory(None).unwrap().path);
    assert_eq!(written.plugins.limits, silent.plugins.limits);
    assert_eq!(written.notify.on, silent.notify.on);
    assert_eq!(written.connectors["acme"].policy, silent.connectors["acme"].policy);
    assert_eq!(written.connectors["acme"].http, silent.connectors["acme"].http);
    assert_eq!(written.connectors["acme"].reading, silent.connectors["acme"].reading);
    assert_eq!(defaults, 1 + 12 + 10 + 12 + 5 + 2 + Limit::ALL.len());
}

/// Mistakes that only the parser can see: most of them because the text is no TOML at all.
const BEYOND_SCHEMAS: &[&str] = &[
    "not TOML",
    "no value",
    "quotes forgotten",
    "a quote forgotten",
    "typographic quotes",
    "a colon for an equals sign",
    "JSON",
    "a space in a key",
    // More than 64 bits: the reader of these tests refuses it, too.
    "number too large",
    "a key twice",
    "a table twice",
    "token without quotes",
    // What a calendar has, and which zones there are.
    "schedule with a wrong hour",
    "schedule with a wrong day",
    "schedule of changes with a wrong minute",
    "schedule that never comes",
    "time zone unknown",
    "time zone as offset",
    // Which names and files stand elsewhere.
    "directory that is not there",
    "directory that is nowhere",
    "two directories in one file",
    "order of another directory",
    // A schema knows no CEL.
    "protect misspelt",
    "protect groups misspelt",
    "condition of cleanup",
    // A schema sees no difference between `nan` and what it does not know the type of.
    "setting that is no number",
];

#[test]
fn what_the_parser_refuses_the_schema_refuses() {
    let schema = schema(&[]);
    let mut seen = BTreeSet::new();
    for (name, text) in mistakes() {
        if BEYOND_SCHEMAS.contains(&name) {
            seen.insert(name);
            continue;
        }
        let file = read(&text).unwrap_or_else(|| panic!("{name} is no TOML"));
        assert!(!accepts(&schema, &file), "{name}: {text}");
    }
    assert_eq!(seen.len(), BEYOND_SCHEMAS.len());
}

fn manifest(name: &str, kind: &str, settings: Value) -> Manifest {
    let manifest =
        json!({ "name": name, "version": "1.0.0", "kind": kind, "summary": "", "settings": settings });
    serde_json::from_value(manifest).unwrap()
}

#[test]
fn settings_are_those_of_the_connectors_plugin() {
    let okta = json!({
        "type": "object",
        "additionalProperties": false,
        "$defs": { "names": { "type": "array", "items": { "type": "string" } } },
        "properties": { "attributes": { "$ref": "#/$defs/names" } },
    });
    let staff = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["groups"],
        "properties": { "groups": { "type": "array" } },
    });
    let (okta, staff) = (manifest("okta", "source", okta), manifest("staff", "transform", staff));
    let schema = schema(&[&okta, &staff]);
    let valid = |lines: &str| {
        let good = "[connector.acme]\nplugin = 'okta'\nendpoint = 'a.b'\ncredential.env = 'T'\n";
        accepts(&schema, &read(&format!("{good}{lines}\n")).unwrap())
    };
    assert!(valid(""));
    assert!(valid("settings.attributes = ['a']"));
    assert!(!valid("settings.attributes = [1]"), "its references are followed");
    assert!(!valid("settings.atributes = ['a']"));
    assert!(valid("[[connector.acme.transform]]\nplugin = 'staff'\nsettings.groups = []"));
    assert!(!valid("[[connector.acme.transform]]\nplugin = 'staff'"), "groups are required");
    assert!(!valid("[[connector.acme.transform]]\nplugin = 'staff'\nsettings.group = []"));
    assert!(valid("[[connector.acme.transform]]\nplugin = 'other'\nsettings.group = []"), "who knows");
}
