use clap::Args;

use super::report::Failure;
use crate::config::{Config, Directory};

/// For commands that work on one directory.
#[derive(Debug, Args)]
pub(super) struct DirectoryArguments {
    /// The directory of [directory.NAME], instead of that of [directory].
    #[arg(long, value_name = "NAME")]
    pub directory: Option<String>,
}

impl DirectoryArguments {
    /// The directory that is meant; where a connector is named, and no directory, it is the connector's.
    pub fn of<'c>(&self, config: &'c Config, connector: Option<&str>) -> Result<&'c Directory, Failure> {
        Ok(match (&self.directory, connector) {
            (None, Some(connector)) => config.directory_of(connector),
            (name, _) => config.directory(name.as_deref())?,
        })
    }
}
