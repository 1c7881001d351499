//! Whole-second timestamps and the organisation's clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Seconds since 1970-01-01T00:00:00Z. Every timestamp in 1,550 recorded Okta objects is a whole second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Appends `2026-01-31T12:00:00.000Z`, Okta's form.
    pub(crate) fn write(self, out: &mut Vec<u8>) {
        write_millis(out, self.0 * 1000);
    }

    /// Reads an ISO 8601 date and time in UTC, with or without a fraction, as a number of milliseconds.
    ///
    /// Milliseconds, because a search may name them although stored values never have any.
    pub(crate) fn parse_millis(text: &str) -> Option<i64> {
        let text = text.strip_suffix('Z').or_else(|| text.strip_suffix("+00:00"))?;
        let (date, clock) = text.split_once('T')?;
        let mut date_parts = date.splitn(3, '-').map(digits);
        let (year, month, day) = (date_parts.next()??, date_parts.next()??, date_parts.next()??);
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, "0"));
        let mut clock_parts = clock.splitn(3, ':').map(digits);
        let (hour, minute) = (clock_parts.next()??, clock_parts.next()??);
        let second = clock_parts.next().unwrap_or(Some(0))?;
        let valid = (1..=12).contains(&month)
            && (1..=31).contains(&day)
            && hour < 24
            && minute < 60
            && second < 60
            && year <= 9999
            && digits(fraction).is_some();
        if !valid {
            return None;
        }
        let millis = digits(&format!("{fraction:0<3}")[..3])?;
        let days = days_from_civil(year, month, day);
        Some((days * 86_400 + hour * 3600 + minute * 60 + second) * 1000 + millis)
    }
}

impl std::fmt::Display for Timestamp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let mut text = Vec::with_capacity(24);
        self.write(&mut text);
        f.write_str(&String::from_utf8_lossy(&text))
    }
}

fn digits(text: &str) -> Option<i64> {
    (!text.is_empty() && text.len() <= 9 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())?
}

/// Appends a time in milliseconds since 1970 as `2026-01-31T12:00:00.123Z`; events of the System Log have
/// milliseconds that aren't zero.
pub(crate) fn write_millis(out: &mut Vec<u8>, millis: i64) {
    let (seconds, millis) = (millis.div_euclid(1000), millis.rem_euclid(1000) as u32);
    // Numbers of half the size: a page writes six thousand of these.
    let (days, rest) = match u32::try_from(seconds) {
        Ok(seconds) => (i64::from(seconds / 86_400), seconds % 86_400),
        Err(_) => (seconds.div_euclid(86_400), seconds.rem_euclid(86_400) as u32),
    };
    let (year, month, day) = civil_from_days(days);
    let year = year.clamp(0, 9999) as u32;
    let mut text = *b"0000-00-00T00:00:00.000Z";
    let mut two = |at: usize, value: u32| {
        text[at] += (value / 10) as u8;
        text[at + 1] += (value % 10) as u8;
    };
    two(0, year / 100);
    two(2, year % 100);
    two(5, month);
    two(8, day);
    two(11, rest / 3600);
    two(14, rest / 60 % 60);
    two(17, rest % 60);
    two(20, millis / 10);
    text[22] += (millis % 10) as u8;
    out.extend_from_slice(&text);
}

/// Year, month and day of a day number; the algorithm is Howard Hinnant's `civil_from_days`.
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097) as u32;
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    (i64::from(yoe) + era * 400 + i64::from(month <= 2), month, day)
}

/// Day number of a date; the inverse of [`civil_from_days`].
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let y = if month <= 2 { year - 1 } else { year };
    let era = y.div_euclid(400);
    let yoe = y.rem_euclid(400);
    let doy = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468
}

/// The organisation's clock: the machine's, moved by an offset so that tests can prove that a client trusts
/// the `Date` header and not its own clock. It can be put forward while running, so that a test of a lag or
/// of a window needn't wait.
#[derive(Debug)]
pub(crate) struct Clock {
    started_unix: Duration,
    started: Instant,
    advanced_ms: AtomicU64,
}

impl Clock {
    pub(crate) fn new(offset_seconds: i64) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let shift = Duration::from_secs(offset_seconds.unsigned_abs());
        let started_unix = if offset_seconds < 0 { now.saturating_sub(shift) } else { now + shift };
        Self { started_unix, started: Instant::now(), advanced_ms: AtomicU64::new(0) }
    }

    /// Puts the clock forward; it never goes back.
    pub(crate) fn advance(&self, by: Duration) {
        self.advanced_ms.fetch_add(by.as_millis() as u64, Ordering::AcqRel);
    }

    /// Time since 1970 on this clock.
    pub(crate) fn unix(&self) -> Duration {
        let advanced = Duration::from_millis(self.advanced_ms.load(Ordering::Acquire));
        self.started_unix + self.started.elapsed() + advanced
    }

    /// Milliseconds since 1970 on this clock.
    pub(crate) fn millis(&self) -> u64 {
        self.unix().as_millis() as u64
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp(self.unix().as_secs() as i64)
    }

    /// The value of a `Date` header (RFC 9110 §5.6.7).
    pub(crate) fn http_date(&self) -> String {
        self.http_date_moved(0)
    }

    /// The value of a `Date` header of a clock that is so many seconds ahead of this one.
    pub(crate) fn http_date_moved(&self, ahead: i64) -> String {
        const WEEKDAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
        const MONTHS: [&str; 12] =
            ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
        let seconds = self.now().0.saturating_add(ahead);
        let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
        let (year, month, day) = civil_from_days(days);
        format!(
            "{}, {day:02} {} {year:04} {:02}:{:02}:{:02} GMT",
            WEEKDAYS[days.rem_euclid(7) as usize],
            MONTHS[(month - 1) as usize],
            rest / 3600,
            rest / 60 % 60,
            rest % 60
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_and_reads_oktas_form() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00.000Z"),
            (951_782_399, "2000-02-28T23:59:59.000Z"),
            (951_782_400, "2000-02-29T00:00:00.000Z"),
            (1_767_225_600, "2026-01-01T00:00:00.000Z"),
            (4_102_444_799, "2099-12-31T23:59:59.000Z"),
            (4_294_967_296, "2106-02-07T06:28:16.000Z"),
        ] {
            assert_eq!(Timestamp(seconds).to_string(), text);
            assert_eq!(Timestamp::parse_millis(text), Some(seconds * 1000));
        }
    }

    #[test]
    fn reads_fractions_and_refuses_nonsense() {
        assert_eq!(Timestamp::parse_millis("1970-01-01T00:00:00.5Z"), Some(500));
        assert_eq!(Timestamp::parse_millis("1970-01-01T00:00:01Z"), Some(1000));
        for bad in [
            "",
            "yesterday",
            "2026-01-01T00:00:00.ééZ",
            "99999999-01-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-01-01",
            "2026-01-01T25:00:00Z",
        ] {
            assert_eq!(Timestamp::parse_millis(bad), None, "{bad}");
        }
    }
}
