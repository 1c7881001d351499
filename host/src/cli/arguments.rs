//! What can be typed.

use clap::{Parser, Subcommand};

use super::apply::ApplyArguments;
use super::backup::{BackupArguments, RestoreArguments};
use super::completions::CompletionsArguments;
use super::config::ConfigCommand;
use super::connector::ConnectorCommand;
use super::demo::DemoArguments;
use super::doctor::DoctorArguments;
use super::explain::ExplainArguments;
use super::global::{ENVIRONMENT, Global};
use super::groups::{GroupArguments, GroupsArguments};
use super::held::{ApproveArguments, HeldArguments, RejectArguments};
use super::history::HistoryCommand;
use super::init::InitArguments;
use super::local::LocalCommand;
use super::pause::{PauseArguments, ResumeArguments};
use super::plan::PlanArguments;
use super::plugin::PluginArgs;
use super::rollback::RollbackArguments;
use super::rules::RulesCommand;
use super::runs::{RunArguments, RunsArguments};
use super::status::StatusArguments;
use super::sync::SyncArguments;
use super::users::{UserArguments, UsersArguments};

/// Keep a directory of users, groups and memberships in step with an identity provider.
#[derive(Debug, Parser)]
#[command(
    name = "rollcall",
    version,
    arg_required_else_help = true,
    after_help = format!(
        "Examples:\n  \
            rollcall demo                 See a whole sync against a simulated Okta\n  \
            rollcall init                 Answer a few questions and get a rollcall.toml\n  \
            rollcall doctor               See whether a sync could work\n  \
            rollcall plan acme            See what a sync would change\n  \
            rollcall sync acme            Bring the directory in step\n\n\
            {ENVIRONMENT}\n\n\
            Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 held for a person, 4 done with problems."
    )
)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Demo(DemoArguments),
    Init(InitArguments),
    #[command(subcommand)]
    Connector(ConnectorCommand),
    Doctor(DoctorArguments),
    Plan(PlanArguments),
    Apply(ApplyArguments),
    Sync(SyncArguments),
    /// Sync connectors by their schedules, until it is told to stop.
    ///
    /// Runs in the foreground, for a service manager. A changed configuration and changed plugin files are taken over
    /// without a restart; those that can't be used are refused, and what was in force stays. SIGTERM and Ctrl-C end it:
    /// a run that reads stops, and goes on there the next time, one that applies its plan finishes.
    #[command(after_help = "Examples:\n  rollcall serve\n  rollcall serve --json")]
    Serve,
    Status(StatusArguments),
    Runs(RunsArguments),
    Run(RunArguments),
    Held(HeldArguments),
    Approve(ApproveArguments),
    Reject(RejectArguments),
    Rollback(RollbackArguments),
    Pause(PauseArguments),
    Resume(ResumeArguments),
    Users(UsersArguments),
    User(UserArguments),
    Groups(GroupsArguments),
    Group(GroupArguments),
    Explain(ExplainArguments),
    #[command(subcommand)]
    History(HistoryCommand),
    Backup(BackupArguments),
    Restore(RestoreArguments),
    #[command(subcommand)]
    Config(ConfigCommand),
    Plugin(PluginArgs),
    #[command(subcommand)]
    Rules(RulesCommand),
    #[command(subcommand)]
    Local(LocalCommand),
    Completions(CompletionsArguments),
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

    #[test]
    fn every_help_has_an_example_that_can_be_typed() {
        let mut root = Arguments::command();
        root.build();
        let mut pending = vec![root];
        while let Some(mut command) = pending.pop() {
            let name = command.get_bin_name().unwrap_or("rollcall").to_owned();
            if command.get_name() == "help" {
                continue;
            }
            let help = command.render_long_help().to_string();
            let (_, examples) =
                help.split_once("Examples:\n").unwrap_or_else(|| panic!("`{name} --help` has none"));
            let examples: Vec<&str> = examples.lines().take_while(|line| line.starts_with("  ")).collect();
            assert!(!examples.is_empty(), "{name}");
            for example in examples {
                // What is said about it stands two spaces apart.
                let typed = example.trim().split("  ").next().unwrap_or_default();
                let typed = typed.split(['|', '>']).next().unwrap_or_default();
                let words = shell_words::split(typed).unwrap();
                let mut typed_words = words.iter();
                let is_about = name.split(' ').all(|part| typed_words.any(|word| word == part));
                assert!(is_about, "`{name} --help` is not about `{typed}`");
                if let Err(error) = Arguments::try_parse_from(&words) {
                    panic!("`{name} --help` shows `{typed}`: {error}");
                }
            }
            pending.extend(command.get_subcommands().cloned());
        }
    }
}
