use jiff::Timestamp;
use serde::Serialize;

use crate::config::Occasion;

/// What somebody is told, as one JSON object. It names no people: it leaves the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Event {
    pub event: EventKind,
    pub connector: String,
    /// Nothing for a run that could not begin, and for silence.
    pub run: Option<i64>,
    pub at: Timestamp,
    /// One sentence.
    pub message: String,
    /// Why, the nearest first.
    pub causes: Vec<String>,
    pub hint: Option<String>,
    /// People and groups that a run could not read, shape or name.
    pub problems: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EventKind {
    Failed,
    Held,
    Problems,
    Recovered,
    /// No run succeeded for as long as `alert-after-hours` says.
    Silent,
}

impl EventKind {
    pub fn as_str(self) -> &'static str {
        match self {
            EventKind::Failed => Occasion::Failed.as_str(),
            EventKind::Held => Occasion::Held.as_str(),
            EventKind::Problems => Occasion::Problems.as_str(),
            EventKind::Recovered => Occasion::Recovered.as_str(),
            EventKind::Silent => "silent",
        }
    }
}

impl From<Occasion> for EventKind {
    fn from(occasion: Occasion) -> Self {
        match occasion {
            Occasion::Failed => EventKind::Failed,
            Occasion::Held => EventKind::Held,
            Occasion::Problems => EventKind::Problems,
            Occasion::Recovered => EventKind::Recovered,
        }
    }
}
