use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::Value as Json;

use super::step::TrialStep;
use crate::run::shape::PersonShape;

/// How many people are named of each kind.
const NAMED: usize = 10;

/// What the transforms made of everybody.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Summary {
    /// They come into the directory.
    pub kept: Tally,
    /// Out of scope.
    pub dropped: Tally,
    /// They stay as they are, and are reported.
    pub skipped: Tally,
    /// In the order in which they run, with those that did nothing.
    pub rules: Vec<RuleTally>,
}

/// What one rule did.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct RuleTally {
    /// The plugin, with its version.
    pub transform: String,
    /// The rule's name, or its place in the settings; nothing where a plugin tells only of all its rules together.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    pub changed: Tally,
    /// By reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, Tally>,
    /// By reason.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub skipped: BTreeMap<String, Tally>,
    /// By the group's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub given: BTreeMap<String, Tally>,
    /// By the group's name.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub taken: BTreeMap<String, Tally>,
}

/// How many people, and who the first of them are.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Tally {
    pub people: u64,
    pub first: Vec<String>,
}

impl Tally {
    fn count(&mut self, name: &str) {
        self.people += 1;
        if self.first.len() < NAMED {
            self.first.push(name.to_owned());
        }
    }
}

impl Summary {
    /// What came of one person, by the user name that the provider has.
    pub(super) fn count(&mut self, name: &str, shape: &PersonShape) {
        match shape {
            PersonShape::Kept(_) => self.kept.count(name),
            PersonShape::Dropped(_) => self.dropped.count(name),
            PersonShape::Skipped(_) => self.skipped.count(name),
        }
    }

    /// The steps of one transform with some people, one person's after another's; `name_of` knows who a step is
    /// about.
    pub(super) fn add<'a>(&mut self, steps: &'a [TrialStep], name_of: impl Fn(&'a str) -> Option<&'a str>) {
        let mut of = "";
        let mut place = 0;
        for step in steps {
            if step.of != of {
                of = &step.of;
                place = self.first_of(&step.transform);
            }
            let Some(name) = name_of(of) else { continue };
            let at = self.rule(step, place);
            place = at + 1;
            self.rules[at].count(name, step);
        }
    }

    /// Where the rules of a transform begin.
    fn first_of(&self, transform: &str) -> usize {
        self.rules.iter().position(|rule| rule.transform == transform).unwrap_or(self.rules.len())
    }

    /// Where the rule is; at `place`, the one after the person's last, when nobody came to it before.
    fn rule(&mut self, step: &TrialStep, place: usize) -> usize {
        let is = |rule: &RuleTally| rule.transform == step.transform && rule.rule == step.rule;
        // Not before: two rules may have one name.
        if let Some(at) = self.rules[place..].iter().position(is) {
            return place + at;
        }
        let (transform, rule) = (step.transform.clone(), step.rule.clone());
        self.rules.insert(place, RuleTally { transform, rule, ..RuleTally::default() });
        place
    }
}

impl RuleTally {
    fn count(&mut self, name: &str, step: &TrialStep) {
        let reason = || step.reason.clone().unwrap_or_default();
        match step.result.as_str() {
            "changed" => self.changed.count(name),
            "dropped" => self.dropped.entry(reason()).or_default().count(name),
            "skipped" => self.skipped.entry(reason()).or_default().count(name),
            _ => {}
        }
        for change in step.changes.iter().filter(|change| change.what == "groups") {
            let (before, after) = (names(&change.before), names(&change.after));
            for group in after.iter().filter(|group| !before.contains(group)) {
                self.given.entry((*group).to_owned()).or_default().count(name);
            }
            for group in before.iter().filter(|group| !after.contains(group)) {
                self.taken.entry((*group).to_owned()).or_default().count(name);
            }
        }
    }
}

fn names(groups: &Json) -> Vec<&str> {
    groups.as_array().into_iter().flatten().filter_map(Json::as_str).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::step::TrialChange;
    use super::*;

    fn step(rule: &str, of: &str, result: &str) -> TrialStep {
        TrialStep {
            transform: "rules 1".into(),
            rule: Some(rule.into()),
            of: of.into(),
            result: result.into(),
            reason: (result == "dropped").then(|| "a robot".into()),
            changes: Vec::new(),
        }
    }

    #[test]
    fn rules_stand_in_their_order_though_the_first_people_never_came_to_the_later_ones() {
        let mut summary = Summary::default();
        let steps = [
            step("a", "user 1", "dropped"),
            step("a", "user 2", "unchanged"),
            step("b", "user 2", "dropped"),
            step("a", "user 3", "changed"),
            step("b", "user 3", "not-concerned"),
            step("a", "user 3", "changed"),
        ];
        summary.add(&steps, |of| of.strip_prefix("user "));
        let mut other = step("z", "user 3", "changed");
        other.transform = "other 1".into();
        summary.add(&[other], |of| of.strip_prefix("user "));
        summary.add(&steps[3..], |of| of.strip_prefix("user "));
        let rules: Vec<_> = summary.rules.iter().map(|rule| rule.rule.as_deref().unwrap()).collect();
        assert_eq!(rules, ["a", "b", "a", "z"], "the second of the name is another rule");
        assert_eq!(summary.rules[0].dropped["a robot"].first, ["1"]);
        assert_eq!(summary.rules[0].changed.people, 2);
        assert_eq!(summary.rules[1].changed, Tally::default());
    }

    #[test]
    fn the_first_ten_are_named_and_all_are_counted() {
        let mut summary = Summary::default();
        let steps: Vec<_> = (0..25).map(|at| step("a", &format!("user {at:02}"), "changed")).collect();
        summary.add(&steps, |of| of.strip_prefix("user "));
        let changed = &summary.rules[0].changed;
        assert_eq!((changed.people, changed.first.len()), (25, 10));
        assert_eq!(changed.first[9], "09");
    }

    #[test]
    fn groups_that_came_and_went_are_told_each() {
        let mut summary = Summary::default();
        let mut one = step("a", "user 1", "changed");
        one.changes.push(TrialChange {
            what: "groups".into(),
            before: json!(["old", "both"]),
            after: json!(["both", "new"]),
        });
        summary.add(&[one], |of| of.strip_prefix("user "));
        let rule = &summary.rules[0];
        assert_eq!(rule.given.keys().collect::<Vec<_>>(), ["new"]);
        assert_eq!(rule.taken.keys().collect::<Vec<_>>(), ["old"]);
    }
}
