use serde::{Deserialize, Serialize};

use super::record::{Group, Problem, User};

/// A group that a person is in.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct GroupRef {
    /// The provider's id; nothing for a group that a transform made up.
    pub id: Option<String>,
    pub name: String,
}

/// A user with their groups: what a transform shapes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Person {
    pub user: User,
    pub groups: Vec<GroupRef>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum GroupVerdict {
    Keep(Group),
    /// Rules may read the membership, but applications don't see the group.
    Hide(Group),
    /// The reason. The group's members are never requested.
    Drop(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Keep(Person),
    /// Out of scope, and why: cleanup decides what happens to an existing entry.
    Drop(String),
    /// Stays as it is, and is reported.
    Skip(Problem),
}
