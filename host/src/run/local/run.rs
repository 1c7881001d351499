use std::collections::BTreeMap;
use std::time::Instant;

use tokio_util::sync::CancellationToken;

use super::draft::{Draft, LocalPlan};
use super::error::LocalError;
use crate::clock::timestamp;
use crate::directory::{ConnectorId, LOCAL, MembershipChange, RunId, RunStart, Store, StoreError, Writer};
use crate::failpoint::FailPoint;
use crate::run::error::RunError;
use crate::run::lock::WorkFolder;
use crate::run::report::Outcome;
use crate::run::staging::Action;

/// Where a local run works.
pub struct Site<'a> {
    pub work: &'a WorkFolder,
    pub cancel: &'a CancellationToken,
}

/// Makes the edits, as a run of its own, in one transaction. One that is refused leaves nothing, not even a run.
pub fn change<E: From<LocalError>>(
    site: &Site<'_>,
    store: &mut dyn Store,
    edit: impl FnOnce(&mut Draft<'_>) -> Result<(), E>,
) -> Result<LocalPlan, E> {
    let clock = Instant::now();
    let locks = || -> Result<_, RunError> {
        let connector = site.work.lock_connector(LOCAL)?;
        FailPoint::ConnectorLocked.pass();
        Ok((connector, site.work.lock_directory(site.cancel, || {})?))
    };
    let _locks = locks().map_err(LocalError::from)?;
    FailPoint::DirectoryLocked.pass();
    let mut plan = foresee(store, edit)?;
    let mut kept = || -> Result<(), LocalError> {
        let start = RunStart { connector: plan.local, mode: LOCAL, at: timestamp() };
        let run = store.begin_run(&start)?;
        FailPoint::RunBegun.pass();
        plan.report.run = Some(run.0);
        plan.report.milliseconds.total = clock.elapsed().as_millis() as u64;
        apply(store, run, &plan)
    };
    kept()?;
    Ok(plan)
}

/// What the edits would do. Nothing is written.
pub fn foresee<E: From<LocalError>>(
    store: &mut dyn Store,
    edit: impl FnOnce(&mut Draft<'_>) -> Result<(), E>,
) -> Result<LocalPlan, E> {
    let clock = Instant::now();
    let failed = |error: StoreError| E::from(LocalError::from(error));
    let local = store.connector(LOCAL).map_err(failed)?;
    let reader = store.read().map_err(failed)?;
    let mut draft = Draft::new(reader.as_ref(), local).map_err(failed)?;
    edit(&mut draft)?;
    let mut plan = draft.finish().map_err(failed)?;
    plan.report.outcome = if plan.report.problems.is_empty() { Outcome::Done } else { Outcome::Problems };
    plan.report.milliseconds.total = clock.elapsed().as_millis() as u64;
    Ok(plan)
}

fn apply(store: &mut dyn Store, run: RunId, plan: &LocalPlan) -> Result<(), LocalError> {
    let told = serde_json::to_string(&plan.report).map_err(|error| RunError::Worker(error.to_string()))?;
    // Whose entries they stay.
    let (mut owners, mut known) = (Vec::with_capacity(plan.users.len()), BTreeMap::new());
    for user in &plan.users {
        let name = &user.entry.connector;
        let owner = match known.get(name) {
            Some(owner) => *owner,
            None => *known.entry(name).or_insert(store.connector(name)?),
        };
        owners.push(owner);
    }
    FailPoint::Applying.pass();
    let mut writer = store.write()?;
    writer.set_counters(plan.counters)?;
    write_users(writer.as_mut(), plan, &owners)?;
    FailPoint::UsersWritten.pass();
    for group in plan.groups.iter().filter(|group| group.action == Action::Create) {
        writer.create_group(plan.local, &group.entry)?;
    }
    FailPoint::GroupsWritten.pass();
    for (sequence, change) in (0..).zip(&plan.changes) {
        writer.add_change(run, sequence, change)?;
    }
    for members in &plan.members {
        writer.set_members(members.group, members.connector, &members.all)?;
        let change = MembershipChange {
            group: members.group,
            connector: members.connector,
            added: members.added.clone(),
            removed: members.removed.clone(),
        };
        writer.add_membership_change(run, &change)?;
    }
    for group in plan.groups.iter().filter(|group| group.action == Action::Delete) {
        writer.delete_group(group.entry.key)?;
    }
    FailPoint::MembershipsWritten.pass();
    writer.end_run(run, plan.report.outcome.as_str(), timestamp(), &told)?;
    FailPoint::OutcomeWritten.pass();
    writer.commit()?;
    FailPoint::Committed.pass();
    Ok(())
}

fn write_users(writer: &mut dyn Writer, plan: &LocalPlan, owners: &[ConnectorId]) -> Result<(), LocalError> {
    // A name that is given up may be another's now.
    for user in plan.users.iter().filter(|user| user.action != Action::Create) {
        writer.release_user_name(user.entry.key)?;
    }
    for (user, owner) in plan.users.iter().zip(owners) {
        match user.action {
            Action::Create => writer.create_user(*owner, &user.entry)?,
            Action::Update => writer.update_user(*owner, &user.entry)?,
            Action::Delete => writer.delete_user(user.entry.key)?,
        }
    }
    for ((user, name), kept) in &plan.kept {
        match kept {
            true => writer.keep(*user, name)?,
            false => {
                writer.forget_kept(*user, name)?;
                // Also an increment, which may hear nothing of them, brings the provider's value back.
                writer.shape_user_again(*user)?;
            }
        }
    }
    Ok(())
}
