use crate::{Kind, Place};

/// Why an expression gave no value for one record.
///
/// It never holds a value of the record, only kinds and the expression's own words: it ends up in reports that
/// more people read than may read the record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason} ({place})")]
pub struct Failure {
    pub reason: Reason,
    pub place: Place,
}

/// See [`Failure`]. `what` is a function or an operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    #[error("`{what}` takes {wanted}, and was given {found}")]
    Kind { what: &'static str, wanted: Kind, found: Kind },
    #[error("`{what}` can't take {left} and {right} together")]
    Mixed { what: &'static str, left: Kind, right: Kind },
    #[error("`{what}` divides by zero")]
    Zero { what: &'static str },
    #[error("`{what}` gives a number beyond 64 bits")]
    Overflow { what: &'static str },
    #[error("`{what}` was given text that it can't read")]
    Unreadable { what: &'static str },
    #[error("it takes more than {most} steps", most = crate::MOST_STEPS)]
    Steps,
    #[error("it makes more than {most} bytes", most = crate::MOST_BYTES)]
    Size,
}

impl Failure {
    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self.reason {
            Reason::Kind { wanted: Kind::Text, .. } => {
                "string(…) makes text of any value; default(…, \"\") replaces an absent one".into()
            }
            Reason::Kind { .. } | Reason::Mixed { .. } => {
                "string(…), int(…) and double(…) turn one kind into the other".into()
            }
            Reason::Zero { .. } => "test for zero first: x != 0 && y / x > 1".into(),
            Reason::Overflow { .. } => "double(…) makes a decimal number, which can be greater".into(),
            Reason::Unreadable { what: "int" | "double" | "bool" } => {
                "test the text with matches(…) before it is turned into a number".into()
            }
            Reason::Unreadable { .. } => {
                "dates are read as 2026-11-24 or 2026-11-24T08:30:00Z; parseDate(…) reads other forms".into()
            }
            Reason::Steps | Reason::Size => "take the expression apart, or loop over fewer items".into(),
        })
    }
}
