//! The store in one SQLite file.

mod backup;
mod compact;
mod file;
mod health;
mod open;
mod past;
mod reader;
mod told;
mod writer;

pub use backup::{BackupError, Contents, Restored, restore};
pub use health::{Health, Writing};
pub use open::SqliteStore;
