use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::apply::apply;
use super::check::check_reading;
use super::collect::Collector;
use super::confirm::Confirmations;
use super::conflicts::Precedence;
use super::error::RunError;
use super::event::{Event, Observer, Step};
use super::extent::{self, Extent, Reads};
use super::held_versions::{HeldVersions, Skipping};
use super::increment::quiet;
use super::leavers::{Absentee, Judge, absentees};
use super::lock::WorkFolder;
use super::one_person::Whom;
use super::plan::{Plan, PlanInputs, build};
use super::policy::Policy;
use super::reading::Reading;
use super::report::{Milliseconds, Outcome, ReportedError, RequestCounts, RunReport};
use super::safety;
use super::spool::SpoolKey;
use super::turn::Turn;
use crate::clock::{self, timestamp};
use crate::directory::{ConnectorId, Reader, RunStart, Store};
use crate::failpoint::FailPoint;
use crate::http::HttpTotals;
use crate::model::{Attribute, ReferenceRule, Scope};
use crate::plugin::{Source, Transform};

/// What a run of one connector works with.
pub struct Job {
    pub connector: String,
    pub source: Arc<dyn Source>,
    pub transforms: Arc<[Arc<dyn Transform>]>,
    pub answers: Answers,
    pub work: WorkFolder,
    /// Hash of all that decides what a reading holds: plugin, settings, endpoint, credential identity.
    pub reading: [u8; 32],
    /// Hash of the transforms and their settings.
    pub rules: [u8; 32],
    /// References between people: what the plugin's manifest says, with what the connector says instead.
    pub references: Vec<ReferenceRule>,
    pub policy: Policy,
    /// Which connector of the directory is above which.
    pub precedence: Precedence,
    /// Limits are noted and not enforced.
    pub override_limits: bool,
    /// Everything, or what changed.
    pub reads: Reads,
    /// Only this person, whatever else could be read.
    pub person: Option<Whom>,
    /// What a full run need not ask for.
    pub skipping: Skipping,
    /// Requests that the plugin may ask for in this run.
    pub max_requests: u64,
    pub observer: Arc<dyn Observer>,
    pub cancel: CancellationToken,
    /// When it may change the directory, among the runs of this process.
    pub turn: Turn,
}

/// How a run ended: what it tells, and why it failed if it did.
pub struct Ended {
    pub report: RunReport,
    pub error: Option<RunError>,
}

/// A run: everything in scope is read, or what changed, or one person, and the directory follows.
///
/// An error means that the run could not begin; a run that began and failed has changed nothing but its own record.
pub async fn sync(job: &Job, store: &mut dyn Store) -> Result<Ended, RunError> {
    let clock = Instant::now();
    let _lock = job.work.lock_connector(&job.connector)?;
    FailPoint::ConnectorLocked.pass();
    job.work.tidy(SystemTime::now());
    let connector = store.connector(&job.connector)?;
    job.refuse_outdated(connector, store)?;
    let mut extent = job.possible_extent(connector, store)?;
    let start = RunStart { connector, mode: job.answers.mode(extent.0), at: timestamp() };
    let run = store.begin_run(&start)?;
    FailPoint::RunBegun.pass();
    let mut report = RunReport::new(&job.connector, start.mode);
    report.run = Some(run.0);
    report.replayed = job.answers.recorded();

    let result = async {
        let read = read(job, connector, store, start.at, &mut extent, &mut report).await?;
        job.wait_for_turn().await?;
        tokio::task::block_in_place(|| {
            // What this run plans holds only as long as nobody else changes the directory.
            let _directory =
                job.work.lock_directory(&job.cancel, || job.observer.event(Event::Step(Step::Wait)))?;
            FailPoint::DirectoryLocked.pass();
            let whole = !read.held.leaves_out();
            let mut plan = plan_reading(job, connector, store, read, &mut report)?;
            job.leave_marks(extent.0, whole, start.at, &mut plan);
            job.stop_if_asked()?;
            job.observer.event(Event::Step(Step::Apply));
            report.outcome = outcome_of(&report);
            job.measure(&mut report, clock);
            if report.held.as_ref().is_some_and(|held| !held.applied) {
                return safety::hold(store, run, &plan, &report, timestamp());
            }
            apply(store, run, &mut plan, &report, timestamp(), job.work.path())
        })
    }
    .await;

    job.measure(&mut report, clock);
    let Err(error) = result else {
        FailPoint::SpoolForgetting.pass();
        job.forget_spool();
        FailPoint::SpoolForgotten.pass();
        return Ok(Ended { report, error: None });
    };
    if !job.keeps_spool(&error) {
        job.forget_spool();
    }
    report.outcome = if matches!(error, RunError::Cancelled) { Outcome::Cancelled } else { Outcome::Failed };
    report.error = Some(ReportedError::new(&error, error.hint()));
    let told = serde_json::to_string(&report).map_err(|error| RunError::Worker(error.to_string()))?;
    FailPoint::RunEnding.pass();
    // What made the run fail, such as a full disk, may be in the way here too, and is what has to be told. The run then
    // counts as interrupted.
    if let Err(error) = store.end_run(run, report.outcome.as_str(), timestamp(), &told) {
        tracing::warn!("how run {} ended could not be kept: {}", run.0, with_causes(&error));
    }
    FailPoint::RunEnded.pass();
    Ok(Ended { report, error: Some(error) })
}

/// Sees a plan beside the directory that it was made for, and what is told of it.
pub type ShowPlan<'a> = dyn FnMut(&mut Plan, &dyn Reader, &RunReport) -> Result<(), RunError> + 'a;

/// What a run would do now. Nothing is written; `show` sees the plan beside the directory it was made for.
pub async fn plan(job: &Job, store: &mut dyn Store, show: &mut ShowPlan<'_>) -> Result<RunReport, RunError> {
    let clock = Instant::now();
    let _lock = job.work.lock_connector(&job.connector)?;
    let connector = store.connector(&job.connector)?;
    let mut report = RunReport::new(&job.connector, "plan");
    report.replayed = job.answers.recorded();
    let mut extent = job.possible_extent(connector, store)?;
    let read = match read(job, connector, store, timestamp(), &mut extent, &mut report).await {
        Ok(read) => read,
        Err(error) => {
            if !job.keeps_spool(&error) {
                job.forget_spool();
            }
            return Err(error);
        }
    };
    let result = tokio::task::block_in_place(|| {
        let mut plan = plan_reading(job, connector, store, read, &mut report)?;
        report.outcome = outcome_of(&report);
        job.measure(&mut report, clock);
        let reader = store.read()?;
        show(&mut plan, reader.as_ref(), &report)
    });
    // A later run reads anew: whoever plans, changes something at the provider and syncs wants to see it.
    job.forget_spool();
    result.map(|()| report)
}

/// A spool belongs to one reading, and to the time until it is applied: no reading is applied twice.
fn spool_key(
    job: &Job,
    connector: ConnectorId,
    store: &mut dyn Store,
    extent: Extent,
) -> Result<SpoolKey, RunError> {
    let applied = store.read()?.last_applied(connector)?.map_or(0, |run| run.0);
    let mut hasher = blake3::Hasher::new_keyed(&job.reading);
    hasher.update(&applied.to_le_bytes());
    if extent != Extent::Full {
        hasher.update(extent.mode().as_bytes());
    }
    if let Some(whom) = &job.person {
        hasher.update(whom.asked.as_bytes());
    }
    Ok(SpoolKey::new(*hasher.finalize().as_bytes()))
}

/// A reading, and what the provider says of those whom it left out.
struct Read {
    extent: Extent,
    /// Nothing where an increment was quiet: then it is not joined with all that is known.
    reading: Option<Reading>,
    /// What was not asked for.
    held: HeldVersions,
    confirmations: Confirmations,
    /// When it was made.
    now: Timestamp,
}

/// Reads what the extent says; where that may be either and the plugin can't tell changes, everything. The report says
/// why so much is read. All is read before anything is locked. `started`: when the run began.
async fn read(
    job: &Job,
    connector: ConnectorId,
    store: &mut dyn Store,
    started: Timestamp,
    extent: &mut (Extent, Option<String>),
    report: &mut RunReport,
) -> Result<Read, RunError> {
    let mut read = read_once(job, connector, store, started, extent.0, report).await;
    if let Err(error) = &read
        && extent.0 == Extent::Changes
        && let Some(reason) = error.wants_full_run()
    {
        if job.reads == Reads::Changes {
            return read;
        }
        *extent = (Extent::Full, Some(reason));
        read = read_once(job, connector, store, started, Extent::Full, report).await;
    }
    let because = extent.1.clone();
    match extent.0 {
        Extent::Full => report.everything_because = because,
        Extent::Changes => report.changes_because = because,
        Extent::User => {}
    }
    read
}

async fn read_once(
    job: &Job,
    connector: ConnectorId,
    store: &mut dyn Store,
    started: Timestamp,
    extent: Extent,
    report: &mut RunReport,
) -> Result<Read, RunError> {
    let key = spool_key(job, connector, store, extent)?;
    let mut known = known();
    let held = job.held_versions(connector, store.read()?.as_ref(), extent)?;
    if extent == Extent::Changes || held.leaves_out() {
        known.extend(extent::told(store.read()?.checkpoints(connector)?));
    }
    if extent == Extent::Changes {
        known.extend(extent::unread(store.read()?.unread_groups(connector, extent::ASKED_AGAIN)?));
    }
    let known = job.answers.begin(timestamp(), known)?;
    if let Err(error) = collect(job, extent, &key, &known, &held, report).await {
        return job.answers.end(Err(error));
    }
    let now = job.answers.recorded().unwrap_or(started);
    let read = async {
        let indexed = tokio::task::block_in_place(|| index(job, connector, store, extent, &held, now));
        let Some((reading, absent)) = indexed? else {
            let confirmations = Confirmations::default();
            return Ok(Read { extent, reading: None, held, confirmations, now });
        };
        let confirmations = match extent {
            Extent::User => Confirmations::of_one(&reading, &absent),
            Extent::Full | Extent::Changes => job.confirm(&absent, &reading, &known).await?,
        };
        report.requests.resumed += confirmations.resumed;
        Ok(Read { extent, reading: Some(reading), held, confirmations, now })
    }
    .await;
    match read {
        Ok(_) | Err(RunError::Cancelled) => job.answers.end(read),
        // Whatever is wrong with what was read: all of it was.
        Err(error) => job.answers.end(Ok(())).and(Err(error)),
    }
}

/// Reads everything in scope, or what changed, into the spool.
async fn collect(
    job: &Job,
    extent: Extent,
    key: &SpoolKey,
    known: &[Attribute],
    held: &HeldVersions,
    report: &mut RunReport,
) -> Result<(), RunError> {
    job.observer.event(Event::Step(Step::Collect));
    let clock = Instant::now();
    let collected = job.collector(held).collect(&job.scope(extent), known, &job.spool(), key, now()).await?;
    let milliseconds = clock.elapsed().as_millis() as u64;
    tracing::info!(connector = job.connector, pages = collected.pages, milliseconds, "collected");
    report.requests.resumed = collected.resumed;
    report.requests.groups_unchanged = collected.unchanged;
    Ok(())
}

/// Joins what was read with what is known; finds those whom it does not have. Nothing when an increment is quiet.
fn index(
    job: &Job,
    connector: ConnectorId,
    store: &mut dyn Store,
    extent: Extent,
    held: &HeldVersions,
    now: Timestamp,
) -> Result<Option<(Reading, Vec<Absentee>)>, RunError> {
    job.observer.event(Event::Step(Step::Shape));
    let reader = store.read()?;
    if extent == Extent::Changes && quiet(&job.spool(), reader.as_ref(), connector, &job.connector)?.is_some()
    {
        return Ok(None);
    }
    let reading = load(job, connector, reader.as_ref(), extent, held)?;
    let absent = job.absentees(&reading, reader.as_ref(), connector, now)?;
    Ok(Some((reading, absent)))
}

fn load(
    job: &Job,
    connector: ConnectorId,
    reader: &dyn Reader,
    extent: Extent,
    held: &HeldVersions,
) -> Result<Reading, RunError> {
    let clock = Instant::now();
    let (spool, references) = (job.spool(), &job.references);
    let reading = match &job.person {
        Some(whom) => Reading::of_person(&spool, reader, (connector, &job.connector), references, whom)?,
        None => Reading::load(&spool, reader, connector, references, extent, held)?,
    };
    if extent == Extent::Full {
        check_reading(&reading)?;
    }
    FailPoint::Indexed.pass();
    let milliseconds = clock.elapsed().as_millis() as u64;
    tracing::info!(connector = job.connector, people = reading.len(), milliseconds, "indexed");
    job.stop_if_asked()?;
    Ok(reading)
}

fn plan_reading(
    job: &Job,
    connector: ConnectorId,
    store: &mut dyn Store,
    read: Read,
    report: &mut RunReport,
) -> Result<Plan, RunError> {
    let Read { extent, reading, held, confirmations, now } = read;
    let spool = job.spool();
    let reader = store.read()?;
    let mut reading = match reading {
        Some(reading) => reading,
        None => match quiet(&spool, reader.as_ref(), connector, &job.connector)? {
            Some(quiet) => {
                return Plan::of_nothing(connector, reader.as_ref(), job.work.path(), quiet, report);
            }
            // Something waits by now: other runs changed the directory, or somebody approved what was held.
            None => load(job, connector, reader.as_ref(), extent, &held)?,
        },
    };
    job.observer.event(Event::Step(Step::Plan));
    let clock = Instant::now();
    // Other connectors may have taken entries over, and changed the groups that exceptions are about, since then.
    reading.find_keys(reader.as_ref(), connector)?;
    let absent = job.absentees(&reading, reader.as_ref(), connector, now)?;
    let inputs = PlanInputs {
        connector,
        connector_name: &job.connector,
        reader: reader.as_ref(),
        transforms: &job.transforms,
        rules: &job.rules,
        policy: &job.policy,
        precedence: &job.precedence,
        now,
        absent: &absent,
        confirmations: &confirmations,
        spool: &spool,
        work_folder: job.work.path(),
        cancel: &job.cancel,
    };
    let mut plan = build(&inputs, reading, report)?;
    safety::guard(&mut plan, &inputs, job.override_limits, report)?;
    FailPoint::Planned.pass();
    let milliseconds = clock.elapsed().as_millis() as u64;
    tracing::info!(connector = job.connector, milliseconds, "planned");
    Ok(plan)
}

/// The error's text and those of its sources.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(error.source(), |cause| cause.source());
    causes.fold(error.to_string(), |text, cause| format!("{text}: {cause}"))
}

fn outcome_of(report: &RunReport) -> Outcome {
    match (&report.held, report.problems.is_empty()) {
        (Some(_), _) => Outcome::Held,
        (None, true) => Outcome::Done,
        (None, false) => Outcome::Problems,
    }
}

/// What the host tells a plugin that has no clock.
fn known() -> Vec<Attribute> {
    vec![Attribute::new("now", timestamp().to_string())]
}

fn now() -> i64 {
    clock::now().as_second()
}

impl Job {
    fn collector<'a>(&'a self, held: &'a HeldVersions) -> Collector<'a> {
        Collector {
            connector: &self.connector,
            source: &self.source,
            transforms: &self.transforms,
            answers: &self.answers,
            observer: self.observer.as_ref(),
            cancel: &self.cancel,
            max_requests: self.max_requests,
            held,
        }
    }

    fn scope(&self, extent: Extent) -> Scope {
        match (&self.person, extent) {
            (Some(whom), _) => whom.scope(),
            (None, Extent::Changes) => Scope::Changes,
            (None, Extent::Full | Extent::User) => Scope::Full,
        }
    }

    /// How much is to be read now, and why, where it could have been the other.
    fn extent(
        &self,
        connector: ConnectorId,
        store: &mut dyn Store,
    ) -> Result<(Extent, Option<String>), RunError> {
        if self.person.is_some() {
            return Ok((Extent::User, None));
        }
        if self.reads == Reads::Full || self.answers.recorded().is_some() {
            return Ok((Extent::Full, None));
        }
        let checkpoints = store.read()?.checkpoints(connector)?;
        let against = extent::against_changes(&checkpoints, &self.configured());
        match (self.reads, against) {
            (Reads::Changes, Some(reason)) => {
                Err(RunError::FullNeeded { connector: self.connector.clone(), reason })
            }
            (Reads::Either { full_every }, None) => Ok(extent::by_age(&checkpoints, full_every, timestamp())),
            (_, Some(reason)) => Ok((Extent::Full, Some(reason))),
            (_, None) => Ok((Extent::Changes, None)),
        }
    }

    /// The same, having asked the plugin whether it can tell changes at all.
    fn possible_extent(
        &self,
        connector: ConnectorId,
        store: &mut dyn Store,
    ) -> Result<(Extent, Option<String>), RunError> {
        let (extent, why) = self.extent(connector, store)?;
        if extent != Extent::Changes || self.reads == Reads::Changes {
            return Ok((extent, why));
        }
        let known: Vec<Attribute> =
            known().into_iter().chain(extent::told(store.read()?.checkpoints(connector)?)).collect();
        let planned = tokio::task::block_in_place(|| self.source.plan(&Scope::Changes, &known));
        match planned.map_err(RunError::Plan).err().and_then(|error| error.wants_full_run()) {
            Some(reason) => Ok((Extent::Full, Some(reason))),
            None => Ok((extent, why)),
        }
    }

    /// Hash of all that decides what a reading holds and what becomes of it.
    pub(super) fn configured(&self) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.reading);
        hasher.update(&self.rules).update(format!("{:?} {:?}", self.policy, self.references).as_bytes());
        *hasher.finalize().as_bytes()
    }

    /// Leaves for later runs how much was read, and from when on. `whole`: the members of all groups were.
    fn leave_marks(&self, extent: Extent, whole: bool, began: Timestamp, plan: &mut Plan) {
        let checkpoints = &mut plan.reading.checkpoints;
        checkpoints.retain(|name, _| !extent::is_own(name));
        if extent == Extent::User {
            return;
        }
        // Who is missing in a listing in doubt is looked for again from where this reading began.
        if plan.mirror.doubts_absence {
            checkpoints.clear();
        } else if self.answers.recorded().is_some() {
            checkpoints.extend([extent::nothing_to_go_on_from()]);
        } else if extent == Extent::Full {
            checkpoints.extend([extent::full_run(began, &self.configured())]);
            checkpoints.extend(whole.then(|| extent::members_read(began)));
        }
    }

    fn absentees(
        &self,
        reading: &Reading,
        reader: &dyn Reader,
        connector: ConnectorId,
        now: Timestamp,
    ) -> Result<Vec<Absentee>, RunError> {
        let cleanup = &self.policy.cleanup;
        absentees(reading, &Judge::new(reader, connector, cleanup, now, reading.is_complete()))
    }

    pub(super) fn spool(&self) -> PathBuf {
        match &self.answers {
            _ if self.person.is_some() => self.work.person(&self.connector),
            Answers::Provider { .. } => self.work.spool(&self.connector),
            Answers::Recording { .. } => self.work.replay(&self.connector),
        }
    }

    fn keeps_spool(&self, error: &RunError) -> bool {
        // Nobody goes on from a recording's.
        self.answers.recorded().is_none() && error.keeps_spool()
    }

    /// What was read earlier must not undo what was applied later, unless someone wants that.
    fn refuse_outdated(&self, connector: ConnectorId, store: &mut dyn Store) -> Result<(), RunError> {
        let Answers::Recording { cassette, even_if_older: false, .. } = &self.answers else { return Ok(()) };
        let reader = store.read()?;
        let Some(row) = reader.last_applied(connector)?.map(|run| reader.run(run)).transpose()?.flatten()
        else {
            return Ok(());
        };
        let replayed = serde_json::from_str::<RunReport>(&row.report).ok().and_then(|report| report.replayed);
        // A run read no earlier than it started, unless it was a replay itself.
        match replayed.or_else(|| row.started_at.parse().ok()) {
            Some(applied) if applied > cassette.recorded() => Err(RunError::Outdated {
                connector: self.connector.clone(),
                recorded: cassette.recorded(),
                run: row.id.0,
                applied,
            }),
            _ => Ok(()),
        }
    }

    async fn wait_for_turn(&self) -> Result<(), RunError> {
        if self.turn.has_come() {
            return Ok(());
        }
        self.observer.event(Event::Step(Step::Wait));
        tokio::select! {
            () = self.turn.come() => Ok(()),
            () = self.cancel.cancelled() => Err(RunError::Cancelled),
        }
    }

    fn stop_if_asked(&self) -> Result<(), RunError> {
        if self.cancel.is_cancelled() { Err(RunError::Cancelled) } else { Ok(()) }
    }

    fn measure(&self, report: &mut RunReport, clock: Instant) {
        let HttpTotals { sent, retried, waited } = self.answers.totals();
        let RequestCounts { resumed, groups_unchanged, .. } = report.requests;
        report.requests = RequestCounts { sent, retried, resumed, groups_unchanged };
        report.milliseconds =
            Milliseconds { waited: waited.as_millis() as u64, total: clock.elapsed().as_millis() as u64 };
    }

    /// What can't be removed is never read again: its key has passed. So a failure is no reason to call the run one.
    fn forget_spool(&self) {
        let spool = self.spool();
        match std::fs::remove_file(&spool) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                tracing::warn!("the working file {} could not be removed: {error}", spool.display());
            }
            _ => {}
        }
    }
}
