use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::budgets::Budgets;
use super::credential::Credential;
use super::endpoint::Endpoint;
use super::error::HttpError;
use super::grant::Allow;
use super::telling::Listener;
use crate::model::{HttpRules, RateLimitRules};

/// What a [`Client`](super::Client) is made of. The keys named here are those of `[connector.NAME.http]`.
#[derive(Clone)]
pub struct ClientOptions {
    /// The connector's name, for messages.
    pub connector: String,
    pub endpoint: Endpoint,
    pub credential: Credential,
    /// From the plugin's manifest.
    pub http: HttpRules,
    /// From the plugin's manifest; `None`: the provider has no rate limits.
    pub rate_limit: Option<RateLimitRules>,
    /// Which clients spend a budget together. Each on its own, unless it is the same object.
    pub budgets: Budgets,
    /// `allow`: what the admin grants beyond GET, as far as the manifest declares it as well.
    pub allow: Vec<Allow>,
    /// `parallel`: requests under way at a time. The default, 8, takes a tenth of Okta's limit of 75.
    pub parallel: u32,
    /// `share`: the part of a rate limit that is ours, in (0, 1]. The default leaves others a fifth.
    pub share: f64,
    /// `timeout-seconds`: the longest silence of the server. An attempt as a whole may take ten times as long.
    pub timeout: Duration,
    /// `deadline-minutes`: how long after the client was made its last answer may come.
    pub deadline: Option<Duration>,
    /// `attempts`: how often a request is sent before a failure is final. A 429 doesn't count.
    pub attempts: u32,
    /// `response-limit-mib`, in bytes, decompressed. The default is a hundred times an Okta page.
    pub response_limit: u64,
    /// `proxy`: `http://proxy.example:3128`; else `HTTPS_PROXY` and so on of the environment.
    pub proxy: Option<String>,
    /// `ca-bundle`: a PEM file of certificates to trust besides the system's.
    pub ca_bundle: Option<PathBuf>,
    pub listener: Listener,
}

impl ClientOptions {
    /// Defaults for everything that an admin may leave out.
    pub fn new(
        connector: impl Into<String>,
        endpoint: Endpoint,
        credential: Credential,
        http: HttpRules,
        rate_limit: Option<RateLimitRules>,
    ) -> Self {
        Self {
            connector: connector.into(),
            endpoint,
            credential,
            http,
            rate_limit,
            budgets: Budgets::default(),
            allow: Vec::new(),
            parallel: 8,
            share: 0.8,
            timeout: Duration::from_secs(60),
            deadline: Some(Duration::from_secs(6 * 3600)),
            attempts: 4,
            response_limit: 64 << 20,
            proxy: None,
            ca_bundle: None,
            listener: std::sync::Arc::new(|_| {}),
        }
    }

    pub(super) fn check(&self) -> Result<(), HttpError> {
        let wrong = |key, reason: &str| {
            Err(HttpError::Option { connector: self.connector.clone(), key, reason: reason.to_owned() })
        };
        if !(self.share > 0.0 && self.share <= 1.0) {
            return wrong("share", "has to be over 0 and at most 1");
        }
        if self.parallel == 0 {
            return wrong("parallel", "has to be at least 1");
        }
        if self.attempts == 0 {
            return wrong("attempts", "has to be at least 1");
        }
        if self.timeout.is_zero() {
            return wrong("timeout-seconds", "has to be over 0");
        }
        if self.response_limit == 0 {
            return wrong("response-limit-mib", "has to be over 0");
        }
        Ok(())
    }
}

/// A proxy's address may hold a password.
impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("connector", &self.connector)
            .field("endpoint", &self.endpoint.to_string())
            .field("credential", &self.credential)
            .field("allow", &self.allow)
            .field("parallel", &self.parallel)
            .field("share", &self.share)
            .field("timeout", &self.timeout)
            .field("deadline", &self.deadline)
            .field("attempts", &self.attempts)
            .field("response_limit", &self.response_limit)
            .field("proxy", &self.proxy.is_some())
            .field("ca_bundle", &self.ca_bundle)
            .finish_non_exhaustive()
    }
}
