//! The objects of an organisation: users, groups and their states.

use std::borrow::Cow;

use serde_json::Value;

use crate::time::Timestamp;

/// A user's status, as the Users API spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Status {
    Staged,
    Provisioned,
    Active,
    Recovery,
    PasswordExpired,
    LockedOut,
    Suspended,
    Deprovisioned,
}

impl Status {
    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Staged => "STAGED",
            Self::Provisioned => "PROVISIONED",
            Self::Active => "ACTIVE",
            Self::Recovery => "RECOVERY",
            Self::PasswordExpired => "PASSWORD_EXPIRED",
            Self::LockedOut => "LOCKED_OUT",
            Self::Suspended => "SUSPENDED",
            Self::Deprovisioned => "DEPROVISIONED",
        }
    }
}

/// Where a user's password lives: `credentials.provider`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Provider {
    Okta,
    ActiveDirectory,
    Federation,
}

/// A profile: attribute names and values in the order they are written. An attribute that is unset is left
/// out, except the six Okta always writes, which are null instead.
pub(crate) type Profile = Vec<(Cow<'static, str>, Value)>;

/// A whole user, as rendered to a client.
#[derive(Debug, Clone)]
pub(crate) struct User {
    pub(crate) status: Status,
    pub(crate) created: Timestamp,
    pub(crate) activated: Option<Timestamp>,
    pub(crate) status_changed: Option<Timestamp>,
    pub(crate) last_login: Option<Timestamp>,
    pub(crate) last_updated: Timestamp,
    pub(crate) password_changed: Option<Timestamp>,
    /// Set while an asynchronous (de)activation is under way.
    pub(crate) transitioning_to: Option<Status>,
    pub(crate) provider: Provider,
    pub(crate) profile: Profile,
}

impl User {
    pub(crate) fn attribute(&self, name: &str) -> Option<&Value> {
        self.profile.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    pub(crate) fn login(&self) -> &str {
        self.attribute("login").and_then(Value::as_str).unwrap_or_default()
    }

    /// Sets an attribute, or with null unsets it: an unset attribute is absent unless it is one of those
    /// that Okta always writes.
    pub(crate) fn set_attribute(&mut self, name: &str, value: Value) {
        if value.is_null() && !ALWAYS_PRESENT.contains(&name) {
            self.profile.retain(|(key, _)| key != name);
            return;
        }
        match self.profile.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => self.profile.push((Cow::Owned(name.to_owned()), value)),
        }
    }
}

/// Profile attributes in every recorded user, null when unset.
pub(crate) const ALWAYS_PRESENT: [&str; 6] =
    ["firstName", "lastName", "mobilePhone", "secondEmail", "login", "email"];

/// A group's type.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum GroupType {
    /// Made in Okta.
    OktaGroup,
    /// Imported from an application; may share its name with an Okta group.
    AppGroup,
    /// `Everyone` and `Okta Administrators`.
    BuiltIn,
}

impl GroupType {
    /// The spelling on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::OktaGroup => "OKTA_GROUP",
            Self::AppGroup => "APP_GROUP",
            Self::BuiltIn => "BUILT_IN",
        }
    }
}

/// Who is in a group.
#[derive(Debug, Clone)]
pub(crate) enum Members {
    /// Every user that is not deprovisioned.
    Everyone,
    /// Indices of users, ascending.
    Listed(Vec<u32>),
}

/// A group.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) kind: GroupType,
    pub(crate) name: String,
    /// Null or empty or a text: all three are recorded.
    pub(crate) description: Option<String>,
    pub(crate) created: Timestamp,
    /// Moves with the profile only.
    pub(crate) last_updated: Timestamp,
    /// Moves with the membership only (six recordings: adding a member left `lastUpdated` alone).
    pub(crate) last_membership_updated: Timestamp,
    pub(crate) members: Members,
    /// A group rule fills this group: deactivating a member leaves the membership in place.
    pub(crate) by_rule: bool,
    /// Reading the members is refused with 403, as for groups that carry an admin role.
    pub(crate) members_forbidden: bool,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::generate::Generator;

    #[test]
    fn unsetting_leaves_null_only_where_okta_does() {
        let mut user = Generator::new(1, true, 10).user(3);
        user.set_attribute("department", json!(null));
        user.set_attribute("lastName", json!(null));
        assert_eq!(user.attribute("department"), None);
        assert_eq!(user.attribute("lastName"), Some(&json!(null)));
    }
}
