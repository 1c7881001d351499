use jiff::Timestamp;

use roaring::RoaringBitmap;

use crate::directory::{Change, EntryKind, HeldState, MembershipChange, Reader, RunId, Store, Writer};
use crate::failpoint::FailPoint;
use crate::run::error::RunError;
use crate::run::plan::Plan;
use crate::run::report::{HeldEntry, HeldReport, RunReport};

/// What a plan has held, each with the reason.
#[derive(Debug, Default)]
pub struct Held {
    pub changes: Vec<(String, Change)>,
    pub members: Vec<(String, MembershipChange)>,
}

impl Held {
    /// Keeps it with the run.
    pub fn write(&self, writer: &mut dyn Writer, run: RunId) -> Result<(), RunError> {
        for (sequence, (reason, change)) in (0..).zip(&self.changes) {
            writer.hold_change(run, sequence, reason, change)?;
        }
        for (reason, change) in &self.members {
            writer.hold_members(run, reason, change)?;
        }
        Ok(())
    }

    pub fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.members.is_empty()
    }

    /// What is held for reasons of its own, where that is all.
    pub(super) fn further_reasons(&self, told: &[String]) -> Vec<String> {
        let reasons = self.changes.iter().map(|(reason, _)| reason);
        let mut reasons: Vec<String> = match told {
            [] => reasons.chain(self.members.iter().map(|(reason, _)| reason)).cloned().collect(),
            _ => Vec::new(),
        };
        reasons.sort();
        reasons.dedup();
        reasons
    }

    pub(super) fn report(
        &self,
        applied: bool,
        reasons: Vec<String>,
        group_name: impl Fn(&MembershipChange) -> Result<String, RunError>,
    ) -> Result<HeldReport, RunError> {
        let mut objects: Vec<HeldEntry> = Vec::new();
        for (_, change) in self.changes.iter().take(RunReport::LISTED) {
            objects.push(HeldEntry {
                change: change.kind.as_str().to_owned(),
                kind: change.entry.as_str().to_owned(),
                name: change.name.clone(),
                members: None,
            });
        }
        let mut memberships = 0;
        for (_, members) in &self.members {
            for (change, keys) in [("add-member", &members.added), ("remove-member", &members.removed)] {
                memberships += keys.len();
                if !keys.is_empty() && objects.len() < RunReport::LISTED {
                    objects.push(HeldEntry {
                        change: change.to_owned(),
                        kind: "group".to_owned(),
                        name: group_name(members)?,
                        members: Some(keys.len()),
                    });
                }
            }
        }
        let changes = self.changes.len() as u64;
        Ok(HeldReport { applied, reasons, changes, memberships, paused: false, objects })
    }
}

/// What a plan of everybody is made of is no longer to be decided, nor used by the run after it. A run of one person
/// plans nothing of others, so that only what waits of that person is superseded.
pub fn supersede(writer: &mut dyn Writer, plan: &Plan) -> Result<(), RunError> {
    supersede_changes(writer, plan)?;
    if !plan.reading.is_of_one() {
        writer.forget_approved_entries(plan.connector)?;
    }
    Ok(())
}

fn supersede_changes(writer: &mut dyn Writer, plan: &Plan) -> Result<(), RunError> {
    if !plan.reading.is_of_one() {
        writer.supersede_held(plan.connector)?;
    }
    for (run, sequence) in &plan.superseded {
        writer.decide_change(*run, *sequence, HeldState::Superseded)?;
    }
    Ok(())
}

/// Held changes of the people of this plan that wait since earlier runs, as far as a plan of one person replaces them.
pub(super) fn waiting_of(
    plan: &Plan,
    reader: &dyn Reader,
    connector: &str,
) -> Result<Vec<(RunId, u32)>, RunError> {
    let mut waiting = Vec::new();
    if !plan.reading.is_of_one() {
        return Ok(waiting);
    }
    let people = (0..plan.reading.len() as u32).map(|person| plan.reading.state(person));
    let keys: RoaringBitmap =
        people.filter(|state| !state.unreadable).filter_map(|state| Some(state.key?.0)).collect();
    for run in reader.holding_runs(Some(connector))? {
        let held = reader.held_changes(run)?.into_iter().filter(|held| {
            held.state == HeldState::Waiting
                && held.change.entry == EntryKind::User
                && keys.contains(held.change.key)
        });
        waiting.extend(held.map(|held| (run, held.sequence)));
    }
    Ok(waiting)
}

/// Keeps a plan of which all is held. Directory and mirror stay as they are; the keys that it gives to new entries are
/// used up.
pub fn hold(
    store: &mut dyn Store,
    run: RunId,
    plan: &Plan,
    report: &RunReport,
    at: Timestamp,
) -> Result<(), RunError> {
    let told = serde_json::to_string(report).map_err(|error| RunError::Worker(error.to_string()))?;
    FailPoint::Applying.pass();
    let mut writer = store.write()?;
    writer.set_counters(plan.counters)?;
    supersede_changes(writer.as_mut(), plan)?;
    plan.held.write(writer.as_mut(), run)?;
    writer.end_run(run, report.outcome.as_str(), at, &told)?;
    FailPoint::OutcomeWritten.pass();
    writer.commit()?;
    FailPoint::Committed.pass();
    Ok(())
}
