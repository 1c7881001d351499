//! A request as the endpoints see it, and their answer.

use std::borrow::Cow;

use hyper::StatusCode;

use crate::error::ApiError;
use crate::fault::Fault;
use crate::fields::Parts;
use crate::org::Org;
use crate::paging::{self, Page};
use crate::query::Query;
use crate::quirks::Quirks;
use crate::sorted::SortedSearches;

/// What an endpoint needs to answer one request.
pub(crate) struct Call<'a> {
    pub(crate) org: &'a Org,
    pub(crate) path: &'a str,
    pub(crate) query: &'a Query,
    /// Scheme and host of the request, for links.
    pub(crate) base: &'a str,
    pub(crate) parts: Parts,
    pub(crate) quirks: &'a Quirks,
    /// What spoils the page on purpose.
    pub(crate) fault: Option<&'a Fault>,
    /// Milliseconds since 1970 on the organisation's clock.
    pub(crate) now_ms: u64,
    pub(crate) sorted: &'a SortedSearches,
    /// The user who made the token.
    pub(crate) owner: Option<u32>,
}

/// An answer before headers that every response has.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) body: Vec<u8>,
    pub(crate) links: Vec<String>,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Reply {
    pub(crate) fn ok(body: Vec<u8>) -> Self {
        Self { status: StatusCode::OK, body, links: Vec::new(), headers: Vec::new() }
    }

    pub(crate) fn error(error: &ApiError, error_id: &str) -> Self {
        Self {
            status: error.status,
            body: error.body(error_id),
            links: Vec::new(),
            headers: error.headers.clone(),
        }
    }
}

impl Call<'_> {
    /// Answers with a page: an array written row by row, and its links. `cursor` names the last row.
    pub(crate) fn page(
        &self,
        page: &Page,
        limit: usize,
        cursor: impl Fn(u32) -> String,
        mut write: impl FnMut(&mut Vec<u8>, u32),
    ) -> Reply {
        let (rows, last) = match self.fault {
            Some(fault) => fault.rows(page),
            None => (Cow::Borrowed(&page.rows[..]), page.last()),
        };
        // Near the size of a user, so that a page's buffer seldom grows.
        let mut body = Vec::with_capacity(rows.len() * 1400 + 2);
        body.push(b'[');
        for (nth, &row) in rows.iter().enumerate() {
            if nth > 0 {
                body.push(b',');
            }
            write(&mut body, row);
        }
        body.push(b']');
        let next = last.map(cursor);
        let mut links = paging::links(self.base, self.path, self.query, limit, next.as_deref(), self.quirks);
        if let Some(fault) = self.fault {
            links = fault.links(links);
        }
        Reply { links, ..Reply::ok(body) }
    }
}
