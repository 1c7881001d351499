use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::explanation::{Difference, Explanation, Fact, Given, LastChange, Seen, Whereabouts};
use super::find::nearest;
use super::groups::Memberships;
use super::person::Person;
use crate::directory::{
    ConnectorId, EntryKind, HeldState, MembersState, MirrorGroup, PastWhat, Reader, RunId, UserEntry,
};
use crate::model::{ReferenceRule, User, Value};
use crate::run::error::RunError;
use crate::run::leavers::{Fate, Judge, since_run};
use crate::run::policy::Policy;
use crate::run::report::RunReport;
use crate::run::trial::{Subjects, Trial, TrialOutcome, TrialTransform};

/// How many runs back the report is looked for that tells of everybody.
const REPORTS: u32 = 30;

/// Why the entry differs where nothing keeps it so.
pub(super) const NEXT_SYNC: &str = "the next sync changes it, unless something holds it";

/// What an explanation is made of.
pub struct ExplainInputs<'a> {
    pub reader: &'a dyn Reader,
    pub connector: &'a str,
    /// A user name, here or at the provider, now or before; a mail address; or the provider's id.
    pub asked: &'a str,
    pub transforms: &'a [Arc<TrialTransform>],
    pub policy: &'a Policy,
    /// Attributes that the host sets.
    pub references: &'a [ReferenceRule],
    pub now: Timestamp,
}

/// An explanation in the making.
pub(super) struct Account<'a> {
    pub inputs: &'a ExplainInputs<'a>,
    pub number: Option<ConnectorId>,
    pub person: Person,
    given: Vec<MirrorGroup>,
    unread: Vec<String>,
    pub trial: Option<Trial>,
    report: Option<RunReport>,
    facts: Vec<Fact>,
    pub differences: Vec<Difference>,
}

/// Why they are where they are.
///
/// # Errors
///
/// [`RunError::SeveralPeople`] where several are meant; a store that can't be read. Rules that fail are part of the answer.
pub fn explain(inputs: &ExplainInputs<'_>) -> Result<Explanation, RunError> {
    let number = inputs.reader.connector_id(inputs.connector)?;
    let mut account = Account {
        inputs,
        number,
        person: Person::find(inputs, number)?,
        given: Vec::new(),
        unread: Vec::new(),
        trial: None,
        report: None,
        facts: Vec::new(),
        differences: Vec::new(),
    };
    account.shape()?;
    account.report = account.last_report()?;
    account.compare()?;
    account.tell()
}

impl Account<'_> {
    /// Does with the person what a run does.
    fn shape(&mut self) -> Result<(), RunError> {
        let (Some(number), Some((known, user))) = (self.number, &self.person.read) else { return Ok(()) };
        let mut groups = Vec::new();
        self.inputs.reader.mirror_groups(number, &mut |group| {
            if group.absent_since.is_none() {
                groups.push(group);
            }
        })?;
        for group in groups {
            if group.members == MembersState::Unread {
                self.unread.push(group.record.name.clone());
            }
            let members = self.inputs.reader.mirror_members(group.number)?.unwrap_or_default();
            if members.contains(known.number) {
                self.given.push(group);
            }
        }
        let groups = self.given.iter().map(|group| group.record.clone()).collect();
        let subjects = Subjects { person: Some(user.clone()), groups };
        self.trial = Some(Trial::of(self.inputs.connector, self.inputs.transforms, subjects));
        Ok(())
    }

    /// What the latest run told that could tell of this person.
    fn last_report(&self) -> Result<Option<RunReport>, RunError> {
        for row in self.inputs.reader.runs(Some(self.inputs.connector), REPORTS)? {
            let Ok(report) = serde_json::from_str::<RunReport>(&row.report) else { continue };
            let of_everybody = matches!(row.mode.as_str(), "full" | "changes" | "replay");
            if report.error.is_none() && (of_everybody || self.problem(&report).is_some()) {
                return Ok(Some(report));
            }
        }
        Ok(None)
    }

    fn problem(&self, report: &RunReport) -> Option<String> {
        let (_, user) = self.person.read.as_ref()?;
        let mut problems = report.problems.iter();
        let problem = problems.find(|one| one.kind == "user" && one.id.as_deref() == Some(&user.id))?;
        let hint = problem.hint.as_ref().map(|hint| format!("; {hint}")).unwrap_or_default();
        Some(format!("{}{hint}", problem.message))
    }

    pub(super) fn fact(&mut self, about: &'static str, text: impl Into<String>) {
        self.facts.push(Fact { about, text: text.into() });
    }

    /// Where the entry is not what provider and rules give.
    fn compare(&mut self) -> Result<(), RunError> {
        let (Some(entry), Some(TrialOutcome::Kept { user, .. }), false) = (
            &self.person.entry,
            self.trial.as_ref().and_then(|trial| trial.outcome.as_ref()),
            self.person.alias,
        ) else {
            return Ok(());
        };
        let entries = &self.inputs.policy.entries;
        let kept = self.inputs.reader.kept_of(entry.key)?;
        let (shown, given) = (flat(entry.fields()), flat(user.as_object().cloned().unwrap_or_default()));
        let mut names: Vec<&String> = shown.keys().chain(given.keys()).collect();
        names.sort();
        names.dedup();
        for name in names {
            let (shown, given) = (shown.get(name).cloned(), given.get(name).cloned());
            if shown == given || self.inputs.references.iter().any(|reference| reference.name == *name) {
                continue;
            }
            let why = if kept.contains(name) && entries.keeps_local(name) {
                "set here, and kept"
            } else if entries.only_at_creation.contains(name) {
                "set only at creation"
            } else {
                NEXT_SYNC
            };
            self.differences.push(Difference {
                what: name.clone(),
                given: given.unwrap_or_default(),
                shown: shown.unwrap_or_default(),
                why: why.to_owned(),
            });
        }
        Ok(())
    }

    fn tell(mut self) -> Result<Explanation, RunError> {
        let ExplainInputs { reader, connector, asked, policy, .. } = *self.inputs;
        let name = self.name();
        let waiting = self.waiting()?;
        let leaving = self.leaving()?;
        if waiting.is_some() {
            let held = self.differences.iter_mut().filter(|one| one.why == NEXT_SYNC);
            held.for_each(|one| one.why = "waits for a person".to_owned());
        }
        if let Some(entry) = &self.person.entry
            && let Some(why) = policy.safety.protects(entry, reader)?
        {
            self.fact("protected", format!("no run disables, deletes or anonymizes them: {why}"));
        }
        if let Some(pause) = self.number.map(|number| reader.pause(number)).transpose()?.flatten() {
            self.fact("paused", format!("connector {connector} is {pause}"));
        }
        let problem = self.report.as_ref().and_then(|report| self.problem(report));
        let (whereabouts, answer, next) = self.answer(&name, problem.as_deref(), leaving, waiting)?;
        if let Some(problem) = problem {
            self.fact("problem", problem);
        }
        let told = self.report.iter().flat_map(|report| report.problems.iter().chain(&report.notices));
        let told: Vec<_> = told.cloned().collect();
        let absent = self.person.read.as_ref().is_some_and(|(known, _)| known.absent_since.is_some());
        let groups = Memberships {
            reader,
            connector: self.number.unwrap_or(ConnectorId(0)),
            connector_name: connector,
            given: &self.given,
            trial: self.trial.as_ref(),
            entry: self.person.entry.as_ref().map(|entry| entry.key),
            told: &told,
            absent,
        }
        .reasons()?;
        let nearest = match whereabouts {
            Whereabouts::Unknown => nearest(reader, asked)?,
            _ => Vec::new(),
        };
        Ok(Explanation {
            connector: connector.to_owned(),
            asked: asked.to_owned(),
            whereabouts,
            answer,
            next,
            provider: self.provided()?,
            last_change: self.last_change()?,
            entry: self.person.entry.as_ref().or(self.person.other.as_ref()).map(UserEntry::to_json),
            rules: self.trial.filter(|trial| !trial.transforms.is_empty() && !absent),
            name,
            differences: self.differences,
            groups,
            facts: self.facts,
            nearest,
        })
    }

    fn name(&self) -> String {
        let Person { entry, read, other, gone, .. } = &self.person;
        let entry = entry.as_ref().map(|entry| entry.user_name.clone());
        let read = || read.as_ref().map(|(_, user)| user.username.clone());
        let other = || other.as_ref().map(|entry| entry.user_name.clone());
        let gone = || gone.as_ref().map(|(_, name)| name.clone());
        entry.or_else(read).or_else(other).or_else(gone).unwrap_or_else(|| self.inputs.asked.to_owned())
    }

    /// What cleanup does, and does next: why, and what will happen where that is not done yet.
    fn leaving(&mut self) -> Result<Option<(String, String)>, RunError> {
        let (Some(entry), Some(number), Some((known, _))) =
            (self.person.entry.clone(), self.number, &self.person.read)
        else {
            return Ok(None);
        };
        let outcome = self.trial.as_ref().and_then(|trial| trial.outcome.as_ref());
        let (why, since) = match (known.absent_since, outcome) {
            (Some(since), _) => (since_run("the provider no longer returns them", Some(since)), Some(since)),
            (None, Some(TrialOutcome::Dropped { reason })) => (
                format!("{}: {reason}", since_run("rules leave them out", known.dropped_since)),
                known.dropped_since,
            ),
            _ => return Ok(None),
        };
        let cleanup = &self.inputs.policy.cleanup;
        let fate = |complete: bool| -> Result<Fate, RunError> {
            let judge = Judge::new(self.inputs.reader, number, cleanup, self.inputs.now, complete);
            let keys = [entry.key.0].into_iter().collect();
            let groups = judge.groups_that_matter(&keys, self.person.alias)?;
            judge.fate(&entry, self.person.alias, &groups, since)
        };
        let fate = match (fate(false)?, since) {
            (Fate::Act(treatment), _) => format!("the next sync: {}", treatment.users.done()),
            (Fate::Stay(stays), Some(_)) => match fate(true)? {
                Fate::Act(_) => format!("{stays} by the next full sync"),
                _ => stays,
            },
            (Fate::Stay(stays), None) => stays,
            (Fate::Unclear(failure), _) => format!("a condition of cleanup can't be calculated: {failure}"),
            (Fate::Settled, _) => String::new(),
        };
        if !fate.is_empty() {
            self.fact("cleanup", fate.clone());
        }
        Ok(Some((why, fate)))
    }

    /// A held change of them: the run, and what it would do.
    fn waiting(&mut self) -> Result<Option<(i64, String)>, RunError> {
        let Some(entry) = &self.person.entry else { return Ok(None) };
        let (key, reader) = (entry.key.0, self.inputs.reader);
        let mut found: Option<(i64, String)> = None;
        for run in reader.holding_runs(Some(self.inputs.connector))? {
            for held in reader.held_changes(run)? {
                if held.state == HeldState::Waiting
                    && held.change.entry == EntryKind::User
                    && held.change.key == key
                {
                    self.facts.push(Fact {
                        about: "held",
                        text: format!("{} of run {}: {}", held.change.kind, run.0, held.reason),
                    });
                    found = Some((run.0, held.change.kind.to_string()));
                }
            }
            for held in reader.held_members(run)?.into_iter().filter(|held| held.state == HeldState::Waiting)
            {
                let (adds, removes) = (held.change.added.contains(key), held.change.removed.contains(key));
                if !adds && !removes {
                    continue;
                }
                let group = reader.group(held.change.group)?.map(|group| group.name).unwrap_or_default();
                let what = if adds { format!("joins {group}") } else { format!("leaves {group}") };
                self.facts
                    .push(Fact { about: "held", text: format!("{what}, of run {}: {}", run.0, held.reason) });
                found.get_or_insert((run.0, what));
            }
        }
        Ok(found)
    }

    fn provided(&mut self) -> Result<Option<Given>, RunError> {
        let Some((known, user)) = &self.person.read else { return Ok(None) };
        let seen = |run: RunId| -> Result<Option<Seen>, RunError> {
            Ok(self.inputs.reader.run(run)?.map(|row| Seen { run: run.0, at: row.started_at }))
        };
        let read = self.report.as_ref().and_then(|report| report.run);
        Ok(Some(Given {
            id: user.id.clone(),
            user_name: user.username.clone(),
            active: user.active,
            status: status_of(user),
            read: read.map(|run| seen(RunId(run))).transpose()?.flatten(),
            absent_since: known.absent_since.map(seen).transpose()?.flatten(),
            unread_groups: self.unread.clone(),
        }))
    }

    fn last_change(&self) -> Result<Option<LastChange>, RunError> {
        let entry = self.person.entry.as_ref().map(|entry| entry.key.0);
        match entry.or(self.person.gone.as_ref().map(|(key, _)| *key)) {
            Some(key) => last_change(self.inputs.reader, key),
            None => Ok(None),
        }
    }
}

/// What the latest run did that changed somebody.
pub(super) fn last_change(reader: &dyn Reader, key: u32) -> Result<Option<LastChange>, RunError> {
    let past = reader.past(EntryKind::User, key)?;
    let Some(run) = past.last().map(|past| past.run) else { return Ok(None) };
    let group = |key| -> Result<String, RunError> {
        Ok(reader.group(key)?.map(|group| group.name).unwrap_or_default())
    };
    let (mut what, mut reason) = (Vec::new(), None);
    for past in past.into_iter().filter(|past| past.run == run) {
        match past.what {
            PastWhat::Changed(change) => {
                what.push(change.kind.to_string());
                reason = reason.or(change.reason);
            }
            PastWhat::Joined(key) => what.push(format!("joins {}", group(key)?)),
            PastWhat::Left(key) => what.push(format!("leaves {}", group(key)?)),
            PastWhat::Members(_) => {}
        }
    }
    let at = reader.run(run)?.map(|row| row.started_at).unwrap_or_default();
    Ok(Some(LastChange { run: run.0, at, what, reason }))
}

pub(super) fn status_of(user: &User) -> Option<String> {
    let status = user.attributes.iter().find(|attribute| attribute.name == "status")?;
    match &status.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

/// Attributes under their own names.
fn flat(fields: Map<String, Json>) -> Map<String, Json> {
    let mut all = Map::new();
    for (name, value) in fields {
        match value {
            Json::Object(inner) if name == "attributes" => all.extend(inner),
            value => drop(all.insert(name, value)),
        }
    }
    all
}
