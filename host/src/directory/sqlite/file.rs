//! The database's file, and what it means when something is wrong with it.

use std::fs::OpenOptions;
use std::io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem, StorageFull};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::ErrorCode;

use crate::directory::StoreError;

/// The file's name and how long it is waited for, for errors.
#[derive(Debug, Clone)]
pub(super) struct DatabaseFile {
    pub(super) path: PathBuf,
    /// How long to wait for another program's transaction.
    pub(super) patience: Duration,
}

impl DatabaseFile {
    pub(super) fn name(&self) -> String {
        self.path.display().to_string()
    }

    pub(super) fn error(&self, action: &'static str, source: rusqlite::Error) -> StoreError {
        match source.sqlite_error_code() {
            Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => self.corrupt(source.to_string()),
            Some(ErrorCode::DiskFull) => StoreError::Full { path: self.name() },
            Some(ErrorCode::ReadOnly) => {
                StoreError::ReadOnly { path: self.name(), source: told_once(source) }
            }
            Some(ErrorCode::DatabaseBusy) => {
                StoreError::Locked { path: self.name(), action, seconds: self.patience.as_secs() }
            }
            _ => StoreError::Database { path: self.name(), action, source: told_once(source) },
        }
    }

    pub(super) fn io(&self, action: &'static str, source: std::io::Error) -> StoreError {
        match source.kind() {
            StorageFull => StoreError::Full { path: self.name() },
            PermissionDenied | ReadOnlyFilesystem => {
                StoreError::ReadOnly { path: self.name(), source: source.into() }
            }
            _ => StoreError::Database { path: self.name(), action, source: source.into() },
        }
    }

    pub(super) fn corrupt(&self, what: impl Into<String>) -> StoreError {
        StoreError::Corrupt { path: self.name(), what: what.into() }
    }
}

/// What SQLite says, with the number that tells what it means by that: its own text is the same for every fault of a
/// disk. Its cause would say the same again.
fn told_once(error: rusqlite::Error) -> Box<dyn std::error::Error + Send + Sync> {
    match error {
        rusqlite::Error::SqliteFailure(code, Some(text)) => {
            format!("{text} (SQLite code {})", code.extended_code).into()
        }
        error => error.into(),
    }
}

/// An empty file that only its owner can read: the directory holds personal data.
pub(super) fn create_private(path: &Path) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    match options.open(path) {
        // A read-only file still opens for reading; SQLite says so when something is written.
        Err(error) if matches!(error.kind(), PermissionDenied | ReadOnlyFilesystem) && path.exists() => {
            Ok(())
        }
        other => other.map(|_| ()),
    }
}
