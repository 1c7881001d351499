use std::path::Path;

use clap::Args;
use serde::Serialize;
use serde_json::Value;

use super::exit::Exit;
use super::job::existing_store;
use super::output::Output;
use super::report::Failure;
use super::runs::since;
use super::table::Table;
use crate::config::Config;
use crate::directory::{
    ChangeKind, EntryKind, Reader, RunId, Store, StoreError, UserEntry, UserFilter, fold,
};

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

/// A change of the past, the newest first.
#[derive(Debug, Serialize)]
pub(super) struct PastChange {
    pub run: i64,
    pub started_at: String,
    pub kind: &'static str,
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
    let mut found = find(reader.as_ref(), &arguments.who)?;
    let user = match (found.pop(), found.is_empty()) {
        (Some(user), true) => user,
        (None, _) => {
            return Err(Failure::new(
                Exit::Failed,
                format!("there is no user {:?} in the directory", arguments.who),
            )
            .with_hint(Some("`rollcall users --search TEXT` finds a part of a name")));
        }
        (Some(last), false) => {
            let names: Vec<String> = found
                .iter()
                .chain([&last])
                .map(|user| format!("{} ({})", user.user_name, user.external_id))
                .collect();
            return Err(Failure::new(
                Exit::Failed,
                format!("{:?} means several users: {}", arguments.who, names.join(", ")),
            )
            .with_hint(Some("name one by user name or id")));
        }
    };
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

/// The latest changes of an entry.
pub(super) fn past_changes(
    reader: &dyn Reader,
    entry: EntryKind,
    key: u32,
) -> Result<Vec<PastChange>, StoreError> {
    let changes = reader.last_changes(entry, key, 10)?;
    let past = |(run, started_at, kind): (RunId, String, ChangeKind)| PastChange {
        run: run.0,
        started_at,
        kind: kind.as_str(),
    };
    Ok(changes.into_iter().map(past).collect())
}

/// The latest changes, for people.
pub(super) fn told(changes: &[PastChange]) -> String {
    let mut text = "\n\nLatest changes:".to_owned();
    for change in changes {
        text.push_str(&format!("\n  {} in run {} ({})", change.kind, change.run, since(&change.started_at)));
    }
    text
}

/// The core fields, as a person looks for them; attributes come after them.
const FIRST: [&str; 11] = [
    "userName",
    "displayName",
    "givenName",
    "familyName",
    "email",
    "active",
    "description",
    "externalId",
    "connector",
    "key",
    "memberCount",
];

/// An entry's fields, one a line; attributes under their own names.
pub(super) fn fields(entry: &Value) -> String {
    let plain = |value: &Value| match value {
        Value::String(text) => text.replace(char::is_control, " "),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        other => other.to_string(),
    };
    let core = FIRST.iter().filter_map(|name| Some((*name, entry.get(name)?)));
    let attributes = entry.get("attributes").and_then(Value::as_object).into_iter().flatten();
    let attributes = attributes.map(|(name, value)| (name.as_str(), value));
    let rows: Vec<(&str, String)> =
        core.chain(attributes).map(|(name, value)| (name, plain(value))).collect();
    let width = rows.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default();
    let lines: Vec<String> = rows.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect();
    lines.join("\n")
}
