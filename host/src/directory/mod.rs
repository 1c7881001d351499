//! Mirror and directory, and the store that keeps both.
//!
//! * The **mirror** is what a provider gave, per connector, unshaped: users, groups, packed memberships. It lets
//!   people be shaped again (a changed rule, a renamed group) without reading the provider again.
//! * The **directory** is what shaping made of the mirrors: what applications see.
//!
//! Both live in one SQLite file, because a run changes both and a WAL transaction over several attached files is
//! not atomic across them.
//!
//! **What survives.** A commit has reached the disk before it counts (a write-ahead log with `synchronous=full`), so after
//! a crash, a kill or a power cut at any instant the store is that of before a transaction or of after it, and a spool,
//! which is removed only after the commit, is never gone without what was read in it. The spool itself is not synced: a
//! kill leaves it, a power cut may shorten it, and its checksums say where it ends. Bits that a disk flips within a
//! value are not found: SQLite keeps no checksums; damage to the structure of a page is found when it is read.
//!
//! [`Store`] is blocking and knows sorted cursors and batches, no SQL, so that another database can follow.

mod change;
mod entry;
mod held;
mod lookup;
mod past;
mod patch;
mod pause;
mod plain;
mod sqlite;
mod store;

pub use change::{Change, ChangeKind, EntryKind, MembershipChange};
pub use entry::{GroupEntry, GroupKey, LOCAL, UserEntry, UserKey, fold};
pub use held::{HeldChange, HeldMembers, HeldState};
pub use lookup::plain_text;
pub use past::{Former, KeptRun, Past, PastWhat};
pub use patch::PatchError;
pub use pause::{AliasChange, KeptChange, Pause};
pub use plain::write_record;
pub use sqlite::{BackupError, Contents, Health, Restored, SqliteStore, Writing, restore};
pub use store::{
    ConnectorId, Counters, GroupFilter, MembersState, MirrorGroup, MirrorUser, Order, Reader, RunId, RunRow,
    RunStart, Store, StoreError, StoreResult, Told, UserFilter, Writer,
};
