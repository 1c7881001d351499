//! The order of a search with `sortBy`, kept between the pages of a scan.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use serde_json::Value;

use crate::filter::Held;

/// Scans that may be under way at once without computing an order again.
const KEPT: usize = 8;

/// What a sorted search is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SortedSearch {
    /// `users` or `groups`.
    pub(crate) collection: &'static str,
    pub(crate) search: String,
    pub(crate) sort_by: String,
    pub(crate) descending: bool,
    /// The organisation's version, so that a change makes the order stale.
    pub(crate) version: u64,
    /// Changes that the search doesn't see yet, so that one it comes to see makes the order stale.
    pub(crate) unindexed: usize,
}

/// Users in the order of their creation, which every search for a range of them shares: when, in milliseconds since
/// 1970, and their index.
pub(crate) type ByCreation = Arc<Vec<(i64, u32)>>;

/// The most recent orders.
#[derive(Debug, Default)]
pub(crate) struct SortedSearches {
    kept: Mutex<VecDeque<(SortedSearch, Arc<Vec<u32>>)>>,
    /// Of which version of the organisation and how many unindexed changes.
    by_creation: Mutex<Option<((u64, usize), ByCreation)>>,
}

impl SortedSearches {
    /// All users in the order of their creation, by id where that is the same.
    pub(crate) fn by_creation(
        &self,
        version: (u64, usize),
        all: impl Iterator<Item = (i64, u32)>,
    ) -> ByCreation {
        let mut kept = self.by_creation.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, order)) = kept.as_ref()
            && *known == version
        {
            return order.clone();
        }
        let mut order: Vec<(i64, u32)> = all.collect();
        order.sort_unstable();
        let order = Arc::new(order);
        *kept = Some((version, order.clone()));
        order
    }

    /// The order of a search; `matching` yields the matching objects with what each holds under `sortBy`.
    pub(crate) fn order(
        &self,
        search: SortedSearch,
        matching: impl Iterator<Item = (u32, Held)>,
    ) -> Arc<Vec<u32>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, order)) = kept.iter().find(|(known, _)| *known == search) {
            return order.clone();
        }
        let mut keyed: Vec<(Key, u32)> = matching.map(|(index, held)| (Key::of(held), index)).collect();
        // Objects with the same value are ordered by id, whichever way the values go.
        keyed.sort_by(|(left, left_index), (right, right_index)| {
            let by_key = if search.descending { right.cmp(left) } else { left.cmp(right) };
            by_key.then(left_index.cmp(right_index))
        });
        let order = Arc::new(keyed.into_iter().map(|(_, index)| index).collect::<Vec<u32>>());
        kept.truncate(KEPT - 1);
        kept.push_front((search, order.clone()));
        order
    }
}

/// A value's place in an order; text ignores case as search does.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Absent,
    Number(i64),
    Text(String),
}

impl Key {
    fn of(held: Held) -> Self {
        match held {
            Held::Millis(millis) => Self::Number(millis),
            Held::Text(text) | Held::Value(Value::String(text)) => Self::Text(text.to_lowercase()),
            // Thousandths are finer than any number this organisation holds.
            Held::Value(Value::Number(number)) => {
                Self::Number((number.as_f64().unwrap_or_default() * 1000.0) as i64)
            }
            Held::Value(Value::Bool(value)) => Self::Number(i64::from(value)),
            Held::Value(Value::Array(elements)) => {
                elements.into_iter().next().map_or(Self::Absent, |first| Self::of(Held::Value(first)))
            }
            Held::Absent | Held::Value(_) => Self::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ties_are_ordered_by_id_both_ways() {
        let order = |descending| {
            let search = SortedSearch {
                collection: "users",
                search: String::new(),
                sort_by: "profile.lastName".to_owned(),
                descending,
                version: 0,
                unindexed: 0,
            };
            let held = |text: &str| Held::Text(text.to_owned());
            let rows = [(0, held("b")), (1, held("A")), (2, held("a")), (3, Held::Absent)];
            SortedSearches::default().order(search, rows.into_iter()).to_vec()
        };
        assert_eq!(order(false), [3, 1, 2, 0]);
        assert_eq!(order(true), [0, 1, 2, 3]);
    }
}
