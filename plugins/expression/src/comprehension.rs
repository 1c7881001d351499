//! Loops, of which the parser has made more than the admin wrote.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, operators};

use crate::check::Checker;
use crate::node::{Loop, Op, Work};
use crate::{Kind, Mistake};

/// How many loops may run within one another. Three over a hundred groups would be a million rounds.
const MOST_LOOPS: usize = 2;

impl<'a> Checker<'a> {
    /// The parser has made loops of CEL's macros: told apart by what each makes of its result so far.
    pub(crate) fn comprehension(
        &mut self,
        tree: &'a IdedExpr,
        parts: &'a ComprehensionExpr,
    ) -> Result<(Op, Kind), Mistake> {
        let (over, of_over) = self.node(&parts.iter_range)?;
        if !of_over.may_be(Kind::List) {
            return Err(
                self.mistake(tree, format!("only a list has items to go through, and this is {of_over}"))
            );
        }
        if self.locals.len() == MOST_LOOPS {
            return Err(self
                .mistake(tree, format!("more than {MOST_LOOPS} loops run within one another"))
                .with_hint("take the expression apart"));
        }
        let of_items = match &over.op {
            Op::Field(index) if Some(*index) == self.environment.group_names() => Kind::Text,
            _ => Kind::Any,
        };
        self.locals.push((&parts.iter_var, of_items));
        let work = self.work(tree, parts);
        self.locals.pop();
        let work = work?;
        let kind =
            if matches!(work, Work::Filter(_) | Work::Map { .. }) { Kind::List } else { Kind::Boolean };
        Ok((Op::Loop(Box::new(Loop { over, work })), kind))
    }

    fn work(&mut self, tree: &'a IdedExpr, parts: &'a ComprehensionExpr) -> Result<Work, Mistake> {
        let unknown = |checker: &Self| checker.mistake(tree, "this loop is not supported");
        let Expr::Call(step) = &parts.loop_step.expr else { return Err(unknown(self)) };
        let appended = |call: &'a CallExpr| match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::ADD, [_, list]) => match &list.expr {
                Expr::List(list) => list.elements.first(),
                _ => None,
            },
            _ => None,
        };
        match (step.func_name.as_str(), step.args.as_slice()) {
            (operators::LOGICAL_OR, [_, condition]) => Ok(Work::Exists(self.truth(condition, "exists")?)),
            (operators::LOGICAL_AND, [_, condition]) => Ok(Work::All(self.truth(condition, "all")?)),
            (operators::ADD, _) => {
                let item = appended(step).ok_or_else(|| unknown(self))?;
                Ok(Work::Map { guard: None, item: self.node(item)?.0 })
            }
            (operators::CONDITIONAL, [condition, step, _]) => {
                let Expr::Call(step) = &step.expr else { return Err(unknown(self)) };
                if matches!(parts.accu_init.expr, Expr::Literal(LiteralValue::Int(_))) {
                    return Ok(Work::One(self.truth(condition, "exists_one")?));
                }
                let item = appended(step).ok_or_else(|| unknown(self))?;
                if matches!(&item.expr, Expr::Ident(name) if *name == parts.iter_var) {
                    return Ok(Work::Filter(self.truth(condition, "filter")?));
                }
                let guard = Some(self.truth(condition, "map")?);
                Ok(Work::Map { guard, item: self.node(item)?.0 })
            }
            _ => Err(unknown(self)),
        }
    }
}
