//! The file as it is written: what serde reads. Every rule beyond "which keys, of which type" is in `check`.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::plugin::LimitOverrides;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct File {
    pub directory: Directory,
    pub plugins: Plugins,
    pub notify: Notify,
    pub runs: Runs,
    pub connector: BTreeMap<String, Connector>,
}

/// The unnamed directory, with the tables of the others. By hand, because nothing else lets every other key be a name.
#[derive(Debug, Default)]
pub(super) struct Directory {
    pub path: Option<PathBuf>,
    pub order: Vec<String>,
    pub named: BTreeMap<String, NamedDirectory>,
}

impl Directory {
    pub const KEYS: [&str; 2] = ["path", "order"];
}

/// What stands under a key of `[directory]` that is none of its own.
#[derive(Debug)]
pub(super) enum NamedDirectory {
    Table(DirectoryTable),
    /// No table: a mistyped key.
    Other,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct DirectoryTable {
    pub path: Option<PathBuf>,
    pub order: Vec<String>,
}

impl<'de> Deserialize<'de> for Directory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Keys;

        impl<'de> Visitor<'de> for Keys {
            type Value = Directory;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Directory, A::Error> {
                let mut directory = Directory::default();
                while let Some(key) = map.next_key::<String>()? {
                    match key.as_str() {
                        "path" => directory.path = Some(map.next_value()?),
                        "order" => directory.order = map.next_value()?,
                        _ => drop(directory.named.insert(key, map.next_value()?)),
                    }
                }
                Ok(directory)
            }
        }

        deserializer.deserialize_map(Keys)
    }
}

impl<'de> Deserialize<'de> for NamedDirectory {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = NamedDirectory;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table")
            }

            fn visit_str<E: Error>(self, _: &str) -> Result<NamedDirectory, E> {
                Ok(NamedDirectory::Other)
            }

            fn visit_bool<E: Error>(self, _: bool) -> Result<NamedDirectory, E> {
                Ok(NamedDirectory::Other)
            }

            fn visit_i64<E: Error>(self, _: i64) -> Result<NamedDirectory, E> {
                Ok(NamedDirectory::Other)
            }

            fn visit_f64<E: Error>(self, _: f64) -> Result<NamedDirectory, E> {
                Ok(NamedDirectory::Other)
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<NamedDirectory, A::Error> {
                while items.next_element::<IgnoredAny>()?.is_some() {}
                Ok(NamedDirectory::Other)
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<NamedDirectory, A::Error> {
                DirectoryTable::deserialize(MapAccessDeserializer::new(map)).map(NamedDirectory::Table)
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Runs {
    pub keep_days: Option<i64>,
    pub keep_runs: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Plugins {
    pub path: Option<PathBuf>,
    pub limits: LimitOverrides,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct Connector {
    pub plugin: String,
    pub plugin_version: Option<String>,
    pub plugin_sha256: Option<String>,
    pub endpoint: String,
    pub credential: Credential,
    pub directory: Option<String>,
    pub schedule: Option<Schedule>,
    /// What references hold, by name: text, or `false`.
    #[serde(default)]
    pub references: BTreeMap<String, toml::Value>,
    #[serde(default)]
    pub entries: Entries,
    #[serde(default)]
    pub settings: toml::Table,
    #[serde(default)]
    pub http: Http,
    #[serde(default)]
    pub reading: super::reading::Written,
    #[serde(default)]
    pub limits: LimitOverrides,
    #[serde(default)]
    pub cleanup: super::cleanup::Written,
    #[serde(default)]
    pub conflicts: super::conflicts::Written,
    #[serde(default)]
    pub safety: Safety,
    #[serde(default)]
    pub transform: Vec<Transform>,
}

/// Limits are whatever is written, because each can be a number, a text or a table.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Safety {
    pub disables: Option<toml::Value>,
    pub deletes: Option<toml::Value>,
    pub removals: Option<toml::Value>,
    pub renames: Option<toml::Value>,
    pub listing: Option<toml::Value>,
    pub groups_emptied: Option<toml::Value>,
    pub on_limit: Option<String>,
    pub protect: Vec<String>,
    pub protect_groups: Vec<String>,
    pub protect_groups_when: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Entries {
    pub group_names: Option<String>,
    pub only_at_creation: Vec<String>,
    pub keep_local: Vec<String>,
}

/// Exactly one of `env`, `file`, `command` and `private-key`; optional keys rather than an untagged enum, because then
/// every mistake can be named.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct Credential {
    pub env: Option<String>,
    pub file: Option<PathBuf>,
    pub command: Option<Vec<String>>,
    pub scheme: Option<String>,
    pub username: Option<String>,
    pub client_id: Option<String>,
    pub private_key: Option<PrivateKey>,
    pub key_id: Option<String>,
    pub scopes: Option<Vec<String>>,
}

/// Exactly one of them, like [`Credential`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct PrivateKey {
    pub env: Option<String>,
    pub file: Option<PathBuf>,
    pub command: Option<Vec<String>>,
}

/// Numbers are `i64` here so that one out of range is answered with the range instead of a Rust type.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Http {
    pub parallel: Option<i64>,
    pub share: Option<f64>,
    pub timeout_seconds: Option<i64>,
    pub deadline_minutes: Option<i64>,
    pub attempts: Option<i64>,
    pub response_limit_mib: Option<i64>,
    pub proxy: Option<String>,
    pub ca_bundle: Option<PathBuf>,
    pub allow: Vec<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct Transform {
    pub plugin: String,
    pub plugin_version: Option<String>,
    pub plugin_sha256: Option<String>,
    #[serde(default)]
    pub settings: toml::Table,
}

/// `schedule = "@daily"`, or a table.
#[derive(Debug)]
pub(super) enum Schedule {
    Short(String),
    Table(ScheduleTable),
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "text or a table")]
pub(super) struct ScheduleTable {
    pub full: Option<String>,
    pub changes: Option<String>,
    pub full_every_hours: Option<i64>,
    pub time_zone: Option<String>,
    pub jitter_seconds: Option<i64>,
    pub alert_after_hours: Option<i64>,
}

/// By hand, because an untagged enum could not say which key is wrong.
impl<'de> Deserialize<'de> for Schedule {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;

        impl<'de> Visitor<'de> for Either {
            type Value = Schedule;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a table")
            }

            fn visit_str<E: Error>(self, text: &str) -> Result<Schedule, E> {
                Ok(Schedule::Short(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Schedule, A::Error> {
                ScheduleTable::deserialize(MapAccessDeserializer::new(map)).map(Schedule::Table)
            }
        }

        deserializer.deserialize_any(Either)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Notify {
    pub command: Option<Vec<String>>,
    pub webhook: Option<Webhook>,
    pub on: Option<Vec<String>>,
}

/// Exactly one of them, like [`Credential`].
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct Webhook {
    pub url: Option<String>,
    pub env: Option<String>,
    pub file: Option<PathBuf>,
}
