use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use regex::Regex;
use rollcall_expression::{Format, Kind, List, Value, reformat};
use rollcall_plugin::Error;

use crate::mistakes;
use crate::settings::Step as Written;

/// A table that translates values. An entry `*` is for whatever is not in it.
pub type Table = BTreeMap<String, String>;

/// One thing done to a value, ready to run.
#[derive(Debug)]
pub enum Step {
    Trim,
    Lower,
    Upper,
    Before(String),
    After(String),
    Replace(Regex, String),
    Lookup(Arc<Table>),
    FormatDate(Format),
    Split(String),
    Join(String),
    First,
    Last,
    Unique,
    Filter(Regex),
}

/// Why a step gave nothing. Without the value, which is personal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepFailure {
    Kind { wanted: Kind, found: Kind },
    NoDate,
    TooLong,
}

/// How long a text may become.
const MOST_BYTES: usize = 64 * 1024;

impl Step {
    pub fn new(path: &str, written: &Written, tables: &BTreeMap<String, Arc<Table>>) -> Result<Self, Error> {
        let filled = |what: &str, text: &String| {
            if text.is_empty() {
                return Err(Error::settings(format!("{path}.{what}"), "the text is empty"));
            }
            Ok(text.clone())
        };
        Ok(match written {
            Written::Trim => Step::Trim,
            Written::Lower => Step::Lower,
            Written::Upper => Step::Upper,
            Written::Before(text) => Step::Before(filled("before", text)?),
            Written::After(text) => Step::After(filled("after", text)?),
            Written::Replace(replace) => Step::Replace(
                mistakes::pattern(&format!("{path}.replace.pattern"), &replace.pattern)?,
                replace.with.clone(),
            ),
            Written::Lookup(name) => match tables.get(name) {
                Some(table) => Step::Lookup(Arc::clone(table)),
                None => {
                    let known: Vec<_> = tables.keys().map(String::as_str).collect();
                    return Err(Error::settings(
                        format!("{path}.lookup"),
                        format!("no lookup table is called `{name}`"),
                    )
                    .with_hint(if known.is_empty() {
                        format!("write one: [connector.NAME.transform.settings.lookup.{name}]")
                    } else {
                        format!("the tables are {}", known.join(", "))
                    }));
                }
            },
            Written::FormatDate(format) => Step::FormatDate(Format::new(format).map_err(|letters| {
                Error::settings(format!("{path}.format-date"), format!("`{letters}` is no part of a date"))
                    .with_hint("a date's parts are yyyy, MM, dd, HH, mm and ss")
            })?),
            Written::Split(text) => Step::Split(filled("split", text)?),
            Written::Join(text) => Step::Join(text.clone()),
            Written::First => Step::First,
            Written::Last => Step::Last,
            Written::Unique => Step::Unique,
            Written::Filter(pattern) => Step::Filter(mistakes::pattern(&format!("{path}.filter"), pattern)?),
        })
    }

    pub fn name(&self) -> &'static str {
        match self {
            Step::Trim => "trim",
            Step::Lower => "lower",
            Step::Upper => "upper",
            Step::Before(_) => "before",
            Step::After(_) => "after",
            Step::Replace(..) => "replace",
            Step::Lookup(_) => "lookup",
            Step::FormatDate(_) => "format-date",
            Step::Split(_) => "split",
            Step::Join(_) => "join",
            Step::First => "first",
            Step::Last => "last",
            Step::Unique => "unique",
            Step::Filter(_) => "filter",
        }
    }

    /// Null stays null. What works on a text works on each text of a list; numbers are taken as text.
    pub fn run<'a>(&'a self, value: Value<'a>) -> Result<Value<'a>, StepFailure> {
        Ok(match (self, value) {
            (_, Value::Null) => Value::Null,
            (Step::Join(separator), Value::List(list)) => {
                let mut joined = String::new();
                for (at, item) in list.into_items().into_iter().enumerate() {
                    if at > 0 {
                        joined.push_str(separator);
                    }
                    joined.push_str(&text_of(item)?);
                    if joined.len() > MOST_BYTES {
                        return Err(StepFailure::TooLong);
                    }
                }
                Value::Text(Cow::Owned(joined))
            }
            (Step::First, Value::List(list)) => list.get(0).unwrap_or(Value::Null),
            (Step::Last, Value::List(list)) => {
                list.len().checked_sub(1).and_then(|at| list.get(at)).unwrap_or(Value::Null)
            }
            (Step::Unique, Value::List(list)) => {
                let mut once = Vec::new();
                for item in list.into_items() {
                    if !once.contains(&item) {
                        once.push(item);
                    }
                }
                Value::List(List::Items(once))
            }
            (Step::Filter(pattern), Value::List(list)) => {
                let mut kept = Vec::new();
                for item in list.into_items() {
                    if pattern.is_match(&text_of(item.clone())?) {
                        kept.push(item);
                    }
                }
                Value::List(List::Items(kept))
            }
            // A single value is a list of one.
            (Step::Join(_) | Step::First | Step::Last | Step::Unique, value) => value,
            (Step::Filter(pattern), value) => {
                let text = text_of(value)?;
                if pattern.is_match(&text) { Value::Text(text) } else { Value::Null }
            }
            (Step::Split(separator), value) => {
                let text = text_of(value)?;
                let parts = match text {
                    Cow::Borrowed(text) => text.split(separator.as_str()).map(Value::text).collect(),
                    Cow::Owned(text) => text
                        .split(separator.as_str())
                        .map(|part| Value::Text(Cow::Owned(part.to_owned())))
                        .collect(),
                };
                Value::List(List::Items(parts))
            }
            (step, Value::List(list)) => {
                let mut items = Vec::with_capacity(list.len());
                for item in list.into_items() {
                    let item = step.on_text(text_of(item)?)?;
                    if !item.is_null() {
                        items.push(item);
                    }
                }
                Value::List(List::Items(items))
            }
            (step, value) => step.on_text(text_of(value)?)?,
        })
    }

    fn on_text<'a>(&'a self, text: Cow<'a, str>) -> Result<Value<'a>, StepFailure> {
        Ok(match self {
            Step::Trim => {
                let start = text.len() - text.trim_start().len();
                let end = start + text.trim().len();
                cut(text, start, end)
            }
            Step::Lower if !text.bytes().any(|byte| byte.is_ascii_uppercase() || !byte.is_ascii()) => {
                Value::Text(text)
            }
            Step::Lower if text.is_ascii() => Value::Text(Cow::Owned(text.to_ascii_lowercase())),
            Step::Lower => Value::Text(Cow::Owned(text.to_lowercase())),
            Step::Upper => Value::Text(Cow::Owned(text.to_uppercase())),
            Step::Before(separator) => {
                let end = text.find(separator.as_str()).unwrap_or(text.len());
                cut(text, 0, end)
            }
            Step::After(separator) => match text.find(separator.as_str()) {
                Some(at) => {
                    let end = text.len();
                    cut(text, at + separator.len(), end)
                }
                None => Value::Null,
            },
            Step::Replace(pattern, with) => {
                let replaced = replace(pattern, &text, with)?;
                match replaced {
                    Some(replaced) => Value::Text(Cow::Owned(replaced)),
                    None => Value::Text(text),
                }
            }
            Step::Lookup(table) => match table.get(&*text).or_else(|| table.get("*")) {
                Some(found) => Value::text(found),
                None => Value::Text(text),
            },
            Step::FormatDate(format) => match reformat(text.trim(), format) {
                Some(date) => Value::Text(Cow::Owned(date)),
                None => return Err(StepFailure::NoDate),
            },
            // The others are about lists.
            Step::Split(_) | Step::Join(_) | Step::First | Step::Last | Step::Unique | Step::Filter(_) => {
                Value::Text(text)
            }
        })
    }
}

/// Nothing when the pattern doesn't match.
pub fn replace(pattern: &Regex, text: &str, with: &str) -> Result<Option<String>, StepFailure> {
    let mut replaced: Option<String> = None;
    let mut after = 0;
    for found in pattern.captures_iter(text) {
        let Some(whole) = found.get(0) else { continue };
        let made = replaced.get_or_insert_with(String::new);
        made.push_str(&text[after..whole.start()]);
        found.expand(with, made);
        after = whole.end();
        if made.len() > MOST_BYTES {
            return Err(StepFailure::TooLong);
        }
    }
    if let Some(made) = &mut replaced {
        made.push_str(&text[after..]);
    }
    Ok(replaced)
}

fn text_of(value: Value<'_>) -> Result<Cow<'_, str>, StepFailure> {
    match value {
        Value::Text(text) => Ok(text),
        Value::Integer(number) => Ok(Cow::Owned(number.to_string())),
        Value::Decimal(number) => Ok(Cow::Owned(number.to_string())),
        Value::Boolean(value) => Ok(Cow::Borrowed(if value { "true" } else { "false" })),
        other => Err(StepFailure::Kind { wanted: Kind::Text, found: other.kind() }),
    }
}

fn cut(text: Cow<'_, str>, start: usize, end: usize) -> Value<'_> {
    Value::Text(match text {
        Cow::Borrowed(text) => Cow::Borrowed(&text[start..end]),
        Cow::Owned(text) => Cow::Owned(text[start..end].to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(written: serde_json::Value, value: Value<'_>) -> String {
        let tables = BTreeMap::from([
            ("countries".to_owned(), Arc::new(Table::from([("DE".into(), "Germany".into())]))),
            (
                "kinds".to_owned(),
                Arc::new(Table::from([("E".into(), "Employee".into()), ("*".into(), "Other".into())])),
            ),
        ]);
        let steps: Vec<Written> = serde_json::from_value(written).unwrap();
        let steps: Vec<Step> = steps.iter().map(|step| Step::new("s", step, &tables).unwrap()).collect();
        let value = steps.iter().try_fold(value, |value, step| step.run(value));
        match value {
            Ok(Value::Text(text)) => text.into_owned(),
            Ok(Value::List(list)) => {
                let items = list.into_items().into_iter().map(|item| text_of(item).unwrap().into_owned());
                format!("[{}]", items.collect::<Vec<_>>().join("|"))
            }
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn each_step() {
        use serde_json::json;

        let list = || Value::List(List::Items([" b", "A ", " b"].map(Value::text).to_vec()));
        for (steps, value, expected) in [
            (json!(["trim", "lower"]), Value::text(" ÄB "), "äb"),
            (json!(["upper"]), Value::text("zoë"), "ZOË"),
            (json!([{"before": "@"}]), Value::text("ann@acme@x"), "ann"),
            (json!([{"before": "@"}]), Value::text("ann"), "ann"),
            (json!([{"after": "@"}]), Value::text("ann@acme@x"), "acme@x"),
            (json!([{"after": "@"}]), Value::text("ann"), "Ok(Null)"),
            (
                json!([{"replace": {"pattern": "^ext-(\\w+)", "with": "${1}_ext"}}]),
                Value::text("ext-ann.b"),
                "ann_ext.b",
            ),
            (json!([{"replace": {"pattern": "x", "with": "y"}}]), Value::text("ann"), "ann"),
            (json!([{"lookup": "countries"}]), Value::text("DE"), "Germany"),
            (json!([{"lookup": "countries"}]), Value::text("FR"), "FR"),
            (json!([{"lookup": "kinds"}]), Value::text("X"), "Other"),
            (json!([{"format-date": "dd.MM.yyyy"}]), Value::text("2026-11-24T08:00:00Z"), "24.11.2026"),
            (json!([{"format-date": "dd.MM.yyyy"}]), Value::text("soon"), "Err(NoDate)"),
            (json!([{"split": ","}, "trim"]), Value::text("a, b"), "[a|b]"),
            (json!(["trim", "unique", {"join": "+"}]), list(), "b+A"),
            (json!(["first"]), list(), " b"),
            (json!(["last", "trim"]), list(), "b"),
            (json!([{"filter": "b"}]), list(), "[ b| b]"),
            (json!([{"filter": "b"}]), Value::text("A"), "Ok(Null)"),
            (json!(["first", "lower"]), Value::text("A"), "a"),
            (json!(["lower", {"join": ","}]), Value::Integer(42), "42"),
            (json!(["trim", {"split": ","}, "first"]), Value::Null, "Ok(Null)"),
        ] {
            assert_eq!(run(steps.clone(), value), expected, "{steps}");
        }
    }

    #[test]
    fn what_is_made_is_bounded() {
        let text = "a".repeat(1_000);
        let steps = serde_json::json!([{"replace": {"pattern": "a", "with": text}}]);
        assert_eq!(run(steps, Value::text(&text)), "Err(TooLong)");
    }

    proptest! {
        #[test]
        fn tidying_twice_is_tidying_once(text in "\\PC{0,20}") {
            for steps in [serde_json::json!(["trim"]), serde_json::json!([{"before": "@"}]), serde_json::json!(["trim", "lower"])] {
                let once = run(steps.clone(), Value::text(&text));
                prop_assert_eq!(run(steps, Value::text(&once)), once.clone());
            }
        }
    }
}
