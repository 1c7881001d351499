use std::fmt;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::entry::{GroupEntry, GroupKey, UserEntry};
use super::plain;
use super::store::ConnectorId;

/// What a run does to one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ChangeKind {
    Create,
    Update,
    Rename,
    Disable,
    Enable,
    Delete,
    Anonymize,
}

impl ChangeKind {
    pub const ALL: [ChangeKind; 7] = [
        ChangeKind::Create,
        ChangeKind::Update,
        ChangeKind::Rename,
        ChangeKind::Disable,
        ChangeKind::Enable,
        ChangeKind::Delete,
        ChangeKind::Anonymize,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ChangeKind::Create => "create",
            ChangeKind::Update => "update",
            ChangeKind::Rename => "rename",
            ChangeKind::Disable => "disable",
            ChangeKind::Enable => "enable",
            ChangeKind::Delete => "delete",
            ChangeKind::Anonymize => "anonymize",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for ChangeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EntryKind {
    User,
    Group,
}

impl EntryKind {
    pub fn as_str(self) -> &'static str {
        match self {
            EntryKind::User => "user",
            EntryKind::Group => "group",
        }
    }
}

/// One change of one entry, with the fields that it changes before and after. An entry that is renamed and
/// disabled at once has two changes, so that each can be counted, limited and read by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Change {
    pub kind: ChangeKind,
    pub entry: EntryKind,
    pub key: u32,
    /// The entry's name after the change.
    pub name: String,
    /// A JSON object of the changed fields; nothing for a creation.
    pub before: Option<String>,
    /// The same fields afterwards; an empty object for a deletion.
    pub after: String,
    /// Why, in words that follow a colon; nothing where the provider simply says so now.
    pub reason: Option<String>,
}

/// Who comes into a group and who leaves it.
#[derive(Debug, Clone, PartialEq)]
pub struct MembershipChange {
    pub group: GroupKey,
    /// Whose memberships of the group they are.
    pub connector: ConnectorId,
    pub added: RoaringBitmap,
    pub removed: RoaringBitmap,
}

impl Change {
    pub fn create_user(entry: &UserEntry) -> Self {
        Self {
            kind: ChangeKind::Create,
            entry: EntryKind::User,
            key: entry.key.0,
            name: entry.user_name.clone(),
            before: None,
            after: plain::user_fields(entry),
            reason: None,
        }
    }

    pub fn create_group(entry: &GroupEntry) -> Self {
        Self {
            kind: ChangeKind::Create,
            entry: EntryKind::Group,
            key: entry.key.0,
            name: entry.name.clone(),
            before: None,
            after: Json::Object(entry.fields()).to_string(),
            reason: None,
        }
    }

    pub fn delete_user(entry: &UserEntry) -> Self {
        delete(EntryKind::User, entry.key.0, &entry.user_name, plain::user_fields(entry))
    }

    pub fn delete_group(entry: &GroupEntry) -> Self {
        delete(EntryKind::Group, entry.key.0, &entry.name, Json::Object(entry.fields()).to_string())
    }

    /// The person's data is replaced: one change that holds all of what differs.
    pub fn anonymize_user(before: &UserEntry, after: &UserEntry) -> Self {
        let (mut old, mut new) = (before.fields(), after.fields());
        drop_equal(&mut old, &mut new);
        Self {
            kind: ChangeKind::Anonymize,
            entry: EntryKind::User,
            key: after.key.0,
            name: after.user_name.clone(),
            before: Some(Json::Object(old).to_string()),
            after: Json::Object(new).to_string(),
            reason: None,
        }
    }

    /// The same change, with why it is made.
    pub fn because(self, reason: &str) -> Self {
        Self { reason: Some(reason.to_owned()), ..self }
    }

    /// What turns one user entry into the other; empty when they look the same.
    pub fn between_users(before: &UserEntry, after: &UserEntry) -> Vec<Self> {
        let (mut old, mut new) = (before.fields(), after.fields());
        drop_equal(&mut old, &mut new);
        if before.connector != after.connector {
            let id = |entry: &UserEntry| Some(entry.external_id.clone());
            tell_owner(&mut old, &before.connector, id(before));
            tell_owner(&mut new, &after.connector, id(after));
        }
        between(EntryKind::User, after.key.0, &after.user_name, old, new)
    }

    /// What turns one group entry into the other; empty when they look the same.
    pub fn between_groups(before: &GroupEntry, after: &GroupEntry) -> Vec<Self> {
        let (mut old, mut new) = (before.fields(), after.fields());
        drop_equal(&mut old, &mut new);
        if before.connector != after.connector {
            tell_owner(&mut old, &before.connector, before.external_id.clone());
            tell_owner(&mut new, &after.connector, after.external_id.clone());
        }
        between(EntryKind::Group, after.key.0, &after.name, old, new)
    }
}

fn delete(entry: EntryKind, key: u32, name: &str, before: String) -> Change {
    Change {
        kind: ChangeKind::Delete,
        entry,
        key,
        name: name.to_owned(),
        before: Some(before),
        after: "{}".to_owned(),
        reason: None,
    }
}

fn between(
    entry: EntryKind,
    key: u32,
    name: &str,
    mut before: Map<String, Json>,
    mut after: Map<String, Json>,
) -> Vec<Change> {
    let mut changes = Vec::new();
    let mut push = |kind, before: Map<String, Json>, after: Map<String, Json>| {
        changes.push(Change {
            kind,
            entry,
            key,
            name: name.to_owned(),
            before: Some(Json::Object(before).to_string()),
            after: Json::Object(after).to_string(),
            reason: None,
        });
    };
    let name_field = match entry {
        EntryKind::User => "userName",
        EntryKind::Group => "displayName",
    };
    if after.contains_key(name_field) {
        push(ChangeKind::Rename, take(&mut before, name_field), take(&mut after, name_field));
    }
    if entry == EntryKind::User && after.contains_key("active") {
        let kind = if after["active"] == Json::Bool(true) { ChangeKind::Enable } else { ChangeKind::Disable };
        push(kind, take(&mut before, "active"), take(&mut after, "active"));
    }
    if !before.is_empty() || !after.is_empty() {
        push(ChangeKind::Update, before, after);
    }
    changes
}

/// Whose entry it is, and that one's id of it: told only where another connector takes the entry over, and then both,
/// because two providers can have the same id for different people.
fn tell_owner(fields: &mut Map<String, Json>, connector: &str, id: Option<String>) {
    fields.insert("connector".into(), connector.into());
    fields.extend(id.map(|id| ("externalId".to_owned(), id.into())));
}

/// Leaves only what differs, attribute by attribute.
fn drop_equal(before: &mut Map<String, Json>, after: &mut Map<String, Json>) {
    if let (Some(Json::Object(a)), Some(Json::Object(b))) =
        (before.get_mut("attributes"), after.get_mut("attributes"))
    {
        let equal: Vec<String> =
            a.iter().filter(|(name, value)| b.get(*name) == Some(value)).map(|(n, _)| n.clone()).collect();
        for name in equal {
            a.remove(&name);
            b.remove(&name);
        }
    }
    for map in [&mut *before, &mut *after] {
        if map.get("attributes").is_some_and(|value| value.as_object().is_some_and(Map::is_empty)) {
            map.remove("attributes");
        }
    }
    let equal: Vec<String> = before
        .iter()
        .filter(|(name, value)| after.get(*name) == Some(value))
        .map(|(n, _)| n.clone())
        .collect();
    for name in equal {
        before.remove(&name);
        after.remove(&name);
    }
}

fn take(map: &mut Map<String, Json>, name: &str) -> Map<String, Json> {
    map.remove_entry(name).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::UserKey;
    use crate::model::{Attribute, User};

    fn entry(user: User) -> UserEntry {
        UserEntry::from_user(UserKey(7), "acme", user)
    }

    #[test]
    fn one_entry_renamed_disabled_and_updated_has_three_changes() {
        let before = User {
            id: "u".into(),
            username: "ann".into(),
            active: true,
            attributes: vec![Attribute::new("same", 1), Attribute::new("old", "x")],
            ..User::default()
        };
        let after = User {
            username: "Ann.B".into(),
            active: false,
            display_name: Some("Ann B".into()),
            attributes: vec![Attribute::new("same", 1), Attribute::new("new", "y")],
            ..before.clone()
        };
        let changes = Change::between_users(&entry(before), &entry(after));
        let told: Vec<_> =
            changes.iter().map(|c| (c.kind, c.before.clone().unwrap_or_default(), c.after.clone())).collect();
        assert_eq!(
            told,
            vec![
                (ChangeKind::Rename, r#"{"userName":"ann"}"#.into(), r#"{"userName":"Ann.B"}"#.into()),
                (ChangeKind::Disable, r#"{"active":true}"#.into(), r#"{"active":false}"#.into()),
                (
                    ChangeKind::Update,
                    r#"{"attributes":{"old":"x"}}"#.into(),
                    r#"{"attributes":{"new":"y"},"displayName":"Ann B"}"#.into()
                ),
            ]
        );
    }

    #[test]
    fn an_entry_that_is_taken_over_tells_of_both_owners() {
        let user = User { id: "u".into(), username: "ann".into(), ..User::default() };
        let (before, mut after) = (entry(user.clone()), entry(user));
        after.connector = "hr".into();
        let changes = Change::between_users(&before, &after);
        let told: Vec<_> = changes.iter().map(|c| (c.kind, c.before.as_deref(), c.after.as_str())).collect();
        assert_eq!(
            told,
            [(
                ChangeKind::Update,
                Some(r#"{"connector":"acme","externalId":"u"}"#),
                r#"{"connector":"hr","externalId":"u"}"#
            )]
        );
        assert_eq!(before.patched(&changes[0]), Ok(after.clone()));
        assert_eq!(after.patched(&changes[0].reversed()), Ok(before));
    }

    #[test]
    fn entries_that_look_the_same_have_no_changes() {
        let user = User { id: "u".into(), username: "ann".into(), ..User::default() };
        assert!(Change::between_users(&entry(user.clone()), &entry(user)).is_empty());
    }
}
