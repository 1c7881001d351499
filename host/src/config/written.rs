//! The file as it is written: what serde reads. Every rule beyond "which keys, of which type" is in `check`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::plugin::LimitOverrides;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct File {
    pub directory: Directory,
    pub plugins: Plugins,
    pub connector: BTreeMap<String, Connector>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Directory {
    pub path: Option<PathBuf>,
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
    #[serde(default)]
    pub settings: toml::Table,
    #[serde(default)]
    pub http: Http,
    #[serde(default)]
    pub limits: LimitOverrides,
    #[serde(default)]
    pub cleanup: super::cleanup::Written,
    #[serde(default)]
    pub transform: Vec<Transform>,
}

/// Exactly one of `env`, `file` and `command`; three optional keys rather than an untagged enum, because then
/// every mistake can be named.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
pub(super) struct Credential {
    pub env: Option<String>,
    pub file: Option<PathBuf>,
    pub command: Option<Vec<String>>,
    pub scheme: Option<String>,
    pub username: Option<String>,
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
