//! `/api/v1/groups`, `/api/v1/groups/{id}`, `/api/v1/groups/{id}/users` and `/api/v1/groups/{id}/apps`.

use crate::apps;
use crate::error::ApiError;
use crate::filter::{self, Field, Filter, Held};
use crate::ids::{self, IdKind};
use crate::model::{Group, GroupType};
use crate::paging::Page;
use crate::render;
use crate::reply::{Call, Reply};
use crate::sorted::SortedSearch;
use crate::users;

/// Default and greatest number of groups in a page.
const PAGE: usize = 10_000;
/// Default number of groups a `q` returns.
const Q_PAGE: usize = 300;
/// Default and greatest number of members in a page.
const MEMBERS_PAGE: usize = 1000;

/// `GET /api/v1/groups`.
pub(crate) fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    let all = call.org.groups.len() as u32;
    let now = |index| call.org.group(index);
    if let Some(search) = call.query.get("search") {
        let filter = Filter::parse(search, true, &search_field)?;
        let limit = call.query.limit(PAGE, PAGE)?;
        let page = match call.query.get("sortBy") {
            Some(sort_by) => sorted_page(call, search, sort_by, &filter, limit)?,
            None => searched_page(call, &filter, limit)?,
        };
        return Ok(write_page(call, &page, limit, |index| call.org.indexed_group(index, call.now_ms)));
    }
    if let Some(expression) = call.query.get("filter") {
        let filter = Filter::parse(expression, false, &filter_field)?;
        let limit = call.query.limit(PAGE, PAGE)?;
        return Ok(write_page(call, &filtered_page(call, &filter, limit)?, limit, now));
    }
    if let Some(q) = call.query.get("q") {
        let limit = call.query.limit(Q_PAGE, PAGE)?;
        let q = q.to_lowercase();
        let named = |index: &u32| {
            call.org.group(*index).is_some_and(|group| group.name.to_lowercase().starts_with(&q))
        };
        // `q` doesn't page.
        let page = Page { rows: (0..all).filter(named).take(limit).collect(), more: false };
        return Ok(write_page(call, &page, limit, now));
    }
    let limit = call.query.limit(PAGE, PAGE)?;
    let groups = (cursor(call, false)?..all).filter(|&index| call.org.group(index).is_some());
    Ok(write_page(call, &Page::take(groups, limit, call.quirks), limit, now))
}

/// `GET /api/v1/groups/{id}`.
pub(crate) fn get(call: &Call<'_>, id: &str) -> Result<Reply, ApiError> {
    let (index, group) = call.org.find_group(id).ok_or_else(|| ApiError::not_found(id, "UserGroup"))?;
    let mut body = Vec::with_capacity(1024);
    render::group(&mut body, call.org, index, group, call.base, stats(call));
    Ok(Reply::ok(body))
}

/// `GET /api/v1/groups/{id}/users`: whole users, deprovisioned ones included where they stayed members.
pub(crate) fn members(call: &Call<'_>, id: &str) -> Result<Reply, ApiError> {
    let (_, group) = call.org.find_group(id).ok_or_else(|| ApiError::not_found(id, "UserGroup"))?;
    if group.members_forbidden {
        return Err(ApiError::forbidden());
    }
    let limit = call.query.limit(MEMBERS_PAGE, MEMBERS_PAGE)?;
    let from = match call.query.get("after") {
        Some(after) => ids::position(IdKind::User, after).ok_or_else(|| ApiError::invalid_cursor(false))?,
        None => 0,
    };
    let page = Page::take(call.org.members_from(group, from), limit, call.quirks);
    Ok(users::write_page(call, &page, limit, &call.parts, |index| ids::encode(IdKind::User, index)))
}

/// `GET /api/v1/groups/{id}/apps`: the applications that the group is assigned to.
pub(crate) fn apps(call: &Call<'_>, id: &str) -> Result<Reply, ApiError> {
    let (group, _) = call.org.find_group(id).ok_or_else(|| ApiError::not_found(id, "UserGroup"))?;
    apps::page(call, |_, app| app.groups.contains_key(&group))
}

/// Writes groups as the rows of a page, as `seen` shows them.
fn write_page<'a>(
    call: &Call<'_>,
    page: &Page,
    limit: usize,
    seen: impl Fn(u32) -> Option<&'a Group>,
) -> Reply {
    let stats = stats(call);
    // Recorded cursors of groups are the id of a group.
    call.page(
        page,
        limit,
        |index| ids::encode(IdKind::Group, index),
        |out, index| {
            if let Some(group) = seen(index) {
                render::group(out, call.org, index, group, call.base, stats);
            }
        },
    )
}

fn stats(call: &Call<'_>) -> bool {
    call.query.get("expand").is_some_and(|expand| expand.split(',').any(|part| part.trim() == "stats"))
}

fn cursor(call: &Call<'_>, searching: bool) -> Result<u32, ApiError> {
    let Some(after) = call.query.get("after") else {
        return Ok(0);
    };
    ids::position(IdKind::Group, after).ok_or_else(|| ApiError::invalid_cursor(searching))
}

/// A page of a `filter`, which sees changes at once.
fn filtered_page(call: &Call<'_>, filter: &Filter, limit: usize) -> Result<Page, ApiError> {
    let found = (cursor(call, false)?..call.org.groups.len() as u32).filter(|&index| {
        call.org.group(index).is_some_and(|group| filter.matches(&|name| held(index, group, name)))
    });
    Ok(Page::take(found, limit, call.quirks))
}

/// A page of a `search`, which sees what the index holds.
fn searched_page(call: &Call<'_>, filter: &Filter, limit: usize) -> Result<Page, ApiError> {
    let found =
        (cursor(call, true)?..call.org.groups.len() as u32).filter(|&index| searched(call, index, filter));
    Ok(Page::take(found, limit, call.quirks))
}

fn searched(call: &Call<'_>, index: u32, filter: &Filter) -> bool {
    let group = call.org.indexed_group(index, call.now_ms);
    group.is_some_and(|group| filter.matches(&|name| held(index, group, name)))
}

fn sorted_page(
    call: &Call<'_>,
    search: &str,
    sort_by: &str,
    filter: &Filter,
    limit: usize,
) -> Result<Page, ApiError> {
    if search_field(sort_by).is_none() {
        return Err(ApiError::invalid_search(format!("Invalid sort property: {sort_by}")));
    }
    let order = call.sorted.order(
        SortedSearch {
            collection: "groups",
            search: search.to_owned(),
            sort_by: sort_by.to_owned(),
            descending: call.query.get("sortOrder").is_some_and(|order| order.eq_ignore_ascii_case("desc")),
            version: call.org.version(),
            unindexed: call.org.unindexed(call.now_ms),
        },
        (0..call.org.groups.len() as u32).filter(|&index| searched(call, index, filter)).filter_map(
            |index| Some((index, held(index, call.org.indexed_group(index, call.now_ms)?, sort_by))),
        ),
    );
    let from = match call.query.get("after") {
        Some(after) => {
            let last = ids::decode(IdKind::Group, after);
            let at = order.iter().position(|&index| Some(index) == last);
            at.ok_or_else(|| ApiError::invalid_cursor(true))? + 1
        }
        None => 0,
    };
    Ok(Page::take(order[from..].iter().copied(), limit, call.quirks))
}

fn search_field(name: &str) -> Option<Field> {
    match name {
        "id" | "type" | "source.id" => Some(filter::SEARCH_TEXT),
        "created" | "lastUpdated" | "lastMembershipUpdated" => Some(filter::SEARCH_TIME),
        "profile.name" | "profile.description" => Some(filter::SEARCH_TEXT_CO),
        "profile.groupType"
        | "profile.samAccountName"
        | "profile.objectSid"
        | "profile.groupScope"
        | "profile.dn"
        | "profile.windowsDomainQualifiedName" => Some(filter::SEARCH_TEXT),
        _ => None,
    }
}

fn filter_field(name: &str) -> Option<Field> {
    match name {
        "id" | "type" => Some(filter::FILTER_TEXT),
        "lastUpdated" | "lastMembershipUpdated" => Some(filter::FILTER_TIME),
        _ => None,
    }
}

fn held(index: u32, group: &Group, name: &str) -> Held {
    let imported = group.kind == GroupType::AppGroup;
    match name {
        "id" => Held::Text(ids::encode(IdKind::Group, index)),
        "type" => Held::Text(group.kind.as_str().to_owned()),
        "source.id" if imported => Held::Text(render::SOURCE_APP.to_owned()),
        "created" => Held::Millis(group.created.0 * 1000),
        "lastUpdated" => Held::Millis(group.last_updated.0 * 1000),
        "lastMembershipUpdated" => Held::Millis(group.last_membership_updated.0 * 1000),
        "profile.name" => Held::Text(group.name.clone()),
        "profile.description" => group.description.clone().map_or(Held::Absent, Held::Text),
        _ if imported => render::directory_attributes(index, group)
            .into_iter()
            .find(|(attribute, _)| name.strip_prefix("profile.") == Some(attribute))
            .map_or(Held::Absent, |(_, value)| Held::Text(value)),
        _ => Held::Absent,
    }
}
