//! From options and answers to a connector: what `init` and `connector add` ask for.

use std::path::{Path, PathBuf};

use clap::Args;

use super::connect::{Connections, label};
use super::prompt::{Ask, Question};
use super::report::Failure;
use crate::config::{NewConnector, Plugins, is_name, is_variable, looks_like_a_secret};
use crate::directory::LOCAL;
use crate::http::SecretSource;
use crate::model::{CredentialRule, Manifest};
use crate::plugin::nearest;

/// Every question has an option that answers it.
#[derive(Debug, Clone, Default, Args)]
pub(super) struct ConnectorArguments {
    /// What to call the connector; by default the first part of the endpoint.
    #[arg(long)]
    pub name: Option<String>,
    /// Which plugin reads the provider.
    #[arg(long, value_name = "NAME")]
    pub plugin: Option<String>,
    /// Where the provider is, such as acme.okta.com.
    #[arg(long, value_name = "HOST")]
    pub endpoint: Option<String>,
    /// The environment variable that holds the token.
    #[arg(long, value_name = "VARIABLE", group = "token")]
    pub token_env: Option<String>,
    /// The file that holds the token.
    #[arg(long, value_name = "FILE", group = "token")]
    pub token_file: Option<PathBuf>,
    /// The program, with its arguments, that prints the token.
    #[arg(long, value_name = "COMMAND", group = "token")]
    pub token_command: Option<String>,
    /// How the plugin authenticates, where it knows several ways.
    #[arg(long, value_name = "SCHEME", value_parser = ["header", "bearer", "basic", CredentialRule::SERVICE_APP])]
    pub scheme: Option<String>,
    /// The user name of the scheme `basic`.
    #[arg(long, value_name = "NAME")]
    pub username: Option<String>,
    /// The app that signs in with its key, by the provider's id of it; the token's options then say where the key is.
    #[arg(long, value_name = "ID")]
    pub client_id: Option<String>,
    /// Don't test the connection before writing.
    #[arg(long)]
    pub no_test: bool,
    /// Ask nothing: where no option answers, take the default.
    #[arg(short, long)]
    pub yes: bool,
}

/// What is known before anything is asked.
pub(super) struct Situation<'a> {
    pub connections: &'a dyn Connections,
    pub plugins: &'a Plugins,
    /// The names that are taken.
    pub taken: Vec<&'a str>,
    /// The folder of the configuration.
    pub folder: &'a Path,
}

pub(super) fn collect(
    arguments: &ConnectorArguments,
    situation: &Situation<'_>,
    ask: &dyn Ask,
) -> Result<NewConnector, Failure> {
    let asking = ask.is_possible() && !arguments.yes;
    if !asking {
        refuse_missing(arguments)?;
    }
    let manifest = plugin(arguments, situation, ask, asking)?;
    let endpoint = endpoint(arguments, &manifest, situation, ask)?;
    let name = name(arguments, &endpoint, situation, ask, asking)?;
    let (scheme, username) = scheme(arguments, &manifest, ask, asking)?;
    let client_id = client_id(arguments, scheme.as_deref(), ask, asking)?;
    let rule = match &scheme {
        Some(scheme) => manifest.credential.iter().find(|rule| rule.scheme() == scheme),
        None => manifest.credential.first(),
    };
    let secret = secret(arguments, &manifest, rule, situation, ask)?;
    Ok(NewConnector {
        name,
        plugin: manifest.name,
        endpoint,
        secret,
        // The id of an app says it.
        scheme: scheme.filter(|_| client_id.is_none()),
        username,
        client_id,
        schema: manifest.settings,
    })
}

fn refuse_missing(arguments: &ConnectorArguments) -> Result<(), Failure> {
    let token =
        arguments.token_env.is_some() || arguments.token_file.is_some() || arguments.token_command.is_some();
    let missing = match (arguments.endpoint.is_some(), token) {
        (true, true) => return Ok(()),
        (false, true) => "`--endpoint` is",
        (true, false) => "one of `--token-env`, `--token-file` and `--token-command` is",
        (false, false) => "`--endpoint` and one of `--token-env`, `--token-file` and `--token-command` are",
    };
    let why = if arguments.yes { "with `--yes` nothing is asked" } else { "there is no terminal to ask on" };
    Err(Failure::usage(format!("{missing} missing, and {why}"))
        .with_hint(Some("such as `--endpoint acme.okta.com --token-env OKTA_TOKEN`")))
}

fn plugin(
    arguments: &ConnectorArguments,
    situation: &Situation<'_>,
    ask: &dyn Ask,
    asking: bool,
) -> Result<Manifest, Failure> {
    let sources = situation.connections.sources(situation.plugins)?;
    let names = || sources.iter().map(|manifest| manifest.name.as_str());
    let find = |name: &str| sources.iter().find(|manifest| manifest.name == name).cloned();
    let unknown = |name: &str| match nearest(name, names()) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: {}", names().collect::<Vec<_>>().join(", ")),
    };
    // Okta where there is a choice: it is the provider that this began with.
    let default = names().find(|name| *name == "okta").or_else(|| names().next());
    let Some(default) = default.map(str::to_owned) else {
        return Err(Failure::usage("there is no plugin that reads a provider")
            .with_hint(Some("`[plugins] path` names a folder of .wasm files")));
    };
    let name = match &arguments.plugin {
        Some(name) => name.clone(),
        None if !asking || sources.len() == 1 => default,
        None => ask.text(&Question {
            label: "Plugin",
            help: &sources
                .iter()
                .map(|manifest| format!("  {}: {}", manifest.name, manifest.summary))
                .collect::<Vec<_>>()
                .join("\n"),
            default: Some(default),
            check: &|name| match find(name) {
                Some(_) => Ok(()),
                None => Err(format!("there is no source plugin `{name}`: {}", unknown(name))),
            },
        })?,
    };
    find(&name).ok_or_else(|| {
        Failure::usage(format!("there is no source plugin `{name}`")).with_hint(Some(unknown(&name)))
    })
}

fn endpoint(
    arguments: &ConnectorArguments,
    manifest: &Manifest,
    situation: &Situation<'_>,
    ask: &dyn Ask,
) -> Result<String, Failure> {
    let Some(rules) = &manifest.endpoint else {
        return Err(Failure::usage(format!("the manifest of plugin `{}` has no endpoint", manifest.name))
            .with_hint(Some("this is the plugin's fault: tell its author")));
    };
    let read = |given: &str| situation.connections.endpoint(rules, given);
    let given = match &arguments.endpoint {
        Some(given) => given.clone(),
        None => ask.text(&Question {
            label: &format!("{} (such as {})", rules.label, rules.example),
            help: "",
            default: None,
            check: &|given| read(given).map(drop),
        })?,
    };
    read(&given).map_err(|why| {
        Failure::usage(format!("`{given}` can't be the endpoint: {why}"))
            .with_hint(Some(format!("{}, such as {}", rules.label, rules.example)))
    })
}

fn name(
    arguments: &ConnectorArguments,
    endpoint: &str,
    situation: &Situation<'_>,
    ask: &dyn Ask,
    asking: bool,
) -> Result<String, Failure> {
    let check = |name: &str| {
        if !is_name(name) {
            return Err("lower-case letters, digits and hyphens only, a letter first".to_owned());
        }
        if name == LOCAL {
            return Err("`local` is whose entries are that no connector gave: choose another name".to_owned());
        }
        match situation.taken.contains(&name) {
            true => Err(format!("there is a connector `{name}` already")),
            false => Ok(()),
        }
    };
    let default = suggestion(endpoint, &situation.taken);
    let name = match &arguments.name {
        Some(name) => name.clone(),
        None if !asking => default,
        None => ask.text(&Question {
            label: "Name of the connector",
            help: "",
            default: Some(default),
            check: &check,
        })?,
    };
    check(&name).map_err(|why| {
        Failure::usage(format!("`{name}` can't be the name: {why}")).with_hint(Some("give another `--name`"))
    })?;
    Ok(name)
}

/// `acme.okta.com` → `acme`, or `acme-2` if that is taken.
fn suggestion(endpoint: &str, taken: &[&str]) -> String {
    let host = endpoint.split_once("://").map_or(endpoint, |(_, rest)| rest);
    let first = host.split(['.', ':', '/']).next().unwrap_or_default().to_ascii_lowercase();
    let base = if is_name(&first) { first } else { "main".to_owned() };
    let free = |name: &String| !taken.contains(&name.as_str());
    let mut others = (2..).map(|number| format!("{base}-{number}"));
    Some(base.clone()).filter(free).or_else(|| others.find(free)).unwrap_or(base)
}

fn scheme(
    arguments: &ConnectorArguments,
    manifest: &Manifest,
    ask: &dyn Ask,
    asking: bool,
) -> Result<(Option<String>, Option<String>), Failure> {
    let rules = &manifest.credential;
    let schemes = || rules.iter().map(CredentialRule::scheme).collect::<Vec<_>>().join(", ");
    let known = |scheme: &str| rules.iter().any(|rule| rule.scheme() == scheme);
    let app = arguments.client_id.as_ref().map(|_| CredentialRule::SERVICE_APP.to_owned());
    let scheme = match &arguments.scheme.clone().or(app) {
        Some(scheme) if !known(scheme) => {
            let what = format!("plugin `{}` has no scheme `{scheme}`", manifest.name);
            return Err(Failure::usage(what).with_hint(Some(format!("it has: {}", schemes()))));
        }
        Some(scheme) => Some(scheme.clone()),
        None if rules.len() < 2 || !asking => None,
        None => Some(
            ask.text(&Question {
                label: "Way to authenticate",
                help: &rules
                    .iter()
                    .map(|rule| format!("  {}: {}", rule.scheme(), rule.label()))
                    .collect::<Vec<_>>()
                    .join("\n"),
                default: rules.first().map(|rule| rule.scheme().to_owned()),
                check: &|scheme| match known(scheme) {
                    true => Ok(()),
                    false => Err(format!("one of: {}", schemes())),
                },
            })?,
        ),
    };
    let effective = scheme.as_deref().or(rules.first().map(CredentialRule::scheme));
    let username = match (effective == Some("basic"), &arguments.username) {
        (false, None) => None,
        (false, Some(_)) => {
            return Err(Failure::usage("only the scheme `basic` has a user name")
                .with_hint(Some("leave `--username` out, or give `--scheme basic`")));
        }
        (true, Some(name)) => Some(name.clone()),
        (true, None) if !asking => {
            return Err(Failure::usage("`--username` is missing: the scheme `basic` needs it"));
        }
        (true, None) => Some(ask.text(&Question {
            label: "User name",
            help: "",
            default: None,
            check: &|name| if name.is_empty() { Err("it can't be empty".to_owned()) } else { Ok(()) },
        })?),
    };
    Ok((scheme, username))
}

/// Only of an app.
fn client_id(
    arguments: &ConnectorArguments,
    scheme: Option<&str>,
    ask: &dyn Ask,
    asking: bool,
) -> Result<Option<String>, Failure> {
    match (scheme == Some(CredentialRule::SERVICE_APP), &arguments.client_id) {
        (false, None) => Ok(None),
        (false, Some(_)) => Err(Failure::usage("only an app has a client id").with_hint(Some(format!(
            "leave `--client-id` out, or give `--scheme {}`",
            CredentialRule::SERVICE_APP
        )))),
        (true, Some(id)) => Ok(Some(id.clone())),
        (true, None) if !asking => Err(Failure::usage(format!(
            "`--client-id` is missing: the scheme `{}` needs it",
            CredentialRule::SERVICE_APP
        ))),
        (true, None) => Ok(Some(ask.text(&Question {
            label: "Client id of the app",
            help: "",
            default: None,
            check: &|id| match id.is_empty() || id.contains(char::is_whitespace) {
                true => Err("it can't be empty or hold a space".to_owned()),
                false => Ok(()),
            },
        })?)),
    }
}

fn secret(
    arguments: &ConnectorArguments,
    manifest: &Manifest,
    rule: Option<&CredentialRule>,
    situation: &Situation<'_>,
    ask: &dyn Ask,
) -> Result<SecretSource, Failure> {
    let label = label(rule);
    let kind = if matches!(rule, Some(CredentialRule::Oauth2ClientCredentials(_))) { "KEY" } else { "TOKEN" };
    let refuse = |option: &str, why: String| Failure::usage(format!("`{option}`: {why}"));
    if let Some(variable) = &arguments.token_env {
        check_variable(variable, label).map_err(|why| {
            let hint = "nothing was written, but the shell's history may keep what was typed";
            refuse("--token-env", why).with_hint(looks_like_a_secret(variable).then_some(hint))
        })?;
        return Ok(SecretSource::Env(variable.clone()));
    }
    if let Some(file) = &arguments.token_file {
        return Ok(SecretSource::File(beside(situation.folder, file)));
    }
    if let Some(command) = &arguments.token_command {
        return words(command).map(SecretSource::Command).map_err(|why| refuse("--token-command", why));
    }

    let mut help = rule.map(CredentialRule::help).unwrap_or_default().trim().to_owned();
    if !help.is_empty() {
        help.push('\n');
    }
    help.push_str(&format!(
        "The {label} itself is not stored. Where is it?\n  env: in an environment variable\n  file: in a file\n  \
         command: a program prints it"
    ));
    let place = ask.text(&Question {
        label: &format!("The {label} is in (env, file, command)"),
        help: &help,
        default: Some("env".to_owned()),
        check: &|place| match place {
            "env" | "file" | "command" => Ok(()),
            other if looks_like_a_secret(other) => Err(pasted(label)),
            _ => Err("one of: env, file, command".to_owned()),
        },
    })?;
    match place.as_str() {
        "file" => {
            let file = ask.text(&Question {
                label: "Name of the file",
                help: "",
                default: None,
                check: &|file| match file {
                    "" => Err("it can't be empty".to_owned()),
                    file if looks_like_a_secret(file) => Err(pasted(label)),
                    _ => Ok(()),
                },
            })?;
            Ok(SecretSource::File(beside(situation.folder, Path::new(&file))))
        }
        "command" => {
            let command = ask.text(&Question {
                label: "Command, with its arguments",
                help: "",
                default: None,
                check: &|command| match looks_like_a_secret(command) {
                    true => Err(pasted(label)),
                    false => words(command).map(drop),
                },
            })?;
            words(&command).map(SecretSource::Command).map_err(Failure::usage)
        }
        _ => Ok(SecretSource::Env(ask.text(&Question {
            label: "Name of the variable",
            help: "",
            default: Some(format!("{}_{kind}", manifest.name.to_uppercase().replace('-', "_"))),
            check: &|variable| check_variable(variable, label),
        })?)),
    }
}

/// Said without repeating what was given. A reason not to take an answer is short: the prompt shows one line.
fn pasted(label: &str) -> String {
    format!("that looks like the {label} itself: give its place, not its value")
}

fn check_variable(variable: &str, label: &str) -> Result<(), String> {
    match (looks_like_a_secret(variable), is_variable(variable)) {
        (true, _) => Err(pasted(label)),
        (false, true) => Ok(()),
        (false, false) => Err("letters, digits and underscores only, such as OKTA_TOKEN".to_owned()),
    }
}

/// A command as in a shell, but it is run without one.
fn words(command: &str) -> Result<Vec<String>, String> {
    match shell_words::split(command) {
        Ok(words) if words.first().is_none_or(String::is_empty) => Err("it has to name a program".to_owned()),
        Ok(words) => Ok(words),
        Err(_) => Err("a quote has no end".to_owned()),
    }
}

/// What is given on the command line is relative to the working folder, what stands in the configuration to the
/// configuration's.
fn beside(folder: &Path, file: &Path) -> PathBuf {
    if file.is_absolute() || folder.as_os_str().is_empty() || folder == Path::new(".") {
        return file.to_owned();
    }
    match (std::path::absolute(folder), std::path::absolute(file)) {
        (Ok(folder), Ok(file)) => file.strip_prefix(&folder).map(Path::to_owned).unwrap_or(file),
        _ => file.to_owned(),
    }
}
