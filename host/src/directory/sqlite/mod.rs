//! The store in one SQLite file.

mod file;
mod open;
mod reader;
mod writer;

pub use open::SqliteStore;
