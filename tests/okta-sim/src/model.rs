//! The objects of an organisation: users, groups and their states.

use std::borrow::Cow;
use std::collections::BTreeSet;

use serde_json::Value;

use crate::generate::Generator;
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
#[derive(Debug, Clone)]
pub(crate) enum Profile {
    /// As generated for the user at an index: computed when asked for, so that it takes no memory.
    Generated(Generator, u32),
    Own(Attributes),
}

/// Attributes in the order they are written.
pub(crate) type Attributes = Vec<(Cow<'static, str>, Value)>;

impl Profile {
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'_, Value>> {
        match self {
            Self::Generated(generator, index) => generator.attribute(*index, name).map(Cow::Owned),
            Self::Own(attributes) => {
                attributes.iter().find(|(key, _)| key == name).map(|(_, value)| Cow::Borrowed(value))
            }
        }
    }

    /// Sets an attribute, or with null unsets it: an unset attribute is absent unless it is one of those
    /// that Okta always writes.
    fn set(&mut self, name: &str, value: Value) {
        let attributes = self.own();
        if value.is_null() && !ALWAYS_PRESENT.contains(&name) {
            attributes.retain(|(key, _)| key != name);
            return;
        }
        match attributes.iter_mut().find(|(key, _)| key == name) {
            Some((_, old)) => *old = value,
            None => attributes.push((Cow::Owned(name.to_owned()), value)),
        }
    }

    /// The attributes, computed for good if they weren't.
    fn own(&mut self) -> &mut Attributes {
        if let Self::Generated(generator, index) = self {
            *self = Self::Own(generator.attributes(*index));
        }
        match self {
            Self::Own(attributes) => attributes,
            Self::Generated(..) => unreachable!("it was replaced above"),
        }
    }
}

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
    pub(crate) fn attribute(&self, name: &str) -> Option<Cow<'_, Value>> {
        self.profile.get(name)
    }

    pub(crate) fn login(&self) -> String {
        self.text("login").unwrap_or_default()
    }

    /// An attribute that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.attribute(name)?.as_str().map(str::to_owned)
    }

    /// Sets an attribute, or with null unsets it.
    pub(crate) fn set_attribute(&mut self, name: &str, value: Value) {
        self.profile.set(name, value);
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
    /// Members that a group rule gave to a group otherwise filled by hand: they too stay when deactivated.
    pub(crate) given_by_rule: BTreeSet<u32>,
    /// Reading the members is refused with 403, as for groups that carry an admin role.
    pub(crate) members_forbidden: bool,
}

impl Group {
    /// A copy that leaves the members out.
    pub(crate) fn without_members(&self) -> Self {
        Self {
            kind: self.kind,
            name: self.name.clone(),
            description: self.description.clone(),
            created: self.created,
            last_updated: self.last_updated,
            last_membership_updated: self.last_membership_updated,
            members: Members::Listed(Vec::new()),
            by_rule: self.by_rule,
            given_by_rule: BTreeSet::new(),
            members_forbidden: self.members_forbidden,
        }
    }

    /// Whether a member stays when it is deactivated.
    pub(crate) fn keeps(&self, member: u32) -> bool {
        self.by_rule || self.given_by_rule.contains(&member)
    }
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
        assert_eq!(user.attribute("lastName").as_deref(), Some(&json!(null)));
    }
}
