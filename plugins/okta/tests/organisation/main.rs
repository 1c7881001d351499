//! Whole runs against an organisation that answers as Okta does.

mod app;
mod changes;
mod fake;
mod full;
mod person;
mod probe;
mod ranges;
mod required;
mod search;
mod trouble;
