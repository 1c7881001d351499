//! Connections that break, bodies that are not whole, and servers that say nothing.

use super::case::{Case, Ends, check};

#[test]
fn what_breaks_now_and_then_is_asked_for_again() {
    let right = |rules| Case { rules, ends: Ends::Right };
    check(
        "faults-transfers-once",
        &[
            right("connection-reset where=users nth=2"),
            right("connection-reset where=members times=1"),
            right("truncated where=users nth=1"),
            right("truncated where=members nth=1"),
            right("half-body where=users nth=2"),
            right("garbled where=groups nth=1"),
            right("drip bytes=4000 pause=2 where=users"),
            right("silence where=users nth=2"),
            right("silence where=members nth=1"),
            right("unavailable where=groups nth=1"),
            right("server-error where=users nth=2"),
        ],
    );
}

#[test]
fn what_stays_broken_fails_and_says_how() {
    let failed = |rules| Case { rules, ends: Ends::Failed };
    check(
        "faults-transfers-for-ever",
        &[
            failed("connection-reset where=users"),
            failed("truncated where=users"),
            failed("half-body where=groups"),
            failed("garbled where=users"),
            failed("silence where=groups"),
            failed("unavailable where=users"),
            failed("server-error where=users"),
            failed("login-page where=users nth=2"),
            failed("login-page where=groups"),
            failed("login-page where=members group=hit"),
            failed("connection-reset where=members group=hit"),
        ],
    );
}
