use crate::{Error, Header, Method, Request, Response, Subject};

impl Request {
    /// `GET path`, where the path begins with `/` and carries its query (see [`crate::query`]).
    ///
    /// The bucket is `other` until [`on`](Self::on) names one of the manifest's.
    pub fn get(path: impl Into<String>) -> Self {
        Self {
            method: Method::Get,
            path: path.into(),
            headers: Vec::new(),
            body: None,
            bucket: "other".to_owned(),
            about: None,
            version: None,
            context: String::new(),
        }
    }

    /// Which of the provider's rate limits the request draws on.
    pub fn on(mut self, bucket: impl Into<String>) -> Self {
        self.bucket = bucket.into();
        self
    }

    /// Whom the request is about, so that the host can cancel it with its subject.
    pub fn about(mut self, subject: Subject) -> Self {
        self.about = Some(subject);
        self
    }

    /// Which version of the subject the answer would hold: the host may leave the request out when it has read that
    /// version before. Something that did not change may have the same version only when nothing that changes later
    /// can get it too: of a time, only one that is long past by the provider's own clock.
    pub fn of_version(mut self, version: impl Into<String>) -> Self {
        self.version = Some(version.into());
        self
    }

    /// Adds a header; the manifest has to list its name.
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.to_ascii_lowercase(), value: value.into() });
        self
    }

    /// The plugin's own note, handed back with the response.
    pub fn with_context(mut self, context: impl Into<String>) -> Self {
        self.context = context.into();
        self
    }
}

impl Response {
    /// An answer, as a test writes it.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Adds a header line.
    pub fn with_header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push(Header { name: name.to_ascii_lowercase(), value: value.into() });
        self
    }

    /// The first header of that name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))
            .map(|header| header.value.as_str())
    }

    /// The body as text: JSON has to be UTF-8 (RFC 8259, section 8.1).
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body).map_err(|error| {
            Error::unexpected(format!("the answer is not UTF-8 text (byte {})", error.valid_up_to()))
        })
    }
}
