//! Ranges: a large listing of users is read at several places at once.
//!
//! Okta's pages form a chain: each names the next. At a quarter of a second a page, a million users take twenty minutes,
//! of which Okta's limits ask for eight. So the listing is sorted by when users were created, which never changes, and a
//! chain that has read [`UNSPLIT`] pages and isn't at its end gives away what lies far ahead:
//!
//! ```text
//! ├─ 25 pages ─┼──── about 128 pages ────┤                              one chain, up to a day of creation
//!                                        ├──────── the rest ──────→     another, which splits after a page
//! ```
//!
//! How far ahead is told by how fast people were created in the page at hand, or on the whole so far, whichever was
//! slower. Both are only guesses, so that each chain looks again after as many pages as it should have had. An import
//! that created thousands within a second is read by one chain, and another begins behind it.
//!
//! **Disjoint and complete.** A chain asks for those who were created at or after its beginning, and ends at the first
//! one created at or after its end, whom it leaves to the next: its own pages show that nobody was left out between. Okta
//! tells whole seconds, of which nobody knows how they are rounded, so it asks from a second earlier and leaves those who
//! are said to belong before to the chain before.
//! A seam costs at most one request. An organisation of fewer pages costs none, and where a page is not sorted as it was
//! asked for, or Okta refuses to sort, all is read by one chain.

use rollcall_plugin::query::Query;
use rollcall_plugin::{Request, Response, date};
use serde::{Deserialize, Serialize};

use crate::ask;

/// Pages that a listing reads before it is split for the first time: of an organisation that small it would not pay.
pub const UNSPLIT: u32 = 25;
/// Pages that a chain is to have: each costs a request more, and few of them don't keep Okta's limits busy.
pub const PAGES: u32 = 128;

/// Part of a listing that is sorted by creation. Times are in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Range {
    /// Those created then or later belong to another one.
    pub until: Option<i64>,
    /// Pages to read before it may be split.
    pub left: u32,
    /// Pages of the listing that lie before the place at which it is split for the first time, about.
    pub before: u32,
    /// When the first user of the listing was created, once that is known.
    pub first: Option<i64>,
    /// When the last one of the page before was.
    pub last: Option<i64>,
    /// Where a range ahead begins; those created before belong to another one.
    pub from: Option<i64>,
}

/// How the users of a page follow each other.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Span {
    /// When the first and the last were created, of those of whom Okta says it.
    pub ends: Option<(i64, i64)>,
    /// Somebody was created before the one above.
    pub disordered: bool,
    /// Users who were left to the range before, and to the one after.
    pub before: usize,
    pub beyond: usize,
}

/// What becomes of a range after a page that is not its last.
#[derive(Debug, PartialEq, Eq)]
pub struct Split {
    /// The range as it goes on with its next page.
    pub rest: Range,
    /// One that begins there, at the seconds named.
    pub ahead: Option<(i64, Range)>,
}

impl Span {
    pub fn add(&mut self, created: i64, range: &Range) {
        let above = self.ends.map(|(_, last)| last).or(range.last);
        self.disordered |= above.is_some_and(|above| created < above);
        let (first, last) = self.ends.unwrap_or((created, created));
        self.ends = Some((first, last.max(created)));
    }
}

impl Range {
    /// The whole of a listing.
    pub const ALL: Range =
        Range { until: None, left: UNSPLIT, before: UNSPLIT, first: None, last: None, from: None };

    /// Does the listing begin with this range? Not those ahead, which know by whom it began.
    pub fn begins_all(&self) -> bool {
        self.first.is_none()
    }

    /// All of the listing in its place, in one chain. It still knows what it takes the place of, so that two that do are
    /// not the same request.
    pub fn unsplit(&self) -> Self {
        Self { until: None, left: u32::MAX, last: None, ..*self }
    }

    /// After a page of that span. `now`: Okta's clock; nobody is created later.
    pub fn after(self, span: &Span, now: Option<i64>) -> Split {
        let left = self.left - 1;
        let Some((first, last)) = span.ends.filter(|_| !span.disordered) else {
            // Never split again, and read to the end of all: nothing tells any more what lies where.
            return Split { rest: Range { until: None, left: u32::MAX, last: None, ..self }, ahead: None };
        };
        let begun = self.first.unwrap_or(first);
        let going_on = Range { first: Some(begun), last: Some(last), ..self };
        if left > 0 {
            return Split { rest: Range { left, ..going_on }, ahead: None };
        }
        let on_the_whole = (last - begun) / i64::from(self.before);
        // A range that is longer than was guessed trusts its own pace.
        let pace = if self.until.is_some() { last - first } else { on_the_whole.max(last - first) };
        let end = last.saturating_add(pace.max(1).saturating_mul(i64::from(PAGES)));
        let rest = Range { until: Some(end), left: PAGES, ..going_on };
        if [self.until, now].into_iter().flatten().any(|limit| end >= limit) {
            return Split { rest: Range { until: self.until, ..rest }, ahead: None };
        }
        let before = self.before.saturating_add(PAGES);
        let ahead =
            Range { until: self.until, left: 1, before, first: Some(begun), last: None, from: Some(end) };
        Split { rest, ahead: Some((end, ahead)) }
    }
}

/// The listing of those whom the search finds, sorted by creation; of those created since a second before.
pub fn path(search: &str, from: Option<i64>, fields: &str) -> String {
    let search = match from {
        None => search.to_owned(),
        Some(from) => format!("{search} and created ge {}", ask::quoted(&date::format(from - 1))),
    };
    let query = Query::new("/api/v1/users").with("search", search).with("sortBy", "created");
    query.with("sortOrder", "asc").with("limit", ask::USERS_A_PAGE).with("fields", fields).into()
}

/// Okta's clock.
pub fn now(response: &Response) -> Option<i64> {
    date::parse_http(response.header("date")?).ok()
}

/// Was this request to be sorted? What isn't is the one chain of all.
pub fn is_sorted(request: &Request) -> bool {
    rollcall_plugin::query::get(&request.path, "sortBy").is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn span(first: i64, last: i64) -> Span {
        Span { ends: Some((first, last)), ..Span::default() }
    }

    #[test]
    fn a_small_listing_is_never_split() {
        let mut range = Range::ALL;
        for page in 0..i64::from(UNSPLIT) - 1 {
            let split = range.after(&span(page * DAY, (page + 1) * DAY), None);
            assert_eq!(split.ahead, None, "page {page}");
            range = split.rest;
        }
        let split = range.after(&span(24 * DAY, 25 * DAY), None);
        assert_eq!(split.ahead.map(|(from, _)| from), Some(split.rest.until.unwrap()));
    }

    #[test]
    fn what_lies_ahead_is_as_far_as_people_were_slow_to_come() {
        let far = Range { until: None, left: 1, before: 100, first: Some(0), last: None, from: None };
        let end = |first, last| far.after(&span(first, last), None).rest.until.unwrap();
        let pages = i64::from(PAGES);
        assert_eq!(end(100 * DAY, 103 * DAY), 103 * DAY + pages * 3 * DAY, "at the page's own pace");
        assert_eq!(end(100 * DAY, 100 * DAY), 100 * DAY + pages * DAY, "an import within a second");
        let longer = Range { until: Some(i64::MAX), ..far };
        assert_eq!(
            longer.after(&span(100 * DAY, 100 * DAY + 9), None).rest.until,
            Some(100 * DAY + 9 + pages * 9),
            "longer than it should be"
        );
    }

    #[test]
    fn nothing_is_split_off_beyond_its_end_and_beyond_now() {
        let range =
            Range { until: Some(200 * DAY), left: 1, before: 9, first: Some(0), last: None, from: None };
        assert_eq!(range.after(&span(98 * DAY, 100 * DAY), None).ahead, None);
        assert_eq!(range.after(&span(98 * DAY, 100 * DAY), None).rest.until, Some(200 * DAY));
        let open = Range { until: None, ..range };
        assert_eq!(open.after(&span(98 * DAY, 100 * DAY), Some(101 * DAY)).ahead, None);
        assert!(open.after(&span(98 * DAY, 100 * DAY), Some(10_000 * DAY)).ahead.is_some());
    }

    #[test]
    fn what_is_not_sorted_is_read_to_its_end() {
        let range =
            Range { until: Some(200 * DAY), left: 5, before: 9, first: Some(0), last: None, from: None };
        let mut span = Span::default();
        [7, 9, 8].into_iter().for_each(|created| span.add(created, &Range::ALL));
        assert_eq!((span.ends, span.disordered), (Some((7, 9)), true));
        let mut earlier = Span::default();
        earlier.add(7, &Range { last: Some(8), ..range });
        for span in [span, earlier, Span::default()] {
            let split = range.after(&span, None);
            assert_eq!((split.rest.until, split.ahead), (None, None));
        }
    }
}
