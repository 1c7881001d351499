//! What Okta says when it doesn't answer the question, in words that an admin understands.

use rollcall_plugin::{Error, Response};
use serde::Deserialize;

/// An answer that isn't what was asked for.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub kind: Kind,
    status: u16,
    /// Okta's error code, such as `E0000006`. The only part of its errors that is stable.
    code: Option<String>,
    summary: Option<String>,
    causes: Vec<String>,
    /// Names this very error to Okta's support.
    error_id: Option<String>,
    /// Names the request in Okta's System Log.
    request_id: Option<String>,
    /// What the body looks like when it isn't Okta's.
    foreign: Option<String>,
}

/// What can be done about a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    NoAnswer,
    Redirected,
    BadToken,
    SessionEnded,
    NotAllowed,
    FeatureOff,
    NotFound,
    /// A cursor or an expression that Okta doesn't accept.
    BadRequest,
    SchemaChanging,
    TooMany,
    /// Okta failed or ran out of time: a smaller page may do.
    Failed,
    SearchDown,
    ReadOnly,
    Unavailable,
    Strange,
}

/// The body of an answer of status 200.
pub fn read(response: &Response) -> Result<&str, Box<Refusal>> {
    let refusal = || Box::new(Refusal::of(response));
    if response.status != 200 {
        return Err(refusal());
    }
    let body = response.text().map_err(|_| refusal())?;
    // A proxy's or a portal's page comes with 200 as well.
    if !body.trim_start().starts_with(['[', '{']) {
        return Err(refusal());
    }
    Ok(body)
}

impl Refusal {
    fn of(response: &Response) -> Self {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Body {
            error_code: Option<String>,
            error_summary: Option<String>,
            error_id: Option<String>,
            #[serde(default)]
            error_causes: Vec<Cause>,
        }
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Cause {
            error_summary: Option<String>,
        }

        let body: Option<Body> = serde_json::from_slice(&response.body).ok();
        let foreign = match body {
            Some(_) => None,
            None if response.status == 0 => None,
            None => Some(look(&response.body)),
        };
        let body = body.unwrap_or(Body {
            error_code: None,
            error_summary: None,
            error_id: None,
            error_causes: Vec::new(),
        });
        Self {
            kind: Kind::of(response.status, body.error_code.as_deref()),
            status: response.status,
            code: body.error_code,
            summary: body.error_summary,
            causes: body.error_causes.into_iter().filter_map(|cause| cause.error_summary).collect(),
            error_id: body.error_id,
            request_id: response.header("x-okta-request-id").map(str::to_owned),
            foreign,
        }
    }

    /// Did a page of that size cost too much?
    pub fn is_too_big(&self) -> bool {
        matches!(self.kind, Kind::NoAnswer | Kind::Failed)
    }

    /// Does Okta itself say that there is no such thing? A proxy's 404 says nothing about anybody.
    pub fn says_gone(&self) -> bool {
        self.kind == Kind::NotFound && self.code.is_some()
    }

    /// One line: what is wrong, what was being done, what Okta said.
    pub fn explain(&self, doing: &str) -> String {
        let mut text = format!("{} ({doing}: ", self.kind.says());
        match self.status {
            0 => text.push_str("no answer"),
            status => text.push_str(&format!("HTTP {status}")),
        }
        if let Some(code) = &self.code {
            text.push_str(&format!(", {code}"));
        }
        if let Some(summary) = &self.summary {
            text.push_str(&format!(" {summary:?}"));
        }
        for cause in &self.causes {
            text.push_str(&format!(", {cause:?}"));
        }
        if let Some(foreign) = &self.foreign {
            text.push_str(&format!(", the body is {foreign}"));
        }
        text.push(')');
        text
    }

    pub fn error(&self, doing: &str) -> Error {
        let mut error = Error::new(self.kind.code(), self.explain(doing)).with_hint(self.kind.hint());
        error = error.with_detail("http.status", self.status);
        for (name, value) in [
            ("okta.error-code", &self.code),
            ("okta.error-id", &self.error_id),
            ("okta.request-id", &self.request_id),
        ] {
            if let Some(value) = value {
                error = error.with_detail(name, value.as_str());
            }
        }
        error
    }
}

impl Kind {
    /// By Okta's code where there is one that says more, else by the HTTP status.
    fn of(status: u16, code: Option<&str>) -> Self {
        match code {
            Some("E0000004" | "E0000011") => Kind::BadToken,
            Some("E0000005") => Kind::SessionEnded,
            Some("E0000006") => Kind::NotAllowed,
            Some("E0000007" | "E0000008") => Kind::NotFound,
            Some("E0000009") => Kind::Failed,
            Some("E0000010") => Kind::ReadOnly,
            Some("E0000015") => Kind::FeatureOff,
            Some("E0000001" | "E0000029" | "E0000031") => Kind::BadRequest,
            Some("E0000047") => Kind::TooMany,
            Some("E0000100") => Kind::SearchDown,
            Some("E0000145") => Kind::SchemaChanging,
            _ => match status {
                0 => Kind::NoAnswer,
                300..=399 => Kind::Redirected,
                400 => Kind::BadRequest,
                401 => Kind::BadToken,
                403 => Kind::NotAllowed,
                404 => Kind::NotFound,
                429 => Kind::TooMany,
                500 | 502 | 504 => Kind::Failed,
                501..=599 => Kind::Unavailable,
                _ => Kind::Strange,
            },
        }
    }

    fn code(self) -> &'static str {
        match self {
            Kind::NoAnswer => "no-answer",
            Kind::BadToken => Error::UNAUTHORIZED,
            Kind::SessionEnded => Error::REAUTHENTICATE,
            Kind::NotAllowed | Kind::FeatureOff => Error::FORBIDDEN,
            Kind::NotFound => Error::NOT_FOUND,
            Kind::SchemaChanging => Error::RETRY,
            Kind::TooMany => "rate-limited",
            Kind::Failed | Kind::SearchDown | Kind::ReadOnly | Kind::Unavailable => "unavailable",
            Kind::Redirected | Kind::BadRequest | Kind::Strange => Error::UNEXPECTED,
        }
    }

    fn says(self) -> &'static str {
        match self {
            Kind::NoAnswer => "okta did not answer",
            Kind::Redirected => "okta redirects to another address",
            Kind::BadToken => "okta does not accept the credential",
            Kind::SessionEnded => "okta ended the credential's session",
            Kind::NotAllowed => "the credential may not read this",
            Kind::FeatureOff => "this Okta organisation does not have the feature",
            Kind::NotFound => "okta does not have this",
            Kind::BadRequest => "okta does not accept the request",
            Kind::SchemaChanging => "okta's user schema is being changed",
            Kind::TooMany => "okta's rate limit is used up",
            Kind::Failed => "okta failed or ran out of time",
            Kind::SearchDown => "okta's search is out of order",
            Kind::ReadOnly => "okta is in read-only mode",
            Kind::Unavailable => "okta is out of order",
            Kind::Strange => "the answer is not one that Okta gives",
        }
    }

    fn hint(self) -> &'static str {
        match self {
            Kind::NoAnswer => {
                "check that this machine reaches the Okta domain, directly or through the proxy"
            }
            Kind::Redirected => {
                "set the endpoint to the organisation's own address, such as acme.okta.com, without -admin"
            }
            Kind::BadToken => {
                "make a new API token in Okta's Admin Console under Security > API > Tokens; a token ends with the \
                 account that made it, after 30 days without use, and outside of the network zones it was made for. Of \
                 an OAuth app: check that it is active"
            }
            Kind::SessionEnded => {
                "run again; if it comes back, make a new API token, or another key for the OAuth app"
            }
            Kind::NotAllowed => ROLES,
            Kind::FeatureOff => "ask Okta's support to turn it on, or leave out the setting that needs it",
            Kind::NotFound => "check the endpoint: it has to be the organisation's Okta domain",
            Kind::BadRequest => "this is a fault of the plugin: report it with the ids in the details",
            Kind::SchemaChanging | Kind::SearchDown | Kind::ReadOnly | Kind::Unavailable => {
                "run again in some minutes; status.okta.com tells of outages"
            }
            Kind::TooMany => {
                "wait a minute, run less often, or let the token use more of the limit under Security > API > Tokens"
            }
            Kind::Failed => {
                "run again later; tokens of admins who see only some groups are slow at listing users, a Read-only \
                 Administrator's is not"
            }
            Kind::Strange => "a proxy or a login page may answer in Okta's place: check endpoint and proxy",
        }
    }
}

/// Which role sees everything that a full run reads.
pub const ROLES: &str = "give the token's owner the role Read-only Administrator, Organization Administrator or Super \
                         Administrator; group and help-desk administrators see only their own groups' people. An \
                         OAuth app needs such a role as well as the scopes okta.users.read and okta.groups.read";

/// What reading an application's people needs.
pub const APP_ROLES: &str = "give the token's owner a role that sees applications, such as Read-only Administrator; an \
                             OAuth app needs the scope okta.apps.read as well";

/// What a body that isn't Okta's looks like.
fn look(body: &[u8]) -> String {
    const SHOWN: usize = 60;
    let text = String::from_utf8_lossy(&body[..body.len().min(4 * SHOWN)]);
    let text = text.trim();
    if text.is_empty() {
        return if body.is_empty() { "empty" } else { "blank" }.to_owned();
    }
    let lower = text.to_ascii_lowercase();
    if lower.starts_with("<!doctype") || lower.starts_with("<html") {
        return "a web page and not JSON, so a proxy or a login page may have answered".to_owned();
    }
    let shown: String = text
        .chars()
        .take(SHOWN)
        .map(|character| if character.is_control() { ' ' } else { character })
        .collect();
    format!("not JSON of Okta's: {shown:?}")
}

#[cfg(test)]
mod tests {
    use rollcall_plugin::{Attributes, Value};

    use super::*;

    fn okta(code: &str, summary: &str) -> String {
        format!(
            r#"{{"errorCode":"{code}","errorSummary":"{summary}","errorLink":"{code}","errorId":"oaeX","errorCauses":[]}}"#
        )
    }

    #[test]
    fn each_refusal_says_what_it_is() {
        for (status, body, code, message) in [
            (
                401,
                okta("E0000011", "Invalid token provided"),
                "unauthorized",
                "okta does not accept the credential (listing users: HTTP 401, E0000011 \"Invalid token provided\")",
            ),
            (
                403,
                okta("E0000006", "You do not have permission to perform the requested action"),
                "forbidden",
                "the credential may not read this (listing users: HTTP 403, E0000006 \"You do not have permission to \
                 perform the requested action\")",
            ),
            (
                403,
                okta("E0000005", "Invalid session"),
                "reauthenticate",
                "okta ended the credential's session (listing users: HTTP 403, E0000005 \"Invalid session\")",
            ),
            (
                429,
                okta("E0000047", "API call exceeded rate limit due to too many requests."),
                "rate-limited",
                "okta's rate limit is used up (listing users: HTTP 429, E0000047 \"API call exceeded rate limit due \
                 to too many requests.\")",
            ),
            (429, String::new(), "rate-limited", "okta's rate limit is used up (listing users: HTTP 429, the body is empty)"),
            (
                500,
                okta("E0000009", "Internal Server Error"),
                "unavailable",
                "okta failed or ran out of time (listing users: HTTP 500, E0000009 \"Internal Server Error\")",
            ),
            (
                503,
                okta("E0000100", "Search is down"),
                "unavailable",
                "okta's search is out of order (listing users: HTTP 503, E0000100 \"Search is down\")",
            ),
            (
                409,
                okta("E0000145", "Schema changing"),
                "retry",
                "okta's user schema is being changed (listing users: HTTP 409, E0000145 \"Schema changing\")",
            ),
            (
                400,
                r#"{"errorCode":"E0000031","errorSummary":"Invalid paging request.","errorCauses":[{"errorSummary":"Invalid cursor."}]}"#.into(),
                "unexpected",
                "okta does not accept the request (listing users: HTTP 400, E0000031 \"Invalid paging request.\", \
                 \"Invalid cursor.\")",
            ),
            (
                404,
                "<!DOCTYPE html><html>".into(),
                "not-found",
                "okta does not have this (listing users: HTTP 404, the body is a web page and not JSON, so a proxy or \
                 a login page may have answered)",
            ),
            (
                503,
                "upstream\nconnect error".into(),
                "unavailable",
                "okta is out of order (listing users: HTTP 503, the body is not JSON of Okta's: \"upstream connect \
                 error\")",
            ),
            (302, String::new(), "unexpected", "okta redirects to another address (listing users: HTTP 302, the body is empty)"),
            (0, String::new(), "no-answer", "okta did not answer (listing users: no answer)"),
            (
                200,
                "<html>Sign in</html>".into(),
                "unexpected",
                "the answer is not one that Okta gives (listing users: HTTP 200, the body is a web page and not JSON, \
                 so a proxy or a login page may have answered)",
            ),
            (200, String::new(), "unexpected", "the answer is not one that Okta gives (listing users: HTTP 200, the body is empty)"),
            (
                418,
                "{}".into(),
                "unexpected",
                "the answer is not one that Okta gives (listing users: HTTP 418)",
            ),
        ] {
            let refusal = read(&Response::new(status, body.clone())).expect_err(&body);
            let error = refusal.error("listing users");
            assert_eq!((error.code.as_str(), error.message.as_str()), (code, message));
            assert!(error.hint.is_some_and(|hint| !hint.is_empty()), "{message}");
        }
    }

    #[test]
    fn the_ids_that_support_asks_for_are_kept() {
        let response = Response::new(403, okta("E0000006", "No")).with_header("x-okta-request-id", "Xreq1");
        let error = read(&response).unwrap_err().error("listing users");
        assert_eq!(error.details.text("okta.error-id"), Some("oaeX"));
        assert_eq!(error.details.text("okta.request-id"), Some("Xreq1"));
        assert_eq!(error.details.text("okta.error-code"), Some("E0000006"));
        assert_eq!(error.details.value("http.status"), Some(&Value::Integer(403)));
    }

    #[test]
    fn a_body_that_is_not_utf_8_is_refused() {
        assert_eq!(read(&Response::new(200, b"[\"\xff\"]".to_vec())).unwrap_err().kind, Kind::Strange);
    }
}
