use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::entries::{PastChange, fields, only, past_changes, told};
use super::exit::Exit;
use super::human::count;
use super::job::existing_store;
use super::output::Output;
use super::report::Failure;
use super::show;
use super::table::Table;
use crate::config::Config;
use crate::directory::{EntryKind, GroupFilter, Store, fold};

/// List the directory's groups.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall groups\n  \
    rollcall groups --search admins --json")]
pub(super) struct GroupsArguments {
    /// Only those that this connector gave.
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Only those with this text in their name.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

/// Show one group: fields, members, latest changes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall group engineering\n  \
    rollcall group 00g1a2b3c4d5e6f7g8h9 --json")]
pub(super) struct GroupArguments {
    /// Name or the provider's id.
    group: String,
}

/// A group as `--json` prints one.
#[derive(Debug, Serialize)]
struct WholeGroup<'a> {
    group: Value,
    members: &'a [String],
    changes: &'a [PastChange],
}

pub(super) fn list(arguments: &GroupsArguments, path: &Path, output: Output) -> Result<Exit, Failure> {
    let config = Config::load(path)?;
    let mut store = existing_store(&config)?;
    let reader = store.read()?;
    let filter = GroupFilter { connector: arguments.connector.clone(), text: arguments.search.clone() };
    let mut groups = Vec::new();
    reader.groups(&filter, &mut |group| {
        groups.push(group);
        true
    })?;
    let mut table = Table::new(["name", "members", "description", "connector"]).right(1);
    let mut shown = Vec::new();
    for group in &groups {
        let members = reader.members(group.key)?.len();
        let description = group.description.clone().unwrap_or_default();
        table.row([group.name.clone(), count(members), description, group.connector.clone()]);
        let mut json = group.to_json();
        json["memberCount"] = Value::from(members);
        shown.push(json);
    }
    output.list(table, groups.len(), "There is no such group.", || shown)?;
    Ok(Exit::Done)
}

pub(super) fn one(arguments: &GroupArguments, path: &Path, output: Output) -> Result<Exit, Failure> {
    let config = Config::load(path)?;
    let mut store = existing_store(&config)?;
    let reader = store.read()?;
    let found = match reader.group_by_name(&fold(&arguments.group))? {
        Some(group) => vec![group],
        // Two connectors may read providers that give the same ids.
        None => reader.groups_by_id(&arguments.group)?,
    };
    let group = only(found, "group", &arguments.group, |group| {
        format!("{} (connector {})", group.name, group.connector)
    })?;
    let mut members = Vec::new();
    reader.user_names(&reader.members(group.key)?, &mut |_, name| members.push(name.to_owned()))?;
    members.sort_by_key(|name| fold(name));
    let changes = past_changes(reader.as_ref(), EntryKind::Group, group.key.0)?;
    output.result(
        || {
            let number = members.len() as u64;
            let list = show::listed(members.iter().cloned(), number);
            format!("{}\n\nMembers ({}):{list}{}", fields(&group.to_json()), count(number), told(&changes))
        },
        || WholeGroup { group: group.to_json(), members: &members, changes: &changes },
    )?;
    Ok(Exit::Done)
}
