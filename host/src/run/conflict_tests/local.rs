//! What people made here, and what a connector may do to it.

use roaring::RoaringBitmap;

use super::support::{adopt, groups, left_out, make_local, members, names, two, users};
use crate::directory::{LOCAL, RunId, Store};
use crate::run::conflicts::{GroupConflict, LocalGroups, LocalMemberships};
use crate::run::report::Outcome;
use crate::run::safety::NamePattern;
use crate::run::testing::Organisation;

#[tokio::test(flavor = "multi_thread")]
async fn local_entries_are_untouched_unless_policy_says_so() {
    let (mut world, _) =
        two(Organisation::with(&["u1", "u2"], &[("jira", &["u2"])]), Organisation::default(), ["hr", "acme"]);
    world.change(|organisation| organisation.user("u1").username = "Mia".into());
    let (user, group) = make_local(&mut world, "mia", "Jira");
    let before = (users(&mut world)["mia"].clone(), groups(&mut world)["Jira"].clone());
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.problems.len()), (Outcome::Problems, 2));
    assert_eq!(
        report.problems[1].message,
        r#"the user name "Mia" belongs to user "mia" (local-mia, connector local)"#
    );
    assert_eq!((users(&mut world)["mia"].clone(), groups(&mut world)["Jira"].clone()), before);

    world.job.policy.conflicts.groups = GroupConflict::Share;
    assert_eq!(
        left_out(&world.sync_well().await)[0],
        "group jira (jira): held by a local entry: its members are added there"
    );
    assert_eq!(groups(&mut world)["Jira"], before.1);
    assert_eq!(members(&mut world, "Jira"), names(["mia", "u2"]));

    world.job.policy.conflicts = adopt();
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.updated, report.groups.updated), (Outcome::Done, 1, 1));
    let (mia, jira) = (users(&mut world)["Mia"].clone(), groups(&mut world)["jira"].clone());
    assert_eq!(
        (mia.key, mia.connector.as_str(), jira.key, jira.connector.as_str()),
        (user, "acme", group, "acme")
    );
    assert_eq!(members(&mut world, "jira"), names(["Mia", "u2"]), "the local membership stays");
    assert!(!world.sync_well().await.changes_anything());
}

#[tokio::test(flavor = "multi_thread")]
async fn local_memberships_are_protected_unless_the_group_is_managed() {
    let (mut world, _) = two(
        Organisation::with(&["u1", "u2"], &[("jira-users", &["u1"]), ("other", &["u1"])]),
        Organisation::default(),
        ["hr", "acme"],
    );
    world.sync_well().await;
    make_local(&mut world, "mia", "local");
    let local = world.store.connector(LOCAL).unwrap();
    let everybody: RoaringBitmap = users(&mut world).values().map(|user| user.key.0).collect();
    for name in ["jira-users", "other"] {
        let group = groups(&mut world)[name].key;
        let mut writer = world.store.write().unwrap();
        writer.set_members(group, local, &everybody).unwrap();
        writer.commit().unwrap();
    }
    assert!(!world.sync_well().await.changes_anything(), "protected by default");
    let managed =
        |name: &str| LocalGroups { name: NamePattern::new(name), memberships: LocalMemberships::Managed };
    let protected = LocalGroups { memberships: LocalMemberships::Protected, ..managed("jira-admins") };
    world.job.policy.conflicts.local_groups = vec![protected, managed("JIRA-*"), managed("local")];
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.memberships.removed), (Outcome::Done, 2));
    assert_eq!(members(&mut world, "jira-users"), names(["u1"]));
    assert_eq!(members(&mut world, "other"), names(["mia", "u1", "u2"]));
    assert_eq!(members(&mut world, "local"), names(["mia"]), "a group that it does not fill");
    let mut of = Vec::new();
    let reader = world.store.read().unwrap();
    reader
        .membership_changes(RunId(report.run.unwrap()), &mut |change| {
            of.push((change.connector, change.removed.len(), change.added.len()));
            true
        })
        .unwrap();
    drop(reader);
    assert_eq!(of, [(local, 2, 0)], "as local memberships that are removed");
    assert!(!world.sync_well().await.changes_anything());
}
