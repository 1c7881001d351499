//! Local runs on a real store.

use proptest::prelude::*;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;

use super::*;
use crate::directory::{
    Change, ChangeKind, EntryKind, GroupEntry, GroupFilter, GroupKey, LOCAL, RunId, SqliteStore, Store,
    UserEntry, UserFilter, UserKey,
};
use crate::model::{Attribute, User, Value};
use crate::run::WorkFolder;

/// A directory in a folder of its own.
struct Place {
    folder: TempDir,
    store: SqliteStore,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = SqliteStore::open(&folder.path().join("x.db")).unwrap();
        Self { folder, store }
    }

    fn change(
        &mut self,
        edit: impl FnOnce(&mut Draft<'_>) -> Result<(), LocalError>,
    ) -> Result<LocalPlan, LocalError> {
        let work = WorkFolder::beside(&self.folder.path().join("x.db")).unwrap();
        change(&Site { work: &work, cancel: &CancellationToken::new() }, &mut self.store, edit)
    }

    fn import(&mut self, text: &str) -> LocalPlan {
        let table = read_table(text.as_bytes()).unwrap();
        self.change(|draft| {
            assert_eq!(import(draft, &table)?, []);
            Ok(())
        })
        .unwrap()
    }

    /// What the connector `acme` gave: a user in a group.
    fn sync(&mut self) -> (UserKey, GroupKey) {
        let connector = self.store.connector("acme").unwrap();
        let counters = self.store.read().unwrap().counters().unwrap();
        let (user, group) = (UserKey(counters.user), GroupKey(counters.group));
        let record = User {
            id: "00u1".into(),
            username: "Ann".into(),
            email: Some("ann@acme.example".into()),
            active: true,
            attributes: vec![
                Attribute::new("flag", true),
                Attribute::new("profile.level", 3),
                Attribute { name: "tags".into(), value: Value::Texts(vec!["a".into()]) },
            ],
            ..User::default()
        };
        let mut counters = counters;
        (counters.user, counters.group) = (user.0 + 1, group.0 + 1);
        let mut writer = self.store.write().unwrap();
        writer.set_counters(counters).unwrap();
        writer.create_user(connector, &UserEntry::from_user(user, "acme", record)).unwrap();
        let record = crate::model::Group { id: "00g1".into(), name: "Sales".into(), ..Default::default() };
        writer.create_group(connector, &GroupEntry::from_group(group, "acme", record)).unwrap();
        writer.set_members(group, connector, &[user.0].into_iter().collect()).unwrap();
        writer.commit().unwrap();
        (user, group)
    }

    fn all(&mut self) -> (Vec<UserEntry>, Vec<(GroupEntry, Vec<u32>)>) {
        let reader = self.store.read().unwrap();
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        let mut all_groups = Vec::new();
        reader
            .users(&UserFilter::default(), &mut |user| {
                users.push(user);
                true
            })
            .unwrap();
        reader
            .groups(&GroupFilter::default(), &mut |group| {
                all_groups.push(group);
                true
            })
            .unwrap();
        for group in all_groups {
            let members = reader.members(group.key).unwrap().iter().collect();
            groups.push((group, members));
        }
        (users, groups)
    }

    fn user(&mut self, name: &str) -> UserEntry {
        self.store.read().unwrap().user_by_name(name).unwrap().unwrap_or_else(|| panic!("there is no {name}"))
    }

    fn changes(&mut self, run: i64) -> Vec<Change> {
        let mut changes = Vec::new();
        self.store
            .read()
            .unwrap()
            .changes(RunId(run), &mut |change| {
                changes.push(change);
                true
            })
            .unwrap();
        changes
    }
}

const ALL: &dyn Fn(&str, &str) -> bool = &|_, _| true;
const NONE: &dyn Fn(&str, &str) -> bool = &|_, _| false;

#[test]
fn an_import_makes_users_groups_and_memberships_and_is_kept() {
    let mut place = Place::new();
    let plan = place.import("userName,active,groups,phone\nann,true,Sales;Night,1\nbob,false,Sales,\n");
    let (users, groups) = place.all();
    assert_eq!(
        users.iter().map(|user| (user.user_name.as_str(), user.active)).collect::<Vec<_>>(),
        [("ann", true), ("bob", false)]
    );
    assert!(
        users
            .iter()
            .all(|user| user.connector == LOCAL && user.external_id == format!("local-{}", user.key.0))
    );
    assert_eq!(users[0].attributes, [Attribute::new("phone", "1")]);
    let groups: Vec<(&str, usize)> =
        groups.iter().map(|(group, members)| (group.name.as_str(), members.len())).collect();
    assert_eq!(groups, [("Sales", 2), ("Night", 1)]);
    let kept = place.changes(plan.report.run.unwrap());
    assert_eq!(kept, plan.changes);
    assert_eq!(kept.iter().filter(|change| change.entry == EntryKind::User).count(), 2);
    let row = place.store.read().unwrap().run(RunId(1)).unwrap().unwrap();
    assert_eq!((row.connector.as_str(), row.mode.as_str(), row.outcome.as_str()), ("local", "local", "done"));
}

#[test]
fn a_later_import_brings_its_rows_in_step_and_leaves_everybody_else_and_every_other_column() {
    let mut place = Place::new();
    place.import("userName,email,groups,phone\nann,a@b.c,Sales;Night,1\nbob,b@b.c,Sales,2\n");
    let bob = place.user("bob");
    let plan = place.import("userName,phone,groups\nAnn,,Day\n");
    let ann = place.user("ann");
    assert_eq!(
        (ann.user_name.as_str(), ann.email.as_deref(), ann.attributes.len()),
        ("Ann", Some("a@b.c"), 0)
    );
    assert_eq!(place.user("bob"), bob);
    let (_, groups) = place.all();
    let groups: Vec<(&str, &[u32])> =
        groups.iter().map(|(group, members)| (group.name.as_str(), &members[..])).collect();
    assert_eq!(groups, [("Sales", &[bob.key.0][..]), ("Night", &[]), ("Day", &[ann.key.0])]);
    let kinds: Vec<ChangeKind> = plan.changes.iter().map(|change| change.kind).collect();
    assert_eq!(kinds, [ChangeKind::Rename, ChangeKind::Update, ChangeKind::Create]);
    place.import("userName,phone\nann,3\n");
    let (_, groups) = place.all();
    assert_eq!(groups[2].1, [ann.key.0], "without the column memberships are left alone");
}

#[test]
fn names_of_connectors_are_told_all_at_once_and_nothing_is_written() {
    let mut place = Place::new();
    place.sync();
    let before = place.all();
    let table = read_table(b"userName,groups\nANN,\nnew,sales;Own\n").unwrap();
    let mut taken = Vec::new();
    let plan = foresee(&mut place.store, |draft| -> Result<(), LocalError> {
        taken = import(draft, &table)?;
        Ok(())
    })
    .unwrap();
    let told: Vec<String> = taken.iter().map(ToString::to_string).collect();
    assert_eq!(told.len(), 2);
    assert!(
        told[0].starts_with(
            "line 2, column userName: the user name \"ANN\" belongs to user \"Ann\" (00u1, connector acme)"
        ),
        "{told:?}"
    );
    assert!(
        told[1].starts_with(
            "line 3, column groups: the group name \"sales\" belongs to group \"Sales\" (connector acme)"
        ),
        "{told:?}"
    );
    assert_eq!(plan.changes.len(), 2, "the user and the group that could be made");
    assert_eq!(place.all(), before);
    assert!(place.store.read().unwrap().runs(None, 9).unwrap().is_empty());
}

#[test]
fn what_is_set_on_a_connectors_user_is_kept_and_known() {
    let mut place = Place::new();
    let (ann, _) = place.sync();
    let refused = place.change(|draft| set(draft, ann, "email", "x@y.z", NONE)).err().unwrap();
    assert!(matches!(refused, LocalError::NotKept { .. }), "{refused}");
    assert!(place.store.read().unwrap().runs(None, 9).unwrap().is_empty(), "a refusal is no run");
    place.change(|draft| set(draft, ann, "LEVEL", "4", ALL)).unwrap();
    place.change(|draft| set(draft, ann, "flag", "False", ALL)).unwrap();
    place.change(|draft| set(draft, ann, "tags", "b; c", ALL)).unwrap();
    let entry = place.user("ann");
    assert_eq!(
        entry.attributes.iter().map(|attribute| attribute.value.clone()).collect::<Vec<_>>(),
        [Value::Boolean(false), Value::Integer(4), Value::Texts(vec!["b".into(), "c".into()])]
    );
    assert_eq!(entry.connector, "acme");
    let kept = |place: &mut Place| place.store.read().unwrap().kept_of(ann).unwrap();
    assert_eq!(kept(&mut place), ["flag", "profile.level", "tags"]);
    for (name, value) in [("level", "four"), ("flag", "yes")] {
        let refused = place.change(|draft| set(draft, ann, name, value, ALL)).err().unwrap();
        assert!(matches!(refused, LocalError::Value { .. }), "{refused}");
    }
    let plan = place.change(|draft| unset(draft, ann, "level")).unwrap();
    assert_eq!((plan.changes.len(), plan.report.notices.len()), (0, 1));
    assert_eq!(kept(&mut place), ["flag", "tags"]);
    let refused = place.change(|draft| unset(draft, ann, "level")).err().unwrap();
    assert!(matches!(refused, LocalError::NotSet { .. }), "{refused}");
}

#[test]
fn only_what_is_local_can_be_removed() {
    let mut place = Place::new();
    let (ann, sales) = place.sync();
    place.import("userName,groups\nbob,Own\n");
    let bob = place.user("bob").key;
    let own = place.all().1[1].0.key;
    place.change(|draft| add_members(draft, sales, &[bob, ann])).unwrap();
    assert_eq!(place.all().1[0].1, [ann.0, bob.0]);
    for refused in [
        place.change(|draft| remove(draft, ann)).err(),
        place.change(|draft| delete_group(draft, sales)).err(),
    ] {
        assert!(matches!(refused, Some(LocalError::NotLocal { .. })), "{refused:?}");
    }
    place.change(|draft| remove_members(draft, sales, &[ann])).unwrap();
    let plan = place.change(|draft| remove_members(draft, sales, &[ann])).unwrap();
    assert!(plan.report.notices[0].message.contains("a connector gave that membership"));
    assert_eq!(place.all().1[0].1, [ann.0, bob.0], "the connector gave hers, too");
    let plan = place.change(|draft| remove(draft, bob)).unwrap();
    assert_eq!(plan.report.memberships.removed, 2);
    assert_eq!(place.all().1[0].1, [ann.0]);
    place.change(|draft| delete_group(draft, own)).unwrap();
    assert_eq!(place.all().1.len(), 1);
    // Neither is used again.
    place.import("userName,groups\nbob,Own\n");
    assert!(place.user("bob").key > bob);
}

#[test]
fn a_name_that_somebody_has_is_refused_with_both_sides_named() {
    let mut place = Place::new();
    place.sync();
    place.import("userName\nbob\n");
    let bob = place.user("bob").key;
    let told = place.change(|draft| set(draft, bob, "userName", "ANN", NONE)).err().unwrap().to_string();
    assert_eq!(told, "the user name \"ANN\" belongs to user \"Ann\" (00u1, connector acme)");
    place.change(|draft| set(draft, bob, "username", "Bob", NONE)).unwrap();
    assert_eq!(place.user("bob").user_name, "Bob");
    let told = place.change(|draft| create_group(draft, "SALES")).err().unwrap().to_string();
    assert_eq!(told, "the group name \"SALES\" belongs to group \"Sales\" (connector acme)");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// And what a dry run tells is what happens.
    #[test]
    fn importing_twice_changes_nothing_the_second_time(
        rows in prop::collection::btree_map("[a-e]", ("[x-z]{0,2}", "[G-J]?;[G-J]?", any::<bool>()), 0..5),
        before in prop::collection::btree_map("[a-e]", "[G-J]?", 0..5),
    ) {
        let mut place = Place::new();
        let file = before.iter().map(|(name, groups)| format!("{name},{groups}\n")).collect::<String>();
        place.import(&format!("userName,groups\n{file}"));
        let file = rows.iter().map(|(name, (phone, groups, active))| format!("{name},{phone},{groups},{active}\n"));
        let file = format!("userName,phone,groups,active\n{}", file.collect::<String>());
        let table = read_table(file.as_bytes()).unwrap();
        let foreseen = foresee(&mut place.store, |draft| import(draft, &table).map(drop)).unwrap();
        let done = place.import(&file);
        prop_assert_eq!(&foreseen.changes, &done.changes);
        prop_assert_eq!(&foreseen.named_members, &done.named_members);
        let after = place.all();
        let again = place.import(&file);
        prop_assert!(again.changes.is_empty() && again.named_members.is_empty());
        prop_assert!(!again.report.changes_anything());
        prop_assert_eq!(again.report.memberships.unchanged, again.report.memberships.seen);
        prop_assert_eq!(place.all(), after);
    }
}
