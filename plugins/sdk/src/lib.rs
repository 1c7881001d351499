//! Write Rollcall plugins in Rust.
//!
//! A plugin is a pure function: the host asks what to request, makes the requests, hands the answers back and
//! gets records. It has no clock, no files and no network, it never sees a secret and can't name a host. So the
//! same crate is an ordinary library that `cargo test` tests natively, and a component that
//! `rollcall plugin build` makes of it.
//!
//! A complete source, which reads users page by page:
//!
//! ```
//! use rollcall_plugin::{Attribute, Error, Page, Plugin, Request, Response, Scope, Source, User, link};
//!
//! #[derive(serde::Deserialize)]
//! #[serde(deny_unknown_fields)]
//! pub struct Settings {
//!     page_size: u32,
//! }
//!
//! pub struct Acme(Settings);
//!
//! impl Plugin for Acme {
//!     type Settings = Settings;
//!
//!     fn configure(settings: Settings) -> Result<Self, Error> {
//!         Ok(Acme(settings))
//!     }
//! }
//!
//! impl Source for Acme {
//!     fn plan(&self, _scope: &Scope, _known: &[Attribute]) -> Result<Vec<Request>, Error> {
//!         Ok(vec![Request::get(format!("/people?limit={}", self.0.page_size)).on("people")])
//!     }
//!
//!     fn decode(&self, request: &Request, response: &Response) -> Result<Page, Error> {
//!         let names: Vec<String> = serde_json::from_slice(&response.body)
//!             .map_err(|error| Error::unexpected(format!("no list of names: {error}")))?;
//!         let next = link::next(&response.headers)?.map(|path| Request { path, ..request.clone() });
//!         let user = |name: String| User { id: name.clone(), username: name, active: true, ..User::default() };
//!         Ok(Page { users: names.into_iter().map(user).collect(), next: next.into_iter().collect(), ..Page::default() })
//!     }
//! }
//!
//! rollcall_plugin::export_source!(Acme);
//!
//! // In the crate's tests, a run needs no host:
//! # fn main() {
//! use rollcall_plugin::testing;
//!
//! let acme: Acme = testing::configure(serde_json::json!({ "page_size": 2 })).unwrap();
//! let reading = testing::run(&acme, &Scope::Full, &[], |request| match request.path.as_str() {
//!     "/people?limit=2" => Response::new(200, r#"["ann","bo"]"#).with_header("link", "</people?after=bo>; rel=next"),
//!     _ => Response::new(200, r#"["cy"]"#),
//! });
//! assert_eq!(reading.unwrap().users.len(), 3);
//! # }
//! ```
//!
//! A transform implements [`Plugin`] and [`Transform`] and ends with [`export_transform!`]. Beside the source
//! lies `plugin.toml`, the manifest, which says what the plugin may request and describes its settings.
//!
//! What a provider's API needs again and again is here: [`link`] headers, [`query`] strings, [`date`]s,
//! [`Value::from_json`] for attributes of any type, and [`ids`](ids()) for lists of which only the ids matter.

#[cfg(any(test, target_family = "wasm"))]
mod allocator;
#[doc(hidden)]
pub mod bindings;
pub mod date;
mod error;
mod exchange;
mod guest;
mod ids;
mod json;
pub mod link;
pub mod log;
mod packed;
pub mod query;
mod record;
mod settings;
pub mod testing;

pub use bindings::shared::rollcall::plugin::http::{Header, Method, Request, Response};
pub use bindings::shared::rollcall::plugin::types::{Attribute, Group, Problem, Subject, User, Value};
pub use bindings::source::exports::rollcall::plugin::source::{Members, Membership, Page, Scope};
pub use bindings::transform::exports::rollcall::plugin::transform::{
    GroupRef, GroupVerdict, Person, Verdict,
};
pub use error::Error;
#[doc(hidden)]
pub use guest::Instance;
pub use guest::{Plugin, Source, Transform};
pub use ids::{Ids, ids};
pub use record::Attributes;
pub use settings::settings;
