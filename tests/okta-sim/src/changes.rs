//! Changing users while the organisation runs, with the effects Okta's own changes have on timestamps.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::event::{self, Actor, EventType};
use crate::ids::{self, IdKind};
use crate::model::{ALWAYS_PRESENT, Group, Members, Profile, Provider, Status, User};
use crate::org::Org;
use crate::time::Timestamp;

/// Why a change was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChangeError {
    #[error("there is no user `{0}`")]
    NoSuchUser(String),
    #[error("there is no group `{0}`")]
    NoSuchGroup(String),
    #[error("there is no application `{0}`")]
    NoSuchApp(String),
    #[error("the login `{0}` belongs to another user")]
    LoginTaken(String),
    #[error("a profile needs a text as `{0}`")]
    MissingAttribute(&'static str),
    #[error("`{0}` is built in: it can't be renamed or deleted, and Everyone's members follow from users")]
    BuiltIn(String),
}

/// What a delete did: the first one deactivates, the second removes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Deletion {
    Deprovisioned,
    Removed,
}

impl Org {
    pub(crate) fn create_user(
        &mut self,
        status: Status,
        attributes: Map<String, Value>,
        now: Timestamp,
    ) -> Result<String, ChangeError> {
        for name in ["login", "email"] {
            if !attributes.get(name).is_some_and(Value::is_string) {
                return Err(ChangeError::MissingAttribute(name));
            }
        }
        let login = attributes.get("login").and_then(Value::as_str).unwrap_or_default().to_owned();
        if self.login_taken(&login, None) {
            return Err(ChangeError::LoginTaken(login));
        }
        let started = (status != Status::Staged).then_some(now);
        let mut user = User {
            status,
            created: now,
            activated: started,
            status_changed: started,
            last_login: None,
            last_updated: now,
            password_changed: started.filter(|_| status != Status::Provisioned),
            transitioning_to: None,
            provider: Provider::Okta,
            profile: Profile::Own(
                ALWAYS_PRESENT.iter().map(|name| (Cow::Borrowed(*name), Value::Null)).collect(),
            ),
        };
        for (name, value) in attributes {
            user.set_attribute(&name, value);
        }
        let index = self.user_indices();
        self.put_user(index, user);
        self.everyone_changed(now);
        self.note(event::USER_CREATE, vec![self.user_target(index)]);
        if started.is_some() {
            self.note(event::USER_ACTIVATE, vec![self.user_target(index)]);
        }
        Ok(ids::encode(IdKind::User, index))
    }

    /// Sets profile attributes; null unsets one. Moves the user's `lastUpdated` and nothing of its groups.
    pub(crate) fn update_profile(
        &mut self,
        key: &str,
        attributes: Map<String, Value>,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        let (index, mut user) = self.user_for_change(key)?;
        if let Some(login) = attributes.get("login") {
            let login = login.as_str().ok_or(ChangeError::MissingAttribute("login"))?;
            if self.login_taken(login, Some(index)) {
                return Err(ChangeError::LoginTaken(login.to_owned()));
            }
        }
        for (name, value) in attributes {
            user.set_attribute(&name, value);
        }
        user.last_updated = now;
        self.put_user(index, user);
        self.note(event::USER_UPDATE_PROFILE, vec![self.user_target(index)]);
        Ok(())
    }

    /// Sets a user's status, moving `statusChanged` and `lastUpdated`. Deactivating takes the user out of
    /// Everyone and of groups it was put in by hand, but not out of groups that a rule fills; whether that
    /// moves `lastMembershipUpdated` is not known of Okta, and here it doesn't; nor does the log name the
    /// memberships that end. A password that expires is no event.
    pub(crate) fn set_status(
        &mut self,
        key: &str,
        status: Status,
        now: Timestamp,
    ) -> Result<(), ChangeError> {
        let (index, mut user) = self.user_for_change(key)?;
        if user.status == status {
            return Ok(());
        }
        let (before, apps) = (user.status, self.apps_of(index));
        let inactive = [Status::Staged, Status::Deprovisioned];
        if inactive.contains(&user.status) && !inactive.contains(&status) {
            user.activated = Some(now);
        }
        let crosses = user.status == Status::Deprovisioned || status == Status::Deprovisioned;
        user.status = status;
        user.transitioning_to = None;
        user.status_changed = Some(now);
        user.last_updated = now;
        self.put_user(index, user);
        if crosses {
            self.everyone_changed(now);
        }
        if status == Status::Deprovisioned {
            for group in self.groups.iter_mut().flatten().filter(|group| !group.keeps(index)) {
                remove_listed(group, index);
            }
            for app in &mut self.apps {
                app.users.remove(&index);
            }
        }
        if let Some((actor, kind)) = status_event(before, status) {
            self.note_by(actor, kind, vec![self.user_target(index)]);
        }
        self.note_app_changes(index, &apps);
        Ok(())
    }

    pub(crate) fn delete_user(&mut self, key: &str, now: Timestamp) -> Result<Deletion, ChangeError> {
        let index = self.user_index(key)?;
        if self.status(index) != Some(Status::Deprovisioned) {
            self.set_status(key, Status::Deprovisioned, now)?;
            return Ok(Deletion::Deprovisioned);
        }
        let target = self.user_target(index);
        self.note(event::USER_DELETE_INITIATED, vec![target.clone()]);
        self.remove_user(index);
        self.note(event::USER_DELETE_COMPLETED, vec![target]);
        Ok(Deletion::Removed)
    }

    pub(crate) fn user_index(&self, key: &str) -> Result<u32, ChangeError> {
        self.find_user(key).ok_or_else(|| ChangeError::NoSuchUser(key.to_owned()))
    }

    fn user_for_change(&self, key: &str) -> Result<(u32, User), ChangeError> {
        let index = self.user_index(key)?;
        let user = self.user(index).ok_or_else(|| ChangeError::NoSuchUser(key.to_owned()))?;
        Ok((index, user.into_owned()))
    }
}

/// What the log says of a change of status, and who did it. A password that expires is no event.
fn status_event(before: Status, after: Status) -> Option<(Actor, EventType)> {
    use Status::{Active, Deprovisioned, LockedOut, Provisioned, Recovery, Staged, Suspended};
    let kind = match (before, after) {
        (_, Deprovisioned) => event::USER_DEACTIVATE,
        (_, Suspended) => event::USER_SUSPEND,
        // Failed sign-ins lock a user, not the administrator.
        (_, LockedOut) => return Some((Actor::System, event::USER_LOCK)),
        (Deprovisioned, _) => event::USER_REACTIVATE,
        (Suspended, _) => event::USER_UNSUSPEND,
        (LockedOut, _) => event::USER_UNLOCK,
        (_, Recovery) => event::USER_RESET_PASSWORD,
        (Staged, _) | (Provisioned, Active) => event::USER_ACTIVATE,
        _ => return None,
    };
    Some((Actor::Administrator, kind))
}

fn remove_listed(group: &mut Group, user: u32) {
    if let Members::Listed(members) = &mut group.members
        && let Ok(at) = members.binary_search(&user)
    {
        members.remove(at);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::GroupType;
    use crate::population::Population;

    const NOW: Timestamp = Timestamp(1_800_000_000);
    const NOW_MS: u64 = 1_800_000_000_000;

    fn org() -> Org {
        let mut org = Population { awkward: false, ..Population::default() }.build();
        org.now_ms = NOW_MS;
        org
    }

    fn attributes(value: Value) -> Map<String, Value> {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn the_log_says_what_changed() {
        let mut org = org();
        let user = ids::encode(IdKind::User, 3);
        for status in [
            Status::Suspended,
            Status::Active,
            Status::LockedOut,
            Status::Active,
            Status::PasswordExpired,
            Status::Recovery,
            Status::Deprovisioned,
            Status::Provisioned,
            Status::Active,
        ] {
            org.set_status(&user, status, NOW).unwrap();
        }
        let group = org.create_group(GroupType::OktaGroup, "G".to_owned(), None, NOW);
        let keys: Vec<String> = (5..9).map(|index| ids::encode(IdKind::User, index)).collect();
        org.import_members(&group, &keys, &[], NOW).unwrap();
        // Nothing changed, nothing logged.
        org.import_members(&group, &keys, &[], NOW).unwrap();
        org.set_member(&group, &user, true, NOW).unwrap();
        org.set_member(&group, &user, true, NOW).unwrap();
        org.rename_group(&group, "H".to_owned(), NOW).unwrap();
        org.delete_group(&group).unwrap();
        org.delete_user(&user, NOW).unwrap();
        org.delete_user(&user, NOW).unwrap();
        let names: Vec<&str> =
            org.log.published(0, NOW_MS, NOW_MS).into_iter().map(|event| event.kind.name).collect();
        assert_eq!(
            names,
            [
                "user.lifecycle.suspend",
                "user.lifecycle.unsuspend",
                "user.account.lock",
                "user.account.unlock",
                "user.account.reset_password",
                "user.lifecycle.deactivate",
                "user.lifecycle.reactivate",
                "user.lifecycle.activate",
                "group.lifecycle.create",
                "system.import.group.update",
                "group.user_membership.add",
                "group.profile.update",
                "group.lifecycle.delete",
                "user.lifecycle.deactivate",
                "user.lifecycle.delete.initiated",
                "user.lifecycle.delete.completed",
            ]
        );
    }

    #[test]
    fn status_changes_move_the_users_timestamps() {
        let mut org = org();
        let user = ids::encode(IdKind::User, 3);
        org.set_status(&user, Status::Suspended, NOW).unwrap();
        let suspended = org.user(3).unwrap();
        assert_eq!((suspended.status_changed, suspended.last_updated), (Some(NOW), NOW));
        // Setting the same status again is no change.
        org.set_status(&user, Status::Suspended, Timestamp(NOW.0 + 1)).unwrap();
        assert_eq!(org.user(3).unwrap().last_updated, NOW);
    }

    #[test]
    fn logins_stay_unique() {
        let mut org = org();
        let taken = org.user(1).unwrap().login().to_uppercase();
        let profile = attributes(json!({ "login": taken, "email": "x@acme.example" }));
        assert_eq!(
            org.create_user(Status::Active, profile.clone(), NOW),
            Err(ChangeError::LoginTaken(taken.clone()))
        );
        let other = ids::encode(IdKind::User, 2);
        assert!(org.update_profile(&other, attributes(json!({ "login": taken })), NOW).is_err());
        // A user may change the case of its own login.
        let own = ids::encode(IdKind::User, 1);
        org.update_profile(&own, attributes(json!({ "login": taken })), NOW).unwrap();
        assert_eq!(org.find_user(&taken.to_lowercase()), Some(1));
    }

    #[test]
    fn a_created_user_has_what_okta_always_writes() {
        let mut org = org();
        let profile =
            attributes(json!({ "login": "new@acme.example", "email": "new@acme.example", "badge": 7 }));
        let id = org.create_user(Status::Staged, profile, NOW).unwrap();
        let index = ids::decode(IdKind::User, &id).unwrap();
        let user = org.user(index).unwrap();
        assert_eq!((user.activated, user.status_changed), (None, None));
        for name in ALWAYS_PRESENT {
            assert!(user.attribute(name).is_some(), "{name}");
        }
        assert!(org.has_attribute("badge"));
    }
}
