//! Where an expression has a meaning in CEL, it is ours: both evaluate, and are compared.

use ::cel::{Context, Program, Value as Cel};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use rollcall_expression::Expression;

use crate::person::{Ann, ENVIRONMENT, shown};

/// The provider's null is not in CEL's reach: these are all there.
fn cels_answer(source: &str) -> Option<String> {
    let program = Program::compile(source).ok()?;
    let mut context = Context::default();
    context.add_variable_from_value("active", true);
    context.add_variable_from_value("userName", "Ann.Ångström@acme.example");
    context.add_variable_from_value(
        "groups",
        ["Everyone", "eng-core", "eng-web", "Sales"].map(Cel::from).to_vec(),
    );
    program.execute(&context).ok().map(|value| read(&value))
}

fn read(value: &Cel) -> String {
    match value {
        Cel::Null => "null".into(),
        Cel::Bool(value) => value.to_string(),
        Cel::Int(value) => value.to_string(),
        Cel::Float(value) => format!("{value:?}"),
        Cel::String(text) => format!("{text:?}"),
        Cel::List(items) => format!("[{}]", items.iter().map(read).collect::<Vec<_>>().join(", ")),
        other => format!("{other:?}"),
    }
}

/// Operators, and the functions that both know.
fn any_expression() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("active".to_owned()),
        Just("userName".to_owned()),
        Just("groups".to_owned()),
        Just("true".to_owned()),
        Just("false".to_owned()),
        (-9_i64..9).prop_map(|number| number.to_string()),
        (-4_i32..4).prop_map(|number| format!("{:?}", f64::from(number) / 2.0)),
        "'[aeång-]{0,3}'",
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+", "-", "*", "/", "%", "==", "!=", "<", "<=", ">", ">=", "&&", "||", "in",
        ]);
        let method = prop::sample::select(vec!["startsWith", "endsWith", "contains"]);
        let work = prop::sample::select(vec!["exists", "all", "exists_one", "filter", "map"]);
        prop_oneof![
            4 => (inner.clone(), operator, inner.clone()).prop_map(|(a, operator, b)| format!("({a} {operator} {b})")),
            1 => inner.clone().prop_map(|a| format!("!({a})")),
            1 => inner.clone().prop_map(|a| format!("-({a})")),
            1 => (inner.clone(), inner.clone(), inner.clone()).prop_map(|(a, b, c)| format!("({a} ? {b} : {c})")),
            1 => prop::collection::vec(inner.clone(), 0..3).prop_map(|items| format!("[{}]", items.join(", "))),
            1 => inner.clone().prop_map(|a| format!("size({a})")),
            1 => (inner.clone(), method, inner.clone()).prop_map(|(a, method, b)| format!("({a}).{method}({b})")),
            2 => (inner.clone(), work, inner.clone(), any::<bool>()).prop_map(|(a, work, b, own)| {
                if own { format!("({a}).{work}(x, x == {b})") } else { format!("({a}).{work}(x, {b})") }
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn what_cel_answers_we_answer(source in any_expression()) {
        // What we refuse, such as a comparison that never holds, CEL may answer. Never the other way about.
        let ours = Expression::compile(&source, &ENVIRONMENT).ok().map(|expression| {
            expression.evaluate(&Ann).map(|value| shown(&value)).map_err(|failure| failure.to_string())
        });
        match (ours, cels_answer(&source)) {
            (Some(Ok(ours)), Some(cels)) => prop_assert_eq!(ours, cels, "{}", source),
            (Some(Err(failure)), Some(cels)) => prop_assert!(false, "{source}: {failure}, and CEL gives {cels}"),
            _ => {}
        }
    }
}

#[test]
fn many_of_those_expressions_have_a_meaning() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let answered = (0..1_000)
        .filter(|_| {
            let source = any_expression().new_tree(&mut runner).unwrap().current();
            Expression::compile(&source, &ENVIRONMENT).is_ok() && cels_answer(&source).is_some()
        })
        .count();
    assert!(answered > 100, "{answered} of 1,000");
}
