//! `[connector.NAME.cleanup]`: what is written, and what it means.

use std::ops::RangeInclusive;

use rollcall_expression::Mistake;
use serde::Deserialize;

use super::check::{Checker, under};
use super::load::list;
use super::position::{At, Step};
use crate::plugin::nearest;
use crate::run::{
    Cleanup, CleanupRule, Grace, GroupCleanup, GroupCondition, Inactivity, MembershipCleanup,
    PersonCondition, UserCleanup,
};

pub(super) const USERS: [(&str, UserCleanup); 4] = [
    ("disable", UserCleanup::Disable),
    ("delete", UserCleanup::Delete),
    ("anonymize", UserCleanup::Anonymize),
    ("keep", UserCleanup::Keep),
];
pub(super) const GROUPS: [(&str, GroupCleanup); 3] =
    [("keep", GroupCleanup::Keep), ("empty", GroupCleanup::Empty), ("delete", GroupCleanup::Delete)];
pub(super) const MEMBERSHIPS: [(&str, MembershipCleanup); 2] =
    [("keep", MembershipCleanup::Keep), ("remove", MembershipCleanup::Remove)];

pub(super) const GRACE_RUNS: RangeInclusive<u64> = 0..=10_000;
/// Ten years.
pub(super) const GRACE_DAYS: RangeInclusive<u64> = 0..=3650;
pub(super) const CONFIRM: RangeInclusive<u64> = 0..=100_000;
pub(super) const INACTIVE_DAYS: RangeInclusive<u64> = 1..=3650;

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Written {
    users: Option<String>,
    groups: Option<String>,
    memberships: Option<String>,
    keep_memberships_of: Vec<String>,
    grace_runs: Option<i64>,
    grace_days: Option<i64>,
    confirm: Option<i64>,
    except: Vec<String>,
    rule: Vec<WrittenRule>,
    inactivity: Option<WrittenInactivity>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
struct WrittenRule {
    #[serde(default)]
    when: String,
    users: Option<String>,
    memberships: Option<String>,
    grace_runs: Option<i64>,
    grace_days: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
struct WrittenInactivity {
    days: Option<i64>,
    never_signed_in_days: Option<i64>,
    sign_in: Option<String>,
    created: Option<String>,
    users: Option<String>,
    spare: Option<String>,
}

/// The word of the file for one of its values.
pub(super) fn word<T: PartialEq>(words: &[(&'static str, T)], value: T) -> &'static str {
    words.iter().find(|(_, known)| *known == value).map_or("", |(word, _)| word)
}

impl Checker<'_> {
    pub(super) fn cleanup(&mut self, path: &[Step], written: Written) -> Cleanup {
        let default = Cleanup::default();
        let rules = written.rule.into_iter().enumerate().filter_map(|(index, rule)| {
            let path = under(&under(path, "rule"), index);
            if rule.when.is_empty() {
                let hint = "such as `when = 'isMember(\"contractors\")'`";
                self.wrong(&path, "a rule of cleanup needs `when`", Some(hint));
                return None;
            }
            let (users, memberships) = (
                self.one_of(&path, "users", rule.users, &USERS),
                self.one_of(&path, "memberships", rule.memberships, &MEMBERSHIPS),
            );
            let runs = self.number(&path, "grace-runs", rule.grace_runs, GRACE_RUNS);
            let days = self.number(&path, "grace-days", rule.grace_days, GRACE_DAYS);
            Some(CleanupRule {
                when: self.condition(&under(&path, "when"), &rule.when)?,
                users,
                memberships,
                grace_runs: runs.map(|runs| runs as u32),
                grace_days: days.map(|days| days as u32),
            })
        });
        let rules = rules.collect();
        let excepted = written.except.iter().enumerate();
        let except = excepted
            .filter_map(|(index, text)| self.condition(&under(&under(path, "except"), index), text))
            .collect();
        let runs = self.number(path, "grace-runs", written.grace_runs, GRACE_RUNS);
        let days = self.number(path, "grace-days", written.grace_days, GRACE_DAYS);
        let confirm = self.number(path, "confirm", written.confirm, CONFIRM);
        Cleanup {
            users: self.one_of(path, "users", written.users, &USERS).unwrap_or(default.users),
            groups: self.one_of(path, "groups", written.groups, &GROUPS).unwrap_or(default.groups),
            memberships: self
                .one_of(path, "memberships", written.memberships, &MEMBERSHIPS)
                .unwrap_or(default.memberships),
            keep_memberships_of: self
                .patterns(&under(path, "keep-memberships-of"), &written.keep_memberships_of),
            grace: Grace { runs: runs.unwrap_or(0) as u32, days: days.unwrap_or(0) as u32 },
            confirm: confirm.map_or(default.confirm, |people| people as u32),
            except,
            rules,
            inactivity: written
                .inactivity
                .and_then(|inactivity| self.inactivity(&under(path, "inactivity"), inactivity)),
        }
    }

    fn inactivity(&mut self, path: &[Step], written: WrittenInactivity) -> Option<Inactivity> {
        let days = self.number(path, "days", written.days, INACTIVE_DAYS);
        let never = self.number(path, "never-signed-in-days", written.never_signed_in_days, INACTIVE_DAYS);
        for (key, name) in [("sign-in", &written.sign_in), ("created", &written.created)] {
            if name.as_ref().is_some_and(String::is_empty) {
                self.wrong(&under(path, key), format!("`{key}` names an attribute"), None);
            }
        }
        if written.days.is_none() && written.never_signed_in_days.is_none() {
            let hint =
                "say `days` for those who signed in, `never-signed-in-days` for those who never did, or both";
            self.wrong(path, "a rule for inactivity needs a number of days", Some(hint));
        }
        let spare = written.spare.as_deref().unwrap_or(Inactivity::SPARE);
        Some(Inactivity {
            days: days.map(|days| days as u32),
            never_signed_in_days: never.map(|days| days as u32),
            sign_in: written.sign_in.unwrap_or_else(|| Inactivity::SIGN_IN.to_owned()),
            created: written.created.unwrap_or_else(|| Inactivity::CREATED.to_owned()),
            users: self.one_of(path, "users", written.users, &USERS).unwrap_or_default(),
            spare: self.condition(&under(path, "spare"), spare)?,
        })
    }

    pub(super) fn one_of<T: Copy>(
        &mut self,
        path: &[Step],
        key: &str,
        written: Option<String>,
        words: &[(&str, T)],
    ) -> Option<T> {
        let written = written?;
        let found = words.iter().find(|(word, _)| *word == written).map(|(_, value)| *value);
        if found.is_none() {
            let known = words.iter().map(|(word, _)| *word);
            let hint = match nearest(&written, known.clone()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", list(known)),
            };
            self.wrong(&under(path, key), format!("`{key}` has another value"), Some(&hint));
        }
        found
    }

    pub(super) fn condition(&mut self, path: &[Step], text: &str) -> Option<PersonCondition> {
        self.parsed(path, PersonCondition::parse(text))
    }

    pub(super) fn group_condition(&mut self, path: &[Step], text: &str) -> Option<GroupCondition> {
        self.parsed(path, GroupCondition::parse(text))
    }

    /// A mistake in an expression is shown at its very place.
    fn parsed<T>(&mut self, path: &[Step], condition: Result<T, Mistake>) -> Option<T> {
        condition
            .map_err(|mistake| {
                let message = format!("the condition is wrong: {}", mistake.message);
                let at = At::Within(mistake.place.offset);
                self.faults.push(self.source.fault(path, at, message, mistake.hint()));
            })
            .ok()
    }
}
