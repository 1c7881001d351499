use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

use proptest::prelude::*;
use rusqlite::Connection;
use rusqlite::types::Value;
use tokio_util::sync::CancellationToken;

use super::{Rollback, RollbackError, Undone, undo};
use crate::directory::{RunId, Store, UserEntry, UserFilter};
use crate::model::Members;
use crate::run::cleanup::{Cleanup, GroupCleanup, MembershipCleanup, UserCleanup};
use crate::run::condition::PersonCondition;
use crate::run::conflicts::{Conflicts, GroupConflict, Precedence, UserConflict};
use crate::run::extent::Reads;
use crate::run::report::{Outcome, RunReport};
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

/// Syncs each state. Gives what there was before the last one, its report, and whether it is the rival's.
async fn play(world: &mut World, rival: &Rival, states: &[(State, bool)]) -> (String, RunReport, bool) {
    let mut last = None;
    for (state, of_rival) in states {
        let before = everything(world);
        let report = match of_rival {
            true => {
                rival.change(|organisation| *organisation = state.organisation("hr"));
                world.sync_rival_well(rival).await
            }
            false => {
                world.change(|organisation| *organisation = state.organisation("acme"));
                world.sync_well().await
            }
        };
        last = Some((before, report, *of_rival));
    }
    last.unwrap()
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
            let (before, report, of_rival) = play(&mut world, &rival, &states).await;
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
                // As if nobody had undone anything, under new keys where entries were deleted.
                let (mut other, rival) = two(&cleanup(users));
                play(&mut other, &rival, &states).await;
                other.sync_well().await;
                prop_assert_eq!(world.shown(), other.shown());
            }
            Ok(())
        })?;
    }
}

/// User name → fields, where names never move.
fn entries(world: &mut World) -> BTreeMap<String, UserEntry> {
    let mut found = BTreeMap::new();
    let reader = world.store.read().unwrap();
    let each = &mut |user: UserEntry| found.insert(user.user_name.clone(), user).is_none();
    reader.users(&UserFilter::default(), each).unwrap();
    found
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    /// Field by field: what the run did and nobody touched since goes back, everything else stays.
    #[test]
    fn an_earlier_run_is_undone_around_what_came_later(
        states in prop::collection::vec(state(false), 3),
        users in prop::sample::select(vec![UserCleanup::Disable, UserCleanup::Delete]),
    ) {
        runtime().block_on(async {
            let mut world = World::new(Organisation::default());
            world.job.policy.safety = unlimited();
            world.job.policy.cleanup = cleanup(users);
            let (mut people, mut shown) = (Vec::new(), Vec::new());
            for state in &states {
                world.change(|organisation| *organisation = state.organisation("acme"));
                world.sync_well().await;
                people.push(entries(&mut world));
                shown.push(world.shown());
            }
            let result = rolling_back(&mut world, "acme", 2, true);
            let now = entries(&mut world);
            let (first, second, third) = (&people[0], &people[1], &people[2]);
            let told: Vec<String> = match &result {
                Ok(undone) => undone.report.problems.iter().map(|problem| problem.line()).collect(),
                Err(error) => error.stays().to_vec(),
            };
            for name in PEOPLE.map(str::to_owned) {
                let [before, then, later] = [first, second, third].map(|people| people.get(&name));
                let found = now.get(&name);
                let same = |one: Option<&UserEntry>, other: Option<&UserEntry>| {
                    one.map(|entry| entry.key) == other.map(|entry| entry.key)
                };
                match (before, then, later) {
                    // The run neither made nor removed them, and nobody else did.
                    (Some(before), Some(then), Some(later)) if same(Some(before), Some(then)) && same(Some(then), Some(later)) => {
                        let found = found.unwrap();
                        let active = if later.active == then.active { before.active } else { later.active };
                        prop_assert_eq!(found.active, active, "{}", name);
                        let kept = later.display_name == then.display_name;
                        let shown = if kept { &before.display_name } else { &later.display_name };
                        prop_assert_eq!(&found.display_name, shown, "{}", name);
                        let third_thing = !kept && later.display_name != before.display_name && then.display_name != before.display_name;
                        prop_assert_eq!(third_thing, told.iter().any(|line| line.starts_with(&format!("user {name}: displayName"))), "{:?}", told);
                    }
                    // Made by the run, and as it was made: it goes, unless it came into a group since.
                    (None, Some(then), Some(later)) if then == later => {
                        let stays = told.iter().any(|line| line.starts_with(&format!("user {name}: it stays, because")));
                        let joined = shown[2].1.iter().any(|(group, members)| {
                            let earlier = shown[1].1.get(group);
                            members.contains(&name) && earlier.is_none_or(|members| !members.contains(&name))
                        });
                        prop_assert!(stays || !joined, "{} came into a group later: {:?}", name, told);
                        prop_assert_eq!(found.is_some(), stays);
                        if let Some(found) = found {
                            prop_assert_eq!(found, later);
                        }
                    }
                    (None, Some(then), Some(later)) if same(Some(then), Some(later)) => {
                        prop_assert_eq!(found, Some(later), "somebody built on it");
                    }
                    // Removed by the run, and nobody has the name since.
                    (Some(before), None, None) => prop_assert_eq!(found, Some(before)),
                    // Removed by the run and made anew since.
                    (Some(_), None, Some(later)) => prop_assert_eq!(found, Some(later)),
                    (_, _, later) => prop_assert_eq!(found, later, "nothing that the run did is left"),
                }
            }
            // Who was brought in or taken out by the run, and is so still, is not so any more.
            let groups = world.shown().1;
            for (name, members) in &groups {
                let [before, then, later] = [0, 1, 2].map(|at: usize| shown[at].1.get(name));
                let (Some(before), Some(then), Some(later)) = (before, then, later) else { continue };
                for person in now.keys().filter(|person| {
                    let keys = |at: usize| people[at].get(*person).map(|entry| entry.key);
                    keys(0).is_some() && keys(0) == keys(1) && keys(1) == keys(2)
                }) {
                    let is = |members: &BTreeSet<String>| members.contains(person);
                    let wanted = if is(later) == is(then) { is(before) } else { is(later) };
                    prop_assert_eq!(is(members), wanted, "{} in {}: {:?}", person, name, told);
                }
            }
            Ok(())
        })?;
    }
}

/// A name that was given to another meanwhile is not taken from them, also where they are changed themselves.
#[tokio::test(flavor = "multi_thread")]
async fn a_name_that_somebody_else_has_by_now_is_not_given_back() {
    let mut world = World::new(Organisation::with(&["ann", "bob"], &[]));
    world.job.policy.safety = unlimited();
    world.sync_well().await;
    world.change(|organisation| {
        organisation.user("ann").username = "x".into();
        organisation.user("bob").display_name = Some("Bob".into());
    });
    world.sync_well().await;
    world.change(|organisation| organisation.user("bob").username = "ann".into());
    world.sync_well().await;
    let error = rolling_back(&mut world, "acme", 2, false).err().unwrap();
    assert_eq!(error.stays(), ["user ann: another user has the name now"]);
    let undone = rolling_back(&mut world, "acme", 2, true).unwrap();
    assert_eq!(undone.report.outcome, Outcome::Problems);
    let now = entries(&mut world);
    assert_eq!(now.keys().collect::<Vec<_>>(), ["ann", "x"]);
    assert_eq!((&now["ann"].external_id, &now["ann"].display_name), (&"bob".to_owned(), &None));
}

/// Nobody is taken out of a group by undoing what made them, where they stay because they are protected.
#[tokio::test(flavor = "multi_thread")]
async fn who_is_protected_stays_with_all_that_they_have() {
    let mut world = World::new(Organisation::with(&["ann"], &[("g", &["ann"])]));
    world.job.policy.safety = unlimited();
    world.sync_well().await;
    world.change(|organisation| {
        organisation.add_user("bob", "bob");
        organisation.add_user("cy", "cy");
        organisation.set_members("g", Members::Some(["ann", "bob", "cy"].map(str::to_owned).into()));
    });
    world.sync_well().await;
    world.job.policy.safety.protect = vec![PersonCondition::parse("userName == 'bob'").unwrap()];
    let undone = rolling_back(&mut world, "acme", 2, false).unwrap();
    assert_eq!(undone.report.protected.len(), 1, "{:?}", undone.report.protected);
    assert_eq!(world.shown().1["g"], BTreeSet::from(["ann".to_owned(), "bob".to_owned()]));
}

/// A sync of changes that reads nothing new, after a rollback and after its pause, looks at everything.
#[tokio::test(flavor = "multi_thread")]
async fn a_quiet_increment_makes_again_what_was_undone_when_the_pause_is_over() {
    let mut world = World::new(Organisation::with(&["ann"], &[("g", &["ann"])]));
    world.job.policy.safety = unlimited();
    world.sync_well().await;
    world.change(|organisation| organisation.set_members("g", Members::Some(Vec::new())));
    world.sync_well().await;
    let after = world.shown();
    world.change(Organisation::mark);
    rolling_back(&mut world, "acme", 2, false).unwrap();
    world.job.reads = Reads::Changes;
    let held = world.sync_well().await;
    assert_eq!((held.mode.as_str(), held.outcome, held.memberships.held), ("changes", Outcome::Held, 1));
    let connector = world.store.connector("acme").unwrap();
    let mut writer = world.store.write().unwrap();
    writer.end_pause(connector).unwrap();
    writer.commit().unwrap();
    assert_eq!(world.sync_well().await.memberships.removed, 1);
    assert_eq!(world.shown(), after);
}
