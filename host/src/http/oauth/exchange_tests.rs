//! Tokens over a wire that answers from memory, in virtual time. Against a server that checks them: `tests/e2e/oauth`.

use std::sync::Mutex;

use async_trait::async_trait;
use futures_util::future::join_all;
use reqwest::header::AUTHORIZATION;
use serde_json::json;

use crate::http::fixture::{get, options};
use crate::http::wire::{Body, Failure, Incoming, Wire};
use crate::http::{AppOptions, Credential, SecretSource, Transport};
use crate::model::{CredentialRule, ScopeRule, ServiceAppRule};

use super::*;

/// Gives tokens `token-1`, `token-2`, … of a hundred seconds, and takes what it is told to take.
struct Provider {
    /// What a request for a token gets instead: status and body.
    refusal: Option<(u16, &'static str)>,
    /// Statuses of the API, by token.
    api: fn(&str) -> u16,
    log: Arc<Mutex<Vec<String>>>,
}

struct Whole(Option<Vec<u8>>);

#[async_trait]
impl Body for Whole {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        Ok(self.0.take())
    }
}

#[async_trait]
impl Wire for Provider {
    async fn send(&self, request: &Outgoing) -> Result<Incoming, Failure> {
        let (status, body) = {
            let mut log = self.log.lock().unwrap();
            let given = log.iter().filter(|line| *line == "token").count();
            let answer = match request.url.path() {
                "/token" => match self.refusal {
                    Some((status, body)) => ("token".to_owned(), status, body.to_owned()),
                    None => {
                        let body = json!({
                            "access_token": format!("token-{}", given + 1),
                            "token_type": "Bearer",
                            "expires_in": 100,
                        });
                        ("token".to_owned(), 200, body.to_string())
                    }
                },
                _ => {
                    let with = request.headers[AUTHORIZATION].to_str().unwrap().to_owned();
                    let status = (self.api)(&with);
                    (with, status, String::new())
                }
            };
            let (line, status, body) = answer;
            log.push(line);
            (status, body)
        };
        tokio::time::sleep(Duration::from_secs(1)).await;
        let body = Box::new(Whole(Some(body.into_bytes())));
        Ok(Incoming { status, headers: HeaderMap::new(), length: None, body })
    }
}

fn rule() -> CredentialRule {
    CredentialRule::Oauth2ClientCredentials(ServiceAppRule {
        token_path: "/token".into(),
        scopes: vec![ScopeRule { scope: "users".into(), reads: "users".into(), setting: None }],
        session_ended: None,
        label: String::new(),
        help: String::new(),
    })
}

async fn client(
    refusal: Option<(u16, &'static str)>,
    api: fn(&str) -> u16,
) -> (Client, Arc<Mutex<Vec<String>>>) {
    let (mut options, _) = options("http://127.0.0.1:1").await;
    let key = format!("{}/../tests/fixtures/oauth/ec.pem", env!("CARGO_MANIFEST_DIR"));
    let app = AppOptions { client_id: "0oa1", key_id: None, scopes: None, settings: &json!({}) };
    options.credential = Credential::of_app(&rule(), &SecretSource::File(key.into()), app).await.unwrap();
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let wire = Provider { refusal, api, log: Arc::clone(&log) };
    // Not before: the fixture's secret is what a program prints.
    tokio::time::pause();
    (Client::over(options, Box::new(wire)).unwrap(), log)
}

fn taken(log: &Mutex<Vec<String>>) -> Vec<String> {
    std::mem::take(&mut *log.lock().unwrap())
}

#[tokio::test]
async fn many_requests_wait_for_one_token_and_one_renewal_before_it_ends() {
    let (client, log) = client(None, |_| 200).await;
    let request = get("/api/users");
    for answer in join_all((0..8).map(|_| client.send(&request))).await {
        assert_eq!(answer.unwrap().status, 200);
    }
    let seen = taken(&log);
    assert_eq!((seen.len(), seen[0].as_str(), seen[8].as_str()), (9, "token", "Bearer token-1"));
    // A quarter of a short life is left when it is renewed, so that no request is late with it.
    tokio::time::advance(Duration::from_secs(70)).await;
    client.send(&request).await.unwrap();
    assert_eq!(taken(&log), ["Bearer token-1"]);
    tokio::time::advance(Duration::from_secs(6)).await;
    join_all((0..4).map(|_| client.send(&request))).await;
    let seen = taken(&log);
    assert_eq!(seen.iter().filter(|line| *line == "token").count(), 1, "{seen:?}");
    assert_eq!(client.totals().sent, 1 + 8 + 1 + 1 + 4, "tokens are requests too");
}

#[tokio::test]
async fn a_token_that_is_refused_is_renewed_once_for_all_that_used_it() {
    let (client, log) = client(None, |with| if with == "Bearer token-1" { 401 } else { 200 }).await;
    let request = get("/api/users");
    for answer in join_all((0..4).map(|_| client.send(&request))).await {
        assert_eq!(answer.unwrap().status, 200);
    }
    assert_eq!(taken(&log).iter().filter(|line| *line == "token").count(), 2);
}

#[tokio::test]
async fn what_stays_refused_is_the_answer() {
    let (client, log) = client(None, |_| 401).await;
    assert_eq!(client.send(&get("/api/users")).await.unwrap().status, 401);
    assert_eq!(taken(&log), ["token", "Bearer token-1", "token", "Bearer token-2"]);
}

#[tokio::test]
async fn an_app_that_was_refused_is_not_asked_for_again() {
    let refusal = r#"{"error":"invalid_client","error_description":"no such key"}"#;
    let (client, log) = client(Some((401, refusal)), |_| 200).await;
    let request = get("/api/users");
    for answer in join_all((0..4).map(|_| client.send(&request))).await {
        let error = answer.unwrap_err();
        assert_eq!(
            error.to_string(),
            "connector acme: the provider gives the app 0oa1 no access token: invalid_client, no such key (HTTP 401)"
        );
        assert!(error.hint().unwrap().contains("[connector.acme.credential]"));
    }
    assert_eq!(taken(&log), ["token"]);
}

#[tokio::test]
async fn an_answer_that_is_no_token_is_told() {
    for (status, body, says) in [
        (200, "<html>", "no token"),
        (200, r#"{"access_token":"a b","token_type":"Bearer"}"#, "can't stand in a header"),
        (200, r#"{"access_token":"ab","token_type":"mac"}"#, "of the type mac"),
        (403, "<html>", "no error of RFC 6749"),
    ] {
        let (client, _) = client(Some((status, body)), |_| 200).await;
        let error = client.send(&get("/api/users")).await.unwrap_err();
        assert!(error.to_string().contains(says), "{error}");
        assert!(error.hint().is_some());
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_token_is_taken_out_of_recordings_and_is_in_no_debug() {
    let (client, _) = client(None, |_| 200).await;
    let scrub = client.scrub().unwrap();
    client.send(&get("/api/users")).await.unwrap();
    assert_eq!(scrub.text("an echo of token-1"), "an echo of [credential removed]");
    let shown = format!("{client:?}");
    assert!(!shown.contains("token-1"), "{shown}");
}
