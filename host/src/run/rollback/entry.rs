use serde_json::{Map, Value as Json};

use super::fields::{Fields, nested};
use crate::directory::{EntryKind, GroupEntry, GroupKey, PatchError, Reader, UserEntry, UserKey};
use crate::run::error::RunError;

/// A user or a group.
pub(super) enum Entry {
    User(UserEntry),
    Group(GroupEntry),
}

impl Entry {
    pub fn of(reader: &dyn Reader, kind: EntryKind, key: u32) -> Result<Option<Self>, RunError> {
        Ok(match kind {
            EntryKind::User => reader.user(UserKey(key))?.map(Self::User),
            EntryKind::Group => reader.group(GroupKey(key))?.map(Self::Group),
        })
    }

    pub fn from_fields(
        kind: EntryKind,
        key: u32,
        connector: &str,
        fields: Fields,
    ) -> Result<Self, PatchError> {
        let fields = nested(fields);
        Ok(match kind {
            EntryKind::User => Self::User(UserEntry::from_fields(UserKey(key), connector, fields)?),
            EntryKind::Group => Self::Group(GroupEntry::from_fields(GroupKey(key), connector, fields)?),
        })
    }

    pub fn kind(&self) -> EntryKind {
        match self {
            Self::User(_) => EntryKind::User,
            Self::Group(_) => EntryKind::Group,
        }
    }

    pub fn name(&self) -> &str {
        match self {
            Self::User(user) => &user.user_name,
            Self::Group(group) => &group.name,
        }
    }

    pub fn connector(&self) -> &str {
        match self {
            Self::User(user) => &user.connector,
            Self::Group(group) => &group.connector,
        }
    }

    pub fn external_id(&self) -> Option<&str> {
        match self {
            Self::User(user) => Some(&user.external_id),
            Self::Group(group) => group.external_id.as_deref(),
        }
    }

    pub fn fields(&self) -> Map<String, Json> {
        match self {
            Self::User(user) => user.fields(),
            Self::Group(group) => group.fields(),
        }
    }
}
