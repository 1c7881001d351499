use serde::{Deserialize, Serialize};

use super::record::{Group, Problem, Subject, User};
use super::value::Attribute;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Put => "PUT",
            Method::Patch => "PATCH",
            Method::Delete => "DELETE",
        }
    }
}

/// Header names are lower case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    pub name: String,
    pub value: String,
}

/// A request that a plugin asks the host to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Request {
    pub method: Method,
    /// Path with query, relative to the connector's endpoint, beginning with `/`.
    pub path: String,
    pub headers: Vec<Header>,
    pub body: Option<Vec<u8>>,
    /// Which of the provider's rate limits this draws on, as named in the manifest.
    pub bucket: String,
    pub about: Option<Subject>,
    /// The host may skip the request when the mirror holds this version of the subject.
    pub version: Option<String>,
    /// The plugin's own note, handed back with the response.
    pub context: String,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Response {
    /// 0: after all of the host's retries no answer came in time, or it broke off.
    pub status: u16,
    pub headers: Vec<Header>,
    pub body: Vec<u8>,
}

/// What a run reads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Scope {
    Full,
    Changes,
    /// By provider id, username or e-mail address.
    User(String),
    /// What can this credential see?
    Probe,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Members {
    /// Several `Some` for one group add up.
    Some(Vec<String>),
    Add(Vec<String>),
    Remove(Vec<String>),
    /// Every user that this reading gives.
    Everyone,
    /// Could not be read, and why: stays as it was. Beats any `Some` of that group.
    Unknown(String),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Membership {
    /// The group's provider id. Nothing, with [`Members::Remove`]: all groups.
    pub group: String,
    pub members: Members,
}

/// What a plugin read from one response.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Page {
    pub users: Vec<User>,
    pub groups: Vec<Group>,
    pub memberships: Vec<Membership>,
    pub gone: Vec<Subject>,
    pub problems: Vec<Problem>,
    pub checkpoints: Vec<(String, String)>,
    pub next: Vec<Request>,
    pub extra: Vec<Attribute>,
}
