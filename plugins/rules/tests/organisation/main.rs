//! Whole organisations through the rules.

mod company;
mod documented;
mod groups;
mod mistakes;
mod people;
mod properties;
mod trace;
