//! One rule for people: read from the settings, and applied to a person.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_expression::{Environment, Expression, Failure};
use rollcall_plugin::{Error, GroupRef, Person};

use crate::action::single_action;
use crate::mistakes;
use crate::names::{Names, same};
use crate::set::Set;
use crate::settings::{Otherwise, PersonRule as Written};
use crate::steps::Table;
use crate::target::Target;
use crate::view::PersonView;

/// A rule for people, ready to run.
#[derive(Debug)]
pub struct PersonRule {
    /// Its name, or else its place in the settings: `people.2`.
    pub label: String,
    when: Option<Expression>,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Keep(Expression, String),
    Drop(Expression, String),
    Require { names: Vec<(String, Expression)>, otherwise: Otherwise, reason: Option<String> },
    Set(Box<Set>),
    Remove { targets: Vec<Target>, attributes: Option<Names> },
    AddGroups(Vec<String>),
    RemoveGroups(Names),
}

/// What a rule made of a person.
#[derive(Debug, PartialEq)]
pub enum Outcome {
    /// It may have changed something.
    Done,
    /// Its `when` is not true.
    NotConcerned,
    /// Out of scope, and why.
    Drop(String),
    /// Stays as they are, and is reported.
    Skip(Error),
    /// The run ends.
    Fail(Error),
}

/// The keys of each action, beside `name` and `when`.
const ACTIONS: [(&str, &[&str]); 7] = [
    ("keep", &["reason"]),
    ("drop", &["reason"]),
    ("require", &["otherwise", "reason"]),
    ("set", &["from", "template", "expression", "value", "steps", "default", "if-empty", "reason"]),
    ("remove", &[]),
    ("add-groups", &[]),
    ("remove-groups", &[]),
];

impl PersonRule {
    /// Reads the rule at `path`, and makes known to those that follow what it sets.
    pub fn new(
        path: &str,
        written: &Written,
        tables: &BTreeMap<String, Arc<Table>>,
        environment: &mut Environment,
    ) -> Result<Self, Error> {
        let label = written.name.clone().unwrap_or_else(|| path.to_owned());
        let when = written.when.as_ref();
        let when = when
            .map(|source| mistakes::condition(format!("{path}.when"), source, environment))
            .transpose()?;
        let reason = || written.reason.clone().unwrap_or_else(|| format!("by the rule {label:?}"));
        let condition = |key: &str, source: &Option<String>, environment: &Environment| {
            mistakes::condition(format!("{path}.{key}"), source.as_deref().unwrap_or_default(), environment)
        };
        let action = match single_action(path, &ACTIONS, &present(written))? {
            "keep" => Action::Keep(condition("keep", &written.keep, environment)?, reason()),
            "drop" => Action::Drop(condition("drop", &written.drop, environment)?, reason()),
            "require" => Action::require(path, written, environment)?,
            "set" => Action::Set(Box::new(Set::new(path, written, tables, environment)?)),
            "remove" => Action::remove(path, written)?,
            "add-groups" => {
                let names = written.add_groups.as_ref().map(|names| names.0.clone()).unwrap_or_default();
                if names.is_empty() || names.iter().any(|name| name.trim().is_empty()) {
                    return Err(Error::settings(format!("{path}.add-groups"), "a group's name is empty"));
                }
                Action::AddGroups(names)
            }
            _ => {
                let names =
                    written.remove_groups.as_ref().map(|names| names.0.as_slice()).unwrap_or_default();
                Action::RemoveGroups(Names::new(&format!("{path}.remove-groups"), names)?)
            }
        };
        if let Action::Set(set) = &action {
            set.target.declare(environment);
        }
        Ok(Self { label, when, action })
    }

    pub fn apply(&self, person: &mut Person) -> Outcome {
        self.try_apply(person).unwrap_or_else(|failure| Outcome::Skip(self.failed(&failure)))
    }

    fn failed(&self, failure: &Failure) -> Error {
        let mut error = Error::new("rule", format!("a rule failed: {failure}"));
        error.hint = failure.hint();
        error.with_detail("rule", self.label.clone())
    }

    fn try_apply(&self, person: &mut Person) -> Result<Outcome, Failure> {
        if let Some(when) = &self.when
            && !when.test(&PersonView::of(person))?
        {
            return Ok(Outcome::NotConcerned);
        }
        match &self.action {
            Action::Keep(condition, reason) => {
                if !condition.test(&PersonView::of(person))? {
                    return Ok(Outcome::Drop(reason.clone()));
                }
            }
            Action::Drop(condition, reason) => {
                if condition.test(&PersonView::of(person))? {
                    return Ok(Outcome::Drop(reason.clone()));
                }
            }
            Action::Require { names, otherwise, reason } => {
                for (name, value) in names {
                    let blank = value.evaluate(&PersonView::of(person))?.is_blank();
                    if blank {
                        let message = reason
                            .clone()
                            .unwrap_or_else(|| format!("`{name}` is required and has no value"));
                        return Ok(self.without(*otherwise, name, message, person));
                    }
                }
            }
            Action::Set(set) => return set.apply(self, person),
            Action::Remove { targets, attributes } => {
                targets.iter().for_each(|target| target.clear(&mut person.user));
                if let Some(names) = attributes {
                    person.user.attributes.retain(|attribute| !names.hold(&attribute.name));
                }
            }
            Action::AddGroups(names) => {
                for name in names {
                    if !person.groups.iter().any(|group| same(&group.name, name)) {
                        person.groups.push(GroupRef { id: None, name: name.clone() });
                    }
                }
            }
            Action::RemoveGroups(names) => person.groups.retain(|group| !names.hold(&group.name)),
        }
        Ok(Outcome::Done)
    }

    /// What becomes of a person without a value that they have to have.
    pub fn without(&self, otherwise: Otherwise, name: &str, message: String, person: &Person) -> Outcome {
        let error = |message: String| {
            Error::new("required", message)
                .with_hint(format!(
                    "give the person a value at the provider, or set `{name}` by a rule before"
                ))
                .with_detail("rule", self.label.clone())
        };
        match otherwise {
            Otherwise::Skip => Outcome::Skip(error(message)),
            Otherwise::Drop => Outcome::Drop(message),
            Otherwise::Fail => Outcome::Fail(error(format!("user {}: {message}", person.user.id))),
        }
    }
}

fn present(rule: &Written) -> [(&'static str, bool); 16] {
    [
        ("keep", rule.keep.is_some()),
        ("drop", rule.drop.is_some()),
        ("require", rule.require.is_some()),
        ("set", rule.set.is_some()),
        ("remove", rule.remove.is_some()),
        ("add-groups", rule.add_groups.is_some()),
        ("remove-groups", rule.remove_groups.is_some()),
        ("reason", rule.reason.is_some()),
        ("otherwise", rule.otherwise.is_some()),
        ("from", rule.from.is_some()),
        ("template", rule.template.is_some()),
        ("expression", rule.expression.is_some()),
        ("value", rule.value.is_some()),
        ("steps", rule.steps.is_some()),
        ("default", rule.default.is_some()),
        ("if-empty", rule.if_empty.is_some()),
    ]
}

impl Action {
    fn require(path: &str, written: &Written, environment: &Environment) -> Result<Self, Error> {
        let path = format!("{path}.require");
        let names = written.require.as_ref();
        let list = names.map(|names| names.0.as_slice()).unwrap_or_default();
        if list.is_empty() {
            return Err(Error::settings(path, "the list is empty"));
        }
        let compiled = list.iter().enumerate().map(|(index, name)| {
            let value = Expression::of_name(name, environment).map_err(|mistake| {
                mistakes::at(names.map_or_else(String::new, |names| names.path(&path, index)), &mistake)
            })?;
            Ok((name.clone(), value))
        });
        Ok(Action::Require {
            names: compiled.collect::<Result<_, Error>>()?,
            otherwise: written.otherwise.unwrap_or_default(),
            reason: written.reason.clone(),
        })
    }

    fn remove(path: &str, written: &Written) -> Result<Self, Error> {
        let path = format!("{path}.remove");
        let list = written.remove.as_ref().map(|names| names.0.as_slice()).unwrap_or_default();
        if list.is_empty() {
            return Err(Error::settings(path, "the list is empty"));
        }
        let (mut targets, mut patterns) = (Vec::new(), Vec::new());
        for name in list {
            if name.contains(['*', '?']) || name.starts_with('/') {
                patterns.push(name.clone());
                continue;
            }
            let target = Target::named(&path, name)?;
            if !target.is_optional() {
                return Err(Error::settings(path, format!("`{name}` can't be removed: everybody has one")));
            }
            targets.push(target);
        }
        let attributes = if patterns.is_empty() { None } else { Some(Names::new(&path, &patterns)?) };
        Ok(Action::Remove { targets, attributes })
    }
}
