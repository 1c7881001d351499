//! Recorded habits of real servers that clients trip over; all off unless switched on.
//!
//! These change what a correct answer looks like, and all answers at once. A [fault](crate::FaultRule) is an answer
//! that is wrong or missing, and strikes some requests; several faults are a quirk of one answer.

/// Habits to show. `POST /_sim/quirks` replaces all of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Quirks {
    /// `rel="next"` links have this scheme and host instead of the one called. Calls to
    /// `dev-1-admin.oktapreview.com` got next links on `dev-1.oktapreview.com`.
    pub next_origin: Option<String>,
    /// Both links in one `Link` header, joined by a comma, as older recordings have them.
    pub one_link_header: bool,
    /// Pages hold half of `limit` and still have a next link: recorded in 2017 with 4 of 1,000.
    pub short_pages: bool,
    /// The last page with objects has a next link too, to a page without any.
    pub empty_last_page: bool,
}
