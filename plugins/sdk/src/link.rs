//! `Link` headers (RFC 8288): where the next page is.
//!
//! Providers send them as several headers, joined by commas in one, or both; targets and quoted parameters may
//! hold commas and semicolons. A header that can't be read is an error and never the end of a list: taking it
//! for the end would turn a partial reading into removals.

use crate::{Error, Header};

/// One link: its target as sent, and its parameters in order with lower-case names and unquoted values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link<'a> {
    pub target: &'a str,
    pub parameters: Vec<(String, String)>,
}

impl Link<'_> {
    /// Is `relation` among the link's relation types? Only the first `rel` counts, and types are compared
    /// without regard to case (RFC 8288, sections 3.3 and 2.1.1). A link with an `anchor` speaks of another
    /// resource than the one that was read, so it is none of ours (section 3.2).
    pub fn is(&self, relation: &str) -> bool {
        let first = |name: &str| self.parameters.iter().find(|(key, _)| key == name);
        first("anchor").is_none()
            && first("rel").is_some_and(|(_, types)| {
                types.split_ascii_whitespace().any(|kind| kind.eq_ignore_ascii_case(relation))
            })
    }
}

/// Path and query of the first link of `rel="next"`; nothing when no link is.
///
/// Only path and query: the request for the next page goes to the configured origin, whatever host the
/// provider wrote there.
///
/// ```
/// use rollcall_plugin::{Response, link};
///
/// let page = Response::new(200, "[]")
///     .with_header("link", r#"<https://acme.okta.com/api/v1/users?limit=200>; rel="self""#)
///     .with_header("link", r#"<https://acme.okta.com/api/v1/users?after=00u9>; rel="next""#);
/// assert_eq!(link::next(&page.headers).unwrap().as_deref(), Some("/api/v1/users?after=00u9"));
/// ```
pub fn next(headers: &[Header]) -> Result<Option<String>, Error> {
    for header in headers.iter().filter(|header| header.name.eq_ignore_ascii_case("link")) {
        for link in parse(&header.value) {
            let link = link?;
            if link.is("next") {
                return match path_and_query(link.target) {
                    Some(path) => Ok(Some(path.to_owned())),
                    None => Err(Error::unexpected(format!(
                        "the link to the next page can't be followed: {:?}",
                        link.target
                    ))),
                };
            }
        }
    }
    Ok(None)
}

/// The links of one header value.
pub fn parse(value: &str) -> impl Iterator<Item = Result<Link<'_>, Error>> {
    let mut rest = value;
    std::iter::from_fn(move || {
        // Empty list elements are allowed (RFC 9110, section 5.6.1).
        rest = rest.trim_start_matches([',', ' ', '\t']);
        if rest.is_empty() {
            return None;
        }
        Some(match parse_one(rest) {
            Some((link, after)) => {
                rest = after;
                Ok(link)
            }
            None => {
                rest = "";
                Err(Error::unexpected(format!("the link header can't be read: {value:?}")))
            }
        })
    })
}

/// Path and query of a link's target, without its fragment. Nothing for a target relative to the page's own
/// path, which no provider that we know sends, and for a path that a URL parser could take for another host
/// (`//host`, or a backslash).
pub fn path_and_query(target: &str) -> Option<&str> {
    let target = target.split('#').next().unwrap_or_default().trim();
    let after_origin = if let Some((scheme, rest)) = target.split_once("://") {
        let known = scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http");
        known.then(|| origin_end(rest))?
    } else if let Some(rest) = target.strip_prefix("//") {
        origin_end(rest)
    } else {
        target
    };
    let is_path =
        after_origin.starts_with('/') && !after_origin.starts_with("//") && !after_origin.contains('\\');
    is_path.then_some(after_origin)
}

/// What follows the authority, or nothing when there is no path.
fn origin_end(rest: &str) -> &str {
    match rest.find(['/', '?']) {
        Some(end) => &rest[end..],
        None => "",
    }
}

/// `<target>; name=value; name="value"` and what follows it.
fn parse_one(text: &str) -> Option<(Link<'_>, &str)> {
    let (target, mut rest) = text.strip_prefix('<')?.split_once('>')?;
    let mut parameters = Vec::new();
    loop {
        rest = skip_blanks(rest);
        if rest.is_empty() || rest.starts_with(',') {
            return Some((Link { target: target.trim(), parameters }, rest));
        }
        rest = skip_blanks(rest.strip_prefix(';')?);
        let end = rest.find(['=', ';', ',', ' ', '\t']).unwrap_or(rest.len());
        let name = rest[..end].to_ascii_lowercase();
        rest = skip_blanks(&rest[end..]);
        let value = match rest.strip_prefix('=') {
            None => String::new(),
            Some(after) => {
                let (value, after) = parse_value(skip_blanks(after))?;
                rest = after;
                value
            }
        };
        // An empty parameter, as in `<…>;;rel=next`, is allowed.
        if !name.is_empty() {
            parameters.push((name, value));
        }
    }
}

/// A token, or a quoted string without its quotes and backslashes.
fn parse_value(text: &str) -> Option<(String, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find([';', ',', ' ', '\t']).unwrap_or(text.len());
        return Some((text[..end].to_owned(), &text[end..]));
    };
    let mut value = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return Some((value, &quoted[at + 1..])),
            '\\' => value.push(characters.next()?.1),
            other => value.push(other),
        }
    }
    None
}

fn skip_blanks(text: &str) -> &str {
    text.trim_start_matches([' ', '\t'])
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn headers(values: &[&str]) -> Vec<Header> {
        values.iter().map(|value| Header { name: "link".into(), value: (*value).into() }).collect()
    }

    #[test]
    fn the_next_page_is_found_in_every_form() {
        for (what, values, expected) in [
            ("no header", &[][..], None),
            ("empty", &[""], None),
            ("only self", &[r#"<https://a/x>; rel="self""#], None),
            (
                "separate headers",
                &[r#"<https://a/x?limit=2>; rel="self""#, r#"<https://a/x?after=1&limit=2>; rel="next""#],
                Some("/x?after=1&limit=2"),
            ),
            (
                "joined by a comma",
                &[r#"<https://a/x>; rel="self", <https://a/x?after=1>; rel="next""#],
                Some("/x?after=1"),
            ),
            ("no blank after the comma", &[r#"<https://a/x>;rel=self,<https://a/y>;rel=next"#], Some("/y")),
            (
                "a comma and semicolons in the target",
                &["<https://a/x?f=a,b;c=d>; rel=next"],
                Some("/x?f=a,b;c=d"),
            ),
            ("quoted comma and semicolon", &[r#"</a>; title="x, <y>; rel=no"; rel="next""#], Some("/a")),
            ("escaped quote", &[r#"</a>; title="x\", </b>; rel=\"next"; rel="prev""#], None),
            ("several relations", &[r#"</a>; rel="last Next""#], Some("/a")),
            ("a relation that only contains the word", &[r#"</a>; rel="nextish""#], None),
            ("only the first rel counts", &["</a>; rel=prev; rel=next"], None),
            ("upper-case names", &["</a>; REL=NEXT"], Some("/a")),
            ("blanks everywhere", &["  <https://a/x?q=1> ;  rel = \"next\" ; x"], Some("/x?q=1")),
            ("empty elements and parameters", &[", ,</a>;;rel=next;,"], Some("/a")),
            ("an anchor speaks of another resource", &[r##"</a>; anchor="#x"; rel=next"##], None),
            (
                "another host",
                &["<https://acme-admin.okta.com/api/v1/users?after=9>; rel=next"],
                Some("/api/v1/users?after=9"),
            ),
            ("no scheme", &["<//other/api?x=1>; rel=next"], Some("/api?x=1")),
            ("a fragment", &["<https://a/x?y=1#z>; rel=next"], Some("/x?y=1")),
            ("a port and user", &["<http://u@127.0.0.1:8080/x>; rel=next"], Some("/x")),
        ] {
            assert_eq!(next(&headers(values)).unwrap().as_deref(), expected, "{what}");
        }
    }

    #[test]
    fn an_unreadable_header_is_never_the_end_of_a_list() {
        for value in [
            "https://a/x; rel=next",
            "<https://a/x; rel=next",
            r#"</a>; rel="next"#,
            "</a> rel=next",
            "<page2>; rel=next",
            "<ftp://a/x>; rel=next",
            "<https://a>; rel=next",
            "<https://a//evil.example/x>; rel=next",
            r"</\evil.example/x>; rel=next",
            "<>; rel=next",
            r#"</a>; rel="self", oops"#,
        ] {
            let error = next(&headers(&[value])).expect_err(value);
            assert_eq!(error.code, Error::UNEXPECTED, "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_or_refused(value in "[<>;,=\"\\\\ a-z/]{0,40}") {
            parse(&value).for_each(drop);
        }

        #[test]
        fn a_written_link_is_read_back(path in "/[a-zA-Z0-9?&=,;%]{0,30}", title in "[ -~]{0,20}") {
            let quoted = title.replace('\\', r"\\").replace('"', "\\\"");
            let value = format!(r#"<https://h/self>; rel=self, <https://h{path}>; title="{quoted}"; rel="next""#);
            prop_assert_eq!(next(&headers(&[&value])).unwrap(), Some(path.clone()));
            let link = parse(&value).nth(1).unwrap().unwrap();
            prop_assert_eq!(&link.parameters[0].1, &title);
        }
    }
}
