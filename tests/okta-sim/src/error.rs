//! Okta's error responses: a status and a body of `errorCode`, `errorSummary`, `errorLink`, `errorId` and
//! `errorCauses`. Only the code is stable; texts are as recorded where a recording exists.

use hyper::StatusCode;

/// A refusal, as Okta words it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ApiError {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    pub(crate) summary: String,
    pub(crate) causes: Vec<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl ApiError {
    fn new(status: StatusCode, code: &'static str, summary: impl Into<String>) -> Self {
        Self { status, code, summary: summary.into(), causes: Vec::new(), headers: Vec::new() }
    }

    fn because(mut self, cause: impl Into<String>) -> Self {
        self.causes.push(cause.into());
        self
    }

    pub(crate) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(crate) fn invalid_token() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "E0000011", "Invalid token provided")
    }

    pub(crate) fn forbidden() -> Self {
        let summary = "You do not have permission to perform the requested action";
        Self::new(StatusCode::FORBIDDEN, "E0000006", summary)
    }

    /// OAuth tokens get this at random in the middle of a scan.
    pub(crate) fn invalid_session() -> Self {
        Self::new(StatusCode::FORBIDDEN, "E0000005", "Invalid session")
    }

    /// Okta ran out of time, or failed.
    pub(crate) fn internal() -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "E0000009", "Internal Server Error")
    }

    /// `kind` is the class Okta names: `User`, `UserGroup`, `AppInstance`.
    pub(crate) fn not_found(id: &str, kind: &str) -> Self {
        let summary = format!("Not found: Resource not found: {id} ({kind})");
        Self::new(StatusCode::NOT_FOUND, "E0000007", summary)
    }

    pub(crate) fn unknown_endpoint() -> Self {
        Self::unsupported(StatusCode::NOT_FOUND)
    }

    pub(crate) fn method_not_allowed() -> Self {
        Self::unsupported(StatusCode::METHOD_NOT_ALLOWED)
    }

    fn unsupported(status: StatusCode) -> Self {
        Self::new(status, "E0000022", "The endpoint does not support the provided HTTP method")
    }

    pub(crate) fn validation(field: &str, cause: &str) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "E0000001", format!("Api validation failed: {field}"))
            .because(format!("{field}: {cause}"))
    }

    pub(crate) fn invalid_search(cause: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "E0000031", "Invalid search criteria.").because(cause)
    }

    /// Both codes are recorded for a cursor the server doesn't know: searches say E0000031.
    pub(crate) fn invalid_cursor(searching: bool) -> Self {
        if searching {
            return Self::invalid_search("Invalid cursor.");
        }
        Self::new(StatusCode::BAD_REQUEST, "E0000029", "Invalid paging request.").because("Invalid cursor.")
    }

    /// A query of the System Log that begins more than 180 days ago.
    pub(crate) fn log_too_old() -> Self {
        let summary = "Invalid date range: since is more than 180 days in the past.";
        Self::new(StatusCode::BAD_REQUEST, "E0000053", summary)
    }

    pub(crate) fn rate_limited() -> Self {
        let summary = "API call exceeded rate limit due to too many requests.";
        Self::new(StatusCode::TOO_MANY_REQUESTS, "E0000047", summary)
    }

    pub(crate) fn body(&self, error_id: &str) -> Vec<u8> {
        let body = Body {
            error_code: self.code,
            error_summary: &self.summary,
            error_link: self.code,
            error_id,
            error_causes: self.causes.iter().map(|error_summary| Cause { error_summary }).collect(),
        };
        // Texts always serialize.
        serde_json::to_vec(&body).unwrap_or_default()
    }
}

/// A structure, not a map, so that the properties come in Okta's order.
#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    error_code: &'a str,
    error_summary: &'a str,
    error_link: &'a str,
    error_id: &'a str,
    error_causes: Vec<Cause<'a>>,
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct Cause<'a> {
    error_summary: &'a str,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_is_as_recorded() {
        let body = String::from_utf8(ApiError::invalid_cursor(false).body("oaeX")).unwrap();
        assert_eq!(
            body,
            r#"{"errorCode":"E0000029","errorSummary":"Invalid paging request.","errorLink":"E0000029","errorId":"oaeX","errorCauses":[{"errorSummary":"Invalid cursor."}]}"#
        );
    }
}
