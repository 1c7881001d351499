use std::borrow::Cow;

use rollcall_plugin::{
    Attribute, Attributes, Error, Membership, Page, Plugin, Request, Response, Scope, Source, Subject, date,
};

use crate::ask::{self, AppUse, GroupNote, Step};
use crate::groups::Listed;
use crate::ranges::{self, Range, Split};
use crate::refusal::{self, Kind, ROLES, Refusal};
use crate::required::Lookup;
use crate::scope::GroupScope;
use crate::settings::{Settings, Timestamp};
use crate::users::UserReader;
use crate::{app, changes, groups, logs, members, person, probe, required};

/// The Okta source.
///
/// ```text
/// users ─→ users ─→ …                 a full run of everybody, or of those whom users.search finds;
///   └→ users ─→ …                     a large listing in ranges (the module `ranges`)
/// groups ─→ groups ─→ …
///   └→ members ─→ members ─→ …        for each group in scope that isn't empty or Everyone
///
/// required ─→ required ─→ groups ─→ …  a full run with required groups: looked up one after the other,
///   └→ people ─→ …  └→ people ─→ …     so that the listing of groups knows whose members are read already
///
/// app users ─→ app users ─→ …         a full run of an application's people and groups
/// app groups ─→ app groups ─→ …
///   └→ members ─→ members ─→ …
/// ```
///
/// One person is read by the module `person`, changes by the module `changes`.
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
    fn plan(&self, scope: &Scope, known: &[Attribute]) -> Result<Vec<Request>, Error> {
        match scope {
            Scope::Full if self.settings.app.is_some() => Ok(app::find(self, AppUse::Read)),
            Scope::Full => Ok(match required::request(self, Lookup::first(false)) {
                Some(lookup) => vec![lookup],
                None => vec![self.users_request(self.last_reading(known)?), self.groups_request(&[])],
            }),
            Scope::Probe => Ok(probe::plan(self)),
            Scope::Changes => changes::plan(self, known),
            Scope::User(id) => person::plan(id, known),
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
            Step::Users { seen, range, since } => {
                self.users_page(seen, range, since, request, response, body)
            }
            Step::Groups { covered } => self.groups_page(covered, request, response, body),
            Step::Members { group, restarts } => members::page(group, restarts, request, response, body),
            Step::Required { index, found, resolved, probe } => {
                required::page(self, Lookup { index, found, resolved, probe }, request, response, body)
            }
            Step::People { group } => required::people_page(self, group, request, response, body),
            Step::FindApp { found, then } => app::found_page(self, found, then, request, response, body),
            Step::AppUsers { app, seen } => app::users_page(self, &app, seen, request, response, body),
            Step::AppGroups { app } => app::groups_page(self, &app, request, response, body),
            Step::ChangedUsers { since } => changes::users_page(self, &since, request, response, body),
            Step::ChangedGroups => changes::groups_page(self, request, response, body),
            Step::Log(note) => logs::page(note, request, response, body),
            Step::Person(note, step) => person::page(self, note, &step, request, response, body),
            Step::Probe(question) => probe::page(self, &question, response, body),
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
    fn users_request(&self, since: Option<i64>) -> Request {
        let step = Step::Users { seen: false, range: Range::ALL, since };
        ask::users_at(&step, ranges::path(&self.users_search(), None, &self.listed_fields(since)))
    }

    fn listed_fields(&self, since: Option<i64>) -> String {
        match since {
            Some(_) => self.users.fields_with(&changes::RETURNED),
            None => self.users.fields_with(&[Timestamp::Created]),
        }
    }

    /// From when on it counts whose status changed: the host tells a full run where the last one began when it may
    /// leave out the members of groups that did not change.
    fn last_reading(&self, known: &[Attribute]) -> Result<Option<i64>, Error> {
        let began = known.text(&format!("checkpoint.{}", changes::USERS)).map(date::parse).transpose()?;
        Ok(began.map(|seconds| self.before(seconds)))
    }

    /// The search that finds the users who sync: Okta's statuses are the plugin's matter.
    pub(crate) fn users_search(&self) -> Cow<'static, str> {
        match &self.settings.users.search {
            None => ask::ALL_USERS.into(),
            Some(expression) => format!("{} and ({expression})", ask::ALL_USERS).into(),
        }
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
        range: Range,
        since: Option<i64>,
        request: &Request,
        response: &Response,
        body: &str,
    ) -> Result<Page, Error> {
        let people = self.users.read_range(body, &range)?;
        let seen = seen || people.count() > 0;
        let next = ask::following(request, response, people.count())?;
        if next.is_none() && !seen {
            return Err(match self.settings.users.search {
                None => nobody(),
                Some(_) => nobody().with_hint(format!("correct the expression in users.search; or {ROLES}")),
            });
        }
        // Who comes next belongs to another range.
        let next = next.filter(|_| people.span.beyond == 0);
        let mut next = next.map_or_else(Vec::new, |next| {
            let Split { rest, ahead } = range.after(&people.span, ranges::now(response));
            let ahead = ahead.map(|(from, range)| {
                let path = ranges::path(&self.users_search(), Some(from), &self.listed_fields(since));
                ask::users_at(&Step::Users { seen, range, since }, path)
            });
            [Some(Step::Users { seen, range: rest, since }.note(next)), ahead].into_iter().flatten().collect()
        });
        let in_no_group = people.in_no_group();
        if let Some(since) = since {
            if people.span.disordered && range.until.is_some() {
                return Err(disordered());
            }
            let returned = changes::groups_of_returned(body, since)?.into_iter();
            next.extend(returned.filter(|asked| {
                matches!(&asked.about, Some(Subject::User(id)) if people.users.iter().any(|user| user.id == *id))
            }));
        }
        Ok(Page {
            users: people.users,
            problems: people.problems,
            memberships: in_no_group.into_iter().collect(),
            checkpoints: match range.begins_all() {
                true => changes::began_whole(changes::USERS, request, response),
                // A range ahead begins later.
                false => Vec::new(),
            },
            next,
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
        let next = ask::following(request, response, listed.len() + problems.len())?;
        let everyone = listed.iter().find(|listed| listed.is_everyone() && self.scope.holds(listed));
        let mut checkpoints = changes::began_whole(changes::GROUPS, request, response);
        let everyone = everyone.map(|listed| listed.group.id.clone());
        if !checkpoints.is_empty() || everyone.is_some() {
            checkpoints.push((changes::EVERYONE.to_owned(), everyone.unwrap_or_default()));
        }
        let mut page = self.listed_groups(listed, &covered, response);
        page.checkpoints = checkpoints;
        page.problems = problems;
        page.next.splice(0..0, next);
        Ok(page)
    }

    /// The groups of a list that sync, with their members or what leads to them; the members of those in `covered`
    /// are read with their people.
    pub(crate) fn listed_groups(&self, listed: Vec<Listed>, covered: &[String], response: &Response) -> Page {
        let mut page = Page::default();
        // Only the listing of users asks for the groups of those who come back.
        let versions = self.settings.app.is_none() && self.settings.groups.required.is_empty();
        for listed in listed.into_iter().filter(|listed| self.scope.holds(listed)) {
            let id = &listed.group.id;
            if listed.is_everyone() {
                page.memberships.push(Membership::everyone(id));
            } else if listed.count == Some(0) {
                page.memberships.push(Membership::some(id, Vec::new()));
            } else if !covered.contains(id) {
                page.next.push(match versions {
                    true => members::first_request(&listed, self.overlap(), response),
                    false => members::request(GroupNote::of(&listed), 0),
                });
            }
            page.groups.push(self.scope.named(listed));
        }
        page
    }

    fn refused(&self, step: &Step, request: &Request, refusal: &Refusal) -> Result<Page, Error> {
        if refusal.is_too_big()
            && let Some(smaller) = ask::smaller(request)
        {
            return Ok(Page { next: vec![smaller], ..Page::default() });
        }
        if let Step::Users { seen, range, since } = step
            && let Some(plain) = self.unsorted((*seen, *since), range, request, refusal)
        {
            return Ok(Page { next: vec![plain], ..Page::default() });
        }
        let error = || refusal.error(&step.doing());
        match step {
            Step::Members { group, restarts } => members::refused(group, *restarts, request, refusal),
            Step::Probe(question) => probe::refused(self, question, refusal),
            Step::Person(note, asked) => person::refused(self, note, asked, refusal, error()),
            Step::Log(_) if refusal.kind == Kind::NotAllowed => Ok(logs::forbidden(refusal)),
            Step::Log(_) if refusal.kind == Kind::BadRequest => Err(logs::lost(error())),
            // An old cursor; of one that was never good the host gives up after some times.
            _ if refusal.kind == Kind::BadRequest && ask::has_cursor(request) => {
                Err(Error { code: Error::RESTART.to_owned(), ..error() })
            }
            Step::Groups { .. } | Step::ChangedGroups if refusal.kind == Kind::BadRequest => {
                Err(self.bad_condition(error()))
            }
            Step::Users { .. } if refusal.kind == Kind::BadRequest => Err(self.bad_search(error())),
            Step::FindApp { .. } | Step::AppUsers { .. } | Step::AppGroups { .. } => {
                Err(app::refused(self, refusal, error()))
            }
            Step::People { group, .. } if matches!(refusal.kind, Kind::NotAllowed | Kind::NotFound) => {
                Err(error().with_hint(format!(
                    "the members of {:?} decide who syncs, so the run can't go on without them: {ROLES}",
                    group.note.name
                )))
            }
            _ => Err(error()),
        }
    }

    /// The listing in one chain, where Okta refuses the first page of a sorted one: it can't sort, or not join the search
    /// with a time, or not in the time that it gives itself. An expression that is wrong is refused there too. A range
    /// ahead is of a listing that went well until then, and a second such chain costs time and nobody: who is read twice
    /// is one person.
    fn unsorted(
        &self,
        (seen, since): (bool, Option<i64>),
        range: &Range,
        request: &Request,
        refusal: &Refusal,
    ) -> Option<Request> {
        let helps = refusal.kind == Kind::BadRequest || refusal.is_too_big();
        if !helps || !ranges::is_sorted(request) || ask::has_cursor(request) {
            return None;
        }
        let one = Step::Users { seen, range: range.unsplit(), since };
        Some(ask::users(&one, &self.users_search(), &self.listed_fields(since), ask::USERS_A_PAGE))
    }

    /// Okta refused the search for users: where the admin wrote an expression, that is what is wrong.
    pub(crate) fn bad_search(&self, error: Error) -> Error {
        match self.settings.users.search {
            None => error,
            Some(_) => Error { code: Error::SETTINGS.to_owned(), ..error }
                .with_hint("correct the expression in users.search; try it in Okta's API first")
                .with_detail("path", "users.search"),
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

/// Those who returned would be asked for twice, or not at all.
fn disordered() -> Error {
    Error::unexpected("okta's listing of users was sorted by their creation, and then it was not")
        .with_hint("sync again; if it stays so, set skip-unchanged-members to false")
}

/// Okta answers a credential of narrow rights with an empty list and success.
pub(crate) fn nobody() -> Error {
    Error::forbidden("okta lists no users to this credential").with_hint(ROLES)
}
