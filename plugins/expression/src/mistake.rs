use std::fmt;

/// What is wrong with an expression, found before it ever runs.
///
/// The Display is a lower-case fragment with the place at its end; [`excerpt`](Self::excerpt) shows the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// Where it is.
    pub place: Place,
    /// What it is, without the place.
    pub message: String,
    hint: Option<String>,
    /// The whole line of the expression.
    line_text: String,
}

impl Mistake {
    pub(crate) fn new(source: &str, offset: usize, message: impl Into<String>) -> Self {
        let place = Place::of(source, offset);
        let line_text = source.lines().nth(place.line - 1).unwrap_or_default().to_owned();
        Self { place, message: message.into(), hint: None, line_text }
    }

    pub(crate) fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The same mistake, of an expression that stands within a longer text, `offset` bytes from its start.
    pub fn within(self, text: &str, offset: usize) -> Self {
        let moved = Self::new(text, offset + self.place.offset, self.message);
        Self { hint: self.hint, ..moved }
    }

    /// What to do about it.
    pub fn hint(&self) -> Option<String> {
        self.hint.clone()
    }

    /// The line, and under it a caret. Of a long line only the part around the place.
    ///
    /// ```
    /// use rollcall_expression::{Environment, Expression};
    ///
    /// let mistake = Expression::compile("size('a') = 1", &Environment::new()).unwrap_err();
    /// assert_eq!(mistake.excerpt(), "size('a') = 1\n          ^");
    /// ```
    pub fn excerpt(&self) -> String {
        const AROUND: usize = 60;
        let column = self.place.column - 1;
        let from = column.saturating_sub(AROUND);
        let shown: String = self.line_text.chars().skip(from).take(2 * AROUND).collect();
        // A tab stays a tab, so that the caret stands under its place.
        let blank: String =
            shown.chars().take(column - from).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        format!("{shown}\n{blank}^")
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.place)
    }
}

impl std::error::Error for Mistake {}

/// A place within an expression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Bytes from the expression's start.
    pub offset: usize,
    /// Counted from 1.
    pub line: usize,
    /// Characters, counted from 1.
    pub column: usize,
}

impl Place {
    pub(crate) fn of(source: &str, offset: usize) -> Self {
        let mut offset = offset.min(source.len());
        while !source.is_char_boundary(offset) {
            offset -= 1;
        }
        let before = &source[..offset];
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        Self { offset, line: before.matches('\n').count() + 1, column: before[start..].chars().count() + 1 }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}, column {}", self.line, self.column)
    }
}
