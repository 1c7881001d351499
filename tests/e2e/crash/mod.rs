//! SIGKILL at every instant that matters, and at random ones: the directory is the old one or the new one, and the
//! next run goes on where the killed one was.
//!
//! Named instants are the fail points of the program (`rollcall::failpoint`), which only a debug build has. Random
//! ones are the nth passing of any of them, and moments of real time. CI tries 50 of these; more by
//!
//! ```console
//! $ ROLLCALL_CRASH_INSTANTS=1000 cargo test --test e2e crash::instants -- --nocapture
//! ```
//!
//! A failure names its seed, which `ROLLCALL_CRASH_SEED` takes to try that instant first.

mod commands;
mod decisions;
mod instants;
mod points;
pub mod scene;
mod signals;
pub mod state;
