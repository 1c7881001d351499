//! `rollcall.toml`: what an admin writes.
//!
//! ```toml
//! [directory]
//! path = "rollcall.db"
//!
//! [plugins]
//! path = "plugins"
//!
//! [connector.acme]
//! plugin = "okta"
//! endpoint = "acme.okta.com"
//! credential = { env = "OKTA_TOKEN" }
//!
//! [connector.acme.settings]
//! active-statuses = ["ACTIVE", "PROVISIONED"]
//!
//! [connector.acme.http]
//! share = 0.5
//! ```
//!
//! * `written` is the file as it is written, `check` turns it into the types that the rest of the host uses
//!   ([`Config`], [`Connector`], …), in which units are types, paths are resolved and every rule holds.
//! * Whatever is wrong is a [`Fault`] with line, column and the line itself. [`Config::fault`] makes one for
//!   rules that only others know, such as a plugin's settings schema.
//! * [`Config::effective`] is every value with where it comes from; [`schema`](schema()) is the file's JSON Schema, for editors.
//! * Secrets are never in the file: a credential says where its secret is, and an excerpt of a line that holds
//!   one all the same hides it.
//! * [`transfer`] takes connectors out of it, for another machine, and into it.
//! * [`edit`] changes the file the way a careful person would: nothing but the lines in question.

mod check;
mod check_service;
mod cleanup;
mod conflicts;
mod connector;
mod cron;
mod directory;
pub mod edit;
mod effective;
mod fault;
mod load;
#[cfg(test)]
mod mistakes;
mod notify;
mod position;
mod read;
mod reading;
mod schedule;
mod schema;
mod template;
pub mod transfer;
mod written;

pub use check::{is_name, is_variable, looks_like_a_secret};
pub use connector::{App, Connector, Credential, HttpOptions, PluginChoice, ReferenceChoice, TransformUse};
pub use cron::{Cron, CronMistake};
pub use directory::Directory;
pub use effective::{EffectiveTable, EffectiveValue, Origin};
pub use fault::{ConfigError, Fault};
pub use load::{Config, DEFAULT_FILE, Plugins};
pub use notify::{Notify, Occasion};
pub use position::{At, Step};
pub use schedule::{Schedule, Zone, later};
pub use schema::schema;
pub use template::{NewConnector, new_file};
