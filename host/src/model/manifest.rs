use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What a plugin says of itself, before any of its code runs.
///
/// Written by an author as `plugin.toml` beside the plugin's source; `rollcall plugin build` checks it, stamps
/// [`api`](Manifest::api) and embeds it, as JSON, in the component's custom section
/// [`SECTION`](Manifest::SECTION).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Manifest {
    /// `[a-z][a-z0-9-]*`: what a connector's `plugin` names.
    pub name: String,
    /// The plugin's own version (semver).
    pub version: String,
    pub kind: PluginKind,
    /// The contract that the plugin was built for, such as `0.1`. Stamped by the build, never typed.
    #[serde(default)]
    pub api: String,
    /// One line for `rollcall plugin list`.
    pub summary: String,
    /// Sources: how an admin names the provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<EndpointRules>,
    /// Sources: what the plugin may request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub http: Option<HttpRules>,
    /// Sources: the ways to authenticate, the recommended one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub credential: Vec<CredentialRule>,
    /// Sources: how the provider tells its rate limits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate_limit: Option<RateLimitRules>,
    /// Sources: the attributes that name another person.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reference: Vec<ReferenceRule>,
    /// JSON Schema (2020-12) of the connector's settings, with `default` and `description` for forms.
    #[serde(default = "any_object")]
    pub settings: serde_json::Value,
}

impl Manifest {
    /// The name of the custom section that holds the manifest.
    pub const SECTION: &'static str = "rollcall:manifest";
}

fn any_object() -> serde_json::Value {
    serde_json::json!({ "type": "object", "additionalProperties": false })
}

/// An attribute of people that names another person, such as a manager. The host finds out who that is: in the
/// directory the attribute [`name`](Self::name) holds the key of that person's entry, which no rename changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ReferenceRule {
    /// The attribute that holds the reference: `profile.managerId`.
    pub attribute: String,
    /// What of the other person it holds: `id`, `userName`, `email`, or the name of an attribute. A connector may
    /// say another one.
    pub key: String,
    /// What the resolved reference is called: `manager`.
    #[serde(rename = "as")]
    pub name: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginKind {
    Source,
    Transform,
}

impl fmt::Display for PluginKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            PluginKind::Source => "source",
            PluginKind::Transform => "transform",
        })
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct EndpointRules {
    /// What to ask an admin for: "Okta domain".
    pub label: String,
    /// What an answer looks like: "acme.okta.com".
    pub example: String,
    /// Prefixed to every path that the plugin asks for. Empty, or `/…` without a final slash.
    #[serde(default)]
    pub base_path: String,
    /// Tried in order on the host name; the first match applies.
    #[serde(default)]
    pub rewrite: Vec<HostRewrite>,
}

/// `acme-admin.okta.com` → `acme.okta.com`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HostRewrite {
    /// A regular expression that has to match the whole host name.
    #[serde(rename = "match")]
    pub pattern: String,
    /// With `$1`, `$2`, …
    pub replace: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct HttpRules {
    /// GET is granted; anything else needs the admin's word in the connector's `allow`.
    pub methods: Vec<super::Method>,
    /// Path prefixes, before the base path is added.
    pub paths: Vec<String>,
    /// Lower-case names of the headers that the plugin may set.
    #[serde(default)]
    pub request_headers: Vec<String>,
    /// Lower-case names of the headers that the plugin is shown.
    #[serde(default)]
    pub response_headers: Vec<String>,
    /// The response header that names a request in the provider's own logs; quoted in errors.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<String>,
    /// The request header in which a repetition names the request that it repeats, by what `request-id` gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_for: Option<String>,
    /// The request header in which a repetition says how many there were, itself counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_count: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "scheme", rename_all = "kebab-case", rename_all_fields = "kebab-case", deny_unknown_fields)]
pub enum CredentialRule {
    /// `HEADER: PREFIXsecret`, such as `authorization: SSWS 00abc…`.
    Header {
        header: String,
        #[serde(default)]
        prefix: String,
        label: String,
        #[serde(default)]
        help: String,
    },
    /// `authorization: Bearer secret`.
    Bearer {
        label: String,
        #[serde(default)]
        help: String,
    },
    /// `authorization: Basic …` of the connector's `username` and the secret.
    Basic {
        label: String,
        #[serde(default)]
        help: String,
    },
    /// `authorization: DPoP …` or `Bearer …` of an access token, for which an app of the provider signs with its
    /// private key.
    Oauth2ClientCredentials(ServiceAppRule),
}

/// How an app of the provider gets its access tokens: by `private_key_jwt` (RFC 7523), with a proof of possession
/// (DPoP, RFC 9449) that a provider without it ignores.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ServiceAppRule {
    /// Where tokens are asked for, under the endpoint: `/oauth2/v1/token`.
    pub token_path: String,
    /// What is asked for, unless the connector names scopes itself.
    pub scopes: Vec<ScopeRule>,
    /// A 403 whose body holds this text is about the token and not about what it may do: once, a new token is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_ended: Option<String>,
    pub label: String,
    #[serde(default)]
    pub help: String,
}

/// A scope that the plugin's requests need.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ScopeRule {
    /// `okta.users.read`
    pub scope: String,
    /// What can't be read without it: "users".
    pub reads: String,
    /// It is only asked for when the connector has this setting.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub setting: Option<String>,
}

impl CredentialRule {
    /// The scheme of [`Oauth2ClientCredentials`](Self::Oauth2ClientCredentials).
    pub const SERVICE_APP: &'static str = "oauth2-client-credentials";

    /// The word that a connector's `credential.scheme` uses.
    pub fn scheme(&self) -> &'static str {
        match self {
            CredentialRule::Header { .. } => "header",
            CredentialRule::Bearer { .. } => "bearer",
            CredentialRule::Basic { .. } => "basic",
            CredentialRule::Oauth2ClientCredentials(_) => Self::SERVICE_APP,
        }
    }

    /// What to ask an admin for: "API token".
    pub fn label(&self) -> &str {
        match self {
            CredentialRule::Header { label, .. }
            | CredentialRule::Bearer { label, .. }
            | CredentialRule::Basic { label, .. }
            | CredentialRule::Oauth2ClientCredentials(ServiceAppRule { label, .. }) => label,
        }
    }

    /// Where an admin finds one.
    pub fn help(&self) -> &str {
        match self {
            CredentialRule::Header { help, .. }
            | CredentialRule::Bearer { help, .. }
            | CredentialRule::Basic { help, .. }
            | CredentialRule::Oauth2ClientCredentials(ServiceAppRule { help, .. }) => help,
        }
    }
}

/// How the provider tells its limits. Header names are lower case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct RateLimitRules {
    /// Requests allowed in a window.
    pub limit_header: String,
    /// Requests left in this window.
    pub remaining_header: String,
    /// When the window ends, in `reset-unit`.
    pub reset_header: String,
    pub reset_unit: ResetUnit,
    /// How long a window lasts, for when a 429 comes without a reset header.
    pub window_seconds: u32,
    /// How a 429 says "too many at once" rather than "too many in this window".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencySignal>,
    /// The buckets that the plugin's requests name, each with what draws on it.
    pub buckets: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ResetUnit {
    /// Seconds since 1970, compared with the response's own `Date`, never with the local clock.
    EpochSeconds,
    /// Seconds from now.
    Seconds,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ConcurrencySignal {
    /// The limit header of a 429 is 0 (Okta, FACTS of its rate limits).
    LimitZero,
}
