//! A trial: what a connector's transforms make of one person and of the groups, step by step, or of everybody, counted.
//! Nothing is read from the provider, and nothing is written.

mod mirror;
mod outcome;
mod step;
mod summary;

pub use mirror::{Everyone, Found, Subjects, find_in_mirror};
pub use outcome::{GroupOutcome, Trial, TrialOutcome};
pub use step::{TrialChange, TrialStep, TrialTransform};
pub use summary::{RuleTally, Summary, Tally};
