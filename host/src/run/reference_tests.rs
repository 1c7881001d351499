use std::sync::Arc;

use serde_json::json;

use super::testing::{Organisation, World};
use crate::directory::Store;
use crate::model::{Attribute, Group, GroupVerdict, Person, ReferenceRule, Value, Verdict};
use crate::plugin::{CallError, Identity, Transform};

/// Keeps those who are active.
struct Staff(Identity);

impl Transform for Staff {
    fn identity(&self) -> &Identity {
        &self.0
    }

    fn shape_groups(&self, groups: &[Group]) -> Result<Vec<GroupVerdict>, CallError> {
        Ok(groups.iter().cloned().map(GroupVerdict::Keep).collect())
    }

    fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
        let verdict = |person: &Person| match person.user.active {
            true => Verdict::Keep(person.clone()),
            false => Verdict::Drop("not active".into()),
        };
        Ok(people.iter().map(verdict).collect())
    }
}

/// `person → whom they name as their boss`, by that key.
fn world(people: &[(&str, &str)], key: &str) -> World {
    let mut organisation = Organisation::default();
    for (id, _) in people {
        organisation.add_user(id, id);
    }
    let staff = Identity { name: "staff".into(), version: "1.0.0".into(), sha256: "1".repeat(64) };
    let mut world = World::shaped_by(organisation, vec![Arc::new(Staff(staff))]);
    let rule = ReferenceRule { attribute: "boss".into(), key: key.into(), name: "manager".into() };
    world.job.references = vec![rule];
    people.iter().for_each(|(id, boss)| refer(&world, id, boss));
    world
}

fn set(world: &World, id: &str, name: &str, value: &str) {
    world.change(|organisation| {
        let attributes = &mut organisation.user(id).attributes;
        attributes.retain(|attribute| attribute.name != name);
        attributes.extend((!value.is_empty()).then(|| Attribute::new(name, value)));
    });
}

fn refer(world: &World, id: &str, boss: &str) {
    set(world, id, "boss", boss);
}

/// The user name of the person's manager.
fn manager(world: &mut World, name: &str) -> Option<String> {
    let reader = world.store.read().unwrap();
    let entry = reader.user_by_name(name).unwrap().expect("a user of that name");
    let key = entry.attributes.into_iter().find(|attribute| attribute.name == "manager")?.value;
    let Value::Integer(key) = key else { panic!("{key:?} is no key") };
    let key = crate::directory::UserKey(u32::try_from(key).unwrap());
    Some(reader.user(key).unwrap().expect("nobody refers to an entry that is not there").user_name)
}

async fn nothing_more_to_do(world: &mut World) {
    let report = world.sync_well().await;
    assert!(!report.changes_anything(), "{report:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn people_follow_when_their_manager_comes_goes_and_changes() {
    // A cycle, somebody who is their own manager, and one who comes later than those who refer to her.
    let mut world = world(&[("ann", "bob"), ("bob", "ann"), ("cy", "cy"), ("di", "zoe"), ("ed", "")], "id");
    let report = world.sync_well().await;
    let of = |world: &mut World| ["ann", "bob", "cy", "di", "ed"].map(|name| manager(world, name));
    let some = |name: &str| Some(name.to_owned());
    assert_eq!(of(&mut world), [some("bob"), some("ann"), some("cy"), None, None]);
    let counts = &report.references[0];
    assert_eq!((counts.found, counts.unresolved), (3, 1));
    let listed = &counts.listed[0];
    assert_eq!((listed.user.as_str(), listed.value.as_str(), listed.why.as_str()), ("di", "zoe", "nobody"));
    assert!(report.problems.is_empty(), "a reference to nobody is no problem");
    nothing_more_to_do(&mut world).await;

    world.change(|organisation| {
        organisation.add_user("zoe", "zoe");
    });
    let report = world.sync_well().await;
    assert_eq!((report.users.created, report.users.updated), (1, 1), "di follows, whom nothing else changed");
    assert_eq!(manager(&mut world, "di"), some("zoe"));
    nothing_more_to_do(&mut world).await;

    refer(&world, "di", "ann");
    refer(&world, "cy", "");
    world.change(|organisation| {
        organisation.users.remove("bob");
    });
    world.sync_well().await;
    assert_eq!(manager(&mut world, "di"), some("ann"));
    assert_eq!((manager(&mut world, "cy"), manager(&mut world, "ann")), (None, None));
    nothing_more_to_do(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn renaming_a_manager_changes_nobody_else() {
    let mut world = world(&[("ann", "bob"), ("bob", "")], "id");
    world.sync_well().await;
    world.change(|organisation| organisation.user("bob").username = "robert".into());
    let report = world.sync_well().await;
    assert_eq!((report.users.renamed, report.users.updated), (1, 0));
    assert_eq!(manager(&mut world, "ann").as_deref(), Some("robert"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_refers_to_someone_whom_rules_leave_out() {
    let mut world = world(&[("ann", "bob"), ("bob", "")], "id");
    world.change(|organisation| organisation.user("bob").active = false);
    let report = world.sync_well().await;
    assert_eq!(manager(&mut world, "ann"), None);
    assert_eq!(report.references[0].listed[0].why, "left-out");
    nothing_more_to_do(&mut world).await;

    world.change(|organisation| organisation.user("bob").active = true);
    let report = world.sync_well().await;
    assert_eq!((report.users.created, report.users.updated), (1, 1));
    assert_eq!(manager(&mut world, "ann").as_deref(), Some("bob"));
    assert_eq!(world.changes(3).len(), 2, "{:?}", world.changes(3));
    nothing_more_to_do(&mut world).await;

    // Now with an entry in the directory.
    world.change(|organisation| organisation.user("bob").active = false);
    let report = world.sync_well().await;
    assert_eq!(report.users.updated, 1);
    assert_eq!(manager(&mut world, "ann"), None);
    nothing_more_to_do(&mut world).await;
    nothing_more_to_do(&mut world).await;
    world.change(|organisation| organisation.user("bob").active = true);
    world.sync_well().await;
    assert_eq!(manager(&mut world, "ann").as_deref(), Some("bob"));
    nothing_more_to_do(&mut world).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_manager_who_gets_no_name_is_nobody_s_manager() {
    let mut world = world(&[("ann", "bob"), ("ben", ""), ("bob", "")], "id");
    world.change(|organisation| organisation.user("bob").username = "BEN".into());
    let ended = world.sync().await;
    assert_eq!(ended.report.references[0].listed[0].why, "left-out");
    assert_eq!(manager(&mut world, "ann"), None);
    world.change(|organisation| organisation.user("bob").username = "bob".into());
    world.sync_well().await;
    assert_eq!(manager(&mut world, "ann").as_deref(), Some("bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manager_who_cannot_be_read_stays_the_manager() {
    let mut world = world(&[("ann", "17"), ("bob", "")], "number");
    set(&world, "bob", "number", "17");
    world.sync_well().await;
    assert_eq!(manager(&mut world, "ann").as_deref(), Some("bob"));
    world.change(|organisation| {
        organisation.unreadable.insert("bob".into());
    });
    let ended = world.sync().await;
    assert!(!ended.report.changes_anything(), "{:?}", ended.report);
    assert_eq!(manager(&mut world, "ann").as_deref(), Some("bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_two_people_have_means_neither() {
    let mut world = world(&[("ann", "17"), ("bob", ""), ("cy", "")], "number");
    set(&world, "bob", "number", "17");
    set(&world, "cy", "number", "17");
    let report = world.sync_well().await;
    assert_eq!(manager(&mut world, "ann"), None);
    assert_eq!(report.references[0].listed[0].why, "several");
    set(&world, "cy", "number", "18");
    world.sync_well().await;
    assert_eq!(manager(&mut world, "ann").as_deref(), Some("bob"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reference_that_is_no_longer_wanted_goes() {
    let mut world = world(&[("ann", "bob"), ("bob", "")], "id");
    world.sync_well().await;
    world.job.references.clear();
    let report = world.sync_well().await;
    assert_eq!((report.users.updated, report.references.len()), (1, 0));
    assert_eq!(manager(&mut world, "ann"), None);
    assert_eq!(world.changes(2).len(), 1);
    assert_eq!(json!(report)["references"], json!(null), "nothing is told where there are none");
}
