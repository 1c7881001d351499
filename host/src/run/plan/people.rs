use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;

use super::names::{Claim, Conflict, resolve};
use super::plan::{Draft, UNSHAPED};
use super::references::mixed;
use super::shaper::{Memberships, Shaped, Shaper};
use crate::directory::{Change, ChangeKind, MembersState, UserEntry, UserKey, fold};
use crate::failpoint::FailPoint;
use crate::model::{GroupRef, Person, PluginError, Subject};
use crate::run::collect::work_file;
use crate::run::error::RunError;
use crate::run::report::{Counts, LeftOut, ReportedProblem, RunReport};
use crate::run::shape::{GroupShape, PersonShape};
use crate::run::staging::{Action, Staged, StagedUser, Staging};

/// What to do about a name that two present people want.
const RENAME_ONE: &str = "user names are unique whatever their case: rename one of the two at the provider";

/// What to do about a name whose holder this run did not read.
const SYNC_HOLDER: &str = "if that person has another name by now, sync them first (`--user` with the id), or sync \
                           everything";

/// What to do about a name whose holder is gone.
const RENAME_NEW: &str = "the provider has given the name to another person: give the new one another user name until \
                          the old entry is cleaned up";

/// A staged user change, by key.
#[derive(Debug, Clone, Copy)]
pub struct PlannedUser {
    pub key: UserKey,
    /// The folded name changes or goes, so it has to be freed before another entry can take it.
    pub frees_name: bool,
    /// Which kinds of change are staged, for counting.
    pub(in crate::run) kinds: Kinds,
    pub staged: Staged,
}

impl PlannedUser {
    pub(super) fn new(key: UserKey, frees_name: bool, changes: &[Change], staged: Staged) -> Self {
        Self { key, frees_name, kinds: Kinds::of(changes.iter().map(|change| change.kind)), staged }
    }
}

/// A set of [`ChangeKind`]s.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::run) struct Kinds(u8);

impl Kinds {
    pub(in crate::run) fn of(kinds: impl Iterator<Item = ChangeKind>) -> Self {
        Self(kinds.fold(0, |bits, kind| bits | 1 << kind as u8))
    }

    pub(in crate::run) fn has(self, kind: ChangeKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

/// What becomes of people.
#[derive(Default)]
pub struct PeopleDraft {
    /// By the reading's index: the key that a new entry gets.
    pub new_keys: FxHashMap<u32, UserKey>,
    /// By the reading's index: the mirror's number.
    pub numbers: Vec<u32>,
    /// By the reading's index: what the directory entry will have been shaped from.
    pub shaping: Vec<[u8; 16]>,
    pub planned: Vec<PlannedUser>,
    /// The names of what was set here of an entry, and is to be left so.
    pub kept: FxHashMap<UserKey, Vec<String>>,
    /// Mirror records to write: number and where the JSON is staged.
    pub records: Vec<(u32, Staged)>,
    /// Keys of those who were shaped in this run and whose memberships it decides.
    pub shaped: RoaringBitmap,
    /// By the reading's index: those whom rules keep out, as far as they were shaped in this run.
    pub dropped: RoaringBitmap,
}

/// Someone whose staged change depends on a name being free.
pub(super) struct Claimant {
    pub person: u32,
    pub key: UserKey,
    pub name: String,
}

/// What shaping in batches gathers.
pub(super) struct Gathered<'a> {
    pub staging: &'a mut Staging,
    pub claims: Vec<Claim>,
    pub claimants: Vec<Claimant>,
}

impl Draft<'_> {
    /// Shapes everyone whose shaping key changed and compares them with the directory.
    pub fn plan_people(&mut self, staging: &mut Staging) -> Result<(), RunError> {
        let order = self.reading.by_id();
        let shapes = self.groups.shapes.clone();
        let memberships = Memberships::of_all(self.reading, &shapes);
        let (kept, entries) = (&mut self.people.kept, &self.policy.entries);
        self.reader.kept(&mut |key, name| {
            if entries.keeps_local(name) {
                kept.entry(key).or_default().push(name.to_owned());
            }
        })?;
        self.number_people(&order);
        self.find_shaping_keys(&memberships);
        let out_of_step = self.out_of_step()?;
        let wanted = self.give_keys(&order, &out_of_step)?;

        let mut gathered = Gathered { staging, claims: Vec::new(), claimants: Vec::new() };
        let (reading, spool, reader) = (self.reading, self.spool, self.reader);
        let shaper =
            Shaper { reading, transforms: self.transforms, shapes: &shapes, memberships: &memberships };
        shaper.shape_all(
            |each| reading.each_record(spool, reader, &wanted, each),
            |batch| self.take_in(batch, &mut gathered),
        )?;
        if self.transforms.is_empty() {
            self.join_as_read();
        }
        self.settle_ownership(&mut gathered)?;
        self.plan_cleanup(&mut gathered)?;
        let Gathered { claims, claimants, staging } = gathered;
        // By key, so that who gets a name does not depend on which page came first.
        let mut wanting: Vec<(Claim, Claimant)> = claims.into_iter().zip(claimants).collect();
        wanting.sort_by_key(|(claim, _)| claim.key);
        let (claims, claimants): (Vec<Claim>, Vec<Claimant>) = wanting.into_iter().unzip();
        self.people.planned.sort_by_key(|user| user.key);
        self.settle_user_names(&claims, &claimants, staging)?;
        self.settle_references(&order, staging)?;
        self.people.records.sort_by_key(|record| record.0);
        self.count_users();
        Ok(())
    }

    /// Gives new people the mirror's next numbers, in the order of their ids.
    fn number_people(&mut self, order: &[u32]) {
        self.people.numbers = vec![0; self.reading.len()];
        for person in order {
            let state = self.reading.state(*person);
            self.people.numbers[*person as usize] = match state.known {
                Some(known) => known.number,
                None if state.seen() => {
                    self.counters.mirror_user += 1;
                    self.counters.mirror_user - 1
                }
                None => 0,
            };
        }
    }

    /// Hashes all that a person's entry is shaped from: record, groups with names, rules.
    fn find_shaping_keys(&mut self, memberships: &Memberships) {
        let tokens: Vec<[u8; 32]> = self.groups.shapes.iter().map(token).collect();
        let (inactivity, conflicts) = (self.inactivity_token(), self.policy.conflicts.token());
        self.people.shaping = (0..self.reading.len() as u32)
            .map(|person| {
                let state = self.reading.state(person);
                if !state.is_told() {
                    return state.known.map_or(UNSHAPED, |known| known.shaping);
                }
                let mut hasher = blake3::Hasher::new();
                hasher
                    .update(&state.digest)
                    .update(self.rules)
                    .update(&inactivity)
                    .update(conflicts.as_bytes());
                for name in &self.policy.entries.only_at_creation {
                    hasher.update(name.as_bytes()).update(&[0]);
                }
                // So that the provider's value comes back once it is no longer to be kept.
                for name in state.key.and_then(|key| self.people.kept.get(&key)).into_iter().flatten() {
                    hasher.update(&[1]).update(name.as_bytes()).update(&[0]);
                }
                for group in memberships.of(person) {
                    hasher.update(&tokens[*group as usize]);
                }
                let mut short = [0; 16];
                short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
                mixed(short, Some(self.reference_token(person)))
            })
            .collect();
    }

    /// Whose memberships in the directory are not those of the reading, though nothing they are shaped from may
    /// have changed since: a group was out of scope, without a name or hidden for a while, and is back.
    fn out_of_step(&self) -> Result<RoaringBitmap, RunError> {
        let mut person_of: FxHashMap<u32, u32> = FxHashMap::default();
        for person in 0..self.reading.len() as u32 {
            if let Some(key) = self.reading.state(person).key {
                person_of.insert(key.0, person);
            }
        }
        let mut people = RoaringBitmap::new();
        for (at, key) in self.groups.keys.iter().enumerate() {
            let group = &self.reading.groups[at];
            let (Some(key), Some(MembersState::Known)) = (key, group.members_state) else { continue };
            let members = group.members.iter().filter_map(|person| Some(self.reading.state(*person).key?.0));
            let now: RoaringBitmap = members.collect();
            let before = self.reader.members_from(*key, self.connector)?;
            people.extend((before ^ now).iter().filter_map(|key| person_of.get(&key)));
        }
        Ok(people)
    }

    /// Who has to be shaped; those without an entry get the next keys, in the order of their ids. A key whose
    /// person turns out to be dropped is never used.
    fn give_keys(&mut self, order: &[u32], out_of_step: &RoaringBitmap) -> Result<RoaringBitmap, RunError> {
        let mut wanted = RoaringBitmap::new();
        let mut told_again = 0;
        for person in order {
            let state = self.reading.state(*person);
            if !state.is_told() {
                continue;
            }
            // Who was away is looked at anew: cleanup may have changed them.
            let returns = state.known.is_some_and(|known| known.absent_since.is_some());
            let in_step = !out_of_step.contains(*person) && !returns;
            if in_step
                && state.known.is_some_and(|known| known.shaping == self.people.shaping[*person as usize])
            {
                match state.key {
                    Some(key) if state.alias && self.takes_back(key)? => drop(wanted.insert(*person)),
                    Some(key) if state.alias => self.leave_held(*person, key)?,
                    Some(_) => self.report.users.unchanged += 1,
                    // Shaped again only to tell why. They get no key, because they are dropped again.
                    None if told_again < RunReport::LISTED => {
                        told_again += 1;
                        wanted.insert(*person);
                    }
                    None => self.report.users.dropped += 1,
                }
                continue;
            }
            wanted.insert(*person);
            if state.key.is_none() {
                self.people.new_keys.insert(*person, UserKey(self.counters.user));
                self.counters.user += 1;
            }
        }
        Ok(wanted)
    }

    fn take_in(&mut self, batch: Vec<Shaped>, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        if self.cancel.is_cancelled() {
            return Err(RunError::Cancelled);
        }
        for Shaped { index, name, record, shape } in batch {
            if let Some(record) = record {
                let staged = gathered.staging.put(&record).map_err(work_file(self.work_folder, "written"))?;
                self.people.records.push((self.people.numbers[index as usize], staged));
            }
            match shape {
                PersonShape::Kept(person) => self.plan_person(index, *person, gathered)?,
                PersonShape::Dropped(reason) => {
                    self.report.users.dropped += 1;
                    self.people.dropped.insert(index);
                    let (kind, id) = ("user".to_owned(), self.reading.id(index).to_owned());
                    self.report.add_left_out(LeftOut { kind, name, id, reason: reason.clone() });
                    if let Some(key) = self.reading.state(index).key {
                        self.cleanup.drop_person(index, key, reason);
                    }
                }
                PersonShape::Skipped(problem) => self.skip_user(index, &name, &problem.error),
            }
        }
        FailPoint::BatchStaged.pass();
        Ok(())
    }

    /// Stages what makes the directory show a kept person.
    fn plan_person(
        &mut self,
        index: u32,
        person: Person,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), RunError> {
        let Person { user, groups } = person;
        let state = self.reading.state(index);
        if let Some(key) = state.key.filter(|_| state.alias)
            && !self.takes_back(key)?
        {
            return self.plan_held(index, key, &user.username, &groups);
        }
        if user.username.trim().is_empty() {
            let error = PluginError::new("no-user-name", "has no user name")
                .with_hint("give them one at the provider, or in a transform");
            self.skip_user(index, user.display_name.as_deref().unwrap_or_default(), &error);
            return Ok(());
        }
        let before = match state.key {
            Some(key) => self.reader.user(key)?,
            None => None,
        };
        let new_key = self.people.new_keys.get(&index).copied();
        let Some(key) = before.as_ref().map(|before| before.key).or(new_key) else {
            return Err(RunError::Worker(format!("user {} has no key", user.id)));
        };
        let mut entry = UserEntry::from_user(key, self.connector_name, user);
        if let Some(before) = &before {
            let kept = self.people.kept.get(&key).map_or(&[][..], Vec::as_slice);
            self.policy.entries.keep(before, &mut entry, kept);
            self.keep_suffixed(before, &mut entry);
        }
        self.refer(index, &mut entry);
        self.people.shaped.insert(key.0);
        self.join_groups(&groups, key, &entry.external_id, &entry.user_name);
        // A creation's change is the whole entry, so that it is made when it is applied.
        let (action, changes) = match &before {
            None => (Action::Create, Vec::new()),
            Some(before) => (Action::Update, Change::between_users(before, &entry)),
        };
        let create = action == Action::Create;
        if !create && changes.is_empty() {
            self.report.users.unchanged += 1;
            return Ok(());
        }
        let folded = fold(&entry.user_name);
        let renames = before.as_ref().is_some_and(|before| fold(&before.user_name) != folded);
        if create || renames {
            gathered.claims.push(Claim { key: key.0, folded, renames });
            gathered.claimants.push(Claimant { person: index, key, name: entry.user_name.clone() });
        }
        let created = create.then_some(ChangeKind::Create);
        let kinds = Kinds::of(created.into_iter().chain(changes.iter().map(|change| change.kind)));
        let staged = gathered
            .staging
            .put(&StagedUser { action, entry, changes })
            .map_err(work_file(self.work_folder, "written"))?;
        self.people.planned.push(PlannedUser { key, frees_name: renames, kinds, staged });
        Ok(())
    }

    /// Puts a shaped person into their groups.
    pub(super) fn join_groups(&mut self, groups: &[GroupRef], key: UserKey, id: &str, name: &str) {
        for group in groups {
            if !self.join(group, key.0) {
                let group = group.id.as_deref().unwrap_or_default();
                let error = PluginError::new(
                    "unknown-group",
                    format!("a transform gave the group id {group:?}, which nobody read"),
                )
                .with_hint("report it to the transform's author");
                let subject = Subject::User(id.to_owned());
                self.report.add_problem(ReportedProblem::new(Some(&subject), Some(name), &error));
            }
        }
    }

    /// The key of the person's entry as it is known so far, which the run may yet not make.
    pub(super) fn key_so_far(&self, person: u32) -> Option<UserKey> {
        let found = || self.ownership.found.get(&person).or_else(|| self.people.new_keys.get(&person));
        self.reading.state(person).key.or_else(|| found().copied())
    }

    /// Those who are in a group that could not be made are shaped again at the next run.
    pub(super) fn shape_again(&mut self, members: &RoaringBitmap) {
        for person in 0..self.reading.len() as u32 {
            if self.key_so_far(person).is_some_and(|key| members.contains(key.0)) {
                self.people.shaping[person as usize] = UNSHAPED;
            }
        }
    }

    /// Someone who stays as they are; the next run tries again.
    fn skip_user(&mut self, index: u32, name: &str, error: &PluginError) {
        let subject = Subject::User(self.reading.id(index).to_owned());
        let name = Some(name).filter(|name| !name.is_empty());
        self.report.add_problem(ReportedProblem::new(Some(&subject), name, error));
        self.report.users.skipped += 1;
        self.people.shaping[index as usize] = UNSHAPED;
    }

    /// Settles who gets a name that several want, with a problem for each who doesn't: a new person is left out, and
    /// an existing one keeps the old name, while everything else about them is brought in step.
    fn settle_user_names(
        &mut self,
        claims: &[Claim],
        claimants: &[Claimant],
        staging: &mut Staging,
    ) -> Result<(), RunError> {
        let conflicts = resolve(claims, |folded| {
            let holder = self.reader.user_by_name(folded)?.map(|entry| entry.key.0);
            Ok::<_, RunError>(holder.filter(|key| !self.cleanup.deletes_user(*key)))
        })?;
        let mut left_out = RoaringBitmap::new();
        for ((claim, claimant), conflict) in claims.iter().zip(claimants).zip(conflicts) {
            let (other, hint) = match conflict {
                None => continue,
                Some(Conflict::Held(key)) => self.describe_holder(UserKey(key))?,
                Some(Conflict::Lost(winner)) => {
                    let winner = &claimants[winner];
                    (format!("user {:?} ({})", winner.name, self.reading.id(winner.person)), RENAME_ONE)
                }
            };
            let message = format!("the user name {:?} belongs to {other}", claimant.name);
            if self.fails_on_user(conflict)? {
                self.ownership
                    .refused
                    .push(format!("{message}, and is wanted by {}", self.reading.id(claimant.person)));
            }
            let error = PluginError::new("name-taken", message).with_hint(hint);
            self.skip_user(claimant.person, &claimant.name, &error);
            if claim.renames {
                self.keep_name(claimant.key, staging)?;
            } else {
                left_out.insert(claimant.key.0);
            }
        }
        if !left_out.is_empty() {
            self.people.planned.retain(|user| !left_out.contains(user.key.0));
            self.people.shaped -= &left_out;
            self.forget_members(&left_out);
        }
        self.people.planned.retain(|user| user.kinds != Kinds::default());
        Ok(())
    }

    fn describe_holder(&self, key: UserKey) -> Result<(String, &'static str), RunError> {
        let Some(holder) = self.reader.user(key)? else { return Ok(("another user".to_owned(), RENAME_ONE)) };
        let absent = holder.connector == self.connector_name
            && self.reading.index_of(&holder.external_id).is_some_and(|person| {
                let state = self.reading.state(person);
                !state.seen() && !state.unreadable
            });
        let described =
            format!("user {:?} ({}, connector {})", holder.user_name, holder.external_id, holder.connector);
        Ok(match absent {
            _ if self.is_another_person(&holder) => (described, SYNC_HOLDER),
            true => (format!("{described}, whom the provider no longer returns"), RENAME_NEW),
            false => (described, RENAME_ONE),
        })
    }

    /// Stages an existing entry's other changes without its rename; without any, nothing is left to apply.
    fn keep_name(&mut self, key: UserKey, staging: &mut Staging) -> Result<(), RunError> {
        let failed = work_file(self.work_folder, "read");
        let Ok(at) = self.people.planned.binary_search_by_key(&key, |user| user.key) else { return Ok(()) };
        let Some(before) = self.reader.user(key)? else { return Ok(()) };
        let mut staged: StagedUser = staging.get(self.people.planned[at].staged).map_err(&failed)?;
        staged.entry.user_name.clone_from(&before.user_name);
        staged.changes = Change::between_users(&before, &staged.entry);
        let kinds = Kinds::of(staged.changes.iter().map(|change| change.kind));
        let staged = staging.put(&staged).map_err(failed)?;
        self.people.planned[at] = PlannedUser { key, frees_name: false, kinds, staged };
        Ok(())
    }

    fn count_users(&mut self) {
        count_users(&self.people.planned, &mut self.report.users);
    }
}

/// Counts planned users; one that is renamed and updated counts as both.
pub(in crate::run) fn count_users(planned: &[PlannedUser], users: &mut Counts) {
    let count = |kind| planned.iter().filter(|user| user.kinds.has(kind)).count() as u64;
    users.created = count(ChangeKind::Create);
    users.updated = count(ChangeKind::Update);
    users.renamed = count(ChangeKind::Rename);
    users.disabled = count(ChangeKind::Disable);
    users.enabled = count(ChangeKind::Enable);
    users.removed = count(ChangeKind::Delete);
    users.anonymized = count(ChangeKind::Anonymize);
}

/// What of a group enters its members' shaping keys.
fn token(shape: &Option<GroupShape>) -> [u8; 32] {
    let (group, shown) = match shape {
        Some(GroupShape::Kept(group)) => (group, true),
        Some(GroupShape::Hidden(group)) => (group, false),
        Some(GroupShape::Dropped(_)) | None => return [0; 32],
    };
    let mut hasher = blake3::Hasher::new();
    hasher.update(&[u8::from(shown)]).update(&(group.id.len() as u64).to_le_bytes());
    hasher.update(group.id.as_bytes()).update(group.name.as_bytes());
    *hasher.finalize().as_bytes()
}
