//! What becomes of people who leave: absent ones, and those whom a transform drops. People who don't sign in any more
//! are in [`inactivity`](super::inactivity), groups in [`group_cleanup`](super::group_cleanup).

use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use rustc_hash::FxHashSet;

use super::names::Claim;
use super::people::{Claimant, Gathered, PlannedUser};
use super::plan::{Draft, UNSHAPED};
use crate::directory::{Change, GroupEntry, GroupKey, UserEntry, UserKey, fold};
use crate::model::{PluginError, Subject};
use crate::run::cleanup::{MembershipCleanup, Treatment, UserCleanup};
use crate::run::collect::work_file;
use crate::run::confirm::{Presence, Verdict};
use crate::run::error::RunError;
use crate::run::leavers::{Fate, Judge, since_run};
use crate::run::report::{Leaving, NamedEntry, ReportedProblem};
use crate::run::staging::{Action, StagedUser};

/// What cleanup decided so far.
#[derive(Default)]
pub struct CleanupDraft {
    /// Dropped people of the directory: the reading's index, the key, and the rules' reason.
    pub(super) dropped: Vec<(u32, UserKey, String)>,
    /// The reading's indexes of those of them who stay in the directory.
    pub(super) dropped_people: RoaringBitmap,
    /// The reading's indexes of dropped groups that stay in the directory.
    pub(super) dropped_groups: FxHashSet<usize>,
    /// Keys of those who lose the memberships that this connector gave.
    pub(super) stripped: RoaringBitmap,
    pub(super) deleted: RoaringBitmap,
    /// With the reason.
    pub(super) emptied_groups: BTreeMap<GroupKey, (GroupEntry, String)>,
    pub(super) deleted_groups: FxHashSet<GroupKey>,
}

impl CleanupDraft {
    pub fn drop_person(&mut self, person: u32, key: UserKey, reason: String) {
        self.dropped.push((person, key, reason));
    }

    pub fn deletes_user(&self, key: u32) -> bool {
        self.deleted.contains(key)
    }

    pub fn deletes_group(&self, key: GroupKey) -> bool {
        self.deleted_groups.contains(&key)
    }

    /// Keys of those who lose what this connector, or anyone, gave them.
    pub fn loses_memberships(&self) -> RoaringBitmap {
        &self.stripped | &self.deleted
    }

    pub(super) fn takes_members_out(&self) -> bool {
        !(self.stripped.is_empty()
            && self.deleted.is_empty()
            && self.emptied_groups.is_empty()
            && self.deleted_groups.is_empty())
    }
}

impl Draft<'_> {
    /// Stages what becomes of people who leave.
    pub(super) fn plan_cleanup(&mut self, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        let policy = self.policy;
        if let Some(rule) = &policy.cleanup.inactivity {
            self.plan_inactive(rule, gathered)?;
        }
        self.plan_dropped(gathered)?;
        self.plan_absent(gathered)
    }

    pub(super) fn judge(&self) -> Judge<'_> {
        Judge::new(self.reader, self.connector, &self.policy.cleanup, self.now, self.reading.is_complete())
    }

    fn plan_absent(&mut self, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        self.report.users.absent += self.absent.len() as u64;
        let confirm = self.policy.cleanup.confirm > 0 && !self.confirmations.unsupported;
        let mut acted = false;
        for absentee in self.absent {
            let acts = matches!(absentee.fate, Fate::Act(_) | Fate::Stay(_) | Fate::Unclear(_));
            if !acts && !self.lists_absent() {
                continue;
            }
            let Some(entry) = self.reader.user(absentee.key)? else { continue };
            self.report_absent(named("user", &entry.external_id, &entry.user_name));
            let verdict = self.confirmations.verdicts.get(&entry.external_id);
            let stays = match (&absentee.fate, verdict) {
                (Fate::Act(treatment), _) if !confirm => {
                    acted = true;
                    self.clean(absentee.person, entry, *treatment, &absentee.reason, gathered)?;
                    continue;
                }
                (Fate::Act(treatment), Some(Verdict::Certain(Presence::Gone))) => {
                    self.clean(absentee.person, entry, *treatment, &absentee.reason, gathered)?;
                    continue;
                }
                (Fate::Act(treatment), Some(Verdict::Certain(Presence::OutOfScope))) => {
                    let reason = format!("{}: out of scope", absentee.reason);
                    self.clean(absentee.person, entry, *treatment, &reason, gathered)?;
                    continue;
                }
                (Fate::Act(_), Some(Verdict::Certain(Presence::InScope))) => {
                    "found again by id: the provider's list left them out".to_owned()
                }
                (Fate::Act(_), Some(Verdict::Unclear(error))) => {
                    let message = format!("{} cannot be confirmed: {}", absentee.reason, error.message);
                    let error = PluginError { message, ..error.clone() };
                    self.report_user_problem(&entry, &error);
                    continue;
                }
                (Fate::Act(_), Some(Verdict::Unrecorded)) => {
                    "not confirmed: the recording has no answer about them".to_owned()
                }
                (Fate::Act(_), None) => "not confirmed yet: a later run asks for them by id".to_owned(),
                (fate, _) => match self.stays(&entry, &absentee.reason, fate) {
                    Some(stays) => stays,
                    None => continue,
                },
            };
            self.report_leaving(&entry, &absentee.reason, stays);
        }
        if acted && self.confirmations.unsupported {
            let message = "the plugin can't read single people, so nobody could be confirmed by id: the list's word counted";
            self.report.add_notice(ReportedProblem::new(
                None,
                None,
                &PluginError::new("unconfirmed", message),
            ));
        }
        Ok(())
    }

    fn plan_dropped(&mut self, gathered: &mut Gathered<'_>) -> Result<(), RunError> {
        let mut dropped = std::mem::take(&mut self.cleanup.dropped);
        dropped.sort_by_key(|(_, key, _)| *key);
        let keys = dropped.iter().map(|(_, key, _)| key.0).collect();
        let held = dropped.iter().any(|(person, ..)| self.reading.state(*person).alias);
        let groups = self.judge().groups_that_matter(&keys, held)?;
        for (person, key, reason) in dropped {
            let Some(entry) = self.reader.user(key)? else { continue };
            let since = self.reading.state(person).known.and_then(|known| known.dropped_since);
            let reason = format!("{} by {reason}", since_run("dropped", since));
            // It is told anew at every run, until it is no longer in the directory.
            let held = self.reading.state(person).alias;
            self.people.shaping[person as usize] = match self.judge().fate(&entry, held, &groups, since)? {
                Fate::Act(treatment) => {
                    self.clean(person, entry, treatment, &reason, gathered)?;
                    match treatment.users {
                        UserCleanup::Delete => self.people.shaping[person as usize],
                        _ => UNSHAPED,
                    }
                }
                fate => {
                    if let Some(stays) = self.stays(&entry, &reason, &fate) {
                        self.report_leaving(&entry, &reason, stays);
                    }
                    UNSHAPED
                }
            };
            if !self.cleanup.deletes_user(key.0) {
                self.cleanup.dropped_people.insert(person);
            }
        }
        Ok(())
    }

    /// Why somebody stays who is not to be changed now; nothing when there is nothing to say.
    pub(super) fn stays(&mut self, entry: &UserEntry, reason: &str, fate: &Fate) -> Option<String> {
        match fate {
            Fate::Act(_) | Fate::Settled => None,
            Fate::Stay(stays) => Some(stays.clone()),
            Fate::Unclear(failure) => {
                let message = format!("{reason}, and a condition of cleanup can't be calculated: {failure}");
                let error = PluginError::new("cleanup-condition", message)
                    .with_hint("guard it with `has(…)`, or give a default");
                self.report_user_problem(entry, &error);
                None
            }
        }
    }

    pub(super) fn report_user_problem(&mut self, entry: &UserEntry, error: &PluginError) {
        let subject = Subject::User(entry.external_id.clone());
        self.report.add_problem(ReportedProblem::new(Some(&subject), Some(&entry.user_name), error));
    }

    pub(super) fn report_leaving(&mut self, entry: &UserEntry, reason: &str, stays: String) {
        self.report.add_leaving(Leaving {
            kind: "user".to_owned(),
            id: entry.external_id.clone(),
            name: entry.user_name.clone(),
            reason: reason.to_owned(),
            stays,
        });
    }

    /// Stages what makes the entry what the treatment says.
    pub(super) fn clean(
        &mut self,
        person: u32,
        before: UserEntry,
        treatment: Treatment,
        reason: &str,
        gathered: &mut Gathered<'_>,
    ) -> Result<(), RunError> {
        if treatment.memberships == MembershipCleanup::Remove {
            self.cleanup.stripped.insert(before.key.0);
        }
        let key = before.key;
        let (action, entry, changes) = match treatment.users.applied(&before) {
            None => {
                self.cleanup.deleted.insert(key.0);
                let change = Change::delete_user(&before).because(reason);
                (Action::Delete, before, vec![change])
            }
            Some(after) if after == before => return Ok(()),
            Some(after) => {
                let changes = match treatment.users {
                    UserCleanup::Anonymize => vec![Change::anonymize_user(&before, &after)],
                    _ => Change::between_users(&before, &after),
                };
                let changes = changes.into_iter().map(|change| change.because(reason)).collect();
                let folded = fold(&after.user_name);
                if folded != fold(&before.user_name) {
                    gathered.claims.push(Claim { key: key.0, folded, renames: true });
                    let name = after.user_name.clone();
                    gathered.claimants.push(Claimant { person, key, name });
                }
                (Action::Update, after, changes)
            }
        };
        let frees_name = action == Action::Delete || treatment.users == UserCleanup::Anonymize;
        let staged = StagedUser { action, entry, changes };
        let place = gathered.staging.put(&staged).map_err(work_file(self.work_folder, "written"))?;
        self.people.planned.push(PlannedUser::new(key, frees_name, &staged.changes, place));
        Ok(())
    }
}

pub(super) fn named(kind: &str, id: &str, name: &str) -> NamedEntry {
    NamedEntry { kind: kind.to_owned(), id: id.to_owned(), name: name.to_owned() }
}
