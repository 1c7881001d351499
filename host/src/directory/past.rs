use super::change::{Change, MembershipChange};
use super::entry::GroupKey;
use super::store::RunId;

/// Something that a run did to one entry.
#[derive(Debug, Clone, PartialEq)]
pub struct Past {
    pub run: RunId,
    pub what: PastWhat,
}

/// What it did.
#[derive(Debug, Clone, PartialEq)]
pub enum PastWhat {
    Changed(Change),
    /// Of a user: came into the group, or left it.
    Joined(GroupKey),
    Left(GroupKey),
    /// Of a group: who came and who left.
    Members(MembershipChange),
}

/// An entry that is not, or no longer, known by what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Former {
    pub key: u32,
    /// The last one that is kept.
    pub name: String,
    /// The provider's, where a kept change tells it.
    pub external_id: Option<String>,
    /// Whether the entry is no longer there.
    pub gone: bool,
}

/// A run that the history still has, as pruning looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptRun {
    pub run: RunId,
    pub connector: String,
    pub started_at: String,
    /// Why it stays whatever its age: it is at work, the latest, the latest that was applied, or something of it waits
    /// for a person.
    pub needed: bool,
}
