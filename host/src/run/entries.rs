//! How far entries follow the provider: `[connector.NAME.entries]`.

use serde::Serialize;

use super::safety::NamePattern;
use crate::directory::UserEntry;

/// What an admin decided about entries that are there already.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entries {
    pub group_names: GroupNames,
    /// Fields and attributes of users that are set when an entry is made and kept from then on.
    pub only_at_creation: Vec<String>,
    /// Fields and attributes of users that may be set here, and then are left as they are.
    pub keep_local: Vec<NamePattern>,
}

impl Entries {
    /// The fields that can be kept; any other name is that of an attribute.
    pub const FIELDS: [&str; 5] = ["userName", "displayName", "givenName", "familyName", "email"];

    /// Whether a value of that field or attribute may be set here. Whether somebody is active is always the provider's.
    pub fn keeps_local(&self, name: &str) -> bool {
        let always_given = UserEntry::FIELDS.contains(&name) && !Self::FIELDS.contains(&name);
        !always_given && self.keep_local.iter().any(|pattern| pattern.matches(name))
    }

    /// Takes over from the entry as it is what is only set at creation, and what was set here: `kept` are the names of
    /// the latter.
    pub fn keep(&self, before: &UserEntry, entry: &mut UserEntry, kept: &[String]) {
        let set_here = kept.iter().filter(|name| self.keeps_local(name));
        for name in self.only_at_creation.iter().chain(set_here) {
            match name.as_str() {
                "userName" => entry.user_name.clone_from(&before.user_name),
                "displayName" => entry.display_name.clone_from(&before.display_name),
                "givenName" => entry.given_name.clone_from(&before.given_name),
                "familyName" => entry.family_name.clone_from(&before.family_name),
                "email" => entry.email.clone_from(&before.email),
                name => {
                    entry.attributes.retain(|attribute| attribute.name != name);
                    let kept = before.attributes.iter().find(|attribute| attribute.name == name);
                    if let Some(kept) = kept {
                        let place = entry.attributes.partition_point(|attribute| attribute.name < kept.name);
                        entry.attributes.insert(place, kept.clone());
                    }
                }
            }
        }
    }
}

/// What a group is called that the provider, or a rule, gave another name than it has in the directory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupNames {
    /// It keeps its name, and the run tells: applications' permission schemes refer to names.
    #[default]
    Hold,
    /// It is renamed.
    Follow,
    /// It keeps its first name.
    Pin,
}

impl GroupNames {
    pub const ALL: [GroupNames; 3] = [Self::Hold, Self::Follow, Self::Pin];

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Hold => "hold",
            Self::Follow => "follow",
            Self::Pin => "pin",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::UserKey;
    use crate::model::{Attribute, User};

    #[test]
    fn what_is_only_set_at_creation_is_taken_over_present_or_not() {
        let entry = |name: &str, attributes: &[(&str, &str)]| {
            let user = User {
                id: "1".into(),
                username: name.into(),
                email: Some(format!("{name}@acme.example")),
                attributes: attributes.iter().map(|(name, value)| Attribute::new(*name, *value)).collect(),
                ..User::default()
            };
            UserEntry::from_user(UserKey(1), "acme", user)
        };
        let names = ["userName", "b", "c"].map(str::to_owned).to_vec();
        let entries = Entries { only_at_creation: names, ..Entries::default() };
        let mut after = entry("new", &[("a", "2"), ("c", "2"), ("d", "2")]);
        entries.keep(&entry("old", &[("a", "1"), ("b", "1"), ("d", "1")]), &mut after, &[]);
        let mut wanted = entry("old", &[("a", "2"), ("b", "1"), ("d", "2")]);
        wanted.email = Some("new@acme.example".into());
        assert_eq!(after, wanted);
    }

    #[test]
    fn what_was_set_here_stays_where_that_is_allowed() {
        let user = |name: &str, phone: &str, title: &str| {
            let attributes = vec![Attribute::new("profile.phone", phone), Attribute::new("title", title)];
            let user = User {
                id: "1".into(),
                username: name.into(),
                active: name == "old",
                attributes,
                ..User::default()
            };
            UserEntry::from_user(UserKey(1), "acme", user)
        };
        let keep_local = ["profile.*", "userName"].map(NamePattern::new).to_vec();
        let entries = Entries { keep_local, ..Entries::default() };
        let kept = ["active", "profile.phone", "title"].map(str::to_owned);
        let mut after = user("new", "2", "2");
        entries.keep(&user("old", "1", "1"), &mut after, &kept);
        assert_eq!(after, user("new", "1", "2"), "a title is not among what may be kept");
        let all = Entries { keep_local: vec![NamePattern::new("*")], ..Entries::default() };
        let allowed =
            ["email", "userName", "anything", "active", "externalId"].map(|name| all.keeps_local(name));
        assert_eq!(allowed, [true, true, true, false, false]);
    }
}
