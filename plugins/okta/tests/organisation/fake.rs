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

pub fn refusal(status: u16, code: &str) -> Response {
    let body = json!({ "errorCode": code, "errorSummary": format!("summary of {code}"), "errorId": "oae1", "errorCauses": [] });
    Response::new(status, body.to_string()).with_header("x-okta-request-id", "Xreq")
}

impl Org {
    pub fn answer(&self, request: &Request) -> Response {
        let (path, _) = request.path.split_once('?').unwrap_or((&request.path, ""));
        match path.split('/').skip(3).collect::<Vec<_>>().as_slice() {
            ["users", "me"] => Response::new(200, self.users[0].to_string()),
            ["users"] => {
                assert_eq!(query::get(&request.path, "search").as_deref(), Some("status pr"));
                self.list(request, self.users.clone())
            }
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
