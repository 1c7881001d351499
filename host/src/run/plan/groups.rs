use std::sync::Arc;

use indexmap::IndexMap;
use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::group_ownership::{Owned, Spoken};
use super::names::{Claim, Conflict, resolve};
use super::plan::Draft;
use crate::directory::{Change, ChangeKind, GroupEntry, GroupFilter, GroupKey, UserKey, fold};
use crate::model::{Group, GroupRef, PluginError, Subject};
use crate::plugin::Transform;
use crate::run::entries::GroupNames;
use crate::run::error::RunError;
use crate::run::reading::Reading;
use crate::run::report::{Counts, LeftOut, ReportedProblem};
use crate::run::shape::{GroupShape, shape_groups};
use crate::run::staging::Action;

/// Why a group that rules hide is not in the directory.
const HIDDEN: &str = "hidden: only rules see who is in it";

/// A directory group that a run creates or changes.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedGroup {
    pub action: Action,
    /// Its folded name changes.
    pub renames: bool,
    /// As it is after the run; a deletion's, as it was before.
    pub entry: GroupEntry,
    pub changes: Vec<Change>,
}

impl PlannedGroup {
    /// Its folded name has to be free before another entry can take it.
    pub fn frees_name(&self) -> bool {
        self.renames || self.action == Action::Delete
    }
}

/// A group that transforms made up: it has a name and no provider id.
#[derive(Debug, Default)]
pub(super) struct MadeUp {
    pub name: String,
    pub members: RoaringBitmap,
}

/// Shapes the groups that were read, by the reading's group index; nothing for those that were not. The members of
/// a dropped group were not requested.
pub fn shape_read_groups(
    reading: &mut Reading,
    transforms: &[Arc<dyn Transform>],
) -> Result<Vec<Option<GroupShape>>, RunError> {
    let order: Vec<usize> =
        reading.groups_by_id().into_iter().filter(|at| reading.groups[*at].record.is_some()).collect();
    let records: Vec<Group> = order.iter().filter_map(|at| reading.groups[*at].record.clone()).collect();
    let mut by_index = vec![None; reading.groups.len()];
    let mut dropped = Vec::new();
    for (at, shape) in order.into_iter().zip(shape_groups(transforms, records)?) {
        if matches!(shape, GroupShape::Dropped(_)) {
            dropped.extend(reading.groups.get_index(at).map(|(id, _)| id.clone()));
        }
        by_index[at] = Some(shape);
    }
    reading.leave_unread(&dropped);
    Ok(by_index)
}

/// What becomes of groups.
#[derive(Default)]
pub struct GroupsDraft {
    /// By the reading's group index; nothing for groups that were not read.
    pub shapes: Arc<[Option<GroupShape>]>,
    /// The directory key of each kept group, by the reading's group index.
    pub(super) keys: Vec<Option<GroupKey>>,
    /// Members as shaping gives them; only people who were shaped in this run.
    pub members: FxHashMap<GroupKey, RoaringBitmap>,
    pub(super) by_name: FxHashMap<String, GroupKey>,
    pub(super) made_up: IndexMap<String, MadeUp>,
    /// This connector's groups of the directory before the run.
    pub(super) existing: Vec<GroupEntry>,
    pub planned: Vec<PlannedGroup>,
    pub(super) spoken: Spoken,
    /// Groups that transforms made up and that have members by them.
    pub(super) filled: Vec<GroupKey>,
    /// The groups whose memberships this run decides.
    pub decided: Vec<GroupKey>,
}

impl Draft<'_> {
    /// Compares the shaped groups with the directory's.
    pub fn plan_groups(&mut self) -> Result<(), RunError> {
        let existing = self.existing_groups()?;
        let by_id: FxHashMap<&str, &GroupEntry> =
            existing.iter().filter_map(|entry| Some((entry.external_id.as_deref()?, entry))).collect();
        let mut planned = Vec::new();
        let mut places = Vec::new();
        self.groups.keys = vec![None; self.reading.groups.len()];
        let mut spoken = Spoken::of(&self.groups.shapes);
        for at in self.reading.groups_by_id() {
            let mut group = match &self.groups.shapes[at] {
                Some(GroupShape::Kept(group)) => group.clone(),
                Some(shape @ (GroupShape::Hidden(_) | GroupShape::Dropped(_))) => {
                    let reason = match shape {
                        GroupShape::Dropped(reason) => reason.clone(),
                        GroupShape::Hidden(_) | GroupShape::Kept(_) => HIDDEN.to_owned(),
                    };
                    self.report.groups.dropped += 1;
                    if let Some((id, state)) = self.reading.groups.get_index(at) {
                        let name =
                            state.record.as_ref().map(|record| record.name.clone()).unwrap_or_default();
                        let (kind, id) = ("group".to_owned(), id.clone());
                        self.report.add_left_out(LeftOut { kind, name, id, reason });
                    }
                    continue;
                }
                None => continue,
            };
            let own = by_id.get(group.id.as_str()).copied();
            let taken;
            let before = match self.owned(&group, own, &mut spoken)? {
                Owned::Own => own,
                Owned::Named(name) => {
                    group.name = name;
                    own
                }
                Owned::Taken(entry) => {
                    taken = entry;
                    Some(&taken)
                }
                Owned::Shared(entry) => {
                    self.groups.keys[at] = Some(entry.key);
                    self.groups.by_name.insert(fold(&entry.name), entry.key);
                    self.report.groups.dropped += 1;
                    self.tell_held("group", &group.name, &group.id, &entry.connector);
                    continue;
                }
            };
            let key = before.map_or_else(|| self.next_group_key(), |entry| entry.key);
            let mut entry = GroupEntry::from_group(key, self.connector_name, group);
            if let Some(before) = before {
                self.settle_rename(before, &mut entry);
            }
            let changes = match before {
                None => vec![Change::create_group(&entry)],
                Some(before) => Change::between_groups(before, &entry),
            };
            let renames = before.is_some_and(|before| fold(&before.name) != fold(&entry.name));
            self.groups.keys[at] = Some(key);
            places.push(at);
            let action = if before.is_none() { Action::Create } else { Action::Update };
            planned.push(PlannedGroup { action, renames, entry, changes });
        }
        self.groups.spoken = spoken;
        self.plan_group_cleanup(&existing)?;
        self.settle_group_names(planned, &places)?;
        self.groups.decided.extend(self.groups.keys.iter().flatten());
        self.groups
            .decided
            .extend(existing.iter().filter(|entry| entry.external_id.is_none()).map(|entry| entry.key));
        self.groups.decided.extend(self.groups_given_to(&existing)?);
        self.groups.existing = existing;
        Ok(())
    }

    /// An existing group's name follows as far as the admin lets it.
    fn settle_rename(&mut self, before: &GroupEntry, entry: &mut GroupEntry) {
        let names = self.policy.entries.group_names;
        if before.name == entry.name || names == GroupNames::Follow {
            return;
        }
        let new = std::mem::replace(&mut entry.name, before.name.clone());
        if names == GroupNames::Hold {
            let message = format!(
                "it would now be called {new:?}, and keeps its name: applications' permission schemes refer to names"
            );
            let error = PluginError::new("rename-held", message).with_hint(format!(
                "`group-names = \"follow\"` under [connector.{}.entries] lets it through; \"pin\" keeps names silently",
                self.connector_name
            ));
            let subject = entry.external_id.clone().map(Subject::Group);
            self.report.add_notice(ReportedProblem::new(subject.as_ref(), Some(&before.name), &error));
        }
    }

    pub(super) fn existing_groups(&self) -> Result<Vec<GroupEntry>, RunError> {
        let mut existing = Vec::new();
        let filter =
            GroupFilter { connector: Some(self.connector_name.to_owned()), ..GroupFilter::default() };
        self.reader.groups(&filter, &mut |entry| {
            existing.push(entry);
            true
        })?;
        Ok(existing)
    }

    fn next_group_key(&mut self) -> GroupKey {
        let key = GroupKey(self.counters.group);
        self.counters.group += 1;
        key
    }

    /// Takes out the groups whose name another one keeps, with a problem each.
    fn settle_group_names(&mut self, planned: Vec<PlannedGroup>, places: &[usize]) -> Result<(), RunError> {
        let claiming: Vec<usize> = (0..planned.len())
            .filter(|at| planned[*at].action == Action::Create || planned[*at].renames)
            .collect();
        let claims: Vec<Claim> = claiming
            .iter()
            .map(|at| &planned[*at])
            .map(|group| Claim {
                key: group.entry.key.0,
                folded: fold(&group.entry.name),
                renames: group.renames,
            })
            .collect();
        let conflicts = resolve(&claims, |folded| {
            let holder = self.reader.group_by_name(folded)?.map(|entry| entry.key);
            Ok::<_, RunError>(holder.filter(|key| !self.cleanup.deletes_group(*key)).map(|key| key.0))
        })?;
        let mut failed: FxHashMap<usize, Conflict> = FxHashMap::default();
        for (at, conflict) in claiming.iter().zip(conflicts) {
            if let Some(conflict) = conflict {
                failed.insert(*at, conflict);
            }
        }
        for (at, group) in planned.iter().enumerate() {
            let Some(conflict) = failed.get(&at) else { continue };
            let other = match conflict {
                Conflict::Held(key) => self.reader.group(GroupKey(*key))?,
                Conflict::Lost(claim) => Some(planned[claiming[*claim]].entry.clone()),
            };
            if matches!(conflict, Conflict::Held(_)) {
                self.refuse_group(&group.entry.name, other.as_ref(), group.entry.external_id.as_deref());
            }
            let other = other.map(|entry| describe(&entry)).unwrap_or_else(|| "another group".to_owned());
            let error = PluginError::new("name-taken", format!("the name {:?} belongs to {other}", group.entry.name))
                .with_hint("group names are unique whatever their case: leave one of the two out of scope, or rename it at the provider");
            let subject = group.entry.external_id.clone().map(Subject::Group);
            self.report.add_problem(ReportedProblem::new(subject.as_ref(), Some(&group.entry.name), &error));
            self.report.groups.skipped += 1;
            if group.action == Action::Create {
                self.groups.keys[places[at]] = None;
            }
        }
        for (at, group) in planned.into_iter().enumerate() {
            if failed.contains_key(&at) {
                continue;
            }
            self.groups.by_name.insert(fold(&group.entry.name), group.entry.key);
            if group.changes.is_empty() {
                self.report.groups.unchanged += 1;
            } else {
                count_changes(&mut self.report.groups, &group.changes);
                self.groups.planned.push(group);
            }
        }
        Ok(())
    }

    /// Puts everybody who was shaped into the groups that they were read in: what there is to do without transforms.
    /// Group by group, which takes a fraction of the time that person by person does with ten million memberships.
    pub fn join_as_read(&mut self) {
        let shaped: Vec<Option<UserKey>> = (0..self.reading.len() as u32)
            .map(|person| {
                let known = self.reading.state(person).key;
                let key = known.or_else(|| self.people.new_keys.get(&person).copied());
                key.filter(|key| self.people.shaped.contains(key.0))
            })
            .collect();
        for (at, key) in self.groups.keys.iter().enumerate() {
            let Some(key) = key else { continue };
            let members = self.reading.groups[at].members.iter();
            let mut members: Vec<u32> =
                members.filter_map(|person| Some(shaped[*person as usize]?.0)).collect();
            members.sort_unstable();
            if !members.is_empty() {
                self.groups.members.insert(*key, members.into_iter().collect());
            }
        }
    }

    /// Puts a shaped person into a group; false for a group that no reading and no name gives.
    pub fn join(&mut self, group: &GroupRef, user: u32) -> bool {
        let key = match &group.id {
            Some(id) => match self.reading.groups.get_index_of(id) {
                Some(at) => match self.groups.keys[at] {
                    Some(key) => key,
                    // Hidden, dropped, or without a name of its own: applications don't see it.
                    None => return true,
                },
                None => return false,
            },
            None => match self.groups.by_name.get(&fold(&group.name)) {
                Some(key) => *key,
                None => {
                    let made_up = self.groups.made_up.entry(fold(&group.name)).or_default();
                    if made_up.name.is_empty() || group.name < made_up.name {
                        made_up.name.clone_from(&group.name);
                    }
                    made_up.members.insert(user);
                    return true;
                }
            },
        };
        self.groups.members.entry(key).or_default().insert(user);
        true
    }

    /// These people are not in any group by what this run found.
    pub fn forget_members(&mut self, people: &RoaringBitmap) {
        for members in self.groups.members.values_mut() {
            *members -= people;
        }
        for group in self.groups.made_up.values_mut() {
            group.members -= people;
        }
    }

    /// Gives the groups that transforms made up their directory entries, in the order of their names.
    pub fn plan_made_up_groups(&mut self) -> Result<(), RunError> {
        let mut made_up = std::mem::take(&mut self.groups.made_up);
        made_up.sort_keys();
        let leaving: FxHashSet<GroupKey> = self
            .groups
            .planned
            .iter()
            .filter(|group| group.frees_name())
            .map(|group| group.entry.key)
            .collect();
        for (folded, MadeUp { name, members }) in made_up {
            let own = self.groups.existing.iter().find(|entry| self.is_made_up(&folded, entry));
            let key = match own {
                Some(entry) => {
                    self.report.groups.unchanged += 1;
                    entry.key
                }
                None if members.is_empty() => continue,
                None => {
                    let name = match self.made_up_owned(&name)? {
                        Owned::Own => name,
                        Owned::Named(name) => name,
                        Owned::Taken(entry) => {
                            let key = entry.key;
                            self.take_over_made_up(entry);
                            self.fill(key, members);
                            continue;
                        }
                        Owned::Shared(entry) => {
                            self.report.groups.dropped += 1;
                            self.tell_held("group", &name, "made by rules", &entry.connector);
                            self.fill(entry.key, members);
                            continue;
                        }
                    };
                    let folded = fold(&name);
                    let holder =
                        self.reader.group_by_name(&folded)?.filter(|entry| !leaving.contains(&entry.key));
                    if let Some(holder) = holder {
                        self.refuse_group(&name, Some(&holder), None);
                        let message = format!(
                            "a transform gives people the group {name:?}, whose name belongs to {}",
                            describe(&holder)
                        );
                        let error = PluginError::new("name-taken", message).with_hint(
                            "let the transform use another name, or leave the other group out of scope",
                        );
                        self.report.add_problem(ReportedProblem::new(None, Some(&name), &error));
                        self.report.groups.skipped += 1;
                        self.shape_again(&members);
                        continue;
                    }
                    let key = self.next_group_key();
                    let entry = GroupEntry {
                        key,
                        connector: self.connector_name.to_owned(),
                        external_id: None,
                        name,
                        description: None,
                        attributes: Vec::new(),
                    };
                    let changes = vec![Change::create_group(&entry)];
                    count_changes(&mut self.report.groups, &changes);
                    self.groups.planned.push(PlannedGroup {
                        action: Action::Create,
                        renames: false,
                        entry,
                        changes,
                    });
                    key
                }
            };
            self.fill(key, members);
        }
        self.groups.planned.sort_by_key(|group| group.entry.key);
        self.groups.decided.sort_unstable();
        self.groups.decided.dedup();
        Ok(())
    }

    pub(super) fn fill(&mut self, group: GroupKey, members: RoaringBitmap) {
        self.groups.decided.push(group);
        self.groups.filled.push(group);
        *self.groups.members.entry(group).or_default() |= members;
    }
}

pub(super) fn describe(entry: &GroupEntry) -> String {
    match &entry.external_id {
        Some(id) => format!("group {:?} ({id}, connector {})", entry.name, entry.connector),
        None => format!("group {:?} (made by rules, connector {})", entry.name, entry.connector),
    }
}

/// Counts an entry's changes; each kind once.
pub(in crate::run) fn count_changes(counts: &mut Counts, changes: &[Change]) {
    for change in changes {
        match change.kind {
            ChangeKind::Create => counts.created += 1,
            ChangeKind::Update => counts.updated += 1,
            ChangeKind::Rename => counts.renamed += 1,
            ChangeKind::Disable => counts.disabled += 1,
            ChangeKind::Enable => counts.enabled += 1,
            ChangeKind::Delete => counts.removed += 1,
            ChangeKind::Anonymize => counts.anonymized += 1,
        }
    }
}
