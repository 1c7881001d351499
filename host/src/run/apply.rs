//! Apply: the plan, in one transaction.

use std::time::Instant;

use super::collect::work_file;
use super::error::RunError;
use super::plan::Plan;
use super::report::RunReport;
use super::safety;
use super::staging::{Action, StagedUser};
use crate::directory::{Change, EntryKind, MirrorGroup, RunId, Store, Writer};
use crate::failpoint::FailPoint;

/// Writes mirror, directory, changes, checkpoints and the run's outcome. After a crash at any instant the store holds
/// all of it or none.
pub fn apply(
    store: &mut dyn Store,
    run: RunId,
    plan: &mut Plan,
    report: &RunReport,
    at: jiff::Timestamp,
    work_folder: &std::path::Path,
) -> Result<(), RunError> {
    let told = serde_json::to_string(report).map_err(|error| RunError::Worker(error.to_string()))?;
    FailPoint::Applying.pass();
    let mut writer = store.write()?;
    let locked = Instant::now();
    writer.set_counters(plan.counters)?;
    write_mirror(writer.as_mut(), run, plan, work_folder)?;
    FailPoint::MirrorWritten.pass();
    write_directory(writer.as_mut(), run, plan, work_folder)?;
    safety::supersede(writer.as_mut(), plan)?;
    plan.held.write(writer.as_mut(), run)?;
    for (name, value) in &plan.reading.checkpoints {
        writer.set_checkpoint(plan.connector, name, value)?;
    }
    writer.end_run(run, report.outcome.as_str(), at, &told)?;
    FailPoint::OutcomeWritten.pass();
    writer.commit()?;
    FailPoint::Committed.pass();
    let milliseconds = locked.elapsed().as_millis() as u64;
    tracing::info!(run = run.0, milliseconds, "applied: so long was the directory locked for writing");
    Ok(())
}

fn write_mirror(
    writer: &mut dyn Writer,
    run: RunId,
    plan: &mut Plan,
    work_folder: &std::path::Path,
) -> Result<(), RunError> {
    let connector = plan.connector;
    plan.mirror.each_user(&plan.reading, run, |user| writer.put_mirror_user(connector, user))?;
    for (number, staged) in &plan.mirror.records {
        let record: String = plan.staging.get(*staged).map_err(work_file(work_folder, "read"))?;
        writer.put_mirror_user_record(*number, &record)?;
    }
    for row in &plan.mirror.groups {
        let absent_since = if row.newly_absent { Some(run) } else { row.group.absent_since };
        let dropped_since = if row.newly_dropped { Some(run) } else { row.group.dropped_since };
        let group = MirrorGroup { absent_since, dropped_since, ..row.group.clone() };
        writer.put_mirror_group(connector, &group)?;
        if let Some(members) = &row.members {
            writer.put_mirror_members(row.group.number, members)?;
        }
    }
    Ok(())
}

fn write_directory(
    writer: &mut dyn Writer,
    run: RunId,
    plan: &mut Plan,
    work_folder: &std::path::Path,
) -> Result<(), RunError> {
    let mut sequence = 0;
    let mut note = |writer: &mut dyn Writer, changes: &[Change]| -> Result<(), RunError> {
        for change in changes {
            writer.add_change(run, sequence, change)?;
            sequence += 1;
        }
        Ok(())
    };
    for user in plan.users.iter().filter(|user| user.frees_name) {
        writer.release_user_name(user.key)?;
    }
    for user in &plan.users {
        let staged: StagedUser = plan.staging.get(user.staged).map_err(work_file(work_folder, "read"))?;
        let action = staged.action;
        let (entry, changes) = staged.into_changes();
        match action {
            Action::Create => writer.create_user(plan.connector, &entry)?,
            Action::Update => writer.update_user(plan.connector, &entry)?,
            Action::Delete => writer.delete_user(entry.key)?,
        }
        note(writer, &changes)?;
    }
    FailPoint::UsersWritten.pass();
    for group in plan.groups.iter().filter(|group| group.frees_name()) {
        writer.release_group_name(group.entry.key)?;
    }
    for group in &plan.groups {
        match group.action {
            Action::Create => writer.create_group(plan.connector, &group.entry)?,
            Action::Update => writer.update_group(plan.connector, &group.entry)?,
            // Once its memberships are gone.
            Action::Delete => {}
        }
        note(writer, &group.changes)?;
    }
    FailPoint::GroupsWritten.pass();
    for members in &plan.memberships {
        writer.set_members(members.group, members.connector, &members.all)?;
        writer.add_membership_change(run, &members.change())?;
    }
    for group in plan.groups.iter().filter(|group| group.action == Action::Delete) {
        writer.delete_group(group.entry.key)?;
    }
    FailPoint::MembershipsWritten.pass();
    for (id, key) in &plan.aliases {
        writer.put_alias(plan.connector, EntryKind::User, id, key.0)?;
    }
    Ok(())
}
