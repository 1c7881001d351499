//! What a complete collection says, joined with what the store knew: an index over the spool.
//!
//! People and groups are interned to dense numbers that live as long as the run. Records stay in the spool; the
//! index holds what diffing needs: hashes, numbers, packed memberships.

use std::collections::BTreeMap;
use std::path::Path;

use indexmap::{IndexMap, IndexSet};
use roaring::RoaringBitmap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::collect::work_file;
use super::confirm::Presence;
use super::error::RunError;
use super::extent::Extent;
use super::held_versions::HeldVersions;
use super::one_person::Beside;
use super::references::References;
use super::spool::{Frame, SpoolReader};
use crate::directory::{ConnectorId, EntryKind, GroupKey, MembersState, MirrorGroup, Reader, RunId, UserKey};
use crate::model::{Group, Members, Membership, Page, Problem, ReferenceRule, Subject, User};

/// No page holds a record.
pub(super) const NO_PAGE: u32 = u32::MAX;
/// The record that counts is the mirror's.
pub(super) const MIRROR: u32 = u32::MAX - 1;

/// What the mirror held of a person before this run.
#[derive(Debug, Clone, Copy)]
pub struct KnownPerson {
    pub number: u32,
    pub digest: [u8; 16],
    pub shaping: [u8; 16],
    pub absent_since: Option<RunId>,
    pub dropped_since: Option<RunId>,
}

#[derive(Debug, Clone)]
pub struct PersonState {
    pub known: Option<KnownPerson>,
    /// Their directory entry.
    pub key: Option<UserKey>,
    /// The entry belongs to another connector, which holds or took it: it is left as it is, and only the memberships that
    /// this connector gives are its own.
    pub alias: bool,
    /// Hash of the record that was read; meaningless when none was.
    pub digest: [u8; 16],
    /// The page that holds the record that counts.
    pub(super) page: u32,
    /// Seen but unreadable: stays as they are.
    pub unreadable: bool,
}

impl PersonState {
    /// True when this reading holds a record of the person, or the mirror's counts in its place.
    pub fn seen(&self) -> bool {
        self.page != NO_PAGE
    }

    /// True when this reading says, without doubt, what the person is: with a problem they stay as they are.
    pub fn is_told(&self) -> bool {
        self.seen() && !self.unreadable
    }
}

#[derive(Debug, Default)]
pub struct GroupState {
    pub known: Option<MirrorGroup>,
    pub record: Option<Group>,
    pub unreadable: bool,
    /// Indexes of people, sorted: what the group's members are after this reading.
    pub members: Vec<u32>,
    pub members_state: Option<MembersState>,
    /// Where an increment says nothing of all members: how well the mirror knows them.
    pub(super) kept: Option<MembersState>,
    /// Which version of its members the plugin would get, or got.
    pub(super) version: Option<String>,
    pub(super) given: GivenMembers,
}

/// What the pages said of one group's members.
#[derive(Debug, Default)]
pub(super) struct GivenMembers {
    pub some: Vec<u32>,
    removed: Vec<u32>,
    any: bool,
    /// Not only those who were added and removed.
    pub whole: bool,
    everyone: bool,
    pub unknown: Option<String>,
}

/// A complete reading; or one of changes, with what the mirror has of everything else.
#[derive(Debug, Default)]
pub struct Reading {
    people: IndexSet<Box<str>, FxBuildHasher>,
    pub(super) states: Vec<PersonState>,
    /// How many of the people, from the first, came from the mirror and so lie in the order of their ids.
    mirrored: usize,
    /// Where the spool's pages begin, in bytes.
    pages: Vec<u64>,
    pub groups: IndexMap<String, GroupState, FxBuildHasher>,
    /// The directory groups of other connectors that groups of this provider are, by provider id.
    pub group_aliases: FxHashMap<String, GroupKey>,
    pub problems: Vec<Problem>,
    /// Groups whose members could not be read, with the reason.
    pub unknown: Vec<(String, String)>,
    /// Memberships that name a user nobody read.
    pub ignored_members: u64,
    pub checkpoints: BTreeMap<String, String>,
    pub users_seen: u64,
    pub groups_seen: u64,
    pub memberships_seen: u64,
    /// People who are members of no group, whatever pages say of any.
    pub(super) in_no_group: RoaringBitmap,
    /// Those of whom the provider itself says that they are deleted.
    pub(super) gone: RoaringBitmap,
    pub(super) gone_groups: FxHashSet<String>,
    /// It says nothing of most people and groups.
    pub(super) partial: bool,
    /// It is of one person, and nothing else may change.
    pub(super) one: Option<Beside>,
    /// One for each kind of reference that the connector has.
    pub references: Vec<References>,
    /// What the provider said, asked by id, of someone whom it did not list; by provider id.
    pub confirmed: FxHashMap<String, Presence>,
    /// Where the spool's last whole frame ends, in bytes.
    pub spool_end: u64,
}

impl Reading {
    /// Reads the spool once and joins it with the mirror and the directory.
    pub fn load(
        spool: &Path,
        reader: &dyn Reader,
        connector: ConnectorId,
        references: &[ReferenceRule],
        extent: Extent,
        held: &HeldVersions,
    ) -> Result<Self, RunError> {
        let mut attempts = FxHashMap::default();
        loop {
            let mut reading = Self::known(reader, connector)?;
            reading.references = references.iter().cloned().map(References::new).collect();
            if reading.scan(spool, &mut attempts)? {
                reading.forget_gone();
                if extent == Extent::Changes {
                    reading.partial = true;
                    reading.fill_from_mirror(reader, connector)?;
                }
                if held.leaves_out() {
                    reading.fill_unchanged(reader)?;
                }
                reading.resolve(reader)?;
                reading.resolve_references(reader)?;
                return Ok(reading);
            }
        }
    }

    /// A reading in which nothing is new.
    pub fn of_nothing(checkpoints: BTreeMap<String, String>) -> Self {
        Self { checkpoints, ..Self::default() }
    }

    /// Looks again which entries of the directory are theirs: other runs may have changed it since.
    pub fn find_keys(&mut self, reader: &dyn Reader, connector: ConnectorId) -> Result<(), RunError> {
        let had_key: RoaringBitmap =
            (0..self.len() as u32).filter(|person| self.state(*person).key.is_some()).collect();
        self.states.iter_mut().for_each(|state| (state.key, state.alias) = (None, false));
        self.group_aliases.clear();
        match self.is_of_one() {
            true => self.find_keys_of_few(reader, connector)?,
            false => self.find_keys_of_all(reader, connector)?,
        }
        for person in had_key {
            let state = &mut self.states[person as usize];
            if let (Some(known), None) = (&mut state.known, state.key) {
                // Whose entry is gone meanwhile gets one of their own.
                known.shaping = [0; 16];
            }
        }
        Ok(())
    }

    fn find_keys_of_all(&mut self, reader: &dyn Reader, connector: ConnectorId) -> Result<(), RunError> {
        reader.user_keys(connector, &mut |id, key| {
            let index = self.person(id);
            self.states[index as usize].key = Some(key);
        })?;
        reader.aliases(connector, &mut |entry, id, key| match entry {
            EntryKind::User => {
                let index = self.person(id) as usize;
                (self.states[index].key, self.states[index].alias) = (Some(UserKey(key)), true);
            }
            EntryKind::Group => drop(self.group_aliases.insert(id.to_owned(), GroupKey(key))),
        })?;
        Ok(())
    }

    fn known(reader: &dyn Reader, connector: ConnectorId) -> Result<Self, RunError> {
        let mut reading = Self::default();
        reader.mirror_users(connector, &mut |user| {
            let index = reading.person(&user.id);
            reading.states[index as usize].known = Some(KnownPerson::from(user));
        })?;
        reading.mirrored = reading.people.len();
        reading.find_keys(reader, connector)?;
        reader.mirror_groups(connector, &mut |group| {
            let id = group.record.id.clone();
            reading.groups.insert(id, GroupState { known: Some(group), ..GroupState::default() });
        })?;
        Ok(reading)
    }

    /// False when a chain turned out to have begun again: its earlier pages were taken in and don't count.
    pub(super) fn scan(
        &mut self,
        spool: &Path,
        attempts: &mut FxHashMap<u32, u32>,
    ) -> Result<bool, RunError> {
        let mut frames = SpoolReader::open(spool).map_err(work_file(spool, "read"))?;
        let (mut start, mut clean, mut complete) = (0, true, false);
        while let Some(frame) = frames.next_frame().map_err(work_file(spool, "read"))? {
            match frame {
                Frame::Page { root, attempt, page, .. } => {
                    if attempts.get(&root).copied().unwrap_or(0) == attempt {
                        self.take_in(self.pages.len() as u32, *page);
                    }
                    self.pages.push(start);
                }
                Frame::Restart { root, attempt } => {
                    let known = attempts.entry(root).or_insert(0);
                    clean &= *known >= attempt;
                    *known = attempt.max(*known);
                }
                Frame::Complete => complete = true,
                Frame::Confirmed { id, presence } => drop(self.confirmed.insert(id, presence)),
                Frame::Header { .. } | Frame::Roots(_) => {}
            }
            start = frames.whole();
        }
        self.spool_end = start;
        if complete { Ok(clean) } else { Err(RunError::Spool { path: spool.to_owned() }) }
    }

    fn take_in(&mut self, ordinal: u32, page: Page) {
        for user in &page.users {
            let index = self.person(&user.id) as usize;
            self.users_seen += u64::from(!self.states[index].seen());
            self.states[index].digest = digest(user);
            self.states[index].page = ordinal;
            self.references.iter_mut().for_each(|references| references.take_in(index as u32, user));
        }
        for group in page.groups {
            let state = self.groups.entry(group.id.clone()).or_default();
            self.groups_seen += u64::from(state.record.is_none());
            state.record = Some(group);
        }
        for membership in page.memberships {
            self.take_in_members(membership);
        }
        for problem in &page.problems {
            match &problem.subject {
                Some(Subject::User(id)) => {
                    let index = self.person(id) as usize;
                    self.states[index].unreadable = true;
                }
                Some(Subject::Group(id)) => self.groups.entry(id.clone()).or_default().unreadable = true,
                None => {}
            }
        }
        for request in &page.next {
            if let (Some(Subject::Group(id)), Some(version)) = (&request.about, &request.version) {
                self.groups.entry(id.clone()).or_default().version = Some(version.clone());
            }
        }
        for subject in page.gone {
            match subject {
                Subject::User(id) => {
                    let index = self.person(&id);
                    self.gone.insert(index);
                }
                Subject::Group(id) => {
                    self.gone_groups.insert(id);
                }
            }
        }
        self.problems.extend(page.problems);
        self.checkpoints.extend(page.checkpoints);
    }

    fn take_in_members(&mut self, membership: Membership) {
        if membership.group.is_empty() {
            if let Members::Remove(ids) = membership.members {
                let people: Vec<u32> = ids.iter().map(|id| self.person(id)).collect();
                self.in_no_group.extend(people);
            }
            return;
        }
        let mut given = std::mem::take(&mut self.groups.entry(membership.group.clone()).or_default().given);
        given.any = true;
        match membership.members {
            Members::Some(ids) => {
                given.whole = true;
                given.some.extend(ids.iter().map(|id| self.person(id)));
            }
            Members::Add(ids) => given.some.extend(ids.iter().map(|id| self.person(id))),
            Members::Remove(ids) => given.removed.extend(ids.iter().map(|id| self.person(id))),
            Members::Everyone => (given.whole, given.everyone) = (true, true),
            Members::Unknown(reason) => given.unknown = Some(reason),
        }
        self.groups[&membership.group].given = given;
    }

    pub(super) fn person(&mut self, id: &str) -> u32 {
        if let Some(index) = self.people.get_index_of(id) {
            return index as u32;
        }
        self.people.insert(id.into());
        self.states.push(PersonState {
            known: None,
            key: None,
            alias: false,
            digest: [0; 16],
            page: NO_PAGE,
            unreadable: false,
        });
        (self.states.len() - 1) as u32
    }

    /// Turns what pages said of members into sorted indexes; what could not be read stays as the mirror has it.
    fn resolve(&mut self, reader: &dyn Reader) -> Result<(), RunError> {
        let mut by_number: FxHashMap<u32, u32> = FxHashMap::default();
        for (index, state) in self.states.iter().enumerate() {
            if let Some(known) = state.known {
                by_number.insert(known.number, index as u32);
            }
        }
        for (id, group) in &mut self.groups {
            let mut given = std::mem::take(&mut group.given);
            if group.record.is_none() {
                // An unreadable group stays as it is, for its members' rules too.
                let Some(known) = group.known.as_ref().filter(|_| group.unreadable) else { continue };
                group.record = Some(known.record.clone());
                given.unknown.get_or_insert_with(|| "its record could not be read".to_owned());
            }
            let unknown = match given.unknown {
                Some(reason) => Some(reason),
                None if group.kept.is_some() => None,
                None if !given.any => Some("the plugin said nothing about its members".to_owned()),
                None => None,
            };
            if let Some(reason) = unknown {
                self.unknown.push((id.clone(), reason));
                group.members_state = Some(MembersState::Unknown);
                if let Some(number) = group.known.as_ref().map(|known| known.number) {
                    let members = reader.mirror_members(number)?.unwrap_or_default();
                    group.members =
                        members.iter().filter_map(|number| by_number.get(&number).copied()).collect();
                    group.members.sort_unstable();
                }
                continue;
            }
            group.members_state = Some(group.kept.unwrap_or(MembersState::Known));
            let mut members = given.some;
            if given.everyone {
                members.extend(
                    (0..self.states.len() as u32).filter(|index| self.states[*index as usize].seen()),
                );
            }
            members.sort_unstable();
            members.dedup();
            let unread = |index: &u32| {
                let state = &self.states[*index as usize];
                !state.seen() && !state.unreadable
            };
            let ignored = members.iter().filter(|index| unread(index)).count() as u64;
            self.ignored_members += ignored;
            // Whoever appears that the mirror can't hold as a member becomes one without the group's changing.
            let unheld = |index: &u32| {
                let state = &self.states[*index as usize];
                !state.seen() && state.known.is_none()
            };
            if members.iter().any(unheld) {
                group.version = None;
            }
            // Someone whom the mirror knows may be back next time, and is a member then.
            members.retain(|index| !unread(index) || self.states[*index as usize].known.is_some());
            given.removed.sort_unstable();
            members.retain(|index| given.removed.binary_search(index).is_err());
            if !self.in_no_group.is_empty() {
                members.retain(|index| !self.in_no_group.contains(*index));
            }
            members.shrink_to_fit();
            if group.kept.is_none() {
                self.memberships_seen += members.iter().filter(|index| !unread(index)).count() as u64;
            }
            group.members = members;
        }
        self.unknown.sort();
        Ok(())
    }

    /// Finds out whom references mean: those who are read, and those who could not be and so stay as they were.
    pub(super) fn resolve_references(&mut self, reader: &dyn Reader) -> Result<(), RunError> {
        if self.references.is_empty() {
            return Ok(());
        }
        for (index, state) in self.states.iter().enumerate().filter(|(_, state)| state.unreadable) {
            let Some(known) = state.known else { continue };
            if let Some(record) = reader.mirror_user_record(known.number)? {
                let person = index as u32;
                self.references.iter_mut().for_each(|references| references.take_in_key(person, &record));
            }
        }
        let states = &self.states;
        let counts = |person: u32| {
            let state = &states[person as usize];
            state.seen() || state.unreadable
        };
        self.references.iter_mut().for_each(|references| references.resolve(counts));
        Ok(())
    }

    /// A dropped group's members are not requested, so nothing is known of them and nothing was expected.
    pub fn leave_unread(&mut self, dropped: &[String]) {
        for id in dropped {
            if let Some(group) = self.groups.get_mut(id) {
                if group.kept.is_none() && group.members_state == Some(MembersState::Known) {
                    let seen = |index: &&u32| self.states[**index as usize].seen();
                    self.memberships_seen -= group.members.iter().filter(seen).count() as u64;
                }
                group.members_state = Some(MembersState::Unread);
                group.members.clear();
            }
        }
        self.unknown.retain(|(id, _)| !dropped.contains(id));
    }

    /// Everything was read, so that who is not here was not returned once more.
    pub fn is_complete(&self) -> bool {
        !self.partial
    }

    /// The provider itself says that the person is deleted, so that nobody has to ask for them.
    pub fn is_gone(&self, person: u32) -> bool {
        self.gone.contains(person)
    }

    /// The same of a group, by the provider's id.
    pub fn is_gone_group(&self, id: &str) -> bool {
        self.gone_groups.contains(id)
    }

    pub fn len(&self) -> usize {
        self.states.len()
    }

    pub fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// Of the people whom the last complete reading gave, how many this one does not give; and how many they are.
    pub fn missing(&self) -> (u64, u64) {
        let given = |state: &&PersonState| state.known.is_some_and(|known| known.absent_since.is_none());
        let known = self.states.iter().filter(given);
        known.fold((0, 0), |(missing, all), state| {
            (missing + u64::from(!state.seen() && !state.unreadable), all + 1)
        })
    }

    pub fn id(&self, index: u32) -> &str {
        self.people.get_index(index as usize).map(|id| &**id).unwrap_or_default()
    }

    pub fn state(&self, index: u32) -> &PersonState {
        &self.states[index as usize]
    }

    pub fn index_of(&self, id: &str) -> Option<u32> {
        self.people.get_index_of(id).map(|index| index as u32)
    }

    /// All people, in the order of their ids.
    pub fn by_id(&self) -> Vec<u32> {
        let mut rest: Vec<u32> = (self.mirrored as u32..self.states.len() as u32).collect();
        rest.sort_unstable_by_key(|index| self.id(*index));
        let mut order = Vec::with_capacity(self.states.len());
        let mut rest = rest.into_iter().peekable();
        for index in 0..self.mirrored as u32 {
            while let Some(new) = rest.next_if(|new| self.id(*new) < self.id(index)) {
                order.push(new);
            }
            order.push(index);
        }
        order.extend(rest);
        order
    }

    /// Group indexes in the order of their ids: the order in which a person's groups are told.
    pub fn groups_by_id(&self) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.groups.len()).collect();
        order.sort_unstable_by(|a, b| {
            self.groups.get_index(*a).map(|g| g.0).cmp(&self.groups.get_index(*b).map(|g| g.0))
        });
        order
    }

    /// Reads those pages of the spool again that hold the wanted people's records, or the mirror's, and calls `each`
    /// with these.
    pub fn each_record(
        &self,
        spool: &Path,
        reader: &dyn Reader,
        wanted: &RoaringBitmap,
        mut each: impl FnMut(u32, User) -> Result<(), RunError>,
    ) -> Result<(), RunError> {
        let pages: RoaringBitmap =
            wanted.iter().map(|index| self.state(index).page).filter(|page| *page < MIRROR).collect();
        let mut frames = SpoolReader::open(spool).map_err(work_file(spool, "read"))?;
        for ordinal in pages {
            frames.go_to(self.pages[ordinal as usize]).map_err(work_file(spool, "read"))?;
            let Some(Frame::Page { page, .. }) = frames.next_frame().map_err(work_file(spool, "read"))?
            else {
                return Err(RunError::Spool { path: spool.to_owned() });
            };
            let mut told = FxHashSet::default();
            // Of two records of one person on a page, the last one counts, as between pages.
            for user in page.users.into_iter().rev() {
                if let Some(index) = self.index_of(&user.id)
                    && self.state(index).page == ordinal
                    && told.insert(index)
                    && wanted.contains(index)
                {
                    each(index, user)?;
                }
            }
        }
        self.each_mirror_record(reader, wanted, each)
    }
}

/// Hash of a record as the provider gave it.
pub(super) fn digest(user: &User) -> [u8; 16] {
    // Serialising to memory fails only for types that postcard can't hold, which these are not.
    let bytes = postcard::to_allocvec(user).unwrap_or_default();
    let mut short = [0; 16];
    short.copy_from_slice(&blake3::hash(&bytes).as_bytes()[..16]);
    short
}
