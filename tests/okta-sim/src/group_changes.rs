//! Changing groups and their members while the organisation runs.

use std::collections::BTreeSet;

use crate::changes::ChangeError;
use crate::event::{self, Actor};
use crate::ids::{self, IdKind};
use crate::model::{Group, GroupType, Members};
use crate::org::Org;
use crate::time::Timestamp;

impl Org {
    pub(crate) fn create_group(
        &mut self,
        kind: GroupType,
        name: String,
        description: Option<String>,
        now: Timestamp,
    ) -> String {
        let index = self.groups.len() as u32;
        self.remember_group(index);
        self.groups.push(Some(Group {
            kind,
            name,
            description,
            created: now,
            last_updated: now,
            last_membership_updated: now,
            members: Members::Listed(Vec::new()),
            by_rule: false,
            given_by_rule: BTreeSet::new(),
            members_forbidden: false,
        }));
        self.touch();
        self.note(event::GROUP_CREATE, vec![self.group_target(index)]);
        ids::encode(IdKind::Group, index)
    }

    /// Moves the group's `lastUpdated` only.
    pub(crate) fn rename_group(&mut self, id: &str, name: String, now: Timestamp) -> Result<(), ChangeError> {
        let index = self.group_index(id)?;
        let group = self.group_for_change(id)?;
        if group.kind == GroupType::BuiltIn {
            return Err(ChangeError::BuiltIn(group.name.clone()));
        }
        group.name = name;
        group.last_updated = now;
        self.touch();
        self.note(event::GROUP_UPDATE_PROFILE, vec![self.group_target(index)]);
        Ok(())
    }

    pub(crate) fn delete_group(&mut self, id: &str) -> Result<(), ChangeError> {
        let group = self.group_for_change(id)?;
        if group.kind == GroupType::BuiltIn {
            return Err(ChangeError::BuiltIn(group.name.clone()));
        }
        let index = self.group_index(id)?;
        let target = self.group_target(index);
        self.groups[index as usize] = None;
        for app in &mut self.apps {
            app.groups.remove(&index);
        }
        self.touch();
        self.note(event::GROUP_DELETE, vec![target]);
        Ok(())
    }

    /// Adds or removes a member, moving the group's `lastMembershipUpdated` only, and that only if the
    /// membership changed.
    pub(crate) fn set_member(
        &mut self,
        group_id: &str,
        user_key: &str,
        member: bool,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        self.change_member(Actor::Administrator, group_id, user_key, member, now)
    }

    /// Adds a member as a group rule does: it stays when it is deactivated.
    pub(crate) fn add_member_by_rule(
        &mut self,
        group_id: &str,
        user_key: &str,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        self.change_member(Actor::System, group_id, user_key, true, now)?;
        let user = self.user_index(user_key)?;
        self.group_for_change(group_id)?.given_by_rule.insert(user);
        Ok(())
    }

    fn change_member(
        &mut self,
        actor: Actor,
        group_id: &str,
        user_key: &str,
        member: bool,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        let (user, group) = (self.user_index(user_key)?, self.group_index(group_id)?);
        let apps = self.apps_of(user);
        if !self.move_member(group_id, user, member, now)? {
            return Ok(());
        }
        let kind = if member { event::MEMBER_ADD } else { event::MEMBER_REMOVE };
        self.note_by(actor, kind, vec![self.user_target(user), self.group_target(group)]);
        self.note_app_changes(user, &apps);
        Ok(())
    }

    /// Changes the members of a group as an import does: the log has one event for all of them.
    pub(crate) fn import_members(
        &mut self,
        group_id: &str,
        add: &[String],
        remove: &[String],
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        let group = self.group_index(group_id)?;
        let indices = |org: &Self, keys: &[String]| {
            keys.iter().map(|key| org.user_index(key)).collect::<Result<Vec<u32>, ChangeError>>()
        };
        let (add, remove) = (indices(self, add)?, indices(self, remove)?);
        let mut changed = false;
        for (user, member) in
            add.iter().map(|&user| (user, true)).chain(remove.iter().map(|&user| (user, false)))
        {
            changed |= self.move_member(group_id, user, member, now)?;
        }
        if changed {
            self.note_by(Actor::System, event::IMPORT_GROUP_UPDATE, vec![self.group_target(group)]);
        }
        Ok(())
    }

    /// Whether the membership changed.
    fn move_member(
        &mut self,
        group_id: &str,
        user: u32,
        member: bool,
        now: Timestamp,
    ) -> Result<bool, ChangeError> {
        let group = self.group_for_change(group_id)?;
        let Members::Listed(members) = &mut group.members else {
            return Err(ChangeError::BuiltIn(group.name.clone()));
        };
        match (members.binary_search(&user), member) {
            (Err(at), true) => members.insert(at, user),
            (Ok(at), false) => {
                members.remove(at);
                group.given_by_rule.remove(&user);
            }
            (Ok(_), true) | (Err(_), false) => return Ok(false),
        }
        group.last_membership_updated = now;
        self.touch();
        Ok(true)
    }

    /// Declares that a group rule fills this group, or that it is filled by hand.
    pub(crate) fn fill_by_rule(&mut self, id: &str, by_rule: bool) -> Result<(), ChangeError> {
        self.group_for_change(id)?.by_rule = by_rule;
        Ok(())
    }

    pub(crate) fn forbid_members(&mut self, id: &str, forbidden: bool) -> Result<(), ChangeError> {
        self.group_for_change(id)?.members_forbidden = forbidden;
        Ok(())
    }

    fn group_index(&self, id: &str) -> Result<u32, ChangeError> {
        self.find_group(id).map(|(index, _)| index).ok_or_else(|| ChangeError::NoSuchGroup(id.to_owned()))
    }

    fn group_for_change(&mut self, id: &str) -> Result<&mut Group, ChangeError> {
        let index = self.group_index(id)?;
        self.remember_group(index);
        self.groups[index as usize].as_mut().ok_or_else(|| ChangeError::NoSuchGroup(id.to_owned()))
    }

    /// Notes that somebody joined or left Everyone.
    pub(crate) fn everyone_changed(&mut self, now: Timestamp) {
        let is_everyone = |group: &Option<Group>| {
            group.as_ref().is_some_and(|group| matches!(group.members, Members::Everyone))
        };
        let everyone = self.groups.iter().position(is_everyone);
        let Some(everyone) = everyone else { return };
        self.remember_group(everyone as u32);
        if let Some(group) = &mut self.groups[everyone] {
            group.last_membership_updated = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::changes::Deletion;
    use crate::model::Status;
    use crate::population::Population;

    const NOW: Timestamp = Timestamp(1_800_000_000);

    fn org() -> Org {
        Population { awkward: false, ..Population::default() }.build()
    }

    #[test]
    fn membership_changes_move_last_membership_updated_only() {
        let mut org = org();
        let id = org.create_group(GroupType::OktaGroup, "G".to_owned(), None, Timestamp(5));
        let user = ids::encode(IdKind::User, 3);
        let before = org.user(3).unwrap().last_updated;
        org.set_member(&id, &user, true, NOW).unwrap();
        let group = org.find_group(&id).unwrap().1;
        assert_eq!((group.last_updated, group.last_membership_updated), (Timestamp(5), NOW));
        assert_eq!(org.user(3).unwrap().last_updated, before);
        // Adding again changes nothing.
        org.set_member(&id, &user, true, Timestamp(NOW.0 + 9)).unwrap();
        assert_eq!(org.find_group(&id).unwrap().1.last_membership_updated, NOW);
        org.rename_group(&id, "H".to_owned(), Timestamp(NOW.0 + 10)).unwrap();
        let group = org.find_group(&id).unwrap().1;
        assert_eq!((group.last_updated.0, group.last_membership_updated), (NOW.0 + 10, NOW));
    }

    #[test]
    fn deactivating_leaves_only_rule_groups() {
        let mut org = org();
        let by_hand = org.create_group(GroupType::OktaGroup, "hand".to_owned(), None, NOW);
        let by_rule = org.create_group(GroupType::OktaGroup, "rule".to_owned(), None, NOW);
        org.fill_by_rule(&by_rule, true).unwrap();
        let user = ids::encode(IdKind::User, 3);
        for id in [&by_hand, &by_rule] {
            org.set_member(id, &user, true, NOW).unwrap();
        }
        assert_eq!(org.delete_user(&user, NOW), Ok(Deletion::Deprovisioned));
        assert_eq!(org.member_count(org.find_group(&by_hand).unwrap().1), 0);
        assert_eq!(org.member_count(org.find_group(&by_rule).unwrap().1), 1);
        assert_eq!(org.delete_user(&user, NOW), Ok(Deletion::Removed));
        assert_eq!(org.member_count(org.find_group(&by_rule).unwrap().1), 0);
        assert_eq!(org.delete_user(&user, NOW), Err(ChangeError::NoSuchUser(user)));
    }

    #[test]
    fn single_memberships_given_by_a_rule_outlive_a_deactivation() {
        let mut org = org();
        let id = org.create_group(GroupType::OktaGroup, "G".to_owned(), None, NOW);
        let (by_rule, by_hand) = (ids::encode(IdKind::User, 3), ids::encode(IdKind::User, 4));
        org.add_member_by_rule(&id, &by_rule, NOW).unwrap();
        org.set_member(&id, &by_hand, true, NOW).unwrap();
        let members = |org: &Org| org.members_from(org.find_group(&id).unwrap().1, 0).collect::<Vec<_>>();
        for user in [&by_rule, &by_hand] {
            org.set_status(user, Status::Deprovisioned, NOW).unwrap();
        }
        assert_eq!(members(&org), [3]);
        // Taking it out ends what the rule gave.
        org.set_member(&id, &by_rule, false, NOW).unwrap();
        org.set_status(&by_rule, Status::Active, NOW).unwrap();
        org.set_member(&id, &by_rule, true, NOW).unwrap();
        org.set_status(&by_rule, Status::Deprovisioned, NOW).unwrap();
        assert!(members(&org).is_empty());
    }
}
