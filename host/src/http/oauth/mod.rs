//! Service apps: a key instead of a secret. The app signs who it is with its [`SigningKey`] (`private_key_jwt`, RFC
//! 7523), the provider's token endpoint answers with an access token that lives an hour or so, and each request then
//! carries that token and a proof ([`ProofKey`], DPoP, RFC 9449) that it is ours.
//!
//! `exchange` asks for tokens: one at a time whatever number of requests waits, with a new assertion each time, and
//! never again once the app was refused, so that no provider locks it.

mod app;
mod der;
mod exchange;
mod jwt;
mod key;
mod proof;
mod signing;
mod token;

pub use app::{AppOptions, ServiceApp};
pub use key::KeyError;
pub(super) use key::SigningKey;
pub(super) use signing::Signing;
pub use token::TokenError;
pub(super) use token::Tokens;
