//! Plays a history, and judges every run.
//!
//! * After each run that applied anything: nobody who was there at the provider, for as long as the run's reading may be
//!   of, is disabled, removed or taken out of a group; keys stay; the database is sound.
//! * A run that ended with an error changed nothing.
//! * When everything that happened could be seen, and no fault told a wrong story: the directory is what the organisation
//!   says. A full run after that, and an increment after that, change nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use okta_sim::{Deletion, GroupType, LogDelay, Status};
use rollcall::run::RunReport;
use serde_json::{Map, json};

use super::chronicle::{CHIEF, Chronicle, OUT};
use super::oracle;
use super::stage::{By, Ended, Stage};
use super::story::{Ends, How, Kind, Run, Step, Story};
use crate::support::{Directory, profile};

const STATUSES: [Status; 8] = [
    Status::Active,
    Status::Staged,
    Status::Suspended,
    Status::Deprovisioned,
    Status::Provisioned,
    Status::Deprovisioned,
    Status::Active,
    Status::LockedOut,
];
/// What tells a story that nobody can tell from a right one.
const DISHONEST: [&str; 4] = ["empty-list", "shrunken-list", "early-end", "clock-skew"];

/// Longer than anything lags, and than what an increment reads twice.
const LONG: Duration = Duration::from_secs(3 * 3600);

pub struct Play {
    stage: Stage,
    story: Story,
    started: Instant,
    advanced: Duration,
    chronicle: Chronicle,
    lag: Duration,
    longest_lag: Duration,
    log_delay: Duration,
    /// When searches, and the log, show all that happened.
    seen_at: Duration,
    logged_at: Duration,
    /// When the reading began that the next run goes on from.
    reading_since: Option<Duration>,
    /// A wrong story was believed: only a full run can tell.
    misled: bool,
    /// A wrong story waits in what the next run may go on from.
    lie_waits: bool,
    /// An increment has asked for a full run.
    asked: bool,
    directory: Directory,
    /// Whose each key is.
    owners: BTreeMap<u64, String>,
    forbidden: BTreeSet<String>,
}

type Verdict = Result<(), String>;

/// Plays it, and says what is wrong.
pub fn play(story: &Story, by: By) -> Verdict {
    let mut play = Play {
        stage: Stage::new(story, by),
        story: story.clone(),
        started: Instant::now(),
        advanced: Duration::ZERO,
        chronicle: Chronicle::default(),
        lag: Duration::ZERO,
        longest_lag: Duration::ZERO,
        log_delay: Duration::ZERO,
        seen_at: Duration::ZERO,
        logged_at: Duration::ZERO,
        reading_since: None,
        misled: false,
        lie_waits: false,
        asked: false,
        directory: Directory::default(),
        owners: BTreeMap::new(),
        forbidden: BTreeSet::new(),
    };
    // Whose token it is, and nothing happens to them.
    play.stage.sim.create_user(Status::Active, profile("owner")).expect("nobody has the name");
    play.stage.other.create_user(Status::Active, profile("other-owner")).expect("nobody has the name");
    play.noted();
    for (nth, step) in story.steps.iter().enumerate() {
        play.step(step).map_err(|wrong| format!("step {nth}, {step:?}: {wrong}"))?;
    }
    play.end()
}

impl Play {
    fn now(&self) -> Duration {
        self.started.elapsed() + self.advanced
    }

    /// Something may have happened at the provider.
    fn noted(&mut self) {
        let now = self.now();
        if self.chronicle.note(now, &self.stage.sim, self.story.rules) {
            self.seen_at = self.seen_at.max(now + self.lag);
            self.logged_at = self.logged_at.max(now + self.log_delay);
        }
    }

    fn step(&mut self, step: &Step) -> Verdict {
        match step {
            Step::Run(run) => return self.run(run),
            Step::Other { name, delete } => return self.other(*name, *delete),
            Step::Pass { seconds } => self.pass(Duration::from_secs(*seconds)),
            Step::Lag { seconds } => {
                self.lag = Duration::from_secs(*seconds);
                self.longest_lag = self.longest_lag.max(self.lag);
                self.stage.sim.set_search_lag(self.lag);
            }
            Step::LogDelay { seconds, late_every, late_by } => {
                let late = if *late_every > 0 { *late_by } else { 0 };
                self.log_delay = Duration::from_secs(seconds + late);
                self.stage.sim.set_log_delay(LogDelay {
                    delay_ms: seconds * 1000,
                    late_every: *late_every,
                    late_by_ms: late_by * 1000,
                });
            }
            step => self.happen(step),
        }
        self.noted();
        Ok(())
    }

    fn pass(&mut self, by: Duration) {
        self.stage.sim.advance(by);
        self.advanced += by;
    }

    /// What can't happen, because a name is taken for example, doesn't.
    fn happen(&mut self, step: &Step) {
        let sim = &self.stage.sim;
        // But for the one whose token it is.
        let people = sim.user_ids().split_off(1);
        let groups: Vec<String> = sim
            .group_ids()
            .into_iter()
            .filter(|id| sim.group(id).is_some_and(|group| group["type"] != "BUILT_IN"))
            .collect();
        let person = |at: usize| (!people.is_empty()).then(|| people[at % people.len()].as_str());
        let group = |at: usize| (!groups.is_empty()).then(|| groups[at % groups.len()].as_str());
        let login =
            |id: &str| sim.user(id).expect("they are there")["profile"]["login"].as_str().map(str::to_owned);
        let name_of =
            |id: &str| sim.group(id).expect("it is there")["profile"]["name"].as_str().map(str::to_owned);
        let is_free = |name: &str| sim.groups_named(name).is_empty();
        match step {
            Step::Hire { name, status } => {
                drop(sim.create_user(STATUSES[*status], profile(&format!("p{name}"))));
            }
            Step::Title { who, title } => {
                if let Some(id) = person(*who) {
                    let title = [OUT, CHIEF, "baker", "cook", ""][*title];
                    let title = if title.is_empty() { json!(null) } else { json!(title) };
                    sim.update_profile(id, Map::from_iter([("title".to_owned(), title)]))
                        .expect("it may be set");
                }
            }
            Step::Rename { who, name } => {
                if let Some(id) = person(*who) {
                    drop(sim.rename_login(id, &format!("P{name}@acme.example")));
                }
            }
            Step::Swap { one, other } => {
                if let (Some(one), Some(other)) = (person(*one), person(*other))
                    && one != other
                    && let (Some(first), Some(second)) = (login(one), login(other))
                {
                    for (id, login) in [(one, "between@acme.example"), (other, &first), (one, &second)] {
                        sim.rename_login(id, login).expect("it is free");
                    }
                }
            }
            Step::Status { who, status } => {
                if let Some(id) = person(*who) {
                    sim.set_status(id, STATUSES[*status]).expect("they are there");
                }
            }
            Step::Delete { who } => {
                if let Some(id) = person(*who) {
                    while sim.delete_user(id) == Ok(Deletion::Deprovisioned) {}
                }
            }
            Step::Found { name, kind } => {
                let name = format!("g{name}");
                if is_free(&name) {
                    sim.create_group([GroupType::OktaGroup, GroupType::AppGroup][*kind], &name, None);
                }
            }
            Step::RenameGroup { group: at, name } => {
                let name = format!("g{name}");
                if let Some(id) = group(*at).filter(|_| is_free(&name)) {
                    sim.rename_group(id, &name).expect("it is not built in");
                }
            }
            Step::SwapGroups { one, other } => {
                if let (Some(one), Some(other)) = (group(*one), group(*other))
                    && one != other
                    && let (Some(first), Some(second)) = (name_of(one), name_of(other))
                {
                    for (id, name) in [(one, "between"), (other, &first), (one, &second)] {
                        sim.rename_group(id, name).expect("it is not built in");
                    }
                }
            }
            Step::DeleteGroup { group: at } => {
                if let Some(id) = group(*at) {
                    sim.delete_group(id).expect("it is not built in");
                }
            }
            Step::Join { group: at, who, how } => {
                // Nobody can put a deactivated person into a group.
                if let (Some(id), Some(person)) = (group(*at), person(*who))
                    && sim.user(person).is_some_and(|user| user["status"] != "DEPROVISIONED")
                {
                    match how {
                        How::Hand => sim.add_member(id, person),
                        How::Rule => sim.add_member_by_rule(id, person),
                        How::Import => sim.import_members(id, &[person.to_owned()], &[]),
                    }
                    .expect("both are there");
                }
            }
            Step::Leave { group: at, who, how } => {
                if let Some(id) = group(*at) {
                    let members = sim.member_ids(id).expect("it is there");
                    if let Some(member) = members.get(who % members.len().max(1)) {
                        match how {
                            How::Hand | How::Rule => sim.remove_member(id, member),
                            How::Import => sim.import_members(id, &[], std::slice::from_ref(member)),
                        }
                        .expect("both are there");
                    }
                }
            }
            Step::Filled { group: at, by_rule } => {
                if let Some(id) = group(*at) {
                    sim.fill_by_rule(id, *by_rule).expect("it is there");
                }
            }
            Step::Forbid { group: at, forbidden } => {
                if let Some(id) = group(*at) {
                    sim.forbid_members(id, *forbidden).expect("it is there");
                    match forbidden {
                        true => self.forbidden.insert(id.to_owned()),
                        false => self.forbidden.remove(id),
                    };
                }
            }
            Step::Other { .. }
            | Step::Pass { .. }
            | Step::Lag { .. }
            | Step::LogDelay { .. }
            | Step::Run(_) => {
                unreachable!("nothing that happens at the provider")
            }
        }
    }

    /// Another connector changes what is its own, and nothing else.
    fn other(&mut self, name: u32, delete: bool) -> Verdict {
        let other = &self.stage.other;
        let people = other.user_ids().split_off(1);
        if delete && let Some(id) = people.get(name as usize % people.len().max(1)) {
            while other.delete_user(id) == Ok(Deletion::Deprovisioned) {}
        } else {
            drop(other.create_user(Status::Active, profile(&format!("p{name}"))));
        }
        match self.stage.run("other", &Run::of(Kind::Full)) {
            Ended::Applied(_) => {}
            ended => return Err(format!("the other connector's run: {ended:?}")),
        }
        let (after, damage) = self.stage.directory();
        self.sound(&after, &damage)?;
        let own = |directory: &Directory| oracle::of_acme(directory);
        if let Some(difference) = own(&after).difference(&own(&self.directory)) {
            return Err(format!("another connector's run changed what is not its own: {difference}"));
        }
        self.directory = after;
        Ok(())
    }

    fn run(&mut self, run: &Run) -> Verdict {
        let begun = *self.reading_since.get_or_insert_with(|| self.started.elapsed() + self.advanced);
        let ended = self.stage.run("acme", run);
        let struck: Vec<String> = self
            .stage
            .sim
            .faults()
            .into_iter()
            .filter(|fault| fault.struck > 0)
            .map(|fault| fault.rule)
            .collect();
        self.stage.sim.clear_faults();
        // A fault may have deleted a group.
        self.noted();
        let (after, damage) = self.stage.directory();
        let before = std::mem::replace(&mut self.directory, after);
        let after = self.directory.clone();
        self.sound(&after, &damage)?;
        let lied = struck.iter().any(|rule| DISHONEST.iter().any(|name| rule.starts_with(name)));
        let unchanged = |ended: &str| match after.difference(&before) {
            None => Ok(()),
            Some(difference) => Err(format!("{ended}, and yet something changed: {difference}")),
        };
        let report = match ended {
            Ended::Failed(why) => {
                if struck.is_empty() && run.ends == Ends::ByItself {
                    return Err(format!("it failed without a fault: {why}"));
                }
                self.lie_waits |= lied;
                return unchanged(&format!("it failed ({why})"));
            }
            Ended::Refused(why) => {
                if run.reads != Kind::Changes {
                    return Err(format!("it was refused: {why}"));
                }
                self.asked = true;
                return unchanged(&format!("it was refused ({why})"));
            }
            Ended::Died => {
                // It may have died after it had applied.
                self.lie_waits |= lied;
                self.misled |= lied;
                return self.kept(&before, &after, begun, self.lie_waits);
            }
            Ended::Applied(report) => report,
        };
        self.reading_since = None;
        let full = report.mode == "full";
        let lied = std::mem::take(&mut self.lie_waits) || lied;
        self.misled = lied || (self.misled && !full);
        self.asked &= !full;
        self.kept(&before, &after, begun, lied)?;
        let visible = match full {
            true => self.seen_at,
            false => self.seen_at.max(self.logged_at),
        };
        if begun < visible || self.misled || begun < self.seen_at {
            return Ok(());
        }
        self.exact(&before, &after, &report)
    }

    /// Keys stay with those to whom they were given, and the database is sound.
    fn sound(&mut self, after: &Directory, damage: &[String]) -> Verdict {
        if !damage.is_empty() {
            return Err(format!("the database is damaged: {damage:?}"));
        }
        let mut kinds =
            after.users.keys().map(|id| ("user", id)).chain(after.groups.keys().map(|id| ("group", id)));
        kinds.try_for_each(|(kind, id)| {
            // Users and groups count by themselves.
            let key = after.keys[id] * 2 + u64::from(kind == "user");
            let owner = self.owners.entry(key).or_insert_with(|| id.clone());
            match owner == id {
                true => Ok(()),
                false => Err(format!("the key {} of {kind} {owner} was given to {id}", after.keys[id])),
            }
        })
    }

    /// Nobody lost what they had at the provider all the time that the reading may be of.
    fn kept(&self, before: &Directory, after: &Directory, begun: Duration, lied: bool) -> Verdict {
        let since = begun.saturating_sub(self.longest_lag);
        for id in self.chronicle.active_since(since) {
            let active =
                |directory: &Directory| directory.users.get(&id).is_some_and(|user| user["active"] == true);
            if active(before) && !active(after) {
                return Err(format!(
                    "{id} was active all the time and lost that: {:?}",
                    after.users.get(&id)
                ));
            }
        }
        if lied {
            return Ok(());
        }
        for (group, members) in self.chronicle.members_since(since) {
            let (Some(had), Some(has)) = (before.members.get(&group), after.members.get(&group)) else {
                if before.members.contains_key(&group) {
                    return Err(format!("group {group} was there all the time and is gone"));
                }
                continue;
            };
            if let Some(lost) = members.iter().find(|id| had.contains(*id) && !has.contains(*id)) {
                return Err(format!("{lost} was a member of {group} all the time and lost that"));
            }
        }
        Ok(())
    }

    fn exact(&self, before: &Directory, after: &Directory, report: &RunReport) -> Verdict {
        oracle::Judged { story: &self.story, truth: self.chronicle.now(), before, after, report }.verdict()
    }

    fn end(&mut self) -> Verdict {
        for id in std::mem::take(&mut self.forbidden) {
            // It may have been deleted since.
            let _ = self.stage.sim.forbid_members(&id, false);
        }
        let quiet = |play: &mut Self, what: &str, kind: Kind| -> Verdict {
            let before = play.directory.clone();
            play.run(&Run::of(kind)).map_err(|wrong| format!("at the end, {what}: {wrong}"))?;
            match play.directory.difference(&before) {
                None => Ok(()),
                Some(difference) => Err(format!("at the end, {what} changed something: {difference}")),
            }
        };
        self.stage.sim.set_search_lag(Duration::ZERO);
        self.pass(LONG);
        self.longest_lag = Duration::ZERO;
        let run = |play: &mut Self, what: &str, kind: Kind| {
            play.run(&Run::of(kind)).map_err(|wrong| format!("at the end, {what}: {wrong}"))
        };
        // The first one may go on from what a run before has read.
        run(self, "an increment", Kind::Changes)?;
        run(self, "another increment", Kind::Changes)?;
        match !self.misled && !self.asked {
            true => quiet(self, "the full run after an increment", Kind::Full)?,
            false => {
                run(self, "the full run", Kind::Full)?;
                run(self, "another full run", Kind::Full)?;
            }
        }
        quiet(self, "the increment after it", Kind::Changes)?;
        quiet(self, "the full run after that", Kind::Full)
    }
}
