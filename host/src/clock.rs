//! What time it is. Everything that compares times asks here, so that a test can say what time it is.
//!
//! A debug build takes the time from the file that `ROLLCALL_CLOCK` names, if there is one: one timestamp such as
//! `2027-03-01T03:00:00Z`, replaced by renaming. The time then stands still until the file says another. A release
//! build knows none of this.

use std::time::Duration;

use jiff::Timestamp;

/// Now.
pub fn now() -> Timestamp {
    #[cfg(debug_assertions)]
    if let Some(told) = told::now() {
        return told;
    }
    Timestamp::now()
}

/// Now, to the millisecond: what a person can use of a time.
pub fn timestamp() -> Timestamp {
    let now = now();
    Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
}

/// How long one may sleep before looking at the clock again, with this much left to wait. The clock of a machine is set
/// at times and stands still while the machine sleeps, so a long wait is many short ones.
pub fn patience(left: Duration) -> Duration {
    const LONGEST: Duration = Duration::from_secs(2);
    #[cfg(debug_assertions)]
    if told::now().is_some() {
        return Duration::from_millis(5);
    }
    left.min(LONGEST)
}

#[cfg(debug_assertions)]
mod told {
    use std::path::PathBuf;
    use std::sync::{Mutex, OnceLock, PoisonError};

    use jiff::Timestamp;

    const VARIABLE: &str = "ROLLCALL_CLOCK";

    struct Told {
        file: PathBuf,
        last: Mutex<Timestamp>,
    }

    pub(super) fn now() -> Option<Timestamp> {
        static TOLD: OnceLock<Option<Told>> = OnceLock::new();
        let told = TOLD.get_or_init(begin).as_ref()?;
        let mut last = told.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(now) = read(&told.file) {
            *last = now;
        }
        Some(*last)
    }

    fn begin() -> Option<Told> {
        let file = PathBuf::from(std::env::var_os(VARIABLE)?);
        let Some(now) = read(&file) else {
            // A test with a typing mistake must not go by the real clock.
            eprintln!("{VARIABLE}={} holds no time", file.display());
            std::process::exit(2);
        };
        Some(Told { file, last: Mutex::new(now) })
    }

    fn read(file: &std::path::Path) -> Option<Timestamp> {
        std::fs::read_to_string(file).ok()?.trim().parse().ok()
    }
}
