use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use reqwest::header::HeaderMap;
use reqwest::{Certificate, Method, Proxy, redirect};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use url::Url;

use super::cause::Cause;
use super::error::HttpError;
use super::options::ClientOptions;

/// A request as it goes out, credential included.
pub(super) struct Outgoing {
    pub method: Method,
    pub url: Url,
    pub headers: HeaderMap,
    pub body: Option<Vec<u8>>,
}

/// An answer whose body is still on its way.
pub(super) struct Incoming {
    pub status: u16,
    pub headers: HeaderMap,
    /// The body's length, where it is known before.
    pub length: Option<u64>,
    pub body: Box<dyn Body>,
}

#[derive(Debug, Clone, PartialEq)]
pub(super) struct Failure {
    pub cause: Cause,
    /// May the provider have got the request?
    pub arrived: bool,
}

/// One attempt, without pacing and without repeating.
#[async_trait]
pub(super) trait Wire: Send + Sync {
    async fn send(&self, request: &Outgoing) -> Result<Incoming, Failure>;
}

/// A body in pieces, decompressed.
#[async_trait]
pub(super) trait Body: Send + Sync {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure>;
}

/// Real connections: pooled, HTTP/2 where the server offers it.
pub(super) struct Network {
    client: reqwest::Client,
}

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

impl Network {
    pub(super) fn new(options: &ClientOptions) -> Result<Self, HttpError> {
        // Another part of the process may have chosen a provider already, which serves as well.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(CONNECT_TIMEOUT.min(options.timeout))
            .read_timeout(options.timeout)
            .https_only(options.endpoint.is_secure());
        if let Some(path) = &options.ca_bundle {
            for certificate in certificates(&options.connector, path)? {
                builder = builder.add_root_certificate(certificate);
            }
            tracing::debug!(path = %path.display(), "trusting a private CA bundle");
        }
        if !options.endpoint.is_secure() {
            // Nothing is to be verified, so a machine without CA certificates will do.
            builder = builder.tls_certs_only([]);
        }
        if let Some(proxy) = &options.proxy {
            builder = builder.proxy(explicit_proxy(options, proxy)?);
        } else if options.endpoint.is_loopback() {
            // A proxy of the environment can't reach this machine's loopback.
            builder = builder.no_proxy();
        }
        let client = builder.build().map_err(|error| HttpError::Setup {
            connector: options.connector.clone(),
            reason: deepest(&error),
        })?;
        Ok(Self { client })
    }
}

fn explicit_proxy(options: &ClientOptions, proxy: &str) -> Result<Proxy, HttpError> {
    // The value is not quoted: it may hold a password.
    let wrong = || HttpError::Option {
        connector: options.connector.clone(),
        key: "proxy",
        reason: "is not an http or https address such as \"http://proxy.example:3128\"".into(),
    };
    let url = Url::parse(proxy).map_err(|_| wrong())?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err(wrong());
    }
    Proxy::all(url).map_err(|_| wrong())
}

fn certificates(connector: &str, path: &Path) -> Result<Vec<Certificate>, HttpError> {
    let wrong = |reason: String| HttpError::CaBundle {
        connector: connector.to_owned(),
        path: path.to_owned(),
        reason,
    };
    let pem = std::fs::read(path).map_err(|error| wrong(error.to_string()))?;
    let mut certificates = Vec::new();
    for der in CertificateDer::pem_slice_iter(&pem) {
        let der = der.map_err(|error| wrong(error.to_string()))?;
        // The HTTP library would say so as well, but not which of the places that it trusts is to blame.
        let nth = certificates.len() + 1;
        RootCertStore::empty()
            .add(der.clone())
            .map_err(|error| wrong(format!("certificate {nth}: {error}")))?;
        certificates.push(Certificate::from_der(&der).map_err(|error| wrong(deepest(&error)))?);
    }
    if certificates.is_empty() {
        return Err(wrong("it holds no certificate".into()));
    }
    Ok(certificates)
}

fn deepest(error: &reqwest::Error) -> String {
    let mut error: &dyn std::error::Error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

#[async_trait]
impl Wire for Network {
    async fn send(&self, request: &Outgoing) -> Result<Incoming, Failure> {
        let mut outgoing =
            self.client.request(request.method.clone(), request.url.clone()).headers(request.headers.clone());
        if let Some(body) = &request.body {
            outgoing = outgoing.body(body.clone());
        }
        let response = outgoing
            .send()
            .await
            .map_err(|error| Failure { cause: Cause::of(&error), arrived: !error.is_connect() })?;
        Ok(Incoming {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            length: response.content_length(),
            body: Box::new(NetworkBody(response)),
        })
    }
}

struct NetworkBody(reqwest::Response);

#[async_trait]
impl Body for NetworkBody {
    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Failure> {
        match self.0.chunk().await {
            Ok(chunk) => Ok(chunk.map(Vec::from)),
            Err(error) => Err(Failure { cause: Cause::of(&error), arrived: true }),
        }
    }
}
