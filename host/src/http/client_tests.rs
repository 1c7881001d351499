//! The client over a wire that answers from memory, in virtual time. Over real connections: `live_tests`.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use futures_util::future::join_all;
use reqwest::header::HeaderValue;

use super::*;
use crate::http::fixture::{SECRET, get, options};
use crate::http::grant::Allow;
use crate::http::wire::Body;
use crate::http::{HttpEvent, HttpTotals};

enum Step {
    Status(u16, Vec<(&'static str, String)>),
    Fail(Cause, bool),
    /// No answer, ever.
    Hang,
}

type Script = dyn Fn(usize) -> Step + Send + Sync;

struct Memory {
    began: Instant,
    /// What the n-th request gets, when it arrives.
    script: Box<Script>,
    latency: Duration,
    /// When each request arrived.
    log: Arc<Mutex<Vec<Duration>>>,
    /// What each request says of being a repetition: of which one, and the how-manieth.
    repeats: Arc<Mutex<Vec<[Option<String>; 2]>>>,
}

struct Nothing;

#[async_trait]
impl Body for Nothing {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        Ok(None)
    }
}

#[async_trait]
impl Wire for Memory {
    async fn send(&self, request: &Outgoing) -> Result<Incoming, Failure> {
        let said = ["x-retry-for", "x-retry-count"]
            .map(|name| Some(request.headers.get(name)?.to_str().unwrap().to_owned()));
        self.repeats.lock().unwrap().push(said);
        let n = {
            let mut log = self.log.lock().unwrap();
            log.push(self.began.elapsed());
            log.len() - 1
        };
        let step = (self.script)(n);
        tokio::time::sleep(self.latency).await;
        match step {
            Step::Status(status, pairs) => {
                let mut headers = HeaderMap::new();
                for (name, value) in pairs {
                    headers.append(name, HeaderValue::from_str(&value).unwrap());
                }
                Ok(Incoming { status, headers, length: None, body: Box::new(Nothing) })
            }
            Step::Fail(cause, arrived) => Err(Failure { cause, arrived }),
            Step::Hang => std::future::pending().await,
        }
    }
}

const EPOCH: u64 = 1_767_225_600;

/// The provider's clock, which has nothing to do with this machine's.
fn date(elapsed: Duration) -> (&'static str, String) {
    ("date", httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(EPOCH) + elapsed))
}

fn limit_headers(limit: u32, remaining: u32, reset: u64, elapsed: Duration) -> Vec<(&'static str, String)> {
    vec![
        date(elapsed),
        ("x-rate-limit-limit", limit.to_string()),
        ("x-rate-limit-remaining", remaining.to_string()),
        ("x-rate-limit-reset", (EPOCH + reset).to_string()),
    ]
}

struct Bench {
    client: Client,
    log: Arc<Mutex<Vec<Duration>>>,
    repeats: Arc<Mutex<Vec<[Option<String>; 2]>>>,
    events: Arc<Mutex<Vec<HttpEvent>>>,
    began: Instant,
}

async fn bench(
    change: impl FnOnce(&mut ClientOptions),
    script: impl Fn(usize) -> Step + Send + Sync + 'static,
) -> Bench {
    // Reading the secret runs a program in real time, which must not move the virtual clock.
    tokio::time::resume();
    let (mut options, events) = options("http://127.0.0.1:1").await;
    tokio::time::pause();
    change(&mut options);
    let began = Instant::now();
    let log: Arc<Mutex<Vec<Duration>>> = Arc::default();
    let repeats: Arc<Mutex<Vec<[Option<String>; 2]>>> = Arc::default();
    let wire = Memory {
        began,
        script: Box::new(script),
        latency: Duration::from_millis(1),
        log: Arc::clone(&log),
        repeats: Arc::clone(&repeats),
    };
    Bench { client: Client::over(options, Box::new(wire)).unwrap(), log, repeats, events, began }
}

impl Bench {
    fn arrivals(&self) -> Vec<Duration> {
        self.log.lock().unwrap().clone()
    }

    async fn get(&self) -> Result<Response, HttpError> {
        self.client.send(&get("/api/users")).await
    }

    fn retries(&self) -> Vec<(String, Duration)> {
        let events = self.events.lock().unwrap();
        let retry = |event: &HttpEvent| match event {
            HttpEvent::Retrying { reason, wait, .. } => Some((reason.clone(), *wait)),
            _ => None,
        };
        events.iter().filter_map(retry).collect()
    }
}

fn ok() -> Step {
    Step::Status(200, vec![])
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

fn close(one: Duration, other: Duration) -> bool {
    one.abs_diff(other) < Duration::from_millis(50)
}

#[tokio::test(start_paused = true)]
async fn a_429_waits_until_reset_and_is_no_failed_attempt() {
    let bench = bench(
        |options| options.attempts = 1,
        |n| match n {
            0 => Step::Status(429, limit_headers(10, 0, 5, Duration::ZERO)),
            _ => ok(),
        },
    )
    .await;
    assert_eq!(bench.get().await.unwrap().status, 200);
    let arrivals = bench.arrivals();
    assert!(close(arrivals[1], seconds(6)), "{arrivals:?}");
    let HttpTotals { sent, retried, waited } = bench.client.totals();
    assert_eq!((sent, retried), (2, 1));
    assert!(close(waited, seconds(6)), "{waited:?}");
    let retries = bench.retries();
    assert_eq!(retries[0].0, "429 Too Many Requests");
    assert!(close(retries[0].1, seconds(6)));
    let events = bench.events.lock().unwrap();
    assert!(events.contains(&HttpEvent::Budget { bucket: "users".into(), limit: 10, remaining: 0 }));
    assert_eq!(events.iter().filter(|event| matches!(event, HttpEvent::Waiting { .. })).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_429_without_reset_waits_the_manifests_window() {
    let bench = bench(|_| {}, |n| if n == 0 { Step::Status(429, vec![]) } else { ok() }).await;
    assert_eq!(bench.get().await.unwrap().status, 200);
    assert!(close(bench.arrivals()[1], seconds(60)), "{:?}", bench.arrivals());
}

#[tokio::test(start_paused = true)]
async fn a_429_that_never_ends_is_ended_by_the_deadline() {
    let bench = bench(|options| options.deadline = Some(seconds(3600)), |_| Step::Status(429, vec![])).await;
    let error = bench.get().await.unwrap_err();
    assert!(matches!(error, HttpError::LimitBeyondDeadline { .. }), "{error}");
    assert!(bench.arrivals().len() <= 61);
    assert!(error.hint().unwrap().contains("`deadline-minutes` in [connector.acme.http]"));
}

#[tokio::test(start_paused = true)]
async fn a_wait_beyond_the_deadline_fails_at_once() {
    let bench = bench(
        |options| options.deadline = Some(seconds(30)),
        |_| Step::Status(200, limit_headers(10, 1, 60, Duration::ZERO)),
    )
    .await;
    bench.get().await.unwrap();
    let error = bench.get().await.unwrap_err();
    assert!(bench.began.elapsed() < seconds(1), "slept in vain");
    let HttpError::LimitBeyondDeadline { wait, left, .. } = &error else { panic!("{error}") };
    assert!(close(*wait, seconds(61)) && close(*left, seconds(30)), "{error}");
    assert_eq!(
        error.to_string(),
        "connector acme: GET /api/users would have to wait 61s for rate limit `users`, but the run's deadline \
         leaves 29s"
    );
}

#[tokio::test(start_paused = true)]
async fn the_deadline_ends_a_request_that_hangs() {
    let bench = bench(|options| options.deadline = Some(seconds(30)), |_| Step::Hang).await;
    let error = bench.get().await.unwrap_err();
    assert!(matches!(error, HttpError::Deadline { .. }), "{error}");
    assert!(close(bench.began.elapsed(), seconds(30)));
}

#[tokio::test(start_paused = true)]
async fn a_concurrency_429_backs_off_and_lowers_parallelism() {
    let in_flight = Arc::new(AtomicU32::new(0));
    let crowded = Arc::new(AtomicU32::new(0));
    let (flying, refused) = (Arc::clone(&in_flight), Arc::clone(&crowded));
    let bench = bench(
        |options| options.parallel = 16,
        move |n| {
            // A reset far away, which is a hint only and must not be waited for.
            if n < 16 && n > 0 && flying.fetch_add(1, Ordering::Relaxed) > 2 {
                refused.fetch_add(1, Ordering::Relaxed);
                return Step::Status(429, limit_headers(0, 0, 9_000, Duration::ZERO));
            }
            Step::Status(200, limit_headers(6000, 5000, 9_000, Duration::ZERO))
        },
    )
    .await;
    let answers = join_all((0..40).map(|_| bench.get())).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().status == 200));
    let crowded = crowded.load(Ordering::Relaxed);
    assert!(crowded > 5, "{crowded}");
    assert!(bench.began.elapsed() < seconds(10), "{:?}", bench.began.elapsed());
    assert_eq!(bench.client.totals().retried, u64::from(crowded));
    assert!(bench.retries()[0].0.contains("too many at once"));
    // Sixteen at a time before, eight afterwards: no millisecond sees more.
    let arrivals = bench.arrivals();
    let later = &arrivals[16..];
    let most = later.iter().map(|at| later.iter().filter(|other| *other == at).count()).max().unwrap();
    assert!(most <= 8, "{most}");
}

#[tokio::test(start_paused = true)]
async fn share_respected_with_many_requests_in_flight() {
    // Ten requests in windows of two seconds, as a simulator has them.
    let spent: Arc<Mutex<Vec<u32>>> = Arc::default();
    let counted = Arc::clone(&spent);
    let began = Arc::new(Mutex::new(None::<Instant>));
    let bench = bench(
        |_| {},
        move |_| {
            let elapsed = began.lock().unwrap().get_or_insert_with(Instant::now).elapsed();
            let window = usize::try_from(elapsed.as_secs() / 2).unwrap();
            let mut spent = counted.lock().unwrap();
            let windows = spent.len().max(window + 1);
            spent.resize(windows, 0);
            spent[window] += 1;
            let remaining = 10_u32.saturating_sub(spent[window]);
            let reset = (window as u64 + 1) * 2;
            let status = if spent[window] > 10 { 429 } else { 200 };
            Step::Status(status, limit_headers(10, remaining, reset, elapsed))
        },
    )
    .await;
    let answers = join_all((0..40).map(|_| bench.get())).await;
    assert!(answers.into_iter().all(|answer| answer.unwrap().status == 200));
    let spent = spent.lock().unwrap().clone();
    assert!(spent.iter().all(|&count| count <= 8), "{spent:?}");
    assert_eq!(spent.iter().sum::<u32>(), 40);
    assert_eq!(bench.client.totals().retried, 0);
    assert!(bench.began.elapsed() <= seconds(16), "{:?}", bench.began.elapsed());
    let waiting = |event: &&HttpEvent| matches!(event, HttpEvent::Waiting { .. });
    assert_eq!(
        bench.events.lock().unwrap().iter().filter(waiting).count(),
        4,
        "once a window, not once a request"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_in_trouble_is_asked_again_and_its_last_word_is_handed_on() {
    let bench =
        bench(|_| {}, |_| Step::Status(503, vec![("x-request-id", "abc".into()), ("link", "x".into())]))
            .await;
    let response = bench.get().await.unwrap();
    assert_eq!((response.status, response.headers.len()), (503, 1));
    assert_eq!(bench.arrivals().len(), 4);
    let retries = bench.retries();
    assert_eq!(retries.len(), 3);
    assert_eq!(retries[0].0, "503 Service Unavailable (x-request-id: abc)");
    assert!(retries[2].1 >= seconds(1) && retries[2].1 <= seconds(2), "{retries:?}");
}

#[tokio::test(start_paused = true)]
async fn a_repetition_says_what_it_repeats() {
    let id = |id: &str| ("x-request-id", id.to_owned());
    let bench = bench(
        |_| {},
        move |n| match n {
            0 => Step::Fail(Cause::Timeout, true),
            1 => Step::Status(503, vec![id("first")]),
            2 => Step::Status(429, [limit_headers(10, 0, 1, Duration::ZERO), vec![id("second")]].concat()),
            _ => ok(),
        },
    )
    .await;
    assert_eq!(bench.get().await.unwrap().status, 200);
    bench.get().await.unwrap();
    let said = |text: &str| Some(text.to_owned());
    assert_eq!(
        *bench.repeats.lock().unwrap(),
        [
            [None, None],
            [None, said("1")],
            [said("first"), said("2")],
            [said("first"), said("3")],
            [None, None],
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn retry_after_is_honoured_within_the_deadline() {
    let after = |count: &str| vec![("retry-after", count.to_owned())];
    let patient = bench(|_| {}, move |n| if n == 0 { Step::Status(503, after("40")) } else { ok() }).await;
    assert_eq!(patient.get().await.unwrap().status, 200);
    assert!(close(patient.arrivals()[1], seconds(40)));
    let hasty =
        bench(|options| options.deadline = Some(seconds(30)), move |_| Step::Status(503, after("40"))).await;
    assert_eq!(hasty.get().await.unwrap().status, 503);
    assert!(hasty.began.elapsed() < seconds(1));
}

#[tokio::test(start_paused = true)]
async fn failures_are_repeated_as_often_as_they_are_worth() {
    for (cause, attempts) in [
        (Cause::Timeout, 4),
        (Cause::Refused, 4),
        (Cause::Transfer("cut".into()), 4),
        (Cause::Dns("no such host".into()), 2),
        (Cause::Tls("alert".into()), 2),
        (Cause::UnknownIssuer, 1),
        (Cause::Certificate("expired".into()), 1),
    ] {
        let failing = cause.clone();
        let bench = bench(|_| {}, move |_| Step::Fail(failing.clone(), true)).await;
        let error = bench.get().await.unwrap_err();
        assert_eq!(error.may_be_size(), matches!(cause, Cause::Timeout | Cause::Transfer(_)));
        let HttpError::NoAnswer { attempts: told, cause: why, .. } = &error else { panic!("{error}") };
        assert_eq!(
            (bench.arrivals().len(), *told, why),
            (attempts, u32::try_from(attempts).unwrap(), &cause)
        );
        assert!(
            error
                .to_string()
                .starts_with("connector acme: no answer to GET /api/users from http://127.0.0.1:1")
        );
    }
    let hint = Cause::UnknownIssuer.hint("acme").unwrap();
    assert!(hint.contains("`ca-bundle` in [connector.acme.http]"), "{hint}");
}

#[tokio::test(start_paused = true)]
async fn a_post_is_not_repeated_once_it_may_have_arrived() {
    let allow = |options: &mut ClientOptions| {
        options.allow = vec![Allow { method: Method::Post, path: "/api".into() }];
    };
    let post = Request { method: Method::Post, body: Some(b"{}".to_vec()), ..get("/api/users") };
    let arrived = bench(allow, |_| Step::Fail(Cause::Timeout, true)).await;
    assert!(arrived.client.send(&post).await.is_err());
    assert_eq!(arrived.arrivals().len(), 1);
    let answered = bench(allow, |_| Step::Status(503, vec![])).await;
    assert_eq!(answered.client.send(&post).await.unwrap().status, 503);
    assert_eq!(answered.arrivals().len(), 1);
    let unsent = bench(allow, |n| if n < 2 { Step::Fail(Cause::Refused, false) } else { ok() }).await;
    assert_eq!(unsent.client.send(&post).await.unwrap().status, 200);
    let limited = bench(allow, |n| if n < 2 { Step::Status(429, vec![]) } else { ok() }).await;
    assert_eq!(limited.client.send(&post).await.unwrap().status, 200);
}

#[tokio::test(start_paused = true)]
async fn a_dropped_request_gives_its_permit_back() {
    let bench = bench(|options| options.parallel = 1, |n| if n == 0 { Step::Hang } else { ok() }).await;
    tokio::select! {
        _ = bench.get() => panic!("hangs"),
        () = tokio::time::sleep(seconds(1)) => {}
    }
    assert_eq!(bench.get().await.unwrap().status, 200);
    // And one that is dropped while it queues leaves the queue.
    let bench = self::bench(|_| {}, |n| if n == 0 { Step::Status(429, vec![]) } else { ok() }).await;
    tokio::select! {
        _ = bench.get() => panic!("waits"),
        () = tokio::time::sleep(seconds(5)) => {}
    }
    assert_eq!(bench.get().await.unwrap().status, 200);
    assert!(close(bench.arrivals()[1], seconds(60)));
    assert!(close(bench.client.totals().waited, seconds(60)), "{:?}", bench.client.totals());
}

#[tokio::test(start_paused = true)]
async fn a_bucket_that_waits_does_not_hold_up_another() {
    let bench = bench(
        |_| {},
        |n| match n {
            0 => Step::Status(200, limit_headers(10, 1, 60, Duration::ZERO)),
            _ => ok(),
        },
    )
    .await;
    bench.get().await.unwrap();
    let users = bench.get();
    let groups = Request { bucket: "groups".into(), ..get("/api/groups") };
    tokio::select! {
        _ = users => panic!("has to wait for the window"),
        answer = bench.client.send(&groups) => assert_eq!(answer.unwrap().status, 200),
    }
    assert!(bench.began.elapsed() < seconds(1));
}

#[tokio::test(start_paused = true)]
async fn a_refused_request_is_never_sent() {
    let bench = bench(|_| {}, |_| ok()).await;
    for path in ["//evil.example/api", "/api/../x", "https://evil.example/api", "/other", "/api@evil.example"]
    {
        let error = bench.client.send(&get(path)).await.unwrap_err();
        assert!(matches!(error, HttpError::Refused { .. }), "{path}: {error}");
        assert!(!error.may_be_size());
    }
    assert_eq!(bench.arrivals().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn the_secret_never_appears_in_debug_errors_or_events() {
    let bench = bench(
        |options| {
            options.attempts = 2;
            options.proxy = Some(format!("http://joe:{SECRET}@proxy.example"));
        },
        |n| match n {
            0 => Step::Status(429, vec![]),
            1 => Step::Status(503, vec![("x-request-id", "abc".into())]),
            2 => Step::Status(
                302,
                vec![("location", format!("http://joe:{SECRET}@127.0.0.1/x?t={SECRET}#{SECRET}"))],
            ),
            _ => Step::Fail(Cause::Timeout, true),
        },
    )
    .await;
    let redirected = bench.get().await.unwrap_err();
    let silent = bench.get().await.unwrap_err();
    let refused = bench.client.send(&get(&format!("/api/x?{SECRET}#{SECRET}"))).await.unwrap_err();
    assert!(redirected.to_string().ends_with("with a redirect (302) to http://127.0.0.1/x"), "{redirected}");
    let outgoing = bench.client.prepare(&get("/api/users")).unwrap();
    let mut text = format!("{:?} {:?} {:?}", bench.client, bench.client.options, outgoing.headers);
    for error in [&redirected, &silent] {
        text.push_str(&format!("{error} {error:?} {:?}", error.hint()));
    }
    text.push_str(&format!("{:?}", bench.events.lock().unwrap()));
    assert!(!text.contains(SECRET), "{text}");
    // The path is the plugin's, which never had the secret; even so its query is not repeated.
    assert!(matches!(refused, HttpError::Refused { .. }));
}

#[test]
fn options_that_cannot_work_are_named() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (options, _) = runtime.block_on(options("http://127.0.0.1:1"));
    type Change = fn(&mut ClientOptions);
    let changes: [(&str, Change); 8] = [
        ("share", |options| options.share = 0.0),
        ("share", |options| options.share = f64::NAN),
        ("share", |options| options.share = 1.1),
        ("parallel", |options| options.parallel = 0),
        ("attempts", |options| options.attempts = 0),
        ("timeout-seconds", |options| options.timeout = Duration::ZERO),
        ("response-limit-mib", |options| options.response_limit = 0),
        ("proxy", |options| options.proxy = Some("socks5://joe:hunter2@proxy".into())),
    ];
    for (key, change) in changes {
        let mut options = options.clone();
        change(&mut options);
        let error = Client::new(options).unwrap_err();
        let text = format!("{error} {error:?} {:?}", error.hint());
        assert!(text.contains(&format!("`{key}`")) && text.contains("[connector.acme.http]"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }
}
