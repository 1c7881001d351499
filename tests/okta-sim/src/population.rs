//! How big an organisation is to be, and building it.

use std::collections::BTreeSet;

use crate::app::App;
use crate::awkward::{self, AwkwardGroup, Content};
use crate::generate::{FIRST_DAY, Generator, LAST_DAY};
use crate::model::{Group, GroupType, Members, Status};
use crate::org::Org;
use crate::profile::DEPARTMENTS;
use crate::time::Timestamp;

/// Size and seed of a generated organisation. The same values always give the same organisation, ids
/// included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Population {
    /// Users, of every status.
    pub users: u32,
    /// Groups besides Everyone, which every organisation has.
    pub groups: u32,
    /// Members of each group that isn't empty (or all users that may be members, if fewer).
    pub members_per_group: u32,
    /// How many of the groups have no members.
    pub empty_groups: u32,
    /// Applications, each with a few users of its own and up to three of the groups.
    pub apps: u32,
    /// Where all values come from.
    pub seed: u64,
    /// Whether the organisation has what real ones have: users of every status, absent, null, empty and
    /// very long values, names that differ in case only, a group of many pages, and so on. Otherwise every
    /// user is ACTIVE with a full profile, and every non-empty group has exactly
    /// [`members_per_group`](Self::members_per_group) members.
    pub awkward: bool,
}

impl Default for Population {
    fn default() -> Self {
        Self {
            users: 250,
            groups: 20,
            members_per_group: 15,
            empty_groups: 2,
            apps: 0,
            seed: 1,
            awkward: true,
        }
    }
}

/// Random streams of groups, apart from those of users.
const SALT_START: u64 = 101;
const SALT_STEP: u64 = 102;
const SALT_UPDATED: u64 = 103;
const SALT_MEMBERSHIP: u64 = 104;
const SALT_APP_USERS: u64 = 105;
const SALT_APP_GROUPS: u64 = 106;

/// Labels and names of applications.
const APPS: [(&str, &str); 6] = [
    ("Atlassian Cloud", "atlassian"),
    ("GitHub Enterprise", "githubcloud"),
    ("Salesforce", "salesforce"),
    ("Slack", "slack"),
    ("Zoom", "zoomus"),
    ("Payroll (SAML)", "acme_payroll_1"),
];

impl Population {
    pub(crate) fn build(&self) -> Org {
        let generator = Generator::new(self.seed, self.awkward, self.users);
        let mut org = Org::new(generator, self.users);
        let special = self.awkward && self.users >= awkward::SMALLEST;
        let leavers = if special { awkward::place_users(&mut org) } else { Vec::new() };
        let mut awkward_groups = if special { awkward::groups() } else { Vec::new() };
        awkward_groups.truncate(self.groups.saturating_sub(self.empty_groups) as usize);

        org.groups.reserve(self.groups as usize + 1);
        org.groups.push(Some(self.everyone(&org)));
        let mut awkward_groups = awkward_groups.into_iter();
        for index in 1..=self.groups {
            let group = match awkward_groups.next() {
                Some(awkward) => self.awkward_group(&org, index, awkward, &leavers),
                None => self.ordinary_group(&org, index),
            };
            org.groups.push(Some(group));
        }
        org.apps = (0..self.apps).map(|index| self.app(&org, index)).collect();
        org
    }

    fn app(&self, org: &Org, index: u32) -> App {
        let seed = org.generator().seed();
        let draw = |salt, nth: u32, bound: u32| {
            seed.below(salt, u64::from(index) * 16 + u64::from(nth), u64::from(bound)) as u32
        };
        let created = Timestamp(FIRST_DAY + i64::from(index) * 3600);
        let (label, name) = APPS[index as usize % APPS.len()];
        let active = |user: &u32| org.status(*user).is_some_and(|status| status != Status::Deprovisioned);
        App {
            label: if (index as usize) < APPS.len() { label.to_owned() } else { format!("{label} {index}") },
            name: name.to_owned(),
            created,
            last_updated: created,
            users: (0..5.min(self.users))
                .map(|nth| draw(SALT_APP_USERS, nth, self.users))
                .filter(active)
                .map(|user| (user, created))
                .collect(),
            // Not Everyone, which is group 0.
            groups: (0..(1 + index % 3).min(self.groups))
                .map(|nth| (1 + draw(SALT_APP_GROUPS, nth, self.groups), created))
                .collect(),
        }
    }

    fn everyone(&self, org: &Org) -> Group {
        Group {
            kind: GroupType::BuiltIn,
            name: "Everyone".to_owned(),
            description: Some("All users in your organization".to_owned()),
            members: Members::Everyone,
            ..self.shell(org, 0)
        }
    }

    fn ordinary_group(&self, org: &Org, index: u32) -> Group {
        let empty = index > self.groups.saturating_sub(self.empty_groups);
        let size = if empty { 0 } else { self.members_per_group };
        let by_rule = self.awkward && index.is_multiple_of(5);
        let imported = self.awkward && index % 4 == 3;
        let department = DEPARTMENTS[index as usize % DEPARTMENTS.len()];
        Group {
            kind: if imported { GroupType::AppGroup } else { GroupType::OktaGroup },
            name: format!("{department} team {index}"),
            description: Some(format!("Members of {department} team {index}")),
            members: Members::Listed(self.sample(org, index, size, by_rule)),
            by_rule,
            ..self.shell(org, index)
        }
    }

    fn awkward_group(&self, org: &Org, index: u32, awkward: AwkwardGroup, leavers: &[u32]) -> Group {
        let by_rule = awkward.content != Content::Ordinary;
        let size = match awkward.content {
            Content::ManyPages => (self.users / 5 * 3).min(12_000),
            Content::Ordinary | Content::Leavers => self.members_per_group,
        };
        let mut members = self.sample(org, index, size, by_rule);
        if awkward.content == Content::Leavers {
            members.extend(leavers);
            members.sort_unstable();
            members.dedup();
        }
        Group {
            kind: awkward.kind,
            name: awkward.name,
            description: awkward.description,
            members: Members::Listed(members),
            by_rule,
            ..self.shell(org, index)
        }
    }

    /// A group without name and members.
    fn shell(&self, org: &Org, index: u32) -> Group {
        let seed = org.generator().seed();
        let later = |salt, from: i64| {
            Timestamp(from + seed.below(salt, u64::from(index), (LAST_DAY - from).max(1) as u64) as i64)
        };
        let step = (LAST_DAY - FIRST_DAY) / i64::from(self.groups + 1);
        let created = Timestamp(FIRST_DAY + step * i64::from(index));
        Group {
            kind: GroupType::OktaGroup,
            name: String::new(),
            description: None,
            created,
            last_updated: later(SALT_UPDATED, created.0),
            last_membership_updated: later(SALT_MEMBERSHIP, created.0),
            members: Members::Listed(Vec::new()),
            by_rule: false,
            given_by_rule: BTreeSet::new(),
            members_forbidden: false,
        }
    }

    /// Picks members in a stride that visits every user once, so that none is picked twice. Deactivated
    /// users stay only in groups that a rule fills.
    fn sample(&self, org: &Org, group: u32, size: u32, by_rule: bool) -> Vec<u32> {
        if self.users == 0 {
            return Vec::new();
        }
        let users = u64::from(self.users);
        let seed = org.generator().seed();
        let start = seed.below(SALT_START, u64::from(group), users);
        let mut step = 1 + seed.below(SALT_STEP, u64::from(group), users);
        while gcd(step, users) != 1 {
            step += 1;
        }
        let mut members: Vec<u32> = (0..users)
            .map(|nth| ((start + nth * step) % users) as u32)
            .filter(|&user| by_rule || !self.awkward || org.status(user) != Some(Status::Deprovisioned))
            .take(size as usize)
            .collect();
        members.sort_unstable();
        members
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plain_population_has_exactly_the_asked_sizes() {
        let population = Population {
            users: 5000,
            groups: 200,
            members_per_group: 100,
            empty_groups: 20,
            apps: 0,
            seed: 3,
            awkward: false,
        };
        let counts = population.build().counts();
        assert_eq!((counts.users, counts.users_listed, counts.groups), (5000, 5000, 201));
        assert_eq!((counts.empty_groups, counts.memberships), (20, 180 * 100));
    }

    #[test]
    fn an_awkward_population_has_every_status_and_the_odd_groups() {
        let org = Population { users: 30, ..Population::default() }.build();
        for status in [
            Status::Staged,
            Status::Provisioned,
            Status::Active,
            Status::Recovery,
            Status::PasswordExpired,
            Status::LockedOut,
            Status::Suspended,
            Status::Deprovisioned,
        ] {
            assert!((0..30).any(|index| org.status(index) == Some(status)), "{status:?}");
        }
        let names: Vec<&str> = org.groups.iter().flatten().map(|group| group.name.as_str()).collect();
        assert_eq!(names.iter().filter(|name| **name == "Engineering").count(), 2);
        assert!(names.contains(&"engineering"));
        let leavers = org.groups.iter().flatten().any(|group| match &group.members {
            Members::Everyone => false,
            Members::Listed(members) => {
                members.iter().any(|&user| org.status(user) == Some(Status::Deprovisioned))
            }
        });
        assert!(leavers);
        assert_eq!(org.find_user("twin"), None);
    }

    #[test]
    fn tiny_and_empty_organisations_can_be_built() {
        for users in [0, 1, 2, 29] {
            let org = Population { users, ..Population::default() }.build();
            assert_eq!(org.counts().users, u64::from(users));
        }
    }
}
