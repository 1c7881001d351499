//! One fault, and what a run makes of it.

use std::panic::resume_unwind;
use std::sync::LazyLock;
use std::thread;

use okta_sim::{Population, Sim, Status};
use serde_json::{Map, json};

use crate::support::{Directory, Place, World, assert_golden, expected};

/// How a run under a fault ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// Complete and right.
    Right,
    /// Failed, and the directory is as it was.
    Failed,
    /// Right but for the members of the group `hit`, which stay as they were and are reported.
    Unknown,
}

pub struct Case {
    /// The faults' rules, a line each.
    pub rules: &'static str,
    pub ends: Ends,
}

/// Whether the simulator compresses. Where it doesn't, wrong bytes reach the plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bodies {
    Gzip,
    Plain,
}

/// Lines of the connector in `rollcall.toml` that make a hopeless run short.
pub const IMPATIENT: &str = "settings.attributes = [\"*\"]\nhttp.attempts = 2\nhttp.timeout-seconds = 1";
pub const HOPELESS: &str = "settings.attributes = [\"*\"]\nhttp.attempts = 1\nhttp.timeout-seconds = 1";
pub const PATIENT: &str = "settings.attributes = [\"*\"]";

const DATABASE: &str = "rollcall.db";

/// Two pages of users, and one of each group's members.
pub const SMALL: Population = Population {
    users: 230,
    groups: 3,
    members_per_group: 150,
    empty_groups: 0,
    apps: 0,
    awkward: false,
    seed: 1,
};

/// Two pages of members where pages are short.
pub const LARGE: Population = Population { users: 650, members_per_group: 600, ..SMALL };

/// An organisation that was synced once, for many worlds: the directory does not know where it came from.
pub struct Synced {
    population: Population,
    database: Vec<u8>,
    pub directory: Directory,
}

pub static SMALL_SYNCED: LazyLock<Synced> = LazyLock::new(|| Synced::new(SMALL));
pub static LARGE_SYNCED: LazyLock<Synced> = LazyLock::new(|| Synced::new(LARGE));

impl Synced {
    fn new(population: Population) -> Self {
        let world = Self::not_yet(&population, Bodies::Gzip);
        world.sync();
        let database = std::fs::read(world.work().join(DATABASE)).unwrap();
        Self { population, database, directory: world.directory() }
    }

    /// A world whose group `hit` is one that faults can name.
    fn not_yet(population: &Population, bodies: Bodies) -> World {
        let gzip = bodies == Bodies::Gzip;
        let world = World::of(Sim::builder().population(population.clone()).gzip(gzip));
        world.configure(PATIENT);
        world.sim.rename_group(&world.sim.group_ids()[1], "hit").unwrap();
        world
    }

    /// A world where it was synced, and where the provider has changed since.
    pub fn changed(&self, bodies: Bodies) -> World {
        let world = Self::not_yet(&self.population, bodies);
        world.write(DATABASE, &self.database);
        let (sim, users, groups) = (&world.sim, world.sim.user_ids(), world.sim.group_ids());
        sim.rename_login(&users[210], "renamed@acme.example").unwrap();
        sim.set_status(&users[220], Status::Suspended).unwrap();
        let title = Map::from_iter([("title".to_owned(), json!("Chief of Faults"))]);
        sim.update_profile(&users[229], title).unwrap();
        let hired = world.hire("new");
        for (group, member) in [(1, 30), (2, 31)] {
            let members = sim.member_ids(&groups[group]).unwrap();
            sim.remove_member(&groups[group], &members[member]).unwrap();
            sim.add_member(&groups[group], &hired).unwrap();
        }
        sim.rename_group(&groups[3], "renamed").unwrap();
        world
    }
}

/// Runs each case in a world of its own; the golden file holds what an admin reads.
#[track_caller]
pub fn check(golden: &str, cases: &[Case]) {
    check_in(&SMALL_SYNCED, Bodies::Gzip, IMPATIENT, golden, cases);
}

/// Runs each case with these lines in `rollcall.toml`.
#[track_caller]
pub fn check_in(synced: &Synced, bodies: Bodies, settings: &str, golden: &str, cases: &[Case]) {
    let told: Vec<String> = thread::scope(|scope| {
        let start =
            |case| scope.spawn(move || run(&synced.changed(bodies), &synced.directory, settings, case));
        let runs: Vec<_> = cases.iter().map(start).collect();
        runs.into_iter().map(|run| run.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    assert_golden(&Place::new(), golden, &told.join("\n\n"));
}

/// Gives the fault, the outcome, and what was said.
fn run(world: &World, before: &Directory, settings: &str, case: &Case) -> String {
    let Case { rules, ends } = case;
    let hit = world.group_id("hit");
    for rule in rules.lines() {
        world.sim.add_fault(rule.parse().unwrap());
    }
    world.configure(settings);
    let ran = world.run(&["sync", "acme", "--quiet"]);
    for fault in world.sim.faults() {
        assert!(fault.struck > 0, "{} never struck", fault.rule);
    }
    world.sim.clear_faults();
    let after = world.directory();
    let (code, directory) = match ends {
        Ends::Right => (0, expected(&world.sim, before)),
        Ends::Failed => (1, before.clone()),
        Ends::Unknown => (4, with_members_of(expected(&world.sim, before), before, &hit)),
    };
    assert_eq!(ran.code, Some(code), "{rules}\n{}{}", ran.stdout, ran.stderr);
    assert_same(rules, &after, &directory);
    let says_why = ran.stderr.contains("hint: ");
    assert_eq!(says_why, *ends == Ends::Failed, "{rules}\n{}", ran.stderr);

    if *ends != Ends::Right {
        world.configure(PATIENT);
        world.sync();
        assert_same(rules, &world.directory(), &expected(&world.sim, before));
    }
    let problems = if *ends == Ends::Unknown { ran.stdout } else { String::new() };
    format!("{rules}\n→ {ends:?}\n{problems}{}", ran.stderr).trim_end().to_owned()
}

/// `directory`, but the group's members are those before.
fn with_members_of(mut directory: Directory, before: &Directory, group: &str) -> Directory {
    directory.members.insert(group.to_owned(), before.members[group].clone());
    directory
}

/// Entry by entry; own keys are compared where both sides have them.
#[track_caller]
pub fn assert_same(what: &str, found: &Directory, wanted: &Directory) {
    if let Some(difference) = found.difference(wanted) {
        panic!("{what}\n{difference}");
    }
}
