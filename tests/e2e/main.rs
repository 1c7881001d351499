//! End to end: the real binary and the real components against a simulated Okta. Nothing here knows how either
//! works inside; what is true comes from the simulator.

mod support;

mod sync_full;
