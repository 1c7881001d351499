//! A raw client that sees responses as they are on the wire.

use reqwest::header::HeaderMap;
use serde_json::Value;

use okta_sim::RunningSim;

/// A response with everything read.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).unwrap_or_else(|| panic!("no {name} header")).to_str().unwrap()
    }

    pub fn rows(&self) -> &[Value] {
        self.body.as_array().expect("an array")
    }

    pub fn code(&self) -> &str {
        self.body["errorCode"].as_str().expect("an error body")
    }

    /// The target of a link, from separate or joined `Link` headers.
    pub fn link(&self, relation: &str) -> Option<String> {
        let end = format!(">; rel=\"{relation}\"");
        self.headers
            .get_all("link")
            .iter()
            .flat_map(|value| value.to_str().unwrap().split(", "))
            .find_map(|link| link.strip_suffix(&end)?.strip_prefix('<').map(str::to_owned))
    }
}

/// Speaks plain HTTP only. Built with the host, though, reqwest has TLS and wants a provider of it, which it was
/// made not to bring.
pub fn builder() -> reqwest::ClientBuilder {
    // An error means that another test has done it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
}

pub fn client() -> reqwest::Client {
    builder().build().unwrap()
}

pub async fn get_with(sim: &RunningSim, path: &str, headers: &[(&str, &str)]) -> Answer {
    let url = if path.starts_with("http") { path.to_owned() } else { format!("{}{path}", sim.url()) };
    let mut request = client().get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Answer { status, headers, body: response.json().await.unwrap() }
}

pub async fn get(sim: &RunningSim, path: &str) -> Answer {
    get_with(sim, path, &[("authorization", &format!("SSWS {}", sim.token()))]).await
}

/// Follows next links to the end; returns the rows and the number of pages.
pub async fn pages(sim: &RunningSim, path: &str) -> (Vec<Value>, usize) {
    let (mut rows, mut count, mut next) = (Vec::new(), 0, Some(path.to_owned()));
    while let Some(path) = next {
        let answer = get(sim, &path).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        rows.extend_from_slice(answer.rows());
        next = answer.link("next");
        count += 1;
    }
    (rows, count)
}

pub fn ids(rows: &[Value]) -> Vec<String> {
    rows.iter().map(|row| row["id"].as_str().unwrap().to_owned()).collect()
}

/// Percent-encodes an expression for a query.
pub fn encoded(expression: &str) -> String {
    expression.bytes().map(|byte| format!("%{byte:02X}")).collect()
}
