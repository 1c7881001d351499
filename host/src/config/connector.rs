use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use url::Url;

use super::schedule::Schedule;
use crate::http::{Allow, SecretSource};
use crate::plugin::Limits;
use crate::run::{Policy, Skipping};

/// One configured use of a source plugin.
#[derive(Debug, Clone, PartialEq)]
pub struct Connector {
    pub plugin: PluginChoice,
    /// As written; the manifest's endpoint rules are applied to it where it is used.
    pub endpoint: String,
    pub credential: Credential,
    /// The directory that it fills, by name; nothing for that of `[directory]`.
    pub directory: Option<String>,
    /// Without one only a person's command syncs it.
    pub schedule: Option<Schedule>,
    /// A JSON object. Handed to the plugin once it matches the manifest's schema.
    pub settings: Value,
    /// What the references between people hold here, by name, where that is not what the plugin's manifest says.
    pub references: BTreeMap<String, ReferenceChoice>,
    pub http: HttpOptions,
    /// What a full run need not ask for.
    pub reading: Skipping,
    /// What the plugin and the transforms may use: its own limits over those of `[plugins.limits]`.
    pub limits: Limits,
    /// In the order of the file.
    pub transforms: Vec<TransformUse>,
    pub policy: Policy,
}

/// What an organisation uses a reference between people for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReferenceChoice {
    /// It is not resolved.
    Off,
    /// What of the other person it holds: `id`, `userName`, `email`, or the name of an attribute.
    Key(String),
}

/// Which plugin: by its manifest's name, and optionally exactly which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PluginChoice {
    pub name: String,
    pub version: Option<String>,
    /// Lower-case hex SHA-256 of the component.
    pub sha256: Option<String>,
}

/// How to authenticate. Holds no secret: only where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// Of an app: its private key.
    pub secret: SecretSource,
    /// One of the manifest's schemes (`header`, `bearer`, `basic`, `oauth2-client-credentials`); `None`: the manifest's
    /// first.
    pub scheme: Option<String>,
    /// For the scheme `basic`.
    pub username: Option<String>,
    /// For the scheme `oauth2-client-credentials`.
    pub app: Option<App>,
}

/// An app that the provider knows by its public key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    pub client_id: String,
    /// Which of its keys; `None`: what the key itself says.
    pub key_id: Option<String>,
    /// `None`: those that the plugin's manifest asks for.
    pub scopes: Option<Vec<String>>,
}

/// How requests are made.
#[derive(Debug, Clone, PartialEq)]
pub struct HttpOptions {
    /// Requests in flight at once, 1 to 64.
    pub parallel: u32,
    /// Of the provider's rate limit, above 0 and at most 1.
    pub share: f64,
    /// The longest silence of the provider before an attempt counts as failed.
    pub timeout: Duration,
    /// How long the requests of a run may take in all.
    pub deadline: Duration,
    /// How often one request is sent before it counts as failed, 1 to 20.
    pub attempts: u32,
    /// In bytes, decompressed.
    pub response_limit: u64,
    pub proxy: Option<Url>,
    /// PEM file of certificates to trust besides the public ones.
    pub ca_bundle: Option<PathBuf>,
    /// What the plugin may do beyond GET, as far as its manifest asks for it.
    pub allow: Vec<Allow>,
}

impl HttpOptions {
    pub const PARALLEL: RangeInclusive<u64> = 1..=64;
    pub const TIMEOUT_SECONDS: RangeInclusive<u64> = 1..=3600;
    /// A week: longer than the longest first reading anybody has reported.
    pub const DEADLINE_MINUTES: RangeInclusive<u64> = 1..=7 * 24 * 60;
    pub const ATTEMPTS: RangeInclusive<u64> = 1..=20;
    pub const RESPONSE_LIMIT_MIB: RangeInclusive<u64> = 1..=1024;
}

impl Default for HttpOptions {
    fn default() -> Self {
        Self {
            parallel: 8,
            share: 0.8,
            timeout: Duration::from_secs(60),
            deadline: Duration::from_secs(360 * 60),
            attempts: 4,
            response_limit: 64 << 20,
            proxy: None,
            ca_bundle: None,
            allow: Vec::new(),
        }
    }
}

/// One step between the mirror and the directory.
#[derive(Debug, Clone, PartialEq)]
pub struct TransformUse {
    pub plugin: PluginChoice,
    pub settings: Value,
}
