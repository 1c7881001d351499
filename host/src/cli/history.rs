//! `rollcall history user | group`: what became of one entry, run by run.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::Value;

use super::directory::DirectoryArguments;
use super::entries::only;
use super::exit::Exit;
use super::global::Global;
use super::human::plural;
use super::job::existing_store;
use super::listing::{Listing, in_words};
use super::output::{Output, width};
use super::plan::ShownChange;
use super::report::Failure;
use super::table::Table;
use super::{changes_csv, groups, names, show};
use crate::directory::{Change, EntryKind, Former, Past, PastWhat, Reader, RunId, RunRow, Store, StoreError};
use crate::run::explain::find_users;

/// Show what became of a user or a group, run by run.
#[derive(Debug, Subcommand)]
#[command(after_help = "Examples:\n  \
    rollcall history user ann@example.com\n  \
    rollcall history group Engineering --json")]
pub(super) enum HistoryCommand {
    /// Show every change of a user that is kept, and the groups joined and left, the oldest first.
    ///
    /// Also of one who was deleted, or has another name by now.
    #[command(after_help = "Examples:\n  \
        rollcall history user ann@example.com\n  \
        rollcall history user 00u1a2b3c4d5e6f7g8h9 --limit 10\n  \
        rollcall history user ann@example.com --csv > ann.csv")]
    User(UserHistory),
    /// Show every change of a group that is kept, and who came and left, the oldest first.
    ///
    /// Also of one that was deleted, or has another name by now.
    #[command(after_help = "Examples:\n  \
        rollcall history group Engineering\n  \
        rollcall history group Engineering --json --limit 10")]
    Group(GroupHistory),
}

#[derive(Debug, Args)]
pub(super) struct UserHistory {
    /// User name, e-mail address or the provider's id.
    who: String,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
pub(super) struct GroupHistory {
    /// The group's name, or the provider's id.
    group: String,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, Args)]
struct How {
    #[command(flatten)]
    directory: DirectoryArguments,
    /// Only so many, the latest.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,
    /// Print comma-separated values: one line for each changed field, member, or entry.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// Something that happened to the entry, as `--json` prints it.
#[derive(Debug, Serialize)]
struct Happened {
    run: i64,
    connector: String,
    /// When the run began.
    at: String,
    #[serde(flatten)]
    what: What,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum What {
    Change(ShownChange),
    Members {
        /// `add-member` or `remove-member`.
        kind: &'static str,
        group: String,
        members: Vec<String>,
    },
}

#[derive(Debug, Serialize)]
struct History<'a> {
    entry: &'static str,
    key: u32,
    name: &'a str,
    /// Whether it is no longer in the directory.
    gone: bool,
    /// The newest run whose changes were pruned: what came before it is not, or not all, in the history.
    pruned: Option<Pruned>,
    /// What `--limit` leaves out.
    earlier: usize,
    changes: &'a [Happened],
}

#[derive(Debug, Serialize)]
struct Pruned {
    run: i64,
    at: String,
}

/// Whose history it is.
struct Subject {
    entry: EntryKind,
    key: u32,
    name: String,
    gone: bool,
}

pub(super) fn run(command: &HistoryCommand, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let (HistoryCommand::User(UserHistory { how, .. }) | HistoryCommand::Group(GroupHistory { how, .. })) =
        command;
    let mut store = existing_store(how.directory.of(&config, None)?)?;
    let reader = store.read()?;
    let reader = reader.as_ref();
    let subject = match command {
        HistoryCommand::User(UserHistory { who, .. }) => user(reader, who)?,
        HistoryCommand::Group(GroupHistory { group: name, .. }) => group(reader, name)?,
    };
    let past = reader.past(subject.entry, subject.key)?;
    let mut lines = Vec::new();
    let mut happened = Vec::new();
    let mut runs = BTreeMap::new();
    for Past { run, what } in past {
        let row = match runs.get(&run) {
            Some(row) => row,
            None => &*runs.entry(run).or_insert(reader.run(run)?),
        };
        for (line, what) in shown(reader, &subject, what)? {
            let (connector, at) =
                row.as_ref().map(|row| (row.connector.clone(), row.started_at.clone())).unwrap_or_default();
            lines.push(line);
            happened.push(Happened { run: run.0, connector, at, what });
        }
    }
    let earlier = how.limit.map_or(0, |limit| happened.len().saturating_sub(limit));
    let (lines, happened) = (&lines[earlier..], &happened[earlier..]);
    let pruned =
        reader.last_pruned()?.map(|RunRow { id: RunId(run), started_at: at, .. }| Pruned { run, at });
    if how.csv {
        print_csv(output, &subject, happened)?;
    } else {
        let Subject { entry, key, name, gone } = &subject;
        output.view(
            || text(&subject, lines, happened, earlier),
            || History {
                entry: entry.as_str(),
                key: *key,
                name,
                gone: *gone,
                pruned: pruned.as_ref().map(|Pruned { run, at }| Pruned { run: *run, at: at.clone() }),
                earlier,
                changes: happened,
            },
        )?;
    }
    if let Some(Pruned { run, at }) = &pruned {
        output
            .note(&format!("Runs up to {run} of {} were pruned: what they changed is not shown.", local(at)));
    }
    Ok(Exit::Done)
}

/// Whoever has that name, id or address now, else whoever had it.
fn user(reader: &dyn Reader, who: &str) -> Result<Subject, Failure> {
    let found = find_users(reader, who)?;
    if found.is_empty()
        && let Some(former) = former(reader, EntryKind::User, who)?
    {
        return Ok(former);
    }
    let user = only(found, "user", who, |user| format!("{} ({})", user.user_name, user.external_id))?;
    Ok(Subject { entry: EntryKind::User, key: user.key.0, name: user.user_name, gone: false })
}

fn group(reader: &dyn Reader, name: &str) -> Result<Subject, Failure> {
    let found = groups::find(reader, name)?;
    if found.is_empty()
        && let Some(former) = former(reader, EntryKind::Group, name)?
    {
        return Ok(former);
    }
    let group =
        only(found, "group", name, |group| format!("{} (connector {})", group.name, group.connector))?;
    Ok(Subject { entry: EntryKind::Group, key: group.key.0, name: group.name, gone: false })
}

fn former(reader: &dyn Reader, entry: EntryKind, asked: &str) -> Result<Option<Subject>, Failure> {
    let found = reader.former(entry, asked)?;
    if found.is_empty() {
        return Ok(None);
    }
    let told = |former: &Former| match &former.external_id {
        Some(id) => format!("{} ({id})", former.name),
        None => former.name.clone(),
    };
    let Former { key, name, gone, .. } = only(found, entry.as_str(), asked, told)?;
    Ok(Some(Subject { entry, key, name, gone }))
}

/// With a line for people. Who came and who left are two things, as they are to whoever counts them.
fn shown(reader: &dyn Reader, subject: &Subject, what: PastWhat) -> Result<Vec<(String, What)>, StoreError> {
    let name = || vec![subject.name.clone()];
    let changes = match what {
        PastWhat::Changed(change) => {
            return Ok(vec![(line(&change, subject), What::Change(ShownChange::from(&change)))]);
        }
        PastWhat::Joined(key) => vec![("add-member", names::group(reader, key)?, name())],
        PastWhat::Left(key) => vec![("remove-member", names::group(reader, key)?, name())],
        PastWhat::Members(change) => {
            let members = names::members(reader, &change)?;
            vec![
                ("add-member", members.group.clone(), members.added),
                ("remove-member", members.group, members.removed),
            ]
        }
    };
    let told = |kind: &str, group: &str, members: &[String]| match (subject.entry, kind) {
        (EntryKind::User, "add-member") => format!("+ joins {group}"),
        (EntryKind::User, _) => format!("- leaves {group}"),
        (EntryKind::Group, kind) => {
            let mark = if kind == "add-member" { '+' } else { '-' };
            let number = plural(members.len() as u64, "member", "members");
            match members.len() {
                0..=5 => format!("{mark} {number}: {}", members.join(", ")),
                more => format!("{mark} {number}: {} and {} more", members[..5].join(", "), more - 5),
            }
        }
    };
    let changes = changes.into_iter().filter(|(_, _, members)| !members.is_empty());
    Ok(changes
        .map(|(kind, group, members)| (told(kind, &group, &members), What::Members { kind, group, members }))
        .collect())
}

/// As in a plan, but the entry's name only where it is another one than now.
fn line(change: &Change, subject: &Subject) -> String {
    let told = show::change(change);
    let named = format!(" {} {}", change.entry.as_str(), change.name);
    match change.name == subject.name {
        true => told.replacen(&named, "", 1),
        false => told,
    }
}

fn text(subject: &Subject, lines: &[String], happened: &[Happened], earlier: usize) -> String {
    let Subject { entry, name, gone, .. } = subject;
    let gone = if *gone { ", no longer in the directory" } else { "" };
    let mut text = format!("{} {}{gone}\n", entry.as_str(), name.replace(char::is_control, " "));
    match earlier {
        0 => {}
        earlier => text.push_str(&format!(
            "\n… {} before these (without --limit all are shown)\n",
            plural(earlier as u64, "change", "changes")
        )),
    }
    if lines.is_empty() {
        text.push_str("\nNothing is kept of it.");
        return text;
    }
    let mut table = Table::new(["run", "began", "connector", "change"]);
    for (line, one) in lines.iter().zip(happened) {
        table.row([one.run.to_string(), local(&one.at), one.connector.clone(), line.clone()]);
    }
    text.push('\n');
    text.push_str(&table.render(width()));
    text
}

/// To the minute, in this machine's time zone.
fn local(at: &str) -> String {
    match at.parse::<Timestamp>() {
        Ok(at) => at.to_zoned_datetime(TimeZone::system()).strftime("%Y-%m-%d %H:%M").to_string(),
        Err(_) => at.to_owned(),
    }
}

fn print_csv(output: Output, subject: &Subject, happened: &[Happened]) -> Result<(), Failure> {
    let columns: Vec<String> =
        ["run", "connector", "at"].into_iter().chain(changes_csv::COLUMNS).map(str::to_owned).collect();
    let mut listing = Listing::start(output, true, &columns, in_words)?;
    for one in happened {
        let lines = match &one.what {
            What::Change(change) => changes_csv::lines(change),
            What::Members { kind, group, members } => members
                .iter()
                .map(|name| match *kind {
                    "add-member" => changes_csv::member(kind, group, Value::Null, name.as_str().into(), None),
                    _ => changes_csv::member(kind, group, name.as_str().into(), Value::Null, None),
                })
                .collect(),
        };
        for line in lines {
            let about = [one.run.into(), one.connector.as_str().into(), one.at.as_str().into()];
            listing.row(|| about.into_iter().chain(line).collect(), || Value::Null)?;
        }
    }
    listing.end(&format!("Nothing is kept of {}.", subject.name))
}
