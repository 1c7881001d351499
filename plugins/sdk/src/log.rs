//! Lines for the run's log. The host limits how many and how long.
//!
//! Outside the sandbox, in a plugin's own tests, they go to the standard error stream.

use std::panic;

use crate::bindings::shared::rollcall::plugin::host::{self, Level};

pub fn debug(message: &str) {
    line(Level::Debug, message);
}

pub fn info(message: &str) {
    line(Level::Info, message);
}

pub fn warn(message: &str) {
    line(Level::Warn, message);
}

pub fn error(message: &str) {
    line(Level::Error, message);
}

fn line(level: Level, message: &str) {
    if cfg!(target_arch = "wasm32") {
        host::log(level, message);
    } else {
        eprintln!("{level:?}: {message}");
    }
}

/// Logs `panicked at FILE:LINE:COLUMN: MESSAGE` before the trap that ends a panic: a trap alone says nothing.
pub(crate) fn log_panics() {
    panic::set_hook(Box::new(|info| {
        let message = info.payload_as_str().unwrap_or("no message");
        match info.location() {
            Some(place) => error(&format!("panicked at {place}: {message}")),
            None => error(&format!("panicked: {message}")),
        }
    }));
}
