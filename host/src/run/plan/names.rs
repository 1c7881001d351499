use rustc_hash::{FxHashMap, FxHashSet};

/// An entry that wants a folded name which it does not hold yet.
#[derive(Debug, Clone)]
pub struct Claim {
    /// The entry's key; a new entry's is one that no entry holds yet.
    pub key: u32,
    pub folded: String,
    /// The entry exists and gives its old name up when the claim succeeds.
    pub renames: bool,
}

/// Why a claim failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conflict {
    /// This entry of the directory keeps the name.
    Held(u32),
    /// This other claim, by its place, gets the name.
    Lost(usize),
}

/// Which claims fail. Names that other claims give up count as free, so swaps and chains of renames succeed; an
/// existing entry goes before a new one, and then the first in order.
///
/// `holder` gives the key of the directory entry that holds a folded name.
pub fn resolve<E>(
    claims: &[Claim],
    mut holder: impl FnMut(&str) -> Result<Option<u32>, E>,
) -> Result<Vec<Option<Conflict>>, E> {
    let mut conflicts: Vec<Option<Conflict>> = vec![None; claims.len()];
    let mut winners: FxHashMap<&str, usize> = FxHashMap::default();
    for (place, claim) in claims.iter().enumerate() {
        match winners.get(claim.folded.as_str()).copied() {
            Some(winner) if claims[winner].renames || !claim.renames => {
                conflicts[place] = Some(Conflict::Lost(winner))
            }
            Some(winner) => {
                conflicts[winner] = Some(Conflict::Lost(place));
                winners.insert(&claim.folded, place);
            }
            None => {
                winners.insert(&claim.folded, place);
            }
        }
    }
    // A loser to a loser is told of the final winner.
    for conflict in conflicts.iter_mut().flatten() {
        if let Conflict::Lost(to) = conflict {
            *to = winners.get(claims[*to].folded.as_str()).copied().unwrap_or(*to);
        }
    }
    let mut holders = Vec::with_capacity(claims.len());
    for claim in claims {
        holders.push(holder(&claim.folded)?.filter(|key| *key != claim.key));
    }
    let mut moving: FxHashSet<u32> = claims
        .iter()
        .zip(&conflicts)
        .filter(|(claim, conflict)| claim.renames && conflict.is_none())
        .map(|(claim, _)| claim.key)
        .collect();
    // A claim that fails keeps its old name, which may fail the next one: until nothing changes.
    loop {
        let mut changed = false;
        for (place, claim) in claims.iter().enumerate() {
            let Some(held_by) = holders[place].filter(|key| !moving.contains(key)) else { continue };
            if conflicts[place].is_none() {
                conflicts[place] = Some(Conflict::Held(held_by));
                moving.remove(&claim.key);
                changed = true;
            }
        }
        if !changed {
            break;
        }
    }
    // Who lost to a claim that failed itself is told who keeps the name.
    for place in 0..conflicts.len() {
        if let Some(Conflict::Lost(winner)) = conflicts[place]
            && let Some(kept) = conflicts[winner]
        {
            conflicts[place] = Some(kept);
        }
    }
    Ok(conflicts)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn claim(key: u32, folded: &str, renames: bool) -> Claim {
        Claim { key, folded: folded.into(), renames }
    }

    fn resolved(claims: &[Claim], held: &[(&str, u32)]) -> Vec<Option<Conflict>> {
        let held: FxHashMap<&str, u32> = held.iter().copied().collect();
        resolve::<()>(claims, |name| Ok(held.get(name).copied())).unwrap()
    }

    #[test]
    fn swaps_and_chains_succeed() {
        let claims = [claim(1, "b", true), claim(2, "a", true), claim(3, "c", false)];
        assert_eq!(resolved(&claims, &[("a", 1), ("b", 2)]), [None, None, None]);
        let chain = [claim(1, "b", true), claim(2, "c", true), claim(9, "a", false)];
        assert_eq!(resolved(&chain, &[("a", 1), ("b", 2)]), [None, None, None]);
    }

    #[test]
    fn a_chain_that_ends_at_a_held_name_fails_all_along() {
        let chain = [claim(1, "b", true), claim(2, "c", true), claim(9, "a", false)];
        let conflicts = resolved(&chain, &[("a", 1), ("b", 2), ("c", 3)]);
        assert_eq!(conflicts, [Some(Conflict::Held(2)), Some(Conflict::Held(3)), Some(Conflict::Held(1))]);
    }

    #[test]
    fn an_existing_entry_goes_before_a_new_one() {
        let claims = [claim(8, "x", false), claim(1, "x", true), claim(9, "x", false)];
        assert_eq!(resolved(&claims, &[("a", 1)]), [Some(Conflict::Lost(1)), None, Some(Conflict::Lost(1))]);
    }

    #[test]
    fn losers_are_told_who_keeps_the_name() {
        let claims = [claim(8, "x", false), claim(9, "x", false)];
        assert_eq!(resolved(&claims, &[("x", 1)]), [Some(Conflict::Held(1)), Some(Conflict::Held(1))]);
    }

    proptest! {
        /// After the accepted claims are carried out, every name has one holder.
        #[test]
        fn names_stay_unique(wants in proptest::collection::vec((0u32..8, 0u8..8), 0..12)) {
            // Entries 0..4 exist and hold the names 0..4; higher keys are new.
            let mut seen = FxHashSet::default();
            let claims: Vec<Claim> = wants
                .iter()
                .filter(|(key, name)| seen.insert(*key) && !(*key < 4 && u32::from(*name) == *key))
                .map(|(key, name)| claim(*key, &name.to_string(), *key < 4))
                .collect();
            let held: Vec<(String, u32)> = (0..4).map(|key| (key.to_string(), key)).collect();
            let held: Vec<(&str, u32)> = held.iter().map(|(name, key)| (name.as_str(), *key)).collect();
            let conflicts = resolved(&claims, &held);
            let mut names: FxHashMap<u32, String> = held.iter().map(|(name, key)| (*key, name.to_string())).collect();
            for (claim, conflict) in claims.iter().zip(&conflicts) {
                if conflict.is_none() {
                    names.insert(claim.key, claim.folded.clone());
                }
            }
            let distinct: FxHashSet<&String> = names.values().collect();
            prop_assert_eq!(distinct.len(), names.len());
        }
    }
}
