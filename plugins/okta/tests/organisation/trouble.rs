use rollcall_plugin::testing::{Reading, Stopped};
use rollcall_plugin::{Attributes, Error, Members, Request, Response, Scope, query};
use serde_json::{Value, json};

use crate::fake::{Org, acme, group, lines, refusal};

fn run(special: impl FnMut(&Request) -> Option<Response>) -> Result<Reading, Stopped> {
    acme().run(json!({}), &Scope::Full, special)
}

/// Answers requests whose path begins so.
fn at(start: &'static str, response: Response) -> impl FnMut(&Request) -> Option<Response> {
    move |request| request.path.starts_with(start).then(|| response.clone())
}

fn unknown<'a>(reading: &'a Reading, group: &str) -> &'a str {
    match &reading.members[group] {
        Members::Unknown(reason) => reason,
        other => panic!("{group} is not unknown but {other:?}"),
    }
}

#[test]
fn a_group_that_cannot_be_read_is_unknown_and_not_empty() {
    for (answer, reason) in [
        (
            refusal(403, "E0000006"),
            "the credential may not read this (listing members of group \"Engineering\": HTTP 403, E0000006 \"summary \
             of E0000006\")",
        ),
        (
            refusal(404, "E0000007"),
            "okta does not have this (listing members of group \"Engineering\": HTTP 404, E0000007 \"summary of \
             E0000007\")",
        ),
        (Response::new(200, "[]"), "okta counts 3 members of the group \"Engineering\" and lists none"),
    ] {
        let reading = run(at("/api/v1/groups/g1/", answer)).unwrap();
        assert_eq!(unknown(&reading, "g1"), reason);
        assert_eq!(reading.listed("g2").unwrap(), ["u2", "u4"], "the others are read");
        assert!(reading.groups.contains_key("g1"), "the group itself is there");
    }
}

#[test]
fn a_group_refused_on_a_later_page_is_unknown() {
    let reading = run(|request| {
        (request.path == "/api/v1/groups/g1/users?limit=1000&after=2").then(|| refusal(403, "E0000006"))
    })
    .unwrap();
    unknown(&reading, "g1");
}

#[test]
fn pages_that_are_too_big_are_asked_for_again_at_half_the_size() {
    for failure in [refusal(500, "E0000009"), Response::new(504, "<html>"), Response::new(0, "")] {
        let too_big = |limit: u32| {
            let failure = failure.clone();
            move |request: &Request| {
                let asked: u32 = query::get(&request.path, "limit").unwrap().parse().unwrap();
                (asked > limit).then(|| failure.clone())
            }
        };
        let reading = run(too_big(50)).unwrap();
        let expected = acme().read(json!({}));
        assert_eq!((&reading.users, &reading.members), (&expected.users, &expected.members));
        let members: Vec<String> = lines(&reading)
            .into_iter()
            .filter_map(|line| line.split_once("g4/users?").map(|(_, end)| end.into()))
            .collect();
        assert_eq!(members, ["limit=1000", "limit=500", "limit=250", "limit=125", "limit=62", "limit=31"]);
    }
}

#[test]
fn a_listing_that_fails_at_every_size_ends_the_run() {
    for start in ["/api/v1/users", "/api/v1/groups?"] {
        let stopped = run(at(start, refusal(500, "E0000009"))).unwrap_err();
        assert_eq!(stopped.error.code, "unavailable");
        let request = stopped.request.unwrap();
        assert_eq!(query::get(&request.path, "limit").as_deref(), Some("25"));
    }
}

#[test]
fn a_group_that_fails_at_every_size_costs_only_itself_but_silence_ends_the_run() {
    let reading = run(at("/api/v1/groups/g1/", refusal(500, "E0000009"))).unwrap();
    assert!(unknown(&reading, "g1").starts_with("okta failed or ran out of time"));
    let stopped = run(at("/api/v1/groups/g1/", Response::new(0, ""))).unwrap_err();
    assert_eq!(stopped.error.code, "no-answer");
}

#[test]
fn a_listing_begins_again_when_its_cursor_is_refused() {
    for code in ["E0000029", "E0000031"] {
        for start in ["/api/v1/users", "/api/v1/groups?"] {
            let stopped = run(|request| {
                (request.path.starts_with(start) && request.path.contains("after="))
                    .then(|| refusal(400, code))
            })
            .unwrap_err();
            assert_eq!(stopped.error.code, Error::RESTART, "{start}");
        }
    }
}

#[test]
fn a_group_is_read_again_from_its_first_page_when_its_cursor_is_refused() {
    let mut refused = 0;
    let reading = run(|request| {
        let again = request.path.contains("g1/users") && request.path.contains("after=") && refused < 2;
        again.then(|| {
            refused += 1;
            refusal(400, "E0000031")
        })
    })
    .unwrap();
    assert_eq!(reading.listed("g1").unwrap(), ["u1", "u2", "u5"]);
    let first =
        reading.requests.iter().filter(|request| request.path.ends_with("g1/users?limit=1000")).count();
    assert_eq!(first, 3);

    let reading = run(|request| {
        (request.path.contains("g1/users") && request.path.contains("after="))
            .then(|| refusal(400, "E0000031"))
    })
    .unwrap();
    assert!(unknown(&reading, "g1").contains("E0000031"), "it is given up after some times");
}

#[test]
fn nobody_to_be_seen_is_an_error() {
    let stopped = Org { users: vec![], ..acme() }.run(json!({}), &Scope::Full, |_| None).unwrap_err();
    assert_eq!(stopped.error.code, Error::FORBIDDEN);
    assert_eq!(stopped.error.message, "okta lists no users to this credential (listing users)");
    assert!(stopped.error.hint.unwrap().contains("Read-only Administrator"));
}

#[test]
fn an_empty_first_page_is_not_yet_nobody() {
    let empty = |next: &str| Response::new(200, "[]").with_header("link", format!("<{next}>; rel=next"));
    let reading = run(|request| {
        (request.path.starts_with("/api/v1/users") && !request.path.contains("after="))
            .then(|| empty("/api/v1/users?search=status+pr&after=0"))
    })
    .unwrap();
    assert_eq!(reading.users.len(), 5);

    let stopped = run(|request| {
        request.path.starts_with("/api/v1/users").then(|| match request.path.contains("after=") {
            false => empty("/api/v1/users?search=status+pr&after=0"),
            true => Response::new(200, "[]"),
        })
    })
    .unwrap_err();
    assert_eq!(stopped.error.code, Error::FORBIDDEN, "two empty pages are");
}

#[test]
fn what_ends_a_run() {
    for (start, answer, code) in [
        ("/api/v1/users", refusal(401, "E0000011"), "unauthorized"),
        ("/api/v1/users", refusal(403, "E0000006"), "forbidden"),
        ("/api/v1/users", refusal(403, "E0000005"), "reauthenticate"),
        ("/api/v1/users", refusal(429, "E0000047"), "rate-limited"),
        ("/api/v1/users", refusal(400, "E0000031"), "unexpected"),
        ("/api/v1/users", Response::new(200, "<html>Sign in"), "unexpected"),
        ("/api/v1/users", Response::new(200, "[{\"id\":\"u1\""), "unexpected"),
        ("/api/v1/users", Response::new(200, "{}"), "unexpected"),
        ("/api/v1/users", Response::new(302, ""), "unexpected"),
        ("/api/v1/groups?", refusal(403, "E0000006"), "forbidden"),
        ("/api/v1/groups?", refusal(503, "E0000010"), "unavailable"),
        ("/api/v1/groups/g1/", refusal(401, "E0000011"), "unauthorized"),
        ("/api/v1/groups/g1/", refusal(403, "E0000005"), "reauthenticate"),
        ("/api/v1/groups/g1/", Response::new(200, "[{\"id\":\"u1\"},"), "unexpected"),
        (
            "/api/v1/groups/g1/",
            Response::new(200, "[{\"id\":\"u1\"}]").with_header("link", "<next"),
            "unexpected",
        ),
    ] {
        let shown = format!("{start}: {answer:?}");
        let stopped = run(at(start, answer)).expect_err(&shown);
        assert_eq!(stopped.error.code, code, "{shown}");
        assert!(stopped.request.unwrap().path.starts_with(start));
    }
}

#[test]
fn errors_name_the_request_for_okta_s_support() {
    let answer = Response::new(200, "[7]").with_header("x-okta-request-id", "Xreq7");
    let stopped = run(at("/api/v1/users", answer)).unwrap_err();
    assert_eq!(stopped.error.details.text("okta.request-id"), Some("Xreq7"));
    assert_eq!(stopped.error.message, "okta sent a user without an id (listing users)");
}

#[test]
fn a_link_in_a_circle_ends_the_run() {
    let stopped = run(|request| {
        request.path.starts_with("/api/v1/groups/g1/").then(|| {
            Response::new(200, "[]").with_header("link", format!("<https://a{}>; rel=next", request.path))
        })
    })
    .unwrap_err();
    assert!(stopped.error.message.starts_with("the page after this one is this one again"));
}

#[test]
fn an_expression_that_okta_refuses_is_a_wrong_setting() {
    let wrong = "name ist \"x\"";
    for (settings, path) in [
        (json!({"groups": {"search": wrong}}), "groups.search"),
        (json!({"groups": {"filter": wrong}}), "groups.filter"),
        (json!({"users": {"search": wrong}}), "users.search"),
    ] {
        let refuse = |request: &Request| request.path.contains("ist%20").then(|| refusal(400, "E0000031"));
        let stopped = acme().run(settings, &Scope::Full, refuse).unwrap_err();
        assert_eq!(stopped.error.code, Error::SETTINGS);
        assert_eq!(stopped.error.details.text("path"), Some(path));
        assert_eq!(stopped.error.details.text("okta.error-code"), Some("E0000031"));
        assert!(stopped.error.message.contains("summary of E0000031"), "{}", stopped.error.message);
        assert!(stopped.error.hint.unwrap().contains(path));
    }
}

#[test]
fn one_strange_user_does_not_stop_the_others() {
    let mut org = acme();
    org.users[1]["status"] = json!("HIBERNATING");
    org.users[2]["profile"]["login"] = Value::Null;
    let reading = org.read(json!({}));
    assert_eq!(reading.users.len(), 3);
    let problems: Vec<String> = reading
        .problems
        .iter()
        .map(|problem| format!("{}: {}", problem.subject.as_ref().unwrap(), problem.error))
        .collect();
    assert_eq!(
        problems,
        [
            "user u2: the user's status is \"HIBERNATING\", which this plugin doesn't know",
            "user u3: the user has no login",
        ]
    );
    assert_eq!(reading.listed("g1").unwrap(), ["u1", "u2", "u5"], "they are members all the same");
}

#[test]
fn groups_of_one_name_are_told_apart_by_id() {
    let mut org = acme();
    org.groups.push(group("g5", "OKTA_GROUP", "engineering", &["u1"]));
    let reading = org.read(json!({}));
    assert_eq!(reading.listed("g1").unwrap(), ["u1", "u2", "u5"]);
    assert_eq!(reading.listed("g5").unwrap(), ["u1"]);
}

#[test]
fn a_full_page_without_any_link_is_not_the_end_of_the_list() {
    let full: Vec<Value> = (0..1000).map(|n| json!({ "id": format!("00u{n}") })).collect();
    let answer = Response::new(200, json!(full).to_string());
    let error = run(at("/api/v1/groups/g1/", answer)).unwrap_err().error;
    assert!(error.message.starts_with("a full page has no Link header"), "{}", error.message);
}
