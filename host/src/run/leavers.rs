//! Who leaves, and what is to be done about each of them.

use std::cell::RefCell;

use jiff::Timestamp;
use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;

use super::cleanup::{Cleanup, MembershipCleanup, Missing, Treatment, UserCleanup};
use super::error::RunError;
use super::reading::Reading;
use crate::directory::{ConnectorId, GroupKey, Reader, RunId, UserEntry, UserKey};

/// Someone of the directory whom a complete reading did not return.
#[derive(Debug, Clone, PartialEq)]
pub struct Absentee {
    /// The reading's index.
    pub person: u32,
    pub key: UserKey,
    /// `no longer returned since run 12`.
    pub reason: String,
    pub fate: Fate,
}

/// What is to be done about someone who leaves.
#[derive(Debug, Clone, PartialEq)]
pub enum Fate {
    Act(Treatment),
    /// Nothing: it has been done, or nothing was to be done.
    Settled,
    /// Not yet, or not at all, and why.
    Stay(String),
    /// Whether they are excepted could not be found out.
    Unclear(String),
}

/// The groups of some people, as the directory has them.
#[derive(Debug, Default)]
pub struct GroupsOf {
    names: FxHashMap<u32, Vec<String>>,
    /// Who has memberships that cleanup would remove.
    strippable: RoaringBitmap,
}

/// Decides by the policy, the directory and the time.
pub struct Judge<'a> {
    pub reader: &'a dyn Reader,
    pub connector: ConnectorId,
    pub cleanup: &'a Cleanup,
    /// When the reading was made.
    pub now: Timestamp,
    /// It is one of everything: who is absent from it is missing once more.
    complete: bool,
    known: RefCell<FxHashMap<RunId, Missing>>,
}

/// Everybody whom this reading did not return, in the order of their ids.
pub fn absentees(reading: &Reading, judge: &Judge<'_>) -> Result<Vec<Absentee>, RunError> {
    let absent: Vec<(u32, UserKey)> = (0..reading.len() as u32)
        .filter_map(|person| {
            let state = reading.state(person);
            Some((person, state.key.filter(|_| !state.seen() && !state.unreadable)?))
        })
        .collect();
    if absent.is_empty() {
        return Ok(Vec::new());
    }
    let keys = absent.iter().map(|(_, key)| key.0).collect();
    let held = absent.iter().any(|(person, _)| reading.state(*person).alias);
    let groups = judge.groups_that_matter(&keys, held)?;
    let mut found = Vec::with_capacity(absent.len());
    for (person, key) in absent {
        let since = reading.state(person).known.and_then(|known| known.absent_since);
        let Some(entry) = judge.reader.user(key)? else { continue };
        let fate = judge.fate(&entry, reading.state(person).alias, &groups, since)?;
        found.push(Absentee { person, key, reason: since_run("no longer returned", since), fate });
    }
    found.sort_by(|a, b| reading.id(a.person).cmp(reading.id(b.person)));
    Ok(found)
}

/// `no longer returned since run 12`; of this run only what it found.
pub fn since_run(what: &str, since: Option<RunId>) -> String {
    since.map_or_else(|| what.to_owned(), |run| format!("{what} since run {}", run.0))
}

impl<'a> Judge<'a> {
    pub fn new(
        reader: &'a dyn Reader,
        connector: ConnectorId,
        cleanup: &'a Cleanup,
        now: Timestamp,
        complete: bool,
    ) -> Self {
        Self { reader, connector, cleanup, now, complete, known: RefCell::default() }
    }

    /// The groups of these people, where anything depends on them, as it does for those whose entry another connector
    /// holds.
    pub fn groups_that_matter(&self, keys: &RoaringBitmap, held: bool) -> Result<GroupsOf, RunError> {
        match held || self.cleanup.reads_groups() {
            true => self.groups_of(keys),
            false => Ok(GroupsOf::default()),
        }
    }

    /// Reads the memberships once, for all of these people.
    fn groups_of(&self, keys: &RoaringBitmap) -> Result<GroupsOf, RunError> {
        self.groups_among(keys, |_, _| true)
    }

    /// The same of those memberships only that are wanted, by group and connector.
    pub fn groups_among(
        &self,
        keys: &RoaringBitmap,
        wants: impl Fn(GroupKey, ConnectorId) -> bool,
    ) -> Result<GroupsOf, RunError> {
        let mut found = GroupsOf::default();
        if keys.is_empty() {
            return Ok(found);
        }
        let mut of_groups: Vec<(GroupKey, ConnectorId, RoaringBitmap)> = Vec::new();
        self.reader.memberships(&mut |group, connector, members| {
            let members = members & keys;
            if !members.is_empty() && wants(group, connector) {
                of_groups.push((group, connector, members));
            }
        })?;
        for (group, connector, members) in of_groups {
            let Some(group) = self.reader.group(group)? else { continue };
            if connector == self.connector && !self.cleanup.keeps_memberships_of(&group) {
                found.strippable |= &members;
            }
            for key in members {
                let names = found.names.entry(key).or_default();
                if names.last() != Some(&group.name) {
                    names.push(group.name.clone());
                }
            }
        }
        Ok(found)
    }

    /// What is to be done about someone who is missing since that run, or first in this one. Of an entry that another
    /// connector holds only the memberships are this one's, and they go with the person.
    pub fn fate(
        &self,
        entry: &UserEntry,
        held: bool,
        groups: &GroupsOf,
        since: Option<RunId>,
    ) -> Result<Fate, RunError> {
        let treatment = match self.cleanup.treatment(entry, groups.names(entry.key)) {
            Ok(Some(treatment)) if held => {
                Treatment { users: UserCleanup::Keep, memberships: MembershipCleanup::Remove, ..treatment }
            }
            Ok(Some(treatment)) => treatment,
            Ok(None) => return Ok(Fate::Stay("excepted from cleanup".to_owned())),
            Err(failure) => return Ok(Fate::Unclear(failure.to_string())),
        };
        let same = treatment.users.applied(entry).is_some_and(|after| after == *entry);
        let strips = treatment.memberships == MembershipCleanup::Remove;
        if same && !(strips && groups.strippable.contains(entry.key.0)) {
            return Ok(Fate::Settled);
        }
        let stays = treatment.grace.lasts(self.missing(since)?, self.now);
        Ok(match stays {
            Some(stays) => Fate::Stay(format!("{stays}; then {}", then(treatment))),
            None => Fate::Act(treatment),
        })
    }

    /// For how long something has been missing.
    pub fn missing(&self, since: Option<RunId>) -> Result<Missing, RunError> {
        let Some(run) = since else { return Ok(Missing { runs: 1, since: self.now }) };
        if let Some(missing) = self.known.borrow().get(&run) {
            return Ok(*missing);
        }
        let runs = self.reader.applied_since(self.connector, run)? + u64::from(self.complete);
        let row = self.reader.run(run)?;
        let started = row.and_then(|row| row.started_at.parse().ok()).unwrap_or(self.now);
        let missing = Missing { runs, since: started };
        self.known.borrow_mut().insert(run, missing);
        Ok(missing)
    }
}

/// `disabled, and out of the groups`.
fn then(treatment: Treatment) -> String {
    match (treatment.users, treatment.memberships) {
        (UserCleanup::Keep, MembershipCleanup::Remove) => "out of the groups".to_owned(),
        (UserCleanup::Delete, _) | (_, MembershipCleanup::Keep) => treatment.users.done().to_owned(),
        (users, MembershipCleanup::Remove) => format!("{}, and out of the groups", users.done()),
    }
}

impl GroupsOf {
    /// By group key; a name that several connectors give is there once.
    pub fn names(&self, key: UserKey) -> &[String] {
        self.names.get(&key.0).map(Vec::as_slice).unwrap_or_default()
    }
}
