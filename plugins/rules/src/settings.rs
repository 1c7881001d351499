use std::collections::BTreeMap;

use serde::Deserialize;

use crate::several::Several;

/// The transform's settings. `plugin.toml` describes each of them for admins; a test keeps both equal.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Settings {
    /// Names of attributes that rules may read; `profile.*` is all of a namespace.
    pub attributes: Vec<String>,
    /// Tables that translate values, by name.
    pub lookup: BTreeMap<String, BTreeMap<String, String>>,
    /// Rules for groups, in the order in which they run.
    pub groups: Vec<GroupRule>,
    /// Rules for people, in the order in which they run.
    pub people: Vec<PersonRule>,
    /// Log what each rule did.
    pub trace: bool,
}

impl Default for Settings {
    fn default() -> Self {
        let attributes = [
            "status",
            "type",
            "created",
            "activated",
            "statusChanged",
            "lastLogin",
            "lastUpdated",
            "passwordChanged",
            "profile.*",
        ];
        Self {
            attributes: attributes.map(str::to_owned).to_vec(),
            lookup: BTreeMap::new(),
            groups: Vec::new(),
            people: Vec::new(),
            trace: false,
        }
    }
}

/// A rule for groups: one of the actions, and what restricts it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct GroupRule {
    pub name: Option<String>,
    /// An expression: the rule concerns only groups for which it is true.
    pub when: Option<String>,
    /// Why a group is dropped.
    pub reason: Option<String>,
    /// Drops all others.
    pub keep: Option<Vec<String>>,
    pub drop: Option<Vec<String>>,
    pub hide: Option<Vec<String>>,
    /// New names by old ones.
    pub rename: Option<BTreeMap<String, String>>,
    /// A regular expression; what of the name it matches is replaced by `with`.
    pub replace: Option<String>,
    pub with: Option<String>,
    pub case: Option<Case>,
    /// Names of groups that become one, which is called `into`.
    pub merge: Option<Vec<String>>,
    pub into: Option<String>,
    /// Drops the groups that no rule before it kept, renamed or merged.
    pub drop_unmatched: Option<bool>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Case {
    Lower,
    Upper,
}

/// A rule for people: one of the actions, and what restricts it.
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PersonRule {
    pub name: Option<String>,
    /// An expression: the rule concerns only people for whom it is true.
    pub when: Option<String>,
    /// Why a person is dropped, or skipped.
    pub reason: Option<String>,
    /// An expression: everybody for whom it is false is dropped.
    pub keep: Option<String>,
    /// An expression: everybody for whom it is true is dropped.
    pub drop: Option<String>,
    /// Names that have to have a value.
    pub require: Option<Several>,
    pub otherwise: Option<Otherwise>,
    /// The field or attribute that is set, from one of `from`, `template`, `expression` and `value`, or else
    /// from itself.
    pub set: Option<String>,
    pub from: Option<Several>,
    pub template: Option<String>,
    pub expression: Option<String>,
    pub value: Option<serde_json::Value>,
    pub steps: Option<Vec<Step>>,
    /// Where nothing came out.
    pub default: Option<serde_json::Value>,
    pub if_empty: Option<IfEmpty>,
    /// Names, or patterns of names, of attributes and optional fields.
    pub remove: Option<Several>,
    pub add_groups: Option<Several>,
    /// Names, or patterns of names.
    pub remove_groups: Option<Several>,
}

/// What happens to a person without a required value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Otherwise {
    /// Stays as they are, and is reported.
    #[default]
    Skip,
    /// Out of scope.
    Drop,
    /// The run ends with nothing applied.
    Fail,
}

/// What `set` does when nothing came out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IfEmpty {
    /// Leaves what is there.
    #[default]
    Keep,
    Remove,
    Skip,
    Drop,
    Fail,
}

/// One thing done to a value on its way. What works on a text works on each text of a list.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Step {
    Trim,
    Lower,
    Upper,
    /// What precedes the first occurrence; all of it without one.
    Before(String),
    /// What follows the first occurrence; nothing without one.
    After(String),
    Replace(Replace),
    /// By the name of a table; what is not in it stays, but for a table with an entry `*`.
    Lookup(String),
    /// From RFC 3339 or ISO to this form.
    FormatDate(String),
    Split(String),
    Join(String),
    First,
    Last,
    Unique,
    /// Keeps the items of a list that this regular expression matches.
    Filter(String),
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Replace {
    pub pattern: String,
    pub with: String,
}
