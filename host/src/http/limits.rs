use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};

use crate::model::{ConcurrencySignal, RateLimitRules, ResetUnit};

/// A reset further away is a mistake (milliseconds for seconds), and must not overflow a clock.
const FARTHEST: u64 = 10 * 365 * 24 * 3600;

/// What a response's headers say of its rate limit. Each is `None` when absent or not a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Limits {
    /// Requests in a window.
    pub limit: Option<u32>,
    /// Left in this window, after the request that was answered.
    pub remaining: Option<u32>,
    pub reset: Option<Reset>,
}

/// When the window ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Reset {
    /// In the server's seconds since 1970: names the window, so that late answers of the window before are
    /// told apart. `None` when the server gave no `Date`.
    pub key: Option<u64>,
    /// From the moment that the server answered, in the server's own clock.
    pub after: Duration,
}

impl Limits {
    pub(super) fn read(rules: &RateLimitRules, headers: &HeaderMap) -> Self {
        let number = |name: &str| headers.get(name).and_then(|value| leading_number(value.to_str().ok()?));
        let count = |name: &str| number(name).map(|count| u32::try_from(count).unwrap_or(u32::MAX));
        let date = date(headers);
        let reset = number(&rules.reset_header).and_then(|reset| match rules.reset_unit {
            ResetUnit::EpochSeconds => {
                Some(Reset { key: Some(reset), after: seconds(reset.saturating_sub(date?)) })
            }
            ResetUnit::Seconds => {
                Some(Reset { key: date.map(|date| date.saturating_add(reset)), after: seconds(reset) })
            }
        });
        Self { limit: count(&rules.limit_header), remaining: count(&rules.remaining_header), reset }
    }

    /// Does this 429 mean "too many at once" rather than "too many in this window"?
    pub(super) fn too_many_at_once(&self, rules: &RateLimitRules) -> bool {
        match rules.concurrency {
            Some(ConcurrencySignal::LimitZero) => self.limit == Some(0),
            None => false,
        }
    }
}

/// `Retry-After`: seconds, or a date that is compared with the response's own (RFC 9110 section 10.2.3).
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(after) = leading_number(text) {
        return Some(seconds(after));
    }
    Some(seconds(epoch_seconds(text)?.saturating_sub(date(headers)?)))
}

/// The server's own clock, in seconds since 1970.
pub(super) fn date(headers: &HeaderMap) -> Option<u64> {
    epoch_seconds(headers.get(reqwest::header::DATE)?.to_str().ok()?)
}

fn epoch_seconds(http_date: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(http_date).ok()?;
    Some(time.duration_since(std::time::UNIX_EPOCH).ok()?.as_secs())
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count.min(FARTHEST))
}

/// `600`, `600, 600;w=60` and `12.5` all begin with the number that is meant.
fn leading_number(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    match text[end..].chars().next() {
        None | Some(',' | ';' | '.' | ' ') => text[..end].parse().ok(),
        Some(_) => None,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::collections::BTreeMap;

    use reqwest::header::HeaderValue;

    use super::*;

    pub(crate) fn rules() -> RateLimitRules {
        RateLimitRules {
            limit_header: "x-rate-limit-limit".into(),
            remaining_header: "x-rate-limit-remaining".into(),
            reset_header: "x-rate-limit-reset".into(),
            reset_unit: ResetUnit::EpochSeconds,
            window_seconds: 60,
            concurrency: Some(ConcurrencySignal::LimitZero),
            buckets: BTreeMap::from([("users".into(), String::new()), ("groups".into(), String::new())]),
        }
    }

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| ((*name).try_into().unwrap(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    /// 2026-01-01T00:00:00Z is 1767225600.
    const DATE: (&str, &str) = ("date", "Thu, 01 Jan 2026 00:00:00 GMT");

    #[test]
    fn the_reset_is_measured_with_the_servers_own_date() {
        let limits = Limits::read(
            &rules(),
            &headers(&[
                DATE,
                ("x-rate-limit-limit", "600"),
                ("x-rate-limit-remaining", "599"),
                ("x-rate-limit-reset", "1767225642"),
            ]),
        );
        let reset = Reset { key: Some(1767225642), after: Duration::from_secs(42) };
        assert_eq!(limits, Limits { limit: Some(600), remaining: Some(599), reset: Some(reset) });
    }

    #[test]
    fn a_reset_in_seconds_needs_no_date() {
        let rules = RateLimitRules { reset_unit: ResetUnit::Seconds, ..rules() };
        let read = |pairs: &[_]| Limits::read(&rules, &headers(pairs)).reset.unwrap();
        let after = Duration::from_secs(7);
        assert_eq!(read(&[("x-rate-limit-reset", "7")]), Reset { key: None, after });
        assert_eq!(read(&[("x-rate-limit-reset", "7"), DATE]), Reset { key: Some(1767225607), after });
    }

    #[test]
    fn missing_and_odd_headers_are_told_from_numbers() {
        assert_eq!(Limits::read(&rules(), &headers(&[DATE])), Limits::default());
        let odd = |value| Limits::read(&rules(), &headers(&[("x-rate-limit-limit", value)])).limit;
        assert_eq!(odd("100, 100;w=60"), Some(100));
        assert_eq!(odd(" 12.5 "), Some(12));
        assert_eq!(odd("99999999999"), Some(u32::MAX));
        for value in ["", "-1", "many", "0x10", "1e3", "99999999999999999999999"] {
            assert_eq!(odd(value), None, "{value}");
        }
        let reset = |value, date: &[_]| {
            let mut pairs = date.to_vec();
            pairs.push(("x-rate-limit-reset", value));
            Limits::read(&rules(), &headers(&pairs)).reset
        };
        assert_eq!(reset("1767225642", &[]), None, "without a Date there is nothing to compare with");
        assert_eq!(reset("1767225542", &[DATE]).unwrap().after, Duration::ZERO);
        assert_eq!(reset("1767225642000", &[DATE]).unwrap().after, Duration::from_secs(FARTHEST));
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        assert_eq!(retry_after(&headers(&[("retry-after", "120")])), Some(Duration::from_secs(120)));
        assert_eq!(
            retry_after(&headers(&[("retry-after", "Thu, 01 Jan 2026 00:00:09 GMT"), DATE])),
            Some(Duration::from_secs(9))
        );
        assert_eq!(retry_after(&headers(&[("retry-after", "soon")])), None);
        assert_eq!(retry_after(&headers(&[])), None);
    }

    #[test]
    fn a_limit_of_zero_means_too_many_at_once_where_the_manifest_says_so() {
        let zero = Limits { limit: Some(0), ..Limits::default() };
        assert!(zero.too_many_at_once(&rules()));
        assert!(!zero.too_many_at_once(&RateLimitRules { concurrency: None, ..rules() }));
        assert!(!Limits::default().too_many_at_once(&rules()));
    }
}
