//! Which limits a plan is over.

use roaring::RoaringBitmap;

use super::fit::Fitted;
use super::guard::Guard;
use super::limits::{LimitKind, Safety};
use crate::directory::{ChangeKind, Reader, StoreResult};
use crate::run::error::RunError;
use crate::run::leavers::Fate;
use crate::run::plan::PlannedMembers;
use crate::run::staging::Action;

/// Which kinds are over their limit, each with the sentence that says so.
pub(super) type Over = Vec<(LimitKind, String)>;

impl Guard<'_, '_> {
    /// Of the people whom the last reading gave, how many this one does not give, and how many they are. Whoever has no
    /// entry any more, or one that is disabled as it has to be, has nothing to lose: approved is approved.
    fn missing(&self) -> Result<(u64, u64), RunError> {
        let reading = &self.plan.reading;
        let (missing, known) = reading.missing();
        if !reading.is_complete() {
            // No listing was read that could be in doubt.
            return Ok((0, known));
        }
        if self.inputs.policy.safety.bound(LimitKind::Listing).exceeded(missing, known).is_none() {
            return Ok((missing, known));
        }
        let newly = |person: u32| {
            let state = reading.state(person);
            let given = state.known.is_some_and(|known| known.absent_since.is_none());
            given && !state.seen() && !state.unreadable
        };
        let mut gone = (0..reading.len() as u32)
            .filter(|person| newly(*person) && reading.state(*person).key.is_none())
            .count();
        for absentee in self.inputs.absent.iter().filter(|one| one.fate == Fate::Settled && newly(one.person))
        {
            gone += usize::from(self.reader().user(absentee.key)?.is_some_and(|entry| !entry.active));
        }
        Ok((missing - gone as u64, known))
    }

    /// Which limits the plan is over. What the connector has is counted only where it is asked for.
    pub(super) fn over(&self) -> Result<Over, RunError> {
        let users = || self.plan.users.iter().filter(|user| !self.approved.users.contains(user.key.0));
        let has = |kind| users().filter(|user| user.kinds.has(kind)).count() as u64;
        let (missing, known) = self.missing()?;
        let number = |kind| -> Result<u64, RunError> {
            Ok(match kind {
                LimitKind::Disables => has(ChangeKind::Disable),
                LimitKind::Deletes => has(ChangeKind::Delete) + has(ChangeKind::Anonymize),
                LimitKind::Removals => {
                    let groups = self.plan.memberships.iter();
                    let groups = groups.filter(|members| !self.approved.groups.contains(members.group.0));
                    groups.map(|members| members.removed.len()).sum()
                }
                LimitKind::Renames => has(ChangeKind::Rename),
                LimitKind::Listing => missing,
                LimitKind::GroupsEmptied => self.emptied()?.len() as u64,
            })
        };
        let totals = || self.reader().totals(Some(self.inputs.connector_name));
        exceeding(&self.inputs.policy.safety, number, known, totals)
    }

    /// Whether the group has members now and none afterwards.
    pub(super) fn empties(&self, members: &PlannedMembers) -> Result<bool, RunError> {
        Ok(members.all.is_empty()
            && !members.removed.is_empty()
            && self.reader().members(members.group)? == members.removed)
    }

    /// Keys of the groups that are emptied or deleted, but for those that somebody approved.
    pub(super) fn emptied(&self) -> Result<Vec<u32>, RunError> {
        let deleted = self.plan.groups.iter().filter(|group| group.action == Action::Delete);
        let mut keys: Vec<u32> = deleted.map(|group| group.entry.key.0).collect();
        for members in &self.plan.memberships {
            if self.empties(members)? {
                keys.push(members.group.0);
            }
        }
        keys.retain(|key| !self.approved.groups.contains(*key));
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }
}

impl Fitted<'_> {
    /// Which limits of the connector what is made is over: a sentence for each.
    pub fn over(
        &self,
        safety: &Safety,
        connector: &str,
        reader: &dyn Reader,
    ) -> Result<Vec<String>, RunError> {
        let has = |kind| self.users.iter().filter(|user| user.has(kind)).count() as u64;
        let number = |kind| -> Result<u64, RunError> {
            Ok(match kind {
                LimitKind::Disables => has(ChangeKind::Disable),
                LimitKind::Deletes => has(ChangeKind::Delete) + has(ChangeKind::Anonymize),
                LimitKind::Removals => self.members.iter().map(|members| members.change.removed.len()).sum(),
                LimitKind::Renames => has(ChangeKind::Rename),
                // Nothing was read.
                LimitKind::Listing => 0,
                LimitKind::GroupsEmptied => self.emptied(reader)?,
            })
        };
        let over = exceeding(safety, number, 0, || reader.totals(Some(connector)))?;
        Ok(over.into_iter().map(|(_, sentence)| sentence).collect())
    }

    /// How many groups are deleted, or have members now and none afterwards.
    fn emptied(&self, reader: &dyn Reader) -> Result<u64, RunError> {
        let deleted = self.groups.iter().filter(|group| group.after.is_none());
        let mut keys: RoaringBitmap = deleted.map(|group| group.key).collect();
        for members in self.members.iter().filter(|members| members.all.is_empty()) {
            let removed = &members.change.removed;
            if !removed.is_empty() && reader.members(members.change.group)? == *removed {
                keys.insert(members.change.group.0);
            }
        }
        Ok(keys.len())
    }
}

/// Of each kind, how many there are, and whether that is over the limit. What the connector has is counted only where
/// it is asked for. `known`: how many people the last reading gave.
fn exceeding(
    safety: &Safety,
    number: impl Fn(LimitKind) -> Result<u64, RunError>,
    known: u64,
    totals: impl Fn() -> StoreResult<(u64, u64, u64)>,
) -> Result<Over, RunError> {
    let mut counted = None;
    let mut over = Over::new();
    for kind in LimitKind::ALL {
        let (number, bound) = (number(kind)?, safety.bound(kind));
        if number == 0 || bound.exceeded(number, 0).is_none() {
            continue;
        }
        if counted.is_none() {
            counted = Some(totals()?);
        }
        let (users, groups, memberships) = counted.unwrap_or_default();
        let of = match kind {
            LimitKind::Listing => known,
            LimitKind::Removals => memberships,
            LimitKind::GroupsEmptied => groups,
            LimitKind::Disables | LimitKind::Deletes | LimitKind::Renames => users,
        };
        if let Some(limit) = bound.exceeded(number, of) {
            over.push((kind, kind.sentence(number, of, &limit)));
        }
    }
    Ok(over)
}
