use std::time::Duration;

use serde_json::{Map, Value, json};

use super::human;
use super::report::Failure;
use crate::config::{Config, Plugins};
use crate::model::{CredentialRule, EndpointRules, Manifest};

/// What the commands that set a connector up need of plugins and the network.
pub trait Connections {
    /// The manifests of the source plugins there are, built in or in the folder that `plugins` names, by name.
    fn sources(&self, plugins: &Plugins) -> Result<Vec<Manifest>, Failure>;

    /// What to write into the configuration for what a person gave as the endpoint: its host (and port, and
    /// scheme where it is not https), rewritten as the manifest says. An error says what is wrong with it.
    fn endpoint(&self, rules: &EndpointRules, given: &str) -> Result<String, String>;

    /// Asks the provider what the connector's credential can see.
    fn test(&self, config: &Config, connector: &str) -> Result<ProbeReport, Failure>;
}

/// What a connector's credential can see.
#[derive(Debug, Clone, PartialEq)]
pub struct ProbeReport {
    /// As the requests went to it.
    pub endpoint: String,
    /// Name and version.
    pub plugin: String,
    /// What the plugin found, in its order.
    pub facts: Vec<(String, Value)>,
    pub requests: u64,
    pub elapsed: Duration,
}

impl ProbeReport {
    pub fn text(&self, connector: &str) -> String {
        let mut text = format!(
            "Connector {connector} reads {} with plugin {} ({}, {}).",
            self.endpoint,
            self.plugin,
            human::plural(self.requests, "request", "requests"),
            human::duration(self.elapsed),
        );
        let names = self.facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
        for (name, value) in &self.facts {
            let value = fact_text(value);
            text.push_str(&format!("\n  {name:names$}  {}", value.replace(char::is_control, " ")));
        }
        text
    }

    pub fn json(&self, connector: &str) -> Value {
        let facts: Map<String, Value> = self.facts.iter().cloned().collect();
        json!({
            "connector": connector,
            "endpoint": self.endpoint,
            "plugin": self.plugin,
            "facts": facts,
            "requests": self.requests,
            "milliseconds": u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX),
        })
    }
}

/// What a plugin found, in words.
pub(super) fn fact_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.as_u64().map_or_else(|| number.to_string(), human::count),
        Value::Array(items) => {
            let texts =
                items.iter().map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned));
            texts.collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    }
}

/// How the command line names a scheme's secret: "API token".
pub(super) fn label(rule: Option<&CredentialRule>) -> &str {
    match rule {
        Some(CredentialRule::Oauth2ClientCredentials(_)) => "private key",
        Some(rule) => rule.label(),
        None => "secret",
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::cell::RefCell;

    use super::*;
    use crate::cli::exit::Exit;

    /// Two sources, and a provider that answers or does not.
    pub(in crate::cli) struct Known {
        pub sources: Vec<Manifest>,
        pub answers: bool,
        /// Which connectors were tested.
        pub tested: RefCell<Vec<String>>,
    }

    pub(in crate::cli) fn okta() -> Manifest {
        serde_json::from_value(json!({
            "name": "okta",
            "version": "0.1.0",
            "kind": "source",
            "summary": "Okta",
            "endpoint": { "label": "Okta domain", "example": "acme.okta.com" },
            "http": { "methods": ["GET"], "paths": ["/api/v1/"] },
            "credential": [{
                "scheme": "header",
                "header": "authorization",
                "prefix": "SSWS ",
                "label": "API token",
                "help": "Okta's admin console makes one under Security > API > Tokens.",
            }],
            "settings": {
                "type": "object",
                "properties": { "page-size": { "default": 200, "description": "Users a page." } },
            },
        }))
        .unwrap()
    }

    pub(in crate::cli) fn other() -> Manifest {
        let mut manifest = okta();
        manifest.name = "other".into();
        manifest.credential.push(CredentialRule::Basic { label: "password".into(), help: String::new() });
        manifest
    }

    impl Known {
        pub fn new(sources: Vec<Manifest>) -> Self {
            Self { sources, answers: true, tested: RefCell::default() }
        }
    }

    impl Connections for Known {
        fn sources(&self, _plugins: &Plugins) -> Result<Vec<Manifest>, Failure> {
            Ok(self.sources.clone())
        }

        fn endpoint(&self, _rules: &EndpointRules, given: &str) -> Result<String, String> {
            match given.contains('.') {
                true => Ok(given.trim_start_matches("https://").trim_end_matches('/').to_owned()),
                false => Err("a domain has a dot".to_owned()),
            }
        }

        fn test(&self, config: &Config, connector: &str) -> Result<ProbeReport, Failure> {
            let endpoint = config.connector(connector)?.endpoint.clone();
            self.tested.borrow_mut().push(connector.to_owned());
            match self.answers {
                true => Ok(report(&endpoint)),
                false => Err(Failure::new(Exit::Failed, format!("no answer from {endpoint}"))),
            }
        }
    }

    fn report(endpoint: &str) -> ProbeReport {
        ProbeReport {
            endpoint: endpoint.to_owned(),
            plugin: "okta 0.1.0".into(),
            facts: vec![
                ("users".into(), json!("can be read")),
                ("organisation".into(), json!("Acme\u{1b}[2J")),
                ("seen".into(), json!(12345)),
                ("groups".into(), json!(["a", "b"])),
                ("complete".into(), json!(false)),
            ],
            requests: 3,
            elapsed: Duration::from_millis(420),
        }
    }

    #[test]
    fn a_report_reads_well() {
        insta::assert_snapshot!(report("acme.okta.com").text("acme"), @r"
        Connector acme reads acme.okta.com with plugin okta 0.1.0 (3 requests, 0.4 s).
          users         can be read
          organisation  Acme [2J
          seen          12,345
          groups        a, b
          complete      no
        ");
        assert_eq!(report("acme.okta.com").json("acme")["facts"]["seen"], 12345);
    }
}
