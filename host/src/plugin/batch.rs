use super::call::{CallError, Transform};
use crate::model::{Person, PluginError, Problem, Subject, Verdict};

/// How many people of one batch may stop the plugin before it, and not they, is taken to be at fault.
const MOST_BAD: usize = 32;

/// As many, where each stop costs seconds (all fuel spent, or the call's time).
const MOST_BAD_SLOW: usize = 2;

/// Shapes people so that one whom the plugin can't bear doesn't stop the run: a batch in which the plugin
/// stopped is halved until the person is found, who then is skipped, that is, stays as they are.
///
/// # Errors
///
/// What the plugin answers; a limit of the whole run; and the plugin's stop when too many people in the batch
/// cause one.
pub fn shape_people(transform: &dyn Transform, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
    let mut verdicts = Vec::with_capacity(people.len());
    let mut bad = 0;
    shape_part(transform, people, &mut verdicts, &mut bad)?;
    Ok(verdicts)
}

fn shape_part(
    transform: &dyn Transform,
    people: &[Person],
    verdicts: &mut Vec<Verdict>,
    bad: &mut usize,
) -> Result<(), CallError> {
    let error = match transform.shape_people(people) {
        Ok(given) => {
            verdicts.extend(given);
            return Ok(());
        }
        Err(error) => error,
    };
    let CallError::Stopped { plugin, function, reason } = &error else { return Err(error) };
    if *function == "configure" || !reason.may_be_of_one_record() {
        return Err(error);
    }
    match people {
        [] => Err(error),
        [person] => {
            *bad += 1;
            if *bad > if reason.is_slow() { MOST_BAD_SLOW } else { MOST_BAD } {
                return Err(error);
            }
            let mut problem = PluginError::new("stopped", format!("plugin {plugin} stopped: {reason}"));
            problem.hint = reason.hint();
            verdicts.push(Verdict::Skip(Problem {
                subject: Some(Subject::User(person.user.id.clone())),
                error: problem,
            }));
            Ok(())
        }
        _ => {
            let (first, second) = people.split_at(people.len() / 2);
            shape_part(transform, first, verdicts, bad)?;
            shape_part(transform, second, verdicts, bad)
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::super::call::Identity;
    use super::super::limits::{Limit, Limits};
    use super::super::stop::StopReason;
    use super::*;
    use crate::model::{Group, GroupVerdict, User};

    /// Keeps everyone, and stops at the people it is told.
    struct Picky {
        identity: Identity,
        bad: Vec<usize>,
        reason: StopReason,
        calls: AtomicUsize,
    }

    impl Picky {
        fn new(bad: impl IntoIterator<Item = usize>, reason: StopReason) -> Self {
            let identity = Identity { name: "picky".into(), version: "1.0.0".into(), sha256: String::new() };
            Self { identity, bad: bad.into_iter().collect(), reason, calls: AtomicUsize::new(0) }
        }
    }

    impl Transform for Picky {
        fn identity(&self) -> &Identity {
            &self.identity
        }

        fn shape_groups(&self, _: &[Group]) -> Result<Vec<GroupVerdict>, CallError> {
            Ok(Vec::new())
        }

        fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
            self.calls.fetch_add(1, Ordering::Relaxed);
            if people.iter().any(|person| self.bad.iter().any(|bad| person.user.id == bad.to_string())) {
                let (plugin, reason) = (Box::new(self.identity.clone()), self.reason.clone());
                return Err(CallError::Stopped { plugin, function: "shape-people", reason });
            }
            Ok(people.iter().cloned().map(Verdict::Keep).collect())
        }
    }

    fn people(count: usize) -> Vec<Person> {
        (0..count)
            .map(|id| Person { user: User { id: id.to_string(), ..User::default() }, groups: vec![] })
            .collect()
    }

    fn trap() -> StopReason {
        StopReason::Trap("unreachable".into())
    }

    #[test]
    fn only_the_bad_people_are_skipped_and_the_order_stays() {
        let picky = Picky::new([0, 500, 501, 999], trap());
        let people = people(1000);
        let verdicts = shape_people(&picky, &people).unwrap();
        assert_eq!(verdicts.len(), people.len());
        for (index, verdict) in verdicts.iter().enumerate() {
            match verdict {
                Verdict::Keep(person) => {
                    assert_eq!(person.user.id, index.to_string());
                    assert!(!picky.bad.contains(&index));
                }
                Verdict::Skip(problem) => {
                    assert!(picky.bad.contains(&index));
                    assert_eq!(problem.subject, Some(Subject::User(index.to_string())));
                    assert!(problem.error.message.contains("plugin picky 1.0.0 stopped: trapped"));
                }
                Verdict::Drop(_) => panic!("nobody is dropped"),
            }
        }
        assert!(picky.calls.load(Ordering::Relaxed) < 100);
    }

    #[test]
    fn a_plugin_that_stops_for_everyone_is_itself_the_fault() {
        let picky = Picky::new(0..1000, trap());
        assert!(matches!(shape_people(&picky, &people(1000)), Err(CallError::Stopped { .. })));
        assert!(picky.calls.load(Ordering::Relaxed) < 200);
    }

    #[test]
    fn slow_stops_end_sooner_and_a_runs_limits_at_once() {
        let reached = |limit| StopReason::Limit {
            reached: Limits::default().reached(limit, None),
            connector: "c".into(),
        };
        let slow = Picky::new(0..64, reached(Limit::Fuel));
        assert!(shape_people(&slow, &people(64)).is_err());
        assert!(slow.calls.load(Ordering::Relaxed) < 15);
        let spent = Picky::new([3], reached(Limit::OutputPerRun));
        assert!(shape_people(&spent, &people(64)).is_err());
        assert_eq!(spent.calls.load(Ordering::Relaxed), 1);
    }
}
