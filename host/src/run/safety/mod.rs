//! Safety: no run takes more away than an admin said it may.
//!
//! Between plan and apply, `guard` takes out of the finished plan what protected entries may not suffer, and what goes
//! over a limit. What is held is kept with the run, with before and after, until somebody approves or rejects it or a
//! later run plans anew. People of whom something is held are shaped again in every run, so that it is planned, and
//! held, again.

mod carry_out;
mod decide;
mod excess;
mod fit;
mod guard;
mod held;
mod limits;
mod protect;
mod taken;
#[cfg(test)]
pub(super) mod tests;
mod withhold;

pub use decide::{Approval, DecisionError, approve, approve_beforehand, reject};
pub(super) use fit::{Fitted, Owner, Wanted};
pub use guard::guard;
pub use held::{Held, hold, supersede};
pub use limits::{Bound, LimitKind, OnLimit, Safety};
pub use protect::NamePattern;
