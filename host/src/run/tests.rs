use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;

use super::cleanup::UserCleanup;
use super::extent::Reads;
use super::report::Outcome;
use super::testing::{Organisation, Shown, World};
use crate::model::{Attribute, Group, GroupRef, GroupVerdict, Members, Person, PluginError, User, Verdict};
use crate::plugin::{CallError, Identity, Transform};

fn shown(users: &[&str], groups: &[(&str, &[&str])]) -> Shown {
    let users = users.iter().map(|name| (name.to_string(), true)).collect();
    let names = |members: &[&str]| members.iter().map(|name| name.to_string()).collect::<BTreeSet<String>>();
    (users, groups.iter().map(|(name, members)| (name.to_string(), names(members))).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_run_makes_the_directory_equal_and_a_second_one_changes_nothing() {
    let mut world =
        World::new(Organisation::with(&["ann", "bob", "cy"], &[("g", &["ann", "cy"]), ("h", &[])]));
    let first = world.sync_well().await;
    assert_eq!(first.outcome, Outcome::Done);
    assert_eq!((first.users.seen, first.users.created, first.groups.created), (3, 3, 2));
    assert_eq!((first.memberships.seen, first.memberships.created), (2, 2));
    let expected = shown(&["ann", "bob", "cy"], &[("g", &["ann", "cy"]), ("h", &[])]);
    assert_eq!(world.shown(), expected);
    let second = world.sync_well().await;
    assert!(!second.changes_anything(), "{second:?}");
    assert_eq!((second.users.unchanged, second.groups.unchanged, second.memberships.unchanged), (3, 2, 2));
    assert_eq!(world.shown(), expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_identify_so_a_rename_is_a_rename_with_before_and_after() {
    let mut world = World::new(Organisation::with(&["ann"], &[("g", &["ann"])]));
    world.sync_well().await;
    world.change(|organisation| {
        organisation.user("ann").username = "Ann.Bee".into();
        organisation.user("ann").active = false;
        organisation.add_group("g", "Guild", &["ann"]);
    });
    let report = world.sync_well().await;
    assert_eq!((report.users.renamed, report.users.disabled, report.users.created), (1, 1, 0));
    assert_eq!((report.groups.renamed, report.groups.created, report.memberships.removed), (1, 0, 0));
    assert_eq!(
        world.changes(2),
        [
            r#"rename Ann.Bee {"userName":"ann"} → {"userName":"Ann.Bee"}"#,
            r#"disable Ann.Bee {"active":true} → {"active":false}"#,
            r#"rename Guild {"displayName":"g"} → {"displayName":"Guild"}"#,
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn names_can_be_swapped_in_one_run() {
    let mut world = World::new(Organisation::with(&["ann", "bob"], &[]));
    world.sync_well().await;
    world.change(|organisation| {
        organisation.user("ann").username = "bob".into();
        organisation.user("bob").username = "ann".into();
    });
    let report = world.sync_well().await;
    assert_eq!((report.users.renamed, report.outcome), (2, Outcome::Done));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_request_applies_nothing_and_the_next_run_reads_only_what_is_missing() {
    let mut world = World::new(Organisation::with(&["a", "b", "c", "d", "e"], &[("g", &["a"])]));
    world.change(|organisation| {
        organisation.failing.insert("/users/4".into(), ("unexpected".into(), 1));
    });
    let ended = world.sync().await;
    assert_eq!(ended.report.outcome, Outcome::Failed);
    assert_eq!(ended.report.error.unwrap().message, "reading GET /users/4 failed");
    assert_eq!(world.shown(), shown(&[], &[]));
    world.requests();
    let report = world.sync_well().await;
    let second = world.requests();
    assert!(
        second.contains(&"/users/4".to_owned()) && !second.contains(&"/users/0".to_owned()),
        "{second:?}"
    );
    // What was in flight when the first run failed may have to be asked for again; nothing that was spooled is.
    assert_eq!(report.requests.resumed + second.len() as u64, 5, "{second:?}");
    assert_eq!(world.shown().0.len(), 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_reading_is_never_applied() {
    let mut world = World::new(Organisation::with(&["ann"], &[("g", &["ann"])]));
    world.sync_well().await;
    let before = world.shown();
    world.change(|organisation| organisation.users.clear());
    let ended = world.sync().await;
    assert_eq!(ended.report.outcome, Outcome::Failed);
    assert!(ended.report.error.unwrap().message.contains("not a single user"));
    assert_eq!(world.shown(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_cannot_be_read_stay_as_they_were() {
    let mut world = World::new(Organisation::with(&["ann", "bob"], &[("g", &["ann"])]));
    world.sync_well().await;
    let before = world.shown();
    world.change(|organisation| {
        organisation.set_members("g", Members::Unknown("may not read them (403)".into()))
    });
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.memberships.unknown), (Outcome::Problems, 1));
    assert!(!report.changes_anything());
    assert_eq!(world.shown(), before);
    world.change(|organisation| organisation.set_members("g", Members::Some(vec!["bob".into()])));
    world.sync_well().await;
    assert_eq!(world.shown().1["g"], BTreeSet::from(["bob".to_owned()]));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_no_longer_returned_is_reported_and_left_alone_where_cleanup_keeps_them() {
    let mut world =
        World::new(Organisation::with(&["ann", "bob"], &[("g", &["ann", "bob"]), ("h", &["ann"])]));
    world.job.policy.cleanup.users = UserCleanup::Keep;
    world.sync_well().await;
    let before = world.shown();
    world.change(|organisation| {
        organisation.users.remove("bob");
        organisation.set_members("g", Members::Some(vec!["ann".into()]));
        organisation.groups.remove("h");
    });
    let report = world.sync_well().await;
    assert_eq!((report.users.absent, report.groups.absent), (1, 1));
    let absent: Vec<_> = report.absent.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(absent, ["h", "bob"]);
    assert_eq!(world.shown(), before);
    world.change(|organisation| {
        organisation.add_user("bob", "bob");
    });
    let back = world.sync_well().await;
    assert_eq!((back.users.absent, back.memberships.removed), (0, 1), "bob is back, and no longer in g");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_bad_record_stays_as_it_is_and_does_not_stop_the_run() {
    let mut world = World::new(Organisation::with(&["ann", "bob"], &[("g", &["ann", "bob"])]));
    world.sync_well().await;
    world.change(|organisation| {
        organisation.unreadable.insert("bob".into());
        organisation.user("ann").display_name = Some("Ann".into());
    });
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.skipped, report.users.updated), (Outcome::Problems, 1, 1));
    assert_eq!((report.users.absent, report.memberships.removed), (0, 0));
    assert_eq!(report.problems[0].id.as_deref(), Some("bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_is_refused_with_both_sides_named_and_tried_again() {
    let mut world = World::new(Organisation::with(&["u1", "u2"], &[]));
    world.change(|organisation| {
        organisation.user("u1").username = "Zoë".into();
        organisation.user("u2").username = "ZOË".into();
    });
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.created, report.users.skipped), (Outcome::Problems, 1, 1));
    assert_eq!(report.problems[0].message, r#"the user name "ZOË" belongs to user "Zoë" (u1)"#);
    world.change(|organisation| organisation.user("u1").username = "zoe".into());
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.created, report.users.renamed), (Outcome::Done, 1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_taken_name_holds_back_the_rename_and_nothing_else() {
    let mut world = World::new(Organisation::with(&["ann", "bob"], &[("g", &["bob"])]));
    world.sync_well().await;
    world.change(|organisation| {
        organisation.user("bob").username = "Ann".into();
        organisation.user("bob").active = false;
        organisation.set_members("g", Members::Some(vec![]));
    });
    let report = world.sync_well().await;
    assert_eq!((report.users.renamed, report.users.disabled, report.users.skipped), (0, 1, 1));
    assert!(!world.shown().0["bob"]);
    assert!(world.shown().1["g"].is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_whose_holder_is_gone_says_so() {
    let mut world = World::new(Organisation::with(&["ann", "bob"], &[]));
    world.sync_well().await;
    world.change(|organisation| {
        organisation.users.remove("ann");
        organisation.add_user("ann2", "ann");
    });
    let report = world.sync_well().await;
    let expected = r#"the user name "ann" belongs to user "ann" (ann, connector acme), whom the provider no longer returns"#;
    assert_eq!(report.problems[0].message, expected);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_away_for_a_while_is_brought_in_step_again() {
    let mut world = World::new(Organisation::with(&["ann", "bob"], &[("g", &["ann"])]));
    world.sync_well().await;
    let (group, _) = world.organisation.lock().unwrap().groups["g"].clone();
    world.change(|organisation| drop(organisation.groups.remove("g")));
    world.sync_well().await;
    world.change(|organisation| organisation.add_group(&group.id, &group.name, &["bob"]));
    world.sync_well().await;
    assert_eq!(world.shown(), shown(&["ann", "bob"], &[("g", &["bob"])]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_gets_its_name_later_gets_its_members_too() {
    let mut world = World::new(Organisation::with(&["ann"], &[("g1", &[]), ("g2", &["ann"])]));
    world.change(|organisation| {
        organisation.add_group("g1", "Team", &[]);
        organisation.add_group("g2", "TEAM", &["ann"]);
    });
    world.sync_well().await;
    world.change(|organisation| organisation.add_group("g1", "Crew", &[]));
    world.sync_well().await;
    assert_eq!(world.shown(), shown(&["ann"], &[("Crew", &[]), ("TEAM", &["ann"])]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_complete_reading_is_applied_once() {
    let mut world = World::new(Organisation::with(&["ann"], &[]));
    let spool = world.job.work.spool("acme");
    world
        .change(|organisation| drop(organisation.failing.insert("/groups".into(), ("unexpected".into(), 1))));
    assert!(world.sync().await.error.is_some());
    let before = std::fs::read(&spool).unwrap();
    world.sync_well().await;
    // As if the process had been killed between the commit and the removal.
    std::fs::write(&spool, before).unwrap();
    assert_eq!(world.sync_well().await.requests.resumed, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unreadable_group_stays_as_it_is_for_its_members_rules_too() {
    let mut world =
        World::shaped_by(Organisation::with(&["ann"], &[("h", &["ann"]), ("g", &["ann"])]), rules());
    world.sync_well().await;
    let before = world.shown();
    world.change(|organisation| {
        organisation.unreadable.insert("h".into());
        organisation.user("ann").given_name = Some("Ann".into());
    });
    let report = world.sync_well().await;
    assert_eq!((report.users.updated, report.memberships.removed, report.groups.absent), (1, 0, 0));
    assert_eq!(world.shown(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_a_chain_that_began_again_do_not_count() {
    let mut world = World::new(Organisation::with(&["a", "b", "c", "d", "e"], &[]));
    world.change(|organisation| {
        organisation.failing.insert("/users/4".into(), (PluginError::RESTART.into(), 2));
    });
    let report = world.sync_well().await;
    assert_eq!((report.users.seen, report.users.created), (5, 5));
    assert_eq!(world.requests().iter().filter(|path| *path == "/users/0").count(), 3);
    world.change(|organisation| {
        organisation.failing.insert("/users/4".into(), (PluginError::RESTART.into(), 9));
    });
    let ended = world.sync().await;
    let error = ended.report.error.unwrap();
    assert!(error.causes[0].contains("expired 3 times"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn memberships_that_name_a_user_nobody_read_are_counted_and_ignored() {
    let mut world = World::new(Organisation::with(&["ann"], &[("g", &["ann", "ghost"])]));
    let report = world.sync_well().await;
    assert_eq!((report.memberships.seen, report.memberships.ignored), (1, 1));
    world.change(|organisation| organisation.set_members("g", Members::Everyone));
    assert!(!world.sync_well().await.changes_anything());
}

/// Drops users of one department, hides group `h`, drops group `d`, and gives members of `h` the group "insiders".
struct Rules(Identity);

impl Transform for Rules {
    fn identity(&self) -> &Identity {
        &self.0
    }

    fn shape_groups(&self, groups: &[Group]) -> Result<Vec<GroupVerdict>, CallError> {
        let verdict = |group: &Group| match group.name.as_str() {
            "h" => GroupVerdict::Hide(group.clone()),
            "d" => GroupVerdict::Drop("not wanted".into()),
            _ => GroupVerdict::Keep(group.clone()),
        };
        Ok(groups.iter().map(verdict).collect())
    }

    fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
        let verdict = |person: &Person| {
            if person.user.attributes.contains(&Attribute::new("profile.department", "Robots")) {
                return Verdict::Drop("robots have no seat".into());
            }
            let mut person = person.clone();
            person.user.id = "transforms can't change ids".into();
            person.user.display_name = Some(person.user.username.to_uppercase());
            if person.groups.iter().any(|group| group.name == "h") {
                person.groups.push(GroupRef { id: None, name: "insiders".into() });
            }
            Verdict::Keep(person)
        };
        Ok(people.iter().map(verdict).collect())
    }
}

pub(super) fn rules() -> Vec<Arc<dyn Transform>> {
    vec![Arc::new(Rules(Identity { name: "rules".into(), version: "1.0.0".into(), sha256: "1".repeat(64) }))]
}

#[tokio::test(flavor = "multi_thread")]
async fn transforms_shape_people_and_groups_and_dropped_groups_are_never_fetched() {
    let organisation = Organisation::with(
        &["ann", "bob", "robo"],
        &[("g", &["ann", "robo"]), ("h", &["ann", "bob"]), ("d", &["ann"])],
    );
    let mut world = World::shaped_by(organisation, rules());
    world.change(|organisation| {
        organisation.user("robo").attributes = vec![Attribute::new("profile.department", "Robots")];
    });
    let report = world.sync_well().await;
    assert!(!world.requests().contains(&"/members/d".to_owned()));
    assert_eq!((report.users.dropped, report.groups.dropped, report.outcome), (1, 2, Outcome::Done));
    assert_eq!(world.shown(), shown(&["ann", "bob"], &[("g", &["ann"]), ("insiders", &["ann", "bob"])]));

    world.change(|organisation| organisation.set_members("h", Members::Some(vec!["bob".into()])));
    let report = world.sync_well().await;
    assert_eq!((report.memberships.removed, report.users.updated, report.users.dropped), (1, 0, 1));
    assert_eq!(world.shown().1["insiders"], BTreeSet::from(["bob".to_owned()]));

    // Other rules reshape everybody, without any change at the provider.
    world.job.transforms = Vec::new().into();
    world.job.rules = [3; 32];
    let report = world.sync_well().await;
    assert_eq!((report.users.created, report.users.updated), (1, 2));
    let groups: Vec<_> = world.shown().1.into_keys().collect();
    assert_eq!(groups, ["d", "g", "h", "insiders"]);
}

/// One step of an organisation's history. Numbers pick a user or group out of a few.
#[derive(Debug, Clone)]
enum Step {
    Hire(u8),
    Fire(u8),
    Rename(u8, u8),
    Toggle(u8),
    Found(u8),
    Close(u8),
    Join(u8, u8),
    Leave(u8, u8),
    Sync,
    BrokenSync(u8),
}

fn step() -> impl Strategy<Value = Step> {
    let n = 0u8..6;
    prop_oneof![
        3 => n.clone().prop_map(Step::Hire),
        1 => n.clone().prop_map(Step::Fire),
        2 => (n.clone(), n.clone()).prop_map(|(u, name)| Step::Rename(u, name)),
        1 => n.clone().prop_map(Step::Toggle),
        2 => n.clone().prop_map(Step::Found),
        1 => n.clone().prop_map(Step::Close),
        4 => (n.clone(), n.clone()).prop_map(|(g, u)| Step::Join(g, u)),
        2 => (n.clone(), n.clone()).prop_map(|(g, u)| Step::Leave(g, u)),
        3 => Just(Step::Sync),
        1 => n.prop_map(Step::BrokenSync),
    ]
}

fn take(organisation: &mut Organisation, step: &Step) {
    let members =
        |organisation: &mut Organisation, group: &u8, change: &mut dyn FnMut(&mut BTreeSet<String>)| {
            if let Some((_, Members::Some(ids))) = organisation.groups.get_mut(&format!("g{group}")) {
                let mut set: BTreeSet<String> = ids.drain(..).collect();
                change(&mut set);
                ids.extend(set);
            }
        };
    match step {
        Step::Hire(n) if !organisation.users.contains_key(&format!("u{n}")) => {
            organisation.add_user(&format!("u{n}"), &format!("first{n}"));
        }
        Step::Fire(n) => drop(organisation.users.remove(&format!("u{n}"))),
        Step::Rename(n, name) => {
            if let Some(user) = organisation.users.get_mut(&format!("u{n}")) {
                user.username = format!("u{n}-name{name}");
            }
        }
        Step::Toggle(n) => {
            if let Some(user) = organisation.users.get_mut(&format!("u{n}")) {
                user.active = !user.active;
            }
        }
        Step::Found(n) if !organisation.groups.contains_key(&format!("g{n}")) => {
            organisation.add_group(&format!("g{n}"), &format!("group{n}"), &[]);
        }
        Step::Close(n) => drop(organisation.groups.remove(&format!("g{n}"))),
        Step::Join(g, u) => members(organisation, g, &mut |set| _ = set.insert(format!("u{u}"))),
        Step::Leave(g, u) => members(organisation, g, &mut |set| _ = set.remove(&format!("u{u}"))),
        Step::Hire(_) | Step::Found(_) | Step::Sync | Step::BrokenSync(_) => {}
    }
}

/// What a directory shows that follows the organisation, disables who left it and never removes anybody: by id.
#[derive(Debug, Default)]
struct Oracle {
    users: BTreeMap<String, (String, bool)>,
    groups: BTreeMap<String, (String, BTreeSet<String>)>,
}

impl Oracle {
    fn follow(&mut self, organisation: &Organisation) {
        for (id, user) in &organisation.users {
            self.users.insert(id.clone(), (user.username.clone(), user.active));
        }
        for (id, (_, active)) in &mut self.users {
            *active &= organisation.users.contains_key(id);
        }
        for (id, (group, members)) in &organisation.groups {
            let Members::Some(ids) = members else { continue };
            let present: BTreeSet<String> =
                ids.iter().filter(|id| organisation.users.contains_key(*id)).cloned().collect();
            let entry = self.groups.entry(id.clone()).or_default();
            entry.0.clone_from(&group.name);
            // Absent people keep their memberships unless cleanup is told to remove them.
            entry.1.retain(|id| !organisation.users.contains_key(id));
            entry.1.extend(present);
        }
    }

    fn shown(&self) -> Shown {
        let name = |id: &String| self.users[id].0.clone();
        (
            self.users.values().cloned().collect(),
            self.groups
                .values()
                .map(|(group, ids)| (group.clone(), ids.iter().map(name).collect()))
                .collect(),
        )
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    /// Whatever happened between runs, a run that ends well makes the directory equal to what its rules promise, and
    /// one that fails leaves it as it was.
    #[test]
    fn random_histories_end_equal_to_the_oracle(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(Organisation::default());
            let mut oracle = Oracle::default();
            for step in steps.iter().chain([&Step::Sync]) {
                world.change(|organisation| take(organisation, step));
                let organisation = world.organisation.lock().unwrap().clone();
                match step {
                    Step::Sync if organisation.users.is_empty() => {
                        prop_assert!(world.sync().await.error.is_some());
                    }
                    Step::Sync => {
                        let report = world.sync_well().await;
                        prop_assert_eq!(report.outcome, Outcome::Done, "{:?}", report.problems);
                        oracle.follow(&organisation);
                        prop_assert!(!world.sync_well().await.changes_anything());
                    }
                    Step::BrokenSync(n) => {
                        let path = if *n < 3 { "/groups".to_owned() } else { "/users/0".to_owned() };
                        world.change(|o| drop(o.failing.insert(path, ("unexpected".into(), 1))));
                        prop_assert!(world.sync().await.error.is_some());
                        // Going on from a spool is tested by itself: here every run reads anew.
                        drop(std::fs::remove_file(world.job.work.spool("acme")));
                    }
                    _ => continue,
                }
                prop_assert_eq!(world.shown(), oracle.shown());
            }
            Ok(())
        })?;
    }

    /// The same of full runs that leave out the members of groups whose version they have read.
    #[test]
    fn runs_that_skip_unchanged_members_end_equal_to_the_oracle(
        steps in proptest::collection::vec(step(), 1..40),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(Organisation::with(&["u0", "u1"], &[("g0", &["u0"])]));
            world.job.skipping.unchanged_members = true;
            let mut oracle = Oracle::default();
            for step in steps.iter().chain([&Step::Sync]) {
                world.change(|organisation| {
                    take(organisation, step);
                    organisation.users.entry("u9".into()).or_insert_with(|| User {
                        id: "u9".into(),
                        username: "last".into(),
                        active: true,
                        ..User::default()
                    });
                    let version = |(id, (_, members)): (&String, &(Group, Members))| (id.clone(), format!("{members:?}"));
                    organisation.versions = organisation.groups.iter().map(version).collect();
                });
                if !matches!(step, Step::Sync | Step::BrokenSync(_)) {
                    continue;
                }
                world.requests();
                let report = world.sync_well().await;
                let asked = world.requests().iter().filter(|path| path.starts_with("/members/")).count() as u64;
                prop_assert_eq!(asked + report.requests.groups_unchanged, report.groups.seen);
                oracle.follow(&world.organisation.lock().unwrap());
                prop_assert_eq!(world.shown(), oracle.shown());
                prop_assert!(!world.sync_well().await.changes_anything());
            }
            Ok(())
        })?;
    }

    /// The same of increments after a first full run; and a full run after them finds nothing left to do.
    #[test]
    fn increments_end_equal_to_the_oracle(steps in proptest::collection::vec(step(), 1..40)) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new(Organisation::with(&["u0", "u1"], &[("g0", &["u0"])]));
            let mut oracle = Oracle::default();
            world.sync_well().await;
            oracle.follow(&world.organisation.lock().unwrap());
            world.change(Organisation::mark);
            for step in steps.iter().chain([&Step::Sync]) {
                world.change(|organisation| take(organisation, step));
                if !matches!(step, Step::Sync | Step::BrokenSync(_)) {
                    continue;
                }
                world.job.reads = Reads::Changes;
                world.requests();
                let report = world.sync_well().await;
                prop_assert_eq!(world.requests(), ["/changes"]);
                prop_assert_eq!(report.mode, "changes");
                oracle.follow(&world.organisation.lock().unwrap());
                world.change(Organisation::mark);
                prop_assert_eq!(world.shown(), oracle.shown());
                let again = world.sync_well().await;
                prop_assert!(!again.changes_anything(), "{:?}", again);
            }
            if !world.organisation.lock().unwrap().users.is_empty() {
                world.job.reads = Reads::Full;
                let report = world.sync_well().await;
                prop_assert!(!report.changes_anything(), "{:?}", report);
                prop_assert_eq!(world.shown(), oracle.shown());
            }
            Ok(())
        })?;
    }
}
