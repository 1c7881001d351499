//! What a run does beside its changes, and applications do not see.

use std::collections::{BTreeMap, BTreeSet};

use super::inverse::Draft;
use super::selection::Selection;
use crate::directory::{AliasChange, ConnectorId, EntryKind, KeptChange, UserKey};
use crate::run::error::RunError;

/// A connector's id of an entry that may belong to another one.
type Place = (EntryKind, ConnectorId, String);

/// The keys that such an id led to before and after the run.
type Led = (Option<u32>, Option<u32>);

impl Draft<'_> {
    /// The ids under which other connectors know entries, as they were before the run.
    pub fn aliases(&mut self, selection: &Selection) -> Result<(), RunError> {
        let mut nets: BTreeMap<Place, Led> = BTreeMap::new();
        for AliasChange { connector, entry, id, before, after } in self.reader.alias_changes(self.deed.run)? {
            let net = nets.entry((entry, connector, id)).or_insert((before, after));
            net.1 = after;
        }
        // Whoever gives an entry back does not keep knowing it, which comes of itself where owners change.
        let mut given_back = BTreeSet::new();
        for (kind, key, connector, id) in &self.owners {
            if let Some(connector) = self.reader.connector_id(connector)? {
                let place = (*kind, connector, id.clone());
                nets.entry(place.clone()).or_insert((None, Some(*key)));
                given_back.insert(place);
            }
        }
        for ((entry, connector, id), (before, after)) in nets {
            let now = self.reader.alias(connector, entry, &id)?;
            let place = (entry, connector, id);
            let keys: Vec<u32> = before.into_iter().chain(after).collect();
            let selected = keys.iter().any(|key| selection.has(entry, *key));
            let stays = keys.iter().any(|key| self.staying.contains(&(entry, *key)));
            let as_left = now == after || given_back.contains(&place);
            let leads_somewhere = match before {
                Some(key) => self.will_be(entry, key)?,
                None => true,
            };
            // An entry that is given back is looked at again: what comes of itself may be too much.
            let differs = now != before || given_back.contains(&place);
            if selected && !stays && as_left && leads_somewhere && differs {
                let (entry, connector, id) = place;
                self.inverse.aliases.push(AliasChange { connector, entry, id, before: now, after: before });
            }
        }
        Ok(())
    }

    /// What was set here, as it was before the run.
    pub fn kept(&mut self, selection: &Selection) -> Result<(), RunError> {
        let mut nets: BTreeMap<(UserKey, String), (bool, bool)> = BTreeMap::new();
        for KeptChange { user, name, kept } in self.reader.kept_changes(self.deed.run)? {
            nets.entry((user, name)).or_insert((!kept, kept)).1 = kept;
        }
        for ((user, name), (was, then)) in nets {
            let now = self.reader.kept_of(user)?.contains(&name);
            let there = self.will_be(EntryKind::User, user.0)?;
            if selection.has(EntryKind::User, user.0) && now == then && now != was && there {
                self.inverse.kept.push(KeptChange { user, name, kept: was });
            }
        }
        Ok(())
    }
}
