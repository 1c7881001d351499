use std::path::PathBuf;

use clap::Args;

/// Keeping what a run asked and was answered, and repeating it.
#[derive(Debug, Args)]
#[group(id = "tape", multiple = false)]
pub(super) struct TapeArguments {
    /// Keep what is asked and answered in this file.
    ///
    /// The file holds the data of all people and groups that are read, but no credential. It is JSON, one exchange a
    /// line, and compressed if its name ends in .gz. Everything is read anew, also what an interrupted run has read
    /// already.
    #[arg(long, value_name = "FILE")]
    record: Option<PathBuf>,
    /// Take the answers from a file that --record made, not from the provider.
    ///
    /// Nothing is sent, and the connector's secret is not read. The connector has to have the name, the endpoint and
    /// the plugin that it had when the file was made; settings, transforms and the plugin's version may differ.
    #[arg(long, value_name = "FILE")]
    replay: Option<PathBuf>,
}

/// What is wanted of a run's exchanges.
#[derive(Debug)]
pub(super) enum Tape {
    Record {
        file: PathBuf,
        overwrite: bool,
    },
    Replay {
        file: PathBuf,
        /// Apply it even if something newer was applied since.
        even_if_older: bool,
    },
}

impl TapeArguments {
    pub fn is_used(&self) -> bool {
        self.record.is_some() || self.replay.is_some()
    }

    pub fn tape(&self, force: bool) -> Option<Tape> {
        match (&self.record, &self.replay) {
            (Some(file), _) => Some(Tape::Record { file: file.clone(), overwrite: force }),
            (None, Some(file)) => Some(Tape::Replay { file: file.clone(), even_if_older: force }),
            (None, None) => None,
        }
    }
}
