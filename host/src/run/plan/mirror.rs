use roaring::RoaringBitmap;

use super::plan::{Draft, UNSHAPED};
use crate::directory::{MembersState, MirrorGroup, MirrorUser, RunId};
use crate::run::error::RunError;
use crate::run::reading::Reading;
use crate::run::staging::Staged;

/// A mirror group to write.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorGroupRow {
    pub group: MirrorGroup,
    /// Absent for the first time in this run.
    pub newly_absent: bool,
    /// Kept out by rules for the first time in this run.
    pub newly_dropped: bool,
    /// Numbers of mirror users, when they differ from what the mirror has.
    pub members: Option<RoaringBitmap>,
}

/// What the mirror will hold.
#[derive(Default)]
pub struct MirrorPlan {
    /// By the reading's index.
    numbers: Vec<u32>,
    /// By the reading's index.
    shaping: Vec<[u8; 16]>,
    /// The reading's indexes of those whom rules keep out and who are in the directory.
    dropped: RoaringBitmap,
    /// Number, and where the record's JSON is staged; by number.
    pub records: Vec<(u32, Staged)>,
    /// By provider id.
    pub groups: Vec<MirrorGroupRow>,
    /// Who is missing for the first time is not marked as absent: so many are that the listing is in doubt.
    pub doubts_absence: bool,
}

impl MirrorPlan {
    pub(super) fn of_groups(groups: Vec<MirrorGroupRow>) -> Self {
        Self { groups, ..Self::default() }
    }

    pub(super) fn with_people(
        mut self,
        numbers: Vec<u32>,
        shaping: Vec<[u8; 16]>,
        records: Vec<(u32, Staged)>,
        dropped: RoaringBitmap,
    ) -> Self {
        (self.numbers, self.shaping, self.records, self.dropped) = (numbers, shaping, records, dropped);
        self
    }

    /// The person, by the reading's index, is shaped again at the next run, whatever changes.
    pub fn shape_again(&mut self, person: u32) {
        self.shaping[person as usize] = UNSHAPED;
    }

    /// Calls `each` with the mirror users to write, by provider id.
    pub fn each_user<E>(
        &self,
        reading: &Reading,
        run: RunId,
        mut each: impl FnMut(&MirrorUser) -> Result<(), E>,
    ) -> Result<(), E> {
        for person in reading.by_id() {
            let state = reading.state(person);
            let shaping = self.shaping[person as usize];
            let known_dropped = state.known.and_then(|known| known.dropped_since);
            // An unreadable person says nothing new.
            let dropped_since = match self.dropped.contains(person) {
                true => known_dropped.or(Some(run)),
                false if state.is_told() => None,
                false => known_dropped,
            };
            let row = match (state.known, state.seen()) {
                (Some(known), true) => {
                    let same = known.digest == state.digest
                        && known.shaping == shaping
                        && known.absent_since.is_none()
                        && known.dropped_since == dropped_since;
                    (!same).then_some((known.number, state.digest, None))
                }
                (Some(known), false)
                    if !state.unreadable && known.absent_since.is_none() && !self.doubts_absence =>
                {
                    Some((known.number, known.digest, Some(run)))
                }
                (Some(_), false) | (None, false) => None,
                (None, true) => Some((self.numbers[person as usize], state.digest, None)),
            };
            if let Some((number, digest, absent_since)) = row {
                each(&MirrorUser {
                    id: reading.id(person).to_owned(),
                    number,
                    digest,
                    shaping,
                    absent_since,
                    dropped_since,
                })?;
            }
        }
        Ok(())
    }
}

impl Draft<'_> {
    pub(super) fn plan_mirror(&mut self) -> Result<MirrorPlan, RunError> {
        let mut groups = Vec::new();
        for at in self.reading.groups_by_id() {
            let state = &self.reading.groups[at];
            let Some(record) = &state.record else {
                if let Some(known) =
                    state.known.as_ref().filter(|known| known.absent_since.is_none() && !state.unreadable)
                {
                    let group = known.clone();
                    groups.push(MirrorGroupRow {
                        group,
                        newly_absent: true,
                        newly_dropped: false,
                        members: None,
                    });
                }
                continue;
            };
            let number = match &state.known {
                Some(known) => known.number,
                None => {
                    self.counters.mirror_group += 1;
                    self.counters.mirror_group - 1
                }
            };
            let members_state = state.members_state.unwrap_or(MembersState::Unknown);
            let members = match members_state {
                MembersState::Known => {
                    let numbers = state.members.iter().map(|person| self.people.numbers[*person as usize]);
                    let numbers: RoaringBitmap = numbers.filter(|number| *number > 0).collect();
                    let before =
                        if state.known.is_some() { self.reader.mirror_members(number)? } else { None };
                    (before.as_ref() != Some(&numbers)).then_some(numbers)
                }
                MembersState::Unknown | MembersState::Unread => None,
            };
            let dropped = self.cleanup.dropped_groups.contains(&at);
            let dropped_since =
                state.known.as_ref().and_then(|known| known.dropped_since).filter(|_| dropped);
            let newly_dropped = dropped && dropped_since.is_none();
            let group = MirrorGroup {
                number,
                record: record.clone(),
                members: members_state,
                absent_since: None,
                dropped_since,
                version: state.version.clone().filter(|_| members_state == MembersState::Known),
            };
            if members.is_some() || newly_dropped || state.known.as_ref() != Some(&group) {
                groups.push(MirrorGroupRow { group, newly_absent: false, newly_dropped, members });
            }
        }
        Ok(MirrorPlan::of_groups(groups))
    }
}
