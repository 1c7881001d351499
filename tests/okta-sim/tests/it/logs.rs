//! The System Log over HTTP.

use std::collections::HashSet;
use std::time::Duration;

use crate::client::{Answer, encoded, get};
use okta_sim::{GroupType, LogDelay, RunningSim, Sim, Status};
use serde_json::{Map, Value, json};

const DAY: Duration = Duration::from_secs(86_400);

async fn sim() -> RunningSim {
    Sim::builder().start().await.unwrap()
}

fn types(answer: &Answer) -> Vec<&str> {
    answer.rows().iter().map(|event| event["eventType"].as_str().unwrap()).collect()
}

/// The names of the groups that events are about.
fn names(answer: &Answer) -> Vec<&str> {
    answer.rows().iter().map(|event| event["target"][0]["displayName"].as_str().unwrap()).collect()
}

/// Creates groups, each at a time of its own.
fn create(sim: &RunningSim, names: &[&str]) {
    for name in names {
        sim.create_group(GroupType::OktaGroup, name, None);
        sim.advance(Duration::from_millis(1));
    }
}

#[tokio::test]
async fn a_poll_never_ends_and_misses_nothing() {
    let sim = sim().await;
    let first = get(&sim, "/api/v1/logs?limit=2").await;
    assert_eq!((first.status, first.rows().len()), (200, 0));
    create(&sim, &["a", "b", "c"]);
    let page = get(&sim, &first.link("next").unwrap()).await;
    assert_eq!(names(&page), ["a", "b"]);
    let page = get(&sim, &page.link("next").unwrap()).await;
    assert_eq!(names(&page), ["c"]);
    // An empty page leads on, again and again.
    let empty = get(&sim, &page.link("next").unwrap()).await;
    let empty = get(&sim, &empty.link("next").unwrap()).await;
    assert!(empty.rows().is_empty());
    create(&sim, &["d"]);
    assert_eq!(names(&get(&sim, &empty.link("next").unwrap()).await), ["d"]);
}

#[tokio::test]
async fn late_events_reach_a_poll_and_escape_a_bounded_query() {
    let sim = sim().await;
    sim.set_log_delay(LogDelay { delay_ms: 1000, late_every: 2, late_by_ms: 60_000 });
    create(&sim, &["a", "b", "c"]);
    let polled = "/api/v1/logs";
    let bounded = "/api/v1/logs?sortOrder=DESCENDING";
    // Nothing before the delay; then all but the late one; then that one too, last in a poll and in its place
    // in a bounded query.
    assert!(get(&sim, polled).await.rows().is_empty());
    sim.advance(Duration::from_secs(2));
    let poll = get(&sim, polled).await;
    assert_eq!(names(&poll), ["a", "c"]);
    assert_eq!(names(&get(&sim, bounded).await), ["c", "a"]);
    sim.advance(Duration::from_secs(60));
    assert_eq!(names(&get(&sim, &poll.link("next").unwrap()).await), ["b"]);
    assert_eq!(names(&get(&sim, polled).await), ["a", "c", "b"]);
    assert_eq!(names(&get(&sim, bounded).await), ["c", "b", "a"]);
}

#[tokio::test]
async fn bounded_queries_end_go_both_ways_and_exclude_since() {
    let sim = sim().await;
    create(&sim, &["a", "b", "c"]);
    let all = get(&sim, "/api/v1/logs").await;
    let at = |nth: usize| all.rows()[nth]["published"].as_str().unwrap();
    let both = format!("since={}&until={}", at(0), at(2));
    assert_eq!(names(&get(&sim, &format!("/api/v1/logs?{both}")).await), ["b", "c"]);
    let newest = get(&sim, &format!("/api/v1/logs?{both}&sortOrder=DESCENDING&limit=1")).await;
    assert_eq!(names(&newest), ["c"]);
    let next = get(&sim, &newest.link("next").unwrap()).await;
    assert_eq!((names(&next), next.link("next")), (vec!["b"], None));
    // A limit of 0 is no error, and a poll with it stays where it is.
    let nothing = get(&sim, &format!("/api/v1/logs?since={}&limit=0", at(0))).await;
    assert!(nothing.rows().is_empty() && nothing.link("next").is_some());
}

#[tokio::test]
async fn events_name_their_targets_and_can_be_filtered() {
    let sim = sim().await;
    let user = sim.user_ids()[3].clone();
    let group = sim.create_group(GroupType::OktaGroup, "Reviewers", None);
    sim.add_member(&group, &user).unwrap();
    sim.add_member_by_rule(&group, &sim.user_ids()[4]).unwrap();
    sim.update_profile(&user, Map::from_iter([("city".to_owned(), json!("Lyon"))])).unwrap();
    sim.deactivate_user(&user).unwrap();

    let path = |filter: &str| format!("/api/v1/logs?filter={}", encoded(filter));
    let added = get(&sim, &path(r#"eventType eq "group.user_membership.add""#)).await;
    let event = &added.rows()[0];
    assert_eq!((&event["target"][0]["id"], &event["target"][1]["id"]), (&json!(user), &json!(group)));
    let kinds = (&event["target"][0]["type"], &event["target"][1]["type"]);
    assert_eq!(kinds, (&json!("User"), &json!("UserGroup")));
    assert_eq!(event["target"][0]["alternateId"], sim.user(&user).unwrap()["profile"]["login"]);
    let me = get(&sim, "/api/v1/users/me").await.body;
    assert_eq!(event["actor"]["id"], me["id"]);
    assert_eq!(added.rows()[1]["actor"]["type"], "SystemPrincipal");
    assert_eq!((&event["severity"], &event["outcome"]["result"]), (&json!("INFO"), &json!("SUCCESS")));

    let of_user = get(&sim, &path(&format!(r#"target.id eq "{user}""#))).await;
    assert_eq!(
        types(&of_user),
        ["group.user_membership.add", "user.account.update_profile", "user.lifecycle.deactivate"]
    );
    let users = get(&sim, &path(r#"eventType sw "user." and target.type eq "User""#)).await;
    assert_eq!(types(&users), ["user.account.update_profile", "user.lifecycle.deactivate"]);
    assert_eq!(types(&get(&sim, "/api/v1/logs?q=reviewers+CREATE").await), ["group.lifecycle.create"]);
    let uuids: HashSet<&Value> = of_user.rows().iter().map(|event| &event["uuid"]).collect();
    assert_eq!(uuids.len(), 3);
}

#[tokio::test]
async fn an_import_is_one_event() {
    let sim = sim().await;
    let group = sim.create_group(GroupType::AppGroup, "Imported", None);
    let users = sim.user_ids()[..5].to_vec();
    sim.import_members(&group, &users, &[]).unwrap();
    sim.import_members(&group, &[], &users[..2]).unwrap();
    assert_eq!(sim.member_ids(&group).unwrap(), users[2..]);
    let log = get(&sim, "/api/v1/logs").await;
    let import = "system.import.group.update";
    assert_eq!(types(&log), ["group.lifecycle.create", import, import]);
}

#[tokio::test]
async fn the_log_refuses_what_okta_refuses_and_forgets() {
    let sim = Sim::builder().log_events(2).start().await.unwrap();
    create(&sim, &["a", "b", "c"]);
    let kept = get(&sim, "/api/v1/logs").await;
    assert_eq!(names(&kept), ["b", "c"]);
    for (query, code) in [
        ("since=2020-01-01T00:00:00.000Z", "E0000053"),
        ("since=yesterday", "E0000001"),
        ("until=tomorrow", "E0000001"),
        ("limit=1001", "E0000001"),
        ("sortOrder=UP", "E0000001"),
        ("after=nonsense", "E0000029"),
        ("filter=nonsense+eq+%22x%22", "E0000031"),
        ("q=1+2+3+4+5+6+7+8+9+10+11", "E0000001"),
    ] {
        let refused = get(&sim, &format!("/api/v1/logs?{query}")).await;
        assert_eq!((refused.status, refused.code()), (400, code), "{query}");
    }
    // 180 days back are few enough, but the log keeps 90; unasked, a query begins seven days back.
    let since = format!("/api/v1/logs?since={}", kept.rows()[0]["published"].as_str().unwrap());
    for (days, since_then, unasked) in [(6, 1, 2), (2, 1, 0), (80, 1, 0), (10, 0, 0), (80, 0, 0)] {
        sim.advance(days * DAY);
        assert_eq!(get(&sim, &since).await.rows().len(), since_then);
        assert_eq!(get(&sim, "/api/v1/logs").await.rows().len(), unasked);
    }
    sim.advance(3 * DAY);
    assert_eq!(get(&sim, &since).await.code(), "E0000053");
    sim.set_status(&sim.user_ids()[1], Status::Suspended).unwrap();
    assert_eq!(types(&get(&sim, "/api/v1/logs").await), ["user.lifecycle.suspend"]);
}
