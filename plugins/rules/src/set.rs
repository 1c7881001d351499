//! Setting a field or an attribute.

use std::collections::BTreeMap;
use std::sync::Arc;

use rollcall_expression::{Environment, Expression, Failure, Kind};
use rollcall_plugin::{Error, Person};

use crate::mistakes;
use crate::origin::{Constant, Origin, Template};
use crate::person::{Outcome, PersonRule};
use crate::settings::{IfEmpty, Otherwise, PersonRule as Written};
use crate::steps::{Step, StepFailure, Table};
use crate::target::Target;
use crate::view::PersonView;

/// From where a value comes, what is done to it, and where it goes.
#[derive(Debug)]
pub struct Set {
    pub target: Target,
    name: String,
    origin: Origin,
    steps: Vec<Step>,
    default: Option<Constant>,
    if_empty: IfEmpty,
    reason: Option<String>,
}

impl Set {
    pub fn new(
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

    pub fn apply(&self, rule: &PersonRule, person: &mut Person) -> Result<Outcome, Failure> {
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
