//! Finding one's way in CEL's syntax tree.

use cel::common::ast::{Expr, IdedExpr, operators};

/// The operands of a chain of one operator, from the left. Without recursion: a chain may be long. What brackets
/// put to the right of it stays an operand of its own, so that sums are calculated in the order written.
pub(crate) fn spine<'a>(name: &str, tree: &'a IdedExpr) -> Vec<&'a IdedExpr> {
    let mut operands = Vec::new();
    let mut waiting = vec![tree];
    while let Some(tree) = waiting.pop() {
        match &tree.expr {
            Expr::Call(call) if call.target.is_none() && call.func_name == name => {
                match call.args.as_slice() {
                    // Logical chains come balanced, to any depth on either side.
                    [left, right] if name == operators::ADD => {
                        operands.push(right);
                        waiting.push(left);
                    }
                    _ => waiting.extend(&call.args),
                }
            }
            _ => operands.push(tree),
        }
    }
    operands.reverse();
    operands
}

/// The first name of a dotted one, and all of it where it has more parts.
pub(crate) fn dotted(expr: &Expr) -> Option<(&str, Option<String>)> {
    let mut parts = Vec::new();
    let mut expr = expr;
    loop {
        match expr {
            Expr::Ident(name) => {
                parts.push(name.as_str());
                break;
            }
            Expr::Select(select) if !select.test => {
                parts.push(&select.field);
                expr = &select.operand.expr;
            }
            _ => return None,
        }
    }
    parts.reverse();
    Some((parts[0], (parts.len() > 1).then(|| parts.join("."))))
}

/// The node that is written furthest to the left: where a dotted name or an operator's left side begins.
pub(crate) fn leftmost(tree: &IdedExpr) -> &IdedExpr {
    let mut tree = tree;
    loop {
        tree = match &tree.expr {
            Expr::Select(select) => &select.operand,
            Expr::Call(call) => match (&call.target, call.args.as_slice()) {
                (Some(target), _) => target,
                (None, [left, _]) if call.func_name.starts_with('_') || call.func_name == operators::IN => {
                    left
                }
                _ => return tree,
            },
            _ => return tree,
        };
    }
}
