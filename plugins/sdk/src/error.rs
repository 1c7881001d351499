use std::fmt;

use crate::{Attribute, Value};

/// Why something failed, in words that an admin understands.
///
/// ```
/// use rollcall_plugin::Error;
///
/// let error = Error::forbidden("the token may not list users")
///     .with_hint("give the token's owner the Read-only Administrator role")
///     .with_detail("http.status", 403);
/// assert_eq!(error.to_string(), "the token may not list users");
/// assert_eq!(error.code, Error::FORBIDDEN);
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Error {
    /// One of the constants of this type, or a code of the plugin's own.
    pub code: String,
    /// A lower-case fragment that reads well after "failed to …:".
    pub message: String,
    /// What an admin can do.
    pub hint: Option<String>,
    /// Facts to look the failure up by, such as the provider's request id.
    pub details: Vec<Attribute>,
}

impl Error {
    /// The connector's settings are wrong; the detail `path` names the key.
    pub const SETTINGS: &'static str = "settings";
    /// The credential is not accepted.
    pub const UNAUTHORIZED: &'static str = "unauthorized";
    /// The credential is accepted but may not read this.
    pub const FORBIDDEN: &'static str = "forbidden";
    /// What was asked for does not exist.
    pub const NOT_FOUND: &'static str = "not-found";
    /// Begin the chain of requests again at its root: a cursor is no longer accepted.
    pub const RESTART: &'static str = "restart";
    /// The same request is worth repeating.
    pub const RETRY: &'static str = "retry";
    /// Get a new credential and repeat the request once.
    pub const REAUTHENTICATE: &'static str = "reauthenticate";
    /// The answer is not what the provider's documentation promises.
    pub const UNEXPECTED: &'static str = "unexpected";
    /// The plugin doesn't do this.
    pub const UNSUPPORTED: &'static str = "unsupported";

    /// An error of any code.
    pub fn new(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self { code: code.into(), message: message.into(), hint: None, details: Vec::new() }
    }

    /// The setting at `path` (dotted keys, such as `groups.include.0`) is wrong.
    pub fn settings(path: impl Into<String>, message: impl fmt::Display) -> Self {
        let path = path.into();
        Self::new(Self::SETTINGS, message.to_string()).with_detail("path", path)
    }

    pub fn unauthorized(message: impl Into<String>) -> Self {
        Self::new(Self::UNAUTHORIZED, message)
    }

    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(Self::FORBIDDEN, message)
    }

    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(Self::NOT_FOUND, message)
    }

    pub fn unexpected(message: impl Into<String>) -> Self {
        Self::new(Self::UNEXPECTED, message)
    }

    pub fn unsupported(message: impl Into<String>) -> Self {
        Self::new(Self::UNSUPPORTED, message)
    }

    /// Says what an admin can do.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds a fact to look the failure up by.
    pub fn with_detail(mut self, name: impl Into<String>, value: impl Into<Value>) -> Self {
        self.details.push(Attribute::new(name, value));
        self
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
