use std::error::Error;
use std::fmt;

/// Why packed bytes are none: what a reader found, and what it was about to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Malformed {
    /// The numbers end before all is told.
    Ends,
    /// A text reaches beyond the end of the texts, or begins or ends inside of a character.
    Text,
    /// A number that means nothing where it stands.
    Code { what: &'static str, found: u32 },
    /// A new list takes from the given one what that doesn't have, or has given already.
    Run,
    /// Numbers or texts follow where all is told.
    LeftOver,
}

impl fmt::Display for Malformed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends => f.write_str("the numbers end too early"),
            Self::Text => f.write_str("a text ends where no text can"),
            Self::Code { what, found } => write!(f, "{found} is no {what}"),
            Self::Run => f.write_str("a list takes items that were not given, or twice or out of order"),
            Self::LeftOver => f.write_str("something is left over"),
        }
    }
}

impl Error for Malformed {}
