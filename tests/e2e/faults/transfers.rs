//! Connections that break, bodies that are not whole, and servers that say nothing.

use super::case::{Bodies, Case, Ends, HOPELESS, SMALL_SYNCED, check, check_in};

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
            // No silence, but not done after ten times the longest silence.
            right("drip bytes=1 pause=500 where=groups times=1"),
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
    check_in(
        &SMALL_SYNCED,
        Bodies::Gzip,
        HOPELESS,
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

/// Without compression nothing but the plugin can see that a body is not what it should be.
#[test]
fn what_is_not_json_is_not_read() {
    let failed = |rules| Case { rules, ends: Ends::Failed };
    check_in(
        &SMALL_SYNCED,
        Bodies::Plain,
        HOPELESS,
        "faults-transfers-plain",
        &[
            failed("truncated where=users"),
            failed("half-body where=users nth=1"),
            failed("half-body where=groups"),
            failed("half-body where=members group=hit"),
            failed("garbled where=users nth=2"),
            failed("garbled where=groups"),
            failed("garbled where=members group=hit"),
        ],
    );
}
