//! A running simulator: where it is, what it was asked, and changing it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value, json};
use tokio::task::JoinHandle;

use crate::changes::{ChangeError, Deletion};
use crate::event_log::LogDelay;
use crate::fault::{FaultRecord, FaultRule};
use crate::fields::Parts;
use crate::ids::{self, Id, IdKind};
use crate::limits::{Limits, RateLimiter};
use crate::model::{GroupType, Status};
use crate::oauth::ServiceApp;
use crate::org::Counts;
use crate::quirks::Quirks;
use crate::render;
use crate::state::{Access, State};
use crate::stats::{RequestRecord, Stats};

/// A simulator that listens; dropping it ends it and its connections.
///
/// Users are named by id, login or unambiguous short login, groups by id.
#[derive(Debug)]
pub struct RunningSim {
    address: SocketAddr,
    token: String,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Drop for RunningSim {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl RunningSim {
    pub(crate) fn new(
        address: SocketAddr,
        token: String,
        state: Arc<State>,
        accepting: JoinHandle<()>,
    ) -> Self {
        Self { address, token, state, accepting }
    }

    /// `http://127.0.0.1:PORT`, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The token with full access.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Ends the simulator and waits until nothing listens any more.
    pub async fn shutdown(mut self) {
        self.accepting.abort();
        // Cancelled: that is what was asked for.
        let _ = (&mut self.accepting).await;
    }

    /// Sizes of the organisation now.
    pub fn counts(&self) -> Counts {
        self.state.org().counts()
    }

    /// Ids of all users, deprovisioned ones included, in order of creation.
    pub fn user_ids(&self) -> Vec<String> {
        let org = self.state.org();
        let present = (0..org.user_indices()).filter(|&index| org.status(index).is_some());
        present.map(|index| ids::encode(IdKind::User, index)).collect()
    }

    /// Ids of all groups, built-in ones included, in order of creation.
    pub fn group_ids(&self) -> Vec<String> {
        let org = self.state.org();
        let present = (0..org.groups.len() as u32).filter(|&index| org.group(index).is_some());
        present.map(|index| ids::encode(IdKind::Group, index)).collect()
    }

    /// Ids of the groups with exactly this name, of which there may be several.
    pub fn groups_named(&self, name: &str) -> Vec<String> {
        let org = self.state.org();
        let named = (0..org.groups.len() as u32)
            .filter(|&index| org.group(index).is_some_and(|group| group.name == name));
        named.map(|index| ids::encode(IdKind::Group, index)).collect()
    }

    /// Ids of a group's members, whoever may read them.
    pub fn member_ids(&self, group: &str) -> Result<Vec<String>, ChangeError> {
        let org = self.state.org();
        let (_, group) = org.find_group(group).ok_or_else(|| ChangeError::NoSuchGroup(group.to_owned()))?;
        let members = (0..org.user_indices()).filter(|&index| org.is_member(group, index));
        Ok(members.map(|index| ids::encode(IdKind::User, index)).collect())
    }

    /// A user as a list shows it.
    pub fn user(&self, user: &str) -> Option<Value> {
        let org = self.state.org();
        let index = org.find_user(user)?;
        let user = org.user(index)?;
        let mut out = Vec::new();
        render::user(&mut out, &Id::of(IdKind::User, index), &user, &self.url(), &Parts::default(), false);
        serde_json::from_slice(&out).ok()
    }

    /// A group as a list with `expand=stats` shows it.
    pub fn group(&self, id: &str) -> Option<Value> {
        let org = self.state.org();
        let (index, group) = org.find_group(id)?;
        let mut out = Vec::new();
        render::group(&mut out, &org, index, group, &self.url(), true);
        serde_json::from_slice(&out).ok()
    }

    /// Creates a user from profile attributes, of which `login` and `email` are required; returns its id.
    pub fn create_user(&self, status: Status, profile: Map<String, Value>) -> Result<String, ChangeError> {
        self.state.org_mut().create_user(status, profile, self.state.clock.now())
    }

    /// Sets profile attributes; null unsets one.
    pub fn update_profile(&self, user: &str, attributes: Map<String, Value>) -> Result<(), ChangeError> {
        self.state.org_mut().update_profile(user, attributes, self.state.clock.now())
    }

    /// Changes a user's login and nothing else.
    pub fn rename_login(&self, user: &str, login: &str) -> Result<(), ChangeError> {
        self.update_profile(user, Map::from_iter([("login".to_owned(), json!(login))]))
    }

    /// Sets a user's status, with Okta's effects on timestamps and memberships.
    pub fn set_status(&self, user: &str, status: Status) -> Result<(), ChangeError> {
        self.state.org_mut().set_status(user, status, self.state.clock.now())
    }

    /// Deactivates a user.
    pub fn deactivate_user(&self, user: &str) -> Result<(), ChangeError> {
        self.set_status(user, Status::Deprovisioned)
    }

    /// Deletes as Okta does: the first time deactivates, the second removes.
    pub fn delete_user(&self, user: &str) -> Result<Deletion, ChangeError> {
        self.state.org_mut().delete_user(user, self.state.clock.now())
    }

    /// Creates an empty group; returns its id.
    pub fn create_group(&self, kind: GroupType, name: &str, description: Option<&str>) -> String {
        let (description, now) = (description.map(str::to_owned), self.state.clock.now());
        self.state.org_mut().create_group(kind, name.to_owned(), description, now)
    }

    /// Renames a group, moving its `lastUpdated` only.
    pub fn rename_group(&self, group: &str, name: &str) -> Result<(), ChangeError> {
        self.state.org_mut().rename_group(group, name.to_owned(), self.state.clock.now())
    }

    /// Deletes a group.
    pub fn delete_group(&self, group: &str) -> Result<(), ChangeError> {
        self.state.org_mut().delete_group(group)
    }

    /// Adds a member, moving the group's `lastMembershipUpdated` only.
    pub fn add_member(&self, group: &str, user: &str) -> Result<(), ChangeError> {
        self.state.org_mut().set_member(group, user, true, self.state.clock.now())
    }

    /// Removes a member, moving the group's `lastMembershipUpdated` only.
    pub fn remove_member(&self, group: &str, user: &str) -> Result<(), ChangeError> {
        self.state.org_mut().set_member(group, user, false, self.state.clock.now())
    }

    /// Adds a member as a group rule does: it stays in the group when it is deactivated.
    pub fn add_member_by_rule(&self, group: &str, user: &str) -> Result<(), ChangeError> {
        self.state.org_mut().add_member_by_rule(group, user, self.state.clock.now())
    }

    /// Adds and removes members as an import does: the System Log has one event for all of them.
    pub fn import_members(&self, group: &str, add: &[String], remove: &[String]) -> Result<(), ChangeError> {
        self.state.org_mut().import_members(group, add, remove, self.state.clock.now())
    }

    /// Creates an application that nobody is assigned to; returns its id.
    pub fn create_app(&self, label: &str) -> String {
        self.state.org_mut().create_app(label.to_owned(), self.state.clock.now())
    }

    /// Ids of all applications, in order of creation.
    pub fn app_ids(&self) -> Vec<String> {
        let apps = self.state.org().apps.len() as u32;
        (0..apps).map(|index| ids::encode(IdKind::App, index)).collect()
    }

    /// Ids of the users of an application, assigned directly or through a group.
    pub fn app_user_ids(&self, app: &str) -> Result<Vec<String>, ChangeError> {
        let org = self.state.org();
        let (_, app) = org.find_app(app).ok_or_else(|| ChangeError::NoSuchApp(app.to_owned()))?;
        Ok(org.app_users(app, 0).map(|index| ids::encode(IdKind::User, index)).collect())
    }

    /// Assigns a user to an application directly, or ends that; what comes through a group stays.
    pub fn assign_user(&self, app: &str, user: &str, assigned: bool) -> Result<(), ChangeError> {
        self.state.org_mut().assign_user(app, user, assigned, self.state.clock.now())
    }

    /// Assigns a group to an application, or ends that.
    pub fn assign_group(&self, app: &str, group: &str, assigned: bool) -> Result<(), ChangeError> {
        self.state.org_mut().assign_group(app, group, assigned, self.state.clock.now())
    }

    /// How long searches and filters of users, and searches of groups, go on showing what was before a change
    /// made from now on.
    pub fn set_search_lag(&self, lag: Duration) {
        self.state.org_mut().search_lag_ms = lag.as_millis() as u64;
    }

    /// How the System Log lags for events from now on.
    pub fn set_log_delay(&self, delay: LogDelay) {
        self.state.org_mut().log.delay = delay;
    }

    /// Puts the organisation's clock forward: lags, delays and rate windows pass without waiting.
    pub fn advance(&self, by: Duration) {
        self.state.clock.advance(by);
    }

    /// Declares that a group rule fills this group, so that deactivated users stay in it.
    pub fn fill_by_rule(&self, group: &str, by_rule: bool) -> Result<(), ChangeError> {
        self.state.org_mut().fill_by_rule(group, by_rule)
    }

    /// Refuses reading a group's members with 403, or allows it again.
    pub fn forbid_members(&self, group: &str, forbidden: bool) -> Result<(), ChangeError> {
        self.state.org_mut().forbid_members(group, forbidden)
    }

    /// Adds a token, changes what it may do, or with `None` revokes it.
    pub fn set_token(&self, token: &str, access: Option<Access>) {
        self.state.set_token(token.to_owned(), access);
    }

    /// Registers an OAuth service app, or changes its keys, scopes and role: tokens that it has stay good.
    pub fn set_service_app(&self, app: ServiceApp) {
        self.state.desk().register(app);
    }

    /// Takes a service app away, and its tokens with it.
    pub fn remove_service_app(&self, client_id: &str) {
        self.state.desk().remove(client_id);
    }

    /// Ends all tokens of service apps before their time.
    pub fn revoke_app_tokens(&self) {
        self.state.desk().revoke_tokens();
    }

    /// Whether the API demands a nonce in the proofs of service apps, which Okta's does not today.
    pub fn demand_api_nonce(&self, demanded: bool) {
        self.state.desk().demand_api_nonce(demanded);
    }

    /// Replaces all quirks.
    pub fn set_quirks(&self, quirks: Quirks) {
        self.state.settings_mut().quirks = quirks;
    }

    /// Adds a fault, after those that are there.
    pub fn add_fault(&self, rule: FaultRule) {
        self.state.faults().add(rule);
    }

    /// Ends all faults.
    pub fn clear_faults(&self) {
        self.state.faults().clear();
    }

    /// The faults, and what each has done so far.
    pub fn faults(&self) -> Vec<FaultRecord> {
        self.state.faults().records()
    }

    /// Replaces the limits; counters and windows begin anew.
    pub fn set_limits(&self, limits: Limits) {
        *self.state.limiter() = RateLimiter::new(limits, self.state.clock.unix());
    }

    /// Changes the latency of requests that arrive from now on.
    pub fn set_latency(&self, latency: Duration) {
        self.state.settings_mut().latency = latency;
    }

    /// Counters since the start or the last reset.
    pub fn stats(&self) -> Stats {
        self.state.recorder().stats()
    }

    /// The last requests, oldest first.
    pub fn requests(&self) -> Vec<RequestRecord> {
        self.state.recorder().requests()
    }

    /// Begins counters and log anew.
    pub fn reset_stats(&self) {
        self.state.recorder().reset();
    }
}
