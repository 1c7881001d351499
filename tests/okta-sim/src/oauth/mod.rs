//! OAuth service apps: `POST /oauth2/v1/token` with `private_key_jwt` (RFC 7523) and DPoP (RFC 9449), and the check
//! of what an app then presents to the API.
//!
//! It refuses what Okta refuses: an assertion that is expired, too long, for another audience, signed by another key
//! or used before; a proof without Okta's nonce, of another address, of another token or used before; a token without
//! the key that it is bound to. A scope that was not granted is left out of the token without a word, unless the app
//! says otherwise.

mod app;
mod assertion;
mod desk;
mod jws;
mod proof;

pub use app::ServiceApp;
pub(crate) use desk::{Desk, TOKEN_PATH, form};
