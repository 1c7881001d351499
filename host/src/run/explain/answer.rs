use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Map, Value as Json};

use super::explanation::{Difference, Explanation, Fact, Given, LastChange, Seen, Whereabouts};
use super::find::{find_read, find_users, nearest};
use super::groups::Memberships;
use crate::directory::{
    ConnectorId, EntryKind, HeldState, LOCAL, MembersState, MirrorGroup, MirrorUser, PastWhat, Reader, RunId,
    UserEntry, fold,
};
use crate::model::{ReferenceRule, User, Value};
use crate::run::error::RunError;
use crate::run::leavers::{Fate, Judge, since_run};
use crate::run::policy::Policy;
use crate::run::report::RunReport;
use crate::run::trial::{Subjects, Trial, TrialOutcome, TrialTransform};

/// How many runs back the report is looked for that tells of everybody.
const REPORTS: u32 = 30;

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

/// Whom it is about, as far as they are known.
#[derive(Default)]
struct Person {
    entry: Option<UserEntry>,
    /// The entry is another connector's, and theirs.
    alias: bool,
    read: Option<(MirrorUser, User)>,
    /// Somebody else of that name, whom this connector does not know.
    other: Option<UserEntry>,
    /// Key and last name of an entry that is gone.
    gone: Option<(u32, String)>,
}

/// An explanation in the making.
struct Account<'a> {
    inputs: &'a ExplainInputs<'a>,
    number: Option<ConnectorId>,
    person: Person,
    given: Vec<MirrorGroup>,
    unread: Vec<String>,
    trial: Option<Trial>,
    report: Option<RunReport>,
    facts: Vec<Fact>,
    differences: Vec<Difference>,
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

impl Person {
    fn find(inputs: &ExplainInputs<'_>, number: Option<ConnectorId>) -> Result<Self, RunError> {
        let ExplainInputs { reader, connector, asked, .. } = *inputs;
        let mut found = find_users(reader, asked)?;
        if found.len() > 1 && found.iter().any(|entry| entry.connector == connector) {
            found.retain(|entry| entry.connector == connector);
        }
        if found.len() > 1 {
            let people = found.iter().map(|entry| format!("{} ({})", entry.user_name, entry.external_id));
            return Err(RunError::SeveralPeople { who: asked.to_owned(), people: people.collect() });
        }
        let mut person = Self::default();
        if let Some(entry) = found.pop() {
            match id_of(inputs, number, &entry)? {
                Some(id) => {
                    person.alias = entry.connector != connector;
                    person.entry = Some(entry);
                    person.read = read_by_id(reader, number, &id)?;
                    return Ok(person);
                }
                None => person.other = Some(entry),
            }
        }
        let mut read = number.map(|number| find_read(reader, number, asked)).transpose()?.unwrap_or_default();
        if read.len() > 1 {
            let people = read.iter().map(|(_, user)| format!("{} ({})", user.username, user.id));
            return Err(RunError::SeveralPeople { who: asked.to_owned(), people: people.collect() });
        }
        if let Some((known, user)) = read.pop() {
            let own = reader.users_by_id(&user.id)?.into_iter().find(|entry| entry.connector == connector);
            person.entry = match own {
                Some(own) => Some(own),
                None => aliased(inputs, number, &user.id)?,
            };
            person.alias = person.entry.as_ref().is_some_and(|entry| entry.connector != connector);
            person.read = Some((known, user));
            return Ok(person);
        }
        if person.other.is_none()
            && let [former] = reader.former(EntryKind::User, asked)?.as_slice()
        {
            match reader.user(crate::directory::UserKey(former.key))? {
                Some(entry) => {
                    let id = id_of(inputs, number, &entry)?;
                    person.read = id.map(|id| read_by_id(reader, number, &id)).transpose()?.flatten();
                    person.alias = entry.connector != connector;
                    person.entry = Some(entry);
                }
                None => person.gone = Some((former.key, former.name.clone())),
            }
        }
        Ok(person)
    }
}

fn read_by_id(
    reader: &dyn Reader,
    number: Option<ConnectorId>,
    id: &str,
) -> Result<Option<(MirrorUser, User)>, RunError> {
    let known = number.map(|number| reader.mirror_user(number, id)).transpose()?.flatten();
    let Some(known) = known else { return Ok(None) };
    Ok(reader.mirror_user_record(known.number)?.map(|record| (known, record)))
}

/// The provider's id of the entry's person, where the connector knows them.
fn id_of(
    inputs: &ExplainInputs<'_>,
    number: Option<ConnectorId>,
    entry: &UserEntry,
) -> Result<Option<String>, RunError> {
    if entry.connector == inputs.connector {
        return Ok(Some(entry.external_id.clone()));
    }
    let mut found = None;
    if let Some(number) = number {
        inputs.reader.aliases(number, &mut |kind, id, key| {
            if kind == EntryKind::User && key == entry.key.0 {
                found = Some(id.to_owned());
            }
        })?;
    }
    Ok(found)
}

/// The entry of another connector that is the person of this id.
fn aliased(
    inputs: &ExplainInputs<'_>,
    number: Option<ConnectorId>,
    wanted: &str,
) -> Result<Option<UserEntry>, RunError> {
    let Some(number) = number else { return Ok(None) };
    let mut found = None;
    inputs.reader.aliases(number, &mut |kind, id, key| {
        if kind == EntryKind::User && id == wanted {
            found = Some(crate::directory::UserKey(key));
        }
    })?;
    Ok(found.map(|key| inputs.reader.user(key)).transpose()?.flatten())
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

    fn fact(&mut self, about: &'static str, text: impl Into<String>) {
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
                "the next sync changes it, unless something holds it"
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
        let groups = Memberships {
            reader,
            connector: self.number.unwrap_or(ConnectorId(0)),
            connector_name: connector,
            given: &self.given,
            trial: self.trial.as_ref(),
            entry: self.person.entry.as_ref().map(|entry| entry.key),
            told: &told,
            absent: self.person.read.as_ref().is_some_and(|(known, _)| known.absent_since.is_some()),
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
            rules: self.trial.filter(|trial| !trial.transforms.is_empty()),
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

    fn answer(
        &mut self,
        name: &str,
        problem: Option<&str>,
        leaving: Option<(String, String)>,
        waiting: Option<(i64, String)>,
    ) -> Result<(Whereabouts, String, String), RunError> {
        let connector = self.inputs.connector;
        let nothing = || "nothing to do".to_owned();
        let sync = || format!("`rollcall sync {connector} --user {name}` brings it in step");
        let outcome = self.trial.as_ref().and_then(|trial| trial.outcome.clone());
        let Some(entry) = &self.person.entry else {
            return self.answer_without_entry(name, problem, outcome);
        };
        let whereabouts = if entry.active { Whereabouts::Active } else { Whereabouts::Disabled };
        let state = if entry.active { "active" } else { "disabled" };
        let here = format!("{name} is in the directory, {state}");
        let status = self.person.read.as_ref().and_then(|(_, user)| status_of(user));
        let disabled = match (&self.person.read, status) {
            (Some((_, user)), Some(status)) if !user.active => {
                format!(", because the provider says so (status {status})")
            }
            (Some((_, user)), None) if !user.active => ", because the provider says so".to_owned(),
            _ => String::new(),
        };
        if let Some((run, what)) = waiting {
            let answer = format!("{here}, and what run {run} would do waits for a person: {what}.");
            let next = format!("`rollcall approve {run}` applies it, `rollcall reject {run}` drops it");
            return Ok((whereabouts, answer, next));
        }
        if let Some((why, fate)) = leaving {
            let next = match fate.as_str() {
                "" => match outcome {
                    Some(TrialOutcome::Dropped { .. }) => self.why_dropped(),
                    _ => "nothing to do; if they should be there, look at the provider: does it have them, in scope?"
                        .to_owned(),
                },
                fate => format!("{fate}; if they should stay, look at the provider, or at the rules"),
            };
            return Ok((whereabouts, format!("{here}; {why}."), next));
        }
        if self.person.alias {
            let owner = &entry.connector;
            let answer =
                format!("{here}: the entry is held by connector {owner}, and {connector} adds groups.");
            return Ok((whereabouts, answer, nothing()));
        }
        if self.person.read.is_none() {
            let answer = format!("{here}, and the last sync of {connector} knows nothing of them.");
            return Ok((whereabouts, answer, sync()));
        }
        if let Some(problem) = problem {
            let answer = format!("{here}{disabled}, and stays as it was: {problem}.");
            return Ok((whereabouts, answer, "mend that; the next sync tries again".to_owned()));
        }
        match outcome {
            Some(TrialOutcome::Skipped { reason, hint } | TrialOutcome::Failed { reason, hint }) => {
                let answer = format!("{here}, and stays as it was: {reason}.");
                return Ok((whereabouts, answer, hint.unwrap_or_else(|| "mend that rule".to_owned())));
            }
            _ => {}
        }
        let differs = self.differences.iter().any(|one| one.why.starts_with("the next"));
        let next = if differs { sync() } else { nothing() };
        let known = self.person.read.as_ref().is_some_and(|(_, user)| user.active) && !entry.active;
        let inactive = self.inputs.policy.cleanup.inactivity.as_ref();
        let inactive = inactive.and_then(|rule| rule.reason(entry, self.inputs.now)).filter(|_| known);
        Ok(match inactive {
            Some(reason) => (whereabouts, format!("{here}: {reason}."), nothing()),
            None => (whereabouts, format!("{here}{disabled}."), next),
        })
    }

    fn answer_without_entry(
        &mut self,
        name: &str,
        problem: Option<&str>,
        outcome: Option<TrialOutcome>,
    ) -> Result<(Whereabouts, String, String), RunError> {
        let ExplainInputs { reader, connector, asked, .. } = *self.inputs;
        let not_here = format!("{name} is not in the directory");
        if let Some((known, _)) = &self.person.read {
            if known.absent_since.is_some() {
                let since = since_run("the provider no longer returns them", known.absent_since);
                let next = format!("`rollcall sync {connector} --user {name}` asks for them once more");
                return Ok((Whereabouts::LeftOut, format!("{not_here}: {since}."), next));
            }
            let next = || "mend that; the next sync tries again".to_owned();
            return Ok(match outcome {
                Some(TrialOutcome::Dropped { reason }) => {
                    let answer = format!("{not_here}: rules leave them out ({reason}).");
                    (Whereabouts::LeftOut, answer, self.why_dropped())
                }
                Some(TrialOutcome::Skipped { reason, hint } | TrialOutcome::Failed { reason, hint }) => {
                    let next = hint.unwrap_or_else(next);
                    (Whereabouts::LeftOut, format!("{not_here}: {reason}."), next)
                }
                Some(TrialOutcome::Kept { user, .. }) => {
                    let wanted = user["userName"].as_str().unwrap_or_default().to_owned();
                    match reader.user_by_name(&fold(&wanted))? {
                        Some(holder) => {
                            let owner = &holder.connector;
                            let whose = match owner.as_str() {
                                LOCAL => "a local entry".to_owned(),
                                owner => format!("an entry of connector {owner}"),
                            };
                            self.fact(
                                "conflict",
                                format!(
                                    "the user name {wanted:?} belongs to {whose} ({})",
                                    holder.external_id
                                ),
                            );
                            let answer = format!("{not_here}: the user name {wanted:?} belongs to {whose}.");
                            let next = format!(
                                "rename one of the two, or let `users` under [connector.{connector}.conflicts] say what becomes of such names"
                            );
                            (Whereabouts::LeftOut, answer, next)
                        }
                        None => {
                            let why = problem.unwrap_or("the next sync makes the entry");
                            let sync = format!("`rollcall sync {connector} --user {name}` does it now");
                            (Whereabouts::LeftOut, format!("{not_here}: {why}."), sync)
                        }
                    }
                }
                None => (Whereabouts::LeftOut, format!("{not_here}."), next()),
            });
        }
        if let Some(other) = &self.person.other {
            return Ok(match other.connector.as_str() {
                LOCAL => (
                    Whereabouts::Local,
                    format!("{name} is a local entry: people made it here, and no sync changes it."),
                    format!("nothing to do; `rollcall user {name}` shows it"),
                ),
                owner => (
                    Whereabouts::OtherConnector,
                    format!(
                        "{name} belongs to connector {owner}, and {connector} has read nobody like that."
                    ),
                    format!("`rollcall explain {owner} {name}` tells more"),
                ),
            });
        }
        if let Some((key, _)) = &self.person.gone {
            let change = last_change(reader, *key)?;
            let run = change.as_ref().map(|change| format!(" in run {}", change.run)).unwrap_or_default();
            let reason = change.and_then(|change| change.reason).map(|reason| format!(": {reason}"));
            let answer = format!("{name} was deleted from the directory{run}{}.", reason.unwrap_or_default());
            let next = format!("`rollcall history user {name}` tells the rest");
            return Ok((Whereabouts::Deleted, answer, next));
        }
        let read = self.number.map(|number| reader.last_applied(number)).transpose()?.flatten();
        Ok(match read {
            None => (
                Whereabouts::Unknown,
                format!("Nobody is called {asked:?}: nothing of connector {connector} was read yet."),
                format!("`rollcall sync {connector}` reads it"),
            ),
            Some(_) => (
                Whereabouts::Unknown,
                format!(
                    "Nobody is called {asked:?}: not in the directory, and no sync of {connector} has read them."
                ),
                format!(
                    "`rollcall sync {connector} --user {asked}` asks the provider; if it has them, look at the settings that say \
                     who is in scope, and at what the credential sees (`rollcall connector test {connector}`)"
                ),
            ),
        })
    }

    /// Which rule drops them.
    fn why_dropped(&self) -> String {
        let steps = self.trial.iter().flat_map(|trial| &trial.steps);
        let step =
            steps.into_iter().filter(|step| step.of.starts_with("user ") && step.result == "dropped").last();
        let (transform, rule) = step
            .map(|step| (step.transform.clone(), step.rule.clone()))
            .unwrap_or_else(|| ("the transforms".to_owned(), None));
        let rule = rule.map(|rule| format!("rule {rule} of ")).unwrap_or_default();
        format!("nothing to do, if that is right; else change {rule}{transform} in rollcall.toml")
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

fn last_change(reader: &dyn Reader, key: u32) -> Result<Option<LastChange>, RunError> {
    let Some(past) = reader.past(EntryKind::User, key)?.pop() else { return Ok(None) };
    let group = |key| -> Result<String, RunError> {
        Ok(reader.group(key)?.map(|group| group.name).unwrap_or_default())
    };
    let (kind, reason) = match past.what {
        PastWhat::Changed(change) => (change.kind.to_string(), change.reason),
        PastWhat::Joined(key) => (format!("joined {}", group(key)?), None),
        PastWhat::Left(key) => (format!("left {}", group(key)?), None),
        PastWhat::Members(_) => return Ok(None),
    };
    let at = reader.run(past.run)?.map(|row| row.started_at).unwrap_or_default();
    Ok(Some(LastChange { run: past.run.0, at, kind, reason }))
}

fn status_of(user: &User) -> Option<String> {
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
