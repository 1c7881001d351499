//! The simulator over HTTP, as a client meets it.

mod apps;
mod client;
mod lag;
mod logs;
mod reading;
mod serving;
