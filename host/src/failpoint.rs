//! Named instants of the work, at which a debug build can be made to die.
//!
//! What a crash leaves behind has to be seen, not argued. So the code says where an instant is worth dying at
//! ([`FailPoint::pass`]), and a test chooses one through the environment:
//!
//! * `ROLLCALL_KILL_AT=POINT[:NTH]`: the process kills itself (SIGKILL: nothing is unwound, flushed or cleaned up) when
//!   it passes the point for the NTH time, the first if none is given.
//! * `ROLLCALL_STOP_AT=POINT[:NTH]`: the process stops (SIGSTOP) there. The test does something to it or its files, and
//!   lets it go on with SIGCONT.
//!
//! `any` instead of a point counts passings of all of them. `ROLLCALL_LOG=rollcall::failpoint=trace` logs every
//! passing, so that a test knows how many there are. A release build knows none of this: there a passing is nothing.

macro_rules! points {
    ($($(#[$doc:meta])* $point:ident = $name:literal,)+) => {
        /// An instant worth dying at.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum FailPoint { $($(#[$doc])* $point,)+ }

        impl FailPoint {
            /// All there are. The tests pass every one.
            pub const ALL: &[FailPoint] = &[$(FailPoint::$point,)+];

            /// As the environment names it.
            pub fn name(self) -> &'static str {
                match self { $(FailPoint::$point => $name,)+ }
            }
        }
    };
}

points! {
    /// The database is an empty file.
    DatabaseCreated = "database-created",
    /// Its tables are made or changed, and not yet committed.
    DatabaseMigrating = "database-migrating",
    DatabaseMigrated = "database-migrated",
    /// A configuration, component, record or compiled plugin is complete under another name.
    FileWritten = "file-written",
    /// It has its own name.
    FileRenamed = "file-renamed",
    /// The connector is this run's alone.
    ConnectorLocked = "connector-locked",
    /// The store knows of the run.
    RunBegun = "run-begun",
    SpoolCreated = "spool-created",
    /// A page is in this process's memory.
    PageAppended = "page-appended",
    /// A page is the operating system's: it outlives the process.
    PageFlushed = "page-flushed",
    /// Everything was read, and the spool doesn't say so yet.
    ReadingEnding = "reading-ending",
    ReadingEnded = "reading-ended",
    /// Reading and mirror are joined in memory.
    Indexed = "indexed",
    /// What the provider says of someone whom it did not list outlives the process.
    Confirmed = "confirmed",
    /// Nobody else plans or applies.
    DirectoryLocked = "directory-locked",
    BatchShaped = "batch-shaped",
    BatchStaged = "batch-staged",
    Planned = "planned",
    /// The transaction comes next.
    Applying = "applying",
    MirrorWritten = "mirror-written",
    UsersWritten = "users-written",
    GroupsWritten = "groups-written",
    MembershipsWritten = "memberships-written",
    OutcomeWritten = "outcome-written",
    Committed = "committed",
    /// The spool has been applied, and is still there.
    SpoolForgetting = "spool-forgetting",
    SpoolForgotten = "spool-forgotten",
    /// A run that applied nothing is about to say so.
    RunEnding = "run-ending",
    RunEnded = "run-ended",
}

impl FailPoint {
    /// The work has come to this point.
    #[inline]
    pub fn pass(self) {
        #[cfg(debug_assertions)]
        armed::pass(self);
    }
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::FailPoint;

    /// When to do something.
    #[derive(Debug)]
    pub(super) struct Trap {
        /// None: at any point.
        point: Option<FailPoint>,
        nth: u64,
        passed: AtomicU64,
    }

    impl Trap {
        /// `POINT` or `POINT:NTH`.
        pub(super) fn parse(text: &str) -> Option<Self> {
            let (name, nth) = match text.split_once(':') {
                Some((name, nth)) => (name, nth.parse().ok()?),
                None => (text, 1),
            };
            let point = match name {
                "any" => None,
                name => Some(*FailPoint::ALL.iter().find(|point| point.name() == name)?),
            };
            Some(Self { point, nth, passed: AtomicU64::new(0) })
        }

        fn of_variable(variable: &str) -> Option<Self> {
            let text = std::env::var(variable).ok()?;
            let trap = Self::parse(&text);
            if trap.is_none() {
                // A test with a typing mistake must not pass for want of a crash.
                eprintln!("{variable}={text} names no fail point");
                std::process::exit(2);
            }
            trap
        }

        /// True at the one passing that is meant.
        pub(super) fn springs(&self, at: FailPoint) -> bool {
            self.point.is_none_or(|point| point == at)
                && self.passed.fetch_add(1, Ordering::Relaxed) + 1 == self.nth
        }
    }

    pub(super) fn pass(at: FailPoint) {
        static TRAPS: OnceLock<[Option<Trap>; 2]> = OnceLock::new();
        let [kill, stop] =
            TRAPS.get_or_init(|| ["ROLLCALL_KILL_AT", "ROLLCALL_STOP_AT"].map(Trap::of_variable));
        tracing::trace!(point = at.name(), "passed");
        if kill.as_ref().is_some_and(|trap| trap.springs(at)) {
            die();
        }
        if stop.as_ref().is_some_and(|trap| trap.springs(at)) {
            stop_here();
        }
    }

    #[cfg(unix)]
    fn die() -> ! {
        use rustix::process::{Signal, getpid, kill_process};
        // If it can't kill itself it still must not go on.
        let _ = kill_process(getpid(), Signal::KILL);
        std::process::abort()
    }

    #[cfg(unix)]
    fn stop_here() {
        use rustix::process::{Signal, getpid, kill_process};
        if kill_process(getpid(), Signal::STOP).is_err() {
            std::process::abort();
        }
    }

    #[cfg(not(unix))]
    fn die() -> ! {
        std::process::abort()
    }

    #[cfg(not(unix))]
    fn stop_here() {
        std::process::abort()
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::FailPoint::{PageFlushed, RunBegun};
    use super::armed::Trap;

    #[test]
    fn a_trap_springs_once_at_the_passing_that_it_names() {
        let sprung = |text: &str| -> Vec<bool> {
            let trap = Trap::parse(text).unwrap();
            [RunBegun, PageFlushed, PageFlushed, PageFlushed].map(|at| trap.springs(at)).into()
        };
        assert_eq!(sprung("page-flushed"), [false, true, false, false]);
        assert_eq!(sprung("page-flushed:2"), [false, false, true, false]);
        assert_eq!(sprung("any:4"), [false, false, false, true]);
        assert_eq!(sprung("any:5"), [false; 4]);
    }

    #[test]
    fn what_names_no_point_is_no_trap() {
        for text in ["", "page", "page-flushed:", "page-flushed:x", "page-flushed:-1", "any:1:1"] {
            assert!(Trap::parse(text).is_none(), "{text}");
        }
    }
}
