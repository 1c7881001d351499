use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::Value;

use crate::http::{HttpError, Transport};
use crate::model::{Attribute, Page, Problem, Scope};
use crate::plugin::{CallError, Source};

/// A probe is a handful of questions. A plugin that asks more than this is reading.
const MOST_REQUESTS: usize = 100;

/// What a plugin's attributes of a probe begin with.
const PREFIX: &str = "probe.";

#[derive(Debug, thiserror::Error)]
pub(super) enum ProbeError {
    #[error(transparent)]
    Call(#[from] CallError),
    #[error(transparent)]
    Http(#[from] HttpError),
    #[error("plugin {plugin} asks for more than {MOST_REQUESTS} requests to find out what it can see")]
    Endless { plugin: String },
    #[error("the call of plugin {plugin} was given up: {reason}")]
    GivenUp { plugin: String, reason: String },
}

impl ProbeError {
    pub fn hint(&self) -> Option<String> {
        match self {
            ProbeError::Call(error) => error.hint(),
            ProbeError::Http(error) => error.hint(),
            ProbeError::Endless { .. } => Some("tell the plugin's author".to_owned()),
            ProbeError::GivenUp { .. } => None,
        }
    }
}

/// What the credential can see, one question after the other: there are few, and the order of the answers is
/// the plugin's.
pub(super) async fn probe(
    source: Arc<dyn Source>,
    transport: &dyn Transport,
) -> Result<Vec<(String, Value)>, ProbeError> {
    let known = vec![Attribute::new("now", jiff::Timestamp::now().to_string())];
    let first = call(&source, move |source| source.plan(&Scope::Probe, &known)).await?;
    let mut pending = VecDeque::from(first);
    let mut facts = Vec::new();
    let mut sent = 0;
    while let Some(request) = pending.pop_front() {
        if sent == MOST_REQUESTS {
            return Err(ProbeError::Endless { plugin: source.identity().to_string() });
        }
        sent += 1;
        let response = transport.send(&request).await?;
        let page = call(&source, move |source| source.decode(&request, &response)).await?;
        let Page { extra, problems, next, .. } = page;
        facts.extend(extra.into_iter().filter_map(|Attribute { name, value }| {
            Some((name.strip_prefix(PREFIX).map_or(name.clone(), str::to_owned), value.to_json()?))
        }));
        facts.extend(problems.into_iter().map(|Problem { subject, error }| {
            let about =
                subject.map_or_else(|| "problem".to_owned(), |subject| format!("problem of {subject}"));
            (about, Value::String(error.message))
        }));
        pending.extend(next);
    }
    Ok(facts)
}

/// Guest code never runs on the reactor's threads.
async fn call<T: Send + 'static>(
    source: &Arc<dyn Source>,
    work: impl FnOnce(&dyn Source) -> Result<T, CallError> + Send + 'static,
) -> Result<T, ProbeError> {
    let on = Arc::clone(source);
    match tokio::task::spawn_blocking(move || work(&*on)).await {
        Ok(result) => Ok(result?),
        Err(error) => {
            Err(ProbeError::GivenUp { plugin: source.identity().to_string(), reason: error.to_string() })
        }
    }
}
