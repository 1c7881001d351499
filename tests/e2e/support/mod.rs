//! What end-to-end tests work with: a folder where the real binary runs ([`Place`]), a simulated organisation
//! that a configuration there points at ([`World`]), and what the directory then shows ([`Directory`]).

mod directory;
mod golden;
mod others;
mod place;
mod process;
mod truth;
mod world;

pub use directory::Directory;
pub use golden::{assert_golden, shape};
pub use others::{OTHERS_TARGET, OTHERS_TOKEN, spend};
pub use place::Place;
pub use process::{Ran, Running};
pub use truth::{expected, truth};
pub use world::{World, profile};
