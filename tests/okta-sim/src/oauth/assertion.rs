use serde_json::Value;

use super::app::ServiceApp;
use super::jws::Jws;

/// The longest that an assertion may live.
const LONGEST: u64 = 3600;
/// How far ahead of the organisation's clock another may be.
const LEEWAY: u64 = 60;

/// What is wrong with an app's proof of identity, or its `jti`, which must not come again.
pub(super) fn check(
    assertion: &Jws<'_>,
    app: &ServiceApp,
    audience: &str,
    now: u64,
) -> Result<String, String> {
    let wrong = |what: &str| Err(what.to_owned());
    let candidates = app.keys.iter().filter(|key| match assertion.header["kid"].as_str() {
        Some(kid) => key["kid"].as_str() == Some(kid),
        None => true,
    });
    let candidates: Vec<&Value> = candidates.collect();
    if candidates.is_empty() {
        return wrong("The client_assertion JWT kid is invalid.");
    }
    if !candidates.iter().any(|key| assertion.is_signed_by(key)) {
        return wrong("The client_assertion signature is invalid.");
    }
    if assertion.text("iss") != app.client_id || assertion.text("sub") != app.client_id {
        return wrong("The client_assertion must have the client's id as issuer and subject.");
    }
    if assertion.text("aud") != audience {
        return wrong(
            "The audience claim for client_assertion must be the endpoint invoked for the request.",
        );
    }
    let time = |claim: &str| assertion.claims[claim].as_u64();
    match time("exp") {
        None => return wrong("The client_assertion must have an expiration."),
        Some(exp) if exp <= now => return wrong("The client_assertion token is expired."),
        Some(exp) if exp > now + LONGEST => {
            return wrong("The client_assertion token has an expiration too far into the future.");
        }
        Some(_) => {}
    }
    if time("iat").is_some_and(|iat| iat > now + LEEWAY) {
        return wrong("The client_assertion token was issued in the future.");
    }
    match assertion.text("jti") {
        // Okta takes one without, and can't tell then whether it was used before.
        "" => Ok(String::new()),
        jti => Ok(jti.to_owned()),
    }
}
