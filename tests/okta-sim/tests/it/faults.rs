//! Each fault, as it is on the wire.

use std::error::Error;
use std::time::Duration;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};

use crate::client::{builder, client, get, ids, pages};
use okta_sim::{Population, RunningSim, Sim};

async fn sim(rules: &[&str]) -> RunningSim {
    let population = Population {
        users: 450,
        groups: 3,
        members_per_group: 40,
        empty_groups: 0,
        awkward: false,
        ..Population::default()
    };
    let rules = rules.iter().map(|rule| rule.parse().unwrap());
    let builder = Sim::builder().population(population).request_log(100);
    rules.fold(builder, |builder, rule| builder.fault(rule)).start().await.unwrap()
}

struct Raw {
    status: u16,
    headers: HeaderMap,
    body: reqwest::Result<Vec<u8>>,
}

impl Raw {
    fn number(&self, name: &str) -> Option<i64> {
        self.headers.get(name).map(|value| value.to_str().unwrap().parse().unwrap())
    }
}

/// What comes, undone by nothing.
async fn raw(sim: &RunningSim, path: &str, encoding: &str) -> reqwest::Result<Raw> {
    let response = builder()
        .no_gzip()
        .build()
        .unwrap()
        .get(format!("{}{path}", sim.url()))
        .header("authorization", format!("SSWS {}", sim.token()))
        .header("accept-encoding", encoding)
        .timeout(Duration::from_millis(500))
        .send()
        .await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Raw { status, headers, body: response.bytes().await.map(Vec::from) })
}

async fn users(sim: &RunningSim) -> reqwest::Result<Raw> {
    raw(sim, "/api/v1/users", "identity").await
}

#[tokio::test]
async fn limits_that_are_not_reached() {
    let sim =
        sim(&["rate-limited reset=7 nth=1", "rate-limited reset=none body=none nth=1", "too-many-at-once"])
            .await;
    let (first, second, third) =
        (users(&sim).await.unwrap(), users(&sim).await.unwrap(), users(&sim).await.unwrap());
    assert_eq!((first.status, first.number("x-rate-limit-remaining")), (429, Some(0)));
    let now = sim_seconds(&first);
    assert!((6..=8).contains(&(first.number("x-rate-limit-reset").unwrap() - now)));
    assert_eq!(serde_json::from_slice::<Value>(&first.body.unwrap()).unwrap()["errorCode"], "E0000047");
    assert_eq!((second.status, second.number("x-rate-limit-reset")), (429, None));
    assert!(second.body.unwrap().is_empty() && !second.headers.contains_key("content-type"));
    let zeros = (third.number("x-rate-limit-limit"), third.number("x-rate-limit-remaining"));
    assert_eq!((third.status, zeros), (429, (Some(0), Some(0))));
    let stats = sim.stats();
    assert_eq!((stats.rate_limited, stats.concurrency_limited), (3, 1));
}

/// The `Date` header, as seconds of its day: enough to compare two that are hours apart at most.
fn sim_seconds(raw: &Raw) -> i64 {
    let date = raw.headers["date"].to_str().unwrap();
    let clock = date.split(' ').nth(4).unwrap();
    let in_day = clock.split(':').fold(0, |sum, part| sum * 60 + part.parse::<i64>().unwrap());
    let reset = raw.number("x-rate-limit-reset").unwrap();
    reset - reset.rem_euclid(86_400) + in_day
}

#[tokio::test]
async fn clocks_that_are_off_and_resets_that_are_missing() {
    let sim = sim(&["clock-skew by=-7200 nth=2", "no-reset nth=2"]).await;
    let (right, skewed, without) =
        (users(&sim).await.unwrap(), users(&sim).await.unwrap(), users(&sim).await.unwrap());
    let reset = |raw: &Raw| raw.number("x-rate-limit-reset").unwrap();
    assert!((7_100..=7_200).contains(&(reset(&right) - reset(&skewed))));
    // Both are off by the same.
    let ahead = |raw: &Raw| (reset(raw) - sim_seconds(raw)).rem_euclid(86_400);
    assert!((ahead(&right) - ahead(&skewed)).abs() <= 1);
    assert_eq!((without.status, without.number("x-rate-limit-reset")), (200, None));
    assert!(without.number("x-rate-limit-remaining").is_some());
}

#[tokio::test]
async fn servers_in_trouble() {
    let sim = sim(&[
        "server-error nth=1",
        "unavailable nth=1",
        "login-page nth=1",
        "unauthorized nth=1",
        "session-ended nth=1",
        "forbidden nth=1",
    ])
    .await;
    let error = users(&sim).await.unwrap();
    assert_eq!((error.status, code(error)), (500, json!("E0000009")));
    let gateway = users(&sim).await.unwrap();
    assert_eq!((gateway.status, gateway.number("x-rate-limit-limit")), (503, None));
    assert!(gateway.body.unwrap().starts_with(b"upstream connect error"));
    let page = users(&sim).await.unwrap();
    assert_eq!(
        (page.status, page.headers["content-type"].as_bytes()),
        (200, &b"text/html; charset=utf-8"[..])
    );
    assert!(page.body.unwrap().starts_with(b"<!DOCTYPE html>") && !page.headers.contains_key("link"));
    for (status, expected) in [(401, "E0000011"), (403, "E0000005"), (403, "E0000006")] {
        let refused = users(&sim).await.unwrap();
        assert_eq!((refused.status, code(refused)), (status, json!(expected)));
    }
    assert_eq!(users(&sim).await.unwrap().status, 200);
}

fn code(raw: Raw) -> Value {
    serde_json::from_slice::<Value>(&raw.body.unwrap()).unwrap()["errorCode"].clone()
}

#[tokio::test]
async fn transfers_that_break() {
    let sim = sim(&["connection-reset nth=1", "silence nth=1", "truncated nth=1"]).await;
    let reset = users(&sim).await.err().expect("nothing is answered");
    let mut innermost: &dyn Error = &reset;
    while let Some(source) = innermost.source() {
        innermost = source;
    }
    assert!(innermost.to_string().contains("reset"), "{innermost}");
    assert!(users(&sim).await.err().expect("nothing is answered").is_timeout());
    let cut = users(&sim).await.unwrap();
    assert_eq!(cut.status, 200);
    assert!(cut.body.is_err());
    let whole = users(&sim).await.unwrap();
    assert_eq!(whole.headers["content-length"], cut.headers["content-length"]);
    assert!(whole.body.is_ok());
    let statuses: Vec<u16> = sim.requests().iter().map(|request| request.status).collect();
    assert_eq!(statuses, [0, 0, 200, 200]);
}

#[tokio::test]
async fn bodies_that_are_wrong() {
    let sim = sim(&["half-body every=2 times=2", "garbled nth=3"]).await;
    for encoding in ["identity", "gzip"] {
        let whole = raw(&sim, "/api/v1/users", encoding).await.unwrap().body.unwrap();
        let half = raw(&sim, "/api/v1/users", encoding).await.unwrap().body.unwrap();
        assert_eq!(half.len(), whole.len() / 2, "{encoding}");
        assert_eq!(half[..1000], whole[..1000], "{encoding}");
    }
    let garbled = users(&sim).await.unwrap().body.unwrap();
    assert!(std::str::from_utf8(&garbled).is_err() && garbled.starts_with(b"[{"));
}

#[tokio::test]
async fn a_drip_is_whole_in_the_end() {
    let sim = sim(&["drip bytes=20000 pause=5 nth=1"]).await;
    let (slow, fast) = (users(&sim).await.unwrap(), users(&sim).await.unwrap());
    assert!(slow.body.unwrap() == fast.body.unwrap());
}

#[tokio::test]
async fn pages_and_links_of_one_answer() {
    let sim = sim(&[]).await;
    let (all, _) = pages(&sim, "/api/v1/users").await;
    let with = async |rule: &str| {
        sim.clear_faults();
        sim.add_fault(rule.parse().unwrap());
        let answer = get(&sim, "/api/v1/users").await;
        assert_eq!(sim.faults()[0].struck, 1, "{rule}");
        answer
    };
    assert_eq!(with("empty-list times=1").await.rows().len(), 0);
    assert_eq!(with("empty-list times=1").await.link("next"), None);
    let shrunken = with("shrunken-list share=0.5 times=1").await;
    assert!((60..140).contains(&shrunken.rows().len()));
    let early = with("early-end times=1").await;
    assert_eq!((early.rows().len(), early.link("next")), (200, None));
    let elsewhere = with("next-elsewhere times=1").await.link("next").unwrap();
    assert!(elsewhere.starts_with("https://elsewhere.invalid/api/v1/users?"), "{elsewhere}");
    let links = |answer: crate::client::Answer| answer.headers.get_all("link").iter().count();
    assert_eq!(links(with("joined-links times=1").await), 1);
    assert_eq!(links(with("repeated-links times=1").await), 4);
    assert_eq!(links(with("no-links times=1").await), 0);
    // What follows a shrunken page, a short one or an empty one is as if it had been whole.
    for (rule, expected) in
        [("short-page", 5), ("empty-last-page", 4), ("next-elsewhere origin=http://127.0.0.1:1 nth=9", 3)]
    {
        sim.clear_faults();
        sim.add_fault(rule.parse().unwrap());
        let (rows, count) = pages(&sim, "/api/v1/users").await;
        assert_eq!(count, expected, "{rule}");
        assert!(ids(&rows) == ids(&all), "{rule}");
    }
}

#[tokio::test]
async fn cursors_and_groups_that_are_no_more() {
    let sim =
        sim(&["bad-cursor nth=1", "bad-cursor code=E0000031 nth=1", "vanished-group where=members times=1"])
            .await;
    let next = get(&sim, "/api/v1/users").await.link("next").expect("there are three pages");
    for code in ["E0000029", "E0000031"] {
        let refused = get(&sim, &next).await;
        assert_eq!((refused.status, refused.code()), (400, code));
    }
    assert_eq!(get(&sim, &next).await.status, 200);
    let listed = ids(get(&sim, "/api/v1/groups").await.rows());
    let group = sim.groups_named("Everyone").remove(0);
    let doomed = listed.iter().find(|id| **id != group).unwrap();
    for _ in 0..2 {
        assert_eq!(get(&sim, &format!("/api/v1/groups/{doomed}/users")).await.code(), "E0000007");
    }
    assert!(!ids(get(&sim, "/api/v1/groups").await.rows()).contains(doomed));
}

#[tokio::test]
async fn the_control_endpoint_adds_lists_and_clears() {
    let sim = sim(&[]).await;
    let url = format!("{}/_sim/faults", sim.url());
    let post = async |body: Value| {
        let response = client().post(&url).json(&body).send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    assert_eq!(post(json!({ "rule": "forbidden where=users every=2" })).await, (200, json!({})));
    let (status, refused) = post(json!({ "rule": "forbiden" })).await;
    assert_eq!(status, 400);
    assert!(refused["error"].as_str().unwrap().starts_with("there is no fault `forbiden`; there are: "));
    assert_eq!(post(json!({ "fault": "forbidden" })).await.0, 400);
    for status in [200, 403, 200] {
        assert_eq!(users(&sim).await.unwrap().status, status);
    }
    let listed: Value = client().get(&url).send().await.unwrap().json().await.unwrap();
    assert_eq!(listed, json!([{ "rule": "forbidden where=users every=2", "matched": 3, "struck": 1 }]));
    assert_eq!(client().delete(&url).send().await.unwrap().status(), 200);
    assert_eq!(users(&sim).await.unwrap().status, 200);
    assert_eq!(sim.faults(), []);
}

#[tokio::test]
async fn what_is_refused_anyway_is_not_counted() {
    let sim = sim(&["silence"]).await;
    let answer = client().get(format!("{}/api/v1/users", sim.url())).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), sim.faults()[0].matched), (401, 0));
}
