//! From a configured connector to what a run works with. Whatever the configuration gets wrong about a plugin
//! that only the plugin knows is shown at its line, like any other mistake in the file.

use std::sync::Arc;

use super::exit::Exit;
use super::report::Failure;
use crate::config::{At, Config, ConfigError, Connector, Fault, PluginChoice, Step};
use crate::http::{Client, ClientOptions, Credential, CredentialError, Endpoint, Listener};
use crate::model::{Attribute, CredentialRule, Manifest, PluginError, Value};
use crate::plugin::{
    CallError, FindError, Library, Listed, LoadError, SettingsError, Setup, Source, Transform,
};

/// The connector's source, and its transforms in their order, each configured. Compiles what is not in the
/// cache: not for a thread of the reactor.
pub fn plugins(
    config: &Config,
    library: &Library,
    name: &str,
) -> Result<(Arc<dyn Source>, Vec<Arc<dyn Transform>>), Failure> {
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
    Ok((source, transforms))
}

/// What performs the connector's requests, and where they go. Reads the secret; opens no connection.
pub async fn client(
    config: &Config,
    name: &str,
    manifest: &Manifest,
    listener: Listener,
) -> Result<(Client, Endpoint), Failure> {
    let connector = config.connector(name)?;
    let here = Place { config, path: vec!["connector".into(), name.into()] };
    let (Some(rules), Some(http)) = (&manifest.endpoint, &manifest.http) else {
        let what = format!("the manifest of plugin {} {} names no endpoint", manifest.name, manifest.version);
        return Err(Failure::new(Exit::Failed, what).with_hint(Some("tell the plugin's author")));
    };
    let endpoint = Endpoint::parse(&connector.endpoint, rules)
        .map_err(|error| here.fault(["endpoint".into()], error.to_string(), error.hint()))?;
    let rule = here.rule(connector, manifest)?;
    let credential = &connector.credential;
    let credential = Credential::resolve(rule, &credential.secret, credential.username.as_deref())
        .await
        .map_err(|error| here.no_credential(name, error))?;
    let mut options =
        ClientOptions::new(name, endpoint.clone(), credential, http.clone(), manifest.rate_limit.clone());
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
        Failure::new(Exit::Usage, format!("failed to prepare connector `{name}`"))
            .because(&error)
            .with_hint(error.hint())
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
                let path = named_path(&error).to_owned();
                self.settings(&[SettingsError { path, message: error.message }], error.hint)
            }
            error => {
                let Manifest { name, version, .. } = &plugin.manifest;
                Failure::new(Exit::Failed, format!("failed to load plugin {name} {version}"))
                    .because(&error)
                    .with_hint(hint)
            }
        }
    }

    fn settings(&self, errors: &[SettingsError], hint: Option<String>) -> Failure {
        let fault = |error: &SettingsError| -> Fault {
            let mut path = self.under(["settings".into()]).path;
            path.extend(Step::dotted(&error.path));
            self.config.fault(&path, At::Value, error.to_string(), hint.clone())
        };
        ConfigError::Wrong { faults: errors.iter().map(fault).collect() }.into()
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
