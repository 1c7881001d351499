//! The command line: one file a subcommand. It prints; what is to be done is decided elsewhere.
//!
//! * `arguments` is what can be typed, `entry` what happens then.
//! * `report` prints what failed, why, and what to do; `exit` is what a script sees of it.
//! * `output` prints results (tables for people, one JSON object with `--json`), on stdout.
//! * `listing` prints long lists while they are read: a table, JSON or `csv`; `pager` is where they go on a terminal.
//! * `global` is what every command understands.
//! * `progress` and `logging` tell what goes on meanwhile, on stderr.
//! * `prompt` asks, and says which option answers when nobody can be asked.
//! * `connect` is what the commands need of plugins and the network, so that they are tested without either;
//!   `installed` is the real thing, on top of `open`, which makes of a configured connector what a run works with.

mod answers;
mod apply;
mod arguments;
mod backup;
mod changes_csv;
mod completions;
mod config;
mod connect;
mod connector;
mod csv;
mod demo;
mod directory;
mod doctor;
mod entries;
mod entry;
mod exit;
mod explain;
mod global;
mod groups;
mod held;
mod held_view;
mod history;
mod human;
mod init;
mod installed;
mod interrupt;
mod job;
mod listing;
mod local;
mod logging;
mod names;
pub mod open;
mod output;
mod pager;
mod pause;
mod plan;
pub mod plugin;
mod progress;
mod prompt;
mod prune;
mod report;
mod rollback;
mod rules;
mod runs;
mod serve;
mod show;
mod status;
mod sync;
mod table;
mod tape;
mod transfer;
mod users;

pub use connect::{Connections, ProbeReport};
pub use entry::main;
pub use exit::Exit;
pub use human::{ago, count, duration, plural};
pub use installed::library;
pub use interrupt::{Interrupt, block_on};
pub use output::Output;
pub use progress::Progress;
pub use report::Failure;
pub use table::Table;
