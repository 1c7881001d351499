use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::error::table;

/// Why no answer came. The text is the operating system's or the TLS library's.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Cause {
    #[error("timed out")]
    Timeout,
    #[error("the host name can't be resolved: {0}")]
    Dns(String),
    #[error("the connection was refused")]
    Refused,
    #[error("no connection: {0}")]
    Connect(String),
    #[error("the proxy gave no connection: {0}")]
    Proxy(String),
    /// The certificate was issued by nobody whom this machine trusts.
    #[error("the server's certificate is from an unknown issuer")]
    UnknownIssuer,
    /// Another reason not to accept the certificate: it is for another name, or expired.
    #[error("the server's certificate is not valid: {0}")]
    Certificate(String),
    #[error("no secure connection: {0}")]
    Tls(String),
    /// The transfer broke off, or what came can't be read (truncated gzip, not HTTP).
    #[error("the transfer failed: {0}")]
    Transfer(String),
}

impl Cause {
    /// What to do, for the connector of this name.
    pub fn hint(&self, connector: &str) -> Option<String> {
        let table = table(connector);
        Some(match self {
            Cause::Timeout => format!("if the provider is only slow, raise `timeout-seconds` in {table}"),
            Cause::Dns(_) => {
                format!("check `endpoint` in [connector.{connector}] and this machine's name resolution")
            }
            Cause::Refused | Cause::Connect(_) => format!(
                "check `endpoint` in [connector.{connector}], and whether this network needs a `proxy` in {table}"
            ),
            Cause::Proxy(_) => {
                format!("check `proxy` in {table}, or HTTPS_PROXY and NO_PROXY in the environment")
            }
            Cause::UnknownIssuer => format!(
                "if a proxy or a private CA signs connections here, put its certificate in a PEM file and name \
                 that as `ca-bundle` in {table}"
            ),
            Cause::Certificate(_) => {
                format!("check `endpoint` in [connector.{connector}], and this machine's clock")
            }
            Cause::Tls(_) => {
                format!("check `endpoint` in [connector.{connector}]: does that port speak https?")
            }
            Cause::Transfer(_) => format!(
                "run it again; if it stays, something on the way cuts or changes answers: look at proxy, VPN and \
                 firewall (`proxy` in {table})"
            ),
        })
    }

    /// How many attempts this failure is worth, of at most `most`: a wrong certificate stays wrong, and a name
    /// that doesn't resolve gets one more try.
    pub(super) fn attempts(&self, most: u32) -> u32 {
        match self {
            Cause::UnknownIssuer | Cause::Certificate(_) => 1,
            Cause::Dns(_) | Cause::Tls(_) | Cause::Proxy(_) => most.min(2),
            Cause::Timeout | Cause::Refused | Cause::Connect(_) | Cause::Transfer(_) => most,
        }
    }

    pub(super) fn of(error: &reqwest::Error) -> Self {
        if let Some(tls) = sources(error).find_map(tls_error) {
            return match tls {
                // A wrong signature: issued by a namesake of a CA that is trusted, such as its predecessor.
                rustls::Error::InvalidCertificate(
                    CertificateError::UnknownIssuer | CertificateError::BadSignature,
                ) => Cause::UnknownIssuer,
                rustls::Error::InvalidCertificate(problem) => Cause::Certificate(problem.to_string()),
                other => Cause::Tls(other.to_string()),
            };
        }
        if error.is_dns() {
            return Cause::Dns(innermost(error));
        }
        if error.is_timeout() {
            return Cause::Timeout;
        }
        // The type of a proxy's refusal is private to the HTTP library, its text is not.
        if let Some(tunnel) =
            sources(error).map(ToString::to_string).find(|text| text.contains("tunnel error"))
        {
            return Cause::Proxy(tunnel);
        }
        let refused = |source: &(dyn Error + 'static)| {
            source.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == io::ErrorKind::ConnectionRefused)
        };
        if sources(error).any(refused) {
            Cause::Refused
        } else if error.is_connect() {
            Cause::Connect(innermost(error))
        } else if let Some(damage) = damage(error) {
            Cause::Transfer(damage.to_owned())
        } else {
            Cause::Transfer(innermost(error))
        }
    }
}

/// The error's causes, outermost first, without the error itself (whose text holds the URL).
fn sources(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |error: &&(dyn Error + 'static)| (*error).source())
}

/// What the decompressor found, whose own words are about its state. What fails below it comes as an error of the HTTP
/// library's.
fn damage(error: &reqwest::Error) -> Option<&'static str> {
    let first = sources(error).find(|source| !source.is::<reqwest::Error>())?;
    let io = first.downcast_ref::<io::Error>().filter(|_| error.is_decode())?;
    Some(match io.kind() {
        io::ErrorKind::UnexpectedEof => "the compressed body breaks off",
        _ => "the compressed body is damaged",
    })
}

fn innermost(error: &reqwest::Error) -> String {
    sources(error).last().map_or_else(|| "for an unknown reason".to_owned(), ToString::to_string)
}

/// An `io::Error` skips the error that it wraps when asked for its source, so that one is looked at here.
fn tls_error<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    if let Some(tls) = error.downcast_ref() {
        return Some(tls);
    }
    let mut inner = error.downcast_ref::<io::Error>()?.get_ref();
    while let Some(wrapped) = inner {
        if let Some(tls) = wrapped.downcast_ref() {
            return Some(tls);
        }
        inner = wrapped.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    }
    None
}
