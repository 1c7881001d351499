use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;

use crate::config::{Notify, Schedule};
use crate::run::{Extent, Keep, RunReport, Turn};

/// A configuration that is in force, with its plugins. A run keeps the one that it began with.
#[async_trait]
pub trait Kit: Send + Sync + 'static {
    /// Of the connectors that have one with a time.
    fn schedules(&self) -> BTreeMap<String, Schedule>;

    /// Every connector, as the configuration states their order.
    fn order(&self) -> Vec<String>;

    fn notify(&self) -> &Notify;

    /// What of the history stays.
    fn keep(&self) -> Keep;

    /// The database of the directory that the connector fills: one of those that are served.
    fn database(&self, connector: &str) -> &Path;

    /// Everything is read, or what changed where that can be told, and the directory follows. A run that could not even begin is a report of a failure without
    /// a number. Ends soon when the process is told to stop, but never in the middle of applying.
    async fn run(&self, connector: &str, extent: Extent, turn: Turn) -> Result<RunReport, Skipped>;
}

/// Why there was no run, though one was due: nobody's fault.
#[derive(Debug, thiserror::Error)]
#[error("{reason}")]
pub struct Skipped {
    pub reason: String,
}

/// Why what is in the files can't be put in force, for people.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Refused {
    pub what: String,
}

/// Where kits are made, from files that somebody may change at any time. Its calls block.
pub trait Workshop: Send {
    type Kit: Kit;

    /// A hash of all that a kit is made of: it differs when a kit would.
    fn look(&mut self) -> [u8; 32];

    fn load(&mut self) -> Result<Arc<Self::Kit>, Refused>;
}
