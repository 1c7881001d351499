//! A trial: what a connector's transforms make of one person and of the groups, step by step. Nothing is read from the
//! provider, and nothing is written.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use super::error::RunError;
use super::shape::{GroupShape, PersonShape, shape_groups, shape_people};
use crate::directory::{
    ConnectorId, GroupEntry, GroupKey, MembersState, Reader, StoreError, UserEntry, UserKey, fold,
};
use crate::model::{Group, GroupRef, GroupVerdict, Person, User, Verdict};
use crate::plugin::{CallError, Identity, LogListener, Transform};

/// What one rule did with one person or group: the form of a line that a transform with the setting `trace` writes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialStep {
    /// The plugin, with its version.
    #[serde(default)]
    pub transform: String,
    /// The rule's name, or its place in the settings; nothing where a plugin tells only of all its rules together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// `user 00u1` or `group 00g1`.
    pub of: String,
    /// `changed`, `unchanged`, `not-concerned`, `hidden`, `dropped`, `skipped` or `failed`.
    pub result: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<TrialChange>,
}

/// A value before and after; null is absent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TrialChange {
    /// A field, an attribute's name, or `groups`.
    pub what: String,
    pub before: Json,
    pub after: Json,
}

/// A transform that keeps what it did.
pub struct TrialTransform {
    inner: Arc<dyn Transform>,
    /// It writes a line for each step; else each call is a step.
    traces: bool,
    heard: Arc<Mutex<Vec<String>>>,
    steps: Mutex<Vec<TrialStep>>,
}

impl TrialTransform {
    /// `make` makes the transform, and hands what it writes at debug level to the listener.
    pub fn new<E>(
        traces: bool,
        make: impl FnOnce(LogListener) -> Result<Arc<dyn Transform>, E>,
    ) -> Result<Self, E> {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let lines = Arc::clone(&heard);
        let inner = make(Arc::new(move |line| lock(&lines).push(line.to_owned())))?;
        Ok(Self { inner, traces, heard, steps: Mutex::new(Vec::new()) })
    }

    /// Takes what it heard; what is no step is another debug line of the plugin.
    fn note_heard(&self) {
        let lines = std::mem::take(&mut *lock(&self.heard));
        let steps = lines.iter().filter_map(|line| serde_json::from_str::<TrialStep>(line).ok());
        lock(&self.steps).extend(steps.map(|step| self.told(step)));
    }

    fn note(&self, of: String, result: &str, reason: Option<String>, changes: Vec<TrialChange>) {
        let result = match (result, changes.is_empty()) {
            ("changed", true) => "unchanged",
            _ => result,
        };
        let step =
            TrialStep { transform: String::new(), rule: None, of, result: result.into(), reason, changes };
        lock(&self.steps).push(self.told(step));
    }

    fn told(&self, step: TrialStep) -> TrialStep {
        TrialStep { transform: self.inner.identity().to_string(), ..step }
    }
}

impl Transform for TrialTransform {
    fn identity(&self) -> &Identity {
        self.inner.identity()
    }

    fn shape_groups(&self, groups: &[Group]) -> Result<Vec<GroupVerdict>, CallError> {
        let verdicts = self.inner.shape_groups(groups);
        if self.traces {
            self.note_heard();
            return verdicts;
        }
        let verdicts = verdicts?;
        for (before, verdict) in groups.iter().zip(&verdicts) {
            let of = format!("group {}", before.id);
            match verdict {
                GroupVerdict::Keep(after) => self.note(of, "changed", None, changes_of_group(before, after)),
                GroupVerdict::Hide(after) => self.note(of, "hidden", None, changes_of_group(before, after)),
                GroupVerdict::Drop(reason) => self.note(of, "dropped", Some(reason.clone()), Vec::new()),
            }
        }
        Ok(verdicts)
    }

    fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
        let verdicts = self.inner.shape_people(people);
        if self.traces {
            self.note_heard();
            return verdicts;
        }
        let verdicts = verdicts?;
        for (before, verdict) in people.iter().zip(&verdicts) {
            let of = format!("user {}", before.user.id);
            match verdict {
                Verdict::Keep(after) => self.note(of, "changed", None, changes_of_person(before, after)),
                Verdict::Drop(reason) => self.note(of, "dropped", Some(reason.clone()), Vec::new()),
                Verdict::Skip(problem) => {
                    self.note(of, "skipped", Some(problem.error.message.clone()), Vec::new());
                }
            }
        }
        Ok(verdicts)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each use is one step: a panic leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn changes_of_group(before: &Group, after: &Group) -> Vec<TrialChange> {
    let fields = |group: &Group| GroupEntry::from_group(GroupKey(0), "", group.clone()).fields();
    differences(fields(before), fields(after))
}

fn changes_of_person(before: &Person, after: &Person) -> Vec<TrialChange> {
    let fields = |person: &Person| {
        let mut fields = UserEntry::from_user(UserKey(0), "", person.user.clone()).fields();
        let groups: Vec<&str> = person.groups.iter().map(|group| group.name.as_str()).collect();
        fields.insert("groups".into(), groups.into());
        fields
    };
    differences(fields(before), fields(after))
}

/// By name; attributes under their own.
fn differences(
    before: serde_json::Map<String, Json>,
    after: serde_json::Map<String, Json>,
) -> Vec<TrialChange> {
    let flat = |fields: serde_json::Map<String, Json>| {
        let mut all = std::collections::BTreeMap::new();
        for (name, value) in fields {
            match value {
                Json::Object(inner) if name == "attributes" => all.extend(inner),
                value => {
                    all.insert(name, value);
                }
            }
        }
        all
    };
    let (before, mut after) = (flat(before), flat(after));
    let mut changes = Vec::new();
    for (what, before) in before {
        let after = after.remove(&what).unwrap_or_default();
        if before != after {
            changes.push(TrialChange { what, before, after });
        }
    }
    changes.extend(after.into_iter().map(|(what, after)| TrialChange { what, before: Json::Null, after }));
    changes
}

/// Whom a trial is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subjects {
    pub person: Option<User>,
    /// All groups without a person, else theirs.
    pub groups: Vec<Group>,
}

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
}

impl Trial {
    /// Does what a run does, and keeps each step.
    pub fn of(connector: &str, transforms: &[Arc<TrialTransform>], subjects: Subjects) -> Self {
        let mut trial = Self {
            connector: connector.to_owned(),
            transforms: transforms.iter().map(|transform| transform.identity().to_string()).collect(),
            groups: Vec::new(),
            steps: Vec::new(),
            outcome: None,
        };
        let used: Vec<Arc<dyn Transform>> =
            transforms.iter().map(|transform| Arc::clone(transform) as Arc<dyn Transform>).collect();
        let outcome = trial.shape(&used, subjects, |steps| {
            steps
                .extend(transforms.iter().flat_map(|transform| std::mem::take(&mut *lock(&transform.steps))));
        });
        trial.outcome = outcome.unwrap_or_else(|error| {
            let hint = error.hint();
            let reason = super::run::with_causes(&error);
            Some(TrialOutcome::Failed { reason, hint })
        });
        trial
    }

    fn shape(
        &mut self,
        transforms: &[Arc<dyn Transform>],
        subjects: Subjects,
        take: impl Fn(&mut Vec<TrialStep>),
    ) -> Result<Option<TrialOutcome>, RunError> {
        let shapes = shape_groups(transforms, subjects.groups.clone());
        take(&mut self.steps);
        let shapes = shapes?;
        self.groups =
            subjects.groups.into_iter().zip(&shapes).map(|(group, shape)| outcome(group, shape)).collect();
        let Some(user) = subjects.person else { return Ok(None) };
        let refs = shapes.iter().filter_map(|shape| match shape {
            GroupShape::Kept(group) | GroupShape::Hidden(group) => {
                Some(GroupRef { id: Some(group.id.clone()), name: group.name.clone() })
            }
            GroupShape::Dropped(_) => None,
        });
        let person = Person { user, groups: refs.collect() };
        let shaped = shape_people(transforms, vec![person]);
        take(&mut self.steps);
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

fn outcome(group: Group, shape: &GroupShape) -> GroupOutcome {
    let becomes = |after: &Group| (after.name != group.name).then(|| after.name.clone());
    let (result, becomes, reason) = match shape {
        GroupShape::Kept(after) => ("kept", becomes(after), None),
        GroupShape::Hidden(after) => ("hidden", becomes(after), None),
        GroupShape::Dropped(reason) => ("dropped", None, Some(reason.clone())),
    };
    GroupOutcome { id: group.id, name: group.name, result, becomes, reason }
}

/// All groups that the connector's mirror has.
pub fn groups_of_mirror(reader: &dyn Reader, connector: ConnectorId) -> Result<Vec<Group>, StoreError> {
    let mut groups = Vec::new();
    reader.mirror_groups(connector, &mut |group| {
        if group.absent_since.is_none() {
            groups.push(group.record);
        }
    })?;
    Ok(groups)
}

/// Whom a name can mean in a mirror.
#[derive(Debug, Default)]
pub struct Found {
    /// Nobody was ever read.
    pub empty: bool,
    /// Each with groups; several may share a mail address.
    pub people: Vec<Subjects>,
    /// Groups whose members were not read, because rules drop them: the person may be in them.
    pub unread: Vec<String>,
}

/// The person of that user name, or else of that provider's id, or else of that mail address, with their groups, as
/// the provider gave them.
pub fn find_in_mirror(reader: &dyn Reader, connector: ConnectorId, who: &str) -> Result<Found, StoreError> {
    let mut numbers = Vec::new();
    reader.mirror_users(connector, &mut |user| {
        if user.absent_since.is_none() {
            numbers.push(user.number);
        }
    })?;
    let mut found = Found { empty: numbers.is_empty(), ..Found::default() };
    let mut matches: [Vec<(u32, User)>; 3] = Default::default();
    for number in numbers {
        let Some(user) = reader.mirror_user_record(number)? else { continue };
        let same = |text: &str| fold(text) == fold(who);
        let rank = match &user {
            user if same(&user.username) => 0,
            user if user.id == who => 1,
            user if user.email.as_deref().is_some_and(same) => 2,
            _ => continue,
        };
        matches[rank].push((number, user));
    }
    let mut groups = Vec::new();
    reader.mirror_groups(connector, &mut |group| {
        if group.absent_since.is_none() {
            groups.push(group);
        }
    })?;
    for (number, user) in matches.into_iter().find(|matches| !matches.is_empty()).unwrap_or_default() {
        let mut subjects = Subjects { person: Some(user), groups: Vec::new() };
        for group in &groups {
            if reader.mirror_members(group.number)?.is_some_and(|members| members.contains(number)) {
                subjects.groups.push(group.record.clone());
            }
        }
        found.people.push(subjects);
    }
    let unread = groups.into_iter().filter(|group| group.members == MembersState::Unread);
    found.unread = unread.map(|group| group.record.name).collect();
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PluginError, Problem, Subject};

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
