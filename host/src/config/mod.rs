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
//! * Secrets are never in the file: a credential says where its secret is, and an excerpt of a line that holds
//!   one all the same hides it.
//! * [`edit`] changes the file the way a careful person would: nothing but the lines in question.

mod check;
mod connector;
pub mod edit;
mod fault;
mod load;
#[cfg(test)]
mod mistakes;
mod position;
mod read;
mod template;
mod written;

pub use check::{is_name, is_variable, looks_like_a_secret};
pub use connector::{Connector, Credential, HttpOptions, PluginChoice, TransformUse};
pub use fault::{ConfigError, Fault};
pub use load::{Config, DEFAULT_FILE, Plugins};
pub use position::{At, Step};
pub use template::{NewConnector, new_file};
