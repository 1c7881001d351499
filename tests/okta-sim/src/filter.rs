//! The expressions of `search` and `filter`: what they may name, and evaluating them.

use serde_json::Value;

use crate::error::ApiError;
use crate::filter_parse;

/// A comparison operator. `ne` and `not` don't exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operator {
    Eq,
    Gt,
    Ge,
    Lt,
    Le,
    Sw,
    Co,
    Pr,
}

/// A literal of an expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    /// A timestamp in milliseconds since 1970.
    Millis(i64),
    Number(f64),
    Bool(bool),
    /// `pr` compares with nothing.
    None,
}

/// A parsed expression.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Expression {
    And(Box<Expression>, Box<Expression>),
    Or(Box<Expression>, Box<Expression>),
    Compare { field: String, operator: Operator, literal: Literal },
}

/// What an object holds under a field's name.
#[derive(Debug, Clone)]
pub(crate) enum Held {
    Absent,
    Millis(i64),
    Text(String),
    Value(Value),
}

/// What a field may be compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FieldKind {
    /// Text, number, boolean, or an array of them.
    Any,
    Time,
}

/// A field that an endpoint lets an expression name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) kind: FieldKind,
    pub(crate) operators: &'static [Operator],
}

/// `filter` on anything but a timestamp: only `eq`.
pub(crate) const FILTER_TEXT: Field = Field { kind: FieldKind::Any, operators: &[Operator::Eq] };
/// `filter` on a timestamp.
pub(crate) const FILTER_TIME: Field = Field {
    kind: FieldKind::Time,
    operators: &[Operator::Eq, Operator::Gt, Operator::Ge, Operator::Lt, Operator::Le],
};
/// `search` on anything but a timestamp.
pub(crate) const SEARCH_TEXT: Field = Field {
    kind: FieldKind::Any,
    operators: &[
        Operator::Eq,
        Operator::Gt,
        Operator::Ge,
        Operator::Lt,
        Operator::Le,
        Operator::Sw,
        Operator::Pr,
    ],
};
/// `search` on the few fields that know `co`.
pub(crate) const SEARCH_TEXT_CO: Field = Field {
    kind: FieldKind::Any,
    operators: &[
        Operator::Eq,
        Operator::Gt,
        Operator::Ge,
        Operator::Lt,
        Operator::Le,
        Operator::Sw,
        Operator::Co,
        Operator::Pr,
    ],
};
/// `search` on a timestamp.
pub(crate) const SEARCH_TIME: Field = Field {
    kind: FieldKind::Time,
    operators: &[Operator::Eq, Operator::Gt, Operator::Ge, Operator::Lt, Operator::Le, Operator::Pr],
};

/// An expression and how its values compare.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Filter {
    expression: Expression,
    /// `search` ignores case in values, `filter` doesn't; diacritics count in both.
    ignore_case: bool,
}

impl Filter {
    /// What every match holds at least under this field, in milliseconds since 1970, where the expression says it.
    pub(crate) fn at_least(&self, name: &str) -> Option<i64> {
        fn of(expression: &Expression, name: &str) -> Option<i64> {
            match expression {
                Expression::And(left, right) => of(left, name).max(of(right, name)),
                Expression::Compare { field, operator: Operator::Ge, literal: Literal::Millis(millis) } => {
                    (field == name).then_some(*millis)
                }
                _ => None,
            }
        }
        of(&self.expression, name)
    }

    /// Parses an expression. `field` says what may be compared with a name, or nothing when the endpoint
    /// doesn't know the name; names are case-sensitive.
    pub(crate) fn parse(
        text: &str,
        ignore_case: bool,
        field: &dyn Fn(&str) -> Option<Field>,
    ) -> Result<Self, ApiError> {
        let mut expression = filter_parse::parse(text, field)?;
        if ignore_case {
            fold_literals(&mut expression);
        }
        Ok(Self { expression, ignore_case })
    }

    /// Whether an object matches, given what it holds under each field named.
    pub(crate) fn matches(&self, held: &dyn Fn(&str) -> Held) -> bool {
        self.evaluate(&self.expression, held)
    }

    fn evaluate(&self, expression: &Expression, held: &dyn Fn(&str) -> Held) -> bool {
        match expression {
            Expression::And(left, right) => self.evaluate(left, held) && self.evaluate(right, held),
            Expression::Or(left, right) => self.evaluate(left, held) || self.evaluate(right, held),
            Expression::Compare { field, operator, literal } => self.compare(held(field), *operator, literal),
        }
    }

    fn compare(&self, held: Held, operator: Operator, literal: &Literal) -> bool {
        match (held, literal) {
            (Held::Absent, _) => false,
            (Held::Value(Value::Null), _) => false,
            (Held::Value(Value::Array(elements)), Literal::None) => !elements.is_empty(),
            (_, Literal::None) => true,
            (Held::Millis(held), Literal::Millis(wanted)) => ordered(held.cmp(wanted), operator),
            (Held::Text(held), Literal::Text(wanted)) => self.compare_text(&held, operator, wanted),
            // If any element matches, the whole array does.
            (Held::Value(Value::Array(elements)), literal) => {
                elements.iter().any(|element| self.compare_value(element, operator, literal))
            }
            (Held::Value(value), literal) => self.compare_value(&value, operator, literal),
            _ => false,
        }
    }

    fn compare_value(&self, value: &Value, operator: Operator, literal: &Literal) -> bool {
        match (value, literal) {
            (Value::String(held), Literal::Text(wanted)) => self.compare_text(held, operator, wanted),
            (Value::Number(held), Literal::Number(wanted)) => held
                .as_f64()
                .and_then(|held| held.partial_cmp(wanted))
                .is_some_and(|ordering| ordered(ordering, operator)),
            (Value::Bool(held), Literal::Bool(wanted)) => ordered(held.cmp(wanted), operator),
            _ => false,
        }
    }

    fn compare_text(&self, held: &str, operator: Operator, wanted: &str) -> bool {
        let folded;
        let held = if self.ignore_case {
            folded = held.to_lowercase();
            folded.as_str()
        } else {
            held
        };
        match operator {
            Operator::Sw => held.starts_with(wanted),
            Operator::Co => held.contains(wanted),
            _ => ordered(held.cmp(wanted), operator),
        }
    }
}

fn ordered(ordering: std::cmp::Ordering, operator: Operator) -> bool {
    match operator {
        Operator::Eq => ordering.is_eq(),
        Operator::Gt => ordering.is_gt(),
        Operator::Ge => ordering.is_ge(),
        Operator::Lt => ordering.is_lt(),
        Operator::Le => ordering.is_le(),
        Operator::Sw | Operator::Co | Operator::Pr => false,
    }
}

fn fold_literals(expression: &mut Expression) {
    match expression {
        Expression::And(left, right) | Expression::Or(left, right) => {
            fold_literals(left);
            fold_literals(right);
        }
        Expression::Compare { literal: Literal::Text(text), .. } => *text = text.to_lowercase(),
        Expression::Compare { .. } => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(name: &str) -> Option<Field> {
        match name {
            "status" | "n" | "flag" | "tags" | "missing" => Some(SEARCH_TEXT),
            "name" => Some(SEARCH_TEXT_CO),
            "lastUpdated" => Some(SEARCH_TIME),
            _ => None,
        }
    }

    fn held(name: &str) -> Held {
        match name {
            "status" => Held::Text("ACTIVE".to_owned()),
            "lastUpdated" => Held::Millis(1_767_225_600_000),
            "name" => Held::Value(json!("Zoë Brock")),
            "n" => Held::Value(json!(5)),
            "flag" => Held::Value(json!(true)),
            "tags" => Held::Value(json!(["Rust", "SQL"])),
            _ => Held::Absent,
        }
    }

    fn search(text: &str) -> Result<bool, ApiError> {
        Ok(Filter::parse(text, true, &field)?.matches(&held))
    }

    #[test]
    fn evaluates_what_okta_allows() {
        for (text, expected) in [
            (r#"status eq "active""#, true),
            (r#"status EQ "STAGED""#, false),
            (r#"status pr"#, true),
            (r#"missing pr"#, false),
            (r#"missing eq "x""#, false),
            (r#"(status lt "STAGED" or status gt "STAGED")"#, true),
            (r#"name sw "zoë""#, true),
            (r#"name sw "zoe""#, false),
            (r#"name co "brock""#, true),
            (r#"n ge 5 and n lt 6"#, true),
            (r#"n eq 5.0"#, true),
            (r#"flag eq true"#, true),
            (r#"tags eq "sql""#, true),
            (r#"tags eq "go""#, false),
            (r#"lastUpdated ge "2026-01-01T00:00:00.000Z""#, true),
            (r#"lastUpdated gt "2026-01-01T00:00:00Z""#, false),
            (r#"status eq "STAGED" and status eq "STAGED" or n eq 5"#, true),
            (r#"status eq "STAGED" and (status eq "STAGED" or n eq 5)"#, false),
        ] {
            assert_eq!(search(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_everything_else_with_e0000031() {
        for text in [
            "",
            "status",
            "status eq",
            "status eq ACTIVE",
            r#"status ne "ACTIVE""#,
            r#"not (status eq "ACTIVE")"#,
            r#"Status eq "ACTIVE""#,
            r#"status co "ACT""#,
            r#"unknown eq "x""#,
            r#"status eq "ACTIVE" and"#,
            r#"(status eq "ACTIVE""#,
            r#"status eq "ACTIVE") "#,
            r#"status eq "ACTIVE"#,
            r#"lastUpdated gt "yesterday""#,
            r#"lastUpdated sw "2026""#,
            r#"status eq "A" status eq "B""#,
        ] {
            let error = search(text).unwrap_err();
            assert_eq!((error.status.as_u16(), error.code), (400, "E0000031"), "{text}");
            assert_eq!(error.causes.len(), 1);
        }
    }

    #[test]
    fn overly_complex_searches_are_refused() {
        let chain = |length| vec!["n eq 5"; length].join(" and ");
        assert_eq!(search(&chain(500)), Ok(true));
        assert!(search(&chain(501)).is_err());
        let nested = |depth: usize| format!("{}n eq 5{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(search(&nested(64)), Ok(true));
        assert!(search(&nested(65)).is_err());
    }

    #[test]
    fn filter_values_are_case_sensitive() {
        let filter = |text| Filter::parse(text, false, &field).unwrap().matches(&held);
        assert!(filter(r#"status eq "ACTIVE""#));
        assert!(!filter(r#"status eq "active""#));
    }
}
