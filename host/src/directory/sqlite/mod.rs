//! The store in one SQLite file.

mod file;
mod health;
mod open;
mod reader;
mod told;
mod writer;

pub use health::{Health, Writing};
pub use open::SqliteStore;
