//! What does this credential see? One question a request, one attribute an answer:
//!
//! | attribute | |
//! | --- | --- |
//! | `probe.credential` | "API token"; absent for an OAuth app, of which the host tells |
//! | `probe.user` | login of the token's owner; absent for an OAuth app |
//! | `probe.expires` | when the token ends |
//! | `probe.users` | how many users are visible, "200 or more" beyond a page (none is an error: no run could work) |
//! | `probe.groups` | how many groups in scope are visible, likewise; false: none |
//! | `probe.members` | whether the members of one such group are |
//! | `probe.everyone-visible` | whether the group Everyone is: not to those who see only some groups |
//! | `probe.people` | how many people there are who are not deactivated, as Everyone's count has it |
//! | `probe.required.NAME` | true: that required group was found |
//! | `probe.app` | whether anybody is assigned to the application of the setting app |

use rollcall_plugin::{Attribute, Error, Page, Problem, Request, Response, link};
use serde::Deserialize;

use crate::app;
use crate::ask::{self, AppUse, GROUPS_A_PAGE, GroupNote, Probe, Step, USERS_A_PAGE};
use crate::groups;
use crate::refusal::{Kind, ROLES, Refusal};
use crate::required::{self, Lookup};
use crate::source::{Okta, nobody};

/// Okta has two groups of its own.
const BUILT_IN: u32 = 20;

pub fn plan(okta: &Okta) -> Vec<Request> {
    let users =
        ask::users(&Step::Probe(Probe::Users), &okta.users_search(), &okta.users.fields(), USERS_A_PAGE);
    let groups = ask::groups(&Step::Probe(Probe::Groups), okta.condition(), GROUPS_A_PAGE);
    let built_in = Some(("filter", "type eq \"BUILT_IN\""));
    let mut requests = vec![
        Step::Probe(Probe::Me).request("user", "/api/v1/users/me"),
        users,
        groups,
        ask::groups(&Step::Probe(Probe::BuiltIn), built_in, BUILT_IN),
    ];
    requests.extend(required::request(okta, Lookup::first(true)));
    requests.extend(app::find(okta, AppUse::Probe));
    requests
}

pub fn page(okta: &Okta, question: &Probe, response: &Response, body: &str) -> Result<Page, Error> {
    let counted = |name: &str, count: usize| match link::next(&response.headers) {
        Ok(None) => Attribute::new(name, i64::try_from(count).unwrap_or(i64::MAX)),
        _ => Attribute::new(name, format!("{count} or more")),
    };
    match question {
        Probe::Me => {
            let me: Me = serde_json::from_str(body)
                .map_err(|error| Error::unexpected(format!("the answer is no user: {error}")))?;
            let ends = format!("after 30 days without use, or with the account of {}", me.profile.login);
            let mut page = found(Attribute::new("probe.credential", "API token"));
            page.extra.push(Attribute::new("probe.user", me.profile.login));
            page.extra.push(Attribute::new("probe.expires", ends));
            Ok(page)
        }
        Probe::Users => {
            let people = okta.users.read(body)?;
            if people.is_empty() {
                return Err(nobody());
            }
            let users = counted("probe.users", people.count());
            Ok(Page { problems: people.problems, ..found(users) })
        }
        Probe::Groups => {
            let (listed, problems) = groups::read(body)?;
            let mut page = found(match listed.len() {
                0 => Attribute::new("probe.groups", false),
                count => counted("probe.groups", count),
            });
            page.problems = problems;
            if listed.is_empty() {
                let nothing = Error::forbidden("okta lists no groups to this credential");
                let hint = match okta.condition() {
                    Some((parameter, _)) => {
                        format!("correct the expression in groups.{parameter}, or {ROLES}")
                    }
                    None => ROLES.to_owned(),
                };
                page.problems.push(Problem::general(nothing.with_hint(hint)));
            }
            let with_members = listed.iter().find(|listed| !listed.is_everyone() && listed.count != Some(0));
            page.next.extend(with_members.map(|listed| {
                let group = GroupNote::of(listed);
                ask::members(&Step::Probe(Probe::Members), &group.id, 1)
            }));
            Ok(page)
        }
        Probe::BuiltIn => {
            let (listed, problems) = groups::read(body)?;
            let everyone = listed.iter().find(|listed| listed.is_everyone());
            let visible = everyone.is_some();
            let mut page = found(Attribute::new("probe.everyone-visible", visible));
            let people = everyone.and_then(|everyone| i64::try_from(everyone.count?).ok());
            page.extra.extend(people.map(|people| Attribute::new("probe.people", people)));
            page.problems = problems;
            if !visible {
                let narrow = Error::forbidden(
                    "the credential's role sees only some groups, for Everyone is not among them: only these groups \
                     and their people sync",
                );
                page.problems.push(Problem::general(narrow.with_hint(ROLES)));
            }
            Ok(page)
        }
        Probe::Members => Ok(found(Attribute::new("probe.members", true))),
        Probe::App => Ok(found(Attribute::new("probe.app", !app::read_users(okta, body)?.is_empty()))),
    }
}

pub fn refused(okta: &Okta, question: &Probe, refusal: &Refusal) -> Result<Page, Error> {
    let error = refusal.error(&Step::Probe(question.clone()).doing());
    match (question, refusal.kind) {
        // An OAuth app is nobody; some roles may not even see themselves.
        (Probe::Me, Kind::NotAllowed | Kind::NotFound | Kind::BadRequest) => Ok(Page::default()),
        // The group vanished since it was listed.
        (Probe::Members, Kind::NotFound) => Ok(Page::default()),
        (Probe::Members, Kind::NotAllowed | Kind::Failed) => {
            let mut page = found(Attribute::new("probe.members", false));
            page.problems.push(Problem::general(error));
            Ok(page)
        }
        (Probe::Users, Kind::BadRequest) => Err(okta.bad_search(error)),
        (Probe::App, _) => Err(app::refused(okta, refusal, error)),
        (Probe::Groups, Kind::BadRequest) => Err(okta.bad_condition(error)),
        _ => Err(error),
    }
}

fn found(attribute: Attribute) -> Page {
    Page { extra: vec![attribute], ..Page::default() }
}

#[derive(Deserialize)]
struct Me {
    profile: MyProfile,
}

#[derive(Deserialize)]
struct MyProfile {
    login: String,
}
