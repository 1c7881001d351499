use regex::{Regex, RegexBuilder};

/// A pattern is wrong, or would be too big.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the pattern is wrong: {problem}")]
pub struct PatternError {
    problem: String,
    /// Bytes from the pattern's start.
    pub offset: usize,
}

/// Compiles a regular expression in the syntax of the crate `regex` (RE2's: without look-around and
/// back-references), which takes time in proportion to the text, whatever the pattern.
///
/// # Errors
///
/// In a few words, where `regex` draws a picture.
pub fn compile_pattern(pattern: &str) -> Result<Regex, PatternError> {
    // As much as some hundred alternatives of names need; a component has 64 MB in all.
    const MOST_BYTES: usize = 1 << 20;
    RegexBuilder::new(pattern).size_limit(MOST_BYTES).build().map_err(|error| match error {
        regex::Error::CompiledTooBig(_) => {
            PatternError { problem: "it is too big, with its repetitions written out".into(), offset: 0 }
        }
        other => {
            let drawing = other.to_string();
            let problem = drawing.rsplit("error: ").next().unwrap_or("it can't be read").trim().to_owned();
            let caret =
                drawing.lines().find(|line| line.contains('^') && line.trim_matches([' ', '^']).is_empty());
            let offset = caret.and_then(|line| line.find('^')).map_or(0, |at| at.saturating_sub(4));
            PatternError { problem, offset: offset.min(pattern.len()) }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_said_in_a_line() {
        for (pattern, message, offset) in [
            ("a(b", "the pattern is wrong: unclosed group", 1),
            ("[z-a]", "the pattern is wrong: invalid character class range, the start must be <= the end", 1),
            (
                "(?=x)",
                "the pattern is wrong: look-around, including look-ahead and look-behind, is not supported",
                0,
            ),
            (
                "(((\\w{99}){99}){99}){99}",
                "the pattern is wrong: it is too big, with its repetitions written out",
                0,
            ),
        ] {
            let error = compile_pattern(pattern).unwrap_err();
            assert_eq!((error.to_string().as_str(), error.offset), (message, offset));
        }
    }

    #[test]
    fn letters_are_unicode_s() {
        assert!(compile_pattern(r"^(?i)ZOË\w$").unwrap().is_match("zoëé"));
        assert!(compile_pattern(r"^\p{L}+$").unwrap().is_match("Zoë"));
    }
}
