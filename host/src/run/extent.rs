//! Extent: does a run read everything, what changed, or one person?
//!
//! An increment goes on from the last full run, so that run has to have read the same thing: with this plugin, these
//! settings, this credential, these rules and this policy. What it was is kept beside the plugin's own checkpoints.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::model::Attribute;

/// The checkpoint of the host's own; plugins' names don't begin like that.
const FULL: &str = "rollcall.full";
/// The same: when all members of all groups were read last.
const MEMBERS: &str = "rollcall.members";
const OWN: &str = "rollcall.";

/// How much a reading holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Extent {
    Full,
    Changes,
    /// One person.
    User,
}

/// How much a run is to read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Reads {
    #[default]
    Full,
    /// What changed, or nothing.
    Changes,
    /// What changed, where that can be told and the last full run is younger than this, if it matters; else everything.
    Either { full_every: Option<Duration> },
}

/// The last full run.
#[derive(Debug, Serialize, Deserialize)]
struct LastFull {
    at: Timestamp,
    /// Hash of what decides what a reading holds and what becomes of it.
    configured: String,
}

impl Extent {
    /// Those that a schedule begins.
    pub const SCHEDULED: [Extent; 2] = [Extent::Full, Extent::Changes];

    pub fn mode(self) -> &'static str {
        match self {
            Extent::Full => "full",
            Extent::Changes => "changes",
            Extent::User => "user",
        }
    }
}

/// Why no increment can be made of these checkpoints; nothing where one can.
pub fn against_changes(checkpoints: &BTreeMap<String, String>, configured: &[u8; 32]) -> Option<String> {
    let Some(last) = last_full(checkpoints) else {
        return Some("no full sync has left a point to go on from".to_owned());
    };
    (last.configured != hex(configured))
        .then(|| "its configuration, plugins or credential have changed since the last full sync".to_owned())
}

/// What the age of the last full run says, and why. `every`: at which age another one is due; nothing where its age does
/// not matter.
pub fn by_age(
    checkpoints: &BTreeMap<String, String>,
    every: Option<Duration>,
    now: Timestamp,
) -> (Extent, Option<String>) {
    let Some(last) = last_full(checkpoints) else { return (Extent::Changes, None) };
    let age = now.duration_since(last.at);
    let reached = |every: Duration| SignedDuration::try_from(every).is_ok_and(|every| age >= every);
    match every.filter(|every| reached(*every)) {
        Some(every) => {
            let hours = every.as_secs() / 3600;
            (Extent::Full, Some(format!("the last full sync is {hours} h old or older")))
        }
        None => {
            let told = match age.as_mins() {
                ..=0 => "less than a minute".to_owned(),
                minutes @ 1..=119 => format!("{minutes} min"),
                minutes => format!("{} h", minutes / 60),
            };
            (Extent::Changes, Some(format!("the last full sync is {told} old")))
        }
    }
}

/// Whether all members of all groups have to be read, whatever their versions say.
pub fn members_due(checkpoints: &BTreeMap<String, String>, every: Duration, now: Timestamp) -> bool {
    let last = checkpoints.get(MEMBERS).and_then(|at| at.parse::<Timestamp>().ok());
    let every = SignedDuration::try_from(every).unwrap_or(SignedDuration::MAX);
    last.is_none_or(|at| now.duration_since(at) >= every)
}

/// What a run leaves that read the members of all groups: name and value of the checkpoint.
pub fn members_read(at: Timestamp) -> (String, String) {
    (MEMBERS.to_owned(), at.to_string())
}

fn last_full(checkpoints: &BTreeMap<String, String>) -> Option<LastFull> {
    serde_json::from_str(checkpoints.get(FULL)?).ok()
}

/// What a full run leaves for the next increment: name and value of the checkpoint.
pub fn full_run(at: Timestamp, configured: &[u8; 32]) -> (String, String) {
    let last = LastFull { at, configured: hex(configured) };
    let text = serde_json::to_string(&last).expect("a time and a text have no failing part");
    (FULL.to_owned(), text)
}

/// What a replayed run leaves: nobody can go on from what was read at another time.
pub fn nothing_to_go_on_from() -> (String, String) {
    (FULL.to_owned(), String::new())
}

/// The plugin's checkpoints, as it is told them.
pub fn told(checkpoints: BTreeMap<String, String>) -> impl Iterator<Item = Attribute> {
    let theirs = checkpoints.into_iter().filter(|(name, _)| !name.starts_with(OWN));
    theirs.map(|(name, value)| Attribute::new(format!("checkpoint.{name}"), value))
}

/// How many groups whose members could not be read an increment asks for again. Groups that a credential can never read
/// are asked for each time, which must not make an increment as long as a full run.
pub const ASKED_AGAIN: usize = 50;

/// The groups whose members are to be read again, as the plugin is told them: provider id and name.
pub fn unread(groups: Vec<(String, String)>) -> impl Iterator<Item = Attribute> {
    groups.into_iter().map(|(id, name)| Attribute::new(format!("unread.{id}"), name))
}

/// A plugin's checkpoint can't pass for one of the host's.
pub fn is_own(name: &str) -> bool {
    name.starts_with(OWN)
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn an_increment_goes_on_from_a_full_run_of_the_same_configuration() {
        let checkpoints = BTreeMap::from([full_run(at("2026-11-24T00:00:00Z"), &[1; 32])]);
        assert_eq!(against_changes(&checkpoints, &[1; 32]), None);
        assert!(against_changes(&checkpoints, &[2; 32]).unwrap().contains("have changed"));
        assert!(against_changes(&BTreeMap::new(), &[1; 32]).unwrap().contains("no full sync"));
        let replayed = BTreeMap::from([nothing_to_go_on_from()]);
        assert!(against_changes(&replayed, &[1; 32]).unwrap().contains("no full sync"));
    }

    #[test]
    fn a_full_run_is_due_after_so_many_hours() {
        let checkpoints = BTreeMap::from([full_run(at("2026-11-24T00:00:00Z"), &[1; 32])]);
        let day = Some(Duration::from_secs(24 * 3600));
        let says = |every, now| by_age(&checkpoints, every, at(now));
        let changes = |told: &str| (Extent::Changes, Some(format!("the last full sync is {told} old")));
        assert_eq!(says(day, "2026-11-24T00:00:59Z"), changes("less than a minute"));
        assert_eq!(says(day, "2026-11-24T01:30:00Z"), changes("90 min"));
        assert_eq!(says(day, "2026-11-24T23:59:59Z"), changes("23 h"));
        let due = (Extent::Full, Some("the last full sync is 24 h old or older".to_owned()));
        assert_eq!(says(day, "2026-11-25T00:00:00Z"), due);
        assert_eq!(says(None, "2026-12-01T00:00:00Z"), changes("168 h"), "its age does not matter");
    }

    #[test]
    fn members_are_due_when_they_were_never_all_read_or_long_ago() {
        let week = Duration::from_secs(7 * 24 * 3600);
        assert!(members_due(&BTreeMap::new(), week, at("2026-11-24T00:00:00Z")));
        let read = BTreeMap::from([members_read(at("2026-11-24T00:00:00Z"))]);
        assert!(!members_due(&read, week, at("2026-11-30T23:59:59Z")));
        assert!(members_due(&read, week, at("2026-12-01T00:00:00Z")));
    }

    #[test]
    fn the_host_s_own_checkpoints_are_not_told() {
        let mut checkpoints = BTreeMap::from([full_run(at("2026-11-24T00:00:00Z"), &[1; 32])]);
        checkpoints.insert("users".into(), "x".into());
        let told: Vec<Attribute> = told(checkpoints).collect();
        assert_eq!(told, [Attribute::new("checkpoint.users", "x")]);
    }
}
