//! Pages and the links between them.

use crate::query::Query;
use crate::quirks::Quirks;

/// The objects of a page and whether a next link follows.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Page {
    pub(crate) rows: Vec<u32>,
    pub(crate) more: bool,
}

impl Page {
    /// Takes a page from the objects that follow the cursor.
    pub(crate) fn take(objects: impl Iterator<Item = u32>, limit: usize, quirks: &Quirks) -> Self {
        let size = if quirks.short_pages { (limit / 2).max(1) } else { limit };
        let mut objects = objects.fuse();
        let rows: Vec<u32> = objects.by_ref().take(size).collect();
        let more = rows.len() == size && objects.next().is_some();
        Self { more: more || (quirks.empty_last_page && !rows.is_empty()), rows }
    }

    /// The last object, when a next page follows: what its cursor names.
    pub(crate) fn last(&self) -> Option<u32> {
        self.rows.last().copied().filter(|_| self.more)
    }
}

/// The values of the `Link` headers. The self link shows the limit even when none was asked (136 of 136
/// recordings); the next link keeps the query, with `+` for spaces, and moves the cursor.
pub(crate) fn links(
    base: &str,
    path: &str,
    query: &Query,
    limit: usize,
    next: Option<&str>,
    quirks: &Quirks,
) -> Vec<String> {
    let link = |base: &str, after: Option<&str>, relation: &str| {
        let mut parameters = form_urlencoded::Serializer::new(String::new());
        if let Some(after) = after {
            parameters.append_pair("after", after);
        }
        parameters.append_pair("limit", &limit.to_string());
        parameters.extend_pairs(query.others());
        format!("<{base}{path}?{}>; rel=\"{relation}\"", parameters.finish())
    };
    let mut links = vec![link(base, query.get("after"), "self")];
    if let Some(next) = next {
        links.push(link(quirks.next_origin.as_deref().unwrap_or(base), Some(next), "next"));
    }
    if quirks.one_link_header { vec![links.join(", ")] } else { links }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_last_page_has_no_next() {
        let quirks = Quirks::default();
        assert_eq!(Page::take(0..3, 3, &quirks), Page { rows: vec![0, 1, 2], more: false });
        assert_eq!(Page::take(0..4, 3, &quirks).last(), Some(2));
        assert_eq!(Page::take(0..0, 3, &quirks).last(), None);
    }

    #[test]
    fn quirks_change_where_pages_end() {
        let short = Quirks { short_pages: true, ..Quirks::default() };
        assert_eq!(Page::take(0..3, 4, &short), Page { rows: vec![0, 1], more: true });
        let empty = Quirks { empty_last_page: true, ..Quirks::default() };
        assert_eq!(Page::take(0..3, 4, &empty).last(), Some(2));
        assert_eq!(Page::take(3..3, 4, &empty).last(), None);
    }

    #[test]
    fn links_keep_the_query_and_move_the_cursor() {
        let query = Query::parse("search=status%20pr&after=old");
        let links = links("http://h", "/api/v1/users", &query, 200, Some("new"), &Quirks::default());
        assert_eq!(links[0], r#"<http://h/api/v1/users?after=old&limit=200&search=status+pr>; rel="self""#);
        assert_eq!(links[1], r#"<http://h/api/v1/users?after=new&limit=200&search=status+pr>; rel="next""#);
    }
}
