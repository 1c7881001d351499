//! Wrong settings, told so that the host can point at them.

use rollcall_expression::{Environment, Expression, Mistake, PatternError, compile_pattern};
use rollcall_plugin::Error;

/// A mistake within an expression: the details `line`, `column` and `excerpt` are about the text of the setting.
pub fn at(path: impl Into<String>, mistake: &Mistake) -> Error {
    let number = |value: usize| i64::try_from(value).unwrap_or(i64::MAX);
    let mut error = Error::settings(path, &mistake.message)
        .with_detail("offset", number(mistake.place.offset))
        .with_detail("line", number(mistake.place.line))
        .with_detail("column", number(mistake.place.column))
        .with_detail("excerpt", mistake.excerpt());
    error.hint = mistake.hint();
    error
}

pub fn condition(path: String, source: &str, environment: &Environment) -> Result<Expression, Error> {
    Expression::condition(source, environment).map_err(|mistake| at(path, &mistake))
}

pub fn pattern(path: &str, source: &str) -> Result<regex::Regex, Error> {
    compile_pattern(source).map_err(|error: PatternError| {
        Error::settings(path, &error)
            .with_detail("offset", i64::try_from(error.offset).unwrap_or(0))
            .with_hint("patterns are regular expressions without look-around; \\ is written \\\\ in \"…\", or as it is in '…'")
    })
}
