//! Planned changes fitted to the directory as it is now: how what was held, or kept in a file, is applied later.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use serde_json::{Map, Value as Json};

use super::limits::Safety;
use super::taken::{has_group, has_user, known_otherwise, moves};
use crate::directory::{
    Change, ChangeKind, ConnectorId, EntryKind, GroupEntry, GroupFilter, GroupKey, MembershipChange,
    PatchError, Reader, UserEntry, UserKey,
};
use crate::run::error::RunError;
use crate::run::plan::count_changes;
use crate::run::report::{ReportedProblem, RunReport};

/// Changes that a plan has, and who makes them.
pub struct Wanted<'a> {
    pub connector: &'a str,
    pub owner: Owner,
    pub safety: &'a Safety,
    pub changes: &'a [Change],
    pub members: &'a [MembershipChange],
}

/// Whose entries may be changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The connector's.
    Own,
    /// Anybody's: what a run did to them is taken back.
    Any,
}

/// Those changes that fit, with what the entries become by them.
#[derive(Default)]
pub struct Fitted<'a> {
    pub(super) users: Vec<Entry<'a, UserEntry>>,
    pub(super) groups: Vec<Entry<'a, GroupEntry>>,
    pub(super) members: Vec<Members>,
    connectors: BTreeMap<String, ConnectorId>,
    /// Places in [`Wanted::members`] of those that fit.
    fitting_members: Vec<usize>,
    /// Each change that no longer fits, and why.
    pub misfits: Vec<ReportedProblem>,
    /// What does not happen to protected entries.
    pub protected: Vec<String>,
}

/// An entry with the changes that make it.
pub(super) struct Entry<'a, T> {
    /// Nothing for one that is deleted.
    pub after: Option<T>,
    pub key: u32,
    /// Whose it is, or was when it was deleted.
    pub owner: ConnectorId,
    /// By their places in [`Wanted::changes`].
    pub changes: Vec<(usize, &'a Change)>,
}

impl<T> Entry<'_, T> {
    pub fn has(&self, kind: ChangeKind) -> bool {
        self.changes.iter().any(|(_, change)| change.kind == kind)
    }
}

/// A change with all members that the connector gives to the group afterwards.
pub(super) struct Members {
    pub change: MembershipChange,
    pub all: RoaringBitmap,
}

impl<'a> Fitted<'a> {
    /// Each entry has to be as it was when its change was planned.
    pub fn new(wanted: &Wanted<'a>, reader: &dyn Reader) -> Result<Self, RunError> {
        let connectors = reader.connectors()?.into_iter().map(|(id, name)| (name, id)).collect();
        let mut fitted = Fitted { connectors, ..Fitted::default() };
        let mut entries: BTreeMap<(EntryKind, u32), Vec<(usize, &Change)>> = BTreeMap::new();
        for (at, change) in wanted.changes.iter().enumerate() {
            entries.entry((change.entry, change.key)).or_default().push((at, change));
        }
        for ((kind, key), changes) in entries {
            match kind {
                EntryKind::User => fitted.user(wanted, reader, key, changes)?,
                EntryKind::Group => fitted.group(wanted, reader, key, changes)?,
            }
        }
        fitted.refuse_taken_names(reader)?;
        for (at, change) in wanted.members.iter().enumerate() {
            if fitted.membership(wanted, reader, change)? {
                fitted.fitting_members.push(at);
            }
        }
        fitted.leave_groups(reader)?;
        Ok(fitted)
    }

    /// Places in [`Wanted::changes`] of those that fit.
    pub fn fitting_changes(&self) -> impl Iterator<Item = usize> + '_ {
        let users = self.users.iter().flat_map(|entry| &entry.changes);
        users.chain(self.groups.iter().flat_map(|entry| &entry.changes)).map(|(at, _)| *at)
    }

    /// Places in [`Wanted::members`] of those that fit.
    pub fn fitting_members(&self) -> &[usize] {
        &self.fitting_members
    }

    /// Adds up what is made.
    pub fn count(&self, report: &mut RunReport) {
        for (_, change) in self.users.iter().flat_map(|entry| &entry.changes) {
            count_changes(&mut report.users, std::slice::from_ref(*change));
        }
        for (_, change) in self.groups.iter().flat_map(|entry| &entry.changes) {
            count_changes(&mut report.groups, std::slice::from_ref(*change));
        }
        for Members { change, .. } in &self.members {
            report.memberships.created += change.added.len();
            report.memberships.removed += change.removed.len();
        }
    }

    /// Whose the entry is, if it may be changed: another connector may have taken it over meanwhile.
    fn owner(&self, wanted: &Wanted<'_>, owner: Option<&str>) -> Result<ConnectorId, String> {
        let owner = owner.unwrap_or(wanted.connector);
        if wanted.owner == Owner::Own && owner != wanted.connector {
            return Err(format!("it belongs to connector {owner} now"));
        }
        self.connectors.get(owner).copied().ok_or_else(|| format!("there is no connector {owner}"))
    }

    /// What is made, in order.
    pub fn changes(&self) -> impl Iterator<Item = &Change> + '_ {
        let users = self.users.iter().flat_map(|entry| &entry.changes);
        users.chain(self.groups.iter().flat_map(|entry| &entry.changes)).map(|(_, change)| *change)
    }

    /// Who comes and who goes, by group.
    pub fn membership_changes(&self) -> impl Iterator<Item = &MembershipChange> + '_ {
        self.members.iter().map(|members| &members.change)
    }

    pub fn is_empty(&self) -> bool {
        self.users.is_empty() && self.groups.is_empty() && self.members.is_empty()
    }

    pub(super) fn misfit(&mut self, kind: EntryKind, name: &str, why: impl std::fmt::Display) {
        self.misfits.push(ReportedProblem {
            kind: kind.as_str().to_owned(),
            id: None,
            name: Some(name.to_owned()),
            code: "changed-since".to_owned(),
            message: why.to_string(),
            hint: None,
        });
    }

    fn user(
        &mut self,
        wanted: &Wanted<'a>,
        reader: &dyn Reader,
        key: u32,
        mut changes: Vec<(usize, &'a Change)>,
    ) -> Result<(), RunError> {
        let before = reader.user(UserKey(key))?;
        let name = changes.first().map(|(_, change)| change.name.clone()).unwrap_or_default();
        if let Some(entry) = &before
            && let Some(why) = wanted.safety.protects(entry, reader)?
        {
            let takes = [ChangeKind::Disable, ChangeKind::Delete, ChangeKind::Anonymize];
            let was = changes.len();
            changes.retain(|(_, change)| !takes.contains(&change.kind));
            if changes.len() < was {
                self.protected.push(format!("user {} stays: forbidden by {why}", entry.user_name));
            }
        }
        if changes.is_empty() {
            return Ok(());
        }
        let after = after(before.as_ref(), &changes, UserEntry::fields, UserEntry::patched, |fields| {
            UserEntry::from_fields(UserKey(key), wanted.connector, fields)
        });
        let is_new = changes.iter().any(|(_, change)| change.kind == ChangeKind::Create);
        match after {
            Ok(Some(made)) if is_new && has_user(reader, &made)? => {
                self.misfit(EntryKind::User, &name, "it is in the directory already");
            }
            Ok(Some(made))
                if before.as_ref().is_some_and(|one| moves(one, &made)) && has_user(reader, &made)? =>
            {
                self.misfit(EntryKind::User, &name, known_otherwise(&made.connector));
            }
            Ok(after) => {
                let owner = after.as_ref().or(before.as_ref()).map(|entry| entry.connector.as_str());
                match self.owner(wanted, owner) {
                    Ok(owner) => self.users.push(Entry { after, key, owner, changes }),
                    Err(why) => self.misfit(EntryKind::User, &name, why),
                }
            }
            Err(why) => self.misfit(EntryKind::User, &name, why),
        }
        Ok(())
    }

    fn group(
        &mut self,
        wanted: &Wanted<'a>,
        reader: &dyn Reader,
        key: u32,
        changes: Vec<(usize, &'a Change)>,
    ) -> Result<(), RunError> {
        let before = reader.group(GroupKey(key))?;
        let name = changes.first().map(|(_, change)| change.name.clone()).unwrap_or_default();
        let deletes = changes.iter().any(|(_, change)| change.kind == ChangeKind::Delete);
        if let Some(entry) = before.as_ref().filter(|_| deletes)
            && let Some(why) = wanted.safety.protects_group(entry)
        {
            self.protected.push(format!("group {} stays: delete is forbidden by {why}", entry.name));
            return Ok(());
        }
        let after = after(before.as_ref(), &changes, GroupEntry::fields, GroupEntry::patched, |fields| {
            GroupEntry::from_fields(GroupKey(key), wanted.connector, fields)
        });
        let is_new = changes.iter().any(|(_, change)| change.kind == ChangeKind::Create);
        match after {
            Ok(Some(made)) if is_new && has_group(reader, &made)? => {
                self.misfit(EntryKind::Group, &name, "it is in the directory already");
            }
            Ok(Some(made))
                if before.as_ref().is_some_and(|one| one.connector != made.connector)
                    && has_group(reader, &made)? =>
            {
                self.misfit(EntryKind::Group, &name, known_otherwise(&made.connector));
            }
            Ok(after) => {
                let owner = after.as_ref().or(before.as_ref()).map(|entry| entry.connector.as_str());
                match self.owner(wanted, owner) {
                    Ok(owner) => self.groups.push(Entry { after, key, owner, changes }),
                    Err(why) => self.misfit(EntryKind::Group, &name, why),
                }
            }
            Err(why) => self.misfit(EntryKind::Group, &name, why),
        }
        Ok(())
    }

    /// True when it fits.
    fn membership(
        &mut self,
        wanted: &Wanted<'_>,
        reader: &dyn Reader,
        change: &MembershipChange,
    ) -> Result<bool, RunError> {
        let MembershipChange { group, connector, added, removed } = change;
        let now = reader.members_from(*group, *connector)?;
        let entry = reader.group(*group)?;
        let made = self.groups.iter().find(|entry| entry.key == group.0);
        let name = match (&entry, made.and_then(|made| made.after.as_ref())) {
            (Some(entry), _) | (None, Some(entry)) => entry.name.clone(),
            (None, None) => {
                self.misfit(EntryKind::Group, &format!("number {}", group.0), "is not in the directory");
                return Ok(false);
            }
        };
        let all = (&now - removed) | added;
        if let Some(why) = entry.as_ref().and_then(|entry| wanted.safety.protects_group(entry))
            && all.is_empty()
            && reader.members(*group)? == *removed
        {
            self.protected.push(format!("group {name} keeps its members: forbidden by {why}"));
            return Ok(false);
        }
        let mut missing = 0;
        for key in added {
            let made = self.users.binary_search_by_key(&key, |user| user.key);
            let made = made.is_ok_and(|at| self.users[at].after.is_some());
            if !made && reader.user(UserKey(key))?.is_none() {
                missing += 1;
            }
        }
        if missing > 0 {
            let who = if missing == 1 { "person" } else { "people" };
            self.misfit(
                EntryKind::Group,
                &name,
                format!("{missing} {who} who would come into it would not be in the directory"),
            );
            return Ok(false);
        }
        if !removed.is_subset(&now) || !now.is_disjoint(added) {
            let why = "its members are others now than when the change was planned";
            self.misfit(EntryKind::Group, &name, why);
            return Ok(false);
        }
        self.members.push(Members { change: change.clone(), all });
        Ok(true)
    }

    /// Whoever is deleted leaves every group, whoever gave the membership, also where that is not wanted by itself or
    /// the rest of the group's change does not fit.
    fn leave_groups(&mut self, reader: &dyn Reader) -> Result<(), RunError> {
        let deleted = self.users.iter().filter(|user| user.after.is_none());
        let deleted: RoaringBitmap = deleted.map(|user| user.key).collect();
        if deleted.is_empty() {
            return Ok(());
        }
        let mut keys = Vec::new();
        reader.groups(&GroupFilter::default(), &mut |group| {
            keys.push(group.key);
            true
        })?;
        let connectors = reader.connectors()?;
        for group in keys {
            for (connector, _) in &connectors {
                let now = reader.members_from(group, *connector)?;
                let leaving = &now & &deleted;
                if leaving.is_empty() {
                    continue;
                }
                let planned = self
                    .members
                    .iter_mut()
                    .find(|members| members.change.group == group && members.change.connector == *connector);
                match planned {
                    Some(members) => {
                        members.all -= &leaving;
                        members.change.removed |= leaving;
                    }
                    None => self.members.push(Members {
                        all: &now - &leaving,
                        change: MembershipChange {
                            group,
                            connector: *connector,
                            added: RoaringBitmap::new(),
                            removed: leaving,
                        },
                    }),
                }
            }
        }
        self.members.sort_by_key(|members| (members.change.group, members.change.connector));
        Ok(())
    }
}

/// The entry after its changes; nothing when it is deleted.
fn after<T: Clone>(
    before: Option<&T>,
    changes: &[(usize, &Change)],
    fields: impl Fn(&T) -> Map<String, Json>,
    patched: impl Fn(&T, &Change) -> Result<T, PatchError>,
    made: impl Fn(Map<String, Json>) -> Result<T, PatchError>,
) -> Result<Option<T>, String> {
    let mut entry = before.cloned();
    for (_, change) in changes {
        entry = match (change.kind, &entry) {
            (ChangeKind::Create, None) => {
                let fields = change.fields_after().map_err(|error| error.to_string())?;
                Some(made(fields).map_err(|error| error.to_string())?)
            }
            (ChangeKind::Create, Some(_)) => return Err("it is in the directory already".to_owned()),
            (_, None) => return Err("it is not in the directory any more".to_owned()),
            (ChangeKind::Delete, Some(entry)) => {
                let wanted = change.fields_before().map_err(|error| error.to_string())?;
                if fields(entry) != wanted {
                    return Err("it is another now than when its deletion was planned".to_owned());
                }
                None
            }
            (_, Some(entry)) => Some(patched(entry, change).map_err(|error| error.to_string())?),
        };
    }
    Ok(entry)
}
