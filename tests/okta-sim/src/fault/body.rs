use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// The body of a response: whole, cut off, or in small pieces.
#[derive(Debug)]
pub(crate) struct SimBody {
    rest: Bytes,
    ending: Ending,
}

#[derive(Debug)]
enum Ending {
    Whole,
    /// This many of the bytes that were announced never come: the transfer fails. `sent`: what does come has had
    /// its turn to go out.
    Cut {
        missing: u64,
        sent: bool,
    },
    Drip {
        bytes: usize,
        pause: Duration,
        waiting: Option<Pin<Box<Sleep>>>,
    },
}

impl SimBody {
    pub(crate) fn whole(bytes: Bytes) -> Self {
        Self { rest: bytes, ending: Ending::Whole }
    }

    /// Announces all of it and sends half.
    pub(super) fn cut(mut bytes: Bytes) -> Self {
        let missing = bytes.len().div_ceil(2);
        bytes.truncate(bytes.len() - missing);
        Self { rest: bytes, ending: Ending::Cut { missing: missing as u64, sent: false } }
    }

    pub(super) fn drip(rest: Bytes, bytes: usize, pause: Duration) -> Self {
        Self { rest, ending: Ending::Drip { bytes, pause, waiting: None } }
    }

    /// Bytes that the header announces.
    pub(crate) fn len(&self) -> u64 {
        let missing = match self.ending {
            Ending::Cut { missing, .. } => missing,
            Ending::Whole | Ending::Drip { .. } => 0,
        };
        self.rest.len() as u64 + missing
    }
}

impl Body for SimBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let SimBody { rest, ending } = &mut *self;
        if rest.is_empty() {
            let Ending::Cut { missing: 1.., sent } = ending else { return Poll::Ready(None) };
            if std::mem::replace(sent, true) {
                *ending = Ending::Whole;
                return Poll::Ready(Some(Err(io::Error::other("a fault cuts the body off"))));
            }
            // An error at once would take the head with it, which waits to be sent.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = match ending {
            Ending::Whole | Ending::Cut { .. } => rest.len(),
            Ending::Drip { bytes, pause, waiting } => {
                let sleeping = waiting.get_or_insert_with(|| Box::pin(sleep(*pause)));
                if sleeping.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                *waiting = None;
                (*bytes).min(rest.len())
            }
        };
        Poll::Ready(Some(Ok(Frame::data(rest.split_to(piece)))))
    }

    fn is_end_stream(&self) -> bool {
        self.len() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.len())
    }
}
