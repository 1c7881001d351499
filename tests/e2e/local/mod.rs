//! What people make here, beside what connectors give.

mod edits;
mod import;
mod keep;
mod managed;
