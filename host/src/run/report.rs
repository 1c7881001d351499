//! What a run tells at its end: kept with the run, printed by the CLI.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::extent::Extent;
use crate::model::{PluginError, Problem, ReferenceRule, Subject};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was applied.
    Done,
    /// Everything was applied except for the entries named in the problems, which stayed as they were.
    Problems,
    /// Changes wait for a person: see [`HeldReport`] for whether the rest was applied.
    Held,
    /// Nothing was applied.
    Failed,
    /// Nothing was applied, because someone stopped the run.
    Cancelled,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Done => "done",
            Outcome::Problems => "problems",
            Outcome::Held => "held",
            Outcome::Failed => "failed",
            Outcome::Cancelled => "cancelled",
        }
    }
}

/// Users or groups of a run. `created` to `unchanged` count directory entries; one entry can be both renamed and
/// updated.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records that the provider gave.
    pub seen: u64,
    pub created: u64,
    pub updated: u64,
    pub renamed: u64,
    pub disabled: u64,
    pub enabled: u64,
    /// Deleted.
    pub removed: u64,
    #[serde(default)]
    pub anonymized: u64,
    pub unchanged: u64,
    /// Entries of which something is held; the rest of it may be changed.
    #[serde(default)]
    pub held: u64,
    /// Entries of this connector that a complete reading did not return. Cleanup decides.
    pub absent: u64,
    /// Records that rules keep out of the directory, or whose entries another connector holds.
    pub dropped: u64,
    /// Records that could not be read, shaped or named: see the problems. Their entries stay as they are.
    pub skipped: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembershipCounts {
    pub seen: u64,
    pub created: u64,
    pub removed: u64,
    pub unchanged: u64,
    #[serde(default)]
    pub held: u64,
    /// Groups whose members could not be read: their memberships stay as they were.
    pub unknown: u64,
    /// Memberships that name a user nobody read.
    pub ignored: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestCounts {
    /// Attempts that went out.
    pub sent: u64,
    /// Of those, repeats of a failed attempt.
    pub retried: u64,
    /// Pages that an earlier, interrupted collection had read already.
    pub resumed: u64,
    /// Groups whose members were not asked for, because the provider says that they are as they were.
    #[serde(default, skip_serializing_if = "is_none")]
    pub groups_unchanged: u64,
}

fn is_none(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Milliseconds {
    /// Spent waiting for the provider's rate limit and between retries.
    pub waited: u64,
    pub total: u64,
}

/// Something that stayed as it was, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedProblem {
    /// `user`, `group` or `run`.
    pub kind: String,
    /// The provider's id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    pub code: String,
    pub message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An entry by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamedEntry {
    /// `user` or `group`.
    pub kind: String,
    pub id: String,
    pub name: String,
}

/// An entry that cleanup will change, or would but for something, and that stays as it is in this run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Leaving {
    /// `user` or `group`.
    pub kind: String,
    pub id: String,
    pub name: String,
    /// Why it leaves: `no longer returned since run 12`.
    pub reason: String,
    /// Why it stays for now: `missing for 1 of 3 runs; then disabled`.
    pub stays: String,
}

/// A person or group whom rules keep out of the directory, or whose entry another connector holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LeftOut {
    /// `user` or `group`.
    pub kind: String,
    /// As the provider has it.
    pub name: String,
    /// The provider's.
    pub id: String,
    /// Which transform, and why: what the admin wrote, or what the rule is.
    pub reason: String,
}

/// References between people of one kind, such as their managers. Only those of people in the directory count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReferenceCounts {
    /// What the directory calls it: `manager`.
    pub name: String,
    /// What of the other person it holds: `id`, `userName`, `email`, or the name of an attribute.
    pub key: String,
    /// Those that lead to somebody in the directory.
    pub found: u64,
    /// Those that lead to nobody there: these people are without the attribute.
    pub unresolved: u64,
    /// The first of these.
    pub listed: Vec<UnresolvedReference>,
}

/// A reference that leads to nobody in the directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UnresolvedReference {
    /// Whose reference it is.
    pub user: String,
    /// The provider's id.
    pub id: String,
    pub value: String,
    /// `nobody`: no person has that key; `several`: more than one has; `left-out`: that person is not in the directory.
    pub why: String,
}

impl ReferenceCounts {
    pub fn new(rule: &ReferenceRule) -> Self {
        let (name, key) = (rule.name.clone(), rule.key.clone());
        Self { name, key, found: 0, unresolved: 0, listed: Vec::new() }
    }

    /// True while another one would be listed.
    pub fn lists(&self) -> bool {
        self.listed.len() < RunReport::LISTED
    }
}

/// What a run held back.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldReport {
    /// Whether everything else was applied; false where the configuration says that all of it is held.
    pub applied: bool,
    /// One sentence for each limit that the plan is over.
    pub reasons: Vec<String>,
    /// Held changes of entries.
    pub changes: u64,
    /// Held memberships.
    pub memberships: u64,
    /// All of it is held because the connector is paused: see [`Pause`](crate::directory::Pause).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paused: bool,
    /// The entries, each with what would happen to it, up to [`RunReport::LISTED`].
    pub objects: Vec<HeldEntry>,
}

/// An entry of which something is held.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldEntry {
    /// `disable`, `delete`, `remove-member`, …
    pub change: String,
    /// `user` or `group`.
    pub kind: String,
    pub name: String,
    /// How many memberships, of a group's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<u64>,
}

/// Why a run failed, as the command line tells it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportedError {
    pub message: String,
    pub causes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// What a run tells at its end. As JSON, what `sync --json` prints.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReport {
    pub connector: String,
    /// Nothing for a plan, which is not kept.
    pub run: Option<i64>,
    pub mode: String,
    /// Why everything was read where it could have been only what changed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everything_because: Option<String>,
    /// Why only what changed was read where it could have been everything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes_because: Option<String>,
    /// When the reading was recorded, for a run that repeated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Timestamp>,
    /// The run that this one, a rollback, undid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undid: Option<i64>,
    pub outcome: Outcome,
    pub users: Counts,
    pub groups: Counts,
    pub memberships: MembershipCounts,
    pub requests: RequestCounts,
    pub milliseconds: Milliseconds,
    pub problems: Vec<ReportedProblem>,
    /// Problems beyond the listed ones.
    pub further_problems: u64,
    /// What somebody should know and nothing failed at, up to [`LISTED`](Self::LISTED): names that were held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<ReportedProblem>,
    /// Entries that a complete reading no longer returned, up to [`LISTED`](Self::LISTED).
    pub absent: Vec<NamedEntry>,
    /// Whom cleanup leaves as they are for now, up to [`LISTED`](Self::LISTED).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<Leaving>,
    /// Those beyond the listed ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub further_leaving: u64,
    /// Where the connector has references between people, and any person has one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<ReferenceCounts>,
    /// Whom rules keep out and whose entries others hold, up to [`LISTED`](Self::LISTED): groups, then people, in the order of their names.
    #[serde(default)]
    pub left_out: Vec<LeftOut>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<HeldReport>,
    /// Limits that the run was over and that somebody let it pass.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overridden: Vec<String>,
    /// Entries that somebody approved beforehand, and from which the run took something: `user ann`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approved: Vec<String>,
    /// What did not happen to protected entries, up to [`LISTED`](Self::LISTED).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ReportedError>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl RunReport {
    /// How many problems, absent entries and people left out a report names, so that a broken organisation does not fill the
    /// database.
    pub const LISTED: usize = 1000;

    /// Whether the run was for everything: also one that was to read changes, and could not be sure of them.
    pub fn read_everything(&self) -> bool {
        self.mode == Extent::Full.mode() || self.everything_because.is_some()
    }

    pub fn new(connector: &str, mode: &str) -> Self {
        Self {
            connector: connector.to_owned(),
            run: None,
            mode: mode.to_owned(),
            everything_because: None,
            changes_because: None,
            replayed: None,
            undid: None,
            outcome: Outcome::Failed,
            users: Counts::default(),
            groups: Counts::default(),
            memberships: MembershipCounts::default(),
            requests: RequestCounts::default(),
            milliseconds: Milliseconds::default(),
            problems: Vec::new(),
            further_problems: 0,
            notices: Vec::new(),
            absent: Vec::new(),
            leaving: Vec::new(),
            further_leaving: 0,
            references: Vec::new(),
            left_out: Vec::new(),
            held: None,
            overridden: Vec::new(),
            approved: Vec::new(),
            protected: Vec::new(),
            error: None,
        }
    }

    /// True when the run changed, or would change, anything.
    pub fn changes_anything(&self) -> bool {
        let entries = |c: &Counts| {
            c.created + c.updated + c.renamed + c.disabled + c.enabled + c.removed + c.anonymized
        };
        entries(&self.users) + entries(&self.groups) + self.memberships.created + self.memberships.removed > 0
    }

    pub fn add_leaving(&mut self, leaving: Leaving) {
        if self.leaving.len() < Self::LISTED {
            self.leaving.push(leaving);
        } else {
            self.further_leaving += 1;
        }
    }

    pub fn add_left_out(&mut self, left_out: LeftOut) {
        if self.left_out.len() < Self::LISTED {
            self.left_out.push(left_out);
        }
    }

    pub fn add_notice(&mut self, notice: ReportedProblem) {
        if self.notices.len() < Self::LISTED {
            self.notices.push(notice);
        }
    }

    pub fn add_problem(&mut self, problem: ReportedProblem) {
        if self.problems.len() < Self::LISTED {
            self.problems.push(problem);
        } else {
            self.further_problems += 1;
        }
    }
}

impl ReportedProblem {
    pub fn new(subject: Option<&Subject>, name: Option<&str>, error: &PluginError) -> Self {
        let (kind, id) = match subject {
            Some(Subject::User(id)) => ("user", Some(id.clone())),
            Some(Subject::Group(id)) => ("group", Some(id.clone())),
            None => ("run", None),
        };
        Self {
            kind: kind.to_owned(),
            id,
            name: name.map(str::to_owned),
            code: error.code.clone(),
            message: error.with_references(),
            hint: error.hint.clone(),
        }
    }
}

impl ReportedProblem {
    /// `user ann (00u1): why`.
    pub fn line(&self) -> String {
        match (&self.name, &self.id) {
            (Some(name), Some(id)) => format!("{} {name} ({id}): {}", self.kind, self.message),
            (Some(name), None) => format!("{} {name}: {}", self.kind, self.message),
            (None, Some(id)) => format!("{} {id}: {}", self.kind, self.message),
            (None, None) => self.message.clone(),
        }
    }
}

impl From<&Problem> for ReportedProblem {
    fn from(problem: &Problem) -> Self {
        Self::new(problem.subject.as_ref(), None, &problem.error)
    }
}

impl ReportedError {
    /// The error with its chain of causes; a cause that the text before it already says is left out.
    pub fn new(error: &(dyn std::error::Error + 'static), hint: Option<String>) -> Self {
        let message = error.to_string();
        let mut causes: Vec<String> = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !message.contains(&text) && !causes.iter().any(|said| said.contains(&text)) {
                causes.push(text);
            }
            source = cause.source();
        }
        Self { message, causes, hint }
    }
}
