//! Starting the simulator.

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::connection::Connection;
use crate::event_log::LogDelay;
use crate::fault::FaultRule;
use crate::limits::{Limits, RateLimiter};
use crate::population::Population;
use crate::quirks::Quirks;
use crate::running::RunningSim;
use crate::service;
use crate::state::{Access, Settings, State};
use crate::stats::Recorder;
use crate::time::Clock;

/// The token a simulator has unless told otherwise: 42 characters, as real ones are.
pub const DEFAULT_TOKEN: &str = "00simToken-GoodForLoopbackOnly_0123456789a";

/// The simulator; see [`Sim::builder`].
#[derive(Debug)]
pub struct Sim;

impl Sim {
    /// Begins with 250 awkward users, no limits anybody reaches, no latency, and a port of its own choice.
    pub fn builder() -> SimBuilder {
        SimBuilder {
            population: Population::default(),
            token: DEFAULT_TOKEN.to_owned(),
            more_tokens: Vec::new(),
            limits: Limits::default(),
            latency: Duration::ZERO,
            gzip: true,
            quirks: Quirks::default(),
            faults: Vec::new(),
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            request_log: 10_000,
            clock_offset_seconds: 0,
            search_lag: Duration::ZERO,
            log_delay: LogDelay::default(),
            log_events: 100_000,
        }
    }
}

/// Settings of a simulator about to start.
#[derive(Debug, Clone)]
pub struct SimBuilder {
    population: Population,
    token: String,
    more_tokens: Vec<(String, Access)>,
    limits: Limits,
    latency: Duration,
    gzip: bool,
    quirks: Quirks,
    faults: Vec<FaultRule>,
    listen: SocketAddr,
    request_log: usize,
    clock_offset_seconds: i64,
    search_lag: Duration,
    log_delay: LogDelay,
    log_events: usize,
}

impl SimBuilder {
    /// The organisation to generate.
    pub fn population(mut self, population: Population) -> Self {
        self.population = population;
        self
    }

    /// The token with full access.
    pub fn token(mut self, token: impl Into<String>) -> Self {
        self.token = token.into();
        self
    }

    /// A further token.
    pub fn extra_token(mut self, token: impl Into<String>, access: Access) -> Self {
        self.more_tokens.push((token.into(), access));
        self
    }

    /// Rate and concurrency limits.
    pub fn limits(mut self, limits: Limits) -> Self {
        self.limits = limits;
        self
    }

    /// Time every request to Okta's API takes, without holding up others.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// Whether to compress for clients that accept gzip.
    pub fn gzip(mut self, gzip: bool) -> Self {
        self.gzip = gzip;
        self
    }

    /// Habits to show from the start.
    pub fn quirks(mut self, quirks: Quirks) -> Self {
        self.quirks = quirks;
        self
    }

    /// A further fault to inject from the start.
    pub fn fault(mut self, rule: FaultRule) -> Self {
        self.faults.push(rule);
        self
    }

    /// Where to listen; only loopback addresses are accepted.
    pub fn listen(mut self, listen: SocketAddr) -> Self {
        self.listen = listen;
        self
    }

    /// How many of the last requests to keep for [`RunningSim::requests`]; 0 turns the log off.
    pub fn request_log(mut self, requests: usize) -> Self {
        self.request_log = requests;
        self
    }

    /// Moves the organisation's clock, and so the `Date` and reset headers and new timestamps.
    pub fn clock_offset_seconds(mut self, seconds: i64) -> Self {
        self.clock_offset_seconds = seconds;
        self
    }

    /// How long searches and filters of users, and searches of groups, go on showing what was before a change.
    pub fn search_lag(mut self, lag: Duration) -> Self {
        self.search_lag = lag;
        self
    }

    /// How the System Log lags.
    pub fn log_delay(mut self, delay: LogDelay) -> Self {
        self.log_delay = delay;
        self
    }

    /// How many of the last events the System Log keeps: 100,000 unless told otherwise, some 500 bytes each.
    pub fn log_events(mut self, events: usize) -> Self {
        self.log_events = events;
        self
    }

    /// Generates the organisation, and serves it from tasks on the current tokio runtime.
    ///
    /// # Errors
    /// When the address can't be listened on, or isn't a loopback address.
    pub async fn start(self) -> io::Result<RunningSim> {
        if !self.listen.ip().is_loopback() {
            let message = format!("{} is not a loopback address", self.listen.ip());
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let listener = TcpListener::bind(self.listen).await?;
        let address = listener.local_addr()?;
        let clock = Clock::new(self.clock_offset_seconds);
        let mut tokens: HashMap<String, Access> = self.more_tokens.into_iter().collect();
        tokens.insert(self.token.clone(), Access::Full);
        let limiter = RateLimiter::new(self.limits, clock.unix());
        let mut org = self.population.build();
        org.search_lag_ms = self.search_lag.as_millis() as u64;
        org.log.delay = self.log_delay;
        org.log.keep(self.log_events);
        let state = Arc::new(State::new(
            clock,
            org,
            Settings { quirks: self.quirks, latency: self.latency, gzip: self.gzip },
            tokens,
            limiter,
            Recorder::new(self.request_log),
        ));
        self.faults.into_iter().for_each(|rule| state.faults().add(rule));
        let accepting = tokio::spawn(accept(listener, state.clone()));
        Ok(RunningSim::new(address, self.token, state, accepting))
    }
}

/// Accepts connections until dropped, which ends them too. Speaks HTTP/1.1, and HTTP/2 to clients that
/// begin with its preface, as Okta's servers speak both.
async fn accept(listener: TcpListener, state: Arc<State>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            // Out of file descriptors, most likely: let connections end first.
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        // Small answers must not wait for the client's acknowledgement of the last one.
        let _ = stream.set_nodelay(true);
        let state = state.clone();
        connections.spawn(async move {
            let (connection, reset) = Connection::new(stream);
            let service = service_fn(move |request| {
                let (state, reset) = (state.clone(), reset.clone());
                async move { service::handle(&state, request).await.inspect_err(|_| reset.order()) }
            });
            let mut server = auto::Builder::new(TokioExecutor::new());
            // Over HTTP/1.1 Okta writes `X-Rate-Limit-Limit`, and some clients don't ignore case.
            server.http1().title_case_headers(true);
            // A connection's error is the client's to see.
            let _ = server.serve_connection(TokioIo::new(connection), service).await;
        });
    }
}
