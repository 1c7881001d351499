//! The words that every layer speaks.
//!
//! These types mirror the WIT contract (`wit/0.1/`) but belong to the host, so that nothing outside
//! [`plugin`](crate::plugin) depends on the sandbox, and so that a later contract version converts to the same
//! words.

mod exchange;
mod manifest;
mod record;
mod shaping;
mod value;

pub use exchange::{Header, Members, Membership, Method, Page, Request, Response, Scope};
pub use manifest::{
    ConcurrencySignal, CredentialRule, EndpointRules, HostRewrite, HttpRules, Manifest, PluginKind,
    RateLimitRules, ReferenceRule, ResetUnit, ScopeRule, ServiceAppRule,
};
pub use record::{Group, PluginError, Problem, Subject, User};
pub use shaping::{GroupRef, GroupVerdict, Person, Verdict};
pub use value::{Attribute, Value};
