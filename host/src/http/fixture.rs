//! What the tests of this module share.

use std::sync::{Arc, Mutex, PoisonError};

use super::limits::tests::rules;
use super::{ClientOptions, Credential, Endpoint, HttpEvent, SecretSource};
use crate::model::{CredentialRule, EndpointRules, Header, HttpRules, Method, Request};

pub(super) const SECRET: &str = "hunter2-hunter2";

pub(super) fn endpoint_rules() -> EndpointRules {
    EndpointRules {
        label: "domain".into(),
        example: "acme.example".into(),
        base_path: String::new(),
        rewrite: vec![],
    }
}

/// Options for a loopback server at this address, with the events that will be heard.
pub(super) async fn options(endpoint: &str) -> (ClientOptions, Arc<Mutex<Vec<HttpEvent>>>) {
    let rule = CredentialRule::Header {
        header: "authorization".into(),
        prefix: "SSWS ".into(),
        label: "API token".into(),
        help: String::new(),
    };
    let source = SecretSource::Command(vec!["printf".into(), SECRET.into()]);
    let credential = Credential::resolve(&rule, &source, None).await.unwrap();
    let http = HttpRules {
        methods: vec![Method::Get, Method::Post],
        paths: vec!["/api".into()],
        request_headers: vec!["accept".into(), "content-type".into()],
        response_headers: vec!["link".into()],
        request_id: Some("x-request-id".into()),
        retry_for: Some("x-retry-for".into()),
        retry_count: Some("x-retry-count".into()),
    };
    let endpoint = Endpoint::parse(endpoint, &endpoint_rules()).unwrap();
    let events: Arc<Mutex<Vec<HttpEvent>>> = Arc::default();
    let heard = Arc::clone(&events);
    let mut options = ClientOptions::new("acme", endpoint, credential, http, Some(rules()));
    options.listener =
        Arc::new(move |event| heard.lock().unwrap_or_else(PoisonError::into_inner).push(event));
    (options, events)
}

pub(super) fn get(path: &str) -> Request {
    Request {
        method: Method::Get,
        path: path.into(),
        headers: vec![],
        body: None,
        bucket: "users".into(),
        about: None,
        version: None,
        context: String::new(),
    }
}

pub(super) fn header(name: &str, value: &str) -> Header {
    Header { name: name.into(), value: value.into() }
}
