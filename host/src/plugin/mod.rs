//! The sandbox: everything that knows a provider, a company's rules or a destination runs here, as a pure
//! function without a clock, random numbers, files, network or environment.
//!
//! ```text
//! Library ── find ──► Listed ── source / transform ──► dyn Source / dyn Transform
//!    │                                                   (a pool of instances)
//!    └─ Sandbox ── admit ──► Admitted
//! ```
//!
//! * A [`Library`] knows the plugins built into the binary and those of a folder, by their manifests alone.
//! * A [`Sandbox`] is the engine with what a plugin may import; [`Sandbox::admit`] is the one way in.
//! * A configured plugin is a [`Source`] or a [`Transform`]. Its calls block and are limited ([`Limits`]);
//!   whatever goes wrong inside is a [`CallError`] that names the plugin, and leaves the host running.
//! * [`shape_people`] finds the one person of a batch at whom a transform stops.
//! * [`build`] makes a component of a plugin's source.

mod admission;
mod anatomy;
mod batch;
mod bindings;
pub mod build;
mod cache;
mod call;
mod engine;
mod guest;
mod lent;
mod library;
mod limits;
mod manifest;
mod nearest;
mod packed;
mod pool;
mod settings;
mod state;
mod stop;
mod weight;

pub use admission::{AdmissionError, Admitted, Expected, Refusal, Sandbox, sha256_hex};
pub use anatomy::{Anatomy, Item, ItemKind, NotAComponent, SectionSize};
pub use batch::shape_people;
pub use cache::{Cache, Origin};
pub use call::{CallError, Identity, Source, Transform};
pub use engine::EngineError;
pub use library::{
    FindError, Library, LibraryError, Listed, LoadError, Place, Setup, Unusable, UnusableError,
};
pub use limits::{Limit, LimitOverrides, LimitReached, Limits};
pub use manifest::{
    API, Fault, ManifestError, TomlError, is_forbidden_header, parse_plugin_toml, read_manifest,
};
pub use nearest::nearest;
pub use settings::{SettingsError, validate_settings};
pub use state::LogListener;
pub use stop::StopReason;
