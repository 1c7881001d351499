//! Applications, and who is assigned to them: directly, or through a group.

use std::collections::BTreeMap;
use std::iter::Peekable;

use crate::changes::ChangeError;
use crate::event;
use crate::ids::{self, IdKind};
use crate::model::{Group, Members, Status};
use crate::org::Org;
use crate::time::Timestamp;

/// An application.
#[derive(Debug, Clone)]
pub(crate) struct App {
    /// What administrators call it.
    pub(crate) label: String,
    /// The kind of application, from Okta's catalogue.
    pub(crate) name: String,
    pub(crate) created: Timestamp,
    pub(crate) last_updated: Timestamp,
    /// Users assigned directly, by index, with when.
    pub(crate) users: BTreeMap<u32, Timestamp>,
    /// Groups assigned, by index, with when.
    pub(crate) groups: BTreeMap<u32, Timestamp>,
}

impl Org {
    /// Looks an application up by id.
    pub(crate) fn find_app(&self, id: &str) -> Option<(u32, &App)> {
        let index = ids::decode(IdKind::App, id)?;
        Some((index, self.apps.get(index as usize)?))
    }

    /// The users of an application from an index on, ascending. Deactivating a user ends its assignments, even
    /// where a group rule keeps the membership they came through.
    pub(crate) fn app_users<'a>(&'a self, app: &'a App, from: u32) -> impl Iterator<Item = u32> + 'a {
        let groups = app.groups.keys().filter_map(|&group| self.group(group));
        let mut sources: Vec<Peekable<Box<dyn Iterator<Item = u32> + 'a>>> =
            groups.map(|group| self.members_from(group, from).peekable()).collect();
        let direct: Box<dyn Iterator<Item = u32>> = Box::new(app.users.range(from..).map(|(&user, _)| user));
        sources.push(direct.peekable());
        let merged = std::iter::from_fn(move || {
            let least = sources.iter_mut().filter_map(|source| source.peek().copied()).min()?;
            for source in &mut sources {
                source.next_if_eq(&least);
            }
            Some(least)
        });
        merged.filter(|&user| self.status(user).is_some_and(|status| status != Status::Deprovisioned))
    }

    /// The members of a group from an index on, ascending.
    pub(crate) fn members_from<'a>(
        &'a self,
        group: &'a Group,
        from: u32,
    ) -> Box<dyn Iterator<Item = u32> + 'a> {
        match &group.members {
            Members::Everyone => Box::new(
                (from..self.user_indices())
                    .filter(|&user| self.status(user).is_some_and(|status| status != Status::Deprovisioned)),
            ),
            Members::Listed(members) => {
                Box::new(members[members.partition_point(|&member| member < from)..].iter().copied())
            }
        }
    }

    /// The first group that a user has an application through.
    pub(crate) fn assigned_through(&self, app: &App, user: u32) -> Option<u32> {
        let mut groups = app.groups.keys().copied();
        groups.find(|&group| self.group(group).is_some_and(|group| self.is_member(group, user)))
    }

    /// The applications that a user has, by index.
    pub(crate) fn apps_of(&self, user: u32) -> Vec<u32> {
        if self.status(user).is_none_or(|status| status == Status::Deprovisioned) {
            return Vec::new();
        }
        let has = |app: &App| app.users.contains_key(&user) || self.assigned_through(app, user).is_some();
        (0..self.apps.len() as u32).filter(|&app| has(&self.apps[app as usize])).collect()
    }

    /// Creates an application that nobody is assigned to; returns its id.
    pub(crate) fn create_app(&mut self, label: String, now: Timestamp) -> String {
        let index = self.apps.len() as u32;
        let name =
            format!("{}_{}", label.to_lowercase().replace(|c: char| !c.is_ascii_alphanumeric(), ""), index);
        self.apps.push(App {
            label,
            name,
            created: now,
            last_updated: now,
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
        });
        self.note(event::APP_CREATE, vec![self.app_target(index)]);
        ids::encode(IdKind::App, index)
    }

    /// Assigns a user directly, or ends that; an assignment through a group stays.
    pub(crate) fn assign_user(
        &mut self,
        app_id: &str,
        user_key: &str,
        assigned: bool,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        let user = self.user_index(user_key)?;
        let app = self.app_for_change(app_id)?;
        let before = self.apps_of(user);
        let users = &mut self.apps[app as usize].users;
        if assigned {
            users.entry(user).or_insert(now);
        } else {
            users.remove(&user);
        }
        self.note_app_changes(user, &before);
        Ok(())
    }

    /// Assigns a group, or ends that. The log has one event for it, not one for each member.
    pub(crate) fn assign_group(
        &mut self,
        app_id: &str,
        group_id: &str,
        assigned: bool,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        let (group, _) =
            self.find_group(group_id).ok_or_else(|| ChangeError::NoSuchGroup(group_id.to_owned()))?;
        let app = self.app_for_change(app_id)?;
        let groups = &mut self.apps[app as usize].groups;
        let changed = match (groups.contains_key(&group), assigned) {
            (false, true) => groups.insert(group, now).is_none(),
            (true, false) => groups.remove(&group).is_some(),
            _ => false,
        };
        if changed {
            let kind = if assigned { event::APP_GROUP_ADD } else { event::APP_GROUP_REMOVE };
            self.note(kind, vec![self.group_target(group), self.app_target(app)]);
        }
        Ok(())
    }

    /// Notes in the log which applications a user gained and lost, given those it had before a change.
    pub(crate) fn note_app_changes(&mut self, user: u32, before: &[u32]) {
        let after = self.apps_of(user);
        let lost = before.iter().filter(|app| !after.contains(app)).map(|&app| (event::APP_USER_REMOVE, app));
        let gained = after.iter().filter(|app| !before.contains(app)).map(|&app| (event::APP_USER_ADD, app));
        for (kind, app) in lost.chain(gained).collect::<Vec<_>>() {
            let person = self.user_target(user);
            let account = event::Target { kind: "AppUser", ..person.clone() };
            self.note(kind, vec![account, self.app_target(app), person]);
        }
    }

    fn app_for_change(&self, id: &str) -> Result<u32, ChangeError> {
        self.find_app(id).map(|(index, _)| index).ok_or_else(|| ChangeError::NoSuchApp(id.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::GroupType;
    use crate::population::Population;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    #[test]
    fn users_come_directly_and_through_groups_once_each() {
        let mut org = Population { awkward: false, ..Population::default() }.build();
        let app = org.create_app("Atlassian Cloud".to_owned(), NOW);
        let user = |index| ids::encode(IdKind::User, index);
        for (name, members) in [("a", [3, 5, 9]), ("b", [5, 7, 9])] {
            let group = org.create_group(GroupType::OktaGroup, name.to_owned(), None, NOW);
            for member in members {
                org.set_member(&group, &user(member), true, NOW).unwrap();
            }
            org.assign_group(&app, &group, true, NOW).unwrap();
        }
        for direct in [4, 9] {
            org.assign_user(&app, &user(direct), true, NOW).unwrap();
        }
        let users = |org: &Org, from| org.app_users(org.find_app(&app).unwrap().1, from).collect::<Vec<_>>();
        assert_eq!(users(&org, 0), [3, 4, 5, 7, 9]);
        assert_eq!(users(&org, 5), [5, 7, 9]);
        // A rule keeps the membership of a deactivated user, and yet not what came through it.
        let ruled = ids::encode(IdKind::Group, org.groups.len() as u32 - 1);
        org.add_member_by_rule(&ruled, &user(11), NOW).unwrap();
        assert_eq!(users(&org, 10), [11]);
        org.set_status(&user(11), Status::Deprovisioned, NOW).unwrap();
        assert!(org.members_from(org.find_group(&ruled).unwrap().1, 10).eq([11]));
        assert!(users(&org, 10).is_empty());
        // Deactivating ends every assignment, and coming back restores those through groups only.
        org.set_status(&user(9), Status::Deprovisioned, NOW).unwrap();
        org.set_status(&user(4), Status::Deprovisioned, NOW).unwrap();
        assert_eq!(users(&org, 0), [3, 5, 7]);
        org.set_status(&user(4), Status::Active, NOW).unwrap();
        assert_eq!(users(&org, 0), [3, 5, 7]);
        assert_eq!(
            org.assign_user("0oaNone", &user(4), true, NOW),
            Err(ChangeError::NoSuchApp("0oaNone".into()))
        );
    }
}
