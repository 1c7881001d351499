use std::sync::LazyLock;

use rollcall_expression::{Environment, Expression, Failure, Kind, List, Record, Texts, Value};

#[derive(Debug)]
struct Names(&'static [&'static str]);

impl Texts for Names {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn get(&self, index: usize) -> Option<&str> {
        self.0.get(index).copied()
    }
}

/// Ann, an engineer whose record is not complete.
#[derive(Debug)]
pub struct Ann;

const GROUPS: Names = Names(&["Everyone", "eng-core", "eng-web", "Sales"]);

impl Record for Ann {
    fn field(&self, index: usize) -> Value<'_> {
        match index {
            0 => Value::text("Ann.Ångström@acme.example"),
            1 => Value::Boolean(true),
            2 => Value::List(List::Texts(&GROUPS)),
            _ => Value::Null,
        }
    }

    fn attribute(&self, name: &str) -> Value<'_> {
        match name {
            "status" => Value::text("ACTIVE"),
            "created" => Value::text("2026-11-24T08:30:00.000Z"),
            "profile.department" => Value::text(" Engineering "),
            "profile.level" => Value::Integer(7),
            "profile.ratio" => Value::Decimal(0.5),
            "profile.remote" => Value::Boolean(false),
            "profile.empty" => Value::text(""),
            "profile.tags" => Value::List(List::Items(["b", "a", "b"].map(Value::text).to_vec())),
            "profile.cost-center" => Value::text("CC-42"),
            "profile.a.b" => Value::text("nested"),
            _ => Value::Null,
        }
    }
}

pub static ENVIRONMENT: LazyLock<Environment> = LazyLock::new(|| {
    let mut environment = Environment::new();
    environment.field("userName", Kind::Text).field("active", Kind::Boolean).groups("groups");
    environment.field("displayName", Kind::Text);
    environment.attributes("status").attributes("created").attributes("profile.*");
    environment
});

pub fn compile(source: &str) -> Expression {
    Expression::compile(source, &ENVIRONMENT).unwrap_or_else(|mistake| {
        panic!("{source}\n{mistake}\n{}\n{:?}", mistake.excerpt(), mistake.hint());
    })
}

/// The value as one can read it.
pub fn evaluate(source: &str) -> Result<String, Failure> {
    compile(source).evaluate(&Ann).map(|value| shown(&value))
}

pub fn shown(value: &Value<'_>) -> String {
    match value {
        Value::Null => "null".into(),
        Value::Boolean(value) => value.to_string(),
        Value::Integer(value) => value.to_string(),
        Value::Decimal(value) => format!("{value:?}"),
        Value::Text(text) => format!("{text:?}"),
        Value::List(list) => {
            let items: Vec<_> = list.clone().into_items().iter().map(shown).collect();
            format!("[{}]", items.join(", "))
        }
    }
}
