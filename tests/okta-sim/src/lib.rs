//! A faithful simulator of the Okta Management API, for tests, demos and benchmarks.
//!
//! It answers as Okta does, not as is convenient: page sizes, cursors, two `Link` headers, whole-second
//! timestamps, null and absent attributes, deprovisioned users left out of some lists and not of others,
//! token shares of rate limits, error bodies. It listens on loopback only and generates its organisation
//! from a seed, so the same settings always give the same ids; a million users take no memory until changed.
//!
//! ```
//! # tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(async {
//! use okta_sim::{Population, Sim, Status};
//!
//! let sim = Sim::builder()
//!     .population(Population { users: 500, ..Population::default() })
//!     .start()
//!     .await?;
//! // Point a client at sim.url() with `Authorization: SSWS {sim.token()}`, then change the organisation:
//! let user = &sim.user_ids()[7];
//! sim.set_status(user, Status::Suspended)?;
//! assert_eq!(sim.user(user).unwrap()["status"], "SUSPENDED");
//! assert_eq!(sim.stats().total, 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # }).unwrap();
//! ```
//!
//! # What is served
//!
//! | endpoint | notes |
//! |---|---|
//! | `GET /api/v1/users` | `search` (with `sortBy`, `sortOrder`), `filter`, `q`, `fields`, `limit` ≤ 200 |
//! | `GET /api/v1/users/{idOrLogin}`, `/me` | short logins when unambiguous; `me` made the token |
//! | `GET /api/v1/users/{id}/groups` | pages of at most 200 |
//! | `GET /api/v1/groups` | `search`, `filter`, `q`, `expand=stats`, `limit` ≤ 10,000 |
//! | `GET /api/v1/groups/{id}` | `expand=stats` |
//! | `GET /api/v1/groups/{id}/users` | whole users, `limit` ≤ 1,000 |
//! | `GET /api/v1/groups/{id}/apps` | the applications a group is assigned to |
//! | `GET /api/v1/apps`, `/apps/{id}` | `filter` (`id`, `status`, `name`, `user.id`, `group.id`), `q`, `limit` ≤ 200 |
//! | `GET /api/v1/apps/{id}/users` | directly or through a group; `expand=user`, `q`, `limit` ≤ 500 |
//! | `GET /api/v1/apps/{id}/groups` | `expand=group`, `q`, 20 ≤ `limit` ≤ 200 |
//! | `GET /api/v1/logs` | polls and bounded queries; `filter`, `q`, `sortOrder`, `limit` ≤ 1,000 |
//! | `POST /oauth2/v1/token` | `client_credentials` of a service app, `private_key_jwt`, DPoP with nonce |
//! | `/_sim/…` | the simulator's own control endpoints, see the README |
//!
//! # Where it is stricter or looser than Okta
//!
//! `search` is consistent at once unless it is told to lag, as Okta's index does. Refusals of expressions carry
//! Okta's codes, but causes are recorded for syntax errors and cursors only; expressions know neither `ne` nor
//! `not`, which Okta's log does. Whether a deactivation moves `lastMembershipUpdated` is not known; here it does
//! not. All applications are active.

mod app;
mod apps;
mod awkward;
mod changes;
mod connection;
mod control;
mod digits;
mod error;
mod event;
mod event_log;
mod fault;
mod fields;
mod filter;
mod filter_parse;
mod generate;
mod group_changes;
mod groups;
mod gzip;
mod ids;
mod journal;
mod limits;
pub mod load;
mod logs;
mod model;
mod oauth;
mod org;
mod paging;
mod population;
mod profile;
mod query;
mod quirks;
mod render;
mod render_app;
mod reply;
mod rng;
mod running;
mod seen;
mod server;
mod service;
mod sorted;
mod stale;
mod state;
mod stats;
mod time;
mod users;

pub use changes::{ChangeError, Deletion};
pub use event_log::LogDelay;
pub use fault::{Class, Fault, FaultError, FaultRecord, FaultRule, When, Where};
pub use limits::{Bucket, Limits};
pub use model::{GroupType, Status};
pub use oauth::ServiceApp;
pub use org::Counts;
pub use population::Population;
pub use quirks::Quirks;
pub use running::RunningSim;
pub use server::{DEFAULT_TOKEN, Sim, SimBuilder};
pub use state::Access;
pub use stats::{BucketStats, RequestRecord, Stats};
