use jiff::Timestamp;
use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use crate::directory::Change;
use crate::http::Provenance;
use crate::run::report::RunReport;

/// Rises with every change that an older reader would misread.
pub(super) const FORMAT: u32 = 1;

/// A line of a plan's file: the header, changes by the order of the plan, memberships by group, what is held, the end.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    Plan(Box<Header>),
    Change(Change),
    Members(Members),
    HeldChange(Held<Change>),
    HeldMembers(Held<Members>),
    End(End),
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Header {
    pub format: u32,
    /// Version of the program that made it.
    pub rollcall: String,
    pub made: Timestamp,
    /// The directory's identity.
    pub directory: String,
    /// The connector's last run that read everything; nothing when there was none.
    pub after: Option<i64>,
    pub from: Provenance,
    /// Tells the connector's policy from another.
    pub policy: String,
    /// What the plan told.
    pub report: RunReport,
}

/// The part of a header that every format has.
#[derive(Debug, Deserialize)]
pub(super) struct AnyHeader {
    pub plan: AnyFormat,
}

#[derive(Debug, Deserialize)]
pub(super) struct AnyFormat {
    pub format: u32,
    pub rollcall: String,
}

/// Who comes into a group and who leaves it, by keys.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Members {
    pub group: u32,
    /// Whose memberships they are.
    pub connector: String,
    pub added: Vec<u32>,
    pub removed: Vec<u32>,
}

/// What the plan would hold, and why.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Held<T> {
    pub reason: String,
    pub change: T,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct End {
    /// How many there are before this one.
    pub lines: u64,
    /// Of these, line ends included, in hexadecimal.
    pub blake3: String,
}

pub(super) fn keys(members: &RoaringBitmap) -> Vec<u32> {
    members.iter().collect()
}
