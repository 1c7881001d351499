use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::entries::{PastChange, fields, only, past_changes, told};
use super::exit::Exit;
use super::job::existing_store;
use super::output::Output;
use super::report::Failure;
use super::table::Table;
use crate::config::Config;
use crate::directory::{EntryKind, Reader, Store, StoreError, UserEntry, UserFilter, fold};

/// List the directory's users.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall users\n  \
    rollcall users --search smith --json")]
pub(super) struct UsersArguments {
    /// Only those that this connector gave.
    #[arg(long, value_name = "NAME")]
    connector: Option<String>,
    /// Only those with this text in user name, display name or e-mail address.
    #[arg(long, value_name = "TEXT")]
    search: Option<String>,
}

/// Show one user: fields, groups, latest changes.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall user ann@example.com\n  \
    rollcall user 00u1a2b3c4d5e6f7g8h9 --json")]
pub(super) struct UserArguments {
    /// User name, e-mail address or the provider's id.
    who: String,
}

/// A user as `--json` prints one.
#[derive(Debug, Serialize)]
struct WholeUser<'a> {
    user: Value,
    groups: &'a [String],
    changes: &'a [PastChange],
}

pub(super) fn list(arguments: &UsersArguments, path: &Path, output: Output) -> Result<Exit, Failure> {
    let config = Config::load(path)?;
    let mut store = existing_store(&config)?;
    let filter =
        UserFilter { connector: arguments.connector.clone(), active: None, text: arguments.search.clone() };
    let mut users = Vec::new();
    store.read()?.users(&filter, &mut |user| {
        users.push(user);
        true
    })?;
    let mut table = Table::new(["user name", "display name", "email", "active", "connector"]);
    for user in &users {
        table.row([
            user.user_name.clone(),
            user.display_name.clone().unwrap_or_default(),
            user.email.clone().unwrap_or_default(),
            if user.active { "yes".to_owned() } else { "no".to_owned() },
            user.connector.clone(),
        ]);
    }
    output.list(table, users.len(), "There is no such user.", || {
        users.iter().map(UserEntry::to_json).collect::<Vec<_>>()
    })?;
    Ok(Exit::Done)
}

pub(super) fn one(arguments: &UserArguments, path: &Path, output: Output) -> Result<Exit, Failure> {
    let config = Config::load(path)?;
    let mut store = existing_store(&config)?;
    let reader = store.read()?;
    let found = find(reader.as_ref(), &arguments.who)?;
    let user =
        only(found, "user", &arguments.who, |user| format!("{} ({})", user.user_name, user.external_id))?;
    let mut groups = Vec::new();
    for key in reader.groups_of(user.key)? {
        groups.extend(reader.group(key)?.map(|group| group.name));
    }
    groups.sort_by_key(|name| fold(name));
    let changes = past_changes(reader.as_ref(), EntryKind::User, user.key.0)?;
    output.result(
        || {
            let mut text = fields(&user.to_json());
            text.push_str(&format!("\n\nGroups ({}):", groups.len()));
            groups
                .iter()
                .for_each(|group| text.push_str(&format!("\n  {}", group.replace(char::is_control, " "))));
            text.push_str(&told(&changes));
            text
        },
        || WholeUser { user: user.to_json(), groups: &groups, changes: &changes },
    )?;
    Ok(Exit::Done)
}

/// By user name, else by id, else by e-mail address, which several people may share.
fn find(reader: &dyn Reader, who: &str) -> Result<Vec<UserEntry>, StoreError> {
    if let Some(user) = reader.user_by_name(&fold(who))? {
        return Ok(vec![user]);
    }
    let by_id = reader.users_by_id(who)?;
    if !by_id.is_empty() {
        return Ok(by_id);
    }
    let mut found = Vec::new();
    let filter = UserFilter { text: Some(who.to_owned()), ..UserFilter::default() };
    reader.users(&filter, &mut |user| {
        if user.email.as_deref().is_some_and(|email| fold(email) == fold(who)) {
            found.push(user);
        }
        true
    })?;
    Ok(found)
}
