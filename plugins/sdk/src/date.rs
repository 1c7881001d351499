//! Dates as providers write them, as whole seconds since 1970-01-01T00:00:00Z.
//!
//! A plugin has no clock: it gets `now` from the host, or the provider's `Date` header.

use crate::Error;

/// Reads an RFC 3339 date-time, such as `2026-11-24T08:30:00.000Z` or `2026-11-24T09:30:00+01:00`. Fractions
/// of a second are cut off.
///
/// ```
/// use rollcall_plugin::date;
///
/// let seconds = date::parse("2026-11-24T08:30:00.000Z").unwrap();
/// assert_eq!(date::format(seconds - 300), "2026-11-24T08:25:00.000Z");
/// ```
pub fn parse(text: &str) -> Result<i64, Error> {
    rfc3339(text).ok_or_else(|| Error::unexpected(format!("not a date and time (RFC 3339): {text:?}")))
}

/// Writes `2026-11-24T08:30:00.000Z`: RFC 3339 in UTC, with the milliseconds that most providers' filter
/// expressions want to see.
pub fn format(seconds: i64) -> String {
    let (year, month, day) = civil(seconds.div_euclid(DAY));
    let second = seconds.rem_euclid(DAY);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000Z",
        second / 3600,
        second / 60 % 60,
        second % 60
    )
}

/// The date-time that many seconds before: where a reading of changes has to begin, so that what was changing
/// while the last one ran is seen.
pub fn before(text: &str, margin: u32) -> Result<String, Error> {
    Ok(format(parse(text)? - i64::from(margin)))
}

/// Reads a `Date` header: `Tue, 24 Nov 2026 08:30:00 GMT`, the one form that servers may send (RFC 9110,
/// section 5.6.7).
pub fn parse_http(text: &str) -> Result<i64, Error> {
    imf_fixdate(text).ok_or_else(|| Error::unexpected(format!("not a date of HTTP (RFC 9110): {text:?}")))
}

const DAY: i64 = 86_400;

fn rfc3339(text: &str) -> Option<i64> {
    let (date, rest) = text.split_at_checked(10)?;
    let [year, month, day] = numbers(date, '-', [4, 2, 2])?;
    let (time, rest) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
    let mut rest = rest;
    if let Some(fraction) = rest.strip_prefix('.') {
        let digits = fraction.bytes().take_while(u8::is_ascii_digit).count();
        if digits == 0 {
            return None;
        }
        rest = &fraction[digits..];
    }
    let offset = match rest.as_bytes() {
        [b'Z' | b'z'] => 0,
        [sign @ (b'+' | b'-'), ..] => {
            let [hours, minutes] = numbers(&rest[1..], ':', [2, 2])?;
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 3600 + minutes * 60) * if *sign == b'-' { -1 } else { 1 }
        }
        _ => return None,
    };
    Some(seconds(year, month, day, time)? - offset)
}

fn imf_fixdate(text: &str) -> Option<i64> {
    const MONTHS: &str = "JanFebMarAprMayJunJulAugSepOctNovDec";
    let (_weekday, rest) = text.split_once(", ")?;
    let mut parts = rest.split(' ');
    let mut part = || parts.next();
    let [day] = numbers(part()?, ' ', [2])?;
    let name = part()?;
    let month = MONTHS.as_bytes().chunks(3).position(|month| month == name.as_bytes())?;
    let [year] = numbers(part()?, ' ', [4])?;
    let time = part()?;
    (part()? == "GMT" && part().is_none()).then_some(())?;
    seconds(year, i64::try_from(month).ok()? + 1, day, time)
}

fn seconds(year: i64, month: i64, day: i64, time: &str) -> Option<i64> {
    let [hour, minute, second] = numbers(time, ':', [2, 2, 2])?;
    let days = days(year, month, day);
    // A leap second (60) is the last second of its day, as on every clock that an API reads.
    let valid = civil(days) == (year, month, day) && hour < 24 && minute < 60 && second <= 60;
    valid.then_some(days * DAY + hour * 3600 + minute * 60 + second.min(59))
}

/// Numbers of exactly these widths, with that separator between.
fn numbers<const N: usize>(text: &str, separator: char, widths: [usize; N]) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut out = [0; N];
    for (slot, width) in out.iter_mut().zip(widths) {
        let part = parts.next()?;
        if part.len() != width || !part.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        *slot = part.parse().ok()?;
    }
    parts.next().is_none().then_some(out)
}

/// Days since 1970-01-01 of a date in the Gregorian calendar. Years begin in March, so that the leap day is
/// the last (Howard Hinnant, "chrono-compatible low-level date algorithms").
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

/// The opposite of [`days`].
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year_of_era + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn known_dates() {
        for (text, expected) in [
            ("1970-01-01T00:00:00Z", 0),
            ("1969-12-31T23:59:59Z", -1),
            ("2000-02-29T12:00:00Z", 951_825_600),
            ("2026-11-24T08:30:00.000Z", 1_795_509_000),
            ("2026-11-24T09:30:00.999999+01:00", 1_795_509_000),
            ("2026-11-24t02:45:00-05:45", 1_795_509_000),
            ("2016-12-31T23:59:60Z", 1_483_228_799),
            ("9999-12-31T23:59:59Z", 253_402_300_799),
        ] {
            assert_eq!(parse(text).unwrap(), expected, "{text}");
        }
        assert_eq!(parse_http("Tue, 24 Nov 2026 08:30:00 GMT").unwrap(), 1_795_509_000);
        assert_eq!(before("2026-03-01T00:01:00.000Z", 120).unwrap(), "2026-02-28T23:59:00.000Z");
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "2026-11-24",
            "2026-11-24T08:30:00",
            "2026-13-01T00:00:00Z",
            "2026-02-29T00:00:00Z",
            "2026-11-24T24:00:00Z",
            "2026-11-24T08:60:00Z",
            "2026-11-24T08:30:00.Z",
            "2026-11-24T08:30:00+1:00",
            "+026-11-24T08:30:00Z",
            "2026-11-24T08:30:00ZZ",
            "2026-11-24T08:30:00+25:00",
            "Zoë-11-24T08:30:00Z",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
        for text in
            ["", "24 Nov 2026 08:30:00 GMT", "Tue, 24 nov 2026 08:30:00 GMT", "Tue, 24 Nov 2026 08:30:00 CET"]
        {
            assert!(parse_http(text).is_err(), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn every_second_round_trips(seconds in -62_135_596_800_i64..253_402_300_800) {
            prop_assert_eq!(parse(&format(seconds)).unwrap(), seconds);
        }

        #[test]
        fn days_follow_each_other(day in -1_000_000_i64..1_000_000) {
            let (year, month, date) = civil(day);
            prop_assert_eq!(days(year, month, date), day);
            let next = civil(day + 1);
            prop_assert!(next > (year, month, date));
            prop_assert!(next.2 == date + 1 || next.2 == 1);
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,30}") {
            let _ = (parse(&text), parse_http(&text));
        }
    }
}
