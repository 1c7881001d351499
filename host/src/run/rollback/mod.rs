//! Undoing a run: what it changed gets back what it had before.
//!
//! A rollback is a run of its own: planned from the kept changes, checked, applied in one transaction, kept with before
//! and after, and it can be undone itself. It reads nothing of a provider.
//!
//! * `inverse` compares each field, membership and entry that the run changed with the directory of now. What is as the
//!   run left it goes back; what is as it was before needs nothing; what is a third thing was changed later, and stays.
//!   `fields` takes all changes of an entry together, `selection` is the part of the run that is wanted, and `beside`
//!   what applications do not see: the ids of entries at other connectors, and what was set here.
//! * `undo` refuses where something was changed later (or merges, if that is wanted), where a protected entry or a
//!   limit is in the way, and applies.
//!
//! The mirror and the checkpoints stay: they say what the provider gave, which undoing doesn't change. So the
//! connector's next sync would make the same changes again. Therefore it is [paused](crate::directory::Pause): its
//! syncs hold all that they plan, until somebody approves that or ends the pause.

mod beside;
mod entry;
mod error;
mod fields;
mod inverse;
mod selection;
#[cfg(test)]
mod tests;
mod undo;

pub use error::RollbackError;
pub use undo::{Pausing, Rollback, Undone, foresee, undo};
