use std::fmt;

use wasmtime::Trap;

use super::limits::{Limit, LimitReached, Limits};

/// Why a plugin stopped in the middle of a call. Its instance, with all that it held, was thrown away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StopReason {
    /// It said why, through its panic hook.
    Panic {
        message: String,
        /// `FILE:LINE:COLUMN` in the plugin's source.
        location: Option<String>,
    },
    /// A WebAssembly trap, in wasmtime's words.
    Trap(String),
    Limit {
        reached: LimitReached,
        /// Whose configuration can raise it.
        connector: String,
    },
    /// A guest that imports WASI asked to end the process.
    Exit(i32),
    /// It gave something that the contract doesn't allow.
    Broke(String),
}

impl fmt::Display for StopReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Panic { message, location: Some(location) } => {
                write!(f, "panicked at {location}: {message}")
            }
            Self::Panic { message, location: None } => write!(f, "panicked: {message}"),
            Self::Trap(trap) => write!(f, "trapped: {trap}"),
            Self::Limit { reached, .. } => reached.fmt(f),
            Self::Exit(code) => write!(f, "asked to exit with code {code}"),
            Self::Broke(what) => write!(f, "broke the contract: {what}"),
        }
    }
}

impl StopReason {
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Limit { reached, connector } => reached.hint(Some(connector)),
            Self::Panic { .. } | Self::Trap(_) | Self::Exit(_) | Self::Broke(_) => {
                "this is a fault of the plugin, not of your configuration: report it to its author with this message"
                    .into()
            }
        })
    }

    /// Whether the same call with less to do could succeed: not when the whole run has used something up.
    pub(super) fn may_be_of_one_record(&self) -> bool {
        match self {
            Self::Limit { reached, .. } => !matches!(
                reached.limit,
                Limit::OutputPerRun | Limit::Requests | Limit::Instances | Limit::LogLines | Limit::LogBytes
            ),
            _ => true,
        }
    }

    /// Whether such a stop takes long to come about, so that one can afford only few.
    pub(super) fn is_slow(&self) -> bool {
        matches!(self, Self::Limit { reached, .. } if matches!(reached.limit, Limit::Fuel | Limit::CallTimeout))
    }

    /// What wasmtime's error means, given what the plugin said just before.
    pub(super) fn from_error(
        error: &wasmtime::Error,
        panic: Option<&str>,
        limits: &Limits,
        connector: &str,
    ) -> Self {
        let limit = |reached| Self::Limit { reached, connector: connector.to_owned() };
        if let Some(reached) = error.downcast_ref::<LimitReached>() {
            return limit(reached.clone());
        }
        if let Some(exit) = error.downcast_ref::<wasmtime_wasi::I32Exit>() {
            return Self::Exit(exit.0);
        }
        match (error.downcast_ref::<Trap>(), panic) {
            (Some(Trap::OutOfFuel), _) => return limit(limits.reached(Limit::Fuel, None)),
            (Some(_), Some(panic)) => return Self::from_panic(panic),
            (Some(trap), None) => return Self::Trap(trap.to_string()),
            (None, _) => {}
        }
        // wasmtime keeps the types of these two errors to itself; the fault tests would notice other words.
        let text = format!("{error:#}");
        if text.contains("fuel allocated for hostcalls has been exhausted") {
            return limit(limits.reached(Limit::OutputPerCall, None));
        }
        if let Some((_, count)) = text.split_once("instance count too high at ") {
            let seen = count.chars().take_while(char::is_ascii_digit).collect::<String>().parse().ok();
            return limit(limits.reached(Limit::Instances, seen));
        }
        Self::Broke(text)
    }

    /// `text` begins with `panicked at `, as Rust's own hook and the SDK's write it: then
    /// `FILE:LINE:COLUMN:` and the message, after a space or on the next line.
    pub(super) fn from_panic(text: &str) -> Self {
        let rest = text.strip_prefix(PANIC).unwrap_or(text);
        let mut end = None;
        for (index, _) in rest.match_indices(':') {
            let mut before = rest[..index].rsplitn(3, ':');
            let mut number = || before.next().is_some_and(|part| part.parse::<u32>().is_ok());
            if number() && number() && before.next().is_some() {
                end = Some(index);
                break;
            }
        }
        match end {
            Some(end) => {
                let message = rest[end + 1..].trim();
                // Rust's hook adds advice about its own environment variables.
                let message =
                    message.split("\nnote: run with `RUST_BACKTRACE").next().unwrap_or(message).trim();
                Self::Panic { message: message.to_owned(), location: Some(rest[..end].to_owned()) }
            }
            None => Self::Panic { message: rest.trim().to_owned(), location: None },
        }
    }
}

/// How a panic's message begins.
pub(super) const PANIC: &str = "panicked at ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_are_taken_apart() {
        for (text, location, message) in [
            (
                "panicked at src/lib.rs:10:5: no such: thing 1:2: x",
                Some("src/lib.rs:10:5"),
                "no such: thing 1:2: x",
            ),
            ("panicked at src/a b.rs:1:2:\nboom\nmore", Some("src/a b.rs:1:2"), "boom\nmore"),
            (
                "panicked at src/lib.rs:7:1:\nboom\nnote: run with `RUST_BACKTRACE=1` environment variable",
                Some("src/lib.rs:7:1"),
                "boom",
            ),
            ("panicked at C:\\x\\lib.rs:3:4: boom", Some("C:\\x\\lib.rs:3:4"), "boom"),
            ("panicked at the disco", None, "the disco"),
        ] {
            let expected =
                StopReason::Panic { message: message.into(), location: location.map(str::to_owned) };
            assert_eq!(StopReason::from_panic(text), expected);
        }
    }
}
