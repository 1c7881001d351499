//! People whom rules drop, who don't sign in, who are protected, or who are somebody else's members too; and random
//! histories of all that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use jiff::{Timestamp, ToSpan};
use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::cleanup::{Cleanup, Grace, Inactivity, MembershipCleanup, UserCleanup};
use super::condition::PersonCondition;
use super::report::Outcome;
use super::safety::{Bound, LimitKind, NamePattern, Safety};
use super::testing::{Organisation, World};
use crate::directory::{GroupFilter, RunId, Store, UserFilter, UserKey};
use crate::model::{Attribute, Group, GroupVerdict, Person, Verdict};
use crate::plugin::{CallError, Identity, Transform};

/// Drops people by their ids.
struct Dropping(Identity, Mutex<BTreeSet<String>>);

impl Dropping {
    fn new() -> Arc<Self> {
        let identity = Identity { name: "rules".into(), version: "1.0.0".into(), sha256: "1".repeat(64) };
        Arc::new(Self(identity, Mutex::default()))
    }

    /// Rules that changed: the hash says so.
    fn drops(&self, world: &mut World, ids: &[&str]) {
        *self.1.lock().unwrap() = ids.iter().map(|id| (*id).to_owned()).collect();
        world.job.rules[0] += 1;
    }
}

impl Transform for Dropping {
    fn identity(&self) -> &Identity {
        &self.0
    }

    fn shape_groups(&self, groups: &[Group]) -> Result<Vec<GroupVerdict>, CallError> {
        Ok(groups.iter().cloned().map(GroupVerdict::Keep).collect())
    }

    fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
        let dropped = self.1.lock().unwrap();
        let verdict = |person: &Person| match dropped.contains(&person.user.id) {
            true => Verdict::Drop("a contractor".into()),
            false => Verdict::Keep(person.clone()),
        };
        Ok(people.iter().map(verdict).collect())
    }
}

fn staff() -> Organisation {
    Organisation::with(&["ann", "bob", "cy"], &[("g", &["ann", "bob"]), ("h", &["bob"])])
}

/// Keys by user name.
fn keys(world: &mut World) -> BTreeMap<String, u32> {
    let mut keys = BTreeMap::new();
    let reader = world.store.read().unwrap();
    reader
        .users(&UserFilter::default(), &mut |user| {
            keys.insert(user.user_name, user.key.0);
            true
        })
        .unwrap();
    keys
}

#[tokio::test(flavor = "multi_thread")]
async fn grace_counts_the_runs_in_which_rules_drop_somebody_and_begins_again_when_they_stop() {
    let rules = Dropping::new();
    let mut world = World::shaped_by(staff(), vec![rules.clone()]);
    world.job.policy.cleanup.grace = Grace { runs: 2, days: 0 };
    world.sync_well().await;
    for _ in 0..2 {
        rules.drops(&mut world, &["bob"]);
        let first = world.sync_well().await;
        assert!(!first.changes_anything(), "{first:?}");
        assert_eq!(first.leaving[0].reason, "dropped by rules: a contractor");
        assert_eq!(first.leaving[0].stays, "missing for 1 of 2 runs; then disabled");
        rules.drops(&mut world, &[]);
        assert!(!world.sync_well().await.changes_anything());
    }
    rules.drops(&mut world, &["bob"]);
    let first = world.sync_well().await;
    let second = world.sync_well().await;
    assert_eq!((first.users.disabled, second.users.disabled), (0, 1));
    let since = format!("dropped since run {} by rules: a contractor", first.run.unwrap());
    assert_eq!(world.reasons(second.run.unwrap()), [since]);
    let third = world.sync_well().await;
    assert!(!third.changes_anything() && third.leaving.is_empty(), "{third:?}");
    assert_eq!(third.left_out.len(), 1, "the report still names them");
    rules.drops(&mut world, &[]);
    assert_eq!(world.sync_well().await.users.enabled, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_rules_drop_is_deleted_or_anonymized_where_that_is_said_and_comes_back() {
    for users in [UserCleanup::Delete, UserCleanup::Anonymize] {
        let rules = Dropping::new();
        let mut world = World::shaped_by(staff(), vec![rules.clone()]);
        world.job.policy.cleanup.users = users;
        world.sync_well().await;
        let (before, key) = (world.shown(), keys(&mut world)["bob"]);
        rules.drops(&mut world, &["bob"]);
        let report = world.sync_well().await;
        assert_eq!(report.users.removed + report.users.anonymized, 1, "{users:?}");
        assert!(!keys(&mut world).contains_key("bob"));
        assert!(!world.sync_well().await.changes_anything(), "{users:?}");
        rules.drops(&mut world, &[]);
        world.sync_well().await;
        assert_eq!(world.shown(), before, "{users:?}");
        assert_eq!(keys(&mut world)["bob"] == key, users == UserCleanup::Anonymize);
    }
}

fn inactivity(users: UserCleanup) -> Option<Inactivity> {
    Some(Inactivity {
        days: Some(30),
        never_signed_in_days: Some(7),
        sign_in: Inactivity::SIGN_IN.into(),
        created: Inactivity::CREATED.into(),
        users,
        spare: PersonCondition::parse(r#"isMember("h")"#).unwrap(),
    })
}

/// The last sign-in, so many days ago.
fn signed_in(world: &World, id: &str, days: i64) {
    let time = Timestamp::now() - (days * 24).hours();
    world.change(|organisation| {
        organisation.user(id).attributes = vec![Attribute::new("lastLogin", time.to_string())];
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_sign_in_is_disabled_admins_are_spared_and_a_sign_in_enables_again() {
    let mut world = World::new(staff());
    for (id, days) in [("ann", 31), ("bob", 400), ("cy", 1)] {
        signed_in(&world, id, days);
    }
    world.sync_well().await;
    world.job.policy.cleanup.inactivity = inactivity(UserCleanup::Disable);
    let report = world.sync_well().await;
    assert_eq!((report.users.disabled, report.outcome), (1, Outcome::Done));
    assert!(!world.shown().0["ann"], "bob is spared");
    assert!(world.reasons(report.run.unwrap())[0].starts_with("no sign-in since 20"));
    assert!(!world.sync_well().await.changes_anything());
    // Whatever else is shaped anew, they stay disabled.
    world.change(|organisation| organisation.user("ann").display_name = Some("Ann".into()));
    let updated = world.sync_well().await;
    assert_eq!((updated.users.updated, updated.users.enabled, updated.users.disabled), (1, 0, 0));
    signed_in(&world, "ann", 0);
    assert_eq!(world.sync_well().await.users.enabled, 1);
    // Whoever is no longer an admin is spared no more.
    world.change(|organisation| {
        organisation.groups.get_mut("h").unwrap().1 = crate::model::Members::Some(vec![])
    });
    assert_eq!(world.sync_well().await.users.disabled, 1);
    world.job.policy.cleanup.inactivity = None;
    assert_eq!(world.sync_well().await.users.enabled, 1, "without the rule, the provider's word counts");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_sync_brings_the_inactive_in_disabled_or_not_at_all() {
    for (users, entries) in [(UserCleanup::Disable, 3), (UserCleanup::Delete, 2), (UserCleanup::Anonymize, 2)]
    {
        let mut world = World::new(staff());
        for (id, days) in [("ann", 31), ("bob", 400), ("cy", 1)] {
            signed_in(&world, id, days);
        }
        world.job.policy.cleanup.inactivity = inactivity(users);
        world.sync_well().await;
        let (active, groups) = world.shown();
        assert_eq!(
            (active.len(), active.get("ann")),
            (entries, (entries == 3).then_some(&false)),
            "{users:?}"
        );
        assert_eq!(groups["g"].contains("ann"), entries == 3, "{users:?}");
        let again = world.sync_well().await;
        assert!(!again.changes_anything(), "{users:?} {again:?}");
    }
}

/// A setting that was forgotten must not disable a whole company.
#[tokio::test(flavor = "multi_thread")]
async fn where_no_sign_in_is_known_of_anybody_the_rule_is_left_out_and_that_is_a_problem() {
    let mut world = World::new(staff());
    world.change(|organisation| {
        for user in organisation.users.values_mut() {
            user.attributes = vec![Attribute::new("created", "2020-01-01T00:00:00Z")];
        }
    });
    world.sync_well().await;
    world.job.policy.cleanup.inactivity = inactivity(UserCleanup::Disable);
    let report = world.sync_well().await;
    assert_eq!((report.users.disabled, report.problems[0].code.as_str()), (0, "no-sign-in"));
    signed_in(&world, "cy", 1);
    assert_eq!(world.sync_well().await.users.disabled, 1, "ann; bob is spared");
}

/// "Protect lists": whatever cleanup says, and however it would take something away.
#[tokio::test(flavor = "multi_thread")]
async fn protected_people_who_leave_keep_entry_and_groups() {
    for users in [UserCleanup::Disable, UserCleanup::Delete, UserCleanup::Anonymize] {
        let mut world = World::new(staff());
        world.job.policy.cleanup.users = users;
        world.job.policy.cleanup.memberships = MembershipCleanup::Remove;
        world.job.policy.safety.protect = vec![PersonCondition::parse("'h' in groups").unwrap()];
        world.sync_well().await;
        let before = world.shown();
        world.change(|organisation| drop(organisation.users.remove("bob")));
        let report = world.sync_well().await;
        assert_eq!(report.protected.len(), 1, "{users:?} {report:?}");
        assert_eq!(world.shown(), before, "{users:?}");
        assert!(!report.changes_anything(), "{users:?} {report:?}");
        assert_eq!(world.sync_well().await.protected.len(), 1, "it is told in every run");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_protected_group_that_leaves_keeps_its_members() {
    let mut world = World::new(staff());
    world.job.policy.cleanup.groups = super::cleanup::GroupCleanup::Delete;
    world.job.policy.safety.protect_groups = vec![NamePattern::new("H")];
    world.sync_well().await;
    let before = world.shown();
    world.change(|organisation| drop(organisation.groups.remove("h")));
    world.sync_well().await;
    let report = world.sync_well().await;
    assert_eq!((report.protected.len(), report.groups.removed), (1, 0), "{report:?}");
    assert_eq!(world.shown(), before);
}

/// "Over the ceiling still do the additions": nobody is taken out of groups for a removal that waits for a person.
#[tokio::test(flavor = "multi_thread")]
async fn a_mass_leave_is_held_with_the_memberships_and_approved_as_planned() {
    for users in [UserCleanup::Disable, UserCleanup::Delete] {
        let mut world = World::new(staff());
        world.job.policy.cleanup.users = users;
        world.job.policy.cleanup.memberships = MembershipCleanup::Remove;
        let mut safety = Safety { bounds: [Bound::NONE; LimitKind::ALL.len()], ..Safety::default() };
        for kind in [LimitKind::Disables, LimitKind::Deletes] {
            safety.bounds[kind as usize] = Bound { count: Some(0), percent: None };
        }
        world.job.policy.safety = safety;
        world.sync_well().await;
        let (_, groups) = world.shown();
        world.change(|organisation| {
            organisation.users.remove("bob");
            organisation.add_user("new", "new");
        });
        let report = world.sync_well().await;
        assert_eq!((report.outcome, report.users.created), (Outcome::Held, 1), "{users:?}");
        assert_eq!(world.shown().1, groups, "{users:?}");
        let held = report.held.unwrap();
        assert_eq!((held.changes, held.memberships), (1, 2), "{users:?}");
        let approval = super::safety::Approval {
            connector: "acme",
            run: RunId(report.run.unwrap()),
            only: &[],
            skip_changed: false,
            safety: &world.job.policy.safety,
            work: &world.job.work,
            cancel: &tokio_util::sync::CancellationToken::new(),
        };
        let approved = super::safety::approve(&approval, &mut world.store).unwrap();
        assert_eq!(approved.memberships.removed, 2, "{users:?}");
        assert_eq!(
            world.reasons(approved.run.unwrap()),
            ["no longer returned"],
            "the reason is kept with what is held"
        );
        assert!(!world.sync_well().await.changes_anything(), "{users:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_person_leaves_the_groups_that_others_put_them_in() {
    for (users, stays) in [(UserCleanup::Delete, false), (UserCleanup::Disable, true)] {
        let mut world = World::new(staff());
        world.job.policy.cleanup.users = users;
        world.job.policy.cleanup.memberships = MembershipCleanup::Remove;
        world.sync_well().await;
        let bob = keys(&mut world)["bob"];
        let other = world.store.connector("other").unwrap();
        let mut group = None;
        let reader = world.store.read().unwrap();
        let mut first = |entry: crate::directory::GroupEntry| {
            group = (entry.name == "g").then_some(entry.key).or(group);
            true
        };
        reader.groups(&GroupFilter::default(), &mut first).unwrap();
        drop(reader);
        let mut writer = world.store.write().unwrap();
        writer.set_members(group.unwrap(), other, &RoaringBitmap::from_iter([bob])).unwrap();
        writer.commit().unwrap();
        world.change(|organisation| drop(organisation.users.remove("bob")));
        let report = world.sync_well().await;
        assert_eq!(report.memberships.removed, if stays { 2 } else { 3 });
        let reader = world.store.read().unwrap();
        assert_eq!(reader.members(group.unwrap()).unwrap().contains(bob), stays);
        assert_eq!(reader.user(UserKey(bob)).unwrap().is_some(), stays);
    }
}

#[derive(Debug, Clone)]
enum Event {
    Leave(u8),
    Return(u8),
    Unlist(u8),
    Drop(u8),
    Policy(UserCleanup, MembershipCleanup, u32),
    Sync,
}

fn event() -> impl Strategy<Value = Event> {
    let users = prop::sample::select(vec![
        UserCleanup::Disable,
        UserCleanup::Delete,
        UserCleanup::Anonymize,
        UserCleanup::Keep,
    ]);
    let memberships = prop::sample::select(vec![MembershipCleanup::Keep, MembershipCleanup::Remove]);
    prop_oneof![
        (0..5u8).prop_map(Event::Leave),
        (0..5u8).prop_map(Event::Return),
        (0..5u8).prop_map(Event::Unlist),
        (0..5u8).prop_map(Event::Drop),
        (users, memberships, 0..3u32).prop_map(|(users, members, runs)| Event::Policy(users, members, runs)),
        Just(Event::Sync),
        Just(Event::Sync),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]

    /// Whatever the policy was in the meantime: whom the provider returns and rules keep is there, enabled and a member,
    /// whom only the list leaves out is as before, no key means two people, and an unchanged provider changes nothing.
    #[test]
    fn whoever_leaves_and_returns_in_any_order(events in prop::collection::vec(event(), 1..30)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let rules = Dropping::new();
            let mut world = World::shaped_by(Organisation::with(&["stays"], &[("g", &["stays"])]), vec![rules.clone()]);
            let mut dropped: BTreeSet<String> = BTreeSet::new();
            let mut owners: BTreeMap<u32, String> = BTreeMap::new();
            for event in events.iter().chain([&Event::Sync]) {
                match event {
                    Event::Leave(n) => world.change(|o| drop(o.users.remove(&format!("u{n}")))),
                    Event::Return(n) => world.change(|o| {
                        let id = format!("u{n}");
                        o.unlisted.remove(&id);
                        o.add_user(&id, &id);
                        let members: Vec<&str> = o.users.keys().map(String::as_str).collect::<Vec<_>>();
                        let members = members.into_iter().map(str::to_owned).collect();
                        o.set_members("g", crate::model::Members::Some(members));
                    }),
                    Event::Unlist(n) => world.change(|o| {
                        if o.users.contains_key(&format!("u{n}")) {
                            o.unlisted.insert(format!("u{n}"));
                        }
                    }),
                    Event::Drop(n) => {
                        let id = format!("u{n}");
                        if !dropped.remove(&id) {
                            dropped.insert(id);
                        }
                        let ids: Vec<&str> = dropped.iter().map(String::as_str).collect();
                        rules.drops(&mut world, &ids);
                    }
                    Event::Policy(users, memberships, runs) => {
                        let grace = Grace { runs: *runs, days: 0 };
                        world.job.policy.cleanup =
                            Cleanup { users: *users, memberships: *memberships, grace, ..Cleanup::default() };
                    }
                    Event::Sync => {
                        let before = world.shown().0;
                        let report = world.sync_well().await;
                        prop_assert_eq!(report.outcome, Outcome::Done, "{:?}", report.problems);
                        let organisation = world.organisation.lock().unwrap().clone();
                        let (users, groups) = world.shown();
                        for id in organisation.users.keys() {
                            if organisation.unlisted.contains(id) {
                                prop_assert_eq!(users.get(id), before.get(id), "{} is not listed", id);
                            } else if !dropped.contains(id) {
                                prop_assert_eq!(users.get(id), Some(&true), "{} is there", id);
                                prop_assert!(groups["g"].contains(id));
                            }
                        }
                        let reader = world.store.read().unwrap();
                        let mut names = Vec::new();
                        reader.users(&UserFilter::default(), &mut |user| {
                            names.push((user.key.0, user.external_id));
                            true
                        }).unwrap();
                        drop(reader);
                        for (key, id) in names {
                            let owner = owners.entry(key).or_insert_with(|| id.clone());
                            prop_assert_eq!(&*owner, &id, "key {} is never given again", key);
                        }
                        if world.job.policy.cleanup.grace.runs == 0 {
                            let again = world.sync_well().await;
                            prop_assert!(!again.changes_anything(), "{:?}", again);
                        }
                    }
                }
            }
            Ok(())
        })?;
    }
}
