//! Confirm: is somebody whom the list left out really gone?
//!
//! A provider's listing is eventually consistent, so that it can leave people out who are there. Before cleanup changes
//! them, the plugin asks for each of them by id. What it can't tell changes nobody. Groups can't be asked for.
//!
//! That belongs to the reading: it happens before anything is locked, it is recorded and repeated with it, and what was
//! answered is in the spool, so that a run that goes on after a kill asks for nobody twice.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use super::answers::Answers;
use super::collect::{REPEAT_PAUSE, work_file};
use super::error::RunError;
use super::leavers::{Absentee, Fate};
use super::reading::Reading;
use super::run::{Job, with_causes};
use super::spool::{Frame, SpoolWriter};
use crate::failpoint::FailPoint;
use crate::http::{Cassette, HttpError, Transport};
use crate::model::{Attribute, Page, PluginError, Request, Response, Scope, Subject};
use crate::plugin::CallError;

/// Requests in flight at once; the transport paces them.
const IN_FLIGHT: usize = 16;

/// Rounds of requests for one answer: the record, what settings ask about the person, pages of it, repetitions.
const ROUNDS: usize = 16;

/// What the provider says of someone whom the list left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Certain(Presence),
    /// Nobody can tell, and why.
    Unclear(PluginError),
    /// The recording has no answer about them.
    Unrecorded,
}

/// Where somebody is whom the list left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Presence {
    /// The list was wrong.
    InScope,
    /// The provider has them, and the connector's settings don't want them.
    OutOfScope,
    Gone,
}

/// What is known about the absentees, by provider id; about who is not here nobody was asked.
#[derive(Debug, Default)]
pub struct Confirmations {
    pub verdicts: FxHashMap<String, Verdict>,
    /// The plugin can't read single people, so that the list's word counts.
    pub unsupported: bool,
    /// How many of the verdicts an earlier, interrupted run had got.
    pub resumed: u64,
}

/// What confirming needs.
struct Confirmer<'a> {
    job: &'a Job,
    /// What the plugin was told when the reading began.
    known: &'a [Attribute],
    spool: SpoolWriter,
    found: Confirmations,
}

/// A question that is on its way.
struct Asking {
    id: String,
    request: Request,
    repeats: u32,
}

/// An answer, or why there is none; nothing when the recording holds none.
type Answered = (Asking, Option<Result<Response, HttpError>>);

impl Job {
    /// Asks for those of the absent people by id whom cleanup would change now, up to a number of them.
    ///
    /// # Errors
    ///
    /// Being stopped, too many requests, and a spool or a recording that can't be read or written. What concerns one
    /// person is a verdict.
    pub(super) async fn confirm(
        &self,
        absent: &[Absentee],
        reading: &Reading,
        known: &[Attribute],
    ) -> Result<Confirmations, RunError> {
        let mut found = Confirmations::default();
        let mut unknown = Vec::new();
        let acting = absent.iter().filter(|absentee| matches!(absentee.fate, Fate::Act(_)));
        let (gone, doubtful): (Vec<_>, Vec<_>) =
            acting.partition(|absentee| reading.is_gone(absentee.person));
        for absentee in gone {
            let id = reading.id(absentee.person).to_owned();
            found.verdicts.insert(id, Verdict::Certain(Presence::Gone));
        }
        for absentee in doubtful.into_iter().take(self.policy.cleanup.confirm as usize) {
            let id = reading.id(absentee.person).to_owned();
            match reading.confirmed.get(&id) {
                Some(presence) => {
                    found.resumed += 1;
                    found.verdicts.insert(id, Verdict::Certain(*presence));
                }
                None => unknown.push(id),
            }
        }
        if unknown.is_empty() {
            return Ok(found);
        }
        tracing::info!(connector = self.connector, people = unknown.len(), "asking for absent people by id");
        let path = self.spool();
        let spool = SpoolWriter::go_on(&path, reading.spool_end).map_err(work_file(&path, "written"))?;
        Confirmer { job: self, known, spool, found }.confirm(unknown).await
    }
}

impl Confirmer<'_> {
    async fn confirm(mut self, ids: Vec<String>) -> Result<Confirmations, RunError> {
        let Some(mut asking) = self.questions(ids).await? else { return Ok(self.found) };
        let mut asked = 0;
        for _ in 0..ROUNDS {
            asked += asking.len() as u64;
            if asking.is_empty() {
                break;
            }
            if asked > self.job.max_requests {
                return Err(RunError::TooManyRequests {
                    plugin: self.job.source.identity().to_string(),
                    limit: self.job.max_requests,
                    connector: self.job.connector.clone(),
                });
            }
            let answered = match &self.job.answers {
                Answers::Provider { transport, .. } => self.send(transport, asking).await?,
                Answers::Recording { cassette, .. } => look_up(cassette, asking)?,
            };
            asking = Vec::new();
            let ids: BTreeSet<String> = answered.iter().map(|(question, _)| question.id.clone()).collect();
            for (question, response) in answered {
                self.take_in(question, response, &mut asking).await?;
            }
            // All was asked, and neither a record nor an end came: that is what a plugin says of someone out of scope.
            let open = |id: &String| !asking.iter().any(|question| question.id == *id);
            for id in ids.into_iter().filter(open) {
                if !self.found.verdicts.contains_key(&id) {
                    self.conclude(id, Presence::OutOfScope)?;
                }
            }
        }
        for question in asking {
            self.found.verdicts.entry(question.id).or_insert_with(|| {
                let message = "the plugin goes on asking, and does not say whether they are there";
                Verdict::Unclear(PluginError::new("unexpected", message))
            });
        }
        Ok(self.found)
    }

    /// The first requests; nothing when the plugin can't read single people.
    async fn questions(&mut self, ids: Vec<String>) -> Result<Option<Vec<Asking>>, RunError> {
        let (source, mut known) = (self.job.source.clone(), self.known.to_vec());
        // Their record alone says whether they are there.
        known.push(Attribute::new("groups", false));
        let planned = tokio::task::spawn_blocking(move || {
            let plan = |id: String| (source.plan(&Scope::User(id.clone()), &known), id);
            ids.into_iter().map(plan).collect::<Vec<_>>()
        });
        let planned = planned.await.map_err(|error| RunError::Worker(error.to_string()))?;
        let mut asking = Vec::new();
        for (requests, id) in planned {
            match requests {
                Ok(requests) => {
                    let first = |request| Asking { id: id.clone(), request, repeats: 0 };
                    asking.extend(requests.into_iter().map(first));
                }
                Err(error) if error.code() == Some(PluginError::UNSUPPORTED) => {
                    self.found.unsupported = true;
                    return Ok(None);
                }
                Err(error) => self.unclear(id, &error, error.code(), error.hint()),
            }
        }
        Ok(Some(asking))
    }

    async fn send(
        &self,
        transport: &Arc<dyn Transport>,
        asking: Vec<Asking>,
    ) -> Result<Vec<Answered>, RunError> {
        let mut waiting = asking.into_iter();
        let mut tasks = JoinSet::new();
        let mut answered = Vec::new();
        loop {
            while tasks.len() < IN_FLIGHT
                && let Some(question) = waiting.next()
            {
                let transport = transport.clone();
                tasks.spawn(async move {
                    if question.repeats > 0 {
                        tokio::time::sleep(REPEAT_PAUSE * 2_u32.pow(question.repeats - 1)).await;
                    }
                    let response = transport.send(&question.request).await;
                    (question, Some(response))
                });
            }
            let done = tokio::select! {
                biased;
                () = self.job.cancel.cancelled() => return Err(RunError::Cancelled),
                done = tasks.join_next() => done,
            };
            let Some(done) = done else { return Ok(answered) };
            answered.push(done.map_err(|error| RunError::Worker(error.to_string()))?);
        }
    }

    async fn take_in(
        &mut self,
        question: Asking,
        response: Option<Result<Response, HttpError>>,
        asking: &mut Vec<Asking>,
    ) -> Result<(), RunError> {
        let Asking { id, request, repeats } = question;
        let response = match response {
            Some(Ok(response)) => response,
            Some(Err(error)) => {
                self.unclear(id, &error, None, error.hint());
                return Ok(());
            }
            None => {
                self.found.verdicts.entry(id).or_insert(Verdict::Unrecorded);
                return Ok(());
            }
        };
        let kept = self.job.answers.recorder().map(|_| response.clone());
        let (source, asked) = (self.job.source.clone(), request.clone());
        let decoded = tokio::task::spawn_blocking(move || source.decode(&asked, response));
        let decoded = decoded.await.map_err(|error| RunError::Worker(error.to_string()))?;
        let again = matches!(&decoded, Err(error) if repeatable(error));
        if let Some(kept) = kept.filter(|_| !again) {
            // A repetition takes the first answer that fits, so that only the last one may be there.
            self.job.answers.keep(&request, &kept)?;
        }
        match decoded {
            Ok(page) => match said(&page, &id) {
                Some(Ok(presence)) => self.conclude(id, presence)?,
                Some(Err(error)) => drop(self.found.verdicts.insert(id, Verdict::Unclear(error))),
                None => {
                    let next = page.next.into_iter();
                    asking.extend(next.map(|request| Asking { id: id.clone(), request, repeats: 0 }));
                }
            },
            Err(error) => match error.code() {
                Some(PluginError::NOT_FOUND) => self.conclude(id, Presence::Gone)?,
                _ if again => asking.push(Asking { id, request, repeats: repeats + 1 }),
                code => self.unclear(id, &error, code, error.hint()),
            },
        }
        Ok(())
    }

    /// What is certain need not be asked again by a run that goes on after this one.
    fn conclude(&mut self, id: String, presence: Presence) -> Result<(), RunError> {
        let path = self.spool.path().to_owned();
        let frame = Frame::Confirmed { id: id.clone(), presence };
        let written = self.spool.append(&frame).and_then(|()| self.spool.flush());
        written.map_err(work_file(&path, "written"))?;
        FailPoint::Confirmed.pass();
        self.found.verdicts.insert(id, Verdict::Certain(presence));
        Ok(())
    }

    fn unclear(
        &mut self,
        id: String,
        error: &dyn std::error::Error,
        code: Option<&str>,
        hint: Option<String>,
    ) {
        let error = PluginError::new(code.unwrap_or("unconfirmed"), with_causes(error));
        self.found.verdicts.insert(id, Verdict::Unclear(PluginError { hint, ..error }));
    }
}

/// Whether the same request may have another answer.
fn repeatable(error: &CallError) -> bool {
    matches!(error.code(), Some(PluginError::RETRY | PluginError::REAUTHENTICATE))
}

/// What one page says of the person; nothing when it says nothing.
fn said(page: &Page, id: &str) -> Option<Result<Presence, PluginError>> {
    let about = |subject: &Subject| matches!(subject, Subject::User(user) if user == id);
    if page.users.iter().any(|user| user.id == id) {
        return Some(Ok(Presence::InScope));
    }
    if page.gone.iter().any(about) {
        return Some(Ok(Presence::Gone));
    }
    // Nobody else was asked for, so that any problem is one about them.
    page.problems.first().map(|problem| Err(problem.error.clone()))
}

/// The recorded answers to these questions.
fn look_up(cassette: &Cassette, asking: Vec<Asking>) -> Result<Vec<Answered>, RunError> {
    let mut waiting: Vec<Option<Asking>> = asking.into_iter().map(Some).collect();
    let mut answered = Vec::new();
    let mut exchanges = cassette.exchanges()?;
    while answered.len() < waiting.len()
        && let Some(played) = exchanges.next_exchange()?
    {
        let place = waiting
            .iter_mut()
            .find(|place| place.as_ref().is_some_and(|question| played.request.is(&question.request)));
        if let Some(question) = place.and_then(Option::take) {
            answered.push((question, Some(Ok(played.response))));
        }
    }
    answered.extend(waiting.into_iter().flatten().map(|question| (question, None)));
    Ok(answered)
}
