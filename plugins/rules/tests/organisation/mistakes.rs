use rollcall_plugin::Attributes as _;

use crate::company::try_rules;

#[test]
fn wrong_settings_are_named_by_their_path() {
    let mut wrong = Vec::new();
    for (settings, path, message, hint) in [
        (
            "colour = 1",
            "colour",
            "unknown field `colour`, expected one of `attributes`, `lookup`, `groups`, `people`, `trace`",
            "",
        ),
        ("people = [{ sett = 'a' }]", "people.0.sett", "unknown field `sett`", ""),
        (
            "people = [{ name = 'x' }]",
            "people.0",
            "the rule does nothing",
            "give it one of keep, drop, require, set, remove, add-groups, remove-groups",
        ),
        (
            "people = [{ set = 'email', value = 'x', drop = 'true' }]",
            "people.0.set",
            "the rule has both `drop` and `set`",
            "write two rules: they run in the order written",
        ),
        (
            "people = [{ drop = 'true', steps = ['trim'] }]",
            "people.0.steps",
            "`steps` means nothing beside `drop`",
            "it belongs to `set`",
        ),
        (
            "people = [{ set = 'email', otherwise = 'skip', value = 'x' }]",
            "people.0.otherwise",
            "`otherwise` means nothing beside `set`",
            "it belongs to `require`",
        ),
        (
            "people = [{ set = 'email' }]",
            "people.0.set",
            "the rule sets `email` to what it is",
            "say where the value comes from: from, template, expression, value; or give it steps",
        ),
        (
            "people = [{ set = 'id', value = 'x' }]",
            "people.0.set",
            "`id` can't be set",
            "people are known by the provider's id, so that a rename stays a rename",
        ),
        (
            "people = [{ set = 'groups', value = 'x' }]",
            "people.0.set",
            "`groups` can't be set",
            "use add-groups and remove-groups",
        ),
        (
            "people = [{ set = 'username', value = 'x' }]",
            "people.0.set",
            "nothing is called `username`",
            "did you mean `userName`?",
        ),
        (
            "people = [{ set = 'email', value = 'x', from = 'status' }]",
            "people.0.value",
            "the value comes both from `from` and from `value`",
            "leave one of them away",
        ),
        (
            "people = [{ set = 'email', from = ['email', 'sttus'] }]",
            "people.0.from.1",
            "nothing is called `sttus`",
            "did you mean `status`?",
        ),
        (
            "people = [{ set = 'email', from = 'sttus' }]",
            "people.0.from",
            "nothing is called `sttus`",
            "did you mean `status`?",
        ),
        (
            "people = [{ set = 'active', template = '{email}' }]",
            "people.0.set",
            "`active` is true or false, and what it is set to is text",
            "",
        ),
        (
            "people = [{ set = 'active', expression = 'active', default = 'no' }]",
            "people.0.default",
            "`active` is true or false, and this is text",
            "",
        ),
        (
            "people = [{ set = 'userName', from = 'email', if-empty = 'remove' }]",
            "people.0.if-empty",
            "`userName` can't be removed: everybody has one",
            "",
        ),
        (
            "people = [{ set = 'userName', from = 'email', reason = 'x' }]",
            "people.0.reason",
            "nobody is dropped or skipped by this rule",
            "if-empty = \"skip\" or \"drop\" does that",
        ),
        (
            "people = [{ set = 'email', template = '{givenName}.{famlyName}' }]",
            "people.0.template",
            "nothing is called `famlyName`",
            "did you mean `familyName`?",
        ),
        (
            "people = [{ set = 'email', template = '{givenName' }]",
            "people.0.template",
            "a { is never closed",
            "names stand in braces: \"{givenName} {familyName}\"; a brace itself is {{ or }}",
        ),
        (
            "people = [{ set = 'email', template = 'x' }]",
            "people.0.template",
            "the template names nothing",
            "names stand in braces: \"{givenName} {familyName}\"; a brace itself is {{ or }}",
        ),
        (
            "people = [{ set = 'email', template = '{groups}' }]",
            "people.0.template",
            "`groups` is a list, and a template takes single values",
            "join it: {join(groups, \", \")}",
        ),
        (
            "people = [{ set = 'email', expression = '''\nlower(\n  usrName)''' }]",
            "people.0.expression",
            "nothing is called `usrName`",
            "did you mean `userName`?",
        ),
        (
            "people = [{ set = 'email', steps = ['trimm'] }]",
            "people.0.steps.0",
            "unknown variant `trimm`",
            "",
        ),
        (
            "people = [{ set = 'email', steps = ['trim', { lookup = 'x' }] }]",
            "people.0.steps.1.lookup",
            "no lookup table is called `x`",
            "write one: [connector.NAME.transform.settings.lookup.x]",
        ),
        (
            "people = [{ set = 'email', steps = [{ replace = { pattern = '(', with = '' } }] }]",
            "people.0.steps.0.replace.pattern",
            "the pattern is wrong: unclosed group",
            "patterns are regular expressions without look-around; \\ is written \\\\ in \"…\", or as it is in '…'",
        ),
        (
            "people = [{ set = 'email', steps = [{ format-date = 'DD' }] }]",
            "people.0.steps.0.format-date",
            "`DD` is no part of a date",
            "a date's parts are yyyy, MM, dd, HH, mm and ss",
        ),
        (
            "people = [{ set = 'email', steps = [{ before = '' }] }]",
            "people.0.steps.0.before",
            "the text is empty",
            "",
        ),
        (
            "people = [{ drop = 'true' }, { drop = 'userName' }]",
            "people.1.drop",
            "a condition is true or false, and this is text",
            "compare it: == \"…\", or ask whether it is there: has(…)",
        ),
        (
            "people = [{ drop = 'active &&' }]",
            "people.0.drop",
            "the expression ends where something has to follow",
            "",
        ),
        (
            "people = [{ when = 'profil.x == 1', add-groups = 'x' }]",
            "people.0.when",
            "nothing is called `profil.x`",
            "names are as the provider gives them, such as profile.department",
        ),
        ("people = [{ require = [] }]", "people.0.require", "the list is empty", ""),
        (
            "people = [{ remove = ['userName'] }]",
            "people.0.remove",
            "`userName` can't be removed: everybody has one",
            "",
        ),
        (
            "people = [{ remove-groups = ['/(/'] }]",
            "people.0.remove-groups.0",
            "the pattern is wrong: unclosed group",
            "patterns are regular expressions without look-around; \\ is written \\\\ in \"…\", or as it is in '…'",
        ),
        ("people = [{ add-groups = [''] }]", "people.0.add-groups", "a group's name is empty", ""),
        (
            "groups = [{ when = 'true' }]",
            "groups.0",
            "the rule does nothing",
            "give it one of keep, drop, hide, rename, replace, case, merge, drop-unmatched",
        ),
        (
            "groups = [{ when = 'isMember(\"a\")', drop = ['*'] }]",
            "groups.0.when",
            "`isMember` asks for a person's groups, and this is about none",
            "",
        ),
        (
            "groups = [{ when = 'nme == \"a\"', drop = ['*'] }]",
            "groups.0.when",
            "nothing is called `nme`",
            "did you mean `name`?",
        ),
        (
            "groups = [{ replace = 'a' }]",
            "groups.0.replace",
            "`with` is missing",
            "say what takes the place of the match: with = \"$1\"; \"\" takes it away",
        ),
        (
            "groups = [{ merge = ['a'] }]",
            "groups.0.merge",
            "`into` is missing",
            "name the one group: into = \"Sales\"",
        ),
        ("groups = [{ rename = { a = '' } }]", "groups.0.rename.a", "the new name is empty", ""),
        (
            "groups = [{ drop-unmatched = false }]",
            "groups.0.drop-unmatched",
            "only `true` means something here",
            "",
        ),
        (
            "attributes = ['profile.department']\npeople = [{ drop = 'profile.departmnt == \"x\"' }]",
            "people.0.drop",
            "nothing is called `profile.departmnt`",
            "did you mean `profile.department`?",
        ),
    ] {
        let error = try_rules(settings).expect_err(settings);
        let found =
            (error.details.text("path").unwrap_or_default(), error.hint.as_deref().unwrap_or_default());
        if error.code != "settings" || !error.message.starts_with(message) || found != (path, hint) {
            wrong.push(format!(
                "{settings}\n  {:?} {} {found:?}\n  {message} {:?}",
                error.code,
                error.message,
                (path, hint)
            ));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_place_within_an_expression_is_told_to_the_host() {
    let error = try_rules("people = [{ drop = '''active &&\n  userNam == \"x\"''' }]").unwrap_err();
    let number = |name: &str| error.details.value(name).cloned();
    assert_eq!(error.details.text("excerpt"), Some("  userNam == \"x\"\n  ^"));
    assert_eq!(
        [number("offset"), number("line"), number("column")],
        [12, 2, 3].map(|n| Some(rollcall_plugin::Value::Integer(n)))
    );
}
