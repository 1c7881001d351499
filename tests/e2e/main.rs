//! End to end: the real binary and the real components against a simulated Okta. Nothing here knows how either
//! works inside; what is true comes from the simulator.

mod support;

mod cassette;
mod changes;
mod cleanup;
mod cli_config;
mod cli_demo;
mod cli_doctor;
mod cli_lists;
mod cli_views;
#[cfg(debug_assertions)]
mod crash;
mod directories;
mod explain;
mod faults;
mod histories;
mod keep;
mod lessons;
mod local;
mod oauth;
mod okta;
mod ownership;
mod pacing;
mod person;
mod plugin_swap;
mod rules;
mod safety;
#[cfg(debug_assertions)]
mod serve;
mod sync_all;
mod sync_alone;
mod sync_full;
mod sync_limits;
mod sync_pages;
mod sync_refusals;
mod sync_scope;
mod sync_secrets;
mod transform_seam;
#[cfg(debug_assertions)]
mod trouble;
mod unchanged_members;
