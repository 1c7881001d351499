//! What becomes of people who don't sign in any more.

use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::people::{Gathered, PlannedUser};
use super::plan::{Draft, UNSHAPED};
use crate::directory::{Change, ChangeKind, GroupKey, MembersState, UserEntry, UserFilter, UserKey, fold};
use crate::model::PluginError;
use crate::run::cleanup::{Inactivity, MembershipCleanup, Treatment, UserCleanup};
use crate::run::collect::work_file;
use crate::run::error::RunError;
use crate::run::leavers::Fate;
use crate::run::report::{LeftOut, ReportedProblem};
use crate::run::shape::GroupShape;
use crate::run::staging::{Action, StagedUser};

/// Someone who doesn't sign in any more.
struct Inactive {
    person: u32,
    entry: UserEntry,
    reason: String,
}

impl Draft<'_> {
    /// What of the policy enters everybody's shaping key: another rule about inactivity looks at all people anew.
    pub(super) fn inactivity_token(&self) -> Vec<u8> {
        let rule = self.policy.cleanup.inactivity.as_ref();
        rule.map(|rule| format!("{rule:?}").into_bytes()).unwrap_or_default()
    }

    /// Changes what is staged, and what the directory has, of people who don't sign in any more.
    pub(super) fn plan_inactive(
        &mut self,
        rule: &Inactivity,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), RunError> {
        let (mut told, mut inactive) = (false, Vec::new());
        let mut consider = |person: u32, entry: UserEntry| {
            told |= rule.is_told(&entry);
            if let Some(reason) = rule.reason(&entry, self.now).filter(|_| entry.active) {
                inactive.push(Inactive { person, entry, reason });
            }
        };
        let mut staged_keys = RoaringBitmap::new();
        for user in &self.people.planned {
            staged_keys.insert(user.key.0);
            let staged: StagedUser =
                gathered.staging.get(user.staged).map_err(work_file(self.work_folder, "read"))?;
            let Some(person) = self.reading.index_of(&staged.entry.external_id) else { continue };
            consider(person, staged.entry);
        }
        let dropped: FxHashSet<u32> = self.cleanup.dropped.iter().map(|(person, ..)| *person).collect();
        let filter = UserFilter { connector: Some(self.connector_name.to_owned()), ..UserFilter::default() };
        self.reader.users(&filter, &mut |entry| {
            let person = self.reading.index_of(&entry.external_id);
            // Who was skipped, is dropped or was not read is no matter of signing in.
            let person = person.filter(|person| {
                self.reading.state(*person).is_told()
                    && self.people.shaping[*person as usize] != UNSHAPED
                    && !dropped.contains(person)
                    && !staged_keys.contains(entry.key.0)
            });
            if let Some(person) = person {
                consider(person, entry);
            }
            true
        })?;
        if inactive.is_empty() {
            return Ok(());
        }
        if !told {
            let message = format!(
                "nobody has the attribute {:?}, so that nobody can be told from those who never sign in: the rule for \
                 inactivity is left out",
                rule.sign_in
            );
            let error = PluginError::new("no-sign-in", message).with_hint(
                "let the plugin read it (okta: `settings.timestamps = [\"lastLogin\"]`) and the transforms keep it",
            );
            self.report.add_problem(ReportedProblem::new(None, None, &error));
            return Ok(());
        }
        let groups = self.groups_of_inactive(&inactive)?;
        for Inactive { person, entry, reason } in inactive {
            let names = groups.get(&entry.key.0).map(Vec::as_slice).unwrap_or_default();
            let cleanup = &self.policy.cleanup;
            let treatment = match (rule.spare.holds(&entry, names), cleanup.treatment(&entry, names)) {
                (Ok(false), Ok(Some(treatment))) => Treatment { users: rule.users, ..treatment },
                (Ok(true), _) | (_, Ok(None)) => continue,
                (Err(failure), _) | (_, Err(failure)) => {
                    let _ = self.stays(&entry, &reason, &Fate::Unclear(failure.to_string()));
                    continue;
                }
            };
            self.clean_inactive(person, entry, treatment, &reason, gathered)?;
        }
        Ok(())
    }

    /// The groups' names of these people after this run: as the reading has them, and of groups that it does not decide
    /// about, or that others give, as the directory does.
    fn groups_of_inactive(&self, inactive: &[Inactive]) -> Result<FxHashMap<u32, Vec<String>>, RunError> {
        let keys: RoaringBitmap = inactive.iter().map(|inactive| inactive.entry.key.0).collect();
        let mut names: FxHashMap<u32, Vec<String>> = FxHashMap::default();
        let known = |at: usize| self.reading.groups[at].members_state == Some(MembersState::Known);
        let read: FxHashSet<GroupKey> = (0..self.groups.keys.len())
            .filter(|at| known(*at))
            .filter_map(|at| self.groups.keys[at])
            .collect();
        let own = self.connector;
        let before = self
            .judge()
            .groups_among(&keys, |group, connector| connector != own || !read.contains(&group))?;
        for key in &keys {
            names.insert(key, before.names(UserKey(key)).to_vec());
        }
        for (at, key) in self.groups.keys.iter().enumerate() {
            let (Some(_), Some(GroupShape::Kept(group))) = (key, &self.groups.shapes[at]) else { continue };
            for person in &self.reading.groups[at].members {
                let key = self.key_so_far(*person);
                if let Some(of_person) = key.and_then(|key| names.get_mut(&key.0)) {
                    of_person.push(group.name.clone());
                }
            }
        }
        Ok(names)
    }

    fn clean_inactive(
        &mut self,
        person: u32,
        entry: UserEntry,
        treatment: Treatment,
        reason: &str,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), RunError> {
        let key = entry.key;
        let Some(before) = self.reader.user(key)? else {
            // Nobody comes into the directory only to be taken out of it again.
            match treatment.users {
                UserCleanup::Keep => {}
                UserCleanup::Disable => {
                    let staged = StagedUser {
                        action: Action::Create,
                        entry: UserEntry { active: false, ..entry },
                        changes: Vec::new(),
                    };
                    let place =
                        gathered.staging.put(&staged).map_err(work_file(self.work_folder, "written"))?;
                    if let Some(planned) = self.people.planned.iter_mut().find(|user| user.key == key) {
                        planned.staged = place;
                    }
                }
                UserCleanup::Delete | UserCleanup::Anonymize => {
                    self.unstage(key, gathered);
                    let nobody = RoaringBitmap::from_iter([key.0]);
                    self.people.shaped -= &nobody;
                    self.forget_members(&nobody);
                    // At each run, the time decides anew.
                    self.people.shaping[person as usize] = UNSHAPED;
                    self.report.users.dropped += 1;
                    self.report.add_left_out(LeftOut {
                        kind: "user".to_owned(),
                        name: entry.user_name,
                        id: entry.external_id,
                        reason: reason.to_owned(),
                    });
                }
            }
            return Ok(());
        };
        if treatment.users == UserCleanup::Disable {
            // What else the provider says of them is brought in step.
            let after = UserEntry { active: false, ..entry };
            let at = self.people.planned.iter().position(|user| user.key == key);
            let changes: Vec<Change> = Change::between_users(&before, &after)
                .into_iter()
                .map(|change| match change.kind {
                    ChangeKind::Disable => change.because(reason),
                    _ => change,
                })
                .collect();
            if treatment.memberships == MembershipCleanup::Remove {
                self.cleanup.stripped.insert(key.0);
            }
            let frees_name = fold(&before.user_name) != fold(&after.user_name);
            let staged = StagedUser { action: Action::Update, entry: after, changes };
            let place = gathered.staging.put(&staged).map_err(work_file(self.work_folder, "written"))?;
            let planned = PlannedUser::new(key, frees_name, &staged.changes, place);
            match at {
                Some(at) => self.people.planned[at] = planned,
                None if staged.changes.is_empty() => {}
                None => self.people.planned.push(planned),
            }
            if staged.changes.is_empty() {
                self.report.users.unchanged += u64::from(at.is_some());
                self.unstage(key, gathered);
            }
            return Ok(());
        }
        self.unstage(key, gathered);
        if treatment.users == UserCleanup::Delete {
            self.people.shaping[person as usize] = UNSHAPED;
        }
        self.clean(person, before, treatment, reason, gathered)
    }

    /// Forgets what is staged for somebody.
    fn unstage(&mut self, key: UserKey, gathered: &mut Gathered<'_>) {
        self.people.planned.retain(|user| user.key != key);
        let kept: Vec<bool> = gathered.claims.iter().map(|claim| claim.key != key.0).collect();
        let mut keep = kept.iter();
        gathered.claims.retain(|_| keep.next().copied().unwrap_or(true));
        let mut keep = kept.iter();
        gathered.claimants.retain(|_| keep.next().copied().unwrap_or(true));
    }
}
