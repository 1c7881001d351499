//! What people make here: entries and memberships of [`LOCAL`](crate::directory::LOCAL), and values that they set on
//! entries of connectors.
//!
//! Each command is a run of its own of the mode `local`: planned under the directory's lock, applied in one transaction,
//! kept with before and after. A connector's run never touches what is local, because it asks for entries and
//! memberships by whose they are.
//!
//! * [`change`] and [`foresee`] are the story of such a run; a [`Draft`] is the directory as it will be.
//! * [`table`](read_table) reads a file of people, [`import`] puts it into a draft, [`adoption`](adoption_of) tells what
//!   a connector that takes over would find of it.
//! * `edit` holds the single edits: [`set`], [`unset`], [`remove`], and those of groups.

mod adoption;
mod draft;
mod edit;
mod error;
mod import;
mod run;
mod table;
#[cfg(test)]
mod tests;

pub use adoption::{Adoption, Ambiguous, Match, adoption_of};
pub use draft::{Draft, LocalPlan, NamedMembers};
pub use edit::{add_members, create_group, delete_group, remove, remove_members, set, unset};
pub use error::{LocalError, Mistake};
pub use import::import;
pub use run::{Site, change, foresee};
pub use table::{Row, Table, read_table};
