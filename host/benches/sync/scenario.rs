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

/// Requests beyond the pages that the provider announces: two, and one for each range of users.
pub fn more_requests(users: u32) -> u64 {
    2 + u64::from(users.div_ceil(200).saturating_sub(25).div_ceil(128))
}

/// A listing of a million people whom Okta's limits allow to be read in a minute and a half, if the time that each
/// request takes is not in the way. The windows are a fifth of Okta's, so that it takes a fifth of the time.
pub const RANGES: Limited = Limited {
    size: Size { users: 1_000_000, groups: 0, empty: 0, members: 0, latency: 200, window: 12 },
    parallel: 24,
    most: 1.2,
};

/// The users' part of a collection beside the time that the provider's limits ask for.
pub struct Limited {
    pub size: Size,
    /// Requests in flight: as many as 50 requests a second of 200 ms need, and some.
    pub parallel: u32,
    /// Times the floor.
    pub most: f64,
}

impl Limited {
    /// Seconds that the limits take at least: each window has to be used up but the last.
    pub fn floor(&self) -> u64 {
        u64::from((self.size.users.div_ceil(200) - 1) / USERS_A_WINDOW * self.size.window)
    }
}

/// What Okta allows for `/users` in a minute.
pub const USERS_A_WINDOW: u32 = 600;
/// And for `/groups`.
pub const GROUPS_A_WINDOW: u32 = 500;

/// A company of 5,000, an ocean away.
pub const LATENCY: Scenario = Scenario {
    name: "latency",
    size: Size { users: 5_000, groups: 200, empty: 20, members: 100, latency: 20, window: 0 },
    goals: Some(Goals { wall: [Some(1.0); 3], clock: Clock::Run, memory: None, lock: None, database: None }),
};

pub const LARGE: Scenario = Scenario {
    name: "large",
    size: Size { users: 100_000, groups: 1_000, empty: 0, members: 1_000, latency: 0, window: 0 },
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
    size: Size { users: 1_000_000, groups: 10_000, empty: 0, members: 1_000, latency: 0, window: 0 },
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
    size: Size { users: 2_000, groups: 20, empty: 2, members: 100, latency: 0, window: 0 },
    goals: None,
};
