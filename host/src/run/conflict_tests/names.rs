//! Names that another entry has: shared groups, suffixes, and runs that fail.

use std::collections::BTreeSet;

use super::support::{adopt, groups, left_out, members, names, two, users};
use crate::model::{Attribute, Members};
use crate::run::conflicts::{Conflicts, GroupConflict, MatchBy, UserConflict};
use crate::run::error::RunError;
use crate::run::report::Outcome;
use crate::run::testing::{Organisation, Rival, World};

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_group_stays_its_owners_and_is_given_back() {
    let (mut world, rival) = two(
        Organisation::with(&["u1", "u2"], &[("staff", &["u1", "u2"])]),
        Organisation::with(&["h1"], &[("STAFF", &["h1"])]),
        ["hr", "acme"],
    );
    world.job.policy.conflicts.groups = GroupConflict::Share;
    world.sync_rival_well(&rival).await;
    let before = groups(&mut world)["STAFF"].clone();
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.groups.created, report.memberships.created), (Outcome::Done, 0, 2));
    assert_eq!(members(&mut world, "STAFF"), names(["h1", "u1", "u2"]));
    assert!(!world.sync_well().await.changes_anything());
    assert!(!world.sync_rival_well(&rival).await.changes_anything());
    // Of two groups that want to be it one is.
    world.change(|acme| acme.add_group("zz", "Staff", &["u2"]));
    let report = world.sync_well().await;
    assert_eq!(
        (report.outcome, report.groups.skipped, report.changes_anything()),
        (Outcome::Problems, 1, false)
    );
    world.change(|acme| drop(acme.groups.remove("zz")));
    // A member less, then the group, then the sharing.
    world.change(|acme| acme.set_members("staff", Members::Some(vec!["u1".into()])));
    world.sync_well().await;
    assert_eq!(members(&mut world, "STAFF"), names(["h1", "u1"]));
    world.job.policy.conflicts.groups = GroupConflict::Skip;
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.memberships.removed), (Outcome::Problems, 1));
    assert_eq!(members(&mut world, "STAFF"), names(["h1"]));
    world.job.policy.conflicts.groups = GroupConflict::Share;
    world.sync_well().await;
    world.change(|acme| drop(acme.groups.remove("staff")));
    world.sync_well().await;
    assert_eq!((members(&mut world, "STAFF"), &groups(&mut world)["STAFF"]), (names(["h1"]), &before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_gets_a_suffix_and_keeps_it() {
    let (mut world, rival) = two(
        Organisation::with(&["ann", "ann-acme", "bob"], &[("staff", &["ann"])]),
        Organisation::with(&["Ann"], &[("Staff", &[])]),
        ["hr", "acme"],
    );
    world.job.policy.conflicts =
        Conflicts { users: UserConflict::Suffix, groups: GroupConflict::Suffix, ..Conflicts::default() };
    world.sync_rival_well(&rival).await;
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.created, report.groups.created), (Outcome::Done, 3, 1));
    assert_eq!(
        users(&mut world).into_keys().collect::<BTreeSet<_>>(),
        names(["Ann", "ann-acme", "ann-acme2", "bob"])
    );
    assert_eq!(users(&mut world)["ann-acme2"].external_id, "ann");
    assert_eq!(members(&mut world, "staff-acme"), names(["ann-acme2"]));
    world.change(|acme| acme.user("ann").display_name = Some("Ann".into()));
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.updated, report.users.renamed), (Outcome::Done, 1, 0));
    assert!(!world.sync_well().await.changes_anything(), "stable between runs");
    // A name of its own is followed as ever.
    world.change(|acme| acme.user("ann").username = "anna".into());
    assert_eq!(world.sync_well().await.users.renamed, 1);
    assert!(users(&mut world).contains_key("anna"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_that_is_to_fail_names_both_sides_and_applies_nothing() {
    let (mut world, rival) = two(
        Organisation::with(&["ann", "bob"], &[("staff", &["ann"])]),
        Organisation::with(&["Ann"], &[("Staff", &[])]),
        ["hr", "acme"],
    );
    world.job.policy.conflicts =
        Conflicts { users: UserConflict::Fail, groups: GroupConflict::Fail, ..Conflicts::default() };
    world.sync_rival_well(&rival).await;
    let before = world.shown();
    let ended = world.sync().await;
    let error = ended.error.expect("a failure");
    assert!(matches!(error, RunError::NamesTaken { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        r#"the group name "staff" belongs to group "Staff" (Staff, connector hr), and is wanted by staff; the user name "ann" belongs to user "Ann" (Ann, connector hr), and is wanted by ann"#
    );
    assert!(error.hint().unwrap().contains("[connector.acme.conflicts]"));
    assert_eq!((ended.report.outcome, world.shown()), (Outcome::Failed, before));
    world.change(|acme| {
        acme.user("ann").username = "anne".into();
        acme.add_group("staff", "crew", &["ann"]);
    });
    assert_eq!(world.sync_well().await.users.created, 2, "the provider is read anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_an_adopted_entry_gives_up_is_free_in_the_same_run() {
    let mut hr = Organisation::default();
    hr.add_user("h1", "new").email = Some("old@example.com".into());
    hr.add_user("h2", "old").email = None;
    let (mut world, mut rival) = two(Organisation::with(&["old", "x"], &[]), hr, ["hr", "acme"]);
    rival.job.policy.conflicts = Conflicts { matches: vec![MatchBy::Email], ..adopt() };
    world.sync_well().await;
    let key = users(&mut world)["old"].key;
    let report = world.sync_rival_well(&rival).await;
    assert_eq!((report.outcome, report.users.created, report.users.renamed), (Outcome::Done, 1, 1));
    assert_eq!((users(&mut world)["new"].key, users(&mut world)["old"].external_id.as_str()), (key, "h2"));
}

/// `acme` with rules: who is in `h` gets the made-up group `insiders`, and robots are dropped.
fn with_rules(above: [&str; 2]) -> (World, Rival) {
    let acme = Organisation::with(&["u1", "u2"], &[("h", &["u1"]), ("staff", &["u1", "u2"])]);
    let hr = Organisation::with(&["h1"], &[("Insiders", &["h1"])]);
    let (mut world, rival) = two(acme, hr, above);
    world.job.transforms = crate::run::tests::rules().into();
    (world, rival)
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_that_rules_make_up_are_shared_suffixed_and_taken_over_too() {
    let (mut world, rival) = with_rules(["hr", "acme"]);
    world.sync_rival_well(&rival).await;
    let before = groups(&mut world)["Insiders"].clone();
    assert_eq!(world.sync_well().await.outcome, Outcome::Problems);
    for policy in [GroupConflict::Share, GroupConflict::Adopt] {
        world.job.policy.conflicts.groups = policy;
        let report = world.sync_well().await;
        assert_eq!(report.outcome, Outcome::Done);
        assert_eq!(
            left_out(&report)[1],
            "group insiders (made by rules): held by connector hr: its members are added there"
        );
        assert_eq!(members(&mut world, "Insiders"), names(["h1", "u1"]));
        assert_eq!(groups(&mut world)["Insiders"], before);
        assert!(!world.sync_well().await.changes_anything());
    }
    world.job.policy.conflicts.groups = GroupConflict::Suffix;
    let report = world.sync_well().await;
    assert_eq!((report.groups.created, report.memberships.created, report.memberships.removed), (1, 1, 1));
    assert_eq!(members(&mut world, "Insiders"), names(["h1"]));
    assert_eq!(members(&mut world, "insiders-acme"), names(["u1"]));
    assert!(!world.sync_well().await.changes_anything());

    let (mut world, rival) = with_rules(["acme", "hr"]);
    world.job.policy.conflicts.groups = GroupConflict::Adopt;
    world.sync_rival_well(&rival).await;
    let key = groups(&mut world)["Insiders"].key;
    assert_eq!(world.sync_well().await.groups.updated, 1);
    let taken = groups(&mut world)["Insiders"].clone();
    assert_eq!((taken.key, taken.connector.as_str(), taken.external_id), (key, "acme", None));
    assert!(!world.sync_well().await.changes_anything());
    assert!(!world.sync_rival_well(&rival).await.changes_anything());
    assert_eq!(members(&mut world, "Insiders"), names(["h1", "u1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_rules_drop_loses_what_this_connector_gave_and_nothing_else() {
    let (mut world, mut rival) = with_rules(["hr", "acme"]);
    world.sync_well().await;
    rival.job.policy.conflicts = adopt();
    rival.change(|hr| drop(hr.add_user("h2", "u1").email.take()));
    rival.change(|hr| hr.add_group("team", "team", &["h2"]));
    world.sync_rival_well(&rival).await;
    let entry = users(&mut world)["u1"].clone();
    assert_eq!(entry.connector, "hr");
    world.change(|acme| {
        acme.user("u1").attributes = vec![Attribute::new("profile.department", "Robots")];
    });
    assert!(world.sync_well().await.memberships.removed > 0);
    assert_eq!((members(&mut world, "staff"), members(&mut world, "team")), (names(["u2"]), names(["u1"])));
    assert_eq!(users(&mut world)["u1"], entry);
    assert!(!world.sync_well().await.changes_anything());
}
