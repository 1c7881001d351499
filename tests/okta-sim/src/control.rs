//! `/_sim/…`: changing and observing the simulator from another process. JSON in and out, no token, no
//! rate limit, not counted. The library's methods on [`RunningSim`](crate::RunningSim) do the same.

use bytes::Bytes;
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use crate::changes::ChangeError;
use crate::event_log::LogDelay;
use crate::fault::{FaultError, FaultRule, SimBody};
use crate::limits::{Limits, RateLimiter};
use crate::model::{GroupType, Status};
use crate::oauth::ServiceApp;
use crate::quirks::Quirks;
use crate::state::{Access, State};

/// Larger bodies are refused.
const LARGEST_BODY: usize = 16 << 20;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewUser {
    profile: Map<String, Value>,
    #[serde(default = "active")]
    status: Status,
}

fn active() -> Status {
    Status::Active
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewLogin {
    login: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewStatus {
    status: Status,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewGroup {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default = "okta_group", rename = "type")]
    kind: GroupType,
}

fn okta_group() -> GroupType {
    GroupType::OktaGroup
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewName {
    name: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Member {
    user: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewMember {
    user: String,
    #[serde(default)]
    by_rule: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Import {
    #[serde(default)]
    add: Vec<String>,
    #[serde(default)]
    remove: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewApp {
    label: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct AssignedGroup {
    group: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Milliseconds {
    milliseconds: u64,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rule {
    by_rule: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Forbid {
    forbidden: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewToken {
    token: String,
    /// Null revokes.
    access: Option<Access>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NewFault {
    rule: String,
}

/// Why a control request failed.
enum Failure {
    NoSuchEndpoint,
    BadBody(String),
    Change(ChangeError),
}

impl From<ChangeError> for Failure {
    fn from(error: ChangeError) -> Self {
        Self::Change(error)
    }
}

pub(crate) async fn handle(state: &State, request: Request<Incoming>) -> Response<SimBody> {
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let (status, body) = match Limited::new(request.into_body(), LARGEST_BODY).collect().await {
        Ok(body) => match perform(state, &method, &path, &body.to_bytes()) {
            Ok(value) => (StatusCode::OK, value),
            Err(failure) => explain(failure),
        },
        Err(error) => (StatusCode::BAD_REQUEST, json!({ "error": error.to_string() })),
    };
    let mut response = Response::new(SimBody::whole(Bytes::from(body.to_string())));
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

fn explain(failure: Failure) -> (StatusCode, Value) {
    let (status, message) = match failure {
        Failure::NoSuchEndpoint => (StatusCode::NOT_FOUND, "there is no such control endpoint".to_owned()),
        Failure::BadBody(message) => (StatusCode::BAD_REQUEST, message),
        Failure::Change(error) => {
            let missing = matches!(
                error,
                ChangeError::NoSuchUser(_) | ChangeError::NoSuchGroup(_) | ChangeError::NoSuchApp(_)
            );
            let status = if missing { StatusCode::NOT_FOUND } else { StatusCode::CONFLICT };
            (status, error.to_string())
        }
    };
    (status, json!({ "error": message }))
}

fn perform(state: &State, method: &Method, path: &str, body: &[u8]) -> Result<Value, Failure> {
    let segments: Vec<String> = path
        .trim_start_matches("/_sim/")
        .split('/')
        .map(|segment| percent_decode_str(segment).decode_utf8_lossy().into_owned())
        .collect();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    let done = json!({});
    if method == Method::GET {
        return match segments[..] {
            ["stats"] => Ok(stats(state)),
            ["requests"] => Ok(json!(state.recorder().requests())),
            ["faults"] => Ok(json!(state.faults().records())),
            _ => Err(Failure::NoSuchEndpoint),
        };
    }
    if method == Method::DELETE && segments == ["faults"] {
        state.faults().clear();
        return Ok(done);
    }
    if method != Method::POST {
        return Err(Failure::NoSuchEndpoint);
    }
    let now = state.clock.now();
    match segments[..] {
        ["users"] => {
            let new: NewUser = read(body)?;
            Ok(json!({ "id": state.org_mut().create_user(new.status, new.profile, now)? }))
        }
        ["users", user, "profile"] => {
            state.org_mut().update_profile(user, read(body)?, now)?;
            Ok(done)
        }
        ["users", user, "login"] => {
            let NewLogin { login } = read(body)?;
            state.org_mut().update_profile(
                user,
                Map::from_iter([("login".to_owned(), json!(login))]),
                now,
            )?;
            Ok(done)
        }
        ["users", user, "status"] => {
            let NewStatus { status } = read(body)?;
            state.org_mut().set_status(user, status, now)?;
            Ok(done)
        }
        ["users", user, "delete"] => Ok(json!({ "outcome": state.org_mut().delete_user(user, now)? })),
        ["groups"] => {
            let new: NewGroup = read(body)?;
            Ok(json!({ "id": state.org_mut().create_group(new.kind, new.name, new.description, now) }))
        }
        ["groups", group, "rename"] => {
            let NewName { name } = read(body)?;
            state.org_mut().rename_group(group, name, now)?;
            Ok(done)
        }
        ["groups", group, "delete"] => {
            state.org_mut().delete_group(group)?;
            Ok(done)
        }
        ["groups", group, "members", "add"] => {
            let NewMember { user, by_rule } = read(body)?;
            let mut org = state.org_mut();
            if by_rule {
                org.add_member_by_rule(group, &user, now)?;
            } else {
                org.set_member(group, &user, true, now)?;
            }
            Ok(done)
        }
        ["groups", group, "members", "remove"] => {
            let Member { user } = read(body)?;
            state.org_mut().set_member(group, &user, false, now)?;
            Ok(done)
        }
        ["groups", group, "members", "import"] => {
            let Import { add, remove } = read(body)?;
            state.org_mut().import_members(group, &add, &remove, now)?;
            Ok(done)
        }
        ["apps"] => {
            let NewApp { label } = read(body)?;
            Ok(json!({ "id": state.org_mut().create_app(label, now) }))
        }
        ["apps", app, "users", change @ ("assign" | "unassign")] => {
            let Member { user } = read(body)?;
            state.org_mut().assign_user(app, &user, change == "assign", now)?;
            Ok(done)
        }
        ["apps", app, "groups", change @ ("assign" | "unassign")] => {
            let AssignedGroup { group } = read(body)?;
            state.org_mut().assign_group(app, &group, change == "assign", now)?;
            Ok(done)
        }
        ["groups", group, "rule"] => {
            let Rule { by_rule } = read(body)?;
            state.org_mut().fill_by_rule(group, by_rule)?;
            Ok(done)
        }
        ["groups", group, "forbid"] => {
            let Forbid { forbidden } = read(body)?;
            state.org_mut().forbid_members(group, forbidden)?;
            Ok(done)
        }
        ["quirks"] => {
            let quirks: Quirks = read(body)?;
            state.settings_mut().quirks = quirks;
            Ok(done)
        }
        ["faults"] => {
            let NewFault { rule } = read(body)?;
            let rule: FaultRule =
                rule.parse().map_err(|error: FaultError| Failure::BadBody(error.to_string()))?;
            state.faults().add(rule);
            Ok(done)
        }
        ["limits"] => {
            let limits: Limits = read(body)?;
            *state.limiter() = RateLimiter::new(limits, state.clock.unix());
            Ok(done)
        }
        ["latency"] => {
            let Milliseconds { milliseconds } = read(body)?;
            state.settings_mut().latency = std::time::Duration::from_millis(milliseconds);
            Ok(done)
        }
        ["search-lag"] => {
            let Milliseconds { milliseconds } = read(body)?;
            state.org_mut().search_lag_ms = milliseconds;
            Ok(done)
        }
        ["log-delay"] => {
            let delay: LogDelay = read(body)?;
            state.org_mut().log.delay = delay;
            Ok(done)
        }
        ["clock", "advance"] => {
            let Milliseconds { milliseconds } = read(body)?;
            state.clock.advance(std::time::Duration::from_millis(milliseconds));
            Ok(done)
        }
        ["tokens"] => {
            let NewToken { token, access } = read(body)?;
            state.set_token(token, access);
            Ok(done)
        }
        ["service-apps"] => {
            let app: ServiceApp = read(body)?;
            state.desk().register(app);
            Ok(done)
        }
        ["service-apps", client_id, "remove"] => {
            state.desk().remove(client_id);
            Ok(done)
        }
        ["service-apps", "revoke-tokens"] => {
            state.desk().revoke_tokens();
            Ok(done)
        }
        ["stats", "reset"] => {
            state.recorder().reset();
            Ok(done)
        }
        _ => Err(Failure::NoSuchEndpoint),
    }
}

fn stats(state: &State) -> Value {
    let mut stats = json!(state.recorder().stats());
    stats["organisation"] = json!(state.org().counts());
    stats
}

fn read<T: DeserializeOwned>(body: &[u8]) -> Result<T, Failure> {
    serde_json::from_slice(body).map_err(|error| Failure::BadBody(error.to_string()))
}
