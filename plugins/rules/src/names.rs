use regex::Regex;
use rollcall_plugin::Error;
use wildmatch::WildMatch;

use crate::mistakes;

/// Which names are meant: `Sales` is one name, `eng-*` and `team-?` are patterns, `/^eng-(core|web)$/` is a
/// regular expression. Upper and lower case are one, but for regular expressions.
#[derive(Debug, Clone)]
pub struct Names {
    exact: Vec<String>,
    wild: Vec<WildMatch>,
    patterns: Vec<Regex>,
}

impl Names {
    pub fn new(path: &str, written: &[String]) -> Result<Self, Error> {
        let mut names = Self { exact: Vec::new(), wild: Vec::new(), patterns: Vec::new() };
        if written.is_empty() {
            return Err(Error::settings(path, "the list is empty"));
        }
        for (index, name) in written.iter().enumerate() {
            let here = format!("{path}.{index}");
            if name.trim().is_empty() {
                return Err(Error::settings(here, "the entry is empty"));
            }
            let inner = name
                .strip_prefix('/')
                .and_then(|name| name.strip_suffix('/'))
                .filter(|name| !name.is_empty());
            if let Some(pattern) = inner {
                names.patterns.push(mistakes::pattern(&here, pattern)?);
            } else if name.contains(['*', '?']) {
                names.wild.push(WildMatch::new_case_insensitive(name));
            } else {
                names.exact.push(name.clone());
            }
        }
        Ok(names)
    }

    pub fn hold(&self, name: &str) -> bool {
        self.exact.iter().any(|exact| same(exact, name))
            || self.wild.iter().any(|wild| wild.matches(name))
            || self.patterns.iter().any(|pattern| pattern.is_match(name))
    }
}

/// Are two names one, as the directory has it?
pub fn same(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b) || (!(a.is_ascii() && b.is_ascii()) && a.to_lowercase() == b.to_lowercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_patterns_and_expressions() {
        let names =
            Names::new("keep", &["Sales", "eng-*", "team-?", "/^[a-c]\\d+$/", "Züri"].map(str::to_owned))
                .unwrap();
        for (name, held) in [
            ("sales", true),
            ("Sales EMEA", false),
            ("ENG-core", true),
            ("team-1", true),
            ("team-12", false),
            ("b42", true),
            ("B42", false),
            ("zÜRI", true),
            ("", false),
        ] {
            assert_eq!(names.hold(name), held, "{name}");
        }
    }

    #[test]
    fn wrong_ones_are_named() {
        use rollcall_plugin::Attributes as _;

        for (written, path, message) in [
            (&[][..], "drop", "the list is empty"),
            (&["a", " "], "drop.1", "the entry is empty"),
            (&["/a(/"], "drop.0", "the pattern is wrong: unclosed group"),
        ] {
            let written: Vec<String> = written.iter().map(|name| (*name).to_owned()).collect();
            let error = Names::new("drop", &written).unwrap_err();
            assert_eq!((error.details.text("path"), error.message.as_str()), (Some(path), message));
        }
    }
}
