//! What a directory has to show of an organisation whose every change could be seen.

use std::collections::{BTreeMap, BTreeSet};

use rollcall::run::RunReport;
use serde_json::Value;

use super::chronicle::CHIEFS;
use super::story::Story;
use crate::support::Directory;

/// A run to be judged.
pub struct Judged<'a> {
    pub story: &'a Story,
    pub truth: &'a Directory,
    pub before: &'a Directory,
    pub after: &'a Directory,
    pub report: &'a RunReport,
}

/// The entries that no other connector gave.
pub fn of_acme(directory: &Directory) -> Directory {
    let mut own = directory.clone();
    own.users.retain(|id, _| !is_others(id));
    own.groups.retain(|id, _| !is_others(id));
    own.members.retain(|id, _| !is_others(id));
    own.keys.retain(|id, _| !is_others(id));
    own
}

fn is_others(id: &str) -> bool {
    id.starts_with("other ")
}

impl Judged<'_> {
    pub fn verdict(&self) -> Result<(), String> {
        let named = |kind: &str| -> BTreeSet<String> {
            let problems = self.report.problems.iter().filter(|problem| problem.kind == kind);
            problems.filter_map(|problem| problem.id.clone()).collect()
        };
        let (told_people, told_groups) = (named("user"), named("group"));
        let people = displaced(&self.truth.users, &self.after.users, "userName");
        let groups = displaced(&self.truth.groups, &self.after.groups, "displayName");
        // An increment tells of what it has looked at.
        if self.report.mode == "full"
            && let Some(untold) =
                people.difference(&told_people).chain(groups.difference(&told_groups)).next()
        {
            return Err(format!(
                "{untold} can't have their name, and nobody is told: {:?}",
                self.report.problems
            ));
        }
        if let Some(extra) = told_people.difference(&people).next() {
            return Err(format!("{extra} is told of and has no problem: {:?}", self.report.problems));
        }
        let groups = &groups | &told_groups;
        self.users(&people)?;
        self.groups(&groups)?;
        self.members(&people, &groups)
    }

    fn users(&self, displaced: &BTreeSet<String>) -> Result<(), String> {
        for (id, wanted) in self.truth.users.iter().filter(|(id, _)| !displaced.contains(*id)) {
            if self.after.users.get(id) != Some(wanted) {
                return Err(format!("user {id}\n found: {:?}\nwanted: {wanted}", self.after.users.get(id)));
            }
        }
        for id in self.before.users.keys().chain(self.after.users.keys()).filter(|id| !is_others(id)) {
            if !self.truth.users.contains_key(id) {
                self.left(id)?;
            }
        }
        Ok(())
    }

    /// Someone who is not at the provider any more, or whom rules keep out.
    fn left(&self, id: &str) -> Result<(), String> {
        let (before, after) = (self.before.users.get(id), self.after.users.get(id));
        let Some(before) = before else {
            return Err(format!("{id} is nobody and came into the directory: {after:?}"));
        };
        let disabled = |entry: &Value| {
            let mut entry = entry.clone();
            entry["active"] = false.into();
            entry
        };
        let right = match (self.story.users, after) {
            ("delete", after) => after.is_none(),
            (_, None) => false,
            ("disable", Some(after)) => *after == disabled(before),
            ("keep", Some(after)) => after == before,
            (_, Some(after)) => {
                after["active"] == false
                    && after["userName"].as_str().is_some_and(|name| name.starts_with("anonymized-"))
                    && after["externalId"] == id
            }
        };
        match right {
            true => Ok(()),
            false => Err(format!("{id} left ({})\n found: {after:?}\nbefore: {before}", self.story.users)),
        }
    }

    fn groups(&self, told: &BTreeSet<String>) -> Result<(), String> {
        for (id, wanted) in self.truth.groups.iter().filter(|(id, _)| !told.contains(*id)) {
            if self.after.groups.get(id) != Some(wanted) {
                return Err(format!("group {id}\n found: {:?}\nwanted: {wanted}", self.after.groups.get(id)));
            }
        }
        let others = |id: &&String| !is_others(id) && !self.truth.groups.contains_key(*id);
        for id in self.before.groups.keys().chain(self.after.groups.keys()).filter(others) {
            if self.before.groups.get(id) != self.after.groups.get(id) && *id != CHIEFS {
                return Err(format!(
                    "group {id} left, and is not as it was: {:?}",
                    self.after.groups.get(id)
                ));
            }
        }
        Ok(())
    }

    fn members(&self, displaced: &BTreeSet<String>, told: &BTreeSet<String>) -> Result<(), String> {
        for (group, wanted) in self.truth.members.iter().filter(|(id, _)| !told.contains(*id)) {
            let counts = |id: &&String| !displaced.contains(*id) && !is_others(id);
            let found: BTreeSet<&String> =
                self.after.members.get(group).into_iter().flatten().filter(counts).collect();
            let mut wanted: BTreeSet<&String> = wanted.iter().filter(counts).collect();
            // Whoever left stays where they were, or leaves these groups too.
            let stay = !self.story.strips && self.story.users != "delete";
            let had = self.before.members.get(group).into_iter().flatten().filter(counts);
            wanted.extend(had.filter(|id| stay && !self.truth.users.contains_key(*id)));
            if found != wanted {
                return Err(format!("members of {group}\n found: {found:?}\nwanted: {wanted:?}"));
            }
        }
        for (group, members) in &self.after.members {
            if !self.truth.members.contains_key(group) && !is_others(group) && group != CHIEFS {
                let new =
                    members.difference(self.before.members.get(group).unwrap_or(&BTreeSet::new())).count();
                if new > 0 {
                    return Err(format!("group {group} left, and has new members: {members:?}"));
                }
            }
        }
        Ok(())
    }
}

/// Who can't have the name that they have at the provider: an entry has it that is nobody's there any more, or another
/// connector's, or that of someone who can't have theirs.
fn displaced(
    truth: &BTreeMap<String, Value>,
    after: &BTreeMap<String, Value>,
    field: &str,
) -> BTreeSet<String> {
    let folded = |entry: &Value| entry[field].as_str().unwrap_or_default().to_lowercase();
    let mut displaced = BTreeSet::new();
    loop {
        let keeps = |id: &String| !truth.contains_key(id) || displaced.contains(id);
        let held: BTreeMap<String, &String> =
            after.iter().filter(|(id, _)| keeps(id)).map(|(id, entry)| (folded(entry), id)).collect();
        let more: BTreeSet<String> = truth
            .iter()
            .filter(|(id, entry)| {
                !displaced.contains(*id) && held.get(&folded(entry)).is_some_and(|holder| holder != id)
            })
            .map(|(id, _)| id.clone())
            .collect();
        if more.is_empty() {
            return displaced;
        }
        displaced.extend(more);
    }
}
