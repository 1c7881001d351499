use rollcall_plugin::{Attribute, Error, Membership, Page, Plugin, Request, Response, Scope, Source};

use crate::ask::{self, GroupNote, Step};
use crate::refusal::{self, Kind, ROLES, Refusal};
use crate::scope::GroupScope;
use crate::settings::Settings;
use crate::users::UserReader;
use crate::{groups, members, probe, required};

/// The Okta source.
///
/// ```text
/// users ─→ users ─→ …                 a full run without required groups
/// groups ─→ groups ─→ …
///   └→ members ─→ members ─→ …        for each group in scope that isn't empty or Everyone
///
/// required ─→ required ─→ groups ─→ …  a full run with them: looked up one after the other,
///   └→ people ─→ …  └→ people ─→ …     so that the listing of groups knows whose members are read already
/// ```
#[derive(Debug, Clone)]
pub struct Okta {
    pub(crate) settings: Settings,
    pub(crate) users: UserReader,
    pub(crate) scope: GroupScope,
}

impl Plugin for Okta {
    type Settings = Settings;

    fn configure(settings: Settings) -> Result<Self, Error> {
        let settings = settings.checked()?;
        Ok(Self { users: UserReader::new(&settings), scope: GroupScope::new(&settings.groups), settings })
    }
}

impl Source for Okta {
    fn plan(&self, scope: &Scope, _known: &[Attribute]) -> Result<Vec<Request>, Error> {
        match scope {
            Scope::Full => Ok(match required::request(self, 0, Vec::new(), false) {
                Some(lookup) => vec![lookup],
                None => vec![self.users_request(ask::USERS_A_PAGE), self.groups_request(&[])],
            }),
            Scope::Probe => Ok(probe::plan(self)),
            Scope::Changes => Err(Error::unsupported("the okta plugin doesn't read changes alone yet")
                .with_hint("run a full sync")),
            Scope::User(_) => Err(Error::unsupported("the okta plugin doesn't read single people yet")
                .with_hint("run a full sync")),
        }
    }

    fn decode(&self, request: &Request, response: &Response) -> Result<Page, Error> {
        let step = Step::of(request)?;
        let body = match refusal::read(response) {
            Ok(body) => body,
            Err(refusal) => return self.refused(&step, request, &refusal),
        };
        let doing = step.doing();
        let page = match step {
            Step::Users { seen } => self.users_page(seen, request, response, body),
            Step::Groups { covered } => self.groups_page(covered, request, response, body),
            Step::Members { group, restarts } => members::page(group, restarts, request, response, body),
            Step::Required { index, found, resolved, probe } => required::page(
                self,
                required::Lookup { index, found, resolved, probe },
                request,
                response,
                body,
            ),
            Step::People { group } => required::people_page(self, group, request, response, body),
            Step::Probe(question) => probe::page(self, &question, body),
        };
        page.map_err(|mut error| {
            error.message = format!("{} ({doing})", error.message);
            match response.header("x-okta-request-id") {
                Some(id) => error.with_detail("okta.request-id", id),
                None => error,
            }
        })
    }
}

impl Okta {
    pub(crate) fn users_request(&self, limit: u32) -> Request {
        ask::users(&Step::Users { seen: false }, &self.users.fields(), limit)
    }

    /// `covered`: the ids of groups whose members are read with their people.
    pub(crate) fn groups_request(&self, covered: &[String]) -> Request {
        let step = Step::Groups { covered: covered.to_vec() };
        ask::groups(&step, self.condition(), ask::GROUPS_A_PAGE)
    }

    /// The part of the scope that Okta evaluates: parameter and expression.
    pub(crate) fn condition(&self) -> Option<(&str, &str)> {
        let groups = &self.settings.groups;
        let search = groups.search.as_deref().map(|expression| ("search", expression));
        search.or(groups.filter.as_deref().map(|expression| ("filter", expression)))
    }

    fn users_page(
        &self,
        seen: bool,
        request: &Request,
        response: &Response,
        body: &str,
    ) -> Result<Page, Error> {
        let people = self.users.read(body)?;
        let seen = seen || !people.is_empty();
        let next = ask::following(request, response, people.count())?;
        if next.is_none() && !seen {
            return Err(nobody());
        }
        Ok(Page {
            users: people.users,
            problems: people.problems,
            next: next.into_iter().map(|next| Step::Users { seen }.note(next)).collect(),
            ..Page::default()
        })
    }

    fn groups_page(
        &self,
        covered: Vec<String>,
        request: &Request,
        response: &Response,
        body: &str,
    ) -> Result<Page, Error> {
        let (listed, problems) = groups::read(body)?;
        let mut page = Page { problems, ..Page::default() };
        page.next.extend(ask::following(request, response, listed.len() + page.problems.len())?);
        for listed in listed {
            let group = &listed.group;
            if !self.scope.holds(&group.id, &group.name, &listed.kind) {
                continue;
            }
            if listed.is_everyone() {
                page.memberships.push(Membership::everyone(&group.id));
            } else if listed.count == Some(0) {
                page.memberships.push(Membership::some(&group.id, Vec::new()));
            } else if !covered.contains(&group.id) {
                page.next.push(members::request(GroupNote::of(&listed), 0));
            }
            page.groups.push(listed.group);
        }
        Ok(page)
    }

    fn refused(&self, step: &Step, request: &Request, refusal: &Refusal) -> Result<Page, Error> {
        if refusal.is_too_big()
            && let Some(smaller) = ask::smaller(request)
        {
            return Ok(Page { next: vec![smaller], ..Page::default() });
        }
        let error = || refusal.error(&step.doing());
        match step {
            Step::Members { group, restarts } => members::refused(group, *restarts, request, refusal),
            Step::Probe(question) => probe::refused(self, question, refusal),
            // An old cursor; of one that was never good the host gives up after some times.
            _ if refusal.kind == Kind::BadRequest && ask::has_cursor(request) => {
                Err(Error { code: Error::RESTART.to_owned(), ..error() })
            }
            Step::Groups { .. } if refusal.kind == Kind::BadRequest => Err(self.bad_condition(error())),
            Step::People { group } if matches!(refusal.kind, Kind::NotAllowed | Kind::NotFound) => {
                Err(error().with_hint(format!(
                    "the members of {:?} decide who syncs, so the run can't go on without them: {ROLES}",
                    group.note.name
                )))
            }
            _ => Err(error()),
        }
    }

    /// Okta refused the listing of groups: where the admin wrote an expression, that is what is wrong.
    pub(crate) fn bad_condition(&self, error: Error) -> Error {
        match self.condition() {
            None => error,
            Some((parameter, _)) => Error { code: Error::SETTINGS.to_owned(), ..error }
                .with_hint(format!(
                    "correct the expression in groups.{parameter}; try it in Okta's API first"
                ))
                .with_detail("path", format!("groups.{parameter}")),
        }
    }
}

/// Okta answers a credential of narrow rights with an empty list and success.
pub(crate) fn nobody() -> Error {
    Error::forbidden("okta lists no users to this credential").with_hint(ROLES)
}
