use std::fmt;

use super::change::EntryKind;
use super::entry::UserKey;
use super::store::{ConnectorId, RunId};

/// Since when a connector is paused, and by what. Its syncs hold all that they plan until somebody approves it or ends
/// the pause, and no schedule starts one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pause {
    /// RFC 3339.
    pub since: String,
    /// The rollback that the next sync would take back; nothing where a person paused it.
    pub run: Option<RunId>,
}

/// `paused since 2026-07-30T10:00:00Z by run 13, a rollback`.
impl fmt::Display for Pause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "paused since {}", self.since)?;
        match self.run {
            Some(run) => write!(f, " by run {}, a rollback", run.0),
            None => write!(f, " by hand"),
        }
    }
}

/// What a run did to an id under which a connector knows an entry of another one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasChange {
    pub connector: ConnectorId,
    pub entry: EntryKind,
    pub id: String,
    /// The key of the entry; nothing where the id led to none.
    pub before: Option<u32>,
    pub after: Option<u32>,
}

/// What a run did to the mark that a field or attribute was set here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptChange {
    pub user: UserKey,
    pub name: String,
    /// Whether it has the mark afterwards.
    pub kept: bool,
}
