use std::path::PathBuf;
use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use super::arguments::{Arguments, Command};
use super::connect::Connections;
use super::exit::Exit;
use super::global::{Color, Global};
use super::installed::Installed;
use super::output::{Output, print_json};
use super::plugin::PluginCliError;
use super::prompt::Terminal;
use super::report::Failure;
use super::{
    apply, backup, completions, config, connector, demo, doctor, explain, groups, held, history, init, local,
    logging, pause, plan, plugin, rollback, rules, runs, serve, status, sync, users,
};
use crate::config::ConfigError;

/// Does what the command line says. This is the whole process.
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            Color::asked(std::env::args_os().filter_map(|word| word.into_string().ok())).apply();
            return refused(&error).into();
        }
    };
    arguments.global.color.apply();
    let output = arguments.global.output();
    match run(arguments, output, &Installed { output }) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            tell(&failure, output.json);
            failure.exit().into()
        }
    }
}

fn run(arguments: Arguments, output: Output, connections: &dyn Connections) -> Result<Exit, Failure> {
    let Arguments { global, command } = arguments;
    // What a doctor warns of is in what it prints.
    let quiet = global.quiet || (matches!(command, Command::Doctor(_)) && global.verbose == 0);
    logging::start(global.verbose, quiet)?;
    match command {
        Command::Init(arguments) => init::run(&arguments, &global.config, output, connections, &Terminal),
        Command::Demo(arguments) => demo::run(&arguments, output),
        Command::Plan(arguments) => plan::run(&arguments, &global, output),
        Command::Apply(arguments) => apply::run(&arguments, &global, output),
        Command::Sync(arguments) => sync::run(&arguments, &global, output),
        Command::Serve => serve::run(&global, output),
        Command::Status(arguments) => status::run(&arguments, &global, output),
        Command::Runs(arguments) => runs::run(&arguments, &global, output),
        Command::Run(arguments) => runs::one(&arguments, &global, output),
        Command::Held(arguments) => held::list(&arguments, &global, output),
        Command::Approve(arguments) => held::approve(&arguments, &global, output),
        Command::Reject(arguments) => held::reject(&arguments, &global, output),
        Command::Rollback(arguments) => rollback::run(&arguments, &global, output),
        Command::Pause(arguments) => pause::pause(&arguments, &global, output),
        Command::Resume(arguments) => pause::resume(&arguments, &global, output),
        Command::Users(arguments) => users::list(&arguments, &global, output),
        Command::User(arguments) => users::one(&arguments, &global, output),
        Command::Groups(arguments) => groups::list(&arguments, &global, output),
        Command::Group(arguments) => groups::one(&arguments, &global, output),
        Command::Explain(arguments) => explain::run(&arguments, &global, output),
        Command::History(command) => history::run(&command, &global, output),
        Command::Backup(arguments) => backup::backup(&arguments, &global, output),
        Command::Restore(arguments) => backup::restore(&arguments, &global, output),
        Command::Plugin(arguments) => {
            let folder = plugin_folder(&global)?;
            plugin::run(&arguments, folder.as_deref(), output)?;
            Ok(Exit::Done)
        }
        Command::Rules(command) => rules::run(&command, &global, output),
        Command::Local(command) => local::run(&command, &global, output),
        Command::Doctor(arguments) => doctor::run(&arguments, &global, output),
        Command::Config(command) => config::run(&command, &global, output),
        Command::Completions(arguments) => completions::run(&arguments),
        Command::Connector(command) => {
            connector::run(command, &global.config, output, connections, &Terminal)
        }
    }
}

/// Plugins can be looked at before there is a configuration.
fn plugin_folder(global: &Global) -> Result<Option<PathBuf>, Failure> {
    match global.load() {
        Ok(config) => Ok(config.plugins.path),
        Err(ConfigError::Missing { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl From<PluginCliError> for Failure {
    fn from(error: PluginCliError) -> Self {
        let exit = match error {
            PluginCliError::Find(_) | PluginCliError::Library(_) => Exit::Usage,
            _ => Exit::Failed,
        };
        Failure::of(exit, &error).with_hint(error.hint())
    }
}

fn tell(failure: &Failure, json: bool) {
    match (failure.is_silent(), json) {
        (true, _) => {}
        (false, false) => anstream::eprintln!("{}", failure.text()),
        // If stdout is gone there is nobody left to tell; the exit code still does.
        (false, true) => drop(print_json(&failure.json())),
    }
}

/// The command line can't be understood, or asks for help.
fn refused(error: &clap::Error) -> Exit {
    let exit = if error.use_stderr() { Exit::Usage } else { Exit::Done };
    let json = std::env::args_os().any(|argument| argument == "--json");
    let help = matches!(error.kind(), ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand);
    if json && error.use_stderr() && !help {
        let text = error.to_string();
        let message = text.lines().next().unwrap_or_default();
        let failure = Failure::usage(message.strip_prefix("error: ").unwrap_or(message))
            .with_hint(Some("`rollcall --help` says what can be asked of it"));
        tell(&failure, true);
    } else if error.print().is_err() {
        // As above.
    }
    exit
}
