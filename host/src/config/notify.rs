use std::collections::BTreeSet;

use serde::Serialize;

use crate::http::WebhookUrl;

/// Who is told what without asking.
#[derive(Debug, Clone, PartialEq)]
pub struct Notify {
    /// A program and its arguments; none if empty.
    pub command: Vec<String>,
    pub webhook: Option<WebhookUrl>,
    pub on: BTreeSet<Occasion>,
}

/// What somebody may want to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Occasion {
    /// A run failed.
    Failed,
    /// A run holds changes back until a person has looked at them.
    Held,
    /// A run was applied, but for some people or groups.
    Problems,
    /// What was told before is over.
    Recovered,
}

impl Occasion {
    pub const ALL: [Occasion; 4] = [Self::Failed, Self::Held, Self::Problems, Self::Recovered];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Held => "held",
            Self::Problems => "problems",
            Self::Recovered => "recovered",
        }
    }
}

impl Default for Notify {
    /// Nobody. Problems are for those who read reports: most organisations always have some.
    fn default() -> Self {
        let on = [Occasion::Failed, Occasion::Held, Occasion::Recovered].into();
        Self { command: Vec::new(), webhook: None, on }
    }
}
