//! Required groups: only their members sync. Each is looked up by name or id, and its members are read as whole
//! users. Whatever leaves a doubt about who they are ends the run.

use rollcall_plugin::{Attribute, Error, Membership, Page, Request, Response, Subject};

use crate::ask::{self, GroupNote, RequiredGroup, Step};
use crate::groups::{self, Listed};
use crate::refusal::ROLES;
use crate::source::Okta;

/// Where the search for required groups is.
pub struct Lookup {
    pub index: usize,
    /// What earlier pages of this lookup held.
    pub found: Vec<RequiredGroup>,
    /// The groups of earlier lookups.
    pub resolved: Vec<RequiredGroup>,
    pub probe: bool,
}

impl Lookup {
    /// Before anything was looked for.
    pub fn first(probe: bool) -> Self {
        Self { index: 0, found: Vec::new(), resolved: Vec::new(), probe }
    }

    fn step(self) -> Step {
        let Self { index, found, resolved, probe } = self;
        Step::Required { index, found, resolved, probe }
    }
}

/// The next lookup; nothing after the last.
pub fn request(okta: &Okta, lookup: Lookup) -> Option<Request> {
    let wanted = okta.settings.groups.required.get(lookup.index)?;
    let property = if is_id(wanted) { "id" } else { "profile.name" };
    let expression = format!("{property} eq {}", ask::quoted(wanted));
    Some(ask::groups(&lookup.step(), Some(("search", &expression)), ask::GROUPS_A_PAGE))
}

pub fn page(
    okta: &Okta,
    mut lookup: Lookup,
    request: &Request,
    response: &Response,
    body: &str,
) -> Result<Page, Error> {
    let settings = &okta.settings.groups;
    let path = format!("groups.required.{}", lookup.index);
    let Some(wanted) = settings.required.get(lookup.index) else {
        return Err(Error::unexpected(format!("there is no {path}")));
    };
    let (listed, problems) = groups::read(body)?;
    // Others that can't be read are reported by the listing of groups.
    let itself = Some(Subject::Group(wanted.clone()));
    if let Some(problem) = problems.into_iter().find(|problem| problem.subject == itself) {
        return Err(problem.error);
    }
    for listed in listed.iter().filter(|listed| is_wanted(listed, wanted, settings.ignore_case)) {
        if listed.is_everyone() {
            return Err(Error::settings(path, format!("everybody is a member of {wanted:?}"))
                .with_hint("leave groups.required empty: everybody syncs then"));
        }
        let group = RequiredGroup { synced: is_synced(okta, listed), note: GroupNote::of(listed) };
        if lookup.found.iter().all(|found| found.note.id != group.note.id) {
            lookup.found.push(group);
        }
    }
    if let Some(next) = ask::following(request, response, listed.len())? {
        return Ok(Page { next: vec![lookup.step().note(next)], ..Page::default() });
    }
    match lookup.found.as_slice() {
        [] => Err(Error::settings(path, format!("okta has no group {wanted:?} that this credential sees"))
            .with_hint(format!("correct the name, or use the group's id; or {ROLES}"))),
        [found] => Ok(found_page(okta, found.clone(), lookup, wanted)),
        several => {
            let ids: Vec<&str> = several.iter().map(|group| group.note.id.as_str()).collect();
            Err(Error::settings(path, format!("{} groups are named {wanted:?}", ids.len()))
                .with_hint(format!("use the id of the one that is meant: {}", ids.join(", "))))
        }
    }
}

/// Reads the people of a group that was found, and goes on to the next lookup or to the groups.
fn found_page(okta: &Okta, group: RequiredGroup, lookup: Lookup, wanted: &str) -> Page {
    let mut page = Page::default();
    if lookup.probe {
        page.extra.push(Attribute::new(format!("probe.required.{wanted}"), true));
    } else if !lookup.resolved.contains(&group) {
        let id = group.note.id.clone();
        let people = Step::People { group: group.clone() };
        page.next.push(ask::members(&people, &id, ask::MEMBERS_A_PAGE));
    }
    let Lookup { index, mut resolved, probe, .. } = lookup;
    resolved.push(group);
    let next = Lookup { index: index + 1, found: Vec::new(), resolved: resolved.clone(), probe };
    match request(okta, next) {
        Some(next) => page.next.push(next),
        None if probe => {}
        None => {
            let synced = resolved.into_iter().filter(|group| group.synced);
            let covered: Vec<String> = synced.map(|group| group.note.id).collect();
            page.next.push(okta.groups_request(&covered));
        }
    }
    page
}

pub fn people_page(
    okta: &Okta,
    mut group: RequiredGroup,
    request: &Request,
    response: &Response,
    body: &str,
) -> Result<Page, Error> {
    let people = okta.users.read(body)?;
    group.note.seen |= !people.is_empty();
    let next = ask::following(request, response, people.count())?;
    if let (None, Some(reason)) = (&next, group.note.hides_its_members()) {
        return Err(Error::forbidden(reason).with_hint(ROLES));
    }
    let membership = group.synced.then(|| Membership::some(&group.note.id, people.members()));
    let memberships = membership.into_iter().chain(people.in_no_group()).collect();
    Ok(Page {
        users: people.users,
        problems: people.problems,
        memberships,
        next: next.into_iter().map(|next| Step::People { group: group.clone() }.note(next)).collect(),
        ..Page::default()
    })
}

/// Will the listing of groups hold this group? Where Okta evaluates an expression only Okta knows, so the group's
/// members are then read once more, as those of any other.
fn is_synced(okta: &Okta, listed: &Listed) -> bool {
    okta.condition().is_none() && okta.scope.holds(listed)
}

/// Is this one of the groups that settings require?
pub fn is_required(okta: &Okta, listed: &Listed) -> bool {
    let settings = &okta.settings.groups;
    settings.required.iter().any(|wanted| is_wanted(listed, wanted, settings.ignore_case))
}

/// Okta's search ignores case and may be made to find more than what was meant; only the very group counts.
fn is_wanted(listed: &Listed, wanted: &str, ignore_case: bool) -> bool {
    let name = &listed.group.name;
    let same = if ignore_case { name.to_lowercase() == wanted.to_lowercase() } else { name == wanted };
    listed.group.id == wanted || (same && !is_id(wanted))
}

/// Okta's ids of groups: `00g` and 17 letters and digits.
fn is_id(text: &str) -> bool {
    text.len() == 20 && text.starts_with("00g") && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}
