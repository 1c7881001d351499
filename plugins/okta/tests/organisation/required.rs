use rollcall_plugin::{Attributes, Error, Response, Scope};
use serde_json::{Value, json};

use crate::fake::{Org, acme, group, lines, refusal};

fn required(groups: &[&str]) -> Value {
    json!({"groups": {"required": groups}})
}

/// An organisation with room for ids that look like Okta's.
fn org() -> Org {
    let mut org = acme();
    org.groups.push(group("00gABCDEFGHIJKLMNOPQ", "APP_GROUP", "Atlassian", &["u4", "u5"]));
    org
}

#[test]
fn only_members_of_required_groups_are_read() {
    let reading = org().read(required(&["sales \"eu\"", "00gABCDEFGHIJKLMNOPQ"]));
    assert_eq!(reading.users.keys().map(String::as_str).collect::<Vec<_>>(), ["u3", "u4", "u5"]);
    assert_eq!(reading.groups.len(), 6, "groups sync as before");
    assert_eq!(reading.listed("g4").unwrap(), [""; 0], "u3 was deactivated: read, and no member");
    assert_eq!(reading.removed[""], ["u3"]);
    assert_eq!(reading.listed("00gABCDEFGHIJKLMNOPQ").unwrap(), ["u4", "u5"]);
    assert_eq!(reading.listed("g1").unwrap(), ["u1", "u2", "u5"]);
    assert_eq!(
        lines(&reading)[..4],
        [
            "groups /api/v1/groups?limit=200&expand=stats&search=profile.name%20eq%20%22sales%20%5C%22eu%5C%22%22",
            "groups /api/v1/groups/g4/users?limit=1000",
            "groups /api/v1/groups?limit=200&expand=stats&search=id%20eq%20%2200gABCDEFGHIJKLMNOPQ%22",
            "groups /api/v1/groups/00gABCDEFGHIJKLMNOPQ/users?limit=1000",
        ]
    );
    let of_g4 = lines(&reading).iter().filter(|line| line.contains("/g4/users")).count();
    assert_eq!(of_g4, 1, "their people are their members: nothing is read twice");
    assert!(lines(&reading).iter().all(|line| !line.contains("/api/v1/users")), "nobody else is read");
}

#[test]
fn a_required_group_out_of_scope_gives_people_and_no_group() {
    let settings = json!({"groups": {"required": ["Atlassian"], "include": ["eng*"]}});
    let reading = org().read(settings);
    assert_eq!(reading.users.len(), 2);
    assert_eq!(reading.groups.keys().map(String::as_str).collect::<Vec<_>>(), ["g1", "g2"]);
    assert_eq!(reading.members.len(), 2);
}

#[test]
fn where_okta_evaluates_the_scope_the_listing_of_groups_decides() {
    for (kind, expected) in [("APP_GROUP", true), ("OKTA_GROUP", false)] {
        let expression = format!("type eq \"{kind}\"");
        let reading = org().read(json!({"groups": {"required": ["Atlassian"], "search": expression}}));
        assert_eq!(reading.users.len(), 2);
        assert_eq!(reading.listed("00gABCDEFGHIJKLMNOPQ").is_some(), expected);
        assert_eq!(reading.groups.contains_key("00gABCDEFGHIJKLMNOPQ"), expected);
    }
}

#[test]
fn a_group_required_twice_is_read_once() {
    let reading = org().read(required(&["Atlassian", "00gABCDEFGHIJKLMNOPQ"]));
    let people = lines(&reading).iter().filter(|line| line.contains("MNOPQ/users?limit=1000")).count();
    assert_eq!((reading.users.len(), people), (2, 2), "one listing of two pages");
}

#[test]
fn a_required_group_that_leaves_a_doubt_ends_the_run() {
    for (wanted, message, hint) in [
        ("Enginering", "okta has no group \"Enginering\" that this credential sees", "correct the name"),
        ("00gZZZZZZZZZZZZZZZZZ", "okta has no group \"00gZZZZZZZZZZZZZZZZZ\"", "correct the name"),
        ("engineering", "2 groups are named \"engineering\"", "use the id of the one that is meant: g1, g2"),
        ("Everyone", "everybody is a member of \"Everyone\"", "leave groups.required empty"),
    ] {
        let stopped = org().run(required(&["Atlassian", wanted]), &Scope::Full, |_| None).unwrap_err();
        let error = stopped.error;
        assert_eq!(error.code, Error::SETTINGS, "{wanted}");
        assert_eq!(error.details.text("path"), Some("groups.required.1"));
        assert!(error.message.starts_with(message), "{}", error.message);
        assert!(error.hint.as_ref().unwrap().starts_with(hint), "{:?}", error.hint);
    }
}

#[test]
fn a_required_group_of_a_strange_shape_ends_the_run() {
    let stopped = org()
        .run(required(&["00gABCDEFGHIJKLMNOPQ"]), &Scope::Full, |request| {
            let strange = json!([{"id": "00gABCDEFGHIJKLMNOPQ", "type": "OKTA_GROUP", "profile": {}}]);
            request.path.contains("search=id").then(|| Response::new(200, strange.to_string()))
        })
        .unwrap_err();
    assert_eq!(stopped.error.message, "the group has no name (looking for a required group)");
}

#[test]
fn case_counts_where_settings_say_so() {
    let settings = |name: &str| json!({"groups": {"required": [name], "ignore-case": false}});
    assert_eq!(org().read(settings("Atlassian")).users.len(), 2);
    assert!(org().run(settings("atlassian"), &Scope::Full, |_| None).is_err());
}

#[test]
fn a_prefix_never_takes_another_group() {
    // What Okta finds is not trusted: here it answers every search with all groups.
    let all: Vec<Value> = vec![
        json!({"id": "g8", "type": "OKTA_GROUP", "profile": {"name": "Atlassian Admins"}}),
        json!({"id": "00gABCDEFGHIJKLMNOPQ", "type": "APP_GROUP", "profile": {"name": "Atlassian"}}),
    ];
    let reading = org()
        .run(required(&["Atlassian"]), &Scope::Full, |request| {
            request
                .path
                .contains("search=profile.name")
                .then(|| Response::new(200, Value::from(all.clone()).to_string()))
        })
        .unwrap();
    assert_eq!(reading.users.len(), 2);
}

#[test]
fn required_people_that_cannot_be_read_end_the_run() {
    for (answer, code) in [
        (refusal(403, "E0000006"), "forbidden"),
        (refusal(404, "E0000007"), "not-found"),
        (refusal(500, "E0000009"), "unavailable"),
        (Response::new(0, ""), "no-answer"),
        (Response::new(200, "[]"), "forbidden"),
    ] {
        let stopped = org()
            .run(required(&["Atlassian"]), &Scope::Full, |request| {
                request.path.contains("MNOPQ/users").then(|| answer.clone())
            })
            .unwrap_err();
        assert_eq!(stopped.error.code, code, "{answer:?}");
        assert!(stopped.error.message.contains("\"Atlassian\""), "{}", stopped.error.message);
    }
}

#[test]
fn an_empty_required_group_has_nobody() {
    let reading = org().read(required(&["Nobody", "Atlassian"]));
    assert_eq!(reading.users.len(), 2);
    assert_eq!(reading.listed("g3").unwrap(), [""; 0]);
}
