//! Tells a command and a webhook, once for each standing problem. What was told is in the store, so that a restart
//! tells nothing twice; what could not be told counts as not told, and is tried again with the next run.

use std::path::Path;
use std::process::Stdio;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::event::{Event, EventKind};
use super::happening::Happening;
use super::scheduler::Silence;
use super::standing::{Standing, standing};
use crate::config::{Notify, Occasion};
use crate::directory::{Store, StoreError, Told};
use crate::http::{WebhookError, WebhookUrl};
use crate::run::RunReport;

/// Why somebody could not be told.
#[derive(Debug, thiserror::Error)]
pub enum TellError {
    #[error("`{program}` could not be run")]
    Run {
        program: String,
        #[source]
        source: std::io::Error,
    },
    #[error("`{program}` ended with {status}")]
    Ended { program: String, status: std::process::ExitStatus },
    #[error("`{program}` was still running after {} seconds", COMMAND_TIMEOUT.as_secs())]
    TooLong { program: String },
    #[error(transparent)]
    Webhook(#[from] WebhookError),
    #[error("what was told can't be kept")]
    Store(#[from] StoreError),
    #[error("the event is no JSON: {0}")]
    Json(#[from] serde_json::Error),
}

const COMMAND_TIMEOUT: Duration = Duration::from_secs(30);

/// What the command sees of our environment, which may hold secrets.
const PASSED_ON: [&str; 3] = ["PATH", "HOME", "LANG"];

/// What of a connector is told of: runs that read everything, increments, and that there was no run.
const RUN: &str = "run";
const INCREMENT: &str = "increment";
const SILENCE: &str = "silence";
const FULL_SILENCE: &str = "full-silence";

pub(super) struct Notifier<'a> {
    pub notify: &'a Notify,
    pub store: &'a Mutex<Box<dyn Store>>,
    pub happens: &'a (dyn Fn(Happening) + Send + Sync),
}

enum Channel<'a> {
    Command(&'a [String]),
    Webhook(&'a WebhookUrl),
}

impl Channel<'_> {
    fn name(&self) -> &'static str {
        match self {
            Channel::Command(_) => "command",
            Channel::Webhook(_) => "webhook",
        }
    }

    async fn tell(&self, event: &Event) -> Result<(), TellError> {
        let json = serde_json::to_vec(event)?;
        match self {
            Channel::Command(words) => command(words, event, &json).await,
            Channel::Webhook(url) => Ok(url.post(&json).await?),
        }
    }
}

impl Notifier<'_> {
    /// Tells of a run's end what is new about it.
    ///
    /// Increments see less than full runs: what stands since a full run is over only when one went well, and an
    /// increment in which it is the same says nothing new.
    pub async fn ended(&self, report: &RunReport, at: Timestamp) {
        let standing = standing(report, &self.notify.on);
        let (own, other) = match report.read_everything() {
            true => (RUN, INCREMENT),
            false => (INCREMENT, RUN),
        };
        for channel in self.channels() {
            let result = match &standing {
                Standing::Unknown => Ok(()),
                Standing::Problem { occasion, cause } => {
                    let event = of_report(report, (*occasion).into(), at);
                    let stands = self.stands(report, other, &channel);
                    match stands {
                        Ok(Some(told)) if told == *cause => Ok(()),
                        Ok(_) => self.once(&channel, &self.told(report, own, &channel), cause, &event).await,
                        Err(error) => Err(error),
                    }
                }
                Standing::Well => self.recovered(&channel, report, at).await,
            };
            self.say(&channel, &report.connector, result);
        }
    }

    /// Tells that no run has succeeded since then, or none that read everything.
    pub async fn silent(&self, silence: &Silence, at: Timestamp) {
        let Silence { connector, since, only_full } = silence;
        let (aspect, message) = match only_full {
            true => (
                FULL_SILENCE,
                format!(
                    "no full sync of connector {connector} has succeeded since {since}, though increments do"
                ),
            ),
            false => (SILENCE, format!("no run of connector {connector} has succeeded since {since}")),
        };
        let event = Event {
            event: EventKind::Silent,
            connector: connector.to_owned(),
            run: None,
            at,
            message,
            causes: Vec::new(),
            hint: Some(format!("`rollcall runs {connector}` shows how the last ones ended")),
            problems: 0,
        };
        for channel in self.channels() {
            let report = RunReport::new(connector, "full");
            let told = self.told(&report, aspect, &channel);
            let result = self.once(&channel, &told, aspect, &event).await;
            self.say(&channel, connector, result);
        }
    }

    fn channels(&self) -> impl Iterator<Item = Channel<'_>> {
        let command = (!self.notify.command.is_empty()).then_some(Channel::Command(&self.notify.command));
        command.into_iter().chain(self.notify.webhook.as_ref().map(Channel::Webhook))
    }

    fn told(&self, report: &RunReport, aspect: &'static str, channel: &Channel<'_>) -> Told {
        Told { connector: report.connector.clone(), aspect, channel: channel.name() }
    }

    fn stands(
        &self,
        report: &RunReport,
        aspect: &'static str,
        channel: &Channel<'_>,
    ) -> Result<Option<String>, TellError> {
        let told = self.told(report, aspect, channel);
        Ok(self.store(|store| store.told(&told))?)
    }

    async fn once(
        &self,
        channel: &Channel<'_>,
        told: &Told,
        cause: &str,
        event: &Event,
    ) -> Result<(), TellError> {
        if self.store(|store| store.told(told))?.as_deref() == Some(cause) {
            return Ok(());
        }
        channel.tell(event).await?;
        (self.happens)(Happening::Told {
            connector: event.connector.clone(),
            kind: event.event,
            channel: channel.name(),
        });
        Ok(self.store(|store| store.set_told(told, cause, event.at))?)
    }

    async fn recovered(
        &self,
        channel: &Channel<'_>,
        report: &RunReport,
        at: Timestamp,
    ) -> Result<(), TellError> {
        let over: &[&'static str] = match report.read_everything() {
            true => &[RUN, INCREMENT, SILENCE, FULL_SILENCE],
            false => &[INCREMENT, SILENCE],
        };
        let mut stays = false;
        if !report.read_everything() {
            for aspect in [RUN, FULL_SILENCE] {
                stays |= self.stands(report, aspect, channel)?.is_some();
            }
        }
        let mut stood = false;
        for aspect in over {
            stood |= self.stands(report, aspect, channel)?.is_some();
        }
        if !stood {
            return Ok(());
        }
        if !stays && self.notify.on.contains(&Occasion::Recovered) {
            let event = of_report(report, EventKind::Recovered, at);
            channel.tell(&event).await?;
            let (connector, kind) = (event.connector, event.event);
            (self.happens)(Happening::Told { connector, kind, channel: channel.name() });
        }
        for aspect in over {
            let told = self.told(report, aspect, channel);
            self.store(|store| store.forget_told(&told))?;
        }
        Ok(())
    }

    fn say(&self, channel: &Channel<'_>, connector: &str, result: Result<(), TellError>) {
        if let Err(error) = result {
            (self.happens)(Happening::NotTold {
                connector: connector.to_owned(),
                channel: channel.name(),
                reason: crate::run::with_causes(&error),
            });
        }
    }

    fn store<T>(&self, work: impl FnOnce(&mut dyn Store) -> T) -> T {
        tokio::task::block_in_place(|| {
            work(self.store.lock().unwrap_or_else(PoisonError::into_inner).as_mut())
        })
    }
}

fn of_report(report: &RunReport, event: EventKind, at: Timestamp) -> Event {
    let connector = &report.connector;
    let problems = report.problems.len() as u64 + report.further_problems;
    let message = match (&report.error, event) {
        (_, EventKind::Recovered) => format!("connector {connector} is synced again"),
        (Some(error), _) => format!("connector {connector} was not synced: {}", error.message),
        (None, EventKind::Held) => format!("connector {connector} has changes that wait for a person"),
        (None, _) => format!("connector {connector} was synced, but for {problems} people or groups"),
    };
    let error = report.error.as_ref();
    let approval = report.held.as_ref().zip(report.run);
    let causes = || report.held.iter().flat_map(|held| held.reasons.clone()).collect();
    Event {
        event,
        connector: connector.clone(),
        run: report.run,
        at,
        message,
        causes: error.map_or_else(causes, |error| error.causes.clone()),
        hint: match error {
            Some(error) => error.hint.clone(),
            None => approval
                .map(|(_, run)| format!("`rollcall held` shows them, `rollcall approve {run}` applies them")),
        },
        problems,
    }
}

async fn command(words: &[String], event: &Event, json: &[u8]) -> Result<(), TellError> {
    let Some((program, arguments)) = words.split_first() else { return Ok(()) };
    let failed = |source| TellError::Run { program: program.clone(), source };
    let mut command = Command::new(Path::new(program));
    command.args(arguments).env_clear();
    command.envs(PASSED_ON.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
    command.env("ROLLCALL_EVENT", event.event.as_str()).env("ROLLCALL_CONNECTOR", &event.connector);
    command.env("ROLLCALL_RUN", event.run.map(|run| run.to_string()).unwrap_or_default());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit()).kill_on_drop(true);
    let mut child = command.spawn().map_err(failed)?;
    let finish = async {
        if let Some(mut input) = child.stdin.take() {
            // One that doesn't care for its input may have closed it.
            let _ = input.write_all(json).await;
            let _ = input.write_all(b"\n").await;
        }
        child.wait().await
    };
    let ended = tokio::time::timeout(COMMAND_TIMEOUT, finish).await;
    let status = ended.map_err(|_| TellError::TooLong { program: program.clone() })?.map_err(failed)?;
    match status.success() {
        true => Ok(()),
        false => Err(TellError::Ended { program: program.clone(), status }),
    }
}
