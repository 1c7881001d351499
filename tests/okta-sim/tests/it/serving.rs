//! What surrounds the data: tokens, limits, headers, compression, protocols, control endpoints.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crate::client::{builder, client, get, get_with};
use okta_sim::{Access, Bucket, Limits, Population, Sim, Status, load};
use serde_json::{Value, json};

#[tokio::test]
async fn tokens_are_checked_and_may_be_narrow() {
    let sim = Sim::builder().extra_token("narrow", Access::NoAdminRole).start().await.unwrap();
    for headers in [
        &[][..],
        &[("authorization", "SSWS wrong")],
        &[("authorization", "Bearer whatever")],
        &[("authorization", "SSWS ")],
    ] {
        let refused = get_with(&sim, "/api/v1/users", headers).await;
        assert_eq!((refused.status, refused.code()), (401, "E0000011"));
    }
    let narrow = [("authorization", "SSWS narrow")];
    let users = get_with(&sim, "/api/v1/users", &narrow).await;
    assert_eq!((users.status, &users.body), (200, &json!([])));
    let groups = get_with(&sim, "/api/v1/groups", &narrow).await;
    assert_eq!((groups.status, groups.code()), (403, "E0000006"));

    let group = sim.groups_named("Engineering").remove(0);
    sim.forbid_members(&group, true).unwrap();
    assert_eq!(get(&sim, &format!("/api/v1/groups/{group}/users")).await.code(), "E0000006");
    assert_eq!(get(&sim, &format!("/api/v1/groups/{group}")).await.status, 200);
    // A token dies with its creator's account.
    let me = get(&sim, "/api/v1/users/me").await.body["id"].as_str().unwrap().to_owned();
    sim.deactivate_user(&me).unwrap();
    assert_eq!(get(&sim, "/api/v1/users").await.code(), "E0000011");
}

#[tokio::test]
async fn a_used_up_bucket_is_429_with_the_tokens_share_as_limit() {
    let sim = Sim::builder().limits(Limits::all(6, 75)).start().await.unwrap();
    let mut answers = Vec::new();
    for _ in 0..4 {
        answers.push(get(&sim, "/api/v1/users?limit=1").await);
    }
    // One token's share of 6 is 3, and the header says so.
    assert_eq!(answers[0].header("x-rate-limit-limit"), "3");
    assert_eq!(answers[2].header("x-rate-limit-remaining"), "0");
    let refused = &answers[3];
    assert_eq!((refused.status, refused.code()), (429, "E0000047"));
    assert_eq!(refused.header("x-rate-limit-limit"), "3");
    assert!(refused.headers.get("retry-after").is_none());
    // The reset is at most a window away.
    let reset: i64 = refused.header("x-rate-limit-reset").parse().unwrap();
    assert!((0..=60).contains(&(reset - unix_now())));
    // Other buckets are open, and new limits begin a new window.
    assert_eq!(get(&sim, "/api/v1/groups").await.status, 200);
    let stats = sim.stats();
    assert_eq!((stats.rate_limited, stats.buckets[&Bucket::Users].rate_limited), (1, 1));
    sim.set_limits(Limits::workforce());
    assert_eq!(get(&sim, "/api/v1/users?limit=1").await.header("x-rate-limit-limit"), "300");
}

fn unix_now() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() as i64
}

#[tokio::test]
async fn too_many_at_once_is_429_with_limit_0() {
    let limits = Limits { concurrent: 2, ..Limits::default() };
    let sim = Sim::builder().limits(limits).latency(Duration::from_millis(500)).start().await.unwrap();
    let answers =
        tokio::join!(get(&sim, "/api/v1/users"), get(&sim, "/api/v1/users"), get(&sim, "/api/v1/users"));
    let answers = [answers.0, answers.1, answers.2];
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 429).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].header("x-rate-limit-limit"), "0");
    assert_eq!(refused[0].header("x-rate-limit-remaining"), "0");
    let stats = sim.stats();
    assert_eq!((stats.concurrency_limited, stats.peak_in_flight), (1, 3));
}

#[tokio::test]
async fn latency_does_not_hold_up_others() {
    let sim = Sim::builder().latency(Duration::from_millis(400)).start().await.unwrap();
    let started = Instant::now();
    tokio::join!(get(&sim, "/api/v1/users"), get(&sim, "/api/v1/users"), get(&sim, "/api/v1/groups"));
    let elapsed = started.elapsed();
    assert!((Duration::from_millis(400)..Duration::from_millis(1200)).contains(&elapsed), "{elapsed:?}");
}

#[tokio::test]
async fn the_clock_can_be_ahead() {
    let sim = Sim::builder().clock_offset_seconds(3600).start().await.unwrap();
    let answer = get(&sim, "/api/v1/users?limit=1").await;
    let reset: i64 = answer.header("x-rate-limit-reset").parse().unwrap();
    let now = unix_now();
    assert!((now + 3600..=now + 3661).contains(&reset));
    assert!(answer.header("x-okta-request-id").len() > 10);
}

#[tokio::test]
async fn gzip_and_http_2_are_spoken() {
    let sim = Sim::builder().start().await.unwrap();
    let authorization = format!("SSWS {}", sim.token());
    let url = format!("{}/api/v1/users", sim.url());
    let plain = builder().no_gzip().build().unwrap();
    let raw = plain
        .get(&url)
        .header("authorization", &authorization)
        .header("accept-encoding", "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(raw.headers()["content-encoding"], "gzip");
    assert_eq!(raw.headers()["content-type"], "application/json");
    let packed = raw.bytes().await.unwrap().len();
    let second = builder().http2_prior_knowledge().build().unwrap();
    let answer = second.get(&url).header("authorization", &authorization).send().await.unwrap();
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    let link = answer.headers()["link"].to_str().unwrap().to_owned();
    assert!(link.starts_with(&format!("<{}", sim.url())), "{link}");
    let text = answer.text().await.unwrap();
    assert!(packed * 4 < text.len());
    assert!(serde_json::from_str::<Value>(&text).unwrap().is_array());
}

#[tokio::test]
async fn control_endpoints_change_the_organisation() {
    let sim =
        Sim::builder().population(Population { users: 60, ..Population::default() }).start().await.unwrap();
    let client = client();
    let post = |path: String, body: Value| {
        let request = client.post(format!("{}/_sim/{path}", sim.url())).json(&body);
        async move {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<Value>().await.unwrap())
        }
    };
    let profile = json!({ "login": "new@acme.example", "email": "new@acme.example", "shoeSize": 42 });
    let (status, created) = post("users".to_owned(), json!({ "profile": profile, "status": "STAGED" })).await;
    assert_eq!(status, 200);
    let user = created["id"].as_str().unwrap().to_owned();
    let (_, created) = post("groups".to_owned(), json!({ "name": "New", "description": null })).await;
    let group = created["id"].as_str().unwrap().to_owned();
    for (path, body) in [
        (format!("users/{user}/profile"), json!({ "department": "Legal" })),
        (format!("users/{user}/login"), json!({ "login": "renamed@acme.example" })),
        (format!("users/{user}/status"), json!({ "status": "ACTIVE" })),
        (format!("groups/{group}/rename"), json!({ "name": "Newer" })),
        (format!("groups/{group}/rule"), json!({ "by_rule": true })),
        (format!("groups/{group}/members/add"), json!({ "user": "renamed@acme.example" })),
    ] {
        assert_eq!(post(path.clone(), body).await.0, 200, "{path}");
    }
    assert_eq!(sim.member_ids(&group).unwrap(), std::slice::from_ref(&user));
    let shown = sim.user("renamed").unwrap();
    assert_eq!((&shown["status"], &shown["profile"]["department"]), (&json!("ACTIVE"), &json!("Legal")));
    assert_eq!(get(&sim, "/api/v1/users?search=profile.shoeSize+eq+42").await.rows().len(), 1);

    assert_eq!(post(format!("groups/{group}/members/remove"), json!({ "user": user })).await.0, 200);
    assert_eq!(post(format!("groups/{group}/forbid"), json!({ "forbidden": true })).await.0, 200);
    assert_eq!(get(&sim, &format!("/api/v1/groups/{group}/users")).await.status, 403);
    assert_eq!(post(format!("groups/{group}/delete"), json!({})).await.0, 200);
    let outcome = post(format!("users/{user}/delete"), json!({})).await.1;
    assert_eq!(outcome, json!({ "outcome": "deprovisioned" }));
    assert_eq!(post(format!("users/{user}/delete"), json!({})).await.1, json!({ "outcome": "removed" }));
    // Refusals say why.
    assert_eq!(post(format!("users/{user}/delete"), json!({})).await.0, 404);
    assert_eq!(post("quirks".to_owned(), json!({ "nonsense": true })).await.0, 400);
    assert_eq!(post("users".to_owned(), json!({ "profile": {} })).await.0, 409);
    assert_eq!(post("nonsense".to_owned(), json!({})).await.0, 404);

    let (_, created) = post("apps".to_owned(), json!({ "label": "Payroll" })).await;
    let app = created["id"].as_str().unwrap().to_owned();
    let group = sim.groups_named("No description").remove(0);
    let user = sim.user_ids()[1].clone();
    for (path, body) in [
        (format!("apps/{app}/users/assign"), json!({ "user": user })),
        (format!("apps/{app}/users/unassign"), json!({ "user": user })),
        (format!("apps/{app}/groups/assign"), json!({ "group": group })),
        (format!("groups/{group}/members/import"), json!({ "remove": sim.member_ids(&group).unwrap() })),
        (format!("groups/{group}/members/add"), json!({ "user": user, "by_rule": true })),
    ] {
        assert_eq!(post(path.clone(), body).await.0, 200, "{path}");
    }
    sim.set_status(&user, Status::Deprovisioned).unwrap();
    assert_eq!(sim.member_ids(&group).unwrap(), std::slice::from_ref(&user));
    sim.set_status(&user, Status::Active).unwrap();
    assert_eq!(sim.app_user_ids(&app).unwrap(), std::slice::from_ref(&user));
    assert_eq!(post(format!("apps/{app}/groups/unassign"), json!({ "group": group })).await.0, 200);
    assert_eq!(sim.app_user_ids(&app).unwrap().len(), 0);
    assert_eq!(post("apps/none/users/assign".to_owned(), json!({ "user": user })).await.0, 404);

    let delay = json!({ "delay_ms": 60_000 });
    assert_eq!(post("log-delay".to_owned(), delay).await.0, 200);
    assert_eq!(post("search-lag".to_owned(), json!({ "milliseconds": 60_000 })).await.0, 200);
    sim.rename_login(&user, "lagging@acme.example").unwrap();
    let search = "/api/v1/users?search=profile.login+eq+%22lagging@acme.example%22";
    let log = "/api/v1/logs?filter=target.alternateId+eq+%22lagging@acme.example%22";
    for seen in [0, 1] {
        assert_eq!(get(&sim, search).await.rows().len(), seen);
        assert_eq!(get(&sim, log).await.rows().len(), seen);
        assert_eq!(post("clock/advance".to_owned(), json!({ "milliseconds": 60_000 })).await.0, 200);
    }

    assert_eq!(post("latency".to_owned(), json!({ "milliseconds": 1 })).await.0, 200);
    assert_eq!(post("limits".to_owned(), json!({ "users": 2, "token_share_percent": 100 })).await.0, 200);
    assert_eq!(post("tokens".to_owned(), json!({ "token": "t", "access": "no_admin_role" })).await.0, 200);
    let narrow = get_with(&sim, "/api/v1/users", &[("authorization", "SSWS t")]).await;
    assert_eq!(narrow.header("x-rate-limit-limit"), "2");
    assert_eq!(post("tokens".to_owned(), json!({ "token": "t", "access": null })).await.0, 200);
    assert_eq!(get_with(&sim, "/api/v1/users", &[("authorization", "SSWS t")]).await.status, 401);
}

#[tokio::test]
async fn requests_are_counted_and_logged() {
    let sim = Sim::builder().request_log(2).start().await.unwrap();
    for path in ["/api/v1/users?limit=3", "/api/v1/groups", "/api/v1/users/none"] {
        get(&sim, path).await;
    }
    let logged: Vec<(String, u16)> =
        sim.requests().into_iter().map(|request| (request.target, request.status)).collect();
    assert_eq!(logged, [("/api/v1/groups".to_owned(), 200), ("/api/v1/users/none".to_owned(), 404)]);
    let stats: Value = get_with(&sim, "/_sim/stats", &[]).await.body;
    assert_eq!((&stats["total"], &stats["buckets"]["user"]["requests"]), (&json!(3), &json!(1)));
    assert_eq!(stats["organisation"]["users"], sim.counts().users);
    sim.reset_stats();
    assert_eq!((sim.stats().total, sim.requests().len()), (0, 0));
}

#[tokio::test]
async fn it_ends_when_dropped_and_starts_the_same_again() {
    let first = Sim::builder().start().await.unwrap();
    let (ids, address) = (first.user_ids(), first.address());
    assert_eq!(first.set_status(&ids[3], Status::Suspended), Ok(()));
    first.shutdown().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    let again = Sim::builder().listen(address).start().await.unwrap();
    assert_eq!(again.user_ids(), ids);
    drop(again);
    tokio::task::yield_now().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
    let elsewhere = Sim::builder().listen("192.0.2.1:0".parse().unwrap()).start().await;
    assert_eq!(elsewhere.unwrap_err().kind(), std::io::ErrorKind::InvalidInput);
}

#[tokio::test(flavor = "multi_thread")]
async fn it_can_be_measured_alone() {
    let sim = Sim::builder().start().await.unwrap();
    let page = client()
        .get(format!("{}/api/v1/users?limit=50", sim.url()))
        .header("authorization", format!("SSWS {}", sim.token()));
    let length = page.send().await.unwrap().bytes().await.unwrap().len() as u64;
    sim.reset_stats();
    let (address, token) = (sim.address(), sim.token().to_owned());
    let measure =
        move |token: &str, target| load::measure(address, token, target, false, Duration::from_millis(50));
    let (measured, refused) = tokio::task::spawn_blocking(move || {
        (measure(&token, "/api/v1/users?limit=50"), measure("nonsense", "/api/v1/users"))
    })
    .await
    .unwrap();
    let measured = measured.unwrap();
    assert!(measured.pages >= load::CONNECTIONS as u64);
    assert_eq!(measured.bytes, measured.pages * length);
    assert_eq!(sim.stats().buckets[&Bucket::Users].requests, measured.pages + load::CONNECTIONS as u64);
    assert!(refused.unwrap_err().to_string().contains("401"));
}
