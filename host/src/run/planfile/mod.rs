//! A plan that is kept in a file, looked at, and applied later: exactly it, or nothing.
//!
//! The file is JSON, one object a line, compressed with gzip where its name ends in `.gz`:
//!
//! ```json
//! {"plan":{"format":1,"rollcall":"0.1.0","made":"2026-01-31T12:00:00Z","directory":"…","after":12,"from":{…},…}}
//! {"change":{"kind":"disable","entry":"user","key":7,"name":"ann","before":"{\"active\":true}","after":"{…}"}}
//! {"members":{"group":3,"connector":"acme","added":[7],"removed":[]}}
//! {"held-change":{"reason":"would disable 120 of 1,000 people, …","change":{…}}}
//! {"end":{"lines":4,"blake3":"…"}}
//! ```
//!
//! Keys are the directory's. Those of new entries are only this file's: they get the next free ones when they are
//! made, because nothing is written for a plan. The last line has a hash of all lines before it, which guards against
//! accidents, not against forgers: whoever may write the file may as well write the database. It holds what the
//! entries hold, and no credential.
//!
//! **What applying it does to the mirror**: nothing. The mirror stays that of the last run, whose reading it is; the
//! next run finds in the directory what it would have made, and brings the mirror in step. Everybody whom the plan
//! changes is shaped again in that run, so that whatever changed at the provider meanwhile is seen. Who is absent since
//! when, and for how many runs, is counted by runs only.
//!
//! A plan is applied once, to the directory that it was made for, under the settings that it was made by, and not
//! after a later reading of its connector.

mod apply;
mod error;
mod format;
mod read;
#[cfg(test)]
mod tests;
mod write;

pub use apply::{Applying, apply};
pub use error::PlanFileError;
pub use read::PlanFile;
pub use write::{PlanOut, keep};
