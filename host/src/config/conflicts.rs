//! `[connector.NAME.conflicts]`: what is written, what it means, and what an editor is told of it.

use serde::Deserialize;
use serde_json::{Value, json};

use super::check::{Checker, under};
use super::cleanup::word;
use super::position::Step;
use super::schema::{table, words};
use crate::run::safety::NamePattern;
use crate::run::{Conflicts, GroupConflict, LocalGroups, LocalMemberships, MatchBy, UserConflict};

const USERS: [(&str, UserConflict); 4] = [
    ("skip", UserConflict::Skip),
    ("adopt", UserConflict::Adopt),
    ("suffix", UserConflict::Suffix),
    ("fail", UserConflict::Fail),
];
const MATCHES: [(&str, MatchBy); 2] = [("userName", MatchBy::UserName), ("email", MatchBy::Email)];
const GROUPS: [(&str, GroupConflict); 5] = [
    ("skip", GroupConflict::Skip),
    ("adopt", GroupConflict::Adopt),
    ("share", GroupConflict::Share),
    ("suffix", GroupConflict::Suffix),
    ("fail", GroupConflict::Fail),
];
const MEMBERSHIPS: [(&str, LocalMemberships); 2] =
    [("protected", LocalMemberships::Protected), ("managed", LocalMemberships::Managed)];

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default, expecting = "a table")]
pub(super) struct Written {
    users: Option<String>,
    r#match: Option<Vec<String>>,
    groups: Option<String>,
    suffix: Option<String>,
    local_groups: Vec<WrittenLocalGroups>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, expecting = "a table")]
struct WrittenLocalGroups {
    #[serde(default)]
    name: String,
    memberships: Option<String>,
}

impl Checker<'_> {
    pub(super) fn conflicts(&mut self, path: &[Step], written: Written) -> Conflicts {
        let default = Conflicts::default();
        let matches = written.r#match.map(|written| {
            let at = under(path, "match");
            if written.is_empty() {
                let hint = "`\"userName\"`, `\"email\"` or both";
                self.wrong(&at, "`match` has to say by what people are found", Some(hint));
            }
            let found = written.into_iter().enumerate().filter_map(|(index, word)| {
                let found = MATCHES.iter().find(|(known, _)| *known == word);
                if found.is_none() {
                    let hint = MATCHES.iter().find(|(known, _)| known.eq_ignore_ascii_case(&word));
                    let hint = hint.map_or_else(
                        || "known are `userName` and `email`".to_owned(),
                        |(known, _)| format!("did you mean `{known}`?"),
                    );
                    self.wrong(&under(&at, index), format!("people can't be found by `{word}`"), Some(&hint));
                }
                found.map(|(_, by)| *by)
            });
            found.collect()
        });
        if written.suffix.as_deref().is_some_and(|suffix| suffix.trim().is_empty()) {
            let hint = format!("such as `\"{}\"`", Conflicts::SUFFIX);
            self.wrong(&under(path, "suffix"), "`suffix` can't be empty", Some(&hint));
        }
        let local = written.local_groups.into_iter().enumerate().map(|(index, groups)| {
            let path = under(&under(path, "local-groups"), index);
            if groups.name.is_empty() {
                let hint = "such as `name = \"jira-*\"`";
                self.wrong(&under(&path, "name"), "`name` has to be a pattern of groups' names", Some(hint));
            }
            let memberships = self.one_of(&path, "memberships", groups.memberships, &MEMBERSHIPS);
            LocalGroups { name: NamePattern::new(&groups.name), memberships: memberships.unwrap_or_default() }
        });
        let local_groups = local.collect();
        Conflicts {
            users: self.one_of(path, "users", written.users, &USERS).unwrap_or_default(),
            matches: matches.unwrap_or(default.matches),
            groups: self.one_of(path, "groups", written.groups, &GROUPS).unwrap_or_default(),
            suffix: written.suffix.unwrap_or(default.suffix),
            local_groups,
        }
    }
}

/// The table's keys with their values.
pub(super) fn effective(conflicts: &Conflicts) -> [(&'static str, Value); 5] {
    let matches: Vec<&str> = conflicts.matches.iter().map(|by| word(&MATCHES, *by)).collect();
    let local = conflicts.local_groups.iter().map(
        |groups| json!({ "name": groups.name.text(), "memberships": word(&MEMBERSHIPS, groups.memberships) }),
    );
    [
        ("users", word(&USERS, conflicts.users).into()),
        ("match", matches.into()),
        ("groups", word(&GROUPS, conflicts.groups).into()),
        ("suffix", conflicts.suffix.as_str().into()),
        ("local-groups", local.collect()),
    ]
}

pub(super) fn schema() -> Value {
    let default = Conflicts::default();
    let mut local = table(
        "What becomes of local memberships of some groups.",
        json!({
            "name": {
                "description": "Names of groups; `*` stands for any text.",
                "type": "string",
                "minLength": 1,
                "examples": ["jira-*"],
            },
            "memberships": {
                "description": "protected, if nothing is said: they stay beside what connectors give; managed: they go where no connector \
                    gives them.",
                "enum": words(&MEMBERSHIPS),
            },
        }),
        &[],
    );
    local["required"] = json!(["name"]);
    table(
        "What becomes of a name that an entry of another connector, or a local one, holds.",
        json!({
            "users": {
                "description": "skip leaves the person out and tells of both; adopt takes the entry over from a \
                    connector below or from a local entry; suffix gives another name; fail ends the run.",
                "enum": words(&USERS),
                "default": word(&USERS, default.users),
            },
            "match": {
                "description": "By what adopt finds a person's entry: the user name, then the e-mail address if exactly \
                    one entry has it.",
                "type": "array",
                "minItems": 1,
                "items": { "enum": words(&MATCHES) },
                "default": words(&MATCHES),
            },
            "groups": {
                "description": "As of users; share leaves the group its owner's and adds this connector's memberships.",
                "enum": words(&GROUPS),
                "default": word(&GROUPS, default.groups),
            },
            "suffix": {
                "description": "What suffix adds to a name; {connector} stands for the connector's name.",
                "type": "string",
                "minLength": 1,
                "pattern": r"\S",
                "default": Conflicts::SUFFIX,
            },
            "local-groups": {
                "description": "What becomes of local memberships of groups that this connector fills; the first whose \
                    name fits counts.",
                "type": "array",
                "items": local,
                "default": [],
            },
        }),
        &[],
    )
}
