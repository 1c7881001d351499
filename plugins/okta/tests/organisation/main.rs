//! Whole runs against an organisation that answers as Okta does.

mod fake;
mod full;
mod probe;
mod required;
mod trouble;
