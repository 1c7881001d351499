//! A history: what happens at the provider, and the runs between. Steps name people and groups by their place among those
//! that are there, so that a history still means something when steps are taken out of it.

use std::fmt;

use fastrand::Rng;

/// What becomes of people who leave.
pub const POLICIES: [&str; 4] = ["disable", "delete", "anonymize", "keep"];

/// How the organisation is, how it is synced, and what happens.
#[derive(Debug, Clone)]
pub struct Story {
    pub seed: u64,
    /// One of [`POLICIES`].
    pub users: &'static str,
    /// Whether people who leave lose their memberships.
    pub strips: bool,
    /// Requests in flight at once.
    pub parallel: u32,
    /// Rules keep people of one title out, and give those of another a group.
    pub rules: bool,
    /// Whether the directory is a named one.
    pub named: bool,
    pub steps: Vec<Step>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    Hire {
        name: u32,
        status: usize,
    },
    /// Sets the title.
    Title {
        who: usize,
        title: usize,
    },
    Rename {
        who: usize,
        name: u32,
    },
    /// Two people swap their logins.
    Swap {
        one: usize,
        other: usize,
    },
    Status {
        who: usize,
        status: usize,
    },
    Delete {
        who: usize,
    },
    Found {
        name: u32,
        kind: usize,
    },
    RenameGroup {
        group: usize,
        name: u32,
    },
    SwapGroups {
        one: usize,
        other: usize,
    },
    DeleteGroup {
        group: usize,
    },
    Join {
        group: usize,
        who: usize,
        how: How,
    },
    Leave {
        group: usize,
        who: usize,
        how: How,
    },
    /// Whether a rule of the provider's own fills the group.
    Filled {
        group: usize,
        by_rule: bool,
    },
    /// Whether the credential may read the group's members.
    Forbid {
        group: usize,
        forbidden: bool,
    },
    /// What another provider gives into the same directory changes, and is synced.
    Other {
        name: u32,
        delete: bool,
    },
    /// Seconds pass.
    Pass {
        seconds: u64,
    },
    /// From now on searches lag by so many seconds.
    Lag {
        seconds: u64,
    },
    /// From now on the log lags by so many seconds, and some events by more.
    LogDelay {
        seconds: u64,
        late_every: u64,
        late_by: u64,
    },
    Run(Run),
}

/// Who changes a membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Hand,
    Rule,
    Import,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    pub reads: Kind,
    /// Rules of the simulator.
    pub faults: Vec<String>,
    pub ends: Ends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Full,
    Changes,
    Auto,
}

/// What ends a run before it is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    ByItself,
    /// It dies when so many requests have arrived.
    Dies {
        requests: u64,
    },
    /// Somebody stops it then.
    Stopped {
        requests: u64,
    },
    /// The process kills itself at that passing of a fail point; a run within this process knows none, and ends by itself.
    Killed {
        passing: u64,
    },
}

/// Faults after which a run is complete and right, or failed, or tells of which group it does not know the members.
const HONEST: [&str; 15] = [
    "server-error",
    "unavailable",
    "connection-reset",
    "truncated",
    "login-page",
    "bad-cursor code=E0000029",
    "session-ended",
    "forbidden",
    "unauthorized",
    "next-elsewhere",
    "joined-links",
    "repeated-links",
    "short-page",
    "empty-last-page",
    "no-links",
];
/// Those that cost time.
const SLOW: [&str; 6] = [
    "rate-limited reset=0",
    "too-many-at-once",
    "silence",
    "drip bytes=2000 pause=1",
    "half-body",
    "garbled",
];
const OF_A_GROUP: [&str; 3] =
    ["forbidden where=members", "server-error where=members", "vanished-group where=members"];
/// Faults that tell a wrong story as well as a right one is told.
const DISHONEST: [&str; 6] = [
    "empty-list",
    "shrunken-list share=0.4",
    "early-end",
    "clock-skew by=3600",
    "clock-skew by=-3600",
    "no-reset",
];

impl Story {
    pub fn of(seed: u64) -> Self {
        let mut rng = Rng::with_seed(seed);
        let rng = &mut rng;
        let mut steps = Vec::new();
        for _ in 0..rng.u32(4..9) {
            steps.push(Step::Hire { name: rng.u32(..60), status: 0 });
        }
        for _ in 0..rng.u32(2..5) {
            steps.push(Step::Found { name: rng.u32(..30), kind: rng.usize(..2) });
        }
        for _ in 0..rng.u32(4..12) {
            steps.push(joins(rng));
        }
        for _ in 0..rng.u32(3..9) {
            for _ in 0..rng.u32(1..6) {
                steps.push(happens(rng));
            }
            if rng.u32(..3) == 0 {
                steps.push(passes(rng));
            }
            steps.push(Step::Run(runs(rng)));
        }
        Self {
            seed,
            users: POLICIES[[0, 0, 0, 1, 2, 3][rng.usize(..6)]],
            strips: rng.u32(..3) == 0,
            parallel: [1, 8][rng.usize(..2)],
            rules: rng.u32(..3) == 0,
            named: rng.u32(..4) == 0,
            steps,
        }
    }
}

fn joins(rng: &mut Rng) -> Step {
    Step::Join { group: rng.usize(..64), who: rng.usize(..64), how: how(rng) }
}

fn how(rng: &mut Rng) -> How {
    [How::Hand, How::Rule, How::Import][rng.usize(..3)]
}

/// What may happen at a provider.
fn happens(rng: &mut Rng) -> Step {
    let (who, other, group) = (rng.usize(..64), rng.usize(..64), rng.usize(..64));
    match rng.u32(..32) {
        0..3 => Step::Hire { name: rng.u32(..60), status: [0, 0, 0, 1, 4][rng.usize(..5)] },
        3..5 => Step::Title { who, title: rng.usize(..5) },
        5..7 => Step::Rename { who, name: rng.u32(..60) },
        7 => Step::Swap { one: who, other },
        8..12 => Step::Status { who, status: rng.usize(..8) },
        12..14 => Step::Delete { who },
        14..16 => Step::Found { name: rng.u32(..30), kind: rng.usize(..2) },
        16 => Step::RenameGroup { group, name: rng.u32(..30) },
        17 => Step::SwapGroups { one: group, other },
        18 => Step::DeleteGroup { group },
        19..24 => joins(rng),
        24..27 => Step::Leave { group, who, how: how(rng) },
        27 => Step::Filled { group, by_rule: rng.bool() },
        28 => Step::Forbid { group, forbidden: rng.u32(..3) == 0 },
        29 => Step::Lag { seconds: [0, 1, 30, 240][rng.usize(..4)] },
        30 => Step::LogDelay {
            seconds: [0, 5, 600][rng.usize(..3)],
            late_every: [0, 0, 2][rng.usize(..3)],
            late_by: [60, 1200][rng.usize(..2)],
        },
        _ => Step::Other { name: rng.u32(..60), delete: rng.bool() },
    }
}

fn passes(rng: &mut Rng) -> Step {
    Step::Pass { seconds: [1, 20, 100, 250, 310, 700, 3000, 100_000][rng.usize(..8)] }
}

fn runs(rng: &mut Rng) -> Run {
    let reads = [Kind::Full, Kind::Changes, Kind::Changes, Kind::Changes, Kind::Auto][rng.usize(..5)];
    let faults = match rng.u32(..5) {
        0 => (0..rng.u32(1..3)).map(|_| fault(rng)).collect(),
        _ => Vec::new(),
    };
    let requests = rng.u64(1..8);
    let ends = match rng.u32(..10) {
        0 | 1 => Ends::Dies { requests },
        2 => Ends::Stopped { requests },
        3 => Ends::Killed { passing: rng.u64(1..60) },
        _ => Ends::ByItself,
    };
    Run { reads, faults, ends }
}

fn fault(rng: &mut Rng) -> String {
    let kinds: &[&str] = match rng.u32(..40) {
        0 => &SLOW,
        1..6 => &DISHONEST,
        6..14 => &OF_A_GROUP,
        _ => &HONEST,
    };
    let kind = kinds[rng.usize(..kinds.len())];
    let place = match kind.contains("where=") {
        true => "",
        false => ["", " where=users", " where=groups", " where=members", " where=logs"][rng.usize(..5)],
    };
    format!("{kind}{place} nth={}", rng.u32(1..4))
}

impl Run {
    pub fn of(reads: Kind) -> Self {
        Self { reads, faults: Vec::new(), ends: Ends::ByItself }
    }
}

impl fmt::Display for Story {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, users, strips, parallel, rules, named, steps } = self;
        write!(
            formatter,
            "history {seed}: cleanup {users}, strips {strips}, parallel {parallel}, rules {rules}, named {named}"
        )?;
        steps.iter().try_for_each(|step| write!(formatter, "\n  {step:?}"))
    }
}
