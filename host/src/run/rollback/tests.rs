use std::fmt::Write;

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;
use tokio_util::sync::CancellationToken;

use super::{Rollback, RollbackError, Undone, undo};
use crate::directory::RunId;
use crate::model::Members;
use crate::run::cleanup::{Cleanup, GroupCleanup, MembershipCleanup, UserCleanup};
use crate::run::conflicts::{Conflicts, GroupConflict, Precedence, UserConflict};
use crate::run::report::Outcome;
use crate::run::safety::tests::approving;
use crate::run::safety::{Bound, LimitKind, Safety};
use crate::run::testing::{Organisation, Rival, World};

const PEOPLE: [&str; 5] = ["ann", "bob", "cy", "dee", "eve"];
const GROUPS: [&str; 3] = ["g", "h", "i"];

fn unlimited() -> Safety {
    Safety { bounds: [Bound::NONE; LimitKind::ALL.len()], ..Safety::default() }
}

/// What an organisation has, by places in [`PEOPLE`] and [`GROUPS`].
#[derive(Debug, Clone)]
struct State {
    /// Present, active, place of the name, place of the display name.
    people: Vec<(bool, bool, usize, usize)>,
    /// Present, place of the name, members.
    groups: Vec<(bool, usize, Vec<bool>)>,
}

/// With `renames` names move between people and groups.
fn state(renames: bool) -> impl Strategy<Value = State> {
    let names = move |number: usize| {
        let names: Vec<usize> = (0..number).collect();
        match renames {
            true => Just(names).prop_shuffle().boxed(),
            false => Just(names).boxed(),
        }
    };
    let person = (prop::bool::weighted(0.8), prop::bool::weighted(0.7), 0..3usize);
    let people = prop::collection::vec(person, PEOPLE.len());
    let group = (prop::bool::weighted(0.8), prop::collection::vec(any::<bool>(), PEOPLE.len()));
    let groups = prop::collection::vec(group, GROUPS.len());
    (people, names(PEOPLE.len()), groups, names(GROUPS.len())).prop_map(
        |(people, names, groups, group_names)| {
            let people = people.into_iter().zip(names);
            let groups = groups.into_iter().zip(group_names);
            State {
                people: people.map(|((here, active, shown), name)| (here, active, name, shown)).collect(),
                groups: groups.map(|((here, members), name)| (here, name, members)).collect(),
            }
        },
    )
}

impl State {
    /// `mark` tells the ids of one organisation from another's.
    fn organisation(&self, mark: &str) -> Organisation {
        let mut organisation = Organisation::default();
        // A reading without anybody is never applied.
        organisation.add_user(&format!("{mark}-root"), &format!("{mark}-root"));
        for (at, (here, active, name, shown)) in self.people.iter().enumerate() {
            if *here {
                let user = organisation.add_user(&format!("{mark}-{}", PEOPLE[at]), PEOPLE[*name]);
                user.active = *active;
                user.display_name = (*shown > 0).then(|| format!("shown {shown}"));
            }
        }
        for (at, (here, name, members)) in self.groups.iter().enumerate() {
            if *here {
                let members = members.iter().enumerate().filter(|(_, member)| **member);
                let members: Vec<String> = members.map(|(at, _)| format!("{mark}-{}", PEOPLE[at])).collect();
                organisation.add_group(&format!("{mark}-{}", GROUPS[at]), GROUPS[*name], &[]);
                organisation.set_members(&format!("{mark}-{}", GROUPS[at]), Members::Some(members));
            }
        }
        organisation
    }
}

/// `acme` above `hr`, which share names.
fn two(cleanup: &Cleanup) -> (World, Rival) {
    let mut world = World::new(Organisation::default());
    let mut rival = world.rival("hr", Organisation::default());
    let precedence = Precedence::new(&["acme".to_owned(), "hr".to_owned()]);
    for job in [&mut world.job, &mut rival.job] {
        job.precedence = precedence.clone();
        job.policy.safety = unlimited();
        job.policy.cleanup = cleanup.clone();
        job.policy.conflicts =
            Conflicts { users: UserConflict::Adopt, groups: GroupConflict::Adopt, ..Conflicts::default() };
    }
    (world, rival)
}

fn connection(world: &World) -> Connection {
    let work = world.job.work.path().to_str().unwrap();
    Connection::open(work.strip_suffix(".work").unwrap()).unwrap()
}

/// Every row of what applications see, and of what decides whose it is, byte for byte; and the pauses.
fn everything(world: &World) -> String {
    let connection = connection(world);
    let mut all = String::new();
    for query in [
        "SELECT * FROM directory_user ORDER BY key",
        "SELECT * FROM directory_group ORDER BY key",
        // That nobody is a member is told by no row or by an empty one.
        "SELECT * FROM directory_membership WHERE length(members) > 8 ORDER BY \"group\", connector",
        "SELECT * FROM entry_alias ORDER BY entry, connector, id",
        "SELECT * FROM kept ORDER BY user, name",
        "SELECT connector, run FROM pause ORDER BY connector",
    ] {
        let mut statement = connection.prepare(query).unwrap();
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        writeln!(all, "{query}").unwrap();
        while let Some(row) = rows.next().unwrap() {
            let values: Vec<Value> = (0..columns).map(|at| row.get(at).unwrap()).collect();
            writeln!(all, "  {values:?}").unwrap();
        }
    }
    all
}

fn rolling_back(world: &mut World, connector: &str, run: i64, merge: bool) -> Result<Undone, RollbackError> {
    let rollback = Rollback {
        connector,
        run: RunId(run),
        only: &[],
        merge,
        override_limits: false,
        safety: &world.job.policy.safety,
        work: &world.job.work,
        cancel: &CancellationToken::new(),
    };
    undo(&rollback, &mut world.store)
}

fn cleanup(users: UserCleanup) -> Cleanup {
    Cleanup {
        users,
        groups: GroupCleanup::Delete,
        memberships: MembershipCleanup::Remove,
        ..Cleanup::default()
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Whatever a run did, undoing it leaves the directory as it was, and undoing that as the run left it. What the run
    /// did is planned again, held, and made again by an approval.
    #[test]
    fn the_last_run_is_undone_byte_for_byte_and_so_is_its_undoing(
        states in prop::collection::vec((state(true), any::<bool>()), 2..4),
        users in prop::sample::select(vec![UserCleanup::Disable, UserCleanup::Delete, UserCleanup::Anonymize]),
    ) {
        runtime().block_on(async {
            let (mut world, rival) = two(&cleanup(users));
            let mut before = everything(&world);
            let mut last = None;
            for (state, of_rival) in &states {
                before = everything(&world);
                let report = match of_rival {
                    true => {
                        rival.change(|organisation| *organisation = state.organisation("hr"));
                        world.sync_rival_well(&rival).await
                    }
                    false => {
                        world.change(|organisation| *organisation = state.organisation("acme"));
                        world.sync_well().await
                    }
                };
                last = Some((report, *of_rival));
            }
            let (report, of_rival) = last.unwrap();
            let name = if of_rival { "hr" } else { "acme" };
            let run = report.run.unwrap();
            let after = everything(&world);
            if !report.changes_anything() {
                let error = rolling_back(&mut world, name, run, false).err().unwrap();
                prop_assert!(matches!(error, RollbackError::ChangedNothing { .. }), "{error}");
                return Ok(());
            }
            let undone = rolling_back(&mut world, name, run, false).map_err(|error| {
                TestCaseError::fail(format!("{error}: {:?}", error.stays()))
            })?;
            let first = undone.report.run.unwrap();
            let pause = |text: &str| text.split("SELECT connector, run").next().unwrap().to_owned();
            prop_assert_eq!(pause(&everything(&world)), pause(&before));
            let error = rolling_back(&mut world, name, run, false).err().unwrap();
            prop_assert!(matches!(error, RollbackError::Undone { by, .. } if by == first), "{error}");
            rolling_back(&mut world, name, first, false).map_err(|error| {
                TestCaseError::fail(format!("again {error}: {:?}", error.stays()))
            })?;
            prop_assert_eq!(everything(&world), after.clone(), "the pause is over too");

            if !of_rival {
                rolling_back(&mut world, name, run, false).map_err(|error| TestCaseError::fail(error.to_string()))?;
                let held = world.sync_well().await;
                prop_assert_eq!(pause(&everything(&world)), pause(&before));
                if held.outcome == Outcome::Held {
                    approving(&mut world, held.run.unwrap(), false).unwrap();
                }
            }
            Ok(())
        })?;
    }
}
