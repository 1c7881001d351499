//! The configuration as it is in force: every value, with where it comes from.

use std::fmt;

use serde_json::{Map, Value, json};

use super::check::looks_like_a_secret;
use super::cleanup::{GROUPS, MEMBERSHIPS, USERS, word};
use super::connector::{Connector, Credential, HttpOptions, PluginChoice, ReferenceChoice};
use super::cron::Cron;
use super::load::Config;
use super::notify::Notify;
use super::position::{SECRET_KEYS, Step, line_of};
use super::schedule::Schedule;
use super::template::{key, toml};
use crate::http::{SecretSource, WebhookUrl};
use crate::plugin::Limit;
use crate::run::safety::{Bound, LimitKind, NamePattern, OnLimit, Safety};
use crate::run::{Cleanup, GroupCondition, PersonCondition};

/// What stands for a value that is not shown.
const HIDDEN: &str = "…";

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Rollcall's own default.
    Default,
    /// The default in the plugin's settings schema.
    Plugin,
    /// The file, at this line.
    Line(usize),
    /// The variable of this name.
    Environment(&'static str),
    /// This option of the command line.
    Option(&'static str),
}

/// One table of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveTable {
    /// As in the file: `[connector.acme.http]`, `[[connector.acme.transform]]`.
    pub header: String,
    /// What its keys are under: `connector.acme.http`, `connector.acme.transform.0`.
    pub path: String,
    pub values: Vec<EffectiveValue>,
}

/// One value that is in force.
#[derive(Debug, Clone, PartialEq)]
pub struct EffectiveValue {
    /// Dotted where it is a table in the table: `groups.include`.
    pub key: String,
    /// Where it may hold a secret, `…` in place of it.
    pub value: Value,
    pub origin: Origin,
}

impl EffectiveValue {
    /// `share = 0.8`.
    pub fn line(&self) -> String {
        let key = self.key.split('.').map(key).collect::<Vec<_>>().join(".");
        format!("{key} = {}", toml(&self.value).unwrap_or_default())
    }
}

impl Config {
    /// Every value that has one, by table, in the file's usual order. `schema` gives a plugin's settings schema, whose
    /// defaults are values too; a connector's limits are listed only where they are its own.
    pub fn effective(&self, schema: &dyn Fn(&PluginChoice) -> Option<Value>) -> Vec<EffectiveTable> {
        let mut tables = Vec::new();
        for directory in self.written_directories() {
            let steps: Vec<Step> =
                std::iter::once("directory").chain(directory.name.as_deref()).map(Step::from).collect();
            let mut table = self.table(&steps, &directory.table());
            let given = self
                .directory_origin
                .filter(|origin| directory.name.is_none() || matches!(origin, Origin::Option(_)));
            let path = Value::from(directory.path.display().to_string());
            table.put("path", Some(path), given.unwrap_or(Origin::Default));
            if table.line(&["order".into()]).is_some() {
                table.put("order", Some(directory.order.as_slice().into()), Origin::Default);
            }
            tables.push(table.table);
        }

        let mut plugins = self.table(&["plugins".into()], "[plugins]");
        plugins.put("path", path_of(&self.plugins.path), Origin::Default);
        tables.push(plugins.table);
        let mut limits = self.table(&["plugins".into(), "limits".into()], "[plugins.limits]");
        for limit in Limit::ALL {
            limits.put(limit.key(), Some(self.plugins.limits.get(*limit).into()), Origin::Default);
        }
        tables.push(limits.table);
        let mut notify = self.table(&["notify".into()], "[notify]");
        notify.notify(&self.notify);
        tables.push(notify.table);
        let mut runs = self.table(&["runs".into()], "[runs]");
        let days = self.runs.age.map(|age| (age.as_secs() / (24 * 3600)).into());
        runs.put("keep-days", days, Origin::Default);
        runs.put("keep-runs", self.runs.runs.map(Value::from), Origin::Default);
        tables.push(runs.table);
        for (name, connector) in &self.connectors {
            self.connector_tables(name, connector, schema, &mut tables);
        }
        tables.retain(|table| !table.values.is_empty());
        tables
    }

    fn connector_tables(
        &self,
        name: &str,
        connector: &Connector,
        schema: &dyn Fn(&PluginChoice) -> Option<Value>,
        tables: &mut Vec<EffectiveTable>,
    ) {
        let path = [Step::from("connector"), Step::from(name)];
        let under = |part: &str| [path.as_slice(), &[Step::from(part)]].concat();
        let mut own = self.table(&path, &format!("[connector.{name}]"));
        own.plugin(&connector.plugin);
        own.put("endpoint", Some(connector.endpoint.as_str().into()), Origin::Default);
        own.credential(&connector.credential);
        own.put("directory", connector.directory.as_deref().map(Value::from), Origin::Default);
        tables.push(own.table);

        if let Some(schedule) = &connector.schedule {
            let mut own = self.table(&under("schedule"), &format!("[connector.{name}.schedule]"));
            own.schedule(schedule);
            tables.push(own.table);
        }

        let mut entries = self.table(&under("entries"), &format!("[connector.{name}.entries]"));
        let names = connector.policy.entries.group_names.as_str();
        entries.put("group-names", Some(names.into()), Origin::Default);
        let only = connector.policy.entries.only_at_creation.clone();
        entries.put("only-at-creation", Some(only.into()), Origin::Default);
        let kept: Vec<&str> = connector.policy.entries.keep_local.iter().map(NamePattern::text).collect();
        entries.put("keep-local", Some(kept.into()), Origin::Default);
        tables.push(entries.table);

        let mut settings = self.table(&under("settings"), &format!("[connector.{name}.settings]"));
        settings.settings(&schema(&connector.plugin).unwrap_or_default(), &connector.settings, &[]);
        tables.push(settings.table);

        let mut references = self.table(&under("references"), &format!("[connector.{name}.references]"));
        for (name, choice) in &connector.references {
            let value = match choice {
                ReferenceChoice::Off => false.into(),
                ReferenceChoice::Key(key) => key.as_str().into(),
            };
            references.put(name, Some(value), Origin::Default);
        }
        tables.push(references.table);

        let mut http = self.table(&under("http"), &format!("[connector.{name}.http]"));
        http.http(&connector.http);
        tables.push(http.table);

        let mut reading = self.table(&under("reading"), &format!("[connector.{name}.reading]"));
        for (key, value) in super::reading::effective(&connector.reading) {
            reading.put(key, Some(value), Origin::Default);
        }
        tables.push(reading.table);

        let mut limits = self.table(&under("limits"), &format!("[connector.{name}.limits]"));
        for limit in Limit::ALL {
            let own = limits.line(&[Step::from(limit.key())]).map(|_| connector.limits.get(*limit).into());
            limits.put(limit.key(), own, Origin::Default);
        }
        tables.push(limits.table);

        self.cleanup_tables(name, &under("cleanup"), &connector.policy.cleanup, tables);
        let mut conflicts = self.table(&under("conflicts"), &format!("[connector.{name}.conflicts]"));
        for (key, value) in super::conflicts::effective(&connector.policy.conflicts) {
            conflicts.put(key, Some(value), Origin::Default);
        }
        tables.push(conflicts.table);
        let mut safety = self.table(&under("safety"), &format!("[connector.{name}.safety]"));
        safety.safety(&connector.policy.safety);
        tables.push(safety.table);

        for (index, transform) in connector.transforms.iter().enumerate() {
            let path = [under("transform").as_slice(), &[Step::from(index)]].concat();
            let mut own = self.table(&path, &format!("[[connector.{name}.transform]]"));
            own.plugin(&transform.plugin);
            tables.push(own.table);
            let path = [path.as_slice(), &[Step::from("settings")]].concat();
            let mut settings = self.table(&path, &format!("[connector.{name}.transform.settings]"));
            settings.settings(&schema(&transform.plugin).unwrap_or_default(), &transform.settings, &[]);
            tables.push(settings.table);
        }
    }

    fn cleanup_tables(&self, name: &str, path: &[Step], cleanup: &Cleanup, tables: &mut Vec<EffectiveTable>) {
        let mut own = self.table(path, &format!("[connector.{name}.cleanup]"));
        let except: Vec<&str> = cleanup.except.iter().map(PersonCondition::text).collect();
        for (key, value) in [
            ("users", word(&USERS, cleanup.users).into()),
            ("groups", word(&GROUPS, cleanup.groups).into()),
            ("memberships", word(&MEMBERSHIPS, cleanup.memberships).into()),
            (
                "keep-memberships-of",
                cleanup.keep_memberships_of.iter().map(NamePattern::text).collect::<Vec<_>>().into(),
            ),
            ("grace-runs", cleanup.grace.runs.into()),
            ("grace-days", cleanup.grace.days.into()),
            ("confirm", cleanup.confirm.into()),
            ("except", except.into()),
        ] {
            own.put(key, Some(value), Origin::Default);
        }
        tables.push(own.table);
        for (index, rule) in cleanup.rules.iter().enumerate() {
            let path = [path, &[Step::from("rule"), Step::from(index)]].concat();
            let mut own = self.table(&path, &format!("[[connector.{name}.cleanup.rule]]"));
            for (key, value) in [
                ("when", Some(rule.when.text().into())),
                ("users", rule.users.map(|users| word(&USERS, users).into())),
                ("memberships", rule.memberships.map(|kind| word(&MEMBERSHIPS, kind).into())),
                ("grace-runs", rule.grace_runs.map(Value::from)),
                ("grace-days", rule.grace_days.map(Value::from)),
            ] {
                own.put(key, value, Origin::Default);
            }
            tables.push(own.table);
        }
        let Some(rule) = &cleanup.inactivity else { return };
        let path = [path, &[Step::from("inactivity")]].concat();
        let mut own = self.table(&path, &format!("[connector.{name}.cleanup.inactivity]"));
        for (key, value) in [
            ("days", rule.days.map(Value::from)),
            ("never-signed-in-days", rule.never_signed_in_days.map(Value::from)),
            ("sign-in", Some(rule.sign_in.as_str().into())),
            ("created", Some(rule.created.as_str().into())),
            ("users", Some(word(&USERS, rule.users).into())),
            ("spare", Some(rule.spare.text().into())),
        ] {
            own.put(key, value, Origin::Default);
        }
        tables.push(own.table);
    }

    fn table(&self, path: &[Step], header: &str) -> Gathering<'_> {
        let words = path.iter().map(Step::to_string).collect::<Vec<_>>().join(".");
        let table = EffectiveTable { header: header.to_owned(), path: words, values: Vec::new() };
        Gathering { text: &self.source.text, path: path.to_vec(), table }
    }
}

/// A table that is being filled.
struct Gathering<'a> {
    text: &'a str,
    path: Vec<Step>,
    table: EffectiveTable,
}

impl Gathering<'_> {
    fn line(&self, keys: &[Step]) -> Option<usize> {
        line_of(self.text, &[self.path.as_slice(), keys].concat())
    }

    /// Nothing for a key without a value. What the command line or the environment says is stronger than the file.
    fn put(&mut self, key: &str, value: Option<Value>, otherwise: Origin) {
        let Some(value) = value else { return };
        let steps: Vec<Step> = key.split('.').map(Step::from).collect();
        let origin = match otherwise {
            Origin::Default | Origin::Plugin => self.line(&steps).map_or(otherwise, Origin::Line),
            given => given,
        };
        self.table.values.push(EffectiveValue { key: key.to_owned(), value, origin });
    }

    fn plugin(&mut self, choice: &PluginChoice) {
        self.put("plugin", Some(choice.name.as_str().into()), Origin::Default);
        self.put("plugin-version", choice.version.as_deref().map(Value::from), Origin::Default);
        self.put("plugin-sha256", choice.sha256.as_deref().map(Value::from), Origin::Default);
    }

    fn credential(&mut self, credential: &Credential) {
        let (key, place) = match &credential.secret {
            SecretSource::Env(name) => ("env", Value::from(name.as_str())),
            SecretSource::File(path) => ("file", path.display().to_string().into()),
            // Somebody will write `["echo", "the secret"]`.
            SecretSource::Command(words) => {
                let hidden = words.iter().skip(1).map(|_| HIDDEN);
                ("command", words.iter().take(1).map(String::as_str).chain(hidden).collect::<Vec<_>>().into())
            }
        };
        let private = if credential.app.is_some() { "private-key." } else { "" };
        if let Some(app) = &credential.app {
            self.put("credential.client-id", Some(app.client_id.as_str().into()), Origin::Default);
        }
        self.put(&format!("credential.{private}{key}"), Some(place), Origin::Default);
        if let Some(app) = &credential.app {
            self.put("credential.key-id", app.key_id.as_deref().map(Value::from), Origin::Default);
            self.put("credential.scopes", app.scopes.as_deref().map(Value::from), Origin::Default);
        }
        self.put("credential.scheme", credential.scheme.as_deref().map(Value::from), Origin::Default);
        self.put("credential.username", credential.username.as_deref().map(Value::from), Origin::Default);
    }

    fn schedule(&mut self, schedule: &Schedule) {
        // `schedule = "@daily"` has no line for the key `full`.
        let short = self.line(&[]).map_or(Origin::Default, Origin::Line);
        let table = self.line(&["full".into()]).map_or(short, Origin::Line);
        let text = |cron: &Option<Cron>| cron.as_ref().map(|cron| cron.to_string().into());
        self.put("full", text(&schedule.full), table);
        self.put("changes", text(&schedule.changes), Origin::Default);
        let every = schedule.full_every.unwrap_or(Schedule::FULL_EVERY).as_secs() / 3600;
        self.put("full-every-hours", schedule.has_increments().then(|| every.into()), Origin::Default);
        self.put("time-zone", schedule.zone.written.as_deref().map(Value::from), Origin::Default);
        self.put("jitter-seconds", Some(schedule.jitter.as_secs().into()), Origin::Default);
        let alert = schedule.alert_after.map(|after| (after.as_secs() / 3600).into());
        self.put("alert-after-hours", alert, Origin::Default);
    }

    fn notify(&mut self, notify: &Notify) {
        let (program, arguments) = (notify.command.iter().take(1), notify.command.iter().skip(1));
        // As of a credential's command.
        let shown: Vec<&str> = program.map(String::as_str).chain(arguments.map(|_| HIDDEN)).collect();
        self.put("command", (!shown.is_empty()).then(|| shown.into()), Origin::Default);
        let webhook = notify.webhook.as_ref().map(|webhook| match webhook {
            WebhookUrl::Written(_) => ("url", HIDDEN.to_owned()),
            WebhookUrl::Secret(SecretSource::Env(name)) => ("env", name.clone()),
            WebhookUrl::Secret(SecretSource::File(path)) => ("file", path.display().to_string()),
            WebhookUrl::Secret(SecretSource::Command(_)) => ("command", HIDDEN.to_owned()),
        });
        if let Some((key, value)) = webhook {
            self.put(&format!("webhook.{key}"), Some(value.into()), Origin::Default);
        }
        let on: Vec<&str> = notify.on.iter().map(|occasion| occasion.as_str()).collect();
        self.put(
            "on",
            (!notify.command.is_empty() || notify.webhook.is_some()).then(|| on.into()),
            Origin::Default,
        );
    }

    fn http(&mut self, http: &HttpOptions) {
        let allowed: Vec<String> =
            http.allow.iter().map(|allow| format!("{} {}", allow.method.as_str(), allow.path)).collect();
        for (key, value) in [
            ("parallel", Some(http.parallel.into())),
            ("share", Some(http.share.into())),
            ("timeout-seconds", Some(http.timeout.as_secs().into())),
            ("deadline-minutes", Some((http.deadline.as_secs() / 60).into())),
            ("attempts", Some(http.attempts.into())),
            ("response-limit-mib", Some((http.response_limit >> 20).into())),
            // It can hold no user name and no password.
            ("proxy", http.proxy.as_ref().map(|proxy| proxy.as_str().into())),
            ("ca-bundle", path_of(&http.ca_bundle)),
            ("allow", Some(allowed.into())),
        ] {
            self.put(key, value, Origin::Default);
        }
    }

    fn safety(&mut self, safety: &Safety) {
        for kind in LimitKind::ALL {
            let Bound { count, percent } = safety.bound(kind);
            let value = match (count, percent) {
                (None, None) => Value::from("none"),
                (Some(count), None) => Value::from(count),
                (None, Some(percent)) => Value::from(format!("{percent}%")),
                (Some(count), Some(percent)) => json!({ "count": count, "percent": percent }),
            };
            self.put(kind.key(), Some(value), Origin::Default);
        }
        let on_limit = match safety.on_limit {
            OnLimit::Withhold => "withhold",
            OnLimit::Hold => "hold",
        };
        self.put("on-limit", Some(on_limit.into()), Origin::Default);
        let people: Vec<&str> = safety.protect.iter().map(PersonCondition::text).collect();
        self.put("protect", Some(people.into()), Origin::Default);
        let groups: Vec<&str> = safety.protect_groups.iter().map(NamePattern::text).collect();
        self.put("protect-groups", Some(groups.into()), Origin::Default);
        let conditions: Vec<&str> = safety.protect_groups_when.iter().map(GroupCondition::text).collect();
        self.put("protect-groups-when", Some(conditions.into()), Origin::Default);
    }

    /// Written settings, and the defaults of those that are not written, in the order of the schema.
    fn settings(&mut self, schema: &Value, written: &Value, above: &[&str]) {
        let none = Map::new();
        let known = schema["properties"].as_object().unwrap_or(&none);
        let found = written.as_object().unwrap_or(&none);
        let others = found.keys().filter(|name| !known.contains_key(*name));
        for name in known.keys().chain(others) {
            let property = known.get(name).unwrap_or(&Value::Null);
            let keys = [above, &[name.as_str()]].concat();
            if property["properties"].is_object() {
                let inner = found.get(name).unwrap_or(&Value::Null);
                // A default of the whole table is what its keys have that have none of their own.
                self.settings(property, inner, &keys);
                continue;
            }
            let (value, otherwise) = match (found.get(name), property.get("default")) {
                (Some(value), _) => (value.clone(), Origin::Default),
                (None, Some(default)) => (default.clone(), Origin::Plugin),
                (None, None) => continue,
            };
            let secret = property["writeOnly"] == json!(true)
                || SECRET_KEYS.contains(&name.to_lowercase().as_str())
                || value.as_str().is_some_and(looks_like_a_secret);
            let value = if secret { Value::from(HIDDEN) } else { value };
            let steps: Vec<Step> = keys.iter().map(|key| Step::from(*key)).collect();
            let origin = self.line(&steps).map_or(otherwise, Origin::Line);
            self.table.values.push(EffectiveValue { key: keys.join("."), value, origin });
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Step::Key(key) => f.write_str(key),
            Step::Index(index) => index.fmt(f),
        }
    }
}

fn path_of(path: &Option<std::path::PathBuf>) -> Option<Value> {
    path.as_ref().map(|path| path.display().to_string().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"[plugins.limits]
memory-mib = 512
[connector.acme]
plugin = "okta"
endpoint = "acme.okta.com"
credential = { command = ["echo", "SeCrEt"], scheme = "header" }
settings.groups.include = ["a"]
settings.webhook = "SeCrEt"
settings.api-token = "SeCrEt"
settings.other = "00SeCrEtSeCrEtSeCrEtSeCrEtSeCrEtSeCrEtSeCr"
settings.unknown = 1
schedule = "@daily"
[notify]
command = ["page", "SeCrEt"]
webhook.url = "https://hooks.example.com/SeCrEt"
[connector.acme.references]
manager = "userName"
buddy = false
[connector.acme.http]
share = 1
[connector.acme.limits]
instances = 9
[[connector.acme.transform]]
plugin = "rules"
[[connector.acme.transform]]
plugin = "more"
settings = { strict = true }
"#;

    fn shown(config: &Config) -> String {
        let okta = json!({ "properties": {
            "groups": { "properties": {
                "include": { "default": [] },
                "exclude": { "default": ["*old*"] },
                "search": { "type": "string" },
            } },
            "webhook": { "writeOnly": true },
            "page-size": { "default": 200 },
        } });
        let schema = |choice: &PluginChoice| (choice.name == "okta").then(|| okta.clone());
        let mut out = String::new();
        for table in config.effective(&schema) {
            out.push_str(&format!("{} ({})\n", table.header, table.path));
            for value in table.values {
                out.push_str(&format!("{}  # {:?}\n", value.line(), value.origin));
            }
        }
        out
    }

    #[test]
    fn every_value_has_its_origin_and_no_secret_is_shown() {
        let config = Config::parse("rollcall.toml".as_ref(), TEXT).unwrap();
        let shown = shown(&config);
        assert!(!shown.contains("SeCrEt"), "{shown}");
        insta::assert_snapshot!(shown);
    }

    #[test]
    fn what_the_command_line_says_is_stronger_than_the_file() {
        let mut config = Config::parse("rollcall.toml".as_ref(), "[directory]\npath = \"a.db\"\n").unwrap();
        assert!(shown(&config).contains("path = \"a.db\"  # Line(2)"));
        config.use_database("b.db".into(), Origin::Environment("ROLLCALL_DATABASE"));
        assert!(shown(&config).contains("path = \"b.db\"  # Environment(\"ROLLCALL_DATABASE\")"));
    }

    /// The schema knows every key, so that none is forgotten here.
    #[test]
    fn every_key_that_has_a_default_is_shown() {
        let config = Config::parse("rollcall.toml".as_ref(), TEXT).unwrap();
        let schema = super::super::schema(&[]);
        let http =
            &schema["properties"]["connector"]["additionalProperties"]["properties"]["http"]["properties"];
        let tables = config.effective(&|_| None);
        let table = tables.iter().find(|table| table.path == "connector.acme.http").unwrap();
        for (key, property) in http.as_object().unwrap() {
            let shown = table.values.iter().any(|value| value.key == *key);
            assert_eq!(shown, property.get("default").is_some(), "{key}");
        }
    }
}
