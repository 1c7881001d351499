//! Rate limits that strike although the share was kept, and servers whose clock or headers are off.

use super::case::{Case, Ends, check};

/// A 429 without a reset header is waited out for the manifest's window, a minute, which is too long for here: see
/// `lesson_12_a_limit_without_reset_header`.
#[test]
fn limits_are_waited_out() {
    let right = |rules| Case { rules, ends: Ends::Right };
    check(
        "faults-limits",
        &[
            right("rate-limited reset=0 where=users nth=2"),
            right("rate-limited reset=0 where=members times=3"),
            right("rate-limited reset=0 body=none where=groups nth=1"),
            right("too-many-at-once where=members times=2"),
            right("too-many-at-once where=users nth=1"),
            right("clock-skew by=86400"),
            right("clock-skew by=-86400 every=2"),
            right("no-reset"),
            right("no-reset every=3"),
        ],
    );
}
