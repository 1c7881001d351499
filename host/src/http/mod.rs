//! The one place that performs HTTP: credentials, pacing, retry.

mod transport;

pub use transport::{HttpEvent, Transport};
