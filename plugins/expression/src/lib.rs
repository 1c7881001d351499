//! Expressions of [CEL](https://cel.dev) over people and groups: what an admin writes into a rule.
//!
//! ```
//! use rollcall_expression::{Environment, Expression, Kind, Record, Value};
//!
//! struct Ann;
//!
//! impl Record for Ann {
//!     fn field(&self, _: usize) -> Value<'_> {
//!         Value::text("Ann@acme.example")
//!     }
//!     fn attribute(&self, name: &str) -> Value<'_> {
//!         if name == "profile.department" { Value::text("Sales") } else { Value::Null }
//!     }
//! }
//!
//! let mut environment = Environment::new();
//! environment.field("email", Kind::Text).attributes("profile.*");
//! let rule = Expression::compile("lower(before(email, '@')) + '.' + profile.department", &environment).unwrap();
//! assert_eq!(rule.evaluate(&Ann).unwrap(), Value::text("ann.Sales"));
//! let rule = Expression::compile("profile.department == 'Sales' && !has(profile.left)", &environment).unwrap();
//! assert!(rule.test(&Ann).unwrap());
//! ```
//!
//! # What is CEL's, and what is ours
//!
//! The crate `cel` reads the text. Its tree is checked against an [`Environment`] and made into one of our own,
//! which this crate evaluates. Evaluating with `cel` was tried, and turned down: a misspelt name shows only at
//! run time and without a place, an absent attribute is an error at every use, errors print people's data,
//! nothing bounds how long a loop runs or what it makes, each `matches` compiles its pattern again, and five
//! rules a person cost 26 µs in the sandbox. What both know has one meaning: tests evaluate with both and
//! compare.
//!
//! Left out of CEL, and refused with a word on what to do instead: maps, messages, bytes, unsigned numbers, and
//! its types for time.
//!
//! # Names
//!
//! The fields that the environment declares (`userName`, `email`, `active`, `groups`, …), and the provider's
//! attributes as it gave them: `status`, `profile.department`, `profile["cost-center"]`. `attribute("odd name")`
//! reads one whose name is no CEL name.
//!
//! # What is absent
//!
//! Null and absent are the same, and never an error:
//!
//! - `profile.x == null` is true, `has(profile.x)` false, `profile.x == "a"` false.
//! - A question about null has the answer no: `profile.x > 3`, `profile.x.startsWith("a")`, `profile.x in list`
//!   and `profile.x ? …` are all false. So `!profile.x` is true.
//! - Anything made of null is null: `lower(profile.x)`, `profile.x + "@acme.example"`. `size(null)` is 0, a
//!   loop over null is one over the empty list, and an index beyond a list's end gives null.
//! - `default(profile.x, "none")` and `coalesce(profile.x, profile.y, "none")` give the first that is neither
//!   null nor the empty text nor the empty list.
//!
//! # Functions
//!
//! Each may be called as `lower(email)` or as `email.lower()`. Characters are Unicode's. See [`FUNCTIONS`] for
//! the list that the documentation is made of.
//!
//! # Bounds
//!
//! At load: [`MOST_CHARACTERS`], nesting, two loops within one another, patterns and date formats written out
//! (so that they are checked and compiled once). At run: [`MOST_STEPS`] and [`MOST_BYTES`].

mod call;
mod check;
mod comprehension;
mod date;
mod environment;
mod evaluate;
mod expression;
mod failure;
mod function;
mod mistake;
mod node;
mod operator;
mod parse;
mod pattern;
mod record;
mod tree;
mod value;

pub use date::{Format, reformat};
pub use environment::Environment;
pub use expression::{Expression, MOST_BYTES, MOST_CHARACTERS, MOST_STEPS};
pub use failure::{Failure, Reason};
pub use function::{FUNCTIONS, Parameter, Signature};
pub use mistake::{Mistake, Place};
pub use pattern::{PatternError, compile_pattern};
pub use record::Record;
pub use value::{Kind, List, Texts, Value};
