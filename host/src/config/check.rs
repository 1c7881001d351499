//! Every rule beyond the file's shape, and the change from what is written to what the host works with.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;

use semver::Version;
use serde_json::Value;
use url::Url;

use super::connector::{
    App, Connector, Credential, HttpOptions, PluginChoice, ReferenceChoice, TransformUse,
};
use super::directory::Directory;
use super::fault::{ConfigError, Fault, Source};
use super::load::{Plugins, list};
use super::notify::Notify;
use super::position::{At, Step};
use super::read::read;
use super::written;
use crate::directory::{LOCAL, UserEntry};
use crate::http::{Allow, SecretSource};
use crate::model::{CredentialRule, Method};
use crate::plugin::{Limits, nearest};
use crate::run::safety::{Bound, LimitKind, NamePattern, OnLimit, Safety};
use crate::run::{Entries, GroupNames, Keep, Policy};

/// Everything that the file says.
pub(super) struct Checked {
    pub directories: Vec<Directory>,
    pub plugins: Plugins,
    pub connectors: BTreeMap<String, Connector>,
    pub notify: Notify,
    pub runs: Keep,
}

pub(super) fn check(source: &Source, base: &Path) -> Result<Checked, ConfigError> {
    let file = read(source).map_err(|fault| ConfigError::Wrong { faults: vec![fault] })?;
    let mut checker = Checker { source, base, faults: Vec::new() };
    let directories = checker.directories(file.directory, &file.connector);
    let plugins = Plugins {
        path: checker.path(&keys(&["plugins", "path"]), file.plugins.path),
        limits: Limits::default().with(&file.plugins.limits),
    };
    let notify = checker.notify(&keys(&["notify"]), file.notify);
    let runs = checker.runs(&keys(&["runs"]), file.runs);
    let connectors = file
        .connector
        .into_iter()
        .filter_map(|(name, connector)| {
            let connector = checker.connector(&name, connector, &plugins.limits)?;
            Some((name, connector))
        })
        .collect();
    match checker.faults {
        faults if faults.is_empty() => Ok(Checked { directories, plugins, connectors, notify, runs }),
        faults => Err(ConfigError::wrong(faults)),
    }
}

/// `[a-z][a-z0-9-]*`: the names of connectors and plugins.
pub fn is_name(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_lowercase())
        && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

/// What an environment variable can be called in a shell.
pub fn is_variable(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_')
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// Whether someone gave a secret where the name of its place was asked for. An Okta token is 42 characters
/// that begin with `00`, others are as long and as mixed.
pub fn looks_like_a_secret(text: &str) -> bool {
    let text = text.trim();
    let has = |test: fn(&char) -> bool| text.chars().any(|c| test(&c));
    let mixed = has(char::is_ascii_lowercase) && has(char::is_ascii_uppercase) && has(char::is_ascii_digit);
    let begins =
        |prefix: &str| text.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    begins("ssws ")
        || begins("bearer ")
        || begins("-----begin")
        || (!text.contains(['/', '\\', ' ', '.']) && text.len() >= 20 && (mixed || text.starts_with("00")))
}

pub(super) fn keys(keys: &[&str]) -> Vec<Step> {
    keys.iter().map(|key| (*key).into()).collect()
}

pub(super) fn under(path: &[Step], key: impl Into<Step>) -> Vec<Step> {
    let mut path = path.to_vec();
    path.push(key.into());
    path
}

pub(super) struct Checker<'a> {
    pub source: &'a Source,
    pub base: &'a Path,
    pub faults: Vec<Fault>,
}

impl Checker<'_> {
    pub fn wrong(&mut self, path: &[Step], message: impl Into<String>, hint: Option<&str>) {
        self.faults.push(self.source.fault(path, At::Value, message.into(), hint.map(str::to_owned)));
    }

    pub fn path(&mut self, path: &[Step], written: Option<PathBuf>) -> Option<PathBuf> {
        let written = written?;
        if written.as_os_str().is_empty() {
            self.wrong(path, "a path can't be empty", None);
        }
        Some(self.base.join(written))
    }

    fn connector(&mut self, name: &str, written: written::Connector, limits: &Limits) -> Option<Connector> {
        let path = keys(&["connector", name]);
        if !is_name(name) {
            let message = format!("`{name}` can't be the name of a connector");
            let hint = "a name begins with a lower-case letter and goes on with lower-case letters, digits and hyphens";
            self.faults.push(self.source.fault(&path, At::Key, message, Some(hint.to_owned())));
        }
        if name == LOCAL {
            let message =
                "`local` can't be the name of a connector: it is whose entries are that no connector gave";
            self.faults.push(self.source.fault(
                &path,
                At::Key,
                message.to_owned(),
                Some("choose another name".to_owned()),
            ));
        }
        self.endpoint(&under(&path, "endpoint"), &written.endpoint);
        let plugin = self.plugin(&path, written.plugin, written.plugin_version, written.plugin_sha256);
        let credential = self.credential(&under(&path, "credential"), written.credential);
        let schedule =
            written.schedule.and_then(|schedule| self.schedule(&under(&path, "schedule"), schedule));
        let entries = self.entries(&under(&path, "entries"), &written.entries);
        let settings = self.settings(&under(&path, "settings"), written.settings);
        let references = self.references(&under(&path, "references"), written.references);
        let http = self.http(&under(&path, "http"), written.http);
        let reading = self.reading(&under(&path, "reading"), written.reading);
        let cleanup = self.cleanup(&under(&path, "cleanup"), written.cleanup);
        let conflicts = self.conflicts(&under(&path, "conflicts"), written.conflicts);
        let transforms = written.transform.into_iter().enumerate().map(|(index, transform)| {
            let path = under(&under(&path, "transform"), index);
            TransformUse {
                plugin: self.plugin(
                    &path,
                    transform.plugin,
                    transform.plugin_version,
                    transform.plugin_sha256,
                ),
                settings: self.settings(&under(&path, "settings"), transform.settings),
            }
        });
        let transforms = transforms.collect();
        let credential = credential?;
        let (endpoint, limits) = (written.endpoint, limits.with(&written.limits));
        let safety = self.safety(&under(&path, "safety"), written.safety);
        let policy = Policy { safety, entries, cleanup, conflicts };
        Some(Connector {
            plugin,
            endpoint,
            credential,
            directory: written.directory,
            schedule,
            settings,
            references,
            http,
            reading,
            limits,
            transforms,
            policy,
        })
    }

    fn references(
        &mut self,
        path: &[Step],
        written: BTreeMap<String, toml::Value>,
    ) -> BTreeMap<String, ReferenceChoice> {
        let mut choices = BTreeMap::new();
        for (name, value) in written {
            let path = under(path, name.as_str());
            let choice = match value {
                toml::Value::Boolean(false) => ReferenceChoice::Off,
                toml::Value::String(key) => {
                    let own = ["id", "userName", "email"].into_iter();
                    match own.into_iter().find(|own| key != *own && key.eq_ignore_ascii_case(own)) {
                        Some(own) => {
                            let hint = format!("write it `\"{own}\"`");
                            self.wrong(&path, format!("`{key}` is no key of people"), Some(&hint));
                        }
                        None if key.trim().is_empty() => self.wrong(&path, "a key can't be empty", None),
                        None => {}
                    }
                    ReferenceChoice::Key(key)
                }
                _ => {
                    let hint = "what it holds of the other person, such as `\"id\"`, `\"userName\"`, `\"email\"` or \
                        `\"profile.employeeNumber\"`; or `false`";
                    self.wrong(&path, format!("`{name}` has to be a text or `false`"), Some(hint));
                    continue;
                }
            };
            choices.insert(name, choice);
        }
        choices
    }

    fn safety(&mut self, path: &[Step], written: written::Safety) -> Safety {
        let mut safety = Safety::default();
        let limits = [
            written.disables,
            written.deletes,
            written.removals,
            written.renames,
            written.listing,
            written.groups_emptied,
        ];
        for (kind, value) in LimitKind::ALL.into_iter().zip(limits) {
            let Some(value) = value else { continue };
            match bound(&value) {
                Some(bound) => safety.bounds[kind as usize] = bound,
                None => {
                    let message = format!("`{}` has to be a limit", kind.key());
                    let hint = "a number such as `50`, a part such as `\"5%\"`, both as \
                        `{ count = 50, percent = 5 }`, or `\"none\"`";
                    self.wrong(&under(path, kind.key()), message, Some(hint));
                }
            }
        }
        match written.on_limit.as_deref() {
            None => {}
            Some("withhold") => safety.on_limit = OnLimit::Withhold,
            Some("hold") => safety.on_limit = OnLimit::Hold,
            Some(other) => {
                let hint = "`withhold` applies what is within the limits, `hold` nothing";
                self.wrong(&under(path, "on-limit"), format!("there is no `{other}`"), Some(hint));
            }
        }
        for (index, text) in written.protect.iter().enumerate() {
            safety.protect.extend(self.condition(&under(&under(path, "protect"), index), text));
        }
        safety.protect_groups = self.patterns(&under(path, "protect-groups"), &written.protect_groups);
        for (index, text) in written.protect_groups_when.iter().enumerate() {
            let path = under(&under(path, "protect-groups-when"), index);
            safety.protect_groups_when.extend(self.group_condition(&path, text));
        }
        safety
    }

    pub fn patterns(&mut self, path: &[Step], written: &[String]) -> Vec<NamePattern> {
        for (index, _) in written.iter().enumerate().filter(|(_, text)| text.is_empty()) {
            self.wrong(&under(path, index), "a pattern can't be empty", Some("such as `\"admins-*\"`"));
        }
        written.iter().map(|text| NamePattern::new(text)).collect()
    }

    fn entries(&mut self, path: &[Step], written: &written::Entries) -> Entries {
        let group_names = written.group_names.as_deref().and_then(|name| {
            let known = GroupNames::ALL.map(GroupNames::as_str);
            let found = GroupNames::ALL.into_iter().find(|names| names.as_str() == name);
            if found.is_none() {
                let hint = match nearest(name, known) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("known here: {}", list(known.into_iter())),
                };
                self.wrong(&under(path, "group-names"), "`group-names` has another value", Some(&hint));
            }
            found
        });
        for (key, names) in
            [("only-at-creation", &written.only_at_creation), ("keep-local", &written.keep_local)]
        {
            for (index, name) in names.iter().enumerate() {
                self.kept(&under(&under(path, key), index), key, name);
            }
        }
        let only_at_creation = written.only_at_creation.clone();
        let keep_local = written.keep_local.iter().map(|name| NamePattern::new(name)).collect();
        Entries { group_names: group_names.unwrap_or_default(), only_at_creation, keep_local }
    }

    /// What is not always the provider's: a field that can be kept, or an attribute.
    fn kept(&mut self, at: &[Step], key: &str, name: &str) {
        let is = |field: &&str| field.eq_ignore_ascii_case(name);
        if let Some(field) = Entries::FIELDS.iter().copied().find(is).filter(|field| *field != name) {
            let hint = format!("did you mean `{field}`?");
            self.wrong(at, format!("`{name}` is no field"), Some(&hint));
        } else if name.is_empty() || (UserEntry::FIELDS.iter().any(is) && !Entries::FIELDS.contains(&name)) {
            let hint = format!(
                "{} can be, and attributes by their names, such as `profile.title`",
                list(Entries::FIELDS.into_iter())
            );
            let message = match key {
                "keep-local" => format!("`{name}` can't be kept as it was set here"),
                _ => format!("`{name}` can't be set only at creation"),
            };
            self.wrong(at, message, Some(&hint));
        }
    }

    fn plugin(
        &mut self,
        path: &[Step],
        name: String,
        version: Option<String>,
        sha256: Option<String>,
    ) -> PluginChoice {
        if !is_name(&name) {
            let hint =
                "`plugin` is the name in a plugin's manifest, not a file; `rollcall plugin list` lists them";
            self.wrong(&under(path, "plugin"), format!("`{name}` can't be the name of a plugin"), Some(hint));
        }
        if version.as_ref().is_some_and(|version| Version::parse(version).is_err()) {
            let hint = "it is compared with the version in the plugin's manifest, such as `1.2.0`";
            self.wrong(&under(path, "plugin-version"), "`plugin-version` has to be a version", Some(hint));
        }
        let sha256 = sha256.map(|sha256| sha256.to_ascii_lowercase());
        if sha256.as_ref().is_some_and(|hex| hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            let hint = "`rollcall plugin inspect FILE` prints it";
            self.wrong(
                &under(path, "plugin-sha256"),
                "`plugin-sha256` has to be 64 hexadecimal digits",
                Some(hint),
            );
        }
        PluginChoice { name, version, sha256 }
    }

    fn endpoint(&mut self, path: &[Step], endpoint: &str) {
        let authority = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
        let authority = authority.split(['/', '?', '#']).next().unwrap_or_default();
        if authority.contains('@') {
            let message = "`endpoint` can't hold a user name or password".to_owned();
            let hint = "the credential is configured with `credential`".to_owned();
            self.faults.push(self.source.concealed(path, message, Some(hint)));
        } else if endpoint.trim().is_empty() || endpoint.contains(char::is_whitespace) {
            let hint = "such as `endpoint = \"acme.okta.com\"`";
            self.wrong(path, "`endpoint` has to be a host name or an https URL", Some(hint));
        }
    }

    fn credential(&mut self, path: &[Step], written: written::Credential) -> Option<Credential> {
        let written::Credential {
            env,
            file,
            command,
            scheme,
            username,
            client_id,
            private_key,
            key_id,
            scopes,
        } = written;
        if client_id.is_some()
            || private_key.is_some()
            || scheme.as_deref() == Some(CredentialRule::SERVICE_APP)
        {
            if env.is_some() || file.is_some() || command.is_some() {
                let hint = "write it within `private-key`, such as `private-key = { file = \"key.pem\" }`";
                self.wrong(path, "an app's key is given by `private-key`", Some(hint));
                return None;
            }
            if username.is_some() {
                let hint = "leave it out, or use `scheme = \"basic\"`";
                self.wrong(&under(path, "username"), "only the scheme `basic` has a `username`", Some(hint));
            }
            return self.app(path, scheme, client_id, private_key, key_id, scopes);
        }
        for (key, written) in [("key-id", key_id.is_some()), ("scopes", scopes.is_some())] {
            if written {
                let hint = "it goes with `client-id` and `private-key`";
                self.wrong(&under(path, key), format!("only an app has `{key}`"), Some(hint));
            }
        }
        match (scheme.as_deref(), &username) {
            (None | Some("basic"), Some(name)) if name.is_empty() => {
                self.wrong(&under(path, "username"), "`username` can't be empty", None);
            }
            (None, _) | (Some("basic"), Some(_)) | (Some("header" | "bearer"), None) => {}
            (Some("basic"), None) => {
                let hint = "add `username = \"…\"` beside it";
                self.wrong(&under(path, "scheme"), "the scheme `basic` needs a `username`", Some(hint));
            }
            (Some("header" | "bearer"), Some(_)) => {
                let hint = "leave it out, or use `scheme = \"basic\"`";
                self.wrong(&under(path, "username"), "only the scheme `basic` has a `username`", Some(hint));
            }
            (Some(other), _) => self.no_scheme(path, other),
        }
        let hint = "`credential = { env = \"OKTA_TOKEN\" }`, `{ file = \"token.txt\" }` or \
            `{ command = [\"pass\", \"okta\"] }`; for an app `{ client-id = \"…\", private-key = { file = \"key.pem\" } }`";
        let secret = self.secret(path, "credential", (env, file, command), hint)?;
        Some(Credential { secret, scheme, username, app: None })
    }

    fn no_scheme(&mut self, path: &[Step], other: &str) {
        let hint = "known are `header`, `bearer`, `basic` and `oauth2-client-credentials`; without `scheme` it is the \
            plugin's first";
        self.wrong(&under(path, "scheme"), format!("there is no scheme `{other}`"), Some(hint));
    }

    /// A credential that is an app with a key.
    fn app(
        &mut self,
        path: &[Step],
        scheme: Option<String>,
        client_id: Option<String>,
        private_key: Option<written::PrivateKey>,
        key_id: Option<String>,
        scopes: Option<Vec<String>>,
    ) -> Option<Credential> {
        match scheme.as_deref() {
            None | Some(CredentialRule::SERVICE_APP) => {}
            Some("header" | "bearer" | "basic") => {
                let hint = "leave `scheme` out: `client-id` says which it is";
                self.wrong(&under(path, "scheme"), "only an app has a `client-id`", Some(hint));
            }
            Some(other) => self.no_scheme(path, other),
        }
        for (key, text) in [("client-id", &client_id), ("key-id", &key_id)] {
            if text.as_ref().is_some_and(|text| text.is_empty() || text.contains(char::is_whitespace)) {
                let hint = "copy it from the provider's page of the app";
                self.wrong(&under(path, key), format!("`{key}` can't be empty or hold a space"), Some(hint));
            }
        }
        if let Some(scopes) = &scopes {
            if scopes.is_empty() {
                let hint = "leave it out: then they are those that the plugin needs";
                self.wrong(&under(path, "scopes"), "`scopes` can't be empty", Some(hint));
            }
            for (index, scope) in scopes.iter().enumerate() {
                // RFC 6749 section 3.3.
                let is_scope = |byte: u8| byte.is_ascii_graphic() && byte != b'"' && byte != b'\\';
                if scope.is_empty() || !scope.bytes().all(is_scope) {
                    let hint = "each one by itself, such as `[\"okta.users.read\", \"okta.groups.read\"]`";
                    let at = under(&under(path, "scopes"), index);
                    self.wrong(&at, format!("`{scope}` is no scope"), Some(hint));
                }
            }
        }
        let hint = "`private-key = { file = \"key.pem\" }`, `{ env = \"OKTA_KEY\" }` or \
            `{ command = [\"pass\", \"okta\"] }`";
        let Some(client_id) = client_id else {
            let hint = "the provider shows it on the app's page, such as `client-id = \"0oa…\"`";
            self.wrong(path, "an app needs its `client-id`", Some(hint));
            return None;
        };
        let Some(key) = private_key else {
            self.wrong(path, "an app needs its `private-key`", Some(hint));
            return None;
        };
        let secret =
            self.secret(&under(path, "private-key"), "private-key", (key.env, key.file, key.command), hint)?;
        let scheme = Some(CredentialRule::SERVICE_APP.to_owned());
        Some(Credential { secret, scheme, username: None, app: Some(App { client_id, key_id, scopes }) })
    }

    /// Where a secret is; `key` is what says so.
    fn secret(
        &mut self,
        path: &[Step],
        key: &str,
        written: (Option<String>, Option<PathBuf>, Option<Vec<String>>),
        hint: &str,
    ) -> Option<SecretSource> {
        match written {
            (Some(name), None, None) => {
                self.variable(&under(path, "env"), &name);
                Some(SecretSource::Env(name))
            }
            (None, Some(file), None) => {
                Some(SecretSource::File(self.path(&under(path, "file"), Some(file))?))
            }
            (None, None, Some(command)) => {
                if command.first().is_none_or(String::is_empty) {
                    let hint = "the program and its arguments, such as `command = [\"pass\", \"okta\"]`";
                    self.wrong(&under(path, "command"), "`command` has to name a program", Some(hint));
                }
                Some(SecretSource::Command(command))
            }
            (None, None, None) => {
                self.wrong(path, format!("`{key}` does not say where the secret is"), Some(hint));
                None
            }
            _ => {
                self.wrong(path, format!("`{key}` can have only one of `env`, `file` and `command`"), None);
                None
            }
        }
    }

    /// The name of an environment variable, and no secret.
    pub fn variable(&mut self, at: &[Step], name: &str) {
        if looks_like_a_secret(name) {
            let message = "`env` names an environment variable; this looks like the secret itself".to_owned();
            let hint = "put the secret into a variable, such as OKTA_TOKEN, and write its name here; if others \
                can read this file, revoke the secret";
            self.faults.push(self.source.concealed(at, message, Some(hint.to_owned())));
        } else if !is_variable(name) {
            let message = "`env` has to be the name of an environment variable".to_owned();
            let hint = "letters, digits and underscores, such as OKTA_TOKEN".to_owned();
            self.faults.push(self.source.concealed(at, message, Some(hint)));
        }
    }

    fn settings(&mut self, path: &[Step], table: toml::Table) -> Value {
        let settings = table.into_iter().filter_map(|(key, value)| {
            let value = self.json(&under(path, key.as_str()), value)?;
            Some((key, value))
        });
        Value::Object(settings.collect())
    }

    /// TOML's dates become the same text in JSON.
    fn json(&mut self, path: &[Step], value: toml::Value) -> Option<Value> {
        Some(match value {
            toml::Value::String(text) => Value::String(text),
            toml::Value::Integer(integer) => Value::from(integer),
            toml::Value::Boolean(boolean) => Value::Bool(boolean),
            toml::Value::Datetime(datetime) => Value::String(datetime.to_string()),
            toml::Value::Table(table) => self.settings(path, table),
            toml::Value::Float(float) => match serde_json::Number::from_f64(float) {
                Some(number) => Value::Number(number),
                None => {
                    self.wrong(path, "a setting has to be a finite number", None);
                    return None;
                }
            },
            toml::Value::Array(items) => Value::Array(
                items
                    .into_iter()
                    .enumerate()
                    .filter_map(|(index, item)| self.json(&under(path, index), item))
                    .collect(),
            ),
        })
    }

    fn http(&mut self, path: &[Step], written: written::Http) -> HttpOptions {
        let default = HttpOptions::default();
        let parallel = self.number(path, "parallel", written.parallel, HttpOptions::PARALLEL);
        let attempts = self.number(path, "attempts", written.attempts, HttpOptions::ATTEMPTS);
        let timeout =
            self.number(path, "timeout-seconds", written.timeout_seconds, HttpOptions::TIMEOUT_SECONDS);
        let deadline =
            self.number(path, "deadline-minutes", written.deadline_minutes, HttpOptions::DEADLINE_MINUTES);
        let response_limit = self.number(
            path,
            "response-limit-mib",
            written.response_limit_mib,
            HttpOptions::RESPONSE_LIMIT_MIB,
        );
        if written.share.is_some_and(|share| !(share > 0.0 && share <= 1.0)) {
            let hint = "it is the part of the provider's rate limit that Rollcall may use: 0.8 leaves a fifth to others";
            self.wrong(&under(path, "share"), "`share` has to be above 0 and at most 1", Some(hint));
        }
        HttpOptions {
            parallel: parallel.map_or(default.parallel, |number| number as u32),
            share: written.share.unwrap_or(default.share),
            timeout: timeout.map_or(default.timeout, Duration::from_secs),
            deadline: deadline.map_or(default.deadline, |minutes| Duration::from_secs(minutes * 60)),
            attempts: attempts.map_or(default.attempts, |number| number as u32),
            response_limit: response_limit.map_or(default.response_limit, |mib| mib << 20),
            proxy: written.proxy.and_then(|proxy| self.proxy(&under(path, "proxy"), &proxy)),
            ca_bundle: self.path(&under(path, "ca-bundle"), written.ca_bundle),
            allow: self.allowed(&under(path, "allow"), &written.allow),
        }
    }

    pub fn number(
        &mut self,
        path: &[Step],
        key: &str,
        written: Option<i64>,
        range: RangeInclusive<u64>,
    ) -> Option<u64> {
        let number = u64::try_from(written?).ok().filter(|number| range.contains(number));
        if number.is_none() {
            let message = format!("`{key}` has to be from {} to {}", range.start(), range.end());
            self.wrong(&under(path, key), message, None);
        }
        number
    }

    fn proxy(&mut self, path: &[Step], written: &str) -> Option<Url> {
        match Url::parse(written) {
            Ok(url) if !url.username().is_empty() || url.password().is_some() => {
                let message = "`proxy` can't hold a user name or password".to_owned();
                let hint = "set the variable HTTPS_PROXY instead, which may hold them, and leave `proxy` out";
                self.faults.push(self.source.concealed(path, message, Some(hint.to_owned())));
                None
            }
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => Some(url),
            _ => {
                let hint = "such as `proxy = \"http://proxy.example.com:3128\"`";
                self.faults.push(self.source.concealed(
                    path,
                    "`proxy` has to be an http or https URL".to_owned(),
                    Some(hint.to_owned()),
                ));
                None
            }
        }
    }

    fn allowed(&mut self, path: &[Step], written: &[String]) -> Vec<Allow> {
        written
            .iter()
            .enumerate()
            .filter_map(|(index, text)| {
                let allow = allow(text);
                if allow.is_none() {
                    let message = "`allow` holds a method and the beginning of a path";
                    let hint =
                        "such as `\"POST /api/v1/logs\"`; methods are GET, POST, PUT, PATCH and DELETE";
                    self.wrong(&under(path, index), message, Some(hint));
                }
                allow
            })
            .collect()
    }
}

fn bound(written: &toml::Value) -> Option<Bound> {
    let number = |value: &toml::Value| u64::try_from(value.as_integer()?).ok();
    let percent = |percent: u64| (percent <= 100).then_some(percent);
    match written {
        toml::Value::Integer(_) => Some(Bound { count: Some(number(written)?), percent: None }),
        toml::Value::String(text) if text == "none" => Some(Bound::NONE),
        toml::Value::String(text) => {
            let digits =
                text.strip_suffix('%').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()))?;
            Some(Bound { count: None, percent: Some(percent(digits.parse().ok()?)?) })
        }
        toml::Value::Table(table) if table.keys().all(|key| ["count", "percent"].contains(&key.as_str())) => {
            let count = table.get("count").map(|value| number(value).ok_or(())).transpose().ok()?;
            let part = table.get("percent").map(|value| number(value).and_then(percent).ok_or(()));
            let bound = Bound { count, percent: part.transpose().ok()? };
            (bound != Bound::NONE).then_some(bound)
        }
        _ => None,
    }
}

fn allow(text: &str) -> Option<Allow> {
    let (method, path) = text.split_once(' ')?;
    let methods = [Method::Get, Method::Post, Method::Put, Method::Patch, Method::Delete];
    let method = methods.into_iter().find(|known| known.as_str() == method)?;
    let fits = path.starts_with('/') && !path.contains(|c: char| c.is_whitespace() || c.is_control());
    fits.then(|| Allow { method, path: path.to_owned() })
}
