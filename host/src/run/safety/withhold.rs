//! Taking what is over a limit out of a plan, with what can't be without it.

use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::excess::Over;
use super::guard::Guard;
use super::limits::LimitKind;
use crate::directory::{Change, ChangeKind, EntryKind, GroupKey, MembershipChange, fold};
use crate::run::error::RunError;
use crate::run::plan::{Kinds, PlannedMembers};
use crate::run::staging::Action;

impl Guard<'_, '_> {
    /// Holds the kinds that are over their limit, and what can't be without them.
    pub(super) fn withhold(&mut self, over: &Over) -> Result<(), RunError> {
        let mut reasons: FxHashMap<LimitKind, &str> = FxHashMap::default();
        for (kind, sentence) in over {
            reasons.insert(*kind, sentence);
        }
        // Whoever is missing in a listing in doubt may be there: nothing is taken away on its word.
        if let Some(listing) = reasons.get(&LimitKind::Listing).copied() {
            self.plan.mirror.doubts_absence = true;
            for kind in
                [LimitKind::Disables, LimitKind::Deletes, LimitKind::Removals, LimitKind::GroupsEmptied]
            {
                reasons.entry(kind).or_insert(listing);
            }
        }
        let reason = |kind: ChangeKind| match kind {
            ChangeKind::Disable => reasons.get(&LimitKind::Disables),
            ChangeKind::Delete | ChangeKind::Anonymize => reasons.get(&LimitKind::Deletes),
            ChangeKind::Rename => reasons.get(&LimitKind::Renames),
            ChangeKind::Create | ChangeKind::Update | ChangeKind::Enable => None,
        };
        let approved = self.approved.users.clone();
        let taken = self.take(|key, kind| !approved.contains(key) && reason(kind).is_some())?;
        let taken = taken.into_iter().map(|change| (reason(change.kind).unwrap_or(&"").to_string(), change));
        self.plan.held.changes.extend(taken);
        self.hold_groups(&reasons)?;
        self.let_go(&reasons)
    }

    fn hold_groups(&mut self, reasons: &FxHashMap<LimitKind, &str>) -> Result<(), RunError> {
        let Some(reason) = reasons.get(&LimitKind::GroupsEmptied) else { return Ok(()) };
        for group in std::mem::take(&mut self.plan.groups) {
            if group.action == Action::Delete && !self.approved.groups.contains(group.entry.key.0) {
                self.stuck_groups.insert(fold(&group.entry.name));
                self.plan
                    .held
                    .changes
                    .extend(group.changes.into_iter().map(|change| (reason.to_string(), change)));
            } else {
                self.plan.groups.push(group);
            }
        }
        Ok(())
    }

    /// Holds what needs a name that stays taken, and the memberships of everybody who is held.
    pub(super) fn let_go(&mut self, reasons: &FxHashMap<LimitKind, &str>) -> Result<(), RunError> {
        const NAME: &str = "needs the name of an entry that is held or protected";
        while !self.stuck.is_empty() {
            let mut wanting = RoaringBitmap::new();
            for at in 0..self.plan.users.len() {
                let user = self.plan.users[at];
                if user.kinds.has(ChangeKind::Create)
                    || (user.frees_name && user.kinds.has(ChangeKind::Rename))
                {
                    let staged = self.plan.staged(&user)?;
                    if self.stuck.contains(&fold(&staged.entry.user_name)) {
                        wanting.insert(user.key.0);
                    }
                }
            }
            if wanting.is_empty() {
                break;
            }
            let names = [ChangeKind::Create, ChangeKind::Rename];
            let taken = self.take(|key, kind| wanting.contains(key) && names.contains(&kind))?;
            self.plan.held.changes.extend(taken.into_iter().map(|change| (NAME.to_owned(), change)));
        }
        let mut groups_held = FxHashSet::default();
        while !self.stuck_groups.is_empty() {
            let mut waits = Vec::new();
            let stuck = std::mem::take(&mut self.stuck_groups);
            for group in std::mem::take(&mut self.plan.groups) {
                let wants = group.action == Action::Create || group.renames;
                if wants && stuck.contains(&fold(&group.entry.name)) {
                    waits.push(group);
                } else {
                    self.plan.groups.push(group);
                }
            }
            for group in waits {
                if group.action == Action::Create {
                    groups_held.insert(group.entry.key);
                } else if let Some(before) = self.inputs.reader.group(group.entry.key)? {
                    self.stuck_groups.insert(fold(&before.name));
                }
                self.plan
                    .held
                    .changes
                    .extend(group.changes.into_iter().map(|change| (NAME.to_owned(), change)));
            }
        }
        self.hold_members(reasons, &groups_held)
    }

    fn hold_members(
        &mut self,
        reasons: &FxHashMap<LimitKind, &str>,
        groups_held: &FxHashSet<GroupKey>,
    ) -> Result<(), RunError> {
        const ENTRY: &str = "belongs to an entry that is held";
        let held_of = |kind: ChangeKind| -> RoaringBitmap {
            let users = self
                .plan
                .held
                .changes
                .iter()
                .filter(|(_, change)| change.kind == kind && change.entry == EntryKind::User);
            users.map(|(_, change)| change.key).collect()
        };
        let (created, deleted) = (held_of(ChangeKind::Create), held_of(ChangeKind::Delete));
        // Whoever is not disabled yet is not taken out of the groups for it either.
        let waits = held_of(ChangeKind::Disable) | held_of(ChangeKind::Anonymize);
        let deleted = deleted | (waits & &self.plan.cleaned);
        let goes = self.plan.users.iter().filter(|user| user.kinds.has(ChangeKind::Delete));
        let goes: RoaringBitmap = goes.map(|user| user.key.0).collect();
        let groups_go = self.plan.groups.iter().filter(|group| group.action == Action::Delete);
        let groups_go: FxHashSet<_> = groups_go.map(|group| group.entry.key).collect();
        let emptied = match reasons.get(&LimitKind::GroupsEmptied) {
            Some(_) => self.emptied()?,
            None => Vec::new(),
        };
        for members in std::mem::take(&mut self.plan.memberships) {
            let mut members = members;
            let (added, removed, reason) = if groups_held.contains(&members.group) {
                (members.added.clone(), members.removed.clone(), ENTRY)
            } else {
                let added = &members.added & &created;
                // Who is deleted, or whose group is, can't stay a member.
                match reasons.get(&LimitKind::Removals) {
                    _ if groups_go.contains(&members.group) => (added, RoaringBitmap::new(), ENTRY),
                    Some(_) if self.approved.groups.contains(members.group.0) => {
                        (added, &members.removed & &deleted, ENTRY)
                    }
                    Some(reason) => (added, &members.removed - &goes, *reason),
                    None if emptied.binary_search(&members.group.0).is_ok() => {
                        (added, &members.removed - &goes, reasons[&LimitKind::GroupsEmptied])
                    }
                    None => (added, &members.removed & &deleted, ENTRY),
                }
            };
            members.all -= &added;
            members.all |= &removed;
            members.added -= &added;
            members.removed -= &removed;
            if !added.is_empty() || !removed.is_empty() {
                let change =
                    MembershipChange { group: members.group, connector: members.connector, added, removed };
                self.plan.held.members.push((reason.to_owned(), change));
            }
            if !members.added.is_empty() || !members.removed.is_empty() {
                self.plan.memberships.push(members);
            }
        }
        Ok(())
    }

    pub(super) fn hold_all(&mut self, reason: &str) -> Result<(), RunError> {
        let mut changes = std::mem::take(&mut self.plan.held.changes);
        self.plan.each_change(|change| changes.push((reason.to_owned(), change.clone())))?;
        self.plan.held.changes = changes;
        self.plan.users.clear();
        self.plan.groups.clear();
        for members in std::mem::take(&mut self.plan.memberships) {
            let PlannedMembers { group, connector, added, removed, .. } = members;
            let change = MembershipChange { group, connector, added, removed };
            self.plan.held.members.push((reason.to_owned(), change));
        }
        Ok(())
    }

    /// Takes changes of users out of the plan; what is left of an entry stays in it.
    pub(super) fn take(&mut self, takes: impl Fn(u32, ChangeKind) -> bool) -> Result<Vec<Change>, RunError> {
        let mut taken = Vec::new();
        for at in 0..self.plan.users.len() {
            let user = self.plan.users[at];
            if !ChangeKind::ALL.iter().any(|kind| user.kinds.has(*kind) && takes(user.key.0, *kind)) {
                continue;
            }
            let mut staged = self.plan.staged(&user)?;
            if let Some(person) = self.plan.reading.index_of(&staged.entry.external_id) {
                self.plan.mirror.shape_again(person);
            }
            if user.frees_name
                && let Some(before) = self.inputs.reader.user(user.key)?
            {
                self.stuck.insert(fold(&before.user_name));
            }
            if staged.action != Action::Update {
                taken.extend(staged.into_changes().1);
                self.plan.users[at].kinds = Kinds::default();
                continue;
            }
            let (go, stay): (Vec<Change>, Vec<Change>) =
                staged.changes.drain(..).partition(|change| takes(user.key.0, change.kind));
            for change in &go {
                staged.entry = staged
                    .entry
                    .patched(&change.reversed())
                    .map_err(|error| RunError::Worker(format!("a planned change does not fit: {error}")))?;
            }
            let names = [ChangeKind::Rename, ChangeKind::Anonymize];
            let frees_name = user.frees_name && stay.iter().any(|change| names.contains(&change.kind));
            if user.frees_name
                && frees_name
                && let Some(before) = self.inputs.reader.user(user.key)?
            {
                self.stuck.remove(&fold(&before.user_name));
            }
            taken.extend(go);
            staged.changes = stay;
            // A name that the rest of the changes told of is the one that stays.
            for change in &mut staged.changes {
                change.name.clone_from(&staged.entry.user_name);
            }
            self.plan.users[at].kinds = Kinds::of(staged.changes.iter().map(|change| change.kind));
            self.plan.users[at].frees_name = frees_name;
            self.plan.restage(at, &staged)?;
        }
        self.plan.users.retain(|user| user.kinds != Kinds::default());
        Ok(taken)
    }

    /// Whoever comes into a group or leaves it, which is held, is planned again in the next run.
    pub(super) fn shape_again(&mut self) {
        let held = self.plan.held.members.iter();
        let people =
            held.fold(RoaringBitmap::new(), |all, (_, change)| all | &change.added | &change.removed);
        self.shape_people(&people);
    }

    /// These are planned again in the next run.
    pub(super) fn shape_people(&mut self, keys: &RoaringBitmap) {
        if keys.is_empty() {
            return;
        }
        for person in 0..self.plan.reading.len() as u32 {
            if self.plan.reading.state(person).key.is_some_and(|key| keys.contains(key.0)) {
                self.plan.mirror.shape_again(person);
            }
        }
    }
}
