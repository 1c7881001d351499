use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use serde::Deserialize;
use serde_json::Value;

use super::signing::Signing;
use super::token::{Server, Token, TokenError, Tokens};
use crate::http::client::{Answered, Client};
use crate::http::error::{HttpError, quoted};
use crate::http::wire::Outgoing;
use crate::model::{Method, Request, Response};

/// The bucket of requests for tokens: providers count them apart, and none of a plugin's is called so.
const BUCKET: &str = "access tokens";
/// A clock that is off by no more than this is no reason why an assertion was refused.
const CLOCKS_APART: u64 = 5;

/// What the provider has against a request, where that can be mended.
enum Objection {
    Nonce,
    Token,
}

impl Client {
    /// Seconds since 1970 by the provider's clock, as of its last answer.
    pub(in crate::http) fn provider_now(&self) -> u64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        now.saturating_add_signed(-self.clock_ahead().unwrap_or_default())
    }

    /// Sends with a token that is good. One that the provider takes for bad is renewed, and a nonce that it wants is
    /// added, each once.
    pub(in crate::http) async fn send_with_token(
        &self,
        tokens: &Tokens,
        request: &Request,
        mut outgoing: Outgoing,
    ) -> Result<Response, HttpError> {
        let (mut renewed, mut nonced) = (false, false);
        let mut bad = None;
        loop {
            let token = self.token(tokens, bad).await?;
            let number = token.number;
            let signing = Signing::Token(tokens, token);
            let answer = self.pursue(request, &mut outgoing, &signing).await?;
            let reason = match objection(tokens, &answer) {
                Some(Objection::Nonce) if !nonced => {
                    nonced = true;
                    "the provider wants a nonce"
                }
                Some(Objection::Token) if !renewed => {
                    renewed = true;
                    bad = Some(number);
                    "the provider does not know the access token"
                }
                _ => return Ok(answer.response),
            };
            let reason = format!("{}: {reason}", answer.reason);
            self.telling().retrying(&request.bucket, reason, Duration::ZERO);
        }
    }

    /// What is known of the app: its id, how it signs, and what it was granted. Empty without an app.
    pub fn app_facts(&self) -> Vec<(String, Value)> {
        let Some(tokens) = self.tokens() else { return Vec::new() };
        let scopes: Vec<&str> = tokens.app.scopes.iter().map(|scope| scope.scope.as_str()).collect();
        let bound = match tokens.current.try_lock() {
            Ok(current) => current.token.as_ref().map(|token| token.bound),
            Err(_) => None,
        };
        let mut facts = vec![
            ("credential".to_owned(), "OAuth service app".into()),
            ("app".to_owned(), tokens.app.client_id.as_str().into()),
            ("signs with".to_owned(), tokens.app.algorithm().into()),
            ("scopes".to_owned(), scopes.into()),
        ];
        facts.push((
            "expires".to_owned(),
            "when its key is taken out of the app, or the app is deactivated".into(),
        ));
        if let Some(bound) = bound {
            facts.push(("proof of possession".to_owned(), bound.into()));
        }
        facts
    }

    /// The token that there is, unless it is old or `bad` (by its number); then a new one.
    async fn token(&self, tokens: &Tokens, bad: Option<u64>) -> Result<Arc<Token>, HttpError> {
        let mut current = tokens.current.lock().await;
        if let Some(refused) = &current.refused {
            return Err(refused.clone());
        }
        if let Some(token) = &current.token
            && Some(token.number) != bad
            && token.is_fresh()
        {
            return Ok(Arc::clone(token));
        }
        match self.fetch(tokens, current.given + 1).await {
            Ok(token) => {
                let token = Arc::new(token);
                current.given += 1;
                current.token = Some(Arc::clone(&token));
                Ok(token)
            }
            Err(error) => {
                if matches!(error, HttpError::Token { .. }) {
                    current.refused = Some(error.clone());
                }
                Err(error)
            }
        }
    }

    /// Asks for a token. A refusal is final, but for a nonce that the provider wants and a clock that was off.
    async fn fetch(&self, tokens: &Tokens, number: u64) -> Result<Token, HttpError> {
        let failed =
            |error| HttpError::Token { connector: self.connector().to_owned(), error: Box::new(error) };
        let request = Request {
            method: Method::Post,
            path: tokens.app.token_path.clone(),
            headers: Vec::new(),
            body: None,
            bucket: BUCKET.to_owned(),
            about: None,
            version: None,
            context: String::new(),
        };
        let mut outgoing = self.token_request(tokens)?;
        let (mut nonced, mut corrected) = (false, false);
        loop {
            let ahead = self.clock_ahead().unwrap_or_default();
            let answer = self.pursue(&request, &mut outgoing, &Signing::Assertion(tokens)).await?;
            let nonce = nonce(&answer.headers);
            if let Some(nonce) = nonce {
                tokens.set_nonce(Server::Token, nonce);
            }
            if answer.status == 200 {
                return tokens.read(&answer.response.body, number).map_err(failed);
            }
            let error = refusal(tokens, &answer);
            match &error {
                // No failure: it is how a provider that asks for proofs begins.
                TokenError::Refused { code, .. }
                    if code == "use_dpop_nonce" && nonce.is_some() && !nonced =>
                {
                    nonced = true;
                }
                TokenError::Refused { .. }
                    if !corrected
                        && self.clock_ahead().unwrap_or_default().abs_diff(ahead) > CLOCKS_APART =>
                {
                    corrected = true;
                    let reason = format!("{}: again by the provider's clock", answer.reason);
                    self.telling().retrying(BUCKET, reason, Duration::ZERO);
                }
                _ => return Err(failed(error)),
            }
        }
    }

    fn token_request(&self, tokens: &Tokens) -> Result<Outgoing, HttpError> {
        let path = &tokens.app.token_path;
        let url = self.address(path).ok_or_else(|| HttpError::Token {
            connector: self.connector().to_owned(),
            error: Box::new(tokens.unexpected(0, format!("the manifest's token path {path} is none"))),
        })?;
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        Ok(Outgoing { method: reqwest::Method::POST, url, headers, body: None })
    }
}

fn nonce(headers: &HeaderMap) -> Option<&str> {
    headers.get("dpop-nonce")?.to_str().ok()
}

/// What the API has against a request (RFC 9449 section 9, RFC 6750 section 3.1).
fn objection(tokens: &Tokens, answer: &Answered) -> Option<Objection> {
    if let Some(nonce) = nonce(&answer.headers) {
        tokens.set_nonce(Server::Api, nonce);
    }
    match answer.status {
        401 => {
            let asks = |value: &HeaderValue| value.to_str().is_ok_and(|text| text.contains("use_dpop_nonce"));
            let wants_nonce = answer.headers.get_all(WWW_AUTHENTICATE).iter().any(asks);
            Some(if wants_nonce { Objection::Nonce } else { Objection::Token })
        }
        403 => {
            let ended = tokens.app.session_ended.as_deref()?.as_bytes();
            let body = &answer.response.body;
            body.windows(ended.len()).any(|window| window == ended).then_some(Objection::Token)
        }
        _ => None,
    }
}

/// A provider's own words, whose quotes need no escape where nothing is quoted.
fn said(text: &str) -> String {
    quoted(text.trim_end_matches('.')).replace("\\'", "'").replace("\\\"", "\"")
}

/// Why the token endpoint gave none (RFC 6749 section 5.2).
fn refusal(tokens: &Tokens, answer: &Answered) -> TokenError {
    #[derive(Deserialize)]
    struct Body {
        error: String,
        #[serde(default)]
        error_description: String,
    }
    match serde_json::from_slice::<Body>(&answer.response.body) {
        Ok(body) => TokenError::Refused {
            client_id: tokens.app.client_id.clone(),
            status: answer.status,
            code: said(&body.error),
            description: said(&body.error_description),
            asked: tokens.app.scope_text(),
        },
        Err(_) => tokens.unexpected(answer.status, "it says no error of RFC 6749"),
    }
}

#[cfg(test)]
#[path = "exchange_tests.rs"]
mod tests;
