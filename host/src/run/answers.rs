use std::sync::Arc;

use jiff::Timestamp;

use super::error::RunError;
use super::extent::Extent;
use crate::http::{Cassette, HttpTotals, Recorder, Transport};
use crate::model::{Attribute, Request, Response};

/// Where a run's answers come from.
pub enum Answers {
    /// From the provider. The recorder keeps the exchanges that the run uses.
    Provider { transport: Arc<dyn Transport>, recorder: Option<Recorder> },
    /// From an earlier run.
    Recording {
        cassette: Cassette,
        /// What has changed since, for a request that is missing.
        differs: Vec<String>,
        /// Someone wants it applied even if a newer reading was applied since.
        even_if_older: bool,
    },
}

impl Answers {
    /// Only then may a run go on from what an earlier one has read: a recording holds a whole reading.
    pub(super) fn may_resume(&self) -> bool {
        matches!(self, Answers::Provider { recorder: None, .. })
    }

    /// When the reading was made that is repeated.
    pub(super) fn recorded(&self) -> Option<Timestamp> {
        match self {
            Answers::Provider { .. } => None,
            Answers::Recording { cassette, .. } => Some(cassette.recorded()),
        }
    }

    /// How a run of these is called where it is kept.
    pub(super) fn mode(&self, extent: Extent) -> &'static str {
        match self {
            Answers::Provider { .. } => extent.mode(),
            // What of it counts for everybody does not, whatever the answers are.
            Answers::Recording { .. } if extent == Extent::User => extent.mode(),
            Answers::Recording { .. } => "replay",
        }
    }

    pub(super) fn totals(&self) -> HttpTotals {
        match self {
            Answers::Provider { transport, .. } => transport.totals(),
            Answers::Recording { .. } => HttpTotals::default(),
        }
    }

    /// The reading begins: what the plugin is told, of `now` or of when it was recorded.
    pub(super) fn begin(&self, now: Timestamp, known: Vec<Attribute>) -> Result<Vec<Attribute>, RunError> {
        match self {
            Answers::Provider { recorder, .. } => {
                if let Some(recorder) = recorder {
                    recorder.begin(now, &known)?;
                }
                Ok(known)
            }
            Answers::Recording { cassette, .. } => Ok(cassette.known().to_vec()),
        }
    }

    pub(super) fn recorder(&self) -> Option<&Recorder> {
        match self {
            Answers::Provider { recorder, .. } => recorder.as_ref(),
            Answers::Recording { .. } => None,
        }
    }

    pub(super) fn keep(&self, request: &Request, response: &Response) -> Result<(), RunError> {
        match self.recorder() {
            Some(recorder) => Ok(recorder.exchange(request, response)?),
            None => Ok(()),
        }
    }

    /// The reading has ended. A failed one is worth keeping: it shows why. One that was stopped shows nothing.
    pub(super) fn end<T>(&self, result: Result<T, RunError>) -> Result<T, RunError> {
        let Some(recorder) = self.recorder() else { return result };
        match result {
            Ok(read) => {
                recorder.finish(None)?;
                Ok(read)
            }
            Err(RunError::Cancelled) => {
                recorder.discard();
                Err(RunError::Cancelled)
            }
            Err(error) => {
                let mut reason = error.to_string();
                let mut source = std::error::Error::source(&error);
                while let Some(cause) = source {
                    reason.push_str(&format!(": {cause}"));
                    source = cause.source();
                }
                if let Err(unkept) = recorder.finish(Some(&reason)) {
                    tracing::warn!("the recording of the failed run is not kept: {unkept}");
                }
                Err(error)
            }
        }
    }
}
