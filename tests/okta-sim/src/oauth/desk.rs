use std::collections::{BTreeMap, HashMap, HashSet};

use hyper::header::{self, HeaderMap};
use hyper::http::request::Parts as RequestParts;
use hyper::{Method, StatusCode};
use serde_json::json;

use super::app::ServiceApp;
use super::jws::{Jws, hashed};
use super::{assertion, proof};
use crate::error::ApiError;
use crate::query::Query;
use crate::reply::Reply;
use crate::state::Access;

/// Where tokens are issued.
pub(crate) const TOKEN_PATH: &str = "/oauth2/v1/token";
const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// A nonce is new for this long, and good for three times as long.
const NONCE_SECONDS: u64 = 24 * 3600;

/// Registers apps, issues tokens, and knows them again.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    apps: BTreeMap<String, ServiceApp>,
    tokens: HashMap<String, Issued>,
    /// Ids of assertions and proofs that were used.
    used: HashSet<String>,
    /// Whether the API, too, demands a nonce.
    api_nonce: bool,
    issued: u64,
}

#[derive(Debug)]
struct Issued {
    client_id: String,
    scopes: Vec<String>,
    /// The key that it is bound to.
    thumbprint: Option<String>,
    /// Seconds since 1970.
    expires: u64,
}

/// An app that presented a good token.
#[derive(Debug)]
pub(crate) struct Admitted {
    pub(crate) client_id: String,
    pub(crate) access: Access,
    scopes: Vec<String>,
}

impl Admitted {
    /// Does the token hold the scope that this part of the API needs?
    pub(crate) fn reaches(&self, segments: &[&str]) -> bool {
        let scope = match segments {
            ["users", _, "groups"] | ["groups", ..] => "okta.groups.read",
            ["users", ..] => "okta.users.read",
            ["apps", ..] => "okta.apps.read",
            ["logs", ..] => "okta.logs.read",
            _ => return true,
        };
        self.scopes.iter().any(|held| held == scope)
    }
}

/// The fields of a form.
pub(crate) fn form(body: &[u8]) -> Query {
    Query::parse(&String::from_utf8_lossy(body))
}

/// A refusal of the token endpoint (RFC 6749 section 5.2).
fn refused(status: StatusCode, error: &str, description: &str) -> Reply {
    let body = json!({ "error": error, "error_description": description }).to_string();
    Reply { status, ..Reply::ok(body.into_bytes()) }
}

impl Desk {
    pub(crate) fn register(&mut self, app: ServiceApp) {
        self.apps.insert(app.client_id.clone(), app);
    }

    /// Takes an app away, and its tokens with it.
    pub(crate) fn remove(&mut self, client_id: &str) {
        self.apps.remove(client_id);
        self.tokens.retain(|_, issued| issued.client_id != client_id);
    }

    /// Whether the API demands a nonce in proofs; Okta's does not today.
    pub(crate) fn demand_api_nonce(&mut self, demanded: bool) {
        self.api_nonce = demanded;
    }

    /// Ends every token, as if all had been revoked.
    pub(crate) fn revoke_tokens(&mut self) {
        self.tokens.clear();
    }

    /// Answers `POST /oauth2/v1/token`. `address` is what the client called.
    pub(crate) fn token(
        &mut self,
        method: &Method,
        headers: &HeaderMap,
        fields: &Query,
        address: &str,
        now: u64,
    ) -> Reply {
        if method != Method::POST {
            return refused(
                StatusCode::METHOD_NOT_ALLOWED,
                "invalid_request",
                "The method is not supported.",
            );
        }
        let bad = |error, description: &str| refused(StatusCode::BAD_REQUEST, error, description);
        let unknown = |description: &str| refused(StatusCode::UNAUTHORIZED, "invalid_client", description);
        if fields.get("grant_type") != Some("client_credentials") {
            return bad("unsupported_grant_type", "The authorization grant type is not supported.");
        }
        let presented = fields
            .get("client_assertion")
            .filter(|_| fields.get("client_assertion_type") == Some(ASSERTION_TYPE));
        let Some(assertion) = presented.and_then(Jws::parse) else {
            return unknown("The client authentication has to be private_key_jwt.");
        };
        let Some(app) = self.apps.get(assertion.text("iss")) else {
            return unknown("Invalid value for 'client_id' parameter.");
        };
        match assertion::check(&assertion, app, address, now) {
            Err(why) => return unknown(&why),
            // Used up even if the rest of the request is refused.
            Ok(jti) if !jti.is_empty() && !self.used.insert(format!("assertion {jti}")) => {
                return unknown("The client_assertion token has been used before.");
            }
            Ok(_) => {}
        }
        let mut thumbprint = None;
        match headers.get("dpop").map(|value| value.to_str().unwrap_or_default()) {
            None if app.dpop => return bad("invalid_dpop_proof", "The DPoP proof JWT header is missing."),
            None => {}
            Some(given) => {
                let wanted = proof::Wanted { method: "POST", address, token: None, now };
                let proof = match proof::check(given, &wanted) {
                    Ok(proof) => proof,
                    Err(why) => return bad("invalid_dpop_proof", &why),
                };
                if !self.used.insert(format!("proof {}", proof.jti)) {
                    return bad("invalid_dpop_proof", "The DPoP proof JWT has been used before.");
                }
                if !proof.nonce.is_some_and(|nonce| is_good(&nonce, now)) {
                    let mut reply =
                        bad("use_dpop_nonce", "Authorization server requires nonce in DPoP proof.");
                    reply.headers.push(("dpop-nonce", nonce(now)));
                    return reply;
                }
                thumbprint = Some(proof.thumbprint);
            }
        }
        let asked: Vec<&str> = fields.get("scope").unwrap_or_default().split_whitespace().collect();
        let granted: Vec<String> = asked
            .iter()
            .filter(|scope| app.scopes.iter().any(|held| held == *scope))
            .map(|s| (*s).into())
            .collect();
        if granted.is_empty() || (app.strict_scopes && granted.len() < asked.len()) {
            let why = "One or more scopes are not configured for the authorization server resource.";
            return bad("invalid_scope", why);
        }
        self.issued += 1;
        // As long as Okta's, which are JWTs, and as opaque; all begin with `{"kid":"okta-sim"}`.
        let rest = hashed(&format!("{now} {} {}", self.issued, app.client_id));
        let token = format!("eyJraWQiOiJva3RhLXNpbSJ9.{rest}.{}", hashed(&rest));
        let kind = if thumbprint.is_some() { "DPoP" } else { "Bearer" };
        let body = json!({
            "token_type": kind,
            "expires_in": app.token_seconds,
            "access_token": token,
            "scope": granted.join(" "),
        });
        let expires = now + app.token_seconds;
        let issued = Issued { client_id: app.client_id.clone(), scopes: granted, thumbprint, expires };
        self.tokens.insert(token, issued);
        Reply::ok(body.to_string().into_bytes())
    }

    /// The app whose token a request presents. `None`: it presents none of ours.
    pub(crate) fn admit(
        &mut self,
        request: &RequestParts,
        base: &str,
        now: u64,
    ) -> Option<Result<Admitted, ApiError>> {
        let (scheme, token) = request.headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
        let bound = match scheme {
            "DPoP" => true,
            "Bearer" => false,
            _ => return None,
        };
        Some(self.present(request, base, bound, token, now))
    }

    fn present(
        &mut self,
        request: &RequestParts,
        base: &str,
        bound: bool,
        token: &str,
        now: u64,
    ) -> Result<Admitted, ApiError> {
        let kind = if bound { "DPoP" } else { "Bearer" };
        let refuse = |error: &str| {
            ApiError::invalid_token().with_header("www-authenticate", format!("{kind} error=\"{error}\""))
        };
        let issued = self.tokens.get(token).filter(|issued| issued.expires > now);
        let Some((issued, app)) = issued.and_then(|issued| Some((issued, self.apps.get(&issued.client_id)?)))
        else {
            return Err(refuse("invalid_token"));
        };
        if bound != issued.thumbprint.is_some() {
            return Err(refuse("invalid_token"));
        }
        if bound {
            let given = request.headers.get("dpop").and_then(|value| value.to_str().ok()).unwrap_or_default();
            let address = format!("{base}{}", request.uri.path());
            let method = request.method.as_str();
            let wanted = proof::Wanted { method, address: &address, token: Some(token), now };
            let proof = proof::check(given, &wanted)
                .ok()
                .filter(|proof| issued.thumbprint.as_ref() == Some(&proof.thumbprint))
                .filter(|proof| self.used.insert(format!("proof {}", proof.jti)))
                .ok_or_else(|| refuse("invalid_dpop_proof"))?;
            if self.api_nonce && !proof.nonce.is_some_and(|nonce| is_good(&nonce, now)) {
                return Err(refuse("use_dpop_nonce").with_header("dpop-nonce", nonce(now)));
            }
        }
        Ok(Admitted { client_id: app.client_id.clone(), access: app.access, scopes: issued.scopes.clone() })
    }
}

fn nonce(now: u64) -> String {
    hashed(&format!("nonce {}", now / NONCE_SECONDS))
}

fn is_good(given: &str, now: u64) -> bool {
    (0..3).any(|back| given == nonce(now.saturating_sub(back * NONCE_SECONDS)))
}
