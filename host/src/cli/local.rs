//! `rollcall local`: entries, memberships and values that people make here. Each command is a run of its own.

mod import;
mod shown;

use clap::{Args, Subcommand};
use tokio_util::sync::CancellationToken;

use super::directory::DirectoryArguments;
use super::exit::Exit;
use super::global::Global;
use super::job;
use super::output::Output;
use super::report::Failure;
use super::{groups, users};
use crate::config::{Config, Directory};
use crate::directory::{GroupKey, SqliteStore, UserKey};
use crate::run::WorkFolder;
use crate::run::local::{self, Draft, LocalError, LocalPlan, Site};

/// Make users, groups and memberships that no connector gives, and set values that connectors leave as they are.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    rollcall local import people.csv --dry-run\n  \
    rollcall local set ann@acme.com phone '+49 30 1234'\n  \
    rollcall local group add Sales ann@acme.com")]
pub(super) enum LocalCommand {
    Import(import::ImportArguments),
    Set(SetArguments),
    Remove(RemoveArguments),
    #[command(subcommand)]
    Group(GroupCommand),
}

/// Set a field or an attribute of a user.
///
/// Of a local user any; of a connector's user what `keep-local` under [connector.NAME.entries] lists. What was set on a
/// connector's user stays as it is until it is unset; then the next sync brings the provider's value back.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall local set ann@acme.com phone '+49 30 1234'\n  \
    rollcall local set ann@acme.com active false\n  \
    rollcall local set ann@acme.com --unset phone")]
pub(super) struct SetArguments {
    /// User name, e-mail address or id.
    user: String,
    /// A field such as displayName, or an attribute.
    #[arg(required_unless_present = "unset", requires = "value")]
    name: Option<String>,
    /// Of the kind that the attribute has already: true or false, a number, or texts with `;` between them.
    #[arg(allow_hyphen_values = true)]
    value: Option<String>,
    /// Take the value away; of a connector's user, let the provider's come back.
    #[arg(long, value_name = "NAME", conflicts_with_all = ["name", "value"])]
    unset: Option<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// Take local users out of the directory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  rollcall local remove temp@acme.com")]
pub(super) struct RemoveArguments {
    /// User names, e-mail addresses or ids.
    #[arg(required = true, value_name = "USER")]
    users: Vec<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// Make local groups, and local memberships in any group.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    rollcall local group create Contractors\n  \
    rollcall local group add Contractors ann@acme.com bob@acme.com")]
pub(super) enum GroupCommand {
    /// Put users into a group, be it local or a connector's. No sync takes them out.
    #[command(after_help = "Examples:\n  rollcall local group add Contractors ann@acme.com bob@acme.com")]
    Add(MembersArguments),
    /// Take users out of a group into which they were put here.
    #[command(after_help = "Examples:\n  rollcall local group remove Contractors ann@acme.com")]
    Remove(MembersArguments),
    /// Make a local group.
    #[command(after_help = "Examples:\n  rollcall local group create Contractors")]
    Create(NameArguments),
    /// Delete a local group.
    #[command(after_help = "Examples:\n  rollcall local group delete Contractors")]
    Delete(NameArguments),
}

#[derive(Debug, Args)]
pub(super) struct MembersArguments {
    /// Its name, or the provider's id.
    group: String,
    /// User names, e-mail addresses or ids.
    #[arg(required = true, value_name = "USER")]
    users: Vec<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
}

#[derive(Debug, Args)]
pub(super) struct NameArguments {
    /// The group's name.
    group: String,
    #[command(flatten)]
    directory: DirectoryArguments,
}

pub(super) fn run(command: &LocalCommand, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    match command {
        LocalCommand::Import(arguments) => import::run(arguments, &config, output),
        LocalCommand::Set(arguments) => set(arguments, &config, output),
        LocalCommand::Remove(arguments) => edit(&arguments.directory, &config, output, |draft| {
            for user in found(draft, &arguments.users)? {
                local::remove(draft, user)?;
            }
            Ok(())
        }),
        LocalCommand::Group(GroupCommand::Add(arguments)) => {
            members(arguments, &config, output, local::add_members)
        }
        LocalCommand::Group(GroupCommand::Remove(arguments)) => {
            members(arguments, &config, output, local::remove_members)
        }
        LocalCommand::Group(GroupCommand::Create(arguments)) => {
            edit(&arguments.directory, &config, output, |draft| {
                Ok(local::create_group(draft, &arguments.group)?)
            })
        }
        LocalCommand::Group(GroupCommand::Delete(arguments)) => {
            edit(&arguments.directory, &config, output, |draft| {
                let group = groups::named(draft.reader(), &arguments.group)?;
                Ok(local::delete_group(draft, group.key)?)
            })
        }
    }
}

fn set(arguments: &SetArguments, config: &Config, output: Output) -> Result<Exit, Failure> {
    let keeps = |connector: &str, name: &str| {
        config.connectors.get(connector).is_some_and(|connector| connector.policy.entries.keeps_local(name))
    };
    edit(&arguments.directory, config, output, |draft| {
        let user = users::named(draft.reader(), &arguments.user)?.key;
        match (&arguments.unset, &arguments.name, &arguments.value) {
            (Some(name), ..) => local::unset(draft, user, name)?,
            (None, Some(name), Some(value)) => local::set(draft, user, name, value, &keeps)?,
            _ => return Err(Failure::usage("there is no value to set")),
        }
        Ok(())
    })
}

fn members(
    arguments: &MembersArguments,
    config: &Config,
    output: Output,
    change: fn(&mut Draft<'_>, GroupKey, &[UserKey]) -> Result<(), LocalError>,
) -> Result<Exit, Failure> {
    edit(&arguments.directory, config, output, |draft| {
        let group = groups::named(draft.reader(), &arguments.group)?;
        let users = found(draft, &arguments.users)?;
        Ok(change(draft, group.key, &users)?)
    })
}

fn found(draft: &Draft<'_>, users: &[String]) -> Result<Vec<UserKey>, Failure> {
    users.iter().map(|user| Ok(users::named(draft.reader(), user)?.key)).collect()
}

/// One edit as a run, and what it did.
fn edit(
    directory: &DirectoryArguments,
    config: &Config,
    output: Output,
    edit: impl FnOnce(&mut Draft<'_>) -> Result<(), Failure>,
) -> Result<Exit, Failure> {
    let directory = directory.of(config, None)?;
    let mut store = job::existing_store(directory)?;
    let plan = change(directory, &mut store, edit)?;
    output.result(|| shown::edit(&plan), || shown::json(&plan, &[]))?;
    Ok(Exit::Done)
}

fn change(
    directory: &Directory,
    store: &mut SqliteStore,
    edit: impl FnOnce(&mut Draft<'_>) -> Result<(), Failure>,
) -> Result<LocalPlan, Failure> {
    let work = WorkFolder::beside(&directory.path)?;
    let site = Site { work: &work, cancel: &CancellationToken::new() };
    local::change(&site, store, edit)
}

impl From<LocalError> for Failure {
    fn from(error: LocalError) -> Self {
        let exit = match error {
            LocalError::Run(_) => Exit::Failed,
            _ => Exit::Usage,
        };
        let lines: Vec<String> = error.mistakes().iter().map(ToString::to_string).collect();
        let detail = (!lines.is_empty()).then(|| format!("  {}", lines.join("\n  ")));
        let mut failure = Failure::of(exit, &error).with_detail(detail).with_hint(error.hint());
        failure.add_causes(&lines);
        failure
    }
}
