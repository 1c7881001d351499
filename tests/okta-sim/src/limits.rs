//! Rate limits: one fixed-window counter for each class of paths, and a limit on concurrent requests.

use std::collections::HashMap;
use std::time::Duration;

/// A class of paths that share a counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bucket {
    /// `/api/v1/users`
    Users,
    /// `/api/v1/users/{id}`
    User,
    /// `/api/v1/groups` and everything below a group: the list and the members share a counter
    Groups,
    /// `/api/v1/groups/{id}`
    Group,
    /// `/api/v1/apps` and below
    Apps,
    /// `/api/v1/logs`
    Logs,
    /// `/oauth2/v1/token`
    Token,
    /// The rest, `/api/v1/users/{id}/groups` among it
    Other,
}

impl Bucket {
    /// All buckets, in the order of [`Bucket`].
    pub const ALL: [Self; 8] = [
        Self::Users,
        Self::User,
        Self::Groups,
        Self::Group,
        Self::Apps,
        Self::Logs,
        Self::Token,
        Self::Other,
    ];

    /// The bucket of a path, given its segments after `/api/v1`, or all of them where it is none of these.
    pub(crate) fn of(segments: &[&str]) -> Self {
        match segments {
            ["users"] => Self::Users,
            ["users", _] => Self::User,
            ["groups", _] => Self::Group,
            ["groups", ..] => Self::Groups,
            ["apps", ..] => Self::Apps,
            ["logs", ..] => Self::Logs,
            ["oauth2", "v1", "token"] => Self::Token,
            _ => Self::Other,
        }
    }
}

/// Requests an organisation may make, per bucket and window.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// [`Bucket::Users`]
    pub users: u32,
    /// [`Bucket::User`]
    pub user: u32,
    /// [`Bucket::Groups`]
    pub groups: u32,
    /// [`Bucket::Group`]
    pub group: u32,
    /// [`Bucket::Apps`]
    pub apps: u32,
    /// [`Bucket::Logs`]
    pub logs: u32,
    /// [`Bucket::Token`]
    pub token: u32,
    /// [`Bucket::Other`]
    pub other: u32,
    /// Requests in flight at once.
    pub concurrent: u32,
    /// Length of a window in milliseconds: Okta's is a minute.
    pub window_ms: u64,
    /// The part of each bucket one token may use, in percent. Headers report this part.
    pub token_share_percent: u32,
}

impl Default for Limits {
    /// Limits nothing reaches, and Okta's window.
    fn default() -> Self {
        Self::all(100_000_000, 1_000_000)
    }
}

impl Limits {
    /// The same limit for every bucket, a token's default share of one half, and Okta's window.
    pub fn all(requests: u32, concurrent: u32) -> Self {
        Self {
            users: requests,
            user: requests,
            groups: requests,
            group: requests,
            apps: requests,
            logs: requests,
            token: requests,
            other: requests,
            concurrent,
            window_ms: 60_000,
            token_share_percent: 50,
        }
    }

    /// Okta's last published defaults for a Workforce organisation; tokens as recorded in a free one.
    pub fn workforce() -> Self {
        Self {
            users: 600,
            user: 2000,
            groups: 500,
            group: 1000,
            apps: 100,
            logs: 120,
            token: 300,
            other: 1200,
            ..Self::all(0, 75)
        }
    }

    /// Okta's last published defaults for a free Integrator organisation.
    pub fn integrator() -> Self {
        Self { apps: 20, logs: 20, token: 300, ..Self::all(100, 35) }
    }

    fn of(&self, bucket: Bucket) -> u32 {
        match bucket {
            Bucket::Users => self.users,
            Bucket::User => self.user,
            Bucket::Groups => self.groups,
            Bucket::Group => self.group,
            Bucket::Apps => self.apps,
            Bucket::Logs => self.logs,
            Bucket::Token => self.token,
            Bucket::Other => self.other,
        }
    }
}

/// What the rate-limit headers of a response say, and whether the request was let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) allowed: bool,
    /// Windows since the limits began.
    pub(crate) window: u64,
    pub(crate) limit: u32,
    pub(crate) remaining: u32,
    /// Seconds since 1970 in UTC.
    pub(crate) reset: u64,
}

/// One bucket's counters in its current window.
#[derive(Debug, Default)]
struct Window {
    number: u64,
    organisation: u32,
    tokens: HashMap<String, u32>,
}

/// Counts requests.
#[derive(Debug)]
pub(crate) struct RateLimiter {
    limits: Limits,
    started_ms: u64,
    windows: [Window; Bucket::ALL.len()],
}

impl RateLimiter {
    /// Windows begin now (on a whole second), not on a minute of the wall clock.
    pub(crate) fn new(limits: Limits, now: Duration) -> Self {
        Self { limits, started_ms: now.as_secs() * 1000, windows: Default::default() }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts a request against its bucket, both the token's share and the organisation's whole.
    pub(crate) fn admit(&mut self, bucket: Bucket, token: &str, now: Duration) -> Verdict {
        let (number, reset) = self.window(now);
        let whole = self.limits.of(bucket);
        let share = (u64::from(whole) * u64::from(self.limits.token_share_percent.min(100)) / 100) as u32;
        let window = &mut self.windows[bucket as usize];
        if window.number != number {
            *window = Window { number, ..Window::default() };
        }
        let used = window.tokens.entry(token.to_owned()).or_default();
        let left = share.saturating_sub(*used).min(whole.saturating_sub(window.organisation));
        let allowed = left > 0;
        if allowed {
            *used += 1;
            window.organisation += 1;
        }
        Verdict { allowed, window: number, limit: share, remaining: left.saturating_sub(1), reset }
    }

    /// The verdict on a request over the concurrency limit: limit and remaining 0, the reset only a hint.
    pub(crate) fn too_many_at_once(&self, now: Duration) -> Verdict {
        let (window, reset) = self.window(now);
        Verdict { allowed: false, window, limit: 0, remaining: 0, reset }
    }

    /// The current window's number and its end, rounded up to a whole second.
    fn window(&self, now: Duration) -> (u64, u64) {
        let length = self.limits.window_ms.max(1);
        let elapsed = (now.as_millis() as u64).saturating_sub(self.started_ms);
        let number = elapsed / length;
        let end = self.started_ms + (number + 1) * length;
        (number, end.div_ceil(1000))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_fall_into_oktas_buckets() {
        for (segments, bucket) in [
            (&["users"][..], Bucket::Users),
            (&["users", "x"], Bucket::User),
            (&["users", "x", "groups"], Bucket::Other),
            (&["groups"], Bucket::Groups),
            (&["groups", "x"], Bucket::Group),
            (&["groups", "x", "users"], Bucket::Groups),
            (&["apps", "x", "users"], Bucket::Apps),
            (&["logs"], Bucket::Logs),
            (&["org"], Bucket::Other),
        ] {
            assert_eq!(Bucket::of(segments), bucket);
        }
    }

    #[test]
    fn a_token_gets_its_share_until_the_window_ends() {
        let mut limiter = RateLimiter::new(Limits::all(10, 75), Duration::from_millis(1_000_700));
        let at = |seconds: u64| Duration::from_millis(1_000_700 + seconds * 1000);
        for left in (0..5).rev() {
            let verdict = limiter.admit(Bucket::Users, "a", at(1));
            assert_eq!(verdict, Verdict { allowed: true, window: 0, limit: 5, remaining: left, reset: 1060 });
        }
        let refused = limiter.admit(Bucket::Users, "a", at(1));
        assert_eq!(refused, Verdict { allowed: false, window: 0, limit: 5, remaining: 0, reset: 1060 });
        // Other buckets, other tokens and the next window are open.
        assert!(limiter.admit(Bucket::Groups, "a", at(1)).allowed);
        assert!(limiter.admit(Bucket::Users, "b", at(1)).allowed);
        let next = limiter.admit(Bucket::Users, "a", at(60));
        assert_eq!((next.allowed, next.window, next.reset), (true, 1, 1120));
    }

    #[test]
    fn tokens_share_the_organisations_whole() {
        let mut limiter = RateLimiter::new(
            Limits { token_share_percent: 100, ..Limits::all(3, 75) },
            Duration::from_secs(1000),
        );
        let now = Duration::from_secs(1001);
        assert!(limiter.admit(Bucket::Users, "a", now).allowed);
        assert!(limiter.admit(Bucket::Users, "b", now).allowed);
        assert_eq!(limiter.admit(Bucket::Users, "a", now).remaining, 0);
        assert!(!limiter.admit(Bucket::Users, "b", now).allowed);
    }
}
