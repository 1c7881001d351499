//! Applications over HTTP.

use crate::client::{encoded, get, ids, pages};
use okta_sim::{GroupType, Population, RunningSim, Sim, Status};

async fn sim(apps: u32) -> RunningSim {
    Sim::builder().population(Population { apps, ..Population::default() }).start().await.unwrap()
}

#[tokio::test]
async fn generated_applications_can_be_paged_with_their_users_and_groups() {
    let sim = sim(45).await;
    let (apps, count) = pages(&sim, "/api/v1/apps").await;
    assert_eq!((ids(&apps), count), (sim.app_ids(), 3));
    assert_eq!(sim.counts().apps, 45);
    for app in &ids(&apps)[..4] {
        assert_eq!(get(&sim, &format!("/api/v1/apps/{app}")).await.body["id"], **app);
        let (users, _) = pages(&sim, &format!("/api/v1/apps/{app}/users?limit=7")).await;
        assert_eq!(ids(&users), sim.app_user_ids(app).unwrap());
        let (groups, _) = pages(&sim, &format!("/api/v1/apps/{app}/groups")).await;
        assert!(!groups.is_empty());
        for group in ids(&groups) {
            assert!(ids(&pages(&sim, &format!("/api/v1/groups/{group}/apps")).await.0).contains(app));
        }
    }
    assert_eq!(get(&sim, "/api/v1/apps?q=slack").await.rows()[0]["name"], "slack");
    let named = format!("/api/v1/apps?filter={}", encoded(r#"name eq "zoomus" and status eq "ACTIVE""#));
    let (zooms, _) = pages(&sim, &named).await;
    assert!(zooms.len() == 7 && zooms.iter().all(|app| app["name"] == "zoomus"));
    let ninth = &sim.app_ids()[9];
    let own = format!("/api/v1/apps?filter={}", encoded(&format!(r#"id eq "{ninth}""#)));
    assert_eq!(ids(get(&sim, &own).await.rows()), std::slice::from_ref(ninth));
}

#[tokio::test]
async fn assignments_are_direct_or_through_a_group() {
    let sim = sim(0).await;
    let app = sim.create_app("Atlassian Cloud");
    let group = sim.create_group(GroupType::OktaGroup, "Jira users", None);
    let active: Vec<String> = sim
        .user_ids()
        .into_iter()
        .filter(|user| sim.user(user).unwrap()["status"] == "ACTIVE")
        // The first made the token.
        .skip(1)
        .take(3)
        .collect();
    let [direct, member, both] = &active[..] else { panic!("three") };
    for user in [member, both] {
        sim.add_member(&group, user).unwrap();
    }
    sim.assign_group(&app, &group, true).unwrap();
    for user in [direct, both] {
        sim.assign_user(&app, user, true).unwrap();
    }
    let path = format!("/api/v1/apps/{app}/users");
    let shown = get(&sim, &format!("{path}?expand=user")).await;
    assert_eq!(ids(shown.rows()), active);
    let scopes: Vec<_> = shown.rows().iter().map(|user| user["scope"].as_str().unwrap()).collect();
    assert_eq!(scopes, ["USER", "GROUP", "USER"]);
    for (user, listed) in active.iter().zip(shown.rows()) {
        assert_eq!(get(&sim, &format!("{path}/{user}?expand=user")).await.body, *listed);
    }
    let stranger = sim.user_ids().into_iter().find(|user| !active.contains(user)).unwrap();
    let refused = get(&sim, &format!("{path}/{stranger}")).await;
    assert_eq!((refused.status, refused.code()), (404, "E0000007"));
    let row = &shown.rows()[1];
    assert_eq!(row["_embedded"]["user"]["id"], **member);
    assert_eq!(row["credentials"]["userName"], row["_embedded"]["user"]["profile"]["login"]);
    assert!(row["_links"]["group"]["href"].as_str().unwrap().ends_with(&group));
    assert_eq!(get(&sim, &path).await.rows()[1].get("_embedded"), None);
    let login = sim.user(direct).unwrap()["profile"]["login"].as_str().unwrap().to_owned();
    let found = get(&sim, &format!("{path}?q={login}")).await;
    assert_eq!(ids(found.rows()), std::slice::from_ref(direct));
    let of_user = format!("/api/v1/apps?filter={}", encoded(&format!(r#"user.id eq "{member}""#)));
    assert_eq!(ids(get(&sim, &of_user).await.rows()), std::slice::from_ref(&app));

    let groups = get(&sim, &format!("/api/v1/apps/{app}/groups?expand=group&limit=1")).await;
    assert_eq!(groups.rows()[0]["_embedded"]["group"]["profile"]["name"], "Jira users");
    // Fewer than 20 can't be asked for.
    assert!(groups.link("self").unwrap().contains("limit=20"));
    let stats = get(&sim, &format!("/api/v1/groups/{group}?expand=stats")).await;
    assert_eq!(stats.body["_embedded"]["stats"]["appsCount"], 1);

    // Leaving the group ends what came through it; a deactivation ends everything.
    sim.remove_member(&group, member).unwrap();
    sim.remove_member(&group, both).unwrap();
    sim.set_status(direct, Status::Deprovisioned).unwrap();
    assert_eq!(sim.app_user_ids(&app).unwrap(), std::slice::from_ref(both));
    sim.assign_user(&app, both, false).unwrap();
    let filter = encoded(r#"eventType sw "application.user""#);
    let events = get(&sim, &format!("/api/v1/logs?filter={filter}")).await;
    let told: Vec<(&str, &str)> = events
        .rows()
        .iter()
        .map(|event| (event["eventType"].as_str().unwrap(), event["target"][0]["id"].as_str().unwrap()))
        .collect();
    let (add, remove) = ("application.user_membership.add", "application.user_membership.remove");
    assert_eq!(told, [(add, &**direct), (remove, member), (remove, direct), (remove, both)]);
    assert_eq!(events.rows()[0]["target"][1]["displayName"], "Atlassian Cloud");
}

#[tokio::test]
async fn pages_of_applications_have_their_own_bounds_and_refusals() {
    let sim = sim(1).await;
    let app = sim.create_app("Everybody");
    sim.assign_group(&app, &sim.groups_named("Everyone").remove(0), true).unwrap();
    let listed = sim.counts().users_listed;
    assert_eq!(sim.app_user_ids(&app).unwrap().len() as u64, listed);
    let path = format!("/api/v1/apps/{app}/users");
    assert_eq!(get(&sim, &path).await.rows().len(), 50);
    let all = get(&sim, &format!("{path}?limit=1000")).await;
    assert_eq!((all.rows().len() as u64, all.link("next")), (listed, None));
    assert!(all.link("self").unwrap().contains("limit=500"));
    for (path, status, code) in [
        ("/api/v1/apps/0oaNone", 404, "E0000007"),
        ("/api/v1/apps/0oaNone/users", 404, "E0000007"),
        ("/api/v1/apps?after=nonsense", 400, "E0000029"),
        ("/api/v1/apps?filter=label+eq+%22x%22", 400, "E0000031"),
        ("/api/v1/apps/x/nonsense", 404, "E0000022"),
        ("/api/v1/groups/x/nonsense", 404, "E0000022"),
    ] {
        let refused = get(&sim, path).await;
        assert_eq!((refused.status, refused.code()), (status, code), "{path}");
    }
}
