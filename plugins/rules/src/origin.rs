//! Where a rule's value comes from.

use std::borrow::Cow;

use rollcall_expression::{Environment, Expression, Failure, Kind, Record, Value};
use rollcall_plugin::Error;

use crate::mistakes;
use crate::several::Several;

/// Where a rule's value comes from.
#[derive(Debug)]
pub enum Origin {
    /// The first that is not empty.
    From(Vec<Expression>),
    Template(Template),
    Expression(Expression),
    Constant(Constant),
}

/// A value that stands in the settings.
#[derive(Debug, Clone, PartialEq)]
pub enum Constant {
    Boolean(bool),
    Integer(i64),
    Decimal(f64),
    Text(String),
    Texts(Vec<String>),
}

/// Text with names, or expressions, in braces: `{givenName} {familyName}`.
#[derive(Debug)]
pub struct Template(Vec<Part>);

#[derive(Debug)]
enum Part {
    Text(String),
    Expression(Expression),
}

impl Origin {
    pub fn from_names(path: &str, names: &Several, environment: &Environment) -> Result<Self, Error> {
        if names.0.is_empty() {
            return Err(Error::settings(path, "the list is empty"));
        }
        let compiled = names.0.iter().enumerate().map(|(index, name)| {
            Expression::of_name(name, environment)
                .map_err(|mistake| mistakes::at(names.path(path, index), &mistake))
        });
        Ok(Origin::From(compiled.collect::<Result<_, _>>()?))
    }

    /// The kind that it gives, as far as is known.
    pub fn kind(&self) -> Kind {
        match self {
            Origin::From(names) => match names.as_slice() {
                [name] => name.kind(),
                _ => Kind::Any,
            },
            Origin::Template(_) => Kind::Text,
            Origin::Expression(expression) => expression.kind(),
            Origin::Constant(constant) => constant.value().kind(),
        }
    }

    pub fn value<'a>(&'a self, record: &'a dyn Record) -> Result<Value<'a>, Failure> {
        match self {
            Origin::From(names) => {
                for name in names {
                    let value = name.evaluate(record)?;
                    if !value.is_blank() {
                        return Ok(value);
                    }
                }
                Ok(Value::Null)
            }
            Origin::Template(template) => template.fill(record),
            Origin::Expression(expression) => expression.evaluate(record),
            Origin::Constant(constant) => Ok(constant.value()),
        }
    }
}

impl Constant {
    pub fn new(path: &str, written: &serde_json::Value) -> Result<Self, Error> {
        let wrong =
            || Error::settings(path, "the value has to be text, true or false, a number, or a list of texts");
        Ok(match written {
            serde_json::Value::Bool(value) => Constant::Boolean(*value),
            serde_json::Value::String(text) => Constant::Text(text.clone()),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(integer), _) => Constant::Integer(integer),
                (None, Some(decimal)) => Constant::Decimal(decimal),
                (None, None) => return Err(wrong()),
            },
            serde_json::Value::Array(items) => Constant::Texts(
                items
                    .iter()
                    .map(|item| item.as_str().map(str::to_owned).ok_or_else(wrong))
                    .collect::<Result<_, _>>()?,
            ),
            serde_json::Value::Null | serde_json::Value::Object(_) => return Err(wrong()),
        })
    }

    pub fn value(&self) -> Value<'_> {
        match self {
            Constant::Boolean(value) => Value::Boolean(*value),
            Constant::Integer(value) => Value::Integer(*value),
            Constant::Decimal(value) => Value::Decimal(*value),
            Constant::Text(text) => Value::text(text),
            Constant::Texts(texts) => Value::List(rollcall_expression::List::Texts(texts)),
        }
    }
}

impl Template {
    /// `{{` and `}}` stand for braces.
    pub fn new(path: &str, source: &str, environment: &Environment) -> Result<Self, Error> {
        let wrong = |message: &str| {
            Error::settings(path, message)
                .with_hint("names stand in braces: \"{givenName} {familyName}\"; a brace itself is {{ or }}")
        };
        let mut parts = Vec::new();
        let mut text = String::new();
        let mut rest = source;
        while let Some(at) = rest.find(['{', '}']) {
            text.push_str(&rest[..at]);
            let (brace, after) = rest[at..].split_at(1);
            if after.starts_with(brace) {
                text.push_str(brace);
                rest = &after[1..];
                continue;
            }
            if brace == "}" {
                return Err(wrong("a } closes nothing"));
            }
            let Some(end) = after.find('}') else { return Err(wrong("a { is never closed")) };
            let (inner, offset) = (&after[..end], source.len() - after.len());
            let expression = Expression::compile(inner, environment)
                .map_err(|mistake| mistakes::at(path, &mistake.within(source, offset)))?;
            if expression.kind() == Kind::List {
                return Err(Error::settings(
                    path,
                    format!("`{inner}` is a list, and a template takes single values"),
                )
                .with_hint(format!("join it: {{join({inner}, \", \")}}")));
            }
            if !text.is_empty() {
                parts.push(Part::Text(std::mem::take(&mut text)));
            }
            parts.push(Part::Expression(expression));
            rest = &after[end + 1..];
        }
        text.push_str(rest);
        if !text.is_empty() {
            parts.push(Part::Text(text));
        }
        if !parts.iter().any(|part| matches!(part, Part::Expression(_))) {
            return Err(wrong("the template names nothing"));
        }
        Ok(Self(parts))
    }

    /// What is absent leaves no gap: blanks at the ends and doubled ones go. When all is absent, so is the text.
    fn fill<'a>(&'a self, record: &'a dyn Record) -> Result<Value<'a>, Failure> {
        let mut filled = String::new();
        let mut any = false;
        for part in &self.0 {
            match part {
                Part::Text(text) => filled.push_str(text),
                Part::Expression(expression) => {
                    let value = expression.evaluate(record)?;
                    any |= !value.is_blank();
                    match value {
                        Value::Text(text) => filled.push_str(&text),
                        Value::Integer(number) => filled.push_str(&number.to_string()),
                        Value::Decimal(number) => filled.push_str(&number.to_string()),
                        Value::Boolean(value) => filled.push_str(if value { "true" } else { "false" }),
                        Value::Null => {}
                        Value::List(list) => {
                            let items = list.into_items();
                            let texts = items.iter().filter_map(|item| match item {
                                Value::Text(text) => Some(text.as_ref()),
                                _ => None,
                            });
                            filled.push_str(&texts.collect::<Vec<_>>().join(", "));
                        }
                    }
                }
            }
        }
        if !any {
            return Ok(Value::Null);
        }
        let tidy = filled.trim();
        if tidy.contains("  ") {
            filled = tidy.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
        } else if tidy.len() != filled.len() {
            filled = tidy.to_owned();
        }
        Ok(Value::Text(Cow::Owned(filled)))
    }
}
