//! `rollcall rules try`: what a connector's transforms make of a person and of groups, without asking the provider.

mod person;
mod summary;
mod text;

pub(super) use text::{fill, values};

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, Subcommand};
use serde::Serialize;

use super::exit::Exit;
use super::global::Global;
use super::installed::library;
use super::job::existing_store;
use super::open;
use super::output::{Output, width};
use super::report::Failure;
use crate::config::Config;
use crate::directory::{SqliteStore, Store};
use crate::run::{Everyone, Subjects, Trial, TrialOutcome, TrialTransform, find_in_mirror};

/// Try the rules that say who syncs, and as what.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    rollcall rules try acme\n  \
    rollcall rules try acme --user ann@acme.com")]
pub(super) enum RulesCommand {
    Try(TryArguments),
}

/// Show step by step what a connector's rules make of a person.
///
/// The person and the groups are those of the last sync; nothing is asked of the provider, and nothing is changed.
/// Without a person, what becomes of the groups is shown, and how many people each rule changes or leaves out.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    rollcall rules try acme\n  \
    rollcall rules try acme --user ann@acme.com\n  \
    rollcall rules try acme --person ann.json")]
pub(super) struct TryArguments {
    /// The connector.
    #[arg(value_name = "NAME")]
    connector: String,
    /// This person, as the provider has them: user name, e-mail address or the provider's id.
    #[arg(long, value_name = "LOGIN")]
    user: Option<String>,
    /// The person of a file in the form that `rollcall user --json` prints; `-` for standard input.
    #[arg(long, value_name = "FILE", conflicts_with = "user")]
    person: Option<PathBuf>,
}

/// As `--json` prints it.
#[derive(Debug, Serialize)]
struct Tried<'a> {
    #[serde(flatten)]
    trial: &'a Trial,
    /// What one has to know beside it.
    notes: &'a [String],
}

pub(super) fn run(command: &RulesCommand, global: &Global, output: Output) -> Result<Exit, Failure> {
    let RulesCommand::Try(arguments) = command;
    let config = global.load()?;
    let name = &arguments.connector;
    // Wrong rules are told before a person is looked for.
    let transforms = open::trial(&config, &library(&config.plugins)?, name)?;
    let mut notes = Vec::new();
    let subjects = match (&arguments.user, &arguments.person) {
        (Some(who), _) => Some(of_mirror(&config, name, who, &mut notes)?),
        (None, Some(file)) => Some(person::read(file)?),
        (None, None) => None,
    };
    let person = subjects.as_ref().and_then(|subjects| subjects.person.as_ref());
    let about = person.map(|user| format!("{} ({})", user.username, user.id));
    let trial = match subjects {
        Some(subjects) => Trial::of(name, &transforms, subjects),
        None => of_everyone(&config, name, &transforms, &mut notes)?,
    };
    output.view(
        || text::of(&trial, about.as_deref(), &notes, width()),
        || Tried { trial: &trial, notes: &notes },
    )?;
    Ok(match trial.outcome {
        Some(TrialOutcome::Failed { .. }) => Exit::Failed,
        _ => Exit::Done,
    })
}

fn not_synced(name: &str) -> Failure {
    Failure::new(Exit::Failed, format!("nothing of connector `{name}` was read yet"))
        .with_hint(Some(format!("`rollcall sync {name}` reads it; `--person FILE` tries a person of a file")))
}

fn of_mirror(config: &Config, name: &str, who: &str, notes: &mut Vec<String>) -> Result<Subjects, Failure> {
    let Some(mut store) = SqliteStore::open_existing(&config.directory_of(name).path)? else {
        return Err(not_synced(name));
    };
    let connector = store.connector(name)?;
    let mut found = find_in_mirror(store.read()?.as_ref(), connector, who)?;
    if found.empty {
        return Err(not_synced(name));
    }
    note_unread(&found.unread, notes);
    let several = found.people.len() > 1;
    match found.people.pop() {
        Some(person) if !several => Ok(person),
        Some(last) => {
            let people = found.people.iter().chain([&last]).filter_map(|one| one.person.as_ref());
            let names: Vec<String> = people.map(|user| format!("{} ({})", user.username, user.id)).collect();
            Err(Failure::new(Exit::Failed, format!("{who:?} means several people: {}", names.join(", ")))
                .with_hint(Some("name one by the id")))
        }
        None => Err(Failure::new(Exit::Failed, format!("connector `{name}` has read nobody like {who:?}"))
            .with_hint(Some("it is a user name, e-mail address or id at the provider, as of the last sync"))),
    }
}

fn note_unread(groups: &[String], notes: &mut Vec<String>) {
    if !groups.is_empty() {
        notes.push(format!(
            "the members of these groups were not read, since rules dropped them at the last sync: {}",
            groups.join(", ")
        ));
    }
}

/// Before the first sync there is nobody, and the settings alone are tried.
fn of_everyone(
    config: &Config,
    name: &str,
    transforms: &[Arc<TrialTransform>],
    notes: &mut Vec<String>,
) -> Result<Trial, Failure> {
    let directory = config.directory_of(name);
    if directory.path.exists() {
        let mut store = existing_store(directory)?;
        let connector = store.connector(name)?;
        let reader = store.read()?;
        let everyone = Everyone::of_mirror(reader.as_ref(), connector)?;
        if !everyone.is_empty() {
            note_unread(&everyone.unread, notes);
            return Ok(Trial::of_everyone(name, transforms, &everyone));
        }
    }
    notes
        .push(format!("nothing was read yet: after `rollcall sync {name}` this shows people and groups too"));
    Ok(Trial::of(name, transforms, Subjects::default()))
}
