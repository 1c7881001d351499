//! One person, by id, login or mail address.
//!
//! Their record comes when Okta has them and they are in scope; `gone` when Okta itself says that it has no such
//! user; and neither when they are there and out of scope. Deactivated people are found like all others. Their
//! groups come as members to `add`: all groups in scope that they are in now.
//!
//! ```text
//! record ─→ groups ─→ groups ─→ …                      settings ask nothing of people
//! record ─→ in scope? ─→ record ─→ groups ─→ …         users.search, app or groups.required do
//! record ─→ by mail ─→ …                               no such login, but an address
//! ```
//!
//! Where Okta decides which groups sync (groups.search, groups.filter, app), nothing here tells which of the
//! person's groups do: only memberships are given then, and those of groups that no full run read are ignored.

use rollcall_plugin::{
    Attribute, Attributes, Error, Members, Membership, Page, Request, Response, Subject, User, Value,
};

use crate::app;
use crate::ask::{self, AppUse, PersonNote, PersonStep, Step};
use crate::groups;
use crate::refusal::{Kind, Refusal};
use crate::required::is_required;
use crate::source::Okta;
use crate::status::DEPROVISIONED;

/// As many as tell one from several.
const TWO: u32 = 2;

/// `known` may hold `groups`: false, for the record alone.
pub fn plan(id: &str, known: &[Attribute]) -> Result<Vec<Request>, Error> {
    if id.trim().is_empty() {
        return Err(Error::new(Error::NOT_FOUND, "nobody has an empty name"));
    }
    if id.contains('/') {
        return Err(Error::unsupported(format!("okta finds no login that holds a slash, such as {id:?}"))
            .with_hint("use the user's id (00u…)"));
    }
    let note =
        PersonNote { id: id.to_owned(), groups: known.value("groups") != Some(&Value::Boolean(false)) };
    Ok(vec![record_request(note, false)])
}

fn step(note: PersonNote, step: PersonStep) -> Step {
    Step::Person(note, step)
}

fn record_request(note: PersonNote, in_scope: bool) -> Request {
    let id = note.id.clone();
    ask::user(&step(note, PersonStep::Record { in_scope }), &id)
}

/// Asks whether the person is assigned to that application.
pub fn assigned_request(note: PersonNote, app: &str) -> Request {
    let id = note.id.clone();
    ask::app_user(&step(note, PersonStep::Assigned), app, &id)
}

/// What has to be asked before the person is known to be in scope; nothing where settings ask nothing of people.
fn questions(okta: &Okta, note: &PersonNote) -> Vec<Request> {
    if let Some(expression) = &okta.settings.users.search {
        let search = format!("id eq {} and ({expression})", ask::quoted(&note.id));
        let searched = step(note.clone(), PersonStep::Searched);
        return vec![ask::users(&searched, &search, "id", TWO)];
    }
    if !okta.settings.groups.required.is_empty() {
        return vec![ask::groups_of(&step(note.clone(), PersonStep::Required), &note.id)];
    }
    app::find(okta, AppUse::Person(note.clone()))
}

pub fn page(
    okta: &Okta,
    note: PersonNote,
    asked: &PersonStep,
    request: &Request,
    response: &Response,
    body: &str,
) -> Result<Page, Error> {
    match asked {
        PersonStep::Record { in_scope } => record_page(okta, note, *in_scope, body),
        PersonStep::ByMail => by_mail_page(okta, note, body),
        PersonStep::Searched => {
            let found: Vec<serde::de::IgnoredAny> = list(body)?;
            Ok(in_scope_page(note, !found.is_empty()))
        }
        PersonStep::Assigned => Ok(in_scope_page(note, true)),
        PersonStep::Required => {
            let (listed, _) = groups::read(body)?;
            let found = listed.iter().any(|group| is_required(okta, group));
            match ask::following(request, response, listed.len())? {
                Some(next) if !found => Ok(Page { next: vec![next], ..Page::default() }),
                _ => Ok(in_scope_page(note, found)),
            }
        }
        PersonStep::Groups => groups_page(okta, &note, request, response, body),
    }
}

fn record_page(okta: &Okta, note: PersonNote, in_scope: bool, body: &str) -> Result<Page, Error> {
    let people = okta.users.read(&format!("[{body}]"))?;
    let mut page = Page { problems: people.problems, ..Page::default() };
    let Some(user) = people.users.into_iter().next() else { return Ok(page) };
    if !is_meant(&user, &note.id) {
        return Err(Error::unexpected(format!("okta answered with another user: {:?}", user.username)));
    }
    let note = PersonNote { id: user.id.clone(), ..note };
    if !in_scope {
        page.next = questions(okta, &note);
        if !page.next.is_empty() {
            return Ok(page);
        }
    }
    // Okta may still list groups of somebody who is deactivated; they are a member of none.
    if note.groups && user.attributes.text("status") != Some(DEPROVISIONED) {
        let id = note.id.clone();
        page.next.push(ask::groups_of(&step(note, PersonStep::Groups), &id));
    }
    page.users.push(user);
    Ok(page)
}

/// Okta finds people by id, login, or the part of a login before the @. Its path `/users/me` is whoever asks.
fn is_meant(user: &User, wanted: &str) -> bool {
    let same = |one: &str| one.to_lowercase() == wanted.to_lowercase();
    let short = user.username.split('@').next().unwrap_or_default();
    user.id == wanted || same(&user.username) || same(short)
}

fn by_mail_page(okta: &Okta, note: PersonNote, body: &str) -> Result<Page, Error> {
    let people = okta.users.read(body)?;
    match people.ids().as_slice() {
        [] => Ok(gone(&note)),
        [id] => Ok(Page {
            next: vec![record_request(PersonNote { id: id.clone(), ..note }, false)],
            ..Page::default()
        }),
        _ => Err(Error::new("ambiguous", format!("several users have the address {:?}", note.id))
            .with_hint("use the login or the id of the one that is meant")),
    }
}

fn in_scope_page(note: PersonNote, in_scope: bool) -> Page {
    let next = in_scope.then(|| record_request(note, true));
    Page { next: next.into_iter().collect(), ..Page::default() }
}

fn groups_page(
    okta: &Okta,
    note: &PersonNote,
    request: &Request,
    response: &Response,
    body: &str,
) -> Result<Page, Error> {
    let (listed, problems) = groups::read(body)?;
    let next = ask::following(request, response, listed.len() + problems.len())?;
    let mut page = Page { problems, next: next.into_iter().collect(), ..Page::default() };
    let okta_decides = okta.condition().is_some() || okta.settings.app.is_some();
    for listed in listed.into_iter().filter(|listed| okta.scope.holds(listed)) {
        let members = Members::Add(vec![note.id.clone()]);
        page.memberships.push(Membership { group: listed.group.id.clone(), members });
        page.groups.extend((!okta_decides).then(|| okta.scope.named(listed)));
    }
    Ok(page)
}

pub fn refused(
    okta: &Okta,
    note: &PersonNote,
    asked: &PersonStep,
    refusal: &Refusal,
    error: Error,
) -> Result<Page, Error> {
    match asked {
        PersonStep::Record { .. } if refusal.says_gone() && note.id.contains('@') => {
            let search = format!("profile.email eq {}", ask::quoted(&note.id));
            let by_mail = step(note.clone(), PersonStep::ByMail);
            let asked = ask::users(&by_mail, &search, &okta.users.fields(), TWO);
            Ok(Page { next: vec![asked], ..Page::default() })
        }
        // Deleted: before, or between two questions.
        PersonStep::Record { .. } | PersonStep::Required | PersonStep::Groups if refusal.says_gone() => {
            Ok(gone(note))
        }
        // Not assigned, or gone since: out of scope either way.
        PersonStep::Assigned if refusal.says_gone() => Ok(Page::default()),
        PersonStep::Assigned => Err(app::refused(okta, refusal, error)),
        PersonStep::Searched if refusal.kind == Kind::BadRequest => Err(okta.bad_search(error)),
        _ => Err(error),
    }
}

fn gone(note: &PersonNote) -> Page {
    Page { gone: vec![Subject::User(note.id.clone())], ..Page::default() }
}

fn list<T: serde::de::DeserializeOwned>(body: &str) -> Result<Vec<T>, Error> {
    serde_json::from_str(body)
        .map_err(|error| Error::unexpected(format!("the answer is no list of users: {error}")))
}
