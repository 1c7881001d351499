use rollcall_expression::Expression;

use crate::person::ENVIRONMENT;

#[test]
fn what_can_be_known_before_it_runs_is_refused() {
    let mut wrong = Vec::new();
    for (source, message, hint) in [
        ("username == 'ann'", "nothing is called `username` (line 1, column 1)", "did you mean `userName`?"),
        (
            "user.userName == 'a'",
            "nothing is called `user.userName` (line 1, column 1)",
            "did you mean `userName`?",
        ),
        (
            "active && stauts == 'A'",
            "nothing is called `stauts` (line 1, column 11)",
            "did you mean `status`?",
        ),
        ("status == ACTIVE", "nothing is called `ACTIVE` (line 1, column 11)", "did you mean `active`?"),
        (
            "status == STAGED",
            "nothing is called `STAGED` (line 1, column 11)",
            "text stands in quotation marks: \"STAGED\"",
        ),
        (
            "profile == 'a'",
            "nothing is called `profile` (line 1, column 1)",
            "name one of its attributes: profile.…",
        ),
        (
            "userName.lower",
            "`userName` has no part `lower` (line 1, column 9)",
            "functions are called with brackets: userName.lower()",
        ),
        ("lwer(userName)", "no function is called `lwer` (line 1, column 1)", "did you mean `lower`?"),
        (
            "userName.toLowerCase()",
            "no function is called `toLowerCase` (line 1, column 10)",
            "did you mean `lower`?",
        ),
        (
            "groups.exist(g, g == 'a')",
            "no function is called `exist` (line 1, column 8)",
            "did you mean `exists`?",
        ),
        (
            "groups.exists(g)",
            "`exists` is not used like this (line 1, column 8)",
            "it is used like this: groups.exists(group, group.startsWith(\"eng-\"))",
        ),
        (
            "has(profile.a, profile.b)",
            "`has` is not used like this (line 1, column 1)",
            "it is used like this: has(profile.department)",
        ),
        (
            "before(userName)",
            "`before` is given 1 argument (line 1, column 1)",
            "it is used like this: before(\"ann@acme.example\", \"@\") == \"ann\"",
        ),
        (
            "lower(userName, 'a', 'b')",
            "`lower` is given 3 arguments (line 1, column 1)",
            "it is used like this: lower(\"ZOË\") == \"zoë\"",
        ),
        (
            "active == 'true'",
            "true or false never equals text (line 1, column 8)",
            "write true and false without quotation marks; bool(…) makes one of a text",
        ),
        (
            "size(userName) > '3'",
            "`>` can't compare a whole number with text (line 1, column 16)",
            "a number in quotation marks is text; int(…) makes a number of a text, string(…) text of a number",
        ),
        (
            "groups == 'Sales'",
            "a list never equals text (line 1, column 8)",
            "does a list hold something? \"a\" in list",
        ),
        (
            "'a' in userName",
            "`in` looks into a list, and this is text (line 1, column 5)",
            "does a text hold another? contains(…)",
        ),
        (
            "userName && active",
            "`&&` takes true or false, and this is text (line 1, column 1)",
            "compare it: == \"…\", or ask whether it is there: != null",
        ),
        (
            "userName + 1",
            "`+` can't add a whole number to text (line 1, column 12)",
            "a number in quotation marks is text; int(…) makes a number of a text, string(…) text of a number",
        ),
        (
            "userName - 1",
            "`-` can't take text and a whole number (line 1, column 10)",
            "double(…) and int(…) make numbers of one kind",
        ),
        (
            "1 + 1.5",
            "`+` can't add a decimal number to a whole number (line 1, column 5)",
            "string(…), int(…) and double(…) turn one kind into the other",
        ),
        ("lower(active)", "`lower` takes text here, and this is true or false (line 1, column 7)", ""),
        ("lower(groups)", "`lower` takes text here, and this is a list (line 1, column 7)", ""),
        ("matches(userName, '(a')", "the pattern is wrong: unclosed group (line 1, column 20)", ""),
        (
            "matches(userName, status)",
            "the pattern of `matches` has to be written out (line 1, column 19)",
            "write it in quotation marks, so that it is checked before anybody is shaped",
        ),
        (
            "formatDate(created, 'DD.MM')",
            "`DD` is no part of a date (line 1, column 21)",
            "a date's parts are yyyy, MM, dd, HH, mm and ss",
        ),
        (
            "{'a': 1}['a']",
            "maps are not supported (line 1, column 1)",
            "a rule's `lookup` step translates values by a table",
        ),
        (
            "size(userName) == 1u",
            "unsigned numbers are not supported (line 1, column 19)",
            "leave the u away",
        ),
        ("userName == b'a'", "bytes are not supported (line 1, column 13)", "leave the b away"),
        (
            "userName.exists(c, c == 'a')",
            "only a list has items to go through, and this is text (line 1, column 10)",
            "",
        ),
        (
            "groups.exists(g, g > 1)",
            "`>` can't compare text with a whole number (line 1, column 20)",
            "a number in quotation marks is text; int(…) makes a number of a text, string(…) text of a number",
        ),
        ("groups.exists(g, g.name == 'a')", "`g` has no part `name` (line 1, column 19)", ""),
        (
            "[1].map(a, [2].map(b, [3].map(c, a)))",
            "more than 2 loops run within one another (line 1, column 27)",
            "take the expression apart",
        ),
        ("active = true", "`=` compares nothing (line 1, column 8)", "write == to compare"),
        ("active\n  and status == 'A'", "`and` is no operator (line 2, column 3)", "write &&"),
    ] {
        let mistake = Expression::compile(source, &ENVIRONMENT).expect_err(source);
        let found = (mistake.to_string(), mistake.hint().unwrap_or_default());
        if found != (message.to_owned(), hint.to_owned()) {
            wrong.push(format!("{source}\n  {found:?}\n  {:?}", (message, hint)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_condition_has_to_be_true_or_false() {
    let mistake = Expression::condition("userName", &ENVIRONMENT).unwrap_err();
    assert_eq!(mistake.to_string(), "a condition is true or false, and this is text (line 1, column 1)");
    assert!(Expression::condition("profile.remote", &ENVIRONMENT).is_ok());
}

#[test]
fn the_excerpt_shows_the_place() {
    let mistake = Expression::compile("active &&\n\tlwer(userName) == 'ann'", &ENVIRONMENT).unwrap_err();
    assert_eq!(mistake.excerpt(), "\tlwer(userName) == 'ann'\n\t^");
    let long = format!("{}lwer(userName) == 'ann'", "active && ".repeat(50));
    let mistake = Expression::compile(&long, &ENVIRONMENT).unwrap_err();
    let excerpt = mistake.excerpt();
    let (line, caret) = excerpt.split_once('\n').unwrap();
    assert!(line.chars().count() <= 120);
    assert_eq!(line.chars().nth(caret.len() - 1), Some('l'));
}
