//! What a run or a plan holds, as it is shown.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use serde::Serialize;

use super::plan::{ShownChange, ShownMembers};
use super::show;
use crate::directory::{
    Change, EntryKind, HeldState, LOCAL, MembershipChange, Reader, RunId, StoreResult, UserKey,
};
use crate::run::safety::Held;

/// Held changes and memberships, each with the reason.
#[derive(Debug, Default, Serialize)]
pub(super) struct ShownHeld {
    pub changes: Vec<ShownChange>,
    pub memberships: Vec<ShownMembers>,
    /// Both, for people.
    #[serde(skip)]
    pub lines: Vec<String>,
}

impl ShownHeld {
    /// What a plan would hold.
    pub fn of_plan(held: &Held, reader: &dyn Reader) -> StoreResult<Self> {
        let changes = held.changes.iter().map(|(reason, change)| (reason.as_str(), None, change));
        let members = held.members.iter().map(|(reason, change)| (reason.as_str(), None, change));
        Self::of(changes, members, reader)
    }

    /// What a run held and what became of it, or only what still waits.
    pub fn of_run(run: RunId, waiting: bool, reader: &dyn Reader) -> StoreResult<Self> {
        let shows = |state: HeldState| !waiting || state == HeldState::Waiting;
        let (mut changes, mut members) = (reader.held_changes(run)?, reader.held_members(run)?);
        changes.retain(|held| shows(held.state));
        members.retain(|held| shows(held.state));
        let changes = changes.iter().map(|held| (held.reason.as_str(), Some(held.state), &held.change));
        let members = members.iter().map(|held| (held.reason.as_str(), Some(held.state), &held.change));
        Self::of(changes, members, reader)
    }

    fn of<'a>(
        changes: impl Iterator<Item = (&'a str, Option<HeldState>, &'a Change)>,
        members: impl Iterator<Item = (&'a str, Option<HeldState>, &'a MembershipChange)>,
        reader: &dyn Reader,
    ) -> StoreResult<Self> {
        let mut shown = Self::default();
        // Held creations are in no directory yet.
        let mut made = BTreeMap::new();
        for (reason, state, change) in changes {
            made.insert((change.entry, change.key), change.name.as_str());
            shown.lines.push(show::change(change));
            shown.changes.push(ShownChange {
                held: Some(reason.to_owned()),
                state: state.map(HeldState::as_str),
                ..ShownChange::from(change)
            });
        }
        let made = |kind, key| made.get(&(kind, key)).map(|name| (*name).to_owned());
        let names = |keys: &RoaringBitmap| -> StoreResult<Vec<String>> {
            let name = |key| -> StoreResult<String> {
                let found = reader.user(UserKey(key))?.map(|user| user.user_name);
                Ok(found.or_else(|| made(EntryKind::User, key)).unwrap_or_default())
            };
            keys.iter().map(name).collect()
        };
        for (reason, state, change) in members {
            let name = reader.group(change.group)?.map(|group| group.name);
            let members = ShownMembers {
                group: name.or_else(|| made(EntryKind::Group, change.group.0)).unwrap_or_default(),
                local: reader.connector_id(LOCAL)? == Some(change.connector),
                added: names(&change.added)?,
                removed: names(&change.removed)?,
                held: Some(reason.to_owned()),
                state: state.map(HeldState::as_str),
            };
            shown.lines.push(members.line());
            shown.memberships.push(members);
        }
        Ok(shown)
    }

    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Each reason once, sorted.
    pub fn reasons(&self) -> Vec<String> {
        let reasons = self.changes.iter().filter_map(|change| change.held.clone());
        let mut reasons: Vec<String> =
            reasons.chain(self.memberships.iter().filter_map(|members| members.held.clone())).collect();
        reasons.sort();
        reasons.dedup();
        reasons
    }

    /// How many of each state: `2 waiting, 1 approved`.
    pub fn states(&self) -> String {
        let states = self.changes.iter().filter_map(|change| change.state);
        let states: Vec<&str> = states.chain(self.memberships.iter().filter_map(|one| one.state)).collect();
        let told = HeldState::ALL.into_iter().filter_map(|state| {
            let number = states.iter().filter(|found| **found == state.as_str()).count();
            (number > 0).then(|| format!("{number} {}", state.as_str()))
        });
        told.collect::<Vec<_>>().join(", ")
    }
}
