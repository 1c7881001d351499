//! A plan of one person: groups are where they join, and stay what they are.

use roaring::RoaringBitmap;
use rustc_hash::FxHashMap;

use super::group_ownership::{Owned, Spoken};
use super::groups::MadeUp;
use super::mirror::{MirrorGroupRow, MirrorPlan};
use super::plan::Draft;
use crate::directory::{GroupEntry, MembersState, UserEntry, fold};
use crate::model::{PluginError, Subject};
use crate::run::error::RunError;
use crate::run::report::ReportedProblem;
use crate::run::shape::GroupShape;

/// What to do about a group that a run of one person leaves out.
const READS_GROUPS: &str = "a sync of everything, or of what changed, brings groups";

impl Draft<'_> {
    /// Of these people, those whose memberships this run decides; in a run of everybody, all.
    pub(super) fn concerned(&self, people: &RoaringBitmap) -> RoaringBitmap {
        if !self.reading.is_of_one() {
            return people.clone();
        }
        let own = (0..self.reading.len() as u32).filter(|person| !self.reading.state(*person).unreadable);
        people & own.filter_map(|person| Some(self.key_so_far(person)?.0)).collect::<RoaringBitmap>()
    }

    /// Whether the entry is of somebody of this connector whom a run of one person did not read.
    pub(super) fn is_another_person(&self, entry: &UserEntry) -> bool {
        self.reading.one.as_ref().is_some_and(|beside| {
            let own =
                entry.connector == self.connector_name && self.reading.index_of(&entry.external_id).is_none();
            own || beside.others.contains(entry.key.0)
        })
    }

    /// Finds the directory's groups for those that were read. None is made or changed.
    pub(super) fn place_groups(&mut self) -> Result<(), RunError> {
        let existing = self.existing_groups()?;
        let by_id: FxHashMap<&str, &GroupEntry> =
            existing.iter().filter_map(|entry| Some((entry.external_id.as_deref()?, entry))).collect();
        self.groups.keys = vec![None; self.reading.groups.len()];
        let mut spoken = Spoken::of(&self.groups.shapes);
        for at in self.reading.groups_by_id() {
            let Some(GroupShape::Kept(group)) = self.groups.shapes[at].clone() else { continue };
            let own = by_id.get(group.id.as_str()).copied();
            let entry = match self.owned(&group, own, &mut spoken)? {
                Owned::Own | Owned::Named(_) => own.cloned(),
                Owned::Shared(entry) => Some(entry),
                Owned::Taken(_) => None,
            };
            let joined = !self.reading.groups[at].members.is_empty();
            match entry {
                Some(entry) => {
                    self.report.groups.unchanged += u64::from(joined);
                    self.groups.keys[at] = Some(entry.key);
                    self.groups.by_name.insert(fold(&entry.name), entry.key);
                }
                None if joined => self.tell_missing_group(Some(&group.id), &group.name),
                None => {}
            }
        }
        for (id, name) in self.reading.one.iter().flat_map(|beside| &beside.unread_groups) {
            let error = missing_group("no sync has read it yet");
            let subject = Subject::Group(id.clone());
            self.report.add_notice(ReportedProblem::new(Some(&subject), Some(name), &error));
        }
        self.groups.spoken = spoken;
        self.groups.decided.extend(self.groups.keys.iter().flatten());
        let made_up = existing.iter().filter(|entry| entry.external_id.is_none());
        self.groups.decided.extend(made_up.map(|entry| entry.key));
        self.groups.decided.extend(self.groups_given_to(&existing)?);
        self.groups.existing = existing;
        Ok(())
    }

    /// The same for groups that transforms made up.
    pub(super) fn place_made_up_groups(&mut self) -> Result<(), RunError> {
        let mut made_up = std::mem::take(&mut self.groups.made_up);
        made_up.sort_keys();
        for (folded, MadeUp { name, members }) in made_up {
            if members.is_empty() {
                continue;
            }
            let own = self.groups.existing.iter().find(|entry| self.is_made_up(&folded, entry));
            let key = match own.map(|entry| entry.key) {
                Some(key) => Some(key),
                None => match self.made_up_owned(&name)? {
                    Owned::Shared(entry) => Some(entry.key),
                    Owned::Own | Owned::Named(_) | Owned::Taken(_) => None,
                },
            };
            match key {
                Some(key) => self.fill(key, members),
                None => {
                    self.tell_missing_group(None, &name);
                    // The next run puts them into it.
                    self.shape_again(&members);
                }
            }
        }
        self.groups.decided.sort_unstable();
        self.groups.decided.dedup();
        Ok(())
    }

    fn tell_missing_group(&mut self, id: Option<&str>, name: &str) {
        let subject = id.map(|id| Subject::Group(id.to_owned()));
        let error = missing_group("it is not in the directory yet");
        self.report.add_notice(ReportedProblem::new(subject.as_ref(), Some(name), &error));
    }

    /// The mirror's groups whose members these people join or leave.
    pub(super) fn plan_mirror_of_one(&mut self) -> Result<MirrorPlan, RunError> {
        let mut groups = Vec::new();
        let decided: Vec<u32> = (0..self.reading.len() as u32)
            .filter(|person| self.reading.state(*person).is_told() || self.reading.is_gone(*person))
            .collect();
        let number = |person: &u32| self.people.numbers[*person as usize];
        let numbers: RoaringBitmap = decided.iter().map(number).filter(|number| *number > 0).collect();
        for at in self.reading.groups_by_id() {
            let state = &self.reading.groups[at];
            let Some(known) = state
                .known
                .as_ref()
                .filter(|known| known.absent_since.is_none() && known.members != MembersState::Unread)
            else {
                continue;
            };
            let before = self.reader.mirror_members(known.number)?.unwrap_or_default();
            let now: RoaringBitmap = state.members.iter().map(number).filter(|number| *number > 0).collect();
            let members = (&before - &numbers) | (now & &numbers);
            if members != before {
                let group = known.clone();
                let (newly_absent, newly_dropped) = (false, false);
                groups.push(MirrorGroupRow { group, newly_absent, newly_dropped, members: Some(members) });
            }
        }
        Ok(MirrorPlan::of_groups(groups))
    }
}

fn missing_group(why: &str) -> PluginError {
    PluginError::new("group-missing", format!("the person is a member, but {why}")).with_hint(READS_GROUPS)
}
