//! Who may hold a name that several want: `[connector.NAME.conflicts]`, and which connector is above which.
//!
//! What this has to hold, whichever connector runs first and however often: an entry of a connector above is never
//! changed by one below, and no two connectors take an entry from each other.

use super::safety::NamePattern;
use crate::directory::{LOCAL, fold};

/// What an admin decided about names that entries of other connectors, or local ones, hold.
#[derive(Debug, Clone, PartialEq)]
pub struct Conflicts {
    pub users: UserConflict,
    /// By what a person is found to be that of an entry, the first that finds one; for `adopt`.
    pub matches: Vec<MatchBy>,
    pub groups: GroupConflict,
    /// What a taken name gets at its end; `{connector}` stands for the connector's name.
    pub suffix: String,
    /// The first whose pattern fits counts.
    pub local_groups: Vec<LocalGroups>,
}

impl Conflicts {
    pub const SUFFIX: &str = "-{connector}";

    /// What of it decides about people who did not change; nothing where the configuration says nothing.
    pub(super) fn token(&self) -> String {
        let Self { users, matches, groups, suffix, local_groups: _ } = self;
        let default = Self::default();
        let told = (*users, matches, *groups, suffix);
        match told == (default.users, &default.matches, default.groups, &default.suffix) {
            true => String::new(),
            false => format!("{told:?}"),
        }
    }

    /// How the local memberships of a group of that name are treated.
    pub fn local_memberships(&self, group: &str) -> LocalMemberships {
        let found = self.local_groups.iter().find(|groups| groups.name.matches(group));
        found.map(|groups| groups.memberships).unwrap_or_default()
    }
}

impl Default for Conflicts {
    fn default() -> Self {
        Self {
            users: UserConflict::default(),
            matches: vec![MatchBy::UserName, MatchBy::Email],
            groups: GroupConflict::default(),
            suffix: Self::SUFFIX.to_owned(),
            local_groups: Vec::new(),
        }
    }
}

/// What becomes of a person whose user name an entry of another connector, or a local one, holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserConflict {
    /// They are left out, with a problem that names both sides.
    #[default]
    Skip,
    /// They are that entry's person: it is taken over, or left to a connector above.
    Adopt,
    /// They get another name.
    Suffix,
    /// The run fails.
    Fail,
}

/// By what a person is found to be an entry's. Case does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MatchBy {
    UserName,
    /// Where exactly one entry has the address.
    Email,
}

/// What becomes of a group whose name a group of another connector, or a local one, holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupConflict {
    /// It is left out, with a problem that names both sides.
    #[default]
    Skip,
    /// It is that group: it is taken over, or left to a connector above and shared with it.
    Adopt,
    /// The group stays its owner's, and gets this connector's memberships too.
    Share,
    /// It gets another name.
    Suffix,
    /// The run fails.
    Fail,
}

/// What becomes of local memberships of groups that a connector fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalGroups {
    pub name: NamePattern,
    pub memberships: LocalMemberships,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum LocalMemberships {
    /// They stay beside what connectors give.
    #[default]
    Protected,
    /// The group holds exactly whom connectors give.
    Managed,
}

/// The connectors of a directory: who is before another is above it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precedence(Vec<String>);

impl Precedence {
    /// `order` has every configured connector once, the uppermost first.
    pub fn new(order: &[String]) -> Self {
        Self(order.to_vec())
    }

    /// Whether the connector may take over what belongs to `owner`: one below it, local entries, and one that is no
    /// longer configured, which never runs again and so can't take anything back.
    pub fn may_take(&self, connector: &str, owner: &str) -> bool {
        if owner == LOCAL {
            return true;
        }
        let place = |name: &str| self.0.iter().position(|known| known == name);
        match (place(connector), place(owner)) {
            (_, None) => owner != connector,
            (Some(own), Some(others)) => own < others,
            (None, Some(_)) => false,
        }
    }

    /// Who the owner is, for people.
    pub(super) fn owner(&self, owner: &str) -> String {
        if owner == LOCAL {
            "a local entry".to_owned()
        } else if self.0.iter().any(|known| known == owner) {
            format!("connector {owner}")
        } else {
            format!("connector {owner}, which is no longer configured")
        }
    }
}

/// The name with the connector's suffix, and from the second on with a number.
pub(super) fn suffixed(name: &str, template: &str, connector: &str, number: u32) -> String {
    let suffix = template.replace("{connector}", connector);
    match number {
        1 => format!("{name}{suffix}"),
        number => format!("{name}{suffix}{number}"),
    }
}

/// Whether `has` is what [`suffixed`] makes of `wants`: it stays so, whoever holds the plain name by now.
pub(super) fn is_suffixed(wants: &str, template: &str, connector: &str, has: &str) -> bool {
    let plain = fold(&suffixed(wants, template, connector, 1));
    fold(has).strip_prefix(&plain).is_some_and(|number| {
        let digits = number.bytes().all(|byte| byte.is_ascii_digit());
        number.is_empty() || digits && number.parse().is_ok_and(|number: u32| number > 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn taking_over_goes_only_downwards() {
        let order = ["hr", "okta"].map(str::to_owned);
        let precedence = Precedence::new(&order);
        for (connector, owner, may) in [
            ("hr", "okta", true),
            ("okta", "hr", false),
            ("okta", "okta", false),
            ("okta", LOCAL, true),
            ("okta", "gone", true),
            ("gone", "okta", false),
            ("gone", "gone", false),
        ] {
            assert_eq!(precedence.may_take(connector, owner), may, "{connector} from {owner}");
        }
    }

    #[test]
    fn a_suffixed_name_is_known_again() {
        assert_eq!(suffixed("ann", "-{connector}", "okta", 1), "ann-okta");
        assert_eq!(suffixed("ann", ".x", "okta", 3), "ann.x3");
        for has in ["ann-okta", "Ann-Okta", "ann-okta2", "ann-okta17"] {
            assert!(is_suffixed("Ann", "-{connector}", "okta", has), "{has}");
        }
        for has in ["ann", "ann-okta1", "ann-okta+2", "ann-oktas", "anna-okta", "bob-okta"] {
            assert!(!is_suffixed("ann", "-{connector}", "okta", has), "{has}");
        }
    }

    #[test]
    fn nothing_said_is_no_reason_to_look_at_everybody_anew() {
        assert_eq!(Conflicts::default().token(), "");
        let share = Conflicts { groups: GroupConflict::Share, ..Conflicts::default() };
        let adopt = Conflicts { users: UserConflict::Adopt, ..Conflicts::default() };
        assert_ne!(share.token(), adopt.token());
    }
}
