//! From CEL's syntax tree to a [`Node`] tree in which nothing is left to be looked up or to go wrong, but for
//! what depends on the record.

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SelectExpr};

use crate::date::Format;
use crate::environment::nearest;
use crate::expression::compile_at;
use crate::function::{Function, Parameter, Signature};
use crate::node::{Member, Node, Op, Prepared};
use crate::parse::{Parsed, too_deep};
use crate::tree::{dotted, leftmost};
use crate::{Environment, FUNCTIONS, Kind, Mistake};

/// How deep a tree may be. Checking takes most stack: some 16 kB for each in a debug build, of at least a megabyte.
const MOST_DEPTH: usize = 32;

pub(crate) struct Checker<'a> {
    source: &'a str,
    parsed: &'a Parsed<'a>,
    pub(crate) environment: &'a Environment,
    /// The variables of the loops around.
    pub(crate) locals: Vec<(&'a str, Kind)>,
    depth: usize,
}

pub(crate) type Checked = Result<(Node, Kind), Mistake>;

impl<'a> Checker<'a> {
    pub fn new(source: &'a str, parsed: &'a Parsed<'a>, environment: &'a Environment) -> Self {
        Self { source, parsed, environment, locals: Vec::new(), depth: 0 }
    }

    pub fn check(mut self) -> Checked {
        let parsed = self.parsed;
        self.node(&parsed.tree)
    }

    pub(crate) fn mistake(&self, node: &IdedExpr, message: impl Into<String>) -> Mistake {
        Mistake::new(self.source, self.parsed.offset(node.id), message)
    }

    pub(crate) fn node(&mut self, tree: &'a IdedExpr) -> Checked {
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
    pub(crate) fn global(&self, tree: &IdedExpr, name: &str) -> Result<(Op, Kind), Mistake> {
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
