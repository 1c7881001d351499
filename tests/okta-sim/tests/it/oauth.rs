//! Service apps: what the token endpoint and the API refuse, and what they take.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _};
use serde_json::{Value, json};

use crate::client::client;
use okta_sim::{Access, RunningSim, ServiceApp, Sim};

const SCOPES: [&str; 2] = ["okta.users.read", "okta.groups.read"];

struct Signer(EcdsaKeyPair);

impl Signer {
    fn new() -> Self {
        let random = SystemRandom::new();
        let key = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &random).unwrap();
        Self(EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, key.as_ref(), &random).unwrap())
    }

    fn public(&self) -> Value {
        let (x, y) = self.0.public_key().as_ref()[1..].split_at(32);
        json!({ "kty": "EC", "crv": "P-256", "x": URL_SAFE_NO_PAD.encode(x), "y": URL_SAFE_NO_PAD.encode(y) })
    }

    fn sign(&self, header: &Value, claims: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(claims));
        let signature = self.0.sign(&SystemRandom::new(), signed.as_bytes()).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn id() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(1, Ordering::Relaxed).to_string()
}

/// An app with a key, and the key of its proofs.
struct App {
    sim: RunningSim,
    key: Signer,
    proof_key: Signer,
}

impl App {
    async fn new(change: impl FnOnce(&mut ServiceApp)) -> Self {
        let sim = Sim::builder().start().await.unwrap();
        let key = Signer::new();
        let mut app = ServiceApp::new("0oaApp", vec![key.public()], &SCOPES);
        change(&mut app);
        sim.set_service_app(app);
        Self { sim, key, proof_key: Signer::new() }
    }

    fn address(&self) -> String {
        format!("{}/oauth2/v1/token", self.sim.url())
    }

    fn claims(&self) -> Value {
        json!({ "iss": "0oaApp", "sub": "0oaApp", "aud": self.address(), "iat": now(), "exp": now() + 300, "jti": id() })
    }

    fn assertion(&self, claims: &Value) -> String {
        self.key.sign(&json!({ "alg": "ES256" }), claims)
    }

    fn proof(&self, claims: &Value) -> String {
        self.proof_key
            .sign(&json!({ "alg": "ES256", "typ": "dpop+jwt", "jwk": self.proof_key.public() }), claims)
    }

    fn token_proof(&self, nonce: Option<&str>) -> Value {
        let mut claims = json!({ "htm": "POST", "htu": self.address(), "iat": now(), "jti": id() });
        if let Some(nonce) = nonce {
            claims["nonce"] = nonce.into();
        }
        claims
    }

    async fn ask(&self, assertion: &str, proof: Option<&str>, scope: &str) -> (u16, Option<String>, Value) {
        let form = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", assertion),
            ("scope", scope),
        ];
        let body =
            form.map(|(name, value)| format!("{name}={}", value.replace(' ', "+").replace(':', "%3A")));
        let mut request = client().post(self.address()).body(body.join("&"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let answer = request.send().await.unwrap();
        let nonce = answer.headers().get("dpop-nonce").map(|nonce| nonce.to_str().unwrap().to_owned());
        (answer.status().as_u16(), nonce, answer.json().await.unwrap())
    }

    /// The error to an assertion with these claims.
    async fn refusal(&self, assertion: &str, proof: Option<&str>, scope: &str) -> (u16, String, String) {
        let (status, _, body) = self.ask(assertion, proof, scope).await;
        let text = |name: &str| body[name].as_str().unwrap_or_default().to_owned();
        (status, text("error"), text("error_description"))
    }

    async fn token(&self) -> String {
        let first = self.proof(&self.token_proof(None));
        let (status, nonce, body) =
            self.ask(&self.assertion(&self.claims()), Some(&first), &SCOPES.join(" ")).await;
        assert_eq!((status, &body["error"]), (400, &json!("use_dpop_nonce")));
        let second = self.proof(&self.token_proof(nonce.as_deref()));
        let (status, _, body) =
            self.ask(&self.assertion(&self.claims()), Some(&second), &SCOPES.join(" ")).await;
        assert_eq!(
            (status, &body["token_type"], &body["expires_in"]),
            (200, &json!("DPoP"), &json!(3600)),
            "{body}"
        );
        body["access_token"].as_str().unwrap().to_owned()
    }

    fn use_of(&self, token: &str, path: &str) -> Value {
        let hash = URL_SAFE_NO_PAD.encode(digest(&SHA256, token.as_bytes()));
        json!({ "htm": "GET", "htu": format!("{}{path}", self.sim.url()), "iat": now(), "jti": id(), "ath": hash })
    }

    async fn get(&self, path: &str, authorization: &str, proof: Option<&str>) -> (u16, String) {
        let mut request =
            client().get(format!("{}{path}", self.sim.url())).header("authorization", authorization);
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        let answer = request.send().await.unwrap();
        let said = answer.headers().get("www-authenticate").map(|value| value.to_str().unwrap().to_owned());
        (answer.status().as_u16(), said.unwrap_or_default())
    }
}

#[tokio::test]
async fn a_token_is_for_whoever_has_the_key_and_only_with_a_new_proof() {
    let app = App::new(|_| ()).await;
    let token = app.token().await;
    let authorization = format!("DPoP {token}");
    let proof = app.proof(&app.use_of(&token, "/api/v1/users"));
    assert_eq!(app.get("/api/v1/users?limit=2", &authorization, Some(&proof)).await.0, 200);
    let refused = (401, "DPoP error=\"invalid_dpop_proof\"".to_owned());
    assert_eq!(app.get("/api/v1/users?limit=2", &authorization, Some(&proof)).await, refused, "used before");
    assert_eq!(app.get("/api/v1/users", &authorization, None).await, refused);
    for (claim, wrong) in [
        ("htm", json!("POST")),
        ("htu", json!(format!("{}/api/v1/users?limit=2", app.sim.url()))),
        ("iat", json!(now() - 1000)),
        ("ath", json!("x")),
        ("jti", json!("")),
    ] {
        let mut claims = app.use_of(&token, "/api/v1/users");
        claims[claim] = wrong;
        assert_eq!(
            app.get("/api/v1/users", &authorization, Some(&app.proof(&claims))).await,
            refused,
            "{claim}"
        );
    }
    let thief =
        App { sim: Sim::builder().start().await.unwrap(), key: Signer::new(), proof_key: Signer::new() };
    let stolen = thief.proof(&app.use_of(&token, "/api/v1/users"));
    assert_eq!(app.get("/api/v1/users", &authorization, Some(&stolen)).await, refused);
    let bearer = app.get("/api/v1/users", &format!("Bearer {token}"), None).await;
    assert_eq!(bearer, (401, "Bearer error=\"invalid_token\"".to_owned()));

    let get = |path: &'static str| {
        let (app, token) = (&app, &token);
        async move {
            let proof = app.proof(&app.use_of(token, path));
            app.get(path, &format!("DPoP {token}"), Some(&proof)).await.0
        }
    };
    assert_eq!(get("/api/v1/groups").await, 200);
    assert_eq!(get("/api/v1/apps").await, 403, "no scope for it");
    assert_eq!(get("/api/v1/users/me").await, 404, "an app is nobody");
    app.sim.demand_api_nonce(true);
    let proof = app.proof(&app.use_of(&token, "/api/v1/groups"));
    let refused = app.get("/api/v1/groups", &authorization, Some(&proof)).await;
    assert_eq!(refused, (401, "DPoP error=\"use_dpop_nonce\"".to_owned()));
    app.sim.demand_api_nonce(false);
    app.sim.advance(Duration::from_secs(200));
    assert_eq!(get("/api/v1/groups").await, 200);
    app.sim.revoke_app_tokens();
    assert_eq!(get("/api/v1/groups").await, 401);
}

#[tokio::test]
async fn a_token_ends() {
    let app = App::new(|app| (app.dpop, app.token_seconds) = (false, 100)).await;
    let (_, _, body) = app.ask(&app.assertion(&app.claims()), None, &SCOPES.join(" ")).await;
    assert_eq!((&body["token_type"], &body["expires_in"]), (&json!("Bearer"), &json!(100)));
    let authorization = format!("Bearer {}", body["access_token"].as_str().unwrap());
    assert_eq!(app.get("/api/v1/users", &authorization, None).await.0, 200);
    app.sim.advance(Duration::from_secs(101));
    let ended = app.get("/api/v1/users", &authorization, None).await;
    assert_eq!(ended, (401, "Bearer error=\"invalid_token\"".to_owned()));
}

#[tokio::test]
async fn an_assertion_is_for_this_endpoint_now_and_once() {
    let app = App::new(|app| app.dpop = false).await;
    let with = |claim: &str, value: Value| {
        let mut claims = app.claims();
        claims[claim] = value;
        app.assertion(&claims)
    };
    let once = app.assertion(&app.claims());
    assert_eq!(app.ask(&once, None, SCOPES[0]).await.0, 200);
    let stranger =
        App { sim: Sim::builder().start().await.unwrap(), key: Signer::new(), proof_key: Signer::new() };
    for (assertion, why) in [
        (once, "used before"),
        (with("aud", app.sim.url().into()), "audience"),
        (with("iss", "0oaOther".into()), "client_id"),
        (with("sub", "0oaOther".into()), "issuer and subject"),
        (with("exp", (now() - 1).into()), "expired"),
        (with("exp", (now() + 4000).into()), "too far"),
        (with("iat", (now() + 1000).into()), "future"),
        (stranger.assertion(&app.claims()), "signature"),
        (app.key.sign(&json!({ "alg": "ES256", "kid": "other" }), &app.claims()), "kid"),
        ("nonsense".to_owned(), "private_key_jwt"),
    ] {
        let (status, error, description) = app.refusal(&assertion, None, SCOPES[0]).await;
        assert_eq!((status, error.as_str()), (401, "invalid_client"), "{why}: {description}");
        assert!(description.contains(why), "{why}: {description}");
    }
    // A key that is taken out of the app signs nothing any more.
    app.sim.set_service_app(ServiceApp::new("0oaApp", vec![Signer::new().public()], &SCOPES));
    assert!(app.refusal(&app.assertion(&app.claims()), None, SCOPES[0]).await.2.contains("signature"));
}

#[tokio::test]
async fn a_proof_is_demanded_with_the_nonce_and_a_refusal_uses_the_assertion_up() {
    let app = App::new(|_| ()).await;
    let ask =
        async |proof: Option<&str>| app.refusal(&app.assertion(&app.claims()), proof, SCOPES[0]).await.1;
    assert_eq!(ask(None).await, "invalid_dpop_proof");
    let proof = app.proof(&app.token_proof(Some("made up")));
    let assertion = app.assertion(&app.claims());
    assert_eq!(app.refusal(&assertion, Some(&proof), SCOPES[0]).await.1, "use_dpop_nonce");
    let other = app.proof(&app.token_proof(None));
    assert_eq!(app.refusal(&assertion, Some(&other), SCOPES[0]).await.1, "invalid_client");
    assert_eq!(ask(Some(&proof)).await, "invalid_dpop_proof", "used before");
}

#[tokio::test]
async fn what_was_not_granted_is_left_out_or_refused() {
    let app = App::new(|app| app.dpop = false).await;
    let (_, _, body) = app.ask(&app.assertion(&app.claims()), None, "okta.logs.read okta.users.read").await;
    assert_eq!(body["scope"], "okta.users.read");
    assert_eq!(app.refusal(&app.assertion(&app.claims()), None, "okta.logs.read").await.1, "invalid_scope");
    let strict = ServiceApp {
        dpop: false,
        strict_scopes: true,
        access: Access::NoAdminRole,
        ..ServiceApp::new("0oaApp", vec![app.key.public()], &SCOPES)
    };
    app.sim.set_service_app(strict);
    let both = app.refusal(&app.assertion(&app.claims()), None, "okta.logs.read okta.users.read").await;
    assert_eq!(both.1, "invalid_scope");
}
