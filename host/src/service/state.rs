use std::io;
use std::path::Path;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::run::WorkFolder;
use crate::whole_file;

/// What `rollcall serve` leaves for `rollcall status`, in the work folder. It counts only while its process holds the
/// service's lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct State {
    pub process: u32,
    pub since: Timestamp,
    /// What is in the files, and not in force.
    pub refused: Option<Refusal>,
}

/// An edited configuration, or a replaced plugin, that can't be used.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    pub since: Timestamp,
    pub reason: String,
}

const NAME: &str = "_serve.json";

impl State {
    /// Of the service that is at work on the database; nothing if there is none.
    pub fn of(database: &Path) -> Option<Self> {
        let process = WorkFolder::serving(database)?;
        let text = std::fs::read_to_string(WorkFolder::path_beside(database).join(NAME)).ok();
        let state: Option<Self> = text.and_then(|text| serde_json::from_str(&text).ok());
        state.filter(|state| state.process == process)
    }

    pub(super) fn leave(&self, work: &WorkFolder) -> io::Result<()> {
        let text = serde_json::to_vec(self).map_err(io::Error::other)?;
        whole_file::write(&work.path().join(NAME), &[&text], whole_file::Place::Any(None))
    }
}
