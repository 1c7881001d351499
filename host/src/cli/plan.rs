use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{ArgGroup, Args};
use serde::Serialize;
use serde_json::Value;

use super::exit::Exit;
use super::global::Global;
use super::held_view::ShownHeld;
use super::human::plural;
use super::installed::library;
use super::interrupt::block_on;
use super::job::Surroundings;
use super::output::Output;
use super::report::Failure;
use super::sync::configured_reads;
use super::tape::TapeArguments;
use super::{changes_csv, job, open, show};
use crate::directory::{Change, LOCAL, Reader, UserKey};
use crate::http::Budgets;
use crate::run::planfile::{self, PlanOut};
use crate::run::{self, Plan, Reads, RunError, RunReport, Turn};

/// Show what a sync would change now, by name, without changing anything.
///
/// Reads everything in scope, or what changed, as a sync does.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("files").args(["record", "out"]).multiple(true)))]
#[command(after_help = "Examples:\n  \
    rollcall plan acme\n  \
    rollcall plan acme --changes\n  \
    rollcall plan acme --user ann@example.com\n  \
    rollcall plan acme --json\n  \
    rollcall plan acme --csv > changes.csv\n  \
    rollcall plan acme --out acme.plan\n  \
    rollcall plan acme --replay acme.jsonl.gz\n\n\
    Exit codes: 0 done, 1 failed, 2 usage or configuration, 3 a sync would hold changes for a person, \
    4 a sync would be done with problems.")]
pub(super) struct PlanArguments {
    /// The connector.
    name: String,
    /// Read only what changed since the last sync.
    #[arg(long, conflicts_with = "tape")]
    changes: bool,
    /// Read everything, whatever the connector's schedule says.
    #[arg(long, conflicts_with = "changes")]
    full: bool,
    /// Read only this person: user name, e-mail address or the provider's id.
    #[arg(long, value_name = "WHO", value_parser = NonEmptyStringValueParser::new(), conflicts_with_all = ["changes", "full", "out"])]
    user: Option<String>,
    #[command(flatten)]
    tape: TapeArguments,
    /// Keep the plan in this file, for `rollcall apply`; compressed if its name ends in .gz.
    ///
    /// It holds the data of everybody whom the plan changes, but no credential, and is for its owner only.
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Let --record and --out overwrite the file.
    #[arg(long, requires = "files")]
    force: bool,
    /// Print only the changes, as comma-separated values: one line for each changed field, member, or entry.
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

/// A plan as `--json` prints it: the report, with every change and membership.
#[derive(Debug, Default, Serialize)]
struct Shown {
    report: Option<RunReport>,
    changes: Vec<ShownChange>,
    memberships: Vec<ShownMembers>,
    /// What a sync would not do, but hold.
    #[serde(skip_serializing_if = "ShownHeld::is_empty")]
    held: ShownHeld,
    #[serde(skip)]
    lines: Vec<String>,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownChange {
    pub kind: &'static str,
    pub entry: &'static str,
    pub key: u32,
    pub name: String,
    pub before: Option<Value>,
    pub after: Value,
    /// Why, where it is not simply what the provider says now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why it is not applied but held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    /// What became of it since it was held.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
}

#[derive(Debug, Serialize)]
pub(super) struct ShownMembers {
    pub group: String,
    /// They are local memberships, which no connector gave.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub local: bool,
    pub added: Vec<String>,
    pub removed: Vec<String>,
    /// As in [`ShownChange`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub held: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub state: Option<&'static str>,
}

impl From<&Change> for ShownChange {
    fn from(change: &Change) -> Self {
        let json = |text: &str| serde_json::from_str(text).unwrap_or_default();
        Self {
            kind: change.kind.as_str(),
            entry: change.entry.as_str(),
            key: change.key,
            name: change.name.clone(),
            before: change.before.as_deref().map(json),
            after: json(&change.after),
            reason: change.reason.clone(),
            held: None,
            state: None,
        }
    }
}

impl ShownMembers {
    /// `~ group g: + ann, bob; - cy`.
    pub fn line(&self) -> String {
        let mut parts = Vec::new();
        for (mark, names) in [('+', &self.added), ('-', &self.removed)] {
            match names.len() {
                0 => {}
                1..=5 => parts.push(format!("{mark} {}", names.join(", "))),
                more => parts.push(format!("{mark} {} and {} more", names[..5].join(", "), more - 5)),
            }
        }
        let whose = if self.local { "local members" } else { "members" };
        format!("~ {whose} of {}: {}", self.group, parts.join("; "))
    }
}

pub(super) fn run(arguments: &PlanArguments, global: &Global, output: Output) -> Result<Exit, Failure> {
    let config = global.load()?;
    let name = &arguments.name;
    config.connector(name)?;
    let library = library(&config.plugins)?;
    let plugins = open::plugins(&config, &library, name)?;
    let mut store = job::store(config.directory_of(name))?;
    let config = &config;
    let tape = arguments.tape.tape(arguments.force);
    let reads = match arguments.changes {
        true => Reads::Changes,
        false if arguments.full || arguments.tape.is_used() => Reads::Full,
        false => configured_reads(config, name),
    };
    let out = match &arguments.out {
        Some(path) => {
            let (endpoint, _) = open::endpoint(config, name, plugins.source.manifest())?;
            let from = job::provenance(config, name, &plugins, &endpoint)?;
            let policy = config.connector(name)?.policy.digest();
            let out = PlanOut { path: path.clone(), overwrite: arguments.force, from, policy };
            out.check()?;
            Some(out)
        }
        None => None,
    };
    let kept = out.as_ref();
    let shown = block_on(|interrupt| async move {
        let around = Surroundings { output, cancel: interrupt.token(), budgets: Budgets::default() };
        let mut job = job::job(config, name, plugins, &around, Turn::at_once(), tape).await?;
        job.reads = reads;
        job.person = job::whom(&mut store, name, arguments.user.as_deref())?;
        let mut shown = Shown::default();
        let report = run::plan(&job, &mut store, &mut |plan, reader, report| {
            if let Some(out) = kept {
                planfile::keep(out, plan, reader, report)?;
            }
            gather(plan, reader, &mut shown)
        })
        .await?;
        shown.report = Some(report);
        Ok(shown)
    })?;
    let Some(report) = shown.report.clone() else { return Ok(Exit::Failed) };
    match arguments.csv {
        true => {
            changes_csv::print(output, (&shown.changes, &shown.memberships), &shown.held)?;
        }
        false => output.view(|| text(&shown, &report), || &shown)?,
    }
    if let Some(PlanOut { path, .. }) = &out {
        let path = path.display();
        output.note(&format!(
            "The plan is kept in {path}: `rollcall apply {path}` makes exactly these changes."
        ));
    }
    Ok(report.outcome.into())
}

fn gather(plan: &mut Plan, reader: &dyn Reader, shown: &mut Shown) -> Result<(), RunError> {
    plan.each_change(|change| {
        shown.lines.push(show::change(change));
        shown.changes.push(ShownChange::from(change));
    })?;
    for members in std::mem::take(&mut plan.memberships) {
        let mut names = |keys: &roaring::RoaringBitmap| -> Result<Vec<String>, RunError> {
            keys.iter().map(|key| plan.user_name(reader, UserKey(key))).collect()
        };
        let (added, removed) = (names(&members.added)?, names(&members.removed)?);
        let local = reader.connector_id(LOCAL)? == Some(members.connector);
        let group = plan.group_name(reader, members.group)?;
        let members = ShownMembers { group, local, added, removed, held: None, state: None };
        shown.lines.push(members.line());
        shown.memberships.push(members);
    }
    shown.held = ShownHeld::of_plan(&plan.held, reader)?;
    Ok(())
}

fn text(shown: &Shown, report: &RunReport) -> String {
    let mut text = show::report(report);
    if !shown.lines.is_empty() {
        let number = shown.lines.len() as u64;
        text.push_str(&format!("\n\n{}:", plural(number, "change", "changes")));
        text.push_str(&show::listed(shown.lines.iter().cloned(), number));
    }
    text
}
