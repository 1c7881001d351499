use std::fmt;

use serde::{Deserialize, Serialize};

use super::value::Attribute;

/// A person as the provider, or a transform, describes them.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct User {
    /// The provider's immutable id: a rename keeps it.
    pub id: String,
    pub username: String,
    pub email: Option<String>,
    pub display_name: Option<String>,
    pub given_name: Option<String>,
    pub family_name: Option<String>,
    pub active: bool,
    pub attributes: Vec<Attribute>,
}

/// A group as the provider, or a transform, describes it.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Group {
    /// The provider's immutable id: a rename keeps it.
    pub id: String,
    pub name: String,
    pub description: Option<String>,
    pub attributes: Vec<Attribute>,
}

/// Whom or what something is about, by the provider's id.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Subject {
    User(String),
    Group(String),
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Subject::User(id) => write!(f, "user {id}"),
            Subject::Group(id) => write!(f, "group {id}"),
        }
    }
}

/// What a plugin says went wrong. The codes that the host acts on are documented in `wit/0.1/types.wit`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, thiserror::Error)]
#[error("{message}")]
pub struct PluginError {
    pub code: String,
    /// A lower-case fragment that reads well after "failed to …:".
    pub message: String,
    /// What an admin can do.
    pub hint: Option<String>,
    pub details: Vec<Attribute>,
}

impl PluginError {
    /// The cursor of a chain of requests is no longer accepted: begin again at its root request.
    pub const RESTART: &'static str = "restart";
    /// The same request is worth repeating.
    pub const RETRY: &'static str = "retry";
    /// What was asked for is not there.
    pub const NOT_FOUND: &'static str = "not-found";
    /// The plugin can't do what it was asked for.
    pub const UNSUPPORTED: &'static str = "unsupported";
    /// The credential may not read this.
    pub const FORBIDDEN: &'static str = "forbidden";
    /// The credential is no longer accepted, though it was.
    pub const REAUTHENTICATE: &'static str = "reauthenticate";
    /// What changed can't be told any more from where the last run ended: only a full run can.
    pub const FULL_NEEDED: &'static str = "full-needed";

    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: None, details: Vec::new() }
    }

    /// The message with the details that name the failure in the provider's own logs.
    pub fn with_references(&self) -> String {
        let told: Vec<String> = self
            .details
            .iter()
            .filter_map(|detail| match detail.value.to_json()? {
                serde_json::Value::String(path) if detail.name == "path" => Some(format!("setting {path}")),
                serde_json::Value::String(text) => Some(format!("{} {text}", detail.name)),
                other => Some(format!("{} {other}", detail.name)),
            })
            .collect();
        match told.is_empty() {
            true => self.message.clone(),
            false => format!("{} ({})", self.message, told.join(", ")),
        }
    }

    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Seen but unreadable: its subject stays as it is, and the run reports it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Problem {
    pub subject: Option<Subject>,
    pub error: PluginError,
}
