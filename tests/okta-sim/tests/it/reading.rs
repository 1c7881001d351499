//! Reading an organisation over HTTP: pages, searches, projections, errors.

use crate::client::{client, encoded, get, get_with, ids, pages};
use okta_sim::{Population, Quirks, RunningSim, Sim, Status};
use serde_json::{Map, Value, json};

async fn sim(users: u32) -> RunningSim {
    let population =
        Population { users, groups: 40, members_per_group: 30, empty_groups: 3, ..Population::default() };
    Sim::builder().population(population).start().await.unwrap()
}

#[tokio::test]
async fn a_list_omits_deprovisioned_users_and_a_search_does_not() {
    let sim = sim(1250).await;
    let counts = sim.counts();
    let (listed, list_pages) = pages(&sim, "/api/v1/users").await;
    assert_eq!(listed.len() as u64, counts.users_listed);
    assert_eq!(list_pages as u64, counts.users_listed.div_ceil(200));
    assert!(listed.iter().all(|user| user["status"] != "DEPROVISIONED"));

    let (searched, _) = pages(&sim, "/api/v1/users?search=status%20pr").await;
    assert_eq!(ids(&searched), sim.user_ids());
    let (gone, _) =
        pages(&sim, &format!("/api/v1/users?filter={}", encoded(r#"status eq "DEPROVISIONED""#))).await;
    assert_eq!(gone.len() as u64, counts.users - counts.users_listed);
    assert_eq!(searched.len(), listed.len() + gone.len());
}

#[tokio::test]
async fn every_member_of_every_group_can_be_paged() {
    let sim = sim(2600).await;
    let (groups, _) = pages(&sim, "/api/v1/groups?limit=7&expand=stats").await;
    assert_eq!(ids(&groups), sim.group_ids());
    let mut most_pages = 0;
    for group in &groups {
        let id = group["id"].as_str().unwrap();
        let (members, count) = pages(&sim, &format!("/api/v1/groups/{id}/users")).await;
        assert_eq!(ids(&members), sim.member_ids(id).unwrap());
        assert_eq!(group["_embedded"]["stats"]["usersCount"], members.len());
        most_pages = most_pages.max(count);
    }
    assert!(most_pages > 1);
    // A user's groups are the same memberships from the other side.
    let id = &sim.user_ids()[1];
    let (of_user, count) = pages(&sim, &format!("/api/v1/users/{id}/groups?limit=2")).await;
    let expected: Vec<String> =
        sim.group_ids().into_iter().filter(|group| sim.member_ids(group).unwrap().contains(id)).collect();
    assert_eq!(ids(&of_user), expected);
    assert_eq!(count, expected.len().div_ceil(2));
}

/// However the pages are written, these are their bytes: benchmarks of different days read the same.
#[tokio::test]
async fn the_bytes_of_pages_stay_as_they_are() {
    let sim = Sim::builder().start().await.unwrap();
    let authorization = format!("SSWS {}", sim.token());
    let mut paths: Vec<String> =
        sim.group_ids().iter().rev().map(|id| format!("/api/v1/groups/{id}/users?limit=100")).collect();
    paths.extend(["/api/v1/groups?expand=stats".to_owned(), "/api/v1/users?search=status+pr".to_owned()]);
    // FNV-1a.
    let (mut hash, mut length) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while let Some(path) = paths.pop() {
        // Links name the host that the client wrote.
        let request = client().get(format!("{}{path}", sim.url())).header("host", "acme.okta.example");
        let response = request.header("authorization", &authorization).send().await.unwrap();
        let links = response.headers().get_all("link").iter().map(|link| link.to_str().unwrap());
        paths.extend(links.filter_map(|link| {
            let next = link.strip_suffix(">; rel=\"next\"")?;
            Some(next.strip_prefix("<http://acme.okta.example")?.to_owned())
        }));
        for byte in response.bytes().await.unwrap() {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3);
            length += 1;
        }
    }
    assert_eq!((hash, length), (0x8b90_326d_33d8_66ff, 1_035_427));
}

#[tokio::test]
async fn links_are_two_headers_with_oktas_cursors() {
    let sim = sim(500).await;
    let first = get(&sim, "/api/v1/users").await;
    assert_eq!(first.headers.get_all("link").iter().count(), 2);
    assert_eq!(first.link("self").unwrap(), format!("{}/api/v1/users?limit=200", sim.url()));
    assert!(first.link("next").unwrap().contains("after=200u"));
    let searched = get(&sim, "/api/v1/users?limit=5&search=status%20pr").await;
    let next = searched.link("next").unwrap();
    assert!(next.contains("after=00u") && next.contains("limit=5") && next.contains("search=status+pr"));
    assert!(get(&sim, "/api/v1/groups?limit=2").await.link("next").unwrap().contains("after=00g"));
    // More than the greatest page is silently less, and the last page has no next.
    assert_eq!(get(&sim, "/api/v1/users?limit=5000").await.rows().len(), 200);
    assert_eq!(get(&sim, "/api/v1/groups").await.link("next"), None);
}

#[tokio::test]
async fn quirks_change_links_and_page_ends() {
    let sim = sim(450).await;
    let all = sim.counts().users_listed;
    sim.set_quirks(Quirks {
        next_origin: Some("https://acme-admin.okta.example".to_owned()),
        ..Quirks::default()
    });
    let next = get(&sim, "/api/v1/users").await.link("next").unwrap();
    assert!(next.starts_with("https://acme-admin.okta.example/api/v1/users?after=200u"));

    sim.set_quirks(Quirks { one_link_header: true, empty_last_page: true, ..Quirks::default() });
    assert_eq!(get(&sim, "/api/v1/users").await.headers.get_all("link").iter().count(), 1);
    let (rows, count) = pages(&sim, "/api/v1/users").await;
    assert_eq!((rows.len() as u64, count as u64), (all, all.div_ceil(200) + 1));

    sim.set_quirks(Quirks { short_pages: true, ..Quirks::default() });
    let (rows, count) = pages(&sim, "/api/v1/users").await;
    assert_eq!((rows.len() as u64, count as u64), (all, all.div_ceil(100)));
}

#[tokio::test]
async fn searches_sort_by_value_then_id() {
    let sim = sim(300).await;
    let (rows, count) = pages(&sim, "/api/v1/users?search=status+pr&sortBy=profile.lastName&limit=70").await;
    assert_eq!((rows.len() as u64, count), (sim.counts().users, 5));
    let key = |user: &Value| {
        (user["profile"]["lastName"].as_str().map(str::to_lowercase), user["id"].as_str().unwrap().to_owned())
    };
    assert!(rows.iter().map(key).is_sorted());
    // Without search, sorting is ignored.
    let plain = get(&sim, "/api/v1/users?sortBy=profile.lastName").await;
    assert!(ids(plain.rows()).is_sorted());
}

fn new(login: &str) -> Map<String, Value> {
    Map::from_iter([("login".to_owned(), json!(login)), ("email".to_owned(), json!(login))])
}

#[tokio::test]
async fn a_range_of_creation_is_sorted_and_begins_where_it_says() {
    let sim = sim(300).await;
    sim.create_user(Status::Active, new("new@acme.example")).unwrap();
    let all = "/api/v1/users?search=status+pr&sortBy=created&sortOrder=asc&limit=70";
    let (rows, _) = pages(&sim, all).await;
    assert_eq!(rows.len() as u64, sim.counts().users);
    let key = |user: &Value| {
        (user["created"].as_str().unwrap().to_owned(), user["id"].as_str().unwrap().to_owned())
    };
    assert!(rows.iter().map(key).is_sorted());
    let from = rows[111]["created"].as_str().unwrap();
    let range = all.replace("pr&", &format!("pr+and+created+ge+%22{from}%22&"));
    let (ahead, _) = pages(&sim, &range).await;
    assert_eq!(ids(&ahead), ids(&rows[111..]));
}

#[tokio::test]
async fn created_ranges_are_disjoint_and_complete() {
    let sim = sim(700).await;
    let mut found = Vec::new();
    for (from, to) in [(2016, 2018), (2018, 2022), (2022, 2027)] {
        let search =
            format!(r#"created ge "{from}-01-01T00:00:00.000Z" and created lt "{to}-01-01T00:00:00.000Z""#);
        found.extend(ids(&pages(&sim, &format!("/api/v1/users?search={}", encoded(&search))).await.0));
    }
    assert_eq!(found, sim.user_ids());
}

#[tokio::test]
async fn groups_are_filtered_by_either_timestamp() {
    let sim = sim(100).await;
    let now = "2026-06-01T00:00:00.000Z";
    let filter =
        format!(r#"type eq "OKTA_GROUP" and (lastUpdated gt "{now}" or lastMembershipUpdated gt "{now}")"#);
    let path = format!("/api/v1/groups?filter={}", encoded(&filter));
    assert!(get(&sim, &path).await.rows().is_empty());
    let group = sim.groups_named("engineering").remove(0);
    let outsider =
        sim.user_ids().into_iter().find(|id| !sim.member_ids(&group).unwrap().contains(id)).unwrap();
    let before = sim.group(&group).unwrap();
    sim.add_member(&group, &outsider).unwrap();
    let found = get(&sim, &path).await;
    assert_eq!(ids(found.rows()), [group]);
    assert_eq!(found.rows()[0]["lastUpdated"], before["lastUpdated"]);
    assert_ne!(found.rows()[0]["lastMembershipUpdated"], before["lastMembershipUpdated"]);
}

#[tokio::test]
async fn q_does_not_page() {
    let sim = sim(1000).await;
    let found = get(&sim, "/api/v1/users?q=a").await;
    assert_eq!((found.rows().len(), found.link("next")), (10, None));
    let groups = get(&sim, "/api/v1/groups?q=ENGINEERING").await;
    assert!(groups.rows().len() >= 3);
    assert!(groups.rows().iter().all(|group| {
        group["profile"]["name"].as_str().unwrap().to_lowercase().starts_with("engineering")
    }));
}

#[tokio::test]
async fn fields_and_okta_response_cut_users_down() {
    let sim = sim(50).await;
    let cut = get(&sim, "/api/v1/users?fields=status,profile:(login,email)").await;
    let user = cut.rows()[0].as_object().unwrap();
    assert_eq!(user.len(), 3);
    assert!(["id", "profile", "status"].iter().all(|name| user.contains_key(*name)));
    let full = get(&sim, "/api/v1/users").await;
    assert!(full.rows()[0].get("credentials").is_some());
    let authorization = format!("SSWS {}", sim.token());
    let media =
        r#"application/json; okta-response="omitCredentials,omitCredentialsLinks,omitTransitioningToStatus""#;
    let headers = [("authorization", authorization.as_str()), ("content-type", media)];
    let omitted = get_with(&sim, "/api/v1/users", &headers).await;
    assert!(
        omitted
            .rows()
            .iter()
            .all(|user| { user.get("credentials").is_none() && user.get("transitioningToStatus").is_none() })
    );
    assert!(full.rows().iter().any(|user| user["transitioningToStatus"] == "DEPROVISIONED"));
}

#[tokio::test]
async fn a_user_is_found_by_id_login_and_short_login() {
    let sim = sim(100).await;
    let id = &sim.user_ids()[1];
    let login = sim.user(id).unwrap()["profile"]["login"].as_str().unwrap().to_owned();
    let short = login.split('@').next().unwrap();
    for key in [id.as_str(), &login, short, &login.to_uppercase()] {
        assert_eq!(get(&sim, &format!("/api/v1/users/{key}")).await.body["id"], **id, "{key}");
    }
    assert_eq!(get(&sim, "/api/v1/users/me").await.body["status"], "ACTIVE");
    for key in ["twin", "nobody", "ops%2Fnight+1%25@acme.example", "00u1ero7vZFVEIYLWPBN"] {
        let missing = get(&sim, &format!("/api/v1/users/{key}")).await;
        assert_eq!((missing.status, missing.code()), (404, "E0000007"), "{key}");
    }
    assert!(get(&sim, "/api/v1/users/twin@a.acme.example").await.body["id"].is_string());
}

#[tokio::test]
async fn refusals_have_oktas_codes() {
    let sim = sim(100).await;
    for (path, status, code) in [
        ("/api/v1/users?after=nonsense", 400, "E0000029"),
        ("/api/v1/users?search=status+pr&after=nonsense", 400, "E0000031"),
        ("/api/v1/groups?after=nonsense", 400, "E0000029"),
        ("/api/v1/users?search=status+ne+%22ACTIVE%22", 400, "E0000031"),
        ("/api/v1/users?filter=profile.city+eq+%22Berlin%22", 400, "E0000031"),
        ("/api/v1/groups?filter=profile.name+eq+%22x%22", 400, "E0000031"),
        ("/api/v1/users?limit=none", 400, "E0000001"),
        ("/api/v1/groups/00gnone", 404, "E0000007"),
        ("/api/v1/groups/00gnone/users", 404, "E0000007"),
        ("/api/v1/nonsense", 404, "E0000022"),
        ("/elsewhere", 404, "E0000022"),
    ] {
        let refused = get(&sim, path).await;
        assert_eq!((refused.status, refused.code()), (status, code), "{path}");
        let body = refused.body.as_object().unwrap();
        assert_eq!(body.len(), 5);
        for name in ["errorCode", "errorSummary", "errorLink", "errorId", "errorCauses"] {
            assert!(body.contains_key(name), "{name}");
        }
    }
    let post = client()
        .post(format!("{}/api/v1/users", sim.url()))
        .header("authorization", format!("SSWS {}", sim.token()))
        .send()
        .await
        .unwrap();
    assert_eq!(post.status(), 405);
}

#[tokio::test]
async fn a_deprovisioned_user_stays_in_groups_that_a_rule_fills() {
    let sim = sim(200).await;
    let group = sim.groups_named("Former and current Legal").remove(0);
    let (members, _) = pages(&sim, &format!("/api/v1/groups/{group}/users")).await;
    assert!(members.iter().any(|user| user["status"] == "DEPROVISIONED"));
    let everyone = sim.groups_named("Everyone").remove(0);
    let (members, _) = pages(&sim, &format!("/api/v1/groups/{everyone}/users")).await;
    assert_eq!(members.len() as u64, sim.counts().users_listed);
}

#[tokio::test]
async fn removed_users_vanish_and_cursors_survive_it() {
    let sim = sim(450).await;
    let first = get(&sim, "/api/v1/users").await;
    let last_seen = ids(first.rows()).pop().unwrap();
    sim.delete_user(&last_seen).unwrap();
    sim.delete_user(&last_seen).unwrap();
    let second = get(&sim, &first.link("next").unwrap()).await;
    assert_eq!(second.status, 200);
    assert!(ids(second.rows())[0] > last_seen);
    assert_eq!(get(&sim, &format!("/api/v1/users/{last_seen}")).await.status, 404);
    let (all, _) = pages(&sim, "/api/v1/users?search=id+pr").await;
    assert!(!ids(&all).contains(&last_seen));
}

#[tokio::test]
async fn deltas_find_exactly_what_changed() {
    let sim = sim(300).await;
    let path = format!("/api/v1/users?search={}", encoded(r#"lastUpdated ge "2026-01-02T00:00:00.000Z""#));
    assert!(get(&sim, &path).await.rows().is_empty());
    let (changed, gone) = (sim.user_ids()[1].clone(), sim.user_ids()[2].clone());
    sim.set_status(&changed, Status::LockedOut).unwrap();
    sim.set_status(&gone, Status::Deprovisioned).unwrap();
    let found = get(&sim, &path).await;
    assert_eq!(ids(found.rows()), [changed, gone]);
    assert!(found.rows()[0]["lastUpdated"].as_str().unwrap().ends_with(".000Z"));
}
