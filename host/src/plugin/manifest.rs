use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;

use regex::Regex;
use wasm_encoder::{ComponentSection, CustomSection};

use super::anatomy::{NotAComponent, sections};
use crate::model::{CredentialRule, Manifest, PluginKind, ReferenceRule, ScopeRule, ServiceAppRule};

/// The contract that this host speaks.
pub const API: &str = "0.1";

/// Why a component's manifest could not be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    #[error("it is not a plugin: {0}")]
    NotAComponent(#[from] NotAComponent),
    #[error("it has no manifest (no custom section `rollcall:manifest`)")]
    Missing,
    #[error("it has {0} manifests (custom sections `rollcall:manifest`)")]
    Several(usize),
    #[error("its manifest can't be read: {0}")]
    Unreadable(String),
    #[error("it was built for API {found}, and this host speaks {API}")]
    Api { found: String },
    #[error("its manifest is wrong: {}", list(.0))]
    Wrong(Vec<Fault>),
}

impl ManifestError {
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NotAComponent(error) => error.hint(),
            Self::Missing | Self::Several(_) => Some(
                "build it with `rollcall plugin build DIR`, which embeds `plugin.toml` as the manifest"
                    .into(),
            ),
            Self::Unreadable(_) | Self::Wrong(_) => {
                Some("correct `plugin.toml` and build it again with `rollcall plugin build DIR`".into())
            }
            Self::Api { .. } => Some(format!(
                "get the plugin's release for API {API}, or a Rollcall that speaks the plugin's"
            )),
        }
    }
}

/// One thing that is wrong with a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// The dotted key, such as `http.paths`.
    pub key: String,
    pub message: String,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` {}", self.key, self.message)
    }
}

fn list(faults: &[Fault]) -> String {
    faults.iter().map(Fault::to_string).collect::<Vec<_>>().join("; ")
}

/// Reads a component's manifest. None of its code is run or compiled.
pub fn read_manifest(component: &[u8]) -> Result<Manifest, ManifestError> {
    let found: Vec<&[u8]> = sections(component)?
        .into_iter()
        .filter(|section| section.name == Some(Manifest::SECTION))
        .map(|section| section.contents)
        .collect();
    let json = match found[..] {
        [] => return Err(ManifestError::Missing),
        [json] => json,
        _ => return Err(ManifestError::Several(found.len())),
    };
    let unreadable = |error: serde_json::Error| ManifestError::Unreadable(error.to_string());
    // The version first: a manifest of a later contract may hold what this one doesn't know.
    let loose: serde_json::Value = serde_json::from_slice(json).map_err(unreadable)?;
    match loose.get("api").and_then(serde_json::Value::as_str) {
        Some(API) => {}
        Some(found) => return Err(ManifestError::Api { found: found.to_owned() }),
        None => {
            let message = "is missing: `plugin build` stamps it".into();
            return Err(ManifestError::Wrong(vec![Fault { key: "api".into(), message }]));
        }
    }
    let manifest: Manifest = serde_json::from_slice(json).map_err(unreadable)?;
    let faults = faults(&manifest);
    if faults.is_empty() { Ok(manifest) } else { Err(ManifestError::Wrong(faults)) }
}

/// Puts the manifest into a component that has none.
pub(super) fn embed_manifest(component: &mut Vec<u8>, manifest: &Manifest) {
    let json =
        serde_json::to_vec(manifest).expect("a manifest has only string keys, which is all JSON asks for");
    CustomSection { name: Cow::Borrowed(Manifest::SECTION), data: Cow::Owned(json) }
        .append_to_component(component);
}

/// Why a `plugin.toml` could not be used. Lines and columns count from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TomlError {
    #[error("line {line}, column {column}: {message}")]
    Syntax { line: usize, column: usize, message: String },
    #[error("{}", list(.0))]
    Wrong(Vec<Fault>),
}

/// Reads a `plugin.toml`. Its `api` is left empty: the build stamps it.
pub fn parse_plugin_toml(text: &str) -> Result<Manifest, TomlError> {
    let manifest: Manifest = toml::from_str(text).map_err(|error| {
        let before = &text[..error.span().map_or(0, |span| span.start.min(text.len()))];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        TomlError::Syntax {
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: error.message().to_owned(),
        }
    })?;
    let mut faults = faults(&manifest);
    if !manifest.api.is_empty() {
        let message = "is stamped by the build: leave it out".into();
        faults.insert(0, Fault { key: "api".into(), message });
    }
    if faults.is_empty() { Ok(manifest) } else { Err(TomlError::Wrong(faults)) }
}

/// Headers that carry credentials, address the origin or frame the message are the host's (RFC 9110 §7.6.1
/// names the hop-by-hop ones). A plugin may neither set nor read them.
const FORBIDDEN_HEADERS: &[&str] = &[
    "authorization",
    "connection",
    "content-length",
    "cookie",
    "dpop",
    "expect",
    "host",
    "keep-alive",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "set-cookie",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Whether a plugin may never set or see this header, whatever its manifest says. `name` is lower case.
pub fn is_forbidden_header(name: &str) -> bool {
    FORBIDDEN_HEADERS.contains(&name)
}

/// Everything that is wrong with a manifest beyond its shape.
fn faults(manifest: &Manifest) -> Vec<Fault> {
    let mut faults = Faults::default();
    if !is_plugin_name(&manifest.name) {
        faults.add(
            "name",
            format!("is {:?}, and has to match [a-z][a-z0-9-]* in at most 64 letters", manifest.name),
        );
    }
    if let Err(error) = semver::Version::parse(&manifest.version) {
        faults.add("version", format!("is {:?}, which is no semantic version: {error}", manifest.version));
    }
    if manifest.summary.trim().is_empty() || manifest.summary.contains(['\n', '\r']) {
        faults.add("summary", "has to be one line of text");
    }
    faults.kind_tables(manifest);
    faults.http(manifest);
    faults.credentials(manifest);
    faults.references(manifest);
    if let Some(endpoint) = &manifest.endpoint {
        let path = &endpoint.base_path;
        if !path.is_empty() && (!is_plain_path(path) || path.ends_with('/')) {
            faults.add(
                "endpoint.base-path",
                format!("is {path:?}, and has to be empty or `/…` without a final slash"),
            );
        }
        for rule in &endpoint.rewrite {
            if let Err(error) = Regex::new(&rule.pattern) {
                let error = error.to_string();
                let last = error.lines().last().unwrap_or_default();
                faults.add(
                    "endpoint.rewrite.match",
                    format!("{:?} is no regular expression: {last}", rule.pattern),
                );
            }
        }
    }
    if let Some(limits) = &manifest.rate_limit {
        for (key, name) in [
            ("limit-header", &limits.limit_header),
            ("remaining-header", &limits.remaining_header),
            ("reset-header", &limits.reset_header),
        ] {
            faults.header(&format!("rate-limit.{key}"), name);
        }
        if limits.window_seconds == 0 {
            faults.add("rate-limit.window-seconds", "is 0, and has to be at least 1");
        }
        if limits.buckets.is_empty() {
            faults.add("rate-limit.buckets", "is empty: every request names a bucket");
        }
    }
    faults.settings(&manifest.settings);
    faults.0
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, key: &str, message: impl Into<String>) {
        self.0.push(Fault { key: key.to_owned(), message: message.into() });
    }

    fn kind_tables(&mut self, manifest: &Manifest) {
        let tables = [
            ("endpoint", manifest.endpoint.is_some()),
            ("http", manifest.http.is_some()),
            ("credential", !manifest.credential.is_empty()),
            ("rate-limit", manifest.rate_limit.is_some()),
            ("reference", !manifest.reference.is_empty()),
        ];
        for (table, present) in tables {
            match (manifest.kind, present) {
                // A provider may have no limits to tell, and nothing to authenticate with.
                (PluginKind::Source, false) if matches!(table, "endpoint" | "http") => {
                    self.add(table, "is missing: a source needs it");
                }
                (PluginKind::Transform, true) => {
                    self.add(table, "is for sources: a transform makes no requests")
                }
                _ => {}
            }
        }
    }

    fn references(&mut self, manifest: &Manifest) {
        let mut names = BTreeSet::new();
        for ReferenceRule { attribute, key, name } in &manifest.reference {
            for (field, text) in [("attribute", attribute), ("key", key), ("as", name)] {
                if text.trim().is_empty() {
                    self.add(&format!("reference.{field}"), "can't be empty");
                }
            }
            if !names.insert(name) {
                self.add("reference.as", format!("is {name:?} twice"));
            }
        }
    }

    fn http(&mut self, manifest: &Manifest) {
        let Some(http) = &manifest.http else { return };
        if http.methods.is_empty() {
            self.add("http.methods", "is empty: name at least \"GET\"");
        }
        if http.paths.is_empty() {
            self.add("http.paths", "is empty: name the prefixes of the paths that are requested");
        }
        for path in &http.paths {
            if !is_plain_path(path) {
                self.add(
                    "http.paths",
                    format!("holds {path:?}: a prefix begins with one `/` and has no `..`, query, fragment or space"),
                );
            }
        }
        for name in &http.request_headers {
            self.header("http.request-headers", name);
        }
        for name in &http.response_headers {
            self.header("http.response-headers", name);
        }
        for (key, name) in [
            ("http.request-id", &http.request_id),
            ("http.retry-for", &http.retry_for),
            ("http.retry-count", &http.retry_count),
        ] {
            if let Some(name) = name {
                self.header(key, name);
            }
        }
        if http.retry_for.is_some() && http.request_id.is_none() {
            self.add(
                "http.retry-for",
                "says which request is repeated, by what `http.request-id` gives: name that too",
            );
        }
    }

    fn credentials(&mut self, manifest: &Manifest) {
        for rule in &manifest.credential {
            if let CredentialRule::Header { header, prefix, .. } = rule {
                if !is_header_name(header) {
                    self.add("credential.header", format!("{header:?} is no lower-case header name"));
                }
                if prefix.chars().any(char::is_control) {
                    self.add("credential.prefix", "holds a control character");
                }
            }
            if let CredentialRule::Oauth2ClientCredentials(app) = rule {
                self.service_app(app, &manifest.settings);
            }
            let twice =
                manifest.credential.iter().filter(|other| other.scheme() == rule.scheme()).count() > 1;
            let repeated = self.0.iter().any(|fault| fault.key == "credential.scheme");
            if twice && !repeated {
                self.add("credential.scheme", format!("{:?} is there twice", rule.scheme()));
            }
        }
    }

    fn service_app(&mut self, rule: &ServiceAppRule, settings: &serde_json::Value) {
        if !is_plain_path(&rule.token_path) {
            self.add(
                "credential.token-path",
                format!(
                    "is {:?}: a path begins with one `/` and has no `..`, query, fragment or space",
                    rule.token_path
                ),
            );
        }
        if rule.scopes.is_empty() {
            self.add("credential.scopes", "is empty: name at least one");
        }
        for ScopeRule { scope, setting, .. } in &rule.scopes {
            // RFC 6749 section 3.3.
            if scope.is_empty()
                || !scope.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\')
            {
                self.add("credential.scopes.scope", format!("{scope:?} is no scope"));
            }
            if let Some(setting) = setting
                && settings["properties"].get(setting).is_none()
            {
                self.add("credential.scopes.setting", format!("{setting:?} is none of the settings"));
            }
        }
    }

    fn header(&mut self, key: &str, name: &str) {
        if !is_header_name(name) {
            self.add(key, format!("{name:?} is no lower-case header name"));
        } else if is_forbidden_header(name) {
            self.add(key, format!("{name:?} is the host's: a plugin may neither set nor read it"));
        }
    }

    fn settings(&mut self, schema: &serde_json::Value) {
        if schema.get("type").and_then(serde_json::Value::as_str) != Some("object") {
            self.add("settings.type", "has to be \"object\": settings are a table");
        } else if let Err(error) = jsonschema::draft202012::new(schema) {
            let path = error.instance_path().to_string().replace('/', ".");
            self.add(&format!("settings{path}"), format!("is no valid JSON Schema: {error}"));
        }
    }
}

fn is_plugin_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-')
}

/// `/…` with nothing in it that could lead elsewhere: `//host`, `..`, a query, an encoded dot.
fn is_plain_path(path: &str) -> bool {
    path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains(['?', '#', '\\', '%', ' '])
        && !path.chars().any(char::is_control)
        && !path.split('/').any(|segment| segment == ".." || segment == ".")
}

/// A token (RFC 9110 §5.6.2) without upper-case letters.
fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name.chars().all(|letter| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || "!#$%&'*+-.^_`|~".contains(letter)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    pub(super) const SOURCE: &str = r#"
name = "acme"
version = "1.2.3"
kind = "source"
summary = "People of Acme"

[endpoint]
label = "Acme domain"
example = "x.acme.test"
base-path = "/api/v1"
rewrite = [{ match = "(.+)-admin\\.acme\\.test", replace = "$1.acme.test" }]

[http]
methods = ["GET"]
paths = ["/users", "/groups/"]
response-headers = ["link"]
request-id = "x-request-id"

[[credential]]
scheme = "header"
header = "authorization"
prefix = "SSWS "
label = "API token"

[settings]
type = "object"
additionalProperties = false
properties.color = { enum = ["red", "green"] }
"#;

    #[test]
    fn a_good_one_round_trips_through_a_component() {
        let mut manifest = parse_plugin_toml(SOURCE).unwrap();
        manifest.api = API.into();
        let mut component = wat::parse_str("(component)").unwrap();
        assert_eq!(read_manifest(&component), Err(ManifestError::Missing));
        embed_manifest(&mut component, &manifest);
        assert_eq!(read_manifest(&component), Ok(manifest.clone()));
        embed_manifest(&mut component, &manifest);
        assert_eq!(read_manifest(&component), Err(ManifestError::Several(2)));
    }

    #[test]
    fn another_api_is_told_even_if_the_rest_is_unknown() {
        let mut component = wat::parse_str("(component)").unwrap();
        let section = CustomSection {
            name: Manifest::SECTION.into(),
            data: Cow::Borrowed(br#"{"api":"7.0","shape":"of things to come"}"#),
        };
        section.append_to_component(&mut component);
        assert_eq!(read_manifest(&component), Err(ManifestError::Api { found: "7.0".into() }));
    }

    #[test]
    fn syntax_errors_have_line_and_column() {
        let error = parse_plugin_toml("name = \"é\"\nversion = \"1\" x\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2, column 15:"), "{error}");
        let error = parse_plugin_toml("name = \"a\"\ncolour = 1\n").unwrap_err();
        assert!(error.to_string().starts_with("line 2, column 1: unknown field `colour`"), "{error}");
    }

    #[test]
    fn each_fault_names_its_key() {
        for (from, to, expected) in [
            ("name = \"acme\"", "name = \"Acme\"", "`name` is \"Acme\", and has to match [a-z][a-z0-9-]*"),
            ("1.2.3", "1.2", "`version` is \"1.2\", which is no semantic version"),
            ("People of Acme", "a\\nb", "`summary` has to be one line"),
            (
                "kind = \"source\"",
                "kind = \"transform\"",
                "`endpoint` is for sources: a transform makes no requests",
            ),
            ("\"/api/v1\"", "\"/api/v1/\"", "`endpoint.base-path` is \"/api/v1/\""),
            ("(.+)-admin", "(.+-admin", "`endpoint.rewrite.match` \"(.+-admin"),
            ("\"/groups/\"", "\"//evil.test\"", "`http.paths` holds \"//evil.test\""),
            ("\"/groups/\"", "\"/a/../b\"", "`http.paths` holds \"/a/../b\""),
            ("\"/groups/\"", "\"/%2e%2e/b\"", "`http.paths` holds"),
            ("[\"link\"]", "[\"Link\"]", "`http.response-headers` \"Link\" is no lower-case header name"),
            ("[\"link\"]", "[\"set-cookie\"]", "`http.response-headers` \"set-cookie\" is the host's"),
            (
                "request-id = \"x-request-id\"",
                "retry-for = \"x-retry-for\"",
                "`http.retry-for` says which request is repeated",
            ),
            (
                "request-id = \"x-request-id\"",
                "retry-count = \"cookie\"",
                "`http.retry-count` \"cookie\" is the host's",
            ),
            ("methods = [\"GET\"]", "methods = []", "`http.methods` is empty"),
            ("type = \"object\"", "type = \"array\"", "`settings.type` has to be \"object\""),
            (
                "{ enum = [\"red\", \"green\"] }",
                "{ type = 5 }",
                "`settings.properties.color.type` is no valid",
            ),
            (
                "summary",
                "reference = [{ attribute = \"boss\", key = \"\", as = \"manager\" }]\nsummary",
                "`reference.key` can't be empty",
            ),
            (
                "summary",
                "reference = [{ attribute = \"a\", key = \"id\", as = \"b\" }, \
                 { attribute = \"c\", key = \"id\", as = \"b\" }]\nsummary",
                "`reference.as` is \"b\" twice",
            ),
            ("summary", "api = \"0.1\"\nsummary", "`api` is stamped by the build"),
        ] {
            let text = SOURCE.replacen(from, to, 1);
            assert_ne!(text, SOURCE, "{from}");
            let error = parse_plugin_toml(&text).unwrap_err().to_string();
            assert!(error.contains(expected), "{to}: {error}");
        }
    }
}
