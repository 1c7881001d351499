use std::io;
use std::path::PathBuf;

use jiff::Timestamp;

use crate::directory::{LOCAL, StoreError};
use crate::http::{CassetteError, HttpError};
use crate::model::PluginError;
use crate::plugin::CallError;
use crate::run::planfile::PlanFileError;

/// Why a run ended with nothing applied.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    #[error("another run of connector {connector} is at work{}", by_process(*process))]
    Busy { connector: String, process: Option<u32> },
    #[error("another `rollcall serve` is at work on {path}{}", by_process(*process))]
    Served { path: PathBuf, process: Option<u32> },
    #[error("another program plans or applies changes of {path}")]
    Changing { path: PathBuf },
    #[error("stopped by request: nothing was applied")]
    Cancelled,
    #[error("the plugin could not say what to read")]
    Plan(#[source] CallError),
    #[error("reading {request} failed")]
    Read {
        /// Method and path, without the query.
        request: String,
        #[source]
        source: Box<ReadError>,
    },
    #[error("shaping failed")]
    Shape(#[source] CallError),
    #[error("transform {plugin} gave {given} verdicts for {asked} {what}")]
    Verdicts { plugin: String, what: &'static str, asked: usize, given: usize },
    #[error("the provider asked for the same page twice ({request}): its cursor does not move")]
    Loop { request: String },
    #[error("plugin {plugin} asked for more than {limit} requests in one run")]
    TooManyRequests { plugin: String, limit: u64, connector: String },
    #[error("the provider gave not a single user: an empty reading is never applied")]
    NothingRead,
    #[error("the provider has nobody called {who:?}{}", held_by(holder.as_deref()))]
    Nobody {
        connector: String,
        who: String,
        /// Whose the entry of that name in the directory is.
        holder: Option<String>,
    },
    #[error("the provider has {who:?}, but the settings of connector {connector} keep them out of scope")]
    NotInScope { connector: String, who: String },
    #[error("{who:?} means several people: {}", people.join(", "))]
    SeveralPeople { who: String, people: Vec<String> },
    #[error("the reading in {path} is damaged or incomplete")]
    Spool { path: PathBuf },
    #[error("the working file {path} could not be {action}")]
    WorkFile {
        path: PathBuf,
        action: &'static str,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Cassette(#[from] CassetteError),
    #[error(
        "the recording was read at {recorded}, before what run {run} of connector {connector} applied ({applied})"
    )]
    Outdated { connector: String, recorded: Timestamp, run: i64, applied: Timestamp },
    #[error("what changed in connector {connector} can't be told: {reason}")]
    FullNeeded { connector: String, reason: String },
    #[error(transparent)]
    PlanFile(#[from] PlanFileError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{}", names_taken(refused))]
    NamesTaken {
        connector: String,
        /// At least one: both sides of each.
        refused: Vec<String>,
    },
    #[error("a worker stopped unexpectedly: {0}")]
    Worker(String),
}

/// Why one request gave no page.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Http(HttpError),
    #[error(transparent)]
    Decode(CallError),
    #[error("the provider's cursor expired {restarts} times")]
    Restarts {
        restarts: u32,
        #[source]
        source: CallError,
    },
}

fn names_taken(refused: &[String]) -> String {
    const TOLD: usize = 5;
    let told = refused.iter().take(TOLD).map(String::as_str).collect::<Vec<_>>().join("; ");
    match refused.len().saturating_sub(TOLD) {
        0 => told,
        more => format!("{told}; and {more} more"),
    }
}

fn held_by(holder: Option<&str>) -> String {
    match holder {
        Some(LOCAL) => ", and the directory's is a local entry, which no sync changes".to_owned(),
        Some(holder) => format!(", and the directory's belongs to connector {holder}"),
        None => String::new(),
    }
}

fn by_process(process: Option<u32>) -> String {
    process.map(|id| format!(" (process {id})")).unwrap_or_default()
}

impl RunError {
    /// What an admin can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            RunError::Busy { .. } => Some("wait until it has ended; `rollcall status` shows it".into()),
            RunError::Served { .. } => {
                Some("one is enough: it serves every connector; `rollcall status` shows it".into())
            }
            RunError::Changing { .. } => Some("wait until it has ended".into()),
            RunError::Cancelled => {
                Some("run it again: pages that were already read are not requested again".into())
            }
            RunError::Plan(error) | RunError::Shape(error) => error.hint(),
            RunError::Read { source, .. } => match &**source {
                ReadError::Http(error) => error.hint(),
                ReadError::Decode(error) => error.hint().or_else(|| {
                    Some(
                        "run it again; if it stays, either something on the way changes answers, or this is new to the plugin: report it to its author"
                            .into(),
                    )
                }),
                ReadError::Restarts { .. } => Some(
                    "run it again in some minutes; if it stays, report it to the provider with the ids above"
                        .into(),
                ),
            },
            RunError::Verdicts { .. } => Some("report it to the transform's author".into()),
            RunError::Loop { .. } => {
                Some("try again; if it stays, report it with the provider's name".into())
            }
            RunError::TooManyRequests { connector, .. } => Some(format!(
                "narrow the groups in scope, or raise `requests-per-run` in [connector.{connector}.limits]"
            )),
            RunError::NothingRead => Some(
                "the credential is probably too narrow: `rollcall connector test` shows what it can see"
                    .into(),
            ),
            RunError::Nobody { connector, who, .. } => Some(format!(
                "it is a user name, mail address or id at the provider; `rollcall explain {connector} {who}` tells what is known here"
            )),
            RunError::NotInScope { .. } => {
                Some("look at the settings that say who is in scope: for okta `users`, `app` and `groups.required`".into())
            }
            RunError::SeveralPeople { .. } => Some("name one by the user name or the id".into()),
            RunError::Spool { .. } => Some("run it again".into()),
            RunError::WorkFile { .. } => Some("check that the folder is writable and has space left".into()),
            RunError::Cassette(error) => error.hint(),
            RunError::PlanFile(error) => error.hint(),
            RunError::Outdated { connector, .. } => Some(format!(
                "`rollcall plan {connector} --replay FILE` shows what it would do; `--force` applies it all the same"
            )),
            RunError::FullNeeded { connector, .. } => {
                Some(format!("`rollcall sync {connector}` reads everything"))
            }
            RunError::Store(error) => error.hint(),
            RunError::NamesTaken { connector, .. } => Some(format!(
                "rename one of the two, or say under [connector.{connector}.conflicts] what else than `fail` becomes of them"
            )),
            RunError::Worker(_) => Some("run it again with -vv and report what it prints".into()),
        }
    }

    /// Why only a full run can tell, where the plugin says so.
    pub fn wants_full_run(&self) -> Option<String> {
        let error = match self {
            RunError::Plan(error) => error,
            RunError::Read { source, .. } => match &**source {
                ReadError::Decode(error) => error,
                ReadError::Http(_) | ReadError::Restarts { .. } => return None,
            },
            _ => return None,
        };
        let wants = matches!(error.code(), Some(PluginError::UNSUPPORTED | PluginError::FULL_NEEDED));
        error.message().filter(|_| wants).map(str::to_owned)
    }

    /// True when what was read is still worth going on from.
    pub fn keeps_spool(&self) -> bool {
        match self {
            RunError::NothingRead
            | RunError::Nobody { .. }
            | RunError::NotInScope { .. }
            | RunError::SeveralPeople { .. }
            | RunError::NamesTaken { .. }
            | RunError::Spool { .. }
            | RunError::Loop { .. }
            | RunError::TooManyRequests { .. } => false,
            RunError::Read { source, .. } => match &**source {
                ReadError::Http(_) => true,
                // A credential that may not read this may have been shown less of the rest, without a word.
                ReadError::Decode(error) => error.code() != Some(PluginError::FORBIDDEN),
                ReadError::Restarts { .. } => false,
            },
            _ => true,
        }
    }
}
