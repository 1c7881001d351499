//! `/api/v1/logs`: the System Log, polled in the order of persistence or read between two times.

use crate::error::ApiError;
use crate::event::{Event, TEXTS, Target};
use crate::event_log::Place;
use crate::filter::{self, Field, Filter, Held};
use crate::paging;
use crate::reply::{Call, Reply};
use crate::time::Timestamp;

/// Default and greatest number of events in a page; none may be asked for.
const PAGE: usize = 100;
const LARGEST_PAGE: usize = 1000;
/// How far back a query may begin, and begins when it doesn't say, in milliseconds.
const DAY_MS: u64 = 86_400_000;
const FURTHEST_MS: u64 = 180 * DAY_MS;
const UNASKED_MS: u64 = 7 * DAY_MS;
/// The specification's limits of `q`.
const MOST_KEYWORDS: usize = 10;
const LONGEST_KEYWORD: usize = 40;

/// Any text: every operator but those on lists, as far as expressions here know them.
const TEXT: Field = filter::SEARCH_TEXT_CO;
const TIME: Field = filter::SEARCH_TIME;

/// `GET /api/v1/logs`. Without `until` and ascending it is a poll: everything the log comes to hold, in the
/// order in which it came to hold it, and always with a next link. Otherwise it is bounded: by when events
/// happened, and what is persisted late may be missed.
pub(crate) fn list(call: &Call<'_>) -> Result<Reply, ApiError> {
    let asked = Asked::read(call)?;
    let administrator = administrator(call);
    let wanted = |event: &&Event| asked.wants(event, &administrator);
    let (events, next): (Vec<&Event>, Option<Place>) = if asked.polling {
        let from = asked.after.unwrap_or_else(|| Place::after(asked.since_ms));
        let events: Vec<&Event> =
            call.org.log.persisted(from, call.now_ms).filter(wanted).take(asked.limit).collect();
        let last = events.last().map(|event| Place { millis: event.persisted_ms, serial: event.serial });
        (events, Some(last.unwrap_or(from)))
    } else {
        let mut found = call.org.log.published(asked.since_ms, asked.until_ms, call.now_ms);
        if asked.descending {
            found.reverse();
        }
        let place = |event: &Event| Place { millis: event.published_ms, serial: event.serial };
        let past = |event: &&Event| match asked.after {
            Some(after) if asked.descending => place(event) < after,
            Some(after) => place(event) > after,
            None => true,
        };
        let mut rest = found.into_iter().filter(past).filter(wanted);
        let events: Vec<&Event> = rest.by_ref().take(asked.limit).collect();
        let next = rest.next().and(events.last()).map(|event| place(event));
        (events, next)
    };
    let mut body = Vec::with_capacity(events.len() * 1500 + 2);
    body.push(b'[');
    for (nth, event) in events.iter().enumerate() {
        if nth > 0 {
            body.push(b',');
        }
        // Writing to a Vec can't fail.
        let _ = serde_json::to_writer(&mut body, &event.json(&administrator));
    }
    body.push(b']');
    let next = next.map(|place| format!("{}_{}", place.millis, place.serial));
    let links = paging::links(call.base, call.path, call.query, asked.limit, next.as_deref(), call.quirks);
    Ok(Reply { links, ..Reply::ok(body) })
}

/// What a query asks for.
struct Asked {
    polling: bool,
    descending: bool,
    since_ms: u64,
    until_ms: u64,
    after: Option<Place>,
    limit: usize,
    filter: Option<Filter>,
    keywords: Vec<String>,
}

impl Asked {
    fn read(call: &Call<'_>) -> Result<Self, ApiError> {
        let until = call.query.get("until").map(|text| time("until", text)).transpose()?;
        let descending = match call.query.get("sortOrder") {
            None => false,
            Some(order) if order.eq_ignore_ascii_case("ASCENDING") => false,
            Some(order) if order.eq_ignore_ascii_case("DESCENDING") => true,
            Some(_) => {
                return Err(ApiError::validation("sortOrder", "It must be ASCENDING or DESCENDING."));
            }
        };
        let until_ms = until.unwrap_or(call.now_ms);
        let since_ms = match call.query.get("since") {
            Some(text) => time("since", text)?,
            None => until_ms.saturating_sub(UNASKED_MS),
        };
        if since_ms < call.now_ms.saturating_sub(FURTHEST_MS) {
            return Err(ApiError::log_too_old());
        }
        let after = match call.query.get("after") {
            Some(after) => Some(place(after).ok_or_else(|| ApiError::invalid_cursor(false))?),
            None => None,
        };
        let filter = call.query.get("filter").map(|text| Filter::parse(text, false, &field)).transpose()?;
        Ok(Self {
            polling: until.is_none() && !descending,
            descending,
            since_ms,
            until_ms,
            after,
            limit: limit(call)?,
            filter,
            keywords: keywords(call.query.get("q").unwrap_or_default())?,
        })
    }

    fn wants(&self, event: &Event, administrator: &Target) -> bool {
        self.filter.as_ref().is_none_or(|filter| filter.matches(&|name| held(event, name, administrator)))
            && (self.keywords.is_empty() || {
                let texts: Vec<String> = TEXTS
                    .iter()
                    .flat_map(|name| event.texts(name, administrator).unwrap_or_default())
                    .map(|text| text.to_lowercase())
                    .collect();
                self.keywords.iter().all(|keyword| texts.iter().any(|text| text.contains(keyword)))
            })
    }
}

/// Unlike other lists, this one documents 0 as a limit and no silent cap.
fn limit(call: &Call<'_>) -> Result<usize, ApiError> {
    let Some(text) = call.query.get("limit") else {
        return Ok(PAGE);
    };
    let limit = text.parse().ok().filter(|limit| *limit <= LARGEST_PAGE);
    limit.ok_or_else(|| ApiError::validation("limit", "The limit must be between 0 and 1000."))
}

fn keywords(q: &str) -> Result<Vec<String>, ApiError> {
    let keywords: Vec<String> = q.split_whitespace().map(str::to_lowercase).collect();
    let long = keywords.iter().any(|keyword| keyword.chars().count() > LONGEST_KEYWORD);
    if long || keywords.len() > MOST_KEYWORDS {
        return Err(ApiError::validation("q", "At most 10 keywords of at most 40 characters are allowed."));
    }
    Ok(keywords)
}

fn time(name: &'static str, text: &str) -> Result<u64, ApiError> {
    Timestamp::parse_millis(text)
        .and_then(|millis| u64::try_from(millis).ok())
        .ok_or_else(|| ApiError::validation(name, "The time is not in ISO 8601 format."))
}

fn place(cursor: &str) -> Option<Place> {
    let (millis, serial) = cursor.split_once('_')?;
    Some(Place { millis: millis.parse().ok()?, serial: serial.parse().ok()? })
}

/// Who the events name as the administrator: the user who made the token.
fn administrator(call: &Call<'_>) -> Target {
    match call.owner {
        Some(owner) => call.org.user_target(owner),
        None => Target {
            id: "unknown".to_owned(),
            kind: "SystemPrincipal",
            alternate_id: "unknown".to_owned(),
            display_name: "unknown".to_owned(),
        },
    }
}

fn field(name: &str) -> Option<Field> {
    if name == "published" { Some(TIME) } else { TEXTS.contains(&name).then_some(TEXT) }
}

fn held(event: &Event, name: &str, administrator: &Target) -> Held {
    if name == "published" {
        return Held::Millis(event.published_ms as i64);
    }
    event.texts(name, administrator).map_or(Held::Absent, |texts| Held::Value(texts.into()))
}
