use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};
use url::Url;

use super::jwt;

/// The key that tokens are bound to: made for one client, and gone with it.
pub(super) struct ProofKey {
    pair: EcdsaKeyPair,
    /// Its public half.
    jwk: Value,
}

impl ProofKey {
    /// `None` when the machine has no random numbers.
    pub(super) fn generate() -> Option<Self> {
        let random = SystemRandom::new();
        let document = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).ok()?;
        let pair =
            EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, document.as_ref(), &random).ok()?;
        // An uncompressed point: 4, then x and y of 32 bytes each.
        let (x, y) = pair.public_key().as_ref().get(1..)?.split_at_checked(32)?;
        let encode = |part| URL_SAFE_NO_PAD.encode(part);
        let jwk = json!({ "kty": "EC", "crv": "P-256", "x": encode(x), "y": encode(y) });
        Some(Self { pair, jwk })
    }

    /// A proof (RFC 9449 section 4.2) for one request, sent now (seconds since 1970 by the provider's clock).
    pub(super) fn proof(
        &self,
        method: &str,
        url: &Url,
        now: u64,
        nonce: Option<&str>,
        token: Option<&str>,
    ) -> Option<String> {
        let mut address = url.clone();
        address.set_query(None);
        address.set_fragment(None);
        let mut claims = json!({ "jti": jwt::unique()?, "htm": method, "htu": address.as_str(), "iat": now });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        if let Some(token) = token {
            claims["ath"] = jwt::hash(token).into();
        }
        let header = json!({ "typ": "dpop+jwt", "alg": "ES256", "jwk": self.jwk });
        jwt::compact(&header, &claims, |message| {
            Some(self.pair.sign(&SystemRandom::new(), message).ok()?.as_ref().to_vec())
        })
    }
}
