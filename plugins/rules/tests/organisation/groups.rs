use rollcall_plugin::{Attribute, Group, GroupVerdict, Transform as _, Verdict};

use crate::company::{ann, group, groups, read, rules};

#[test]
fn only_some_are_kept() {
    assert_eq!(
        groups(
            "groups = [{ keep = ['Sales*', '/^eng-[a-z]+$/'], reason = 'not ours' }]",
            &["sales", "Sales US", "eng-core", "eng-1"]
        ),
        ["sales", "Sales US", "eng-core", "drop: not ours"]
    );
    assert_eq!(
        groups("groups = [{ name = 'tmp', drop = ['tmp-?'] }]", &["tmp-1", "tmp-12"]),
        ["drop: by the rule \"tmp\"", "tmp-12"]
    );
    assert_eq!(groups("groups = [{ drop = ['a'] }]", &["A"]), ["drop: by the rule \"groups.0\""]);
    assert_eq!(groups("groups = [{ hide = ['*-portal'] }]", &["x-portal", "x"]), ["(x-portal)", "x"]);
}

#[test]
fn names_change_by_table_expression_and_case() {
    assert_eq!(
        groups("groups = [{ rename = { ops = 'Operations' } }]", &["OPS", "ops2"]),
        ["Operations", "ops2"]
    );
    assert_eq!(
        groups("groups = [{ replace = '^eng-(.*)$', with = 'Engineering $1' }]", &["eng-core", "x-eng-core"]),
        ["Engineering core", "x-eng-core"]
    );
    assert_eq!(groups("groups = [{ replace = '.*', with = '' }]", &["never empty"]), ["never empty"]);
    assert_eq!(groups("groups = [{ case = 'lower' }]", &["ÄB"]), ["äb"]);
    assert_eq!(groups("groups = [{ case = 'upper' }]", &["äb"]), ["ÄB"]);
}

#[test]
fn rules_run_in_the_order_written_and_see_what_was_made() {
    let names = ["eng-core", "eng-tmp"];
    assert_eq!(
        groups(
            "groups = [{ replace = '^eng-', with = 'Engineering ' }, { drop = ['eng-tmp'] }, { case = 'lower' }]",
            &names
        ),
        ["engineering core", "engineering tmp"]
    );
    assert_eq!(
        groups(
            "groups = [{ drop = ['eng-tmp'], reason = 'no' }, { replace = '^eng-', with = 'Engineering ' }]",
            &names
        ),
        ["Engineering core", "drop: no"]
    );
}

#[test]
fn what_no_rule_matches_is_dropped() {
    let settings = "groups = [{ rename = { a = 'A' } }, { replace = '^b', with = 'B' }, { merge = ['c'], into = 'C' }, { hide = ['d'] }, { drop-unmatched = true }]";
    assert_eq!(
        groups(settings, &["a", "b", "c", "d", "e"]),
        ["A", "B", "(C)", "drop: no rule names it", "drop: no rule names it"]
    );
}

#[test]
fn a_condition_restricts_a_rule() {
    let rules = rules("groups = [{ when = 'type == \"BUILT_IN\"', drop = ['*'] }]");
    let built_in = Group { attributes: vec![Attribute::new("type", "BUILT_IN")], ..group("Everyone") };
    let verdicts = rules.shape_groups(vec![built_in, group("Sales")]).unwrap();
    assert!(matches!(verdicts[0], GroupVerdict::Drop(_)));
    assert_eq!(verdicts[1], GroupVerdict::Keep(group("Sales")));
}

#[test]
fn a_condition_that_fails_ends_the_run_and_names_group_and_rule() {
    let rules = rules("groups = [{ name = 'big', when = 'attribute(\"type\") > 3', drop = ['*'] }]");
    let odd = Group { attributes: vec![Attribute::new("type", "BUILT_IN")], ..group("Everyone") };
    let error = rules.shape_groups(vec![odd]).unwrap_err();
    assert_eq!(
        error.message,
        "group id of Everyone: the rule \"big\" failed: `>` can't take text and a whole number together (line 1, column 19)"
    );
}

#[test]
fn members_of_merged_groups_are_in_the_one_that_takes_their_place() {
    let settings = "groups = [{ merge = ['Sales *', 'eng-core'], into = 'Both' }]\npeople = [{ when = 'isMember(\"Both\")', set = 'profile.x', value = 'yes' }]";
    assert_eq!(groups(settings, &["Sales EMEA", "eng-core", "Everyone"]), ["(Both)", "(Both)", "Everyone"]);
    // As the host hands the person over after that.
    let mut person = ann();
    person.groups[1].name = "Both".into();
    person.groups[2].name = "Both".into();
    let Verdict::Keep(person) = rules(settings).shape_person(person).unwrap() else { panic!("kept") };
    assert_eq!(read(&person, "groups"), "Everyone|Both");
    assert_eq!(person.groups[1].id, None, "the group is the rules' own");
    assert_eq!(read(&person, "profile.x"), "yes");
}
