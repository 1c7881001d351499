//! Lines for the run's log. The host limits how many and how long.
//!
//! Outside the sandbox, in a plugin's own tests, they go to the standard error stream.

use std::panic;

#[cfg(target_arch = "wasm32")]
use crate::bindings::shared::rollcall::plugin::host;

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

#[derive(Debug, Clone, Copy)]
enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

#[cfg(target_arch = "wasm32")]
fn line(level: Level, message: &str) {
    let level = match level {
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::log(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
fn line(level: Level, message: &str) {
    eprintln!("{level:?}: {message}");
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
