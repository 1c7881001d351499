//! Cursors and links between pages.

use super::case::{Bodies, Case, Ends, IMPATIENT, LARGE_SYNCED, check, check_in};

#[test]
fn pages_are_followed_however_they_are_linked() {
    let right = |rules| Case { rules, ends: Ends::Right };
    check(
        "faults-paging",
        &[
            right("bad-cursor code=E0000029 where=users times=2"),
            right("bad-cursor code=E0000031 where=users nth=1"),
            right("next-elsewhere every=2"),
            right("joined-links every=2"),
            right("repeated-links"),
            right("short-page"),
            right("short-page where=users nth=2"),
            right("empty-last-page"),
        ],
    );
}

#[test]
fn a_cursor_that_is_never_good_fails() {
    let failed = |rules| Case { rules, ends: Ends::Failed };
    check(
        "faults-paging-for-ever",
        &[
            failed("bad-cursor code=E0000029 where=users"),
            failed("bad-cursor code=E0000031 where=users"),
            failed("no-links where=users nth=1"),
        ],
    );
}

/// The first rule strikes where there is a cursor, so that the second has the first pages.
#[test]
fn cursors_of_members_are_begun_again_and_cost_only_their_group() {
    check_in(
        &LARGE_SYNCED,
        Bodies::Gzip,
        IMPATIENT,
        "faults-paging-members",
        &[
            Case { rules: "bad-cursor where=members times=1\nshort-page where=members", ends: Ends::Right },
            Case {
                rules: "bad-cursor where=members group=hit\nshort-page where=members",
                ends: Ends::Unknown,
            },
        ],
    );
}
