use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use roaring::RoaringBitmap;
use tokio_util::sync::CancellationToken;

use super::cleanup::CleanupDraft;
use super::groups::{GroupsDraft, PlannedGroup, shape_read_groups};
use super::mirror::MirrorPlan;
use super::ownership::OwnershipDraft;
use super::people::{PeopleDraft, PlannedUser};
use crate::directory::{Change, ConnectorId, Counters, GroupKey, MembershipChange, Reader, RunId, UserKey};
use crate::model::{PluginError, Subject};
use crate::plugin::Transform;
use crate::run::collect::work_file;
use crate::run::confirm::Confirmations;
use crate::run::conflicts::Precedence;
use crate::run::error::RunError;
use crate::run::increment::Quiet;
use crate::run::leavers::Absentee;
use crate::run::policy::Policy;
use crate::run::reading::Reading;
use crate::run::report::{NamedEntry, ReportedProblem, RunReport};
use crate::run::safety::Held;
use crate::run::staging::{StagedUser, Staging, StagingReader};

/// The shaping key of someone who has to be shaped at the next run, whatever changes.
pub(super) const UNSHAPED: [u8; 16] = [0; 16];

/// What planning needs.
pub struct PlanInputs<'a> {
    pub connector: ConnectorId,
    pub connector_name: &'a str,
    pub reader: &'a dyn Reader,
    pub transforms: &'a [Arc<dyn Transform>],
    /// Hash of the transforms and their settings.
    pub rules: &'a [u8; 32],
    pub policy: &'a Policy,
    /// Which connector is above which.
    pub precedence: &'a Precedence,
    /// When the reading was made.
    pub now: Timestamp,
    /// Whom the reading did not return, and what is to be done about them.
    pub absent: &'a [Absentee],
    /// What the provider says of them.
    pub confirmations: &'a Confirmations,
    pub spool: &'a Path,
    /// Where staged changes lie.
    pub work_folder: &'a Path,
    /// Planning a million people takes a while: it ends between two batches when asked to.
    pub cancel: &'a CancellationToken,
}

/// What one connector gives to a group after the run.
#[derive(Debug, Clone, PartialEq)]
pub struct PlannedMembers {
    pub group: GroupKey,
    pub connector: ConnectorId,
    pub all: RoaringBitmap,
    pub added: RoaringBitmap,
    pub removed: RoaringBitmap,
}

impl PlannedMembers {
    pub fn change(&self) -> MembershipChange {
        MembershipChange {
            group: self.group,
            connector: self.connector,
            added: self.added.clone(),
            removed: self.removed.clone(),
        }
    }
}

/// Everything that a run would write, in the order of its keys.
pub struct Plan {
    pub connector: ConnectorId,
    /// What the counters are after the run.
    pub counters: Counters,
    pub reading: Reading,
    pub users: Vec<PlannedUser>,
    pub groups: Vec<PlannedGroup>,
    pub memberships: Vec<PlannedMembers>,
    /// People of this connector, by provider id, whose entries belong to connectors above.
    pub aliases: Vec<(String, UserKey)>,
    pub mirror: MirrorPlan,
    pub staging: StagingReader,
    /// What the run planned and does not apply.
    pub held: Held,
    /// What waits of earlier runs and this plan decides anew: run and sequence. A plan of everybody decides all of it.
    pub superseded: Vec<(RunId, u32)>,
    work_folder: PathBuf,
    /// Keys of those whom cleanup takes memberships away from.
    pub(in crate::run) cleaned: RoaringBitmap,
}

impl Plan {
    /// A plan of a run that read nothing new: only the checkpoints move on.
    pub(in crate::run) fn of_nothing(
        connector: ConnectorId,
        reader: &dyn Reader,
        work_folder: &Path,
        quiet: Quiet,
        report: &mut RunReport,
    ) -> Result<Self, RunError> {
        let Quiet { users_seen, groups_seen, checkpoints } = quiet;
        (report.users.seen, report.users.unchanged) = (users_seen, users_seen);
        (report.groups.seen, report.groups.unchanged) = (groups_seen, groups_seen);
        let staging = Staging::create(work_folder).and_then(Staging::finish);
        Ok(Self {
            connector,
            counters: reader.counters()?,
            reading: Reading::of_nothing(checkpoints),
            users: Vec::new(),
            groups: Vec::new(),
            memberships: Vec::new(),
            aliases: Vec::new(),
            mirror: MirrorPlan::default(),
            staging: staging.map_err(work_file(work_folder, "created"))?,
            held: Held::default(),
            superseded: Vec::new(),
            cleaned: RoaringBitmap::new(),
            work_folder: work_folder.to_owned(),
        })
    }

    /// Reads what is staged of a user.
    pub(in crate::run) fn staged(&mut self, user: &PlannedUser) -> Result<StagedUser, RunError> {
        self.staging.get(user.staged).map_err(work_file(&self.work_folder, "read"))
    }

    /// Stages something else in its place.
    pub(in crate::run) fn restage(&mut self, at: usize, staged: &StagedUser) -> Result<(), RunError> {
        self.users[at].staged = self.staging.put(staged).map_err(work_file(&self.work_folder, "written"))?;
        Ok(())
    }

    /// Calls `each` with every change of users, then of groups, by key.
    pub fn each_change(&mut self, mut each: impl FnMut(&Change)) -> Result<(), RunError> {
        for user in &self.users {
            let staged: StagedUser =
                self.staging.get(user.staged).map_err(work_file(&self.work_folder, "read"))?;
            staged.into_changes().1.iter().for_each(&mut each);
        }
        self.groups.iter().flat_map(|group| &group.changes).for_each(each);
        Ok(())
    }

    /// What a user is called after the run.
    pub fn user_name(&mut self, reader: &dyn Reader, key: UserKey) -> Result<String, RunError> {
        if let Ok(at) = self.users.binary_search_by_key(&key, |user| user.key) {
            let staged: StagedUser =
                self.staging.get(self.users[at].staged).map_err(work_file(&self.work_folder, "read"))?;
            return Ok(staged.entry.user_name);
        }
        Ok(reader.user(key)?.map(|entry| entry.user_name).unwrap_or_default())
    }

    /// What a group is called after the run.
    pub fn group_name(&self, reader: &dyn Reader, key: GroupKey) -> Result<String, RunError> {
        if let Ok(at) = self.groups.binary_search_by_key(&key, |group| group.entry.key) {
            return Ok(self.groups[at].entry.name.clone());
        }
        Ok(reader.group(key)?.map(|entry| entry.name).unwrap_or_default())
    }
}

/// A plan in the making.
pub struct Draft<'a> {
    pub(super) connector: ConnectorId,
    pub(super) connector_name: &'a str,
    pub(super) reader: &'a dyn Reader,
    pub(super) reading: &'a Reading,
    pub(super) transforms: &'a [Arc<dyn Transform>],
    pub(super) rules: &'a [u8; 32],
    pub(super) policy: &'a Policy,
    pub(super) precedence: &'a Precedence,
    pub(super) now: Timestamp,
    pub(super) absent: &'a [Absentee],
    pub(super) confirmations: &'a Confirmations,
    pub(super) spool: &'a Path,
    pub(super) work_folder: &'a Path,
    pub(super) cancel: &'a CancellationToken,
    pub(super) counters: Counters,
    pub(super) report: &'a mut RunReport,
    pub(super) groups: GroupsDraft,
    pub(super) people: PeopleDraft,
    pub(super) cleanup: CleanupDraft,
    pub(super) ownership: OwnershipDraft,
}

/// Compares a complete reading with mirror and directory. Counts and problems go into the report.
pub fn build(
    inputs: &PlanInputs<'_>,
    mut reading: Reading,
    report: &mut RunReport,
) -> Result<Plan, RunError> {
    let folder = inputs.work_folder;
    let mut staging = Staging::create(folder).map_err(work_file(folder, "created"))?;
    let shapes = shape_read_groups(&mut reading, inputs.transforms)?;
    let mut draft = Draft {
        connector: inputs.connector,
        connector_name: inputs.connector_name,
        reader: inputs.reader,
        reading: &reading,
        transforms: inputs.transforms,
        rules: inputs.rules,
        policy: inputs.policy,
        precedence: inputs.precedence,
        now: inputs.now,
        absent: inputs.absent,
        confirmations: inputs.confirmations,
        spool: inputs.spool,
        work_folder: folder,
        cancel: inputs.cancel,
        counters: inputs.reader.counters()?,
        report,
        groups: GroupsDraft { shapes: shapes.into(), ..GroupsDraft::default() },
        people: PeopleDraft::default(),
        cleanup: CleanupDraft::default(),
        ownership: OwnershipDraft::default(),
    };
    draft.report_reading();
    let one = draft.reading.is_of_one();
    match one {
        true => draft.place_groups()?,
        false => draft.plan_groups()?,
    }
    draft.plan_people(&mut staging)?;
    match one {
        true => draft.place_made_up_groups()?,
        false => draft.plan_made_up_groups()?,
    }
    draft.refuse_conflicts()?;
    draft.report.left_out.sort_unstable();
    let mut memberships = draft.plan_memberships()?;
    draft.take_out_leavers(&mut memberships)?;
    draft.plan_local_members(&mut memberships)?;
    let mirror = match one {
        true => draft.plan_mirror_of_one()?,
        false => draft.plan_mirror()?,
    };
    let Draft { counters, groups, people, cleanup, ownership, .. } = draft;
    let cleaned = cleanup.loses_memberships();
    Ok(Plan {
        connector: inputs.connector,
        counters,
        users: people.planned,
        groups: groups.planned,
        memberships,
        aliases: ownership.aliases,
        mirror: mirror.with_people(people.numbers, people.shaping, people.records, cleanup.dropped_people),
        staging: staging.finish().map_err(work_file(folder, "written"))?,
        reading,
        held: Held::default(),
        superseded: Vec::new(),
        cleaned,
        work_folder: folder.to_owned(),
    })
}

impl Draft<'_> {
    fn report_reading(&mut self) {
        let reading = self.reading;
        self.report.users.seen = reading.users_seen;
        self.report.groups.seen = reading.groups_seen;
        self.report.memberships.seen = reading.memberships_seen;
        self.report.memberships.ignored = reading.ignored_members;
        self.report.memberships.unknown = reading.unknown.len() as u64;
        for problem in &reading.problems {
            match &problem.subject {
                Some(Subject::User(_)) => self.report.users.skipped += 1,
                Some(Subject::Group(_)) => self.report.groups.skipped += 1,
                None => {}
            }
            self.report.add_problem(ReportedProblem::from(problem));
        }
        for (id, reason) in &reading.unknown {
            let name = reading.groups.get(id).and_then(|group| Some(group.record.as_ref()?.name.as_str()));
            let error =
                PluginError::new("members-unknown", format!("its members stay as they were: {reason}"));
            self.report.add_problem(ReportedProblem::new(Some(&Subject::Group(id.clone())), name, &error));
        }
    }

    pub(super) fn lists_absent(&self) -> bool {
        self.report.absent.len() < RunReport::LISTED
    }

    pub(super) fn report_absent(&mut self, entry: NamedEntry) {
        if self.lists_absent() {
            self.report.absent.push(entry);
        }
    }

    /// What each decided group has after the run: what it had, without those who were shaped in this run, with
    /// those of them who are in it now.
    fn plan_memberships(&mut self) -> Result<Vec<PlannedMembers>, RunError> {
        let mut planned = Vec::new();
        for group in std::mem::take(&mut self.groups.decided) {
            let before = self.reader.members_from(group, self.connector)?;
            let mut all = &before - &self.people.shaped;
            if let Some(shaped) = self.groups.members.remove(&group) {
                all |= shaped;
            }
            let added = &all - &before;
            let removed = &before - &all;
            self.report.memberships.created += added.len();
            self.report.memberships.removed += removed.len();
            self.report.memberships.unchanged += self.concerned(&before).len() - removed.len();
            if !added.is_empty() || !removed.is_empty() {
                planned.push(PlannedMembers { group, connector: self.connector, all, added, removed });
            }
        }
        Ok(planned)
    }
}
