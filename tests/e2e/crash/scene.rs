use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use okta_sim::{Access, GroupType, Population, Status};
use rollcall::failpoint::FailPoint;
use serde_json::Value;
use tempfile::TempDir;

use super::state::State;
use crate::support::{Place, Ran, Running, World};

/// How many pages of one rate-limit bucket a collection has on their way at once: asked for, and not yet in the spool.
/// So many may be asked for again after a kill.
const IN_FLIGHT: usize = 16;

/// An organisation, a directory as it was before a run (`old`) and as it is after it (`new`).
pub struct Scene {
    pub world: World,
    pub old: State,
    pub new: State,
    /// How many pages a reading has, the answers about people whom the list left out among them.
    pub pages: usize,
    /// How many of these are such answers.
    pub confirmations: usize,
    /// How many fail points the run passes.
    pub passings: usize,
    /// The database before the run; empty before the first.
    before: TempDir,
    /// Every page that was answered since the last reset.
    asked: BTreeSet<String>,
    kills: usize,
    /// Which of the syncs since the last reset applied its reading.
    applied_by: Option<usize>,
}

impl Scene {
    /// The first sync, into nothing.
    pub fn first() -> Self {
        Self::of(Self::organisation())
    }

    /// A second sync, after a busy day at the provider.
    pub fn second() -> Self {
        let world = Self::organisation();
        world.sync();
        let sim = &world.sim;
        let (users, groups) = (sim.user_ids(), sim.group_ids());
        sim.rename_login(&users[3], "renamed@acme.example").unwrap();
        sim.set_status(&users[4], Status::Suspended).unwrap();
        sim.delete_user(&users[5]).unwrap();
        sim.delete_user(&users[5]).unwrap();
        sim.rename_group(&groups[2], "Renamed").unwrap();
        sim.delete_group(&groups[3]).unwrap();
        let eve = world.hire("eve");
        let group = world.found(GroupType::OktaGroup, "New", &["eve"]);
        sim.add_member(&groups[4], &eve).unwrap();
        sim.add_member(&group, &users[6]).unwrap();
        Self::of(world)
    }

    fn organisation() -> World {
        let population = Population {
            users: 430,
            groups: 28,
            empty_groups: 2,
            members_per_group: 9,
            awkward: false,
            ..Population::default()
        };
        let mut world = World::new(population);
        // The other tests' cache is not to be emptied.
        let cache = world.whole().join("cache");
        world.place.variables.push(("XDG_CACHE_HOME".into(), cache.display().to_string()));
        world
    }

    fn of(world: World) -> Self {
        let before = tempfile::tempdir().unwrap();
        if world.work().join("rollcall.db").exists() {
            fs::copy(world.work().join("rollcall.db"), before.path().join("rollcall.db")).unwrap();
        }
        world.requests();
        let old = State::read(&world.work());
        let passings = passings(&world, &["sync", "acme"]);
        let new = State::read(&world.work());
        assert!(old != new, "the run has something to do");
        let requests = world.requests();
        let pages = requests.len();
        let confirmations = requests.iter().filter(|target| target.starts_with("/api/v1/users/")).count();
        let mut scene = Self {
            world,
            old,
            new,
            pages,
            confirmations,
            passings,
            before,
            asked: BTreeSet::new(),
            kills: 0,
            applied_by: None,
        };
        scene.reset();
        scene
    }

    /// Back to before the run.
    pub fn reset(&mut self) {
        let work = self.world.work();
        for name in ["rollcall.db", "rollcall.db-wal", "rollcall.db-shm", "rollcall.db-journal"] {
            remove(&work.join(name));
        }
        remove(&work.join("rollcall.db.work"));
        let saved = self.before.path().join("rollcall.db");
        if saved.exists() {
            fs::copy(saved, work.join("rollcall.db")).unwrap();
        }
        self.world.requests();
        self.asked.clear();
        self.kills = 0;
        self.applied_by = None;
    }

    pub fn forget_compiled_plugins(&self) {
        remove(&self.cache());
    }

    fn cache(&self) -> PathBuf {
        self.world.whole().join("cache")
    }

    pub fn revoke_token(&self, revoked: bool) {
        let access = if revoked { None } else { Some(Access::Full) };
        self.world.sim.set_token(self.world.sim.token(), access);
    }

    pub fn start(&self, variable: Option<(&str, &str)>) -> Running {
        self.world.start_with(&["sync", "acme", "--json"], |command| {
            command.envs(variable);
        })
    }

    /// A sync that has stopped at a point.
    pub fn stopped_at(&self, point: FailPoint) -> Running {
        let running = self.start(Some(("ROLLCALL_STOP_AT", point.name())));
        self.world.wait_until(point.name(), || running.is_stopped());
        running
    }

    /// A sync that is to be killed; gives what it said.
    pub fn sync_until(&mut self, point: &str) -> Ran {
        let running = self.start(Some(("ROLLCALL_KILL_AT", point)));
        let ran = self.world.wait(running);
        self.ended();
        ran
    }

    /// Notes that a sync ended, one way or the other.
    pub fn ended(&mut self) {
        let answered = self.world.sim.requests().into_iter().filter(|request| request.status == 200);
        self.asked.extend(answered.map(|request| request.target));
        self.world.sim.reset_stats();
        self.kills += 1;
        if self.applied_by.is_none() && self.state() == self.new {
            self.applied_by = Some(self.kills);
        }
    }

    /// Whatever was read may be asked for again: the spool is not what it was.
    pub fn forget_asked(&mut self) {
        self.asked.clear();
    }

    pub fn state(&self) -> State {
        State::read(&self.world.work())
    }

    /// After kills: the state is the old or the new one, is shown as such, and a run after it makes the new one of it,
    /// with what is missing and no more. Gives whether the state was the new one, and how many pages that run went on
    /// from.
    #[track_caller]
    pub fn check(&mut self, what: &str) -> (bool, usize) {
        let state = self.state();
        let is_new = state == self.new;
        assert!(
            is_new || state == self.old,
            "{what}: neither old ({}) nor new ({})",
            state.differs_from(&self.old),
            state.differs_from(&self.new)
        );
        let runs = self.world.run(&["runs", "--json", "--limit", "100"]);
        if self.world.work().join("rollcall.db").exists() {
            let runs = runs.exits(0).json();
            let shown: Vec<&str> =
                runs.as_array().unwrap().iter().map(|run| run["outcome"].as_str().unwrap()).rev().collect();
            let mut expected = state.outcomes.0.clone();
            if state.last_is_unfinished() {
                expected.pop();
                expected.push("interrupted".into());
            }
            assert_eq!(shown, expected, "{what}");
        } else {
            let told = runs.exits(1).json()["error"]["message"].to_string();
            assert!(told.contains("there is no directory yet"), "{told}");
        }

        let next = self.world.run(&["sync", "acme", "--json"]);
        assert_eq!(next.code, Some(0), "{what}: {}", next.stderr);
        let report: Value = next.json();
        let resumed = report["requests"]["resumed"].as_u64().unwrap() as usize;
        let asked: BTreeSet<String> = self.world.requests().into_iter().collect();
        assert_eq!(report["requests"]["sent"], asked.len(), "{what}: no page is asked for twice");
        // After the commit nobody is asked about any more.
        let expected = if is_new { self.pages - self.confirmations } else { self.pages };
        assert_eq!(asked.len() + resumed, expected, "{what}: what is missing, and no more: {report}");
        if self.applied_by == Some(self.kills) {
            assert_eq!(resumed, 0, "{what}: no reading is applied twice");
        }
        if !is_new {
            for users in [true, false] {
                let twice = asked.intersection(&self.asked);
                let twice = twice.filter(|target| target.starts_with("/api/v1/users?") == users).count();
                assert!(twice <= self.kills * IN_FLIGHT, "{what}: {twice} pages were lost");
            }
        }
        let after = self.state();
        assert!(after == self.new, "{what}: the next run made {}", after.differs_from(&self.new));
        assert_eq!(after.outcomes.0.last().map(String::as_str), Some("done"), "{what}");
        assert!(!after.outcomes.0.contains(&"running".to_owned()), "{what}");
        self.assert_nothing_left(what);
        (is_new, resumed)
    }

    /// Nothing lies about that a sync that nobody killed does not leave too.
    #[track_caller]
    fn assert_nothing_left(&self, what: &str) {
        let mut left = files(self.world.whole());
        left.retain(|path| !(path.starts_with("cache/") && path.ends_with(".cwasm")));
        let expected = [
            "work/rollcall.db",
            "work/rollcall.db.work/_directory.lock",
            "work/rollcall.db.work/acme.lock",
            "work/rollcall.toml",
        ];
        assert_eq!(left, expected, "{what}");
    }
}

/// Does all of a command; gives how many fail points it passes.
pub fn passings(place: &Place, arguments: &[&str]) -> usize {
    let running = place.start_with(arguments, |command| {
        command.env("ROLLCALL_LOG", "rollcall::failpoint=trace");
    });
    let told = place.wait(running).stderr;
    let passings = told.lines().filter(|line| line.contains("rollcall::failpoint")).count();
    assert!(passings > 0, "{told}");
    passings
}

/// Files below a folder, sorted.
pub fn files(folder: &Path) -> Vec<String> {
    let mut open = vec![folder.to_owned()];
    let mut found = Vec::new();
    while let Some(next) = open.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push(path.strip_prefix(folder).unwrap().display().to_string()),
            }
        }
    }
    found.sort();
    found
}

fn remove(path: &Path) {
    if path.is_dir() {
        fs::remove_dir_all(path).unwrap();
    } else if path.exists() {
        fs::remove_file(path).unwrap();
    }
}
