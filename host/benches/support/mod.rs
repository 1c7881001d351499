//! What both benchmarks use: plain HTTP, without pacing, retry and sandbox.

use std::error::Error;

use rollcall_plugin::{Header, Request, Response};

pub type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Makes a plugin's requests as they are.
#[derive(Clone)]
pub struct Fetcher {
    client: reqwest::Client,
    origin: String,
    authorization: String,
}

impl Fetcher {
    /// `origin` is a simulator's, such as `http://127.0.0.1:1234`.
    pub fn new(origin: &str, token: &str) -> Result<Self> {
        // The client wants to know how TLS is done, even where there is none.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().tls_certs_only([]).build()?;
        Ok(Self { client, origin: origin.to_owned(), authorization: format!("SSWS {token}") })
    }

    pub async fn fetch(&self, request: &Request) -> Result<Response> {
        let mut outgoing = self.client.get(format!("{}{}", self.origin, request.path));
        for header in &request.headers {
            outgoing = outgoing.header(&header.name, &header.value);
        }
        let answer =
            outgoing.header("authorization", &self.authorization).send().await?.error_for_status()?;
        let links = answer.headers().get_all("link").iter();
        let headers = links
            .map(|link| Ok(Header { name: "link".to_owned(), value: link.to_str()?.to_owned() }))
            .collect::<Result<_>>()?;
        Ok(Response { status: answer.status().as_u16(), headers, body: answer.bytes().await?.into() })
    }
}
