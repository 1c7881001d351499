use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use reqwest::header::{HeaderMap, LOCATION};
use tokio::time::Instant;
use url::Url;

use super::cassette::{CassetteError, Scrub};
use super::cause::Cause;
use super::courtesy::Courtesy;
use super::error::{HttpError, quoted};
use super::grant::{Grant, Refusal};
use super::limits::{date, retry_after};
use super::oauth::{Signing, Tokens};
use super::options::ClientOptions;
use super::pacer::{Permit, Place, Purpose, TooLate, Verdict};
use super::retry::{backoff, is_idempotent, is_transient};
use super::telling::{HttpTotals, Telling};
use super::transport::Transport;
use super::wire::{Failure, Incoming, Network, Outgoing, Wire};
use crate::model::{Method, Request, Response};

/// Performs a plugin's requests, for one connector and one run: the deadline counts from its making.
pub struct Client {
    options: ClientOptions,
    grant: Grant,
    place: Place,
    /// Of a service app.
    tokens: Option<Tokens>,
    wire: Box<dyn Wire>,
    telling: Telling,
    deadline: Option<Instant>,
}

/// An attempt as a whole may take this many times the longest silence: a server that sends a byte now and then
/// doesn't hold a run up for ever.
const SILENCES: u32 = 10;

/// Body bytes that are reserved at once on a server's word.
const RESERVED: u64 = 1 << 20;

/// Does the URL name this machine?
fn is_loopback(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| match url.host() {
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        Some(url::Host::Domain(name)) => name == "localhost",
        None => false,
    })
}

impl Client {
    /// Tells two credentials apart without revealing either; see [`Credential::identity`](super::Credential).
    pub fn credential_identity(&self) -> &str {
        self.options.credential.identity()
    }

    /// Takes the client's credential out of what is recorded.
    pub fn scrub(&self) -> Result<Scrub, CassetteError> {
        let connector = self.options.connector.clone();
        self.options.credential.scrub().ok_or(CassetteError::ShortSecret { connector })
    }

    /// How many seconds this machine's clock is ahead of the provider's, less than 0 when behind, as of its last answer;
    /// exact to a second and the time that the answer took. `None` before there was one that had a date.
    pub fn clock_ahead(&self) -> Option<i64> {
        self.telling.clock_ahead()
    }

    /// Reads the CA bundle and prepares connections, but opens none.
    pub fn new(options: ClientOptions) -> Result<Self, HttpError> {
        options.check()?;
        if !options.endpoint.is_secure() && options.proxy.as_deref().is_some_and(|proxy| !is_loopback(proxy))
        {
            return Err(HttpError::Option {
                connector: options.connector.clone(),
                key: "proxy",
                reason: "would carry the credential in clear text: the endpoint is not https".into(),
            });
        }
        let wire = Network::new(&options)?;
        Self::over(options, Box::new(wire))
    }

    pub(super) fn over(options: ClientOptions, wire: Box<dyn Wire>) -> Result<Self, HttpError> {
        let tokens = match options.credential.app() {
            None => None,
            Some(app) => Some(Tokens::new(Arc::clone(app)).ok_or_else(|| HttpError::Setup {
                connector: options.connector.clone(),
                reason: "this machine has no random numbers to make a key of".to_owned(),
            })?),
        };
        let credential_header = options.credential.header();
        Ok(Self {
            grant: Grant::new(&options.http, options.rate_limit.as_ref(), &options.allow, credential_header),
            place: options.budgets.join(&options),
            wire,
            telling: Telling::new(Arc::clone(&options.listener)),
            deadline: options.deadline.and_then(|deadline| Instant::now().checked_add(deadline)),
            tokens,
            options,
        })
    }

    pub(super) fn connector(&self) -> &str {
        &self.options.connector
    }

    pub(super) fn tokens(&self) -> Option<&Tokens> {
        self.tokens.as_ref()
    }

    pub(super) fn telling(&self) -> &Telling {
        &self.telling
    }

    /// Of a path that the host asks for itself.
    pub(super) fn address(&self, path: &str) -> Option<Url> {
        self.options.endpoint.url(path, None)
    }

    /// The request as it goes out, or why it must not.
    fn prepare(&self, request: &Request) -> Result<Outgoing, HttpError> {
        let refused = |refusal| HttpError::Refused {
            connector: self.options.connector.clone(),
            request: name(request),
            refusal,
        };
        let (path, query, mut headers) = self.grant.check(request).map_err(refused)?;
        let url = self.options.endpoint.url(path, query).ok_or_else(|| {
            refused(Refusal::Path { path: quoted(path), reason: "it means another path once it is parsed" })
        })?;
        if let Some(value) = self.options.credential.value() {
            headers.insert(self.options.credential.header(), value.clone());
        }
        let method = match request.method {
            Method::Get => reqwest::Method::GET,
            Method::Post => reqwest::Method::POST,
            Method::Put => reqwest::Method::PUT,
            Method::Patch => reqwest::Method::PATCH,
            Method::Delete => reqwest::Method::DELETE,
        };
        Ok(Outgoing { method, url, headers, body: request.body.clone() })
    }

    /// Sends until there is an answer to hand on, or no more sense in trying.
    pub(super) async fn pursue(
        &self,
        request: &Request,
        outgoing: &mut Outgoing,
        signing: &Signing<'_>,
    ) -> Result<Answered, HttpError> {
        // Each request for a token is another one, so that repeating it repeats nothing.
        let is_repeatable = is_idempotent(request.method) || matches!(signing, Signing::Assertion(_));
        let bucket = request.bucket.as_str();
        let purpose = if request.about.is_none() { Purpose::Listing } else { Purpose::Subject };
        let mut courtesy = Courtesy::new(&self.options.http);
        let mut failures = 0;
        let mut crowded = 0;
        loop {
            let mut permit = self
                .place
                .pacer()
                .acquire(bucket, purpose, self.deadline, &self.telling)
                .await
                .map_err(|late| self.too_late(request, late))?;
            signing.sign(outgoing, self.provider_now()).map_err(|error| HttpError::Token {
                connector: self.options.connector.clone(),
                error: Box::new(error),
            })?;
            self.telling.sent(bucket);
            let attempt = self.attempt(request, outgoing, &mut permit, &mut courtesy).await;
            // The next request may go while this one waits for its repetition.
            drop(permit);
            let (pause, reason) = match attempt? {
                Attempt::Answered(answer) => {
                    failures += 1;
                    let worth =
                        is_transient(answer.status) && is_repeatable && failures < self.options.attempts;
                    let pause =
                        answer.retry_after.unwrap_or_default().max(backoff(failures, fastrand::f64()));
                    if !worth || self.is_beyond(pause) {
                        return Ok(answer);
                    }
                    (pause, answer.reason)
                }
                Attempt::Refused { again, reason } => {
                    let now = Instant::now();
                    let wait = again.saturating_duration_since(now);
                    if self.is_beyond(wait) {
                        return Err(self.too_late(request, TooLate { wait, left: self.left(now) }));
                    }
                    self.telling.retrying(bucket, reason, wait);
                    courtesy.repeat(&mut outgoing.headers);
                    // The rest of the wait is the bucket's, which all its requests share.
                    self.pause(wait.min(Duration::from_secs(1))).await;
                    continue;
                }
                Attempt::Crowded { reason } => {
                    crowded += 1;
                    let pause = backoff(crowded + 1, fastrand::f64());
                    if self.is_beyond(pause) {
                        let late = TooLate { wait: pause, left: self.left(Instant::now()) };
                        return Err(self.too_late(request, late));
                    }
                    (pause, reason)
                }
                Attempt::Failed(failure) => {
                    failures += 1;
                    let repeatable = is_repeatable || !failure.arrived;
                    let worth = repeatable && failures < failure.cause.attempts(self.options.attempts);
                    let pause = backoff(failures, fastrand::f64());
                    if !worth || self.is_beyond(pause) {
                        return Err(self.no_answer(request, failures, failure.cause));
                    }
                    (pause, failure.cause.to_string())
                }
            };
            self.telling.retrying(bucket, reason, pause);
            courtesy.repeat(&mut outgoing.headers);
            self.pause(pause).await;
        }
    }

    async fn attempt(
        &self,
        request: &Request,
        outgoing: &Outgoing,
        permit: &mut Permit,
        courtesy: &mut Courtesy,
    ) -> Result<Attempt, HttpError> {
        let most = self.options.timeout.saturating_mul(SILENCES);
        match tokio::time::timeout(most, self.exchange(request, outgoing, permit, courtesy)).await {
            Ok(result) => result,
            Err(_) => Ok(Attempt::Failed(Failure { cause: Cause::Timeout, arrived: true })),
        }
    }

    async fn exchange(
        &self,
        request: &Request,
        outgoing: &Outgoing,
        permit: &mut Permit,
        courtesy: &mut Courtesy,
    ) -> Result<Attempt, HttpError> {
        let mut incoming = match self.wire.send(outgoing).await {
            Ok(incoming) => incoming,
            Err(failure) => return Ok(Attempt::Failed(failure)),
        };
        courtesy.answered(&incoming.headers);
        let status = incoming.status;
        if let Some(date) = date(&incoming.headers) {
            self.telling.dated(date, SystemTime::now());
        }
        let verdict = permit.answered(status, &incoming.headers, &self.telling);
        let reason = self.reason(status, &incoming.headers);
        if matches!(status, 301 | 302 | 303 | 307 | 308) {
            return Err(HttpError::Redirected {
                connector: self.options.connector.clone(),
                request: name(request),
                status,
                location: location(outgoing, &incoming.headers),
            });
        }
        let body = self.read(request, &mut incoming).await?;
        // Of an answer that is not handed on, the head says it all, whatever became of the body.
        match (verdict, body) {
            (Verdict::Refused { again }, _) => Ok(Attempt::Refused { again, reason }),
            (Verdict::Crowded, _) => Ok(Attempt::Crowded { reason: format!("{reason}: too many at once") }),
            (Verdict::Answer, Err(failure)) => Ok(Attempt::Failed(failure)),
            (Verdict::Answer, Ok(body)) => Ok(Attempt::Answered(Answered {
                status,
                reason,
                retry_after: retry_after(&incoming.headers),
                response: Response { status, headers: self.grant.shown(&incoming.headers), body },
                headers: incoming.headers,
            })),
        }
    }

    /// The whole body, unless it is over the limit, which ends the transfer.
    async fn read(
        &self,
        request: &Request,
        incoming: &mut Incoming,
    ) -> Result<Result<Vec<u8>, Failure>, HttpError> {
        let limit = self.options.response_limit;
        let too_large = |seen| HttpError::TooLarge {
            connector: self.options.connector.clone(),
            request: name(request),
            limit,
            seen,
        };
        let announced = incoming.length.unwrap_or_default();
        if announced > limit {
            return Err(too_large(announced));
        }
        let mut body = Vec::with_capacity(usize::try_from(announced.min(RESERVED)).unwrap_or_default());
        loop {
            match incoming.body.chunk().await {
                Ok(Some(chunk)) => {
                    let seen = (body.len() + chunk.len()) as u64;
                    if seen > limit {
                        return Err(too_large(seen));
                    }
                    body.extend_from_slice(&chunk);
                }
                Ok(None) => return Ok(Ok(body)),
                Err(failure) => return Ok(Err(failure)),
            }
        }
    }

    /// `503 Service Unavailable (x-okta-request-id: abc)`.
    fn reason(&self, status: u16, headers: &HeaderMap) -> String {
        let mut reason =
            match reqwest::StatusCode::from_u16(status).ok().and_then(|code| code.canonical_reason()) {
                Some(text) => format!("{status} {text}"),
                None => status.to_string(),
            };
        if let Some(id) = &self.options.http.request_id
            && let Some(value) = headers.get(id.as_str())
        {
            reason.push_str(&format!(" ({id}: {})", quoted(&String::from_utf8_lossy(value.as_bytes()))));
        }
        reason
    }

    async fn pause(&self, pause: Duration) {
        let _wait = self.telling.wait();
        tokio::time::sleep(pause).await;
    }

    fn left(&self, now: Instant) -> Duration {
        self.deadline.map_or(Duration::MAX, |deadline| deadline.saturating_duration_since(now))
    }

    fn is_beyond(&self, pause: Duration) -> bool {
        pause > self.left(Instant::now())
    }

    fn too_late(&self, request: &Request, late: TooLate) -> HttpError {
        HttpError::LimitBeyondDeadline {
            connector: self.options.connector.clone(),
            request: name(request),
            bucket: quoted(&request.bucket),
            wait: late.wait,
            left: late.left,
        }
    }

    fn no_answer(&self, request: &Request, attempts: u32, cause: Cause) -> HttpError {
        HttpError::NoAnswer {
            connector: self.options.connector.clone(),
            request: name(request),
            origin: self.options.endpoint.to_string(),
            attempts,
            cause,
        }
    }
}

enum Attempt {
    Answered(Answered),
    Refused { again: Instant, reason: String },
    Crowded { reason: String },
    Failed(Failure),
}

/// An answer that is handed on.
pub(super) struct Answered {
    pub(super) status: u16,
    /// Status and request id, in words.
    pub(super) reason: String,
    retry_after: Option<Duration>,
    /// All of them; the response holds those that the plugin is shown.
    pub(super) headers: HeaderMap,
    pub(super) response: Response,
}

#[async_trait]
impl Transport for Client {
    async fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let mut outgoing = self.prepare(request)?;
        let pursuit = async {
            match &self.tokens {
                Some(tokens) => self.send_with_token(tokens, request, outgoing).await,
                None => Ok(self.pursue(request, &mut outgoing, &Signing::Fixed).await?.response),
            }
        };
        let Some(deadline) = self.deadline else {
            return pursuit.await;
        };
        match tokio::time::timeout_at(deadline, pursuit).await {
            Ok(result) => result,
            Err(_) => Err(HttpError::Deadline {
                connector: self.options.connector.clone(),
                request: name(request),
                deadline: self.options.deadline.unwrap_or_default(),
            }),
        }
    }

    fn totals(&self) -> HttpTotals {
        self.telling.totals()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("options", &self.options).finish_non_exhaustive()
    }
}

/// `GET /api/v1/users`: the query may be long, and is the plugin's business.
fn name(request: &Request) -> String {
    let path = request.path.split(['?', '#']).next().unwrap_or_default();
    format!("{} {}", request.method.as_str(), quoted(path))
}

/// Where a redirect leads, without query, fragment and user-info: these may hold tokens.
fn location(outgoing: &Outgoing, headers: &HeaderMap) -> String {
    let target = headers.get(LOCATION).and_then(|value| value.to_str().ok());
    match target.and_then(|target| outgoing.url.join(target).ok()) {
        Some(mut url) => {
            url.set_query(None);
            url.set_fragment(None);
            without_user(&mut url);
            quoted(url.as_str())
        }
        None => "nowhere".to_owned(),
    }
}

fn without_user(url: &mut Url) {
    // Neither can fail for an address with a host; one without has no user either.
    let _ = url.set_username("");
    let _ = url.set_password(None);
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
