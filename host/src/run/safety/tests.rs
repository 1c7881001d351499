use proptest::prelude::*;
use tokio_util::sync::CancellationToken;

use super::{
    Approval, Bound, DecisionError, LimitKind, NamePattern, OnLimit, Safety, approve, approve_beforehand,
    reject,
};
use crate::directory::RunId;
use crate::run::condition::{GroupCondition, PersonCondition};
use crate::run::report::{Outcome, RunReport};
use crate::run::testing::{Organisation, World};

const PEOPLE: [&str; 6] = ["ann", "bob", "cy", "dee", "eve", "fay"];

fn at_most(kind: LimitKind, count: u64) -> Safety {
    let mut safety = Safety { bounds: [Bound::NONE; LimitKind::ALL.len()], ..Safety::default() };
    safety.bounds[kind as usize] = Bound { count: Some(count), percent: None };
    safety
}

async fn synced(safety: Safety) -> World {
    let mut world = World::new(Organisation::with(&PEOPLE, &[("g", &["ann", "bob"]), ("h", &["cy"])]));
    world.job.policy.safety = safety;
    let report = world.sync_well().await;
    assert_eq!(report.outcome, Outcome::Done, "a first run has no limits");
    world
}

pub fn approving(world: &mut World, run: i64, skip_changed: bool) -> Result<RunReport, DecisionError> {
    let approval = Approval {
        connector: "acme",
        run: RunId(run),
        only: &[],
        skip_changed,
        safety: &world.job.policy.safety,
        work: &world.job.work,
        cancel: &CancellationToken::new(),
    };
    approve(&approval, &mut world.store)
}

fn disable_three(world: &World) {
    world.change(|organisation| {
        for id in ["ann", "bob", "cy"] {
            organisation.user(id).active = false;
        }
        organisation.user("ann").display_name = Some("Ann".into());
        organisation.add_user("new", "new");
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn over_the_limit_the_additions_and_updates_are_still_done_and_approve_does_the_rest() {
    let mut world = synced(at_most(LimitKind::Disables, 2)).await;
    disable_three(&world);
    let report = world.sync_well().await;
    assert_eq!(report.outcome, Outcome::Held);
    assert_eq!((report.users.created, report.users.updated, report.users.disabled), (1, 1, 0));
    let held = report.held.unwrap();
    assert_eq!(held.reasons, ["would disable 3 of 6 people, over the limit of 2"]);
    let names: Vec<&str> = held.objects.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["ann", "bob", "cy"]);
    assert!(world.shown().0.values().all(|active| *active));

    let again = world.sync_well().await;
    assert_eq!((again.outcome, again.held.unwrap().changes), (Outcome::Held, 3), "it is planned again");
    let error = approving(&mut world, 2, false).unwrap_err();
    assert_eq!(error.to_string(), "nothing of run 2 waits: it was superseded");
    assert!(error.hint().unwrap().contains("run 3"));
    let approved = approving(&mut world, 3, false).unwrap();
    assert_eq!((approved.outcome, approved.users.disabled, approved.run), (Outcome::Done, 3, Some(4)));
    assert_eq!(world.shown().0.values().filter(|active| !**active).count(), 3);
    let after = world.sync_well().await;
    assert_eq!((after.outcome, after.changes_anything()), (Outcome::Done, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn on_limit_hold_applies_nothing_until_it_is_approved() {
    let mut world = synced(Safety { on_limit: OnLimit::Hold, ..at_most(LimitKind::Disables, 2) }).await;
    let before = world.shown();
    disable_three(&world);
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.changes_anything()), (Outcome::Held, false));
    assert_eq!(world.shown(), before);
    let approved = approving(&mut world, 2, false).unwrap();
    assert_eq!((approved.users.created, approved.users.updated, approved.users.disabled), (1, 1, 3));
    let after = world.sync_well().await;
    assert_eq!((after.outcome, after.changes_anything()), (Outcome::Done, false));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_lets_one_run_pass_and_says_so() {
    let mut world = synced(at_most(LimitKind::Disables, 2)).await;
    disable_three(&world);
    world.job.override_limits = true;
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.disabled), (Outcome::Done, 3));
    assert_eq!(report.overridden, ["would disable 3 of 6 people, over the limit of 2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_rejected_is_planned_and_held_again() {
    let mut world = synced(at_most(LimitKind::Removals, 1)).await;
    world.change(|organisation| {
        organisation.set_members("g", crate::model::Members::Some(vec!["fay".into()]));
    });
    let report = world.sync_well().await;
    assert_eq!((report.memberships.created, report.memberships.removed), (1, 0));
    assert_eq!(report.held.unwrap().memberships, 2);
    assert_eq!(reject(&mut world.store, "acme", RunId(2), &[]).unwrap(), 1);
    assert!(matches!(approving(&mut world, 2, false), Err(DecisionError::NothingWaits { .. })));
    assert_eq!(world.sync_well().await.held.unwrap().memberships, 2);
    approving(&mut world, 3, false).unwrap();
    assert_eq!(world.shown().1["g"].iter().collect::<Vec<_>>(), ["fay"]);
    assert!(!world.sync_well().await.changes_anything());
}

#[tokio::test(flavor = "multi_thread")]
async fn protected_people_and_groups_stay_whatever_is_overridden() {
    let safety = Safety {
        protect: vec![PersonCondition::parse("'g' in groups").unwrap()],
        protect_groups: vec![NamePattern::new("H*")],
        ..at_most(LimitKind::Disables, 100)
    };
    let mut world = synced(safety).await;
    world.job.override_limits = true;
    disable_three(&world);
    world.change(|organisation| organisation.set_members("h", crate::model::Members::Some(vec![])));
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.disabled, report.users.updated), (Outcome::Done, 1, 1));
    assert_eq!(report.protected.len(), 3, "{:?}", report.protected);
    let (users, groups) = world.shown();
    assert!(users["ann"] && users["bob"] && !users["cy"]);
    assert_eq!(groups["h"].len(), 1);
    assert_eq!(world.sync_well().await.protected.len(), 3, "it is told in every run");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_a_held_rename_keeps_is_given_to_nobody() {
    let mut world = synced(at_most(LimitKind::Renames, 0)).await;
    world.change(|organisation| {
        organisation.user("ann").username = "anna".into();
        organisation.add_user("other", "ann");
    });
    let report = world.sync_well().await;
    assert_eq!((report.users.renamed, report.users.created), (0, 0));
    approving(&mut world, 2, false).unwrap();
    let names: Vec<String> = world.shown().0.into_keys().collect();
    assert_eq!(names, ["ann", "anna", "bob", "cy", "dee", "eve", "fay"]);
    assert!(!world.sync_well().await.changes_anything());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_since_is_refused_by_name_and_the_rest_can_be_applied() {
    let mut world = synced(at_most(LimitKind::Disables, 2)).await;
    disable_three(&world);
    world.sync_well().await;
    {
        use crate::directory::{Store, UserKey};
        let connector = world.store.connector("acme").unwrap();
        let mut ann = world.store.read().unwrap().user(UserKey(1)).unwrap().unwrap();
        ann.active = false;
        let mut writer = world.store.write().unwrap();
        writer.update_user(connector, &ann).unwrap();
        writer.commit().unwrap();
    }
    let error = approving(&mut world, 2, false).unwrap_err();
    assert!(error.changed()[0].starts_with("user ann: active is false now"), "{:?}", error.changed());
    assert!(world.shown().0["bob"], "nothing was applied");
    let report = approving(&mut world, 2, true).unwrap();
    assert_eq!((report.outcome, report.users.disabled), (Outcome::Problems, 2));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_approved_beforehand_is_held_by_no_limit_and_counts_for_none_once() {
    let mut world = synced(at_most(LimitKind::Disables, 1)).await;
    disable_three(&world);
    assert_eq!(world.sync_well().await.held.unwrap().changes, 3);
    let error = approve_beforehand(&mut world.store, "acme", &["ghost".into()], &[]).unwrap_err();
    assert_eq!(error.to_string(), "the directory has no user ghost");
    let approved = approve_beforehand(&mut world.store, "acme", &["Ann".into()], &[]).unwrap();
    assert_eq!(approved, ["user ann"]);
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.disabled, report.users.held), (Outcome::Held, 1, 2));
    assert_eq!(report.approved, ["user ann"]);
    assert_eq!(report.held.unwrap().reasons, ["would disable 2 of 7 people, over the limit of 1"]);

    approve_beforehand(&mut world.store, "acme", &["bob".into()], &[]).unwrap();
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.disabled), (Outcome::Done, 2), "one is within the limit");
    world.change(|organisation| {
        for id in ["ann", "bob"] {
            organisation.user(id).active = true;
        }
    });
    world.sync_well().await;
    disable_three(&world);
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.approved.len()), (Outcome::Held, 0), "an approval is used up");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_group_that_was_approved_beforehand_may_lose_its_members() {
    let mut safety = at_most(LimitKind::Removals, 0);
    safety.bounds[LimitKind::GroupsEmptied as usize] = Bound { count: Some(0), percent: None };
    let mut world = synced(safety).await;
    world.change(|organisation| {
        organisation.set_members("g", crate::model::Members::Some(vec![]));
        organisation.set_members("h", crate::model::Members::Some(vec![]));
    });
    assert_eq!(world.sync_well().await.memberships.held, 3);
    approve_beforehand(&mut world.store, "acme", &[], &["g".into()]).unwrap();
    let report = world.sync_well().await;
    assert_eq!((report.memberships.removed, report.memberships.held), (2, 1));
    assert_eq!(report.approved, ["group g"]);
    let reasons = report.held.unwrap().reasons;
    assert_eq!(
        reasons,
        [
            "would end 1 of 3 memberships, over the limit of 0",
            "would empty or delete 1 of 2 groups, over the limit of 0"
        ]
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_all_held_uses_no_approval_up() {
    let mut world = synced(Safety { on_limit: OnLimit::Hold, ..at_most(LimitKind::Disables, 1) }).await;
    disable_three(&world);
    approve_beforehand(&mut world.store, "acme", &["ann".into()], &[]).unwrap();
    assert_eq!(world.sync_well().await.users.disabled, 0);
    approve_beforehand(&mut world.store, "acme", &["bob".into()], &[]).unwrap();
    let report = world.sync_well().await;
    assert_eq!((report.outcome, report.users.disabled), (Outcome::Done, 3));
    assert_eq!(report.approved, ["user ann", "user bob"]);
}

/// As after a plan from a file: the mirror is not of the reading that was approved.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_at_the_provider_after_an_approval_is_taken_back_here() {
    let mut world = synced(Safety { on_limit: OnLimit::Hold, ..at_most(LimitKind::Disables, 0) }).await;
    world.change(|organisation| organisation.user("ann").active = false);
    world.sync_well().await;
    approving(&mut world, 2, false).unwrap();
    assert!(!world.shown().0["ann"]);
    world.change(|organisation| organisation.user("ann").active = true);
    assert_eq!(world.sync_well().await.users.enabled, 1);
}

/// "patterns in protect lists"
#[tokio::test(flavor = "multi_thread")]
async fn groups_are_protected_by_pattern_and_by_condition() {
    let safety = Safety {
        protect_groups: vec![NamePattern::new("g*")],
        protect_groups_when: vec![GroupCondition::parse("name == 'h'").unwrap()],
        ..at_most(LimitKind::Disables, 100)
    };
    let mut world = synced(safety).await;
    world.change(|organisation| {
        organisation.add_group("i", "i", &["dee"]);
    });
    world.sync_well().await;
    world.change(|organisation| {
        for id in ["g", "h", "i"] {
            organisation.set_members(id, crate::model::Members::Some(vec![]));
        }
    });
    let report = world.sync_well().await;
    let groups = world.shown().1;
    assert_eq!((groups["g"].len(), groups["h"].len(), groups["i"].len()), (2, 1, 0));
    assert_eq!(
        report.protected[1],
        "group h keeps its members: that it has none is forbidden by name == 'h'"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Never more than the limit without a person; and with one, what a run without limits would have made.
    #[test]
    fn withheld_and_applied_are_what_was_planned(
        active in prop::collection::vec(any::<bool>(), 6),
        renamed in prop::collection::vec(0..8usize, 6),
        members in prop::collection::vec(any::<bool>(), 12),
        limit in 0..4u64,
        hold in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap();
        runtime.block_on(async {
            let mut safety = at_most(LimitKind::Disables, limit);
            for kind in [LimitKind::Renames, LimitKind::Removals] {
                safety.bounds[kind as usize] = Bound { count: Some(limit), percent: None };
            }
            if hold {
                safety.on_limit = OnLimit::Hold;
            }
            let mut limited = synced(safety).await;
            let mut free = synced(at_most(LimitKind::Disables, 100)).await;
            for world in [&limited, &free] {
                world.change(|organisation| {
                    for (at, id) in PEOPLE.iter().enumerate() {
                        organisation.user(id).active = active[at];
                        let mut names: Vec<String> = (0..6).map(|at| PEOPLE[(at + 1) % 6].to_owned()).collect();
                        names.extend(["x".to_owned(), "y".to_owned()]);
                        // A rotation, a swap with a new name, or the name that they have.
                        let rotate = renamed[0] % 2 == 0;
                        let name = if rotate { names[at].clone() } else { PEOPLE[at].to_owned() };
                        organisation.user(id).username = if renamed[at] == 7 { format!("{id}.b") } else { name };
                    }
                    for (group, at) in [("g", 0), ("h", 6)] {
                        let now = PEOPLE.iter().enumerate().filter(|(person, _)| members[at + person]);
                        let now = now.map(|(_, id)| (*id).to_owned()).collect();
                        organisation.set_members(group, crate::model::Members::Some(now));
                    }
                });
            }
            free.sync_well().await;
            let report = limited.sync_well().await;
            prop_assert!(report.users.disabled <= limit && report.users.renamed <= limit);
            prop_assert!(report.memberships.removed <= limit);
            if report.held.is_some() {
                approving(&mut limited, 2, false).unwrap();
            }
            prop_assert_eq!(limited.shown(), free.shown());
            prop_assert!(!limited.sync_well().await.changes_anything());
            Ok(())
        })?;
    }
}
