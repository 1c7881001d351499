//! One rule for people: read from the settings, and applied to a person.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_expression::{Environment, Expression, Failure, Kind};
use rollcall_plugin::{Error, GroupRef, Person};

use crate::mistakes;
use crate::names::{Names, same};
use crate::origin::{Constant, Origin, Template};
use crate::settings::{IfEmpty, Otherwise, PersonRule as Written};
use crate::steps::{Step, StepFailure, Table};
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

#[derive(Debug)]
struct Set {
    target: Target,
    name: String,
    origin: Origin,
    steps: Vec<Step>,
    default: Option<Constant>,
    if_empty: IfEmpty,
    reason: Option<String>,
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

/// The one action that a rule's keys name.
///
/// # Errors
///
/// None or several; and keys that belong to another action.
pub fn single_action(
    path: &str,
    actions: &[(&'static str, &[&str])],
    present: &[(&'static str, bool)],
) -> Result<&'static str, Error> {
    let named = |key: &&str| present.iter().any(|(name, is)| name == key && *is);
    let found: Vec<&'static str> = actions.iter().map(|(key, _)| *key).filter(named).collect();
    let (action, keys) = match found.as_slice() {
        [one] => {
            actions.iter().find(|(key, _)| key == one).map_or((*one, &[][..]), |(key, keys)| (*key, *keys))
        }
        [] => {
            let known: Vec<_> = actions.iter().map(|(key, _)| *key).collect();
            return Err(Error::settings(path, "the rule does nothing")
                .with_hint(format!("give it one of {}", known.join(", "))));
        }
        [first, second, ..] => {
            return Err(Error::settings(
                format!("{path}.{second}"),
                format!("the rule has both `{first}` and `{second}`"),
            )
            .with_hint("write two rules: they run in the order written"));
        }
    };
    let stray = present.iter().find(|(key, is)| *is && *key != action && !keys.contains(key));
    match stray {
        Some((key, _)) => {
            let of: Vec<_> = actions
                .iter()
                .filter(|(_, keys)| keys.contains(key))
                .map(|(key, _)| format!("`{key}`"))
                .collect();
            Err(Error::settings(format!("{path}.{key}"), format!("`{key}` means nothing beside `{action}`"))
                .with_hint(format!("it belongs to {}", of.join(" and "))))
        }
        None => Ok(action),
    }
}

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

    fn without(&self, otherwise: Otherwise, name: &str, message: String, person: &Person) -> Outcome {
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

impl Set {
    fn new(
        path: &str,
        written: &Written,
        tables: &BTreeMap<String, Arc<Table>>,
        environment: &Environment,
    ) -> Result<Self, Error> {
        let name = written.set.clone().unwrap_or_default();
        let target = Target::named(&format!("{path}.set"), &name)?;
        let at = |key: &str| format!("{path}.{key}");
        let given = [
            ("from", written.from.is_some()),
            ("template", written.template.is_some()),
            ("expression", written.expression.is_some()),
            ("value", written.value.is_some()),
        ];
        let mut given = given.iter().filter(|(_, is)| *is).map(|(key, _)| *key);
        if let (Some(first), Some(second)) = (given.next(), given.next()) {
            return Err(Error::settings(
                at(second),
                format!("the value comes both from `{first}` and from `{second}`"),
            )
            .with_hint("leave one of them away"));
        }
        let origin = if let Some(names) = &written.from {
            Origin::from_names(&at("from"), names, environment)?
        } else if let Some(template) = &written.template {
            Origin::Template(Template::new(&at("template"), template, environment)?)
        } else if let Some(expression) = &written.expression {
            let compiled = Expression::compile(expression, environment);
            Origin::Expression(compiled.map_err(|mistake| mistakes::at(at("expression"), &mistake))?)
        } else if let Some(value) = &written.value {
            Origin::Constant(Constant::new(&at("value"), value)?)
        } else {
            if written.steps.is_none() && written.default.is_none() && written.if_empty.is_none() {
                return Err(Error::settings(at("set"), format!("the rule sets `{name}` to what it is"))
                    .with_hint(
                        "say where the value comes from: from, template, expression, value; or give it steps",
                    ));
            }
            let itself = Expression::of_name(&name, environment);
            Origin::From(vec![itself.map_err(|mistake| mistakes::at(at("set"), &mistake))?])
        };
        let steps = written.steps.as_deref().unwrap_or_default();
        let steps: Vec<Step> = steps
            .iter()
            .enumerate()
            .map(|(index, step)| Step::new(&format!("{path}.steps.{index}"), step, tables))
            .collect::<Result<_, _>>()?;
        let (wanted, found) = (target.kind(), origin.kind());
        let number_as_text = wanted == Kind::Text && found == Kind::Integer;
        if steps.is_empty() && !found.may_be(wanted) && !number_as_text {
            return Err(Error::settings(
                at("set"),
                format!("`{name}` is {wanted}, and what it is set to is {found}"),
            ));
        }
        let default =
            written.default.as_ref().map(|value| Constant::new(&at("default"), value)).transpose()?;
        if let Some(default) = &default
            && !default.value().kind().may_be(wanted)
        {
            return Err(Error::settings(
                at("default"),
                format!("`{name}` is {wanted}, and this is {}", default.value().kind()),
            ));
        }
        let if_empty = written.if_empty.unwrap_or_default();
        if if_empty == IfEmpty::Remove && !target.is_optional() {
            return Err(Error::settings(
                at("if-empty"),
                format!("`{name}` can't be removed: everybody has one"),
            ));
        }
        if written.reason.is_some() && !matches!(if_empty, IfEmpty::Drop | IfEmpty::Skip | IfEmpty::Fail) {
            return Err(Error::settings(at("reason"), "nobody is dropped or skipped by this rule")
                .with_hint("if-empty = \"skip\" or \"drop\" does that"));
        }
        Ok(Self { target, name, origin, steps, default, if_empty, reason: written.reason.clone() })
    }

    fn apply(&self, rule: &PersonRule, person: &mut Person) -> Result<Outcome, Failure> {
        let prepared = {
            let view = PersonView::of(person);
            let mut value = self.origin.value(&view)?;
            for step in &self.steps {
                value = match step.run(value) {
                    Ok(value) => value,
                    Err(failure) => return Ok(Outcome::Skip(self.step_failed(rule, step, failure))),
                };
            }
            if value.is_blank()
                && let Some(default) = &self.default
            {
                value = default.value();
            }
            if value.is_blank() { None } else { Some(self.target.prepare(value, &person.user)) }
        };
        Ok(match prepared {
            Some(Ok(Some(value))) => {
                self.target.set(&mut person.user, value);
                Outcome::Done
            }
            Some(Ok(None)) => Outcome::Done,
            Some(Err(wrong)) => {
                let message = format!(
                    "a rule failed: `{}` is {}, and what it is set to is {}",
                    self.name, wrong.wanted, wrong.found
                );
                Outcome::Skip(Error::new("rule", message).with_detail("rule", rule.label.clone()))
            }
            None => {
                let message =
                    || self.reason.clone().unwrap_or_else(|| format!("nothing came out for `{}`", self.name));
                match self.if_empty {
                    IfEmpty::Keep => Outcome::Done,
                    IfEmpty::Remove => {
                        self.target.clear(&mut person.user);
                        Outcome::Done
                    }
                    IfEmpty::Skip => rule.without(Otherwise::Skip, &self.name, message(), person),
                    IfEmpty::Drop => rule.without(Otherwise::Drop, &self.name, message(), person),
                    IfEmpty::Fail => rule.without(Otherwise::Fail, &self.name, message(), person),
                }
            }
        })
    }

    fn step_failed(&self, rule: &PersonRule, step: &Step, failure: StepFailure) -> Error {
        let (what, hint) = match failure {
            StepFailure::Kind { wanted, found } => (
                format!("takes {wanted}, and was given {found}"),
                "the steps first and join make one text of a list",
            ),
            StepFailure::NoDate => (
                "was given text that is no date".to_owned(),
                "dates are read as 2026-11-24 or 2026-11-24T08:30:00Z; the function parseDate(…) reads other forms",
            ),
            StepFailure::TooLong => ("makes more than 65536 bytes".to_owned(), "let the pattern match less"),
        };
        Error::new("rule", format!("a rule failed: the step `{}` {what}", step.name()))
            .with_hint(hint)
            .with_detail("rule", rule.label.clone())
    }
}
