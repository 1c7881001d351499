use std::fmt;

use super::stop::StopReason;
use crate::model::{
    Attribute, Group, GroupVerdict, Manifest, Page, Person, PluginError, Request, Response, Scope, Verdict,
};

/// Which plugin, exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    pub name: String,
    pub version: String,
    /// Lower-case hex SHA-256 of the component.
    pub sha256: String,
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.version)
    }
}

/// A configured source. Calls block: make them on a blocking thread, as many at a time as there are cores.
pub trait Source: Send + Sync {
    fn identity(&self) -> &Identity;
    fn manifest(&self) -> &Manifest;
    /// The first requests of a run.
    fn plan(&self, scope: &Scope, known: &[Attribute]) -> Result<Vec<Request>, CallError>;
    /// What a response says. Takes it: a body can be megabytes, and nobody needs it afterwards.
    fn decode(&self, request: &Request, response: Response) -> Result<Page, CallError>;
}

/// A configured transform. Calls block, like a [`Source`]'s.
pub trait Transform: Send + Sync {
    fn identity(&self) -> &Identity;
    /// One verdict for each group, in order.
    fn shape_groups(&self, groups: &[Group]) -> Result<Vec<GroupVerdict>, CallError>;
    /// One verdict for each person, in order.
    fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError>;
}

/// Why a call into a plugin gave no result. Each names the plugin.
#[derive(Debug, thiserror::Error)]
pub enum CallError {
    /// The plugin answered with an error of its own.
    #[error("{}", error.with_references())]
    Answered { plugin: Box<Identity>, error: PluginError },
    /// The plugin stopped: a trap, a panic, a limit. The store was thrown away.
    #[error("plugin {plugin} stopped in {function}: {reason}")]
    Stopped { plugin: Box<Identity>, function: &'static str, reason: StopReason },
}

impl CallError {
    /// The code of the plugin's own error.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Answered { error, .. } => Some(&error.code),
            Self::Stopped { .. } => None,
        }
    }

    /// What the plugin said, if it answered.
    pub fn message(&self) -> Option<&str> {
        match self {
            Self::Answered { error, .. } => Some(&error.message),
            Self::Stopped { .. } => None,
        }
    }

    /// What an admin can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Answered { error, .. } => error.hint.clone(),
            Self::Stopped { reason, .. } => reason.hint(),
        }
    }
}
