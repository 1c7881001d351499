//! The simulator over HTTP, as a client meets it.

mod client;
mod faults;
mod reading;
mod serving;
