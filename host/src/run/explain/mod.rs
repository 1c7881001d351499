//! Explain: why somebody is, or is not, in the directory, with these groups, looking like this.
//!
//! The answer comes from the store alone: the record that the provider gave, what the transforms make of it now (as a
//! trial of them does), what the policy says of conflicts and cleanup, what waits, and what the last runs told. Nothing is
//! asked of the provider, so that the answer is as old as the last sync, and says how old.

mod answer;
mod explanation;
mod find;
mod groups;
mod person;
mod sentence;

pub use answer::{ExplainInputs, explain};
pub use explanation::{Difference, Explanation, Fact, Given, GroupReason, LastChange, Seen, Whereabouts};
pub use find::find_users;
