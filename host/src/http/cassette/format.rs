use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::scrub::Scrub;
use crate::model::{Attribute, Header as HttpHeader, Method, Request, Response};

/// Rises with every change that an older reader would misread.
pub(super) const FORMAT: u32 = 1;

/// A line of a cassette.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Line {
    /// The first.
    Header(Header),
    Exchange(Box<Exchange>),
    /// The last.
    End(End),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Header {
    pub format: u32,
    /// Version of the program that recorded it.
    pub rollcall: String,
    /// When the reading began.
    pub recorded: Timestamp,
    pub from: Provenance,
    /// What the host told the plugin.
    pub known: Vec<Attribute>,
}

/// The part of a header that every format has.
#[derive(Debug, Deserialize)]
pub(super) struct AnyHeader {
    pub header: AnyFormat,
}

#[derive(Debug, Deserialize)]
pub(super) struct AnyFormat {
    pub format: u32,
    pub rollcall: String,
}

/// Of what a cassette is a recording.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Provenance {
    pub connector: String,
    /// The source.
    pub plugin: PluginUsed,
    /// Origin, such as `https://acme.okta.com`.
    pub endpoint: String,
    /// Hash of the source's settings.
    pub settings: String,
    /// Hash of the transforms and their settings.
    pub transforms: String,
}

impl Provenance {
    /// What may be another now; connector, plugin and endpoint are the same.
    pub fn differences(&self, now: &Provenance) -> Vec<String> {
        let mut differences = Vec::new();
        if self.plugin != now.plugin {
            let name = |plugin: &PluginUsed| {
                format!("{} {} ({})", plugin.name, plugin.version, plugin.sha256.get(..8).unwrap_or_default())
            };
            differences.push(format!("plugin ({} then, {} now)", name(&self.plugin), name(&now.plugin)));
        }
        if self.settings != now.settings {
            differences.push("value of the plugin's settings".to_owned());
        }
        if self.transforms != now.transforms {
            differences.push("set of transforms or of their settings".to_owned());
        }
        differences
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PluginUsed {
    pub name: String,
    pub version: String,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct End {
    /// How many there are.
    pub exchanges: u64,
    /// Why the reading did not become complete; null if it did.
    pub failed: Option<String>,
    /// Of all lines before, line ends included, in hexadecimal.
    pub blake3: String,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Exchange {
    pub request: Asked,
    pub response: Answered,
}

/// What is seen of a request outside.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Asked {
    method: Method,
    /// With the query.
    path: String,
    headers: Vec<HttpHeader>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    body: Option<Body>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Answered {
    /// 0: no answer came, which the plugin was told.
    status: u16,
    headers: Vec<HttpHeader>,
    body: Body,
}

/// Text can be read by people, so it stays text.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Body {
    Text(String),
    Base64(String),
}

impl Body {
    fn new(bytes: &[u8], scrub: &Scrub) -> Self {
        let bytes = scrub.bytes(bytes);
        match std::str::from_utf8(&bytes) {
            Ok(text) => Body::Text(text.to_owned()),
            Err(_) => Body::Base64(STANDARD.encode(&bytes)),
        }
    }

    fn bytes(self) -> Result<Vec<u8>, String> {
        match self {
            Body::Text(text) => Ok(text.into_bytes()),
            Body::Base64(text) => STANDARD.decode(text).map_err(|error| format!("its body: {error}")),
        }
    }
}

impl Exchange {
    pub(super) fn new(request: &Request, response: &Response, scrub: &Scrub) -> Self {
        Self {
            request: Asked::new(request, scrub),
            response: Answered {
                status: response.status,
                headers: scrubbed(&response.headers, scrub),
                body: Body::new(&response.body, scrub),
            },
        }
    }
}

impl Asked {
    fn new(request: &Request, scrub: &Scrub) -> Self {
        Self {
            method: request.method,
            path: scrub.text(&request.path),
            headers: scrubbed(&request.headers, scrub),
            body: request.body.as_deref().map(|body| Body::new(body, scrub)),
        }
    }

    /// Is this the same request, as far as the provider can tell?
    pub fn is(&self, request: &Request) -> bool {
        // Only a request with a body has anything to decode; method and path are looked at before.
        self.method == request.method
            && self.path == request.path
            && self.headers == request.headers
            && self.body == request.body.as_deref().map(|body| Body::new(body, &Scrub::nothing()))
    }
}

impl Answered {
    pub(super) fn response(self) -> Result<Response, String> {
        Ok(Response { status: self.status, headers: self.headers, body: self.body.bytes()? })
    }
}

fn scrubbed(headers: &[HttpHeader], scrub: &Scrub) -> Vec<HttpHeader> {
    headers
        .iter()
        .map(|HttpHeader { name, value }| HttpHeader { name: name.clone(), value: scrub.text(value) })
        .collect()
}
