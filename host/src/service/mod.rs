//! `rollcall serve`: runs connectors by their schedules, unattended.
//!
//! * `scheduler` decides what begins when. It is pure: it is told what time it is, and does nothing.
//! * `service` is the loop around it: it waits, begins runs, hears of their ends, takes over changed files, stops.
//! * [`Workshop`] and [`Kit`] are what the loop needs of the rest: a configuration that can be looked at and loaded, and
//!   runs by the one that is in force. A run keeps the kit that it began with.
//! * [`Clock`] is what it waits by.
//! * `watch` sees that a file has changed; `state` leaves for others what the loop knows; `systemd` tells the service
//!   manager.
//! * `standing` says what of a run's end is worth telling, and whether it was told before; `notify` tells it to a
//!   command and a webhook.
//! * [`Happening`] is what the loop says of itself, for a log.

mod clock;
mod event;
mod happening;
mod kit;
mod last;
mod notify;
mod scheduler;
#[cfg(test)]
mod scheduler_properties;
#[cfg(test)]
mod scheduler_tests;
#[expect(clippy::module_inception, reason = "the loop is one concept of the service's folder")]
mod service;
mod standing;
mod state;
mod systemd;
mod watch;

pub use clock::{Clock, SystemClock};
pub use event::{Event, EventKind};
pub use happening::Happening;
pub use kit::{Kit, Refused, Skipped, Workshop};
pub use last::{LastRuns, last_runs};
pub use notify::TellError;
pub use scheduler::{AT_A_TIME, How, Next, Nexts, Scheduler, Silence, Start};
pub use service::{OpenDirectory, ServeError, Service, Signals};
pub use state::{Refusal, State};
pub use watch::Watch;
