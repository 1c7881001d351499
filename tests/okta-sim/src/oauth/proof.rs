use super::jws::{Jws, hashed, thumbprint};

/// How old a proof may be, and how far ahead.
const WINDOW: u64 = 300;

/// What a proof of possession (RFC 9449 section 4.2) has to be about.
pub(super) struct Wanted<'a> {
    pub(super) method: &'a str,
    /// Scheme, host and path; no query.
    pub(super) address: &'a str,
    /// The access token that comes with it.
    pub(super) token: Option<&'a str>,
    /// Seconds since 1970.
    pub(super) now: u64,
}

/// A proof that holds.
#[derive(Debug)]
pub(super) struct Proof {
    pub(super) thumbprint: String,
    pub(super) jti: String,
    pub(super) nonce: Option<String>,
}

pub(super) fn check(proof: &str, wanted: &Wanted<'_>) -> Result<Proof, String> {
    let wrong = |what: &str| Err(what.to_owned());
    let Some(jws) = Jws::parse(proof) else {
        return wrong("The DPoP proof JWT is malformed.");
    };
    if jws.header["typ"] != "dpop+jwt" {
        return wrong("The DPoP proof JWT has the wrong type.");
    }
    let key = &jws.header["jwk"];
    let secret = ["d", "p", "q", "k"].iter().any(|part| key.get(part).is_some());
    let Some(thumbprint) = thumbprint(key).filter(|_| !secret && jws.is_signed_by(key)) else {
        return wrong("The DPoP proof JWT signature is invalid.");
    };
    if jws.text("htm") != wanted.method {
        return wrong("The DPoP proof JWT is for another method.");
    }
    if jws.text("htu") != wanted.address {
        return wrong("The DPoP proof JWT is for another address.");
    }
    if jws.claims["iat"].as_u64().is_none_or(|iat| iat.abs_diff(wanted.now) > WINDOW) {
        return wrong("The DPoP proof JWT was not issued now.");
    }
    if let Some(token) = wanted.token
        && jws.text("ath") != hashed(token)
    {
        return wrong("The DPoP proof JWT is for another access token.");
    }
    if jws.text("jti").is_empty() {
        return wrong("The DPoP proof JWT must have an id.");
    }
    let nonce = jws.claims["nonce"].as_str().map(str::to_owned);
    Ok(Proof { thumbprint, jti: jws.text("jti").to_owned(), nonce })
}
