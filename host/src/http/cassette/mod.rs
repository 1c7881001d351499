//! A run's exchanges, kept in a file and repeated from it.
//!
//! A cassette holds what the plugin saw, and nothing else: each request as the plugin asked for it, and the answer as
//! the plugin was shown it, in the order in which the run used them. The credential is added below that and is
//! therefore never in it; should the provider echo it, it is taken out ([`Scrub`]). Attempts that failed and were
//! repeated, waits and other headers are not in it either.
//!
//! The file is JSON, one object a line, so that `jq` reads it; compressed with gzip where its name ends in `.gz`:
//!
//! ```json
//! {"header":{"format":1,"rollcall":"0.1.0","recorded":"2026-01-31T12:00:00Z","from":{…},"known":[…]}}
//! {"exchange":{"request":{"method":"GET","path":"/api/v1/users?limit=200",…},"response":{"status":200,…}}}
//! {"end":{"exchanges":1,"failed":null,"blake3":"…"}}
//! ```
//!
//! The last line has a hash of all lines before it: without it the file is torn, and with another one it was changed.
//! That guards against accidents, not against forgers. `format` rises with every change that an older reader would
//! misread; a reader refuses what is newer than it knows.

mod error;
mod format;
mod player;
mod recorder;
mod scrub;
#[cfg(test)]
mod tests;

pub use error::CassetteError;
pub use format::{Asked, PluginUsed, Provenance};
pub use player::{Cassette, Played};
pub use recorder::Recorder;
pub use scrub::Scrub;
