//! Driving a plugin in its own tests, natively and without a host.

use std::collections::{BTreeMap, VecDeque};

use crate::{
    Attribute, Error, Group, Members, Membership, Plugin, Problem, Request, Response, Scope, Source, User,
};

/// Configures a plugin from JSON, as the host does.
pub fn configure<P: Plugin>(settings: serde_json::Value) -> Result<P, Error> {
    P::configure(crate::settings(&settings.to_string())?)
}

/// What a whole run gave, put together as the host does it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reading {
    /// By id; the last reading of a user counts.
    pub users: BTreeMap<String, User>,
    /// By id; the last reading of a group counts.
    pub groups: BTreeMap<String, Group>,
    /// By the group's id; several `some` are added up, sorted and without repetition.
    pub members: BTreeMap<String, Members>,
    /// By the group's id, or nothing for all groups: who is not a member, whatever else was said.
    pub removed: BTreeMap<String, Vec<String>>,
    pub problems: Vec<Problem>,
    pub checkpoints: BTreeMap<String, String>,
    pub extra: Vec<Attribute>,
    /// Every request, in the order in which it was answered.
    pub requests: Vec<Request>,
}

impl Reading {
    /// The ids of a group's members, when they were listed.
    pub fn listed(&self, group: &str) -> Option<&[String]> {
        match self.members.get(group)? {
            Members::Some(ids) => Some(ids),
            _ => None,
        }
    }

    fn add(&mut self, membership: Membership) {
        if let Members::Remove(ids) = membership.members {
            let removed = self.removed.entry(membership.group).or_default();
            removed.extend(ids);
            removed.sort();
            removed.dedup();
            return;
        }
        let entry = self.members.entry(membership.group).or_insert_with(|| Members::Some(Vec::new()));
        match (entry, membership.members) {
            (Members::Unknown(_), _) => {}
            (Members::Some(ids), Members::Some(more) | Members::Add(more)) => {
                ids.extend(more);
                ids.sort();
                ids.dedup();
            }
            (entry, other) => *entry = other,
        }
    }
}

/// Why a run came to no end.
#[derive(Debug, Clone, PartialEq)]
pub struct Stopped {
    pub error: Error,
    /// The request whose answer led to it; nothing when planning failed.
    pub request: Option<Box<Request>>,
}

/// Plans a run and decodes every answer to the end. `respond` plays the provider.
///
/// Codes that the host acts on, such as `restart`, end the run here like any other.
///
/// # Panics
///
/// After 100,000 requests: the plugin follows links in a circle.
pub fn run<S: Source>(
    source: &S,
    scope: &Scope,
    known: &[Attribute],
    mut respond: impl FnMut(&Request) -> Response,
) -> Result<Reading, Stopped> {
    let mut reading = Reading::default();
    let planned = source.plan(scope, known).map_err(|error| Stopped { error, request: None })?;
    let mut waiting = VecDeque::from(planned);
    while let Some(request) = waiting.pop_front() {
        assert!(reading.requests.len() < 100_000, "the run comes to no end: {}", request.path);
        let response = respond(&request);
        let page = match source.decode(&request, &response) {
            Ok(page) => page,
            Err(error) => return Err(Stopped { error, request: Some(Box::new(request)) }),
        };
        reading.users.extend(page.users.into_iter().map(|user| (user.id.clone(), user)));
        reading.groups.extend(page.groups.into_iter().map(|group| (group.id.clone(), group)));
        page.memberships.into_iter().for_each(|membership| reading.add(membership));
        reading.problems.extend(page.problems);
        reading.checkpoints.extend(page.checkpoints);
        reading.extra.extend(page.extra);
        waiting.extend(page.next);
        reading.requests.push(request);
    }
    Ok(reading)
}
