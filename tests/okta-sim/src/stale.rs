//! What searches still see: Okta's index follows a change "typically within a second", reads by id at once.

use std::collections::{HashMap, VecDeque};

/// Objects as they were before changes that the index doesn't know yet.
#[derive(Debug)]
pub(crate) struct Stale<T> {
    /// By index of the object, oldest first.
    before: HashMap<u32, VecDeque<Before<T>>>,
    /// At how many objects to forget those whose changes are known by now.
    crowded: usize,
}

/// Fewer objects than this aren't worth looking through.
const FEW: usize = 1024;

#[derive(Debug)]
struct Before<T> {
    /// When the index learns of the change, in milliseconds since 1970.
    until_ms: u64,
    /// Nothing, when the change created the object.
    was: Option<T>,
}

impl<T> Default for Stale<T> {
    fn default() -> Self {
        Self { before: HashMap::new(), crowded: FEW }
    }
}

impl<T> Stale<T> {
    /// Notes what an object was before a change at `now_ms` that the index learns of after `lag_ms`.
    pub(crate) fn remember(&mut self, index: u32, was: Option<T>, now_ms: u64, lag_ms: u64) {
        if self.before.len() >= self.crowded {
            self.before.retain(|_, versions| versions.iter().any(|before| before.until_ms > now_ms));
            self.crowded = (2 * self.before.len()).max(FEW);
        }
        let versions = self.before.entry(index).or_default();
        while versions.front().is_some_and(|before| before.until_ms <= now_ms) {
            versions.pop_front();
        }
        versions.push_back(Before { until_ms: now_ms + lag_ms, was });
    }

    /// What the index holds at `now_ms` of an object that has changed since, or `None` when it is up to date.
    pub(crate) fn before(&self, index: u32, now_ms: u64) -> Option<Option<&T>> {
        let versions = self.before.get(&index)?;
        versions.iter().find(|before| before.until_ms > now_ms).map(|before| before.was.as_ref())
    }

    /// How many changes the index doesn't know at `now_ms`.
    pub(crate) fn pending(&self, now_ms: u64) -> usize {
        self.before.values().flatten().filter(|before| before.until_ms > now_ms).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_version_is_seen_until_the_next_is_indexed() {
        let mut stale = Stale::default();
        stale.remember(7, None, 1000, 500);
        stale.remember(7, Some("first"), 1200, 500);
        assert_eq!(stale.before(7, 1200), Some(None));
        assert_eq!(stale.before(7, 1500), Some(Some(&"first")));
        assert_eq!((stale.pending(1499), stale.pending(1500)), (2, 1));
        assert_eq!(stale.before(7, 1700), None);
        assert_eq!(stale.before(8, 1200), None);
        // Old versions don't pile up.
        stale.remember(7, Some("second"), 1700, 500);
        assert_eq!(stale.before[&7].len(), 1);
    }

    #[test]
    fn objects_the_index_knows_are_forgotten() {
        let mut stale = Stale::default();
        for index in 0..10 * FEW as u32 {
            stale.remember(index, Some(()), u64::from(index), 10);
        }
        assert!(stale.before.len() <= FEW);
        assert_eq!(stale.pending(10 * FEW as u64 - 1), 10);
    }
}
