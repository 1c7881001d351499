//! `rollcall serve`: the real binary by a clock that the test sets.

mod changes;
mod directories;
mod notify;
mod prune;
mod reload;
mod scene;
mod schedule;
mod stop;
