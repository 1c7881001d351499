use rollcall_okta::Okta;
use rollcall_plugin::testing::{self, Reading, Stopped};
use rollcall_plugin::{Attribute, Members, Page, Request, Response, Scope, Source, Subject};
use serde_json::{Value, json};

use crate::fake::{APP, Org, acme, group, lines, refusal, user};

fn read(org: &Org, settings: Value, id: &str) -> Result<Reading, Stopped> {
    org.run(settings, &Scope::User(id.to_owned()), |_| None)
}

fn usernames(reading: &Reading) -> Vec<&str> {
    reading.users.values().map(|user| user.username.as_str()).collect()
}

/// The page of the first request's answer, when Okta answers so.
fn page_of(id: &str, answer: Response) -> Result<Page, rollcall_plugin::Error> {
    let okta: Okta = testing::configure(json!({})).unwrap();
    let request = okta.plan(&Scope::User(id.to_owned()), &[]).unwrap().remove(0);
    okta.decode(&request, &answer)
}

#[test]
fn a_person_comes_with_all_their_groups() {
    let reading = read(&acme(), json!({}), "u2").unwrap();
    assert_eq!(usernames(&reading), ["u2@acme.example"]);
    assert_eq!(reading.groups.keys().collect::<Vec<_>>(), ["g0", "g1", "g2"], "over two pages");
    for group in ["g0", "g1", "g2"] {
        assert_eq!(
            reading.members[group],
            Members::Some(vec!["u2".into()]),
            "added, whoever else is in {group}"
        );
    }
    assert_eq!(
        lines(&reading),
        [
            "user   /api/v1/users/u2",
            "user-groups /api/v1/users/u2/groups",
            "user-groups /api/v1/users/u2/groups?after=2",
        ]
    );
    assert!(reading.requests.iter().all(|one| one.about == Some(Subject::User("u2".into()))));
}

#[test]
fn memberships_of_a_person_are_added_and_replace_nobody() {
    let okta: Okta = testing::configure(json!({})).unwrap();
    let body = json!([{"id": "g1", "type": "OKTA_GROUP", "profile": {"name": "Engineering"}}]).to_string();
    let page = page_of("u1", Response::new(200, user("u1", "ACTIVE").to_string())).unwrap();
    let page = okta.decode(&page.next[0], &Response::new(200, body)).unwrap();
    assert_eq!(page.memberships[0].members, Members::Add(vec!["u1".into()]));
}

#[test]
fn a_person_read_alone_is_the_same_record_as_in_a_full_run() {
    let (full, alone) = (acme().read(json!({})), read(&acme(), json!({}), "u2").unwrap());
    assert_eq!(full.users["u2"], alone.users["u2"]);
    assert_eq!(full.groups["g1"], alone.groups["g1"]);
}

#[test]
fn a_person_is_found_by_login_and_address_too() {
    let mut org = acme();
    org.users[0]["profile"]["email"] = json!("ann@acme.example");
    for wanted in ["u1", "u1@acme.example", "ann@acme.example"] {
        assert_eq!(usernames(&read(&org, json!({}), wanted).unwrap()), ["u1@acme.example"], "{wanted}");
    }
    let reading = read(&org, json!({}), "u1@acme.example").unwrap();
    assert_eq!(reading.requests[0].path, "/api/v1/users/u1%40acme.example");
    assert_eq!(reading.requests[1].path, "/api/v1/users/u1/groups", "their id from then on");

    org.users[1]["profile"]["email"] = json!("ann@acme.example");
    let stopped = read(&org, json!({}), "ann@acme.example").unwrap_err();
    assert_eq!(
        stopped.error.message.split(" (").next(),
        Some("several users have the address \"ann@acme.example\"")
    );
    let reading = acme().run(json!({}), &Scope::User("no@acme.example".into()), |_| None).unwrap();
    assert!(reading.users.is_empty());
}

#[test]
fn someone_deactivated_is_found_and_a_member_of_nothing() {
    let reading = read(&acme(), json!({}), "u3").unwrap();
    assert!(!reading.users["u3"].active);
    assert!(reading.members.is_empty() && reading.requests.len() == 1, "a rule keeps u3 in a group");
}

#[test]
fn only_okta_itself_can_say_that_someone_is_gone() {
    let gone = page_of("u9", refusal(404, "E0000007")).unwrap();
    assert_eq!(gone, Page { gone: vec![Subject::User("u9".into())], ..Page::default() });
    for (answer, code) in [
        (Response::new(404, "<html>not here"), "not-found"),
        (Response::new(404, ""), "not-found"),
        (refusal(403, "E0000006"), "forbidden"),
        (refusal(500, "E0000009"), "unavailable"),
        (Response::new(0, ""), "no-answer"),
    ] {
        assert_eq!(page_of("u9", answer.clone()).unwrap_err().code, code, "{answer:?}");
    }
}

#[test]
fn the_record_alone_costs_one_request() {
    let okta: Okta = testing::configure(json!({})).unwrap();
    let known = [Attribute::new("groups", false)];
    let reading =
        testing::run(&okta, &Scope::User("u2".into()), &known, |request| acme().answer(request)).unwrap();
    assert_eq!((reading.users.len(), reading.members.len(), reading.requests.len()), (1, 0, 1));
}

#[test]
fn groups_out_of_scope_are_left_out() {
    let reading = read(&acme(), json!({"groups": {"include-types": ["APP_GROUP"]}}), "u2").unwrap();
    assert_eq!(reading.members.keys().collect::<Vec<_>>(), ["g2"]);
    // Which groups Okta's expression lets through is not known here: the groups are those of the last full run.
    let searched = json!({"groups": {"search": "type eq \"APP_GROUP\""}});
    let reading = read(&acme(), searched, "u2").unwrap();
    assert_eq!((reading.members.len(), reading.groups.len()), (3, 0));
}

#[test]
fn someone_out_of_scope_is_neither_there_nor_gone() {
    let mut org = acme();
    org.groups.push(group("00gABCDEFGHIJKLMNOPQ", "APP_GROUP", "Atlassian", &["u4", "u5"]));
    for (settings, inside, outside) in [
        (json!({"groups": {"required": ["atlassian"]}}), "u4", "u1"),
        (json!({"groups": {"required": ["Nobody", "00gABCDEFGHIJKLMNOPQ"]}}), "u5", "u2"),
        (json!({"users": {"search": "status eq \"LOCKED_OUT\""}}), "u2", "u1"),
        (json!({"app": APP}), "u2", "u4"),
        (json!({"app": "atlassian"}), "u2", "u4"),
    ] {
        let reading = read(&org, settings.clone(), inside).unwrap();
        assert_eq!(reading.users.keys().collect::<Vec<_>>(), [inside], "{settings}");
        assert!(!reading.members.is_empty(), "{settings}");
        let okta: Okta = testing::configure(settings.clone()).unwrap();
        let mut gone = 0;
        let mut waiting = okta.plan(&Scope::User(outside.into()), &[]).unwrap();
        while let Some(request) = waiting.pop() {
            let page = okta.decode(&request, &org.answer(&request)).unwrap();
            assert!(page.users.is_empty() && page.memberships.is_empty(), "{settings}");
            gone += page.gone.len();
            waiting.extend(page.next);
        }
        assert_eq!(gone, 0, "{settings}");
    }
}

#[test]
fn nobody_else_is_taken_for_the_person() {
    // `/users/me` is whoever asks.
    let stopped = acme()
        .run(json!({}), &Scope::User("me".into()), |request: &Request| {
            (request.path == "/api/v1/users/me").then(|| Response::new(200, user("u1", "ACTIVE").to_string()))
        })
        .unwrap_err();
    assert!(
        stopped.error.message.starts_with("okta answered with another user"),
        "{}",
        stopped.error.message
    );
    for (wanted, code) in [("a/b", "unsupported"), ("", "not-found")] {
        let stopped = read(&acme(), json!({}), wanted).unwrap_err();
        assert_eq!((stopped.error.code.as_str(), stopped.request), (code, None));
    }
}
