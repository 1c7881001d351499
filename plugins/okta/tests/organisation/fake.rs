//! A small organisation that answers as Okta does: pages by cursor, Link headers that name another host, a last
//! page that may be empty, error bodies.

use rollcall_okta::Okta;
use rollcall_plugin::testing::{self, Reading, Stopped};
use rollcall_plugin::{Request, Response, Scope, query};
use serde_json::{Value, json};

pub struct Org {
    pub users: Vec<Value>,
    pub groups: Vec<Group>,
    /// Entries on a page, whatever limit was asked for.
    pub page: usize,
}

pub struct Group {
    pub id: &'static str,
    pub name: &'static str,
    pub kind: &'static str,
    pub members: Vec<&'static str>,
}

pub fn group(id: &'static str, kind: &'static str, name: &'static str, members: &[&'static str]) -> Group {
    Group { id, name, kind, members: members.to_vec() }
}

pub fn user(id: &str, status: &str) -> Value {
    json!({ "id": id, "status": status, "profile": { "login": format!("{id}@acme.example"), "department": "Ops" } })
}

/// Five people, of whom one left, and groups of every type.
pub fn acme() -> Org {
    Org {
        users: vec![
            user("u1", "ACTIVE"),
            user("u2", "LOCKED_OUT"),
            user("u3", "DEPROVISIONED"),
            user("u4", "STAGED"),
            user("u5", "ACTIVE"),
        ],
        groups: vec![
            group("g0", "BUILT_IN", "Everyone", &["u1", "u2", "u3", "u4", "u5"]),
            group("g1", "OKTA_GROUP", "Engineering", &["u1", "u2", "u5"]),
            group("g2", "APP_GROUP", "Engineering", &["u2", "u4"]),
            group("g3", "OKTA_GROUP", "Nobody", &[]),
            group("g4", "OKTA_GROUP", "Sales \"EU\"", &["u3"]),
        ],
        page: 2,
    }
}

/// The id of an application, `Atlassian`, that three people and two groups have.
pub const APP: &str = "0oaAAAAAAAAAAAAAAAAA";
const APP_USERS: [&str; 3] = ["u1", "u2", "u5"];

fn id_of(user: &Value) -> &str {
    user["id"].as_str().expect("an id")
}

/// The searches that these tests use: equalities joined by `and`, and those created since.
fn finds(search: &str, user: &Value) -> bool {
    search.replace(['(', ')'], "").split(" and ").all(|condition| {
        if let Some(since) = condition.strip_prefix("created ge ") {
            return created(user) >= serde_json::from_str::<Value>(since).expect("a quoted text").as_str();
        }
        match condition.split_once(" eq ") {
            None => condition == "status pr",
            Some((property, wanted)) => {
                let value = property.split('.').fold(user, |value, name| &value[name]);
                *value == serde_json::from_str::<Value>(wanted).expect("a quoted text")
            }
        }
    })
}

fn created(user: &Value) -> Option<&str> {
    user["created"].as_str()
}

pub fn refusal(status: u16, code: &str) -> Response {
    let body = json!({ "errorCode": code, "errorSummary": format!("summary of {code}"), "errorId": "oae1", "errorCauses": [] });
    Response::new(status, body.to_string()).with_header("x-okta-request-id", "Xreq")
}

impl Org {
    pub fn answer(&self, request: &Request) -> Response {
        let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match path.split('/').skip(3).collect::<Vec<_>>().as_slice() {
            ["users", "me"] => Response::new(200, self.users[0].to_string()),
            ["users", wanted] => match self.user(wanted) {
                Some(user) => Response::new(200, user.to_string()),
                None => refusal(404, "E0000007"),
            },
            ["users", id, "groups"] => {
                let theirs = self.groups.iter().filter(|group| group.members.contains(id));
                self.list(request, theirs.map(Group::json).collect())
            }
            ["users"] => {
                let search = query::get(&request.path, "search").expect("a search");
                let mut found: Vec<Value> =
                    self.users.iter().filter(|user| finds(&search, user)).cloned().collect();
                if query::get(&request.path, "sortBy").is_some_and(|property| property == "created") {
                    found.sort_by(|one, other| {
                        (created(one), id_of(one)).cmp(&(created(other), id_of(other)))
                    });
                }
                self.list(request, found)
            }
            ["apps"] => {
                let q = query::get(&request.path, "q").expect("a label").to_lowercase();
                let all = [
                    ("0oaAAAAAAAAAAAAAAAAA", "Atlassian"),
                    ("0oaBBBBBBBBBBBBBBBBB", "Atlassian Test"),
                    ("0oaCCCCCCCCCCCCCCCCC", "Twice"),
                    ("0oaDDDDDDDDDDDDDDDDD", "twice"),
                ];
                let found = all.iter().filter(|(_, label)| label.to_lowercase().starts_with(&q));
                self.list(request, found.map(|(id, label)| json!({"id": id, "label": label})).collect())
            }
            ["apps", APP, "users"] => {
                let people = self.users.iter().filter(|user| APP_USERS.contains(&id_of(user)));
                self.list(request, people.map(|user| {
                    json!({"id": user["id"], "scope": "GROUP", "status": "PROVISIONED", "_embedded": {"user": user}})
                }).collect())
            }
            ["apps", APP, "users", id] => match APP_USERS.contains(id) {
                true => Response::new(200, json!({"id": id, "scope": "GROUP"}).to_string()),
                false => refusal(404, "E0000007"),
            },
            ["apps", APP, "groups"] => {
                let groups = self.groups.iter().filter(|group| ["g1", "g2"].contains(&group.id));
                self.list(request, groups.map(|group| {
                    json!({"id": group.id, "priority": 0, "_embedded": {"group": group.json()}})
                }).collect())
            }
            ["apps", _, _] | ["apps", _, _, _] => refusal(404, "E0000007"),
            ["groups"] => {
                let matching = self.groups.iter().filter(|group| group.matches(&request.path));
                self.list(request, matching.map(Group::json).collect())
            }
            ["groups", id, "users"] => match self.groups.iter().find(|group| group.id == *id) {
                Some(group) => {
                    let is_member = |user: &&Value| group.members.iter().any(|id| user["id"] == **id);
                    self.list(request, self.users.iter().filter(is_member).cloned().collect())
                }
                None => refusal(404, "E0000007"),
            },
            other => panic!("nobody asks for {other:?}"),
        }
    }

    /// By id, login or the part of a login before the @.
    fn user(&self, wanted: &str) -> Option<&Value> {
        self.users.iter().find(|user| {
            let login = user["profile"]["login"].as_str().unwrap();
            [id_of(user), login].contains(&&*wanted.replace("%40", "@"))
        })
    }

    /// A page after the cursor. A full last page is followed by an empty one, as with Okta.
    fn list(&self, request: &Request, entries: Vec<Value>) -> Response {
        let start = query::get(&request.path, "after")
            .map_or(0, |cursor| cursor.parse().expect("one of our cursors"));
        let page: Vec<Value> = entries.iter().skip(start).take(self.page).cloned().collect();
        let response = Response::new(200, Value::from(page.clone()).to_string())
            .with_header("link", format!("<https://acme-admin.okta.example{}>; rel=\"self\"", request.path));
        if page.len() < self.page {
            return response;
        }
        let next = query::replace(&request.path, "after", start + self.page).replace("%20", "+");
        response.with_header("link", format!("<https://acme.other.example{next}>; rel=\"next\""))
    }

    /// Runs to the end; `special` may answer in this organisation's place.
    pub fn run(
        &self,
        settings: Value,
        scope: &Scope,
        mut special: impl FnMut(&Request) -> Option<Response>,
    ) -> Result<Reading, Stopped> {
        let okta: Okta = testing::configure(settings).expect("the settings are right");
        testing::run(&okta, scope, &[], |request| special(request).unwrap_or_else(|| self.answer(request)))
    }

    pub fn read(&self, settings: Value) -> Reading {
        self.run(settings, &Scope::Full, |_| None).expect("the run comes to its end")
    }
}

impl Group {
    fn json(&self) -> Value {
        json!({
            "id": self.id, "type": self.kind, "objectClass": ["okta:user_group"], "profile": { "name": self.name },
            "_embedded": { "stats": { "usersCount": self.members.len() } }
        })
    }

    /// The one kind of expression that these tests use: `property eq "text"`.
    fn matches(&self, path: &str) -> bool {
        let Some(expression) = query::get(path, "search").or(query::get(path, "filter")) else { return true };
        let (property, wanted) = expression.split_once(" eq ").expect("property eq text");
        let wanted: String = serde_json::from_str(wanted).expect("a quoted text");
        match property {
            "id" => self.id == wanted,
            "type" => self.kind == wanted,
            "profile.name" => self.name.to_lowercase() == wanted.to_lowercase(),
            other => panic!("no expression about {other}"),
        }
    }
}

/// What was asked for, one line a request.
pub fn lines(reading: &Reading) -> Vec<String> {
    reading.requests.iter().map(|request| format!("{:6} {}", request.bucket, request.path)).collect()
}
