use rollcall_plugin::{Person, Transform as _, Verdict};

use crate::company::{ann, rules, shaped};

#[test]
fn every_field_can_be_set() {
    for (name, value, expected) in [
        ("userName", "'x'", "x"),
        ("email", "'x'", "x"),
        ("displayName", "'x'", "x"),
        ("givenName", "'x'", "x"),
        ("familyName", "'x'", "x"),
        ("active", "false", "false"),
        ("profile.department", "'x'", "x"),
        ("profile.new", "['a', 'b']", "a|b"),
        ("profile.new", "4", "Value::Integer(4)"),
        ("profile.new", "4.5", "Value::Decimal(4.5)"),
        ("profile.new", "true", "Value::Boolean(true)"),
    ] {
        assert_eq!(
            shaped(&format!("people = [{{ set = '{name}', value = {value} }}]"), &[name]),
            [expected],
            "{name}"
        );
    }
}

#[test]
fn values_come_from_many_places() {
    for (rule, expected) in [
        ("from = 'email'", "Ann.Ang@acme.example"),
        ("from = ['profile.nothing', 'profile.empty', 'givenName']", "Ann"),
        ("template = '{givenName} {familyName}'", "Ann Ångström"),
        ("template = '{givenName} {profile.nothing} {familyName}'", "Ann Ångström"),
        ("template = '{{{upper(givenName)}}}, {profile.level}'", "{ANN}, 7"),
        ("expression = 'givenName + \" \" + string(profile.level)'", "Ann 7"),
        ("from = 'profile.department', steps = ['trim', 'upper']", "ENGINEERING"),
        ("from = 'profile.countryCode', steps = ['upper', { lookup = 'countries' }]", "Germany"),
        ("from = 'created', steps = [{ format-date = 'dd.MM.yyyy' }]", "24.11.2026"),
        ("from = 'profile.tags', steps = ['unique', { join = '+' }]", "b+a"),
        ("from = 'groups', steps = [{ filter = '^eng-' }, 'first', { after = '-' }]", "core"),
        ("from = 'profile.level'", "7"),
        ("from = 'profile.nothing'", "-"),
        ("from = 'profile.nothing', default = 'none'", "none"),
        ("expression = 'after(email, \"#\")', default = 'none'", "none"),
    ] {
        let settings = format!(
            "people = [{{ set = 'displayName', {rule} }}]\n[lookup]\ncountries = {{ DE = 'Germany' }}"
        );
        assert_eq!(shaped(&settings, &["displayName"]), [expected], "{rule}");
    }
}

#[test]
fn without_an_origin_a_value_is_its_own() {
    let settings = "people = [{ set = 'userName', steps = ['lower', { before = '@' }, { replace = { pattern = '\\.(\\w)\\w*', with = '_$1' } }] }]";
    assert_eq!(shaped(settings, &["userName"]), ["ann_a"]);
}

#[test]
fn what_comes_out_empty_is_treated_as_told() {
    for (rule, expected) in [
        ("", "Ann.Ang@acme.example"),
        (", if-empty = 'keep'", "Ann.Ang@acme.example"),
        (", if-empty = 'remove'", "-"),
        (", if-empty = 'skip'", "skip: nothing came out for `email`"),
        (", if-empty = 'skip', reason = 'no mail'", "skip: no mail"),
        (", if-empty = 'drop', reason = 'no mail'", "drop: no mail"),
    ] {
        assert_eq!(
            shaped(&format!("people = [{{ set = 'email', from = 'profile.x'{rule} }}]"), &["email"]),
            [expected]
        );
    }
    let error = rules("people = [{ set = 'email', from = 'profile.x', if-empty = 'fail' }]")
        .shape_people(vec![ann()]);
    assert_eq!(error.unwrap_err().message, "user 00u1: nothing came out for `email`");
}

#[test]
fn people_are_kept_and_dropped_with_the_admins_reason() {
    for (rule, expected) in [
        ("keep = 'isMember(\"Staff\")', reason = 'not staff'", "drop: not staff"),
        ("keep = '\"Everyone\" in groups'", "true"),
        ("drop = 'profile.level > 3', reason = 'too high'", "drop: too high"),
        ("name = 'high', drop = 'profile.level > 3'", "drop: by the rule \"high\""),
        ("drop = 'profile.nothing > 3'", "true"),
        ("when = '!active', drop = 'true'", "true"),
    ] {
        assert_eq!(shaped(&format!("people = [{{ {rule} }}]"), &["active"]), [expected], "{rule}");
    }
}

#[test]
fn what_is_required_is_there_or_the_person_is_left_out() {
    for (rule, expected) in [
        ("require = ['email', 'profile.level']", "true"),
        ("require = 'profile.empty'", "skip: `profile.empty` is required and has no value"),
        ("require = ['email', 'displayName'], reason = 'no name'", "skip: no name"),
        ("require = ['displayName'], otherwise = 'drop', reason = 'no name'", "drop: no name"),
        ("require = ['displayName'], when = 'status != \"ACTIVE\"'", "true"),
    ] {
        assert_eq!(shaped(&format!("people = [{{ {rule} }}]"), &["active"]), [expected], "{rule}");
    }
    let rules = rules("people = [{ require = ['displayName'], otherwise = 'fail' }]");
    let error = rules.shape_people(vec![ann()]).unwrap_err();
    assert_eq!(error.message, "user 00u1: `displayName` is required and has no value");
    assert!(error.hint.is_some());
}

#[test]
fn groups_are_given_and_taken() {
    for (rules, expected) in [
        ("{ add-groups = 'All Staff' }", "Everyone|eng-core|Sales EMEA|All Staff"),
        ("{ add-groups = ['everyone', 'X'] }", "Everyone|eng-core|Sales EMEA|X"),
        ("{ when = 'profile.userType == \"Customer\"', add-groups = 'X' }", "Everyone|eng-core|Sales EMEA"),
        ("{ remove-groups = ['sales*', 'Everyone'] }", "eng-core"),
        ("{ add-groups = 'license-x' }, { remove-groups = 'license-*' }", "Everyone|eng-core|Sales EMEA"),
        (
            "{ add-groups = 'a' }, { when = 'isMember(\"a\")', add-groups = 'b' }",
            "Everyone|eng-core|Sales EMEA|a|b",
        ),
    ] {
        assert_eq!(shaped(&format!("people = [{rules}]"), &["groups"]), [expected], "{rules}");
    }
}

#[test]
fn attributes_are_removed_by_name_and_pattern() {
    let settings = "people = [{ remove = ['displayName', 'email', 'status', 'profile.*'] }]";
    let names = ["email", "givenName", "status", "created", "profile.level", "profile.department"];
    assert_eq!(shaped(settings, &names), ["-", "Ann", "-", "2026-11-24T08:30:00.000Z", "-", "-"]);
}

#[test]
fn a_rule_sees_what_those_before_it_made() {
    let settings = "people = [{ set = 'short', expression = 'before(email, \"@\")' }, { set = 'userName', from = 'short' }]";
    assert_eq!(shaped(settings, &["userName", "short"]), ["Ann.Ang", "Ann.Ang"]);
}

#[test]
fn who_fails_a_rule_is_skipped_without_their_data() {
    for (rule, expected) in [
        (
            "set = 'email', expression = 'lower(profile.level)'",
            "skip: a rule failed: `lower` takes text, and was given a whole number (line 1, column 1)",
        ),
        (
            "set = 'email', from = 'profile.tags'",
            "skip: a rule failed: `email` is text, and what it is set to is a list",
        ),
        (
            "name = 'on', set = 'active', from = 'status'",
            "skip: a rule failed: `active` is true or false, and what it is set to is text",
        ),
        (
            "set = 'email', from = 'status', steps = [{ format-date = 'yyyy' }]",
            "skip: a rule failed: the step `format-date` was given text that is no date",
        ),
        (
            "drop = 'profile.department > 3'",
            "skip: a rule failed: `>` can't take text and a whole number together (line 1, column 20)",
        ),
        (
            "when = 'profile.level', drop = 'true'",
            "skip: a rule failed: `when` takes true or false, and was given a whole number (line 1, column 1)",
        ),
    ] {
        assert_eq!(shaped(&format!("people = [{{ {rule} }}]"), &["email"]), [expected], "{rule}");
    }
}

#[test]
fn one_who_fails_costs_nobody_else() {
    let rules = rules("people = [{ set = 'email', expression = 'lower(profile.x)' }]");
    let odd = |id: &str, value: rollcall_plugin::Value| -> Person {
        crate::company::person(id, "u", &[], &[("profile.x", value)])
    };
    let verdicts =
        rules.shape_people(vec![odd("1", "A".into()), odd("2", 3.into()), odd("3", "B".into())]).unwrap();
    let kept: Vec<bool> = verdicts.iter().map(|verdict| matches!(verdict, Verdict::Keep(_))).collect();
    assert_eq!(kept, [true, false, true]);
}
