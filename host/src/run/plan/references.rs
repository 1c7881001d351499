//! References between people in the directory: the attribute holds the key of the other person's entry, which is set
//! once and for all, so that renaming a manager changes nobody else.
//!
//! Whether the other person gets into the directory is known only when everybody is shaped. So people are planned as if
//! they did, and those for whom it turned out otherwise are planned again: for that the transforms are not needed,
//! because the host sets the attribute after them.

use super::people::{Kinds, PlannedUser};
use super::plan::{Draft, UNSHAPED};
use crate::directory::{Change, ChangeKind, UserEntry, UserKey};
use crate::model::Value;
use crate::run::collect::work_file;
use crate::run::error::RunError;
use crate::run::references::Meant;
use crate::run::report::{ReferenceCounts, UnresolvedReference};
use crate::run::staging::{Action, StagedUser, Staging};

impl Draft<'_> {
    /// What the person's references add to their shaping key: whom they mean, among those who have an entry.
    pub(super) fn reference_token(&self, person: u32) -> [u8; 16] {
        self.reading.references.iter().fold([0; 16], |token, references| {
            let key = references.target(person).and_then(|target| self.reading.state(target).key);
            mixed(token, key.map(|key| token_of(&references.rule.name, key)))
        })
    }

    /// Sets the entry's references as if everybody who is shaped got into the directory.
    pub(super) fn refer(&self, person: u32, entry: &mut UserEntry) {
        for references in &self.reading.references {
            let key = references.target(person).and_then(|target| self.supposed_key(target));
            set_reference(entry, &references.rule.name, key);
        }
    }

    fn supposed_key(&self, person: u32) -> Option<UserKey> {
        self.reading.state(person).key.or_else(|| self.people.new_keys.get(&person).copied())
    }

    /// Corrects the references to those who did not get into the directory, or did for the first time, and tells which
    /// lead nowhere. `order`: all people, by id.
    pub(super) fn settle_references(&mut self, order: &[u32], staging: &mut Staging) -> Result<(), RunError> {
        let reading = self.reading;
        for references in &reading.references {
            let name = &references.rule.name;
            let mut counts = ReferenceCounts::new(&references.rule);
            let mut further = Vec::new();
            for person in order {
                let (Some(meant), Some(key)) = (references.of(*person), self.key_after(*person)) else {
                    continue;
                };
                if !reading.state(*person).is_told()
                    || self.stays_as_before(*person)
                    || self.ownership.held.contains(*person)
                {
                    continue;
                }
                let target = references.target(*person);
                let found = target.and_then(|target| self.key_after(target));
                let before = target.and_then(|target| reading.state(target).key);
                let planned = match self.people.shaped.contains(key.0) {
                    true => target.and_then(|target| self.supposed_key(target)),
                    false => before,
                };
                if found != planned {
                    further.extend(self.plan_reference(key, name, found, staging)?);
                }
                // What they are kept as having been shaped from is what is so after the run: whoever is new has an
                // entry by then, and who is left out may come back.
                if found != before {
                    let shaping = &mut self.people.shaping[*person as usize];
                    for key in [before, found].into_iter().flatten() {
                        *shaping = mixed(*shaping, Some(token_of(name, key)));
                    }
                }
                match (meant, found) {
                    (_, Some(_)) => counts.found += 1,
                    (_, None) if !counts.lists() => counts.unresolved += 1,
                    (meant, None) => {
                        let why = match meant {
                            Meant::Person(_) => "left-out",
                            Meant::Nobody => "nobody",
                            Meant::Several => "several",
                        };
                        let user = self.name_after(key, staging)?;
                        counts.unresolved += 1;
                        counts.listed.push(UnresolvedReference {
                            id: reading.id(*person).to_owned(),
                            user,
                            value: references.value(*person).to_owned(),
                            why: why.to_owned(),
                        });
                    }
                }
            }
            if counts.found + counts.unresolved > 0 {
                self.report.references.push(counts);
            }
            self.people.planned.retain(|user| user.kinds != Kinds::default());
            self.people.planned.append(&mut further);
            self.people.planned.sort_by_key(|user| user.key);
        }
        Ok(())
    }

    /// Somebody with a problem: what they were stays in force.
    fn stays_as_before(&self, person: u32) -> bool {
        self.people.shaping[person as usize] == UNSHAPED
    }

    /// The key of the person's entry after the run, unless rules keep them out.
    fn key_after(&self, person: u32) -> Option<UserKey> {
        match self.reading.state(person).key {
            Some(key) => (!self.people.dropped.contains(person)).then_some(key),
            None if self.ownership.found.contains_key(&person) => self.ownership.found.get(&person).copied(),
            None => {
                self.people.new_keys.get(&person).copied().filter(|key| self.people.shaped.contains(key.0))
            }
        }
    }

    /// Plans that the entry refers to that person, or to nobody. Gives what was not planned yet.
    fn plan_reference(
        &mut self,
        key: UserKey,
        name: &str,
        target: Option<UserKey>,
        staging: &mut Staging,
    ) -> Result<Option<PlannedUser>, RunError> {
        let failed = work_file(self.work_folder, "written");
        let before = self.reader.user(key)?;
        let at = self.people.planned.binary_search_by_key(&key, |user| user.key).ok();
        let mut staged: StagedUser = match (at, &before) {
            (Some(at), _) => staging.get(self.people.planned[at].staged).map_err(&failed)?,
            (None, Some(before)) => {
                StagedUser { action: Action::Update, entry: before.clone(), changes: Vec::new() }
            }
            (None, None) => return Ok(None),
        };
        set_reference(&mut staged.entry, name, target);
        if let (Action::Update, Some(before)) = (staged.action, &before) {
            staged.changes = Change::between_users(before, &staged.entry);
        }
        let created = (staged.action == Action::Create).then_some(ChangeKind::Create);
        let kinds = Kinds::of(created.into_iter().chain(staged.changes.iter().map(|change| change.kind)));
        let changes = kinds != Kinds::default();
        let staged = staging.put(&staged).map_err(failed)?;
        match at {
            Some(at) => {
                let planned = &mut self.people.planned[at];
                (planned.kinds, planned.staged) = (kinds, staged);
                self.report.users.unchanged += u64::from(!changes);
                Ok(None)
            }
            None if changes => {
                self.report.users.unchanged -= 1;
                Ok(Some(PlannedUser { key, frees_name: false, kinds, staged }))
            }
            None => Ok(None),
        }
    }

    fn name_after(&self, key: UserKey, staging: &mut Staging) -> Result<String, RunError> {
        match self.people.planned.binary_search_by_key(&key, |user| user.key) {
            Ok(at) => {
                let staged: StagedUser = staging
                    .get(self.people.planned[at].staged)
                    .map_err(work_file(self.work_folder, "read"))?;
                Ok(staged.entry.user_name)
            }
            Err(_) => Ok(self.reader.user(key)?.map(|entry| entry.user_name).unwrap_or_default()),
        }
    }
}

fn set_reference(entry: &mut UserEntry, name: &str, key: Option<UserKey>) {
    entry.set_attribute(name, key.map(|key| Value::Integer(key.0.into())));
}

/// One reference's part of a shaping key. Parts are mixed so that one of them can be added later.
fn token_of(name: &str, key: UserKey) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(b"reference").update(&key.0.to_le_bytes()).update(name.as_bytes());
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

pub(super) fn mixed(one: [u8; 16], other: Option<[u8; 16]>) -> [u8; 16] {
    let other = other.unwrap_or_default();
    std::array::from_fn(|at| one[at] ^ other[at])
}
