//! Cleanup: what an admin decided about owned entries that leave, because a complete full run no longer returns them,
//! rules drop them, or nobody signs in any more.
//!
//! The defaults take away nothing that can't be given back. People are disabled and keep their memberships, so that a
//! person who returns is who they were. Groups stay: a group has no `active`, it can't be asked for by id, so that a
//! list that leaves one out can't be told from a deletion, and emptying it would take something from everybody at once.

use jiff::Timestamp;
use rollcall_expression::Failure;

use super::condition::PersonCondition;
use super::safety::NamePattern;
use crate::directory::{GroupEntry, UserEntry};
use crate::model::Value;

/// `[connector.NAME.cleanup]`.
#[derive(Debug, Clone, PartialEq)]
pub struct Cleanup {
    pub users: UserCleanup,
    pub groups: GroupCleanup,
    pub memberships: MembershipCleanup,
    /// Whoever leaves stays in those groups.
    pub keep_memberships_of: Vec<NamePattern>,
    pub grace: Grace,
    /// How many absent people a run asks for by id before it changes them; none: it takes the list's word. Groups can't
    /// be asked for: unless it is none, two complete runs at least have to miss one.
    pub confirm: u32,
    /// Whom cleanup never touches.
    pub except: Vec<PersonCondition>,
    /// The first that holds goes before the table.
    pub rules: Vec<CleanupRule>,
    pub inactivity: Option<Inactivity>,
}

/// What becomes of a person who leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum UserCleanup {
    #[default]
    Disable,
    /// The entry and its key are gone for ever; somebody who returns is a new entry.
    Delete,
    /// Name, mail and attributes are replaced; key and provider's id stay, so that the next reading restores them.
    Anonymize,
    Keep,
}

/// What becomes of a group that leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum GroupCleanup {
    #[default]
    Keep,
    /// It stays without the members that this connector gave.
    Empty,
    Delete,
}

/// What becomes of the memberships of a person who leaves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MembershipCleanup {
    #[default]
    Keep,
    Remove,
}

/// How long an entry has to be missing; when both are given, both.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Grace {
    /// Complete full runs that miss it, the one that acts included.
    pub runs: u32,
    pub days: u32,
}

/// `[[connector.NAME.cleanup.rule]]`; what it does not say is as the table says.
#[derive(Debug, Clone, PartialEq)]
pub struct CleanupRule {
    pub when: PersonCondition,
    pub users: Option<UserCleanup>,
    pub memberships: Option<MembershipCleanup>,
    pub grace_runs: Option<u32>,
    pub grace_days: Option<u32>,
}

/// `[connector.NAME.cleanup.inactivity]`: people whom the provider returns and who don't sign in.
#[derive(Debug, Clone, PartialEq)]
pub struct Inactivity {
    /// Since the last sign-in.
    pub days: Option<u32>,
    /// Since the creation of someone who never signed in.
    pub never_signed_in_days: Option<u32>,
    /// The attribute that holds the time of the last sign-in.
    pub sign_in: String,
    /// The attribute that holds the time of creation.
    pub created: String,
    pub users: UserCleanup,
    pub spare: PersonCondition,
}

/// What is to be done about one person, once their grace is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Treatment {
    pub users: UserCleanup,
    pub memberships: MembershipCleanup,
    pub grace: Grace,
}

/// For how long an entry has been missing.
#[derive(Debug, Clone, Copy)]
pub struct Missing {
    /// Complete full runs, this one included.
    pub runs: u64,
    /// When the first of them started.
    pub since: Timestamp,
}

impl Default for Cleanup {
    fn default() -> Self {
        Self {
            users: UserCleanup::default(),
            groups: GroupCleanup::default(),
            memberships: MembershipCleanup::default(),
            keep_memberships_of: Vec::new(),
            grace: Grace::default(),
            confirm: Self::CONFIRM,
            except: Vec::new(),
            rules: Vec::new(),
            inactivity: None,
        }
    }
}

impl Cleanup {
    /// What Okta answers within half a minute at its usual limit.
    pub const CONFIRM: u32 = 200;

    /// How many lists have to leave a group out that nobody can be asked about: one alone may be wrong.
    const LISTS: u32 = 2;

    /// What is to be done about a person in these groups; nothing for someone who is excepted.
    ///
    /// # Errors
    ///
    /// A condition that can't be calculated: nobody knows whether the person is excepted.
    pub fn treatment(&self, entry: &UserEntry, groups: &[String]) -> Result<Option<Treatment>, Failure> {
        for except in &self.except {
            if except.holds(entry, groups)? {
                return Ok(None);
            }
        }
        let Self { users, memberships, grace, .. } = *self;
        for rule in &self.rules {
            if rule.when.holds(entry, groups)? {
                return Ok(Some(Treatment {
                    users: rule.users.unwrap_or(users),
                    memberships: rule.memberships.unwrap_or(memberships),
                    grace: Grace {
                        runs: rule.grace_runs.unwrap_or(grace.runs),
                        days: rule.grace_days.unwrap_or(grace.days),
                    },
                }));
            }
        }
        Ok(Some(Treatment { users, memberships, grace }))
    }

    /// Whether a treatment depends on the groups that somebody is in: reading all memberships takes its time.
    pub fn reads_groups(&self) -> bool {
        !self.except.is_empty() || !self.rules.is_empty() || self.memberships == MembershipCleanup::Remove
    }

    /// Whether someone who leaves, and loses memberships, stays in this group.
    pub fn keeps_memberships_of(&self, group: &GroupEntry) -> bool {
        self.keep_memberships_of.iter().any(|pattern| pattern.matches(&group.name))
    }
}

impl UserCleanup {
    /// `disabled`.
    pub fn done(self) -> &'static str {
        match self {
            UserCleanup::Disable => "disabled",
            UserCleanup::Delete => "deleted",
            UserCleanup::Anonymize => "anonymized",
            UserCleanup::Keep => "kept",
        }
    }

    /// What the entry is afterwards; nothing for one that is deleted.
    pub fn applied(self, before: &UserEntry) -> Option<UserEntry> {
        match self {
            UserCleanup::Keep => Some(before.clone()),
            UserCleanup::Disable => Some(UserEntry { active: false, ..before.clone() }),
            UserCleanup::Delete => None,
            UserCleanup::Anonymize => Some(UserEntry {
                key: before.key,
                connector: before.connector.clone(),
                external_id: before.external_id.clone(),
                user_name: anonymous_name(before),
                display_name: None,
                given_name: None,
                family_name: None,
                email: None,
                active: false,
                attributes: Vec::new(),
            }),
        }
    }
}

/// `anonymized-KEY`: the key is never used again, so nobody else is called so, unless they want to.
fn anonymous_name(entry: &UserEntry) -> String {
    format!("anonymized-{}", entry.key.0)
}

impl Cleanup {
    /// How long a group has to be missing.
    pub fn grace_of_groups(&self) -> Grace {
        let runs = if self.confirm > 0 { self.grace.runs.max(Self::LISTS) } else { self.grace.runs };
        Grace { runs, ..self.grace }
    }
}

impl GroupCleanup {
    /// `emptied`.
    pub fn done(self) -> &'static str {
        match self {
            GroupCleanup::Keep => "kept",
            GroupCleanup::Empty => "emptied",
            GroupCleanup::Delete => "deleted",
        }
    }
}

impl Grace {
    /// Why it is not over yet: `missing for 1 of 3 runs`.
    pub fn lasts(self, missing: Missing, now: Timestamp) -> Option<String> {
        if missing.runs < u64::from(self.runs) {
            return Some(format!("missing for {} of {} runs", missing.runs, self.runs));
        }
        let days = now.duration_since(missing.since).as_hours() / 24;
        (days < i64::from(self.days)).then(|| format!("missing for {} of {} days", days.max(0), self.days))
    }
}

impl Inactivity {
    /// Members of Okta's own group of administrators: an organisation that nobody can administer helps nobody.
    pub const SPARE: &str = r#"isMember("Okta Administrators")"#;
    pub const SIGN_IN: &str = "lastLogin";
    pub const CREATED: &str = "created";

    /// Why the person counts as inactive: `no sign-in since 2026-01-03`.
    ///
    /// Who is inactive by a time that can't be read is not known, so they are not.
    pub fn reason(&self, entry: &UserEntry, now: Timestamp) -> Option<String> {
        let day = |time: Timestamp| time.strftime("%F");
        let over = |time: Timestamp, days: u32| now.duration_since(time).as_hours() >= i64::from(days) * 24;
        match (text(entry, &self.sign_in), text(entry, &self.created)) {
            (Some(sign_in), _) => {
                let time: Timestamp = sign_in.parse().ok()?;
                over(time, self.days?).then(|| format!("no sign-in since {}", day(time)))
            }
            (None, Some(created)) => {
                let time: Timestamp = created.parse().ok()?;
                over(time, self.never_signed_in_days?)
                    .then(|| format!("never signed in since the creation on {}", day(time)))
            }
            (None, None) => None,
        }
    }

    /// Whether the entry says anything about signing in.
    pub fn is_told(&self, entry: &UserEntry) -> bool {
        text(entry, &self.sign_in).is_some()
    }
}

fn text<'a>(entry: &'a UserEntry, name: &str) -> Option<&'a str> {
    let attribute = entry.attributes.iter().find(|attribute| attribute.name == name)?;
    match &attribute.value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::UserKey;
    use crate::model::{Attribute, User};

    fn entry(attributes: Vec<Attribute>) -> UserEntry {
        let user =
            User { id: "u1".into(), username: "ann".into(), active: true, attributes, ..User::default() };
        UserEntry::from_user(UserKey(7), "acme", user)
    }

    #[test]
    fn grace_is_over_when_runs_and_days_are() {
        let now: Timestamp = "2026-03-10T00:00:00Z".parse().unwrap();
        let missing = |runs, since: &str| Missing { runs, since: since.parse().unwrap() };
        let grace = Grace { runs: 3, days: 2 };
        let told = |runs, since| grace.lasts(missing(runs, since), now);
        assert_eq!(told(2, "2026-01-01T00:00:00Z").as_deref(), Some("missing for 2 of 3 runs"));
        assert_eq!(told(3, "2026-03-08T00:00:01Z").as_deref(), Some("missing for 1 of 2 days"));
        assert_eq!(told(3, "2026-03-08T00:00:00Z"), None);
        assert_eq!(Grace::default().lasts(missing(1, "2026-03-10T00:00:00Z"), now), None);
    }

    #[test]
    fn inactive_is_who_did_not_sign_in_for_that_long() {
        let rule = Inactivity {
            days: Some(30),
            never_signed_in_days: Some(7),
            sign_in: Inactivity::SIGN_IN.into(),
            created: Inactivity::CREATED.into(),
            users: UserCleanup::Disable,
            spare: PersonCondition::parse(Inactivity::SPARE).unwrap(),
        };
        let now: Timestamp = "2026-03-10T00:00:00Z".parse().unwrap();
        let reason = |attributes: &[(&str, &str)]| {
            let attributes = attributes.iter().map(|(name, value)| Attribute::new(*name, *value)).collect();
            rule.reason(&entry(attributes), now)
        };
        let created = ("created", "2020-01-01T00:00:00.000Z");
        let old = reason(&[created, ("lastLogin", "2026-02-08T00:00:00.000Z")]);
        assert_eq!(old.as_deref(), Some("no sign-in since 2026-02-08"));
        assert_eq!(reason(&[created, ("lastLogin", "2026-02-08T00:00:00.001Z")]), None);
        assert_eq!(reason(&[created]).as_deref(), Some("never signed in since the creation on 2020-01-01"));
        assert_eq!(reason(&[("created", "2026-03-04T00:00:00.000Z")]), None, "six days are not seven");
        assert_eq!(reason(&[]), None, "nothing is known");
        assert_eq!(reason(&[created, ("lastLogin", "soon")]), None);
    }

    #[test]
    fn the_first_rule_that_holds_goes_before_the_table_and_an_exception_before_all() {
        let when = |text| PersonCondition::parse(text).unwrap();
        let cleanup = Cleanup {
            except: vec![when(r#"isMember("break-glass")"#)],
            rules: vec![
                CleanupRule {
                    when: when(r#"isMember("portal")"#),
                    users: Some(UserCleanup::Delete),
                    memberships: None,
                    grace_runs: None,
                    grace_days: Some(30),
                },
                CleanupRule {
                    when: when("true"),
                    users: Some(UserCleanup::Keep),
                    memberships: None,
                    grace_runs: None,
                    grace_days: None,
                },
            ],
            grace: Grace { runs: 2, days: 0 },
            ..Cleanup::default()
        };
        let treatment = |groups: &[&str]| {
            let groups: Vec<String> = groups.iter().map(|name| (*name).to_owned()).collect();
            cleanup.treatment(&entry(vec![]), &groups).unwrap()
        };
        assert_eq!(treatment(&["portal", "break-glass"]), None);
        let portal = treatment(&["portal"]).unwrap();
        assert_eq!((portal.users, portal.grace), (UserCleanup::Delete, Grace { runs: 2, days: 30 }));
        assert_eq!(treatment(&[]).unwrap().users, UserCleanup::Keep);
    }
}
