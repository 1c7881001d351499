//! Faults: answers that are wrong, late or missing, on purpose.
//!
//! Where [`Quirks`](crate::Quirks) are habits of a healthy server that every answer shows, a [`FaultRule`] strikes
//! some requests: which (a class of paths, a pattern, a group), which of these (the nth, every nth, some by chance),
//! and how often at most. A rule is written as one line of words, the same on the command line, at the control
//! endpoint and in a test:
//!
//! ```
//! use okta_sim::FaultRule;
//!
//! let rule: FaultRule = "rate-limited reset=1 where=members every=3 times=2".parse().unwrap();
//! assert_eq!(rule.to_string(), "rate-limited reset=1 where=members every=3 times=2");
//! let wrong = "rate-limited where=memebrs".parse::<FaultRule>().unwrap_err();
//! assert!(wrong.to_string().starts_with("where=memebrs is no class of requests"));
//! ```
//!
//! A rule counts the requests that it could strike: those that got past token and limits, that fit its conditions,
//! and that its fault makes sense for (a cursor can only be refused where there is one). Of several rules the first
//! whose turn it is strikes, and the later ones don't count that request. Chance depends on the seed, on the
//! request's target and on how often that target was asked for, and not on the order in which parallel requests
//! arrive: a mixture replays.
//!
//! The stages of a request that a fault changes are a file each: `refuse` (before the answer), `page` (what a page
//! holds and links to), `wire` (headers and bytes).

mod body;
mod kind;
mod page;
mod refuse;
mod rule;
mod rules;
mod target;
mod wire;
mod words;

pub(crate) use body::SimBody;
pub use kind::Fault;
pub use rule::{FaultRule, When};
pub use rules::FaultRecord;
pub(crate) use rules::Faults;
pub(crate) use target::Asked;
pub use target::{Class, Where};
pub(crate) use wire::{NoAnswer, spoil};
pub use words::FaultError;
