use std::time::Duration;

use async_trait::async_trait;

use super::{HttpError, HttpTotals};
use crate::model::{Request, Response};

/// Performs a plugin's requests. A run is tested with a transport that answers from memory.
#[async_trait]
pub trait Transport: Send + Sync {
    /// Waits until the bucket's budget allows it, sends, and repeats what is worth repeating. Any status that
    /// is left after that is a response, for the plugin to judge. An error means that no answer came, or that
    /// the request was refused before it was sent.
    async fn send(&self, request: &Request) -> Result<Response, HttpError>;

    /// What was sent so far.
    fn totals(&self) -> HttpTotals;
}

/// What happens on the wire, for progress and for the run's totals.
#[derive(Debug, Clone, PartialEq)]
pub enum HttpEvent {
    /// A request went out (each attempt counts).
    Sent { bucket: String },
    /// An attempt failed and the same request will be sent again after `wait`.
    Retrying { bucket: String, reason: String, wait: Duration },
    /// Nothing of this bucket is sent for `wait`, to stay within the limit.
    Waiting { bucket: String, reason: String, wait: Duration },
    /// What the provider said is left of the bucket's window.
    Budget { bucket: String, limit: u32, remaining: u32 },
}
