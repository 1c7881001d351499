//! The sandbox: everything that knows a provider, a company's rules or a destination runs here, as a pure
//! function without a clock, random numbers, files, network or environment.

mod call;

pub use call::{CallError, Identity, Source, Transform};
