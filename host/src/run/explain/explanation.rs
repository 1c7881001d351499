use serde::Serialize;
use serde_json::Value as Json;

use crate::run::trial::Trial;

/// The answer, with all that it rests on. As JSON, what `rollcall explain --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Explanation {
    pub connector: String,
    /// Who was asked about.
    pub asked: String,
    /// What they are called: in the directory, else at the provider, else as asked.
    pub name: String,
    pub whereabouts: Whereabouts,
    /// The answer in one sentence.
    pub answer: String,
    /// What to do next, or that nothing is to be done.
    pub next: String,
    /// What the provider gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider: Option<Given>,
    /// What the transforms do to that now, step by step; nothing where there are none, or nobody was read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rules: Option<Trial>,
    /// The entry of the directory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub entry: Option<Json>,
    /// Where the entry is not what the provider and the rules give.
    pub differences: Vec<Difference>,
    /// Groups at the provider and in the directory, by name.
    pub groups: Vec<GroupReason>,
    /// Whatever else decides about them: cleanup, what waits, protection, problems.
    pub facts: Vec<Fact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_change: Option<LastChange>,
    /// Names like the one that nobody has.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub nearest: Vec<String>,
}

/// Where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whereabouts {
    /// In the directory, and active.
    Active,
    /// In the directory, and not active.
    Disabled,
    /// Read from the provider, and not in the directory.
    LeftOut,
    /// Was in the directory, and was deleted.
    Deleted,
    /// A local entry.
    Local,
    /// The entry is another connector's, and the connector asked about does not know the person.
    OtherConnector,
    Unknown,
}

/// What the provider gave.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Given {
    pub id: String,
    pub user_name: String,
    pub active: bool,
    /// The provider's word for it, where it has one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// The latest run that read anything: what is told here is as of then.
    pub read: Option<Seen>,
    /// The first run that no longer found them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub absent_since: Option<Seen>,
    /// Groups whose members are not read, because rules drop them: they may be in these.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unread_groups: Vec<String>,
}

/// A run, and when it began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seen {
    pub run: i64,
    pub at: String,
}

/// A field or attribute of the entry that is not what it would be made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Difference {
    pub what: String,
    /// What provider and rules give; null is nothing.
    pub given: Json,
    /// What the directory has.
    pub shown: Json,
    pub why: String,
}

/// One group, and why they are in it or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct GroupReason {
    pub name: String,
    /// In the directory.
    pub member: bool,
    pub why: String,
}

/// Something that decides about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Fact {
    /// `cleanup`, `conflict`, `held`, `protected`, `paused`, `problem`.
    pub about: &'static str,
    pub text: String,
}

/// What the latest run did that changed them, as far as it is kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LastChange {
    pub run: i64,
    pub at: String,
    /// `create`, `disable`, `joins Sales`, …
    pub what: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
