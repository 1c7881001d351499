use std::fmt;

use serde_json::{Value, json};
use url::Url;

use super::jwt;
use super::key::SigningKey;
use crate::http::cassette::Scrub;
use crate::model::{ScopeRule, ServiceAppRule};

/// How long an assertion is good, in seconds: longer than any request takes, and far less than the hour that Okta
/// allows.
const ASSERTION_SECONDS: u64 = 300;

/// What a connector says of its app, besides where the key is.
#[derive(Debug, Clone, Copy)]
pub struct AppOptions<'a> {
    pub client_id: &'a str,
    /// Which of the app's keys; `None`: what the key itself says, if anything.
    pub key_id: Option<&'a str>,
    /// `None`: those that the plugin's manifest asks for.
    pub scopes: Option<&'a [String]>,
    /// The connector's settings, which scopes may depend on.
    pub settings: &'a Value,
}

/// An app that a provider knows by its public key.
pub struct ServiceApp {
    pub(super) client_id: String,
    pub(super) token_path: String,
    /// In the order in which they are asked for.
    pub(super) scopes: Vec<ScopeRule>,
    /// What the body of a 403 holds that is about the token and not about what it may do.
    pub(super) session_ended: Option<String>,
    key: SigningKey,
    key_id: Option<String>,
    /// Knows every token that the app was given.
    pub(super) scrub: Scrub,
}

impl ServiceApp {
    pub(in crate::http) fn new(rule: &ServiceAppRule, key: SigningKey, options: AppOptions<'_>) -> Self {
        let asked = |scope: &&ScopeRule| match &scope.setting {
            None => true,
            Some(setting) => options.settings.get(setting).is_some_and(|value| !value.is_null()),
        };
        let scopes = match options.scopes {
            None => rule.scopes.iter().filter(asked).cloned().collect(),
            Some(names) => names
                .iter()
                .map(|name| match rule.scopes.iter().find(|known| known.scope == *name) {
                    Some(known) => known.clone(),
                    None => ScopeRule { scope: name.clone(), reads: String::new(), setting: None },
                })
                .collect(),
        };
        Self {
            client_id: options.client_id.to_owned(),
            token_path: rule.token_path.clone(),
            scopes,
            session_ended: rule.session_ended.clone(),
            key_id: options.key_id.map(str::to_owned).or_else(|| key.id.clone()),
            key,
            scrub: Scrub::nothing(),
        }
    }

    /// What tells this app, and what it asks for, from others.
    pub(in crate::http) fn named(&self) -> String {
        format!("{}\0{}", self.client_id, self.scope_text())
    }

    pub(in crate::http) fn scrub(&self) -> Scrub {
        self.scrub.clone()
    }

    pub(super) fn algorithm(&self) -> &'static str {
        self.key.algorithm()
    }

    pub(super) fn scope_text(&self) -> String {
        self.scopes.iter().map(|scope| scope.scope.as_str()).collect::<Vec<_>>().join(" ")
    }

    /// The form that asks for a token, signed anew (RFC 7523 section 2.2): no assertion is good twice.
    pub(super) fn form(&self, url: &Url, now: u64) -> Option<String> {
        let mut header = json!({ "typ": "JWT", "alg": self.key.algorithm() });
        if let Some(id) = &self.key_id {
            header["kid"] = id.as_str().into();
        }
        let claims = json!({
            "iss": self.client_id,
            "sub": self.client_id,
            "aud": url.as_str(),
            "iat": now,
            "exp": now + ASSERTION_SECONDS,
            "jti": jwt::unique()?,
        });
        let assertion = jwt::compact(&header, &claims, |message| self.key.sign(message))?;
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.append_pair("grant_type", "client_credentials")
            .append_pair("scope", &self.scope_text())
            .append_pair("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            .append_pair("client_assertion", &assertion);
        Some(form.finish())
    }
}

impl fmt::Debug for ServiceApp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServiceApp")
            .field("client_id", &self.client_id)
            .field("scopes", &self.scope_text())
            .finish_non_exhaustive()
    }
}
