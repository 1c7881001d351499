//! What becomes of names that others hold, with two organisations in memory over one directory.

mod adoption;
mod local;
mod names;
mod random;
mod support;
