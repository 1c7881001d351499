//! Whole syncs against the simulator, each in a process of its own on the same machine, without
//! compression: `cargo bench -p rollcall --bench sync`.
//!
//! Three runs of `rollcall sync`: the first into an empty directory, the second with nothing changed, the third
//! after one user and one membership of a hundred changed. Beside them, as the baseline, the same pages read by
//! a plain HTTP loop with eight requests in flight that throws them away: what the simulator takes by itself.
//!
//! It measures the scenarios `latency` (5,000 users, 20 ms a request) and `large` (100,000 users, a million
//! memberships), or the one that is named: `cargo bench -p rollcall --bench sync -- million`. Another size:
//! `--users N`, `--groups N` (`--empty N` of them without members), `--members N` of each other group,
//! `--latency MS`. `-- ranges` reads a million users within Okta's limits, and says how near that comes to what the limits
//! alone would take. Without cargo's `--bench` it is a small smoke test.

#[path = "support/mod.rs"]
mod support;

#[cfg(unix)]
#[path = "sync/mod.rs"]
mod bench;

#[cfg(unix)]
fn main() -> support::Result<()> {
    bench::main()
}

/// The kernel's account of a process is read as Unix gives it.
#[cfg(not(unix))]
fn main() {}
