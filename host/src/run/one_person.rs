//! One person: what the provider says of them, beside the little of the mirror that it touches.
//!
//! A run of one person reads their record and their groups, and nothing else may change: not other people, not the
//! groups themselves, not what increments go on from. So the reading holds this person alone, all groups as the mirror
//! has them, each with this person or without members, and those people whom the person refers to. What it costs does
//! not grow with the number of people, unless a reference goes by something else than the provider's id.
//!
//! People who are only referred to are marked like those who could not be read: they stay as they are, everywhere.
//!
//! What the plugin says is as good as being asked by id, which it was: nobody is asked for again before cleanup.

use std::path::Path;

use indexmap::IndexMap;
use roaring::RoaringBitmap;
use rustc_hash::{FxBuildHasher, FxHashMap, FxHashSet};

use super::confirm::{Confirmations, Presence, Verdict};
use super::error::RunError;
use super::leavers::Absentee;
use super::reading::{GivenMembers, GroupState, KnownPerson, Reading};
use super::references::References;
use crate::directory::{
    ConnectorId, EntryKind, GroupKey, MirrorUser, Reader, UserEntry, UserFilter, UserKey, fold,
};
use crate::model::{ReferenceRule, Scope};

/// Whom a run is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Whom {
    /// What somebody called them: a user name, a mail address, or the provider's id.
    pub asked: String,
    /// The provider's id, where mirror or directory know them by what was asked.
    pub id: Option<String>,
}

/// What a run of one person found beside them.
#[derive(Debug, Default)]
pub struct Beside {
    /// Groups that the person is in and that the mirror does not have: id and name.
    pub unread_groups: Vec<(String, String)>,
    /// Keys of entries of other connectors that are other people of this one's provider.
    pub others: RoaringBitmap,
}

impl Whom {
    /// The person of the connector whom the directory shows by that user name, id or mail address; else whoever the
    /// provider has by it. A name here goes before one there: whoever was renamed there is meant by both.
    ///
    /// # Errors
    ///
    /// [`RunError::SeveralPeople`] for a mail address that several of the connector's people have.
    pub fn find(reader: &dyn Reader, connector: &str, asked: &str) -> Result<Self, RunError> {
        let asked = asked.trim().to_owned();
        let Some(number) = reader.connector_id(connector)? else { return Ok(Self { asked, id: None }) };
        if reader.mirror_user(number, &asked)?.is_some() {
            return Ok(Self { id: Some(asked.clone()), asked });
        }
        let named: Vec<UserEntry> = reader.user_by_name(&fold(&asked))?.into_iter().collect();
        if let Some(id) = ids_of(reader, connector, number, &named)?.pop() {
            return Ok(Self { asked, id: Some(id) });
        }
        let mut by_mail = Vec::new();
        if asked.contains('@') {
            let filter = UserFilter { text: Some(asked.clone()), ..UserFilter::default() };
            reader.users(&filter, &mut |user| {
                if user.email.as_deref().is_some_and(|mail| fold(mail) == fold(&asked)) {
                    by_mail.push(user);
                }
                true
            })?;
        }
        let mut ids = ids_of(reader, connector, number, &by_mail)?;
        if ids.len() > 1 {
            let told = by_mail.iter().map(|user| format!("{} ({})", user.user_name, user.external_id));
            return Err(RunError::SeveralPeople { who: asked, people: told.collect() });
        }
        Ok(Self { asked, id: ids.pop() })
    }

    pub(super) fn scope(&self) -> Scope {
        Scope::User(self.id.clone().unwrap_or_else(|| self.asked.clone()))
    }
}

/// The ids by which this connector's provider knows these entries, as far as it gave them.
fn ids_of(
    reader: &dyn Reader,
    connector: &str,
    number: ConnectorId,
    entries: &[UserEntry],
) -> Result<Vec<String>, RunError> {
    let own = |entry: &&UserEntry| entry.connector == connector;
    let mut ids: Vec<String> = entries.iter().filter(own).map(|entry| entry.external_id.clone()).collect();
    let others: FxHashSet<u32> =
        entries.iter().filter(|entry| !own(entry)).map(|entry| entry.key.0).collect();
    if !others.is_empty() {
        reader.aliases(number, &mut |kind, id, key| {
            if kind == EntryKind::User && others.contains(&key) {
                ids.push(id.to_owned());
            }
        })?;
    }
    Ok(ids)
}

impl Confirmations {
    /// What a run of one person was told of them.
    pub(super) fn of_one(reading: &Reading, absent: &[Absentee]) -> Self {
        let mut found = Self::default();
        for absentee in absent {
            let presence = match reading.is_gone(absentee.person) {
                true => Presence::Gone,
                false => Presence::OutOfScope,
            };
            found.verdicts.insert(reading.id(absentee.person).to_owned(), Verdict::Certain(presence));
        }
        found
    }
}

impl Reading {
    /// Reads the spool of a run of one person, and of the mirror what belongs to them.
    ///
    /// # Errors
    ///
    /// [`RunError::Nobody`] and [`RunError::NotInScope`] for someone whom neither the provider gives nor anything here
    /// knows.
    pub(super) fn of_person(
        spool: &Path,
        reader: &dyn Reader,
        (connector, name): (ConnectorId, &str),
        references: &[ReferenceRule],
        whom: &Whom,
    ) -> Result<Self, RunError> {
        let mut attempts = FxHashMap::default();
        let mut reading = loop {
            let mut reading = Self::default();
            (reading.partial, reading.one) = (true, Some(Beside::default()));
            reading.references = references.iter().cloned().map(References::new).collect();
            if let Some(id) = &whom.id {
                reading.person(id);
            }
            if reading.scan(spool, &mut attempts)? {
                break reading;
            }
        };
        if whom.id.is_none() && !reading.states.iter().any(|state| state.seen() || state.unreadable) {
            return Err(reading.unknown_person(reader, name, whom)?);
        }
        // What a plugin may say besides: only what increments read is where they go on from.
        reading.checkpoints.clear();
        reading.forget_gone();
        for at in 0..reading.states.len() {
            let known = reader.mirror_user(connector, reading.id(at as u32))?;
            reading.states[at].known = known.map(KnownPerson::from);
        }
        let told = std::mem::take(&mut reading.groups);
        reading.take_groups(reader, connector, told)?;
        reading.find_referred(reader, connector)?;
        reading.find_keys(reader, connector)?;
        reading.resolve_references(reader)?;
        Ok(reading)
    }

    fn unknown_person(
        &self,
        reader: &dyn Reader,
        connector: &str,
        whom: &Whom,
    ) -> Result<RunError, RunError> {
        let (connector, who) = (connector.to_owned(), whom.asked.clone());
        if self.gone.is_empty() {
            return Ok(RunError::NotInScope { connector, who });
        }
        let holder = reader.user_by_name(&fold(&who))?.map(|entry| entry.connector);
        Ok(RunError::Nobody { connector, who, holder })
    }

    /// True for a reading of one person.
    pub(super) fn is_of_one(&self) -> bool {
        self.one.is_some()
    }

    /// The mirror's groups, each with those of these people who are in it now.
    fn take_groups(
        &mut self,
        reader: &dyn Reader,
        connector: ConnectorId,
        mut told: IndexMap<String, GroupState, FxBuildHasher>,
    ) -> Result<(), RunError> {
        let mut groups = Vec::new();
        reader.mirror_groups(connector, &mut |group| groups.push(group))?;
        self.groups_seen = 0;
        for known in groups {
            let id = known.record.id.clone();
            // A group that the last reading did not give is not looked at: only a reading of groups says that it is back.
            let there = known.absent_since.is_none();
            let said = if there { told.swap_remove(&id) } else { None };
            let before = match self.keeps_members(said.as_ref()) {
                true => reader.mirror_members(known.number)?.unwrap_or_default(),
                false => RoaringBitmap::new(),
            };
            let mut state = GroupState {
                record: there.then(|| known.record.clone()),
                members_state: there.then_some(known.members),
                kept: Some(known.members),
                ..GroupState::default()
            };
            for person in 0..self.states.len() as u32 {
                let given = said.as_ref().map(|said| &said.given);
                let is_in = match self.members_stay(person, said.as_ref()) {
                    true => self.state(person).known.is_some_and(|known| before.contains(known.number)),
                    false => given.is_some_and(|given| given.some.contains(&person)),
                };
                if is_in && there {
                    state.members.push(person);
                }
            }
            let counts = u64::from(said.is_some_and(|said| !said.given.some.is_empty()));
            (self.groups_seen, self.memberships_seen) =
                (self.groups_seen + counts, self.memberships_seen + counts);
            state.known = Some(known);
            self.groups.insert(id, state);
        }
        let unread = told.into_iter().filter_map(|(id, state)| {
            let GivenMembers { some, .. } = &state.given;
            // Memberships alone say nothing of whether the group is in scope.
            state.record.filter(|_| !some.is_empty()).map(|record| (id, record.name))
        });
        let mut unread: Vec<(String, String)> = unread.collect();
        unread.sort();
        if let Some(beside) = &mut self.one {
            beside.unread_groups = unread;
        }
        Ok(())
    }

    /// Whether what the mirror knows of anybody's membership counts.
    fn keeps_members(&self, said: Option<&GroupState>) -> bool {
        (0..self.states.len() as u32).any(|person| self.members_stay(person, said))
    }

    /// Whether the person is in the group as before: nothing was said of the person's groups, or of this one.
    fn members_stay(&self, person: u32, said: Option<&GroupState>) -> bool {
        let group_stays = said.is_some_and(|said| said.unreadable || said.given.unknown.is_some());
        group_stays || !(self.state(person).is_told() || self.gone.contains(person))
    }

    /// Takes in those whom the people of this reading refer to. They stay as they are.
    fn find_referred(&mut self, reader: &dyn Reader, connector: ConnectorId) -> Result<(), RunError> {
        if self.references.is_empty() {
            return Ok(());
        }
        let few = self.states.len() as u32;
        let mut wanted: Vec<MirrorUser> = Vec::new();
        let all_by_id = self.references.iter().all(|references| references.rule.key == "id");
        for person in 0..few {
            for references in self.references.iter().filter(|references| references.rule.key == "id") {
                wanted.extend(reader.mirror_user(connector, references.value(person))?);
            }
        }
        if !all_by_id {
            let mut found = Vec::new();
            let references = &self.references;
            reader.mirror_user_records(connector, &mut |_, record| {
                let meant =
                    |references: &References| (0..few).any(|person| references.means(person, &record));
                if references.iter().any(meant) {
                    found.push(record.id);
                }
            })?;
            for id in found {
                wanted.extend(reader.mirror_user(connector, &id)?);
            }
        }
        for user in wanted.into_iter().filter(|user| user.absent_since.is_none()) {
            let at = self.person(&user.id);
            if at < few {
                continue;
            }
            let state = &mut self.states[at as usize];
            (state.known, state.unreadable) = (Some(KnownPerson::from(user)), true);
        }
        Ok(())
    }

    /// Looks up the keys of the few people whom the reading holds.
    pub(super) fn find_keys_of_few(
        &mut self,
        reader: &dyn Reader,
        connector: ConnectorId,
    ) -> Result<(), RunError> {
        let names = reader.connectors()?;
        let name = names.into_iter().find(|(number, _)| *number == connector).map(|(_, name)| name);
        for at in 0..self.states.len() {
            let entries = reader.users_by_id(self.id(at as u32))?;
            let own = entries.into_iter().find(|entry| Some(&entry.connector) == name.as_ref());
            self.states[at].key = own.map(|entry| entry.key);
        }
        let mut others = RoaringBitmap::new();
        reader.aliases(connector, &mut |entry, id, key| match (entry, self.index_of(id)) {
            (EntryKind::User, Some(person)) => {
                let state = &mut self.states[person as usize];
                (state.key, state.alias) = (Some(UserKey(key)), true);
            }
            (EntryKind::User, None) => drop(others.insert(key)),
            (EntryKind::Group, _) => drop(self.group_aliases.insert(id.to_owned(), GroupKey(key))),
        })?;
        if let Some(beside) = &mut self.one {
            beside.others = others;
        }
        Ok(())
    }
}

impl From<MirrorUser> for KnownPerson {
    fn from(user: MirrorUser) -> Self {
        let MirrorUser { number, digest, shaping, absent_since, dropped_since, .. } = user;
        Self { number, digest, shaping, absent_since, dropped_since }
    }
}
