//! `/api/v1/apps`, `/api/v1/apps/{id}`, `/api/v1/apps/{id}/users`, `/api/v1/apps/{id}/users/{user}` and
//! `/api/v1/apps/{id}/groups`.

use crate::app::App;
use crate::error::ApiError;
use crate::filter::{self, Field, Filter, Held};
use crate::ids::{self, IdKind};
use crate::paging::Page;
use crate::render_app;
use crate::reply::{Call, Reply};

/// Default and greatest number of applications in a page.
const PAGE: usize = 20;
const LARGEST_PAGE: usize = 200;
/// Default and greatest number of an application's users in a page.
const USERS_PAGE: usize = 50;
const LARGEST_USERS_PAGE: usize = 500;
/// Default, which is the least, and greatest number of an application's groups in a page.
const GROUPS_PAGE: usize = 20;
const LARGEST_GROUPS_PAGE: usize = 200;

/// `GET /api/v1/apps`.
pub(crate) fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    let filter =
        call.query.get("filter").map(|text| Filter::parse(text, false, &filter_field)).transpose()?;
    let q = call.query.get("q").map(str::to_lowercase);
    page(call, |index, app| {
        let named = q.as_ref().is_none_or(|q| {
            [&app.label, &app.name].iter().any(|name| name.to_lowercase().starts_with(q.as_str()))
        });
        named && filter.as_ref().is_none_or(|filter| filter.matches(&|name| held(call, index, app, name)))
    })
}

/// A page of the applications that match.
pub(crate) fn page(call: &Call<'_>, matches: impl Fn(u32, &App) -> bool) -> Result<Reply, ApiError> {
    let limit = call.query.limit(PAGE, LARGEST_PAGE)?;
    let from = cursor(call, IdKind::App)?;
    let found =
        (from..call.org.apps.len() as u32).filter(|&index| matches(index, &call.org.apps[index as usize]));
    let page = Page::take(found, limit, call.quirks);
    let cursor = |index| ids::encode(IdKind::App, index);
    Ok(call.page(&page, limit, cursor, |out, index| {
        render_app::app(out, index, &call.org.apps[index as usize], call.base);
    }))
}

/// `GET /api/v1/apps/{id}`.
pub(crate) fn get(call: &Call<'_>, id: &str) -> Result<Reply, ApiError> {
    let (index, app) = find(call, id)?;
    let mut body = Vec::with_capacity(2048);
    render_app::app(&mut body, index, app, call.base);
    Ok(Reply::ok(body))
}

/// `GET /api/v1/apps/{id}/users`: assigned directly or through a group; `expand=user` embeds the user.
pub(crate) fn users(call: &Call<'_>, id: &str) -> Result<Reply, ApiError> {
    let (index, app) = find(call, id)?;
    let limit = call.query.limit(USERS_PAGE, LARGEST_USERS_PAGE)?;
    let q = call.query.get("q").map(str::to_lowercase);
    let found = call.org.app_users(app, cursor(call, IdKind::User)?).filter(|&user| {
        q.as_ref().is_none_or(|q| {
            let user = call.org.user(user);
            ["login", "firstName", "lastName", "email"].iter().any(|name| {
                let text = user.as_ref().and_then(|user| user.text(name));
                text.is_some_and(|text| text.to_lowercase().starts_with(q.as_str()))
            })
        })
    });
    let page = Page::take(found, limit, call.quirks);
    let embed = expands(call, "user");
    let cursor = |user| ids::encode(IdKind::User, user);
    Ok(call.page(&page, limit, cursor, |out, user| {
        render_app::app_user(out, call.org, (index, app), user, call.base, embed);
    }))
}

/// `GET /api/v1/apps/{id}/users/{user}`: the assignment of that user, if there is one.
pub(crate) fn user(call: &Call<'_>, id: &str, user_id: &str) -> Result<Reply, ApiError> {
    let (index, app) = find(call, id)?;
    let user = ids::decode(IdKind::User, user_id)
        .filter(|&user| call.org.app_users(app, user).next() == Some(user))
        .ok_or_else(|| ApiError::not_found(user_id, "AppUser"))?;
    let mut body = Vec::with_capacity(1024);
    let embed = expands(call, "user");
    render_app::app_user(&mut body, call.org, (index, app), user, call.base, embed);
    Ok(Reply::ok(body))
}

/// `GET /api/v1/apps/{id}/groups`; `expand=group` embeds the group.
pub(crate) fn groups(call: &Call<'_>, id: &str) -> Result<Reply, ApiError> {
    let (index, app) = find(call, id)?;
    let limit = call.query.limit(GROUPS_PAGE, LARGEST_GROUPS_PAGE)?.max(GROUPS_PAGE);
    let q = call.query.get("q").map(str::to_lowercase);
    let from = cursor(call, IdKind::Group)?;
    let found = app.groups.range(from..).map(|(&group, _)| group).filter(|&group| {
        let group = call.org.group(group);
        q.as_ref()
            .is_none_or(|q| group.is_some_and(|group| group.name.to_lowercase().starts_with(q.as_str())))
    });
    let page = Page::take(found, limit, call.quirks);
    let embed = expands(call, "group");
    let cursor = |group| ids::encode(IdKind::Group, group);
    Ok(call.page(&page, limit, cursor, |out, group| {
        render_app::app_group(out, call.org, (index, app), group, call.base, embed);
    }))
}

fn find<'a>(call: &Call<'a>, id: &str) -> Result<(u32, &'a App), ApiError> {
    call.org.find_app(id).ok_or_else(|| ApiError::not_found(id, "AppInstance"))
}

fn expands(call: &Call<'_>, what: &str) -> bool {
    call.query.get("expand").is_some_and(|expand| expand.split(',').any(|part| part.trim() == what))
}

fn cursor(call: &Call<'_>, kind: IdKind) -> Result<u32, ApiError> {
    match call.query.get("after") {
        Some(after) => ids::position(kind, after).ok_or_else(|| ApiError::invalid_cursor(false)),
        None => Ok(0),
    }
}

fn filter_field(name: &str) -> Option<Field> {
    matches!(name, "id" | "status" | "name" | "user.id" | "group.id").then_some(filter::FILTER_TEXT)
}

fn held(call: &Call<'_>, index: u32, app: &App, name: &str) -> Held {
    match name {
        "id" => Held::Text(ids::encode(IdKind::App, index)),
        "name" => Held::Text(app.name.clone()),
        "status" => Held::Text("ACTIVE".to_owned()),
        "group.id" => {
            Held::Value(app.groups.keys().map(|&group| ids::encode(IdKind::Group, group)).collect())
        }
        "user.id" => {
            Held::Value(call.org.app_users(app, 0).map(|user| ids::encode(IdKind::User, user)).collect())
        }
        _ => Held::Absent,
    }
}
