//! `/api/v1/users`, `/api/v1/users/{id}` and `/api/v1/users/{id}/groups`.

use serde_json::Value;

use crate::error::ApiError;
use crate::fields::{Parts, Projection};
use crate::filter::{self, Field, Filter, Held};
use crate::ids::{self, Id, IdKind};
use crate::model::Status;
use crate::org::Org;
use crate::paging::Page;
use crate::render;
use crate::reply::{Call, Reply};
use crate::seen::Seen;
use crate::sorted::SortedSearch;
use crate::time::Timestamp;

/// Default and greatest number of users in a page: no recording shows more.
const PAGE: usize = 200;
/// Default number of users a `q` returns.
const Q_PAGE: usize = 10;
/// Every recorded self link of a user's groups says 200.
const GROUPS_PAGE: usize = 200;

/// `GET /api/v1/users`.
pub(crate) fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    let mut parts = call.parts.clone();
    parts.projection = call.query.get("fields").map(Projection::parse).transpose()?;
    let all = 0..call.org.user_indices();
    if let Some(search) = call.query.get("search") {
        let filter = Filter::parse(search, true, &|name| search_field(call.org, name))?;
        let limit = call.query.limit(PAGE, PAGE)?;
        let page = match call.query.get("sortBy") {
            Some(sort_by) => sorted_page(call, search, sort_by, &filter, limit)?,
            None => {
                let from = search_cursor(call)?;
                let found = (from..all.end).filter(|&index| matches(call, index, &filter));
                Page::take(found, limit, call.quirks)
            }
        };
        // Recorded search cursors are the id of a user.
        return Ok(write_found(call, &page, limit, &parts, |index| ids::encode(IdKind::User, index)));
    }
    if let Some(expression) = call.query.get("filter") {
        let filter = Filter::parse(expression, false, &filter_field)?;
        let limit = call.query.limit(PAGE, PAGE)?;
        let from = list_cursor(call)?;
        let found = (from..all.end).filter(|&index| matches(call, index, &filter));
        return Ok(write_found(call, &Page::take(found, limit, call.quirks), limit, &parts, list_cursor_of));
    }
    let listed = |&index: &u32| call.org.status(index).is_some_and(|status| status != Status::Deprovisioned);
    if let Some(q) = call.query.get("q") {
        let limit = call.query.limit(Q_PAGE, PAGE)?;
        let q = q.to_lowercase();
        let rows = all.filter(|&index| starts_with(call, index, &q)).take(limit).collect();
        // `q` doesn't page.
        return Ok(write_found(call, &Page { rows, more: false }, limit, &parts, list_cursor_of));
    }
    let limit = call.query.limit(PAGE, PAGE)?;
    let page = Page::take((list_cursor(call)?..all.end).filter(listed), limit, call.quirks);
    Ok(write_page(call, &page, limit, &parts, list_cursor_of))
}

/// `GET /api/v1/users/{idOrLogin}`; `me` is the user who made the token.
pub(crate) fn get(call: &Call<'_>, key: &str) -> Result<Reply, ApiError> {
    let found = if key == "me" { call.owner } else { find(call.org, key) };
    let missing = || ApiError::not_found(key, "User");
    let index = found.ok_or_else(missing)?;
    let user = call.org.user(index).ok_or_else(missing)?;
    let mut body = Vec::with_capacity(4096);
    render::user(&mut body, &Id::of(IdKind::User, index), &user, call.base, &call.parts, true);
    Ok(Reply::ok(body))
}

/// `GET /api/v1/users/{id}/groups`: without paging parameters in the specification, yet it pages.
pub(crate) fn groups(call: &Call<'_>, key: &str) -> Result<Reply, ApiError> {
    let found = if key == "me" { call.owner } else { find(call.org, key) };
    let user = found.ok_or_else(|| ApiError::not_found(key, "User"))?;
    let limit = call.query.limit(GROUPS_PAGE, GROUPS_PAGE)?;
    let from = match call.query.get("after") {
        Some(after) => {
            let id: String = after.chars().rev().collect();
            ids::position(IdKind::Group, &id).ok_or_else(|| ApiError::invalid_cursor(false))?
        }
        None => 0,
    };
    let memberships = (from..call.org.groups.len() as u32)
        .filter(|&index| call.org.group(index).is_some_and(|group| call.org.is_member(group, user)));
    let page = Page::take(memberships, limit, call.quirks);
    // An opaque cursor: a group's id backwards.
    let cursor = |index| ids::encode(IdKind::Group, index).chars().rev().collect();
    Ok(call.page(&page, limit, cursor, |out, index| {
        if let Some(group) = call.org.group(index) {
            render::group(out, call.org, index, group, call.base, false);
        }
    }))
}

/// Writes users as the rows of a page, as they are now.
pub(crate) fn write_page(
    call: &Call<'_>,
    page: &Page,
    limit: usize,
    parts: &Parts,
    cursor: impl Fn(u32) -> String,
) -> Reply {
    call.page(page, limit, cursor, |out, index| {
        if let Some(user) = call.org.user(index) {
            render::user(out, &Id::of(IdKind::User, index), &user, call.base, parts, false);
        }
    })
}

/// Writes users as the rows of a page, as the index holds them that found them.
fn write_found(
    call: &Call<'_>,
    page: &Page,
    limit: usize,
    parts: &Parts,
    cursor: impl Fn(u32) -> String,
) -> Reply {
    call.page(page, limit, cursor, |out, index| {
        if let Some(user) = indexed(call, index).map(Seen::user) {
            render::user(out, &Id::of(IdKind::User, index), &user, call.base, parts, false);
        }
    })
}

fn indexed<'a>(call: &Call<'a>, index: u32) -> Option<Seen<'a>> {
    call.org.indexed(index, call.now_ms)
}

/// A login with a slash can be fetched by id only.
fn find(org: &Org, key: &str) -> Option<u32> {
    if key.contains('/') { None } else { org.find_user(key) }
}

fn sorted_page(
    call: &Call<'_>,
    search: &str,
    sort_by: &str,
    filter: &Filter,
    limit: usize,
) -> Result<Page, ApiError> {
    if search_field(call.org, sort_by).is_none() {
        return Err(ApiError::invalid_search(format!("Invalid sort property: {sort_by}")));
    }
    let descending = call.query.get("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("desc"));
    if sort_by == "created" && !descending {
        return created_page(call, filter, limit);
    }
    let order = call.sorted.order(
        SortedSearch {
            collection: "users",
            search: search.to_owned(),
            sort_by: sort_by.to_owned(),
            descending,
            version: call.org.version(),
            unindexed: call.org.unindexed(call.now_ms),
        },
        (0..call.org.user_indices())
            .filter(|&index| matches(call, index, filter))
            .filter_map(|index| Some((index, held(index, indexed(call, index)?, sort_by)))),
    );
    let from = match call.query.get("after") {
        Some(after) => {
            let last = ids::decode(IdKind::User, after);
            let at = order.iter().position(|&index| Some(index) == last);
            at.ok_or_else(|| ApiError::invalid_cursor(true))? + 1
        }
        None => 0,
    };
    Ok(Page::take(order[from..].iter().copied(), limit, call.quirks))
}

/// A page in the order of creation. It is looked for where it begins, so that a range of a large organisation costs no
/// more than one of a small one.
fn created_page(call: &Call<'_>, filter: &Filter, limit: usize) -> Result<Page, ApiError> {
    let created = |index| Some(indexed(call, index)?.created().0 * 1000);
    let version = (call.org.version(), call.org.unindexed(call.now_ms));
    let all = (0..call.org.user_indices()).filter_map(|index| Some((created(index)?, index)));
    let order = call.sorted.by_creation(version, all);
    let from = match call.query.get("after") {
        Some(after) => {
            let last = ids::decode(IdKind::User, after).and_then(|last| Some((created(last)?, last)));
            let last = last.ok_or_else(|| ApiError::invalid_cursor(true))?;
            order.partition_point(|&place| place <= last)
        }
        None => match filter.at_least("created") {
            Some(millis) => order.partition_point(|&(created, _)| created < millis),
            None => 0,
        },
    };
    let found = order[from..].iter().map(|&(_, index)| index).filter(|&index| matches(call, index, filter));
    Ok(Page::take(found, limit, call.quirks))
}

/// Recorded cursors of user lists begin with `200u`.
fn list_cursor_of(index: u32) -> String {
    format!("2{}", ids::encode(IdKind::User, index))
}

fn list_cursor(call: &Call<'_>) -> Result<u32, ApiError> {
    let Some(after) = call.query.get("after") else {
        return Ok(0);
    };
    after
        .strip_prefix('2')
        .and_then(|id| ids::position(IdKind::User, id))
        .ok_or_else(|| ApiError::invalid_cursor(false))
}

fn search_cursor(call: &Call<'_>) -> Result<u32, ApiError> {
    let Some(after) = call.query.get("after") else {
        return Ok(0);
    };
    ids::position(IdKind::User, after).ok_or_else(|| ApiError::invalid_cursor(true))
}

fn search_field(org: &Org, name: &str) -> Option<Field> {
    match name {
        "id" | "status" | "type.id" => Some(filter::SEARCH_TEXT),
        "created" | "activated" | "statusChanged" | "lastUpdated" => Some(filter::SEARCH_TIME),
        "profile.firstName" | "profile.lastName" | "profile.email" | "profile.login" => {
            Some(filter::SEARCH_TEXT_CO)
        }
        _ => name
            .strip_prefix("profile.")
            .filter(|attribute| org.has_attribute(attribute))
            .map(|_| filter::SEARCH_TEXT),
    }
}

fn filter_field(name: &str) -> Option<Field> {
    match name {
        "status" | "id" | "profile.login" | "profile.email" | "profile.firstName" | "profile.lastName" => {
            Some(filter::FILTER_TEXT)
        }
        "lastUpdated" => Some(filter::FILTER_TIME),
        _ => None,
    }
}

fn matches(call: &Call<'_>, index: u32, filter: &Filter) -> bool {
    indexed(call, index).is_some_and(|user| filter.matches(&|name| held(index, user, name)))
}

fn held(index: u32, user: Seen<'_>, name: &str) -> Held {
    let time = |value: Option<Timestamp>| value.map_or(Held::Absent, |time| Held::Millis(time.0 * 1000));
    match name {
        "id" => Held::Text(ids::encode(IdKind::User, index)),
        "status" => Held::Text(user.status().as_str().to_owned()),
        "type.id" => Held::Text(render::USER_TYPE.to_owned()),
        "created" => time(Some(user.created())),
        "activated" => time(user.activated()),
        "statusChanged" => time(user.status_changed()),
        "lastUpdated" => time(Some(user.last_updated())),
        _ => name
            .strip_prefix("profile.")
            .and_then(|attribute| user.attribute(attribute))
            .map_or(Held::Absent, Held::Value),
    }
}

/// What `q` looks for, among users that aren't deprovisioned.
fn starts_with(call: &Call<'_>, index: u32, q: &str) -> bool {
    let Some(user) = indexed(call, index).filter(|user| user.status() != Status::Deprovisioned) else {
        return false;
    };
    ["firstName", "lastName", "email"].iter().any(|name| {
        matches!(user.attribute(name), Some(Value::String(text)) if text.to_lowercase().starts_with(q))
    })
}
