//! The simulator over HTTP, as a client meets it.

mod client;
mod reading;
mod serving;
