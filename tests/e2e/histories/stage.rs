//! Where a history is played: an organisation, its directory, and runs from one to the other, in this process.
//!
//! A process for each run would cost more than the run. So a run here is what the binary makes of the same
//! configuration: the real components over the network, into a database on disk. Only the end that kills a process needs one.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use okta_sim::{Population, RunningSim, Sim};
use rollcall::cli::open::{self, ConnectorPlugins};
use rollcall::config::Config;
use rollcall::directory::{GroupFilter, Reader, SqliteStore, Store, UserFilter};
use rollcall::http::Budgets;
use rollcall::plugin::{Cache, Library, Sandbox};
use rollcall::run::{
    Answers, Job, Outcome, Precedence, Reads, RunError, RunReport, Silent, Turn, WorkFolder, sync,
};
use serde_json::Value;
use tokio_util::sync::CancellationToken;

use super::chronicle::{CHIEF, CHIEFS, OUT};
use super::story::{Ends, Kind, Run, Story};
use crate::support::{Directory, Place};

/// Compiled once for all histories.
static LIBRARY: LazyLock<Library> = LazyLock::new(|| {
    let cache = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("e2e-cache/histories");
    Library::open(None, Sandbox::new(Cache::in_folder(cache)).unwrap()).unwrap()
});

/// By whom runs are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    ThisProcess,
    TheBinary,
}

pub struct Stage {
    pub sim: RunningSim,
    /// Another provider, which fills the same directory.
    pub other: RunningSim,
    place: Place,
    config: Config,
    /// By connector.
    plugins: BTreeMap<&'static str, ConnectorPlugins>,
    by: By,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// The directory may have changed.
    Applied(Box<RunReport>),
    /// Nothing was applied, and why.
    Failed(String),
    /// It asks for a full run.
    Refused(String),
    /// Whether it has applied anything is not known.
    Died,
}

impl Stage {
    pub fn new(story: &Story, by: By) -> Self {
        let place = Place::new();
        let nobody = Population { users: 0, groups: 0, ..Population::default() };
        let start = || place.runtime().block_on(Sim::builder().population(nobody.clone()).start()).unwrap();
        let (sim, other) = (start(), start());
        place.write("okta-token", sim.token());
        let text = configuration(story, &sim, &other);
        let file = place.write("rollcall.toml", &text);
        let config = Config::parse(&file, &text).unwrap_or_else(|error| panic!("{error:?}\n{text}"));
        let plugins = ["acme", "other"].map(|name| {
            let plugins = open::plugins(&config, &LIBRARY, name);
            (name, plugins.unwrap_or_else(|error| panic!("{}", error.text())))
        });
        Self { sim, other, place, config, plugins: plugins.into(), by }
    }

    pub fn run(&self, connector: &str, run: &Run) -> Ended {
        for fault in &run.faults {
            self.sim.add_fault(fault.parse().unwrap_or_else(|error| panic!("{fault}: {error}")));
        }
        match self.by {
            By::ThisProcess => self.place.runtime().block_on(self.run_here(connector, run)),
            By::TheBinary => self.run_binary(connector, run),
        }
    }

    async fn run_here(&self, connector: &str, run: &Run) -> Ended {
        let mut store = SqliteStore::open(&self.config.directory_of(connector).path).unwrap();
        let cancel = CancellationToken::new();
        let mut job = self.job(connector, cancel.clone()).await;
        job.reads = match run.reads {
            Kind::Full => Reads::Full,
            Kind::Changes => Reads::Changes,
            Kind::Auto => Reads::Either { full_every: Some(Duration::from_secs(24 * 3600)) },
        };
        let running = sync(&job, &mut store);
        let ended = match run.ends {
            Ends::ByItself | Ends::Killed { .. } => running.await,
            Ends::Dies { requests } => tokio::select! {
                ended = running => ended,
                () = self.have_arrived(requests) => return Ended::Died,
            },
            Ends::Stopped { requests } => {
                let stopping = async {
                    self.have_arrived(requests).await;
                    cancel.cancel();
                    std::future::pending::<()>().await;
                };
                tokio::select! {
                    ended = running => ended,
                    () = stopping => unreachable!("it waits for ever"),
                }
            }
        };
        match ended {
            Ok(ended) => match ended.error {
                None => Ended::Applied(Box::new(ended.report)),
                Some(error) => failed(&error),
            },
            Err(error) => failed(&error),
        }
    }

    async fn job(&self, name: &str, cancel: CancellationToken) -> Job {
        let connector = self.config.connector(name).unwrap();
        let plugins = &self.plugins[name];
        let manifest = plugins.source.manifest();
        let references =
            open::references(&self.config, name, manifest).unwrap_or_else(|error| panic!("{}", error.text()));
        let client = open::client(&self.config, name, manifest, Arc::new(|_| {}), Budgets::default()).await;
        let (client, _) = client.unwrap_or_else(|error| panic!("{}", error.failure.text()));
        Job {
            connector: name.to_owned(),
            source: plugins.source.clone(),
            transforms: plugins.transforms.clone().into(),
            answers: Answers::Provider { transport: Arc::new(client), recorder: None },
            turn: Turn::at_once(),
            work: WorkFolder::beside(&self.config.directory_of(name).path).unwrap(),
            // The configuration of a history never changes.
            reading: [1; 32],
            rules: [2; 32],
            references,
            policy: connector.policy.clone(),
            precedence: Precedence::new(&self.config.directory_of(name).order),
            override_limits: false,
            reads: Reads::Full,
            person: None,
            skipping: connector.reading,
            max_requests: connector.limits.requests_per_run,
            observer: Arc::new(Silent),
            cancel,
        }
    }

    /// Ends when so many requests of this run have arrived.
    async fn have_arrived(&self, requests: u64) {
        let before = self.sim.stats().total;
        while self.sim.stats().total < before + requests {
            tokio::time::sleep(Duration::from_micros(300)).await;
        }
    }

    fn run_binary(&self, connector: &str, run: &Run) -> Ended {
        let mut arguments = vec!["sync", connector, "--json", "--quiet"];
        arguments.extend(match run.reads {
            Kind::Full => None,
            Kind::Changes => Some("--changes"),
            Kind::Auto => Some("--auto"),
        });
        let before = self.sim.stats().total;
        let running = self.place.start_with(&arguments, |command| {
            if let Ends::Killed { passing } = run.ends {
                command.env("ROLLCALL_KILL_AT", format!("any:{passing}"));
            }
        });
        let ran = match run.ends {
            Ends::ByItself | Ends::Killed { .. } => self.place.wait(running),
            Ends::Dies { requests } | Ends::Stopped { requests } => {
                let mut running = running;
                self.place.runtime().block_on(async {
                    while running.is_running() && self.sim.stats().total < before + requests {
                        tokio::time::sleep(Duration::from_millis(1)).await;
                    }
                });
                if running.is_running() {
                    match run.ends {
                        Ends::Dies { .. } => running.kill(),
                        _ => running.signal(rustix::process::Signal::TERM),
                    }
                }
                self.place.wait(running)
            }
        };
        let report = serde_json::from_str::<RunReport>(ran.stdout.trim());
        let told = || format!("{}{}", ran.stdout, ran.stderr);
        match (ran.signal, report) {
            (Some(_), _) => Ended::Died,
            (None, Ok(report)) if !matches!(report.outcome, Outcome::Failed | Outcome::Cancelled) => {
                Ended::Applied(Box::new(report))
            }
            (None, _) if ran.code != Some(1) => panic!("exit code {:?}\n{}", ran.code, told()),
            (None, _) if run.reads == Kind::Changes && told().contains("full sync") => Ended::Refused(told()),
            (None, _) => Ended::Failed(told()),
        }
    }

    /// What the directory shows, and what is wrong with its file.
    pub fn directory(&self) -> (Directory, Vec<String>) {
        let path = &self.config.directory_of("acme").path;
        let Some(mut store) = SqliteStore::open_existing(path).unwrap() else { return Default::default() };
        let damage = store.health().unwrap().damage;
        let directory = shown(store.read().unwrap().as_ref());
        (directory, damage)
    }
}

fn failed(error: &RunError) -> Ended {
    let text = rollcall::run::with_causes(error);
    match error {
        RunError::FullNeeded { .. } => Ended::Refused(text),
        error if error.wants_full_run().is_some() => Ended::Refused(text),
        _ => Ended::Failed(text),
    }
}

fn configuration(story: &Story, sim: &RunningSim, other: &RunningSim) -> String {
    let Story { users, strips, parallel, .. } = story;
    let memberships = if *strips { "remove" } else { "keep" };
    let (head, named) = match story.named {
        true => ("[directory.staff]\npath = \"staff.db\"\n", "directory = \"staff\"\n"),
        false => ("", ""),
    };
    let connector = |name: &str, sim: &RunningSim, excluded: &str| {
        format!(
            "[connector.{name}]\nplugin = \"okta\"\nendpoint = \"{}\"\ncredential = {{ file = \"okta-token\" }}\n{named}\
             settings = {{ attributes = [\"*\"], groups.exclude = [{excluded}] }}\n\
             http = {{ attempts = 1, timeout-seconds = 1, parallel = {parallel} }}\n\
             safety = {{ disables = \"none\", deletes = \"none\", removals = \"none\", renames = \"none\", listing = \
             \"none\", groups-emptied = \"none\" }}\n\
             entries = {{ group-names = \"follow\" }}\n\
             cleanup = {{ users = \"{users}\", memberships = \"{memberships}\" }}\n",
            sim.url()
        )
    };
    let rules = match story.rules {
        true => format!(
            "[[connector.acme.transform]]\nplugin = \"rules\"\n\
             [[connector.acme.transform.settings.people]]\ndrop = 'profile.title == \"{OUT}\"'\nreason = \"out\"\n\
             [[connector.acme.transform.settings.people]]\nwhen = 'profile.title == \"{CHIEF}\"'\nadd-groups = \"{CHIEFS}\"\n"
        ),
        false => String::new(),
    };
    format!("{head}{}{rules}{}", connector("acme", sim, ""), connector("other", other, "\"Everyone\""))
}

/// All entries, by the provider's ids; those of other connectors than `acme` with the connector's name before them.
fn shown(reader: &dyn Reader) -> Directory {
    let named = |connector: &str, id: String| match connector {
        "acme" => id,
        other => format!("{other} {id}"),
    };
    let mut directory = Directory::default();
    let (mut people, mut groups) = (BTreeMap::new(), BTreeMap::new());
    reader
        .users(&UserFilter::default(), &mut |user| {
            let id = named(&user.connector, user.external_id.clone());
            people.insert(user.key.0, id.clone());
            directory.keys.insert(id.clone(), user.key.0.into());
            directory.users.insert(id, Value::Object(user.fields()));
            true
        })
        .unwrap();
    reader
        .groups(&GroupFilter::default(), &mut |group| {
            let id = named(&group.connector, group.external_id.clone().unwrap_or_else(|| group.name.clone()));
            groups.insert(group.key.0, id.clone());
            directory.keys.insert(id.clone(), group.key.0.into());
            directory.members.insert(id.clone(), Default::default());
            directory.groups.insert(id, Value::Object(group.fields()));
            true
        })
        .unwrap();
    reader
        .memberships(&mut |group, _, members| {
            let ids = members.iter().map(|key| people[&key].clone());
            directory.members.get_mut(&groups[&group.0]).expect("a group of the directory").extend(ids);
        })
        .unwrap();
    directory
}
