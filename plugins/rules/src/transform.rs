use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_expression::Environment;
use rollcall_plugin::{
    Error, Group, GroupRef, GroupVerdict, Person, Plugin, Problem, Transform, Verdict, log,
};

use crate::group::{self, GroupRule, State};
use crate::names::same;
use crate::person::{Outcome, PersonRule};
use crate::settings::Settings;
use crate::trace::{Result as Traced, Step, changes_of_group, changes_of_person};
use crate::view::{GroupView, PersonView};

/// The transform: a company's rules, compiled once.
#[derive(Debug)]
pub struct Rules {
    groups: Vec<GroupRule>,
    people: Vec<PersonRule>,
    /// Names of groups that others were merged into.
    merged: Vec<String>,
    trace: bool,
}

impl Plugin for Rules {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Error> {
        let tables: BTreeMap<_, _> =
            settings.lookup.into_iter().map(|(name, table)| (name, Arc::new(table))).collect();
        let mut of_people = Environment::new();
        PersonView::declare(&mut of_people);
        let mut of_groups = Environment::new();
        GroupView::declare(&mut of_groups);
        for (index, name) in settings.attributes.iter().enumerate() {
            if name.trim().is_empty() {
                return Err(Error::settings(format!("attributes.{index}"), "the entry is empty"));
            }
            of_people.attributes(name);
            of_groups.attributes(name);
        }
        let groups = settings.groups.iter().enumerate();
        let groups: Vec<GroupRule> = groups
            .map(|(index, rule)| GroupRule::new(&format!("groups.{index}"), rule, &of_groups))
            .collect::<Result<_, _>>()?;
        let mut people = Vec::with_capacity(settings.people.len());
        for (index, rule) in settings.people.iter().enumerate() {
            people.push(PersonRule::new(&format!("people.{index}"), rule, &tables, &mut of_people)?);
        }
        let merged = groups.iter().filter_map(GroupRule::merged_name).map(str::to_owned).collect();
        Ok(Self { groups, people, merged, trace: settings.trace })
    }
}

impl Transform for Rules {
    fn shape_group(&self, group: Group) -> Result<GroupVerdict, Error> {
        self.run_on_group(group, &mut |step| self.log(step))
    }

    fn shape_person(&self, person: Person) -> Result<Verdict, Error> {
        self.run_on_person(person, &mut |step| self.log(step))
    }

    /// Unlike the default, a rule can end the run: `otherwise = "fail"`.
    fn shape_people(&self, people: Vec<Person>) -> Result<Vec<Verdict>, Error> {
        people.into_iter().map(|person| self.shape_person(person)).collect()
    }
}

impl Rules {
    /// What becomes of a group; `traced` is told what each rule did when tracing is on.
    pub fn run_on_group(&self, group: Group, traced: &mut dyn FnMut(Step)) -> Result<GroupVerdict, Error> {
        let mut state = State::new(group);
        for rule in &self.groups {
            let before = self.trace.then(|| (state.group.clone(), state.hidden));
            let outcome = rule.apply(&mut state).map_err(|failure| rule.failed(&failure, &state.group))?;
            if let Some((before, was_hidden)) = before {
                let changes = changes_of_group(&before, &state.group);
                let result = match &outcome {
                    group::Outcome::Drop(_) => Traced::Dropped,
                    group::Outcome::NotConcerned => Traced::NotConcerned,
                    group::Outcome::Done if state.hidden && !was_hidden => Traced::Hidden,
                    group::Outcome::Done if changes.is_empty() => Traced::Unchanged,
                    group::Outcome::Done => Traced::Changed,
                };
                let reason = match &outcome {
                    group::Outcome::Drop(reason) => Some(reason.clone()),
                    _ => None,
                };
                traced(Step {
                    rule: rule.label.clone(),
                    of: format!("group {}", before.id),
                    result,
                    reason,
                    changes,
                });
            }
            if let group::Outcome::Drop(reason) = outcome {
                return Ok(GroupVerdict::Drop(reason));
            }
        }
        Ok(state.verdict())
    }

    /// What becomes of a person; `traced` is told what each rule did when tracing is on.
    ///
    /// # Errors
    ///
    /// Only where a rule says that the run has to end.
    pub fn run_on_person(&self, mut person: Person, traced: &mut dyn FnMut(Step)) -> Result<Verdict, Error> {
        self.merge_groups(&mut person);
        for rule in &self.people {
            let before = self.trace.then(|| person.clone());
            let outcome = rule.apply(&mut person);
            if let Some(before) = before {
                traced(step(rule, &before, &person, &outcome));
            }
            match outcome {
                Outcome::Done | Outcome::NotConcerned => {}
                Outcome::Drop(reason) => return Ok(Verdict::Drop(reason)),
                Outcome::Skip(error) => return Ok(Verdict::Skip(Problem::user(person.user.id, error))),
                Outcome::Fail(error) => return Err(error),
            }
        }
        Ok(Verdict::Keep(person))
    }

    /// The merged groups are hidden, and their members get the one that takes their place.
    fn merge_groups(&self, person: &mut Person) {
        for into in &self.merged {
            let before = person.groups.len();
            person.groups.retain(|group| !same(&group.name, into));
            if person.groups.len() < before {
                person.groups.push(GroupRef { id: None, name: into.clone() });
            }
        }
    }

    fn log(&self, step: Step) {
        log::debug(&step.line());
    }
}

fn step(rule: &PersonRule, before: &Person, after: &Person, outcome: &Outcome) -> Step {
    let changes = changes_of_person(before, after);
    let (result, reason) = match outcome {
        Outcome::Done if changes.is_empty() => (Traced::Unchanged, None),
        Outcome::Done => (Traced::Changed, None),
        Outcome::NotConcerned => (Traced::NotConcerned, None),
        Outcome::Drop(reason) => (Traced::Dropped, Some(reason.clone())),
        Outcome::Skip(error) => (Traced::Skipped, Some(error.message.clone())),
        Outcome::Fail(error) => (Traced::Failed, Some(error.message.clone())),
    };
    Step { rule: rule.label.clone(), of: format!("user {}", before.user.id), result, reason, changes }
}
