//! Runs of a provider whose answers say what the plugin makes of them, recorded and repeated.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;

use super::super::answers::Answers;
use super::super::run::{plan, sync};
use super::super::testing::{Organisation, World, manifest, request};
use crate::http::{
    Cassette, CassetteError, Credential, HttpError, HttpTotals, PluginUsed, Provenance, Recorder,
    SecretSource, Transport,
};
use crate::model::{
    Attribute, CredentialRule, Group, GroupVerdict, Members, Membership, Page, Person, PluginError, Request,
    Response, Scope, Subject, User, Verdict,
};
use crate::plugin::{CallError, Identity, Source, Transform};
use crate::run::RunError;

/// What a request gets: after how many milliseconds, and words that the plugin understands. Each time it is asked,
/// the next one; the last one again and again.
type Script = HashMap<&'static str, Vec<(u64, &'static str)>>;

struct Provider {
    script: Script,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl Transport for Provider {
    async fn send(&self, request: &Request) -> Result<Response, HttpError> {
        let (after, words) = {
            let mut asked = self.asked.lock().unwrap();
            let times = asked.iter().filter(|path| **path == request.path).count();
            asked.push(request.path.clone());
            let answers = &self.script[request.path.as_str()];
            answers[times.min(answers.len() - 1)]
        };
        tokio::time::sleep(Duration::from_millis(after)).await;
        Ok(Response { status: 200, headers: vec![], body: words.as_bytes().to_vec() })
    }

    fn totals(&self) -> HttpTotals {
        HttpTotals { sent: self.asked.lock().unwrap().len() as u64, ..HttpTotals::default() }
    }
}

/// `user u1 ann`, `group g1 eng`, `members g1 u1`, `next /path`, `next-of g1 /path`, `error code`.
struct Words {
    identity: Identity,
    manifest: crate::model::Manifest,
    first: Vec<&'static str>,
    known: Mutex<Vec<Attribute>>,
}

impl Source for Words {
    fn identity(&self) -> &Identity {
        &self.identity
    }

    fn manifest(&self) -> &crate::model::Manifest {
        &self.manifest
    }

    fn plan(&self, scope: &Scope, known: &[Attribute]) -> Result<Vec<Request>, CallError> {
        if let Scope::User(id) = scope {
            return Ok(vec![request(&format!("/user/{id}"), None)]);
        }
        *self.known.lock().unwrap() = known.to_vec();
        Ok(self.first.iter().map(|path| request(path, None)).collect())
    }

    fn decode(&self, _: &Request, response: Response) -> Result<Page, CallError> {
        let mut page = Page::default();
        let text = std::str::from_utf8(&response.body).unwrap();
        for line in text.split(';').map(|line| line.split_whitespace().collect::<Vec<_>>()) {
            match line[..] {
                ["user", id, name] => page.users.push(User {
                    id: id.into(),
                    username: name.into(),
                    active: true,
                    ..User::default()
                }),
                ["group", id, name] => {
                    page.groups.push(Group { id: id.into(), name: name.into(), ..Group::default() });
                }
                ["gone", id] => page.gone.push(Subject::User(id.into())),
                ["members", group, ref ids @ ..] => {
                    let members = Members::Some(ids.iter().map(|id| (*id).to_owned()).collect());
                    page.memberships.push(Membership { group: group.into(), members });
                }
                ["next", path] => page.next.push(request(path, None)),
                ["next-of", group, path] => page.next.push(request(path, Some(group))),
                ["error", code] => {
                    let error = PluginError::new(code, "as asked");
                    return Err(CallError::Answered { plugin: Box::new(self.identity.clone()), error });
                }
                _ => panic!("{line:?}"),
            }
        }
        Ok(page)
    }
}

/// Drops groups of a name.
struct Without(&'static str, Identity);

impl Transform for Without {
    fn identity(&self) -> &Identity {
        &self.1
    }

    fn shape_groups(&self, groups: &[Group]) -> Result<Vec<GroupVerdict>, CallError> {
        let verdict = |group: &Group| match group.name == self.0 {
            true => GroupVerdict::Drop("unwanted".into()),
            false => GroupVerdict::Keep(group.clone()),
        };
        Ok(groups.iter().map(verdict).collect())
    }

    fn shape_people(&self, people: &[Person]) -> Result<Vec<Verdict>, CallError> {
        Ok(people.iter().cloned().map(Verdict::Keep).collect())
    }
}

fn identity() -> Identity {
    Identity { name: "memory".into(), version: "1.0.0".into(), sha256: "0".repeat(64) }
}

fn provenance() -> Provenance {
    Provenance {
        connector: "acme".into(),
        plugin: PluginUsed { name: "memory".into(), version: "1.0.0".into(), sha256: "0".repeat(64) },
        endpoint: "https://acme.example".into(),
        settings: String::new(),
        transforms: String::new(),
    }
}

struct Tried {
    world: World,
    source: Arc<Words>,
    folder: tempfile::TempDir,
}

impl Tried {
    /// An empty directory, and a plugin that begins with these requests.
    fn new(first: &[&'static str], transforms: Vec<Arc<dyn Transform>>) -> Self {
        let mut world = World::shaped_by(Organisation::default(), transforms);
        let (first, known) = (first.to_vec(), Mutex::default());
        let source = Arc::new(Words { identity: identity(), manifest: manifest(), first, known });
        world.job.source = source.clone();
        Self { world, source, folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("a.jsonl")
    }

    async fn record(&mut self, script: Script) {
        let rule = CredentialRule::Bearer { label: String::new(), help: String::new() };
        let secret = SecretSource::Command(vec!["printf".into(), "a-secret-of-length".into()]);
        let credential = Credential::resolve(&rule, &secret, None).await.unwrap();
        let scrub = credential.scrub().unwrap();
        let recorder = Recorder::create(&self.file(), true, scrub, provenance()).unwrap();
        let transport = Arc::new(Provider { script, asked: Mutex::default() });
        self.world.job.answers = Answers::Provider { transport, recorder: Some(recorder) };
    }

    fn replay(&mut self, file: &Path, even_if_older: bool) {
        let cassette = Cassette::open(file).unwrap();
        let differs = vec!["day".to_owned()];
        self.world.job.answers = Answers::Recording { cassette, differs, even_if_older };
    }

    /// What a plan of it would do.
    async fn planned(&mut self) -> Result<Vec<String>, RunError> {
        let mut lines = Vec::new();
        plan(&self.world.job, &mut self.world.store, &mut |plan, reader, _| {
            plan.each_change(|change| {
                lines.push(format!("{} {} {}", change.kind, change.name, change.after))
            })?;
            for members in std::mem::take(&mut plan.memberships) {
                let name = plan.group_name(reader, members.group)?;
                lines.push(format!("{name} {:?} {:?}", members.added, members.removed));
            }
            Ok(())
        })
        .await?;
        Ok(lines)
    }
}

/// Two chains that both know u1, the one that begins first answering last; the other begins again.
fn awkward() -> Script {
    HashMap::from([
        ("/a", vec![(400, "user u1 first; user u2 bob; next /a2")]),
        ("/a2", vec![(0, "user u3 cy")]),
        (
            "/b",
            vec![(0, "user u1 second; group g1 eng; group g2 ops; next-of g1 /g1; next-of g2 /g2; next /b2")],
        ),
        ("/b2", vec![(20, "error restart"), (0, "user u4 dora")]),
        // Another answer after the restart.
        ("/g1", vec![(5, "members g1 u1 u2"), (0, "members g1 u3")]),
        ("/g2", vec![(0, "members g2 u2")]),
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_plans_the_same_in_spite_of_retries_restarts_and_races() {
    let mut first = Tried::new(&["/a", "/b"], vec![]);
    let mut script = awkward();
    script.insert("/a2", vec![(0, "error retry"), (0, "user u3 cy")]);
    first.record(script).await;
    let recorded = first.planned().await.unwrap();
    // The later answer about u1 counts, though it is the one that was asked for first.
    assert!(recorded.iter().any(|line| line.starts_with("create first ")), "{recorded:?}");
    assert!(recorded.iter().any(|line| line.starts_with("create dora ")), "{recorded:?}");
    for _ in 0..10 {
        let mut second = Tried::new(&["/a", "/b"], vec![]);
        second.replay(&first.file(), false);
        assert_eq!(second.planned().await.unwrap(), recorded);
        assert_eq!(*second.source.known.lock().unwrap(), *first.source.known.lock().unwrap());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_is_applied_and_kept_as_what_it_is() {
    let mut first = Tried::new(&["/a", "/b"], vec![]);
    first.record(awkward()).await;
    let recorded = first.world.sync_well().await;
    let mut second = Tried::new(&["/a", "/b"], vec![]);
    second.replay(&first.file(), false);
    let replayed = second.world.sync_well().await;
    assert_eq!(second.world.shown(), first.world.shown());
    assert_eq!((recorded.mode.as_str(), recorded.replayed), ("full", None));
    let when = Cassette::open(&first.file()).unwrap().recorded();
    assert_eq!((replayed.mode.as_str(), replayed.replayed), ("replay", Some(when)));
    assert_eq!((replayed.requests.sent, &replayed.users), (0, &recorded.users));
    let left: Vec<_> = std::fs::read_dir(second.world.job.work.path()).unwrap().collect();
    assert!(left.iter().all(|entry| !format!("{entry:?}").contains("replay")), "{left:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_recorded_ends_the_replay_and_what_is_not_asked_for_is_passed_over() {
    let mut first = Tried::new(&["/a", "/b"], vec![]);
    first.record(awkward()).await;
    first.world.sync_well().await;
    let mut more = Tried::new(&["/a", "/b", "/c"], vec![]);
    more.replay(&first.file(), false);
    let RunError::Cassette(error) = more.planned().await.unwrap_err() else { panic!("of another kind") };
    assert!(matches!(&error, CassetteError::Missing { request, failed: None, .. } if request == "GET /c"));
    assert_eq!(error.hint().unwrap(), "since it was recorded there is another day");
    let ended = more.world.sync().await;
    assert!(ended.error.is_some());
    assert_eq!(more.world.shown(), Default::default(), "nothing is applied");

    let ops = Arc::new(Without("ops", identity()));
    let mut fewer = Tried::new(&["/b"], vec![ops]);
    fewer.replay(&first.file(), false);
    fewer.world.sync_well().await;
    let (users, groups) = fewer.world.shown();
    assert_eq!(users.into_keys().collect::<Vec<_>>(), ["dora", "second"]);
    assert_eq!(groups.into_keys().collect::<Vec<_>>(), ["eng"]);
}

/// Whom the list left out is in the recording too: a repetition disables the same people, and asks nobody.
#[tokio::test(flavor = "multi_thread")]
async fn a_replay_repeats_what_was_asked_about_absent_people() {
    let mut first = Tried::new(&["/a"], vec![]);
    first.record(HashMap::from([("/a", vec![(0, "user u1 ann; user u2 bob; user u3 cy")])])).await;
    first.world.sync_well().await;
    let mut second = Tried::new(&["/a"], vec![]);
    second.replay(&first.file(), false);
    second.world.sync_well().await;
    let left = HashMap::from([
        ("/a", vec![(0, "user u1 ann")]),
        // The last answer counts, and only that one is kept.
        ("/user/u2", vec![(0, "error reauthenticate"), (0, "gone u2")]),
        ("/user/u3", vec![(0, "user u3 cy")]),
    ]);
    first.record(left).await;
    let recorded = first.world.sync_well().await;
    second.replay(&first.file(), false);
    let replayed = second.world.sync_well().await;
    assert_eq!((recorded.users.disabled, recorded.requests.sent), (1, 4));
    assert_eq!((&replayed.users, replayed.requests.sent), (&recorded.users, 0));
    assert_eq!(replayed.leaving, recorded.leaving);
    assert_eq!(second.world.shown(), first.world.shown());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replay_changes_nobody_about_whom_nothing_was_recorded() {
    let mut first = Tried::new(&["/a"], vec![]);
    first.record(HashMap::from([("/a", vec![(0, "user u1 ann")])])).await;
    first.world.sync_well().await;
    let mut second = Tried::new(&["/a"], vec![]);
    second.record(HashMap::from([("/a", vec![(0, "user u1 ann; user u2 bob")])])).await;
    second.world.sync_well().await;
    second.replay(&first.file(), true);
    let report = second.world.sync_well().await;
    assert!(!report.changes_anything(), "{report:?}");
    assert_eq!(report.leaving[0].stays, "not confirmed: the recording has no answer about them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failed_run_is_kept_and_fails_again_in_the_same_way() {
    let mut script = awkward();
    script.insert("/a2", vec![(0, "error forbidden")]);
    let mut first = Tried::new(&["/a", "/b"], vec![]);
    first.record(script).await;
    let failed = first.world.sync().await.report.error.unwrap();
    let mut second = Tried::new(&["/a", "/b"], vec![]);
    second.replay(&first.file(), false);
    let again = second.world.sync().await.report.error.unwrap();
    assert_eq!((failed.message.as_str(), &again), ("reading GET /a2 failed", &failed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stopped_run_leaves_no_recording() {
    let mut first = Tried::new(&["/a", "/b"], vec![]);
    first.record(awkward()).await;
    first.world.job.cancel.cancel();
    assert!(matches!(first.world.sync().await.error, Some(RunError::Cancelled)));
    assert_eq!(std::fs::read_dir(first.folder.path()).unwrap().count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_reading_is_not_applied_over_a_newer_one_unless_wanted() {
    let script = |name| HashMap::from([("/a", vec![(0, name)])]);
    let mut recorded = Vec::new();
    for name in ["user u1 old", "user u1 newer"] {
        let mut tried = Tried::new(&["/a"], vec![]);
        tried.record(script(name)).await;
        tried.world.sync_well().await;
        // A reading is no older than its own run.
        tried.replay(&tried.file(), false);
        tried.world.sync_well().await;
        recorded.push(tried);
    }
    let mut world = Tried::new(&["/a"], vec![]);
    world.record(script("user u1 newest")).await;
    world.world.sync_well().await;
    world.replay(&recorded[0].file(), false);
    let refused = sync(&world.world.job, &mut world.world.store).await.map(drop).unwrap_err();
    assert!(matches!(&refused, RunError::Outdated { run: 1, .. }), "{refused:?}");
    assert_eq!(world.planned().await.unwrap().len(), 1, "to plan it harms nobody");
    world.replay(&recorded[0].file(), true);
    world.world.sync_well().await;
    assert!(world.world.shown().0.contains_key("old"));
    // What is there is as old as its reading, whenever it was applied.
    world.replay(&recorded[1].file(), false);
    world.world.sync_well().await;
    assert!(world.world.shown().0.contains_key("newer"));
}
