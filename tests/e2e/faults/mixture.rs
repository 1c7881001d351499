//! Random mixtures of faults over a first sync, and over a later one after random changes at the provider.
//!
//! Each mixture comes from a seed, which a failure names. `ROLLCALL_MIXTURES=1000 cargo test --test e2e mixture` tries
//! more of them than the usual few; `ROLLCALL_MIXTURE_SEED=7` tries that one alone.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use fastrand::Rng;
use okta_sim::{Deletion, GroupType, Sim, Status};
use serde_json::{Map, json};

use super::case::{IMPATIENT, PATIENT, SMALL, assert_same};
use super::lists::assert_nobody_lost;
use crate::support::{Directory, Ran, World, expected};

/// Worlds at a time: most of a run under faults is waiting.
const AT_A_TIME: usize = 8;

/// Faults after which a run is complete and right, or failed.
const HONEST: [&str; 20] = [
    "rate-limited reset=0",
    "rate-limited reset=0 body=none",
    "too-many-at-once",
    "server-error",
    "unavailable",
    "connection-reset",
    "truncated",
    "half-body",
    "garbled",
    "drip bytes=5000 pause=1",
    "silence",
    "login-page",
    "bad-cursor code=E0000029",
    "bad-cursor code=E0000031",
    "session-ended",
    "forbidden",
    "next-elsewhere",
    "repeated-links",
    "short-page",
    "empty-last-page",
];

/// Rare, because they decide how the run ends.
const DECISIVE: [&str; 3] = ["unauthorized", "no-links", "clock-skew by=-40000"];

/// Faults that cost time, of which there are never many.
const WAITED_OUT: [&str; 4] = ["rate-limited", "too-many-at-once", "silence", "drip"];

/// Faults that cost a group its members' reading and nothing else.
const OF_A_GROUP: [&str; 3] =
    ["forbidden where=members", "empty-list where=members", "vanished-group where=members"];

/// Faults that tell a wrong story as well as a right one is told.
const DISHONEST: [&str; 3] = ["empty-list", "shrunken-list share=0.4", "early-end"];

#[test]
fn a_mixture_ends_complete_and_right_or_with_nothing_applied() {
    each_seed(1, 20, |rng| {
        let rules = |rng: &mut Rng| mixture(rng, &[&HONEST, &HONEST, &HONEST, &OF_A_GROUP, &DECISIVE]);
        let mut mixed = Mixed::new(rng);
        mixed.under(&rules(rng), Judge::Strict);
        mixed.clean();
        change(&mixed.world, rng);
        mixed.under(&rules(rng), Judge::Strict);
        mixed.clean();
    });
}

#[test]
fn a_mixture_with_lists_that_leave_some_out_loses_nobody() {
    each_seed(1_000_001, 10, |rng| {
        let mut mixed = Mixed::new(rng);
        mixed.clean();
        change(&mixed.world, rng);
        let mut rules = mixture(rng, &[&HONEST]);
        rules.extend(mixture(rng, &[&DISHONEST]));
        rng.shuffle(&mut rules);
        mixed.under(&rules, Judge::Lists);
        // What a failed run has read is gone on from, so that the next one may still believe the faults.
        mixed.under(&[], Judge::Lists);
        mixed.clean();
    });
}

/// What has to hold after a run under faults.
#[derive(Clone, Copy, PartialEq)]
enum Judge {
    /// The directory equals the truth, or what it was.
    Strict,
    /// Nobody was disabled or removed whom the provider has.
    Lists,
}

/// What is promised here holds without limits as well.
const UNLIMITED: &str = "\nsafety = { disables = \"none\", removals = \"none\", renames = \"none\", listing = \"none\", groups-emptied = \"none\" }";

struct Mixed {
    world: World,
    /// After the last run.
    directory: Directory,
    /// The last run was complete, and nothing has changed since.
    done: bool,
}

impl Mixed {
    fn new(rng: &mut Rng) -> Self {
        let population = okta_sim::Population { seed: rng.u64(..), ..SMALL };
        let world = World::of(Sim::builder().population(population).gzip(rng.bool()));
        Self { world, directory: Directory::default(), done: false }
    }

    /// Gives what ran, and the directory before it.
    fn sync(&mut self, settings: &str) -> (Ran, Directory) {
        self.world.configure(&format!("{settings}{UNLIMITED}"));
        let ran = self.world.run(&["sync", "acme", "--json"]);
        self.done = ran.code == Some(0);
        (ran, std::mem::replace(&mut self.directory, self.world.directory()))
    }

    fn under(&mut self, rules: &[String], judge: Judge) {
        for rule in rules {
            self.world.sim.add_fault(rule.parse().unwrap());
        }
        let (ran, before) = self.sync(IMPATIENT);
        self.world.sim.clear_faults();
        let (world, after) = (&self.world, &self.directory);
        let what = format!("{}\n{}", rules.join("\n"), ran.stderr);
        match (judge, ran.code) {
            (_, Some(1)) => {
                assert!(ran.stderr.contains("error: ") && ran.stderr.contains("hint: "), "{what}");
                assert_same(&what, after, &before);
            }
            (Judge::Strict, _) => assert_right(&what, world, &ran, &before, after),
            (Judge::Lists, Some(0 | 4)) => assert_nobody_lost(&what, world, &before, after),
            (Judge::Lists, code) => panic!("exit code {code:?}\n{what}"),
        }
        self.done &= judge == Judge::Strict;
    }

    /// Runs without a fault make it right. The first one goes on from what a failed one has read, and a group may
    /// have vanished since.
    fn clean(&mut self) {
        for first in [true, false] {
            if self.done {
                return;
            }
            let (ran, before) = self.sync(PATIENT);
            assert!(ran.code == Some(0) || (ran.code == Some(4) && first), "{}{}", ran.stdout, ran.stderr);
            assert_right("without faults", &self.world, &ran, &before, &self.directory);
        }
    }
}

/// Complete and right, but for the members of groups that it reports.
fn assert_right(what: &str, world: &World, ran: &Ran, before: &Directory, after: &Directory) {
    let report = ran.json();
    let problems = report["problems"].as_array().unwrap();
    assert_eq!(ran.code, Some(if problems.is_empty() { 0 } else { 4 }), "{what}");
    let mut wanted = expected(&world.sim, before);
    for problem in problems {
        assert_eq!(problem["kind"], "group", "{what}\n{problem}");
        let id = problem["id"].as_str().unwrap();
        wanted.members.insert(id.to_owned(), before.members.get(id).cloned().unwrap_or_default());
        if world.sim.group(id).is_none() {
            // It vanished after it had been listed.
            wanted.groups.insert(id.to_owned(), after.groups[id].clone());
        }
    }
    assert_same(what, after, &wanted);
}

/// One to four rules of these kinds.
fn mixture(rng: &mut Rng, kinds: &[&[&str]]) -> Vec<String> {
    (0..rng.u32(1..=4)).map(|_| rule(rng, kinds)).collect()
}

fn rule(rng: &mut Rng, kinds: &[&[&str]]) -> String {
    let kinds = kinds[rng.usize(..kinds.len())];
    let kind = kinds[rng.usize(..kinds.len())];
    let place = match kind.contains("where=") {
        true => "",
        false => ["", " where=users", " where=groups", " where=members"][rng.usize(..4)],
    };
    let turn = match rng.u32(..4) {
        0 => String::new(),
        1 => format!(" nth={}", rng.u32(1..=2)),
        2 => " every=2".to_owned(),
        _ => format!(" chance={} seed={}", f64::from(rng.u32(1..=5)) / 10.0, rng.u32(..)),
    };
    // Some never end, unless they are waited out.
    if rng.u32(..5) == 0 && !WAITED_OUT.iter().any(|waited| kind.starts_with(waited)) {
        return format!("{kind}{place}");
    }
    format!("{kind}{place}{turn} times={}", rng.u32(1..=3))
}

/// What may happen at a provider between two syncs.
fn change(world: &World, rng: &mut Rng) {
    let sim = &world.sim;
    for nth in 0..rng.u32(3..=8) {
        let users = sim.user_ids();
        let groups: Vec<String> = sim
            .group_ids()
            .into_iter()
            .filter(|id| sim.group(id).is_some_and(|group| group["type"] != "BUILT_IN"))
            .collect();
        // The first one made the token, which dies with the account.
        let user = &users[rng.usize(1..users.len())];
        let active = sim.user(user).is_some_and(|user| user["status"] == "ACTIVE");
        let group = (!groups.is_empty()).then(|| &groups[rng.usize(..groups.len())]);
        match (rng.u32(..10), group) {
            (0, _) => sim.rename_login(user, &format!("renamed{nth}@acme.example")).unwrap(),
            (1, _) => sim.set_status(user, Status::Suspended).unwrap(),
            (2, _) => sim.deactivate_user(user).unwrap(),
            (3, _) => while sim.delete_user(user).unwrap() != Deletion::Removed {},
            (4, _) => {
                let hired = world.hire(&format!("hired{nth}"));
                if let Some(group) = group {
                    sim.add_member(group, &hired).unwrap();
                }
            }
            (5, _) => {
                let title = Map::from_iter([("title".to_owned(), json!(format!("Title {nth}")))]);
                sim.update_profile(user, title).unwrap();
            }
            (6, _) => {
                world.found(GroupType::OktaGroup, &format!("founded {nth}"), &[]);
            }
            (7, Some(group)) => sim.rename_group(group, &format!("group {nth}")).unwrap(),
            (8, Some(group)) if active => sim.add_member(group, user).unwrap(),
            (9, Some(group)) => {
                let members = sim.member_ids(group).unwrap();
                if !members.is_empty() {
                    sim.remove_member(group, &members[rng.usize(..members.len())]).unwrap();
                }
            }
            _ => {}
        }
    }
}

/// Tries so many seeds from the first on, several at a time. What fails is told with its seed.
fn each_seed(first: u64, usual: u64, test: impl Fn(&mut Rng) + Sync) {
    let number = |name: &str| std::env::var(name).ok().map(|text| text.parse::<u64>().expect(name));
    let seeds = match number("ROLLCALL_MIXTURE_SEED") {
        Some(seed) => seed..seed + 1,
        None => first..first + number("ROLLCALL_MIXTURES").unwrap_or(usual),
    };
    let next = AtomicU64::new(seeds.start);
    let failed: Vec<u64> = thread::scope(|scope| {
        let work = || {
            let mut failed = Vec::new();
            loop {
                let seed = next.fetch_add(1, Ordering::Relaxed);
                if seed >= seeds.end {
                    return failed;
                }
                // The panic itself was printed where it happened.
                if catch_unwind(AssertUnwindSafe(|| test(&mut Rng::with_seed(seed)))).is_err() {
                    eprintln!("this was ROLLCALL_MIXTURE_SEED={seed}");
                    failed.push(seed);
                }
            }
        };
        let workers: Vec<_> = (0..AT_A_TIME).map(|_| scope.spawn(work)).collect();
        workers.into_iter().flat_map(|one| one.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    assert_eq!(BTreeSet::from_iter(failed), BTreeSet::new(), "seeds that failed");
}
