use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::clock::Clock;
use super::happening::Happening;
use super::kit::{Kit, Refused, Skipped, Workshop};
use super::last::{LastRuns, last_runs};
use super::notify::Notifier;
use super::scheduler::{How, Scheduler, Start};
use super::standing::succeeded;
use super::state::{Refusal, State};
use super::systemd;
use crate::directory::{Store, StoreError};
use crate::run::{Extent, Outcome, RunError, RunReport, Turns, WorkFolder, prune};

/// How often files are looked at. A change is taken over when it was the same twice: a file that is still being
/// written is not looked into.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// How often old runs are pruned.
const PRUNE_EVERY: SignedDuration = SignedDuration::from_hours(24);

/// Why the service can't go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Work(#[from] RunError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("a run ended unexpectedly: {0}")]
    Task(String),
}

impl ServeError {
    pub fn hint(&self) -> Option<String> {
        match self {
            ServeError::Task(_) => None,
            ServeError::Work(error) => error.hint(),
            ServeError::Store(error) => error.hint(),
        }
    }
}

/// What the world asks of the service.
pub struct Signals {
    /// Begin nothing more, and end.
    pub stop: CancellationToken,
    /// Look at the files now.
    pub reload: mpsc::Receiver<()>,
}

/// A directory's database file, and the store in it.
pub type OpenDirectory = (PathBuf, Box<dyn Store>);

/// Runs the connectors of the configuration that is in force by their schedules.
pub struct Service<W: Workshop> {
    workshop: W,
    kit: Arc<W::Kit>,
    clock: Arc<dyn Clock>,
    happens: Arc<dyn Fn(Happening) + Send + Sync>,
    /// The directories that are served; at least one.
    served: Vec<Served>,
    scheduler: Scheduler,
    state: State,
    /// What the files held when they were last tried, and what they held at the last look.
    tried: [u8; 32],
    seen: [u8; 32],
    tasks: JoinSet<Done>,
}

/// A directory that is served.
struct Served {
    store: Arc<Mutex<Box<dyn Store>>>,
    /// The store's file.
    database: PathBuf,
    work: WorkFolder,
}

/// A task that ended.
enum Done {
    /// `how`: nothing where it could not even begin.
    Run {
        connector: String,
        how: Option<How>,
    },
    Told,
}

impl<W: Workshop> Service<W> {
    /// `begun` is what the files held, and what was loaded of them; `stores` are the directories' with their files.
    pub fn new(
        workshop: W,
        begun: ([u8; 32], Arc<W::Kit>),
        clock: Arc<dyn Clock>,
        happens: Arc<dyn Fn(Happening) + Send + Sync>,
        stores: Vec<OpenDirectory>,
    ) -> Result<Self, ServeError> {
        let serve = |(database, store): OpenDirectory| -> Result<Served, ServeError> {
            let work = WorkFolder::beside(&database)?;
            Ok(Served { store: Arc::new(Mutex::new(store)), database, work })
        };
        let served = stores.into_iter().map(serve).collect::<Result<_, _>>()?;
        let (tried, kit) = begun;
        let state = State { process: std::process::id(), since: clock.now(), refused: None };
        Ok(Self {
            workshop,
            kit,
            clock,
            happens,
            served,
            scheduler: Scheduler::default(),
            state,
            tried,
            seen: tried,
            tasks: JoinSet::new(),
        })
    }

    /// Returns when it was told to stop and the runs at work have ended. Refuses while another one serves one of the
    /// same databases.
    pub async fn serve(mut self, mut signals: Signals) -> Result<(), ServeError> {
        let mut alone = Vec::new();
        for Served { work, database, .. } in &self.served {
            alone.push(work.lock_service(database)?);
        }
        self.leave_state();
        self.schedule()?;
        self.say(Happening::Serving { process: self.state.process, connectors: self.connectors() });
        self.say_plans();
        systemd::tell("READY=1");
        let mut next_look = self.clock.now();
        let mut next_prune = next_look;
        loop {
            let now = self.clock.now();
            if now >= next_look {
                next_look =
                    now.checked_add(SignedDuration::try_from(LOOK_EVERY).unwrap_or_default()).unwrap_or(now);
                tokio::task::block_in_place(|| self.look(false))?;
            }
            if now >= next_prune {
                next_prune = now.checked_add(PRUNE_EVERY).unwrap_or(now);
                self.prune(now);
            }
            self.begin(now);
            let wakes = self.scheduler.wakes().map_or(next_look, |wakes| wakes.min(next_look));
            tokio::select! {
                biased;
                () = signals.stop.cancelled() => break,
                Some(done) = self.tasks.join_next() => self.done(done)?,
                Some(()) = signals.reload.recv() => tokio::task::block_in_place(|| self.look(true))?,
                () = self.clock.until(wakes) => {}
            }
        }
        systemd::tell("STOPPING=1");
        self.say(Happening::Stopping { running: self.tasks.len() });
        while let Some(done) = self.tasks.join_next().await {
            self.done(done)?;
        }
        self.say(Happening::Stopped);
        Ok(())
    }

    /// Begins what is to begin now.
    fn begin(&mut self, now: Timestamp) {
        // Only runs that begin together wait for each other, and only those of one directory: who began long before may
        // read for hours.
        let mut turns: BTreeMap<PathBuf, Turns> = BTreeMap::new();
        for start in self.scheduler.start(now) {
            let (connector, reads, due, late) = match start {
                Start::Run { connector, extent, due, late } => (connector, extent, due, late),
                Start::Skip { connector, extent, due } => {
                    let reason = "the run before it is still at work".to_owned();
                    self.say(Happening::Skipped { connector, reads: extent, due, reason });
                    continue;
                }
            };
            self.say(Happening::Begins { connector: connector.clone(), reads, due, late });
            let (kit, clock) = (Arc::clone(&self.kit), Arc::clone(&self.clock));
            let turn = turns.entry(kit.database(&connector).to_owned()).or_default().give();
            let (store, happens) = (self.store_of(&connector), Arc::clone(&self.happens));
            self.tasks.spawn(async move {
                let ended = match kit.run(&connector, reads, turn).await {
                    Err(Skipped { reason }) => {
                        happens(Happening::Skipped { connector: connector.clone(), reads, due, reason });
                        None
                    }
                    Ok(report) => {
                        happens(Happening::Ended { report: Box::new(report.clone()) });
                        let notifier = Notifier { notify: kit.notify(), store: &store, happens: &*happens };
                        notifier.ended(&report, clock.now()).await;
                        Some(report)
                    }
                };
                Done::Run { connector, how: ended.as_ref().map(how) }
            });
        }
        for silence in self.scheduler.silent(now) {
            let kit = Arc::clone(&self.kit);
            let (store, happens) = (self.store_of(&silence.connector), Arc::clone(&self.happens));
            self.tasks.spawn(async move {
                let notifier = Notifier { notify: kit.notify(), store: &store, happens: &*happens };
                notifier.silent(&silence, now).await;
                Done::Told
            });
        }
    }

    /// The space is not given back: what runs write next takes it.
    fn prune(&mut self, now: Timestamp) {
        let keep = self.kit.keep();
        if keep.is_everything() {
            return;
        }
        for Served { store, .. } in &self.served {
            let (store, happens) = (Arc::clone(store), Arc::clone(&self.happens));
            self.tasks.spawn_blocking(move || {
                let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
                match prune(store.as_mut(), &keep, None, now) {
                    Ok(pruned) if pruned.connectors.is_empty() => {}
                    Ok(pruned) => happens(Happening::Pruned { pruned }),
                    Err(error) => happens(Happening::NotPruned { reason: error.to_string() }),
                }
                Done::Told
            });
        }
    }

    fn done(&mut self, done: Result<Done, tokio::task::JoinError>) -> Result<(), ServeError> {
        let done = done.map_err(|error| ServeError::Task(error.to_string()))?;
        if let Done::Run { connector, how } = done {
            for due in self.scheduler.ended(&connector, self.clock.now(), how) {
                let reason = "the increment before it had to read everything, too".to_owned();
                self.say(Happening::Skipped {
                    connector: connector.clone(),
                    reads: Extent::Full,
                    due,
                    reason,
                });
            }
            self.say_plan(connector);
        }
        Ok(())
    }

    /// Takes changed files over, if they can be used: at once when somebody asks for it, else when they have settled.
    fn look(&mut self, asked: bool) -> Result<(), ServeError> {
        let found = self.workshop.look();
        let settled = found == std::mem::replace(&mut self.seen, found);
        if (found == self.tried || !settled) && !asked {
            return Ok(());
        }
        self.tried = found;
        // Whoever reads the log and asks `status` then gets the same answer: the state is left first.
        match self.workshop.load() {
            Ok(kit) => {
                self.kit = kit;
                let mended = self.state.refused.take().is_some();
                self.leave_state();
                if mended {
                    self.say(Happening::Mended);
                }
                self.schedule()?;
                self.say(Happening::Reloaded { connectors: self.connectors() });
                self.say_plans();
            }
            Err(Refused { what }) => {
                self.state.refused = Some(Refusal { since: self.clock.now(), reason: what.clone() });
                self.leave_state();
                self.say(Happening::Refused { reason: what });
            }
        }
        Ok(())
    }

    fn schedule(&mut self) -> Result<(), ServeError> {
        let mut failed = None;
        let (kit, served) = (&self.kit, &self.served);
        let last = |connector: &str| {
            let Served { store, database, .. } = serving(kit.as_ref(), served, connector);
            let mut store = store.lock().unwrap_or_else(PoisonError::into_inner);
            match last_runs(store.as_mut(), database, connector) {
                Ok(last) => last,
                Err(error) => {
                    failed = Some(error);
                    LastRuns::default()
                }
            }
        };
        self.scheduler.set_order(self.kit.order());
        self.scheduler.set(self.kit.schedules(), self.clock.now(), last);
        failed.map_or(Ok(()), |error| Err(error.into()))
    }

    fn store_of(&self, connector: &str) -> Arc<Mutex<Box<dyn Store>>> {
        Arc::clone(&serving(self.kit.as_ref(), &self.served, connector).store)
    }

    fn connectors(&self) -> Vec<String> {
        self.kit.schedules().into_keys().collect()
    }

    fn say_plans(&self) {
        self.connectors().into_iter().for_each(|name| self.say_plan(name));
    }

    fn say_plan(&self, connector: String) {
        let next = self.scheduler.next(&connector);
        let begins = next.map(|(_, next)| next.begins);
        self.say(Happening::Planned { connector, begins, reads: next.map(|(extent, _)| extent) });
    }

    fn say(&self, happening: Happening) {
        (self.happens)(happening);
    }

    /// It is for `status` only: the service goes on without.
    fn leave_state(&self) {
        for Served { work, .. } in &self.served {
            if let Err(error) = self.state.leave(work) {
                tracing::warn!("`rollcall status` can't be told what is served: {error}");
            }
        }
    }
}

fn how(report: &RunReport) -> How {
    let extent = if report.read_everything() { Extent::Full } else { Extent::Changes };
    How { extent, succeeded: succeeded(report.outcome), failed: report.outcome == Outcome::Failed }
}

/// The directory that the connector fills. No kit comes into force that has another one than those that are served.
fn serving<'a>(kit: &impl Kit, served: &'a [Served], connector: &str) -> &'a Served {
    let database = kit.database(connector);
    served.iter().find(|one| one.database == database).unwrap_or(&served[0])
}
