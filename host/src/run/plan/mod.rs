//! Plan: what a run would change, complete before anything is written.
//!
//! People whose shaping key (record, groups, rules) did not change are not shaped again; those that did are shaped,
//! compared with their directory entry, and staged. Names are resolved once all claims are known, those that entries of
//! other owners have as the admin decided. Memberships are whole sets: what a group had, without the people who were
//! shaped again, with those of them who are in it now.

mod cleanup;
mod group_cleanup;
mod group_ownership;
mod groups;
mod inactivity;
mod local_members;
mod mirror;
mod names;
mod ownership;
mod people;
#[expect(clippy::module_inception, reason = "the plan itself is one concept of the planning folder")]
mod plan;
mod references;
mod shaper;

pub use groups::PlannedGroup;
pub(super) use groups::count_changes;
pub use people::PlannedUser;
pub(super) use people::{Kinds, count_users};
pub use plan::{Plan, PlanInputs, PlannedMembers, build};
