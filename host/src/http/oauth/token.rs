use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use tokio::time::Instant;
use zeroize::Zeroizing;

use super::app::ServiceApp;
use super::proof::ProofKey;
use crate::http::error::{HttpError, quoted};

/// A token that doesn't say how long it lives is taken to live this long, in seconds.
const UNSAID_SECONDS: u64 = 300;
/// A token is renewed when no more than this is left of it: longer than a request waits for a window of the rate limit.
const MARGIN: Duration = Duration::from_secs(300);

/// Why an app has no access token.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum TokenError {
    /// By an error of RFC 6749 section 5.2, or of RFC 9449.
    #[error("the provider gives the app {client_id} no access token: {code}{}{description} (HTTP {status})",
        if .description.is_empty() { "" } else { ", " })]
    Refused { client_id: String, status: u16, code: String, description: String, asked: String },
    /// Each with what it is for.
    #[error("the app {client_id} was not granted {}", list(.missing))]
    NotGranted { client_id: String, missing: Vec<(String, String)> },
    #[error(
        "the answer to the app {client_id}'s request for an access token is none: {reason} (HTTP {status})"
    )]
    Unexpected { client_id: String, status: u16, reason: String },
    #[error("the app {client_id} can't sign: this machine has no random numbers")]
    Signing { client_id: String },
}

fn list(missing: &[(String, String)]) -> String {
    let one = |(scope, reads): &(String, String)| match reads.as_str() {
        "" => format!("the scope {scope}"),
        reads => format!("the scope {scope}, without which {reads} can't be read"),
    };
    missing.iter().map(one).collect::<Vec<_>>().join("; nor ")
}

impl TokenError {
    /// What an admin can do about it. `table` is the connector's in the configuration.
    pub(in crate::http) fn hint(&self, table: &str) -> Option<String> {
        match self {
            TokenError::Refused { code, asked, .. } => Some(match code.as_str() {
                "invalid_client" | "unauthorized_client" => format!(
                    "check `client-id` and `private-key` in {table}: the app has to be active, authenticate with a \
                     public key and have this one among its keys, active too"
                ),
                "invalid_scope" | "access_denied" | "consent_required" => format!(
                    "grant the app all of these at the provider, or write those that it has as `scopes` in {table}: \
                     {asked}"
                ),
                "invalid_dpop_proof" | "use_dpop_nonce" => {
                    "check that this machine's clock is right and that no proxy changes the request"
                        .to_owned()
                }
                _ => "the provider's log of the app tells more".to_owned(),
            }),
            TokenError::NotGranted { .. } => {
                Some(format!("grant it at the provider, or leave it out of `scopes` in {table}"))
            }
            TokenError::Unexpected { .. } => Some(
                "a proxy or a login page may answer in the provider's place: check endpoint and proxy".into(),
            ),
            TokenError::Signing { .. } => None,
        }
    }
}

/// An access token.
pub(in crate::http) struct Token {
    pub(super) value: Zeroizing<String>,
    /// Whether each request proves the key that it is bound to.
    pub(super) bound: bool,
    /// Tells it from the one before.
    pub(super) number: u64,
    renew: Instant,
}

impl Token {
    pub(super) fn is_fresh(&self) -> bool {
        Instant::now() < self.renew
    }
}

/// The tokens of one client, one after the other.
pub(in crate::http) struct Tokens {
    pub(super) app: Arc<ServiceApp>,
    pub(super) proof_key: ProofKey,
    /// Held while a token is asked for: the others wait for that one.
    pub(super) current: tokio::sync::Mutex<Current>,
    nonces: Mutex<Nonces>,
}

#[derive(Default)]
pub(super) struct Current {
    pub(super) token: Option<Arc<Token>>,
    /// The app was refused: asking again would be refused as well, until the provider locks the app.
    pub(super) refused: Option<HttpError>,
    pub(super) given: u64,
}

/// What the provider wants to find in the next proof.
#[derive(Default)]
struct Nonces {
    token: Option<String>,
    api: Option<String>,
}

/// Which server a nonce is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Server {
    Token,
    Api,
}

impl Tokens {
    /// `None` when the machine has no random numbers.
    pub(in crate::http) fn new(app: Arc<ServiceApp>) -> Option<Self> {
        let proof_key = ProofKey::generate()?;
        Some(Self { app, proof_key, current: tokio::sync::Mutex::default(), nonces: Mutex::default() })
    }

    pub(super) fn nonce(&self, server: Server) -> Option<String> {
        let nonces = self.nonces();
        match server {
            Server::Token => nonces.token.clone(),
            Server::Api => nonces.api.clone(),
        }
    }

    pub(super) fn set_nonce(&self, server: Server, nonce: &str) {
        let mut nonces = self.nonces();
        match server {
            Server::Token => nonces.token = Some(nonce.to_owned()),
            Server::Api => nonces.api = Some(nonce.to_owned()),
        }
    }

    fn nonces(&self) -> MutexGuard<'_, Nonces> {
        self.nonces.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn unexpected(&self, status: u16, reason: impl ToString) -> TokenError {
        let reason = reason.to_string();
        TokenError::Unexpected { client_id: self.app.client_id.clone(), status, reason }
    }

    /// The token in an answer of status 200 (RFC 6749 section 5.1), if it has every scope that was asked for.
    pub(super) fn read(&self, body: &[u8], number: u64) -> Result<Token, TokenError> {
        #[derive(Deserialize)]
        struct Answer {
            access_token: String,
            token_type: String,
            expires_in: Option<u64>,
            scope: Option<String>,
        }
        let answer: Answer =
            serde_json::from_slice(body).map_err(|_| self.unexpected(200, "it is no token of RFC 6749"))?;
        let value = Zeroizing::new(answer.access_token);
        if value.is_empty() || !value.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(self.unexpected(200, "the token can't stand in a header"));
        }
        self.app.scrub.add(&value);
        let bound = match answer.token_type.to_ascii_lowercase().as_str() {
            "dpop" => true,
            "bearer" => false,
            other => return Err(self.unexpected(200, format!("the token is of the type {}", quoted(other)))),
        };
        // Without a word all that was asked for is granted.
        if let Some(granted) = answer.scope {
            let is_granted = |scope: &str| granted.split_whitespace().any(|granted| granted == scope);
            let missing = self.app.scopes.iter().filter(|scope| !is_granted(&scope.scope));
            let missing: Vec<_> = missing.map(|scope| (scope.scope.clone(), scope.reads.clone())).collect();
            if !missing.is_empty() {
                return Err(TokenError::NotGranted { client_id: self.app.client_id.clone(), missing });
            }
        }
        let life = Duration::from_secs(answer.expires_in.unwrap_or(UNSAID_SECONDS).min(30 * 24 * 3600));
        let renew = Instant::now() + life - MARGIN.min(life / 4);
        Ok(Token { value, bound, number, renew })
    }
}
