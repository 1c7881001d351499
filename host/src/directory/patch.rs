//! One change applied to an entry, with a check that the entry still is as the change found it.
//!
//! What [`Change::between_users`] says turns one entry into the other, and any part of it can be applied alone: that is
//! how a plan is split, how a held change is approved, and how a change is taken back.

use serde_json::{Map, Value as Json};

use super::change::{Change, ChangeKind};
use super::entry::{GroupEntry, GroupKey, UserEntry, UserKey, attributes_from_json};
use crate::model::Attribute;

/// Why a change does not fit an entry.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatchError {
    #[error("{field} is {found} now, and was {wanted} when the change was planned")]
    Differs { field: String, found: String, wanted: String },
    #[error("the change can't be read")]
    Unreadable,
}

impl UserEntry {
    /// The entry after an update, a rename, a disable, an enable or an anonymisation.
    pub fn patched(&self, change: &Change) -> Result<Self, PatchError> {
        let (connector, fields) = patched(self.fields(), &self.connector, change)?;
        Self::from_fields(self.key, &connector, fields)
    }

    /// The entry that [`fields`](Self::fields) tells of.
    pub fn from_fields(
        key: UserKey,
        connector: &str,
        mut fields: Map<String, Json>,
    ) -> Result<Self, PatchError> {
        Ok(Self {
            key,
            connector: connector.to_owned(),
            external_id: text(&mut fields, "externalId").ok_or(PatchError::Unreadable)?,
            user_name: text(&mut fields, "userName").ok_or(PatchError::Unreadable)?,
            display_name: text(&mut fields, "displayName"),
            given_name: text(&mut fields, "givenName"),
            family_name: text(&mut fields, "familyName"),
            email: text(&mut fields, "email"),
            active: fields.get("active").and_then(Json::as_bool).ok_or(PatchError::Unreadable)?,
            attributes: attributes(&mut fields),
        })
    }
}

impl GroupEntry {
    /// The entry after an update or a rename.
    pub fn patched(&self, change: &Change) -> Result<Self, PatchError> {
        let (connector, fields) = patched(self.fields(), &self.connector, change)?;
        Self::from_fields(self.key, &connector, fields)
    }

    /// The entry that [`fields`](Self::fields) tells of.
    pub fn from_fields(
        key: GroupKey,
        connector: &str,
        mut fields: Map<String, Json>,
    ) -> Result<Self, PatchError> {
        Ok(Self {
            key,
            connector: connector.to_owned(),
            external_id: text(&mut fields, "externalId"),
            name: text(&mut fields, "displayName").ok_or(PatchError::Unreadable)?,
            description: text(&mut fields, "description"),
            attributes: attributes(&mut fields),
        })
    }
}

impl Change {
    /// What takes the change back; of one that changes an entry, not of one that makes or removes it.
    pub fn reversed(&self) -> Self {
        let kind = match self.kind {
            ChangeKind::Disable => ChangeKind::Enable,
            ChangeKind::Enable => ChangeKind::Disable,
            kind => kind,
        };
        Self {
            kind,
            before: Some(self.after.clone()),
            after: self.before.clone().unwrap_or_else(|| "{}".to_owned()),
            ..self.clone()
        }
    }

    /// The fields that a creation gives the entry.
    pub fn fields_after(&self) -> Result<Map<String, Json>, PatchError> {
        object(&self.after)
    }

    /// The fields that a deletion takes away.
    pub fn fields_before(&self) -> Result<Map<String, Json>, PatchError> {
        object(self.before.as_deref().unwrap_or("{}"))
    }
}

fn object(text: &str) -> Result<Map<String, Json>, PatchError> {
    serde_json::from_str(text).map_err(|_| PatchError::Unreadable)
}

/// Whose entry it is afterwards, and its fields.
fn patched(
    mut fields: Map<String, Json>,
    connector: &str,
    change: &Change,
) -> Result<(String, Map<String, Json>), PatchError> {
    fields.insert("connector".to_owned(), connector.into());
    let (mut before, mut after) = (change.fields_before()?, change.fields_after()?);
    let inner = |fields: &mut Map<String, Json>| match fields.remove("attributes") {
        Some(Json::Object(attributes)) => attributes,
        _ => Map::new(),
    };
    let (old, new) = (inner(&mut before), inner(&mut after));
    let mut attributes = inner(&mut fields);
    patch(&mut attributes, &old, new)?;
    patch(&mut fields, &before, after)?;
    if !attributes.is_empty() {
        fields.insert("attributes".to_owned(), attributes.into());
    }
    let connector = text(&mut fields, "connector").ok_or(PatchError::Unreadable)?;
    Ok((connector, fields))
}

fn patch(
    fields: &mut Map<String, Json>,
    before: &Map<String, Json>,
    after: Map<String, Json>,
) -> Result<(), PatchError> {
    for name in before.keys().chain(after.keys()) {
        let (found, wanted) = (fields.get(name), before.get(name));
        if found != wanted {
            let shown = |value: Option<&Json>| value.map_or_else(|| "nothing".to_owned(), Json::to_string);
            let (found, wanted) = (shown(found), shown(wanted));
            return Err(PatchError::Differs { field: name.clone(), found, wanted });
        }
    }
    fields.retain(|name, _| !before.contains_key(name));
    fields.extend(after);
    Ok(())
}

fn text(fields: &mut Map<String, Json>, name: &str) -> Option<String> {
    match fields.remove(name) {
        Some(Json::String(text)) => Some(text),
        _ => None,
    }
}

fn attributes(fields: &mut Map<String, Json>) -> Vec<Attribute> {
    match fields.remove("attributes") {
        Some(Json::Object(attributes)) => attributes_from_json(attributes),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::User;

    fn entry() -> impl Strategy<Value = UserEntry> {
        let text = || prop::option::of("[ab]{0,2}");
        let attributes =
            prop::collection::btree_map("[xyz]", prop_oneof!["[ab]{0,2}", Just("1".into())], 0..4);
        ("[ab]{1,2}", text(), text(), any::<bool>(), attributes).prop_map(
            |(username, display_name, email, active, attributes)| {
                let attributes =
                    attributes.into_iter().map(|(name, value)| Attribute::new(name, value)).collect();
                let id = "u".to_owned();
                UserEntry::from_user(
                    UserKey(7),
                    "acme",
                    User { id, username, display_name, email, active, attributes, ..User::default() },
                )
            },
        )
    }

    proptest! {
        /// In any order, and back again.
        #[test]
        fn changes_between_two_entries_turn_one_into_the_other(before in entry(), after in entry()) {
            let changes = Change::between_users(&before, &after);
            let forth = changes.iter().try_fold(before.clone(), |entry, change| entry.patched(change));
            prop_assert_eq!(forth.as_ref(), Ok(&after));
            let other = changes.iter().rev().try_fold(before.clone(), |entry, change| entry.patched(change));
            prop_assert_eq!(other.as_ref(), Ok(&after));
            let back = changes.iter().try_fold(after, |entry, change| entry.patched(&change.reversed()));
            prop_assert_eq!(back, Ok(before));
        }

        #[test]
        fn the_fields_of_an_entry_tell_all_of_it(entry in entry()) {
            let again = UserEntry::from_fields(entry.key, &entry.connector, entry.fields());
            prop_assert_eq!(again, Ok(entry));
        }
    }

    #[test]
    fn an_entry_that_changed_since_is_refused_with_what_differs() {
        let ann = |active, name: &str| {
            let user = User { id: "u".into(), username: name.into(), active, ..User::default() };
            UserEntry::from_user(UserKey(7), "acme", user)
        };
        let changes = Change::between_users(&ann(true, "ann"), &ann(false, "ann"));
        assert_eq!(
            ann(false, "ann").patched(&changes[0]).unwrap_err().to_string(),
            "active is false now, and was true when the change was planned"
        );
        assert_eq!(ann(true, "other").patched(&changes[0]).unwrap(), ann(false, "other"));
    }
}
