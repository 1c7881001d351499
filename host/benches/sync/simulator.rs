//! The simulator in a process of its own: this program once more, which obeys words on its standard input and
//! ends with it.

use std::collections::HashSet;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use okta_sim::{Limits, Population, RunningSim, Sim};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, json};

use super::process;
use super::scenario::{GROUPS_A_WINDOW, USERS_A_WINDOW};
use crate::support::Result;

#[derive(Clone, Copy)]
pub struct Size {
    pub users: u32,
    /// Without Everyone.
    pub groups: u32,
    /// How many of the groups have no members.
    pub empty: u32,
    /// Of each other group.
    pub members: u32,
    /// Milliseconds that each request takes.
    pub latency: u32,
    /// Seconds in which Okta's limits for a minute hold; zero for none.
    pub window: u32,
}

impl Size {
    /// Without Everyone's.
    pub fn listed_memberships(self) -> u64 {
        u64::from(self.groups - self.empty) * u64::from(self.members.min(self.users))
    }
}

/// What the simulator did since its start.
#[derive(Serialize, Deserialize)]
pub struct Report {
    pub requests: u64,
    pub cpu: Duration,
}

/// What changed at the provider.
#[derive(Serialize, Deserialize, Clone, Copy)]
pub struct Changes {
    pub users: u64,
    pub joined: u64,
    pub left: u64,
}

/// How the simulator introduces itself.
#[derive(Serialize, Deserialize)]
struct Address {
    url: String,
    token: String,
}

pub struct Simulator {
    pub url: String,
    pub token: String,
    child: Child,
    words: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Simulator {
    pub fn start(size: Size) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(["--users", &size.users.to_string(), "--groups", &size.groups.to_string()])
            .args(["--members", &size.members.to_string(), "--empty", &size.empty.to_string()])
            .args(["--latency", &size.latency.to_string(), "--window", &size.window.to_string()])
            .arg("--simulator")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let words = child.stdin.take().ok_or("no pipe to the simulator")?;
        let mut answers = BufReader::new(child.stdout.take().ok_or("no pipe from the simulator")?).lines();
        let Address { url, token } = answer(&mut answers)?;
        Ok(Self { url, token, child, words, answers })
    }

    pub fn report(&mut self) -> Result<Report> {
        writeln!(self.words, "report")?;
        answer(&mut self.answers)
    }

    /// One user and one membership of a hundred.
    pub fn change(&mut self) -> Result<Changes> {
        writeln!(self.words, "change")?;
        answer(&mut self.answers)
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn answer<T: DeserializeOwned>(answers: &mut Lines<BufReader<ChildStdout>>) -> Result<T> {
    Ok(serde_json::from_str(&answers.next().ok_or("the simulator ended")??)?)
}

/// The other side.
pub fn serve(size: Size) -> Result<()> {
    let population = Population {
        users: size.users,
        groups: size.groups,
        members_per_group: size.members,
        empty_groups: size.empty,
        awkward: false,
        ..Population::default()
    };
    let runtime = tokio::runtime::Runtime::new()?;
    let latency = Duration::from_millis(size.latency.into());
    let mut builder = Sim::builder().population(population).latency(latency).gzip(false).request_log(0);
    if size.window > 0 {
        let window_ms = 1_000 * u64::from(size.window);
        builder = builder.limits(Limits {
            users: USERS_A_WINDOW,
            groups: GROUPS_A_WINDOW,
            window_ms,
            token_share_percent: 100,
            ..Limits::default()
        });
    }
    let sim = runtime.block_on(builder.start())?;
    say(&Address { url: sim.url(), token: sim.token().to_owned() })?;
    for word in io::stdin().lines() {
        match word?.as_str() {
            "report" => say(&Report { requests: sim.stats().total, cpu: process::own_cpu()? })?,
            "change" => say(&change(&sim)?)?,
            other => return Err(format!("unknown word {other}").into()),
        }
    }
    Ok(())
}

fn say(answer: &impl Serialize) -> Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(answer)?)?;
    Ok(out.flush()?)
}

fn change(sim: &RunningSim) -> Result<Changes> {
    let users = sim.user_ids();
    let mut changes = Changes { users: 0, joined: 0, left: 0 };
    for user in users.iter().skip(50).step_by(100) {
        sim.update_profile(user, Map::from_iter([("title".to_owned(), json!("Bencher"))]))?;
        changes.users += 1;
    }
    // The first group is Everyone.
    for (nth, group) in sim.group_ids().iter().enumerate().skip(1) {
        let members = sim.member_ids(group)?;
        if members.is_empty() {
            continue;
        }
        let moving = (members.len() / 200).max(1);
        let known: HashSet<&String> = members.iter().collect();
        let from = nth * 7919 % users.len();
        let others = users[from..].iter().chain(&users[..from]).filter(|user| !known.contains(user));
        for user in others.take(moving) {
            sim.add_member(group, user)?;
            changes.joined += 1;
        }
        for user in members.iter().step_by(members.len() / moving).take(moving) {
            sim.remove_member(group, user)?;
            changes.left += 1;
        }
    }
    Ok(changes)
}
