//! Collect: ask the plugin what to request, perform it, hand the bytes back, spool the pages.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::answers::Answers;
use super::error::{ReadError, RunError};
use super::event::{Event, Observer};
use super::frontier::{Frontier, Pending};
use super::held_versions::HeldVersions;
use super::shape::{GroupShape, shape_groups};
use super::spool::{Frame, SpoolKey, SpoolReader, SpoolWriter};
use crate::failpoint::FailPoint;
use crate::http::{HttpError, Transport};
use crate::model::{Attribute, Members, Page, PluginError, Response, Scope, Subject};
use crate::plugin::{CallError, Source, Transform};

/// Tasks (a request with its decoding) in flight for one bucket. More than the transport sends at once, so that
/// decoding never leaves a connection idle; few enough that undecoded bodies don't pile up in memory.
const IN_FLIGHT_PER_BUCKET: usize = 16;

/// How often a plugin may ask to repeat one request, after the transport's own retries.
const MAX_REPEATS: u32 = 3;

/// How long to wait before a plugin's first repeat; twice as long before each further one.
pub(super) const REPEAT_PAUSE: Duration = Duration::from_secs(1);

/// A spool is gone on from when the collection began at most this long ago. Cursors live longer, but what was read
/// first should not be much older than what is read last.
pub(super) const MAX_SPOOL_AGE: Duration = Duration::from_secs(60 * 60);

/// What a collection needs.
pub struct Collector<'a> {
    pub connector: &'a str,
    pub source: &'a Arc<dyn Source>,
    pub transforms: &'a Arc<[Arc<dyn Transform>]>,
    pub answers: &'a Answers,
    pub observer: &'a dyn Observer,
    pub cancel: &'a CancellationToken,
    pub max_requests: u64,
    /// What need not be asked for.
    pub held: &'a HeldVersions,
}

/// What a collection told besides its pages, which are in the spool.
#[derive(Debug, Default)]
pub struct Collected {
    pub pages: u64,
    pub users: u64,
    pub groups: u64,
    pub memberships: u64,
    /// Pages that an earlier, interrupted collection had read already.
    pub resumed: u64,
    /// Groups whose members are not asked for, because the mirror holds them.
    pub unchanged: u64,
    pub extra: Vec<Attribute>,
}

/// A task's answer: which request, and its page or why there is none.
pub(super) struct Answer {
    pub(super) pending: Pending,
    /// Kept while recording.
    response: Option<Response>,
    result: Result<(Page, Vec<String>), Failure>,
}

enum Failure {
    Http(HttpError),
    Call(CallError),
    Shape(RunError),
}

impl Collector<'_> {
    /// Reads everything in scope into the spool. Ends without error only when every request that became known was
    /// answered.
    pub async fn collect(
        &self,
        scope: &Scope,
        known: &[Attribute],
        path: &Path,
        key: &SpoolKey,
        now: i64,
    ) -> Result<Collected, RunError> {
        let mut collected = Collected::default();
        let resumed = match self.answers.may_resume() {
            true => tokio::task::block_in_place(|| self.resume(path, key, now, &mut collected)),
            false => None,
        };
        let (mut frontier, mut spool, complete) = match resumed {
            Some(resumed) => resumed,
            None => {
                let roots = self.first_requests(scope, known).await?;
                let mut spool = SpoolWriter::create(path, key, now).map_err(work_file(path, "created"))?;
                FailPoint::SpoolCreated.pass();
                spool.append(&Frame::Roots(roots.clone())).map_err(work_file(path, "written"))?;
                let frontier =
                    Frontier::new(roots).map_err(|_| RunError::Loop { request: "first requests".into() })?;
                (frontier, spool, false)
            }
        };
        if complete {
            return Ok(collected);
        }
        let result = match self.answers {
            Answers::Provider { transport, .. } => {
                self.drain(transport, &mut frontier, &mut spool, &mut collected).await
            }
            Answers::Recording { cassette, differs, .. } => {
                self.repeat(cassette, differs, &mut frontier, &mut spool, &mut collected).await
            }
        };
        if result.is_ok() {
            FailPoint::ReadingEnding.pass();
            spool.append(&Frame::Complete).map_err(work_file(path, "written"))?;
        }
        spool.flush().map_err(work_file(path, "written"))?;
        result?;
        FailPoint::ReadingEnded.pass();
        Ok(collected)
    }

    async fn first_requests(
        &self,
        scope: &Scope,
        known: &[Attribute],
    ) -> Result<Vec<crate::model::Request>, RunError> {
        let (source, scope, known) = (self.source.clone(), scope.clone(), known.to_vec());
        tokio::task::spawn_blocking(move || source.plan(&scope, &known))
            .await
            .map_err(|error| RunError::Worker(error.to_string()))?
            .map_err(RunError::Plan)
    }

    /// Makes all known requests, and those that their pages bring.
    async fn drain(
        &self,
        transport: &Arc<dyn Transport>,
        frontier: &mut Frontier,
        spool: &mut SpoolWriter,
        collected: &mut Collected,
    ) -> Result<(), RunError> {
        let mut tasks = JoinSet::new();
        loop {
            while let Some(pending) = frontier.take(IN_FLIGHT_PER_BUCKET) {
                self.check_requests(frontier)?;
                tasks.spawn(answer(
                    pending,
                    self.source.clone(),
                    self.transforms.clone(),
                    transport.clone(),
                    self.answers.recorder().is_some(),
                ));
            }
            // Dropping the set on any way out aborts what is in flight.
            let done = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(RunError::Cancelled),
                done = tasks.join_next() => done,
            };
            let Some(done) = done else { return Ok(()) };
            let answer = done.map_err(|error| RunError::Worker(error.to_string()))?;
            frontier.landed(&answer.pending);
            if frontier.is_current(answer.pending.root, answer.pending.attempt) {
                self.take_in(answer, frontier, spool, collected)?;
                self.tell(collected, frontier.waiting() + tasks.len() as u64);
            }
        }
    }

    /// `waiting`: requests that are known and not yet answered.
    pub(super) fn tell(&self, collected: &Collected, waiting: u64) {
        self.observer.event(Event::Collected {
            pages: collected.pages,
            users: collected.users,
            groups: collected.groups,
            memberships: collected.memberships,
            waiting,
        });
    }

    pub(super) fn check_requests(&self, frontier: &Frontier) -> Result<(), RunError> {
        if frontier.known() <= self.max_requests {
            return Ok(());
        }
        Err(RunError::TooManyRequests {
            plugin: self.source.identity().to_string(),
            limit: self.max_requests,
            connector: self.connector.to_owned(),
        })
    }

    pub(super) fn take_in(
        &self,
        answer: Answer,
        frontier: &mut Frontier,
        spool: &mut SpoolWriter,
        collected: &mut Collected,
    ) -> Result<(), RunError> {
        let Answer { pending, response, result } = answer;
        if let Some(response) = &response {
            self.answers.keep(&pending.request, response)?;
        }
        let path = spool.path().to_owned();
        let failed = |source| RunError::Read { request: name_of(&pending), source: Box::new(source) };
        let (page, dropped) = match result {
            Ok(page) => page,
            Err(Failure::Shape(error)) => return Err(error),
            Err(Failure::Http(error)) => return Err(failed(ReadError::Http(error))),
            Err(Failure::Call(error)) => {
                return match error.code() {
                    Some(PluginError::RESTART) => match frontier.restart(pending.root) {
                        Ok(attempt) => spool
                            .append(&Frame::Restart { root: pending.root, attempt })
                            .map_err(work_file(&path, "written")),
                        Err(restarts) => Err(failed(ReadError::Restarts { restarts, source: error })),
                    },
                    // A credential that can't be renewed is tried once more: providers refuse good ones at random.
                    Some(PluginError::REAUTHENTICATE) if pending.repeats == 0 => {
                        frontier.repeat(pending);
                        Ok(())
                    }
                    Some(PluginError::RETRY) if pending.repeats < MAX_REPEATS => {
                        frontier.repeat(pending);
                        Ok(())
                    }
                    _ => Err(failed(ReadError::Decode(error))),
                };
            }
        };
        collected.unchanged += follow(frontier, &pending, &page, &dropped, self.held)?;
        collected.count(&page);
        let Pending { root, attempt, request, .. } = pending;
        spool
            .append(&Frame::Page { root, attempt, request, page: Box::new(page) })
            .map_err(work_file(&path, "written"))?;
        FailPoint::PageAppended.pass();
        // A killed process loses at most this page and what else is on its way: `IN_FLIGHT_PER_BUCKET`. One system call
        // a page is what that costs; no sync, because what a power cut takes is only read again.
        spool.flush().map_err(work_file(&path, "written"))?;
        FailPoint::PageFlushed.pass();
        Ok(())
    }

    /// What an interrupted collection of the same reading left, when that is recent: what is still to be
    /// requested, where to write on, and whether it is complete.
    fn resume(
        &self,
        path: &Path,
        key: &SpoolKey,
        now: i64,
        collected: &mut Collected,
    ) -> Option<(Frontier, SpoolWriter, bool)> {
        let mut reader = SpoolReader::open(path).ok()?;
        match reader.next_frame() {
            Ok(Some(Frame::Header { key: found, started_at }))
                if found == *key && (0..=MAX_SPOOL_AGE.as_secs() as i64).contains(&(now - started_at)) => {}
            _ => return None,
        }
        let Ok(Some(Frame::Roots(roots))) = reader.next_frame() else { return None };
        let mut frontier = Frontier::new(roots).ok()?;
        let mut found = Collected::default();
        let mut complete = false;
        while let Some(frame) = reader.next_frame().ok()? {
            match frame {
                Frame::Page { root, attempt, request, page } if frontier.is_current(root, attempt) => {
                    frontier.answered(root, &request);
                    let dropped = dropped_groups(self.transforms, &page).ok()?;
                    let pending = Pending { root, attempt, repeats: 0, request };
                    found.unchanged += follow(&mut frontier, &pending, &page, &dropped, self.held).ok()?;
                    found.count(&page);
                    found.resumed += 1;
                }
                Frame::Page { .. } => {}
                Frame::Restart { root, .. } => {
                    frontier.restart(root).ok()?;
                }
                Frame::Complete => complete = true,
                // Whoever confirms reads them.
                Frame::Confirmed { .. } => {}
                Frame::Header { .. } | Frame::Roots(_) => return None,
            }
        }
        let writer = SpoolWriter::go_on(path, reader.whole()).ok()?;
        *collected = found;
        Some((frontier, writer, complete))
    }
}

impl Collected {
    fn count(&mut self, page: &Page) {
        self.pages += 1;
        self.users += page.users.len() as u64;
        self.groups += page.groups.len() as u64;
        self.memberships += page
            .memberships
            .iter()
            .map(|membership| match &membership.members {
                Members::Some(ids) | Members::Add(ids) => ids.len() as u64,
                Members::Remove(_) | Members::Everyone | Members::Unknown(_) => 0,
            })
            .sum::<u64>();
        self.extra.extend(page.extra.iter().cloned());
    }
}

/// Queues what the page asks for, without the members of groups that a transform dropped, and of those whose members
/// the mirror holds in the version that there is now. Says how many the latter are.
fn follow(
    frontier: &mut Frontier,
    pending: &Pending,
    page: &Page,
    dropped: &[String],
    held: &HeldVersions,
) -> Result<u64, RunError> {
    let mut unchanged = 0;
    for request in &page.next {
        let about_dropped = matches!(&request.about, Some(Subject::Group(id)) if dropped.contains(id));
        if !about_dropped && held.answers(request) {
            unchanged += 1;
            continue;
        }
        if about_dropped || frontier.push(pending.root, request.clone()).is_ok() {
            continue;
        }
        // A listing that moves while it is read may show a group twice; a chain that asks for itself never ends.
        let listed_twice = request.about.is_some() && pending.request.about.is_none();
        if !listed_twice {
            return Err(RunError::Loop { request: name_of(pending) });
        }
    }
    for group in dropped {
        frontier.cancel_about(group);
    }
    Ok(unchanged)
}

/// One request, and what its answer holds.
async fn answer(
    pending: Pending,
    source: Arc<dyn Source>,
    transforms: Arc<[Arc<dyn Transform>]>,
    transport: Arc<dyn Transport>,
    keep: bool,
) -> Answer {
    if pending.repeats > 0 {
        tokio::time::sleep(REPEAT_PAUSE * 2_u32.pow(pending.repeats - 1)).await;
    }
    let (response, silence) = match transport.send(&pending.request).await {
        Ok(response) => (response, None),
        // The plugin may know what an unanswered request costs; if it doesn't, the cause is what counts.
        Err(error) if error.may_be_size() => {
            (Response { status: 0, headers: Vec::new(), body: Vec::new() }, Some(error))
        }
        Err(error) => return Answer { pending, response: None, result: Err(Failure::Http(error)) },
    };
    decoded(pending, response, silence, source, transforms, keep).await
}

/// An answer decoded, its groups shaped.
pub(super) async fn decoded(
    pending: Pending,
    response: Response,
    silence: Option<HttpError>,
    source: Arc<dyn Source>,
    transforms: Arc<[Arc<dyn Transform>]>,
    keep: bool,
) -> Answer {
    let kept = keep.then(|| response.clone());
    let request = pending.request.clone();
    let decoded = tokio::task::spawn_blocking(move || {
        let page = source.decode(&request, response).map_err(Failure::Call)?;
        let dropped = dropped_groups(&transforms, &page).map_err(Failure::Shape)?;
        Ok((page, dropped))
    })
    .await;
    let result = match (decoded, silence) {
        (Ok(Err(Failure::Call(error))), Some(silence)) if error.code() != Some(PluginError::RETRY) => {
            Err(Failure::Http(silence))
        }
        (Ok(result), _) => result,
        (Err(error), _) => Err(Failure::Shape(RunError::Worker(error.to_string()))),
    };
    Answer { pending, response: kept, result }
}

/// Provider ids of the page's groups that a transform drops.
fn dropped_groups(transforms: &[Arc<dyn Transform>], page: &Page) -> Result<Vec<String>, RunError> {
    if transforms.is_empty() || page.groups.is_empty() {
        return Ok(Vec::new());
    }
    let shapes = shape_groups(transforms, page.groups.clone())?;
    let groups = page.groups.iter().zip(shapes);
    Ok(groups
        .filter(|(_, shape)| matches!(shape, GroupShape::Dropped(_)))
        .map(|(g, _)| g.id.clone())
        .collect())
}

fn name_of(pending: &Pending) -> String {
    let path = pending.request.path.split('?').next().unwrap_or_default();
    format!("{} {path}", pending.request.method.as_str())
}

pub(super) fn work_file(path: &Path, action: &'static str) -> impl Fn(std::io::Error) -> RunError + use<> {
    let path = path.to_owned();
    move |source| RunError::WorkFile { path: path.clone(), action, source }
}
