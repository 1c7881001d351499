//! Reads users, groups and memberships from an Okta organisation.
//!
//! A full run lists all users, those deactivated too, and all groups in scope with the number of their members;
//! for each group that has any, it reads their ids. [`Okta`] tells which page leads to which. Where settings
//! require groups, people come from those groups' members instead of the listing of users; where they name an
//! application, people and groups are those assigned to it. A run of changes reads whom and what Okta says was changed,
//! and from its log what was deleted. A run for one person reads that person and their groups.
//!
//! What must never happen is that something unread looks like something gone. So a list ends only where Okta
//! sends no link to a next page; a group that can't be read is unknown and not empty; a user of a strange shape
//! or status is a problem of that user; and an answer that nobody can vouch for ends the run.
//!
//! How Okta behaves is from its documentation and OpenAPI document (2026.06.3) and from recorded traffic.

mod app;
mod ask;
mod changes;
mod groups;
mod logs;
mod members;
mod person;
mod probe;
mod profile;
mod ranges;
mod refusal;
mod required;
mod scope;
mod settings;
mod source;
mod status;
mod users;

pub use settings::{AppNames, ChangesSettings, GroupSettings, Settings, Timestamp, UserSettings};
pub use source::Okta;

rollcall_plugin::export_source!(Okta);
