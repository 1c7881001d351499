//! Lists that hold less than they should. An empty list of users fails. A list that leaves some out can't be told from
//! one that they have left: they are reported as absent, and nobody is disabled or removed for it.

use std::collections::BTreeSet;

use serde_json::Value;

use super::case::{Bodies, Case, Ends, IMPATIENT, PATIENT, SMALL_SYNCED, assert_same, check};
use crate::support::{Directory, World, expected};

#[test]
fn an_empty_list_is_no_empty_company() {
    check(
        "faults-lists-empty",
        &[
            Case { rules: "empty-list where=users nth=1", ends: Ends::Failed },
            Case { rules: "empty-list", ends: Ends::Failed },
        ],
    );
}

#[test]
fn a_list_that_leaves_some_out_disables_nobody() {
    for (rule, absent) in [
        ("shrunken-list where=users share=0.3", "users"),
        ("shrunken-list where=users share=0.9 nth=2", "users"),
        ("early-end where=users nth=1", "users"),
        ("shrunken-list where=groups share=0.5", "groups"),
        ("empty-list where=groups", "groups"),
    ] {
        let (world, before) = (SMALL_SYNCED.changed(Bodies::Gzip), &SMALL_SYNCED.directory);
        world.sim.add_fault(rule.parse().unwrap());
        world.configure(IMPATIENT);
        let ran = world.run(&["sync", "acme", "--json"]);
        let report = ran.json();
        assert!(report[absent]["absent"].as_u64() > Some(0), "{rule}: {report}");
        // So many missing trip the limit on the listing, so that somebody looks.
        let in_doubt = absent == "users" && report["users"]["absent"].as_u64() > Some(23);
        ran.exits(if in_doubt { 3 } else { 0 });
        world.sim.clear_faults();
        let after = world.directory();
        assert_nobody_lost(rule, &world, before, &after);
        assert_members_kept(rule, &world, before, &after);

        world.configure(PATIENT);
        world.sync();
        assert_same(rule, &world.directory(), &expected(&world.sim, before));
    }
}

/// Memberships do follow a list that holds less, as they follow people who leave; the next run brings them back.
#[test]
fn a_group_whose_list_leaves_some_out_loses_memberships_and_nothing_else() {
    let rule = "shrunken-list where=members group=hit share=0.4";
    let (world, before) = (SMALL_SYNCED.changed(Bodies::Gzip), &SMALL_SYNCED.directory);
    world.sim.add_fault(rule.parse().unwrap());
    let report = world.sync();
    assert!(report["memberships"]["removed"].as_u64() > Some(20), "{report}");
    assert_eq!((&report["users"]["disabled"], &report["users"]["absent"]), (&1.into(), &0.into()));
    world.sim.clear_faults();
    let (mut after, wanted) = (world.directory(), expected(&world.sim, before));
    let hit = world.group_id("hit");
    let left = after.members.insert(hit.clone(), wanted.members[&hit].clone()).unwrap();
    assert!(left.is_subset(&wanted.members[&hit]));
    assert_same(rule, &after, &wanted);
    world.sync();
    assert_same(rule, &world.directory(), &wanted);
}

/// Everybody and every group is still there, as it was or as the provider has it: so nobody is disabled whom the
/// provider has not disabled.
#[track_caller]
pub fn assert_nobody_lost(what: &str, world: &World, before: &Directory, after: &Directory) {
    let truth = expected(&world.sim, before);
    for (was, is, now) in
        [(&before.users, &after.users, &truth.users), (&before.groups, &after.groups, &truth.groups)]
    {
        for (id, entry) in was {
            let found: Option<&Value> = is.get(id);
            assert!(
                found == Some(entry) || found == now.get(id),
                "{what}\n{id}\n   was: {entry}\n found: {found:?}\n truth: {:?}",
                now.get(id)
            );
        }
    }
}

/// Who was a member and still is one at the provider is one here.
#[track_caller]
pub fn assert_members_kept(what: &str, world: &World, before: &Directory, after: &Directory) {
    let truth = expected(&world.sim, before);
    for (group, members) in &before.members {
        let stay: BTreeSet<_> = members.intersection(&truth.members[group]).collect();
        let lost = stay.into_iter().find(|id| !after.members[group].contains(*id));
        assert_eq!(lost, None, "{what}: lost their membership of {group}");
    }
}
