//! The directory as it will be, edit by edit, and what of it is to be written.

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;

use crate::directory::{
    Change, ConnectorId, Counters, GroupEntry, GroupKey, LOCAL, Reader, StoreResult, UserEntry, UserKey, fold,
};
use crate::run::plan::{PlannedGroup, PlannedMembers, count_changes};
use crate::run::report::{Outcome, ReportedProblem, RunReport};
use crate::run::staging::{Action, StagedUser};

/// An entry before and after; nothing where there is none.
struct Edited<T> {
    before: Option<T>,
    after: Option<T>,
}

/// Edits in the making. What is asked of it is as after the edits so far.
pub struct Draft<'a> {
    reader: &'a dyn Reader,
    local: ConnectorId,
    counters: Counters,
    users: BTreeMap<UserKey, Edited<UserEntry>>,
    groups: BTreeMap<GroupKey, Edited<GroupEntry>>,
    /// Folded names that were given or freed.
    user_names: FxHashMap<String, Option<UserKey>>,
    group_names: FxHashMap<String, Option<GroupKey>>,
    /// Local members, before and after.
    members: BTreeMap<GroupKey, (RoaringBitmap, RoaringBitmap)>,
    /// What is to be left as it is from now on, or no longer.
    kept: BTreeMap<(UserKey, String), bool>,
    pub(super) report: RunReport,
}

/// Everything that the edits write, in the order of keys.
pub struct LocalPlan {
    pub(super) local: ConnectorId,
    pub(super) counters: Counters,
    pub(super) users: Vec<StagedUser>,
    pub(super) groups: Vec<PlannedGroup>,
    pub(super) members: Vec<PlannedMembers>,
    pub(super) kept: BTreeMap<(UserKey, String), bool>,
    /// For people.
    pub changes: Vec<Change>,
    pub named_members: Vec<NamedMembers>,
    pub report: RunReport,
}

/// Who comes into a group and who leaves it, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedMembers {
    pub group: String,
    pub added: Vec<String>,
    pub removed: Vec<String>,
}

impl LocalPlan {
    /// Something that stays as it was.
    pub fn add_problem(&mut self, problem: ReportedProblem) {
        self.report.outcome = Outcome::Problems;
        self.report.add_problem(problem);
    }
}

impl<'a> Draft<'a> {
    pub(super) fn new(reader: &'a dyn Reader, local: ConnectorId) -> StoreResult<Self> {
        Ok(Self {
            counters: reader.counters()?,
            reader,
            local,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            user_names: FxHashMap::default(),
            group_names: FxHashMap::default(),
            members: BTreeMap::new(),
            kept: BTreeMap::new(),
            report: RunReport::new(LOCAL, LOCAL),
        })
    }

    /// The directory before the edits.
    pub fn reader(&self) -> &'a dyn Reader {
        self.reader
    }

    pub fn user(&self, key: UserKey) -> StoreResult<Option<UserEntry>> {
        match self.users.get(&key) {
            Some(edited) => Ok(edited.after.clone()),
            None => self.reader.user(key),
        }
    }

    pub fn user_named(&self, name: &str) -> StoreResult<Option<UserEntry>> {
        let folded = fold(name);
        match self.user_names.get(&folded) {
            Some(key) => key.map_or(Ok(None), |key| self.user(key)),
            None => self.reader.user_by_name(&folded),
        }
    }

    pub fn group(&self, key: GroupKey) -> StoreResult<Option<GroupEntry>> {
        match self.groups.get(&key) {
            Some(edited) => Ok(edited.after.clone()),
            None => self.reader.group(key),
        }
    }

    pub fn group_named(&self, name: &str) -> StoreResult<Option<GroupEntry>> {
        let folded = fold(name);
        match self.group_names.get(&folded) {
            Some(key) => key.map_or(Ok(None), |key| self.group(key)),
            None => self.reader.group_by_name(&folded),
        }
    }

    /// A new local user, of whom there is nothing but the name.
    pub(super) fn new_user(&mut self, user_name: &str) -> UserEntry {
        let key = UserKey(self.counters.user);
        self.counters.user += 1;
        UserEntry {
            key,
            connector: LOCAL.to_owned(),
            // Ours, since there is no provider; like the key it is never used again.
            external_id: format!("local-{}", key.0),
            user_name: user_name.to_owned(),
            display_name: None,
            given_name: None,
            family_name: None,
            email: None,
            active: true,
            attributes: Vec::new(),
        }
    }

    /// Makes a local group, whose name has to be free.
    pub(super) fn new_group(&mut self, name: &str) -> GroupKey {
        let key = GroupKey(self.counters.group);
        self.counters.group += 1;
        let entry = GroupEntry {
            key,
            connector: LOCAL.to_owned(),
            external_id: Some(format!("local-{}", key.0)),
            name: name.to_owned(),
            description: None,
            attributes: Vec::new(),
        };
        self.group_names.insert(fold(name), Some(key));
        self.groups.insert(key, Edited { before: None, after: Some(entry) });
        key
    }

    /// Gives the user these values; the name has to be free.
    pub(super) fn put_user(&mut self, entry: UserEntry) -> StoreResult<()> {
        let key = entry.key;
        let before = match self.users.remove(&key) {
            Some(edited) => edited.before,
            None => self.reader.user(key)?,
        };
        if let Some(before) = &before
            && fold(&before.user_name) != fold(&entry.user_name)
        {
            self.user_names.insert(fold(&before.user_name), None);
        }
        self.user_names.insert(fold(&entry.user_name), Some(key));
        self.users.insert(key, Edited { before, after: Some(entry) });
        Ok(())
    }

    /// Takes the user out of the directory and of all local groups and memberships.
    pub(super) fn remove_user(&mut self, entry: UserEntry) -> StoreResult<()> {
        for group in self.reader.groups_of(entry.key)? {
            self.members(group)?.remove(entry.key.0);
        }
        self.user_names.insert(fold(&entry.user_name), None);
        self.users.insert(entry.key, Edited { before: Some(entry), after: None });
        Ok(())
    }

    pub(super) fn remove_group(&mut self, entry: GroupEntry) -> StoreResult<()> {
        self.members(entry.key)?.clear();
        self.group_names.insert(fold(&entry.name), None);
        self.groups.insert(entry.key, Edited { before: Some(entry), after: None });
        Ok(())
    }

    /// The members that people gave to the group here.
    pub(super) fn members(&mut self, group: GroupKey) -> StoreResult<&mut RoaringBitmap> {
        if !self.members.contains_key(&group) {
            let before = self.reader.members_from(group, self.local)?;
            self.members.insert(group, (before.clone(), before));
        }
        Ok(&mut self.members.get_mut(&group).expect("it was just put there").1)
    }

    /// From now on a run leaves it as it is, or no longer.
    pub(super) fn keep(&mut self, user: UserKey, name: &str, kept: bool) {
        self.kept.insert((user, name.to_owned()), kept);
    }

    pub(super) fn notice(&mut self, notice: ReportedProblem) {
        self.report.add_notice(notice);
    }

    pub(super) fn finish(self) -> StoreResult<LocalPlan> {
        let Draft { reader, local, counters, users, groups, members, kept, mut report, .. } = self;
        let mut names: FxHashMap<u32, String> = FxHashMap::default();
        let (mut changes, mut staged, mut planned_groups) = (Vec::new(), Vec::new(), Vec::new());
        for (key, edited) in users {
            let user = match (edited.before, edited.after) {
                (None, Some(entry)) => StagedUser { action: Action::Create, entry, changes: Vec::new() },
                (Some(before), Some(entry)) => {
                    let changes = Change::between_users(&before, &entry);
                    if changes.is_empty() {
                        report.users.unchanged += 1;
                        continue;
                    }
                    StagedUser { action: Action::Update, entry, changes }
                }
                (Some(entry), None) => StagedUser { action: Action::Delete, entry, changes: Vec::new() },
                (None, None) => continue,
            };
            names.insert(key.0, user.entry.user_name.clone());
            let of_user = user.clone().into_changes().1;
            count_changes(&mut report.users, &of_user);
            changes.extend(of_user);
            staged.push(user);
        }
        let mut group_names: FxHashMap<GroupKey, String> = FxHashMap::default();
        for (key, edited) in groups {
            let (action, entry, of_group) = match (edited.before, edited.after) {
                (None, Some(entry)) => {
                    let made = Change::create_group(&entry);
                    (Action::Create, entry, made)
                }
                (Some(entry), None) => {
                    let gone = Change::delete_group(&entry);
                    (Action::Delete, entry, gone)
                }
                _ => continue,
            };
            group_names.insert(key, entry.name.clone());
            count_changes(&mut report.groups, std::slice::from_ref(&of_group));
            changes.push(of_group.clone());
            planned_groups.push(PlannedGroup { action, renames: false, entry, changes: vec![of_group] });
        }
        let named = |keys: &RoaringBitmap| -> StoreResult<Vec<String>> {
            let mut found = Vec::new();
            for key in keys {
                let name = match names.get(&key) {
                    Some(name) => name.clone(),
                    None => reader.user(UserKey(key))?.map(|user| user.user_name).unwrap_or_default(),
                };
                found.push(name);
            }
            Ok(found)
        };
        let (mut planned, mut named_members) = (Vec::new(), Vec::new());
        for (group, (before, all)) in members {
            let (added, removed) = (&all - &before, &before - &all);
            report.memberships.created += added.len();
            report.memberships.removed += removed.len();
            if added.is_empty() && removed.is_empty() {
                continue;
            }
            let name = match group_names.get(&group) {
                Some(name) => name.clone(),
                None => reader.group(group)?.map(|group| group.name).unwrap_or_default(),
            };
            let (come, gone) = (named(&added)?, named(&removed)?);
            named_members.push(NamedMembers { group: name, added: come, removed: gone });
            planned.push(PlannedMembers { group, connector: local, all, added, removed });
        }
        Ok(LocalPlan {
            local,
            counters,
            users: staged,
            groups: planned_groups,
            members: planned,
            kept,
            changes,
            named_members,
            report,
        })
    }
}
