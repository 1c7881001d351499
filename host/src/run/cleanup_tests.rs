//! What users ask for when people leave, against an organisation in memory.

use std::collections::BTreeSet;

use super::cleanup::{Grace, GroupCleanup, MembershipCleanup, UserCleanup};
use super::condition::PersonCondition;
use super::extent::Reads;
use super::report::Outcome;
use super::safety::NamePattern;
use super::testing::{Organisation, World};
use crate::directory::{GroupFilter, Store, UserFilter};

fn staff() -> World {
    World::new(Organisation::with(&["ann", "bob"], &[("g", &["ann", "bob"]), ("h", &["bob"])]))
}

/// The provider deletes bob.
fn delete_bob(world: &World) {
    world.change(|organisation| {
        organisation.users.remove("bob");
    });
}

fn key_of(world: &mut World, name: &str) -> Option<u32> {
    let reader = world.store.read().unwrap();
    let mut found = None;
    reader
        .users(&UserFilter::default(), &mut |user| {
            found = (user.user_name == name).then_some(user.key.0).or(found);
            true
        })
        .unwrap();
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_gone_is_disabled_once_and_comes_back_with_their_groups() {
    let mut world = staff();
    world.job.policy.cleanup.memberships = MembershipCleanup::Remove;
    world.job.policy.cleanup.keep_memberships_of = vec![NamePattern::new("H")];
    world.sync_well().await;
    let (before, key) = (world.shown(), key_of(&mut world, "bob"));
    delete_bob(&world);
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.disabled, report.users.absent), (Outcome::Done, 1, 1));
    assert_eq!(report.memberships.removed, 1);
    let (users, groups) = world.shown();
    assert!(!users["bob"] && users["ann"]);
    assert_eq!(groups["g"], BTreeSet::from(["ann".to_owned()]));
    assert_eq!(groups["h"], BTreeSet::from(["bob".to_owned()]), "its memberships are kept");
    let again = world.sync_well().await;
    assert!(!again.changes_anything(), "{again:?}");
    world.change(|organisation| {
        organisation.add_user("bob", "bob");
    });
    let back = world.sync_well().await;
    assert_eq!((back.users.enabled, back.users.created, back.memberships.created), (1, 0, 1));
    assert_eq!((world.shown(), key_of(&mut world, "bob")), (before, key));
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_the_list_leaves_out_is_found_again_by_id_and_kept() {
    let mut world = staff();
    world.sync_well().await;
    let before = world.shown();
    world.change(|organisation| {
        organisation.unlisted.insert("bob".into());
    });
    let report = world.sync_well().await;
    assert_eq!((report.users.disabled, report.users.absent), (0, 1));
    assert_eq!(report.leaving[0].stays, "found again by id: the provider's list left them out");
    assert!(!report.changes_anything());
    assert_eq!(world.shown(), before);
}

/// The plugin has neither a record nor an end of them: they are there, and the settings don't want them.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_there_and_out_of_scope_leaves() {
    let mut world = staff();
    world.sync_well().await;
    world.change(|organisation| assert!(organisation.out_of_scope.insert("bob".into())));
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.disabled), (Outcome::Done, 1));
    let changes = world.reasons(report.run.unwrap());
    assert_eq!(changes, ["no longer returned: out of scope"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_cannot_be_confirmed_is_kept_and_is_a_problem() {
    let mut world = staff();
    world.sync_well().await;
    delete_bob(&world);
    world.change(|organisation| {
        organisation.failing.insert("/user/bob".into(), ("unexpected".into(), 1));
    });
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.disabled), (Outcome::Problems, 0));
    assert_eq!(report.problems[0].message, "no longer returned cannot be confirmed: as asked");
    assert_eq!(world.sync_well().await.users.disabled, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_absentees_than_a_run_asks_for_wait_for_a_later_one() {
    let mut world = World::new(Organisation::with(&["ann", "bob", "cy"], &[]));
    world.job.policy.cleanup.confirm = 1;
    world.sync_well().await;
    world.change(|organisation| organisation.users.retain(|id, _| id == "ann"));
    let first = world.sync_well().await;
    assert_eq!((first.users.disabled, first.users.absent), (1, 2));
    assert_eq!((first.leaving[0].name.as_str(), first.leaving.len()), ("cy", 1));
    assert!(first.leaving[0].stays.starts_with("not confirmed yet"));
    assert_eq!(world.sync_well().await.users.disabled, 1, "bob is settled, and asked for no more");
    assert!(!world.sync_well().await.changes_anything());
}

#[tokio::test(flavor = "multi_thread")]
async fn without_confirming_the_list_counts_and_that_is_said_of_a_plugin_that_cannot() {
    for no_single in [false, true] {
        let mut world = staff();
        world.job.policy.cleanup.confirm = if no_single { 200 } else { 0 };
        world.sync_well().await;
        world.requests();
        world.change(|organisation| {
            organisation.no_single = no_single;
            organisation.unlisted.insert("bob".into());
        });
        let report = world.sync_well().await;
        assert_eq!((report.users.disabled, report.notices.len()), (1, usize::from(no_single)));
        assert!(!world.requests().iter().any(|path| path.starts_with("/user/")));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn grace_runs_pass_before_anybody_is_disabled() {
    let mut world = staff();
    world.job.policy.cleanup.grace = Grace { runs: 3, days: 0 };
    world.sync_well().await;
    delete_bob(&world);
    for run in 1..=2 {
        let report = world.sync_well().await;
        assert_eq!(report.users.disabled, 0);
        assert_eq!(report.leaving[0].stays, format!("missing for {run} of 3 runs; then disabled"));
    }
    let report = world.sync_well().await;
    assert_eq!(report.users.disabled, 1);
    assert_eq!(world.reasons(report.run.unwrap()), ["no longer returned since run 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn never_touch_members_of_break_glass() {
    let mut world = staff();
    world.job.policy.cleanup.except = vec![PersonCondition::parse(r#"isMember("h")"#).unwrap()];
    world.sync_well().await;
    delete_bob(&world);
    let report = world.sync_well().await;
    assert!(!report.changes_anything());
    assert_eq!(report.leaving[0].stays, "excepted from cleanup");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_anonymized_person_is_restored_when_they_return() {
    let mut world = staff();
    world.job.policy.cleanup.users = UserCleanup::Anonymize;
    world.sync_well().await;
    let (before, key) = (world.shown(), key_of(&mut world, "bob").unwrap());
    delete_bob(&world);
    let report = world.sync_well().await;
    assert_eq!(report.users.anonymized, 1);
    assert_eq!(key_of(&mut world, &format!("anonymized-{key}")), Some(key));
    assert!(!world.sync_well().await.changes_anything());
    // The name is free in the meantime, and nobody takes it.
    world.change(|organisation| {
        organisation.add_user("bob", "bob");
    });
    world.sync_well().await;
    assert_eq!((world.shown(), key_of(&mut world, "bob")), (before, Some(key)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_person_leaves_all_groups_frees_the_name_and_returns_as_another_entry() {
    let mut world = staff();
    world.job.policy.cleanup.users = UserCleanup::Delete;
    world.sync_well().await;
    let key = key_of(&mut world, "bob");
    delete_bob(&world);
    world.change(|organisation| {
        organisation.add_user("bob2", "bob");
    });
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.removed, report.users.created), (Outcome::Done, 1, 1));
    assert_eq!(report.memberships.removed, 2);
    assert_ne!(key_of(&mut world, "bob"), key);
    assert!(!world.sync_well().await.changes_anything());
    world.change(|organisation| {
        organisation.users.remove("bob2");
        organisation.add_user("bob", "bob");
    });
    let back = world.sync_well().await;
    assert_eq!((back.users.created, back.users.removed, back.memberships.created), (1, 1, 2));
    assert!(!world.sync_well().await.changes_anything());
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_stay_are_emptied_or_deleted_as_the_admin_says() {
    for (groups, exists, members) in
        [(GroupCleanup::Keep, true, 1), (GroupCleanup::Empty, true, 0), (GroupCleanup::Delete, false, 0)]
    {
        let mut world = staff();
        world.job.policy.cleanup.groups = groups;
        world.sync_well().await;
        world.change(|organisation| {
            organisation.groups.remove("h");
        });
        let first = world.sync_well().await;
        assert!(!first.changes_anything(), "one list alone may be wrong: {groups:?} {first:?}");
        assert_eq!(first.leaving.len(), usize::from(groups != GroupCleanup::Keep));
        let report = world.sync_well().await;
        assert_eq!(report.memberships.removed, 1 - members, "{groups:?}");
        assert_eq!(report.groups.removed, u64::from(!exists));
        assert_eq!(world.shown().1.contains_key("h"), exists);
        let again = world.sync_well().await;
        assert!(!again.changes_anything(), "{groups:?} {again:?}");
        let mut groups = 0;
        world
            .store
            .read()
            .unwrap()
            .groups(&GroupFilter::default(), &mut |_| {
                groups += 1;
                true
            })
            .unwrap();
        assert_eq!(groups, 1 + usize::from(exists));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_an_increment_calls_deleted_is_disabled_and_nobody_is_asked() {
    let mut world = staff();
    world.sync_well().await;
    world.change(Organisation::mark);
    world.job.reads = Reads::Changes;
    delete_bob(&world);
    world.requests();
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.disabled, report.users.absent), (Outcome::Done, 1, 1));
    assert_eq!(world.requests(), ["/changes"]);
    let (users, _) = world.shown();
    assert!(!users["bob"] && users["ann"], "ann is merely not in the increment");
}

#[tokio::test(flavor = "multi_thread")]
async fn increments_do_not_count_as_runs_that_missed_somebody() {
    let mut world = staff();
    world.job.policy.cleanup.grace = Grace { runs: 2, days: 0 };
    world.sync_well().await;
    delete_bob(&world);
    assert_eq!(world.sync_well().await.users.disabled, 0);
    world.job.reads = Reads::Changes;
    for name in ["cy", "dee"] {
        world.change(Organisation::mark);
        world.change(|organisation| {
            organisation.add_user(name, name);
        });
        assert_eq!(world.sync_well().await.users.disabled, 0);
    }
    world.job.reads = Reads::Full;
    assert_eq!(world.sync_well().await.users.disabled, 1);
}
