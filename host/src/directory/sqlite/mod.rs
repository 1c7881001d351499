//! The store in one SQLite file.

mod compact;
mod file;
mod health;
mod open;
mod past;
mod reader;
mod told;
mod writer;

pub use health::{Health, Writing};
pub use open::SqliteStore;
