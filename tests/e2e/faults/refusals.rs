//! Okta refuses: the token, a group, or this request.

use super::case::{Case, Ends, check};

#[test]
fn a_refused_token_fails_the_run() {
    let failed = |rules| Case { rules, ends: Ends::Failed };
    check(
        "faults-refused-token",
        &[
            failed("unauthorized where=users nth=2"),
            failed("unauthorized where=members group=hit"),
            failed("forbidden where=users"),
            failed("forbidden where=groups"),
            failed("session-ended where=users"),
        ],
    );
}

#[test]
fn a_session_that_ends_once_is_tried_again() {
    check(
        "faults-session-ended-once",
        &[Case { rules: "session-ended where=users nth=2", ends: Ends::Right }],
    );
}

#[test]
fn a_refused_group_keeps_its_members() {
    let unknown = |rules| Case { rules, ends: Ends::Unknown };
    check(
        "faults-refused-group",
        &[
            unknown("forbidden where=members group=hit"),
            unknown("server-error where=members group=hit"),
            unknown("empty-list where=members group=hit"),
            unknown("vanished-group where=members group=hit"),
        ],
    );
}
