use rollcall_plugin::{Attributes, Error, Members, Response, Scope, Subject};
use serde_json::{Value, json};

use crate::fake::{APP, acme, lines, refusal};

fn app(app: &str) -> Value {
    json!({"app": app})
}

#[test]
fn only_people_and_groups_of_the_application_are_read() {
    let reading = acme().read(app(APP));
    assert_eq!(reading.users.keys().collect::<Vec<_>>(), ["u1", "u2", "u5"]);
    assert_eq!(reading.groups.keys().collect::<Vec<_>>(), ["g1", "g2"]);
    assert_eq!(
        reading.listed("g2").unwrap(),
        ["u2", "u4"],
        "u4 is no user of the application: ignored by the host"
    );
    assert_eq!(
        reading.users["u2"],
        acme().read(json!({})).users["u2"],
        "the same record as without the setting"
    );
    assert_eq!(
        lines(&reading)[..4],
        [
            format!("apps   /api/v1/apps/{APP}/users?limit=500&expand=user"),
            format!("apps   /api/v1/apps/{APP}/groups?limit=200&expand=group"),
            format!("apps   /api/v1/apps/{APP}/users?limit=500&expand=user&after=2"),
            format!("apps   /api/v1/apps/{APP}/groups?limit=200&expand=group&after=2"),
        ]
    );
    let rest = &lines(&reading)[4..];
    assert!(rest.iter().all(|line| line.starts_with("groups /api/v1/groups/g")), "{rest:?}");
}

#[test]
fn patterns_and_types_choose_among_the_applications_groups() {
    let reading = acme().read(json!({"app": APP, "groups": {"exclude-types": ["APP_GROUP"]}}));
    assert_eq!(reading.groups.keys().collect::<Vec<_>>(), ["g1"]);
}

#[test]
fn an_application_is_found_by_its_label_and_only_by_the_whole_of_it() {
    assert_eq!(acme().read(app("ATLASSIAN")).users.len(), 3, "not `Atlassian Test`, which begins like it");
    for (label, message, hint) in [
        ("Atlass", "okta has no application \"Atlass\"", "correct the label, or use the application's id"),
        ("Twice", "2 applications have the label \"Twice\"", "use the id of the one that is meant: 0oaC"),
    ] {
        let stopped = acme().run(app(label), &Scope::Full, |_| None).unwrap_err();
        assert_eq!(stopped.error.code, Error::SETTINGS, "{label}");
        assert_eq!(stopped.error.details.text("path"), Some("app"));
        assert!(stopped.error.message.starts_with(message), "{}", stopped.error.message);
        assert!(stopped.error.hint.as_ref().unwrap().starts_with(hint), "{:?}", stopped.error.hint);
    }
}

#[test]
fn an_application_that_cannot_be_read_ends_the_run_with_what_to_do() {
    for (answer, code, hint) in [
        (refusal(403, "E0000006"), "forbidden", "okta.apps.read"),
        (refusal(404, "E0000007"), "settings", "its label"),
        (Response::new(200, "[]"), "settings", "assign people or groups to it"),
    ] {
        let stopped = acme()
            .run(app(APP), &Scope::Full, |request| {
                request.path.contains("/users?limit=500").then(|| answer.clone())
            })
            .unwrap_err();
        assert_eq!(stopped.error.code, code, "{answer:?}");
        assert!(stopped.error.hint.as_ref().unwrap().contains(hint), "{:?}", stopped.error.hint);
    }
    let other = "0oaZZZZZZZZZZZZZZZZZ";
    let stopped = acme().run(app(other), &Scope::Full, |_| None).unwrap_err();
    assert!(stopped.error.message.starts_with(&format!("okta has no application {other:?}")));
}

#[test]
fn an_assignment_without_its_user_costs_only_that_user() {
    let body = json!([
        {"id": "u1", "_embedded": {"user": {"id": "u1", "status": "ACTIVE", "profile": {"login": "u1@acme.example"}}}},
        {"id": "u2", "_links": {}},
    ]);
    let reading = acme()
        .run(app(APP), &Scope::Full, |request| {
            request.path.contains("/users?limit=500").then(|| {
                Response::new(200, body.to_string()).with_header("link", "<https://a.b/c>; rel=\"self\"")
            })
        })
        .unwrap();
    assert_eq!(reading.users.keys().collect::<Vec<_>>(), ["u1"]);
    assert_eq!(reading.problems[0].subject, Some(Subject::User("u2".into())));
}

#[test]
fn a_probe_tells_whether_the_application_is_seen() {
    for name in [APP, "Atlassian"] {
        let reading = acme().run(app(name), &Scope::Probe, |_| None).unwrap();
        assert!(reading.extra.iter().any(|one| one.name == "probe.app"), "{name}");
    }
    let stopped = acme().run(app("nothing"), &Scope::Probe, |_| None).unwrap_err();
    assert_eq!(stopped.error.code, Error::SETTINGS);
}

#[test]
fn everyone_assigned_to_the_application_means_its_people() {
    let group = json!([{"id": "g0", "_embedded": {"group": {
        "id": "g0", "type": "BUILT_IN", "profile": {"name": "Everyone"}
    }}}]);
    let reading = acme()
        .run(app(APP), &Scope::Full, |request| {
            request
                .path
                .contains("/groups?limit=200&expand=group")
                .then(|| Response::new(200, group.to_string()))
        })
        .unwrap();
    assert_eq!(reading.members["g0"], Members::Everyone);
}
