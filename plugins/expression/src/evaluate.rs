use std::borrow::Cow;
use std::cmp::Ordering;

use crate::call::Given;
use crate::failure::Reason;
use crate::node::{Arithmetic, Loop, Member, Node, Op, Order, Work};
use crate::{Kind, List, MOST_BYTES, MOST_STEPS, Record, Value};

/// A failure, with the place still in bytes.
#[derive(Debug)]
pub(crate) struct Trouble {
    pub reason: Reason,
    pub offset: u32,
}

/// What one evaluation has used up.
pub(crate) struct Evaluation<'a> {
    locals: Vec<Value<'a>>,
    steps: usize,
    bytes: usize,
}

impl<'a> Evaluation<'a> {
    pub fn new() -> Self {
        Self { locals: Vec::new(), steps: 0, bytes: 0 }
    }

    pub fn step(&mut self, steps: usize) -> Result<(), Reason> {
        self.steps += steps;
        if self.steps > MOST_STEPS { Err(Reason::Steps) } else { Ok(()) }
    }

    pub fn make(&mut self, bytes: usize) -> Result<(), Reason> {
        self.bytes += bytes;
        if self.bytes > MOST_BYTES { Err(Reason::Size) } else { Ok(()) }
    }

    pub fn value(&mut self, node: &'a Node, record: &'a dyn Record) -> Result<Value<'a>, Trouble> {
        let at = |reason| Trouble { reason, offset: node.offset };
        self.step(1).map_err(at)?;
        Ok(match &node.op {
            Op::Null => Value::Null,
            Op::Boolean(value) => Value::Boolean(*value),
            Op::Integer(value) => Value::Integer(*value),
            Op::Decimal(value) => Value::Decimal(*value),
            Op::Text(text) => Value::text(text),
            Op::Field(index) => record.field(*index),
            Op::Attribute(name) => record.attribute(name),
            Op::Local(index) => self.locals.get(*index).cloned().unwrap_or(Value::Null),
            Op::Has(inner) => Value::Boolean(!self.value(inner, record)?.is_null()),
            Op::And(parts) => self.chain(parts, record, "&&", false)?,
            Op::Or(parts) => self.chain(parts, record, "||", true)?,
            Op::Not(inner) => Value::Boolean(!self.truth(inner, record, "!")?),
            Op::If(parts) => {
                let [condition, yes, no] = &**parts;
                let chosen = if self.truth(condition, record, "?")? { yes } else { no };
                self.value(chosen, record)?
            }
            Op::Equal(sides) => Value::Boolean(self.equal(sides, record)?),
            Op::Unequal(sides) => Value::Boolean(!self.equal(sides, record)?),
            Op::Order(order, sides) => {
                let [left, right] = &**sides;
                let (left, right) = (self.value(left, record)?, self.value(right, record)?);
                Value::Boolean(ordered(*order, &left, &right).map_err(at)?)
            }
            Op::Add(parts) => self.sum(node, parts, record)?,
            Op::Arithmetic(arithmetic, sides) => {
                let [left, right] = &**sides;
                let (left, right) = (self.value(left, record)?, self.value(right, record)?);
                calculate(*arithmetic, &left, &right).map_err(at)?
            }
            Op::Negate(inner) => match self.value(inner, record)? {
                Value::Null => Value::Null,
                Value::Integer(value) => {
                    Value::Integer(value.checked_neg().ok_or_else(|| at(Reason::Overflow { what: "-" }))?)
                }
                Value::Decimal(value) => Value::Decimal(-value),
                other => {
                    return Err(at(Reason::Kind { what: "-", wanted: Kind::Decimal, found: other.kind() }));
                }
            },
            Op::In(sides) => {
                let [item, list] = &**sides;
                let (item, list) = (self.value(item, record)?, self.value(list, record)?);
                match list {
                    _ if item.is_null() => Value::Boolean(false),
                    Value::Null => Value::Boolean(false),
                    Value::List(list) => {
                        self.step(list.len() / 8).map_err(at)?;
                        Value::Boolean(list.contains(&item))
                    }
                    other => {
                        return Err(at(Reason::Kind { what: "in", wanted: Kind::List, found: other.kind() }));
                    }
                }
            }
            Op::Index(sides) => {
                let [list, index] = &**sides;
                let (list, index) = (self.value(list, record)?, self.value(index, record)?);
                match (list, index) {
                    (Value::Null, _) | (_, Value::Null) => Value::Null,
                    (Value::List(list), Value::Integer(index)) => {
                        usize::try_from(index).ok().and_then(|index| list.get(index)).unwrap_or(Value::Null)
                    }
                    (Value::List(_), other) => {
                        return Err(at(Reason::Kind {
                            what: "[]",
                            wanted: Kind::Integer,
                            found: other.kind(),
                        }));
                    }
                    (other, _) => {
                        return Err(at(Reason::Kind { what: "[]", wanted: Kind::List, found: other.kind() }));
                    }
                }
            }
            Op::List(parts) => {
                self.make(parts.len() * size_of::<Value<'_>>()).map_err(at)?;
                let items: Result<Vec<_>, _> = parts.iter().map(|part| self.value(part, record)).collect();
                Value::List(List::Items(items?))
            }
            Op::Call(signature, prepared, arguments) => {
                let mut given = Given::new(signature.name);
                for argument in arguments {
                    given.push(self.value(argument, record)?);
                }
                signature.function.call(signature.gives, given, prepared, self).map_err(at)?
            }
            Op::Coalesce(parts) => {
                for part in parts {
                    let value = self.value(part, record)?;
                    if !value.is_blank() {
                        return Ok(value);
                    }
                }
                Value::Null
            }
            Op::Member(field, member) => {
                let Value::List(groups) = record.field(*field) else { return Ok(Value::Boolean(false)) };
                self.step(groups.len() / 8).map_err(at)?;
                Value::Boolean(is_member(&groups, member))
            }
            Op::Loop(parts) => self.run(node, parts, record)?,
        })
    }

    /// Null is no.
    fn truth(&mut self, node: &'a Node, record: &'a dyn Record, what: &'static str) -> Result<bool, Trouble> {
        match self.value(node, record)? {
            Value::Boolean(value) => Ok(value),
            Value::Null => Ok(false),
            other => Err(Trouble {
                reason: Reason::Kind { what, wanted: Kind::Boolean, found: other.kind() },
                offset: node.offset,
            }),
        }
    }

    /// As CEL has it: what decides the answer decides it whatever fails beside it, before or after.
    fn chain(
        &mut self,
        parts: &'a [Node],
        record: &'a dyn Record,
        what: &'static str,
        deciding: bool,
    ) -> Result<Value<'a>, Trouble> {
        let mut trouble = None;
        for part in parts {
            match self.truth(part, record, what) {
                Ok(value) if value == deciding => return Ok(Value::Boolean(deciding)),
                Ok(_) => {}
                Err(bound @ Trouble { reason: Reason::Steps | Reason::Size, .. }) => return Err(bound),
                Err(first) => drop(trouble.get_or_insert(first)),
            }
        }
        trouble.map_or(Ok(Value::Boolean(!deciding)), Err)
    }

    fn equal(&mut self, sides: &'a [Node; 2], record: &'a dyn Record) -> Result<bool, Trouble> {
        Ok(self.value(&sides[0], record)? == self.value(&sides[1], record)?)
    }

    fn sum(
        &mut self,
        node: &'a Node,
        parts: &'a [Node],
        record: &'a dyn Record,
    ) -> Result<Value<'a>, Trouble> {
        let at = |reason| Trouble { reason, offset: node.offset };
        let mut parts = parts.iter();
        let Some(first) = parts.next() else { return Ok(Value::Null) };
        let mut sum = self.value(first, record)?;
        for part in parts {
            let right = self.value(part, record)?;
            sum = match (sum, right) {
                (Value::Null, _) | (_, Value::Null) => Value::Null,
                (Value::Text(left), Value::Text(right)) => {
                    self.make(left.len() + right.len()).map_err(at)?;
                    let mut left = left.into_owned();
                    left.push_str(&right);
                    Value::Text(Cow::Owned(left))
                }
                (Value::List(left), Value::List(right)) => {
                    self.make((left.len() + right.len()) * size_of::<Value<'_>>()).map_err(at)?;
                    let mut items = left.into_items();
                    items.extend(right.into_items());
                    Value::List(List::Items(items))
                }
                (Value::Integer(left), Value::Integer(right)) => {
                    Value::Integer(left.checked_add(right).ok_or_else(|| at(Reason::Overflow { what: "+" }))?)
                }
                (Value::Decimal(left), Value::Decimal(right)) => Value::Decimal(left + right),
                (left, right) => {
                    return Err(at(Reason::Mixed { what: "+", left: left.kind(), right: right.kind() }));
                }
            };
        }
        Ok(sum)
    }

    fn run(&mut self, node: &'a Node, parts: &'a Loop, record: &'a dyn Record) -> Result<Value<'a>, Trouble> {
        let list = match self.value(&parts.over, record)? {
            Value::List(list) => list,
            Value::Null => List::Items(Vec::new()),
            other => {
                let reason =
                    Reason::Kind { what: parts.work.name(), wanted: Kind::List, found: other.kind() };
                return Err(Trouble { reason, offset: node.offset });
            }
        };
        let depth = self.locals.len();
        let answer = self.each(&list, &parts.work, record);
        self.locals.truncate(depth);
        answer.and_then(|answer| {
            if let Value::List(list) = &answer {
                self.make(list.len() * size_of::<Value<'_>>())
                    .map_err(|reason| Trouble { reason, offset: node.offset })?;
            }
            Ok(answer)
        })
    }

    fn each(
        &mut self,
        list: &List<'a>,
        work: &'a Work,
        record: &'a dyn Record,
    ) -> Result<Value<'a>, Trouble> {
        let depth = self.locals.len();
        let (mut trouble, mut found, mut items) = (None, 0, Vec::new());
        for item in (0..list.len()).filter_map(|index| list.get(index)) {
            self.locals.truncate(depth);
            self.locals.push(item);
            match work {
                Work::Exists(condition) | Work::All(condition) => {
                    let deciding = matches!(work, Work::Exists(_));
                    match self.truth(condition, record, work.name()) {
                        Ok(value) if value == deciding => return Ok(Value::Boolean(deciding)),
                        Ok(_) => {}
                        Err(bound @ Trouble { reason: Reason::Steps | Reason::Size, .. }) => {
                            return Err(bound);
                        }
                        Err(first) => drop(trouble.get_or_insert(first)),
                    }
                }
                Work::One(condition) => found += usize::from(self.truth(condition, record, work.name())?),
                Work::Filter(condition) => {
                    if self.truth(condition, record, work.name())? {
                        self.locals.truncate(depth + 1);
                        items.extend(self.locals.pop());
                    }
                }
                Work::Map { guard, item } => {
                    let wanted = match guard {
                        Some(guard) => self.truth(guard, record, work.name())?,
                        None => true,
                    };
                    if wanted {
                        items.push(self.value(item, record)?);
                    }
                }
            }
        }
        match (trouble, work) {
            (Some(trouble), _) => Err(trouble),
            (None, Work::Exists(_)) => Ok(Value::Boolean(false)),
            (None, Work::All(_)) => Ok(Value::Boolean(true)),
            (None, Work::One(_)) => Ok(Value::Boolean(found == 1)),
            (None, Work::Filter(_) | Work::Map { .. }) => Ok(Value::List(List::Items(items))),
        }
    }
}

fn ordered(order: Order, left: &Value<'_>, right: &Value<'_>) -> Result<bool, Reason> {
    let ordering = match (left, right) {
        (Value::Null, _) | (_, Value::Null) => return Ok(false),
        (Value::Integer(a), Value::Integer(b)) => Some(a.cmp(b)),
        (Value::Decimal(a), Value::Decimal(b)) => a.partial_cmp(b),
        (Value::Integer(a), Value::Decimal(b)) => (*a as f64).partial_cmp(b),
        (Value::Decimal(a), Value::Integer(b)) => a.partial_cmp(&(*b as f64)),
        (Value::Text(a), Value::Text(b)) => Some(a.cmp(b)),
        (Value::Boolean(a), Value::Boolean(b)) => Some(a.cmp(b)),
        _ => return Err(Reason::Mixed { what: order.symbol(), left: left.kind(), right: right.kind() }),
    };
    Ok(ordering.is_some_and(|ordering: Ordering| order.holds(ordering)))
}

fn calculate(arithmetic: Arithmetic, left: &Value<'_>, right: &Value<'_>) -> Result<Value<'static>, Reason> {
    let what = arithmetic.symbol();
    Ok(match (left, right) {
        (Value::Null, _) | (_, Value::Null) => Value::Null,
        (Value::Integer(a), Value::Integer(b)) => {
            if *b == 0 && matches!(arithmetic, Arithmetic::Divide | Arithmetic::Modulo) {
                return Err(Reason::Zero { what });
            }
            let result = match arithmetic {
                Arithmetic::Subtract => a.checked_sub(*b),
                Arithmetic::Multiply => a.checked_mul(*b),
                Arithmetic::Divide => a.checked_div(*b),
                Arithmetic::Modulo => a.checked_rem(*b),
            };
            Value::Integer(result.ok_or(Reason::Overflow { what })?)
        }
        (Value::Decimal(a), Value::Decimal(b)) => Value::Decimal(match arithmetic {
            Arithmetic::Subtract => a - b,
            Arithmetic::Multiply => a * b,
            Arithmetic::Divide => a / b,
            Arithmetic::Modulo => {
                return Err(Reason::Kind { what, wanted: Kind::Integer, found: Kind::Decimal });
            }
        }),
        _ => return Err(Reason::Mixed { what, left: left.kind(), right: right.kind() }),
    })
}

fn is_member(groups: &List<'_>, member: &Member) -> bool {
    let holds = |name: &str| match member {
        Member::Named(names) => names.iter().any(|wanted| **wanted == *name),
        Member::StartingWith(starts) => starts.iter().any(|start| name.starts_with(&**start)),
        Member::Matching(pattern) => pattern.is_match(name),
    };
    match groups {
        List::Texts(texts) => (0..texts.len()).filter_map(|at| texts.get(at)).any(holds),
        List::Items(items) => items.iter().any(|item| matches!(item, Value::Text(text) if holds(text))),
    }
}
