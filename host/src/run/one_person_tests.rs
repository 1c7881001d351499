//! A run of one person gives them what a full run would, and touches nobody and nothing else.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::error::RunError;
use super::one_person::Whom;
use super::testing::{Organisation, Shown, World};
use crate::directory::Store;

const PEOPLE: usize = 5;
const GROUPS: usize = 3;

/// What one person, and the members of the groups, are at some time.
#[derive(Debug, Clone)]
struct Moment {
    /// Whether each is there, has another name, is active.
    people: [(bool, bool, bool); PEOPLE],
    out_of_scope: [bool; PEOPLE],
    members: [[bool; PEOPLE]; GROUPS],
}

fn moment() -> impl Strategy<Value = Moment> {
    let people = any::<[(bool, bool, bool); PEOPLE]>();
    let scope = proptest::array::uniform5(prop::bool::weighted(0.1));
    let members = any::<[[bool; PEOPLE]; GROUPS]>();
    (people, scope, members).prop_map(|(mut people, mut out_of_scope, members)| {
        // A reading without a single user is never applied.
        (people[0].0, out_of_scope[0]) = (true, false);
        Moment { people, out_of_scope, members }
    })
}

fn id(person: usize) -> String {
    format!("u{person}")
}

impl Moment {
    fn organisation(&self) -> Organisation {
        let mut organisation = Organisation::default();
        for (person, (there, renamed, active)) in self.people.into_iter().enumerate() {
            if there {
                let name = if renamed { format!("new{person}") } else { format!("name{person}") };
                organisation.add_user(&id(person), &name).active = active;
            }
            if self.out_of_scope[person] {
                organisation.out_of_scope.insert(id(person));
            }
        }
        for (group, members) in self.members.iter().enumerate() {
            let members: Vec<String> =
                (0..PEOPLE).filter(|person| members[*person] && self.people[*person].0).map(id).collect();
            let members: Vec<&str> = members.iter().map(String::as_str).collect();
            organisation.add_group(&format!("g{group}"), &format!("group{group}"), &members);
        }
        organisation
    }
}

/// What is shown of one person, by either name: active or not, and the groups.
fn part(shown: &Shown, person: usize) -> (BTreeMap<String, bool>, Vec<String>) {
    let is = |name: &String| *name == format!("name{person}") || *name == format!("new{person}");
    let users = shown.0.iter().filter(|(name, _)| is(name));
    let groups = shown.1.iter().filter(|(_, members)| members.iter().any(is));
    (
        users.map(|(name, active)| (name.clone(), *active)).collect(),
        groups.map(|(name, _)| name.clone()).collect(),
    )
}

async fn check(before: Moment, after: Moment, who: usize, knows: bool) {
    let mut world = World::new(before.organisation());
    world.sync_well().await;
    let first = world.shown();
    world.change(|organisation| *organisation = after.organisation());
    let whom = Whom::find(world.store.read().unwrap().as_ref(), "acme", &id(who)).unwrap();
    let known = whom.id.is_some();
    assert!(known || !before.people[who].0 || before.out_of_scope[who]);
    let asked = if knows || !after.people[who].1 { id(who) } else { format!("new{who}") };
    world.job.person = Some(Whom { asked, ..whom });
    let ended = world.sync().await;
    match ended.error {
        None => assert_eq!(ended.report.mode, "user"),
        Some(RunError::Nobody { .. } | RunError::NotInScope { .. }) if !known => {}
        Some(error) => panic!("{error}"),
    }
    let second = world.shown();
    for other in (0..PEOPLE).filter(|person| *person != who) {
        assert_eq!(part(&first, other), part(&second, other), "nobody else changes");
    }
    assert_eq!(first.1.keys().collect::<Vec<_>>(), second.1.keys().collect::<Vec<_>>());
    world.job.person = None;
    let report = world.sync_well().await;
    let third = world.shown();
    assert_eq!(part(&second, who), part(&third, who), "a full run finds nothing left to do for them");
    let changes = world.changes(report.run.unwrap());
    let names = [format!("name{who} "), format!("new{who} ")];
    assert!(!changes.iter().any(|change| names.iter().any(|name| change.contains(name))), "{changes:?}");
    let again = world.sync_well().await;
    assert!(!again.changes_anything(), "{again:?}");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

    #[test]
    fn one_person_becomes_what_a_full_run_would_make_of_them(
        before in moment(),
        after in moment(),
        who in 0..PEOPLE,
        knows in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
        runtime.block_on(check(before, after, who, knows));
    }
}
