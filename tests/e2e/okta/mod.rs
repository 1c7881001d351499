//! Who of an Okta organisation syncs, as what, and what people are to each other.

mod app;
mod groups;
mod leavers;
mod references;
mod search;
