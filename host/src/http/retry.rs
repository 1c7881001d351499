use std::time::Duration;

use crate::model::Method;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// How long to wait before repetition `n` (1, 2, …): doubling from half a second to thirty, of which `random`
/// (in [0, 1)) takes up to a half, so that clients that failed together don't come back together.
pub(super) fn backoff(n: u32, random: f64) -> Duration {
    let full = FIRST.saturating_mul(1 << n.saturating_sub(1).min(16)).min(LONGEST);
    full.mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
}

/// Statuses of a server in trouble, which may be gone at the next attempt.
pub(super) fn is_transient(status: u16) -> bool {
    matches!(status, 500 | 502 | 503 | 504)
}

/// Does sending twice do the same as sending once (RFC 9110 section 9.2.2)?
pub(super) fn is_idempotent(method: Method) -> bool {
    match method {
        Method::Get | Method::Put | Method::Delete => true,
        Method::Post | Method::Patch => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_backoff_doubles_up_to_its_limit_and_jitter_only_shortens_it() {
        let full: Vec<u64> = (1..10).map(|n| u64::try_from(backoff(n, 0.0).as_millis()).unwrap()).collect();
        assert_eq!(full, [500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000, 30_000]);
        assert_eq!(backoff(1, 1.0), Duration::from_millis(250));
        assert_eq!(backoff(u32::MAX, 0.0), LONGEST);
    }
}
