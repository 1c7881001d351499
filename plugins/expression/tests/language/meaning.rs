use crate::person::{Ann, compile, evaluate};

fn table(rows: &[(&str, &str)]) {
    for (source, expected) in rows {
        let value = evaluate(source).unwrap_or_else(|failure| panic!("{source}: {failure}"));
        assert_eq!(value, *expected, "{source}");
    }
}

#[test]
fn names_are_those_of_fields_and_attributes() {
    table(&[
        ("userName", r#""Ann.Ångström@acme.example""#),
        ("active", "true"),
        ("status", r#""ACTIVE""#),
        ("profile.department", r#"" Engineering ""#),
        (r#"profile["cost-center"]"#, r#""CC-42""#),
        (r#"attribute("profile.cost-center")"#, r#""CC-42""#),
        ("profile.a.b", r#""nested""#),
        ("groups", r#"["Everyone", "eng-core", "eng-web", "Sales"]"#),
        (r#""Sales" in groups"#, "true"),
        ("groups[1]", r#""eng-core""#),
    ]);
}

#[test]
fn what_is_absent_is_null_and_never_an_error() {
    table(&[
        ("profile.x", "null"),
        ("displayName", "null"),
        ("profile.x == null", "true"),
        ("profile.x != null", "false"),
        ("profile.x == 'a'", "false"),
        ("profile.x != 'a'", "true"),
        ("profile.x > 3", "false"),
        ("profile.x <= 3", "false"),
        ("has(profile.x)", "false"),
        ("has(profile.empty)", "true"),
        ("!profile.x", "true"),
        ("profile.x && true", "false"),
        ("profile.x || true", "true"),
        ("profile.x ? 1 : 2", "2"),
        ("profile.x + 'a'", "null"),
        ("-profile.x", "null"),
        ("profile.x * 2", "null"),
        ("lower(profile.x)", "null"),
        ("profile.x.lower().trim()", "null"),
        ("profile.x.startsWith('a')", "false"),
        ("'a'.contains(profile.x)", "false"),
        ("matches(profile.x, 'a')", "false"),
        ("size(profile.x)", "0"),
        ("'a' in profile.x", "false"),
        ("profile.x in ['a']", "false"),
        ("profile.x.exists(item, item == 'a')", "false"),
        ("profile.x.all(item, item == 'a')", "true"),
        ("profile.x.map(item, item)", "[]"),
        ("profile.x[0]", "null"),
        ("groups[99]", "null"),
        ("groups[-1]", "null"),
        ("first([])", "null"),
        ("default(profile.x, 'none')", r#""none""#),
        ("default(profile.empty, 'none')", r#""none""#),
        ("coalesce(profile.x, profile.empty, [], profile.level, 1)", "7"),
        ("coalesce(profile.x, profile.empty)", "null"),
        ("date(profile.x)", "null"),
    ]);
    assert!(!compile("profile.x").test(&Ann).unwrap());
}

#[test]
fn operators_are_cel_s() {
    table(&[
        ("1 + 2 * 3 - 4 / 2 % 3", "5"),
        ("1.5 + 2.0", "3.5"),
        ("1 == 1.0", "true"),
        ("1 < 1.5", "true"),
        ("'a' < 'b' && false < true", "true"),
        ("profile.level == '7'", "false"),
        ("[1, 2] == [1.0, 2.0]", "true"),
        ("[1] + [2]", "[1, 2]"),
        ("-(3)", "-3"),
        ("true ? 'a' : 1 / 0", r#""a""#),
        // What decides, decides, whatever fails beside it.
        ("1 / 0 == 1 || true", "true"),
        ("false && 1 / 0 == 1", "false"),
        ("1 / 0 == 1 && false", "false"),
        ("[0, 1].exists(x, 1 / x == 1)", "true"),
        ("[0, 2].all(x, 2 / x == 2)", "false"),
        ("[1, 2, 3].filter(x, x > 1)", "[2, 3]"),
        ("[1, 2, 3].map(x, x > 1, x * 2)", "[4, 6]"),
        ("[1, 2, 3].exists_one(x, x > 2) && [1].existsOne(x, x == 1)", "true"),
        ("groups.filter(g, profile.tags.exists(t, g.contains(t)))", r#"["eng-web", "Sales"]"#),
        ("[1, 2].map(x, [3, 4].map(y, x * y))", "[[3, 4], [6, 8]]"),
        ("[1].map(x, x + [2].map(x, x)[0])", "[3]"),
        (r#""\u00e9\x41\t" + r"\d""#, r#""éA\t\\d""#),
    ]);
}

#[test]
fn functions_can_be_chained() {
    table(&[
        ("userName.before('@').lower()", r#""ann.ångström""#),
        ("after(userName, '@').split('.').last()", r#""example""#),
        ("before('none', '@')", r#""none""#),
        ("after('none', '@')", "null"),
        ("profile.department.trim().upper()", r#""ENGINEERING""#),
        ("substring(userName, 4, 7)", r#""Ång""#),
        ("substring('ab', 1)", r#""b""#),
        ("substring('ab', 5, 2)", r#""""#),
        ("substring('ab', -1, 1)", r#""a""#),
        ("profile.tags.unique().sort().join('+')", r#""a+b""#),
        ("groups.filter(g, g.startsWith('eng-')).map(g, g.after('-')).join(', ')", r#""core, web""#),
        ("'a,b'.split(',').map(p, p.upper())", r#"["A", "B"]"#),
        ("'abc'.split('')", r#"["abc"]"#),
        ("replaceMatches('eng-core eng-web', '(?i)ENG-([a-z]+)', '$1!')", r#""core! web!""#),
        ("extract(userName, '^([^.]+)')", r#""Ann""#),
        ("extract(userName, '[0-9]+')", "null"),
        ("isMember('Marketing', 'Sales')", "true"),
        ("isMemberStartingWith('ops-')", "false"),
        ("isMemberMatching('^eng-(web|app)$')", "true"),
        ("equalsIgnoreCase('ÅNGSTRÖM', 'ångström')", "true"),
        ("daysBetween(created, '2027-01-01')", "38"),
        ("formatDate(created, 'dd.MM.yyyy')", r#""24.11.2026""#),
        ("string(profile.level) + string(profile.remote)", r#""7false""#),
        ("int('42') + int(1.9)", "43"),
        ("double('0.5') == profile.ratio", "true"),
        ("bool('True')", "true"),
    ]);
}

#[test]
fn failures_name_the_place_and_no_value() {
    let mut wrong = Vec::new();
    for (source, expected) in [
        ("profile.level.lower()", "`lower` takes text, and was given a whole number (line 1, column 15)"),
        (
            "active &&\n profile.department > profile.level",
            "`>` can't take text and a whole number together (line 2, column 21)",
        ),
        (
            "profile.level + profile.department",
            "`+` can't take a whole number and text together (line 1, column 15)",
        ),
        ("1 / (profile.level - 7) == 1", "`/` divides by zero (line 1, column 3)"),
        ("profile.level * 9223372036854775807", "`*` gives a number beyond 64 bits (line 1, column 15)"),
        ("int(profile.department)", "`int` was given text that it can't read (line 1, column 1)"),
        ("date(status)", "`date` was given text that it can't read (line 1, column 1)"),
        (
            "profile.department.exists(x, x == 'a')",
            "`exists` takes a list, and was given text (line 1, column 20)",
        ),
        ("profile.department ? 1 : 2", "`?` takes true or false, and was given text (line 1, column 1)"),
        ("'a' in profile.level", "`in` takes a list, and was given a whole number (line 1, column 5)"),
        (
            "groups.map(g, profile.tags).join(',')",
            "`join` takes text, and was given a list (line 1, column 29)",
        ),
    ] {
        let failure = evaluate(source).expect_err(source);
        if failure.to_string() != expected {
            wrong.push(format!("{source}\n  {failure}\n  {expected}"));
        }
        assert!(failure.hint().is_some());
        for personal in ["Engineering", "ACTIVE", "Ann"] {
            assert!(!failure.to_string().contains(personal) && !format!("{failure:?}").contains(personal));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let failure = compile("profile.level").test(&Ann).unwrap_err();
    assert_eq!(
        failure.to_string(),
        "`when` takes true or false, and was given a whole number (line 1, column 1)"
    );
}
