//! The one place that performs HTTP: credentials, pacing, retry.
//!
//! A plugin names a method, a path under the connector's [`Endpoint`], and headers from a safe list. The
//! [`Client`] checks that against the plugin's manifest and the admin's configuration, adds the
//! [`Credential`], waits until the provider's rate limit allows the request, sends it, and repeats what is
//! worth repeating. It follows no redirect, so the credential never leaves the configured origin.
//!
//! Inside, from the outside in: `grant` and `path` (may this be sent?), `client` (the story of a request),
//! `budgets` → `pacer` → `bucket` and `parallel` (when may it go?), `retry` and `cause` (is it worth repeating?), `courtesy` (a repetition says so), `wire`
//! (one attempt). `oauth` gets and renews the tokens of service apps. `cassette` keeps what came of it and repeats it. `webhook` posts messages of ours.

mod bucket;
mod budgets;
mod cassette;
mod cause;
mod client;
mod courtesy;
mod credential;
mod endpoint;
mod error;
#[cfg(test)]
mod fixture;
mod grant;
mod limits;
#[cfg(test)]
mod live_tests;
mod oauth;
mod options;
mod pacer;
mod parallel;
mod path;
mod retry;
mod secret;
mod telling;
#[cfg(test)]
mod tls_tests;
mod transport;
mod webhook;
mod wire;

pub use budgets::Budgets;
pub use cassette::{Asked, Cassette, CassetteError, Played, PluginUsed, Provenance, Recorder, Scrub};
pub use cause::Cause;
pub use client::Client;
pub use credential::{Credential, CredentialError};
pub use endpoint::{Endpoint, EndpointError};
pub use error::HttpError;
pub use grant::{Allow, Refusal};
pub use oauth::{AppOptions, KeyError, ServiceApp, TokenError};
pub use options::ClientOptions;
pub use secret::SecretSource;
pub use telling::{HttpTotals, Listener};
pub use transport::{HttpEvent, Transport};
pub use webhook::{WebhookError, WebhookUrl};
