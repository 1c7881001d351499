//! From a plugin's source to a component: what `rollcall plugin build` does.
//!
//! cargo compiles the crate as a `cdylib`, which then becomes a component with its manifest inside
//! and is admitted like any other ([`build`]). First-party components are committed with a [`Record`] of what
//! they were built from, so that a stale one is noticed even where it can't be built again.

mod cargo;
mod component;
mod error;
mod record;

pub use cargo::{BuildTarget, Package};
pub use component::{Built, build};
pub use error::BuildError;
pub use record::{BytesCompared, Record, Verified, verify, write_component, write_record};
