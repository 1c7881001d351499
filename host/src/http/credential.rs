use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{self, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::cassette::Scrub;
use super::oauth::{AppOptions, KeyError, ServiceApp, SigningKey};
use super::secret::SecretSource;
use crate::model::CredentialRule;

/// What proves to a provider who we are. The secret is in no `Debug`, error, log or recording.
#[derive(Clone)]
pub struct Credential {
    kind: Kind,
    identity: String,
}

#[derive(Clone)]
enum Kind {
    Header {
        header: HeaderName,
        value: HeaderValue,
        /// What must never be recorded.
        secrets: Vec<Zeroizing<String>>,
    },
    App(Arc<ServiceApp>),
}

/// Why there is no credential. Names the source, never what was found there.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum CredentialError {
    #[error("environment variable {variable} is not set")]
    NotSet { variable: String },
    #[error("the secret in {source_name} is empty")]
    Empty { source_name: String },
    #[error("the secret's file {} can't be read: {reason}", .path.display())]
    Unreadable { path: PathBuf, reason: String },
    #[error("the secret's command `{program}` failed: {reason}{}{stderr}",
        if .stderr.is_empty() { "" } else { ": " })]
    Command { program: String, reason: String, stderr: String },
    #[error("the secret in {source_name} can't be used: {reason}")]
    Characters { source_name: String, reason: &'static str },
    #[error("the credential's scheme `basic` needs a user name")]
    NoUsername,
    #[error("the user name can't be used: {reason}")]
    Username { reason: &'static str },
    #[error("the private key in {source_name} can't be used: {error}")]
    Key { source_name: String, error: KeyError },
    #[error("the credential's scheme `{}` needs a `client-id`", CredentialRule::SERVICE_APP)]
    NoClientId,
    #[error("the plugin signs in with a secret by the scheme `{scheme}`, not with the key of an app")]
    NoApp { scheme: &'static str },
    /// The plugin's fault.
    #[error("the plugin's manifest has a wrong credential rule: {reason}")]
    Rule { reason: String },
}

impl CredentialError {
    /// What an admin can do about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            CredentialError::NotSet { variable } => {
                Some(format!("set it where rollcall runs: `export {variable}=…`"))
            }
            CredentialError::Empty { .. } | CredentialError::Characters { .. } => {
                Some("copy the secret again, on one line, with nothing before or after it".into())
            }
            CredentialError::Unreadable { .. } | CredentialError::Command { .. } => {
                Some("correct `credential` of the connector, or what it names".into())
            }
            CredentialError::NoUsername | CredentialError::Username { .. } => {
                Some("add `username = \"…\"` to the connector's `credential`".into())
            }
            CredentialError::Key { error, .. } => error.hint(),
            CredentialError::NoClientId => {
                Some("add `client-id = \"…\"` and give the key as `private-key = { file = \"…\" }`".into())
            }
            CredentialError::NoApp { .. } => {
                Some("leave `client-id` out, and give the secret with `env`, `file` or `command`".into())
            }
            CredentialError::Rule { .. } => Some("tell the plugin's author".into()),
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("header", &self.header().as_str())
            .field("identity", &self.identity)
            .finish_non_exhaustive()
    }
}

impl Credential {
    /// Reads the secret (this may run a program and take up to 30 seconds) and makes the header of it that the
    /// manifest's rule describes. `username` is for the scheme `basic`.
    pub async fn resolve(
        rule: &CredentialRule,
        source: &SecretSource,
        username: Option<&str>,
    ) -> Result<Self, CredentialError> {
        if let Some(warning) = source.warning() {
            tracing::warn!("{warning}");
        }
        let secret = source.read().await?;
        Self::new(rule, &secret, username, source)
    }

    fn new(
        rule: &CredentialRule,
        secret: &str,
        username: Option<&str>,
        source: &SecretSource,
    ) -> Result<Self, CredentialError> {
        let unusable = |reason| CredentialError::Characters { source_name: source.to_string(), reason };
        check(secret).map_err(unusable)?;
        let mut secrets = vec![Zeroizing::new(secret.to_owned())];
        let (header, text) = match rule {
            CredentialRule::Header { header, prefix, .. } => {
                let name = HeaderName::from_bytes(header.as_bytes())
                    .ok()
                    .filter(|name| !FORBIDDEN.contains(name))
                    .ok_or_else(|| CredentialError::Rule {
                        reason: format!("`{header}` is no header for it"),
                    })?;
                let text = prefixed(prefix, secret).map_err(unusable)?;
                // Without the prefix, which may have been copied with it.
                secrets.push(Zeroizing::new(text[prefix.len()..].to_owned()));
                (name, text)
            }
            CredentialRule::Bearer { .. } => {
                let text = prefixed("Bearer ", secret).map_err(unusable)?;
                secrets.push(Zeroizing::new(text["Bearer ".len()..].to_owned()));
                (header::AUTHORIZATION, text)
            }
            CredentialRule::Basic { .. } => {
                let username = username.filter(|name| !name.is_empty()).ok_or(CredentialError::NoUsername)?;
                check(username).map_err(|reason| CredentialError::Username { reason })?;
                if username.contains(':') {
                    return Err(CredentialError::Username { reason: "it holds a colon" });
                }
                let pair = Zeroizing::new(format!("{username}:{secret}"));
                let encoded = Zeroizing::new(STANDARD.encode(pair.as_bytes()));
                secrets.push(encoded.clone());
                (header::AUTHORIZATION, Zeroizing::new(format!("Basic {}", encoded.as_str())))
            }
            CredentialRule::Oauth2ClientCredentials(_) => return Err(CredentialError::NoClientId),
        };
        let mut value = HeaderValue::from_str(&text)
            .map_err(|_| CredentialError::Rule { reason: "its prefix is no header text".into() })?;
        value.set_sensitive(true);
        let identity = identity(&header, &text);
        Ok(Self { kind: Kind::Header { header, value, secrets }, identity })
    }

    /// Reads the private key of an app (this may run a program and take up to 30 seconds). No token is asked for yet.
    pub async fn of_app(
        rule: &CredentialRule,
        source: &SecretSource,
        options: AppOptions<'_>,
    ) -> Result<Self, CredentialError> {
        let CredentialRule::Oauth2ClientCredentials(rule) = rule else {
            return Err(CredentialError::NoApp { scheme: rule.scheme() });
        };
        if let Some(warning) = source.warning() {
            tracing::warn!("{warning}");
        }
        let secret = source.read().await?;
        let key = SigningKey::read(&secret)
            .map_err(|error| CredentialError::Key { source_name: source.to_string(), error })?;
        let app = ServiceApp::new(rule, key, options);
        // Which of its keys an app signs with is no difference: it sees the same, and spends one budget.
        let identity = identity(&header::AUTHORIZATION, &app.named());
        Ok(Self { kind: Kind::App(Arc::new(app)), identity })
    }

    /// Tells two credentials apart without revealing either: 16 hexadecimal digits, the same for the same
    /// secret.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Takes it out of what is recorded; `None` when it is too short for that.
    pub(crate) fn scrub(&self) -> Option<Scrub> {
        match &self.kind {
            Kind::Header { secrets, .. } => Scrub::new(secrets.iter().map(|secret| secret.as_str())),
            Kind::App(app) => Some(app.scrub()),
        }
    }

    /// The header that a plugin must not set.
    pub(super) fn header(&self) -> &HeaderName {
        match &self.kind {
            Kind::Header { header, .. } => header,
            Kind::App(_) => &header::AUTHORIZATION,
        }
    }

    /// Its value, where it never changes.
    pub(super) fn value(&self) -> Option<&HeaderValue> {
        match &self.kind {
            Kind::Header { value, .. } => Some(value),
            Kind::App(_) => None,
        }
    }

    pub(super) fn app(&self) -> Option<&Arc<ServiceApp>> {
        match &self.kind {
            Kind::Header { .. } => None,
            Kind::App(app) => Some(app),
        }
    }
}

/// Headers that frame the message, so that no secret can stand there.
const FORBIDDEN: [HeaderName; 6] = [
    header::HOST,
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::CONTENT_TYPE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

fn check(text: &str) -> Result<(), &'static str> {
    if text.chars().any(char::is_control) {
        Err("it holds a line end or another control character")
    } else if !text.is_ascii() {
        Err("it holds a character beyond ASCII")
    } else {
        Ok(())
    }
}

/// Somebody who copied `SSWS 00abc…` with its prefix gets what they meant.
fn prefixed(prefix: &str, secret: &str) -> Result<Zeroizing<String>, &'static str> {
    let bare = match secret.get(..prefix.len()) {
        Some(start) if !prefix.is_empty() && start.eq_ignore_ascii_case(prefix) => &secret[prefix.len()..],
        _ => secret,
    };
    if bare.trim() != bare || bare.is_empty() {
        return Err("it begins or ends with a space");
    }
    Ok(Zeroizing::new(format!("{prefix}{bare}")))
}

/// Keyed by its purpose and stretched: a `basic` password is guessable where a token is not.
fn identity(header: &HeaderName, text: &str) -> String {
    const CONTEXT: &str = "rollcall 2026-08 credential identity v1";
    const ROUNDS: u32 = 50_000;
    let named = Zeroizing::new(format!("{header}\0{text}"));
    let mut key = blake3::derive_key(CONTEXT, named.as_bytes());
    for _ in 0..ROUNDS {
        key = *blake3::keyed_hash(&key, named.as_bytes()).as_bytes();
    }
    key[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source() -> SecretSource {
        SecretSource::Env("TOKEN".into())
    }

    fn ssws() -> CredentialRule {
        CredentialRule::Header {
            header: "authorization".into(),
            prefix: "SSWS ".into(),
            label: "API token".into(),
            help: String::new(),
        }
    }

    fn bearer() -> CredentialRule {
        CredentialRule::Bearer { label: "token".into(), help: String::new() }
    }

    fn basic() -> CredentialRule {
        CredentialRule::Basic { label: "password".into(), help: String::new() }
    }

    fn value(rule: &CredentialRule, secret: &str, username: Option<&str>) -> String {
        let credential = Credential::new(rule, secret, username, &source()).unwrap();
        let value = credential.value().unwrap();
        assert!(value.is_sensitive());
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn each_scheme_makes_its_header() {
        assert_eq!(value(&ssws(), "00abc", None), "SSWS 00abc");
        assert_eq!(value(&ssws(), "SSWS 00abc", None), "SSWS 00abc");
        assert_eq!(value(&bearer(), "bearer t0ken", None), "Bearer t0ken");
        assert_eq!(value(&basic(), "open sesame", Some("Aladdin")), "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert_eq!(Credential::new(&basic(), "x", None, &source()).unwrap_err(), CredentialError::NoUsername);
        assert!(Credential::new(&basic(), "x", Some("a:b"), &source()).is_err());
    }

    #[test]
    fn what_cannot_stand_in_a_header_is_refused_without_being_shown() {
        for secret in
            ["hunter2\nx", "hunter2\0", "hünter2", "hunter2\r\nhost: evil", " hunter2", "hunter2 ", "SSWS "]
        {
            let error = Credential::new(&ssws(), secret, None, &source()).unwrap_err();
            assert!(matches!(error, CredentialError::Characters { .. }), "{secret:?}: {error:?}");
            let text = format!("{error} {error:?} {:?}", error.hint());
            assert!(text.contains("TOKEN") && !text.contains("nter2"), "{text}");
        }
        let wrong = CredentialRule::Header {
            header: "Host".into(),
            prefix: String::new(),
            label: String::new(),
            help: String::new(),
        };
        assert!(matches!(Credential::new(&wrong, "x", None, &source()), Err(CredentialError::Rule { .. })));
    }

    #[test]
    fn the_secret_is_in_no_debug() {
        let credential = Credential::new(&ssws(), "hunter2", None, &source()).unwrap();
        let text = format!("{credential:?} {credential:#?} {:?}", credential.value());
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn however_it_was_given_it_is_scrubbed() {
        let scrubbed = |rule: &CredentialRule, secret, username, text: &str| {
            Credential::new(rule, secret, username, &source()).unwrap().scrub().map(|scrub| scrub.text(text))
        };
        for (rule, secret) in
            [(ssws(), "00abcdefg"), (ssws(), "SSWS 00abcdefg"), (bearer(), "bearer 00abcdefg")]
        {
            let clean = scrubbed(&rule, secret, None, "see 00abcdefg").unwrap();
            assert_eq!(clean, "see [credential removed]", "{secret}");
        }
        let clean =
            scrubbed(&basic(), "open sesame", Some("Aladdin"), "QWxhZGRpbjpvcGVuIHNlc2FtZQ== open sesame");
        assert_eq!(clean.unwrap(), "[credential removed] [credential removed]");
        assert_eq!(scrubbed(&ssws(), "00abc", None, ""), None, "too short to be told from other text");
    }

    #[test]
    fn the_identity_tells_credentials_apart_and_stays() {
        let identity = |rule: &CredentialRule, secret: &str| {
            Credential::new(rule, secret, None, &source()).unwrap().identity().to_owned()
        };
        assert_eq!(identity(&ssws(), "a"), identity(&ssws(), "a"));
        assert_eq!(identity(&ssws(), "a"), identity(&ssws(), "SSWS a"));
        assert_ne!(identity(&ssws(), "a"), identity(&ssws(), "b"));
        assert_ne!(identity(&ssws(), "a"), identity(&bearer(), "a"));
        assert_eq!(identity(&ssws(), "a").len(), 16);
    }
}
