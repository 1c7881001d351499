//! Whether a program printed what the README shows, apart from what is different each time.

use std::sync::LazyLock;

use regex::Regex;

/// A line of the README that stands for any number of lines.
const ANY: &str = "…";

/// What changes from run to run, and what stands for it.
static CHANGING: LazyLock<Vec<(Regex, &str)>> = LazyLock::new(|| {
    [
        (r"(https?://)?(127\.0\.0\.1:\d+|acme\.okta\.com)", "OKTA"),
        (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "AT"),
        (r"\b\d{4}-\d\d-\d\d \d\d:\d\d\b", "MINUTE"),
        (r"\b[0-9a-f]{64}\b", "SHA256"),
        (r"\bjust now\b|\b\d+ (s|min) ago\b", "AGO"),
        (r"\b\d+ kB\b", "SIZE"),
        (r"\b\d+(\.\d)? (ms|s|min)\b", "TIME"),
        // Columns are as wide as what is in them.
        (r"  +", "  "),
    ]
    .map(|(pattern, stands)| (Regex::new(pattern).unwrap(), stands))
    .into()
});

fn steady(line: &str) -> String {
    let replaced = CHANGING
        .iter()
        .fold(line.to_owned(), |line, (pattern, stands)| pattern.replace_all(&line, *stands).into_owned());
    replaced.trim_end().to_owned()
}

/// Whether `printed` is what `shown` stands for. Empty lines at the end don't count.
pub fn is_as_shown(shown: &[String], printed: &str) -> bool {
    let shown: Vec<String> = shown.iter().map(|line| steady(line)).collect();
    let printed: Vec<String> = printed.trim_end().lines().map(steady).collect();
    matches(&shown, &printed)
}

fn matches(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((first, rest)) if first == ANY => {
            (0..=printed.len()).any(|skipped| matches(rest, &printed[skipped..]))
        }
        Some((first, rest)) => printed.first() == Some(first) && matches(rest, &printed[1..]),
    }
}

#[test]
fn only_what_changes_may_differ() {
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let shown = lines("reads https://acme.okta.com (0.1 s)\n…\nusers  120   1\n…");
    assert!(is_as_shown(&shown, "reads http://127.0.0.1:3333 (12.5 s)\nusers    120  1\n"));
    assert!(is_as_shown(&shown, "reads http://127.0.0.1:3333 (2 min)\n\nmore\nusers  120  1\nrest\n"));
    assert!(!is_as_shown(&shown, "reads http://127.0.0.1:3333 (0.1 s)\nusers  121  1\n"));
    assert!(!is_as_shown(&shown, "reads http://evil.example (0.1 s)\nusers  120  1\n"));
    assert!(!is_as_shown(&lines("one"), "one\ntwo\n"));
    assert!(!is_as_shown(&lines("one\ntwo"), "one\n"));
    assert!(is_as_shown(&lines("last run just now"), "last run 4 s ago\n"));
}
