use rollcall_plugin::testing::{Reading, Stopped};
use rollcall_plugin::{Attribute, Request, Response, Scope};
use serde_json::{Value, json};

use crate::fake::{acme, lines, refusal};

fn probe(settings: Value, special: impl FnMut(&Request) -> Option<Response>) -> Result<Reading, Stopped> {
    acme().run(settings, &Scope::Probe, special)
}

fn problems(reading: &Reading) -> Vec<String> {
    reading.problems.iter().map(|problem| problem.error.to_string()).collect()
}

#[test]
fn a_probe_tells_what_the_credential_sees() {
    let reading = probe(json!({"groups": {"required": ["Sales \"EU\""]}}), |_| None).unwrap();
    assert_eq!(
        reading.extra,
        [
            Attribute::new("probe.credential", "API token"),
            Attribute::new("probe.user", "u1@acme.example"),
            Attribute::new(
                "probe.expires",
                "after 30 days without use, or with the account of u1@acme.example"
            ),
            Attribute::new("probe.users", "2 or more"),
            Attribute::new("probe.groups", "2 or more"),
            Attribute::new("probe.everyone-visible", true),
            Attribute::new("probe.people", 5),
            Attribute::new("probe.required.Sales \"EU\"", true),
            Attribute::new("probe.members", true),
        ]
    );
    assert_eq!(problems(&reading), [""; 0]);
    assert!(reading.users.is_empty() && reading.groups.is_empty() && reading.members.is_empty());
    let shown: Vec<String> =
        lines(&reading).iter().map(|line| line.split("&fields").next().unwrap().to_owned()).collect();
    assert_eq!(
        shown,
        [
            "user   /api/v1/users/me",
            "users  /api/v1/users?search=status%20pr&limit=200",
            "groups /api/v1/groups?limit=200&expand=stats",
            "groups /api/v1/groups?limit=20&expand=stats&filter=type%20eq%20%22BUILT_IN%22",
            "groups /api/v1/groups?limit=200&expand=stats&search=profile.name%20eq%20%22Sales%20%5C%22EU%5C%22%22",
            "groups /api/v1/groups/g1/users?limit=1",
        ]
    );
}

#[test]
fn a_credential_of_narrow_rights_is_told_so() {
    let reading = probe(json!({}), |request| {
        (request.path == "/api/v1/users/me" || request.path.contains("/g1/users"))
            .then(|| refusal(403, "E0000006"))
    })
    .unwrap();
    assert!(!reading.extra.iter().any(|attribute| attribute.name == "probe.user"), "an OAuth app is nobody");
    assert!(reading.extra.contains(&Attribute::new("probe.members", false)));
    assert_eq!(problems(&reading).len(), 1);

    let reading =
        probe(json!({}), |request| request.path.contains("BUILT_IN").then(|| Response::new(200, "[]")))
            .unwrap();
    assert!(reading.extra.contains(&Attribute::new("probe.everyone-visible", false)));
    assert_eq!(
        problems(&reading),
        [
            "the credential's role sees only some groups, for Everyone is not among them: only these groups and their people sync"
        ]
    );

    let reading = probe(json!({}), |request| {
        (request.path == "/api/v1/groups?limit=200&expand=stats").then(|| Response::new(200, "[]"))
    })
    .unwrap();
    assert!(reading.extra.contains(&Attribute::new("probe.groups", false)));
    assert_eq!(problems(&reading), ["okta lists no groups to this credential"]);
}

#[test]
fn what_no_run_could_work_with_is_an_error() {
    for (start, answer, code) in [
        ("/api/v1/users/me", refusal(401, "E0000011"), "unauthorized"),
        ("/api/v1/users/me", Response::new(0, ""), "no-answer"),
        ("/api/v1/users/me", Response::new(200, "<html>"), "unexpected"),
        ("/api/v1/users?", Response::new(200, "[]"), "forbidden"),
        ("/api/v1/users?", refusal(403, "E0000006"), "forbidden"),
        ("/api/v1/groups?limit=200&expand=stats", refusal(403, "E0000006"), "forbidden"),
    ] {
        let stopped =
            probe(json!({}), |request| request.path.starts_with(start).then(|| answer.clone())).unwrap_err();
        assert_eq!(stopped.error.code, code, "{start} {answer:?}");
        assert!(stopped.error.hint.is_some());
    }
    let stopped = probe(json!({"groups": {"search": "x eq \"y\""}}), |request| {
        request.path.contains("search=x").then(|| refusal(400, "E0000031"))
    })
    .unwrap_err();
    assert_eq!(stopped.error.code, "settings");
    let stopped = probe(json!({"groups": {"required": ["Nowhere"]}}), |_| None).unwrap_err();
    assert_eq!(stopped.error.code, "settings");
}
