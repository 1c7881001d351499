//! Operators: each with the kinds that it takes.

use cel::common::ast::{Expr, IdedExpr, LiteralValue, operators};

use crate::check::Checker;
use crate::node::{Arithmetic, Node, Op, Order};
use crate::tree::{dotted, leftmost, spine};
use crate::{Kind, Mistake};

impl<'a> Checker<'a> {
    pub(crate) fn operator(
        &mut self,
        tree: &'a IdedExpr,
        name: &str,
        arguments: &'a [IdedExpr],
    ) -> Result<Option<(Op, Kind)>, Mistake> {
        let order = match name {
            operators::LESS => Some(Order::Less),
            operators::LESS_EQUALS => Some(Order::LessEqual),
            operators::GREATER => Some(Order::Greater),
            operators::GREATER_EQUALS => Some(Order::GreaterEqual),
            _ => None,
        };
        let arithmetic = match name {
            operators::SUBSTRACT => Some(Arithmetic::Subtract),
            operators::MULTIPLY => Some(Arithmetic::Multiply),
            operators::DIVIDE => Some(Arithmetic::Divide),
            operators::MODULO => Some(Arithmetic::Modulo),
            _ => None,
        };
        Ok(Some(match (name, arguments) {
            (operators::LOGICAL_AND | operators::LOGICAL_OR, _) => {
                let symbol = if name == operators::LOGICAL_AND { "&&" } else { "||" };
                let mut parts = Vec::new();
                for part in spine(name, tree) {
                    parts.push(self.truth(part, symbol)?);
                }
                (if symbol == "&&" { Op::And(parts) } else { Op::Or(parts) }, Kind::Boolean)
            }
            (operators::LOGICAL_NOT, [inner]) => (Op::Not(Box::new(self.truth(inner, "!")?)), Kind::Boolean),
            (operators::CONDITIONAL, [condition, yes, no]) => {
                let condition = self.truth(condition, "?")?;
                let ((yes, of_yes), (no, of_no)) = (self.node(yes)?, self.node(no)?);
                let kind = match (of_yes, of_no) {
                    (Kind::Null, other) | (other, Kind::Null) => other,
                    (a, b) if a == b => a,
                    _ => Kind::Any,
                };
                (Op::If(Box::new([condition, yes, no])), kind)
            }
            (operators::EQUALS | operators::NOT_EQUALS, [left, right]) => {
                let (of_left, of_right, sides) = self.sides(left, right)?;
                if !of_left.comparable(of_right) {
                    return Err(self
                        .mistake(tree, format!("{of_left} never equals {of_right}"))
                        .with_hint(compare_hint(of_left, of_right)));
                }
                (if name == operators::EQUALS { Op::Equal(sides) } else { Op::Unequal(sides) }, Kind::Boolean)
            }
            (operators::ADD, _) => {
                let (mut parts, mut kind) = (Vec::new(), Kind::Null);
                for part in spine(name, tree) {
                    let (node, of_part) = self.node(part)?;
                    let adds = matches!(of_part, Kind::Any | Kind::Null | Kind::Text | Kind::List)
                        || of_part.is_number();
                    if !adds || !kind.may_be(of_part) {
                        return Err(self
                            .mistake(
                                leftmost(part),
                                match kind {
                                    Kind::Null | Kind::Any => format!("`+` can't add {of_part}"),
                                    _ => format!("`+` can't add {of_part} to {kind}"),
                                },
                            )
                            .with_hint(compare_hint(kind, of_part)));
                    }
                    if matches!(kind, Kind::Null | Kind::Any) {
                        kind = of_part;
                    }
                    parts.push(node);
                }
                (Op::Add(parts), kind)
            }
            (operators::NEGATE, [inner]) => {
                let (node, kind) = self.node(inner)?;
                if !matches!(kind, Kind::Any | Kind::Null) && !kind.is_number() {
                    return Err(self.mistake(tree, format!("`-` takes a number, and this is {kind}")));
                }
                (Op::Negate(Box::new(node)), kind)
            }
            (operators::IN, [item, list]) => {
                let (_, of_list, sides) = self.sides(item, list)?;
                if !of_list.may_be(Kind::List) {
                    let hint = if of_list == Kind::Text {
                        "does a text hold another? contains(…)"
                    } else {
                        "write a list: [\"a\", \"b\"]"
                    };
                    return Err(self
                        .mistake(tree, format!("`in` looks into a list, and this is {of_list}"))
                        .with_hint(hint));
                }
                (Op::In(sides), Kind::Boolean)
            }
            (operators::INDEX, [of, index]) => self.index(tree, of, index)?,
            (_, [left, right]) if let Some(order) = order => {
                let (of_left, of_right, sides) = self.sides(left, right)?;
                if !of_left.comparable(of_right) || of_left == Kind::List || of_right == Kind::List {
                    return Err(self
                        .mistake(
                            tree,
                            format!("`{}` can't compare {of_left} with {of_right}", order.symbol()),
                        )
                        .with_hint(compare_hint(of_left, of_right)));
                }
                (Op::Order(order, sides), Kind::Boolean)
            }
            (_, [left, right]) if let Some(arithmetic) = arithmetic => {
                let (of_left, of_right, sides) = self.sides(left, right)?;
                let number = |kind: Kind| matches!(kind, Kind::Any | Kind::Null) || kind.is_number();
                if !number(of_left) || !number(of_right) || !of_left.may_be(of_right) {
                    return Err(self
                        .mistake(
                            tree,
                            format!("`{}` can't take {of_left} and {of_right}", arithmetic.symbol()),
                        )
                        .with_hint("double(…) and int(…) make numbers of one kind"));
                }
                let kind = if matches!(of_left, Kind::Any | Kind::Null) { of_right } else { of_left };
                (Op::Arithmetic(arithmetic, sides), kind)
            }
            _ => return Ok(None),
        }))
    }

    pub(crate) fn sides(
        &mut self,
        left: &'a IdedExpr,
        right: &'a IdedExpr,
    ) -> Result<(Kind, Kind, Box<[Node; 2]>), Mistake> {
        let ((left, of_left), (right, of_right)) = (self.node(left)?, self.node(right)?);
        Ok((of_left, of_right, Box::new([left, right])))
    }

    pub(crate) fn truth(&mut self, tree: &'a IdedExpr, symbol: &str) -> Result<Node, Mistake> {
        let (node, kind) = self.node(tree)?;
        if kind.may_be(Kind::Boolean) {
            return Ok(node);
        }
        Err(self
            .mistake(leftmost(tree), format!("`{symbol}` takes true or false, and this is {kind}"))
            .with_hint("compare it: == \"…\", or ask whether it is there: != null"))
    }

    /// `profile["cost-center"]` is a name; `groups[0]` an item.
    pub(crate) fn index(
        &mut self,
        tree: &'a IdedExpr,
        of: &'a IdedExpr,
        index: &'a IdedExpr,
    ) -> Result<(Op, Kind), Mistake> {
        if let (Some((root, rest)), Expr::Literal(LiteralValue::String(key))) =
            (dotted(&of.expr), &index.expr)
        {
            let namespace = rest.unwrap_or_else(|| root.to_owned());
            if self.environment.find(&namespace).is_none()
                && !self.locals.iter().any(|(local, _)| *local == root)
            {
                return self.global(leftmost(tree), &format!("{namespace}.{}", key.inner()));
            }
        }
        let (of_list, of_index, sides) = self.sides(of, index)?;
        if !of_list.may_be(Kind::List) || !of_index.may_be(Kind::Integer) {
            return Err(self.mistake(
                tree,
                format!("`[]` takes a list and a whole number, not {of_list} and {of_index}"),
            ));
        }
        Ok((Op::Index(sides), Kind::Any))
    }
}

fn compare_hint(left: Kind, right: Kind) -> &'static str {
    match (left, right) {
        (Kind::Text, number) | (number, Kind::Text) if number.is_number() => {
            "a number in quotation marks is text; int(…) makes a number of a text, string(…) text of a number"
        }
        (Kind::Text, Kind::Boolean) | (Kind::Boolean, Kind::Text) => {
            "write true and false without quotation marks; bool(…) makes one of a text"
        }
        (Kind::List, _) | (_, Kind::List) => "does a list hold something? \"a\" in list",
        _ => "string(…), int(…) and double(…) turn one kind into the other",
    }
}
