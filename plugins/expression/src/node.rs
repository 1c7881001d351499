//! A checked expression: names are resolved, patterns compiled, chains flat.

use std::cmp::Ordering;

use regex::Regex;

use crate::date::Format;
use crate::function::Signature;

#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub op: Op,
    /// Bytes from the expression's start.
    pub offset: u32,
}

#[derive(Debug, Clone)]
pub(crate) enum Op {
    Null,
    Boolean(bool),
    Integer(i64),
    Decimal(f64),
    Text(Box<str>),
    Field(usize),
    Attribute(Box<str>),
    /// A loop's variable: the loops around it, counted from the outside.
    Local(usize),
    Has(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
    Not(Box<Node>),
    If(Box<[Node; 3]>),
    Equal(Box<[Node; 2]>),
    Unequal(Box<[Node; 2]>),
    Order(Order, Box<[Node; 2]>),
    /// Two or more, from the left.
    Add(Vec<Node>),
    Arithmetic(Arithmetic, Box<[Node; 2]>),
    Negate(Box<Node>),
    In(Box<[Node; 2]>),
    Index(Box<[Node; 2]>),
    List(Vec<Node>),
    Call(&'static Signature, Prepared, Vec<Node>),
    /// The first of these that is not blank.
    Coalesce(Vec<Node>),
    /// Is any group's name, of the field at this index, among these?
    Member(usize, Member),
    Loop(Box<Loop>),
}

/// What is made of a literal argument when the expression is compiled.
#[derive(Debug, Clone)]
pub(crate) enum Prepared {
    Nothing,
    Pattern(Regex),
    Format(Format),
}

#[derive(Debug, Clone)]
pub(crate) enum Member {
    Named(Vec<Box<str>>),
    StartingWith(Vec<Box<str>>),
    Matching(Regex),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Order {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

impl Order {
    pub fn symbol(self) -> &'static str {
        match self {
            Order::Less => "<",
            Order::LessEqual => "<=",
            Order::Greater => ">",
            Order::GreaterEqual => ">=",
        }
    }

    pub fn holds(self, ordering: Ordering) -> bool {
        match self {
            Order::Less => ordering.is_lt(),
            Order::LessEqual => ordering.is_le(),
            Order::Greater => ordering.is_gt(),
            Order::GreaterEqual => ordering.is_ge(),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Arithmetic {
    Subtract,
    Multiply,
    Divide,
    Modulo,
}

impl Arithmetic {
    pub fn symbol(self) -> &'static str {
        match self {
            Arithmetic::Subtract => "-",
            Arithmetic::Multiply => "*",
            Arithmetic::Divide => "/",
            Arithmetic::Modulo => "%",
        }
    }
}

/// What CEL's macros over a list do.
#[derive(Debug, Clone)]
pub(crate) struct Loop {
    pub over: Node,
    pub work: Work,
}

#[derive(Debug, Clone)]
pub(crate) enum Work {
    Exists(Node),
    All(Node),
    One(Node),
    Filter(Node),
    Map { guard: Option<Node>, item: Node },
}

impl Work {
    pub fn name(&self) -> &'static str {
        match self {
            Work::Exists(_) => "exists",
            Work::All(_) => "all",
            Work::One(_) => "exists_one",
            Work::Filter(_) => "filter",
            Work::Map { .. } => "map",
        }
    }
}
