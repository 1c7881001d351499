//! Deletions, from Okta's System Log: nothing else tells of them but a full run.
//!
//! The log is polled: without `until`, ascending, from the position that the last poll ended at. Only that gives every
//! event once it is kept, those too that come late and out of order; by the times at which events were published, late
//! ones would go missing. The link to the next page is always there, so a page that isn't full is the end, and its link
//! the position to go on from. (Okta's documentation of `GET /api/v1/logs`.)
//!
//! A full run needs no request for a position: the first poll after it begins when its listings began, by the time at
//! which events were kept, with the overlap before it.
//!
//! An event may come twice, which says the same twice. What was deleted within the overlap is told again, because
//! Okta's search may still show it.
//!
//! Who is in which group is not read here: imports and rules log one event for many members, or none.

use rollcall_plugin::{Attribute, Attributes, Error, Page, Problem, Request, Response, Subject, date, query};
use serde::{Deserialize, Serialize};

use crate::ask::{LogNote, Step};
use crate::changes::{FULL_NEEDED, full_needed};
use crate::refusal::Refusal;
use crate::source::Okta;

pub const CHECKPOINT: &str = "logs";
/// The checkpoint that a full run leaves.
pub const FROM_THE_LISTINGS: &str = "listings";

/// Okta keeps events for 90 days; a day less, so that none is lost while the log is read.
const KEPT_DAYS: i64 = 89;
/// The most that Okta gives.
const EVENTS_A_PAGE: u32 = 1000;

const USER_DELETED: &str = "user.lifecycle.delete.completed";
const GROUP_DELETED: [&str; 2] = ["group.lifecycle.delete", "system.import.group.delete"];

/// What reading the log needs.
const LOG_ROLES: &str = "until then only a full sync sees what was deleted: give the token's owner a role that sees the \
                         System Log, such as Read-only Administrator; an OAuth app needs the scope okta.logs.read";

/// What the checkpoint holds.
#[derive(Serialize, Deserialize)]
struct Position {
    /// Path and query of the next poll.
    next: String,
    /// When it was learnt, by Okta's clock.
    at: i64,
    recent: Vec<(Deleted, i64)>,
}

/// A deleted user or group, by id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Deleted {
    User(String),
    Group(String),
}

impl From<&Deleted> for Subject {
    fn from(subject: &Deleted) -> Self {
        match subject {
            Deleted::User(id) => Subject::User(id.clone()),
            Deleted::Group(id) => Subject::Group(id.clone()),
        }
    }
}

/// Where to poll from, and what was deleted lately. `listings`: when the listings of the last run began.
pub fn position(okta: &Okta, known: &[Attribute], listings: i64) -> Result<(String, LogNote), Error> {
    let kept = |at: i64| match known.text("now").map(date::parse).transpose()? {
        Some(now) if now - at > KEPT_DAYS * 86_400 => Err(full_needed(format!(
            "the last run was at {}, and okta's log keeps what was deleted for 90 days",
            date::format(at)
        ))),
        _ => Ok(()),
    };
    match known.text(&format!("checkpoint.{CHECKPOINT}")) {
        None => Err(full_needed("nothing says how far the log was read")),
        Some(FROM_THE_LISTINGS) => {
            kept(listings)?;
            let types = GROUP_DELETED.into_iter().chain([USER_DELETED]);
            let filter: Vec<String> = types.map(|name| format!("eventType eq \"{name}\"")).collect();
            let path = query::Query::new("/api/v1/logs")
                .with("since", date::format(okta.before(listings)))
                .with("sortOrder", "ASCENDING")
                .with("limit", EVENTS_A_PAGE)
                .with("filter", filter.join(" or "));
            Ok((path.into(), LogNote { recent: Vec::new() }))
        }
        Some(text) => {
            let position: Position = serde_json::from_str(text)
                .map_err(|_| full_needed("how far the log was read can't be told any more"))?;
            kept(position.at)?;
            let from = okta.before(listings);
            let mut recent = position.recent;
            recent.retain(|(_, at)| *at >= from);
            Ok((position.next, LogNote { recent }))
        }
    }
}

pub fn request((path, note): (String, LogNote)) -> Request {
    Step::Log(note).request("logs", path)
}

pub fn page(mut note: LogNote, request: &Request, response: &Response, body: &str) -> Result<Page, Error> {
    let events: Vec<Event> = serde_json::from_str(body)
        .map_err(|error| Error::unexpected(format!("the answer is no list of events: {error}")))?;
    let next = rollcall_plugin::link::next(&response.headers)?.ok_or_else(|| {
        Error::unexpected("okta's log names no position to go on from")
            .with_hint("a proxy or gateway on the way seems to remove Link headers: let them pass")
    })?;
    let limit = query::get(&request.path, "limit").and_then(|limit| limit.parse().ok());
    let full = limit.is_none_or(|limit: usize| events.len() >= limit) && !events.is_empty();
    for event in events {
        let at = date::parse(&event.published)?;
        note.recent.extend(event.deleted().into_iter().map(|subject| (subject, at)));
    }
    if full {
        if next == request.path {
            return Err(Error::unexpected(
                "okta's log doesn't move on: the page after this one is this one again",
            ));
        }
        let following = Request { path: next, ..request.clone() };
        return Ok(Page { next: vec![Step::Log(note).note(following)], ..Page::default() });
    }
    let gone = note.recent.iter().map(|(subject, _)| Subject::from(subject)).collect();
    let at = response.header("date").and_then(|date| date::parse_http(date).ok());
    // Without a date the poll is done again from where this one began: nothing is lost.
    let checkpoint = at.map(|at| {
        let position = Position { next, at, recent: note.recent };
        let text = serde_json::to_string(&position).expect("a position has no map and no failing part");
        (CHECKPOINT.to_owned(), text)
    });
    Ok(Page { gone, checkpoints: checkpoint.into_iter().collect(), ..Page::default() })
}

/// A credential that may not read the log still sees all other changes.
pub fn forbidden(refusal: &Refusal) -> Page {
    let error = refusal.error("reading the log of deletions").with_hint(LOG_ROLES);
    Page { problems: vec![Problem::general(error)], ..Page::default() }
}

/// The position that was kept is none of Okta's any more.
pub fn lost(error: Error) -> Error {
    Error { code: FULL_NEEDED.to_owned(), ..error }.with_hint("run a full sync")
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event {
    event_type: String,
    published: String,
    outcome: Option<Outcome>,
    #[serde(default)]
    target: Option<Vec<Target>>,
}

#[derive(Deserialize)]
struct Outcome {
    result: Option<String>,
}

#[derive(Deserialize)]
struct Target {
    id: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

impl Event {
    /// Whom and what it says was deleted.
    fn deleted(self) -> Vec<Deleted> {
        if self.outcome.and_then(|outcome| outcome.result).is_some_and(|result| result != "SUCCESS") {
            return Vec::new();
        }
        let users = self.event_type == USER_DELETED;
        let groups = GROUP_DELETED.contains(&self.event_type.as_str());
        let targets = self.target.unwrap_or_default().into_iter();
        targets
            .filter_map(|target| match (target.kind.as_deref(), target.id) {
                (Some("User"), Some(id)) if users => Some(Deleted::User(id)),
                (Some("UserGroup"), Some(id)) if groups => Some(Deleted::Group(id)),
                _ => None,
            })
            .collect()
    }
}
