use rollcall_plugin::{Response, Scope};
use serde_json::json;

use crate::fake::{acme, lines};

#[test]
fn only_people_whom_the_search_finds_are_read() {
    let reading = acme().read(json!({"users": {"search": "status eq \"ACTIVE\""}}));
    assert_eq!(reading.users.keys().collect::<Vec<_>>(), ["u1", "u5"]);
    let users: Vec<String> = lines(&reading).into_iter().filter(|line| line.starts_with("users")).collect();
    assert!(
        users[0]
            .contains("/api/v1/users?search=status%20pr%20and%20(status%20eq%20%22ACTIVE%22)&sortBy=created"),
        "{users:?}"
    );
    assert_eq!(reading.groups.len(), 5, "groups sync as before");
}

#[test]
fn a_search_that_finds_nobody_ends_the_run() {
    let settings = json!({"users": {"search": "status eq \"NONE\""}});
    let stopped = acme().run(settings, &Scope::Full, |_| None).unwrap_err();
    assert_eq!(stopped.error.code, "forbidden");
    assert!(stopped.error.hint.unwrap().starts_with("correct the expression in users.search"));
}

#[test]
fn a_member_who_was_deactivated_and_stays_by_a_rule_does_not_count() {
    // Neither a text that holds the word nor a strange status takes somebody out.
    let members = json!([
        {"id": "u1", "status": "ACTIVE", "profile": {"login": "a", "title": "was DEPROVISIONED once"}},
        {"id": "u2", "status": "DEPROVISIONED", "profile": {"login": "b"}},
        {"id": "u4", "status": ["DEPROVISIONED"]},
        {"id": "u5"},
    ]);
    let reading = acme()
        .run(json!({}), &Scope::Full, |request| {
            request.path.starts_with("/api/v1/groups/g1/").then(|| Response::new(200, members.to_string()))
        })
        .unwrap();
    assert_eq!(reading.listed("g1").unwrap(), ["u1", "u4", "u5"]);
}
