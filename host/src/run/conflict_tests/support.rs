//! Two organisations in memory over one directory: `acme` is the world's own connector, `hr` the other.

use std::collections::{BTreeMap, BTreeSet};

use crate::directory::{GroupEntry, GroupFilter, GroupKey, LOCAL, Store, UserEntry, UserFilter, UserKey};
use crate::model::{Group, User};
use crate::run::conflicts::{Conflicts, GroupConflict, Precedence, UserConflict};
use crate::run::report::RunReport;
use crate::run::testing::{Organisation, Rival, World};

/// `acme` and `hr`, of which the first that is named is above.
pub fn two(acme: Organisation, hr: Organisation, above: [&str; 2]) -> (World, Rival) {
    let mut world = World::new(acme);
    let mut rival = world.rival("hr", hr);
    let precedence = Precedence::new(&above.map(str::to_owned));
    world.job.precedence = precedence.clone();
    rival.job.precedence = precedence;
    (world, rival)
}

pub fn adopt() -> Conflicts {
    Conflicts { users: UserConflict::Adopt, groups: GroupConflict::Adopt, ..Conflicts::default() }
}

pub fn users(world: &mut World) -> BTreeMap<String, UserEntry> {
    let mut found = BTreeMap::new();
    let reader = world.store.read().unwrap();
    let all = UserFilter::default();
    reader.users(&all, &mut |user| found.insert(user.user_name.clone(), user).is_none()).unwrap();
    found
}

pub fn groups(world: &mut World) -> BTreeMap<String, GroupEntry> {
    let mut found = BTreeMap::new();
    let reader = world.store.read().unwrap();
    let all = GroupFilter::default();
    reader.groups(&all, &mut |group| found.insert(group.name.clone(), group).is_none()).unwrap();
    found
}

pub fn members(world: &mut World, group: &str) -> BTreeSet<String> {
    world.shown().1.remove(group).unwrap_or_else(|| panic!("there is no group {group}"))
}

pub fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// A local person and a local group, whom the person is a member of.
pub fn make_local(world: &mut World, user: &str, group: &str) -> (UserKey, GroupKey) {
    let local = world.store.connector(LOCAL).unwrap();
    let mut counters = world.store.read().unwrap().counters().unwrap();
    let (key, group_key) = (UserKey(counters.user), GroupKey(counters.group));
    (counters.user, counters.group) = (key.0 + 1, group_key.0 + 1);
    let made = User { id: format!("local-{user}"), username: user.into(), active: true, ..User::default() };
    let mut writer = world.store.write().unwrap();
    writer.set_counters(counters).unwrap();
    writer.create_user(local, &UserEntry::from_user(key, LOCAL, made)).unwrap();
    let made = Group { id: format!("local-{group}"), name: group.into(), ..Group::default() };
    writer.create_group(local, &GroupEntry::from_group(group_key, LOCAL, made)).unwrap();
    writer.set_members(group_key, local, &[key.0].into_iter().collect()).unwrap();
    writer.commit().unwrap();
    (key, group_key)
}

pub fn left_out(report: &RunReport) -> Vec<String> {
    let told = report.left_out.iter();
    told.map(|out| format!("{} {} ({}): {}", out.kind, out.name, out.id, out.reason)).collect()
}
