use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::Serialize;
use serde_json::Value as Json;

use super::mirror::{Everyone, Subjects};
use super::step::{TrialStep, TrialTransform};
use super::summary::Summary;
use crate::directory::{UserEntry, UserKey, fold};
use crate::model::{Group, GroupRef, Person};
use crate::plugin::Transform;
use crate::run::error::RunError;
use crate::run::run::with_causes;
use crate::run::shape::{BATCH, GroupShape, PersonShape, shape_groups, shape_people};

/// What came of a trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum TrialOutcome {
    /// What the directory would show.
    Kept {
        user: Json,
        groups: Vec<String>,
    },
    Dropped {
        reason: String,
    },
    Skipped {
        reason: String,
        hint: Option<String>,
    },
    /// A run would end here.
    Failed {
        reason: String,
        hint: Option<String>,
    },
}

/// What becomes of a group.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GroupOutcome {
    pub id: String,
    /// As the provider has it.
    pub name: String,
    /// `kept`, `hidden` or `dropped`.
    pub result: &'static str,
    /// What it is called then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub becomes: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// A trial and its steps. As JSON, what `rollcall rules try --json` prints.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Trial {
    pub connector: String,
    /// In the order in which they shape.
    pub transforms: Vec<String>,
    pub groups: Vec<GroupOutcome>,
    /// Of groups, then of the person; of each transform in turn.
    pub steps: Vec<TrialStep>,
    /// Without a person only for a failure.
    pub outcome: Option<TrialOutcome>,
    /// What came of everybody; without a person only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub people: Option<Summary>,
}

impl Trial {
    /// Does with one person, or with groups alone, what a run does, and keeps each step.
    pub fn of(connector: &str, transforms: &[Arc<TrialTransform>], subjects: Subjects) -> Self {
        Self::made(connector, transforms, |trial, used| trial.shape(transforms, used, subjects))
    }

    /// Does with everybody what a run does, and counts the steps. The steps of groups are kept.
    pub fn of_everyone(connector: &str, transforms: &[Arc<TrialTransform>], everyone: &Everyone<'_>) -> Self {
        Self::made(connector, transforms, |trial, used| {
            trial.people = Some(trial.count(transforms, used, everyone)?);
            Ok(None)
        })
    }

    fn made(
        connector: &str,
        transforms: &[Arc<TrialTransform>],
        work: impl FnOnce(&mut Self, &[Arc<dyn Transform>]) -> Result<Option<TrialOutcome>, RunError>,
    ) -> Self {
        let mut trial = Self {
            connector: connector.to_owned(),
            transforms: transforms.iter().map(|transform| transform.identity().to_string()).collect(),
            groups: Vec::new(),
            steps: Vec::new(),
            outcome: None,
            people: None,
        };
        let used: Vec<Arc<dyn Transform>> =
            transforms.iter().map(|transform| Arc::clone(transform) as Arc<dyn Transform>).collect();
        trial.outcome = work(&mut trial, &used).unwrap_or_else(|error| {
            let hint = error.hint();
            Some(TrialOutcome::Failed { reason: with_causes(&error), hint })
        });
        trial
    }

    fn shape_groups(
        &mut self,
        transforms: &[Arc<TrialTransform>],
        used: &[Arc<dyn Transform>],
        groups: Vec<Group>,
    ) -> Result<Vec<GroupShape>, RunError> {
        let shapes = shape_groups(used, groups.clone());
        self.steps.extend(transforms.iter().flat_map(|transform| transform.take_steps()));
        let shapes = shapes?;
        self.groups = groups.into_iter().zip(&shapes).map(|(group, shape)| outcome(group, shape)).collect();
        Ok(shapes)
    }

    fn count(
        &mut self,
        transforms: &[Arc<TrialTransform>],
        used: &[Arc<dyn Transform>],
        everyone: &Everyone<'_>,
    ) -> Result<Summary, RunError> {
        let shapes = self.shape_groups(transforms, used, everyone.groups.clone())?;
        let mut summary = Summary::default();
        for batch in everyone.batches(BATCH) {
            let batch = batch?;
            let names: FxHashMap<String, String> =
                batch.iter().map(|(user, _)| (format!("user {}", user.id), user.username.clone())).collect();
            let ids: Vec<String> = batch.iter().map(|(user, _)| format!("user {}", user.id)).collect();
            let people = batch.into_iter().map(|(user, groups)| {
                let shapes = groups.iter().filter_map(|at| shapes.get(*at as usize));
                Person { user, groups: shapes.filter_map(reference).collect() }
            });
            let shaped = shape_people(used, people.collect());
            for transform in transforms {
                summary.add(&transform.take_steps(), |of| names.get(of).map(String::as_str));
            }
            for (of, shape) in ids.iter().zip(&shaped?) {
                summary.count(&names[of], shape);
            }
        }
        Ok(summary)
    }

    fn shape(
        &mut self,
        transforms: &[Arc<TrialTransform>],
        used: &[Arc<dyn Transform>],
        subjects: Subjects,
    ) -> Result<Option<TrialOutcome>, RunError> {
        let shapes = self.shape_groups(transforms, used, subjects.groups)?;
        let Some(user) = subjects.person else { return Ok(None) };
        let person = Person { user, groups: shapes.iter().filter_map(reference).collect() };
        let shaped = shape_people(used, vec![person]);
        self.steps.extend(transforms.iter().flat_map(|transform| transform.take_steps()));
        Ok(shaped?.pop().map(|shape| match shape {
            PersonShape::Kept(person) => {
                let hidden = |group: &GroupRef| {
                    shapes.iter().any(|shape| {
                        matches!(shape, GroupShape::Hidden(hidden) if Some(&hidden.id) == group.id.as_ref())
                    })
                };
                let shown = person.groups.into_iter().filter(|group| !hidden(group));
                let mut groups: Vec<String> = shown.map(|group| group.name).collect();
                groups.sort_by_key(|name| fold(name));
                groups.dedup_by_key(|name| fold(name));
                let user = UserEntry::from_user(UserKey(0), &self.connector, person.user);
                TrialOutcome::Kept { user: user.fields().into(), groups }
            }
            PersonShape::Dropped(reason) => TrialOutcome::Dropped { reason },
            PersonShape::Skipped(problem) => TrialOutcome::Skipped {
                reason: problem.error.with_references(),
                hint: problem.error.hint.clone(),
            },
        }))
    }
}

/// As rules see the group; nothing of one that they dropped.
fn reference(shape: &GroupShape) -> Option<GroupRef> {
    match shape {
        GroupShape::Kept(group) | GroupShape::Hidden(group) => {
            Some(GroupRef { id: Some(group.id.clone()), name: group.name.clone() })
        }
        GroupShape::Dropped(_) => None,
    }
}

fn outcome(group: Group, shape: &GroupShape) -> GroupOutcome {
    let becomes = |after: &Group| (after.name != group.name).then(|| after.name.clone());
    let (result, becomes, reason) = match shape {
        GroupShape::Kept(after) => ("kept", becomes(after), None),
        GroupShape::Hidden(after) => ("hidden", becomes(after), None),
        GroupShape::Dropped(reason) => ("dropped", None, Some(reason.clone())),
    };
    GroupOutcome { id: group.id, name: group.name, result, becomes, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{GroupVerdict, PluginError, Problem, Subject, User, Verdict};
    use crate::plugin::{CallError, Identity, LogListener};

    /// Upper-case user names; groups of `x` are dropped; a person called `bad` is skipped, one called `out` dropped.
    struct Upper(Identity, LogListener);

    impl Transform for Upper {
        fn identity(&self) -> &Identity {
            &self.0
        }

        fn shape_groups(&self, groups: &[Group]) -> Result<Vec<GroupVerdict>, CallError> {
            Ok(groups
                .iter()
                .map(|group| match group.name.as_str() {
                    "x" => GroupVerdict::Drop("an x".into()),
                    "h" => GroupVerdict::Hide(group.clone()),
                    name => GroupVerdict::Keep(Group { name: name.to_uppercase(), ..group.clone() }),
                })
                .collect())
        }

        fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
            (self.1)(r#"{"rule":"up","of":"user 1","result":"changed"}"#);
            (self.1)("no step");
            Ok(people
                .iter()
                .map(|person| match person.user.username.as_str() {
                    "out" => Verdict::Drop("is out".into()),
                    "bad" => Verdict::Skip(Problem {
                        subject: Some(Subject::User(person.user.id.clone())),
                        error: PluginError::new("rule", "is bad"),
                    }),
                    name => {
                        let mut person = person.clone();
                        person.user.username = name.to_uppercase();
                        Verdict::Keep(person)
                    }
                })
                .collect())
        }
    }

    fn trial(name: &str, traces: bool) -> Trial {
        let identity = Identity { name: "upper".into(), version: "1.0.0".into(), sha256: String::new() };
        let upper = TrialTransform::new(traces, |heard| {
            Ok::<_, RunError>(Arc::new(Upper(identity, heard)) as Arc<dyn Transform>)
        });
        let group = |name: &str| Group { id: format!("g-{name}"), name: name.into(), ..Group::default() };
        let person = User { id: "1".into(), username: name.into(), active: true, ..User::default() };
        let subjects = Subjects { person: Some(person), groups: vec![group("a"), group("h"), group("x")] };
        Trial::of("acme", &[Arc::new(upper.unwrap())], subjects)
    }

    #[test]
    fn a_transform_without_a_trace_is_one_step_for_each_group_and_person() {
        let trial = trial("ann", false);
        let steps: Vec<String> = trial
            .steps
            .iter()
            .map(|step| {
                let changes: Vec<String> =
                    step.changes.iter().map(|c| format!(" {} {}>{}", c.what, c.before, c.after)).collect();
                format!("{}: {}{}", step.of, step.result, changes.concat())
            })
            .collect();
        assert_eq!(
            steps,
            [
                "group g-a: changed displayName \"a\">\"A\"",
                "group g-h: hidden",
                "group g-x: dropped",
                "user 1: changed userName \"ann\">\"ANN\"",
            ]
        );
        let Some(TrialOutcome::Kept { user, groups }) = trial.outcome else { panic!("she is kept") };
        assert_eq!((user["userName"].as_str(), groups), (Some("ANN"), vec!["A".to_owned()]));
        let groups: Vec<_> =
            trial.groups.iter().map(|group| (group.result, group.becomes.as_deref())).collect();
        assert_eq!(groups, [("kept", Some("A")), ("hidden", None), ("dropped", None)]);
    }

    #[test]
    fn a_trace_is_taken_from_the_lines_and_other_lines_are_not() {
        let trial = trial("ann", true);
        assert_eq!(trial.steps.len(), 1);
        assert_eq!(trial.steps[0].rule.as_deref(), Some("up"));
        assert_eq!(trial.steps[0].transform, "upper 1.0.0");
    }

    #[test]
    fn who_is_dropped_or_skipped_is_told_with_the_reason() {
        let dropped = TrialOutcome::Dropped { reason: "upper: is out".into() };
        assert_eq!(trial("out", false).outcome, Some(dropped));
        let skipped = TrialOutcome::Skipped { reason: "is bad".into(), hint: None };
        assert_eq!(trial("bad", false).outcome, Some(skipped));
    }
}
