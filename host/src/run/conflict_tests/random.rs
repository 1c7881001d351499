//! Whatever happens to two organisations in any order.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::support::{groups, make_local, two, users};
use crate::directory::{GroupEntry, LOCAL, UserEntry};
use crate::run::conflicts::{Conflicts, GroupConflict, UserConflict};
use crate::run::testing::Organisation;

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
