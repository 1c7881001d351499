use std::fs;
use std::path::PathBuf;

use tokio_util::sync::CancellationToken;

use super::{Applying, PlanFile, PlanFileError, PlanOut, apply, keep};
use crate::directory::Store;
use crate::http::{PluginUsed, Provenance};
use crate::model::Members;
use crate::run::RunError;
use crate::run::report::{Outcome, RunReport};
use crate::run::run::plan;
use crate::run::safety::{Bound, LimitKind, OnLimit};
use crate::run::testing::{Organisation, World};

const PEOPLE: [&str; 6] = ["ann", "bob", "cy", "dee", "eve", "fay"];

fn from() -> Provenance {
    Provenance {
        connector: "acme".into(),
        plugin: PluginUsed { name: "memory".into(), version: "1.0.0".into(), sha256: "0".repeat(64) },
        endpoint: "https://acme.example".into(),
        settings: "1".into(),
        transforms: "2".into(),
    }
}

async fn synced() -> World {
    let mut world = World::new(Organisation::with(&PEOPLE, &[("g", &["ann", "bob"]), ("h", &["cy"])]));
    world.job.policy.safety.bounds = [Bound::NONE; LimitKind::ALL.len()];
    world.sync_well().await;
    world
}

fn limit_disables(world: &mut World, count: u64) {
    world.job.policy.safety.bounds[LimitKind::Disables as usize] =
        Bound { count: Some(count), percent: None };
}

/// Creates, updates, renames onto each other's names, disables; memberships come and go.
fn change_a_lot(world: &World) {
    world.change(|organisation| {
        organisation.add_user("new", "new");
        organisation.add_group("i", "i", &["new", "dee"]);
        organisation.set_members("g", Members::Some(vec!["bob".into(), "new".into()]));
        organisation.user("ann").username = "bob".into();
        organisation.user("bob").username = "ann".into();
        organisation.user("dee").display_name = Some("Dee".into());
        for id in ["cy", "eve", "fay"] {
            organisation.user(id).active = false;
        }
    });
}

async fn kept(world: &mut World, name: &str) -> PathBuf {
    let path = world.job.work.path().parent().unwrap().join(name);
    let policy = world.job.policy.digest();
    let out = PlanOut { path: path.clone(), overwrite: false, from: from(), policy };
    plan(&world.job, &mut world.store, &mut |plan, reader, report| keep(&out, plan, reader, report))
        .await
        .unwrap();
    path
}

#[derive(Default, Clone, Copy)]
struct Asked {
    override_limits: bool,
    skip_changed: bool,
}

fn applied(world: &mut World, path: &std::path::Path, asked: Asked) -> Result<RunReport, RunError> {
    let Asked { override_limits, skip_changed } = asked;
    let applying = Applying {
        plan: PlanFile::open(path)?,
        from: &from(),
        policy: &world.job.policy,
        override_limits,
        skip_changed,
        work: &world.job.work,
        cancel: &CancellationToken::new(),
    };
    apply(applying, &mut world.store)
}

fn refused(world: &mut World, path: &std::path::Path) -> PlanFileError {
    match applied(world, path, Asked::default()) {
        Err(RunError::PlanFile(error)) => error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_plan_makes_what_a_sync_would_and_the_next_sync_changes_nothing() {
    let mut free = synced().await;
    change_a_lot(&free);
    let wanted = free.sync_well().await;
    for name in ["acme.plan", "acme.plan.gz"] {
        let mut world = synced().await;
        change_a_lot(&world);
        let path = kept(&mut world, name).await;
        assert_eq!(fs::read(&path).unwrap().starts_with(&[0x1f, 0x8b]), name.ends_with(".gz"));
        let report = applied(&mut world, &path, Asked::default()).unwrap();
        assert_eq!((report.outcome, report.run, report.mode.as_str()), (Outcome::Done, Some(2), "apply"));
        assert_eq!((&report.users, &report.groups), (&wanted.users, &wanted.groups));
        assert_eq!(report.memberships, wanted.memberships);
        assert_eq!(world.shown(), free.shown());
        assert_eq!(world.changes(2), free.changes(2), "as a run of its own, with before and after");
        let after = world.sync_well().await;
        assert_eq!((after.outcome, after.changes_anything()), (Outcome::Done, false));
        assert!(matches!(refused(&mut world, &path), PlanFileError::Applied { run: 2, .. }));
    }
}

/// The mirror holds what the provider said before: should it say that again, somebody has to see it.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_back_at_the_provider_after_an_apply_is_taken_back_here() {
    let mut world = synced().await;
    let before = world.shown();
    world.change(|organisation| organisation.user("cy").active = false);
    let path = kept(&mut world, "plan").await;
    applied(&mut world, &path, Asked::default()).unwrap();
    assert!(!world.shown().0["cy"]);
    world.change(|organisation| organisation.user("cy").active = true);
    assert_eq!(world.sync_well().await.users.enabled, 1);
    assert_eq!(world.shown(), before);
}

#[tokio::test(flavor = "multi_thread")]
async fn over_a_limit_it_holds_what_a_sync_would_hold_and_approve_or_an_override_makes_the_rest() {
    let mut free = synced().await;
    change_a_lot(&free);
    free.sync_well().await;
    for on_limit in [OnLimit::Withhold, OnLimit::Hold] {
        for override_limits in [false, true] {
            let mut world = synced().await;
            limit_disables(&mut world, 2);
            world.job.policy.safety.on_limit = on_limit;
            change_a_lot(&world);
            let before = world.shown();
            let path = kept(&mut world, "plan").await;
            let report = applied(&mut world, &path, Asked { override_limits, skip_changed: false }).unwrap();
            if override_limits {
                assert_eq!((report.outcome, report.users.disabled), (Outcome::Done, 3));
                assert_eq!(report.overridden, ["would disable 3 of 6 people, over the limit of 2"]);
                assert_eq!(report.held, None);
            } else {
                assert_eq!((report.outcome, report.users.disabled), (Outcome::Held, 0));
                assert_eq!(world.shown() == before, on_limit == OnLimit::Hold);
                let held = world.store.read().unwrap().holding_runs(Some("acme")).unwrap();
                assert_eq!(held.iter().map(|run| run.0).collect::<Vec<_>>(), [2]);
                crate::run::safety::tests::approving(&mut world, 2, false).unwrap();
            }
            assert_eq!(world.shown(), free.shown());
            assert!(!world.sync_well().await.changes_anything());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn each_change_that_no_longer_fits_is_named_and_the_rest_can_be_applied() {
    let mut world = synced().await;
    world.change(|organisation| organisation.user("ann").active = false);
    let first = kept(&mut world, "first").await;
    world.change(|organisation| {
        organisation.user("bob").active = false;
        organisation.add_user("new", "new");
    });
    let second = kept(&mut world, "second").await;
    applied(&mut world, &first, Asked::default()).unwrap();
    let error = refused(&mut world, &second);
    assert_eq!(
        error.to_string(),
        format!("1 change of {} no longer fits: nothing was applied", second.display())
    );
    assert_eq!(error.changed(), ["user ann: active is false now, and was true when the change was planned"]);
    assert!(world.shown().0["bob"]);
    let report = applied(&mut world, &second, Asked { skip_changed: true, ..Asked::default() }).unwrap();
    assert_eq!((report.outcome, report.users.disabled, report.users.created), (Outcome::Problems, 1, 1));
    assert!(!world.sync_well().await.changes_anything());
}

/// Two plans made from one directory give new entries the same keys.
#[tokio::test(flavor = "multi_thread")]
async fn new_entries_get_keys_when_they_are_made() {
    let mut world = synced().await;
    world.change(|organisation| {
        organisation.add_user("x", "x");
        organisation.add_group("gx", "gx", &["x", "ann"]);
    });
    let first = kept(&mut world, "first").await;
    world.change(|organisation| {
        organisation.users.remove("x");
        organisation.groups.remove("gx");
        organisation.add_user("y", "y");
        organisation.add_group("gy", "gy", &["y", "bob"]);
    });
    let second = kept(&mut world, "second").await;
    applied(&mut world, &first, Asked::default()).unwrap();
    applied(&mut world, &second, Asked::default()).unwrap();
    let (_, groups) = world.shown();
    let members = |name: &str| groups[name].iter().map(String::as_str).collect::<Vec<_>>();
    assert_eq!((members("gx"), members("gy")), (vec!["ann", "x"], vec!["bob", "y"]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plan_is_for_one_directory_one_connector_as_it_is_and_not_after_a_later_reading() {
    let mut world = synced().await;
    world.change(|organisation| organisation.user("cy").active = false);
    let path = kept(&mut world, "plan").await;

    let mut other = synced().await;
    assert!(matches!(refused(&mut other, &path), PlanFileError::Directory { .. }));

    limit_disables(&mut world, 7);
    let error = refused(&mut world, &path).to_string();
    assert!(error.ends_with("had another set of limits or of what is to become of entries"), "{error}");
    world.job.policy.safety.bounds = [Bound::NONE; LimitKind::ALL.len()];

    world.change(|organisation| organisation.user("cy").active = true);
    world.sync_well().await;
    let error = refused(&mut world, &path);
    assert!(matches!(error, PlanFileError::Outdated { run: 2, .. }), "{error}");
    assert!(world.shown().0["cy"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_file_is_no_plan() {
    let mut world = synced().await;
    change_a_lot(&world);
    let path = kept(&mut world, "plan").await;
    let whole = fs::read_to_string(&path).unwrap();
    let told = |text: &str| {
        fs::write(&path, text).unwrap();
        let error = PlanFile::open(&path).unwrap_err();
        assert!(error.hint().is_some());
        error.to_string().replace(&path.display().to_string(), "FILE")
    };
    assert_eq!(told(""), "FILE is no plan");
    assert_eq!(told("{\"header\":{}}\n"), "FILE is no plan");
    assert_eq!(told(&whole[..40]), "FILE is incomplete: its end is missing");
    let lines: Vec<&str> = whole.split_inclusive('\n').collect();
    for cut in [1, lines.len() - 1] {
        assert_eq!(told(&lines[..cut].concat()), "FILE is incomplete: its end is missing", "{cut}");
    }
    assert_eq!(told(&whole[..whole.len() - 1]), "FILE is incomplete: its end is missing");
    let changed = "FILE is not as it was made: its checksum is wrong";
    assert_eq!(told(&whole.replace("Dee", "Eve")), changed);
    assert_eq!(told(&[&lines[..1], &lines[2..]].concat().concat()), changed);
    assert_eq!(told(&format!("{whole}\n")), changed);
    assert_eq!(
        told(&whole.replacen(
            "\"format\":1,\"rollcall\":\"0.1.0\"",
            "\"format\":2,\"rollcall\":\"9.0.0\"",
            1
        )),
        "FILE was made by rollcall 9.0.0 in format 2, and this one knows format 1"
    );
}
