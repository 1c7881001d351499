//! The people and groups of one application, where settings name one: those assigned to it, people directly or
//! through a group. Few requests a minute are allowed here (100 by Okta's defaults), so pages are as big as Okta
//! makes them and hold users and groups themselves.
//!
//! Deactivating a user ends their assignments, so whoever is deactivated is absent from the next reading: cleanup
//! decides what becomes of them.

use rollcall_plugin::{Error, Page, Problem, Request, Response};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::ask::{self, AppUse, Probe, Step};
use crate::groups;
use crate::person;
use crate::profile::id_of;
use crate::refusal::{APP_ROLES, Kind, Refusal};
use crate::source::Okta;
use crate::users::People;

/// A few, for a probe.
const A_FEW: u32 = 5;

/// What leads to the application that the settings name, by id or label; nothing where they name none.
pub fn find(okta: &Okta, then: AppUse) -> Vec<Request> {
    match okta.settings.app.as_deref() {
        None => Vec::new(),
        Some(id) if is_id(id) => requests(id, then),
        Some(label) => vec![ask::apps(&Step::FindApp { found: Vec::new(), then }, label)],
    }
}

/// What is asked of the application of that id.
fn requests(app: &str, then: AppUse) -> Vec<Request> {
    match then {
        AppUse::Read => vec![
            ask::app_users(&Step::AppUsers { app: app.to_owned(), seen: false }, app, ask::APP_USERS_A_PAGE),
            ask::app_groups(&Step::AppGroups { app: app.to_owned() }, app),
        ],
        AppUse::Probe => vec![ask::app_users(&Step::Probe(Probe::App), app, A_FEW)],
        AppUse::Person(note) => vec![person::assigned_request(note, app)],
    }
}

/// Okta finds applications whose label or name begins with what was asked for; only the very label counts.
pub fn found_page(
    okta: &Okta,
    mut found: Vec<String>,
    then: AppUse,
    request: &Request,
    response: &Response,
    body: &str,
) -> Result<Page, Error> {
    #[derive(Deserialize)]
    struct App {
        id: String,
        label: String,
    }
    let apps: Vec<App> = serde_json::from_str(body)
        .map_err(|error| Error::unexpected(format!("the answer is no list of applications: {error}")))?;
    let wanted = okta.settings.app.as_deref().unwrap_or_default();
    let next = ask::following(request, response, apps.len())?;
    let same = |app: &App| app.label.to_lowercase() == wanted.to_lowercase();
    found.extend(apps.into_iter().filter(same).map(|app| app.id));
    if let Some(next) = next {
        return Ok(Page { next: vec![Step::FindApp { found, then }.note(next)], ..Page::default() });
    }
    match found.as_slice() {
        [] => Err(Error::settings(
            "app",
            format!("okta has no application {wanted:?} that this credential sees"),
        )
        .with_hint(format!("correct the label, or use the application's id (0oa…); or {APP_ROLES}"))),
        [app] => Ok(Page { next: requests(app, then), ..Page::default() }),
        several => {
            Err(Error::settings("app", format!("{} applications have the label {wanted:?}", several.len()))
                .with_hint(format!("use the id of the one that is meant: {}", several.join(", "))))
        }
    }
}

pub fn users_page(
    okta: &Okta,
    app: &str,
    seen: bool,
    request: &Request,
    response: &Response,
    body: &str,
) -> Result<Page, Error> {
    let people = read_users(okta, body)?;
    let seen = seen || !people.is_empty();
    let next = ask::following(request, response, people.count())?;
    if next.is_none() && !seen {
        return Err(Error::settings(
            "app",
            "nobody is assigned to the application, as far as this credential sees",
        )
        .with_hint(format!("assign people or groups to it in Okta; or {APP_ROLES}")));
    }
    Ok(Page {
        users: people.users,
        problems: people.problems,
        next: next.into_iter().map(|next| Step::AppUsers { app: app.to_owned(), seen }.note(next)).collect(),
        ..Page::default()
    })
}

/// The users of a page of an application's people.
pub fn read_users(okta: &Okta, body: &str) -> Result<People, Error> {
    let (users, mut problems) = embedded(body, "user", Problem::user)?;
    let mut people = okta.users.read(&list_of(&users))?;
    people.problems.append(&mut problems);
    Ok(people)
}

pub fn groups_page(
    okta: &Okta,
    app: &str,
    request: &Request,
    response: &Response,
    body: &str,
) -> Result<Page, Error> {
    let (objects, mut problems) = embedded(body, "group", Problem::group)?;
    let next = ask::following(request, response, objects.len() + problems.len())?;
    let (listed, unread) = groups::read(&list_of(&objects))?;
    problems.extend(unread);
    let mut page = okta.listed_groups(listed, &[], response);
    page.problems = problems;
    page.next.splice(0..0, next.map(|next| Step::AppGroups { app: app.to_owned() }.note(next)));
    Ok(page)
}

/// Is the application there, and may it be read? Nothing of a run works without.
pub fn refused(okta: &Okta, refusal: &Refusal, error: Error) -> Error {
    let app = okta.settings.app.as_deref().unwrap_or_default();
    match refusal.kind {
        Kind::NotFound => {
            let message = format!("okta has no application {app:?}: {}", error.message);
            let hint = "use the id that stands in the address of the application's page in Okta's Admin Console \
                        (0oa…), or its label";
            Error { code: Error::SETTINGS.to_owned(), message, ..error }
                .with_hint(hint)
                .with_detail("path", "app")
        }
        Kind::NotAllowed => error.with_hint(APP_ROLES),
        _ => error,
    }
}

/// Okta's ids of applications: `0oa` and 17 letters and digits.
fn is_id(text: &str) -> bool {
    text.len() == 20 && text.starts_with("0oa") && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The objects that assignments embed under that name, and a problem for each that embeds none.
fn embedded<'a>(
    body: &'a str,
    name: &str,
    problem: fn(String, Error) -> Problem,
) -> Result<(Vec<&'a RawValue>, Vec<Problem>), Error> {
    #[derive(Deserialize)]
    struct Assignment<'a> {
        #[serde(rename = "_embedded", borrow)]
        embedded: Option<Embedded<'a>>,
    }
    #[derive(Deserialize)]
    struct Embedded<'a> {
        #[serde(borrow)]
        user: Option<&'a RawValue>,
        #[serde(borrow)]
        group: Option<&'a RawValue>,
    }
    let assignments: Vec<&RawValue> = serde_json::from_str(body)
        .map_err(|error| Error::unexpected(format!("the answer is no list of assignments: {error}")))?;
    let (mut objects, mut problems) = (Vec::with_capacity(assignments.len()), Vec::new());
    for json in assignments {
        let assignment: Option<Assignment<'_>> = serde_json::from_str(json.get()).ok();
        let embedded = assignment.and_then(|assignment| assignment.embedded);
        let object = embedded.and_then(|both| if name == "user" { both.user } else { both.group });
        match object {
            Some(object) => objects.push(object),
            None => {
                let id = id_of(json)
                    .ok_or_else(|| Error::unexpected("okta sent an assignment without an id".to_owned()))?;
                let what = format!("okta sent the assignment without its {name}");
                problems.push(problem(id, Error::unexpected(what)));
            }
        }
    }
    Ok((objects, problems))
}

fn list_of(objects: &[&RawValue]) -> String {
    let objects: Vec<&str> = objects.iter().map(|object| object.get()).collect();
    format!("[{}]", objects.join(","))
}
