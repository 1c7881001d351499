use crate::Kind;

/// What a function is called, takes and gives.
#[derive(Debug)]
pub struct Signature {
    pub name: &'static str,
    /// The kinds of what it takes; the last may repeat.
    pub takes: &'static [Parameter],
    /// How many of them it needs.
    pub needs: usize,
    /// Whether the last may repeat.
    pub repeats: bool,
    pub gives: Kind,
    /// For the documentation: one sentence and an example.
    pub help: &'static str,
    pub(crate) function: Function,
}

/// What stands between a function's brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Parameter {
    /// A value of this kind.
    Of(Kind),
    /// A text or a list.
    Countable,
    /// A regular expression, written out.
    Pattern,
    /// A date format, written out.
    Format,
    /// The name of something, written out.
    Literal,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    After,
    Attribute,
    Before,
    Bool,
    Coalesce,
    Contains,
    ContainsIgnoreCase,
    Date,
    DaysBetween,
    Double,
    EndsWith,
    EqualsIgnoreCase,
    Extract,
    First,
    FormatDate,
    Int,
    IsMember,
    IsMemberMatching,
    IsMemberStartingWith,
    Join,
    Last,
    Lower,
    Matches,
    ParseDate,
    Replace,
    ReplaceMatches,
    Size,
    Sort,
    Split,
    StartsWith,
    String,
    Substring,
    Trim,
    Unique,
    Upper,
}

use Parameter::{Countable, Format, Literal, Of, Pattern};

const TEXT: Parameter = Of(Kind::Text);
const INTEGER: Parameter = Of(Kind::Integer);
const LIST: Parameter = Of(Kind::List);
const ANY: Parameter = Of(Kind::Any);

macro_rules! functions {
    ($($name:literal $function:ident($($parameter:ident),*) $needs:literal $repeats:literal $gives:ident: $help:literal)*) => {
        /// All functions, by name.
        pub const FUNCTIONS: &[Signature] = &[$(Signature {
            name: $name,
            takes: &[$($parameter),*],
            needs: $needs,
            repeats: $repeats,
            gives: Kind::$gives,
            help: $help,
            function: Function::$function,
        }),*];
    };
}

functions! {
    "after" After(TEXT, TEXT) 2 false Text: "What follows the first separator; null without one: after(\"ann@acme.example\", \"@\") == \"acme.example\""
    "attribute" Attribute(Literal) 1 false Any: "An attribute whose name is no name here: attribute(\"cost center\")"
    "before" Before(TEXT, TEXT) 2 false Text: "What precedes the first separator; all of it without one: before(\"ann@acme.example\", \"@\") == \"ann\""
    "bool" Bool(ANY) 1 false Boolean: "The texts \"true\" and \"false\", in any case, as a truth value: bool(\"TRUE\")"
    "coalesce" Coalesce(ANY) 1 true Any: "The first that is neither null, nor empty: coalesce(null, \"\", \"x\") == \"x\""
    "contains" Contains(TEXT, TEXT) 2 false Boolean: "Does the text hold the other? contains(\"Sales EMEA\", \"EMEA\")"
    "containsIgnoreCase" ContainsIgnoreCase(TEXT, TEXT) 2 false Boolean: "The same, upper and lower case being one: containsIgnoreCase(\"Sales\", \"SALE\")"
    "date" Date(TEXT) 1 false Text: "The date, in UTC, of a date and time: date(\"2026-11-24T23:30:00-05:00\") == \"2026-11-25\""
    "daysBetween" DaysBetween(TEXT, TEXT) 2 false Integer: "Days from the first date to the second: daysBetween(\"2026-11-24\", \"2026-12-01\") == 7"
    "default" Coalesce(ANY, ANY) 2 true Any: "As coalesce: default(null, \"none\") == \"none\""
    "double" Double(ANY) 1 false Decimal: "A number or a text as a decimal number: double(\"2.5\") == 2.5"
    "endsWith" EndsWith(TEXT, TEXT) 2 false Boolean: "Does the text end with the other? endsWith(\"ann@acme.example\", \"@acme.example\")"
    "equalsIgnoreCase" EqualsIgnoreCase(TEXT, TEXT) 2 false Boolean: "Are both the same, upper and lower case being one? equalsIgnoreCase(\"Zoë\", \"ZOË\")"
    "extract" Extract(TEXT, Pattern) 2 false Text: "What the pattern's first group matches, or the whole pattern; null without a match: extract(\"ext-42\", \"^ext-(.*)$\") == \"42\""
    "first" First(LIST) 1 false Any: "The first item; null of an empty list: first([\"a\", \"b\"]) == \"a\""
    "formatDate" FormatDate(TEXT, Format) 2 false Text: "A date in another form, of yyyy, MM, dd, HH, mm, ss: formatDate(\"2026-11-24\", \"dd.MM.yyyy\") == \"24.11.2026\""
    "int" Int(ANY) 1 false Integer: "A number or a text as a whole number: int(\"42\") == 42"
    "isMember" IsMember(Literal) 1 true Boolean: "Is the person in one of these groups? isMember(\"Sales\", \"Marketing\")"
    "isMemberMatching" IsMemberMatching(Pattern) 1 false Boolean: "Is the person in a group whose name matches? isMemberMatching(\"^eng-\")"
    "isMemberStartingWith" IsMemberStartingWith(Literal) 1 true Boolean: "Is the person in a group whose name starts like this? isMemberStartingWith(\"eng-\")"
    "join" Join(LIST, TEXT) 1 false Text: "The items one after the other: join([\"a\", \"b\"], \", \") == \"a, b\""
    "last" Last(LIST) 1 false Any: "The last item; null of an empty list: last([\"a\", \"b\"]) == \"b\""
    "lower" Lower(TEXT) 1 false Text: "In lower case: lower(\"ZOË\") == \"zoë\""
    "matches" Matches(TEXT, Pattern) 2 false Boolean: "Does the pattern match somewhere in the text? matches(\"ann\", \"^a\")"
    "parseDate" ParseDate(TEXT, Format) 2 false Text: "The date that a text of this form holds: parseDate(\"24.11.2026\", \"dd.MM.yyyy\") == \"2026-11-24\""
    "replace" Replace(TEXT, TEXT, TEXT) 3 false Text: "With every occurrence replaced: replace(\"a b c\", \" \", \".\") == \"a.b.c\""
    "replaceMatches" ReplaceMatches(TEXT, Pattern, TEXT) 3 false Text: "With every match replaced, groups as $1 or ${name}: replaceMatches(\"eng-core\", \"^eng-(.*)$\", \"Engineering $1\") == \"Engineering core\""
    "size" Size(Countable) 1 false Integer: "How many characters or items: size(\"Zoë\") == 3"
    "sort" Sort(LIST) 1 false List: "The items in order, texts by their characters: sort([\"b\", \"a\"]) == [\"a\", \"b\"]"
    "split" Split(TEXT, TEXT) 2 false List: "The parts between the separators: split(\"a,b\", \",\") == [\"a\", \"b\"]"
    "startsWith" StartsWith(TEXT, TEXT) 2 false Boolean: "Does the text start with the other? startsWith(\"eng-core\", \"eng-\")"
    "string" String(ANY) 1 false Text: "Any value but a list as text: string(42) == \"42\""
    "substring" Substring(TEXT, INTEGER, INTEGER) 2 false Text: "From one character up to, but not with, another, counted from 0: substring(\"Zoë\", 0, 2) == \"Zo\""
    "trim" Trim(TEXT) 1 false Text: "Without blanks at both ends: trim(\" a \") == \"a\""
    "unique" Unique(LIST) 1 false List: "Each item once: unique([\"a\", \"b\", \"a\"]) == [\"a\", \"b\"]"
    "upper" Upper(TEXT) 1 false Text: "In upper case: upper(\"zoë\") == \"ZOË\""
}

impl Signature {
    pub(crate) fn find(name: &str) -> Option<&'static Signature> {
        FUNCTIONS.binary_search_by(|signature| signature.name.cmp(name)).ok().map(|at| &FUNCTIONS[at])
    }
}

impl Parameter {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Of(kind) => kind,
            Countable => Kind::Any,
            Pattern | Format | Literal => Kind::Text,
        }
    }

    pub(crate) fn takes(self, kind: Kind) -> bool {
        match self {
            Of(wanted) => kind.may_be(wanted),
            Countable => kind.may_be(Kind::Text) || kind.may_be(Kind::List),
            Pattern | Format | Literal => kind.may_be(Kind::Text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Environment, Expression, List, Record, Value};

    struct Nobody;

    impl Record for Nobody {
        fn field(&self, _: usize) -> Value<'_> {
            Value::List(List::Items(vec![Value::text("Sales"), Value::text("eng-core")]))
        }

        fn attribute(&self, _: &str) -> Value<'_> {
            Value::Null
        }
    }

    #[test]
    fn the_list_is_sorted_and_says_of_each_what_is_true() {
        assert!(FUNCTIONS.is_sorted_by_key(|signature| signature.name));
        let mut environment = Environment::new();
        environment.groups("groups").attributes("*");
        for signature in FUNCTIONS {
            let (_, example) =
                signature.help.rsplit_once(['?', ':']).filter(|(_, e)| e.contains('(')).unwrap_or_else(
                    || {
                        let at = signature.help.find(": ").expect("an example follows a colon");
                        (&signature.help[..at], &signature.help[at + 1..])
                    },
                );
            let example = if example.contains(signature.name) {
                example
            } else {
                &signature.help[signature.help.find(&format!("{}(", signature.name)).expect("an example")..]
            };
            let expression = Expression::compile(example.trim(), &environment)
                .unwrap_or_else(|e| panic!("{example}: {e}"));
            let value = expression.evaluate(&Nobody).unwrap();
            assert!(
                value == Value::Boolean(true) || signature.name == "attribute",
                "{example} gives {value:?}"
            );
        }
    }
}
