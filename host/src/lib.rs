//! Rollcall keeps a directory of users, groups and memberships in step with an identity provider.
//!
//! The layers, each of which knows only those to its right:
//!
//! ```text
//! cli → service → run → { plugin, http, directory } → model
//!                   ↘ config ↗
//! ```
//!
//! * [`model`]: the words that everything else speaks: users, groups, memberships, requests, pages.
//! * [`plugin`]: the sandbox: engine, admission, limits, the library of components.
//! * [`http`]: the one place that performs HTTP: credentials, pacing, retry.
//! * [`directory`]: mirror and directory, behind the `Store` trait.
//! * [`config`]: reads `rollcall.toml`.
//! * [`run`]: collect → shape → plan → check → apply.
//! * [`service`]: runs connectors by their schedules, and tells who wants to be told.
//! * [`cli`]: one file a subcommand; prints, never decides.
//!
//! Below all of them: [`whole_file`] writes files that are there whole or not at all, `json_lines` files of JSON objects,
//! [`failpoint`] names the instants
//! at which tests kill the program, [`clock`] says what time it is.

pub mod cli;
pub mod clock;
pub mod config;
pub mod directory;
pub mod failpoint;
pub mod http;
mod json_lines;
pub mod model;
pub mod plugin;
pub mod run;
pub mod service;
pub mod whole_file;
