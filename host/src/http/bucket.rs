//! One rate limit, as a state machine without a clock of its own.
//!
//! A provider counts the requests of a window and says in every answer what is left. Of a window of L requests
//! we spend at most ⌊L × share⌋ (at least one): nothing is sent that could leave less than the rest to others,
//! whoever spent the others. Several requests are under way at a time, so what the last answer said is left is
//! not what is left now: each request whose answer isn't here yet counts as one that the server has not
//! counted yet. That errs on the careful side only.
//!
//! Windows are named by the second in which they end, as the server says. Answers may overtake each other: of
//! one window the smallest rest is true, and an answer that belongs to a window before says nothing. The first
//! request of every window goes alone, because only its answer tells what others have already spent.

use std::time::Duration;

use tokio::time::Instant;

use super::limits::{Limits, Reset};

/// The server's clock ticks in whole seconds, both in `Date` and in the reset.
const MARGIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(super) struct Bucket {
    /// The part of a window that is ours, in (0, 1].
    share: f64,
    /// For a 429 that doesn't say when to come back.
    usual_window: Duration,
    window: Window,
    /// Requests under way whose cost no answer has shown yet.
    unseen: u32,
    /// Rises whenever a window ends. A ticket of this generation was sent into the present window.
    generation: u64,
    /// Is the request out that finds out about the present window?
    scouting: bool,
    /// How many 429s came since the last good answer, those that came at once counted once.
    refusals: u32,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Window {
    Unknown {
        before: Option<Before>,
    },
    /// The provider doesn't limit this.
    Unlimited,
    Open(Open),
}

/// What is remembered of the window that ended.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Before {
    key: Option<u64>,
    limit: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Open {
    key: Option<u64>,
    limit: Option<u32>,
    remaining: u32,
    ends: Instant,
    refused: bool,
}

/// Leave to send one request. Every ticket comes back through one of [`Bucket::answered`],
/// [`Bucket::refused`], [`Bucket::crowded`] and [`Bucket::lost`].
#[derive(Debug)]
pub(super) struct Ticket {
    generation: u64,
    scout: bool,
}

#[derive(Debug)]
pub(super) enum Turn {
    Go(Ticket),
    /// Not before this moment, unless an answer changes that.
    At(Instant, &'static str),
    /// When one of the requests under way has come back.
    AfterAnswer,
}

impl Bucket {
    pub(super) fn new(share: f64, usual_window: Duration) -> Self {
        Self {
            share,
            usual_window,
            window: Window::Unknown { before: None },
            unseen: 0,
            generation: 0,
            scouting: false,
            refusals: 0,
        }
    }

    /// From now on. What was sent already was sent.
    pub(super) fn set_share(&mut self, share: f64) {
        self.share = share;
    }

    /// A provider without limits.
    pub(super) fn unlimited() -> Self {
        // A minute, should it answer 429 all the same and not say when to come back.
        Self { window: Window::Unlimited, ..Self::new(1.0, Duration::from_secs(60)) }
    }

    /// May the next request go?
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        if let Window::Open(open) = self.window
            && open.ends <= now
        {
            self.window = Window::Unknown { before: Some(Before { key: open.key, limit: open.limit }) };
            self.generation += 1;
            self.scouting = false;
        }
        match self.window {
            Window::Unlimited => self.go(false),
            Window::Unknown { before } => {
                // Requests that the server has still not answered may fall into the new window.
                let ours = before.and_then(|before| before.limit).map_or(u32::MAX, |limit| self.ours(limit));
                if self.scouting || self.unseen >= ours { Turn::AfterAnswer } else { self.go(true) }
            }
            Window::Open(open) => {
                let rest = open.limit.map_or(0, |limit| limit - self.ours(limit));
                if open.remaining > rest.saturating_add(self.unseen) {
                    self.go(false)
                } else if open.refused {
                    Turn::At(open.ends, "the provider answered 429: too many requests in this window")
                } else {
                    Turn::At(open.ends, "our share of this window is spent")
                }
            }
        }
    }

    /// An answer came, and this is what it says. `limits` without numbers means that the provider doesn't
    /// limit this.
    pub(super) fn answered(&mut self, ticket: &Ticket, limits: &Limits, now: Instant) {
        self.came_back(ticket);
        let Some(remaining) = limits.remaining else {
            match self.window {
                Window::Unknown { before: None | Some(Before { limit: None, .. }) } => {
                    self.window = Window::Unlimited;
                }
                _ => self.spent_unseen(),
            }
            return;
        };
        self.refusals = 0;
        let ends = self.ends(limits.reset, now);
        let key = limits.reset.and_then(|reset| reset.key);
        // Without a limit, what was left before this request is the best guess of it.
        let limit = limits.limit.unwrap_or(remaining.saturating_add(1)).max(1);
        self.saw(
            ticket,
            Open { key, limit: Some(limit), remaining: remaining.min(limit), ends, refused: false },
        );
    }

    /// A 429 came. Returns when the request may be repeated.
    pub(super) fn refused(
        &mut self,
        ticket: &Ticket,
        limits: &Limits,
        retry_after: Option<Duration>,
        now: Instant,
    ) -> Instant {
        self.came_back(ticket);
        let blocked = matches!(self.window, Window::Open(Open { refused: true, ends, .. }) if ends > now);
        if !blocked {
            self.refusals = self.refusals.saturating_add(1);
        }
        let mut ends = match (limits.reset, retry_after) {
            (None, Some(after)) => later(now, after),
            (reset, after) => self.ends(reset, now).max(later(now, after.unwrap_or_default())),
        };
        // A server whose resets are never true is asked less and less often.
        if self.refusals > 1 {
            let patience = Duration::from_secs(1 << (self.refusals - 1).min(10));
            ends = ends.max(later(now, patience.min(self.usual_window)));
        }
        let known = match self.window {
            Window::Open(open) => open.limit,
            Window::Unknown { before } => before.and_then(|before| before.limit),
            Window::Unlimited => None,
        };
        let limit = limits.limit.filter(|&limit| limit > 0).or(known);
        let key = limits.reset.and_then(|reset| reset.key);
        self.saw(ticket, Open { key, limit, remaining: 0, ends, refused: true });
        match self.window {
            Window::Open(open) if open.refused => open.ends,
            // The 429 is about a window that is over.
            _ => later(now, MARGIN),
        }
    }

    /// "Too many at once" came: this says nothing about the window.
    pub(super) fn crowded(&mut self, ticket: &Ticket) {
        self.came_back(ticket);
    }

    /// No answer came, or none from the provider itself (a proxy's 502). The request may have been counted.
    pub(super) fn lost(&mut self, ticket: &Ticket) {
        self.came_back(ticket);
        self.spent_unseen();
    }

    fn go(&mut self, scout: bool) -> Turn {
        self.unseen += 1;
        self.scouting |= scout;
        Turn::Go(Ticket { generation: self.generation, scout })
    }

    fn came_back(&mut self, ticket: &Ticket) {
        self.unseen = self.unseen.saturating_sub(1);
        if ticket.scout && ticket.generation == self.generation {
            self.scouting = false;
        }
    }

    fn spent_unseen(&mut self) {
        if let Window::Open(open) = &mut self.window {
            open.remaining = open.remaining.saturating_sub(1);
        }
    }

    fn saw(&mut self, ticket: &Ticket, seen: Open) {
        match &mut self.window {
            Window::Unlimited => self.window = Window::Open(seen),
            Window::Unknown { before } => {
                let newer = before.is_none_or(|before| is_later(seen.key, before.key));
                if newer || ticket.generation == self.generation {
                    self.window = Window::Open(seen);
                }
            }
            Window::Open(open) if is_later(seen.key, open.key) => *open = seen,
            Window::Open(open) if is_later(open.key, seen.key) => {}
            Window::Open(open) => {
                open.remaining = open.remaining.min(seen.remaining);
                open.limit = seen.limit.or(open.limit);
                if seen.refused {
                    open.ends = open.ends.max(seen.ends);
                    open.refused = true;
                } else if !open.refused {
                    // Each estimate is late rather than early, so the earliest is the best.
                    open.ends = open.ends.min(seen.ends);
                }
            }
        }
    }

    fn ends(&self, reset: Option<Reset>, now: Instant) -> Instant {
        match reset {
            Some(reset) => later(now, reset.after.saturating_add(MARGIN)),
            None => later(now, self.usual_window),
        }
    }

    fn ours(&self, limit: u32) -> u32 {
        // The addend keeps 100 × 0.29 from being 28.
        let share = (f64::from(limit) * self.share + 1e-9).floor();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and `limit`")]
        let share = share as u32;
        share.clamp(1, limit.max(1))
    }
}

/// Is window `one` after window `other`? The server rounds to seconds, so neighbours are the same window.
fn is_later(one: Option<u64>, other: Option<u64>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => one > other.saturating_add(1),
        _ => false,
    }
}

fn later(now: Instant, by: Duration) -> Instant {
    const FARTHEST: Duration = Duration::from_secs(20 * 365 * 24 * 3600);
    now.checked_add(by.min(FARTHEST)).unwrap_or(now)
}

#[cfg(test)]
#[path = "bucket_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "bucket_properties.rs"]
mod properties;
