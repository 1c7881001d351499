use crate::http::HttpEvent;

/// What a run tells while it works: for progress, never for decisions.
#[derive(Debug, Clone)]
pub enum Event {
    Http(HttpEvent),
    /// Totals of the collection so far. `waiting` counts requests that are known and not yet answered.
    Collected {
        pages: u64,
        users: u64,
        groups: u64,
        memberships: u64,
        waiting: u64,
    },
    /// A step of the run begins.
    Step(Step),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    Collect,
    /// For other runs, which change the directory before this one.
    Wait,
    Shape,
    Plan,
    Apply,
}

/// Hears a run's events. Must return at once.
pub trait Observer: Send + Sync {
    fn event(&self, event: Event);
}

/// Hears nothing.
pub struct Silent;

impl Observer for Silent {
    fn event(&self, _event: Event) {}
}
