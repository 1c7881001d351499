use serde_json::Value;

use crate::state::Access;

/// An app of the kind "API Services", as an administrator registers it.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServiceApp {
    pub client_id: String,
    /// Public keys as JWK (RFC 7517); any of them may have signed.
    pub keys: Vec<Value>,
    /// Granted scopes, such as `okta.users.read`.
    pub scopes: Vec<String>,
    /// What its admin role lets it see.
    #[serde(default = "full")]
    pub access: Access,
    /// Whether a proof of possession is demanded, as Okta does of new apps.
    #[serde(default = "yes")]
    pub dpop: bool,
    /// Whether a request with a scope that was not granted is refused as a whole.
    #[serde(default)]
    pub strict_scopes: bool,
    /// How long a token lives: an hour in Okta.
    #[serde(default = "hour")]
    pub token_seconds: u64,
}

fn full() -> Access {
    Access::Full
}

fn yes() -> bool {
    true
}

fn hour() -> u64 {
    3600
}

impl ServiceApp {
    /// An app with these keys that was granted these scopes, with a role that sees everything, DPoP, and tokens of an
    /// hour.
    pub fn new(client_id: impl Into<String>, keys: Vec<Value>, scopes: &[&str]) -> Self {
        Self {
            client_id: client_id.into(),
            keys,
            scopes: scopes.iter().map(|scope| (*scope).to_owned()).collect(),
            access: full(),
            dpop: yes(),
            strict_scopes: false,
            token_seconds: hour(),
        }
    }
}
