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

/// Why a probe found nothing out.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
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
pub async fn probe(
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
        let page = call(&source, move |source| source.decode(&request, response)).await?;
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

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use async_trait::async_trait;

    use super::super::testing::manifest;
    use super::*;
    use crate::http::HttpTotals;
    use crate::model::{Manifest, Method, PluginError, Request, Response, Subject};
    use crate::plugin::Identity;

    /// Asks for `/0`, then for `/1`, …, up to `/last`; each answer is a fact.
    struct Counting {
        identity: Identity,
        manifest: Manifest,
        last: usize,
    }

    fn request(path: usize) -> Request {
        Request {
            method: Method::Get,
            path: format!("/{path}"),
            headers: Vec::new(),
            body: None,
            bucket: "users".into(),
            about: None,
            version: None,
            context: String::new(),
        }
    }

    impl Source for Counting {
        fn identity(&self) -> &Identity {
            &self.identity
        }

        fn manifest(&self) -> &Manifest {
            &self.manifest
        }

        fn plan(&self, scope: &Scope, known: &[Attribute]) -> Result<Vec<Request>, CallError> {
            assert_eq!((scope, known[0].name.as_str()), (&Scope::Probe, "now"));
            Ok(vec![request(0)])
        }

        fn decode(&self, asked: &Request, response: Response) -> Result<Page, CallError> {
            let number: usize = asked.path[1..].parse().unwrap();
            if response.status != 200 {
                let error =
                    PluginError::new("unauthorized", "the token is not accepted").with_hint("make another");
                return Err(CallError::Answered { plugin: Box::new(self.identity.clone()), error });
            }
            Ok(Page {
                extra: vec![Attribute::new(format!("probe.fact-{number}"), i64::try_from(number).unwrap())],
                problems: (number == 1)
                    .then(|| Problem {
                        subject: Some(Subject::Group("g1".into())),
                        error: PluginError::new("forbidden", "its members may not be read"),
                    })
                    .into_iter()
                    .collect(),
                next: (number < self.last).then(|| request(number + 1)).into_iter().collect(),
                ..Page::default()
            })
        }
    }

    struct Answers {
        status: u16,
        asked: Mutex<Vec<String>>,
    }

    #[async_trait]
    impl Transport for Answers {
        async fn send(&self, request: &Request) -> Result<Response, HttpError> {
            self.asked.lock().unwrap().push(request.path.clone());
            Ok(Response { status: self.status, headers: Vec::new(), body: Vec::new() })
        }

        fn totals(&self) -> HttpTotals {
            HttpTotals::default()
        }
    }

    async fn run(last: usize, status: u16) -> (Result<Vec<(String, Value)>, ProbeError>, usize) {
        let identity = Identity { name: "okta".into(), version: "0.1.0".into(), sha256: String::new() };
        let transport = Answers { status, asked: Mutex::default() };
        let found = probe(Arc::new(Counting { identity, manifest: manifest(), last }), &transport).await;
        let asked = transport.asked.lock().unwrap().len();
        (found, asked)
    }

    #[tokio::test]
    async fn facts_come_in_the_plugins_order_with_its_problems() {
        let (found, _) = run(2, 200).await;
        let found: Vec<String> =
            found.unwrap().iter().map(|(name, value)| format!("{name} = {value}")).collect();
        assert_eq!(
            found,
            [
                "fact-0 = 0",
                "fact-1 = 1",
                "problem of group g1 = \"its members may not be read\"",
                "fact-2 = 2"
            ]
        );
    }

    #[tokio::test]
    async fn a_refusal_is_the_plugins_own_words() {
        let error = run(2, 401).await.0.unwrap_err();
        assert_eq!(error.to_string(), "the token is not accepted");
        assert_eq!(error.hint().as_deref(), Some("make another"));
    }

    #[tokio::test]
    async fn a_plugin_that_never_ends_is_stopped() {
        let (found, asked) = run(usize::MAX, 200).await;
        assert!(matches!(found, Err(ProbeError::Endless { .. })));
        assert_eq!(asked, MOST_REQUESTS);
    }
}
