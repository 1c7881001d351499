//! Whose groups are: those of other connectors and local ones, taken over, shared, or left.
//!
//! As of people, a group that another connector took over is known by an alias to the owner before. Sharing needs none:
//! a shared group is found by its name at every run, and is no longer shared once its owner calls it something else.

use rustc_hash::FxHashSet;

use super::groups::{PlannedGroup, count_changes, describe};
use super::names::Conflict;
use super::plan::Draft;
use crate::directory::{Change, GroupEntry, GroupKey, UserEntry, UserKey, fold};
use crate::model::Group;
use crate::run::conflicts::{GroupConflict, UserConflict, is_suffixed, suffixed};
use crate::run::error::RunError;
use crate::run::shape::GroupShape;
use crate::run::staging::Action;

/// What a group of the reading is in the directory.
pub(super) enum Owned {
    /// This connector's own, there already or new.
    Own,
    /// Its own, under this name.
    Named(String),
    /// Another owner's, which is taken over.
    Taken(GroupEntry),
    /// Another owner's, which stays so: this connector's memberships are added to it.
    Shared(GroupEntry),
}

/// Which names and groups are spoken for while groups are planned.
#[derive(Default)]
pub(super) struct Spoken {
    /// Folded names that groups of this reading have.
    wanted: FxHashSet<String>,
    /// Groups of others that groups of this reading are.
    groups: FxHashSet<GroupKey>,
}

impl Spoken {
    pub fn of(shapes: &[Option<GroupShape>]) -> Self {
        let kept = shapes.iter().filter_map(|shape| match shape {
            Some(GroupShape::Kept(group)) => Some(fold(&group.name)),
            _ => None,
        });
        Self { wanted: kept.collect(), groups: FxHashSet::default() }
    }
}

impl Draft<'_> {
    /// What the group is; `before` is the entry that this connector has of it.
    pub(super) fn owned(
        &self,
        group: &Group,
        before: Option<&GroupEntry>,
        spoken: &mut Spoken,
    ) -> Result<Owned, RunError> {
        let alias = self.reading.group_aliases.get(&group.id).copied();
        self.owned_by_name(&group.name, alias, before, spoken)
    }

    fn owned_by_name(
        &self,
        name: &str,
        alias: Option<GroupKey>,
        before: Option<&GroupEntry>,
        spoken: &mut Spoken,
    ) -> Result<Owned, RunError> {
        let conflicts = &self.policy.conflicts;
        if let Some(before) = before {
            let suffixed = conflicts.groups == GroupConflict::Suffix
                && is_suffixed(name, &conflicts.suffix, self.connector_name, &before.name);
            return Ok(if suffixed { Owned::Named(before.name.clone()) } else { Owned::Own });
        }
        let holder = match alias {
            Some(key) => self.reader.group(key)?,
            None => self.reader.group_by_name(&fold(name))?,
        };
        let holder = holder.filter(|holder| holder.connector != self.connector_name);
        let Some(holder) = holder.filter(|holder| !spoken.groups.contains(&holder.key)) else {
            return Ok(Owned::Own);
        };
        let owned = match conflicts.groups {
            GroupConflict::Adopt if self.may_take(&holder.connector) => Owned::Taken(holder),
            GroupConflict::Adopt | GroupConflict::Share => Owned::Shared(holder),
            _ if alias.is_some() => Owned::Shared(holder),
            GroupConflict::Suffix => Owned::Named(self.free_group_name(name, spoken)?),
            GroupConflict::Skip | GroupConflict::Fail => Owned::Own,
        };
        if let Owned::Taken(holder) | Owned::Shared(holder) = &owned {
            spoken.groups.insert(holder.key);
        }
        Ok(owned)
    }

    fn free_group_name(&self, plain: &str, spoken: &mut Spoken) -> Result<String, RunError> {
        let mut number = 1;
        loop {
            let name = suffixed(plain, &self.policy.conflicts.suffix, self.connector_name, number);
            let folded = fold(&name);
            if self.reader.group_by_name(&folded)?.is_none() && spoken.wanted.insert(folded) {
                return Ok(name);
            }
            number += 1;
        }
    }

    /// Whether a group that transforms made up is this one of the connector's.
    pub(super) fn is_made_up(&self, folded: &str, entry: &GroupEntry) -> bool {
        let conflicts = &self.policy.conflicts;
        entry.external_id.is_none()
            && (fold(&entry.name) == folded
                || conflicts.groups == GroupConflict::Suffix
                    && is_suffixed(folded, &conflicts.suffix, self.connector_name, &entry.name))
    }

    /// What a new group that transforms made up is.
    pub(super) fn made_up_owned(&mut self, name: &str) -> Result<Owned, RunError> {
        let mut spoken = std::mem::take(&mut self.groups.spoken);
        let owned = self.owned_by_name(name, None, None, &mut spoken);
        self.groups.spoken = spoken;
        owned
    }

    /// Takes over a group of another owner for one that transforms made up: it keeps what it is.
    pub(super) fn take_over_made_up(&mut self, before: GroupEntry) {
        let entry =
            GroupEntry { connector: self.connector_name.to_owned(), external_id: None, ..before.clone() };
        let changes = Change::between_groups(&before, &entry);
        count_changes(&mut self.report.groups, &changes);
        self.groups.planned.push(PlannedGroup { action: Action::Update, renames: false, entry, changes });
    }

    /// The groups of others that this connector gives members to, also where it no longer does.
    pub(super) fn groups_given_to(&self, existing: &[GroupEntry]) -> Result<Vec<GroupKey>, RunError> {
        let own: FxHashSet<GroupKey> = existing.iter().map(|entry| entry.key).collect();
        let mut given = self.reader.groups_given(self.connector)?;
        given.retain(|key| !own.contains(key));
        Ok(given)
    }

    /// Whether the run fails because of that conflict of a user name.
    pub(super) fn fails_on_user(&self, conflict: Option<Conflict>) -> Result<bool, RunError> {
        let Some(Conflict::Held(key)) = conflict else { return Ok(false) };
        if self.policy.conflicts.users != UserConflict::Fail {
            return Ok(false);
        }
        let holder: Option<UserEntry> = self.reader.user(UserKey(key))?;
        Ok(holder.is_some_and(|holder| holder.connector != self.connector_name))
    }

    /// Notes that the run fails because a group of another owner has the name.
    pub(super) fn refuse_group(&mut self, name: &str, holder: Option<&GroupEntry>, id: Option<&str>) {
        let Some(holder) = holder.filter(|holder| holder.connector != self.connector_name) else { return };
        if self.policy.conflicts.groups == GroupConflict::Fail {
            let wanted = id.unwrap_or("rules");
            let other = describe(holder);
            self.ownership
                .refused
                .push(format!("the group name {name:?} belongs to {other}, and is wanted by {wanted}"));
        }
    }
}
