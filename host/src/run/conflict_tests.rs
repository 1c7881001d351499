//! What becomes of names that others hold, with two organisations in memory over one directory: `acme` is the world's
//! own connector, `hr` the other.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use roaring::RoaringBitmap;

use super::conflicts::{
    Conflicts, GroupConflict, LocalGroups, LocalMemberships, MatchBy, Precedence, UserConflict,
};
use super::error::RunError;
use super::report::{Outcome, RunReport};
use super::run::Job;
use super::safety::{Approval, Bound, DecisionError, LimitKind, NamePattern, OnLimit, approve};
use super::testing::{Organisation, Rival, World};
use crate::directory::{
    GroupEntry, GroupFilter, GroupKey, LOCAL, RunId, SqliteStore, Store, UserEntry, UserFilter, UserKey,
};
use crate::model::{Attribute, Group, Members, ReferenceRule, User, Value};

/// `acme` and `hr`, of which the first that is named is above.
fn two(acme: Organisation, hr: Organisation, above: [&str; 2]) -> (World, Rival) {
    let mut world = World::new(acme);
    let mut rival = world.rival("hr", hr);
    let precedence = Precedence::new(&above.map(str::to_owned));
    world.job.precedence = precedence.clone();
    rival.job.precedence = precedence;
    (world, rival)
}

fn adopt() -> Conflicts {
    Conflicts { users: UserConflict::Adopt, groups: GroupConflict::Adopt, ..Conflicts::default() }
}

fn users(world: &mut World) -> BTreeMap<String, UserEntry> {
    let mut found = BTreeMap::new();
    let reader = world.store.read().unwrap();
    let all = UserFilter::default();
    reader.users(&all, &mut |user| found.insert(user.user_name.clone(), user).is_none()).unwrap();
    found
}

fn groups(world: &mut World) -> BTreeMap<String, GroupEntry> {
    let mut found = BTreeMap::new();
    let reader = world.store.read().unwrap();
    let all = GroupFilter::default();
    reader.groups(&all, &mut |group| found.insert(group.name.clone(), group).is_none()).unwrap();
    found
}

fn members(world: &mut World, group: &str) -> BTreeSet<String> {
    world.shown().1.remove(group).unwrap_or_else(|| panic!("there is no group {group}"))
}

fn names<const N: usize>(names: [&str; N]) -> BTreeSet<String> {
    names.map(str::to_owned).into()
}

/// A local person and a local group, whom the person is a member of.
fn make_local(world: &mut World, user: &str, group: &str) -> (UserKey, GroupKey) {
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

fn left_out(report: &RunReport) -> Vec<String> {
    let told = report.left_out.iter();
    told.map(|out| format!("{} {} ({}): {}", out.kind, out.name, out.id, out.reason)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_of_the_connector_below_is_taken_over_with_key_history_and_memberships() {
    let acme = Organisation::with(&["u1", "u2"], &[("staff", &["u1", "u2"])]);
    let mut hr = Organisation::default();
    hr.add_user("h1", "U1").display_name = Some("Una".into());
    hr.add_group("people", "people", &["h1"]);
    let (mut world, mut rival) = two(acme, hr, ["hr", "acme"]);
    rival.job.policy.conflicts = adopt();
    world.sync_well().await;
    let before = users(&mut world)["u1"].clone();

    let report = world.sync_rival_well(&rival).await;
    assert_eq!((report.outcome, report.users.created, report.users.updated), (Outcome::Done, 0, 1));
    let changes = world.changes(report.run.unwrap());
    assert_eq!(
        changes[0], r#"rename U1 {"userName":"u1"} → {"userName":"U1"}"#,
        "case-insensitive matching with the original case kept"
    );
    let told = &changes[1];
    assert!(told.contains(r#""connector":"acme""#) && told.contains(r#""externalId":"u1""#), "{told}");
    assert!(told.contains(r#""connector":"hr""#) && told.contains(r#""externalId":"h1""#), "{told}");
    let after = users(&mut world)["U1"].clone();
    assert_eq!((after.key, after.connector.as_str(), after.external_id.as_str()), (before.key, "hr", "h1"));
    assert_eq!(after.display_name.as_deref(), Some("Una"));
    assert_eq!(members(&mut world, "staff"), names(["U1", "u2"]), "nobody loses access between two runs");
    assert_eq!(members(&mut world, "people"), names(["U1"]));
    let history = world.store.read().unwrap().last_changes(crate::directory::EntryKind::User, after.key.0, 9);
    assert_eq!(history.unwrap().len(), 3, "its creation is still told");

    // The owner before finds it held by a connector above, and leaves it as it is.
    world.change(|organisation| organisation.user("u1").display_name = Some("Other".into()));
    let former = world.sync_well().await;
    assert_eq!((former.outcome, former.changes_anything()), (Outcome::Done, false), "{former:?}");
    assert_eq!(left_out(&former), ["user U1 (u1): held by connector hr"]);
    assert_eq!(users(&mut world)["U1"], after);
    for _ in 0..2 {
        assert!(!world.sync_rival_well(&rival).await.changes_anything());
        let former = world.sync_well().await;
        assert!(!former.changes_anything());
        assert_eq!(left_out(&former), ["user U1 (u1): held by connector hr"]);
    }
    // What the owner before gives stays its own, until it no longer gives it.
    world.change(|organisation| organisation.set_members("staff", Members::Some(vec!["u2".into()])));
    assert_eq!(world.sync_well().await.memberships.removed, 1);
    assert_eq!(members(&mut world, "staff"), names(["u2"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_is_the_same_whichever_runs_first() {
    for first in ["acme", "hr"] {
        let acme = Organisation::with(&["u1", "u2"], &[("staff", &["u1", "u2"]), ("only", &["u1"])]);
        let mut hr = Organisation::with(&["u3"], &[]);
        hr.add_user("h1", "U1");
        hr.add_group("hstaff", "Staff", &["h1", "u3"]);
        let (mut world, mut rival) = two(acme, hr, ["hr", "acme"]);
        world.job.policy.conflicts = adopt();
        rival.job.policy.conflicts = adopt();
        if first == "hr" {
            world.sync_rival_well(&rival).await;
        }
        world.sync_well().await;
        world.sync_rival_well(&rival).await;
        let owner = |entry: &UserEntry| (entry.connector.clone(), entry.external_id.clone());
        let owners: BTreeMap<String, _> =
            users(&mut world).into_iter().map(|(name, entry)| (name, owner(&entry))).collect();
        assert_eq!(owners.len(), 3, "{first}: {owners:?}");
        assert_eq!(owners["U1"], ("hr".into(), "h1".into()), "{first}");
        assert_eq!(groups(&mut world)["Staff"].connector, "hr", "{first}");
        assert_eq!(members(&mut world, "Staff"), names(["U1", "u2", "u3"]), "{first}");
        assert_eq!(members(&mut world, "only"), names(["U1"]), "{first}");
        for _ in 0..2 {
            let report = world.sync_well().await;
            assert_eq!(
                (report.outcome, report.changes_anything()),
                (Outcome::Done, false),
                "{first}: {report:?}"
            );
            let told = left_out(&report);
            assert_eq!(told.len(), 2, "{told:?}");
            assert_eq!(told[1], "user U1 (u1): held by connector hr");
            assert!(told[0].ends_with("held by connector hr: its members are added there"), "{told:?}");
            assert!(!world.sync_rival_well(&rival).await.changes_anything(), "{first}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_taken_from_a_connector_above_nor_without_being_told_to() {
    let (mut world, rival) = two(
        Organisation::with(&["ann"], &[("g", &["ann"])]),
        Organisation::with(&["ann"], &[]),
        ["hr", "acme"],
    );
    world.sync_rival_well(&rival).await;
    let before = users(&mut world);
    // Skipped, with both sides named.
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.skipped), (Outcome::Problems, 1));
    assert_eq!(
        report.problems[0].message,
        r#"the user name "ann" belongs to user "ann" (ann, connector hr)"#
    );
    world.job.policy.conflicts = adopt();
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.created + report.users.updated), (Outcome::Done, 0));
    assert_eq!(users(&mut world), before, "don't touch what the tool didn't create");
    assert_eq!(members(&mut world, "g"), names(["ann"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_found_by_mail_only_where_exactly_one_has_it() {
    let mut hr = Organisation::default();
    for (id, name, mail) in [("h1", "ann.lee", "ANN@example.com"), ("h2", "two", "shared@example.com")] {
        hr.add_user(id, name).email = Some(mail.into());
    }
    let mut acme = Organisation::with(&["ann"], &[]);
    for id in ["s1", "s2"] {
        acme.add_user(id, id).email = Some("shared@example.com".into());
    }
    let (mut world, mut rival) = two(acme, hr, ["hr", "acme"]);
    rival.job.policy.conflicts = adopt();
    world.sync_well().await;
    let key = users(&mut world)["ann"].key;
    let report = world.sync_rival_well(&rival).await;
    assert_eq!((report.users.created, report.users.renamed, report.users.updated), (1, 1, 1));
    let entry = users(&mut world)["ann.lee"].clone();
    assert_eq!((entry.key, entry.connector.as_str(), entry.external_id.as_str()), (key, "hr", "h1"));
    // The name is free, and still the owner before makes nobody of it: it knows its person by id.
    let former = world.sync_well().await;
    assert_eq!((former.outcome, former.changes_anything()), (Outcome::Done, false));
    assert_eq!(left_out(&former), ["user ann.lee (ann): held by connector hr"], "match by id");

    rival.job.policy.conflicts.matches = vec![MatchBy::UserName];
    rival.change(|hr| hr.add_user("h3", "s-one").email = Some("s1@example.com".into()));
    world.change(|acme| acme.user("s1").email = Some("s1@example.com".into()));
    world.sync_well().await;
    assert_eq!(world.sync_rival_well(&rival).await.users.created, 1, "by user name alone");

    // Nor where two new people have it, and nobody gets an entry that another got by name.
    rival.job.policy.conflicts = adopt();
    world.change(|acme| {
        acme.add_user("m1", "m-one");
        acme.add_user("m2", "m-two");
    });
    world.sync_well().await;
    rival.change(|hr| {
        for (id, name, mail) in [
            ("k1", "k-one", "m-one@example.com"),
            ("k2", "k-two", "M-ONE@example.com"),
            ("k3", "m-two", "k@example.com"),
            ("k4", "k-four", "m-two@example.com"),
        ] {
            hr.add_user(id, name).email = Some(mail.into());
        }
    });
    let report = world.sync_rival_well(&rival).await;
    assert_eq!((report.users.created, report.users.updated, report.users.renamed), (3, 1, 0), "{report:?}");
}

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

#[tokio::test(flavor = "multi_thread")]
async fn who_was_taken_over_and_leaves_the_owner_before_loses_what_that_one_gave() {
    let (mut world, mut rival) = two(
        Organisation::with(&["u1", "u2"], &[("staff", &["u1"])]),
        Organisation::with(&["u1"], &[]),
        ["hr", "acme"],
    );
    rival.job.policy.conflicts = adopt();
    world.sync_well().await;
    world.sync_rival_well(&rival).await;
    world.sync_well().await;
    let entry = users(&mut world)["u1"].clone();
    world.change(|acme| drop(acme.users.remove("u1")));
    let report = world.sync_well().await;
    assert_eq!((report.users.disabled, report.memberships.removed), (0, 1), "{report:?}");
    assert_eq!(users(&mut world)["u1"], entry, "it is not absent: another connector holds it");
    assert!(!world.sync_well().await.changes_anything());
    // And back again.
    world.change(|acme| drop(acme.add_user("u1", "u1").id.clone()));
    assert_eq!(world.sync_well().await.memberships.created, 1);
    assert_eq!(members(&mut world, "staff"), names(["u1"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn whose_entry_its_holder_deletes_gets_one_of_their_own() {
    let (mut world, mut rival) = two(
        Organisation::with(&["u1", "u2"], &[("staff", &["u1"])]),
        Organisation::with(&["u1", "u9"], &[]),
        ["hr", "acme"],
    );
    rival.job.policy.conflicts = adopt();
    rival.job.policy.cleanup.users = super::cleanup::UserCleanup::Delete;
    world.sync_well().await;
    world.sync_rival_well(&rival).await;
    world.sync_well().await;
    let key = users(&mut world)["u1"].key;
    rival.change(|hr| drop(hr.users.remove("u1")));
    while world.sync_rival_well(&rival).await.users.removed == 0 {}
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.created, report.memberships.created), (Outcome::Done, 1, 1));
    let entry = users(&mut world)["u1"].clone();
    assert!(entry.connector == "acme" && entry.key != key);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_order_turns_who_may_take() {
    let (mut world, mut rival) = two(
        Organisation::with(&["u1", "u2"], &[("staff", &["u1"])]),
        Organisation::with(&["u1"], &[("staff", &[])]),
        ["hr", "acme"],
    );
    (world.job.policy.conflicts, rival.job.policy.conflicts) = (adopt(), adopt());
    world.sync_well().await;
    world.sync_rival_well(&rival).await;
    world.sync_well().await;
    let key = users(&mut world)["u1"].key;
    assert_eq!(
        (users(&mut world)["u1"].connector.as_str(), groups(&mut world)["staff"].connector.as_str()),
        ("hr", "hr")
    );
    // A connector that is no longer configured is below all.
    for above in [["acme", "hr"], ["acme", "acme"]] {
        let precedence = Precedence::new(&above.map(str::to_owned));
        world.job.precedence = precedence.clone();
        rival.job.precedence = precedence;
        let report = world.sync_well().await;
        assert_eq!(report.outcome, Outcome::Done);
        let entry = users(&mut world)["u1"].clone();
        assert_eq!((entry.key, entry.connector.as_str()), (key, "acme"));
        assert_eq!(groups(&mut world)["staff"].connector, "acme");
        if above[1] == "hr" {
            assert!(!world.sync_rival_well(&rival).await.changes_anything());
        }
        assert!(!world.sync_well().await.changes_anything());
        assert_eq!(members(&mut world, "staff"), names(["u1"]));
    }
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
    world.job.transforms = super::tests::rules().into();
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

/// Whose entry is the manager of each who has one.
fn managers(world: &mut World) -> BTreeMap<String, UserKey> {
    let managed = |user: &UserEntry| match user.attributes.iter().find(|a| a.name == "manager")?.value {
        Value::Integer(key) => Some(UserKey(u32::try_from(key).unwrap())),
        _ => panic!("a reference is a key"),
    };
    users(world).values().filter_map(|user| Some((user.user_name.clone(), managed(user)?))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn references_lead_to_entries_that_are_taken_over_or_held() {
    let boss = |organisation: &mut Organisation, id: &str, boss: &str| {
        organisation.user(id).attributes.push(Attribute::new("boss", boss));
    };
    let mut acme = Organisation::with(&["a1", "a2", "a3"], &[]);
    let mut hr = Organisation::with(&["top"], &[]);
    acme.user("a3").username = "Zed".into();
    hr.add_user("h1", "A1");
    hr.add_user("h0", "zed");
    for (id, whom) in [("a2", "a1"), ("a1", "a3")] {
        boss(&mut acme, id, whom);
    }
    for (id, whom) in [("h0", "h1"), ("h1", "top")] {
        boss(&mut hr, id, whom);
    }
    let (mut world, mut rival) = two(acme, hr, ["hr", "acme"]);
    for job in [&mut world.job, &mut rival.job] {
        job.references =
            vec![ReferenceRule { attribute: "boss".into(), key: "id".into(), name: "manager".into() }];
        job.policy.conflicts = adopt();
    }
    world.sync_well().await;
    world.sync_rival_well(&rival).await;
    let by_name = users(&mut world);
    let key = |name: &str| by_name[name].key;
    let wanted = BTreeMap::from(
        [("A1", key("top")), ("zed", key("A1")), ("a2", key("A1"))].map(|(n, k)| (n.to_owned(), k)),
    );
    assert_eq!(managers(&mut world), wanted);
    world.sync_well().await;
    assert_eq!(managers(&mut world), wanted, "an entry of another is not given another manager");
    assert!(!world.sync_rival_well(&rival).await.changes_anything());
    assert!(!world.sync_well().await.changes_anything());
    // In a directory that begins with the one above, those of the one below are held at once.
    let (acme, hr) = (world.organisation.lock().unwrap().clone(), rival.organisation.lock().unwrap().clone());
    let (mut other, mut first) = two(acme, hr, ["hr", "acme"]);
    first.job.references.clone_from(&rival.job.references);
    other.job.references.clone_from(&rival.job.references);
    (first.job.policy, other.job.policy) = (rival.job.policy.clone(), world.job.policy.clone());
    other.sync_rival_well(&first).await;
    other.sync_well().await;
    let by_name = users(&mut other);
    let key = |name: &str| by_name[name].key;
    let wanted = BTreeMap::from(
        [("A1", key("top")), ("zed", key("A1")), ("a2", key("A1"))].map(|(n, k)| (n.to_owned(), k)),
    );
    assert_eq!(managers(&mut other), wanted);
    assert!(!other.sync_well().await.changes_anything());
}

fn approve_all(store: &mut SqliteStore, job: &Job, run: i64) -> Result<RunReport, DecisionError> {
    let (safety, work, cancel) = (&job.policy.safety, &job.work, &job.cancel);
    let connector = &job.connector;
    let approval =
        Approval { connector, run: RunId(run), only: &[], skip_changed: false, safety, work, cancel };
    approve(&approval, store)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_held_is_taken_over_once_it_is_approved_and_never_taken_back_by_an_approval() {
    let (mut world, mut rival) = two(
        Organisation::with(&["u1", "u2"], &[("staff", &["u1"])]),
        Organisation::with(&["h9"], &[]),
        ["hr", "acme"],
    );
    rival.job.policy.conflicts = adopt();
    for policy in [&mut world.job.policy, &mut rival.job.policy] {
        policy.safety.on_limit = OnLimit::Hold;
        policy.safety.bounds = [Bound { count: Some(0), percent: None }; LimitKind::ALL.len()];
    }
    world.sync_well().await;
    world.sync_rival_well(&rival).await;
    // Of the one below a disable is held; of the one above, what takes the same entry over.
    world.change(|acme| acme.user("u1").active = false);
    let below = world.sync_well().await;
    rival.change(|hr| drop(hr.add_user("h1", "U1").email.take()));
    let above = world.sync_rival_well(&rival).await;
    assert_eq!((below.outcome, above.outcome), (Outcome::Held, Outcome::Held));
    assert_eq!(users(&mut world)["u1"].connector, "acme");
    approve_all(&mut world.store, &rival.job, above.run.unwrap()).unwrap();
    let taken = users(&mut world)["U1"].clone();
    assert_eq!((taken.connector.as_str(), taken.external_id.as_str()), ("hr", "h1"));
    let stolen = approve_all(&mut world.store, &world.job, below.run.unwrap()).unwrap_err();
    assert!(
        matches!(&stolen, DecisionError::Changed { changed, .. } if changed[0] == "user u1: it belongs to connector hr now"),
        "{stolen:?}"
    );
    let former = world.sync_well().await;
    assert_eq!(
        (former.outcome, left_out(&former).as_slice()),
        (Outcome::Done, ["user U1 (u1): held by connector hr".to_owned()].as_slice())
    );
    assert_eq!(users(&mut world)["U1"], taken);
}

/// One thing that happens to an organisation: who (0 acme, 1 hr), what, to whom, which name.
type Event = (usize, u8, u8, u8);

fn happen(organisation: &mut Organisation, (_, what, whom, name): Event) {
    let name = format!("n{}", name % 4);
    let id = format!("p{}", whom % 4);
    match what {
        0 => drop(organisation.users.remove(&id)),
        1 => drop(organisation.groups.remove(&format!("g{}", whom % 2))),
        2 => {
            let name = if whom % 2 == 0 { name } else { name.to_uppercase() };
            organisation.add_group(&format!("g{}", whom % 2), &name, &[&id]);
        }
        3 => drop(organisation.add_user(&id, &name).email.take()),
        _ => {
            organisation.add_user(&id, &name.to_uppercase());
        }
    }
}

fn conflicts(users: u8, groups: u8) -> Conflicts {
    let of_users = [UserConflict::Skip, UserConflict::Adopt, UserConflict::Suffix];
    let of_groups = [GroupConflict::Skip, GroupConflict::Adopt, GroupConflict::Share, GroupConflict::Suffix];
    Conflicts {
        users: of_users[users as usize % 3],
        groups: of_groups[groups as usize % 4],
        ..Conflicts::default()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Names are unique (the store refuses anything else), an entry of the connector above is never changed by the one
    /// below, local entries stay unless policy says otherwise, keys are kept, and a second run of each changes nothing.
    #[test]
    fn no_two_connectors_take_from_each_other(
        events in proptest::collection::vec((0usize..2, 0u8..6, 0u8..8, 0u8..4), 1..24),
        policies in (0u8..3, 0u8..4, 0u8..3, 0u8..4),
        first in 0usize..2,
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (mut world, mut rival) =
                two(Organisation::with(&["z1"], &[]), Organisation::with(&["z2"], &[]), ["hr", "acme"]);
            world.job.policy.conflicts = conflicts(policies.0, policies.1);
            rival.job.policy.conflicts = conflicts(policies.2, policies.3);
            world.job.override_limits = true;
            rival.job.override_limits = true;
            make_local(&mut world, "N1", "n2");
            for chunk in events.chunks(4) {
                for event in chunk {
                    match event.0 {
                        0 => world.change(|organisation| happen(organisation, *event)),
                        _ => rival.change(|organisation| happen(organisation, *event)),
                    }
                }
                for turn in 0..2 {
                    let (was, were) = (by_key(users(&mut world)), by_group_key(groups(&mut world)));
                    let below = (turn + first) % 2 == 0;
                    match below {
                        true => world.sync_well().await,
                        false => world.sync_rival_well(&rival).await,
                    };
                    let adopts = match below {
                        true => world.job.policy.conflicts.clone(),
                        false => rival.job.policy.conflicts.clone(),
                    };
                    let (now, are) = (by_key(users(&mut world)), by_group_key(groups(&mut world)));
                    for (key, entry) in &was {
                        let own = entry.connector == if below { "acme" } else { "hr" };
                        let above = below && entry.connector == "hr";
                        let local = entry.connector == LOCAL && adopts.users != UserConflict::Adopt;
                        let foreign = !own && adopts.users != UserConflict::Adopt;
                        if above || local || foreign {
                            prop_assert_eq!(Some(entry), now.get(key));
                        }
                        prop_assert!(now.contains_key(key), "nobody is deleted");
                    }
                    for (key, entry) in &were {
                        let own = entry.connector == if below { "acme" } else { "hr" };
                        let above = below && entry.connector == "hr";
                        if above || !own && adopts.groups != GroupConflict::Adopt {
                            prop_assert_eq!(Some(entry), are.get(key));
                        }
                    }
                }
                // Once more each, for who waits for a name that the other gave up; then nothing is left to do.
                world.sync_well().await;
                world.sync_rival_well(&rival).await;
                world.sync_well().await;
                let again = world.sync_rival_well(&rival).await;
                prop_assert!(!again.changes_anything(), "{again:?}");
                let again = world.sync_well().await;
                prop_assert!(!again.changes_anything(), "{again:?}");
            }
            Ok(())
        })?;
    }
}

fn by_key(users: BTreeMap<String, UserEntry>) -> BTreeMap<u32, UserEntry> {
    users.into_values().map(|user| (user.key.0, user)).collect()
}

fn by_group_key(groups: BTreeMap<String, GroupEntry>) -> BTreeMap<u32, GroupEntry> {
    groups.into_values().map(|group| (group.key.0, group)).collect()
}
