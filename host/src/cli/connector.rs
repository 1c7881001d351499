use std::path::Path;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::answers::{ConnectorArguments, Situation, collect};
use super::connect::Connections;
use super::exit::Exit;
use super::init::{Test, test, written};
use super::output::Output;
use super::prompt::Ask;
use super::report::Failure;
use super::table::Table;
use crate::config::{Config, Connector, NewConnector, edit};
use crate::http::SecretSource;

/// Add, list, test and remove connectors: the providers that are read.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    rollcall connector list\n  \
    rollcall connector test acme")]
pub(super) enum ConnectorCommand {
    /// Add a connector to the configuration, keeping everything else in it.
    ///
    /// Asks for what no option answers, and tests the connection first. A token is never written: only where it
    /// is.
    #[command(after_help = "Examples:\n  \
        rollcall connector add\n  \
        rollcall connector add --name acme --endpoint acme.okta.com --token-file /run/secrets/okta")]
    Add(ConnectorArguments),
    /// List the connectors.
    #[command(after_help = "Examples:\n  \
        rollcall connector list\n  \
        rollcall connector list --json")]
    List,
    /// Ask the provider what a connector's credential can see.
    #[command(after_help = "Examples:\n  \
        rollcall connector test acme")]
    Test(Named),
    /// Take a connector out of the configuration. What it brought stays in the directory.
    #[command(after_help = "Examples:\n  \
        rollcall connector remove acme\n  \
        rollcall connector remove acme --yes")]
    Remove {
        #[command(flatten)]
        connector: Named,
        /// Don't ask.
        #[arg(short, long)]
        yes: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Named {
    /// The connector's name.
    name: String,
}

pub(super) fn run(
    command: ConnectorCommand,
    path: &Path,
    output: Output,
    connections: &dyn Connections,
    ask: &dyn Ask,
) -> Result<Exit, Failure> {
    match command {
        ConnectorCommand::Add(arguments) => {
            let (connector, test) = add(&arguments, path, output, connections, ask)?;
            written(path, &connector, &test, output)
        }
        ConnectorCommand::List => {
            let config = Config::load(path)?;
            let empty = "There are no connectors yet; `rollcall connector add` adds one.";
            output.list(list_table(&config), config.connectors.len(), empty, || list_json(&config))?;
            Ok(Exit::Done)
        }
        ConnectorCommand::Test(Named { name }) => {
            let config = Config::load(path)?;
            config.connector(&name)?;
            let report = connections.test(&config, &name)?;
            output.result(|| report.text(&name), || report.json(&name))?;
            Ok(Exit::Done)
        }
        ConnectorCommand::Remove { connector: Named { name }, yes } => {
            if remove(&name, yes, path, output, ask)? {
                let file = path.display().to_string();
                output.result(
                    || {
                        format!(
                            "Took connector {name} out of {file}. What it brought stays in the directory."
                        )
                    },
                    || json!({ "file": file, "removed": name }),
                )?;
            }
            Ok(Exit::Done)
        }
    }
}

fn add(
    arguments: &ConnectorArguments,
    path: &Path,
    output: Output,
    connections: &dyn Connections,
    ask: &dyn Ask,
) -> Result<(NewConnector, Test), Failure> {
    let config = Config::load(path)?;
    let situation = Situation {
        connections,
        plugins: &config.plugins,
        taken: config.connectors.keys().map(String::as_str).collect(),
        folder: path.parent().unwrap_or(Path::new("")),
    };
    let connector = collect(arguments, &situation, ask)?;
    let config = edit::preview(path, &connector)?;
    let test = test(&config, &connector, arguments, output, connections, ask)?;
    // The file is read again: answering and testing took a while, and it may have changed.
    edit::add(path, &connector)?;
    Ok((connector, test))
}

fn list_table(config: &Config) -> Table {
    let mut table = Table::new(["name", "plugin", "endpoint", "secret"]);
    for (name, connector) in &config.connectors {
        let secret = match &connector.credential.secret {
            SecretSource::Env(variable) if !is_set(variable) => {
                format!("environment variable {variable}, not set here")
            }
            secret => secret.to_string(),
        };
        let plugin = match &connector.plugin.version {
            Some(version) => format!("{} {version}", connector.plugin.name),
            None => connector.plugin.name.clone(),
        };
        table.row([name.clone(), plugin, connector.endpoint.clone(), secret]);
    }
    table
}

fn list_json(config: &Config) -> Value {
    let connectors = config.connectors.iter().map(|(name, connector)| json(name, connector));
    json!({ "connectors": connectors.collect::<Vec<_>>() })
}

fn json(name: &str, connector: &Connector) -> Value {
    let credential = match &connector.credential.secret {
        SecretSource::Env(variable) => json!({ "env": variable, "set": is_set(variable) }),
        SecretSource::File(path) => json!({ "file": path.display().to_string() }),
        SecretSource::Command(words) => json!({ "command": words.first() }),
    };
    json!({
        "name": name,
        "plugin": connector.plugin.name,
        "pluginVersion": connector.plugin.version,
        "endpoint": connector.endpoint,
        "credential": credential,
        "transforms": connector.transforms.iter().map(|transform| &transform.plugin.name).collect::<Vec<_>>(),
    })
}

fn is_set(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Whether it was removed; not when the person who was asked said no.
fn remove(name: &str, yes: bool, path: &Path, output: Output, ask: &dyn Ask) -> Result<bool, Failure> {
    Config::load(path)?.connector(name)?;
    if !yes {
        if !ask.is_possible() {
            return Err(Failure::usage("there is no terminal to ask on whether to remove it")
                .with_hint(Some("`--yes` removes without asking")));
        }
        if !ask.confirm(&format!("Take connector {name} out of {}?", path.display()), false)? {
            output.note("Nothing was changed.");
            return Ok(false);
        }
    }
    edit::remove(path, name)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::cli::connect::tests::{Known, okta};
    use crate::cli::prompt::tests::Scripted;

    const QUIET: Output = Output { json: false, quiet: true, pager: false };
    const TEXT: &str = "# ours\n[connector.acme]\nplugin = \"okta\"\nendpoint = \"acme.okta.com\"\n\
        credential = { env = \"ROLLCALL_NOT_SET\" } # soon a file\n";

    fn file() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("rollcall.toml");
        fs::write(&path, TEXT).unwrap();
        (folder, path)
    }

    #[test]
    fn add_keeps_the_file_and_takes_a_free_name() {
        let (_folder, path) = file();
        let arguments = ConnectorArguments {
            endpoint: Some("acme.okta-emea.com".into()),
            token_env: Some("ROLLCALL_NOT_SET".into()),
            ..ConnectorArguments::default()
        };
        let known = Known::new(vec![okta()]);
        let (connector, _) = add(&arguments, &path, QUIET, &known, &Scripted::new(&[])).unwrap();
        assert_eq!(connector.name, "acme-2");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.starts_with(TEXT), "{text}");

        let taken = ConnectorArguments { name: Some("acme".into()), ..arguments };
        let failure = add(&taken, &path, QUIET, &known, &Scripted::new(&[])).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
        assert!(failure.text().contains("there is a connector `acme` already"), "{}", failure.text());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }

    #[test]
    fn remove_asks_and_says_which_option_does_not() {
        let (_folder, path) = file();
        let failure = remove("acme", false, &path, QUIET, &Scripted::new(&[])).unwrap_err();
        assert_eq!((failure.exit(), failure.hint()), (Exit::Usage, Some("`--yes` removes without asking")));
        assert!(!remove("acme", false, &path, QUIET, &Scripted::new(&["no"])).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), TEXT);
        assert!(remove("acme", false, &path, QUIET, &Scripted::new(&["yes"])).unwrap());
        assert_eq!(fs::read_to_string(&path).unwrap(), "");
        let failure = remove("acme", true, &path, QUIET, &Scripted::new(&[])).unwrap_err();
        assert_eq!(failure.exit(), Exit::Usage);
    }

    #[test]
    fn listing_says_where_the_secret_is_and_never_what() {
        let (_folder, path) = file();
        let config = Config::load(&path).unwrap();
        let acme = json!({
            "name": "acme",
            "plugin": "okta",
            "pluginVersion": null,
            "endpoint": "acme.okta.com",
            "credential": { "env": "ROLLCALL_NOT_SET", "set": false },
            "transforms": [],
        });
        assert_eq!(list_json(&config), json!({ "connectors": [acme] }));
        insta::assert_snapshot!(list_table(&config).render(None), @r"
        NAME  PLUGIN  ENDPOINT       SECRET
        acme  okta    acme.okta.com  environment variable ROLLCALL_NOT_SET, not set here
        ");
    }
}
