//! Why somebody is in a group, or not: for each group of theirs at the provider and in the directory.

use std::collections::BTreeMap;

use super::explanation::GroupReason;
use crate::directory::{ConnectorId, GroupEntry, GroupKey, LOCAL, MirrorGroup, Reader, UserKey, fold};
use crate::run::error::RunError;
use crate::run::report::ReportedProblem;
use crate::run::trial::{Trial, TrialOutcome, TrialStep};

/// What the reasons are found in.
pub(super) struct Memberships<'a> {
    pub reader: &'a dyn Reader,
    pub connector: ConnectorId,
    pub connector_name: &'a str,
    /// Their groups at the provider.
    pub given: &'a [MirrorGroup],
    pub trial: Option<&'a Trial>,
    pub entry: Option<UserKey>,
    /// What runs told of groups.
    pub told: &'a [ReportedProblem],
    /// The person is not returned any more.
    pub absent: bool,
}

impl Memberships<'_> {
    pub fn reasons(&self) -> Result<Vec<GroupReason>, RunError> {
        let mut shown: BTreeMap<GroupKey, GroupEntry> = BTreeMap::new();
        for key in self.entry.map(|key| self.reader.groups_of(key)).transpose()?.unwrap_or_default() {
            if let Some(group) = self.reader.group(key)? {
                shown.insert(key, group);
            }
        }
        let mut reasons = Vec::new();
        for group in self.given {
            let becomes = self.becomes(&group.record.id, &group.record.name);
            let place = self.place(&group.record.id, becomes)?;
            let found = place.and_then(|place| shown.remove(&place.key).map(|_| place));
            reasons.push(match found {
                Some(place) => {
                    let mut why = "the provider gives it".to_owned();
                    if let Some(told) = self.told(&group.record.id) {
                        why.push_str(&format!("; {told}"));
                    } else if fold(&place.name) != fold(&group.record.name) {
                        why.push_str(&format!(", where it is called {:?}", group.record.name));
                    }
                    GroupReason { name: place.name, member: true, why }
                }
                None => GroupReason {
                    name: group.record.name.clone(),
                    member: false,
                    why: self.missing(&group.record.id, &group.record.name)?,
                },
            });
        }
        for (key, group) in shown {
            let why = self.given_otherwise(key, &group)?;
            reasons.push(GroupReason { name: group.name, member: true, why });
        }
        reasons.sort_by_key(|reason| (!reason.member, fold(&reason.name)));
        Ok(reasons)
    }

    /// What the rules call the group.
    fn becomes<'b>(&'b self, id: &str, name: &'b str) -> &'b str {
        let groups = self.trial.iter().flat_map(|trial| &trial.groups);
        let becomes =
            groups.into_iter().find(|group| group.id == id).and_then(|group| group.becomes.as_deref());
        becomes.unwrap_or(name)
    }

    /// The directory's group for one of the provider: its own, one that it is known by, or a shared one of that name.
    fn place(&self, id: &str, name: &str) -> Result<Option<GroupEntry>, RunError> {
        let own =
            self.reader.groups_by_id(id)?.into_iter().find(|group| group.connector == self.connector_name);
        if own.is_some() {
            return Ok(own);
        }
        let shared = self.reader.group_by_name(&fold(name))?;
        Ok(shared)
    }

    fn missing(&self, id: &str, name: &str) -> Result<String, RunError> {
        let outcome = self.trial.and_then(|trial| trial.groups.iter().find(|group| group.id == id));
        if let Some(group) = outcome {
            match group.result {
                "hidden" => return Ok("hidden by rules: only they see who is in it".to_owned()),
                "dropped" => {
                    let reason = group.reason.clone().unwrap_or_default();
                    return Ok(format!("rules leave the group out: {reason}"));
                }
                _ => {}
            }
        }
        if let Some(told) = self.told(id) {
            return Ok(told);
        }
        match self.trial.and_then(|trial| trial.outcome.as_ref()) {
            Some(TrialOutcome::Dropped { .. }) if self.entry.is_none() => {
                return Ok("rules leave the person out".to_owned());
            }
            Some(TrialOutcome::Kept { groups, .. }) => {
                let becomes = fold(self.becomes(id, name));
                if !groups.iter().any(|group| fold(group) == becomes) {
                    return Ok(
                        match self.rule(name, false).or_else(|| self.rule(self.becomes(id, name), false)) {
                            Some(rule) => format!("rules take them out: {rule}"),
                            None => "rules take them out".to_owned(),
                        },
                    );
                }
            }
            _ => {}
        }
        if self.absent {
            return Ok("cleanup took them out".to_owned());
        }
        Ok(match self.place(id, self.becomes(id, name))? {
            Some(_) if self.entry.is_some() => "the next sync puts them in".to_owned(),
            Some(_) => "the person is not in the directory".to_owned(),
            None => "the group is not in the directory yet".to_owned(),
        })
    }

    /// Of a group that the provider does not give.
    fn given_otherwise(&self, key: GroupKey, group: &GroupEntry) -> Result<String, RunError> {
        let user = self.entry.map_or(0, |entry| entry.0);
        let names: BTreeMap<ConnectorId, String> = self.reader.connectors()?.into_iter().collect();
        let mut reasons = Vec::new();
        for giver in self.reader.givers(key)? {
            if !self.reader.members_from(key, giver)?.contains(user) {
                continue;
            }
            let name = names.get(&giver).map(String::as_str).unwrap_or_default();
            reasons.push(match name {
                LOCAL => "a local membership".to_owned(),
                _ if giver != self.connector => format!("connector {name} gives it"),
                _ => match self.rule(&group.name, true) {
                    Some(rule) => format!("rules give it: {rule}"),
                    None if self.absent => "kept by cleanup".to_owned(),
                    None if group.external_id.is_none() => "rules gave it".to_owned(),
                    None => "the provider no longer gives it: the next sync takes them out".to_owned(),
                },
            });
        }
        Ok(reasons.join("; "))
    }

    /// The rule that gave the group of that name, or took it.
    fn rule(&self, name: &str, gives: bool) -> Option<String> {
        let holds = |value: &serde_json::Value| {
            let names = value.as_array().into_iter().flatten().filter_map(serde_json::Value::as_str);
            names.into_iter().any(|group| fold(group) == fold(name))
        };
        let mut steps = self.trial?.steps.iter().filter(|step| step.of.starts_with("user "));
        let acts = |step: &&TrialStep| {
            let changes = step.changes.iter().filter(|change| change.what == "groups");
            changes.into_iter().any(|change| (holds(&change.before), holds(&change.after)) == (!gives, gives))
        };
        let step = steps.rfind(acts)?;
        Some(step.rule.clone().unwrap_or_else(|| step.transform.clone()))
    }

    fn told(&self, id: &str) -> Option<String> {
        let told = self.told.iter().find(|told| told.kind == "group" && told.id.as_deref() == Some(id))?;
        Some(told.message.clone())
    }
}
