use std::fmt;
use std::time::Duration;

use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::redirect;
use tokio::time::{Instant, sleep, timeout};
use url::{Host, Url};

use super::cause::Cause;
use super::credential::CredentialError;
use super::secret::SecretSource;

/// Where messages of ours are posted. Whoever knows the address may post there, so it is in no `Debug`, error or log.
#[derive(Clone, PartialEq, Eq)]
pub enum WebhookUrl {
    Written(Url),
    Secret(SecretSource),
}

impl fmt::Debug for WebhookUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            WebhookUrl::Written(_) => f.write_str("WebhookUrl(written in the configuration)"),
            WebhookUrl::Secret(source) => write!(f, "WebhookUrl({source})"),
        }
    }
}

/// Why a message could not be posted.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    #[error(transparent)]
    Secret(#[from] CredentialError),
    #[error("the address in {source_name} {reason}")]
    Address { source_name: String, reason: &'static str },
    #[error("the HTTP client can't be set up: {0}")]
    Setup(String),
    #[error("{host} gave no answer: {cause}")]
    NoAnswer { host: String, cause: String },
    #[error("{host} answered HTTP {status}")]
    Refused { host: String, status: u16 },
}

/// One attempt with its answer; a message is some hundred bytes.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Before each repetition. An outage of minutes is the next occasion's.
const BACKOFF: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(3)];

impl WebhookUrl {
    /// # Errors
    ///
    /// Says what the address has to be: https, or http to this very machine.
    pub fn parse(text: &str) -> Result<Url, &'static str> {
        let url = Url::parse(text.trim()).map_err(|_| "has to be a URL")?;
        match url.scheme() {
            "https" => Ok(url),
            "http" if is_loopback(&url) => Ok(url),
            _ => Err("has to be an https URL"),
        }
    }

    /// Posts a JSON document: three attempts, no redirect followed. An answer from 200 to 299 is a success; what the
    /// other side refuses for good (other codes from 400 to 499, but for 408 and 429) is not repeated.
    pub async fn post(&self, body: &[u8]) -> Result<(), WebhookError> {
        let url = self.url().await?;
        let host = url.host_str().unwrap_or_default().to_owned();
        let client = client(&url)?;
        let mut pauses = BACKOFF.iter();
        loop {
            let begun = Instant::now();
            let answer = timeout(TIMEOUT, attempt(&client, &url, body)).await;
            let error = match answer {
                Ok(Ok(200..300)) => return Ok(()),
                Ok(Ok(status)) => {
                    let refused = WebhookError::Refused { host: host.clone(), status };
                    if (400..500).contains(&status) && status != 408 && status != 429 {
                        return Err(refused);
                    }
                    refused
                }
                Ok(Err(cause)) => WebhookError::NoAnswer { host: host.clone(), cause },
                Err(_) => WebhookError::NoAnswer {
                    host: host.clone(),
                    cause: format!("nothing came within {} seconds", begun.elapsed().as_secs()),
                },
            };
            match pauses.next() {
                Some(pause) => sleep(*pause).await,
                None => return Err(error),
            }
        }
    }

    async fn url(&self) -> Result<Url, WebhookError> {
        match self {
            WebhookUrl::Written(url) => Ok(url.clone()),
            WebhookUrl::Secret(source) => Self::parse(&source.read().await?)
                .map_err(|reason| WebhookError::Address { source_name: source.to_string(), reason }),
        }
    }
}

async fn attempt(client: &reqwest::Client, url: &Url, body: &[u8]) -> Result<u16, String> {
    let json = HeaderValue::from_static("application/json");
    let request = client.post(url.clone()).header(CONTENT_TYPE, json).body(body.to_vec());
    // The error's own text holds the address.
    let answer = request.send().await.map_err(|error| Cause::of(&error).to_string())?;
    Ok(answer.status().as_u16())
}

fn client(url: &Url) -> Result<reqwest::Client, WebhookError> {
    // Another part of the process may have chosen a provider already, which serves as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .referer(false)
        .https_only(url.scheme() == "https");
    if url.scheme() != "https" {
        builder = builder.tls_certs_only([]);
    }
    if is_loopback(url) {
        builder = builder.no_proxy();
    }
    builder.build().map_err(|error| WebhookError::Setup(error.without_url().to_string()))
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.to_canonical().is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[test]
    fn only_https_or_this_machine() {
        for good in
            ["https://hooks.example.com/a?b=c", "http://127.0.0.1:9/x", "http://[::1]/x", "http://localhost/"]
        {
            assert!(WebhookUrl::parse(good).is_ok(), "{good}");
        }
        for bad in ["http://hooks.example.com/", "http://127.evil.example/", "ftp://localhost/", "hooks", ""]
        {
            assert!(WebhookUrl::parse(bad).is_err(), "{bad}");
        }
    }

    /// Answers with these in turn; gives the requests.
    async fn server(answers: &'static [&'static str]) -> (Url, tokio::task::JoinHandle<Vec<String>>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/SeCrEt", listener.local_addr().unwrap()).parse().unwrap();
        let served = tokio::spawn(async move {
            let mut requests = Vec::new();
            for answer in answers {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = vec![0; 4096];
                let mut length = 0;
                while !request[..length].ends_with(b"}") {
                    length += stream.read(&mut request[length..]).await.unwrap();
                }
                requests.push(String::from_utf8_lossy(&request[..length]).into_owned());
                let answer = format!("HTTP/1.1 {answer}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
                stream.write_all(answer.as_bytes()).await.unwrap();
            }
            requests
        });
        (url, served)
    }

    #[tokio::test]
    async fn what_passes_is_tried_again_and_what_stays_is_not() {
        let (url, served) = server(&["503 Busy", "204 Fine"]).await;
        WebhookUrl::Written(url).post(b"{}").await.unwrap();
        let requests = served.await.unwrap();
        assert!(requests[1].starts_with("POST /SeCrEt HTTP/1.1\r\n"), "{requests:?}");
        assert!(requests[1].contains("application/json") && requests[1].ends_with("{}"), "{requests:?}");

        let (url, served) = server(&["410 Gone"]).await;
        let error = WebhookUrl::Written(url).post(b"{}").await.unwrap_err();
        assert_eq!(error.to_string(), "127.0.0.1 answered HTTP 410");
        assert_eq!(served.await.unwrap().len(), 1);
    }

    #[tokio::test]
    async fn a_redirect_is_no_success_and_no_error_tells_the_address() {
        let (url, served) =
            server(&["302 Found\r\nLocation: http://127.0.0.1:9/", "302 Found", "302 Found"]).await;
        let webhook = WebhookUrl::Written(url);
        let error = webhook.post(b"{}").await.unwrap_err();
        assert_eq!(served.await.unwrap().len(), 3);
        let nobody = webhook.post(b"{}").await.unwrap_err();
        let text = format!("{error} {error:?} {nobody} {nobody:?} {webhook:?}");
        assert!(text.contains("HTTP 302") && text.contains("no answer"), "{text}");
        assert!(!text.contains("SeCrEt"), "{text}");
    }
}
