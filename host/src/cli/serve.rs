//! `rollcall serve`: what the service needs of the configuration and the plugins, and its log.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use jiff::tz::TimeZone;
use serde::Serialize;
use tokio::sync::mpsc;

use super::config::check_connector;
use super::exit::Exit;
use super::global::Global;
use super::installed::library;
use super::interrupt::block_on;
use super::job::{self, Surroundings};
use super::open;
use super::output::{Output, print_json};
use super::pause::pause_of;
use super::report::Failure;
use super::sync::{Wishes, one};
use crate::clock;
use crate::config::{Config, Directory, Notify, Schedule};
use crate::http::Budgets;
use crate::plugin::Library;
use crate::run::{Extent, Keep, Outcome, Reads, ReportedError, RunError, RunReport, Turn};
use crate::service::{
    Happening, Kit, OpenDirectory, Refused, ServeError, Service, Signals, Skipped, SystemClock, Watch,
    Workshop,
};

pub(super) fn run(global: &Global, output: Output) -> Result<Exit, Failure> {
    let mut files = Files::new(global)?;
    let seen = files.look();
    let kit = files.make()?;
    if kit.schedules().is_empty() {
        let hint = "say when in its table: `schedule = \"0 3 * * *\"`";
        tracing::warn!("no connector has a schedule, so that nothing is synced by itself: {hint}");
    }
    block_on(|interrupt| async move {
        let stop = interrupt.token();
        // What the runs of all configurations have in common.
        let around = Surroundings {
            output: Output { quiet: true, ..output },
            cancel: stop.clone(),
            budgets: Budgets::default(),
        };
        let around = Arc::new(around);
        let stores = tokio::task::block_in_place(|| -> Result<Vec<OpenDirectory>, Failure> {
            let open = |directory: &&Directory| -> Result<OpenDirectory, Failure> {
                Ok((directory.path.clone(), Box::new(job::store(directory)?)))
            };
            kit.config.directories()?.iter().map(open).collect()
        })?;
        let shop = Shop { files, around: Arc::clone(&around) };
        let kit = Arc::new(Running { kit, around });
        let happens = Arc::new(move |happening| tell(output, &happening));
        let service = Service::new(shop, (seen, kit), Arc::new(SystemClock), happens, stores)?;
        service.serve(Signals { stop, reload: hangups()? }).await?;
        Ok(Exit::Done)
    })
}

/// SIGHUP, which service managers send for a reload.
#[cfg(unix)]
fn hangups() -> Result<mpsc::Receiver<()>, Failure> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut hangup = signal(SignalKind::hangup())
        .map_err(|error| Failure::new(Exit::Failed, "failed to listen for signals").because(&error))?;
    // One that is not yet answered stands for all that follow.
    let (asked, asks) = mpsc::channel(1);
    tokio::spawn(async move {
        while hangup.recv().await.is_some() {
            if let Err(mpsc::error::TrySendError::Closed(())) = asked.try_send(()) {
                break;
            }
        }
    });
    Ok(asks)
}

#[cfg(not(unix))]
fn hangups() -> Result<mpsc::Receiver<()>, Failure> {
    Ok(mpsc::channel(1).1)
}

/// Where the configuration and the plugins are.
struct Files<'a> {
    global: &'a Global,
    watch: Watch,
    /// Plugin folders of what was loaded, and of what was tried last.
    folders: BTreeSet<PathBuf>,
    /// The databases that are served.
    databases: Vec<PathBuf>,
}

impl<'a> Files<'a> {
    fn new(global: &'a Global) -> Result<Self, Failure> {
        let config = global.load()?;
        let folders = config.plugins.path.iter().cloned().collect();
        Ok(Self { global, watch: Watch::default(), folders, databases: databases(&config)? })
    }

    fn look(&mut self) -> [u8; 32] {
        self.watch.look(&self.global.config, &self.folders)
    }

    /// Everything that the runs will need but secrets and the network, so that what is wrong is known before.
    fn make(&mut self) -> Result<Loaded, Failure> {
        let config = self.global.load()?;
        self.folders.extend(config.plugins.path.clone());
        let new = databases(&config)?;
        if new != self.databases {
            let told = |paths: &[PathBuf]| {
                paths.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
            };
            let (new, old) = (told(&new), told(&self.databases));
            return Err(Failure::new(Exit::Usage, format!("the database is now {new}, and {old} is served"))
                .with_hint(Some("start `rollcall serve` again to serve another database")));
        }
        let mut library = library(&config.plugins)?;
        library.hold().map_err(|error| {
            Failure::new(Exit::Failed, "failed to read the plugins").because(&error).with_hint(error.hint())
        })?;
        for name in config.connectors.keys() {
            check_connector(&config, &library, name)?;
        }
        self.folders = config.plugins.path.iter().cloned().collect();
        Ok(Loaded { config, library })
    }
}

fn databases(config: &Config) -> Result<Vec<PathBuf>, Failure> {
    Ok(config.directories()?.into_iter().map(|directory| directory.path.clone()).collect())
}

struct Loaded {
    config: Config,
    library: Library,
}

impl Loaded {
    fn schedules(&self) -> BTreeMap<String, Schedule> {
        let timed = self.config.connectors.iter().filter_map(|(name, connector)| {
            let schedule = connector.schedule.as_ref().filter(|schedule| schedule.is_timed())?;
            Some((name.clone(), schedule.clone()))
        });
        timed.collect()
    }
}

struct Shop<'a> {
    files: Files<'a>,
    around: Arc<Surroundings>,
}

impl Workshop for Shop<'_> {
    type Kit = Running;

    fn look(&mut self) -> [u8; 32] {
        self.files.look()
    }

    fn load(&mut self) -> Result<Arc<Running>, Refused> {
        let kit = self.files.make().map_err(|failure| Refused { what: failure.plain() })?;
        Ok(Arc::new(Running { kit, around: Arc::clone(&self.around) }))
    }
}

/// A configuration that is in force.
struct Running {
    kit: Loaded,
    around: Arc<Surroundings>,
}

#[async_trait]
impl Kit for Running {
    fn schedules(&self) -> BTreeMap<String, Schedule> {
        self.kit.schedules()
    }

    fn order(&self) -> Vec<String> {
        self.kit.config.order()
    }

    fn notify(&self) -> &Notify {
        &self.kit.config.notify
    }

    fn keep(&self) -> Keep {
        self.kit.config.runs
    }

    fn database(&self, connector: &str) -> &Path {
        &self.kit.config.directory_of(connector).path
    }

    async fn run(&self, connector: &str, extent: Extent, turn: Turn) -> Result<RunReport, Skipped> {
        let Loaded { config, library } = &self.kit;
        match tokio::task::block_in_place(|| pause_of(config, connector)) {
            Ok(None) => {}
            Ok(Some(pause)) => {
                let reason = format!("it is {pause}; `rollcall resume {connector}` ends that");
                return Err(Skipped { reason });
            }
            Err(failure) => return Ok(not_begun(connector, extent, &failure)),
        }
        let schedule = config.connectors.get(connector).and_then(|connector| connector.schedule.as_ref());
        let reads = match extent {
            Extent::Full | Extent::User => Reads::Full,
            Extent::Changes => Reads::Either { full_every: schedule.and_then(Schedule::full_by_age) },
        };
        let wishes = Wishes { reads, ..Wishes::default() };
        let ended = async {
            // Anew for each run, because their limits are those of a run.
            let plugins = tokio::task::block_in_place(|| open::plugins(config, library, connector))?;
            one(config, connector, plugins, &self.around, turn, None, wishes).await
        };
        match ended.await {
            Ok(Ok(ended)) => Ok(ended.report),
            Ok(Err(error @ RunError::Busy { .. })) => Err(Skipped { reason: error.to_string() }),
            Ok(Err(error)) => Ok(not_begun(connector, extent, &Failure::from(error))),
            Err(failure) => Ok(not_begun(connector, extent, &failure)),
        }
    }
}

fn not_begun(connector: &str, extent: Extent, failure: &Failure) -> RunReport {
    let error = ReportedError {
        message: failure.what().to_owned(),
        causes: failure.causes().to_vec(),
        hint: failure.hint().map(str::to_owned),
    };
    RunReport { outcome: Outcome::Failed, error: Some(error), ..RunReport::new(connector, extent.mode()) }
}

impl From<ServeError> for Failure {
    fn from(error: ServeError) -> Self {
        Failure::of(Exit::Failed, &error).with_hint(error.hint())
    }
}

/// A line with the time before it, unless a service manager's log has its own.
fn tell(output: Output, happening: &Happening) {
    let now = clock::now();
    if output.json {
        #[derive(Serialize)]
        struct Line<'a> {
            at: jiff::Timestamp,
            #[serde(flatten)]
            happening: &'a Happening,
        }
        // Who reads it may be gone: the runs go on.
        let _ = print_json(&Line { at: now, happening });
    } else if !output.quiet || happening.is_trouble() {
        match std::env::var_os("JOURNAL_STREAM").is_some() {
            true => anstream::eprintln!("{happening}"),
            false => {
                let local = now.to_zoned_datetime(TimeZone::system());
                anstream::eprintln!("{} {happening}", local.strftime("%Y-%m-%d %H:%M:%S"));
            }
        }
    }
}
