//! What a plugin may put after the origin. The check is on the text, before any library parses it: what passes
//! is a path that no URL parser, proxy or server normalises into another one.

/// Longer request lines are refused by most servers.
const LONGEST: usize = 16 * 1024;

/// Splits `/path?query` when it is harmless; else says what is wrong with it.
pub(super) fn split(text: &str) -> Result<(&str, Option<&str>), &'static str> {
    if !text.starts_with('/') {
        return Err("it has to begin with `/`");
    }
    if text.len() > LONGEST {
        return Err("it is longer than 16 KiB");
    }
    if text.bytes().any(|byte| !byte.is_ascii_graphic()) {
        return Err("it holds a space, a control character or a character that has to be percent-encoded");
    }
    if text.contains('\\') {
        return Err("it holds a backslash");
    }
    if text.contains('#') {
        return Err("it holds a fragment");
    }
    let (path, query) = match text.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (text, None),
    };
    check_path(path)?;
    Ok((path, query))
}

/// Is `path` under this prefix? A prefix ends at a `/`: `/api/users` covers `/api/users/1` and not
/// `/api/users-admin`.
pub(super) fn is_under(path: &str, prefix: &str) -> bool {
    match path.strip_prefix(prefix) {
        Some(rest) => rest.is_empty() || prefix.ends_with('/') || rest.starts_with('/'),
        None => false,
    }
}

fn check_path(path: &str) -> Result<(), &'static str> {
    if path.contains("//") {
        return Err("it holds `//`");
    }
    for segment in path[1..].split('/') {
        // `..;x` is `..` to servers that know path parameters.
        let name = decoded(segment)?;
        if matches!(name.split(';').next(), Some("." | "..")) {
            return Err("it holds a `.` or `..` segment");
        }
        // A server that decodes twice would see a separator or a dot now.
        let again = name.to_ascii_lowercase();
        if ["%2e", "%2f", "%5c", "%00"].iter().any(|twice| again.contains(twice)) {
            return Err("it holds a doubly encoded separator or dot");
        }
    }
    Ok(())
}

/// The segment with its `%xx` resolved (bytes beyond ASCII as `?`, which is enough to judge).
fn decoded(segment: &str) -> Result<String, &'static str> {
    let mut bytes = segment.bytes();
    let mut text = String::with_capacity(segment.len());
    while let Some(byte) = bytes.next() {
        let character = match byte {
            b'%' => {
                let digit = |byte: Option<u8>| byte.and_then(|byte| char::from(byte).to_digit(16));
                let (Some(high), Some(low)) = (digit(bytes.next()), digit(bytes.next())) else {
                    return Err("it holds a `%` without two hexadecimal digits");
                };
                match u8::try_from(high * 16 + low).unwrap_or(u8::MAX) {
                    b'/' | b'\\' => return Err("it holds an encoded separator"),
                    0..=0x1f | 0x7f => return Err("it holds an encoded control character"),
                    ascii @ 0x20..=0x7e => char::from(ascii),
                    0x80.. => '?',
                }
            }
            b'@' => return Err("it holds `@`, which has to be percent-encoded"),
            b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&' | b'\'' | b'(' | b')' | b'*' | b'+' | b','
            | b';' | b'=' | b':' => char::from(byte),
            _ if byte.is_ascii_alphanumeric() => char::from(byte),
            _ => return Err("it holds a character that has to be percent-encoded"),
        };
        text.push(character);
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_paths_pass() {
        for (text, path) in [
            ("/", "/"),
            ("/api/v1/users", "/api/v1/users"),
            ("/api/v1/users?limit=200&search=status+pr", "/api/v1/users"),
            ("/api/v1/users?after=../x//y@z&filter=a%20eq%20%22b%22", "/api/v1/users"),
            ("/api/v1/users/jos%C3%A9%40acme.com", "/api/v1/users/jos%C3%A9%40acme.com"),
            ("/a/b.c/..d/e..;/...", "/a/b.c/..d/e..;/..."),
            ("/api/v1/users/100%25", "/api/v1/users/100%25"),
        ] {
            assert_eq!(split(text).map(|(path, _)| path), Ok(path), "{text}");
        }
    }

    #[test]
    fn path_escapes_are_refused() {
        for text in [
            "",
            "api/v1/users",
            "https://evil.example/api/v1/users",
            "//evil.example/api/v1/users",
            "/api//v1",
            "/\\evil.example/",
            "\\\\evil.example",
            "@evil.example/",
            "/@evil.example",
            "/api/v1/../../admin",
            "/api/v1/..",
            "/api/v1/./users",
            "/api/v1/%2e%2e/admin",
            "/api/v1/.%2E/admin",
            "/api/v1/%2e",
            "/api/v1/..;/admin",
            "/api/v1/%2e%2e%3bx/admin",
            "/api/v1/..%2fadmin",
            "/api/v1/..%5cadmin",
            "/api/v1/%252e%252e/admin",
            "/api/v1/x%252fadmin",
            "/api/v1/%00",
            "/api/v1/%0d%0ahost:evil",
            "/api/v1/users\r\nhost: evil.example",
            "/api/v1/users?x=\r\n",
            "/api/v1/us ers",
            "/api/v1/\tusers",
            "/api/v1/users#fragment",
            "/api/v1/zoë",
            "/api/v1/%zz",
            "/api/v1/%2",
            "/api/v1/<x>",
            "/api/v1/users?x=\\",
        ] {
            assert!(split(text).is_err(), "{text:?}");
        }
        assert!(split(&format!("/{}", "a".repeat(LONGEST))).is_err());
    }

    #[test]
    fn a_prefix_ends_at_a_segment() {
        assert!(is_under("/api/v1/users", "/api/v1/users"));
        assert!(is_under("/api/v1/users/1", "/api/v1/users"));
        assert!(!is_under("/api/v1/users-admin", "/api/v1/users"));
        assert!(is_under("/api/v1/groups/1", "/api/v1/groups/"));
        assert!(!is_under("/api/v1/groups", "/api/v1/groups/"));
        assert!(!is_under("/oauth2/v1/token", "/api"));
        assert!(!is_under("/API/v1/users", "/api"));
        assert!(is_under("/anything", "/"));
    }
}
