//! What was true at the provider, and when: so that it can be said what a run, which sees some of it late, may do.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use okta_sim::RunningSim;
use serde_json::Value;

use crate::support::{Directory, truth};

/// The title of those whom rules keep out.
pub const OUT: &str = "out";
/// The title of those to whom rules give the group [`CHIEFS`].
pub const CHIEF: &str = "chief";
pub const CHIEFS: &str = "rule chiefs";

/// The organisation from one moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct Moment {
    pub at: Duration,
    /// What a sync makes of it. Whom rules keep out is not here.
    pub truth: Directory,
}

/// All that was true, from the first moment on.
#[derive(Debug, Default)]
pub struct Chronicle {
    moments: Vec<Moment>,
}

impl Chronicle {
    /// Notes what is true now. Tells whether that is new.
    pub fn note(&mut self, at: Duration, sim: &RunningSim, rules: bool) -> bool {
        let truth = shaped(truth(sim), rules);
        let new = self.moments.last().is_none_or(|last| last.truth != truth);
        if new {
            self.moments.push(Moment { at, truth });
        }
        new
    }

    pub fn now(&self) -> &Directory {
        &self.moments.last().expect("it was noted at the beginning").truth
    }

    /// What was true at any time from then on.
    fn since(&self, at: Duration) -> &[Moment] {
        let first = self.moments.partition_point(|moment| moment.at < at);
        &self.moments[first.saturating_sub(1)..]
    }

    /// Who was there and active at all times since.
    pub fn active_since(&self, at: Duration) -> BTreeSet<String> {
        let active = |moment: &Moment| -> BTreeSet<String> {
            let users = moment.truth.users.iter();
            users.filter(|(_, user)| user["active"] == true).map(|(id, _)| id.clone()).collect()
        };
        let mut moments = self.since(at).iter().map(active);
        let first = moments.next().unwrap_or_default();
        moments.fold(first, |always, moment| &always & &moment)
    }

    /// The memberships that were there at all times since, by group.
    pub fn members_since(&self, at: Duration) -> BTreeMap<String, BTreeSet<String>> {
        let (first, later) = self.since(at).split_first().expect("there is a first moment");
        let mut always = first.truth.members.clone();
        for moment in later {
            for (group, members) in &mut always {
                let now = moment.truth.members.get(group);
                members.retain(|member| now.is_some_and(|now| now.contains(member)));
            }
        }
        always
    }
}

/// What the rules of a history make of the organisation.
fn shaped(mut truth: Directory, rules: bool) -> Directory {
    if !rules {
        return truth;
    }
    let title = |user: &Value| user["attributes"]["profile.title"].as_str().map(str::to_owned);
    truth.users.retain(|_, user| title(user).as_deref() != Some(OUT));
    for members in truth.members.values_mut() {
        members.retain(|id| truth.users.contains_key(id));
    }
    let chiefs = truth.users.iter().filter(|(_, user)| title(user).as_deref() == Some(CHIEF));
    let chiefs: BTreeSet<String> = chiefs.map(|(id, _)| id.clone()).collect();
    if !chiefs.is_empty() {
        truth.groups.insert(CHIEFS.to_owned(), serde_json::json!({ "displayName": CHIEFS }));
        truth.members.insert(CHIEFS.to_owned(), chiefs);
    }
    truth
}
