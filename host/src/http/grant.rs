use std::collections::BTreeSet;
use std::fmt;

use reqwest::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::error::quoted;
use super::path;
use crate::model::{Header, HttpRules, Method, RateLimitRules, Request};

/// What a plugin may request and be shown: its manifest, as far as the admin's configuration agrees.
pub(super) struct Grant {
    declared: Vec<Method>,
    allow: Vec<Allow>,
    paths: Vec<String>,
    request_headers: BTreeSet<String>,
    response_headers: Vec<HeaderName>,
    /// `None`: the provider has no rate limits, so that any name will do.
    buckets: Option<BTreeSet<String>>,
    credential_header: HeaderName,
}

/// What an admin grants beyond GET: `POST /api/v1/logs` means requests of this method under this path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allow {
    pub method: Method,
    /// Before the base path is added. Ends at a `/`, as the manifest's prefixes do.
    pub path: String,
}

impl fmt::Display for Allow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.as_str(), self.path)
    }
}

/// Why a plugin's request was not sent.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refusal {
    #[error("the plugin's manifest doesn't declare {}", .method.as_str())]
    Method { method: Method },
    /// The manifest declares it, but the admin has not allowed it.
    #[error("{wanted} is not allowed")]
    NotAllowed { wanted: Allow, allowed: Vec<Allow> },
    #[error("the path `{path}` is not acceptable: {reason}")]
    Path { path: String, reason: &'static str },
    #[error("the path `{path}` is under none that the plugin's manifest declares ({})", .declared.join(", "))]
    PathNotDeclared { path: String, declared: Vec<String> },
    #[error("the header `{name}` {reason}")]
    Header { name: String, reason: &'static str },
    #[error("the rate limit `{bucket}` is not in the plugin's manifest")]
    Bucket { bucket: String },
    #[error("a GET has no body")]
    Body,
}

impl Refusal {
    pub(super) fn hint(&self, table: &str) -> Option<String> {
        match self {
            Refusal::NotAllowed { wanted, allowed } => {
                let granted: Vec<String> =
                    allowed.iter().chain([wanted]).map(|allow| format!("\"{allow}\"")).collect();
                Some(format!("to allow it, write `allow = [{}]` in {table}", granted.join(", ")))
            }
            _ => Some("this is the plugin's fault: tell its author".to_owned()),
        }
    }
}

/// Never a plugin's: what proves identity, names a host, frames the message, or makes another method of a GET.
const FORBIDDEN: [&str; 24] = [
    "accept-encoding",
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "dpop",
    "expect",
    "forwarded",
    "host",
    "http2-settings",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "referer",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "user-agent",
    "via",
    "x-forwarded-host",
    "x-http-method",
    "x-http-method-override",
    "x-method-override",
];

/// Never shown to a plugin: they hold sessions of ours.
const HIDDEN: [HeaderName; 3] = [header::SET_COOKIE, header::PROXY_AUTHENTICATE, header::AUTHORIZATION];

impl Grant {
    pub(super) fn new(
        http: &HttpRules,
        rate_limit: Option<&RateLimitRules>,
        allow: &[Allow],
        credential_header: &HeaderName,
    ) -> Self {
        let shown = |name: &String| {
            HeaderName::from_bytes(name.as_bytes()).ok().filter(|name| !HIDDEN.contains(name))
        };
        Self {
            declared: http.methods.clone(),
            allow: allow.to_vec(),
            paths: http.paths.clone(),
            request_headers: http.request_headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            response_headers: http.response_headers.iter().filter_map(shown).collect(),
            buckets: rate_limit.map(|rules| rules.buckets.keys().cloned().collect()),
            credential_header: credential_header.clone(),
        }
    }

    /// The request's path, query and headers, when all of it is granted.
    pub(super) fn check<'r>(
        &self,
        request: &'r Request,
    ) -> Result<(&'r str, Option<&'r str>, HeaderMap), Refusal> {
        if request.method == Method::Get && request.body.is_some() {
            return Err(Refusal::Body);
        }
        let (path, query) = path::split(&request.path)
            .map_err(|reason| Refusal::Path { path: quoted(&request.path), reason })?;
        if !self.paths.iter().any(|prefix| path::is_under(path, prefix)) {
            return Err(Refusal::PathNotDeclared { path: quoted(path), declared: self.paths.clone() });
        }
        self.check_method(request.method, path)?;
        if let Some(buckets) = &self.buckets
            && !buckets.contains(&request.bucket)
        {
            return Err(Refusal::Bucket { bucket: quoted(&request.bucket) });
        }
        let mut headers = HeaderMap::new();
        for header in &request.headers {
            let (name, value) = self.check_header(header)?;
            headers.append(name, value);
        }
        Ok((path, query, headers))
    }

    /// The headers that the plugin is shown, in the manifest's order, repeated ones one by one.
    pub(super) fn shown(&self, headers: &HeaderMap) -> Vec<Header> {
        let mut shown = Vec::new();
        for name in &self.response_headers {
            for value in headers.get_all(name) {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                shown.push(Header { name: name.as_str().to_owned(), value });
            }
        }
        shown
    }

    fn check_method(&self, method: Method, path: &str) -> Result<(), Refusal> {
        if method == Method::Get {
            return Ok(());
        }
        if !self.declared.contains(&method) {
            return Err(Refusal::Method { method });
        }
        let allows = |allow: &Allow| allow.method == method && path::is_under(path, &allow.path);
        if self.allow.iter().any(allows) {
            return Ok(());
        }
        // The manifest's own prefix: the path itself may hold an id, and allow nothing the next time.
        let prefix = self.paths.iter().find(|prefix| path::is_under(path, prefix));
        let wanted = Allow { method, path: prefix.map_or(path, String::as_str).to_owned() };
        Err(Refusal::NotAllowed { wanted, allowed: self.allow.clone() })
    }

    fn check_header(&self, header: &Header) -> Result<(HeaderName, HeaderValue), Refusal> {
        let refused = |reason| Refusal::Header { name: quoted(&header.name), reason };
        let name =
            HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| refused("is not a header name"))?;
        if FORBIDDEN.contains(&name.as_str()) || name == self.credential_header {
            return Err(refused("is the host's to set"));
        }
        if !self.request_headers.contains(name.as_str()) {
            return Err(refused("is not in the plugin's manifest"));
        }
        if !header.value.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
            return Err(refused("has a value with characters other than printable ASCII"));
        }
        let value = HeaderValue::from_str(&header.value).map_err(|_| refused("has a wrong value"))?;
        Ok((name, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(allow: &[Allow]) -> Grant {
        let http = HttpRules {
            methods: vec![Method::Get, Method::Post],
            paths: vec!["/api/v1".into()],
            request_headers: vec![
                "accept".into(),
                "content-type".into(),
                "authorization".into(),
                "host".into(),
                "x-api-key".into(),
            ],
            response_headers: vec!["link".into(), "set-cookie".into(), "not a name".into()],
            request_id: None,
            retry_for: None,
            retry_count: None,
        };
        Grant::new(&http, None, allow, &HeaderName::from_static("x-api-key"))
    }

    fn request(method: Method, path: &str) -> Request {
        Request {
            method,
            path: path.into(),
            headers: vec![],
            body: None,
            bucket: "any".into(),
            about: None,
            version: None,
            context: String::new(),
        }
    }

    #[test]
    fn get_is_granted_and_the_refusal_of_a_post_names_the_line_that_allows_it() {
        let allow = |method, path: &str| Allow { method, path: path.into() };
        assert!(grant(&[]).check(&request(Method::Get, "/api/v1/users?a=b")).is_ok());
        let logs = [allow(Method::Post, "/api/v1/logs")];
        let refusal = grant(&logs).check(&request(Method::Post, "/api/v1/users")).unwrap_err();
        assert_eq!(
            refusal.hint("[connector.okta.http]").unwrap(),
            "to allow it, write `allow = [\"POST /api/v1/logs\", \"POST /api/v1\"]` in [connector.okta.http]"
        );
        assert!(grant(&logs).check(&request(Method::Post, "/api/v1/logs/x")).is_ok());
        assert!(grant(&logs).check(&request(Method::Post, "/api/v1/logs-of-others")).is_err());
        let delete = [allow(Method::Delete, "/api/v1")];
        let undeclared = grant(&delete).check(&request(Method::Delete, "/api/v1/users")).unwrap_err();
        assert_eq!(undeclared, Refusal::Method { method: Method::Delete });
        assert!(!undeclared.hint("").unwrap().contains("allow ="));
    }

    #[test]
    fn a_next_host_escape_is_refused() {
        for path in [
            "https://evil.example/api/v1/users",
            "//evil.example/api/v1/users",
            "/api/v1/../../evil",
            "@evil.example/api/v1",
            "/evil/api/v1",
            "/api/v1x",
        ] {
            let refusal = grant(&[]).check(&request(Method::Get, path)).unwrap_err();
            assert!(matches!(refusal, Refusal::Path { .. } | Refusal::PathNotDeclared { .. }), "{path}");
        }
    }

    #[test]
    fn only_safe_headers_pass_even_if_the_manifest_lists_others() {
        let with = |name: &str, value: &str| {
            let header = Header { name: name.into(), value: value.into() };
            let request = Request { headers: vec![header], ..request(Method::Get, "/api/v1") };
            grant(&[]).check(&request).map(|(_, _, headers)| headers)
        };
        let sent = with("content-type", "application/json; okta-response=\"omitCredentials\"").unwrap();
        assert_eq!(sent["content-type"], "application/json; okta-response=\"omitCredentials\"");
        for name in
            ["authorization", "Authorization", "host", "x-api-key", "cookie", "x-other", "bad name", ""]
        {
            assert!(matches!(with(name, "x"), Err(Refusal::Header { .. })), "{name}");
        }
        for value in ["a\r\nhost: evil", "a\0", "a\tb", "zoë", "\u{7f}"] {
            assert!(matches!(with("accept", value), Err(Refusal::Header { .. })), "{value:?}");
        }
    }

    #[test]
    fn a_get_has_no_body_and_a_bucket_is_the_manifests() {
        let body = Request { body: Some(vec![1]), ..request(Method::Get, "/api/v1") };
        assert_eq!(grant(&[]).check(&body).unwrap_err(), Refusal::Body);
        let grant = Grant { buckets: Some(["users".to_owned()].into()), ..grant(&[]) };
        assert!(matches!(grant.check(&request(Method::Get, "/api/v1")), Err(Refusal::Bucket { .. })));
    }

    #[test]
    fn a_plugin_is_shown_what_its_manifest_asks_for_but_no_session() {
        let mut headers = HeaderMap::new();
        headers.append("link", HeaderValue::from_static("<a>; rel=self"));
        headers.append("link", HeaderValue::from_static("<b>; rel=next"));
        headers.append("set-cookie", HeaderValue::from_static("sid=1"));
        headers.append("date", HeaderValue::from_static("x"));
        let shown = grant(&[]).shown(&headers);
        assert_eq!(
            shown.iter().map(|header| header.value.as_str()).collect::<Vec<_>>(),
            ["<a>; rel=self", "<b>; rel=next"]
        );
    }
}
