//! What a run tells at its end: kept with the run, printed by the CLI.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::{PluginError, Problem, Subject};

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Everything was applied.
    Done,
    /// Everything was applied except for the entries named in the problems, which stayed as they were.
    Problems,
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
    /// Entries of this connector that a complete reading did not return. Cleanup decides.
    pub absent: u64,
    /// Records that rules keep out of the directory.
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
    /// When the reading was recorded, for a run that repeated one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replayed: Option<Timestamp>,
    pub outcome: Outcome,
    pub users: Counts,
    pub groups: Counts,
    pub memberships: MembershipCounts,
    pub requests: RequestCounts,
    pub milliseconds: Milliseconds,
    pub problems: Vec<ReportedProblem>,
    /// Problems beyond the listed ones.
    pub further_problems: u64,
    /// Entries that a complete reading no longer returned, up to [`LISTED`](Self::LISTED).
    pub absent: Vec<NamedEntry>,
    /// Whom cleanup leaves as they are for now, up to [`LISTED`](Self::LISTED).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub leaving: Vec<Leaving>,
    /// Those beyond the listed ones.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub further_leaving: u64,
    /// What else there is to say, a sentence each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<ReportedError>,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

impl RunReport {
    /// How many problems and absent entries a report names, so that a broken organisation does not fill the
    /// database.
    pub const LISTED: usize = 1000;

    pub fn new(connector: &str, mode: &str) -> Self {
        Self {
            connector: connector.to_owned(),
            run: None,
            mode: mode.to_owned(),
            replayed: None,
            outcome: Outcome::Failed,
            users: Counts::default(),
            groups: Counts::default(),
            memberships: MembershipCounts::default(),
            requests: RequestCounts::default(),
            milliseconds: Milliseconds::default(),
            problems: Vec::new(),
            further_problems: 0,
            absent: Vec::new(),
            leaving: Vec::new(),
            further_leaving: 0,
            notes: Vec::new(),
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
