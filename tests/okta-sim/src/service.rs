//! The pipeline of a request: count it, check concurrency and token and rate, see whether a fault strikes it, wait,
//! answer, encode, spoil.
//!
//! Stages are functions in this order. A fault may refuse before the answer, change the page while it is written,
//! and spoil headers and bytes after they are encoded.

use std::borrow::Cow;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderMap, HeaderValue};
use hyper::http::request::Parts as RequestParts;
use hyper::{Method, Request, Response};
use percent_encoding::percent_decode_str;

use crate::control;
use crate::error::ApiError;
use crate::fault::{Asked, Fault, NoAnswer, SimBody, spoil};
use crate::fields::Parts;
use crate::gzip;
use crate::limits::{Bucket, Verdict};
use crate::model::Status;
use crate::oauth::{self, TOKEN_PATH};
use crate::query::Query;
use crate::reply::{Call, Reply};
use crate::rng::mix;
use crate::state::{Access, Settings, State};
use crate::stats::Refusal;
use crate::{apps, groups, logs, users};

pub(crate) async fn handle(
    state: &State,
    request: Request<Incoming>,
) -> Result<Response<SimBody>, ConnectionReset> {
    if request.uri().path().starts_with("/_sim/") {
        return Ok(control::handle(state, request).await);
    }
    let (parts, body) = request.into_parts();
    let form = match parts.uri.path() {
        // What breaks off is an empty form, which is refused.
        TOKEN_PATH => Limited::new(body, LARGEST_FORM).collect().await.map(|body| body.to_bytes()).ok(),
        _ => None,
    };
    api(state, &parts, &form.unwrap_or_default()).await
}

/// Of a request for a token.
const LARGEST_FORM: usize = 64 << 10;

/// A fault: the connection ends without an answer.
#[derive(Debug, thiserror::Error)]
#[error("a fault resets the connection")]
pub(crate) struct ConnectionReset;

/// Answers a request to Okta's API; `form` is what a token is asked for with.
async fn api(
    state: &State,
    request: &RequestParts,
    form: &[u8],
) -> Result<Response<SimBody>, ConnectionReset> {
    let serial = state.served.fetch_add(1, Ordering::Relaxed);
    let path = request.uri.path();
    let segments: Vec<&str> =
        path.strip_prefix("/api/v1/").map(|rest| rest.split('/').collect()).unwrap_or_default();
    let segments = if path == TOKEN_PATH { vec!["oauth2", "v1", "token"] } else { segments };
    let bucket = Bucket::of(&segments);
    let flight = Flight::start(state);
    state.recorder().arrived(bucket, flight.in_flight);

    let settings = state.settings();
    let (verdict, admitted) = admit(state, request, bucket, &segments, flight.in_flight);
    let fault = admitted.is_ok().then(|| strike(state, request, bucket, &segments)).flatten();
    if !settings.latency.is_zero() {
        tokio::time::sleep(settings.latency).await;
    }
    let reply = admitted
        .and_then(|caller| match fault.as_ref().and_then(Fault::refusal) {
            Some(refusal) => Err(refusal),
            None if path == TOKEN_PATH => Ok(state.desk().token(
                &request.method,
                &request.headers,
                &oauth::form(form),
                &format!("{}{TOKEN_PATH}", base(request)),
                state.clock.unix().as_secs(),
            )),
            None => answer(state, &settings, request, &segments, caller, fault.as_ref()),
        })
        .unwrap_or_else(|error| Reply::error(&error, &opaque("oae", serial)));
    let response = encode(state, &settings, request, reply, verdict, serial);
    let response = match &fault {
        Some(fault) => spoil(fault, response, &state.clock),
        None => Ok(response.map(SimBody::whole)),
    };
    let target = request.uri.path_and_query().map_or(path, |target| target.as_str());
    let (status, bytes) = match &response {
        Ok(response) => (response.status().as_u16(), response.body().len() as usize),
        Err(_) => (0, 0),
    };
    state.recorder().answered(request.method.as_str(), target, status, bytes);
    match response {
        Ok(response) => Ok(response),
        Err(NoAnswer::Reset) => Err(ConnectionReset),
        // Until the client gives up, which drops this.
        Err(NoAnswer::Silence) => std::future::pending().await,
    }
}

/// The fault that strikes this request, if one does.
fn strike(state: &State, request: &RequestParts, bucket: Bucket, segments: &[&str]) -> Option<Fault> {
    let mut faults = state.faults();
    if faults.is_empty() {
        return None;
    }
    let group = match segments {
        ["groups", id, ..] => {
            let org = state.org();
            org.find_group(id).map(|(_, group)| ((*id).to_owned(), group.name.clone()))
        }
        _ => None,
    };
    let asked =
        Asked { path: request.uri.path(), segments, query: request.uri.query().unwrap_or_default(), group };
    let fault = faults.strike(&asked)?;
    match &fault {
        Fault::RateLimited { .. } => state.recorder().refused(bucket, Refusal::Rate),
        Fault::TooManyAtOnce => state.recorder().refused(bucket, Refusal::Concurrency),
        Fault::VanishedGroup => {
            if let Some((id, _)) = &asked.group {
                // A built-in group can't be deleted, not even so.
                let _ = state.org_mut().delete_group(id);
            }
        }
        _ => {}
    }
    Some(fault)
}

/// A request in flight, for as long as this value lives.
struct Flight<'a> {
    state: &'a State,
    in_flight: u32,
}

impl<'a> Flight<'a> {
    fn start(state: &'a State) -> Self {
        Self { state, in_flight: state.in_flight.fetch_add(1, Ordering::AcqRel) + 1 }
    }
}

impl Drop for Flight<'_> {
    fn drop(&mut self) {
        self.state.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Who asks.
#[derive(Debug, Clone, Copy)]
struct Caller {
    access: Access,
    /// The user who made the token; nobody for a service app.
    owner: Option<u32>,
}

/// Who asks, and by what name limits count it.
fn caller(
    state: &State,
    request: &RequestParts,
    bucket: Bucket,
    segments: &[&str],
) -> Result<(String, Caller), ApiError> {
    if bucket == Bucket::Token {
        return Ok(("apps".to_owned(), Caller { access: Access::Full, owner: None }));
    }
    let now = state.clock.unix().as_secs();
    if let Some(app) = state.desk().admit(request, &base(request), now) {
        let app = app?;
        if !app.reaches(segments) {
            return Err(ApiError::forbidden());
        }
        return Ok((app.client_id, Caller { access: app.access, owner: None }));
    }
    let token = request
        .headers
        .get(header::AUTHORIZATION)
        .and_then(|value| value.to_str().ok())
        // Okta's Python SDK 3.4.6 leaves the space out, so Okta is taken to accept that.
        .and_then(|value| value.strip_prefix("SSWS"))
        .map(str::trim_start)
        .unwrap_or_default();
    match state.access(token).filter(|_| owner_lives(state)) {
        Some(access) => Ok((token.to_owned(), Caller { access, owner: state.owner })),
        None => Err(ApiError::invalid_token()),
    }
}

/// Checks the token, then the number of requests in flight, then the token's bucket. An unknown token uses
/// up nobody's limit.
fn admit(
    state: &State,
    request: &RequestParts,
    bucket: Bucket,
    segments: &[&str],
    in_flight: u32,
) -> (Option<Verdict>, Result<Caller, ApiError>) {
    let (token, caller) = match caller(state, request, bucket, segments) {
        Ok(known) => known,
        Err(refusal) => return (None, Err(refusal)),
    };
    let now = state.clock.unix();
    let mut limiter = state.limiter();
    let (verdict, refusal) = if in_flight > limiter.limits().concurrent {
        (limiter.too_many_at_once(now), Refusal::Concurrency)
    } else {
        (limiter.admit(bucket, &token, now), Refusal::Rate)
    };
    drop(limiter);
    if verdict.allowed {
        state.recorder().admitted(bucket, verdict.window);
        return (Some(verdict), Ok(caller));
    }
    state.recorder().refused(bucket, refusal);
    (Some(verdict), Err(ApiError::rate_limited()))
}

/// A token dies with its creator's account.
fn owner_lives(state: &State) -> bool {
    state
        .owner
        .is_none_or(|owner| state.org().status(owner).is_some_and(|status| status != Status::Deprovisioned))
}

fn answer(
    state: &State,
    settings: &Settings,
    request: &RequestParts,
    segments: &[&str],
    caller: Caller,
    fault: Option<&Fault>,
) -> Result<Reply, ApiError> {
    let known = matches!(
        segments,
        ["users"]
            | ["users", _]
            | ["users", _, "groups"]
            | ["groups"]
            | ["groups", _]
            | ["groups", _, "users" | "apps"]
            | ["apps"]
            | ["apps", _]
            | ["apps", _, "users" | "groups"]
            | ["apps", _, "users", _]
            | ["logs"]
    );
    if !known {
        return Err(ApiError::unknown_endpoint());
    }
    if request.method != Method::GET {
        return Err(ApiError::method_not_allowed());
    }
    match (caller.access, segments) {
        (Access::Full, _) => {}
        (Access::NoAdminRole, ["users"]) => return Ok(Reply::ok(b"[]".to_vec())),
        (Access::NoAdminRole, _) => return Err(ApiError::forbidden()),
    }
    let content_type = request.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let org = state.org();
    let quirks = fault.map_or(Cow::Borrowed(&settings.quirks), |fault| fault.quirks(&settings.quirks));
    let call = Call {
        org: &org,
        path: request.uri.path(),
        query: &Query::parse(request.uri.query().unwrap_or_default()),
        base: &base(request),
        parts: Parts::from_content_type(content_type),
        quirks: &quirks,
        fault,
        // Read while the organisation is locked, so that no change before this time is still to come.
        now_ms: state.clock.millis(),
        sorted: &state.sorted,
        owner: caller.owner,
    };
    let decoded = |segment: &str| percent_decode_str(segment).decode_utf8_lossy().into_owned();
    match segments {
        ["users"] => users::list(&call),
        ["users", id] => users::get(&call, &decoded(id)),
        ["users", id, _] => users::groups(&call, &decoded(id)),
        ["groups"] => groups::list(&call),
        ["groups", id] => groups::get(&call, &decoded(id)),
        ["groups", id, "users"] => groups::members(&call, &decoded(id)),
        ["groups", id, _] => groups::apps(&call, &decoded(id)),
        ["apps"] => apps::list(&call),
        ["apps", id] => apps::get(&call, &decoded(id)),
        ["apps", id, "users"] => apps::users(&call, &decoded(id)),
        ["apps", id, "users", user] => apps::user(&call, &decoded(id), &decoded(user)),
        ["apps", id, _] => apps::groups(&call, &decoded(id)),
        ["logs"] => logs::list(&call),
        _ => Err(ApiError::unknown_endpoint()),
    }
}

/// Scheme and host as the client wrote them.
fn base(request: &RequestParts) -> String {
    let host = request.headers.get(header::HOST).and_then(|value| value.to_str().ok());
    let authority = request.uri.authority().map(|authority| authority.as_str());
    format!("http://{}", authority.or(host).unwrap_or("localhost"))
}

fn encode(
    state: &State,
    settings: &Settings,
    request: &RequestParts,
    reply: Reply,
    verdict: Option<Verdict>,
    serial: u64,
) -> Response<Bytes> {
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache, no-store"));
    headers.insert(header::PRAGMA, HeaderValue::from_static("no-cache"));
    headers.insert(header::EXPIRES, HeaderValue::from_static("0"));
    headers.insert(header::VARY, HeaderValue::from_static("Accept-Encoding"));
    let mut text = |name: &'static str, value: &str| {
        // Header values here are ASCII, but for links, which come from a query: skip what isn't.
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.append(name, value);
        }
    };
    text("date", &state.clock.http_date());
    text("x-okta-request-id", &opaque("a", serial));
    if let Some(verdict) = verdict {
        text("x-rate-limit-limit", &verdict.limit.to_string());
        text("x-rate-limit-remaining", &verdict.remaining.to_string());
        text("x-rate-limit-reset", &verdict.reset.to_string());
    }
    for (name, value) in &reply.headers {
        text(name, value);
    }
    for link in &reply.links {
        text("link", link);
    }
    let mut body = reply.body;
    if settings.gzip && body.len() >= gzip::SMALLEST && gzip::accepted(&request.headers) {
        body = gzip::compress(&body);
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    let mut response = Response::new(Bytes::from(body));
    *response.status_mut() = reply.status;
    *response.headers_mut() = headers;
    response
}

/// An identifier that looks arbitrary, as Okta's request and error ids do.
fn opaque(prefix: &str, serial: u64) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut id = String::from(prefix);
    for (half, length) in [(0, 10), (1, 10), (2, 2)] {
        let mut value = mix(serial * 3 + half);
        for _ in 0..length {
            id.push(char::from(ALPHABET[(value & 63) as usize]));
            value >>= 6;
        }
    }
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opaque_ids_differ() {
        assert_eq!(opaque("oae", 1).len(), 25);
        assert_ne!(opaque("oae", 1), opaque("oae", 2));
    }
}
