//! The simulator over HTTP, as a client meets it.

mod apps;
mod client;
mod faults;
mod lag;
mod logs;
mod oauth;
mod reading;
mod serving;
