//! Signed tokens (RFC 7515, compact form) and the keys that prove them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey,
    VerificationAlgorithm,
};
use serde_json::{Value, json};

/// A token that was taken apart, and not yet believed.
#[derive(Debug)]
pub(super) struct Jws<'t> {
    pub(super) header: Value,
    pub(super) claims: Value,
    signed: &'t str,
    signature: Vec<u8>,
}

impl<'t> Jws<'t> {
    pub(super) fn parse(token: &'t str) -> Option<Self> {
        let (signed, signature) = token.rsplit_once('.')?;
        let (header, claims) = signed.split_once('.')?;
        let json = |part: &str| serde_json::from_slice(&decode(part)?).ok();
        Some(Self { header: json(header)?, claims: json(claims)?, signed, signature: decode(signature)? })
    }

    pub(super) fn text(&self, claim: &str) -> &str {
        self.claims[claim].as_str().unwrap_or_default()
    }

    /// Did the owner of this public key sign it, with the algorithm that it names?
    pub(super) fn is_signed_by(&self, key: &Value) -> bool {
        self.proves(key).unwrap_or(false)
    }

    fn proves(&self, key: &Value) -> Option<bool> {
        let part = |name: &str| decode(key[name].as_str()?);
        let message = self.signed.as_bytes();
        let algorithm = self.header["alg"].as_str()?;
        let rsa: Option<&RsaParameters> = match algorithm {
            "RS256" => Some(&RSA_PKCS1_2048_8192_SHA256),
            "RS384" => Some(&RSA_PKCS1_2048_8192_SHA384),
            "RS512" => Some(&RSA_PKCS1_2048_8192_SHA512),
            _ => None,
        };
        if let Some(rsa) = rsa {
            let components = RsaPublicKeyComponents { n: part("n")?, e: part("e")? };
            return Some(key["kty"] == "RSA" && components.verify(rsa, message, &self.signature).is_ok());
        }
        let (curve, ecdsa): (&str, &dyn VerificationAlgorithm) = match algorithm {
            "ES256" => ("P-256", &ECDSA_P256_SHA256_FIXED),
            "ES384" => ("P-384", &ECDSA_P384_SHA384_FIXED),
            _ => return None,
        };
        let point = [vec![4], part("x")?, part("y")?].concat();
        let fits = key["kty"] == "EC" && key["crv"] == curve;
        Some(fits && UnparsedPublicKey::new(ecdsa, point).verify(message, &self.signature).is_ok())
    }
}

/// The thumbprint of a public key (RFC 7638), which binds a token to it.
pub(super) fn thumbprint(key: &Value) -> Option<String> {
    // The required members only, in the order of their names, which is how the JSON library keeps them or not: so by
    // hand.
    let members: &[&str] = match key["kty"].as_str()? {
        "EC" => &["crv", "kty", "x", "y"],
        "RSA" => &["e", "kty", "n"],
        _ => return None,
    };
    let mut text = Vec::new();
    for member in members {
        text.push(format!("{}:{}", json!(member), json!(key[*member].as_str()?)));
    }
    Some(hashed(&format!("{{{}}}", text.join(","))))
}

/// Base64url of the SHA-256.
pub(super) fn hashed(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(digest(&SHA256, text.as_bytes()))
}

pub(super) fn decode(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 7515 appendix A.3.
    const ES256: &str = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

    #[test]
    fn a_signature_of_the_rfc_is_believed_and_a_changed_one_is_not() {
        let mut key = json!({
            "kty": "EC",
            "crv": "P-256",
            "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
            "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
        });
        assert!(Jws::parse(ES256).unwrap().is_signed_by(&key));
        let forged = ES256.replace("joe", "jim").replace("eyJpc3MiOiJqb2Ui", "eyJpc3MiOiJqaW0i");
        assert!(!Jws::parse(&forged).unwrap().is_signed_by(&key));
        // The same bytes under another name of the curve are another key.
        key["crv"] = "P-384".into();
        assert!(!Jws::parse(ES256).unwrap().is_signed_by(&key));
        let none = ES256.replace("eyJhbGciOiJFUzI1NiJ9", &URL_SAFE_NO_PAD.encode(r#"{"alg":"none"}"#));
        assert!(!Jws::parse(&none).unwrap().is_signed_by(&key));
    }

    #[test]
    fn the_thumbprint_is_that_of_the_rfc() {
        let key = json!({
            "kty": "RSA",
            "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw",
            "e": "AQAB",
            "alg": "RS256",
            "kid": "2011-04-29",
        });
        assert_eq!(thumbprint(&key).unwrap(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    }
}
