use proptest::prelude::*;
use rollcall_plugin::{
    Attribute, Group, GroupRef, GroupVerdict, Person, Transform as _, User, Value, Verdict,
};
use rollcall_rules::Rules;

use crate::company::rules;

fn any_value() -> impl Strategy<Value = Value> {
    prop_oneof![
        "\\PC{0,12}".prop_map(Value::Text),
        Just(Value::Text("2026-11-24T08:30:00Z".into())),
        any::<bool>().prop_map(Value::Boolean),
        any::<i64>().prop_map(Value::Integer),
        any::<f64>().prop_map(Value::Decimal),
        prop::collection::vec("\\PC{0,6}", 0..4).prop_map(Value::Texts),
        Just(Value::Json("{\"a\":[1]}".into())),
    ]
}

fn any_person() -> impl Strategy<Value = Person> {
    let names = ["status", "created", "profile.department", "profile.level", "profile.tags"];
    let attributes = prop::collection::vec(prop::option::of(any_value()), names.len());
    let text = || prop::option::of("\\PC{0,12}");
    let groups = prop::collection::vec("(eng-|Sales |license-)?[a-cÄ]{0,3}", 0..5);
    ("\\PC{0,16}", text(), text(), text(), any::<bool>(), attributes, groups).prop_map(
        move |(username, email, given_name, family_name, active, attributes, groups)| Person {
            user: User {
                id: "00u1".into(),
                username,
                email,
                given_name,
                family_name,
                active,
                attributes: attributes
                    .into_iter()
                    .zip(names)
                    .filter_map(|(value, name)| value.map(|value| Attribute::new(name, value)))
                    .collect(),
                ..User::default()
            },
            groups: groups.into_iter().map(|name| GroupRef { id: None, name }).collect(),
        },
    )
}

fn company() -> Rules {
    rules(include_str!("../../benches/company.toml"))
}

/// Rules that tidy and add: doing them again changes nothing.
fn tidy() -> Rules {
    rules(
        "people = [
            { set = 'userName', steps = ['lower', { before = '@' }, 'trim'] },
            { set = 'displayName', template = '{givenName} {familyName}', default = 'nobody' },
            { set = 'profile.tags', steps = ['unique'] },
            { add-groups = ['All Staff'] },
            { remove-groups = ['license-*'] },
            { remove = ['profile.level'] },
        ]
        groups = [
            { rename = { ops = 'Operations' } },
            { case = 'lower' },
            { drop = ['tmp-*'] },
        ]",
    )
}

proptest! {
    #[test]
    fn any_person_gets_a_verdict_and_keeps_the_id(person in any_person()) {
        let verdicts = company().shape_people(vec![person]).unwrap();
        match &verdicts[..] {
            [Verdict::Keep(person)] => prop_assert_eq!(&person.user.id, "00u1"),
            [Verdict::Drop(reason)] => prop_assert!(!reason.is_empty()),
            [Verdict::Skip(problem)] => prop_assert!(problem.subject.is_some()),
            other => prop_assert!(false, "{} verdicts", other.len()),
        }
    }

    #[test]
    fn tidying_people_twice_is_tidying_them_once(person in any_person()) {
        let rules = tidy();
        if let Verdict::Keep(once) = rules.shape_person(person).unwrap() {
            prop_assert_eq!(rules.shape_person(once.clone()).unwrap(), Verdict::Keep(once));
        }
    }

    #[test]
    fn tidying_groups_twice_is_tidying_them_once(name in "(ops|tmp-|\\PC){0,6}") {
        let rules = tidy();
        let group = Group { id: "g".into(), name, ..Group::default() };
        if let GroupVerdict::Keep(once) = rules.shape_group(group).unwrap() {
            prop_assert_eq!(rules.shape_group(once.clone()).unwrap(), GroupVerdict::Keep(once));
        }
    }

    #[test]
    fn whatever_is_written_is_loaded_or_refused(
        key in "(set|from|template|expression|drop|keep|when|require|remove|add-groups|steps|value|name)",
        other in "(set|from|template|expression|drop|keep|when|require|remove|add-groups|steps|value|name)",
        a in "\\PC{0,24}",
        b in "[a-zA-Z{}().,*/'\" =&|]{0,24}",
    ) {
        let settings = serde_json::json!({ "people": [{ key: a, other: b }] });
        let _ = rollcall_plugin::testing::configure::<Rules>(settings);
    }
}
