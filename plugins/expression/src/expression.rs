use regex::Regex;

use crate::check::{Checker, resolve, unknown};
use crate::evaluate::Evaluation;
use crate::failure::Reason;
use crate::node::Node;
use crate::parse::parse;
use crate::{Environment, Failure, Kind, Mistake, Place, Record, Value};

/// How long an expression may be.
pub const MOST_CHARACTERS: usize = 2_048;

/// How many operators and functions one evaluation may run: about a millisecond's work.
pub const MOST_STEPS: usize = 20_000;

/// How much text and how many list items one evaluation may make, in bytes.
pub const MOST_BYTES: usize = 64 * 1024;

/// An expression that was checked, ready to be evaluated any number of times.
#[derive(Debug, Clone)]
pub struct Expression {
    source: Box<str>,
    root: Node,
    kind: Kind,
}

impl Expression {
    /// Reads and checks an expression.
    ///
    /// # Errors
    ///
    /// The first mistake: what can't be read, a name or a function that is not known, arguments too many or of
    /// the wrong kind, a comparison that could never hold, a wrong pattern, or more than the bounds allow.
    pub fn compile(source: &str, environment: &Environment) -> Result<Self, Mistake> {
        let parsed = parse(source)?;
        let (root, kind) = Checker::new(source, &parsed, environment).check()?;
        Ok(Self { source: source.into(), root, kind })
    }

    /// As [`compile`](Self::compile), for a condition: what could never be true or false is a mistake.
    pub fn condition(source: &str, environment: &Environment) -> Result<Self, Mistake> {
        let compiled = Self::compile(source, environment)?;
        if compiled.kind.may_be(Kind::Boolean) {
            return Ok(compiled);
        }
        let message = format!("a condition is true or false, and this is {}", compiled.kind);
        Err(Mistake::new(source, compiled.root.offset as usize, message)
            .with_hint("compare it: == \"…\", or ask whether it is there: has(…)"))
    }

    /// The value of one field or attribute, by its plain name, which need be no name of CEL (`profile.cost-center`).
    ///
    /// # Errors
    ///
    /// When nothing of that name is known.
    pub fn of_name(name: &str, environment: &Environment) -> Result<Self, Mistake> {
        let (op, kind) = resolve(name, environment).ok_or_else(|| {
            unknown(Mistake::new(name, 0, format!("nothing is called `{name}`")), name, environment)
        })?;
        Ok(Self { source: name.into(), root: Node { op, offset: 0 }, kind })
    }

    /// The text that it was made of.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What it gives, as far as is known.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Its value for one record.
    ///
    /// # Errors
    ///
    /// Values of kinds that don't go together, numbers that can't be calculated, texts that are no date or
    /// number, and the bounds.
    pub fn evaluate<'a>(&'a self, record: &'a dyn Record) -> Result<Value<'a>, Failure> {
        Evaluation::new()
            .value(&self.root, record)
            .map_err(|trouble| Failure { reason: trouble.reason, place: self.place(trouble.offset) })
    }

    /// Whether it holds for one record; null is no.
    ///
    /// # Errors
    ///
    /// As [`evaluate`](Self::evaluate), and when it is neither true nor false.
    pub fn test(&self, record: &dyn Record) -> Result<bool, Failure> {
        match self.evaluate(record)? {
            Value::Boolean(value) => Ok(value),
            Value::Null => Ok(false),
            other => Err(Failure {
                reason: Reason::Kind { what: "when", wanted: Kind::Boolean, found: other.kind() },
                place: self.place(self.root.offset),
            }),
        }
    }

    fn place(&self, offset: u32) -> Place {
        Place::of(&self.source, offset as usize)
    }
}

/// A compiled pattern with the name of who uses it, for messages.
pub(crate) fn compile_at(source: &str, offset: usize, pattern: &str) -> Result<Regex, Mistake> {
    crate::compile_pattern(pattern).map_err(|error| {
        // Where no escape stands before it in the literal, the place within the pattern is exact.
        let literal = &source[offset.min(source.len())..];
        let quote = literal.find(['"', '\'']).map_or(0, |at| at + 1);
        let inside = if literal.get(quote..).is_some_and(|text| text.starts_with(pattern)) {
            quote + error.offset
        } else {
            0
        };
        Mistake::new(source, offset + inside, error.to_string())
    })
}
