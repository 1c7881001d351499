//! Members that need not be asked for: those of groups whose version the mirror holds.
//!
//! A plugin that knows which version of a group's members it would get says so with the request. Where the admin wants
//! it, a full run then leaves the request out when the mirror has read that version before, and what the mirror has
//! takes its place. Never for long: every few days all of them are read, because a provider's version may miss
//! something. And nothing is left out
//!
//! * of a group whose members could not be read the last time, or named someone who was not read: whoever appears would
//!   not become a member;
//! * when plugin, settings, credential, rules or policy have changed since the last full run;
//! * when the answers are recorded or come from a recording, which holds a whole reading.

use std::time::Duration;

use rustc_hash::FxHashMap;

use super::answers::Answers;
use super::error::RunError;
use super::extent::{self, Extent};
use super::run::Job;
use crate::clock::timestamp;
use crate::directory::{ConnectorId, MembersState, MirrorGroup, Reader};
use crate::model::{Request, Subject};

/// Whether members of unchanged groups are left out, and for how long at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skipping {
    /// Off by default.
    pub unchanged_members: bool,
    /// After so long all members are read.
    pub all_members_every: Duration,
}

impl Default for Skipping {
    fn default() -> Self {
        Self { unchanged_members: false, all_members_every: Duration::from_secs(7 * 24 * 60 * 60) }
    }
}

/// The versions of groups' members that the mirror holds, by the provider's id; nothing where all have to be read.
#[derive(Debug, Default)]
pub struct HeldVersions(Option<FxHashMap<String, String>>);

impl HeldVersions {
    /// True when the mirror holds what the request would bring.
    pub fn answers(&self, request: &Request) -> bool {
        match (&self.0, &request.about, &request.version) {
            (Some(versions), Some(Subject::Group(id)), Some(version)) => versions.get(id) == Some(version),
            _ => false,
        }
    }

    /// False when this run reads all members of all groups.
    pub fn leaves_out(&self) -> bool {
        self.0.is_some()
    }

    fn of(reader: &dyn Reader, connector: ConnectorId) -> Result<Self, RunError> {
        let mut versions = FxHashMap::default();
        reader.mirror_groups(connector, &mut |group| {
            let MirrorGroup { record, members: MembersState::Known, absent_since: None, version, .. } = group
            else {
                return;
            };
            versions.extend(version.map(|version| (record.id, version)));
        })?;
        Ok(Self(Some(versions)))
    }
}

impl Job {
    /// What a run of that extent need not ask for.
    pub(super) fn held_versions(
        &self,
        connector: ConnectorId,
        reader: &dyn Reader,
        extent: Extent,
    ) -> Result<HeldVersions, RunError> {
        let plain = matches!(self.answers, Answers::Provider { recorder: None, .. });
        if !self.skipping.unchanged_members || extent != Extent::Full || !plain {
            return Ok(HeldVersions::default());
        }
        let checkpoints = reader.checkpoints(connector)?;
        let every = self.skipping.all_members_every;
        if extent::against_changes(&checkpoints, &self.configured()).is_some()
            || extent::members_due(&checkpoints, every, timestamp())
        {
            return Ok(HeldVersions::default());
        }
        HeldVersions::of(reader, connector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::testing::request;

    #[test]
    fn only_the_version_that_is_held_answers() {
        let held = HeldVersions(Some(FxHashMap::from_iter([("g".to_owned(), "1".to_owned())])));
        let of = |version: Option<&str>, id| Request {
            version: version.map(str::to_owned),
            ..request("/members/g", Some(id))
        };
        assert!(held.answers(&of(Some("1"), "g")));
        assert!(!held.answers(&of(Some("2"), "g")) && !held.answers(&of(None, "g")));
        assert!(!held.answers(&of(Some("1"), "h")) && !HeldVersions::default().answers(&of(Some("1"), "g")));
    }
}
