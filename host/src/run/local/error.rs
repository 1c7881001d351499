use std::fmt;

use crate::directory::{GroupEntry, LOCAL, StoreError, UserEntry};
use crate::run::error::RunError;

/// Why nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("{file} has {}: nothing was imported", number(mistakes))]
    File { file: String, mistakes: Vec<Mistake> },
    #[error("there is no user {name:?} in the directory")]
    NoUser { name: String },
    #[error("there is no group {name:?} in the directory")]
    NoGroup { name: String },
    #[error("the user name {name:?} belongs to {holder}")]
    TakenUser { name: String, holder: String },
    #[error("the group name {name:?} belongs to {holder}")]
    TakenGroup { name: String, holder: String },
    #[error(
        "user {user:?} is connector {connector}'s, and `{name}` of its users is not kept as it is set here"
    )]
    NotKept { user: String, connector: String, name: String },
    #[error("`{name}` of user {user:?} was not set here")]
    NotSet { user: String, name: String },
    #[error("{what} {name:?} is connector {connector}'s")]
    NotLocal { what: &'static str, name: String, connector: String },
    #[error("group {name:?} has members that connectors gave")]
    Filled { name: String },
    #[error("`{name}` can't be {value:?}: {why}")]
    Value { name: String, value: String, why: &'static str },
    #[error("`{name}` can't be set: {why}")]
    Field { name: String, why: &'static str },
    #[error("{name:?} can't be the name of a {what}: {why}")]
    Name { what: &'static str, name: String, why: &'static str },
    #[error(transparent)]
    Run(#[from] RunError),
}

impl From<StoreError> for LocalError {
    fn from(error: StoreError) -> Self {
        LocalError::Run(error.into())
    }
}

impl LocalError {
    /// What an admin can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            LocalError::File { .. } | LocalError::Value { .. } | LocalError::Name { .. } => None,
            LocalError::NoUser { .. } => Some("`rollcall users TEXT` finds a part of a name".to_owned()),
            LocalError::NoGroup { name } => Some(format!(
                "`rollcall local group create {name:?}` makes it; `rollcall groups TEXT` finds others"
            )),
            LocalError::TakenUser { .. } | LocalError::TakenGroup { .. } => {
                Some("names are unique whatever their case: choose another one".to_owned())
            }
            LocalError::NotKept { name, .. } if name == "active" => {
                Some("whether somebody is active is always the provider's".to_owned())
            }
            LocalError::NotKept { connector, name, .. } => Some(format!(
                "`keep-local = [\"{name}\"]` under [connector.{connector}.entries] allows it; otherwise set it at the provider"
            )),
            LocalError::NotSet { user, .. } => {
                Some(format!("`rollcall user {user}` shows what was: it says \"set here\""))
            }
            LocalError::NotLocal { what: "user", connector, .. } => Some(format!(
                "only local users can be removed here; [connector.{connector}] decides about its own"
            )),
            LocalError::NotLocal { connector, .. } => Some(format!(
                "only local groups can be deleted here; [connector.{connector}] decides about its own"
            )),
            LocalError::Filled { .. } => Some("it can be deleted when they no longer do".to_owned()),
            LocalError::Field { .. } => Some(
                "userName, displayName, givenName, familyName, email, active, or an attribute".to_owned(),
            ),
            LocalError::Run(error) => error.hint(),
        }
    }

    /// The mistakes of a file.
    pub fn mistakes(&self) -> &[Mistake] {
        match self {
            LocalError::File { mistakes, .. } => mistakes,
            _ => &[],
        }
    }
}

fn number(mistakes: &[Mistake]) -> String {
    match mistakes.len() {
        1 => "a mistake".to_owned(),
        number => format!("{number} mistakes"),
    }
}

/// What is wrong in a file of people, and where.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// From 1: where the record begins.
    pub line: u64,
    /// The column's name, where it is about one.
    pub column: Option<String>,
    pub message: String,
    pub hint: Option<String>,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}", self.line)?;
        if let Some(column) = &self.column {
            write!(f, ", column {column}")?;
        }
        write!(f, ": {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, " ({hint})"),
            None => Ok(()),
        }
    }
}

pub(super) fn describe_user(entry: &UserEntry) -> String {
    match entry.connector.as_str() {
        LOCAL => format!("local user {:?}", entry.user_name),
        connector => format!("user {:?} ({}, connector {connector})", entry.user_name, entry.external_id),
    }
}

pub(super) fn describe_group(entry: &GroupEntry) -> String {
    match entry.connector.as_str() {
        LOCAL => format!("local group {:?}", entry.name),
        connector => format!("group {:?} (connector {connector})", entry.name),
    }
}
