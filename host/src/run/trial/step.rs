use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::directory::{GroupEntry, GroupKey, UserEntry, UserKey};
use crate::model::{Group, GroupVerdict, Person, Verdict};
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

    /// The steps since the last time.
    pub(super) fn take_steps(&self) -> Vec<TrialStep> {
        std::mem::take(&mut *lock(&self.steps))
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
            match &verdicts {
                // These people are shaped again, in two halves.
                Err(CallError::Stopped { .. }) if people.len() > 1 => lock(&self.heard).clear(),
                _ => self.note_heard(),
            }
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
