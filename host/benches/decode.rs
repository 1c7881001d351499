//! Page decode in the sandbox against the same code native: `cargo bench -p rollcall --bench decode`, and with
//! `-- --plugins DIR` for an `okta.wasm` that is not the built-in one.
//!
//! Native is the crate `rollcall-okta`, called directly. Sandboxed is the built-in component, called as a run
//! calls it: through the pool, under fuel and limits, with the answer copied in and the page lifted out and turned
//! into the host's types. Both decode the same answers of the simulator, in turns and on one core; the medians
//! count.

#[path = "support/mod.rs"]
mod support;

use std::hint::black_box;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use okta_sim::{Population, Sim};
use rollcall::model;
use rollcall::plugin::{Cache, Library, Limits, Sandbox, Setup, Source};
use rollcall_okta::Okta;
use rollcall_plugin::{Request, Response, Source as _, testing};
use support::{Fetcher, Result};

/// Most that a users page may cost in the sandbox, against native.
const USERS_GOAL: f64 = 2.0;
/// Least that one core has to scan when only the ids of a page matter, in MB/s.
const IDS_GOAL: f64 = 500.0;

/// A request and its answer, in the plugin's words and in the host's.
struct Case {
    native: (Request, Response),
    sandboxed: (model::Request, model::Response),
}

fn main() -> Result<()> {
    // Without cargo's `--bench` this is a smoke test.
    let rounds = if std::env::args().any(|argument| argument == "--bench") { 301 } else { 3 };
    let native: Okta = testing::configure(serde_json::json!({})).map_err(|error| error.message)?;
    // A component that is tried out, instead of the built-in: a folder with an `okta.wasm`.
    let folder = std::env::args().skip_while(|argument| argument != "--plugins").nth(1).map(PathBuf::from);
    let library = Library::open(folder.as_deref(), Sandbox::new(Cache::none())?)?;
    let listed = library.find("okta", None, None)?;
    let (settings, limits) = (serde_json::json!({}), Limits::default());
    let sandboxed =
        library.source(listed, Setup { connector: "bench", settings: &settings, limits: &limits })?;
    let (users, members) = tokio::runtime::Runtime::new()?.block_on(cases(&native, sandboxed.as_ref()))?;

    println!("\nPage decode, okta {} ({})", listed.manifest.version, &listed.sha256[..12]);
    println!("{:38} {:>9} {:>11} {:>11} {:>7} {:>9}", "", "bytes", "native", "sandbox", "ratio", "sandbox");
    let times = measure(&native, sandboxed.as_ref(), &users, rounds);
    let ratio = times.print("users page of 200");
    println!("{:38} goal: at most {USERS_GOAL:.1} ×, {}", "", verdict(ratio <= USERS_GOAL));
    let times = measure(&native, sandboxed.as_ref(), &members, rounds);
    times.print("members page of 1000, ids only");
    let rate = times.rate();
    println!("{:38} goal: at least {IDS_GOAL:.0} MB/s a core, {}", "", verdict(rate >= IDS_GOAL));
    // An answer of status 404 is copied in and not scanned.
    let mut refused = members;
    refused.native.1.status = 404;
    refused.sandboxed.1.status = 404;
    let copied = measure(&native, sandboxed.as_ref(), &refused, rounds);
    println!(
        "{:38} {:>9} {:>11} {:>11}",
        "  of which call and copy in",
        "",
        "",
        format!("{:.3} ms", millis(copied.sandboxed))
    );
    Ok(())
}

/// A page of users and a page of members, and both kinds of plugin agreeing about them.
async fn cases(native: &Okta, sandboxed: &dyn Source) -> Result<(Case, Case)> {
    let population = Population {
        users: 1000,
        groups: 1,
        members_per_group: 1000,
        empty_groups: 0,
        awkward: false,
        ..Population::default()
    };
    let sim = Sim::builder().population(population).gzip(false).start().await?;
    let fetcher = Fetcher::new(&sim.url(), sim.token())?;
    let planned = native.plan(&rollcall_plugin::Scope::Full, &[]).map_err(|error| error.message)?;
    let hosts = sandboxed.plan(&model::Scope::Full, &[])?;
    let [users, groups] = both(planned, hosts)?.try_into().map_err(|_| "two listings")?;
    let users = case(users, &fetcher).await?;
    let groups = case(groups, &fetcher).await?;
    let page = native.decode(&groups.native.0, &groups.native.1).map_err(|error| error.message)?;
    let hosts = sandboxed.decode(&groups.sandboxed.0, groups.sandboxed.1.clone())?;
    let [members] = both(page.next, hosts.next)?.try_into().map_err(|_| "one group with members")?;
    let members = case(members, &fetcher).await?;
    for (case, expected) in [(&users, (200, 0)), (&members, (0, 1000))] {
        let page = native.decode(&case.native.0, &case.native.1).map_err(|error| error.message)?;
        let hosts = sandboxed.decode(&case.sandboxed.0, case.sandboxed.1.clone())?;
        let ids = |lists: &[model::Membership]| match lists {
            [model::Membership { members: model::Members::Some(ids), .. }] => ids.len(),
            _ => 0,
        };
        assert_eq!((hosts.users.len(), ids(&hosts.memberships)), expected);
        assert_eq!((page.users.len(), page.memberships.len()), (hosts.users.len(), hosts.memberships.len()));
    }
    Ok((users, members))
}

fn both(native: Vec<Request>, sandboxed: Vec<model::Request>) -> Result<Vec<(Request, model::Request)>> {
    let same = native.iter().map(|request| &request.path).eq(sandboxed.iter().map(|request| &request.path));
    if same {
        Ok(native.into_iter().zip(sandboxed).collect())
    } else {
        Err("they ask for other pages".into())
    }
}

async fn case((native, sandboxed): (Request, model::Request), fetcher: &Fetcher) -> Result<Case> {
    let answer = fetcher.fetch(&native).await?;
    let headers = answer.headers.iter();
    let response = model::Response {
        status: answer.status,
        headers: headers
            .map(|header| model::Header { name: header.name.clone(), value: header.value.clone() })
            .collect(),
        body: answer.body.clone(),
    };
    Ok(Case { native: (native, answer), sandboxed: (sandboxed, response) })
}

/// Medians of one page.
struct Times {
    bytes: usize,
    native: Duration,
    sandboxed: Duration,
}

impl Times {
    /// Gives the ratio.
    fn print(&self, what: &str) -> f64 {
        let ratio = self.sandboxed.as_secs_f64() / self.native.as_secs_f64();
        println!(
            "{what:38} {:>9} {:>8.3} ms {:>8.3} ms {:>5.2} × {:>4.0} MB/s",
            self.bytes,
            millis(self.native),
            millis(self.sandboxed),
            ratio,
            self.rate()
        );
        ratio
    }

    /// MB/s in the sandbox.
    fn rate(&self) -> f64 {
        self.bytes as f64 / 1e6 / self.sandboxed.as_secs_f64()
    }
}

fn measure(native: &Okta, sandboxed: &dyn Source, case: &Case, rounds: usize) -> Times {
    let (mut natives, mut sandboxes) = (Vec::with_capacity(rounds), Vec::with_capacity(rounds));
    for _ in 0..rounds {
        natives.push(timed(|| native.decode(&case.native.0, &case.native.1)));
        let response = case.sandboxed.1.clone();
        sandboxes.push(timed(|| sandboxed.decode(&case.sandboxed.0, response)));
    }
    Times { bytes: case.native.1.body.len(), native: median(natives), sandboxed: median(sandboxes) }
}

/// The time to make a page and to drop it again.
fn timed<T>(work: impl FnOnce() -> T) -> Duration {
    let start = Instant::now();
    drop(black_box(work()));
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn verdict(reached: bool) -> &'static str {
    if reached { "reached" } else { "missed" }
}
