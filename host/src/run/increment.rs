//! Increment: what changed, laid over the mirror.
//!
//! A reading of changes says nothing of most people and groups, and there nothing means "as before". So what the mirror
//! has takes their place, and what comes out is what a complete reading would have given: one plan serves both. Of
//! those who did not change nothing is shaped again, because nothing that they are shaped from has changed.
//!
//! Mostly nothing at all has changed. That is found out by looking up what was read and nothing else, so that a
//! quiet increment costs the same in an organisation of any size but for one look at who waits to be shaped.

use std::collections::BTreeMap;
use std::path::Path;

use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::collect::work_file;
use super::error::RunError;
use super::reading::{MIRROR, NO_PAGE, Reading, digest};
use super::spool::{Frame, SpoolReader};
use crate::directory::{ConnectorId, MembersState, Reader};
use crate::model::{Members, Page, Subject, User};

const NEVER_READ: &str = "not all of its members were ever read";

impl Reading {
    /// What is deleted is not there, whatever else was said: a search may lag behind.
    pub(super) fn forget_gone(&mut self) {
        for person in &self.gone {
            let state = &mut self.states[person as usize];
            self.users_seen -= u64::from(state.seen());
            state.page = NO_PAGE;
            state.unreadable = false;
        }
        self.in_no_group |= &self.gone;
        for id in &self.gone_groups {
            if let Some(group) = self.groups.get_mut(id) {
                self.groups_seen -= u64::from(group.record.is_some());
                group.record = None;
                group.unreadable = false;
            }
        }
    }

    /// Takes from the mirror what the reading does not speak of.
    pub(super) fn fill_from_mirror(
        &mut self,
        reader: &dyn Reader,
        connector: ConnectorId,
    ) -> Result<(), RunError> {
        let mut by_number: FxHashMap<u32, u32> = FxHashMap::default();
        for (index, state) in (0..).zip(&mut self.states) {
            let Some(known) = state.known else { continue };
            by_number.insert(known.number, index);
            let said = state.seen() || state.unreadable || self.gone.contains(index);
            if known.absent_since.is_none() && !said {
                state.page = MIRROR;
                state.digest = known.digest;
            }
        }
        for (id, group) in &mut self.groups {
            let known = group.known.as_ref().filter(|known| known.absent_since.is_none());
            if self.gone_groups.contains(id) || group.unreadable {
                continue;
            }
            if group.record.is_none() {
                group.record = known.map(|known| known.record.clone());
            }
            if group.given.whole || group.given.unknown.is_some() || group.record.is_none() {
                continue;
            }
            match known {
                Some(known) => {
                    group.kept = Some(known.members);
                    group.version = known.version.clone();
                    if known.members == MembersState::Unread {
                        group.given = Default::default();
                        continue;
                    }
                    let members = reader.mirror_members(known.number)?.unwrap_or_default();
                    let members = members.iter().filter_map(|number| by_number.get(&number).copied());
                    group.given.some.extend(members);
                }
                None => group.given.unknown = Some(NEVER_READ.to_owned()),
            }
        }
        if !self.references.is_empty() {
            let (states, references) = (&self.states, &mut self.references);
            reader.mirror_user_records(connector, &mut |number, record| {
                let person = by_number.get(&number).copied();
                if let Some(person) = person.filter(|person| states[*person as usize].page == MIRROR) {
                    references.iter_mut().for_each(|references| references.take_in(person, &record));
                }
            })?;
        }
        Ok(())
    }

    /// Takes from the mirror the members that a full reading left out, because they are of the version that it holds.
    pub(super) fn fill_unchanged(&mut self, reader: &dyn Reader) -> Result<(), RunError> {
        let known =
            self.states.iter().zip(0..).filter_map(|(state, index)| Some((state.known?.number, index)));
        let by_number: FxHashMap<u32, u32> = known.collect();
        for group in self.groups.values_mut() {
            let Some(known) = group.known.as_ref().filter(|known| {
                known.absent_since.is_none()
                    && known.members == MembersState::Known
                    && known.version.is_some()
                    && known.version == group.version
            }) else {
                continue;
            };
            if group.record.is_none() || group.given.whole || group.given.unknown.is_some() {
                continue;
            }
            group.kept = Some(MembersState::Known);
            let members = reader.mirror_members(known.number)?.unwrap_or_default();
            let members = members.iter().filter_map(|number| by_number.get(&number).copied());
            group.given.some.extend(members);
        }
        Ok(())
    }

    /// Calls `each` with the records of those wanted people whose record is the mirror's.
    pub(super) fn each_mirror_record(
        &self,
        reader: &dyn Reader,
        wanted: &RoaringBitmap,
        mut each: impl FnMut(u32, User) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        for person in wanted {
            let state = self.state(person);
            let Some(known) = state.known.filter(|_| state.page == MIRROR) else { continue };
            let record = reader.mirror_user_record(known.number)?.ok_or_else(|| {
                RunError::Worker(format!("the mirror holds no record of user {}", self.id(person)))
            })?;
            each(person, record)?;
        }
        Ok(())
    }
}

/// What a quiet increment leaves.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Quiet {
    pub users_seen: u64,
    pub groups_seen: u64,
    pub checkpoints: BTreeMap<String, String>,
}

/// What an increment read in which nothing is new: everything that it gives is what the mirror has, and nothing of
/// earlier runs waits. `None` where that is not so, or can't be told at a glance.
pub fn quiet(
    spool: &Path,
    reader: &dyn Reader,
    connector: ConnectorId,
    connector_name: &str,
) -> Result<Option<Quiet>, RunError> {
    let mut glance = Glance {
        reader,
        connector,
        quiet: Quiet::default(),
        members: FxHashMap::default(),
        left: Vec::new(),
    };
    let mut frames = SpoolReader::open(spool).map_err(work_file(spool, "read"))?;
    while let Some(frame) = frames.next_frame().map_err(work_file(spool, "read"))? {
        let same = match frame {
            Frame::Page { page, .. } => glance.page(*page)?,
            Frame::Restart { .. } => false,
            Frame::Header { .. } | Frame::Roots(_) | Frame::Confirmed { .. } | Frame::Complete => true,
        };
        if !same {
            return Ok(None);
        }
    }
    let waits = reader.has_unshaped(connector)? || !reader.holding_runs(Some(connector_name))?.is_empty();
    Ok((!waits && glance.members_are_known()?).then_some(glance.quiet))
}

/// A look at what was read, beside the mirror.
struct Glance<'a> {
    reader: &'a dyn Reader,
    connector: ConnectorId,
    quiet: Quiet,
    /// By the group's id: whole lists of members, as far as the mirror knows them.
    members: FxHashMap<String, RoaringBitmap>,
    /// Numbers of people who are in no group.
    left: Vec<u32>,
}

impl Glance<'_> {
    /// False when the page holds something new.
    fn page(&mut self, page: Page) -> Result<bool, RunError> {
        if !page.problems.is_empty() {
            return Ok(false);
        }
        for user in &page.users {
            let known = self.reader.mirror_user(self.connector, &user.id)?;
            if known.is_none_or(|known| known.absent_since.is_some() || known.digest != digest(user)) {
                return Ok(false);
            }
        }
        for group in &page.groups {
            let known = self.reader.mirror_group(self.connector, &group.id)?;
            if known.is_none_or(|known| known.absent_since.is_some() || known.record != *group) {
                return Ok(false);
            }
        }
        for subject in &page.gone {
            let known = match subject {
                Subject::User(id) => {
                    self.reader.mirror_user(self.connector, id)?.map(|known| known.absent_since)
                }
                Subject::Group(id) => {
                    self.reader.mirror_group(self.connector, id)?.map(|known| known.absent_since)
                }
            };
            if known.is_some_and(|absent_since| absent_since.is_none()) {
                return Ok(false);
            }
        }
        for membership in page.memberships {
            let same = match (membership.group.as_str(), membership.members) {
                ("", Members::Remove(ids)) => {
                    let numbers = self.numbers(&ids)?;
                    self.left.extend(numbers);
                    true
                }
                (group, Members::Some(ids)) => {
                    let numbers = self.numbers(&ids)?;
                    self.members.entry(group.to_owned()).or_default().extend(numbers);
                    true
                }
                (group, Members::Add(ids)) => match self.members_of(group)? {
                    Some(members) => self.numbers(&ids)?.is_subset(&members),
                    None => false,
                },
                (_, Members::Remove(_) | Members::Everyone | Members::Unknown(_)) => false,
            };
            if !same {
                return Ok(false);
            }
        }
        self.quiet.users_seen += page.users.len() as u64;
        self.quiet.groups_seen += page.groups.len() as u64;
        self.quiet.checkpoints.extend(page.checkpoints);
        Ok(true)
    }

    /// The mirror's numbers of these people; whom it does not know nobody read, and they don't count.
    fn numbers(&self, ids: &[String]) -> Result<RoaringBitmap, RunError> {
        let mut numbers = RoaringBitmap::new();
        for id in ids {
            numbers.extend(self.reader.mirror_user(self.connector, id)?.map(|known| known.number));
        }
        Ok(numbers)
    }

    fn members_of(&self, group: &str) -> Result<Option<RoaringBitmap>, RunError> {
        match self.reader.mirror_group(self.connector, group)? {
            Some(known) if known.members == MembersState::Known => {
                Ok(self.reader.mirror_members(known.number)?)
            }
            _ => Ok(None),
        }
    }

    fn members_are_known(&self) -> Result<bool, RunError> {
        for (group, listed) in &self.members {
            if self.members_of(group)?.as_ref() != Some(listed) {
                return Ok(false);
            }
        }
        if self.left.is_empty() {
            return Ok(true);
        }
        let left: RoaringBitmap = self.left.iter().copied().collect();
        let (mut groups, mut clean) = (FxHashSet::default(), true);
        self.reader.mirror_groups(self.connector, &mut |group| {
            groups.insert(group.number);
        })?;
        for group in groups {
            clean &= self.reader.mirror_members(group)?.unwrap_or_default().is_disjoint(&left);
        }
        Ok(clean)
    }
}
