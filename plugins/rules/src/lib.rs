//! A company's rules, declared in the connector's settings: who syncs, as what, in which groups.
//!
//! ```toml
//! [[connector.acme.transform]]
//! plugin = "rules"
//!
//! [[connector.acme.transform.settings.groups]]
//! keep = ["Sales", "eng-*", "/^team-[0-9]+$/"]
//!
//! [[connector.acme.transform.settings.people]]
//! name = "staff only"
//! drop = 'profile.userType == "Contractor"'
//! reason = "contractors have no account"
//!
//! [[connector.acme.transform.settings.people]]
//! set = "userName"
//! from = "email"
//! steps = ["lower", { before = "@" }]
//! ```
//!
//! Rules for groups run while the organisation is read, so that members of dropped groups are never asked for.
//! Rules for people run on each person, with the groups that were left. In both lists rules run in the order
//! written, and each sees what those before it made. A rule does one thing; `when` restricts whom it concerns.
//! A `name` makes reasons and traces readable; without one they say `people.2`, the place in the list counted
//! from 0.
//!
//! In the examples below, `connector.acme.transform.settings` is left out of the headers.
//!
//! # Names and expressions
//!
//! A person has the fields `id`, `userName`, `email`, `displayName`, `givenName`, `familyName`, `active` and
//! `groups` (a list of names), and the attributes that the source gave, such as `status` and
//! `profile.department`. A group has `id`, `name`, `description`, and attributes. Expressions are CEL with
//! functions of our own; what is absent is null, never an error, and a question about it has the answer no. All
//! of that is described in the crate `rollcall-expression`.
//!
//! By default any name that begins with `profile.` may be read, misspelt ones too. To have those found when the
//! rules are loaded, list what there is:
//!
//! ```toml
//! attributes = ["status", "profile.department", "profile.userType"]
//! ```
//!
//! # Groups
//!
//! ```toml
//! [[groups]]                      # only these; the others are dropped
//! keep = ["Sales*", "eng-*", "ops", "Product"]
//!
//! [[groups]]                      # not these
//! drop = ["eng-tmp-?"]
//! reason = "temporary"
//!
//! [[groups]]                      # by expression
//! when = 'type == "BUILT_IN" || description.contains("do not sync")'
//! drop = ["*"]
//!
//! [[groups]]                      # not in the directory, but rules for people may ask for them
//! hide = ["*-portal"]
//!
//! [[groups]]                      # by a table
//! rename = { "ops" = "Operations" }
//!
//! [[groups]]                      # by a regular expression
//! replace = '^eng-(.*)$'
//! with = "Engineering $1"
//!
//! [[groups]]                      # several become one
//! merge = ["Sales EMEA", "Sales US"]
//! into = "Sales"
//!
//! [[groups]]                      # what no rule before kept, renamed, replaced in or merged
//! drop-unmatched = true
//!
//! [[groups]]
//! case = "lower"
//! ```
//!
//! # People
//!
//! Who syncs:
//!
//! ```toml
//! [[people]]
//! keep = 'active && isMember("Staff", "Interns")'
//! reason = "neither staff nor intern"
//!
//! [[people]]
//! drop = 'profile.department == "Test" || userName.endsWith(".invalid")'
//! reason = "test accounts"
//!
//! [[people]]
//! require = ["email", "profile.department"]
//! otherwise = "skip"              # the default; or "drop", or "fail", which ends the run
//! ```
//!
//! As what. `set` names a field or an attribute, which may be new. Its value comes from one of `from`,
//! `template`, `expression` and `value`, or else from itself; `steps` change it in order; `default` is taken when
//! nothing came out; and then `if-empty` says what happens, which is that the old value stays:
//!
//! ```toml
//! [[people]]                      # the first that is not empty
//! set = "email"
//! from = ["profile.workMail", "email"]
//!
//! [[people]]
//! set = "displayName"
//! template = "{givenName} {familyName}"
//! if-empty = "skip"
//!
//! [[people]]                      # itself
//! set = "userName"
//! steps = ["trim", "lower", { before = "@" }, { replace = { pattern = "^ext[.-]", with = "" } }]
//!
//! [[people]]
//! set = "profile.country"
//! from = "profile.countryCode"
//! steps = ["upper", { lookup = "countries" }]
//! default = "unknown"
//!
//! [lookup.countries]
//! DE = "Germany"
//! FR = "France"
//! "*" = "elsewhere"
//!
//! [[people]]
//! set = "profile.started"
//! from = "created"
//! steps = [{ format-date = "dd.MM.yyyy" }]
//!
//! [[people]]                      # lists: split, filter, unique, first, last, join
//! set = "profile.teams"
//! expression = "groups"
//! steps = [{ filter = "^team-" }, { after = "-" }, "unique", { join = ", " }]
//!
//! [[people]]
//! set = "profile.title"
//! when = '!has(profile.title)'
//! value = "Employee"
//!
//! [[people]]
//! set = "active"
//! expression = 'active && status != "LOCKED_OUT"'
//!
//! [[people]]
//! remove = ["profile.mobilePhone", "profile.private*"]
//! ```
//!
//! In which groups:
//!
//! ```toml
//! [[people]]
//! add-groups = "All Staff"
//!
//! [[people]]
//! when = 'isMemberStartingWith("Engineering") && default(profile.level, 0) >= 5'
//! add-groups = ["Senior Engineers"]
//!
//! [[people]]
//! when = 'profile.userType == "Customer"'
//! remove-groups = ["license-*"]
//! ```
//!
//! # What can go wrong
//!
//! Wrong settings are found when they are loaded: the error's detail `path` is the setting
//! (`people.2.expression`), and for expressions `offset`, `line`, `column` and `excerpt` are the place within its
//! text. When a rule fails on one person, that person is skipped, that is, stays as they are, and is reported by
//! id and rule, without their data. When a condition fails on a group, the run ends: groups can't be skipped.
//!
//! With `trace = true` each rule writes a line of JSON into the log at debug level for each person and group it
//! saw ([`TraceStep`]).
//!
//! # Size and speed
//!
//! The component has 1.2 MB, three times what the other first-party ones should have: 245 kB are data, above all
//! Unicode's tables, 230 kB the code of `regex` (`\w`, `\b`, `(?i)` and `\p{…}` have to know names like Zoë; the
//! small `regex-lite` knows ASCII only), 100 kB each the expressions and the names of functions for stack traces. What
//! runs only when rules are read is built for size, which costs the people nothing.
//!
//! Ten rules cost a person about 2.75 µs in the sandbox and 2.55 native. Crossing the boundary costs 3.2 more, packed:
//! each of a person's forty texts is allocated once on either side. As records it would be 4.9.

mod action;
mod group;
mod mistakes;
mod names;
mod origin;
mod person;
mod set;
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
