use std::collections::BTreeMap;

use clap::Args;
use roaring::RoaringBitmap;
use serde::Serialize;
use serde_json::Value;

use super::directory::DirectoryArguments;
use super::entries::{PastChange, fields, only, past_changes, told};
use super::exit::Exit;
use super::global::Global;
use super::job::existing_store;
use super::listing::{ListArguments, Listing, in_words};
use super::output::Output;
use super::report::Failure;
use super::{groups, installed};
use crate::config::Config;
use crate::directory::{
    EntryKind, LOCAL, Order, Reader, Store, UserEntry, UserFilter, UserKey, fold, plain_text,
};
use crate::model::ReferenceRule;
use crate::run::explain::find_users;

/// List the directory's users, by name.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall users\n  \
    rollcall users smith --inactive\n  \
    rollcall users --group Engineering --attribute department=Sales --json\n  \
    rollcall users --csv --columns userName,email,department > people.csv")]
pub(super) struct UsersArguments {
    /// Only those with this text in user name, display name or e-mail address.
    search: Option<String>,
    /// Only active users.
    #[arg(long, conflicts_with = "inactive")]
    active: bool,
    /// Only inactive users.
    #[arg(long)]
    inactive: bool,
    /// Only members of this group: its name, or the provider's id.
    #[arg(long, value_name = "NAME")]
    group: Option<String>,
    /// Only those that this connector gave.
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    #[command(flatten)]
    directory: DirectoryArguments,
    /// Only those with this value of a field or attribute, in any case; `KEY=` for those without. Again for more.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    attribute: Vec<(String, String)>,
    #[command(flatten)]
    list: ListArguments,
}

/// Show one user: fields, groups, latest changes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall user ann@example.com\n  \
    rollcall user 00u1a2b3c4d5e6f7g8h9 --json")]
pub(super) struct UserArguments {
    /// User name, e-mail address or the provider's id.
    who: String,
    #[command(flatten)]
    directory: DirectoryArguments,
}

/// Somebody to whom another user refers.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Referenced {
    key: u32,
    user_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    display_name: Option<String>,
}

/// A user as `--json` prints one.
#[derive(Debug, Serialize)]
struct WholeUser<'a> {
    user: Value,
    /// Names of what was set here, and stays as it is.
    #[serde(rename = "setHere", skip_serializing_if = "<[_]>::is_empty")]
    set_here: &'a [String],
    /// Whom the user's references mean, by attribute.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    references: &'a BTreeMap<String, Referenced>,
    groups: &'a [String],
    changes: &'a [PastChange],
}

/// `KEY=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((key, value)) if !key.trim().is_empty() => Ok((key.trim().to_owned(), value.to_owned())),
        _ => Err("it is written as KEY=VALUE, such as department=Sales".to_owned()),
    }
}

/// The connector has to be one of the configuration, or one that gave the directory something before it was removed
/// from there.
pub(super) fn known_connector(
    config: &Config,
    reader: &dyn Reader,
    name: Option<&str>,
) -> Result<(), Failure> {
    let Some(name) = name.filter(|name| *name != LOCAL) else { return Ok(()) };
    match config.connector(name) {
        Ok(_) => Ok(()),
        Err(error) => match reader.totals(Some(name))? {
            (0, 0, _) => Err(error.into()),
            _ => Ok(()),
        },
    }
}

pub(super) fn list(arguments: &UsersArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let mut store = existing_store(arguments.directory.of(&config, arguments.connector.as_deref())?)?;
    let reader = store.read()?;
    known_connector(&config, reader.as_ref(), arguments.connector.as_deref())?;
    let filter = UserFilter {
        connector: arguments.connector.clone(),
        active: match (arguments.active, arguments.inactive) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
        text: arguments.search.clone(),
        keys: arguments.group.as_deref().map(|group| members(reader.as_ref(), group)).transpose()?,
        values: arguments.attribute.clone(),
        order: Order::Name,
    };
    let columns = columns(arguments);
    let mut listing = Listing::start(output, arguments.list.csv, &columns, in_words)?;
    let mut seen = vec![false; columns.len()];
    let mut left = arguments.list.limit.unwrap_or(u64::MAX);
    let mut result = Ok(());
    if left > 0 {
        reader.users(&filter, &mut |user| {
            let cells = || {
                let cells: Vec<Value> =
                    columns.iter().map(|column| user.value(column).unwrap_or_default()).collect();
                seen.iter_mut().zip(&cells).for_each(|(seen, cell)| *seen |= !cell.is_null());
                cells
            };
            result = listing.row(cells, || user.to_json());
            left -= 1;
            result.is_ok() && left > 0
        })?;
    }
    result?;
    let rows = listing.rows();
    listing.end("There is no such user.")?;
    if rows > 0 && !output.json {
        for (column, _) in arguments.list.columns.iter().zip(&seen).filter(|(_, seen)| !**seen) {
            output
                .note(&format!("No user of these has `{column}`; `rollcall user NAME` shows what one has."));
        }
    }
    Ok(Exit::Done)
}

/// What is asked for, else what identifies a person.
fn columns(arguments: &UsersArguments) -> Vec<String> {
    let usual: &[&str] = match arguments.list.csv {
        true => &UserEntry::FIELDS,
        false => &["userName", "displayName", "email", "active", "connector"],
    };
    match arguments.list.columns.as_slice() {
        [] => usual.iter().map(|name| (*name).to_owned()).collect(),
        asked => asked.iter().map(|name| name.trim().to_owned()).collect(),
    }
}

fn members(reader: &dyn Reader, group: &str) -> Result<RoaringBitmap, Failure> {
    let group = groups::named(reader, group)?;
    Ok(reader.members(group.key)?)
}

pub(super) fn one(arguments: &UserArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let mut store = existing_store(arguments.directory.of(&config, None)?)?;
    let reader = store.read()?;
    let user = named(reader.as_ref(), &arguments.who)?;
    let mut groups = Vec::new();
    for key in reader.groups_of(user.key)? {
        groups.extend(reader.group(key)?.map(|group| group.name));
    }
    groups.sort_by_key(|name| fold(name));
    let changes = past_changes(reader.as_ref(), EntryKind::User, user.key.0)?;
    let references = referenced(&config, reader.as_ref(), &user)?;
    let mut set_here = reader.kept_of(user.key)?;
    let entries = config.connectors.get(&user.connector).map(|connector| &connector.policy.entries);
    set_here.retain(|name| entries.is_some_and(|entries| entries.keeps_local(name)));
    output.view(
        || {
            let mut shown = user.to_json();
            mark(&mut shown, &set_here);
            for (name, Referenced { key, user_name, display_name }) in &references {
                let who = display_name.as_ref().filter(|name| *name != user_name);
                let who = who.map_or_else(|| user_name.clone(), |name| format!("{name}, {user_name}"));
                shown["attributes"][name] = format!("{key} ({who})").into();
            }
            let mut text = fields(&shown);
            text.push_str(&format!("\n\nGroups ({}):", groups.len()));
            groups
                .iter()
                .for_each(|group| text.push_str(&format!("\n  {}", group.replace(char::is_control, " "))));
            text.push_str(&told(&changes));
            text
        },
        || WholeUser {
            user: user.to_json(),
            set_here: &set_here,
            references: &references,
            groups: &groups,
            changes: &changes,
        },
    )?;
    Ok(Exit::Done)
}

/// Says of each value that was set here that it was.
fn mark(user: &mut Value, set_here: &[String]) {
    for name in set_here {
        let place = match user.get(name) {
            Some(_) => &mut user[name],
            None => &mut user["attributes"][name],
        };
        let value = plain_text(place).into_owned();
        *place = format!("{value} (set here)").trim_start().into();
    }
}

/// Whom the user's references mean. What a connector refers with is in its plugin's manifest; of one that is no longer
/// configured nobody knows.
fn referenced(
    config: &Config,
    reader: &dyn Reader,
    user: &UserEntry,
) -> Result<BTreeMap<String, Referenced>, Failure> {
    let mut found = BTreeMap::new();
    let Ok(connector) = config.connector(&user.connector) else { return Ok(found) };
    // A plugin folder that can't be read is no reason not to show somebody.
    let Ok(library) = installed::find(&config.plugins) else { return Ok(found) };
    let choice = &connector.plugin;
    let Ok(plugin) = library.find(&choice.name, choice.version.as_deref(), choice.sha256.as_deref()) else {
        return Ok(found);
    };
    for ReferenceRule { name, .. } in &plugin.manifest.reference {
        let key = user.value(name).and_then(|value| u32::try_from(value.as_i64()?).ok());
        let Some(other) = key.map(|key| reader.user(UserKey(key))).transpose()?.flatten() else { continue };
        let UserEntry { key: UserKey(key), user_name, display_name, .. } = other;
        found.insert(name.clone(), Referenced { key, user_name, display_name });
    }
    Ok(found)
}

/// The one user who is meant.
pub(super) fn named(reader: &dyn Reader, who: &str) -> Result<UserEntry, Failure> {
    let found = find_users(reader, who)?;
    only(found, "user", who, |user| format!("{} ({})", user.user_name, user.external_id))
}
