use proptest::prelude::*;
use rollcall_expression::{Expression, MOST_CHARACTERS, Reason};

use crate::person::{Ann, ENVIRONMENT, evaluate};

/// A component's stack is a megabyte, and a debug build uses more than a component.
fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    std::thread::Builder::new().stack_size(1 << 20).spawn(work).unwrap().join().unwrap();
}

#[test]
fn the_length_is_bounded() {
    let longest = format!("'{}'", "é".repeat(MOST_CHARACTERS - 2));
    assert!(Expression::compile(&longest, &ENVIRONMENT).is_ok());
    let mistake = Expression::compile(&format!("{longest} "), &ENVIRONMENT).unwrap_err();
    assert_eq!(mistake.message, "the expression is longer than 2048 characters");
}

#[test]
fn deep_nesting_and_long_chains_are_read_or_refused() {
    on_a_small_stack(|| {
        let nested = |open: &str, inner: &str, close: &str, times: usize| {
            format!("{}{inner}{}", open.repeat(times), close.repeat(times))
        };
        for (open, inner, close) in [
            ("(", "active", ")"),
            ("[", "1", "]"),
            ("!", "active", ""),
            ("-", "profile.level", ""),
            ("- ", "profile.level", ""),
            ("lower(", "userName", ")"),
            ("active ? 1 : ", "2", ""),
            ("1 + (", "2", ")"),
            ("groups[", "0", "]"),
            ("active && (", "active", ")"),
            ("", "userName", ".lower()"),
            ("", "groups", "[0]"),
            ("1 - ", "1", ""),
            ("1 == ", "1", ""),
            ("", "groups", ".map(g, g)"),
            ("groups.map(g, ", "1", ")"),
            ("{1:", "1", "}"),
        ] {
            let longest = (MOST_CHARACTERS - inner.len()) / (open.len() + close.len());
            let mut accepted = 0;
            for times in [1, 2, 3, 10, 20, 25, 40, 50, 60, 64, 80, 100, 150, longest].map(|n| n.min(longest))
            {
                let source = nested(open, inner, close, times);
                if let Ok(expression) = Expression::compile(&source, &ENVIRONMENT) {
                    let _ = expression.evaluate(&Ann);
                    accepted = times;
                }
            }
            // Far more than anybody writes is read, and the longest is not.
            assert!(accepted < longest, "{open}{inner}{close} is read {longest} times");
        }
        // One long name.
        let name = format!("profile{}", ".x".repeat(1_000));
        assert!(Expression::compile(&name, &ENVIRONMENT).unwrap().evaluate(&Ann).unwrap().is_null());
        for chain in ["active && ", "active || ", "1 + "] {
            let source = format!("{}true", chain.repeat(200)).replace("+ true", "+ 1");
            let _ = Expression::compile(&source, &ENVIRONMENT).unwrap().evaluate(&Ann).unwrap();
        }
    });
}

#[test]
fn steps_and_what_is_made_are_bounded() {
    let big = format!("({})", vec!["[0,1,2,3,4,5,6,7,8,9]"; 15].join(" + "));
    let failure = evaluate(&format!("{big}.map(a, {big}.map(b, a * b))")).unwrap_err();
    assert!(matches!(failure.reason, Reason::Steps | Reason::Size), "{failure}");
    // No answer is made up where a bound was met, though `||` passes over other failures.
    let failure = evaluate(&format!("{big}.all(a, {big}.exists(b, b < 0) || true)")).unwrap_err();
    assert!(matches!(failure.reason, Reason::Steps | Reason::Size), "{failure}");
    let many = ["b != 'x'"; 12].join(" && ");
    let failure = evaluate(&format!("{big}.all(a, groups.all(b, {many}))")).unwrap_err();
    assert_eq!(failure.reason, Reason::Steps);
    let text = format!("'{}'", "a".repeat(600));
    let failure = evaluate(&format!("replace({text}, 'a', {text})")).unwrap_err();
    assert_eq!(failure.reason, Reason::Size);
    let failure = evaluate(&format!("replaceMatches({text}, 'a', {text})")).unwrap_err();
    assert_eq!(failure.reason, Reason::Size);
    let failure = evaluate(&format!("{big}.map(n, {text}).join(',')")).unwrap_err();
    assert_eq!(failure.reason, Reason::Size);
    assert!(failure.to_string().starts_with("it makes more than 65536 bytes (line 1, column "), "{failure}");
    let doubled = format!("{text}{}", ".replace('a', 'aa')".repeat(20));
    assert_eq!(evaluate(&doubled).unwrap_err().reason, Reason::Size);
}

proptest! {
    #[test]
    fn anything_that_compiles_can_be_evaluated(
        source in "(userName|active|groups|profile\\.x|profile\\.level|profile\\.tags|lower\\(|default\\(|size\\(|split\\(|substring\\(|\\.exists\\(g, |\\.map\\(g, |g|\\)|\\(|, |'a'|''|1|0|-|2\\.5| \\+ | / | == | < | in | && | \\|\\| |!| \\? | : |\\[|\\]|null){1,14}"
    ) {
        if let Ok(expression) = Expression::compile(&source, &ENVIRONMENT) {
            let _ = expression.evaluate(&Ann);
            let _ = expression.test(&Ann);
        }
    }
}
