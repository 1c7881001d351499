//! A user whose properties are computed one at a time: a search looks at a million and needs few of each.

use std::borrow::Cow;

use serde_json::Value;

use crate::generate::Generator;
use crate::model::{Status, User};
use crate::time::Timestamp;

/// A user as a reader sees it.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Seen<'a> {
    /// As generated, at its index.
    Generated(&'a Generator, u32),
    Stored(&'a User),
}

impl<'a> Seen<'a> {
    pub(crate) fn status(self) -> Status {
        match self {
            Self::Generated(generator, index) => generator.status(index),
            Self::Stored(user) => user.status,
        }
    }

    pub(crate) fn created(self) -> Timestamp {
        match self {
            Self::Generated(generator, index) => generator.created(index),
            Self::Stored(user) => user.created,
        }
    }

    pub(crate) fn activated(self) -> Option<Timestamp> {
        match self {
            Self::Generated(generator, index) => generator.activated(index),
            Self::Stored(user) => user.activated,
        }
    }

    pub(crate) fn status_changed(self) -> Option<Timestamp> {
        match self {
            Self::Generated(generator, index) => generator.status_changed(index),
            Self::Stored(user) => user.status_changed,
        }
    }

    pub(crate) fn last_updated(self) -> Timestamp {
        match self {
            Self::Generated(generator, index) => generator.last_updated(index),
            Self::Stored(user) => user.last_updated,
        }
    }

    /// A profile attribute.
    pub(crate) fn attribute(self, name: &str) -> Option<Value> {
        match self {
            Self::Generated(generator, index) => generator.attribute(index, name),
            Self::Stored(user) => user.attribute(name).map(Cow::into_owned),
        }
    }

    /// The whole user.
    pub(crate) fn user(self) -> Cow<'a, User> {
        match self {
            Self::Generated(generator, index) => Cow::Owned(generator.user(index)),
            Self::Stored(user) => Cow::Borrowed(user),
        }
    }
}
