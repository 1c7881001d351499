//! What is measured, and what it may take.

use super::simulator::Size;

pub struct Scenario {
    pub name: &'static str,
    pub size: Size,
    pub goals: Option<Goals>,
}

/// What the three runs may take at most.
pub struct Goals {
    /// Seconds, by run: as [`Clock`] says.
    pub wall: [Option<f64>; 3],
    pub clock: Clock,
    /// Megabytes.
    pub memory: Option<f64>,
    /// Seconds that the directory is locked for writing.
    pub lock: Option<f64>,
    /// Megabytes.
    pub database: Option<f64>,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Clock {
    /// The process, with its start and what it compiles.
    Process,
    /// The run within it.
    Run,
}

/// Requests beyond the pages that the provider announces, in every scenario.
pub const MORE_REQUESTS: u64 = 2;

/// A company of 5,000, an ocean away.
pub const LATENCY: Scenario = Scenario {
    name: "latency",
    size: Size { users: 5_000, groups: 200, empty: 20, members: 100, latency: 20 },
    goals: Some(Goals { wall: [Some(1.0); 3], clock: Clock::Run, memory: None, lock: None, database: None }),
};

pub const LARGE: Scenario = Scenario {
    name: "large",
    size: Size { users: 100_000, groups: 1_000, empty: 0, members: 1_000, latency: 0 },
    goals: Some(Goals {
        wall: [Some(20.0), Some(12.0), Some(13.0)],
        clock: Clock::Process,
        memory: Some(250.0),
        lock: Some(6.0),
        database: None,
    }),
};

/// Minutes, and gigabytes of disk.
pub const MILLION: Scenario = Scenario {
    name: "million",
    size: Size { users: 1_000_000, groups: 10_000, empty: 0, members: 1_000, latency: 0 },
    goals: Some(Goals {
        wall: [None; 3],
        clock: Clock::Process,
        memory: Some(1_200.0),
        lock: Some(60.0),
        database: Some(2_500.0),
    }),
};

/// Whether the benchmark works at all.
pub const SMOKE: Scenario = Scenario {
    name: "smoke",
    size: Size { users: 2_000, groups: 20, empty: 2, members: 100, latency: 0 },
    goals: None,
};
