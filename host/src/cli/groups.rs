use clap::Args;
use roaring::RoaringBitmap;
use serde::Serialize;
use serde_json::Value;

use super::directory::DirectoryArguments;
use super::entries::{PastChange, fields, only, past_changes, told};
use super::exit::Exit;
use super::global::Global;
use super::human::count;
use super::job::existing_store;
use super::listing::{ListArguments, Listing, in_words};
use super::output::Output;
use super::report::Failure;
use super::show::listed;
use super::users::{self, known_connector};
use crate::directory::{EntryKind, GroupEntry, GroupFilter, Order, Reader, Store, fold};

/// List the directory's groups, by name.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall groups\n  \
    rollcall groups admins --member ann@example.com\n  \
    rollcall groups --empty --json\n  \
    rollcall groups --csv --columns displayName,memberCount > groups.csv")]
pub(super) struct GroupsArguments {
    /// Only those with this text in their name.
    search: Option<String>,
    /// Only groups of this user: user name, e-mail address or the provider's id.
    #[arg(long, value_name = "LOGIN", conflicts_with = "empty")]
    member: Option<String>,
    /// Only groups without members.
    #[arg(long)]
    empty: bool,
    /// Only those that this connector gave.
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
    #[command(flatten)]
    list: ListArguments,
}

/// Show one group: fields, members, latest changes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall group engineering\n  \
    rollcall group 00g1a2b3c4d5e6f7g8h9 --json")]
pub(super) struct GroupArguments {
    /// Name or the provider's id.
    group: String,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// A group as `--json` prints one.
#[derive(Debug, Serialize)]
struct WholeGroup<'a> {
    group: Value,
    members: &'a [String],
    changes: &'a [PastChange],
}

pub(super) fn list(arguments: &GroupsArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let mut store = existing_store(arguments.directory.of(&config, arguments.connector.as_deref())?)?;
    let reader = store.read()?;
    known_connector(&config, reader.as_ref(), arguments.connector.as_deref())?;
    let filter = GroupFilter {
        connector: arguments.connector.clone(),
        text: arguments.search.clone(),
        keys: arguments.member.as_deref().map(|member| groups_of(reader.as_ref(), member)).transpose()?,
        order: Order::Name,
    };
    let columns = columns(arguments);
    let mut listing = Listing::start(output, arguments.list.csv, &columns, head)?;
    let mut left = arguments.list.limit.unwrap_or(u64::MAX);
    let mut result = Ok(());
    if left > 0 {
        reader.groups(&filter, &mut |group| {
            match show(reader.as_ref(), &group, arguments.empty, &columns, &mut listing) {
                Ok(shown) => left -= u64::from(shown),
                Err(failure) => result = Err(failure),
            }
            result.is_ok() && left > 0
        })?;
    }
    result?;
    listing.end("There is no such group.")?;
    Ok(Exit::Done)
}

/// Prints the group, unless it has members and only those without are wanted.
fn show(
    reader: &dyn Reader,
    group: &GroupEntry,
    only_empty: bool,
    columns: &[String],
    listing: &mut Listing,
) -> Result<bool, Failure> {
    let members = reader.members(group.key)?.len();
    if only_empty && members > 0 {
        return Ok(false);
    }
    let cell = |column: &String| match column.eq_ignore_ascii_case(MEMBERS) {
        true => Value::from(members),
        false => group.value(column).unwrap_or_default(),
    };
    let json = || {
        let mut json = group.to_json();
        json[MEMBERS] = Value::from(members);
        json
    };
    listing.row(|| columns.iter().map(cell).collect(), json)?;
    Ok(true)
}

/// How `--json` names the number of a group's members.
const MEMBERS: &str = "memberCount";

/// A group's columns in words.
fn head(column: &str) -> String {
    match column {
        "displayName" => "name".to_owned(),
        MEMBERS => "members".to_owned(),
        other => in_words(other),
    }
}

/// What is asked for, else what identifies a group.
fn columns(arguments: &GroupsArguments) -> Vec<String> {
    let usual: &[&str] = match arguments.list.csv {
        true => &["displayName", MEMBERS, "description", "connector", "externalId", "key"],
        false => &["displayName", MEMBERS, "description", "connector"],
    };
    match arguments.list.columns.as_slice() {
        [] => usual.iter().map(|name| (*name).to_owned()).collect(),
        asked => asked.iter().map(|name| name.trim().to_owned()).collect(),
    }
}

fn groups_of(reader: &dyn Reader, member: &str) -> Result<RoaringBitmap, Failure> {
    let user = users::named(reader, member)?;
    Ok(reader.groups_of(user.key)?.into_iter().map(|group| group.0).collect())
}

/// The one group that is meant: by name, else by the provider's id.
pub(super) fn named(reader: &dyn Reader, group: &str) -> Result<GroupEntry, Failure> {
    let found = match reader.group_by_name(&fold(group))? {
        Some(group) => vec![group],
        // Two connectors may read providers that give the same ids.
        None => reader.groups_by_id(group)?,
    };
    only(found, "group", group, |group| format!("{} (connector {})", group.name, group.connector))
}

pub(super) fn one(arguments: &GroupArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let mut store = existing_store(arguments.directory.of(&config, None)?)?;
    let reader = store.read()?;
    let group = named(reader.as_ref(), &arguments.group)?;
    let mut members = Vec::new();
    reader.user_names(&reader.members(group.key)?, &mut |_, name| members.push(name.to_owned()))?;
    members.sort_by_key(|name| fold(name));
    let changes = past_changes(reader.as_ref(), EntryKind::Group, group.key.0)?;
    output.view(
        || {
            let number = members.len() as u64;
            let list = listed(members.iter().cloned(), number);
            format!("{}\n\nMembers ({}):{list}{}", fields(&group.to_json()), count(number), told(&changes))
        },
        || WholeGroup { group: group.to_json(), members: &members, changes: &changes },
    )?;
    Ok(Exit::Done)
}
