//! A run: collect → shape → plan → check → apply.
//!
//! Nothing is written to the directory before the plan is complete and checked, and then all of it in one
//! transaction: after a crash at any instant the directory is the old one or the new one. `run.rs` reads as the story
//! of a run.

mod answers;
mod apply;
mod check;
mod cleanup;
#[cfg(test)]
mod cleanup_tests;
mod collect;
mod condition;
mod confirm;
#[cfg(test)]
mod conflict_tests;
mod conflicts;
mod entries;
mod error;
mod event;
pub mod explain;
mod extent;
mod frontier;
mod held_versions;
mod history;
mod increment;
#[cfg(test)]
mod leaver_tests;
mod leavers;
pub mod local;
mod lock;
mod one_person;
#[cfg(test)]
mod one_person_tests;
mod plan;
pub mod planfile;
mod policy;
mod probe;
mod prune;
mod reading;
#[cfg(test)]
mod reference_tests;
mod references;
mod replay;
mod report;
pub mod rollback;
#[expect(clippy::module_inception, reason = "the story of a run is one concept of the run's folder")]
mod run;
pub mod safety;
mod shape;
mod spool;
mod staging;
#[cfg(test)]
mod stop_tests;
#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
mod trial;
mod turn;

pub use answers::Answers;
pub use cleanup::{Cleanup, CleanupRule, Grace, GroupCleanup, Inactivity, MembershipCleanup, UserCleanup};
pub use condition::{GroupCondition, PersonCondition};
pub use conflicts::{
    Conflicts, GroupConflict, LocalGroups, LocalMemberships, MatchBy, Precedence, UserConflict,
};
pub use entries::{Entries, GroupNames};
pub use error::{ReadError, RunError};
pub use event::{Event, Observer, Silent, Step};
pub use extent::{Extent, Reads};
pub use held_versions::Skipping;
pub use history::history;
pub use lock::WorkFolder;
pub use one_person::Whom;
pub use plan::{Plan, PlannedGroup, PlannedMembers, PlannedUser};
pub use policy::Policy;
pub use probe::{ProbeError, probe};
pub use prune::{Keep, Pruned, PrunedRuns, prunable, prune};
pub use report::{
    Counts, HeldEntry, HeldReport, Leaving, LeftOut, MembershipCounts, Milliseconds, NamedEntry, Outcome,
    ReferenceCounts, ReportedError, ReportedProblem, RequestCounts, RunReport, UnresolvedReference,
};
pub use run::{Ended, Job, plan, sync, with_causes};
pub use shape::BATCH;
pub use staging::StagedUser;
pub use trial::{
    Everyone, Found, GroupOutcome, RuleTally, Subjects, Summary, Tally, Trial, TrialChange, TrialOutcome,
    TrialStep, TrialTransform, find_in_mirror,
};
pub use turn::{Turn, Turns};
