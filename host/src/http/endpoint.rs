use std::fmt;

use regex::RegexBuilder;
use url::{Host, Url};

use super::error::quoted;
use super::path;
use crate::model::EndpointRules;

/// Where a provider is: an origin (`https://acme.okta.com`), and the path that the manifest puts before every
/// request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    url: Url,
    base_path: String,
}

/// Why what an admin typed is not an endpoint. Never quotes a password.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum EndpointError {
    #[error("the {label} is empty")]
    Empty { label: String, example: String },
    #[error("`{input}` is not a host name: {reason}")]
    Malformed { input: String, reason: String, example: String },
    #[error("`{scheme}:` addresses are not supported, only https")]
    Scheme { scheme: String, example: String },
    #[error("http is accepted for a loopback address only, and {host} is none")]
    Insecure { host: String },
    #[error("an address must not hold a user name or a password")]
    UserInfo { example: String },
    /// The plugin's fault.
    #[error("the plugin's manifest has a wrong `endpoint` rule ({rule}): {reason}")]
    Rules { rule: String, reason: String },
}

impl EndpointError {
    pub fn hint(&self) -> Option<String> {
        match self {
            EndpointError::Empty { example, .. }
            | EndpointError::Malformed { example, .. }
            | EndpointError::Scheme { example, .. } => {
                Some(format!("write it like `endpoint = \"{example}\"`"))
            }
            EndpointError::Insecure { host } => Some(format!("write `endpoint = \"https://{host}\"`")),
            EndpointError::UserInfo { example } => Some(format!(
                "write `endpoint = \"{example}\"`, and give the secret as `credential = {{ env = \"VARIABLE\" }}`"
            )),
            EndpointError::Rules { .. } => Some("tell the plugin's author".to_owned()),
        }
    }
}

impl Endpoint {
    /// Makes an origin of what an admin types or pastes: `acme.okta.com`, `https://ACME.okta.com/`,
    /// `https://acme-admin.okta.com/admin/dashboard`, an international name. Path, query and fragment are
    /// dropped, the manifest's rewrites are applied to the host name. `http` is for loopback addresses, where
    /// tests and simulators are.
    pub fn parse(input: &str, rules: &EndpointRules) -> Result<Self, EndpointError> {
        let text = input.trim();
        let example = || rules.example.clone();
        let malformed = |reason: &str| EndpointError::Malformed {
            input: quoted(text),
            reason: reason.to_owned(),
            example: example(),
        };
        if text.is_empty() {
            return Err(EndpointError::Empty { label: rules.label.clone(), example: example() });
        }
        let (scheme, rest) = scheme_of(text);
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        if authority.contains('@') {
            return Err(EndpointError::UserInfo { example: example() });
        }
        let scheme = match scheme.to_ascii_lowercase().as_str() {
            "https" => "https",
            "http" => "http",
            other => return Err(EndpointError::Scheme { scheme: quoted(other), example: example() }),
        };
        // The URL parser would take a backslash for a slash and leave tabs and line ends out.
        if text.contains('\\') || text.chars().any(char::is_control) {
            return Err(malformed("it holds a backslash or a control character"));
        }
        let parse = |host: &str| Url::parse(&format!("{scheme}://{host}/"));
        let mut url = parse(authority).map_err(|error| malformed(&error.to_string()))?;
        if let Some(Host::Domain(name)) = url.host() {
            let name = name.strip_suffix('.').unwrap_or(name);
            let name = rewrite(name, rules)?;
            url.set_host(Some(&name)).map_err(|error| malformed(&error.to_string()))?;
        }
        if url.port() == Some(0) {
            return Err(malformed("its port is 0"));
        }
        let endpoint = Self { url, base_path: base_path(rules)? };
        if scheme == "http" && !endpoint.is_loopback() {
            let host = endpoint.to_string().trim_start_matches("http://").to_owned();
            return Err(EndpointError::Insecure { host });
        }
        Ok(endpoint)
    }

    /// The host name or address; an IPv6 address in brackets.
    pub fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Is this the machine itself: 127.0.0.0/8, `::1` or `localhost`?
    pub fn is_loopback(&self) -> bool {
        match self.url.host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
            Some(Host::Domain(name)) => name == "localhost",
            None => false,
        }
    }

    /// Is the connection encrypted?
    pub fn is_secure(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// Put before every path that a plugin asks for: empty, or `/…` without a final slash.
    pub fn base_path(&self) -> &str {
        &self.base_path
    }

    /// The address of a path that [`path::split`] accepted. `None` when parsing made something else of it,
    /// which is the second line of defence: the first has refused everything that could.
    pub(super) fn url(&self, path: &str, query: Option<&str>) -> Option<Url> {
        let full = format!("{}{path}", self.base_path);
        let mut url = self.url.clone();
        url.set_path(&full);
        url.set_query(query);
        (url.origin() == self.url.origin() && url.path() == full && url.username().is_empty()).then_some(url)
    }
}

impl fmt::Display for Endpoint {
    /// The origin: `https://acme.okta.com`, with a port where it is not the usual one.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.url.origin().ascii_serialization())
    }
}

/// `HTTPS://x` → (`HTTPS`, `x`), `mailto:x` → (`mailto`, `x`); `x` and `x:8443` → (`https`, all of it).
fn scheme_of(text: &str) -> (&str, &str) {
    let authority = text.split(['/', '?', '#']).next().unwrap_or_default();
    match authority.split_once(':') {
        Some((scheme, port))
            if !scheme.starts_with('[')
                && !authority.contains('@')
                && !port.starts_with(|first: char| first.is_ascii_digit()) =>
        {
            let rest = &text[scheme.len() + 1..];
            (scheme, rest.strip_prefix("//").unwrap_or(rest))
        }
        _ => ("https", text),
    }
}

fn rewrite(host: &str, rules: &EndpointRules) -> Result<String, EndpointError> {
    for rule in &rules.rewrite {
        let wrong = |reason: String| EndpointError::Rules { rule: rule.pattern.clone(), reason };
        let pattern = RegexBuilder::new(&format!(r"\A(?:{})\z", rule.pattern))
            .case_insensitive(true)
            .build()
            .map_err(|error| wrong(error.to_string()))?;
        let Some(found) = pattern.captures(host) else { continue };
        let mut name = String::new();
        found.expand(&rule.replace, &mut name);
        return match Host::parse(&name) {
            Ok(Host::Domain(name)) => Ok(name),
            _ => Err(wrong(format!("it makes `{}` of `{host}`, which is not a host name", quoted(&name)))),
        };
    }
    Ok(host.to_owned())
}

fn base_path(rules: &EndpointRules) -> Result<String, EndpointError> {
    let base = &rules.base_path;
    let wrong = |reason: &str| EndpointError::Rules {
        rule: format!("base-path = \"{base}\""),
        reason: reason.into(),
    };
    if base.is_empty() {
        return Ok(String::new());
    }
    if base.ends_with('/') {
        return Err(wrong("it ends with `/`"));
    }
    match path::split(base) {
        Ok((_, None)) => Ok(base.clone()),
        Ok((_, Some(_))) => Err(wrong("it holds a query")),
        Err(reason) => Err(wrong(reason)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::HostRewrite;

    fn rules() -> EndpointRules {
        EndpointRules {
            label: "Okta domain".into(),
            example: "acme.okta.com".into(),
            base_path: String::new(),
            rewrite: vec![HostRewrite {
                pattern: r"(.+)-admin\.(okta|oktapreview|okta-emea)\.com".into(),
                replace: "$1.$2.com".into(),
            }],
        }
    }

    fn origin(input: &str) -> Result<String, EndpointError> {
        Endpoint::parse(input, &rules()).map(|endpoint| endpoint.to_string())
    }

    #[test]
    fn what_admins_type_becomes_an_origin() {
        for (input, wanted) in [
            ("acme.okta.com", "https://acme.okta.com"),
            ("  ACME.Okta.com \n", "https://acme.okta.com"),
            ("https://acme.okta.com/", "https://acme.okta.com"),
            ("HTTPS://acme.okta.com:443/app?x=1#y", "https://acme.okta.com"),
            ("acme.okta.com/login?next=https://other.example", "https://acme.okta.com"),
            ("https://acme-admin.okta.com/admin/dashboard", "https://acme.okta.com"),
            ("Acme-Admin.OktaPreview.com", "https://acme.oktapreview.com"),
            ("https://x-admin.okta.com.evil.example", "https://x-admin.okta.com.evil.example"),
            ("evil.example/acme-admin.okta.com", "https://evil.example"),
            ("acme.okta.com.", "https://acme.okta.com"),
            ("login.acme.com:8443", "https://login.acme.com:8443"),
            ("bücher.example", "https://xn--bcher-kva.example"),
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://127.9.9.9:1/x", "http://127.9.9.9:1"),
            ("http://localhost:3000/", "http://localhost:3000"),
            ("http://[::1]:3000", "http://[::1]:3000"),
            ("[::1]:3000", "https://[::1]:3000"),
        ] {
            assert_eq!(origin(input), Ok(wanted.to_owned()), "{input:?}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for input in ["", "  ", "https://", "http://acme.okta.com", "http://10.0.0.1", "http://0.0.0.0:80"] {
            assert!(origin(input).is_err(), "{input:?}");
        }
        for input in ["ftp://acme.okta.com", "mailto:joe", "file:///etc/passwd", "javascript:x"] {
            assert!(
                matches!(origin(input), Err(EndpointError::Scheme { .. })),
                "{input:?} {:?}",
                origin(input)
            );
        }
        for input in [
            "acme okta.com",
            "acme\t.okta.com",
            "https:\\\\acme.okta.com",
            "https:/acme.okta.com",
            "acme.okta.com\\x",
            "a:99999",
        ] {
            assert!(origin(input).is_err(), "{input:?}");
        }
        assert!(matches!(origin("http://localhost.evil.example"), Err(EndpointError::Insecure { .. })));
    }

    #[test]
    fn user_info_is_refused_and_not_repeated() {
        for input in [
            "https://joe:hunter2@acme.okta.com",
            "joe:hunter2@acme.okta.com",
            "https://acme.okta.com:hunter2@evil.example/",
        ] {
            let error = origin(input).unwrap_err();
            assert!(matches!(error, EndpointError::UserInfo { .. }), "{input}: {error:?}");
            assert!(!format!("{error:?} {error} {:?}", error.hint()).contains("hunter2"));
        }
    }

    #[test]
    fn a_rewrite_cannot_make_http_or_another_kind_of_address() {
        let mut rules = rules();
        rules.rewrite[0].replace = "127.0.0.1".into();
        assert!(matches!(Endpoint::parse("a-admin.okta.com", &rules), Err(EndpointError::Rules { .. })));
        rules.rewrite[0].replace = "joe@$1.$2.com".into();
        assert!(matches!(Endpoint::parse("a-admin.okta.com", &rules), Err(EndpointError::Rules { .. })));
        rules.rewrite[0].pattern = "(".into();
        assert!(matches!(Endpoint::parse("a-admin.okta.com", &rules), Err(EndpointError::Rules { .. })));
    }

    #[test]
    fn the_base_path_is_checked_and_prefixed() {
        let with = |base: &str| {
            Endpoint::parse("acme.okta.com", &EndpointRules { base_path: base.into(), ..rules() })
        };
        let endpoint = with("/scim/v2").unwrap();
        assert_eq!(
            endpoint.url("/Users", Some("a=b")).unwrap().as_str(),
            "https://acme.okta.com/scim/v2/Users?a=b"
        );
        for base in ["/", "/x/", "x", "/../y", "//evil", "/x?y"] {
            assert!(matches!(with(base), Err(EndpointError::Rules { .. })), "{base}");
        }
    }

    #[test]
    fn an_url_never_leaves_the_origin_even_without_the_first_check() {
        let endpoint = Endpoint::parse("acme.okta.com", &rules()).unwrap();
        for path in ["//evil.example", "/\\evil.example", "@evil.example", "/a/../b", "https://evil.example/"]
        {
            if let Some(url) = endpoint.url(path, None) {
                assert_eq!(url.origin(), endpoint.url.origin());
                assert_eq!(url.path(), path);
            }
        }
    }
}
