//! The client over real connections to servers on loopback, which cut, drip, lie and redirect.

use std::io::Write;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::fixture::{SECRET, get, header, options};
use super::{Cause, Client, ClientOptions, HttpError, Transport};
use crate::model::{Request, Response};

/// Answers the n-th request with these bytes, then closes the connection.
struct Server {
    address: String,
    requests: Arc<Mutex<Vec<String>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    async fn new(answer: impl Fn(usize) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let requests: Arc<Mutex<Vec<String>>> = Arc::default();
        let connections: Arc<AtomicUsize> = Arc::default();
        let (heard, counted) = (Arc::clone(&requests), Arc::clone(&connections));
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                counted.fetch_add(1, Ordering::Relaxed);
                let Some(head) = head(&mut stream).await else { continue };
                let n = {
                    let mut heard = heard.lock().unwrap();
                    heard.push(head);
                    heard.len() - 1
                };
                let _ = stream.write_all(&answer(n)).await;
                let _ = stream.shutdown().await;
            }
        });
        Self { address, requests, connections }
    }

    fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

async fn head(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

fn reply(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {}\r\n{headers}\r\n", body.len())
            .into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

async fn client(address: &str, change: impl FnOnce(&mut ClientOptions)) -> Client {
    let (mut options, _) = options(address).await;
    change(&mut options);
    Client::new(options).unwrap()
}

async fn ask(server: &Server, change: impl FnOnce(&mut ClientOptions)) -> Result<Response, HttpError> {
    client(&server.address, change).await.send(&get("/api/users?limit=2")).await
}

#[tokio::test]
async fn a_request_goes_out_as_the_plugin_meant_it_with_the_credential() {
    let server = Server::new(|_| {
        reply("200 OK", "link: <a>\r\nlink: <b>\r\nset-cookie: s=1\r\nx-other: x\r\n", b"[]")
    })
    .await;
    let client = client(&server.address, |_| {}).await;
    let request = Request {
        headers: vec![header("content-type", "application/json; okta-response=\"omitCredentials\"")],
        ..get("/api/users?search=status+pr&limit=200")
    };
    let response = client.send(&request).await.unwrap();
    assert_eq!(response.body, b"[]");
    assert_eq!(response.headers, [header("link", "<a>"), header("link", "<b>")]);
    let sent = server.requests().remove(0);
    assert!(sent.starts_with("GET /api/users?search=status+pr&limit=200 HTTP/1.1\r\n"), "{sent}");
    for line in [
        format!("authorization: SSWS {SECRET}"),
        "content-type: application/json; okta-response=\"omitCredentials\"".into(),
        concat!("user-agent: rollcall/", env!("CARGO_PKG_VERSION")).into(),
        "accept-encoding: gzip".into(),
        server.address.replace("http://", "host: "),
    ] {
        assert!(sent.contains(&format!("{line}\r\n")), "{line}\n{sent}");
    }
    assert!(!sent.contains("cookie") && !sent.contains("referer"), "{sent}");
}

#[tokio::test]
async fn gzip_is_unpacked() {
    let server = Server::new(|_| reply("200 OK", "content-encoding: gzip\r\n", &gzip(b"[{\"id\":1}]"))).await;
    assert_eq!(ask(&server, |_| {}).await.unwrap().body, b"[{\"id\":1}]");
}

#[tokio::test]
async fn a_redirect_to_another_origin_is_not_followed() {
    let other = Server::new(|_| reply("200 OK", "", b"stolen")).await;
    let target = format!("{}/api/users", other.address);
    let location = format!("location: {target}?next=1\r\n");
    let server = Server::new(move |_| reply("302 Found", &location, b"")).await;
    let error = ask(&server, |_| {}).await.unwrap_err();
    let HttpError::Redirected { status: 302, location, .. } = &error else { panic!("{error}") };
    assert_eq!(location, &target);
    assert_eq!(other.connections.load(Ordering::Relaxed), 0);
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_redirect_to_the_same_origin_is_not_followed_either() {
    let server = Server::new(|_| reply("307 Temporary Redirect", "location: /login\r\n", b"")).await;
    assert!(matches!(ask(&server, |_| {}).await, Err(HttpError::Redirected { status: 307, .. })));
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn a_decompression_bomb_is_stopped() {
    let bomb = gzip(&vec![0; 64 << 20]);
    assert!(bomb.len() < 100_000);
    let server = Server::new(move |_| reply("200 OK", "content-encoding: gzip\r\n", &bomb)).await;
    let error = ask(&server, |options| options.response_limit = 1 << 20).await.unwrap_err();
    let HttpError::TooLarge { limit, seen, .. } = error.clone() else { panic!("{error}") };
    assert_eq!(limit, 1 << 20);
    assert!(seen > limit && seen < 2 << 20, "stopped while it unpacked: {seen}");
    assert!(error.to_string().contains("response-limit-mib"));
    assert!(error.hint().unwrap().contains("`response-limit-mib = 2` in [connector.acme.http]"));
    assert_eq!(server.requests().len(), 1, "not repeated");
}

#[tokio::test]
async fn a_body_that_is_announced_too_large_is_not_read() {
    let server = Server::new(|_| b"HTTP/1.1 200 OK\r\ncontent-length: 99999999999\r\n\r\n[".to_vec()).await;
    let error = ask(&server, |_| {}).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { seen: 99_999_999_999, .. }), "{error}");
}

#[tokio::test]
async fn what_breaks_off_is_retried() {
    let truncated_gzip = {
        let whole = gzip(&(0..10_000_u32).flat_map(u32::to_be_bytes).collect::<Vec<u8>>());
        reply("200 OK", "content-encoding: gzip\r\n", &whole[..whole.len() / 2])
    };
    let broken: Vec<(&str, Vec<u8>)> = vec![
        ("a cut connection", Vec::new()),
        ("a truncated head", b"HTTP/1.1 200 O".to_vec()),
        ("not HTTP", b"SSH-2.0-OpenSSH_9.2\r\n\r\n".to_vec()),
        ("a truncated body", b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{\"id\"".to_vec()),
        (
            "a truncated chunked body",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nff\r\n[{".to_vec(),
        ),
        ("a truncated gzip", truncated_gzip),
        ("not gzip", reply("200 OK", "content-encoding: gzip\r\n", b"[{\"id\":1}]")),
    ];
    let tries = broken.into_iter().map(|(name, bytes)| async move {
        let server =
            Server::new(move |n| if n == 0 { bytes.clone() } else { reply("200 OK", "", b"whole") }).await;
        let client = client(&server.address, |_| {}).await;
        let response =
            client.send(&get("/api/users")).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(response.body, b"whole", "{name}");
        assert_eq!((client.totals().sent, client.totals().retried), (2, 1), "{name}");
    });
    futures_util::future::join_all(tries).await;
}

#[tokio::test]
async fn what_is_wrong_with_a_body_is_said() {
    let noise: Vec<u8> = (0..2_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_be_bytes()).collect();
    let whole = gzip(&noise);
    let mut garbled = whole.clone();
    garbled[50..200].iter_mut().for_each(|byte| *byte ^= 0x55);
    let mut cut = reply("200 OK", "content-encoding: gzip\r\n", &whole);
    cut.truncate(cut.len() / 2);
    for (bytes, said) in [
        (
            reply("200 OK", "content-encoding: gzip\r\n", &whole[..whole.len() / 2]),
            "the compressed body breaks off",
        ),
        (reply("200 OK", "content-encoding: gzip\r\n", &garbled), "the compressed body is damaged"),
        (reply("200 OK", "content-encoding: gzip\r\n", b"[{}]"), "the compressed body is damaged"),
        (cut, "end of file before message length reached"),
    ] {
        let server = Server::new(move |_| bytes.clone()).await;
        let error = ask(&server, |options| options.attempts = 1).await.unwrap_err();
        let HttpError::NoAnswer { cause: Cause::Transfer(text), .. } = &error else { panic!("{error}") };
        assert_eq!(text, said);
        assert!(error.hint().is_some_and(|hint| hint.contains("proxy")), "{error}");
    }
}

#[tokio::test]
async fn a_429_keeps_its_meaning_when_its_body_is_cut() {
    let server = Server::new(|n| match n {
        0 => {
            b"HTTP/1.1 429 Too Many Requests\r\nretry-after: 0\r\ncontent-length: 100\r\n\r\n<html>".to_vec()
        }
        _ => reply("200 OK", "", b"[]"),
    })
    .await;
    assert_eq!(ask(&server, |options| options.attempts = 1).await.unwrap().status, 200);
}

#[tokio::test]
async fn silence_is_a_timeout() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let client = client(&address, |options| {
        options.timeout = Duration::from_millis(100);
        options.attempts = 1;
    })
    .await;
    let error = client.send(&get("/api/users")).await.unwrap_err();
    let HttpError::NoAnswer { cause: Cause::Timeout, .. } = &error else { panic!("{error}") };
    assert!(error.hint().unwrap().contains("`timeout-seconds` in [connector.acme.http]"));
}

#[tokio::test]
async fn a_refused_connection_and_an_unknown_host_say_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let client = client(&address, |options| options.attempts = 1).await;
    let error = client.send(&get("/api/users")).await.unwrap_err();
    assert!(matches!(error, HttpError::NoAnswer { cause: Cause::Refused, attempts: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_configured_proxy_is_used() {
    let proxy = Server::new(|_| reply("200 OK", "", b"by proxy")).await;
    let address = proxy.address.clone();
    let client = client("http://127.0.0.1:9", |options| options.proxy = Some(address)).await;
    assert_eq!(client.send(&get("/api/users")).await.unwrap().body, b"by proxy");
    assert!(proxy.requests()[0].starts_with("GET http://127.0.0.1:9/api/users HTTP/1.1\r\n"));
}

#[tokio::test]
async fn a_ca_bundle_that_cannot_be_used_says_why() {
    let (options, _) = options("https://127.0.0.1:1").await;
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"no certificate in here\n").unwrap();
    let mut wrong = tempfile::NamedTempFile::new().unwrap();
    wrong.write_all(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    for path in [std::path::Path::new("/nowhere/ca.pem"), file.path(), wrong.path()] {
        let options = ClientOptions { ca_bundle: Some(path.to_owned()), ..options.clone() };
        let error = Client::new(options).unwrap_err();
        assert!(matches!(error, HttpError::CaBundle { .. }), "{error}");
        assert!(error.to_string().contains(&path.display().to_string()), "{error}");
        assert!(error.hint().unwrap().contains("`ca-bundle` in [connector.acme.http]"));
    }
}
