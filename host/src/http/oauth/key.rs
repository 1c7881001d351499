use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::rand::SystemRandom;
use ring::rsa::{KeyPairComponents, PublicKeyComponents};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm,
    RSA_PKCS1_SHA256, RsaKeyPair,
};
use rustls::pki_types::PrivateKeyDer;
use rustls::pki_types::pem::PemObject;
use serde::Deserialize;
use zeroize::{Zeroize, Zeroizing};

use super::der::{Pkcs8, Sec1, rsa_bits};

/// The private key that an app signs with, whose public half its provider knows.
pub struct SigningKey {
    pair: Pair,
    /// How the provider calls the key, where the key itself says so.
    pub(super) id: Option<String>,
}

enum Pair {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair, &'static Curve),
}

struct Curve {
    /// As a JWK calls it.
    name: &'static str,
    /// Its object identifier in DER.
    object: &'static [u8],
    /// RFC 7518 section 3.4.
    algorithm: &'static str,
    signing: &'static EcdsaSigningAlgorithm,
}

static CURVES: [Curve; 2] = [
    Curve {
        name: "P-256",
        object: &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        algorithm: "ES256",
        signing: &ECDSA_P256_SHA256_FIXED_SIGNING,
    },
    Curve {
        name: "P-384",
        object: &[0x2b, 0x81, 0x04, 0x00, 0x22],
        algorithm: "ES384",
        signing: &ECDSA_P384_SHA384_FIXED_SIGNING,
    },
];

/// Others that people have, by their object identifiers.
const OTHERS: [(&[u8], &str); 5] = [
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "P-521"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "secp256k1"),
    (&[0x2b, 0x65, 0x70], "Ed25519"),
    (&[0x2b, 0x65, 0x71], "Ed448"),
    (&[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a], "RSA-PSS"),
];
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];

/// RFC 7518 section 3.3 asks for no less.
const FEWEST_BITS: usize = 2048;
/// The library signs with no more.
const MOST_BITS: usize = 4096;

/// Why something is no private key to sign with. Never quotes any of it.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum KeyError {
    #[error("it is neither PEM nor a JWK")]
    Neither,
    #[error("it is encrypted")]
    Encrypted,
    #[error("it is a public key")]
    Public,
    #[error("it holds a {label}, and no private key")]
    Other { label: String },
    #[error("it is an RSA key of {bits} bits, and has to have from {FEWEST_BITS} to {MOST_BITS}")]
    Bits { bits: usize },
    #[error("it is a key of the kind {kind}, and has to be RSA, or EC on the curve P-256 or P-384")]
    Kind { kind: String },
    #[error("it is an EC key without its public point")]
    NoPoint,
    #[error("it is a set of {keys} private keys, and has to be one")]
    Several { keys: usize },
    #[error("it is damaged: {reason}")]
    Damaged { reason: String },
}

impl KeyError {
    /// What an admin can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            KeyError::Neither | KeyError::Other { .. } => {
                "it begins with `-----BEGIN PRIVATE KEY-----`, or is the JSON that the provider showed when the key \
                 was made; both as a whole, with all their lines"
                    .into()
            }
            KeyError::Encrypted => {
                "take the pass phrase off with `openssl pkey -in KEY -out NEW.pem`, and keep the file readable by its \
                 owner only"
                    .into()
            }
            KeyError::Public => {
                "the public half stays at the provider; give the private one, which was shown when the key was made"
                    .into()
            }
            KeyError::Bits { .. } | KeyError::Kind { .. } => {
                "let the provider make a key, or make one with `openssl genpkey -algorithm EC -pkeyopt \
                 ec_paramgen_curve:P-256 -out key.pem`, and register its public half"
                    .into()
            }
            KeyError::NoPoint => "write it anew with `openssl pkey -in KEY -out NEW.pem`".into(),
            KeyError::Several { .. } => "keep the one that the provider knows".into(),
            KeyError::Damaged { .. } => "copy the key again as a whole, with all its lines".into(),
        })
    }
}

fn damaged(reason: impl ToString) -> KeyError {
    KeyError::Damaged { reason: reason.to_string() }
}

impl SigningKey {
    /// Reads PEM (PKCS#8, PKCS#1, SEC 1) or a JWK (RFC 7517; also a set with one private key).
    pub(in crate::http) fn read(text: &str) -> Result<Self, KeyError> {
        let text = text.trim();
        if text.starts_with('{') { Self::of_json(text) } else { Self::of_pem(text) }
    }

    /// The name of the algorithm (RFC 7518 section 3.1).
    pub(super) fn algorithm(&self) -> &'static str {
        match &self.pair {
            Pair::Rsa(_) => "RS256",
            Pair::Ec(_, curve) => curve.algorithm,
        }
    }

    /// `None` when the machine has no random numbers.
    pub(super) fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).ok()?;
                Some(signature)
            }
            Pair::Ec(pair, _) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
        }
    }

    fn of_pem(text: &str) -> Result<Self, KeyError> {
        // In a variable, line ends are often written as in a string of a program.
        let text = Zeroizing::new(text.replace("\\n", "\n"));
        let Some((_, rest)) = text.split_once("-----BEGIN ") else {
            return Err(KeyError::Neither);
        };
        if text.contains("ENCRYPTED") {
            return Err(KeyError::Encrypted);
        }
        let pair = match PrivateKeyDer::pem_slice_iter(text.as_bytes()).next() {
            Some(Ok(PrivateKeyDer::Pkcs1(der))) => rsa(der.secret_pkcs1_der())?,
            Some(Ok(PrivateKeyDer::Sec1(der))) => {
                let key = Sec1::read(der.secret_sec1_der()).ok_or_else(|| damaged("it is no EC key"))?;
                ec(&key, key.curve)?
            }
            Some(Ok(PrivateKeyDer::Pkcs8(der))) => pkcs8(der.secret_pkcs8_der())?,
            Some(Ok(_)) => return Err(KeyError::Neither),
            Some(Err(error)) => return Err(damaged(error)),
            None => {
                let label = rest.split("-----").next().unwrap_or_default();
                return Err(match label {
                    label if label.contains("PUBLIC KEY") => KeyError::Public,
                    label if label.contains("PRIVATE KEY") => damaged("its end is missing"),
                    label => KeyError::Other { label: label.chars().take(40).collect() },
                });
            }
        };
        Ok(Self { pair, id: None })
    }

    fn of_json(text: &str) -> Result<Self, KeyError> {
        let set: Set = serde_json::from_str(text).map_err(|error| {
            damaged(format!("as JSON it is wrong at line {}, column {}", error.line(), error.column()))
        })?;
        let mut keys = match set.keys {
            Some(keys) => keys,
            None => vec![serde_json::from_str(text).map_err(|_| KeyError::Neither)?],
        };
        if keys.iter().any(|key| key.d.is_some()) {
            keys.retain(|key| key.d.is_some());
        }
        let [key] = &keys[..] else {
            return Err(KeyError::Several { keys: keys.len() });
        };
        let pair = match (key.kty.as_str(), &key.d) {
            ("RSA" | "EC", None) => return Err(KeyError::Public),
            ("RSA", Some(_)) => key.rsa()?,
            ("EC", Some(_)) => key.ec()?,
            (kind, _) => {
                let kind = key.crv.as_deref().unwrap_or(kind);
                return Err(KeyError::Kind { kind: kind.chars().take(40).collect() });
            }
        };
        Ok(Self { pair, id: key.kid.clone() })
    }
}

fn pkcs8(der: &[u8]) -> Result<Pair, KeyError> {
    let document = Pkcs8::read(der).ok_or_else(|| damaged("it is no PKCS#8 document"))?;
    match document.algorithm {
        RSA => rsa(document.key),
        EC => {
            let key = Sec1::read(document.key).ok_or_else(|| damaged("it is no EC key"))?;
            ec(&key, document.curve.or(key.curve))
        }
        other => Err(KeyError::Kind { kind: kind_of(other) }),
    }
}

fn rsa(der: &[u8]) -> Result<Pair, KeyError> {
    let bits = rsa_bits(der).ok_or_else(|| damaged("it is no RSA key"))?;
    check_bits(bits)?;
    RsaKeyPair::from_der(der).map(Pair::Rsa).map_err(damaged)
}

fn check_bits(bits: usize) -> Result<(), KeyError> {
    if (FEWEST_BITS..=MOST_BITS).contains(&bits) { Ok(()) } else { Err(KeyError::Bits { bits }) }
}

fn ec(key: &Sec1<'_>, curve: Option<&[u8]>) -> Result<Pair, KeyError> {
    let object = curve.ok_or_else(|| damaged("it names no curve"))?;
    let curve = CURVES.iter().find(|curve| curve.object == object);
    let curve = curve.ok_or_else(|| KeyError::Kind { kind: kind_of(object) })?;
    ec_pair(curve, key.secret, key.public.ok_or(KeyError::NoPoint)?)
}

fn ec_pair(curve: &'static Curve, secret: &[u8], public: &[u8]) -> Result<Pair, KeyError> {
    let random = SystemRandom::new();
    EcdsaKeyPair::from_private_key_and_public_key(curve.signing, secret, public, &random)
        .map(|pair| Pair::Ec(pair, curve))
        .map_err(damaged)
}

fn kind_of(object: &[u8]) -> String {
    let known = OTHERS.iter().find(|(known, _)| *known == object);
    known.map_or("that is not known here", |(_, name)| name).to_owned()
}

#[derive(Deserialize)]
struct Set {
    keys: Option<Vec<Jwk>>,
}

/// A key as JSON (RFC 7518 section 6).
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    crv: Option<String>,
    x: Option<String>,
    y: Option<String>,
    n: Option<String>,
    e: Option<String>,
    d: Option<String>,
    p: Option<String>,
    q: Option<String>,
    dp: Option<String>,
    dq: Option<String>,
    qi: Option<String>,
}

impl Drop for Jwk {
    fn drop(&mut self) {
        for secret in [&mut self.d, &mut self.p, &mut self.q, &mut self.dp, &mut self.dq, &mut self.qi] {
            secret.zeroize();
        }
    }
}

impl Jwk {
    fn rsa(&self) -> Result<Pair, KeyError> {
        let n = part("n", &self.n)?;
        check_bits(n.len() * 8 - n.first().map_or(0, |first| first.leading_zeros() as usize))?;
        let components = KeyPairComponents {
            public_key: PublicKeyComponents { n, e: part("e", &self.e)? },
            d: part("d", &self.d)?,
            p: part("p", &self.p)?,
            q: part("q", &self.q)?,
            dP: part("dp", &self.dp)?,
            dQ: part("dq", &self.dq)?,
            qInv: part("qi", &self.qi)?,
        };
        let pair = RsaKeyPair::from_components(&KeyPairComponents {
            public_key: PublicKeyComponents {
                n: components.public_key.n.as_slice(),
                e: components.public_key.e.as_slice(),
            },
            d: components.d.as_slice(),
            p: components.p.as_slice(),
            q: components.q.as_slice(),
            dP: components.dP.as_slice(),
            dQ: components.dQ.as_slice(),
            qInv: components.qInv.as_slice(),
        });
        pair.map(Pair::Rsa).map_err(damaged)
    }

    fn ec(&self) -> Result<Pair, KeyError> {
        let name = self.crv.as_deref().unwrap_or("without a curve");
        let curve = CURVES.iter().find(|curve| curve.name == name);
        let curve = curve.ok_or_else(|| KeyError::Kind { kind: name.chars().take(40).collect() })?;
        let mut point = vec![4];
        point.extend_from_slice(&part("x", &self.x)?);
        point.extend_from_slice(&part("y", &self.y)?);
        ec_pair(curve, &part("d", &self.d)?, &point)
    }
}

fn part(name: &str, written: &Option<String>) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let text = written.as_deref().ok_or_else(|| damaged(format!("`{name}` is missing")))?;
    let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| damaged(format!("`{name}` is not base64url")))?;
    Ok(Zeroizing::new(bytes))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::http::oauth) fn fixture(name: &str) -> String {
        let path = format!("{}/../tests/fixtures/oauth/{name}", env!("CARGO_MANIFEST_DIR"));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    fn signed(name: &str, algorithm: &str) -> Vec<u8> {
        let key = SigningKey::read(&fixture(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(key.algorithm(), algorithm, "{name}");
        key.sign(b"message").unwrap()
    }

    #[test]
    fn every_form_of_a_key_is_read() {
        let rsa = signed("rsa.pem", "RS256");
        assert_eq!(signed("rsa-pkcs1.pem", "RS256"), rsa);
        assert_eq!(signed("rsa.jwk.json", "RS256"), rsa);
        assert_eq!(signed("ec.pem", "ES256").len(), 64);
        assert_eq!(signed("ec-sec1.pem", "ES256").len(), 64);
        assert_eq!(signed("ec.jwk.json", "ES256").len(), 64);
        assert_eq!(signed("ec-p384.pem", "ES384").len(), 96);
        assert_eq!(SigningKey::read(&fixture("ec.jwk.json")).unwrap().id.as_deref(), Some("ec"));
        let set = format!("{{ \"keys\": [{}] }}", fixture("ec.jwk.json"));
        assert_eq!(SigningKey::read(&set).unwrap().algorithm(), "ES256");
        // As some write it into a variable.
        let line = fixture("ec.pem").replace('\n', "\\n");
        assert_eq!(SigningKey::read(&line).unwrap().algorithm(), "ES256");
    }

    /// RFC 7515 appendix A.2: the same message and key give the same signature.
    #[test]
    fn a_signature_is_that_of_the_rfc() {
        let key = r#"{"kty":"RSA",
            "n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ",
            "e":"AQAB",
            "d":"Eq5xpGnNCivDflJsRQBXHx1hdR1k6Ulwe2JZD50LpXyWPEAeP88vLNO97IjlA7_GQ5sLKMgvfTeXZx9SE-7YwVol2NXOoAJe46sui395IW_GO-pWJ1O0BkTGoVEn2bKVRUCgu-GjBVaYLU6f3l9kJfFNS3E0QbVdxzubSu3Mkqzjkn439X0M_V51gfpRLI9JYanrC4D4qAdGcopV_0ZHHzQlBjudU2QvXt4ehNYTCBr6XCLQUShb1juUO1ZdiYoFaFQT5Tw8bGUl_x_jTj3ccPDVZFD9pIuhLhBOneufuBiB4cS98l2SR_RQyGWSeWjnczT0QU91p1DhOVRuOopznQ",
            "p":"4BzEEOtIpmVdVEZNCqS7baC4crd0pqnRH_5IB3jw3bcxGn6QLvnEtfdUdiYrqBdss1l58BQ3KhooKeQTa9AB0Hw_Py5PJdTJNPY8cQn7ouZ2KKDcmnPGBY5t7yLc1QlQ5xHdwW1VhvKn-nXqhJTBgIPgtldC-KDV5z-y2XDwGUc",
            "q":"uQPEfgmVtjL0Uyyx88GZFF1fOunH3-7cepKmtH4pxhtCoHqpWmT8YAmZxaewHgHAjLYsp1ZSe7zFYHj7C6ul7TjeLQeZD_YwD66t62wDmpe_HlB-TnBA-njbglfIsRLtXlnDzQkv5dTltRJ11BKBBypeeF6689rjcJIDEz9RWdc",
            "dp":"BwKfV3Akq5_MFZDFZCnW-wzl-CCo83WoZvnLQwCTeDv8uzluRSnm71I3QCLdhrqE2e9YkxvuxdBfpT_PI7Yz-FOKnu1R6HsJeDCjn12Sk3vmAktV2zb34MCdy7cpdTh_YVr7tss2u6vneTwrA86rZtu5Mbr1C1XsmvkxHQAdYo0",
            "dq":"h_96-mK1R_7glhsum81dZxjTnYynPbZpHziZjeeHcXYsXaaMwkOlODsWa7I9xXDoRwbKgB719rrmI2oKr6N3Do9U0ajaHF-NKJnwgjMd2w9cjz3_-kyNlxAr2v4IKhGNpmM5iIgOS1VZnOZ68m6_pbLBSp3nssTdlqvd0tIiTHU",
            "qi":"IYd7DHOhrWvxkwPQsRM2tOgrjbcrfvtQJipd-DlcxyVuuM9sQLdgjVk2oy26F0EmpScGLq2MowX7fhd_QJQ3ydy5cY7YIBi87w93IKLEdfnbJtoOPLUW0ITrJReOgo1cq9SbsxYawBgfp_gh6A5603k2-ZQwVK0JKSHuLFkuQ3U"
        }"#;
        let message = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = SigningKey::read(key).unwrap().sign(message.as_bytes()).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(signature),
            "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_O8W2Fp5jujGbds9uJdbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383LcOLn6_dO--xi12jzDwusC-eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"
        );
    }

    #[test]
    fn what_cannot_sign_is_refused_with_what_it_is_and_shows_nothing_of_it() {
        let ec = fixture("ec.pem");
        let body = ec.lines().nth(1).unwrap().to_owned();
        let no_point = "{\"kty\":\"EC\",\"crv\":\"P-256\",\"d\":\"AAAA\"}";
        for (text, says) in [
            ("00aToken".to_owned(), "neither PEM nor a JWK"),
            (fixture("encrypted.pem"), "encrypted"),
            (format!("-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\n\n{body}"), "encrypted"),
            (fixture("public.pem"), "public key"),
            (fixture("public.jwks.json"), "set of 3"),
            (fixture("rsa-1024.pem"), "RSA key of 1024 bits"),
            (fixture("ec-p521.pem"), "kind P-521"),
            (fixture("ed25519.pem"), "kind Ed25519"),
            (ec.replace("PRIVATE KEY", "CERTIFICATE"), "holds a CERTIFICATE"),
            (ec.lines().take(2).collect::<Vec<_>>().join("\n"), "damaged"),
            (ec.replace(&body, &body.replace('M', "N")), "damaged"),
            (no_point.to_owned(), "`x` is missing"),
            (no_point.replace(",\"d\":\"AAAA\"", ""), "public key"),
            (no_point.replace("P-256", "P-521"), "kind P-521"),
            ("{\"kty\":\"oct\",\"k\":\"AAAA\"}".to_owned(), "kind oct"),
            ("{\"kty\":".to_owned(), "line 1, column"),
            ("{}".to_owned(), "neither"),
        ] {
            let Err(error) = SigningKey::read(&text) else { panic!("taken: {says}") };
            assert!(error.to_string().contains(says), "{says}: {error}");
            let all = format!("{error} {error:?} {:?}", error.hint());
            assert!(error.hint().is_some() && !all.contains(&body[..20]) && !all.contains("aToken"), "{all}");
        }
    }

    #[test]
    fn a_key_without_its_point_is_told_how_to_get_one() {
        let der = [0x30, 0x06, 0x02, 0x01, 0x01, 0x04, 0x01, 0x07];
        let key = Sec1::read(&der).unwrap();
        assert!(matches!(ec(&key, Some(CURVES[0].object)), Err(KeyError::NoPoint)));
    }
}
