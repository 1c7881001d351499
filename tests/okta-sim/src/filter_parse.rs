//! Parsing `search` and `filter` expressions: `and` binds tighter than `or`, parentheses group, operators
//! are case-insensitive. Anything outside the subset is Okta's E0000031.

use crate::error::ApiError;
use crate::filter::{Expression, Field, FieldKind, Literal, Operator};
use crate::time::Timestamp;

/// Okta's own cause, from a recorded response.
const SYNTAX: &str = "Invalid search syntax.";
/// Deeper nesting and longer chains are refused: the specification warns of errors for searches that are
/// "overly complex or long", and these bounds keep them from exhausting the stack.
const DEEPEST: u32 = 64;
const MOST_COMPARISONS: u32 = 500;

pub(crate) fn parse(text: &str, field: &dyn Fn(&str) -> Option<Field>) -> Result<Expression, ApiError> {
    let tokens = tokenize(text)?;
    let mut parser = Parser { tokens: &tokens, at: 0, depth: 0, comparisons: 0, field };
    let expression = parser.or()?;
    if parser.at != tokens.len() {
        return Err(ApiError::invalid_search(SYNTAX));
    }
    Ok(expression)
}

#[derive(Debug, Clone, PartialEq)]
enum Token {
    Open,
    Close,
    Word(String),
    Quoted(String),
}

fn tokenize(text: &str) -> Result<Vec<Token>, ApiError> {
    let mut tokens = Vec::new();
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '(' => tokens.push(Token::Open),
            ')' => tokens.push(Token::Close),
            '"' => {
                let mut quoted = String::new();
                loop {
                    match chars.next() {
                        Some('"') => break,
                        Some('\\') => quoted.extend(chars.next()),
                        Some(other) => quoted.push(other),
                        None => return Err(ApiError::invalid_search(SYNTAX)),
                    }
                }
                tokens.push(Token::Quoted(quoted));
            }
            c if c.is_whitespace() => {}
            c => {
                let mut word = String::from(c);
                while let Some(next) = chars.next_if(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '"'))
                {
                    word.push(next);
                }
                tokens.push(Token::Word(word));
            }
        }
    }
    Ok(tokens)
}

struct Parser<'a> {
    tokens: &'a [Token],
    at: usize,
    depth: u32,
    comparisons: u32,
    field: &'a dyn Fn(&str) -> Option<Field>,
}

impl<'a> Parser<'a> {
    fn or(&mut self) -> Result<Expression, ApiError> {
        let mut left = self.and()?;
        while self.keyword("or") {
            left = Expression::Or(Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expression, ApiError> {
        let mut left = self.term()?;
        while self.keyword("and") {
            left = Expression::And(Box::new(left), Box::new(self.term()?));
        }
        Ok(left)
    }

    fn term(&mut self) -> Result<Expression, ApiError> {
        match self.next()? {
            Token::Open => {
                self.depth += 1;
                if self.depth > DEEPEST {
                    return Err(ApiError::invalid_search(SYNTAX));
                }
                let inner = self.or()?;
                self.depth -= 1;
                match self.next()? {
                    Token::Close => Ok(inner),
                    _ => Err(ApiError::invalid_search(SYNTAX)),
                }
            }
            Token::Word(name) => self.comparison(name),
            _ => Err(ApiError::invalid_search(SYNTAX)),
        }
    }

    fn comparison(&mut self, name: &str) -> Result<Expression, ApiError> {
        self.comparisons += 1;
        if self.comparisons > MOST_COMPARISONS {
            return Err(ApiError::invalid_search(SYNTAX));
        }
        let operator = match self.next()? {
            Token::Word(word) => operator(word).ok_or_else(|| ApiError::invalid_search(SYNTAX))?,
            _ => return Err(ApiError::invalid_search(SYNTAX)),
        };
        let Some(field) = (self.field)(name) else {
            return Err(ApiError::invalid_search(format!("Invalid property name: {name}")));
        };
        if !field.operators.contains(&operator) {
            let cause = format!("Operator not supported for property: {name}");
            return Err(ApiError::invalid_search(cause));
        }
        let literal = if operator == Operator::Pr { Literal::None } else { self.literal(field.kind)? };
        Ok(Expression::Compare { field: name.to_owned(), operator, literal })
    }

    fn literal(&mut self, kind: FieldKind) -> Result<Literal, ApiError> {
        let token = self.next()?;
        match (kind, token) {
            (FieldKind::Time, Token::Quoted(text)) => Timestamp::parse_millis(text)
                .map(Literal::Millis)
                .ok_or_else(|| ApiError::invalid_search(format!("Invalid date: {text}"))),
            (FieldKind::Any, Token::Quoted(text)) => Ok(Literal::Text(text.clone())),
            (FieldKind::Any, Token::Word(word)) => match word.as_str() {
                "true" => Ok(Literal::Bool(true)),
                "false" => Ok(Literal::Bool(false)),
                number => number
                    .parse()
                    .ok()
                    .filter(|number: &f64| number.is_finite())
                    .map(Literal::Number)
                    .ok_or_else(|| ApiError::invalid_search(SYNTAX)),
            },
            _ => Err(ApiError::invalid_search(SYNTAX)),
        }
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let found =
            matches!(self.tokens.get(self.at), Some(Token::Word(word)) if word.eq_ignore_ascii_case(keyword));
        self.at += usize::from(found);
        found
    }

    fn next(&mut self) -> Result<&'a Token, ApiError> {
        let token = self.tokens.get(self.at).ok_or_else(|| ApiError::invalid_search(SYNTAX))?;
        self.at += 1;
        Ok(token)
    }
}

fn operator(word: &str) -> Option<Operator> {
    const OPERATORS: [(&str, Operator); 8] = [
        ("eq", Operator::Eq),
        ("gt", Operator::Gt),
        ("ge", Operator::Ge),
        ("lt", Operator::Lt),
        ("le", Operator::Le),
        ("sw", Operator::Sw),
        ("co", Operator::Co),
        ("pr", Operator::Pr),
    ];
    OPERATORS.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)).map(|(_, operator)| *operator)
}
