//! The traps that cost other tools their users' trust, each by its name: `lesson_NUMBER_…`, one test for each part of
//! a trap.
//!
//! Of 5 (reading changes only) and 8 (limits on changes) there is today what a full run can get wrong.

mod identity;
mod oddities;
mod pace;
mod reading;
mod stopping;
