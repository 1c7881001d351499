//! Rules for groups: read from the settings, and applied to a group.

use std::collections::BTreeMap;

use regex::Regex;
use rollcall_expression::{Environment, Expression, Failure};
use rollcall_plugin::{Error, Group, GroupVerdict};

use crate::action::single_action;
use crate::mistakes;
use crate::names::{Names, same};
use crate::settings::{Case, GroupRule as Written};
use crate::steps::replace;
use crate::view::GroupView;

/// A rule for groups, ready to run.
#[derive(Debug)]
pub struct GroupRule {
    /// Its name, or else its place in the settings: `groups.2`.
    pub label: String,
    when: Option<Expression>,
    action: Action,
}

#[derive(Debug)]
enum Action {
    Keep(Names, String),
    Drop(Names, String),
    Hide(Names),
    Rename(BTreeMap<String, String>),
    Replace(Regex, String),
    Case(Case),
    Merge(Names, String),
    DropUnmatched(String),
}

/// A group on its way through the rules.
#[derive(Debug)]
pub struct State {
    pub group: Group,
    pub hidden: bool,
    /// A rule that keeps, renames or merges has named it.
    pub matched: bool,
}

/// What a rule made of a group.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    Done,
    NotConcerned,
    Drop(String),
}

const ACTIONS: [(&str, &[&str]); 8] = [
    ("keep", &["reason"]),
    ("drop", &["reason"]),
    ("hide", &[]),
    ("rename", &[]),
    ("replace", &["with"]),
    ("case", &[]),
    ("merge", &["into"]),
    ("drop-unmatched", &["reason"]),
];

impl GroupRule {
    pub fn new(path: &str, written: &Written, environment: &Environment) -> Result<Self, Error> {
        let present = [
            ("keep", written.keep.is_some()),
            ("drop", written.drop.is_some()),
            ("hide", written.hide.is_some()),
            ("rename", written.rename.is_some()),
            ("replace", written.replace.is_some()),
            ("case", written.case.is_some()),
            ("merge", written.merge.is_some()),
            ("drop-unmatched", written.drop_unmatched.is_some()),
            ("reason", written.reason.is_some()),
            ("with", written.with.is_some()),
            ("into", written.into.is_some()),
        ];
        let at = |key: &str| format!("{path}.{key}");
        let label = written.name.clone().unwrap_or_else(|| path.to_owned());
        let names =
            |key: &str, list: &Option<Vec<String>>| Names::new(&at(key), list.as_deref().unwrap_or_default());
        let reason = || written.reason.clone().unwrap_or_else(|| format!("by the rule {label:?}"));
        let when = written.when.as_ref();
        let when = when.map(|source| mistakes::condition(at("when"), source, environment)).transpose()?;
        let action = match single_action(path, &ACTIONS, &present)? {
            "keep" => Action::Keep(names("keep", &written.keep)?, reason()),
            "drop" => Action::Drop(names("drop", &written.drop)?, reason()),
            "hide" => Action::Hide(names("hide", &written.hide)?),
            "rename" => {
                let table = written.rename.clone().unwrap_or_default();
                if table.is_empty() {
                    return Err(Error::settings(at("rename"), "the table is empty"));
                }
                if let Some((old, _)) = table.iter().find(|(_, new)| new.trim().is_empty()) {
                    return Err(Error::settings(format!("{}.{old}", at("rename")), "the new name is empty"));
                }
                Action::Rename(table)
            }
            "replace" => {
                let pattern =
                    mistakes::pattern(&at("replace"), written.replace.as_deref().unwrap_or_default())?;
                let with = written.with.clone().ok_or_else(|| {
                    Error::settings(at("replace"), "`with` is missing")
                        .with_hint("say what takes the place of the match: with = \"$1\"; \"\" takes it away")
                })?;
                Action::Replace(pattern, with)
            }
            "case" => Action::Case(written.case.unwrap_or(Case::Lower)),
            "merge" => {
                let into = written.into.clone().filter(|into| !into.trim().is_empty()).ok_or_else(|| {
                    Error::settings(at("merge"), "`into` is missing")
                        .with_hint("name the one group: into = \"Sales\"")
                })?;
                Action::Merge(names("merge", &written.merge)?, into)
            }
            _ => {
                if written.drop_unmatched != Some(true) {
                    return Err(Error::settings(at("drop-unmatched"), "only `true` means something here"));
                }
                Action::DropUnmatched(written.reason.clone().unwrap_or_else(|| "no rule names it".to_owned()))
            }
        };
        Ok(Self { label, when, action })
    }

    /// The name of the group that others are merged into.
    pub fn merged_name(&self) -> Option<&str> {
        match &self.action {
            Action::Merge(_, into) => Some(into),
            _ => None,
        }
    }

    pub fn apply(&self, state: &mut State) -> Result<Outcome, Failure> {
        if let Some(when) = &self.when
            && !when.test(&GroupView(&state.group))?
        {
            return Ok(Outcome::NotConcerned);
        }
        let name = &state.group.name;
        match &self.action {
            Action::Keep(names, reason) => {
                if !names.hold(name) {
                    return Ok(Outcome::Drop(reason.clone()));
                }
                state.matched = true;
            }
            Action::Drop(names, reason) if names.hold(name) => return Ok(Outcome::Drop(reason.clone())),
            Action::Hide(names) => state.hidden |= names.hold(name),
            Action::Rename(table) => {
                let new = table.iter().find(|(old, _)| same(old, name)).map(|(_, new)| new.clone());
                if let Some(new) = new {
                    state.group.name = new;
                    state.matched = true;
                }
            }
            Action::Replace(pattern, with) => {
                // A name that grows beyond measure or vanishes stays what it was.
                if let Ok(Some(new)) = replace(pattern, name, with)
                    && !new.trim().is_empty()
                {
                    state.group.name = new;
                    state.matched = true;
                }
            }
            Action::Case(case) => {
                state.group.name = match case {
                    Case::Lower => name.to_lowercase(),
                    Case::Upper => name.to_uppercase(),
                };
            }
            Action::Merge(names, into) => {
                if names.hold(name) {
                    state.group.name.clone_from(into);
                    state.hidden = true;
                    state.matched = true;
                }
            }
            Action::DropUnmatched(reason) if !state.matched => return Ok(Outcome::Drop(reason.clone())),
            Action::Drop(..) | Action::DropUnmatched(_) => {}
        }
        Ok(Outcome::Done)
    }

    /// What the admin reads when its condition failed.
    pub fn failed(&self, failure: &Failure, group: &Group) -> Error {
        let mut error =
            Error::new("rule", format!("group {}: the rule {:?} failed: {failure}", group.id, self.label));
        error.hint = failure.hint();
        error
    }
}

impl State {
    pub fn new(group: Group) -> Self {
        Self { group, hidden: false, matched: false }
    }

    pub fn verdict(self) -> GroupVerdict {
        if self.hidden { GroupVerdict::Hide(self.group) } else { GroupVerdict::Keep(self.group) }
    }
}
