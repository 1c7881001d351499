//! Numbers and times as people read them.

use std::time::Duration;

use jiff::Timestamp;
use unicode_width::UnicodeWidthStr;

/// `1234567` → `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// `1 user`, `2 users`, `12,345 users`.
pub fn plural(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// A number of bytes: `512 bytes`, `123 kB`, `12 MB`, `1,200 GB`.
pub fn bytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} bytes"),
        10_000..10_000_000 => format!("{} kB", bytes / 1000),
        10_000_000..10_000_000_000 => format!("{} MB", count(bytes / 1_000_000)),
        _ => format!("{} GB", count(bytes / 1_000_000_000)),
    }
}

/// Two units at most, no more exact than it is of use: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 4 min`, `3 d 2 h`.
pub fn duration(duration: Duration) -> String {
    let millis = duration.as_millis();
    // Rounded before the unit is chosen, so that 9.96 s is 10 s and not 10.0 s.
    if millis < 9950 {
        return match (millis + 50) / 100 {
            0 if millis == 0 => "0 s".to_owned(),
            0 => "0.1 s".to_owned(),
            tenths if tenths % 10 == 0 => format!("{} s", tenths / 10),
            tenths => format!("{}.{} s", tenths / 10, tenths % 10),
        };
    }
    let seconds = (millis + 500) / 1000;
    let (large, large_unit, small, small_unit) = match seconds {
        0..60 => return format!("{seconds} s"),
        60..3600 => (seconds / 60, "min", seconds % 60, "s"),
        3600..86400 => (seconds / 3600, "h", seconds % 3600 / 60, "min"),
        _ => (seconds / 86400, "d", seconds % 86400 / 3600, "h"),
    };
    match small {
        0 => format!("{large} {large_unit}"),
        small => format!("{large} {large_unit} {small} {small_unit}"),
    }
}

/// How long `then` is before `now`, in one unit: `just now`, `3 min ago`, `5 d ago`; beyond 30 days the date.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let seconds = now.as_second() - then.as_second();
    match seconds {
        // Clocks differ a little between machines.
        -60..5 => "just now".to_owned(),
        5..60 => format!("{seconds} s ago"),
        60..3600 => format!("{} min ago", seconds / 60),
        3600..86400 => format!("{} h ago", seconds / 3600),
        86400..2592000 => format!("{} d ago", seconds / 86400),
        _ => then.strftime("%Y-%m-%d").to_string(),
    }
}

/// How far `then` is after `now`, in one unit: `now`, `in 5 s`, `in 3 min`, `in 2 h`, `in 5 d`.
pub fn ahead(then: Timestamp, now: Timestamp) -> String {
    let seconds = then.as_second() - now.as_second();
    match seconds {
        ..=0 => "now".to_owned(),
        1..60 => format!("in {seconds} s"),
        60..3600 => format!("in {} min", seconds / 60),
        3600..172_800 => format!("in {} h", seconds / 3600),
        _ => format!("in {} d", seconds / 86400),
    }
}

/// Each line of the text broken between words where it is wider than `width`; what follows a break is as far
/// in as the line was.
pub fn wrap(text: &str, width: usize) -> String {
    let mut out = Vec::new();
    for line in text.lines() {
        let indent = &line[..line.len() - line.trim_start().len()];
        let mut broken = indent.to_owned();
        for word in line.split_whitespace() {
            let begins = broken.len() == indent.len();
            if !begins && broken.width() + 1 + word.width() > width {
                out.push(std::mem::replace(&mut broken, indent.to_owned()));
            } else if !begins {
                broken.push(' ');
            }
            broken.push_str(word);
        }
        out.push(broken);
    }
    out.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts() {
        for (number, text) in [
            (0, "0"),
            (999, "999"),
            (1000, "1,000"),
            (12_345, "12,345"),
            (1_234_567, "1,234,567"),
            (u64::MAX, "18,446,744,073,709,551,615"),
        ] {
            assert_eq!(count(number), text);
        }
        assert_eq!(plural(1, "user", "users"), "1 user");
        assert_eq!(plural(0, "user", "users"), "0 users");
        assert_eq!(plural(2000, "user", "users"), "2,000 users");
    }

    #[test]
    fn sizes() {
        for (size, text) in [
            (0, "0 bytes"),
            (9_999, "9999 bytes"),
            (123_456, "123 kB"),
            (2_500_000_000, "2,500 MB"),
            (1_200_000_000_000, "1,200 GB"),
        ] {
            assert_eq!(bytes(size), text);
        }
    }

    #[test]
    fn durations() {
        for (millis, text) in [
            (0, "0 s"),
            (1, "0.1 s"),
            (49, "0.1 s"),
            (140, "0.1 s"),
            (400, "0.4 s"),
            (1_000, "1 s"),
            (1_240, "1.2 s"),
            (9_940, "9.9 s"),
            (9_960, "10 s"),
            (12_400, "12 s"),
            (59_600, "1 min"),
            (185_000, "3 min 5 s"),
            (7_440_000, "2 h 4 min"),
            (266_400_000, "3 d 2 h"),
        ] {
            assert_eq!(duration(Duration::from_millis(millis)), text, "{millis}");
        }
    }

    #[test]
    fn wrapping() {
        assert_eq!(wrap("one two three\n  four five\n\nsix", 9), "one two\nthree\n  four\n  five\n\nsix");
        assert_eq!(wrap("a-very-long-word b", 4), "a-very-long-word\nb");
        assert_eq!(wrap("名前 名前", 8), "名前\n名前");
    }

    #[test]
    fn times_to_come() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (seconds, text) in [
            (-5, "now"),
            (0, "now"),
            (1, "in 1 s"),
            (200, "in 3 min"),
            (90_000, "in 25 h"),
            (200_000, "in 2 d"),
        ] {
            assert_eq!(ahead(now + jiff::SignedDuration::from_secs(seconds), now), text);
        }
    }

    #[test]
    fn relative_times() {
        let now: Timestamp = "2026-11-24T12:00:00Z".parse().unwrap();
        for (seconds, text) in [
            (-3, "just now"),
            (0, "just now"),
            (5, "5 s ago"),
            (200, "3 min ago"),
            (7300, "2 h ago"),
            (5 * 86400, "5 d ago"),
            (40 * 86400, "2026-10-15"),
            (-3600, "2026-11-24"),
        ] {
            assert_eq!(ago(now - jiff::SignedDuration::from_secs(seconds), now), text);
        }
    }
}
