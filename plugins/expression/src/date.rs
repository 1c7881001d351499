//! Dates in the proleptic Gregorian calendar, in UTC: what functions read and write. Nothing here knows what
//! time it is.

/// Seconds from 1970-01-01T00:00:00Z, and therefore a day and a time of day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment(i64);

const DAY: i64 = 86_400;

impl Moment {
    fn new(year: i64, month: i64, day: i64, hour: i64, minute: i64, second: i64) -> Option<Self> {
        let valid = (0..=9999).contains(&year)
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..=60).contains(&second);
        valid.then(|| {
            let seconds = hour * 3600 + minute * 60 + second.min(59);
            Self(days_since_1970(year, month, day) * DAY + seconds)
        })
    }

    /// Reads `2026-11-24`, or a date and time of RFC 3339 such as `2026-11-24T09:30:00.000+01:00`.
    pub fn read(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let [year, month, day] = numbers(date, ['-', '-'], [4, 2, 2])?;
        if rest.is_empty() {
            return Self::new(year, month, day, 0, 0, 0);
        }
        let (time, rest) = rest.strip_prefix(['T', 't', ' '])?.split_at_checked(8)?;
        let [hour, minute, second] = numbers(time, [':', ':'], [2, 2, 2])?;
        let rest = match rest.strip_prefix('.') {
            Some(fraction) => {
                let end = fraction.trim_start_matches(|c: char| c.is_ascii_digit());
                if end.len() == fraction.len() {
                    return None;
                }
                end
            }
            None => rest,
        };
        let offset = match rest {
            "Z" | "z" => 0,
            _ => {
                let sign = if rest.starts_with('-') { -1 } else { 1 };
                let (hours, minutes) = rest.strip_prefix(['+', '-'])?.split_once(':')?;
                let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                sign * (hours * 3600 + minutes * 60)
            }
        };
        let local = Self::new(year, month, day, hour, minute, second)?;
        Some(Self(local.0 - offset))
    }

    /// Whole days since 1970-01-01.
    pub fn day(self) -> i64 {
        self.0.div_euclid(DAY)
    }

    /// `2026-11-24`
    pub fn date(self) -> String {
        let (year, month, day) = civil(self.day());
        format!("{year:04}-{month:02}-{day:02}")
    }
}

fn numbers<const N: usize, const S: usize>(
    text: &str,
    separators: [char; S],
    lengths: [usize; N],
) -> Option<[i64; N]> {
    let mut rest = text;
    let mut found = [0; N];
    for (at, length) in lengths.into_iter().enumerate() {
        if at > 0 {
            rest = rest.strip_prefix(separators[at - 1])?;
        }
        let (number, after) = rest.split_at_checked(length)?;
        found[at] = digits(number, length)?;
        rest = after;
    }
    rest.is_empty().then_some(found)
}

fn digits(text: &str, length: usize) -> Option<i64> {
    (text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit())).then(|| text.parse().ok())?
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => 31,
    }
}

// Howard Hinnant's algorithms ("chrono-compatible low-level date algorithms"): years begin in March, so that
// the leap day is the last of its year.

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let of_era = year.rem_euclid(400);
    let of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719_468
}

fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let of_era = days.rem_euclid(146_097);
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day)
}

/// How a date is written: `dd.MM.yyyy`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format(Vec<Part>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
    Hour,
    Minute,
    Second,
    Literal(char),
}

impl Format {
    /// `yyyy`, `MM`, `dd`, `HH`, `mm` and `ss`; any other character but a letter stands for itself.
    ///
    /// # Errors
    ///
    /// The letters that mean nothing.
    pub fn new(text: &str) -> Result<Self, String> {
        const NAMES: [(&str, Part); 6] = [
            ("yyyy", Part::Year),
            ("MM", Part::Month),
            ("dd", Part::Day),
            ("HH", Part::Hour),
            ("mm", Part::Minute),
            ("ss", Part::Second),
        ];
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(first) = rest.chars().next() {
            if let Some((name, part)) = NAMES.iter().find(|(name, _)| rest.starts_with(name)) {
                parts.push(part.clone());
                rest = &rest[name.len()..];
            } else if first.is_alphabetic() && first != 'T' && first != 'Z' {
                return Err(rest.chars().take_while(|c| *c == first).collect());
            } else {
                parts.push(Part::Literal(first));
                rest = &rest[first.len_utf8()..];
            }
        }
        Ok(Self(parts))
    }

    pub(crate) fn write(&self, moment: Moment) -> String {
        use std::fmt::Write as _;

        let (year, month, day) = civil(moment.day());
        let second = moment.0.rem_euclid(DAY);
        let mut text = String::new();
        for part in &self.0 {
            // Writing to a String can't fail.
            let _ = match part {
                Part::Year => write!(text, "{year:04}"),
                Part::Month => write!(text, "{month:02}"),
                Part::Day => write!(text, "{day:02}"),
                Part::Hour => write!(text, "{:02}", second / 3600),
                Part::Minute => write!(text, "{:02}", second / 60 % 60),
                Part::Second => write!(text, "{:02}", second % 60),
                Part::Literal(literal) => write!(text, "{literal}"),
            };
        }
        text
    }

    pub(crate) fn read(&self, text: &str) -> Option<Moment> {
        let (mut year, mut month, mut day, mut hour, mut minute, mut second) = (1970, 1, 1, 0, 0, 0);
        let mut rest = text;
        for part in &self.0 {
            let (place, length) = match part {
                Part::Year => (&mut year, 4),
                Part::Month => (&mut month, 2),
                Part::Day => (&mut day, 2),
                Part::Hour => (&mut hour, 2),
                Part::Minute => (&mut minute, 2),
                Part::Second => (&mut second, 2),
                Part::Literal(literal) => {
                    rest = rest.strip_prefix(*literal)?;
                    continue;
                }
            };
            let (number, after) = rest.split_at_checked(length)?;
            *place = digits(number, length)?;
            rest = after;
        }
        rest.is_empty().then(|| Moment::new(year, month, day, hour, minute, second))?
    }
}

/// Writes in a form of one's own the date that `text` holds in RFC 3339 or ISO form; nothing when it holds none.
pub fn reformat(text: &str, format: &Format) -> Option<String> {
    Moment::read(text).map(|moment| format.write(moment))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn dates_and_times_are_read() {
        for (text, date) in [
            ("2026-11-24", "2026-11-24"),
            ("2026-11-24T08:30:00.000Z", "2026-11-24"),
            ("2026-11-24T23:30:00-05:00", "2026-11-25"),
            ("2024-02-29t00:00:00z", "2024-02-29"),
            ("2026-01-01 00:30:00+01:00", "2025-12-31"),
        ] {
            assert_eq!(Moment::read(text).unwrap().date(), date, "{text}");
        }
        for text in [
            "",
            "2026",
            "2026-02-29",
            "2026-13-01",
            "2026-11-24T",
            "2026-11-24T08:30",
            "24.11.2026",
            "2026-11-24T08:30:00",
            "2026-11-24T08:30:00.Z",
            "2026-11-24T08:30:00+25:00",
            "2026-11-2é",
            "+026-11-24",
        ] {
            assert_eq!(Moment::read(text), None, "{text}");
        }
    }

    #[test]
    fn formats_write_and_read() {
        let moment = Moment::read("2026-11-04T08:05:09Z").unwrap();
        for (format, expected) in [
            ("dd.MM.yyyy", "04.11.2026"),
            ("yyyyMMdd", "20261104"),
            ("HH:mm:ss", "08:05:09"),
            ("yyyy-MM-ddTHH:mm:ssZ", "2026-11-04T08:05:09Z"),
        ] {
            assert_eq!(Format::new(format).unwrap().write(moment), expected);
        }
        assert_eq!(Format::new("dd.MM.yyyy").unwrap().read("04.11.2026").unwrap().date(), "2026-11-04");
        assert_eq!(Format::new("dd.MM.yyyy").unwrap().read("31.02.2026"), None);
        assert_eq!(Format::new("dd.MM.yyyy").unwrap().read("04.11.20261"), None);
        assert_eq!(Format::new("dd MMM yyyy").unwrap_err(), "M");
        assert_eq!(Format::new("DD.MM.yyyy").unwrap_err(), "DD");
    }

    proptest! {
        #[test]
        fn days_round_trip(day in -719_000_i64..2_900_000) {
            let (year, month, date) = civil(day);
            prop_assert_eq!(days_since_1970(year, month, date), day);
            prop_assert!(date <= days_in(year, month));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "\\PC{0,24}", format in "[yMdHms. é]{0,12}") {
            let _ = Moment::read(&text);
            if let Ok(format) = Format::new(&format) {
                let _ = format.read(&text);
            }
        }
    }
}
