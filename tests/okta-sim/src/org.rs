//! The organisation: users and groups by index, with look-ups. Only changed users are stored.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use crate::app::App;
use crate::event_log::EventLog;
use crate::generate::{BASE_SCHEMA, CUSTOM_SCHEMA, Generator};
use crate::ids::{self, IdKind};
use crate::model::{Group, Members, Profile, Status, User};
use crate::seen::Seen;
use crate::stale::Stale;

/// What became of a user that no longer is as generated.
#[derive(Debug)]
enum Slot {
    Changed(Box<User>),
    /// Removed by a second delete: in no list, search or group any more.
    Removed,
}

/// An organisation's whole content.
#[derive(Debug)]
pub(crate) struct Org {
    generator: Generator,
    generated: u32,
    total: u32,
    slots: HashMap<u32, Slot>,
    /// Logins and short logins, in lower case, of users that aren't as generated.
    logins: HashMap<String, Vec<u32>>,
    pub(crate) groups: Vec<Option<Group>>,
    pub(crate) apps: Vec<App>,
    pub(crate) log: EventLog,
    /// The time of the change under way, in milliseconds since 1970.
    pub(crate) now_ms: u64,
    /// Milliseconds until a search sees a change.
    pub(crate) search_lag_ms: u64,
    stale_users: Stale<User>,
    stale_groups: Stale<Group>,
    schema: HashSet<String>,
    /// Users in the organisation, and those among them that are deprovisioned.
    present: u32,
    deprovisioned: u32,
    /// Counts changes, so that a cached sort order is known to be stale.
    version: u64,
}

/// Sizes of an organisation, as a full read sees them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Counts {
    /// All users, deprovisioned ones included: what `search=status pr` returns.
    pub users: u64,
    /// Users a list without search or filter returns.
    pub users_listed: u64,
    /// All groups, built-in ones included.
    pub groups: u64,
    /// Groups without members.
    pub empty_groups: u64,
    /// Memberships of groups other than Everyone.
    pub memberships: u64,
    /// Applications.
    pub apps: u64,
}

impl Org {
    pub(crate) fn new(generator: Generator, users: u32) -> Self {
        let deprovisioned =
            (0..users).filter(|&index| generator.status(index) == Status::Deprovisioned).count() as u32;
        Self {
            generator,
            generated: users,
            total: users,
            slots: HashMap::new(),
            logins: HashMap::new(),
            groups: Vec::new(),
            apps: Vec::new(),
            log: EventLog::default(),
            now_ms: 0,
            search_lag_ms: 0,
            stale_users: Stale::default(),
            stale_groups: Stale::default(),
            schema: BASE_SCHEMA.iter().chain(&CUSTOM_SCHEMA).map(|name| (*name).to_owned()).collect(),
            present: users,
            deprovisioned,
            version: 0,
        }
    }

    pub(crate) fn generator(&self) -> &Generator {
        &self.generator
    }

    /// One past the highest index a user ever had.
    pub(crate) fn user_indices(&self) -> u32 {
        self.total
    }

    pub(crate) fn version(&self) -> u64 {
        self.version
    }

    /// Declares that something changed that a client can see.
    pub(crate) fn touch(&mut self) {
        self.version += 1;
    }

    pub(crate) fn has_attribute(&self, name: &str) -> bool {
        self.schema.contains(name)
    }

    /// The user's status, or `None` when there is no such user.
    pub(crate) fn status(&self, index: u32) -> Option<Status> {
        self.seen(index).map(Seen::status)
    }

    /// The user as it is now.
    pub(crate) fn seen(&self, index: u32) -> Option<Seen<'_>> {
        match self.slots.get(&index) {
            Some(Slot::Changed(user)) => Some(Seen::Stored(user)),
            Some(Slot::Removed) => None,
            None => (index < self.generated).then_some(Seen::Generated(&self.generator, index)),
        }
    }

    /// The user as searches see it at a time: without changes that the index doesn't know yet.
    pub(crate) fn indexed(&self, index: u32, now_ms: u64) -> Option<Seen<'_>> {
        match self.stale_users.before(index, now_ms) {
            Some(before) => before.map(Seen::Stored),
            None => self.seen(index),
        }
    }

    /// The group as searches see it at a time, but for its members.
    pub(crate) fn indexed_group(&self, index: u32, now_ms: u64) -> Option<&Group> {
        match self.stale_groups.before(index, now_ms) {
            Some(before) => before,
            None => self.group(index),
        }
    }

    /// How many changes of users and groups searches don't see at a time.
    pub(crate) fn unindexed(&self, now_ms: u64) -> usize {
        self.stale_users.pending(now_ms) + self.stale_groups.pending(now_ms)
    }

    /// The whole user, computed or as stored.
    pub(crate) fn user(&self, index: u32) -> Option<Cow<'_, User>> {
        self.seen(index).map(Seen::user)
    }

    fn changed_user(&self, index: u32) -> Option<&User> {
        match self.slots.get(&index) {
            Some(Slot::Changed(user)) => Some(user),
            _ => None,
        }
    }

    fn remember_user(&mut self, index: u32) {
        if self.search_lag_ms > 0 {
            let was = self.user(index).map(Cow::into_owned);
            self.stale_users.remember(index, was, self.now_ms, self.search_lag_ms);
        }
    }

    /// Notes what searches see of a group that is about to change.
    pub(crate) fn remember_group(&mut self, index: u32) {
        if self.search_lag_ms > 0 {
            let was = self.group(index).map(Group::without_members);
            self.stale_groups.remember(index, was, self.now_ms, self.search_lag_ms);
        }
    }

    /// Stores a user in place of what was at its index, keeping look-ups and counts right.
    pub(crate) fn put_user(&mut self, index: u32, user: User) {
        self.remember_user(index);
        self.forget(index);
        for key in login_keys(&user.login()) {
            self.logins.entry(key).or_default().push(index);
        }
        if let Profile::Own(attributes) = &user.profile {
            for (name, _) in attributes {
                if !self.schema.contains(name.as_ref()) {
                    self.schema.insert(name.clone().into_owned());
                }
            }
        }
        self.present += 1;
        self.deprovisioned += u32::from(user.status == Status::Deprovisioned);
        self.slots.insert(index, Slot::Changed(Box::new(user)));
        self.total = self.total.max(index + 1);
        self.touch();
    }

    /// Takes a user out for good, from its groups too.
    pub(crate) fn remove_user(&mut self, index: u32) {
        self.remember_user(index);
        self.forget(index);
        self.slots.insert(index, Slot::Removed);
        for group in self.groups.iter_mut().flatten() {
            if let Members::Listed(members) = &mut group.members
                && let Ok(at) = members.binary_search(&index)
            {
                members.remove(at);
                group.given_by_rule.remove(&index);
            }
        }
        for app in &mut self.apps {
            app.users.remove(&index);
        }
        self.touch();
    }

    /// Takes the user at an index out of counts and look-ups.
    fn forget(&mut self, index: u32) {
        if let Some(status) = self.status(index) {
            self.present -= 1;
            self.deprovisioned -= u32::from(status == Status::Deprovisioned);
        }
        if let Some(login) = self.changed_user(index).map(User::login) {
            for key in login_keys(&login) {
                if let Some(indices) = self.logins.get_mut(&key) {
                    indices.retain(|&other| other != index);
                }
            }
        }
    }

    /// Looks a user up by id, login, or short login when only one user has it.
    pub(crate) fn find_user(&self, key: &str) -> Option<u32> {
        if let Some(index) = ids::decode(IdKind::User, key) {
            return self.status(index).is_some().then_some(index);
        }
        let mut found: Vec<u32> = self.logins.get(&key.to_lowercase()).cloned().unwrap_or_default();
        if let Some(index) = self.generator.find_login(key)
            && !self.slots.contains_key(&index)
        {
            found.push(index);
        }
        match found[..] {
            [index] => Some(index),
            _ => None,
        }
    }

    /// Whether a user other than `except` has this login; Okta ignores case here.
    pub(crate) fn login_taken(&self, login: &str, except: Option<u32>) -> bool {
        self.find_user(login).is_some_and(|index| Some(index) != except)
    }

    pub(crate) fn group(&self, index: u32) -> Option<&Group> {
        self.groups.get(index as usize)?.as_ref()
    }

    /// Looks a group up by id: names aren't unique.
    pub(crate) fn find_group(&self, id: &str) -> Option<(u32, &Group)> {
        let index = ids::decode(IdKind::Group, id)?;
        Some((index, self.group(index)?))
    }

    pub(crate) fn is_member(&self, group: &Group, user: u32) -> bool {
        match &group.members {
            Members::Everyone => self.status(user).is_some_and(|status| status != Status::Deprovisioned),
            Members::Listed(members) => members.binary_search(&user).is_ok(),
        }
    }

    pub(crate) fn member_count(&self, group: &Group) -> u64 {
        match &group.members {
            Members::Everyone => u64::from(self.present - self.deprovisioned),
            Members::Listed(members) => members.len() as u64,
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let listed = |group: &Group| match &group.members {
            Members::Everyone => 0,
            Members::Listed(members) => members.len() as u64,
        };
        let groups = || self.groups.iter().flatten();
        Counts {
            users: u64::from(self.present),
            users_listed: u64::from(self.present - self.deprovisioned),
            groups: groups().count() as u64,
            empty_groups: groups().filter(|group| self.member_count(group) == 0).count() as u64,
            memberships: groups().map(listed).sum(),
            apps: self.apps.len() as u64,
        }
    }
}

/// The keys under which a login is found: itself and, before the `@`, its short form.
fn login_keys(login: &str) -> Vec<String> {
    let login = login.to_lowercase();
    match login.split_once('@') {
        Some((short, _)) => vec![short.to_owned(), login],
        None => vec![login],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn org() -> Org {
        Org::new(Generator::new(1, false, 50), 50)
    }

    #[test]
    fn a_renamed_user_is_found_under_the_new_login_only() {
        let mut org = org();
        let old = org.generator.login(7);
        let mut user = org.user(7).unwrap().into_owned();
        user.set_attribute("login", json!("New.Name@other.example"));
        org.put_user(7, user);
        assert_eq!(org.find_user(&old), None);
        assert_eq!(org.find_user("new.name@OTHER.example"), Some(7));
        assert_eq!(org.find_user("new.name"), Some(7));
    }

    #[test]
    fn an_ambiguous_short_login_finds_nobody() {
        let mut org = org();
        for (index, login) in [(3, "twin@a.example"), (4, "twin@b.example")] {
            let mut user = org.user(index).unwrap().into_owned();
            user.set_attribute("login", json!(login));
            org.put_user(index, user);
        }
        assert_eq!(org.find_user("twin"), None);
        assert_eq!(org.find_user("twin@a.example"), Some(3));
    }

    #[test]
    fn counts_follow_changes() {
        let mut org = org();
        let mut user = org.user(5).unwrap().into_owned();
        user.status = Status::Deprovisioned;
        org.put_user(5, user);
        assert_eq!((org.counts().users, org.counts().users_listed), (50, 49));
        org.remove_user(5);
        assert_eq!((org.counts().users, org.counts().users_listed), (49, 49));
        assert!(org.user(5).is_none());
    }
}
