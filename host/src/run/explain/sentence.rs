//! The answer in a sentence, and what to do next.

use super::answer::{Account, ExplainInputs, NEXT_SYNC, last_change, status_of};
use super::explanation::Whereabouts;
use crate::directory::{LOCAL, UserEntry, fold};
use crate::run::error::RunError;
use crate::run::leavers::since_run;
use crate::run::trial::TrialOutcome;

impl Account<'_> {
    /// Where they are, the answer, and the next step. `leaving` is why they leave and what cleanup does; `waiting` is a
    /// run that holds something of them, and what.
    pub(super) fn answer(
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
        let called = match self.person.renamed {
            true => format!(" (before: {})", self.inputs.asked),
            false => String::new(),
        };
        let here = format!("{name}{called} is in the directory, {state}");
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
            let fate = if fate.is_empty() { fate } else { format!(": {fate}") };
            let next = match outcome {
                Some(TrialOutcome::Dropped { .. }) => self.why_dropped(),
                _ => "nothing to do, if that is right; else see whether the provider has them, and in scope"
                    .to_owned(),
            };
            return Ok((whereabouts, format!("{here}; {why}{fate}."), next));
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
        if let Some(TrialOutcome::Skipped { reason, hint } | TrialOutcome::Failed { reason, hint }) = outcome
        {
            let answer = format!("{here}, and stays as it was: {reason}.");
            return Ok((whereabouts, answer, hint.unwrap_or_else(|| "mend that rule".to_owned())));
        }
        let differs = self.differences.iter().any(|one| one.why == NEXT_SYNC);
        let next = if differs { sync() } else { nothing() };
        let known = self.person.read.as_ref().is_some_and(|(_, user)| user.active) && !entry.active;
        let inactive = self.inputs.policy.cleanup.inactivity.as_ref();
        let inactive = inactive.and_then(|rule| rule.reason(entry, self.inputs.now)).filter(|_| known);
        Ok(match inactive {
            Some(reason) => (whereabouts, format!("{here}: {reason}."), nothing()),
            None => (whereabouts, format!("{here}{disabled}{}.", self.in_groups(entry)?), next),
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
                            if problem.is_none() {
                                let id = &holder.external_id;
                                self.fact(
                                    "conflict",
                                    format!("the user name {wanted:?} belongs to {whose} ({id})"),
                                );
                            }
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

    /// `, in 2 groups`.
    fn in_groups(&self, entry: &UserEntry) -> Result<String, RunError> {
        Ok(match self.inputs.reader.groups_of(entry.key)?.len() {
            0 => ", in no group".to_owned(),
            1 => ", in 1 group".to_owned(),
            number => format!(", in {number} groups"),
        })
    }

    /// Which rule drops them.
    fn why_dropped(&self) -> String {
        let steps = self.trial.iter().flat_map(|trial| &trial.steps);
        let step = steps.into_iter().rfind(|step| step.of.starts_with("user ") && step.result == "dropped");
        let (transform, rule) = step
            .map(|step| (step.transform.clone(), step.rule.clone()))
            .unwrap_or_else(|| ("the transforms".to_owned(), None));
        let rule = rule.map(|rule| format!("rule {rule} of ")).unwrap_or_default();
        format!("nothing to do, if that is right; else change {rule}{transform} in rollcall.toml")
    }
}
