use rollcall_okta::Okta;
use rollcall_plugin::{Attributes, Header, Members, Method, Scope, Source, Subject, testing};
use serde_json::json;

use crate::fake::{Org, acme, group, lines, user};

const FIELDS: &str = "id,status,type,activated,created,statusChanged,profile:(login,email,firstName,lastName,\
                      displayName,costCenter,countryCode,department,division,employeeNumber,locale,manager,managerId,\
                      organization,timezone,title,userType)";

#[test]
fn everything_is_read_page_by_page() {
    let reading = acme().read(json!({}));

    let active = |id: &str| reading.users[id].active;
    assert_eq!(reading.users.len(), 5);
    assert_eq!(
        [active("u1"), active("u2"), active("u3"), active("u4"), active("u5")],
        [true, true, false, false, true]
    );
    assert_eq!(reading.users["u1"].attributes.text("profile.department"), Some("Ops"));

    assert_eq!(reading.groups.keys().map(String::as_str).collect::<Vec<_>>(), ["g0", "g1", "g2", "g3", "g4"]);
    assert_eq!(reading.members["g0"], Members::Everyone);
    assert_eq!(reading.removed[""], ["u3"], "whoever was deactivated is in no group, not in Everyone either");
    assert_eq!(reading.listed("g1").unwrap(), ["u1", "u2", "u5"]);
    assert_eq!(reading.listed("g2").unwrap(), ["u2", "u4"]);
    assert_eq!(reading.listed("g3").unwrap(), [""; 0]);
    assert_eq!(reading.listed("g4").unwrap(), [""; 0], "a rule put u3 there, who was deactivated");
    assert_eq!(reading.problems, []);

    let after = format!(
        "/api/v1/users?search=status+pr&sortBy=created&sortOrder=asc&limit=200&fields={FIELDS}&after="
    );
    assert_eq!(
        lines(&reading),
        [
            format!(
                "users  /api/v1/users?search=status%20pr&sortBy=created&sortOrder=asc&limit=200&fields={FIELDS}"
            ),
            "groups /api/v1/groups?limit=200&expand=stats".into(),
            format!("users  {after}2"),
            "groups /api/v1/groups?limit=200&expand=stats&after=2".into(),
            "groups /api/v1/groups/g1/users?limit=1000".into(),
            format!("users  {after}4"),
            "groups /api/v1/groups?limit=200&expand=stats&after=4".into(),
            "groups /api/v1/groups/g2/users?limit=1000".into(),
            "groups /api/v1/groups/g1/users?limit=1000&after=2".into(),
            "groups /api/v1/groups/g4/users?limit=1000".into(),
            "groups /api/v1/groups/g2/users?limit=1000&after=2".into(),
        ]
    );
}

#[test]
fn requests_carry_what_the_host_and_okta_need() {
    let okta: Okta = testing::configure(json!({})).unwrap();
    let planned = okta.plan(&Scope::Full, &[]).unwrap();
    let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
    assert_eq!(
        planned[0].headers,
        [
            header("accept", "application/json"),
            header(
                "content-type",
                "application/json; okta-response=\"omitCredentials,omitCredentialsLinks,omitTransitioningToStatus\""
            ),
        ]
    );
    assert_eq!(planned[1].headers, [header("accept", "application/json")]);

    let reading = acme().read(json!({}));
    for request in &reading.requests {
        let group = request.path.strip_prefix("/api/v1/groups/").map(|rest| Subject::Group(rest[..2].into()));
        assert_eq!(request.about, group, "{}", request.path);
        assert_eq!(request.version, None);
    }
}

#[test]
fn what_the_manifest_grants_is_all_that_is_asked_for() {
    let manifest: toml::Table = toml::from_str(include_str!("../../plugin.toml")).unwrap();
    let strings = |value: &toml::Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
    };
    let http = &manifest["http"];
    assert_eq!(strings(&http["methods"]), ["GET"]);
    let (paths, headers) = (strings(&http["paths"]), strings(&http["request-headers"]));
    let buckets = manifest["rate-limit"]["buckets"].as_table().unwrap();

    let required = json!({"groups": {"required": ["Sales \"EU\""]}});
    let probe = acme().run(required.clone(), &Scope::Probe, |_| None).unwrap();
    let person = acme().run(json!({}), &Scope::User("u1".into()), |_| None).unwrap();
    let app = acme().read(json!({"app": "0oaAAAAAAAAAAAAAAAAA"}));
    let changes = crate::changes::quiet();
    let readings = [acme().read(json!({})), acme().read(required), probe, person, app, changes];
    let requests = readings.into_iter().flat_map(|one| one.requests);
    let mut used: Vec<String> = Vec::new();
    for request in requests {
        assert!(paths.iter().any(|path| request.path.starts_with(path)), "{}", request.path);
        assert!(request.headers.iter().all(|header| headers.contains(&header.name)), "{:?}", request.headers);
        assert_eq!(request.method, Method::Get);
        used.push(request.bucket);
    }
    used.sort();
    used.dedup();
    assert_eq!(used, buckets.keys().cloned().collect::<Vec<_>>(), "no bucket is missing and none too many");
}

#[test]
fn the_scope_of_groups_decides_what_is_read() {
    for (settings, groups, requests) in [
        (json!({"include": ["ENG*"]}), "g1 g2", 2),
        (json!({"include": ["ENG*"], "exclude-types": ["APP_GROUP"]}), "g1", 1),
        (json!({"include-ids": ["g4", "g0"]}), "g0 g4", 1),
        (json!({"exclude": ["*"]}), "", 0),
        (json!({"search": "type eq \"APP_GROUP\""}), "g2", 1),
        (json!({"filter": "type eq \"OKTA_GROUP\"", "exclude": ["sales*"]}), "g1 g3", 1),
    ] {
        let org = Org { page: 100, ..acme() };
        let reading = org.read(json!({"groups": settings}));
        let ids: Vec<&str> = reading.groups.keys().map(String::as_str).collect();
        assert_eq!(ids.join(" "), groups, "{settings}");
        assert_eq!(
            reading.members.keys().collect::<Vec<_>>(),
            reading.groups.keys().collect::<Vec<_>>(),
            "{settings}"
        );
        assert_eq!(reading.requests.len(), 2 + requests, "{settings}");
    }
}

#[test]
fn every_page_is_followed_however_it_looks() {
    let people: Vec<String> = (0..250).map(|number| format!("u{number:03}")).collect();
    let users: Vec<_> = people.iter().map(|id| user(id, "ACTIVE")).collect();
    let members: Vec<&'static str> = people.iter().map(|id| &*id.clone().leak()).collect();
    for page in [1, 7, 125, 250, 251] {
        let org =
            Org { users: users.clone(), groups: vec![group("g1", "OKTA_GROUP", "All", &members)], page };
        let reading = org.read(json!({}));
        assert_eq!(reading.users.len(), 250, "{page} a page");
        assert_eq!(reading.listed("g1").unwrap(), people, "{page} a page");
    }
}
