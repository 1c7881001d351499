//! The requests that the plugin makes, and the note that each carries.

use rollcall_plugin::query::{self, Query};
use rollcall_plugin::{Error, Request, Response, Subject, link};
use serde::{Deserialize, Serialize};

use crate::logs::Deleted;
use crate::ranges::Range;

/// What a request is for. Travels with it as its context.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Step {
    /// A page of the listing of all users, or of a range of them. `seen`: an earlier page held some. `since`: whoever's
    /// status changed since then is asked for their groups, in seconds since 1970.
    Users { seen: bool, range: Range, since: Option<i64> },
    /// A page of the listing of groups. The members of those in `covered` are read with their people.
    Groups { covered: Vec<String> },
    /// A page of a group's members, of which only the ids matter.
    Members { group: GroupNote, restarts: u8 },
    /// Looking for the required group of this index. `found`: what earlier pages held; `resolved`: the groups
    /// of earlier indexes.
    Required { index: usize, found: Vec<RequiredGroup>, resolved: Vec<RequiredGroup>, probe: bool },
    /// A page of the people of a required group.
    People { group: RequiredGroup },
    /// Looking for the application that the settings name by its label. `found`: what earlier pages held.
    FindApp { found: Vec<String>, then: AppUse },
    /// A page of the people who are assigned to the application of that id. `seen`: an earlier page held some.
    AppUsers { app: String, seen: bool },
    /// A page of the groups that are assigned to it.
    AppGroups { app: String },
    /// A page of the people who changed.
    ChangedUsers { since: Since },
    /// A page of the groups that changed.
    ChangedGroups,
    /// A page of the log of deletions.
    Log(LogNote),
    /// A step of reading one person.
    Person(PersonNote, PersonStep),
    /// A question of a probe.
    Probe(Probe),
}

/// What is known of a group while its members are read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupNote {
    pub id: String,
    pub name: String,
    /// How many members Okta counts, where it says so.
    pub count: Option<u64>,
    /// An earlier page held some.
    pub seen: bool,
}

/// A group whose members are the people who sync.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequiredGroup {
    pub note: GroupNote,
    /// It syncs as a group as well, so its people are its membership.
    pub synced: bool,
}

/// What an application is looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum AppUse {
    Read,
    Probe,
    Person(PersonNote),
}

/// From when on people are asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Since {
    /// Seconds since 1970.
    pub seconds: i64,
    /// The id of the group Everyone, where it is in scope.
    pub everyone: Option<String>,
}

/// What the log has told so far.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogNote {
    /// What was deleted so lately that Okta's search may still show it, and when: in seconds since 1970.
    pub recent: Vec<(Deleted, i64)>,
}

/// The one person whom a run is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonNote {
    /// As they were asked for until Okta told their id, then their id.
    pub id: String,
    /// Their groups are wanted too.
    pub groups: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum PersonStep {
    /// Their record. `in_scope`: what the settings ask of people is known to hold.
    Record { in_scope: bool },
    /// Who has that mail address? Asked when it is nobody's login.
    ByMail,
    /// Does the settings' search find them?
    Searched,
    /// Are they assigned to the application?
    Assigned,
    /// Are they in a required group?
    Required,
    /// A page of their groups.
    Groups,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Probe {
    /// Whom does the credential belong to?
    Me,
    Users,
    Groups,
    /// Are Okta's own groups visible?
    BuiltIn,
    Members,
    /// Are the people of the application visible?
    App,
}

impl Step {
    pub fn of(request: &Request) -> Result<Self, Error> {
        serde_json::from_str(&request.context).map_err(|_| {
            Error::unexpected(format!("the request's context is none of ours: {:?}", request.context))
        })
    }

    /// `GET path` for this step.
    pub fn request(&self, bucket: &str, path: impl Into<String>) -> Request {
        let request = Request::get(path).on(bucket).with_header("accept", "application/json");
        self.note(request)
    }

    /// The same request for this step.
    pub fn note(&self, request: Request) -> Request {
        let context = serde_json::to_string(self).expect("a step has no map and no failing part");
        request.with_context(context)
    }

    /// What is being done, for messages: "listing users".
    pub fn doing(&self) -> String {
        match self {
            Step::Users { .. } | Step::Probe(Probe::Users) => "listing users".to_owned(),
            Step::Groups { .. } | Step::Probe(Probe::Groups | Probe::BuiltIn) => "listing groups".to_owned(),
            Step::Members { group, .. } => format!("listing members of group {:?}", group.name),
            Step::Required { .. } => "looking for a required group".to_owned(),
            Step::People { group, .. } => format!("listing members of required group {:?}", group.note.name),
            Step::FindApp { .. } => "looking for the application".to_owned(),
            Step::AppUsers { .. } | Step::Probe(Probe::App) => "listing the application's people".to_owned(),
            Step::AppGroups { .. } => "listing the application's groups".to_owned(),
            Step::ChangedUsers { .. } => "listing changed users".to_owned(),
            Step::ChangedGroups => "listing changed groups".to_owned(),
            Step::Log(_) => "reading the log of deletions".to_owned(),
            Step::Person(person, step) => step.doing(&person.id),
            Step::Probe(Probe::Me) => "asking whom the credential belongs to".to_owned(),
            Step::Probe(Probe::Members) => "listing members of a group".to_owned(),
        }
    }
}

impl PersonStep {
    fn doing(&self, person: &str) -> String {
        match self {
            PersonStep::Record { .. } => format!("reading user {person:?}"),
            PersonStep::ByMail => format!("looking for a user of the address {person:?}"),
            PersonStep::Searched => format!("asking whether users.search finds user {person:?}"),
            PersonStep::Assigned => format!("asking whether user {person:?} has the application"),
            PersonStep::Required | PersonStep::Groups => format!("listing the groups of user {person:?}"),
        }
    }
}

/// Most users that a page of the listing holds; Okta gives no more.
pub const USERS_A_PAGE: u32 = 200;
/// More than that with `expand=stats` makes Okta slow.
pub const GROUPS_A_PAGE: u32 = 200;
/// The most that Okta gives.
pub const MEMBERS_A_PAGE: u32 = 1000;
/// The most that Okta gives of an application's people, and of its groups: few requests a minute are allowed there.
pub const APP_USERS_A_PAGE: u32 = 500;
pub const APP_GROUPS_A_PAGE: u32 = 200;
pub const APPS_A_PAGE: u32 = 200;
/// Pages aren't made smaller than this.
const FEWEST_A_PAGE: u32 = 25;

/// Leaves out of a user what is not needed, and spares Okta asking an organisation's own directory for it. It
/// has to be a Content-Type, even on a GET.
const SHORT_USERS: &str =
    "application/json; okta-response=\"omitCredentials,omitCredentialsLinks,omitTransitioningToStatus\"";

/// Finds all users, with those deactivated: a listing without a search leaves them out.
pub const ALL_USERS: &str = "status pr";

/// A page of the users that Okta's search finds.
pub fn users(step: &Step, search: &str, fields: &str, limit: u32) -> Request {
    let path = Query::new("/api/v1/users").with("search", search).with("limit", limit).with("fields", fields);
    users_at(step, path)
}

/// A page of users at a path.
pub fn users_at(step: &Step, path: impl Into<String>) -> Request {
    step.request("users", path).with_header("content-type", SHORT_USERS)
}

/// One user, by id or login.
pub fn user(step: &Step, id: &str) -> Request {
    step.request("user", format!("/api/v1/users/{}", query::segment(id)))
        .with_header("content-type", SHORT_USERS)
        .about(Subject::User(id.to_owned()))
}

/// The groups of one user.
pub fn groups_of(step: &Step, user: &str) -> Request {
    step.request("user-groups", format!("/api/v1/users/{}/groups", query::segment(user)))
        .about(Subject::User(user.to_owned()))
}

/// Applications whose label or name begins with that.
pub fn apps(step: &Step, label: &str) -> Request {
    step.request("apps", Query::new("/api/v1/apps").with("q", label).with("limit", APPS_A_PAGE))
}

/// People assigned to an application, directly or through groups, each with the user.
pub fn app_users(step: &Step, app: &str, limit: u32) -> Request {
    let path = Query::new(format!("/api/v1/apps/{}/users", query::segment(app)));
    step.request("apps", path.with("limit", limit).with("expand", "user"))
}

/// Groups assigned to an application, each with the group.
pub fn app_groups(step: &Step, app: &str) -> Request {
    let path = Query::new(format!("/api/v1/apps/{}/groups", query::segment(app)));
    step.request("apps", path.with("limit", APP_GROUPS_A_PAGE).with("expand", "group"))
}

/// What one person is to an application.
pub fn app_user(step: &Step, app: &str, user: &str) -> Request {
    let path = format!("/api/v1/apps/{}/users/{}", query::segment(app), query::segment(user));
    step.request("apps", path).about(Subject::User(user.to_owned()))
}

pub fn groups(step: &Step, condition: Option<(&str, &str)>, limit: u32) -> Request {
    let path = Query::new("/api/v1/groups").with("limit", limit).with("expand", "stats");
    let path = match condition {
        Some((parameter, expression)) => path.with(parameter, expression),
        None => path,
    };
    step.request("groups", path)
}

pub fn members(step: &Step, group: &str, limit: u32) -> Request {
    let path = Query::new(format!("/api/v1/groups/{}/users", query::segment(group))).with("limit", limit);
    step.request("groups", path).about(Subject::Group(group.to_owned()))
}

/// The request for the page after this one, which held so many `entries`. Only path and query of Okta's link count:
/// it may name another host.
pub fn following(request: &Request, response: &Response, entries: usize) -> Result<Option<Request>, Error> {
    // Okta's lists carry at least a link to themselves. A full page without any says that something on the way took
    // them out, and then the end of the list can't be told from its first page.
    let linked = response.headers.iter().any(|header| header.name.eq_ignore_ascii_case("link"));
    let limit = query::get(&request.path, "limit").and_then(|limit| limit.parse().ok()).unwrap_or(usize::MAX);
    if !linked && entries >= limit {
        return Err(Error::unexpected("a full page has no Link header, so nothing says whether more follow")
            .with_hint("a proxy or gateway on the way seems to remove it: let Link headers pass"));
    }
    match link::next(&response.headers)? {
        Some(path) if path == request.path => {
            Err(Error::unexpected("the page after this one is this one again"))
        }
        // Only the first request stands for the whole.
        path => Ok(path.map(|path| Request { path, version: None, ..request.clone() })),
    }
}

/// Does the request go on from an earlier page?
pub fn has_cursor(request: &Request) -> bool {
    query::get(&request.path, "after").is_some()
}

/// The same request for half as many entries, while that is worth trying.
pub fn smaller(request: &Request) -> Option<Request> {
    let limit: u32 = query::get(&request.path, "limit")?.parse().ok()?;
    let half = limit / 2;
    (half >= FEWEST_A_PAGE)
        .then(|| Request { path: query::replace(&request.path, "limit", half), ..request.clone() })
}

/// A text within an expression of Okta's: quotes and backslashes are escaped as in JSON.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_halved_down_to_a_floor() {
        let mut request = Request::get("/api/v1/users?search=status+pr&limit=200&after=x%2B");
        let mut paths = Vec::new();
        while let Some(next) = smaller(&request) {
            paths.push(next.path.clone());
            request = next;
        }
        assert_eq!(
            paths,
            [
                "/api/v1/users?search=status+pr&limit=100&after=x%2B",
                "/api/v1/users?search=status+pr&limit=50&after=x%2B",
                "/api/v1/users?search=status+pr&limit=25&after=x%2B",
            ]
        );
        assert_eq!(smaller(&Request::get("/api/v1/users")), None);
    }

    #[test]
    fn a_step_comes_back_with_its_request() {
        let group = GroupNote { id: "00g1".into(), name: "Zoë \"x\"".into(), count: Some(3), seen: false };
        let step = Step::Members { group, restarts: 1 };
        let request = members(&step, "00g/1", 1000);
        assert_eq!(request.path, "/api/v1/groups/00g%2F1/users?limit=1000");
        assert_eq!(request.about, Some(Subject::Group("00g/1".into())));
        assert_eq!(Step::of(&request).unwrap(), step);
        assert_eq!(Step::of(&Request::get("/")).unwrap_err().code, Error::UNEXPECTED);
    }

    #[test]
    fn text_in_an_expression_stays_text() {
        assert_eq!(quoted(r#"a"b\c"#), r#""a\"b\\c""#);
    }
}
