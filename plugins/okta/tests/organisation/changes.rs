use std::sync::Mutex;

use rollcall_okta::{Okta, Settings};
use rollcall_plugin::testing::{self, Reading, Stopped};
use rollcall_plugin::{
    Attribute, Attributes, Error, Members, Page, Plugin, Request, Response, Scope, Source, Subject, query,
};
use serde_json::{Value, json};

use crate::fake::{lines, refusal, user};

const NOW: &str = "2026-11-24T12:00:00.000Z";
const DATE: &str = "Tue, 24 Nov 2026 12:00:01 GMT";

/// What a full run at noon left.
fn known() -> Vec<Attribute> {
    let checkpoint = |name: &str, value: &str| Attribute::new(format!("checkpoint.{name}"), value);
    vec![
        Attribute::new("now", "2026-11-24T13:00:00Z"),
        checkpoint("users", NOW),
        checkpoint("groups", NOW),
        checkpoint("logs", "listings"),
        checkpoint("everyone", "g0"),
    ]
}

fn with(mut known: Vec<Attribute>, name: &str, value: &str) -> Vec<Attribute> {
    known.retain(|attribute| attribute.name != name);
    known.push(Attribute::new(name, value));
    known
}

/// What Okta answers to each of the listings.
struct Answers {
    users: Vec<Value>,
    groups: Vec<Value>,
    /// Pages of the log.
    events: Vec<Vec<Value>>,
}

impl Default for Answers {
    fn default() -> Self {
        Self { users: vec![], groups: vec![], events: vec![vec![]] }
    }
}

fn event(kind: &str, target: &str, id: &str) -> Value {
    json!({
        "eventType": kind, "published": "2026-11-24T12:30:00.123Z", "outcome": {"result": "SUCCESS"},
        "target": [{"id": id, "type": target}, {"id": "0oa1", "type": "AppInstance"}]
    })
}

fn group(id: &str, name: &str) -> Value {
    json!({"id": id, "type": "OKTA_GROUP", "profile": {"name": name}, "_embedded": {"stats": {"usersCount": 1}}})
}

impl Answers {
    fn answer(&mut self, request: &Request) -> Response {
        let dated = |body: Value| {
            let link = format!("<https://acme.okta.example{}>; rel=\"self\"", request.path);
            Response::new(200, body.to_string()).with_header("date", DATE).with_header("link", link)
        };
        let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match path {
            "/api/v1/users" => dated(json!(self.users)),
            "/api/v1/groups" => dated(json!(self.groups)),
            "/api/v1/groups/g1/users" | "/api/v1/groups/closed/users" => dated(json!([user("u1", "ACTIVE")])),
            "/api/v1/users/back/groups" => dated(json!([group("g1", "Engineering")])),
            "/api/v1/logs" => {
                let page = self.events.remove(0);
                let next = query::replace(&request.path, "after", format!("c{}", self.events.len()));
                let next = format!("<https://acme.okta.example{next}>; rel=\"next\"");
                dated(json!(page)).with_header("link", next)
            }
            other => panic!("nobody asks for {other}"),
        }
    }

    fn read(mut self, settings: Value, known: &[Attribute]) -> Result<Reading, Stopped> {
        let okta: Okta = testing::configure(settings).expect("the settings are right");
        testing::run(&okta, &Scope::Changes, known, |request| self.answer(request))
    }

    /// Who and what is gone, and the whole reading.
    fn gone(mut self, settings: Value, known: &[Attribute]) -> (Vec<Subject>, Reading) {
        let okta: Okta = testing::configure(settings).expect("the settings are right");
        let watched = Watched { okta, gone: Mutex::default() };
        let reading = testing::run(&watched, &Scope::Changes, known, |request| self.answer(request));
        (watched.gone.into_inner().unwrap(), reading.expect("the run comes to its end"))
    }
}

/// Keeps what pages say is gone.
struct Watched {
    okta: Okta,
    gone: Mutex<Vec<Subject>>,
}

impl Plugin for Watched {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Error> {
        Ok(Self { okta: Okta::configure(settings)?, gone: Mutex::default() })
    }
}

impl Source for Watched {
    fn plan(&self, scope: &Scope, known: &[Attribute]) -> Result<Vec<Request>, Error> {
        self.okta.plan(scope, known)
    }

    fn decode(&self, request: &Request, response: &Response) -> Result<Page, Error> {
        let page = self.okta.decode(request, response)?;
        self.gone.lock().unwrap().extend(page.gone.clone());
        Ok(page)
    }
}

/// An increment of an organisation in which nothing changed.
pub fn quiet() -> Reading {
    Answers::default().read(json!({}), &known()).expect("the run comes to its end")
}

#[test]
fn a_quiet_increment_is_three_requests_and_goes_on_from_okta_s_own_clock() {
    let reading = quiet();
    let asked: Vec<String> = lines(&reading).into_iter().map(|line| line.replace("%20", " ")).collect();
    let path = |name: &str| query::get(&reading.requests[0].path, name).unwrap().into_owned();
    assert_eq!(asked.len(), 3, "{asked:?}");
    assert_eq!(path("search"), "lastUpdated ge \"2026-11-24T11:55:00.000Z\"");
    assert!(path("fields").starts_with("id,status,type,activated,created,statusChanged,profile:("));
    let groups = &reading.requests[1].path;
    assert_eq!(
        query::get(groups, "filter").unwrap(),
        "lastUpdated gt \"2026-11-24T11:54:59.000Z\" or lastMembershipUpdated gt \"2026-11-24T11:54:59.000Z\""
    );
    let log = &reading.requests[2].path;
    assert_eq!(query::get(log, "since").unwrap(), "2026-11-24T11:55:00.000Z");
    assert_eq!(query::get(log, "sortOrder").unwrap(), "ASCENDING");
    assert_eq!(query::get(log, "until"), None, "bounded queries miss late events");
    assert_eq!(reading.checkpoints["users"], "2026-11-24T12:00:01.000Z");
    assert_eq!(reading.checkpoints["groups"], "2026-11-24T12:00:01.000Z");
    assert!(reading.users.is_empty() && reading.problems.is_empty());
}

#[test]
fn the_log_goes_on_from_its_own_cursor_and_not_from_a_time() {
    let reading = Answers::default().read(json!({}), &known()).unwrap();
    let known = with(known(), "checkpoint.logs", &reading.checkpoints["logs"]);
    let reading = Answers::default().read(json!({}), &known).unwrap();
    assert_eq!(query::get(&reading.requests[2].path, "after").unwrap(), "c0");
}

#[test]
fn a_full_page_of_the_log_is_followed_and_a_short_one_is_the_end_though_it_has_a_next_link() {
    let full: Vec<Value> =
        (0..1000).map(|at| event("group.lifecycle.delete", "UserGroup", &format!("g{at}"))).collect();
    let last = vec![event("user.lifecycle.delete.completed", "User", "u9")];
    let answers = Answers { events: vec![full, last], ..Answers::default() };
    let (gone, reading) = answers.gone(json!({}), &known());
    assert_eq!(reading.requests.len(), 4);
    assert_eq!(gone.len(), 1001);
    assert!(gone.contains(&Subject::User("u9".into())));
    assert!(gone.contains(&Subject::Group("g999".into())));
}

#[test]
fn only_what_was_deleted_is_gone() {
    let mut failed = event("user.lifecycle.delete.completed", "User", "u1");
    failed["outcome"]["result"] = json!("FAILURE");
    let events = vec![
        failed,
        event("user.lifecycle.deactivate", "User", "u2"),
        event("user.lifecycle.delete.completed", "UserGroup", "u3"),
        event("system.import.group.delete", "UserGroup", "g4"),
    ];
    let (gone, _) = Answers { events: vec![events], ..Answers::default() }.gone(json!({}), &known());
    assert_eq!(gone, [Subject::Group("g4".into())]);
}

#[test]
fn who_was_deleted_is_told_again_as_long_as_the_search_may_show_them() {
    let events = vec![vec![event("user.lifecycle.delete.completed", "User", "u9")]];
    let reading = Answers { events, ..Answers::default() }.read(json!({}), &known()).unwrap();
    let known = with(known(), "checkpoint.logs", &reading.checkpoints["logs"]);
    let at = |moment: &str| {
        let known = with(with(known.clone(), "checkpoint.users", moment), "checkpoint.groups", moment);
        Answers::default().gone(json!({}), &known).0
    };
    assert_eq!(at("2026-11-24T12:34:00.000Z"), [Subject::User("u9".into())]);
    assert_eq!(at("2026-11-24T12:36:00.000Z"), []);
}

#[test]
fn a_changed_group_s_members_are_read_whole_and_one_out_of_scope_is_gone() {
    let groups = vec![group("g1", "Engineering"), group("g2", "Sales")];
    let answers = Answers { groups, ..Answers::default() };
    let (gone, reading) = answers.gone(json!({"groups": {"include": ["eng*"]}}), &known());
    assert_eq!(reading.listed("g1").unwrap(), ["u1"]);
    assert_eq!(reading.groups.keys().collect::<Vec<_>>(), ["g1"]);
    assert_eq!(gone, [Subject::Group("g2".into())]);
}

#[test]
fn everyone_follows_people_one_by_one_because_its_list_would_bring_back_who_was_deactivated_long_ago() {
    let mut everyone = group("g0", "Everyone");
    everyone["type"] = json!("BUILT_IN");
    let answers = Answers { groups: vec![everyone], users: vec![user("u1", "ACTIVE")], ..Answers::default() };
    let reading = answers.read(json!({}), &known()).unwrap();
    assert_eq!(reading.groups.keys().collect::<Vec<_>>(), ["g0"]);
    assert_eq!(reading.members["g0"], Members::Some(vec!["u1".to_owned()]));
}

#[test]
fn a_group_whose_members_could_not_be_read_is_read_again_though_it_did_not_change() {
    let known = with(known(), "unread.closed", "Administrators");
    let reading = Answers::default().read(json!({}), &known).unwrap();
    assert_eq!(reading.requests.len(), 4);
    assert_eq!(reading.listed("closed").unwrap(), ["u1"]);
    let okta: Okta = testing::configure(json!({})).unwrap();
    let mut answers = Answers::default();
    let reading =
        testing::run(&okta, &Scope::Changes, &known, |request| match request.path.contains("closed") {
            true => refusal(403, "E0000006"),
            false => answers.answer(request),
        })
        .unwrap();
    let Members::Unknown(why) = &reading.members["closed"] else { panic!("{:?}", reading.members) };
    assert!(why.contains("listing members of group \"Administrators\""), "{why}");
}

#[test]
fn groups_are_listed_from_no_later_than_people_are() {
    let searched = |people: &str, groups: &str| {
        let known = with(with(known(), "checkpoint.users", people), "checkpoint.groups", groups);
        let reading = Answers::default().read(json!({}), &known).unwrap();
        let times = ["search", "filter"].iter().zip(&reading.requests);
        let text = |(name, request): (&&str, &Request)| query::get(&request.path, name).unwrap().into_owned();
        times.map(|asked| text(asked)[..40].split('"').nth(1).unwrap()[11..19].to_owned()).collect::<Vec<_>>()
    };
    let (early, late) = ("2026-11-24T12:00:00.000Z", "2026-11-24T12:50:00.000Z");
    assert_eq!(searched(early, late), ["11:55:00", "11:54:59"]);
    assert_eq!(searched(late, early), ["12:45:00", "11:54:59"]);
}

#[test]
fn a_group_filter_is_asked_for_together_with_the_times() {
    let reading =
        Answers::default().read(json!({"groups": {"filter": "type eq \"OKTA_GROUP\""}}), &known()).unwrap();
    let filter = query::get(&reading.requests[1].path, "filter").unwrap().into_owned();
    assert!(filter.starts_with("(type eq \"OKTA_GROUP\") and (lastUpdated gt "), "{filter}");
}

#[test]
fn whose_status_changed_is_asked_for_their_groups_because_a_rule_s_members_never_left() {
    let times = |mut user: Value, created: &str, changed: &str| {
        user["created"] = json!(created);
        user["statusChanged"] = json!(changed);
        user
    };
    let (old, new) = ("2026-01-01T00:00:00.000Z", "2026-11-24T12:10:00.000Z");
    let users = vec![
        times(user("back", "ACTIVE"), old, new),
        times(user("same", "ACTIVE"), old, old),
        times(user("left", "DEPROVISIONED"), old, new),
        times(user("new", "ACTIVE"), new, new),
    ];
    let reading = Answers { users, ..Answers::default() }.read(json!({}), &known()).unwrap();
    assert_eq!(reading.requests.len(), 4);
    assert_eq!(reading.listed("g1").unwrap(), ["back"]);
    assert_eq!(reading.removed[""], ["left"]);
    assert_eq!(reading.members["g0"], Members::Some(["back", "new", "same"].map(str::to_owned).to_vec()));
    assert_eq!(reading.users["same"].attributes.text("statusChanged"), Some(old));
}

#[test]
fn what_an_increment_cannot_see_is_refused() {
    for (settings, path) in [
        (json!({"app": "Atlassian"}), "app"),
        (json!({"users": {"search": "profile.department eq \"Sales\""}}), "users.search"),
        (json!({"groups": {"required": ["Staff"]}}), "groups.required"),
        (json!({"groups": {"search": "profile.name sw \"a\""}}), "groups.search"),
        (json!({"groups": {"filter": "lastUpdated gt \"2026-01-01T00:00:00.000Z\""}}), "groups.filter"),
    ] {
        let error = Answers::default().read(settings, &known()).unwrap_err().error;
        assert_eq!(error.code, "unsupported", "{path}");
        assert!(error.message.ends_with(&format!("({path})")), "{}", error.message);
        assert!(error.hint.unwrap().contains("full sync"));
    }
}

#[test]
fn where_to_go_on_from_is_not_known_asks_for_a_full_run() {
    for missing in ["users", "groups", "logs"] {
        let mut known = known();
        known.retain(|attribute| attribute.name != format!("checkpoint.{missing}"));
        let error = Answers::default().read(json!({}), &known).unwrap_err().error;
        assert_eq!(
            (error.code.as_str(), error.hint.as_deref()),
            ("full-needed", Some("run a full sync")),
            "{missing}"
        );
    }
    let reading = Answers::default().read(json!({}), &known()).unwrap();
    for position in ["listings", &reading.checkpoints["logs"]] {
        let known = with(known(), "checkpoint.logs", position);
        let after = |now: &str| Answers::default().read(json!({}), &with(known.clone(), "now", now)).err();
        assert_eq!(after("2027-02-20T00:00:00Z"), None);
        let error = after("2027-02-22T00:00:00Z").unwrap().error;
        assert_eq!(error.code, "full-needed", "{}", error.message);
    }
}

#[test]
fn a_credential_that_may_not_read_the_log_says_so_and_still_sees_the_rest() {
    let okta: Okta = testing::configure(json!({})).unwrap();
    let mut answers = Answers { users: vec![user("u1", "ACTIVE")], ..Answers::default() };
    let reading = testing::run(&okta, &Scope::Changes, &known(), |request| match request.bucket.as_str() {
        "logs" => refusal(403, "E0000006"),
        _ => answers.answer(request),
    })
    .unwrap();
    assert_eq!(reading.users.len(), 1);
    assert!(reading.problems[0].error.hint.as_deref().unwrap().contains("okta.logs.read"));
    assert!(!reading.checkpoints.contains_key("logs"));
}

#[test]
fn a_position_that_okta_does_not_know_asks_for_a_full_run() {
    let okta: Okta = testing::configure(json!({})).unwrap();
    let mut answers = Answers::default();
    let stopped = testing::run(&okta, &Scope::Changes, &known(), |request| match request.bucket.as_str() {
        "logs" => refusal(400, "E0000031"),
        _ => answers.answer(request),
    })
    .unwrap_err();
    assert_eq!(stopped.error.code, "full-needed");
}

#[test]
fn without_a_date_or_a_link_nothing_is_passed_over() {
    let okta: Okta = testing::configure(json!({})).unwrap();
    let mut answers = Answers::default();
    let reading = testing::run(&okta, &Scope::Changes, &known(), |request| {
        let mut response = answers.answer(request);
        response.headers.retain(|header| header.name != "date");
        response
    })
    .unwrap();
    assert!(reading.checkpoints.is_empty(), "the older ones stay");
    let mut answers = Answers::default();
    let stopped = testing::run(&okta, &Scope::Changes, &known(), |request| {
        let mut response = answers.answer(request);
        response.headers.retain(|header| header.name != "link");
        response
    });
    assert!(stopped.unwrap_err().error.message.contains("names no position"));
}

#[test]
fn a_full_run_leaves_a_point_to_go_on_from_before_its_first_page() {
    let org = crate::fake::acme();
    let mut pages = 0;
    let reading = org
        .run(json!({}), &Scope::Full, |request| {
            pages += 1;
            Some(org.answer(request).with_header("date", format!("Tue, 24 Nov 2026 12:00:{pages:02} GMT")))
        })
        .unwrap();
    assert_eq!(reading.checkpoints["users"], "2026-11-24T12:00:01.000Z");
    assert_eq!(reading.checkpoints["groups"], "2026-11-24T12:00:02.000Z");
    assert_eq!(reading.checkpoints["logs"], "listings");
    assert_eq!(reading.checkpoints["everyone"], "g0");
    let okta: Okta = testing::configure(json!({})).unwrap();
    let known: Vec<Attribute> = reading
        .checkpoints
        .iter()
        .map(|(name, value)| Attribute::new(format!("checkpoint.{name}"), value.as_str()))
        .collect();
    assert_eq!(okta.plan(&Scope::Changes, &known).unwrap().len(), 3);
}
