use std::ops::Deref;
use std::time::Duration;

use okta_sim::{GroupType, Limits, Population, RunningSim, Sim, SimBuilder, Status};
use serde_json::{Map, Value, json};

use super::directory::Directory;
use super::place::Place;
use super::process::Ran;

/// A simulated organisation, and a configuration whose connector `acme` reads it.
pub struct World {
    pub sim: RunningSim,
    pub place: Place,
}

impl Deref for World {
    type Target = Place;

    fn deref(&self) -> &Place {
        &self.place
    }
}

impl World {
    pub fn new(population: Population) -> Self {
        Self::of(Sim::builder().population(population))
    }

    pub fn of(sim: SimBuilder) -> Self {
        let mut place = Place::new();
        let sim = place.runtime().block_on(sim.start()).unwrap();
        place.variables.push(("OKTA_TOKEN".into(), sim.token().to_owned()));
        let world = Self { sim, place };
        world.configure("");
        world
    }

    /// Active people `NAME@acme.example`, and groups with some of them; nobody and nothing else but Everyone.
    pub fn company(people: &[&str], groups: &[(&str, &[&str])]) -> Self {
        let world = Self::new(Population { users: 0, groups: 0, ..Population::default() });
        for name in people {
            world.hire(name);
        }
        for (name, members) in groups {
            world.found(GroupType::OktaGroup, name, members);
        }
        world
    }

    /// Another organisation, beside the world's own.
    pub fn another_sim(&self, population: Population) -> RunningSim {
        self.runtime().block_on(Sim::builder().population(population).start()).unwrap()
    }

    /// Gives the id.
    pub fn hire(&self, name: &str) -> String {
        self.sim.create_user(Status::Active, profile(name)).unwrap()
    }

    /// Gives the id.
    pub fn found(&self, kind: GroupType, name: &str, members: &[&str]) -> String {
        let group = self.sim.create_group(kind, name, None);
        for member in members {
            self.sim.add_member(&group, &format!("{member}@acme.example")).unwrap();
        }
        group
    }

    /// The id of the only group of that name.
    pub fn group_id(&self, name: &str) -> String {
        match &self.sim.groups_named(name)[..] {
            [id] => id.clone(),
            ids => panic!("{} groups are named {name:?}", ids.len()),
        }
    }

    pub fn user_id(&self, login: &str) -> String {
        self.sim.user(login).unwrap_or_else(|| panic!("there is no {login}"))["id"]
            .as_str()
            .unwrap()
            .to_owned()
    }

    /// Writes the configuration: the connector `acme`, with these lines at its end. Names of groups follow the
    /// provider, unless the lines say something of entries.
    pub fn configure(&self, lines: &str) {
        let entries = match lines.contains("entries") {
            true => "",
            false => "[connector.acme.entries]\ngroup-names = \"follow\"\n",
        };
        let connector = self.connector("acme", "{ env = \"OKTA_TOKEN\" }");
        self.write("rollcall.toml", format!("{connector}{lines}\n{entries}"));
    }

    pub fn connector(&self, name: &str, credential: &str) -> String {
        let url = self.sim.url();
        format!("[connector.{name}]\nplugin = \"okta\"\nendpoint = \"{url}\"\ncredential = {credential}\n")
    }

    /// What `sync acme --json` prints, after it ended well.
    #[track_caller]
    pub fn sync(&self) -> Value {
        self.run(&["sync", "acme", "--json"]).exits(0).json()
    }

    pub fn failed_sync(&self) -> Ran {
        let ran = self.run(&["sync", "acme", "--json"]).exits(1);
        assert_eq!(ran.json()["outcome"], "failed", "{}", ran.stdout);
        ran
    }

    pub fn directory(&self) -> Directory {
        Directory::read(self)
    }

    /// Lets a run get no further than the second page of users until it is stopped: a limit that nobody lifts.
    /// The organisation has to have more of them.
    pub fn hold_at_second_page_of_users(&self) {
        // Of three, the usual share is two.
        self.sim.set_limits(Limits { users: 3, token_share_percent: 100, ..Limits::default() });
    }

    /// The second page is asked for when the first one is in the spool.
    pub fn wait_for_second_page_of_users(&self) {
        self.wait_until("the second page of users was sent", || {
            let pages = self
                .sim
                .requests()
                .into_iter()
                .filter(|request| request.target.starts_with("/api/v1/users?"));
            pages.count() == 2
        });
    }

    /// Waits for what happens in another process.
    pub fn wait_until(&self, what: &str, mut happened: impl FnMut() -> bool) {
        self.runtime().block_on(async {
            let seen = async {
                while !happened() {
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            };
            let longest = Duration::from_secs(30);
            assert!(tokio::time::timeout(longest, seen).await.is_ok(), "never happened: {what}");
        });
    }

    /// Path and query of what was asked for since the last time, in order.
    pub fn requests(&self) -> Vec<String> {
        let targets = self.sim.requests().into_iter().map(|request| request.target).collect();
        self.sim.reset_stats();
        targets
    }
}

/// What a person needs to have in Okta.
pub fn profile(name: &str) -> Map<String, Value> {
    let address = format!("{name}@acme.example");
    let profile = json!({ "login": address, "email": address, "firstName": name, "lastName": "Test" });
    profile.as_object().cloned().unwrap()
}
