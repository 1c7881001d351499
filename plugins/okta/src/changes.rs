//! What changed since the last run: people by their last update, groups by theirs or their members', and what was
//! deleted from the System Log (the module `logs`). A quiet organisation costs three requests.
//!
//! ```text
//! changed people ─→ …
//!   └→ groups of a person ─→ …          for each whose status changed
//! changed groups ─→ …
//!   └→ members ─→ members ─→ …          for each group that changed
//! members ─→ members ─→ …               for each group whose members could not be read the last time
//! log ─→ log ─→ …                       up to the first page that isn't full
//! ```
//!
//! **Where to begin.** Okta's search follows a change after a while, so each run begins `changes.overlap-minutes`
//! before the moment at which the one before it began, by Okta's clock: its `Date` header. What both see says the same
//! twice. A change that the search shows later than that is seen by the next full run. Groups are listed from no later
//! than people, also where the run before went on from what another one had read: members whom it did not know yet
//! are only now people, and so their groups have to be read again.
//!
//! **What an increment can't see** is refused by [`plan`], so that nobody takes silence for "nothing changed": whom
//! an application, required groups or an expression of Okta's keep in scope can change without the person changing.
//! The exception is `groups.filter`: but for timestamps it knows only a group's id and type, which never change.
//!
//! **Deactivated people** are changed people, and leave all groups as in a full run. When one comes back, Okta's groups
//! don't change, because a rule's members never left them; so whoever's status changed is asked for their groups. They
//! would be members of Everyone, too, by a list of changed groups alone; so that group follows people, one by one.

use rollcall_plugin::{
    Attribute, Attributes, Error, Members, Membership, Page, Request, Response, Subject, Value, date,
};
use serde::Deserialize;

use crate::ask::{self, GroupNote, PersonNote, PersonStep, Since, Step};
use crate::groups;
use crate::logs;
use crate::members;
use crate::settings::Timestamp;
use crate::source::Okta;
use crate::status::DEPROVISIONED;

/// The checkpoint of people, and of groups: when their listing began, by Okta's clock.
pub const USERS: &str = "users";
pub const GROUPS: &str = "groups";
/// The id of the group Everyone, as far as it is in scope; else empty.
pub const EVERYONE: &str = "everyone";

/// The code of an error that says that only a full run can tell.
pub const FULL_NEEDED: &str = "full-needed";

/// The first requests. `known` holds `now` and the checkpoints of the last run.
pub fn plan(okta: &Okta, known: &[Attribute]) -> Result<Vec<Request>, Error> {
    refuse_what_changes_unseen(okta)?;
    let began = |name: &str| match known.text(&format!("checkpoint.{name}")) {
        Some(text) => date::parse(text),
        None => Err(full_needed(format!("nothing says when the last reading of {name} began"))),
    };
    let (users, groups) = (began(USERS)?, began(GROUPS)?);
    let log = logs::position(okta, known, users.min(groups))?;
    let everyone = known.text(&format!("checkpoint.{EVERYONE}")).filter(|id| !id.is_empty());
    let mut requests = vec![
        users_request(okta, Since { seconds: okta.before(users), everyone: everyone.map(str::to_owned) }),
        groups_request(okta, okta.before(users.min(groups))),
        logs::request(log),
    ];
    requests.extend(unread(known).map(|group| members::request(group, 0)));
    Ok(requests)
}

/// Groups that the host wants read again.
fn unread(known: &[Attribute]) -> impl Iterator<Item = GroupNote> {
    known.iter().filter_map(|attribute| {
        let (id, Value::Text(name)) = (attribute.name.strip_prefix("unread.")?, &attribute.value) else {
            return None;
        };
        Some(GroupNote { id: id.to_owned(), name: name.clone(), count: None, seen: false })
    })
}

/// Only a full run can tell what is in scope now.
pub fn full_needed(message: impl Into<String>) -> Error {
    Error::new(FULL_NEEDED, message).with_hint("run a full sync")
}

fn refuse_what_changes_unseen(okta: &Okta) -> Result<(), Error> {
    let settings = &okta.settings;
    let filter = settings.groups.filter.as_deref().unwrap_or_default();
    let unseen = [
        ("app", settings.app.is_some(), "who is assigned to the application"),
        ("users.search", settings.users.search.is_some(), "whom the expression finds"),
        ("groups.required", !settings.groups.required.is_empty(), "who is in the required groups"),
        ("groups.search", settings.groups.search.is_some(), "which groups the expression finds"),
        ("groups.filter", filter.contains("Updated"), "which groups a time lets through"),
    ];
    match unseen.into_iter().find(|(_, set, _)| *set) {
        None => Ok(()),
        Some((path, _, what)) => Err(Error::unsupported(format!(
            "okta does not tell of changes in {what} ({path})"
        ))
        .with_hint(
            "run full syncs; or leave the setting out, and leave out people and groups with the transform \
                            `rules` or the other settings of groups",
        )
        .with_detail("path", path)),
    }
}

fn users_request(okta: &Okta, since: Since) -> Request {
    let search = format!("lastUpdated ge {}", ask::quoted(&date::format(since.seconds)));
    let fields = okta.users.fields_with(&RETURNED);
    ask::users(&Step::ChangedUsers { since }, &search, &fields, ask::USERS_A_PAGE)
}

fn groups_request(okta: &Okta, since: i64) -> Request {
    // Filters of groups are documented with gt only.
    let moment = ask::quoted(&date::format(since - 1));
    let changed = format!("lastUpdated gt {moment} or lastMembershipUpdated gt {moment}");
    let filter = match &okta.settings.groups.filter {
        None => changed,
        Some(filter) => format!("({filter}) and ({changed})"),
    };
    ask::groups(&Step::ChangedGroups, Some(("filter", &filter)), ask::GROUPS_A_PAGE)
}

pub fn users_page(
    okta: &Okta,
    since: &Since,
    request: &Request,
    response: &Response,
    body: &str,
) -> Result<Page, Error> {
    let people = okta.users.read(body)?;
    let next = ask::following(request, response, people.count())?;
    let mut memberships: Vec<Membership> = people.in_no_group().into_iter().collect();
    let members = people.members();
    if let Some(everyone) = since.everyone.as_ref().filter(|_| !members.is_empty()) {
        memberships.push(Membership { group: everyone.clone(), members: Members::Add(members) });
    }
    let mut page = Page {
        memberships,
        checkpoints: began(USERS, request, response),
        next: next.into_iter().collect(),
        ..Page::default()
    };
    page.next.extend(groups_of_returned(body, since.seconds)?);
    (page.users, page.problems) = (people.users, people.problems);
    Ok(page)
}

/// Asks for the groups of those whose status changed since: whoever comes back is in groups that did not change.
pub fn groups_of_returned(body: &str, since: i64) -> Result<Vec<Request>, Error> {
    let asked = whose_status_changed(body, since)?.into_iter().map(|id| {
        let note = PersonNote { id: id.clone(), groups: true };
        ask::groups_of(&Step::Person(note, PersonStep::Groups), &id)
    });
    Ok(asked.collect())
}

/// What [`groups_of_returned`] looks at.
pub const RETURNED: [Timestamp; 2] = [Timestamp::Created, Timestamp::StatusChanged];

/// The ids of those who were there before and whose status changed since, without those who left.
fn whose_status_changed(body: &str, since: i64) -> Result<Vec<String>, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Seen {
        id: String,
        status: Option<String>,
        created: Option<String>,
        status_changed: Option<String>,
    }
    let people: Vec<&serde_json::value::RawValue> = serde_json::from_str(body)
        .map_err(|error| Error::unexpected(format!("the answer is no list of users: {error}")))?;
    // Someone of a strange shape is a problem already.
    let people = people.into_iter().filter_map(|user| serde_json::from_str::<Seen>(user.get()).ok());
    let at = |text: Option<&str>| text.and_then(|text| date::parse(text).ok());
    let changed = people.filter(|user| {
        user.status.as_deref() != Some(DEPROVISIONED)
            && at(user.status_changed.as_deref()).is_some_and(|changed| changed >= since)
            && at(user.created.as_deref()).is_none_or(|created| created < since)
    });
    Ok(changed.map(|user| user.id).collect())
}

pub fn groups_page(okta: &Okta, request: &Request, response: &Response, body: &str) -> Result<Page, Error> {
    let (listed, problems) = groups::read(body)?;
    let next = ask::following(request, response, listed.len() + problems.len())?;
    let (inside, outside): (Vec<_>, Vec<_>) = listed.into_iter().partition(|listed| okta.scope.holds(listed));
    let mut page = okta.listed_groups(inside, &[], response);
    page.memberships.retain(|membership| membership.members != Members::Everyone);
    // Renamed out of scope, for example: a full run would not give it any more.
    page.gone = outside.into_iter().map(|listed| Subject::Group(listed.group.id)).collect();
    page.problems = problems;
    page.checkpoints = began(GROUPS, request, response);
    page.next.splice(0..0, next);
    Ok(page)
}

/// The checkpoint of a listing that this answer begins. Without a date there is none, and the older one stays.
pub fn began(name: &str, request: &Request, response: &Response) -> Vec<(String, String)> {
    let date = response.header("date").filter(|_| !ask::has_cursor(request));
    let date = date.and_then(|date| date::parse_http(date).ok());
    date.map(|seconds| (name.to_owned(), date::format(seconds))).into_iter().collect()
}

/// What a full run leaves besides: the log is to be read from when it began.
pub fn began_whole(name: &str, request: &Request, response: &Response) -> Vec<(String, String)> {
    let mut checkpoints = began(name, request, response);
    if !checkpoints.is_empty() {
        checkpoints.push((logs::CHECKPOINT.to_owned(), logs::FROM_THE_LISTINGS.to_owned()));
    }
    checkpoints
}

impl Okta {
    /// Where a reading of changes has to begin that goes on from that moment.
    pub(crate) fn before(&self, seconds: i64) -> i64 {
        seconds - self.overlap()
    }

    /// How long Okta may take, in seconds, until it shows a change.
    pub(crate) fn overlap(&self) -> i64 {
        60 * i64::from(self.settings.changes.overlap_minutes)
    }
}
