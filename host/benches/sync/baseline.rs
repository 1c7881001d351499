//! The pages of a full reading, fetched and thrown away.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rollcall_okta::Okta;
use rollcall_plugin::{Request, Scope, Source, link, testing};
use tokio::task::JoinSet;

use crate::support::{Fetcher, Result};

pub const IN_FLIGHT: usize = 8;

pub struct Baseline {
    /// That the provider announces: the first of each list and every next link.
    pub pages: u64,
    pub bytes: u64,
    pub wall: Duration,
}

pub fn read_all(fetcher: &Fetcher) -> Result<Baseline> {
    let okta: Okta = testing::configure(serde_json::json!({})).map_err(|error| error.message)?;
    tokio::runtime::Runtime::new()?.block_on(fetch_all(&okta, fetcher))
}

async fn fetch_all(okta: &Okta, fetcher: &Fetcher) -> Result<Baseline> {
    let start = Instant::now();
    let mut waiting = VecDeque::from(okta.plan(&Scope::Full, &[]).map_err(|error| error.message)?);
    let mut baseline = Baseline { pages: 0, bytes: 0, wall: Duration::ZERO };
    let mut tasks = JoinSet::new();
    loop {
        while tasks.len() < IN_FLIGHT
            && let Some(request) = waiting.pop_front()
        {
            let fetcher = fetcher.clone();
            tasks.spawn(async move { fetcher.fetch(&request).await.map(|answer| (request, answer)) });
        }
        let Some(done) = tasks.join_next().await else { break };
        let (request, answer) = done??;
        baseline.pages += 1;
        baseline.bytes += answer.body.len() as u64;
        let next = if request.path.starts_with("/api/v1/groups?") {
            // Few and short; only they tell of further lists.
            okta.decode(&request, &answer).map_err(|error| error.message)?.next
        } else {
            let next = link::next(&answer.headers).map_err(|error| error.message)?;
            next.map(|path| Request { path, ..request }).into_iter().collect()
        };
        for request in next {
            // Lists that lead to further pages go first.
            if request.about.is_none() { waiting.push_front(request) } else { waiting.push_back(request) }
        }
    }
    baseline.wall = start.elapsed();
    Ok(baseline)
}
