//! What can be typed.

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand};

use super::connector::ConnectorCommand;
use super::demo::DemoArguments;
use super::groups::{GroupArguments, GroupsArguments};
use super::init::InitArguments;
use super::plan::PlanArguments;
use super::plugin::PluginArgs;
use super::runs::{RunArguments, RunsArguments};
use super::sync::SyncArguments;
use super::users::{UserArguments, UsersArguments};
use crate::config::DEFAULT_FILE;

/// Keep a directory of users, groups and memberships in step with an identity provider.
#[derive(Debug, Parser)]
#[command(
    name = "rollcall",
    version,
    arg_required_else_help = true,
    after_help = "Examples:\n  \
        rollcall demo                 See a whole sync against a simulated Okta\n  \
        rollcall init                 Answer a few questions and get a rollcall.toml\n  \
        rollcall plan acme            See what a sync would change\n  \
        rollcall sync acme            Bring the directory in step\n\n\
        Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 held for a person, 4 done with problems."
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Args)]
pub(super) struct Global {
    /// The configuration.
    #[arg(long, global = true, value_name = "FILE", env = "ROLLCALL_CONFIG", hide_env_values = true, default_value = DEFAULT_FILE)]
    #[arg(help_heading = "Global options")]
    pub config: PathBuf,
    /// Print the result, or the error, as one JSON object.
    #[arg(long, global = true, help_heading = "Global options")]
    pub json: bool,
    /// Log what is done; twice for more.
    #[arg(short, long, global = true, action = ArgAction::Count, help_heading = "Global options")]
    pub verbose: u8,
    /// Print results and errors, nothing else.
    #[arg(short, long, global = true, conflicts_with = "verbose", help_heading = "Global options")]
    pub quiet: bool,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Demo(DemoArguments),
    Init(InitArguments),
    #[command(subcommand)]
    Connector(ConnectorCommand),
    Plan(PlanArguments),
    Sync(SyncArguments),
    /// Show the connectors, their last runs, and what the directory holds.
    #[command(after_help = "Examples:\n  rollcall status\n  rollcall status --json")]
    Status,
    Runs(RunsArguments),
    Run(RunArguments),
    Users(UsersArguments),
    User(UserArguments),
    Groups(GroupsArguments),
    Group(GroupArguments),
    Plugin(PluginArgs),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Arguments::command().debug_assert();
    }

    /// The whole help, so that a change of it is seen.
    #[test]
    fn help() {
        let mut command = Arguments::command().term_width(100);
        command.build();
        let mut all = String::new();
        let mut pending = vec![command];
        while let Some(mut command) = pending.pop() {
            if command.get_name() == "help" {
                continue;
            }
            let name = command.get_bin_name().unwrap_or("rollcall").to_owned();
            all.push_str(&format!("## {name}\n\n{}\n", command.render_help()));
            pending.extend(command.get_subcommands().cloned().collect::<Vec<_>>().into_iter().rev());
        }
        insta::assert_snapshot!(all);
    }
}
