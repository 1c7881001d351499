use rollcall_plugin::Verdict;
use rollcall_rules::{Result, TraceStep};

use crate::company::{ann, group, rules};

fn traced(settings: &str) -> (Vec<TraceStep>, Verdict) {
    let mut steps = Vec::new();
    let verdict = rules(settings).run_on_person(ann(), &mut |step| steps.push(step)).unwrap();
    (steps, verdict)
}

#[test]
fn each_rule_tells_what_it_did() {
    let (steps, _) = traced(
        "trace = true
        people = [
            { name = 'lower', set = 'userName', steps = ['lower'] },
            { set = 'givenName', steps = ['trim'] },
            { when = '!active', add-groups = 'x' },
            { add-groups = 'All Staff' },
            { remove = 'profile.level' },
            { set = 'profile.new', value = ['a'] },
            { name = 'out', drop = 'true', reason = 'enough' },
            { add-groups = 'never' },
        ]",
    );
    let lines: Vec<String> = steps.iter().map(TraceStep::line).collect();
    assert_eq!(
        lines,
        [
            r#"{"rule":"lower","of":"user 00u1","result":"changed","changes":[{"what":"userName","before":"Ann.Ang@acme.example","after":"ann.ang@acme.example"}]}"#,
            r#"{"rule":"people.1","of":"user 00u1","result":"unchanged"}"#,
            r#"{"rule":"people.2","of":"user 00u1","result":"not-concerned"}"#,
            r#"{"rule":"people.3","of":"user 00u1","result":"changed","changes":[{"what":"groups","before":["Everyone","eng-core","Sales EMEA"],"after":["Everyone","eng-core","Sales EMEA","All Staff"]}]}"#,
            r#"{"rule":"people.4","of":"user 00u1","result":"changed","changes":[{"what":"profile.level","before":7,"after":null}]}"#,
            r#"{"rule":"people.5","of":"user 00u1","result":"changed","changes":[{"what":"profile.new","before":null,"after":["a"]}]}"#,
            r#"{"rule":"out","of":"user 00u1","result":"dropped","reason":"enough"}"#,
        ]
    );
}

#[test]
fn groups_are_traced_too() {
    let rules = rules(
        "trace = true\ngroups = [{ case = 'upper' }, { merge = ['a'], into = 'B' }, { hide = ['*'] }, { drop = ['b'] }]",
    );
    let mut steps = Vec::new();
    rules.run_on_group(group("a"), &mut |step| steps.push(step)).unwrap();
    let results: Vec<Result> = steps.iter().map(|step| step.result).collect();
    assert_eq!(results, [Result::Changed, Result::Hidden, Result::Unchanged, Result::Dropped]);
    assert_eq!(steps[0].changes[0].after, "A");
    assert_eq!(steps[3].reason.as_deref(), Some("by the rule \"groups.3\""));
}

#[test]
fn a_failure_ends_the_trace_with_its_reason() {
    let (steps, _) =
        traced("trace = true\npeople = [{ drop = 'profile.department > 3' }, { add-groups = 'x' }]");
    assert_eq!(steps.len(), 1);
    assert_eq!(steps[0].result, Result::Skipped);
    assert!(steps[0].reason.as_deref().unwrap().contains("`>` can't take text"));
}

#[test]
fn without_the_setting_nothing_is_told() {
    assert!(traced("people = [{ set = 'userName', steps = ['lower'] }]").0.is_empty());
}
