//! Cron expressions: five fields as in crontab(5), or a name such as `@daily`.
//!
//! `croner` knows the calendar: which wall-clock times an expression means. What that is in a time zone whose clock is
//! put forward and back is decided here, as vixie cron does it:
//!
//! * An expression whose minute and hour are fixed (neither begins with `*`) is about the time of day. What the clock
//!   skips in spring comes at the first moment after the gap, what it repeats in autumn comes the first time only.
//! * Any other is about intervals. It goes by the clock: nothing in the gap, and twice in what is repeated.

use std::fmt;
use std::ops::Range;

use croner::parser::CronParser;
use croner::{CivilDate, CivilDateTime, CivilTime, CronDateTime, Resolution, Weekday};
use jiff::civil::DateTime;
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Timestamp};

use crate::plugin::nearest;

/// A valid expression that comes true some day.
#[derive(Clone, PartialEq, Eq)]
pub struct Cron {
    text: String,
    calendar: croner::Cron,
    /// About the time of day rather than about intervals.
    fixed: bool,
}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cron({:?})", self.text)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// What is wrong with an expression, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct CronMistake {
    /// Bytes of the text.
    pub part: Range<usize>,
    pub message: String,
    pub hint: String,
}

struct Field {
    name: &'static str,
    least: u32,
    most: u32,
    /// From `least` on, for months and days.
    names: &'static [&'static str],
    example: &'static str,
}

const FIELDS: [Field; 5] = [
    Field { name: "minute", least: 0, most: 59, names: &[], example: "`0`, `*/15` or `5,35`" },
    Field { name: "hour", least: 0, most: 23, names: &[], example: "`3`, `*` or `8-18`" },
    Field { name: "day of month", least: 1, most: 31, names: &[], example: "`*`, `1` or `1,15`" },
    Field {
        name: "month",
        least: 1,
        most: 12,
        names: &["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
        example: "`*`, `jan` or `3-10`",
    },
    Field {
        name: "day of week",
        least: 0,
        most: 7,
        names: &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
        example: "`*`, `mon-fri` or `0` and `7` for Sunday",
    },
];

/// What the names stand for.
const NAMED: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

const SHAPE: &str = "minute, hour, day of month, month, day of week: `0 3 * * *` is every day at 03:00, \
    `*/15 * * * *` every quarter of an hour; or a name: `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`";

/// No clock was ever put forward or back by more, but for islands that changed sides of the date line.
const LARGEST_CHANGE: SignedDuration = SignedDuration::from_hours(3);

impl Cron {
    pub fn parse(text: &str) -> Result<Self, CronMistake> {
        let trimmed = text.trim();
        let start = text.len() - text.trim_start().len();
        let whole = start..start + trimmed.len();
        let five = match trimmed.starts_with('@') {
            true => named(trimmed, whole.clone())?,
            false => {
                check(text)?;
                trimmed
            }
        };
        let wrong = |message: String| CronMistake { part: whole.clone(), message, hint: SHAPE.to_owned() };
        let calendar = CronParser::new().parse(five).map_err(|error| wrong(error.to_string()))?;
        let some_day = Wall(DateTime::constant(2000, 1, 1, 0, 0, 0, 0));
        if calendar.find_next_occurrence(&some_day, true).is_err() {
            return Err(wrong("there is no such day in any year".to_owned()));
        }
        let fixed = five.split_whitespace().take(2).all(|field| !field.starts_with('*'));
        Ok(Self { text: trimmed.to_owned(), calendar, fixed })
    }

    /// The first time later than `after`. Nothing only at the end of the calendar.
    pub fn after(&self, after: Timestamp, zone: &TimeZone) -> Option<Timestamp> {
        // Where the clock is put back the order of wall-clock times is not that of moments.
        let mut wall = Wall(zone.to_datetime(after).checked_sub(LARGEST_CHANGE).ok()?);
        let mut first: Option<Timestamp> = None;
        let mut inclusive = true;
        while let Ok(next) = self.calendar.find_next_occurrence(&wall, inclusive) {
            let enough = |found| {
                let end = zone.to_datetime(found).checked_add(LARGEST_CHANGE);
                end.is_ok_and(|end| next.0 > end)
            };
            if first.is_some_and(enough) {
                break;
            }
            let later = self.moments(next.0, zone).into_iter().flatten().filter(|moment| *moment > after);
            first = later.chain(first).min();
            (wall, inclusive) = (next, false);
        }
        first
    }

    /// When the zone's clock shows that time, by the rules of this module.
    fn moments(&self, wall: DateTime, zone: &TimeZone) -> [Option<Timestamp>; 2] {
        let ambiguous = zone.to_ambiguous_timestamp(wall);
        match ambiguous.offset() {
            AmbiguousOffset::Unambiguous { offset } => [offset.to_timestamp(wall).ok(), None],
            AmbiguousOffset::Gap { after, .. } if self.fixed => {
                let before = after.to_timestamp(wall).ok();
                let change = before.and_then(|before| zone.following(before).next());
                [change.map(|change| change.timestamp()), None]
            }
            AmbiguousOffset::Gap { .. } => [None, None],
            AmbiguousOffset::Fold { before, .. } if self.fixed => [before.to_timestamp(wall).ok(), None],
            AmbiguousOffset::Fold { before, after } => {
                [before.to_timestamp(wall).ok(), after.to_timestamp(wall).ok()]
            }
        }
    }
}

fn named(name: &str, part: Range<usize>) -> Result<&'static str, CronMistake> {
    if let Some((_, five)) = NAMED.iter().find(|(known, _)| *known == name) {
        return Ok(five);
    }
    let hint = match nearest(name, NAMED.iter().map(|(known, _)| *known)) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if name == "@reboot" => "`rollcall serve` runs what it missed when it starts".to_owned(),
        None => SHAPE.to_owned(),
    };
    Err(CronMistake { part, message: format!("there is no schedule `{name}`"), hint })
}

fn check(text: &str) -> Result<(), CronMistake> {
    let fields: Vec<&str> = text.split_whitespace().collect();
    let place = |part: &str| {
        let start = part.as_ptr() as usize - text.as_ptr() as usize;
        start..start + part.len()
    };
    if fields.len() != FIELDS.len() {
        let (part, message) = match fields.get(FIELDS.len()) {
            Some(sixth) => {
                (place(sixth).start..text.trim_end().len(), "a schedule has five fields".to_owned())
            }
            None => (0..text.len(), format!("a schedule has five fields, and this has {}", fields.len())),
        };
        return Err(CronMistake { part, message, hint: SHAPE.to_owned() });
    }
    for (field, text) in FIELDS.iter().zip(fields) {
        for item in text.split(',') {
            field.check(item).map_err(|message| CronMistake {
                // An empty item is shown with what is around it.
                part: place(if item.is_empty() { text } else { item }),
                message: format!("{}: {message}", field.name),
                hint: format!("such as {}", field.example),
            })?;
        }
    }
    Ok(())
}

impl Field {
    /// `*`, `*/2`, `5`, `5-20`, `5-20/5`.
    fn check(&self, item: &str) -> Result<(), String> {
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (item, None),
        };
        let several = match range.split_once('-') {
            _ if range == "*" => true,
            Some((from, to)) => {
                // Sunday is the end of a week as well as its beginning.
                let end = if self.most == 7 && to.eq_ignore_ascii_case("sun") { 7 } else { self.value(to)? };
                if self.value(from)? > end {
                    return Err(format!("`{range}` ends before it begins"));
                }
                true
            }
            None => {
                self.value(range)?;
                false
            }
        };
        match step {
            None => Ok(()),
            Some(step) if !several => {
                Err(format!("`{item}` is a step without a range: write `{range}-{}/{step}`", self.most))
            }
            Some(step) => match step.parse::<u32>() {
                Ok(number) if (1..=self.most).contains(&number) => Ok(()),
                _ => Err(format!("the step of `{item}` has to be from 1 to {}", self.most)),
            },
        }
    }

    fn value(&self, text: &str) -> Result<u32, String> {
        let name = self.names.iter().position(|name| name.eq_ignore_ascii_case(text));
        if let Some(position) = name {
            return Ok(self.least + position as u32);
        }
        let digits = !text.is_empty() && text.len() <= 2 && text.bytes().all(|byte| byte.is_ascii_digit());
        let number =
            text.parse::<u32>().ok().filter(|number| digits && (self.least..=self.most).contains(number));
        number.ok_or_else(|| match text {
            "" => "something is missing here".to_owned(),
            text => format!("`{text}` is not from {} to {}", self.least, self.most),
        })
    }
}

/// A time on a clock of no zone: what croner is asked about.
#[derive(Clone)]
struct Wall(DateTime);

impl CronDateTime for Wall {
    fn to_civil(&self) -> CivilDateTime {
        let of = |part: i8| part.unsigned_abs().into();
        // jiff keeps every part in range.
        CivilDateTime::new(
            CivilDate::from_parts_unchecked(self.0.year().into(), of(self.0.month()), of(self.0.day())),
            CivilTime::from_parts_unchecked(of(self.0.hour()), of(self.0.minute()), of(self.0.second())),
        )
    }

    fn civil_weekday(&self) -> Weekday {
        Weekday::from_days_from_sunday(self.0.weekday().to_sunday_zero_offset().unsigned_abs().into())
    }

    fn resolve_civil(&self, civil: CivilDateTime) -> Result<Resolution<Self>, croner::errors::CronError> {
        let date = || croner::errors::CronError::InvalidDate;
        let part = |part: u32| i8::try_from(part).map_err(|_| date());
        let year = i16::try_from(civil.year()).map_err(|_| date())?;
        let wall = DateTime::new(
            year,
            part(civil.month())?,
            part(civil.day())?,
            part(civil.hour())?,
            part(civil.minute())?,
            part(civil.second())?,
            0,
        );
        wall.map(|wall| Resolution::Single(Self(wall))).map_err(|_| date())
    }

    fn checked_add_seconds(&self, seconds: i64) -> Option<Self> {
        self.0.checked_add(SignedDuration::from_secs(seconds)).ok().map(Self)
    }

    fn cmp_instant(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cron(text: &str) -> Cron {
        Cron::parse(text).unwrap_or_else(|mistake| panic!("{text}: {mistake:?}"))
    }

    /// The next times after a moment, as the zone's clock shows them.
    fn times(text: &str, zone: &str, after: &str, how_many: usize) -> Vec<String> {
        let zone = TimeZone::get(zone).unwrap();
        let mut at: Timestamp = after.parse().unwrap();
        (0..how_many)
            .map(|_| {
                at = cron(text).after(at, &zone).unwrap();
                at.to_zoned_datetime(zone.clone()).strftime("%m-%d %H:%M%:z").to_string()
            })
            .collect()
    }

    #[test]
    fn names_and_lists_mean_what_crontab_says() {
        for (text, expected) in [
            ("@hourly", ["11-24 18:00+00:00", "11-24 19:00+00:00"]),
            ("@daily", ["11-25 00:00+00:00", "11-26 00:00+00:00"]),
            ("@midnight", ["11-25 00:00+00:00", "11-26 00:00+00:00"]),
            ("@weekly", ["11-29 00:00+00:00", "12-06 00:00+00:00"]),
            ("@monthly", ["12-01 00:00+00:00", "01-01 00:00+00:00"]),
            ("@yearly", ["01-01 00:00+00:00", "01-01 00:00+00:00"]),
            ("@annually", ["01-01 00:00+00:00", "01-01 00:00+00:00"]),
            ("*/15 * * * *", ["11-24 17:30+00:00", "11-24 17:45+00:00"]),
            ("5,35 8-18/2 * * mon-FRI", ["11-24 18:05+00:00", "11-24 18:35+00:00"]),
            ("0 3 * dec fri-sun", ["12-04 03:00+00:00", "12-05 03:00+00:00"]),
            ("0 3 * * 7", ["11-29 03:00+00:00", "12-06 03:00+00:00"]),
            ("  0 3 13 * *  ", ["12-13 03:00+00:00", "01-13 03:00+00:00"]),
        ] {
            assert_eq!(times(text, "UTC", "2026-11-24T17:15:30Z", 2), expected, "{text}");
        }
    }

    /// Berlin: 2027-03-28 01:59 → 03:00, 2027-10-31 02:59 → 02:00.
    #[test]
    fn a_fixed_time_comes_once_a_day_whatever_the_clock_does() {
        let spring = |text: &str| times(text, "Europe/Berlin", "2027-03-27T12:00:00Z", 2);
        assert_eq!(spring("30 2 * * *"), ["03-28 03:00+02:00", "03-29 02:30+02:00"]);
        assert_eq!(spring("0 3 * * *"), ["03-28 03:00+02:00", "03-29 03:00+02:00"]);
        assert_eq!(spring("30 1 * * *"), ["03-28 01:30+01:00", "03-29 01:30+02:00"]);
        // Several times of day are fixed as well, and two in one gap are one moment.
        assert_eq!(spring("0,30 2 * * *"), ["03-28 03:00+02:00", "03-29 02:00+02:00"]);
        assert_eq!(spring("30 2,14 * * *"), ["03-27 14:30+01:00", "03-28 03:00+02:00"]);
        let autumn = |text: &str| times(text, "Europe/Berlin", "2027-10-30T12:00:00Z", 2);
        assert_eq!(autumn("30 2 * * *"), ["10-31 02:30+02:00", "11-01 02:30+01:00"]);
        assert_eq!(autumn("30 2,3 * * *"), ["10-31 02:30+02:00", "10-31 03:30+01:00"]);
        assert_eq!(autumn("0 3 * * *"), ["10-31 03:00+01:00", "11-01 03:00+01:00"]);
        // Half an hour, on the other side of the world.
        let lord_howe = times("15 2 * * *", "Australia/Lord_Howe", "2027-10-02T00:00:00Z", 2);
        assert_eq!(lord_howe, ["10-03 02:30+11:00", "10-04 02:15+11:00"]);
    }

    #[test]
    fn an_interval_goes_by_the_clock() {
        let spring = times("*/30 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", 3);
        assert_eq!(spring, ["03-28 01:30+01:00", "03-28 03:00+02:00", "03-28 03:30+02:00"]);
        let autumn = times("30 * * * *", "Europe/Berlin", "2027-10-30T23:00:00Z", 4);
        assert_eq!(
            autumn,
            ["10-31 01:30+02:00", "10-31 02:30+02:00", "10-31 02:30+01:00", "10-31 03:30+01:00"]
        );
    }

    #[test]
    fn a_mistake_is_found_where_it_is() {
        for (text, part, message) in [
            ("", "", "a schedule has five fields, and this has 0"),
            ("0 3 * *", "0 3 * *", "a schedule has five fields, and this has 4"),
            ("0 0 3 * * * ", "*", "a schedule has five fields"),
            ("60 3 * * *", "60", "minute: `60` is not from 0 to 59"),
            ("0  24 * * *", "24", "hour: `24` is not from 0 to 23"),
            ("0 3 0 * *", "0", "day of month: `0` is not from 1 to 31"),
            ("0 3 * june *", "june", "month: `june` is not from 1 to 12"),
            ("0 3 * * mon-tue,frie", "frie", "day of week: `frie` is not from 0 to 7"),
            ("0 3 * * sat-mon", "sat-mon", "day of week: `sat-mon` ends before it begins"),
            ("5/10 * * * *", "5/10", "minute: `5/10` is a step without a range: write `5-59/10`"),
            ("*/0 * * * *", "*/0", "minute: the step of `*/0` has to be from 1 to 59"),
            ("0 3,,4 * * *", "3,,4", "hour: something is missing here"),
            ("0 3 L * *", "L", "day of month: `L` is not from 1 to 31"),
            (" @dayly", "@dayly", "there is no schedule `@dayly`"),
            ("@reboot", "@reboot", "there is no schedule `@reboot`"),
            ("0 3 30 2 *", "0 3 30 2 *", "there is no such day in any year"),
        ] {
            let mistake = Cron::parse(text).unwrap_err();
            assert_eq!((&text[mistake.part.clone()], &*mistake.message), (part, message), "{text}");
            assert!(!mistake.hint.is_empty());
        }
        assert_eq!(Cron::parse("@dayly").unwrap_err().hint, "did you mean `@daily`?");
    }
}
