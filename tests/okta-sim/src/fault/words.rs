use std::fmt::Display;
use std::str::FromStr;

/// Why a rule can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FaultError {
    #[error("a fault is missing; there are: {known}")]
    Empty { known: String },
    #[error("there is no fault `{name}`; there are: {known}")]
    Unknown { name: String, known: String },
    #[error("`{word}` is no option: options are written key=value")]
    NoOption { word: String },
    #[error("{fault} has no option `{key}`; it takes: {known}")]
    UnknownOption { fault: String, key: String, known: String },
    #[error("the option `{key}` is given twice")]
    Twice { key: String },
    #[error("{key}={value} is {what}")]
    Value { key: String, value: String, what: String },
    #[error("nth, every and chance each say which requests are struck: give one of them")]
    SeveralTurns,
    #[error("seed is for chance, which is not given")]
    SeedWithoutChance,
    #[error("a quotation mark is not closed")]
    Quote,
}

/// A rule taken apart: its first word, and options that are taken one by one.
pub(super) struct Words {
    pub(super) name: Option<String>,
    options: Vec<(String, String)>,
    /// The keys that were looked for.
    known: Vec<&'static str>,
}

impl Words {
    pub(super) fn parse(text: &str) -> Result<Self, FaultError> {
        let mut words = split(text)?.into_iter();
        let name = words.next();
        let mut options: Vec<(String, String)> = Vec::new();
        for word in words {
            let Some((key, value)) = word.split_once('=').filter(|(key, _)| !key.is_empty()) else {
                return Err(FaultError::NoOption { word });
            };
            if options.iter().any(|(other, _)| other == key) {
                return Err(FaultError::Twice { key: key.to_owned() });
            }
            options.push((key.to_owned(), value.to_owned()));
        }
        Ok(Self { name, options, known: Vec::new() })
    }

    pub(super) fn take(&mut self, key: &'static str) -> Option<String> {
        self.known.push(key);
        let at = self.options.iter().position(|(other, _)| other == key)?;
        Some(self.options.remove(at).1)
    }

    /// The value as a number that `fits`; `what` says what it has to be.
    pub(super) fn number<T: FromStr>(
        &mut self,
        key: &'static str,
        what: &str,
        fits: impl FnOnce(&T) -> bool,
    ) -> Result<Option<T>, FaultError> {
        let Some(value) = self.take(key) else { return Ok(None) };
        match value.parse().ok().filter(fits) {
            Some(number) => Ok(Some(number)),
            None => Err(wrong(key, value, format!("not {what}"))),
        }
    }

    /// Every option has to have been taken.
    pub(super) fn finish(self, fault: &str) -> Result<(), FaultError> {
        match self.options.into_iter().next() {
            None => Ok(()),
            Some((key, _)) => {
                Err(FaultError::UnknownOption { fault: fault.to_owned(), key, known: self.known.join(", ") })
            }
        }
    }
}

pub(super) fn wrong(key: &str, value: impl Display, what: impl Into<String>) -> FaultError {
    FaultError::Value { key: key.to_owned(), value: value.to_string(), what: what.into() }
}

/// Words are separated by spaces; quotation marks keep spaces within one together.
fn split(text: &str) -> Result<Vec<String>, FaultError> {
    let (mut words, mut word, mut quoted) = (Vec::new(), None::<String>, false);
    for character in text.chars() {
        match character {
            '"' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            space if space.is_whitespace() && !quoted => words.extend(word.take()),
            other => word.get_or_insert_default().push(other),
        }
    }
    words.extend(word);
    if quoted { Err(FaultError::Quote) } else { Ok(words) }
}

/// A value as it has to be written.
pub(super) fn quoted(value: &str) -> String {
    if value.contains(char::is_whitespace) { format!("\"{value}\"") } else { value.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotation_marks_keep_spaces() {
        assert_eq!(split(r#" a  group="x  y" b="" "#).unwrap(), ["a", "group=x  y", "b="]);
        assert_eq!(split("a \"b"), Err(FaultError::Quote));
        assert_eq!(quoted("x y"), "\"x y\"");
    }
}
