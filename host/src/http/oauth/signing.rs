use std::sync::Arc;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use zeroize::Zeroizing;

use super::token::{Server, Token, TokenError, Tokens};
use crate::http::wire::Outgoing;

const DPOP: HeaderName = HeaderName::from_static("dpop");

/// What proves who sends an attempt of a request. Each attempt has a proof of its own.
pub(in crate::http) enum Signing<'t> {
    /// The request holds it already.
    Fixed,
    /// An access token.
    Token(&'t Tokens, Arc<Token>),
    /// The request for one.
    Assertion(&'t Tokens),
}

impl Signing<'_> {
    /// Signs it for this moment, in seconds since 1970 by the provider's clock.
    pub(in crate::http) fn sign(&self, outgoing: &mut Outgoing, now: u64) -> Result<(), TokenError> {
        match self {
            Signing::Fixed => Ok(()),
            Signing::Token(tokens, token) => {
                let unsigned = || TokenError::Signing { client_id: tokens.app.client_id.clone() };
                let scheme = if token.bound { "DPoP" } else { "Bearer" };
                let text = Zeroizing::new(format!("{scheme} {}", token.value.as_str()));
                outgoing.headers.insert(AUTHORIZATION, sensitive(&text).ok_or_else(unsigned)?);
                if token.bound {
                    let nonce = tokens.nonce(Server::Api);
                    let method = outgoing.method.as_str();
                    let proof = tokens.proof_key.proof(
                        method,
                        &outgoing.url,
                        now,
                        nonce.as_deref(),
                        Some(&token.value),
                    );
                    let proof = proof.and_then(|proof| sensitive(&proof)).ok_or_else(unsigned)?;
                    outgoing.headers.insert(DPOP, proof);
                }
                Ok(())
            }
            Signing::Assertion(tokens) => {
                let unsigned = || TokenError::Signing { client_id: tokens.app.client_id.clone() };
                let form = tokens.app.form(&outgoing.url, now).ok_or_else(unsigned)?;
                outgoing.body = Some(form.into_bytes());
                let nonce = tokens.nonce(Server::Token);
                let proof = tokens.proof_key.proof("POST", &outgoing.url, now, nonce.as_deref(), None);
                let proof = proof.and_then(|proof| sensitive(&proof)).ok_or_else(unsigned)?;
                outgoing.headers.insert(DPOP, proof);
                Ok(())
            }
        }
    }
}

fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
