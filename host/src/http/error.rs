use std::path::PathBuf;
use std::time::Duration;

use super::cause::Cause;
use super::grant::Refusal;
use super::oauth::TokenError;

/// Why a request has no response. Nothing in here ever holds a secret: requests are named by method and path
/// without the query.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum HttpError {
    /// An option has a value that can't work.
    #[error("connector {connector}: `{key}` {reason}")]
    Option { connector: String, key: &'static str, reason: String },
    #[error("connector {connector}: the CA bundle {} can't be used: {reason}", .path.display())]
    CaBundle { connector: String, path: PathBuf, reason: String },
    /// The HTTP client could not be made.
    #[error("connector {connector}: HTTP can't be set up: {reason}")]
    Setup { connector: String, reason: String },
    /// Refused before anything was sent.
    #[error("connector {connector}: request {request} was not sent: {refusal}")]
    Refused { connector: String, request: String, refusal: Refusal },
    /// Redirects are never followed: the credential belongs to one origin.
    #[error("connector {connector}: {request} was answered with a redirect ({status}) to {location}")]
    Redirected { connector: String, request: String, status: u16, location: String },
    /// `seen` bytes had been unpacked when the transfer was stopped, or were announced.
    #[error(
        "connector {connector}: the response to {request} is over the limit of {limit} bytes \
         (response-limit-mib): stopped at {seen}"
    )]
    TooLarge { connector: String, request: String, limit: u64, seen: u64 },
    #[error("connector {connector}: no answer to {request} from {origin} after {attempts} {}: {cause}",
        if *.attempts == 1 { "attempt" } else { "attempts" })]
    NoAnswer { connector: String, request: String, origin: String, attempts: u32, cause: Cause },
    /// The provider gave the app that reads no token, or one that reads too little.
    #[error("connector {connector}: {error}")]
    Token { connector: String, error: Box<TokenError> },
    /// The run's time is up.
    #[error("connector {connector}: the run's deadline of {} passed during {request}", span(*.deadline))]
    Deadline { connector: String, request: String, deadline: Duration },
    /// The run's time would be up before the provider's limit allows the request.
    #[error(
        "connector {connector}: {request} would have to wait {} for rate limit `{bucket}`, but the run's \
         deadline leaves {}", span(*.wait), span(*.left)
    )]
    LimitBeyondDeadline { connector: String, request: String, bucket: String, wait: Duration, left: Duration },
}

impl HttpError {
    /// True when no answer came though the provider could be reached: asking for fewer entries at once may help.
    pub fn may_be_size(&self) -> bool {
        matches!(self, HttpError::NoAnswer { cause: Cause::Timeout | Cause::Transfer(_), .. })
    }

    /// What an admin can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            HttpError::Option { connector, key, .. } => {
                Some(format!("correct `{key}` in {}", table(connector)))
            }
            HttpError::CaBundle { connector, .. } => Some(format!(
                "`ca-bundle` in {} names a PEM file with one or more `BEGIN CERTIFICATE` blocks",
                table(connector)
            )),
            HttpError::Setup { .. } => Some(
                "install the system's CA certificates (the package is usually called ca-certificates)".into(),
            ),
            HttpError::Refused { connector, refusal, .. } => refusal.hint(&table(connector)),
            HttpError::Redirected { connector, .. } => Some(format!(
                "the credential is sent to the configured endpoint only; if the provider has moved, correct \
                 `endpoint` in [connector.{connector}]"
            )),
            HttpError::TooLarge { connector, limit, .. } => Some(format!(
                "if such a response is expected, set `response-limit-mib = {}` in {}",
                (limit >> 20).max(1).saturating_mul(2),
                table(connector)
            )),
            HttpError::NoAnswer { connector, cause, .. } => cause.hint(connector),
            HttpError::Token { connector, error } => {
                error.hint(&format!("[connector.{connector}.credential]"))
            }
            HttpError::Deadline { connector, .. } | HttpError::LimitBeyondDeadline { connector, .. } => {
                Some(format!("allow the run more time with `deadline-minutes` in {}", table(connector)))
            }
        }
    }
}

/// The table that holds a connector's HTTP options.
pub(super) fn table(connector: &str) -> String {
    format!("[connector.{connector}.http]")
}

/// `1.5s`, `61s`, `6h`: short, for messages.
pub(super) fn span(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match seconds {
        0..10 => format!("{:.1}s", duration.as_secs_f64()),
        10..120 => format!("{seconds}s"),
        120..7200 => format!("{}min", seconds / 60),
        _ => format!("{}h", seconds / 3600),
    }
}

/// Text of others in a message of ours: one line, no control characters, not long.
pub(super) fn quoted(text: &str) -> String {
    const MOST: usize = 200;
    let mut short: String = text.chars().take(MOST).flat_map(char::escape_default).collect();
    if text.chars().nth(MOST).is_some() {
        short.push('…');
    }
    short
}
