//! An organisation in memory, with a plugin and a transport that read it: a run's own logic is tested without a
//! sandbox and without a network.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::conflicts::Precedence;
use super::entries::{Entries, GroupNames};
use super::event::Silent;
use super::extent::Reads;
use super::held_versions::Skipping;
use super::lock::WorkFolder;
use super::policy::Policy;
use super::run::{Ended, Job, sync};
use super::turn::Turn;
use crate::directory::{GroupFilter, RunId, SqliteStore, Store, UserFilter};
use crate::http::{HttpError, HttpTotals, Transport};
use crate::model::{
    Attribute, Group, Manifest, Members, Membership, Method, Page, PluginError, PluginKind, Problem, Request,
    Response, Scope, Subject, User,
};
use crate::plugin::{CallError, Identity, Source, Transform};

/// What the provider has.
#[derive(Debug, Clone, Default)]
pub struct Organisation {
    pub users: BTreeMap<String, User>,
    pub groups: BTreeMap<String, (Group, Members)>,
    /// Users and groups that the plugin can't read.
    pub unreadable: BTreeSet<String>,
    /// Users whom the list leaves out.
    pub unlisted: BTreeSet<String>,
    /// Users whom the connector's settings don't want.
    pub out_of_scope: BTreeSet<String>,
    /// The plugin can't read single people.
    pub no_single: bool,
    /// Requests (by path) that fail, each with the error's code and how often.
    pub failing: BTreeMap<String, (String, u32)>,
    /// The versions of groups' members, as far as they can be told.
    pub versions: BTreeMap<String, String>,
    /// What it was when changes were last told.
    pub before: Option<Box<Organisation>>,
    /// Every request that was made.
    pub requests: Vec<String>,
}

/// Users per page.
const PAGE: usize = 2;

impl Organisation {
    pub fn with(users: &[&str], groups: &[(&str, &[&str])]) -> Self {
        let mut organisation = Self::default();
        for id in users {
            organisation.add_user(id, id);
        }
        for (id, members) in groups {
            organisation.add_group(id, id, members);
        }
        organisation
    }

    pub fn add_user(&mut self, id: &str, name: &str) -> &mut User {
        let user = User {
            id: id.into(),
            username: name.into(),
            email: Some(format!("{name}@example.com")),
            active: true,
            attributes: vec![Attribute::new("profile.department", "Sales")],
            ..User::default()
        };
        self.users.insert(id.into(), user);
        self.user(id)
    }

    pub fn user(&mut self, id: &str) -> &mut User {
        self.users.get_mut(id).expect("a user of the organisation")
    }

    pub fn add_group(&mut self, id: &str, name: &str, members: &[&str]) {
        let group = Group { id: id.into(), name: name.into(), ..Group::default() };
        let members = Members::Some(members.iter().map(|id| id.to_string()).collect());
        self.groups.insert(id.into(), (group, members));
    }

    pub fn set_members(&mut self, id: &str, members: Members) {
        self.groups.get_mut(id).expect("a group of the organisation").1 = members;
    }

    /// From now on changes are those since then.
    pub fn mark(&mut self) {
        self.before = None;
        self.before = Some(Box::new(self.clone()));
    }

    /// What has changed: people, groups with all of their members, and what is gone.
    fn changes(&self) -> Page {
        let mut page = Page::default();
        let nothing = Self::default();
        let before = self.before.as_deref().unwrap_or(&nothing);
        let changed = self.users.iter().filter(|(id, user)| before.users.get(*id) != Some(user));
        page.users.extend(changed.map(|(_, user)| user.clone()));
        for (id, (group, members)) in &self.groups {
            // Nobody is a member at a provider before they are there.
            let is_new = |user: &String| self.users.contains_key(user) && !before.users.contains_key(user);
            let joined = matches!(members, Members::Some(ids) if ids.iter().any(is_new));
            if joined || before.groups.get(id) != Some(&(group.clone(), members.clone())) {
                page.groups.push(group.clone());
                page.memberships.push(Membership { group: id.clone(), members: members.clone() });
            }
        }
        for (id, user) in before.users.iter().filter(|(id, _)| !self.users.contains_key(*id)) {
            page.gone.push(Subject::User(id.clone()));
            // A search that lags behind still shows them.
            page.users.push(user.clone());
        }
        let closed = before.groups.keys().filter(|id| !self.groups.contains_key(*id));
        page.gone.extend(closed.cloned().map(Subject::Group));
        page
    }

    fn page(&mut self, path: &str) -> Result<Page, PluginError> {
        self.requests.push(path.to_owned());
        if let Some((code, times)) = self.failing.get_mut(path)
            && *times > 0
        {
            *times -= 1;
            return Err(PluginError::new(code.clone(), "as asked"));
        }
        let mut page = Page::default();
        if path == "/changes" {
            return Ok(self.changes());
        }
        if let Some(id) = path.strip_prefix("/user/") {
            match self.users.get(id) {
                Some(_) if self.out_of_scope.contains(id) => {}
                Some(user) => page.users.push(user.clone()),
                None => page.gone.push(Subject::User(id.to_owned())),
            }
        } else if let Some(who) = path.strip_prefix("/person/") {
            let found = self.users.values().find(|user| user.id == who || user.username == who);
            match found {
                Some(user) if self.out_of_scope.contains(&user.id) => {}
                Some(user) => {
                    page.users.push(user.clone());
                    for (id, (group, members)) in &self.groups {
                        if matches!(members, Members::Some(ids) if ids.contains(&user.id)) {
                            page.groups.push(group.clone());
                            let members = Members::Add(vec![user.id.clone()]);
                            page.memberships.push(Membership { group: id.clone(), members });
                        }
                    }
                }
                None => page.gone.push(Subject::User(who.to_owned())),
            }
        } else if let Some(from) = path.strip_prefix("/users/") {
            let from: usize = from.parse().expect("a number");
            for (id, user) in self.users.iter().skip(from).take(PAGE) {
                if self.unlisted.contains(id) || self.out_of_scope.contains(id) {
                    continue;
                }
                if self.unreadable.contains(id) {
                    page.problems.push(Problem {
                        subject: Some(Subject::User(id.clone())),
                        error: PluginError::new("unexpected", "is garbled"),
                    });
                } else {
                    page.users.push(user.clone());
                }
            }
            if from + PAGE < self.users.len() {
                page.next.push(request(&format!("/users/{}", from + PAGE), None));
            }
        } else if path == "/groups" {
            for (id, (group, _)) in &self.groups {
                if self.unreadable.contains(id) {
                    page.problems.push(Problem {
                        subject: Some(Subject::Group(id.clone())),
                        error: PluginError::new("unexpected", "is garbled"),
                    });
                    continue;
                }
                page.groups.push(group.clone());
                let version = self.versions.get(id).cloned();
                page.next.push(Request { version, ..request(&format!("/members/{id}"), Some(id)) });
            }
        } else if let Some(id) = path.strip_prefix("/members/") {
            let members = self.groups[id].1.clone();
            page.memberships.push(Membership { group: id.into(), members });
        }
        Ok(page)
    }
}

pub fn request(path: &str, about: Option<&str>) -> Request {
    Request {
        method: Method::Get,
        path: path.into(),
        headers: vec![],
        body: None,
        bucket: "all".into(),
        about: about.map(|id| Subject::Group(id.into())),
        version: None,
        context: String::new(),
    }
}

/// Reads the organisation; the transport's answer carries nothing.
struct MemorySource {
    identity: Identity,
    manifest: Manifest,
    organisation: Arc<Mutex<Organisation>>,
}

impl Source for MemorySource {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    fn plan(&self, scope: &Scope, known: &[Attribute]) -> Result<Vec<Request>, CallError> {
        if *scope == Scope::Changes {
            return Ok(vec![request("/changes", None)]);
        }
        if let Scope::User(id) = scope {
            let path = if known.contains(&Attribute::new("groups", false)) { "user" } else { "person" };
            if self.organisation.lock().expect("no test panics while holding it").no_single {
                let error = PluginError::new(PluginError::UNSUPPORTED, "reads no single people");
                return Err(CallError::Answered { plugin: Box::new(self.identity.clone()), error });
            }
            return Ok(vec![request(&format!("/{path}/{id}"), None)]);
        }
        Ok(vec![request("/users/0", None), request("/groups", None)])
    }

    fn decode(&self, request: &Request, _response: Response) -> Result<Page, CallError> {
        let page = self.organisation.lock().expect("no test panics while holding it").page(&request.path);
        page.map_err(|error| CallError::Answered { plugin: Box::new(self.identity.clone()), error })
    }
}

struct MemoryTransport;

#[async_trait]
impl Transport for MemoryTransport {
    async fn send(&self, _request: &Request) -> Result<Response, HttpError> {
        Ok(Response { status: 200, headers: vec![], body: vec![] })
    }

    fn totals(&self) -> HttpTotals {
        HttpTotals::default()
    }
}

/// The least that a source says of itself.
pub fn manifest() -> Manifest {
    Manifest {
        name: "memory".into(),
        version: "1.0.0".into(),
        kind: PluginKind::Source,
        api: "0.1".into(),
        summary: String::new(),
        endpoint: None,
        http: None,
        credential: Vec::new(),
        rate_limit: None,
        reference: Vec::new(),
        settings: serde_json::json!({}),
    }
}

/// A connector of an organisation in memory, with a store in a folder of its own.
pub struct World {
    pub organisation: Arc<Mutex<Organisation>>,
    pub job: Job,
    pub store: SqliteStore,
    folder: tempfile::TempDir,
}

/// A further connector of a [`World`]'s directory.
pub struct Rival {
    pub organisation: Arc<Mutex<Organisation>>,
    pub job: Job,
}

impl Rival {
    pub fn change(&self, change: impl FnOnce(&mut Organisation)) {
        change(&mut self.organisation.lock().expect("no test panics while holding it"));
    }
}

/// What the directory shows: user name → active; group name → user names.
pub type Shown = (BTreeMap<String, bool>, BTreeMap<String, BTreeSet<String>>);

impl World {
    pub fn new(organisation: Organisation) -> Self {
        Self::shaped_by(organisation, vec![])
    }

    pub fn shaped_by(organisation: Organisation, transforms: Vec<Arc<dyn Transform>>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let database = folder.path().join("rollcall.db");
        let store = SqliteStore::open(&database).expect("a new store");
        let work = WorkFolder::beside(&database).expect("a work folder");
        let organisation = Arc::new(Mutex::new(organisation));
        let job = job("acme", &organisation, transforms, work);
        Self { organisation, job, store, folder }
    }

    /// Another connector of the same directory.
    pub fn rival(&self, connector: &str, organisation: Organisation) -> Rival {
        let work = WorkFolder::beside(&self.folder.path().join("rollcall.db")).expect("a work folder");
        let organisation = Arc::new(Mutex::new(organisation));
        Rival { job: job(connector, &organisation, vec![], work), organisation }
    }

    pub fn change(&self, change: impl FnOnce(&mut Organisation)) {
        change(&mut self.organisation.lock().expect("no test panics while holding it"));
    }

    /// The requests since the last call, sorted.
    pub fn requests(&self) -> Vec<String> {
        let mut requests = Vec::new();
        self.change(|organisation| std::mem::swap(&mut organisation.requests, &mut requests));
        requests.sort();
        requests
    }

    pub async fn sync(&mut self) -> Ended {
        sync(&self.job, &mut self.store).await.expect("a run that can begin")
    }

    pub async fn sync_rival(&mut self, rival: &Rival) -> Ended {
        sync(&rival.job, &mut self.store).await.expect("a run that can begin")
    }

    pub async fn sync_rival_well(&mut self, rival: &Rival) -> super::RunReport {
        let ended = self.sync_rival(rival).await;
        assert!(ended.error.is_none(), "{:?}", ended.error);
        ended.report
    }

    pub async fn sync_well(&mut self) -> super::RunReport {
        let ended = self.sync().await;
        assert!(ended.error.is_none(), "{:?}", ended.error);
        ended.report
    }

    pub fn shown(&mut self) -> Shown {
        let reader = self.store.read().expect("a readable store");
        let mut users = BTreeMap::new();
        reader
            .users(&UserFilter::default(), &mut |user| {
                users.insert(user.user_name, user.active);
                true
            })
            .expect("users");
        let mut groups = BTreeMap::new();
        let mut keys = Vec::new();
        reader
            .groups(&GroupFilter::default(), &mut |group| {
                keys.push((group.key, group.name));
                true
            })
            .expect("groups");
        for (key, name) in keys {
            let members = reader.members(key).expect("members");
            let mut names = BTreeSet::new();
            reader
                .user_names(&members, &mut |_, name| {
                    names.insert(name.to_owned());
                })
                .expect("names");
            groups.insert(name, names);
        }
        (users, groups)
    }

    /// Why the run changed entries, where that is told.
    pub fn reasons(&mut self, run: i64) -> Vec<String> {
        let reader = self.store.read().expect("a readable store");
        let mut reasons = Vec::new();
        let mut each = |change: crate::directory::Change| {
            reasons.extend(change.reason);
            true
        };
        reader.changes(RunId(run), &mut each).expect("changes");
        reasons
    }

    /// The run's changes, one line each: kind, name, before, after.
    pub fn changes(&mut self, run: i64) -> Vec<String> {
        let reader = self.store.read().expect("a readable store");
        let mut lines = Vec::new();
        reader
            .changes(RunId(run), &mut |change| {
                let before = change.before.unwrap_or_default();
                lines.push(format!("{} {} {before} → {}", change.kind, change.name, change.after));
                true
            })
            .expect("changes");
        lines
    }
}

/// A job of a connector of that organisation, alone in its directory.
fn job(
    connector: &str,
    organisation: &Arc<Mutex<Organisation>>,
    transforms: Vec<Arc<dyn Transform>>,
    work: WorkFolder,
) -> Job {
    let identity = Identity { name: "memory".into(), version: "1.0.0".into(), sha256: "0".repeat(64) };
    let manifest = manifest();
    let source = MemorySource { identity, manifest, organisation: organisation.clone() };
    Job {
        connector: connector.into(),
        source: Arc::new(source),
        transforms: transforms.into(),
        turn: Turn::at_once(),
        answers: Answers::Provider { transport: Arc::new(MemoryTransport), recorder: None },
        work,
        reading: [1; 32],
        rules: [2; 32],
        references: Vec::new(),
        // Those of a group's rename are end-to-end tests.
        policy: Policy {
            entries: Entries { group_names: GroupNames::Follow, ..Entries::default() },
            ..Policy::default()
        },
        precedence: Precedence::new(&[connector.to_owned()]),
        override_limits: false,
        reads: Reads::Full,
        person: None,
        skipping: Skipping::default(),
        max_requests: 1000,
        observer: Arc::new(Silent),
        cancel: CancellationToken::new(),
    }
}
