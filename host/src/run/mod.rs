//! collect → shape → plan → check → apply.

mod event;

pub use event::{Event, Observer, Silent, Step};
