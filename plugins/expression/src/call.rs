use std::borrow::Cow;

use regex::Regex;

use crate::date::Moment;
use crate::evaluate::Evaluation;
use crate::failure::Reason;
use crate::function::Function;
use crate::node::Prepared;
use crate::{Kind, List, MOST_BYTES, Value};

/// What a function was given, at most three.
pub(crate) struct Given<'a> {
    values: [Value<'a>; 3],
    count: usize,
    what: &'static str,
}

type Answer<'a> = Result<Value<'a>, Reason>;

impl<'a> Given<'a> {
    pub fn new(what: &'static str) -> Self {
        Self { values: [const { Value::Null }; 3], count: 0, what }
    }

    pub fn push(&mut self, value: Value<'a>) {
        self.values[self.count] = value;
        self.count += 1;
    }

    fn take(&mut self, index: usize) -> Value<'a> {
        std::mem::replace(&mut self.values[index], Value::Null)
    }

    fn wrong(&self, wanted: Kind, found: Kind) -> Reason {
        Reason::Kind { what: self.what, wanted, found }
    }

    fn text(&self, index: usize) -> Result<&str, Reason> {
        match &self.values[index] {
            Value::Text(text) => Ok(text),
            other => Err(self.wrong(Kind::Text, other.kind())),
        }
    }

    fn take_text(&mut self, index: usize) -> Result<Cow<'a, str>, Reason> {
        match self.take(index) {
            Value::Text(text) => Ok(text),
            other => Err(self.wrong(Kind::Text, other.kind())),
        }
    }

    fn take_list(&mut self, index: usize) -> Result<List<'a>, Reason> {
        match self.take(index) {
            Value::List(list) => Ok(list),
            other => Err(self.wrong(Kind::List, other.kind())),
        }
    }

    fn integer(&self, index: usize) -> Result<i64, Reason> {
        match self.values[index] {
            Value::Integer(number) => Ok(number),
            ref other => Err(self.wrong(Kind::Integer, other.kind())),
        }
    }

    fn unreadable(&self) -> Reason {
        Reason::Unreadable { what: self.what }
    }

    fn moment(&self, index: usize) -> Result<Moment, Reason> {
        Moment::read(self.text(index)?.trim()).ok_or_else(|| self.unreadable())
    }
}

/// A part of a text, still borrowed where the text was.
fn part<'a>(text: Cow<'a, str>, range: std::ops::Range<usize>) -> Value<'a> {
    Value::Text(match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[range]),
        Cow::Owned(text) if range == (0..text.len()) => Cow::Owned(text),
        Cow::Owned(text) => Cow::Owned(text[range].to_owned()),
    })
}

impl Function {
    /// What a null argument makes of it: nothing of nothing, and "no" to a question.
    fn of_null(self, gives: Kind) -> Value<'static> {
        match (self, gives) {
            (Function::Size, _) => Value::Integer(0),
            (_, Kind::Boolean) => Value::Boolean(false),
            _ => Value::Null,
        }
    }

    pub fn call<'a>(
        self,
        signature: Kind,
        mut given: Given<'a>,
        prepared: &'a Prepared,
        evaluation: &mut Evaluation<'_>,
    ) -> Answer<'a> {
        if given.values[..given.count].iter().any(Value::is_null) {
            return Ok(self.of_null(signature));
        }
        let what = given.what;
        let pattern = || -> Result<&'a Regex, Reason> {
            match prepared {
                Prepared::Pattern(pattern) => Ok(pattern),
                // The check prepared a pattern for each function that takes one.
                _ => Err(Reason::Unreadable { what }),
            }
        };
        Ok(match self {
            Function::Lower => made(lower(given.text(0)?), evaluation)?,
            Function::Upper => made(given.text(0)?.to_uppercase(), evaluation)?,
            Function::Trim => {
                let text = given.take_text(0)?;
                let from = text.len() - text.trim_start().len();
                let length = text.trim().len();
                part(text, from..from + length)
            }
            Function::Before => {
                let text = given.take_text(0)?;
                let end = text.find(given.text(1)?).unwrap_or(text.len());
                part(text, 0..end)
            }
            Function::After => {
                let text = given.take_text(0)?;
                let separator = given.text(1)?;
                match text.find(separator) {
                    Some(at) => {
                        let range = at + separator.len()..text.len();
                        part(text, range)
                    }
                    None => Value::Null,
                }
            }
            Function::Substring => {
                let text = given.take_text(0)?;
                let from = usize::try_from(given.integer(1)?).unwrap_or(0);
                let to = if given.count > 2 {
                    usize::try_from(given.integer(2)?).unwrap_or(0)
                } else {
                    usize::MAX
                };
                let offset =
                    |character| text.char_indices().nth(character).map_or(text.len(), |(offset, _)| offset);
                let (start, end) = (offset(from), offset(to));
                part(text, start..end.max(start))
            }
            Function::Contains => Value::Boolean(given.text(0)?.contains(given.text(1)?)),
            Function::ContainsIgnoreCase => {
                Value::Boolean(lower(given.text(0)?).contains(&lower(given.text(1)?)))
            }
            Function::EqualsIgnoreCase => Value::Boolean(lower(given.text(0)?) == lower(given.text(1)?)),
            Function::StartsWith => Value::Boolean(given.text(0)?.starts_with(given.text(1)?)),
            Function::EndsWith => Value::Boolean(given.text(0)?.ends_with(given.text(1)?)),
            Function::Matches => Value::Boolean(pattern()?.is_match(given.text(0)?)),
            Function::Extract => {
                let pattern = pattern()?;
                let text = given.take_text(0)?;
                let range = pattern.captures(&text).and_then(|found| {
                    let group = if found.len() > 1 { found.get(1) } else { found.get(0) };
                    group.map(|group| group.range())
                });
                range.map_or(Value::Null, |range| part(text, range))
            }
            Function::Replace => {
                let (text, from, to) = (given.text(0)?, given.text(1)?, given.text(2)?);
                // Before it is made: a long text times a long replacement is more than there is room for.
                let times = text.matches(from).count();
                evaluation.make(text.len() + times * to.len())?;
                Value::Text(Cow::Owned(text.replace(from, to)))
            }
            Function::ReplaceMatches => {
                let pattern = pattern()?;
                let (text, to) = (given.text(0)?, given.text(1)?);
                let replaced = replace_matches(pattern, text, to, evaluation)?;
                Value::Text(Cow::Owned(replaced))
            }
            Function::Split => {
                let separator = given.text(1)?.to_owned();
                let text = given.take_text(0)?;
                let separator = separator.as_str();
                let parts: Vec<Value<'a>> = match text {
                    Cow::Borrowed(text) if separator.is_empty() => vec![Value::text(text)],
                    Cow::Borrowed(text) => text.split(separator).map(Value::text).collect(),
                    Cow::Owned(text) if separator.is_empty() => vec![Value::Text(Cow::Owned(text))],
                    Cow::Owned(text) => {
                        text.split(separator).map(|part| Value::Text(Cow::Owned(part.to_owned()))).collect()
                    }
                };
                evaluation.make(parts.len() * size_of::<Value<'_>>())?;
                Value::List(List::Items(parts))
            }
            Function::Join => {
                let list = given.take_list(0)?.into_items();
                let separator = if given.count > 1 { given.text(1)? } else { "" };
                let mut text = String::new();
                for (at, item) in list.iter().enumerate() {
                    let Value::Text(item) = item else { return Err(given.wrong(Kind::Text, item.kind())) };
                    if at > 0 {
                        text.push_str(separator);
                    }
                    text.push_str(item);
                    if text.len() > MOST_BYTES {
                        return Err(Reason::Size);
                    }
                }
                made(text, evaluation)?
            }
            Function::First => given.take_list(0)?.get(0).unwrap_or(Value::Null),
            Function::Last => {
                let list = given.take_list(0)?;
                list.len().checked_sub(1).and_then(|at| list.get(at)).unwrap_or(Value::Null)
            }
            Function::Unique => {
                let mut once: Vec<Value<'a>> = Vec::new();
                for item in given.take_list(0)?.into_items() {
                    evaluation.step(once.len())?;
                    if !once.contains(&item) {
                        once.push(item);
                    }
                }
                Value::List(List::Items(once))
            }
            Function::Sort => {
                let mut items = given.take_list(0)?.into_items();
                if let Some(item) = items.iter().find(|item| item.kind() != Kind::Text) {
                    return Err(given.wrong(Kind::Text, item.kind()));
                }
                evaluation.step(items.len())?;
                items.sort_by(|a, b| match (a, b) {
                    (Value::Text(a), Value::Text(b)) => a.cmp(b),
                    _ => std::cmp::Ordering::Equal,
                });
                Value::List(List::Items(items))
            }
            Function::Size => Value::Integer(match &given.values[0] {
                Value::Text(text) => text.chars().count() as i64,
                Value::List(list) => list.len() as i64,
                other => return Err(given.wrong(Kind::Text, other.kind())),
            }),
            Function::String => match given.take(0) {
                Value::List(_) => return Err(given.wrong(Kind::Text, Kind::List)),
                Value::Boolean(value) => Value::text(if value { "true" } else { "false" }),
                Value::Integer(value) => made(value.to_string(), evaluation)?,
                Value::Decimal(value) => made(value.to_string(), evaluation)?,
                value => value,
            },
            Function::Int => match &given.values[0] {
                Value::Integer(value) => Value::Integer(*value),
                Value::Decimal(value) if value.abs() < 9.2e18 => Value::Integer(*value as i64),
                Value::Decimal(_) => return Err(Reason::Overflow { what: "int" }),
                Value::Text(text) => Value::Integer(text.trim().parse().map_err(|_| given.unreadable())?),
                other => return Err(given.wrong(Kind::Integer, other.kind())),
            },
            Function::Double => match &given.values[0] {
                Value::Integer(value) => Value::Decimal(*value as f64),
                Value::Decimal(value) => Value::Decimal(*value),
                Value::Text(text) => Value::Decimal(text.trim().parse().map_err(|_| given.unreadable())?),
                other => return Err(given.wrong(Kind::Decimal, other.kind())),
            },
            Function::Bool => match &given.values[0] {
                Value::Boolean(value) => Value::Boolean(*value),
                Value::Text(text) if text.trim().eq_ignore_ascii_case("true") => Value::Boolean(true),
                Value::Text(text) if text.trim().eq_ignore_ascii_case("false") => Value::Boolean(false),
                Value::Text(_) => return Err(given.unreadable()),
                other => return Err(given.wrong(Kind::Boolean, other.kind())),
            },
            Function::Date => made(given.moment(0)?.date(), evaluation)?,
            Function::DaysBetween => Value::Integer(given.moment(1)?.day() - given.moment(0)?.day()),
            Function::FormatDate => match prepared {
                Prepared::Format(format) => made(format.write(given.moment(0)?), evaluation)?,
                _ => return Err(given.unreadable()),
            },
            Function::ParseDate => match prepared {
                Prepared::Format(format) => {
                    let moment = format.read(given.text(0)?.trim()).ok_or_else(|| given.unreadable())?;
                    made(moment.date(), evaluation)?
                }
                _ => return Err(given.unreadable()),
            },
            // The check made nodes of their own of these.
            Function::Attribute
            | Function::Coalesce
            | Function::IsMember
            | Function::IsMemberMatching
            | Function::IsMemberStartingWith => return Err(given.unreadable()),
        })
    }
}

fn made<'a>(text: String, evaluation: &mut Evaluation<'_>) -> Answer<'a> {
    evaluation.make(text.len())?;
    Ok(Value::Text(Cow::Owned(text)))
}

/// Unicode's lower case; most names are ASCII, where it is found faster.
fn lower(text: &str) -> String {
    if text.is_ascii() { text.to_ascii_lowercase() } else { text.to_lowercase() }
}

fn replace_matches(
    pattern: &Regex,
    text: &str,
    to: &str,
    evaluation: &mut Evaluation<'_>,
) -> Result<String, Reason> {
    let mut replaced = String::with_capacity(text.len());
    let mut after = 0;
    for found in pattern.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        replaced.push_str(&text[after..whole.start()]);
        // Each group of the replacement may be as long as the match.
        evaluation.make(to.len() + to.matches('$').count() * whole.len())?;
        found.expand(to, &mut replaced);
        after = whole.end();
    }
    replaced.push_str(&text[after..]);
    evaluation.make(text.len() - after)?;
    Ok(replaced)
}
