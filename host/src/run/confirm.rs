//! Confirm: is somebody whom the list left out really gone?
//!
//! A provider's listing is eventually consistent, so that it can leave people out who are there. Before cleanup changes
//! them, the plugin asks for each of them by id. What it can't tell changes nobody. Groups can't be asked for.

use std::sync::Arc;

use rustc_hash::FxHashMap;
use tokio::task::JoinSet;

use super::answers::Answers;
use super::error::RunError;
use crate::http::{Cassette, HttpError, Transport};
use crate::model::{Attribute, Page, PluginError, Request, Response, Scope, Subject};
use crate::plugin::{CallError, Source};

/// Requests in flight at once; the transport paces them.
const IN_FLIGHT: usize = 16;

/// Rounds of requests for one answer: the record, and what the plugin needs besides.
const ROUNDS: usize = 4;

/// What the provider says of someone whom the list left out.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    Gone,
    /// The list was wrong.
    Found,
    /// Nobody can tell, and why.
    Unclear(PluginError),
    /// The recording has no answer about them.
    Unrecorded,
}

/// What is known about the absentees, by provider id; about who is not here nobody was asked.
#[derive(Debug, Default)]
pub struct Confirmations {
    pub verdicts: FxHashMap<String, Verdict>,
    /// The plugin can't read single people, so that the list's word counts.
    pub unsupported: bool,
}

/// What confirming needs.
pub struct Confirmer<'a> {
    pub source: &'a Arc<dyn Source>,
    pub answers: &'a Answers,
    /// What the plugin was told when the reading began.
    pub known: &'a [Attribute],
    pub cancel: &'a tokio_util::sync::CancellationToken,
}

/// A question that is on its way.
struct Asking {
    id: String,
    request: Request,
}

/// An answer, or why there is none; nothing when the recording holds none.
type Answered = (Asking, Option<Result<Response, HttpError>>);

impl Confirmer<'_> {
    /// Asks for each of these people by id.
    ///
    /// # Errors
    ///
    /// Being stopped, and a recording that can't be read or written. What concerns one person is a verdict.
    pub async fn confirm(&self, ids: Vec<String>) -> Result<Confirmations, RunError> {
        let mut found = Confirmations::default();
        let Some(mut asking) = self.questions(ids, &mut found).await? else { return Ok(found) };
        for _ in 0..ROUNDS {
            if asking.is_empty() {
                break;
            }
            let answered = match self.answers {
                Answers::Provider { transport, .. } => self.send(transport, asking).await?,
                Answers::Recording { cassette, .. } => look_up(cassette, asking)?,
            };
            asking = Vec::new();
            for (question, response) in answered {
                self.take_in(question, response, &mut found, &mut asking).await?;
            }
        }
        for question in asking {
            found.verdicts.entry(question.id).or_insert_with(|| {
                let message = "the plugin goes on asking, and does not say whether they are there";
                Verdict::Unclear(PluginError::new("unexpected", message))
            });
        }
        Ok(found)
    }

    /// The first requests; nothing when the plugin can't read single people.
    async fn questions(
        &self,
        ids: Vec<String>,
        found: &mut Confirmations,
    ) -> Result<Option<Vec<Asking>>, RunError> {
        let (source, mut known) = (self.source.clone(), self.known.to_vec());
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
                    asking.extend(requests.into_iter().map(|request| Asking { id: id.clone(), request }))
                }
                Err(error) if error.code() == Some(PluginError::UNSUPPORTED) => {
                    found.unsupported = true;
                    return Ok(None);
                }
                Err(error) => drop(found.verdicts.insert(id, unclear(&error, error.code(), error.hint()))),
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
                    let response = transport.send(&question.request).await;
                    (question, Some(response))
                });
            }
            let done = tokio::select! {
                biased;
                () = self.cancel.cancelled() => return Err(RunError::Cancelled),
                done = tasks.join_next() => done,
            };
            let Some(done) = done else { return Ok(answered) };
            answered.push(done.map_err(|error| RunError::Worker(error.to_string()))?);
        }
    }

    async fn take_in(
        &self,
        question: Asking,
        response: Option<Result<Response, HttpError>>,
        found: &mut Confirmations,
        asking: &mut Vec<Asking>,
    ) -> Result<(), RunError> {
        let Asking { id, request } = question;
        let response = match response {
            Some(Ok(response)) => response,
            Some(Err(error)) => {
                found.verdicts.insert(id, unclear(&error, None, error.hint()));
                return Ok(());
            }
            None => {
                found.verdicts.entry(id).or_insert(Verdict::Unrecorded);
                return Ok(());
            }
        };
        let kept = self.answers.recorder().map(|_| response.clone());
        let (source, asked) = (self.source.clone(), request.clone());
        let decoded = tokio::task::spawn_blocking(move || source.decode(&asked, response));
        let decoded = decoded.await.map_err(|error| RunError::Worker(error.to_string()))?;
        let repeats = matches!(&decoded, Err(error) if repeats(error));
        if let Some(kept) = kept.filter(|_| !repeats) {
            // A repetition takes the first answer that fits, so that only the last one may be there.
            self.answers.keep(&request, &kept)?;
        }
        match decoded {
            Ok(page) => {
                if let Some(verdict) = verdict_of(&page, &id) {
                    found.verdicts.insert(id, verdict);
                } else if page.next.is_empty() {
                    let message = "the plugin does not say whether they are there";
                    let verdict = Verdict::Unclear(PluginError::new("unexpected", message));
                    found.verdicts.entry(id).or_insert(verdict);
                } else {
                    let next = page.next.into_iter();
                    asking.extend(next.map(|request| Asking { id: id.clone(), request }));
                }
            }
            Err(error) => match error.code() {
                Some(PluginError::NOT_FOUND) => drop(found.verdicts.insert(id, Verdict::Gone)),
                _ if repeats => asking.push(Asking { id, request }),
                code => drop(found.verdicts.insert(id, unclear(&error, code, error.hint()))),
            },
        }
        Ok(())
    }
}

/// Whether the same request may have another answer.
fn repeats(error: &CallError) -> bool {
    matches!(error.code(), Some(PluginError::RETRY | PluginError::REAUTHENTICATE))
}

/// What one page says of the person; nothing when it says nothing yet.
fn verdict_of(page: &Page, id: &str) -> Option<Verdict> {
    let about = |subject: &Subject| matches!(subject, Subject::User(user) if user == id);
    if page.users.iter().any(|user| user.id == id) {
        return Some(Verdict::Found);
    }
    if page.gone.iter().any(about) {
        return Some(Verdict::Gone);
    }
    let problem = page.problems.iter().find(|problem| problem.subject.as_ref().is_some_and(about))?;
    Some(Verdict::Unclear(problem.error.clone()))
}

fn unclear(error: &dyn std::error::Error, code: Option<&str>, hint: Option<String>) -> Verdict {
    let mut message = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        message.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    let error = PluginError::new(code.unwrap_or("unconfirmed"), message);
    Verdict::Unclear(PluginError { hint, ..error })
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
