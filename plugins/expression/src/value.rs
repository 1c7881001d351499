use std::borrow::Cow;
use std::fmt;

/// A list of texts that somebody else holds, such as the names of a person's groups.
pub trait Texts: fmt::Debug {
    fn len(&self) -> usize;

    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Nothing beyond the end.
    fn get(&self, index: usize) -> Option<&str>;
}

impl Texts for Vec<String> {
    fn len(&self) -> usize {
        self.as_slice().len()
    }

    fn get(&self, index: usize) -> Option<&str> {
        self.as_slice().get(index).map(String::as_str)
    }
}

/// What an expression works with and gives. Borrowed from the record and the expression where it can be.
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// What is absent. A provider's null and an absent attribute are the same.
    Null,
    Boolean(bool),
    Integer(i64),
    Decimal(f64),
    Text(Cow<'a, str>),
    List(List<'a>),
}

/// The items of a list.
#[derive(Debug, Clone)]
pub enum List<'a> {
    Texts(&'a dyn Texts),
    Items(Vec<Value<'a>>),
}

impl<'a> List<'a> {
    pub fn len(&self) -> usize {
        match self {
            List::Texts(texts) => texts.len(),
            List::Items(items) => items.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// A copy of one item, which is cheap for what is borrowed.
    pub fn get(&self, index: usize) -> Option<Value<'a>> {
        match self {
            List::Texts(texts) => texts.get(index).map(Value::text),
            List::Items(items) => items.get(index).cloned(),
        }
    }

    pub fn into_items(self) -> Vec<Value<'a>> {
        match self {
            List::Texts(texts) => (0..texts.len()).filter_map(|at| texts.get(at)).map(Value::text).collect(),
            List::Items(items) => items,
        }
    }

    pub(crate) fn contains(&self, value: &Value<'_>) -> bool {
        match self {
            List::Texts(texts) => match value {
                Value::Text(text) => (0..texts.len()).any(|at| texts.get(at) == Some(text)),
                _ => false,
            },
            List::Items(items) => items.iter().any(|item| item == value),
        }
    }
}

impl<'a> Value<'a> {
    pub fn text(text: &'a str) -> Self {
        Value::Text(Cow::Borrowed(text))
    }

    pub fn kind(&self) -> Kind {
        match self {
            Value::Null => Kind::Null,
            Value::Boolean(_) => Kind::Boolean,
            Value::Integer(_) => Kind::Integer,
            Value::Decimal(_) => Kind::Decimal,
            Value::Text(_) => Kind::Text,
            Value::List(_) => Kind::List,
        }
    }

    pub fn is_null(&self) -> bool {
        matches!(self, Value::Null)
    }

    /// Null, the empty text, and the empty list: what `default` and `coalesce` pass over.
    pub fn is_blank(&self) -> bool {
        match self {
            Value::Null => true,
            Value::Text(text) => text.is_empty(),
            Value::List(list) => list.is_empty(),
            _ => false,
        }
    }
}

/// As CEL has it: values of different kinds are not equal, whole and decimal numbers are of one kind.
impl PartialEq for Value<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Value::Null, Value::Null) => true,
            (Value::Boolean(a), Value::Boolean(b)) => a == b,
            (Value::Integer(a), Value::Integer(b)) => a == b,
            (Value::Decimal(a), Value::Decimal(b)) => a == b,
            (Value::Integer(a), Value::Decimal(b)) | (Value::Decimal(b), Value::Integer(a)) => {
                *a as f64 == *b
            }
            (Value::Text(a), Value::Text(b)) => a == b,
            (Value::List(a), Value::List(b)) => {
                a.len() == b.len() && (0..a.len()).all(|at| a.get(at) == b.get(at))
            }
            _ => false,
        }
    }
}

/// What sort of value something is, as far as is known. Its text reads well after "takes" and "is".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Not known before it runs.
    Any,
    Null,
    Boolean,
    Integer,
    Decimal,
    Text,
    List,
}

impl Kind {
    pub(crate) fn is_number(self) -> bool {
        matches!(self, Kind::Integer | Kind::Decimal)
    }

    /// Could a value of this kind be one of that kind? Null could be anything: it has a meaning everywhere.
    pub fn may_be(self, wanted: Kind) -> bool {
        self == wanted || matches!(self, Kind::Any | Kind::Null) || matches!(wanted, Kind::Any | Kind::Null)
    }

    /// Could values of these kinds be equal?
    pub(crate) fn comparable(self, other: Kind) -> bool {
        self.may_be(other) || (self.is_number() && other.is_number())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Kind::Any => "any value",
            Kind::Null => "null",
            Kind::Boolean => "true or false",
            Kind::Integer => "a whole number",
            Kind::Decimal => "a decimal number",
            Kind::Text => "text",
            Kind::List => "a list",
        })
    }
}
