//! `rollcall config show | check | schema`: the configuration by itself, without a secret and without a network.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::exit::Exit;
use super::global::Global;
use super::human::plural;
use super::installed;
use super::open;
use super::output::{Output, print_json};
use super::report::Failure;
use crate::config::{self, Config, ConfigError, EffectiveTable, Origin, PluginChoice, Plugins};
use crate::model::Manifest;
use crate::plugin::Library;

/// See the configuration as it is in force, check it, or describe it for an editor.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    rollcall config show\n  \
    rollcall config check")]
pub(super) enum ConfigCommand {
    Show(ShowArguments),
    /// Check the configuration: the file, and what its plugins say about their settings.
    ///
    /// Reads no secret and asks no provider, so that it can be run wherever the file is changed. `rollcall doctor` does.
    #[command(after_help = "Examples:\n  \
        rollcall config check\n  \
        rollcall --config new.toml config check --json")]
    Check,
    /// Print the JSON Schema of rollcall.toml, for editors, with the settings of all plugins that are there.
    ///
    /// An editor that knows TOML finds it when the file's first line is `#:schema rollcall.schema.json`.
    #[command(after_help = "Examples:\n  \
        rollcall config schema > rollcall.schema.json")]
    Schema,
}

/// Show every value that is in force, and where it comes from. Secrets are not among them, or hidden.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall config show\n  \
    rollcall config show acme --json")]
pub(super) struct ShowArguments {
    /// Only this connector; without it everything.
    name: Option<String>,
}

pub(super) fn run(command: &ConfigCommand, global: &Global, output: Output) -> Result<Exit, Failure> {
    match command {
        ConfigCommand::Show(arguments) => show(arguments, &global.load()?, output),
        ConfigCommand::Check => check(&global.load()?, output),
        ConfigCommand::Schema => schema(global, output),
    }
}

fn show(arguments: &ShowArguments, config: &Config, output: Output) -> Result<Exit, Failure> {
    if let Some(name) = &arguments.name {
        config.connector(name)?;
    }
    let library = match installed::find(&config.plugins) {
        Ok(library) => Some(library),
        Err(failure) => {
            tracing::warn!("the plugins' defaults are not known: {}", failure.what());
            None
        }
    };
    let schema = |choice: &PluginChoice| {
        let found = library.as_ref()?.find(&choice.name, choice.version.as_deref(), choice.sha256.as_deref());
        found.ok().map(|plugin| plugin.manifest.settings.clone())
    };
    let mut tables = config.effective(&schema);
    if let Some(name) = &arguments.name {
        let own = format!("connector.{name}");
        tables.retain(|table| table.path == own || table.path.starts_with(&format!("{own}.")));
    }
    let file = config.file().display().to_string();
    output.view(|| text(&tables, &file), || shown(&tables, &file))?;
    Ok(Exit::Done)
}

/// Like the file itself, each value with its origin as a comment.
fn text(tables: &[EffectiveTable], file: &str) -> String {
    /// A comment beyond this column is not worth lining up with.
    const WIDEST: usize = 48;
    let mut text = String::new();
    for table in tables {
        let gap = if text.is_empty() { "" } else { "\n" };
        text.push_str(&format!("{gap}{}\n", table.header));
        let lines: Vec<String> = table.values.iter().map(|value| value.line()).collect();
        let widths = lines.iter().map(|line| line.chars().count()).filter(|width| *width <= WIDEST);
        let width = widths.max().unwrap_or_default();
        for (line, value) in lines.iter().zip(&table.values) {
            text.push_str(&format!("{line:width$}  # {}\n", origin(value.origin, file)));
        }
    }
    text.trim_end().to_owned()
}

fn origin(origin: Origin, file: &str) -> String {
    match origin {
        Origin::Default => "default".to_owned(),
        Origin::Plugin => "the plugin's default".to_owned(),
        Origin::Line(line) => format!("{file}:{line}"),
        Origin::Environment(name) => format!("environment variable {name}"),
        Origin::Option(name) => name.to_owned(),
    }
}

fn shown(tables: &[EffectiveTable], file: &str) -> Value {
    let values = tables.iter().flat_map(|table| {
        table.values.iter().map(move |value| {
            let origin = match value.origin {
                Origin::Default => json!({ "from": "default" }),
                Origin::Plugin => json!({ "from": "plugin" }),
                Origin::Line(line) => json!({ "from": "file", "line": line }),
                Origin::Environment(name) => json!({ "from": "environment", "name": name }),
                Origin::Option(name) => json!({ "from": "option", "name": name }),
            };
            json!({ "key": format!("{}.{}", table.path, value.key), "value": value.value, "origin": origin })
        })
    });
    json!({ "file": file, "values": values.collect::<Vec<_>>() })
}

fn check(config: &Config, output: Output) -> Result<Exit, Failure> {
    let library = installed::library(&config.plugins)?;
    let mut failures = Vec::new();
    for name in config.connectors.keys() {
        if let Err(failure) = check_connector(config, &library, name) {
            failures.push((name, failure));
        }
    }
    let file = config.file().display();
    if output.json {
        let connectors = config.connectors.keys().map(|name| {
            let failure =
                failures.iter().find(|(failed, _)| *failed == name).map(|(_, failure)| failure.json());
            json!({ "name": name, "error": failure.map(|failure| json!(failure)["error"].clone()) })
        });
        print_json(&json!({
            "file": file.to_string(),
            "valid": failures.is_empty(),
            "connectors": connectors.collect::<Vec<_>>(),
        }))?;
    } else if failures.is_empty() {
        let number = plural(config.connectors.len() as u64, "connector", "connectors");
        output.result(|| format!("{file} is valid: {number}."), || ())?;
    }
    let usage = failures.iter().any(|(_, failure)| failure.exit() == Exit::Usage);
    if !output.json {
        for (index, (_, failure)) in failures.iter().enumerate() {
            let gap = if index > 0 { "\n" } else { "" };
            anstream::eprintln!("{gap}{}", failure.text());
        }
    }
    Ok(match (failures.is_empty(), usage) {
        (true, _) => Exit::Done,
        (false, true) => Exit::Usage,
        (false, false) => Exit::Failed,
    })
}

/// All of a run's preparations that need neither secret nor network.
pub(super) fn check_connector(config: &Config, library: &Library, name: &str) -> Result<(), Failure> {
    let plugins = open::plugins(config, library, name)?;
    open::endpoint(config, name, plugins.source.manifest())?;
    open::credential_rule(config, name, plugins.source.manifest())?;
    open::references(config, name, plugins.source.manifest())?;
    Ok(())
}

/// Also while there is no configuration yet, or a wrong one: an editor helps most then.
fn schema(global: &Global, output: Output) -> Result<Exit, Failure> {
    let plugins = match global.load() {
        Ok(config) => config.plugins,
        Err(ConfigError::Missing { .. }) => Plugins::default(),
        Err(error) => {
            output.note(&format!("{error}: only the settings of built-in plugins are known"));
            Plugins::default()
        }
    };
    let library = installed::library(&plugins)?;
    let manifests: Vec<&Manifest> = library.list().map(|plugin| &plugin.manifest).collect();
    let schema = config::schema(&manifests);
    // A file for people as much as for programs, whoever reads it.
    let text = serde_json::to_string_pretty(&schema)
        .map_err(|error| Failure::new(Exit::Failed, "failed to print the schema").because(&error))?;
    output.view(|| text, || &schema)?;
    Ok(Exit::Done)
}
