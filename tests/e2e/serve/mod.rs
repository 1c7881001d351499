//! `rollcall serve`: the real binary by a clock that the test sets.

mod directories;
mod notify;
mod reload;
mod scene;
mod schedule;
mod stop;
