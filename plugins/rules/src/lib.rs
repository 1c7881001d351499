//! A company's rules, declared in the connector's settings.

mod group;
mod mistakes;
mod names;
mod origin;
mod person;
mod settings;
mod several;
mod steps;
mod target;
mod trace;
mod transform;
mod view;

pub use settings::{Case, GroupRule, IfEmpty, Otherwise, PersonRule, Replace, Settings, Step};
pub use several::Several;
pub use trace::{Change, Result, Step as TraceStep};
pub use transform::Rules;

rollcall_plugin::export_transform!(Rules);
