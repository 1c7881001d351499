//! What searches don't see yet, and the organisation's clock.

use std::time::Duration;

use crate::client::{encoded, get, ids, pages};
use okta_sim::{GroupType, Limits, Sim, Status};
use serde_json::{Map, json};

#[tokio::test]
async fn searches_and_filters_see_users_later_and_reads_by_id_at_once() {
    let sim = Sim::builder().search_lag(Duration::from_secs(60)).start().await.unwrap();
    let user = sim.user_ids()[1].clone();
    let before = sim.user(&user).unwrap();
    sim.update_profile(&user, Map::from_iter([("city".to_owned(), json!("Ulm"))])).unwrap();
    sim.set_status(&user, Status::Suspended).unwrap();
    let profile = json!({ "login": "new@acme.example", "email": "new@acme.example" });
    let new = sim.create_user(Status::Active, profile.as_object().unwrap().clone()).unwrap();
    let gone = sim.user_ids()[2].clone();
    while sim.user(&gone).is_some() {
        sim.delete_user(&gone).unwrap();
    }

    let search = |text: &str| format!("/api/v1/users?search={}", encoded(text));
    let in_ulm = search(r#"profile.city eq "Ulm""#);
    let by_id = search(&format!(r#"id eq "{user}""#));
    let suspended = format!("/api/v1/users?filter={}", encoded(r#"status eq "SUSPENDED""#));
    let sorted = "/api/v1/users?search=status+pr&sortBy=profile.city&sortOrder=desc";
    // By id and in the plain list it is all there.
    assert_eq!(get(&sim, &format!("/api/v1/users/{user}")).await.body["status"], "SUSPENDED");
    assert_eq!(get(&sim, &format!("/api/v1/users/{new}")).await.status, 200);
    assert_eq!(get(&sim, &format!("/api/v1/users/{gone}")).await.status, 404);
    let listed = ids(&pages(&sim, "/api/v1/users").await.0);
    assert!(listed.contains(&new) && !listed.contains(&gone));
    // Searches find what was, and show it so.
    assert!(get(&sim, &in_ulm).await.rows().is_empty());
    assert_eq!(get(&sim, &by_id).await.rows(), std::slice::from_ref(&before));
    assert!(!ids(get(&sim, &suspended).await.rows()).contains(&user));
    let searched = ids(&pages(&sim, "/api/v1/users?search=status+pr").await.0);
    assert!(!searched.contains(&new) && searched.contains(&gone));
    assert!(get(&sim, "/api/v1/users?q=new@").await.rows().is_empty());
    let old_order = ids(&pages(&sim, sorted).await.0);
    sim.advance(Duration::from_secs(60));
    // Now they know.
    assert_eq!(ids(get(&sim, &in_ulm).await.rows()), std::slice::from_ref(&user));
    assert_eq!(get(&sim, &by_id).await.rows()[0]["profile"]["city"], "Ulm");
    assert!(ids(get(&sim, &suspended).await.rows()).contains(&user));
    let searched = ids(&pages(&sim, "/api/v1/users?search=status+pr").await.0);
    assert!(searched.contains(&new) && !searched.contains(&gone));
    assert_eq!(ids(get(&sim, "/api/v1/users?q=new@").await.rows()), [new]);
    let order = ids(&pages(&sim, sorted).await.0);
    let place = |order: &[String]| order.iter().position(|id| *id == user);
    assert!(place(&order) < place(&old_order));
    // Without lag there is nothing to wait for.
    sim.set_search_lag(Duration::ZERO);
    sim.set_status(&user, Status::Active).unwrap();
    assert!(!ids(get(&sim, &suspended).await.rows()).contains(&user));
}

#[tokio::test]
async fn searches_of_groups_lag_and_filters_do_not() {
    let sim = Sim::builder().start().await.unwrap();
    let group = sim.create_group(GroupType::OktaGroup, "Old name", None);
    sim.set_search_lag(Duration::from_secs(60));
    sim.rename_group(&group, "New name").unwrap();
    sim.add_member(&group, &sim.user_ids()[1]).unwrap();
    let path = format!("/api/v1/groups?expand=stats&search={}", encoded(r#"profile.name sw "old""#));
    let found = get(&sim, &path).await;
    assert_eq!(found.rows()[0]["profile"]["name"], "Old name");
    assert_eq!(found.rows()[0]["_embedded"]["stats"]["usersCount"], 1);
    let by_filter = format!("/api/v1/groups?filter={}", encoded(&format!(r#"id eq "{group}""#)));
    assert_eq!(get(&sim, &by_filter).await.rows()[0]["profile"]["name"], "New name");
    assert_eq!(get(&sim, &format!("/api/v1/groups/{group}")).await.body["profile"]["name"], "New name");
    sim.advance(Duration::from_secs(60));
    assert!(get(&sim, &path).await.rows().is_empty());
}

#[tokio::test]
async fn windows_of_limits_pass_with_the_clock() {
    let sim = Sim::builder().limits(Limits::all(2, 75)).start().await.unwrap();
    for path in ["/api/v1/users", "/api/v1/apps", "/api/v1/logs"] {
        let first = get(&sim, path).await.status;
        assert_eq!((first, get(&sim, path).await.status), (200, 429), "{path}");
        sim.advance(Duration::from_secs(60));
        assert_eq!(get(&sim, path).await.status, 200, "{path}");
    }
}
