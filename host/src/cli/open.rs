//! From a configured connector to what a run works with. Whatever the configuration gets wrong about a plugin
//! that only the plugin knows is shown at its line, like any other mistake in the file.

use std::sync::Arc;

use super::exit::Exit;
use super::report::Failure;
use crate::config::{At, Config, ConfigError, Connector, Fault, PluginChoice, ReferenceChoice, Step};
use crate::http::{Budgets, Client, ClientOptions, Credential, CredentialError, Endpoint, Listener};
use crate::model::{Attribute, CredentialRule, HttpRules, Manifest, PluginError, ReferenceRule, Value};
use crate::plugin::{
    CallError, FindError, Library, Limits, Listed, LoadError, SettingsError, Setup, Source, Transform,
};
use crate::run::TrialTransform;

/// The plugins of one connector, each configured.
pub struct ConnectorPlugins {
    pub source: Arc<dyn Source>,
    /// In the order in which they shape.
    pub transforms: Vec<Arc<dyn Transform>>,
}

/// Finds and configures the connector's plugins. Compiles what is not in the cache: not for a thread of the
/// reactor.
pub fn plugins(config: &Config, library: &Library, name: &str) -> Result<ConnectorPlugins, Failure> {
    let connector = config.connector(name)?;
    let here = Place { config, path: vec!["connector".into(), name.into()] };
    let setup = |settings| Setup { connector: name, settings, limits: &connector.limits };
    let listed = here.find(library, &connector.plugin)?;
    let source =
        library.source(listed, setup(&connector.settings)).map_err(|error| here.explain(listed, error))?;
    let mut transforms = Vec::new();
    for (index, transform) in connector.transforms.iter().enumerate() {
        let here = here.under(["transform".into(), index.into()]);
        let listed = here.find(library, &transform.plugin)?;
        let loaded = library.transform(listed, setup(&transform.settings));
        transforms.push(loaded.map_err(|error| here.explain(listed, error))?);
    }
    Ok(ConnectorPlugins { source, transforms })
}

/// The connector's transforms, each so that it tells what its rules do. One that has a setting `trace` tells each rule
/// ([`TrialStep`](crate::run::TrialStep) has the form of its lines), another what came of all it does.
pub fn trial(config: &Config, library: &Library, name: &str) -> Result<Vec<Arc<TrialTransform>>, Failure> {
    let connector = config.connector(name)?;
    let here = Place { config, path: vec!["connector".into(), name.into()] };
    // A trace of everybody is long, and nobody's log: each line is counted and forgotten.
    let limits =
        Limits { log_lines_per_run: u64::MAX, log_kib_per_run: u64::MAX, ..connector.limits.clone() };
    let mut transforms = Vec::new();
    for (index, transform) in connector.transforms.iter().enumerate() {
        let here = here.under(["transform".into(), index.into()]);
        let listed = here.find(library, &transform.plugin)?;
        let mut settings = transform.settings.clone();
        let traces = listed.manifest.settings["properties"]["trace"]["type"] == "boolean";
        if let (true, Some(settings)) = (traces, settings.as_object_mut()) {
            settings.insert("trace".into(), true.into());
        }
        let setup = Setup { connector: name, settings: &settings, limits: &limits };
        let loaded = TrialTransform::new(traces, |heard| library.heard_transform(listed, setup, heard));
        transforms.push(Arc::new(loaded.map_err(|error| here.explain(listed, error))?));
    }
    Ok(transforms)
}

/// Where the connector's requests go, and which of them its plugin may make.
pub fn endpoint<'m>(
    config: &Config,
    name: &str,
    manifest: &'m Manifest,
) -> Result<(Endpoint, &'m HttpRules), Failure> {
    let here = Place { config, path: vec!["connector".into(), name.into()] };
    let (Some(rules), Some(http)) = (&manifest.endpoint, &manifest.http) else {
        let what = format!("the manifest of plugin {} {} names no endpoint", manifest.name, manifest.version);
        return Err(Failure::new(Exit::Failed, what).with_hint(Some("tell the plugin's author")));
    };
    let endpoint = Endpoint::parse(&config.connector(name)?.endpoint, rules)
        .map_err(|error| here.fault(["endpoint".into()], error.to_string(), error.hint()))?;
    Ok((endpoint, http))
}

/// The references between people: the manifest's, with what the connector says of them.
pub fn references(config: &Config, name: &str, manifest: &Manifest) -> Result<Vec<ReferenceRule>, Failure> {
    let choices = &config.connector(name)?.references;
    if let Some(unknown) = choices.keys().find(|key| manifest.reference.iter().all(|rule| rule.name != **key))
    {
        let here = Place { config, path: vec!["connector".into(), name.into(), "references".into()] };
        let message = format!("plugin {} has no reference `{unknown}`", manifest.name);
        let known: Vec<&str> = manifest.reference.iter().map(|rule| rule.name.as_str()).collect();
        let hint = match known.is_empty() {
            true => "it has none".to_owned(),
            false => format!("it has: {}", known.join(", ")),
        };
        return Err(here.fault([unknown.as_str().into()], message, Some(hint)));
    }
    let mut rules = manifest.reference.clone();
    rules.retain(|rule| choices.get(&rule.name) != Some(&ReferenceChoice::Off));
    for rule in &mut rules {
        if let Some(ReferenceChoice::Key(key)) = choices.get(&rule.name) {
            rule.key.clone_from(key);
        }
    }
    Ok(rules)
}

/// How the connector authenticates. Reads no secret.
pub fn credential_rule<'m>(
    config: &Config,
    name: &str,
    manifest: &'m Manifest,
) -> Result<&'m CredentialRule, Failure> {
    let here = Place { config, path: vec!["connector".into(), name.into()] };
    here.rule(config.connector(name)?, manifest)
}

/// Why there is nothing that could perform requests, and what is to blame.
#[derive(Debug)]
pub struct NoClient {
    pub part: ClientPart,
    pub failure: Failure,
}

/// What a client is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientPart {
    Endpoint,
    Credential,
    /// Proxy and certificates.
    Network,
}

impl From<NoClient> for Failure {
    fn from(error: NoClient) -> Self {
        error.failure
    }
}

/// What performs the connector's requests, and where they go. Reads the secret; opens no connection.
pub async fn client(
    config: &Config,
    name: &str,
    manifest: &Manifest,
    listener: Listener,
    budgets: Budgets,
) -> Result<(Client, Endpoint), NoClient> {
    let blame = |part| move |failure| NoClient { part, failure };
    let connector = config.connector(name).map_err(Failure::from).map_err(blame(ClientPart::Endpoint))?;
    let (endpoint, http) = endpoint(config, name, manifest).map_err(blame(ClientPart::Endpoint))?;
    let here = Place { config, path: vec!["connector".into(), name.into()] };
    let rule = here.rule(connector, manifest).map_err(blame(ClientPart::Credential))?;
    let credential = &connector.credential;
    let credential = Credential::resolve(rule, &credential.secret, credential.username.as_deref())
        .await
        .map_err(|error| blame(ClientPart::Credential)(here.no_credential(name, error)))?;
    let mut options =
        ClientOptions::new(name, endpoint.clone(), credential, http.clone(), manifest.rate_limit.clone());
    options.budgets = budgets;
    options.allow = connector.http.allow.clone();
    options.parallel = connector.http.parallel;
    options.share = connector.http.share;
    options.timeout = connector.http.timeout;
    options.deadline = Some(connector.http.deadline);
    options.attempts = connector.http.attempts;
    options.response_limit = connector.http.response_limit;
    options.proxy = connector.http.proxy.as_ref().map(ToString::to_string);
    options.ca_bundle = connector.http.ca_bundle.clone();
    options.listener = listener;
    let client = Client::new(options).map_err(|error| {
        let failure = Failure::new(Exit::Usage, format!("failed to prepare connector `{name}`"))
            .because(&error)
            .with_hint(error.hint());
        blame(ClientPart::Network)(failure)
    })?;
    Ok((client, endpoint))
}

/// A place in the configuration.
struct Place<'a> {
    config: &'a Config,
    path: Vec<Step>,
}

impl Place<'_> {
    fn under<const N: usize>(&self, steps: [Step; N]) -> Self {
        let mut path = self.path.clone();
        path.extend(steps);
        Self { config: self.config, path }
    }

    fn fault<const N: usize>(&self, steps: [Step; N], message: String, hint: Option<String>) -> Failure {
        ConfigError::from(self.config.fault(&self.under(steps).path, At::Value, message, hint)).into()
    }

    fn find<'l>(&self, library: &'l Library, choice: &PluginChoice) -> Result<&'l Listed, Failure> {
        library.find(&choice.name, choice.version.as_deref(), choice.sha256.as_deref()).map_err(|error| {
            let key = match error {
                FindError::Version { .. } => "plugin-version",
                FindError::Sha256 { .. } => "plugin-sha256",
                FindError::Unknown { .. } | FindError::Unusable { .. } => "plugin",
            };
            self.fault([key.into()], error.to_string(), error.hint())
        })
    }

    fn explain(&self, plugin: &Listed, error: LoadError) -> Failure {
        let hint = error.hint();
        match error {
            LoadError::Settings { errors, .. } => self.settings(&errors, hint),
            LoadError::Kind { .. } => self.fault(["plugin".into()], error.to_string(), hint),
            // What the plugin itself found out about its settings.
            LoadError::Call(CallError::Answered { error, .. }) if error.code == "settings" => {
                self.told_by_plugin(error)
            }
            error => {
                let Manifest { name, version, .. } = &plugin.manifest;
                Failure::new(Exit::Failed, format!("failed to load plugin {name} {version}"))
                    .because(&error)
                    .with_hint(hint)
            }
        }
    }

    /// A mistake within a setting's text, such as an expression, is shown at its very place.
    fn told_by_plugin(&self, error: PluginError) -> Failure {
        let path = named_path(&error).to_owned();
        let Some(offset) = named_offset(&error) else {
            return self.settings(&[SettingsError { path, message: error.message }], error.hint);
        };
        let mut steps = self.under(["settings".into()]).path;
        steps.extend(Step::dotted(&path));
        let message = SettingsError { path, message: error.message }.to_string();
        ConfigError::from(self.config.fault(&steps, At::Within(offset), message, error.hint)).into()
    }

    fn settings(&self, errors: &[SettingsError], hint: Option<String>) -> Failure {
        let fault = |error: &SettingsError| -> Fault {
            let mut path = self.under(["settings".into()]).path;
            path.extend(Step::dotted(&error.path));
            // The key: it may be the key that is wrong.
            self.config.fault(&path, At::Key, error.to_string(), hint.clone())
        };
        ConfigError::wrong(errors.iter().map(fault).collect()).into()
    }

    /// The way to authenticate that is configured, or the plugin's first.
    fn rule<'m>(&self, connector: &Connector, manifest: &'m Manifest) -> Result<&'m CredentialRule, Failure> {
        let rules = &manifest.credential;
        let found = match &connector.credential.scheme {
            Some(scheme) => rules.iter().find(|rule| rule.scheme() == scheme),
            None => rules.first(),
        };
        found.ok_or_else(|| {
            let known: Vec<&str> = rules.iter().map(CredentialRule::scheme).collect();
            let message = match &connector.credential.scheme {
                Some(scheme) => format!("plugin {} has no scheme `{scheme}`", manifest.name),
                None => format!("plugin {} knows no way to authenticate", manifest.name),
            };
            let hint = (!known.is_empty()).then(|| format!("it has: {}", known.join(", ")));
            self.fault(["credential".into(), "scheme".into()], message, hint)
        })
    }

    fn no_credential(&self, connector: &str, error: CredentialError) -> Failure {
        match error {
            CredentialError::NoUsername | CredentialError::Username { .. } => {
                self.fault(["credential".into(), "username".into()], error.to_string(), error.hint())
            }
            _ => Failure::new(Exit::Usage, format!("connector `{connector}` has no credential"))
                .because(&error)
                .with_hint(error.hint()),
        }
    }
}

/// Where in its settings a plugin says the mistake is.
fn named_path(error: &PluginError) -> &str {
    let named = error.details.iter().find_map(|Attribute { name, value }| match value {
        Value::Text(path) if name == "path" => Some(path.as_str()),
        _ => None,
    });
    named.unwrap_or_default()
}

/// How many bytes from the start of that setting's text.
fn named_offset(error: &PluginError) -> Option<usize> {
    error.details.iter().find_map(|Attribute { name, value }| match value {
        Value::Integer(offset) if name == "offset" => usize::try_from(*offset).ok(),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::json;
    use wasm_encoder::{Component, CustomSection};

    use super::*;
    use crate::cli::connect::tests::okta;
    use crate::http::SecretSource;
    use crate::plugin::{API, Cache, Sandbox};

    /// A configuration beside a plugin folder with one source, `okta`, of which only the manifest is real.
    struct Setting {
        folder: tempfile::TempDir,
        library: Library,
    }

    impl Setting {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let mut manifest = okta();
            manifest.name = "octane".into();
            manifest.api = API.into();
            manifest.settings = json!({
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "page-size": { "type": "integer", "minimum": 1 },
                    "groups": { "type": "object", "properties": { "include": { "items": { "type": "string" } } } },
                },
            });
            let bytes = serde_json::to_vec(&manifest).unwrap();
            let mut component = Component::new();
            component.section(&CustomSection { name: Manifest::SECTION.into(), data: bytes.into() });
            fs::write(folder.path().join("octane.wasm"), component.finish()).unwrap();
            let library = Library::open(Some(folder.path()), Sandbox::new(Cache::none()).unwrap()).unwrap();
            Self { folder, library }
        }

        fn config(&self, lines: &str) -> Config {
            let text = format!(
                "[connector.acme]\nplugin = \"octane\"\nendpoint = \"acme.okta.com\"\n\
                 credential = {{ env = \"ROLLCALL_NOT_SET\" }}\n{lines}\n"
            );
            Config::parse(&self.folder.path().join("rollcall.toml"), &text).unwrap()
        }

        /// The whole answer to what is wrong with the plugins.
        fn answer(&self, config: &Config) -> String {
            let failure = plugins(config, &self.library, "acme").map(drop).unwrap_err();
            self.plain(&failure)
        }

        fn plain(&self, failure: &Failure) -> String {
            let text = anstream::adapter::strip_str(&failure.text()).to_string();
            text.replace(&format!("{}/", self.folder.path().display()), "")
        }

        async fn client(&self, config: &Config) -> Result<(Client, Endpoint), Failure> {
            let manifest = &self.library.find("octane", None, None).unwrap().manifest;
            let budgets = Budgets::default();
            client(config, "acme", manifest, Arc::new(|_| {}), budgets).await.map_err(Failure::from)
        }
    }

    #[test]
    fn a_mistake_about_a_plugin_is_shown_at_its_line() {
        let setting = Setting::new();
        let mistyped = Config::parse(
            &setting.folder.path().join("rollcall.toml"),
            "[connector.acme]\nplugin = \"octan\"\nendpoint = \"a.b\"\ncredential = { env = \"T\" }\n",
        )
        .unwrap();
        let answers = [
            setting.answer(&mistyped),
            setting.answer(&setting.config("plugin-version = \"9.9.9\"")),
            setting.answer(&setting.config("settings.groups.include = [\"a\", 1]\nsettings.page-size = 0")),
            setting.answer(&setting.config("settings.pagesize = 5")),
        ];
        insta::with_settings!({ filters => vec![("[0-9a-f]{64}", "<sha256>")] }, {
            insta::assert_snapshot!(answers.join("\n\n"));
        });
    }

    #[tokio::test]
    async fn a_mistake_about_the_connection_is_shown_at_its_line() {
        let setting = Setting::new();
        let mut answers = Vec::new();
        let elsewhere = setting.config("").file().to_owned();
        let insecure = "[connector.acme]\nplugin = \"octane\"\nendpoint = \"http://acme.okta.com\"\n\
            credential = { env = \"PATH\", scheme = \"bearer\" }\n";
        for config in [
            setting.config(""),
            Config::parse(&elsewhere, insecure).unwrap(),
            Config::parse(&elsewhere, &insecure.replace("http://", "")).unwrap(),
        ] {
            let failure = setting.client(&config).await.map(drop).unwrap_err();
            assert_eq!(failure.exit(), Exit::Usage);
            answers.push(setting.plain(&failure));
        }
        insta::assert_snapshot!(answers.join("\n\n"));
    }

    /// The defaults are told twice: to admins in the configuration, to the client's other users there.
    #[tokio::test]
    async fn the_defaults_are_the_clients_own() {
        let manifest = okta();
        let rules = manifest.endpoint.unwrap();
        let endpoint = Endpoint::parse("acme.okta.com", &rules).unwrap();
        let secret = SecretSource::Command(vec!["echo".into(), "secret".into()]);
        let credential = Credential::resolve(&manifest.credential[0], &secret, None).await.unwrap();
        let client = ClientOptions::new("acme", endpoint, credential, manifest.http.unwrap(), None);
        let config = crate::config::HttpOptions::default();
        assert_eq!(client.allow, config.allow);
        assert_eq!(client.parallel, config.parallel);
        assert_eq!(client.share, config.share);
        assert_eq!(client.timeout, config.timeout);
        assert_eq!(client.deadline, Some(config.deadline));
        assert_eq!(client.attempts, config.attempts);
        assert_eq!(client.response_limit, config.response_limit);
    }
}
