//! The members of a group, of whom only the ids matter.

use std::borrow::Cow;
use std::collections::HashSet;

use memchr::memmem;
use rollcall_plugin::{Error, Membership, Page, Request, Response, date, ids};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ask::{self, GroupNote, Step};
use crate::groups::Listed;
use crate::profile::{Text, text_or_null};
use crate::refusal::{Kind, Refusal};
use crate::status::DEPROVISIONED;

/// In seconds: the time has whole seconds, and clocks within Okta may differ a little.
const LEAST_MARGIN: i64 = 60;

/// How often one group's members are read from the beginning because its cursor was refused.
const RESTARTS: u8 = 3;

impl GroupNote {
    pub fn of(listed: &Listed) -> Self {
        Self {
            id: listed.group.id.clone(),
            name: listed.group.name.clone(),
            count: listed.count,
            seen: false,
        }
    }

    /// Okta counts members and lists none: some credentials are shown empty lists instead of a refusal.
    pub fn hides_its_members(&self) -> Option<String> {
        self.count
            .filter(|&count| count > 0 && !self.seen)
            .map(|count| format!("okta counts {count} members of the group {:?} and lists none", self.name))
    }
}

/// The first page of the members of a group that is listed, with the version of its membership where it can be told.
///
/// That is `lastMembershipUpdated`, which is known to follow joins and leaves of Okta's own groups. Nothing says that it
/// follows imports, so groups of directories and applications have no version. Nor has a group whose members changed
/// within `margin` seconds before the listing, by Okta's clock: the time has whole seconds, and what else happened in
/// the same moment may be missing in the answer.
pub fn first_request(listed: &Listed, margin: i64, response: &Response) -> Request {
    let request = request(GroupNote::of(listed), 0);
    let now = response.header("date").and_then(|date| date::parse_http(date).ok());
    let changed = listed.members_changed.as_deref().filter(|_| listed.is_okta_s_own());
    match (changed, now) {
        (Some(version), Some(now))
            if date::parse(version).is_ok_and(|changed| changed < now - margin.max(LEAST_MARGIN)) =>
        {
            request.of_version(version)
        }
        _ => request,
    }
}

/// The first page of a group's members.
pub fn request(group: GroupNote, restarts: u8) -> Request {
    let id = group.id.clone();
    ask::members(&Step::Members { group, restarts }, &id, ask::MEMBERS_A_PAGE)
}

pub fn page(
    mut group: GroupNote,
    restarts: u8,
    request: &Request,
    response: &Response,
    body: &str,
) -> Result<Page, Error> {
    let listed: Vec<String> =
        ids(body.as_bytes()).map(|id| id.map(Cow::into_owned)).collect::<Result<_, _>>()?;
    group.seen |= !listed.is_empty();
    let next = ask::following(request, response, listed.len())?;
    let members = without_those_who_left(listed, body);
    let membership = match group.hides_its_members() {
        Some(reason) if next.is_none() => Membership::unknown(&group.id, reason),
        _ => Membership::some(&group.id, members),
    };
    Ok(Page {
        memberships: vec![membership],
        next: next
            .into_iter()
            .map(|next| Step::Members { group: group.clone(), restarts }.note(next))
            .collect(),
        ..Page::default()
    })
}

/// Okta leaves a deactivated user in the groups that a group rule gave ("deactivated users remain in rule-based
/// groups", Okta's support), so the status of each counts. Almost no page says the word, and searching for it costs
/// little beside reading the ids.
fn without_those_who_left(mut listed: Vec<String>, body: &str) -> Vec<String> {
    #[derive(Deserialize)]
    struct Member<'a> {
        #[serde(borrow)]
        id: Text<'a>,
        #[serde(default, borrow, deserialize_with = "text_or_null")]
        status: Option<Cow<'a, str>>,
    }

    if memmem::find(body.as_bytes(), DEPROVISIONED.as_bytes()).is_none() {
        return listed;
    }
    // A member of a strange shape keeps its membership: the listing of users tells what is wrong with it.
    let members: Vec<&RawValue> = serde_json::from_str(body).unwrap_or_default();
    let members =
        members.into_iter().filter_map(|member| serde_json::from_str::<Member<'_>>(member.get()).ok());
    let left: HashSet<Cow<'_, str>> = members
        .filter(|member| member.status.as_deref() == Some(DEPROVISIONED))
        .map(|Member { id: Text(id), .. }| id)
        .collect();
    listed.retain(|id| !left.contains(id.as_str()));
    listed
}

/// What costs only this group makes its membership unknown, so that it stays as it was.
pub fn refused(group: &GroupNote, restarts: u8, request: &Request, refusal: &Refusal) -> Result<Page, Error> {
    let doing = format!("listing members of group {:?}", group.name);
    let reason = match refusal.kind {
        // Begun again here and not by `restart`, which would list all groups again. Members who left in between
        // stay until the next run.
        Kind::BadRequest if ask::has_cursor(request) && restarts < RESTARTS => {
            let again = self::request(GroupNote { seen: false, ..group.clone() }, restarts + 1);
            return Ok(Page { next: vec![again], ..Page::default() });
        }
        // Groups with an admin role are closed to most credentials; groups vanish between listing and reading;
        // and some are too big even in small pages.
        Kind::NotAllowed | Kind::NotFound | Kind::Failed | Kind::BadRequest => refusal.explain(&doing),
        _ => return Err(refusal.error(&doing)),
    };
    Ok(Page { memberships: vec![Membership::unknown(&group.id, reason)], ..Page::default() })
}
