//! From CEL's syntax tree to a [`Node`] tree in which nothing is left to be looked up or to go wrong, but for
//! what depends on the record.

use cel::common::ast::{CallExpr, ComprehensionExpr, Expr, IdedExpr, LiteralValue, SelectExpr, operators};

use crate::date::Format;
use crate::environment::nearest;
use crate::expression::compile_at;
use crate::function::{Function, Parameter, Signature};
use crate::node::{Arithmetic, Loop, Member, Node, Op, Order, Prepared, Work};
use crate::parse::{Parsed, too_deep};
use crate::{Environment, FUNCTIONS, Kind, Mistake};

/// How deep a tree may be. Checking takes most stack: some 16 kB for each in a debug build, of at least a megabyte.
const MOST_DEPTH: usize = 32;

/// How many loops may run within one another. Three over a hundred groups would be a million rounds.
const MOST_LOOPS: usize = 2;

pub(crate) struct Checker<'a> {
    source: &'a str,
    parsed: &'a Parsed<'a>,
    environment: &'a Environment,
    /// The variables of the loops around.
    locals: Vec<(&'a str, Kind)>,
    depth: usize,
}

type Checked = Result<(Node, Kind), Mistake>;

impl<'a> Checker<'a> {
    pub fn new(source: &'a str, parsed: &'a Parsed<'a>, environment: &'a Environment) -> Self {
        Self { source, parsed, environment, locals: Vec::new(), depth: 0 }
    }

    pub fn check(mut self) -> Checked {
        let parsed = self.parsed;
        self.node(&parsed.tree)
    }

    fn mistake(&self, node: &IdedExpr, message: impl Into<String>) -> Mistake {
        Mistake::new(self.source, self.parsed.offset(node.id), message)
    }

    fn node(&mut self, tree: &'a IdedExpr) -> Checked {
        self.depth += 1;
        if self.depth > MOST_DEPTH {
            return Err(too_deep(self.source, self.parsed.offset(tree.id)));
        }
        let (op, kind) = match &tree.expr {
            Expr::Literal(literal) => self.literal(tree, literal)?,
            Expr::Ident(name) => self.name(tree, name)?,
            Expr::Select(select) => self.select(tree, select)?,
            Expr::List(list) => {
                if !list.optional_indices.is_empty() {
                    return Err(self.mistake(tree, "optional items are not supported"));
                }
                (Op::List(self.nodes(&list.elements)?), Kind::List)
            }
            Expr::Call(call) => self.call(tree, call)?,
            Expr::Comprehension(parts) => self.comprehension(tree, parts)?,
            Expr::Map(_) => {
                return Err(self
                    .mistake(tree, "maps are not supported")
                    .with_hint("a rule's `lookup` step translates values by a table"));
            }
            Expr::Struct(_) => return Err(self.mistake(tree, "messages are not supported")),
            Expr::Unspecified => return Err(self.mistake(tree, "something is missing here")),
        };
        self.depth -= 1;
        // A dotted name is where it begins, not at its last dot.
        let start = if matches!(tree.expr, Expr::Select(_)) { leftmost(tree) } else { tree };
        Ok((Node { op, offset: self.parsed.offset(start.id) as u32 }, kind))
    }

    fn nodes(&mut self, trees: impl IntoIterator<Item = &'a IdedExpr>) -> Result<Vec<Node>, Mistake> {
        trees.into_iter().map(|tree| Ok(self.node(tree)?.0)).collect()
    }

    fn literal(&self, tree: &IdedExpr, literal: &LiteralValue) -> Result<(Op, Kind), Mistake> {
        Ok(match literal {
            LiteralValue::Null => (Op::Null, Kind::Null),
            LiteralValue::Boolean(value) => (Op::Boolean(*value.inner()), Kind::Boolean),
            LiteralValue::Int(value) => (Op::Integer(*value.inner()), Kind::Integer),
            LiteralValue::Double(value) => (Op::Decimal(*value.inner()), Kind::Decimal),
            LiteralValue::String(value) => (Op::Text(value.inner().into()), Kind::Text),
            LiteralValue::UInt(_) => {
                return Err(self
                    .mistake(tree, "unsigned numbers are not supported")
                    .with_hint("leave the u away"));
            }
            LiteralValue::Bytes(_) => {
                return Err(self.mistake(tree, "bytes are not supported").with_hint("leave the b away"));
            }
        })
    }

    fn name(&self, tree: &IdedExpr, name: &str) -> Result<(Op, Kind), Mistake> {
        if let Some(index) = self.locals.iter().rposition(|(local, _)| *local == name) {
            return Ok((Op::Local(index), self.locals[index].1));
        }
        self.global(tree, name)
    }

    /// A field, or an attribute by its whole name.
    fn global(&self, tree: &IdedExpr, name: &str) -> Result<(Op, Kind), Mistake> {
        resolve(name, self.environment).ok_or_else(|| {
            let mistake = self.mistake(tree, format!("nothing is called `{name}`"));
            match nearest(name, self.locals.iter().map(|(local, _)| *local)) {
                Some(near) => mistake.with_hint(format!("did you mean `{near}`?")),
                None => unknown(mistake, name, self.environment),
            }
        })
    }

    fn select(&mut self, tree: &'a IdedExpr, select: &'a SelectExpr) -> Result<(Op, Kind), Mistake> {
        let (op, kind) = match dotted(&select.operand.expr) {
            Some((root, rest)) => {
                if self.locals.iter().any(|(local, _)| *local == root) {
                    return Err(self.mistake(tree, format!("`{root}` has no part `{}`", select.field)));
                }
                if self.environment.find(root).is_some() {
                    return Err(self
                        .mistake(tree, format!("`{root}` has no part `{}`", select.field))
                        .with_hint(format!(
                            "functions are called with brackets: {root}.{}()",
                            select.field
                        )));
                }
                // The place of a dotted name is where it begins.
                let start = leftmost(tree);
                self.global(start, &format!("{}.{}", rest.unwrap_or_else(|| root.to_owned()), select.field))?
            }
            None => {
                return Err(self.mistake(tree, format!("this has no part `{}`", select.field)));
            }
        };
        if select.test {
            let node = Node { op, offset: self.parsed.offset(tree.id) as u32 };
            return Ok((Op::Has(Box::new(node)), Kind::Boolean));
        }
        Ok((op, kind))
    }

    fn call(&mut self, tree: &'a IdedExpr, call: &'a CallExpr) -> Result<(Op, Kind), Mistake> {
        let name = call.func_name.as_str();
        if call.target.is_none()
            && let Some(operator) = self.operator(tree, name, &call.args)?
        {
            return Ok(operator);
        }
        let Some(signature) = Signature::find(name) else {
            return Err(self.unknown_function(tree, call));
        };
        let is_about_groups = matches!(
            signature.function,
            Function::IsMember | Function::IsMemberMatching | Function::IsMemberStartingWith
        );
        if is_about_groups && self.environment.group_names().is_none() {
            return Err(
                self.mistake(tree, format!("`{name}` asks for a person's groups, and this is about none"))
            );
        }
        let arguments: Vec<&'a IdedExpr> = call.target.as_deref().into_iter().chain(&call.args).collect();
        let most = if signature.repeats { usize::MAX } else { signature.takes.len() };
        if arguments.len() < signature.needs || arguments.len() > most {
            let count = arguments.len();
            return Err(self
                .mistake(
                    tree,
                    format!("`{name}` is given {count} argument{}", if count == 1 { "" } else { "s" }),
                )
                .with_hint(format!("it is used like this: {}", usage(signature))));
        }
        let mut nodes = Vec::with_capacity(arguments.len());
        let mut prepared = Prepared::Nothing;
        let mut literals: Vec<Box<str>> = Vec::new();
        for (at, argument) in arguments.into_iter().enumerate() {
            let parameter = signature.takes[at.min(signature.takes.len() - 1)];
            let (node, kind) = self.node(argument)?;
            if !parameter.takes(kind) {
                let wanted = parameter.kind();
                return Err(self.mistake(
                    leftmost(argument),
                    format!("`{name}` takes {wanted} here, and this is {kind}"),
                ));
            }
            match (parameter, &node.op) {
                (Parameter::Of(_) | Parameter::Countable, _) => nodes.push(node),
                (Parameter::Pattern, Op::Text(pattern)) => {
                    prepared =
                        Prepared::Pattern(compile_at(self.source, self.parsed.offset(argument.id), pattern)?);
                }
                (Parameter::Format, Op::Text(format)) => {
                    let format = Format::new(format).map_err(|letters| {
                        self.mistake(argument, format!("`{letters}` is no part of a date"))
                            .with_hint("a date's parts are yyyy, MM, dd, HH, mm and ss")
                    })?;
                    prepared = Prepared::Format(format);
                }
                (Parameter::Literal, Op::Text(text)) => literals.push(text.clone()),
                (parameter, _) => {
                    let what = match parameter {
                        Parameter::Pattern => "the pattern",
                        Parameter::Format => "the date format",
                        _ => "the name",
                    };
                    return Err(self
                        .mistake(leftmost(argument), format!("{what} of `{name}` has to be written out"))
                        .with_hint(
                            "write it in quotation marks, so that it is checked before anybody is shaped",
                        ));
                }
            }
        }
        let member = |member| Op::Member(self.environment.group_names().unwrap_or_default(), member);
        let op = match (signature.function, prepared) {
            (Function::IsMember, _) => member(Member::Named(literals)),
            (Function::IsMemberStartingWith, _) => member(Member::StartingWith(literals)),
            (Function::IsMemberMatching, Prepared::Pattern(pattern)) => member(Member::Matching(pattern)),
            (Function::Coalesce, _) => Op::Coalesce(nodes),
            (Function::Attribute, _) => {
                let name = literals.pop().unwrap_or_default();
                return self.global(tree, &name);
            }
            (_, prepared) => Op::Call(signature, prepared, nodes),
        };
        Ok((op, signature.gives))
    }

    fn operator(
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

    fn sides(
        &mut self,
        left: &'a IdedExpr,
        right: &'a IdedExpr,
    ) -> Result<(Kind, Kind, Box<[Node; 2]>), Mistake> {
        let ((left, of_left), (right, of_right)) = (self.node(left)?, self.node(right)?);
        Ok((of_left, of_right, Box::new([left, right])))
    }

    fn truth(&mut self, tree: &'a IdedExpr, symbol: &str) -> Result<Node, Mistake> {
        let (node, kind) = self.node(tree)?;
        if kind.may_be(Kind::Boolean) {
            return Ok(node);
        }
        Err(self
            .mistake(leftmost(tree), format!("`{symbol}` takes true or false, and this is {kind}"))
            .with_hint("compare it: == \"…\", or ask whether it is there: != null"))
    }

    /// `profile["cost-center"]` is a name; `groups[0]` an item.
    fn index(
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

    fn unknown_function(&self, tree: &IdedExpr, call: &CallExpr) -> Mistake {
        let name = call.func_name.as_str();
        // Macros of which the parser took no notice were given too little or too much.
        for (macro_name, form) in MACROS {
            if name == macro_name {
                return self
                    .mistake(tree, format!("`{name}` is not used like this"))
                    .with_hint(format!("it is used like this: {form}"));
            }
        }
        let mistake = self.mistake(tree, format!("no function is called `{name}`"));
        let known =
            FUNCTIONS.iter().map(|signature| signature.name).chain(MACROS.iter().map(|(name, _)| *name));
        match nearest(name, known).or_else(|| other_words(name)) {
            Some(near) => mistake.with_hint(format!("did you mean `{near}`?")),
            None if name.starts_with(|c: char| !c.is_alphabetic()) => {
                self.mistake(tree, "this operator is not supported")
            }
            None => mistake.with_hint(format!(
                "the functions are {}",
                FUNCTIONS.iter().map(|signature| signature.name).collect::<Vec<_>>().join(", ")
            )),
        }
    }

    /// The parser has made loops of CEL's macros: told apart by what each makes of its result so far.
    fn comprehension(
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

/// What a whole name stands for outside any loop.
pub(crate) fn resolve(name: &str, environment: &Environment) -> Option<(Op, Kind)> {
    if let Some((index, kind)) = environment.find(name) {
        return Some((Op::Field(index), kind));
    }
    environment.knows_attribute(name).then(|| (Op::Attribute(name.into()), Kind::Any))
}

/// What an unknown name may have been meant for.
pub(crate) fn unknown(mistake: Mistake, name: &str, environment: &Environment) -> Mistake {
    if environment.is_namespace(name) {
        mistake.with_hint(format!("name one of its attributes: {name}.…"))
    } else if let Some(near) = nearest(name, environment.names()) {
        mistake.with_hint(format!("did you mean `{near}`?"))
    } else if let Some(signature) = Signature::find(name) {
        mistake.with_hint(format!("`{name}` is a function: {}", usage(signature)))
    } else if !name.contains('.') {
        mistake.with_hint(format!("text stands in quotation marks: \"{name}\""))
    } else {
        mistake.with_hint("names are as the provider gives them, such as profile.department")
    }
}

const MACROS: [(&str, &str); 7] = [
    ("has", "has(profile.department)"),
    ("exists", "groups.exists(group, group.startsWith(\"eng-\"))"),
    ("all", "groups.all(group, group != \"Guests\")"),
    ("exists_one", "groups.exists_one(group, group.startsWith(\"eng-\"))"),
    ("existsOne", "groups.existsOne(group, group.startsWith(\"eng-\"))"),
    ("filter", "groups.filter(group, group.startsWith(\"eng-\"))"),
    ("map", "groups.map(group, lower(group))"),
];

/// What other languages call our functions.
fn other_words(name: &str) -> Option<&'static str> {
    Some(match name.to_ascii_lowercase().as_str() {
        "tolowercase" | "lowercase" | "lowerascii" => "lower",
        "touppercase" | "uppercase" | "upperascii" => "upper",
        "len" | "length" | "count" => "size",
        "substringbefore" => "before",
        "substringafter" => "after",
        "ismemberofgroupname" | "ismemberofanygroup" => "isMember",
        "ismemberofgroupnamestartswith" => "isMemberStartingWith",
        "ismemberofgroupnameregex" => "isMemberMatching",
        "concat" => "join",
        "stringcontains" | "includes" => "contains",
        "removespaces" | "strip" => "trim",
        "tostring" | "text" => "string",
        "tointeger" | "tonumber" => "int",
        "ifnull" | "ifempty" | "firstnonnull" => "default",
        _ => return None,
    })
}

/// The example of a function's help.
fn usage(signature: &Signature) -> &'static str {
    let start = signature.help.find(&format!("{}(", signature.name)).unwrap_or(0);
    &signature.help[start..]
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

/// The operands of a chain of one operator, from the left. Without recursion: a chain may be long. What brackets
/// put to the right of it stays an operand of its own, so that sums are calculated in the order written.
fn spine<'a>(name: &str, tree: &'a IdedExpr) -> Vec<&'a IdedExpr> {
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
fn dotted(expr: &Expr) -> Option<(&str, Option<String>)> {
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
fn leftmost(tree: &IdedExpr) -> &IdedExpr {
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
