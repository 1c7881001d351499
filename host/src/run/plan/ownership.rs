//! Whose entries people are: those of other connectors and local ones, taken over or left to whom they belong to.
//!
//! * Someone new whom the admin lets match is the entry's person. Where its owner may be taken from, the entry is taken
//!   over: its key and history stay, its fields follow this connector, and the memberships that others give stay theirs
//!   until they no longer give them, so that nobody loses access between two runs. The owner before knows the person by
//!   an alias from then on.
//! * Else the entry belongs to a connector above. It is left as it is, and this connector knows its person by an alias.
//! * Whoever has an alias is told as left out, and gets the memberships that this connector gives. The end is the same
//!   whichever of the two connectors runs first.
//!
//! All of it is settled when everybody is shaped, in the order of the people's ids: who gets an entry does not depend on
//! which page came first.

use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::people::{Claimant, Gathered, PlannedUser};
use super::plan::Draft;
use crate::directory::{Change, UserEntry, UserFilter, UserKey, fold};
use crate::model::GroupRef;
use crate::run::collect::work_file;
use crate::run::conflicts::{MatchBy, UserConflict, is_suffixed, suffixed};
use crate::run::error::RunError;
use crate::run::report::{LeftOut, RunReport};
use crate::run::staging::{Action, StagedUser};

/// What is settled about entries of others.
#[derive(Default)]
pub struct OwnershipDraft {
    /// By the reading's index: the entry that someone new turned out to be.
    pub(super) found: FxHashMap<u32, UserKey>,
    /// The reading's indexes of those whose entry stays another connector's.
    pub(super) held: RoaringBitmap,
    /// Aliases to write: provider id and key.
    pub aliases: Vec<(String, UserKey)>,
    /// Names that others hold, of a connector that is to fail then: one sentence each.
    pub(super) refused: Vec<String>,
}

/// Someone new, and the entry of another owner that is theirs.
struct Match {
    /// The place among the claims.
    claim: usize,
    entry: UserEntry,
}

impl Draft<'_> {
    pub(super) fn may_take(&self, owner: &str) -> bool {
        self.precedence.may_take(self.connector_name, owner)
    }

    /// Whether the entry by whose alias the person is known is taken over, because its owner is below.
    pub(super) fn takes_back(&self, key: UserKey) -> Result<bool, RunError> {
        if self.policy.conflicts.users != UserConflict::Adopt {
            return Ok(false);
        }
        Ok(self.reader.user(key)?.is_some_and(|entry| self.may_take(&entry.connector)))
    }

    /// Someone whose entry another connector holds, and who is not shaped again.
    pub(super) fn leave_held(&mut self, person: u32, key: UserKey) -> Result<(), RunError> {
        self.ownership.held.insert(person);
        self.report.users.dropped += 1;
        if self.report.left_out.len() < RunReport::LISTED
            && let Some(entry) = self.reader.user(key)?
        {
            self.tell_held("user", &entry.user_name, self.reading.id(person), &entry.connector);
        }
        Ok(())
    }

    /// Someone whose entry another connector holds: only the memberships are this connector's.
    pub(super) fn plan_held(
        &mut self,
        person: u32,
        key: UserKey,
        name: &str,
        groups: &[GroupRef],
    ) -> Result<(), RunError> {
        self.people.shaped.insert(key.0);
        self.join_groups(groups, key, self.reading.id(person), name);
        self.leave_held(person, key)
    }

    /// A name that got a suffix keeps it, also when the plain one is free again: applications know it by now.
    pub(super) fn keep_suffixed(&self, before: &UserEntry, entry: &mut UserEntry) {
        let conflicts = &self.policy.conflicts;
        if conflicts.users == UserConflict::Suffix
            && is_suffixed(&entry.user_name, &conflicts.suffix, self.connector_name, &before.user_name)
        {
            entry.user_name.clone_from(&before.user_name);
        }
    }

    pub(super) fn tell_held(&mut self, kind: &str, name: &str, id: &str, owner: &str) {
        let (kind, name, id) = (kind.to_owned(), name.to_owned(), id.to_owned());
        let mut reason = format!("held by {}", self.precedence.owner(owner));
        if kind == "group" {
            reason.push_str(": its members are added there");
        }
        self.report.add_left_out(LeftOut { kind, name, id, reason });
    }

    /// Settles who new people are whose names, or addresses, entries of others have.
    pub(super) fn settle_ownership(&mut self, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        match self.policy.conflicts.users {
            UserConflict::Skip | UserConflict::Fail => Ok(()),
            UserConflict::Adopt => self.match_people(gathered),
            UserConflict::Suffix => self.suffix_people(gathered),
        }
    }

    /// The places of the claims of new people, by their keys and so by their ids.
    fn new_people(&mut self, gathered: &Gathered<'_>) -> Vec<usize> {
        self.people.planned.sort_by_key(|user| user.key);
        let claims = &gathered.claims;
        let mut new: Vec<usize> = (0..claims.len()).filter(|at| !claims[*at].renames).collect();
        new.sort_by_key(|at| claims[*at].key);
        new
    }

    fn planned_at(&self, key: u32) -> Result<usize, RunError> {
        self.people
            .planned
            .binary_search_by_key(&key, |user| user.key.0)
            .map_err(|_| RunError::Worker(format!("the new user {key} is not planned")))
    }

    fn match_people(&mut self, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        let matches = self.find_matches(gathered)?;
        // New keys, and whose they turned out to be.
        let mut moved: FxHashMap<u32, u32> = FxHashMap::default();
        let (mut settled, mut held) = (FxHashSet::default(), RoaringBitmap::new());
        let mut taken_over = Vec::new();
        for Match { claim, entry } in matches {
            let (new, person) = (gathered.claims[claim].key, gathered.claimants[claim].person);
            moved.insert(new, entry.key.0);
            self.people.shaped.remove(new);
            self.people.shaped.insert(entry.key.0);
            self.ownership.found.insert(person, entry.key);
            if !self.may_take(&entry.connector) {
                held.insert(new);
                settled.insert(claim);
                self.ownership.aliases.push((self.reading.id(person).to_owned(), entry.key));
                self.leave_held(person, entry.key)?;
            } else {
                let (at, user) = self.take_over(claim, &entry, gathered)?;
                taken_over.push((at, user));
                if !user.frees_name {
                    settled.insert(claim);
                }
            }
        }
        // Only now, so that until here everybody is found by their new key.
        for (at, user) in taken_over {
            self.people.planned[at] = user;
        }
        self.people.planned.retain(|user| !held.contains(user.key.0));
        let mut at = 0..gathered.claims.len();
        gathered.claims.retain(|_| at.next().is_some_and(|at| !settled.contains(&at)));
        let mut at = 0..gathered.claimants.len();
        gathered.claimants.retain(|_| at.next().is_some_and(|at| !settled.contains(&at)));
        self.move_members(&moved);
        Ok(())
    }

    /// Makes the planned creation a change of the entry that it is. Gives its place and what is planned instead.
    fn take_over(
        &self,
        claim: usize,
        before: &UserEntry,
        gathered: &mut Gathered<'_>,
    ) -> Result<(usize, PlannedUser), RunError> {
        let at = self.planned_at(gathered.claims[claim].key)?;
        let failed = work_file(self.work_folder, "read");
        let mut staged: StagedUser = gathered.staging.get(self.people.planned[at].staged).map_err(&failed)?;
        staged.action = Action::Update;
        staged.entry.key = before.key;
        let kept = self.people.kept.get(&before.key).map_or(&[][..], Vec::as_slice);
        self.policy.entries.keep(before, &mut staged.entry, kept);
        staged.changes = Change::between_users(before, &staged.entry);
        let folded = fold(&staged.entry.user_name);
        let renames = folded != fold(&before.user_name);
        let place = gathered.staging.put(&staged).map_err(failed)?;
        let Claimant { key, name, .. } = &mut gathered.claimants[claim];
        (*key, *name) = (before.key, staged.entry.user_name);
        let claim = &mut gathered.claims[claim];
        (claim.key, claim.folded, claim.renames) = (before.key.0, folded, renames);
        Ok((at, PlannedUser::new(before.key, renames, &staged.changes, place)))
    }

    /// By user name, and then by mail; nobody twice.
    fn find_matches(&mut self, gathered: &mut Gathered<'_>) -> Result<Vec<Match>, RunError> {
        let new = self.new_people(gathered);
        let by = |by| self.policy.conflicts.matches.contains(&by);
        let (by_name, by_mail) = (by(MatchBy::UserName), by(MatchBy::Email));
        let mut taken: RoaringBitmap = (0..self.reading.len() as u32)
            .filter_map(|person| Some(self.reading.state(person).key?.0))
            .collect();
        let (mut matches, mut without) = (Vec::new(), Vec::new());
        for claim in new {
            let found = match by_name {
                true => self.reader.user_by_name(&gathered.claims[claim].folded)?,
                false => None,
            };
            match found {
                Some(entry) if self.is_another_person(&entry) => {}
                Some(entry) if taken.insert(entry.key.0) => matches.push(Match { claim, entry }),
                // Somebody of this connector has the name.
                Some(_) => {}
                None => without.push(claim),
            }
        }
        if by_mail && !without.is_empty() {
            self.match_by_mail(without, taken, gathered, &mut matches)?;
        }
        matches.sort_by_key(|found| gathered.claims[found.claim].key);
        Ok(matches)
    }

    fn match_by_mail(
        &self,
        without: Vec<usize>,
        mut taken: RoaringBitmap,
        gathered: &mut Gathered<'_>,
        matches: &mut Vec<Match>,
    ) -> Result<(), RunError> {
        // Address → the new people who have it, and the entries.
        let mut wanted: FxHashMap<String, (Vec<usize>, Vec<UserEntry>)> = FxHashMap::default();
        for claim in without {
            let at = self.planned_at(gathered.claims[claim].key)?;
            let staged: StagedUser = gathered
                .staging
                .get(self.people.planned[at].staged)
                .map_err(work_file(self.work_folder, "read"))?;
            if let Some(mail) = staged.entry.email.filter(|mail| !mail.trim().is_empty()) {
                wanted.entry(fold(&mail)).or_default().0.push(claim);
            }
        }
        self.reader.users(&UserFilter::default(), &mut |entry| {
            let found = entry.email.as_deref().and_then(|mail| wanted.get_mut(&fold(mail)));
            if let Some((_, entries)) = found
                && entries.len() < 2
            {
                entries.push(entry);
            }
            true
        })?;
        let mut found: Vec<(usize, UserEntry)> = wanted
            .into_values()
            .filter_map(|(claims, mut entries)| match (claims.as_slice(), entries.len()) {
                ([claim], 1) => Some((*claim, entries.remove(0))),
                _ => None,
            })
            .collect();
        found.sort_by_key(|(claim, _)| gathered.claims[*claim].key);
        for (claim, entry) in found {
            if !self.is_another_person(&entry) && taken.insert(entry.key.0) {
                matches.push(Match { claim, entry });
            }
        }
        Ok(())
    }

    /// What new people are members of, the entries are that they turned out to be.
    fn move_members(&mut self, moved: &FxHashMap<u32, u32>) {
        if moved.is_empty() {
            return;
        }
        let new: RoaringBitmap = moved.keys().copied().collect();
        let groups = self.groups.members.values_mut();
        for members in groups.chain(self.groups.made_up.values_mut().map(|group| &mut group.members)) {
            let here = &*members & &new;
            *members -= &here;
            members.extend(here.iter().filter_map(|key| moved.get(&key)));
        }
    }

    /// Gives those another name whose name an entry of another owner has.
    fn suffix_people(&mut self, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        let mut wanted: FxHashSet<String> =
            gathered.claims.iter().map(|claim| claim.folded.clone()).collect();
        for claim in self.new_people(gathered) {
            let holder = self.reader.user_by_name(&gathered.claims[claim].folded)?;
            if holder.is_none_or(|holder| holder.connector == self.connector_name) {
                continue;
            }
            let at = self.planned_at(gathered.claims[claim].key)?;
            let failed = work_file(self.work_folder, "written");
            let mut staged: StagedUser =
                gathered.staging.get(self.people.planned[at].staged).map_err(&failed)?;
            let (plain, mut number) = (staged.entry.user_name.clone(), 1);
            let name = loop {
                let name = suffixed(&plain, &self.policy.conflicts.suffix, self.connector_name, number);
                let folded = fold(&name);
                if !wanted.contains(&folded) && self.reader.user_by_name(&folded)?.is_none() {
                    break name;
                }
                number += 1;
            };
            wanted.insert(fold(&name));
            gathered.claims[claim].folded = fold(&name);
            gathered.claimants[claim].name.clone_from(&name);
            staged.entry.user_name = name;
            self.people.planned[at].staged = gathered.staging.put(&staged).map_err(failed)?;
        }
        Ok(())
    }

    /// Ends the run where the admin wants no name to be held by another.
    pub(super) fn refuse_conflicts(&mut self) -> Result<(), RunError> {
        let refused = std::mem::take(&mut self.ownership.refused);
        if refused.is_empty() {
            return Ok(());
        }
        Err(RunError::NamesTaken { connector: self.connector_name.to_owned(), refused })
    }
}
