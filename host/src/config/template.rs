//! The text that `rollcall init` and `rollcall connector add` write.
//!
//! A line that begins with `#` and no space is a setting with its default, so that an admin sees what there is
//! and changes it by removing one character (which is why the headers above them are no comments). All of them without their `#` are a valid file.

use std::fmt::Write;
use std::path::Path;

use serde_json::Value;
use toml_edit::{Key, Value as Toml};

use super::connector::HttpOptions;
use crate::http::SecretSource;

/// A connector that is to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct NewConnector {
    pub name: String,
    /// A plugin's name.
    pub plugin: String,
    pub endpoint: String,
    /// A file's path is written as it is here.
    pub secret: SecretSource,
    pub scheme: Option<String>,
    pub username: Option<String>,
    /// The manifest's settings schema: its properties are shown with their defaults.
    pub schema: Value,
}

const WIDTH: usize = 100;

/// A whole new configuration.
pub fn new_file(connector: &NewConnector) -> String {
    format!(
        "# Rollcall's configuration. Relative paths are relative to the folder of this file.\n\
         # A line that begins with `#` and no space is a setting with its default.\n\
         \n\
         [directory]\n\
         # The database; the first sync makes it.\n\
         #path = \"{}\"\n\
         \n\
         {}",
        super::load::DEFAULT_DATABASE,
        block(connector)
    )
}

/// The tables of one connector. No empty line within a table, so that its comments go when it goes.
pub(super) fn block(connector: &NewConnector) -> String {
    let NewConnector { name, plugin, endpoint, secret, scheme, username, schema } = connector;
    let mut out = String::new();
    let mut line = |line: &str| {
        out.push_str(line);
        out.push('\n');
    };
    line(&format!("[connector.{}]", key(name)));
    line(&format!("plugin = {}", text(plugin)));
    line(&format!("endpoint = {}", text(endpoint)));
    let mut credential = match secret {
        SecretSource::Env(name) => format!("env = {}", text(name)),
        SecretSource::File(path) => format!("file = {}", text(&slashes(path))),
        SecretSource::Command(words) => {
            format!("command = [{}]", words.iter().map(|word| text(word)).collect::<Vec<_>>().join(", "))
        }
    };
    for (key, value) in [("scheme", scheme), ("username", username)] {
        if let Some(value) = value {
            write!(credential, ", {key} = {}", text(value)).expect("a string takes any text");
        }
    }
    line(&format!("credential = {{ {credential} }}"));

    let settings = settings(schema);
    if !settings.is_empty() {
        line("");
        line(&format!("[connector.{}.settings]", key(name)));
        settings.iter().for_each(|text| line(text));
    }
    line("");
    line(&format!("[connector.{}.http]", key(name)));
    let http = HttpOptions::default();
    for (help, setting, value) in [
        ("Requests in flight at once.", "parallel", http.parallel.to_string()),
        ("The part of the provider's rate limit that may be used; the rest is left to others.", "share", {
            http.share.to_string()
        }),
        (
            "The longest silence of the provider before an attempt counts as failed.",
            "timeout-seconds",
            http.timeout.as_secs().to_string(),
        ),
        ("How long the requests of one run may take in all.", "deadline-minutes", {
            (http.deadline.as_secs() / 60).to_string()
        }),
        ("How often one request is sent before it counts as failed.", "attempts", http.attempts.to_string()),
        ("The largest answer that is read.", "response-limit-mib", (http.response_limit >> 20).to_string()),
    ] {
        line(&format!("# {help}"));
        line(&format!("#{setting} = {value}"));
    }
    out
}

/// One commented line for each property of the schema that has a default, under its description.
fn settings(schema: &Value) -> Vec<String> {
    let mut lines = Vec::new();
    properties(schema, "", &mut lines);
    lines
}

fn properties(schema: &Value, prefix: &str, lines: &mut Vec<String>) {
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else { return };
    for (name, property) in properties {
        let name = format!("{prefix}{}", key(name));
        match property.get("default").and_then(toml) {
            Some(default) => {
                if let Some(description) = property.get("description").and_then(Value::as_str) {
                    lines.extend(wrapped(description));
                }
                lines.push(format!("#{name} = {default}"));
            }
            None => self::properties(property, &format!("{name}."), lines),
        }
    }
}

/// A comment of as many lines as it takes.
fn wrapped(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = "#".to_owned();
    for word in text.split_whitespace() {
        if line.len() > 1 && line.len() + 1 + word.len() > WIDTH {
            lines.push(std::mem::replace(&mut line, "#".to_owned()));
        }
        line.push(' ');
        line.push_str(word);
    }
    lines.push(line);
    lines
}

/// A JSON value in TOML, on one line; nothing for null, which TOML does not have.
pub(super) fn toml(value: &Value) -> Option<String> {
    Some(match value {
        Value::Null => return None,
        Value::Bool(_) | Value::Number(_) => value.to_string(),
        Value::String(string) => text(string),
        Value::Array(items) => {
            let items: Option<Vec<String>> = items.iter().map(toml).collect();
            format!("[{}]", items?.join(", "))
        }
        Value::Object(object) if object.is_empty() => "{}".to_owned(),
        Value::Object(object) => {
            let pairs: Option<Vec<String>> = object
                .iter()
                .map(|(name, value)| Some(format!("{} = {}", key(name), toml(value)?)))
                .collect();
            format!("{{ {} }}", pairs?.join(", "))
        }
    })
}

/// A quoted text on one line.
fn text(text: &str) -> String {
    let quoted = Toml::from(text).to_string();
    match quoted.contains('\n') {
        // toml_edit would write a text of several lines as such; JSON's notation of one is TOML's too.
        true => Value::String(text.to_owned()).to_string(),
        false => quoted,
    }
}

pub(super) fn key(name: &str) -> String {
    Key::new(name).display_repr().into_owned()
}

fn slashes(path: &Path) -> String {
    path.display().to_string()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::config::Config;

    pub(in crate::config) fn acme() -> NewConnector {
        NewConnector {
            name: "acme".into(),
            plugin: "okta".into(),
            endpoint: "acme.okta.com".into(),
            secret: SecretSource::Env("OKTA_TOKEN".into()),
            scheme: None,
            username: None,
            schema: serde_json::json!({
                "type": "object",
                "properties": {
                    "active-statuses": {
                        "type": "array",
                        "default": ["ACTIVE", "PROVISIONED"],
                        "description": "Users of these statuses are active. The others are read too, and kept as \
                            inactive, so that whoever leaves is seen to leave.",
                    },
                    "groups": {
                        "type": "object",
                        "properties": {
                            "include": { "default": [], "description": "Only groups that match one of these." },
                            "expression": { "type": "string" },
                            "prefix": { "default": "a \"quoted\"\nline" },
                            "odd key": { "default": { "a": 1.5, "b c": [true] } },
                        },
                    },
                    "page-size": { "default": 200 },
                    "nothing": { "default": null },
                },
            }),
        }
    }

    /// Every setting as if an admin had taken its `#` away.
    pub(in crate::config) fn uncommented(text: &str) -> String {
        let mut out = String::new();
        for line in text.lines() {
            let setting = line.strip_prefix('#').filter(|rest| !rest.is_empty() && !rest.starts_with(' '));
            out.push_str(setting.unwrap_or(line));
            out.push('\n');
        }
        out
    }

    #[test]
    fn new_file_is_valid_and_reads_well() {
        let text = new_file(&acme());
        let config = Config::parse("rollcall.toml".as_ref(), &text).unwrap();
        assert_eq!(config.connectors.len(), 1);
        insta::assert_snapshot!(text);
    }

    #[test]
    fn every_setting_that_is_shown_is_valid_and_the_default() {
        let shown = Config::parse("rollcall.toml".as_ref(), &uncommented(&new_file(&acme()))).unwrap();
        let silent = Config::parse("rollcall.toml".as_ref(), &new_file(&acme())).unwrap();
        assert_eq!(shown.directory(None).unwrap().path, silent.directory(None).unwrap().path);
        let (shown, silent) = (&shown.connectors["acme"], &silent.connectors["acme"]);
        assert_eq!(shown.http, silent.http);
        assert_eq!(
            shown.settings,
            serde_json::json!({
                "active-statuses": ["ACTIVE", "PROVISIONED"],
                "groups": {
                    "include": [],
                    "prefix": "a \"quoted\"\nline",
                    "odd key": { "a": 1.5, "b c": [true] },
                },
                "page-size": 200,
            })
        );
    }

    #[test]
    fn every_kind_of_secret_is_read_back() {
        for (secret, scheme, username) in [
            (SecretSource::Env("OKTA_TOKEN".into()), None, None),
            (SecretSource::File("/run/secrets/okta \"token\"".into()), Some("header"), None),
            (
                SecretSource::Command(vec!["pass".into(), "it's \"okta\"".into()]),
                Some("basic"),
                Some("svc\\x"),
            ),
        ] {
            let (scheme, username) = (scheme.map(str::to_owned), username.map(str::to_owned));
            let connector = NewConnector { secret, scheme, username, ..acme() };
            let config = Config::parse("/etc/rollcall.toml".as_ref(), &block(&connector)).unwrap();
            let credential = &config.connectors["acme"].credential;
            assert_eq!(credential.secret, connector.secret);
            assert_eq!(credential.scheme, connector.scheme);
            assert_eq!(credential.username, connector.username);
        }
    }
}
