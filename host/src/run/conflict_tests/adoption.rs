//! Entries that one connector takes over from another, and what becomes of whom they were taken from.

use std::collections::BTreeMap;

use super::support::{adopt, groups, left_out, members, names, two, users};
use crate::directory::{RunId, SqliteStore, Store, UserEntry, UserKey};
use crate::model::{Attribute, Members, ReferenceRule, Value};
use crate::run::conflicts::{MatchBy, Precedence};
use crate::run::report::{Outcome, RunReport};
use crate::run::run::Job;
use crate::run::safety::{Approval, Bound, DecisionError, LimitKind, OnLimit, approve};
use crate::run::testing::{Organisation, World};

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
    rival.job.policy.cleanup.users = crate::run::cleanup::UserCleanup::Delete;
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
