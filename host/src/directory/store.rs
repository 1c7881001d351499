use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use serde::{Deserialize, Serialize};

use super::change::{Change, ChangeKind, EntryKind, MembershipChange};
use super::entry::{GroupEntry, GroupKey, UserEntry, UserKey};
use super::held::{HeldChange, HeldMembers, HeldState};
use super::past::{Former, KeptRun, Past};
use super::pause::{AliasChange, KeptChange, Pause};
use crate::model::{Group, User};

/// A connector, by the store's number for its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ConnectorId(pub i64);

/// A run, by a number that only grows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RunId(pub i64);

pub type StoreResult<T> = Result<T, StoreError>;

/// Why the store could not do what was asked. Each names the file; nothing was changed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("the directory database {path} could not be {action}")]
    Database {
        path: String,
        action: &'static str,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error("there is no space left for the directory database {path}")]
    Full { path: String },
    #[error("the directory database {path} may not be written to")]
    ReadOnly {
        path: String,
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    #[error(
        "the directory database {path} could not be {action}: another program holds it for {seconds} s already"
    )]
    Locked { path: String, action: &'static str, seconds: u64 },
    #[error(
        "the directory database {path} is of version {found}, and this Rollcall knows versions up to {known}"
    )]
    Newer { path: String, found: i64, known: i64 },
    #[error("{path} is a database of another program (application id {found:#x})")]
    Foreign { path: String, found: i64 },
    #[error("the directory database {path} holds something unreadable: {what}")]
    Corrupt { path: String, what: String },
}

impl StoreError {
    /// What an admin can do.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            StoreError::Database { .. } => {
                "check that the folder exists, is writable and has space left; `[directory] path` in rollcall.toml names the file".into()
            }
            StoreError::Full { .. } => "free some space on its disk and run it again".into(),
            StoreError::ReadOnly { path, .. } => {
                format!("let this account write to {path} and to its folder, where SQLite keeps a log beside it")
            }
            StoreError::Locked { path, .. } => {
                format!(
                    "wait if it is another sync; else end whatever holds it, such as a database browser (`fuser {path}` tells)"
                )
            }
            StoreError::Newer { .. } => "use the newer Rollcall that wrote it, or restore a backup from before the upgrade".into(),
            StoreError::Foreign { path, .. } => {
                format!("name another file in `[directory] path` of rollcall.toml; {path} was left untouched")
            }
            StoreError::Corrupt { path, .. } => format!(
                "restore a backup, and remove {path}-wal if it is there; without a backup, move the file away and sync \
                 again: everything is then read anew, and everybody gets a new key"
            ),
        })
    }
}

/// How well the mirror knows a group's members.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum MembersState {
    Known,
    /// The last reading could not read them: they are what they were before.
    Unknown,
    /// A rule dropped the group, so that its members are not requested.
    Unread,
}

/// A user of the mirror, without the record.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorUser {
    /// The provider's id.
    pub id: String,
    /// The mirror's own number of the user, which packed memberships hold.
    pub number: u32,
    /// Hash of the record as the provider gave it.
    pub digest: [u8; 16],
    /// Hash of all that the directory entry was shaped from; zeros when it has not been shaped yet.
    pub shaping: [u8; 16],
    /// The first complete run that did not return the user.
    pub absent_since: Option<RunId>,
    /// The first complete run in which rules kept out the user, who is in the directory.
    pub dropped_since: Option<RunId>,
}

/// A group of the mirror.
#[derive(Debug, Clone, PartialEq)]
pub struct MirrorGroup {
    pub number: u32,
    pub record: Group,
    pub members: MembersState,
    pub absent_since: Option<RunId>,
    /// The first complete run in which rules kept out the group, which is in the directory.
    pub dropped_since: Option<RunId>,
    /// The plugin's version of the members, when all of them were read and all of them are known.
    pub version: Option<String>,
}

/// The next free numbers; none is ever used again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Counters {
    pub mirror_user: u32,
    pub mirror_group: u32,
    pub user: u32,
    pub group: u32,
}

/// How a run begins.
#[derive(Debug, Clone)]
pub struct RunStart {
    pub connector: ConnectorId,
    pub mode: &'static str,
    pub at: jiff::Timestamp,
}

/// A run as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct RunRow {
    pub id: RunId,
    pub connector: String,
    pub mode: String,
    /// [`RUNNING`](Self::RUNNING) until it ends, [`INTERRUPTED`](Self::INTERRUPTED) when it was killed.
    pub outcome: String,
    pub started_at: String,
    pub ended_at: Option<String>,
    /// The run's report as JSON; `null` until it ends. When it was pruned, only whether it applied the rest of
    /// what it held.
    pub report: String,
    /// When its changes and its report were taken out of the history.
    pub pruned_at: Option<String>,
}

impl RunRow {
    /// The outcome of a run that has not ended, or was killed.
    pub const RUNNING: &str = "running";
    /// The outcome of a run of which is known that it was killed.
    pub const INTERRUPTED: &str = "interrupted";
}

/// In which order entries are listed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Order {
    #[default]
    Key,
    /// By folded name, which is unique.
    Name,
}

/// Which users to list; every field but the order narrows.
#[derive(Debug, Clone, Default)]
pub struct UserFilter {
    pub connector: Option<String>,
    pub active: Option<bool>,
    /// Part of user name, display name or e-mail address, case-insensitive.
    pub text: Option<String>,
    /// Only users of these keys.
    pub keys: Option<RoaringBitmap>,
    /// Names and values, each of which has to be there: see [`UserEntry::holds`].
    pub values: Vec<(String, String)>,
    pub order: Order,
}

/// Which groups to list; every field but the order narrows.
#[derive(Debug, Clone, Default)]
pub struct GroupFilter {
    pub connector: Option<String>,
    /// Part of the name, case-insensitive.
    pub text: Option<String>,
    /// Only groups of these keys.
    pub keys: Option<RoaringBitmap>,
    pub order: Order,
}

/// Something that is told once: what about a connector, and to whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    pub connector: String,
    /// Its runs, or their silence.
    pub aspect: &'static str,
    pub channel: &'static str,
}

/// Where mirror and directory are kept. Calls block.
pub trait Store: Send {
    /// The connector's number, given at first sight.
    fn connector(&mut self, name: &str) -> StoreResult<ConnectorId>;

    /// Notes that a run begins, and that earlier ones of this connector that never ended were interrupted. The
    /// caller holds the connector's lock.
    fn begin_run(&mut self, start: &RunStart) -> StoreResult<RunId>;

    /// Notes how a run ended that applied nothing.
    fn end_run(&mut self, run: RunId, outcome: &str, at: jiff::Timestamp, report: &str) -> StoreResult<()>;

    /// The cause that was told, if one was and is not over.
    fn told(&mut self, of: &Told) -> StoreResult<Option<String>>;
    fn set_told(&mut self, of: &Told, cause: &str, at: jiff::Timestamp) -> StoreResult<()>;
    fn forget_told(&mut self, of: &Told) -> StoreResult<()>;

    /// One consistent view.
    fn read(&mut self) -> StoreResult<Box<dyn Reader + '_>>;

    /// One transaction: all of it is visible after [`Writer::commit`], none of it before or without.
    fn write(&mut self) -> StoreResult<Box<dyn Writer + '_>>;
}

/// One consistent view of the store. Cursors call `each` in the order of the key they name.
pub trait Reader {
    fn counters(&self) -> StoreResult<Counters>;

    /// By provider id.
    fn mirror_users(&self, connector: ConnectorId, each: &mut dyn FnMut(MirrorUser)) -> StoreResult<()>;
    fn mirror_user(&self, connector: ConnectorId, id: &str) -> StoreResult<Option<MirrorUser>>;
    fn mirror_user_record(&self, number: u32) -> StoreResult<Option<User>>;
    /// The records of all the connector's mirror users, with their numbers, by number.
    fn mirror_user_records(&self, connector: ConnectorId, each: &mut dyn FnMut(u32, User))
    -> StoreResult<()>;
    /// True when somebody has to be shaped at the next run, whatever changes.
    fn has_unshaped(&self, connector: ConnectorId) -> StoreResult<bool>;
    fn mirror_group(&self, connector: ConnectorId, id: &str) -> StoreResult<Option<MirrorGroup>>;
    /// By provider id.
    fn mirror_groups(&self, connector: ConnectorId, each: &mut dyn FnMut(MirrorGroup)) -> StoreResult<()>;
    /// Provider id and name of groups that the provider gives and whose members the last reading could not read, at most
    /// so many, by id.
    fn unread_groups(&self, connector: ConnectorId, limit: usize) -> StoreResult<Vec<(String, String)>>;
    /// Numbers of mirror users; nothing when they were never read.
    fn mirror_members(&self, group: u32) -> StoreResult<Option<RoaringBitmap>>;

    /// Where the next reading of changes goes on, by name: see [`Writer::set_checkpoint`].
    fn checkpoints(&self, connector: ConnectorId) -> StoreResult<BTreeMap<String, String>>;

    /// Provider id and key of every user that the connector gave, by provider id.
    fn user_keys(&self, connector: ConnectorId, each: &mut dyn FnMut(&str, UserKey)) -> StoreResult<()>;
    /// Kind, provider id and key of every entry that belongs to another connector and is someone, or a group, of this
    /// one's provider, by provider id.
    fn aliases(&self, connector: ConnectorId, each: &mut dyn FnMut(EntryKind, &str, u32)) -> StoreResult<()>;
    /// The number of the connector, if it was ever seen.
    fn connector_id(&self, name: &str) -> StoreResult<Option<ConnectorId>>;
    fn user(&self, key: UserKey) -> StoreResult<Option<UserEntry>>;
    /// By the folded user name, whoever gave it.
    fn user_by_name(&self, folded: &str) -> StoreResult<Option<UserEntry>>;
    /// By the provider's id, whatever the connector.
    fn users_by_id(&self, external_id: &str) -> StoreResult<Vec<UserEntry>>;
    /// In the filter's order.
    fn users(&self, filter: &UserFilter, each: &mut dyn FnMut(UserEntry) -> bool) -> StoreResult<()>;
    /// What was set here of entries that a connector gave: user and name, by both.
    fn kept(&self, each: &mut dyn FnMut(UserKey, &str)) -> StoreResult<()>;
    /// The names of what was set here of one user, in order.
    fn kept_of(&self, user: UserKey) -> StoreResult<Vec<String>>;
    /// User name of each key, in the order of the keys; a key that is gone is left out.
    fn user_names(&self, keys: &RoaringBitmap, each: &mut dyn FnMut(UserKey, &str)) -> StoreResult<()>;

    fn group(&self, key: GroupKey) -> StoreResult<Option<GroupEntry>>;
    fn group_by_name(&self, folded: &str) -> StoreResult<Option<GroupEntry>>;
    /// By the provider's id, whatever the connector.
    fn groups_by_id(&self, external_id: &str) -> StoreResult<Vec<GroupEntry>>;
    /// In the filter's order.
    fn groups(&self, filter: &GroupFilter, each: &mut dyn FnMut(GroupEntry) -> bool) -> StoreResult<()>;
    /// Keys of the members that this connector gave.
    fn members_from(&self, group: GroupKey, connector: ConnectorId) -> StoreResult<RoaringBitmap>;
    /// Keys of all members, whoever gave them.
    fn members(&self, group: GroupKey) -> StoreResult<RoaringBitmap>;
    /// All memberships, by group and connector.
    fn memberships(&self, each: &mut dyn FnMut(GroupKey, ConnectorId, RoaringBitmap)) -> StoreResult<()>;
    /// The groups that the connector gives members to, whosever they are, by key.
    fn groups_given(&self, connector: ConnectorId) -> StoreResult<Vec<GroupKey>>;
    /// The connectors that give members to the group.
    fn givers(&self, group: GroupKey) -> StoreResult<Vec<ConnectorId>>;
    /// The groups that a user is in, by key.
    fn groups_of(&self, user: UserKey) -> StoreResult<Vec<GroupKey>>;

    /// Users, groups and memberships in the directory.
    fn totals(&self, connector: Option<&str>) -> StoreResult<(u64, u64, u64)>;

    /// The connector's latest run that was applied.
    fn last_applied(&self, connector: ConnectorId) -> StoreResult<Option<RunId>>;
    /// How many of the connector's runs from this one on read everything and were applied.
    fn applied_since(&self, connector: ConnectorId, run: RunId) -> StoreResult<u64>;
    /// The newest first; of one connector, or of all.
    fn runs(&self, connector: Option<&str>, limit: u32) -> StoreResult<Vec<RunRow>>;
    /// Those of the connector that read so much (`full`, `changes`), the newest first.
    fn runs_in_mode(&self, connector: &str, mode: &str, limit: u32) -> StoreResult<Vec<RunRow>>;
    fn run(&self, id: RunId) -> StoreResult<Option<RunRow>>;
    /// In the order they were applied.
    fn changes(&self, run: RunId, each: &mut dyn FnMut(Change) -> bool) -> StoreResult<()>;
    /// By group key.
    fn membership_changes(
        &self,
        run: RunId,
        each: &mut dyn FnMut(MembershipChange) -> bool,
    ) -> StoreResult<()>;
    /// What a run held, in the order of the plan.
    fn held_changes(&self, run: RunId) -> StoreResult<Vec<HeldChange>>;
    /// By group key.
    fn held_members(&self, run: RunId) -> StoreResult<Vec<HeldMembers>>;
    /// The runs of which something waits; of one connector, or of all.
    fn holding_runs(&self, connector: Option<&str>) -> StoreResult<Vec<RunId>>;
    /// The connector's latest run that read everything and planned by it, whether that was applied or held.
    fn last_reading(&self, connector: ConnectorId) -> StoreResult<Option<RunId>>;
    /// Which entries' changes no limit holds in the connector's next complete run: users, then groups, by key.
    fn approved_entries(&self, connector: ConnectorId) -> StoreResult<Vec<(EntryKind, u32)>>;
    /// The run that applied the plan's file of that checksum.
    fn applied_plan(&self, plan: &str) -> StoreResult<Option<RunId>>;
    /// Whether the connector is paused: see [`Pause`].
    fn pause(&self, connector: ConnectorId) -> StoreResult<Option<Pause>>;
    /// The rollbacks of that run that were applied, the oldest first.
    fn rollbacks_of(&self, run: RunId) -> StoreResult<Vec<RunId>>;
    /// In the order in which the run made them.
    fn alias_changes(&self, run: RunId) -> StoreResult<Vec<AliasChange>>;
    /// In the order in which the run made them.
    fn kept_changes(&self, run: RunId) -> StoreResult<Vec<KeptChange>>;
    /// The key of the other connector's entry that the connector knows by that id.
    fn alias(&self, connector: ConnectorId, entry: EntryKind, id: &str) -> StoreResult<Option<u32>>;
    /// What tells this directory from any other.
    fn identity(&self) -> StoreResult<String>;
    /// All that ever were, by number.
    fn connectors(&self) -> StoreResult<Vec<(ConnectorId, String)>>;
    /// What an entry, which may be gone, was called after the last kept change of it.
    fn last_name(&self, entry: EntryKind, key: u32) -> StoreResult<Option<String>>;
    /// What changed one entry, the newest first: run, when it started, the change.
    fn last_changes(
        &self,
        entry: EntryKind,
        key: u32,
        limit: u32,
    ) -> StoreResult<Vec<(RunId, String, ChangeKind)>>;

    /// All that is kept of what became of one entry, there or not, the oldest first.
    fn past(&self, entry: EntryKind, key: u32) -> StoreResult<Vec<Past>>;
    /// Entries that kept changes say had this name (upper and lower case mean the same), provider's id, or mail address
    /// before they were renamed, anonymized or deleted; by key.
    fn former(&self, entry: EntryKind, asked: &str) -> StoreResult<Vec<Former>>;
    /// The newest run whose changes were pruned.
    fn last_pruned(&self) -> StoreResult<Option<RunRow>>;
    /// Runs that were not pruned, by connector, the newest first; of one connector, or of all.
    fn kept_runs(&self, connector: Option<&str>) -> StoreResult<Vec<KeptRun>>;
    /// How many entries, and memberships of how many groups, a run is kept to have changed.
    fn changes_of(&self, run: RunId) -> StoreResult<u64>;
}

/// One transaction that writes. Each batch comes in the order of its key.
pub trait Writer {
    fn set_counters(&mut self, counters: Counters) -> StoreResult<()>;

    fn put_mirror_user(&mut self, connector: ConnectorId, user: &MirrorUser) -> StoreResult<()>;
    /// `record` is what [`write_record`](super::write_record) made of a [`User`].
    fn put_mirror_user_record(&mut self, number: u32, record: &str) -> StoreResult<()>;
    fn put_mirror_group(&mut self, connector: ConnectorId, group: &MirrorGroup) -> StoreResult<()>;
    fn put_mirror_members(&mut self, group: u32, members: &RoaringBitmap) -> StoreResult<()>;
    fn set_checkpoint(&mut self, connector: ConnectorId, name: &str, value: &str) -> StoreResult<()>;

    /// Frees the folded names of entries that are about to be renamed, so that names can be swapped.
    fn release_user_name(&mut self, key: UserKey) -> StoreResult<()>;
    fn create_user(&mut self, connector: ConnectorId, entry: &UserEntry) -> StoreResult<()>;
    /// The connector is whom the entry belongs to afterwards. Where it was another's before, that one's id of it stays
    /// known: see [`Reader::aliases`].
    fn update_user(&mut self, connector: ConnectorId, entry: &UserEntry) -> StoreResult<()>;
    /// The key is never used again. Memberships are not touched: they are the plan's. Other connectors who knew the entry
    /// by an id of theirs look at that person anew.
    fn delete_user(&mut self, key: UserKey) -> StoreResult<()>;
    /// Notes that a field or attribute was set here, and is to be left as it is.
    fn keep(&mut self, user: UserKey, name: &str) -> StoreResult<()>;
    /// Notes that it is the connector's again.
    fn forget_kept(&mut self, user: UserKey, name: &str) -> StoreResult<()>;
    fn release_group_name(&mut self, key: GroupKey) -> StoreResult<()>;
    fn create_group(&mut self, connector: ConnectorId, entry: &GroupEntry) -> StoreResult<()>;
    /// The connector is whom the entry belongs to afterwards, as of [`update_user`](Self::update_user).
    fn update_group(&mut self, connector: ConnectorId, entry: &GroupEntry) -> StoreResult<()>;
    /// With all of its memberships. The key is never used again.
    fn delete_group(&mut self, key: GroupKey) -> StoreResult<()>;
    /// The connector's provider knows that entry, which belongs to another connector, by this id.
    fn put_alias(&mut self, connector: ConnectorId, entry: EntryKind, id: &str, key: u32) -> StoreResult<()>;
    /// The connector's provider no longer knows an entry of another connector by this id.
    fn remove_alias(&mut self, connector: ConnectorId, entry: EntryKind, id: &str) -> StoreResult<()>;
    /// The members that this connector gives to the group, all of them.
    fn set_members(
        &mut self,
        group: GroupKey,
        connector: ConnectorId,
        members: &RoaringBitmap,
    ) -> StoreResult<()>;

    fn add_change(&mut self, run: RunId, sequence: u32, change: &Change) -> StoreResult<()>;
    fn add_membership_change(&mut self, run: RunId, change: &MembershipChange) -> StoreResult<()>;
    fn hold_change(&mut self, run: RunId, sequence: u32, reason: &str, change: &Change) -> StoreResult<()>;
    fn hold_members(&mut self, run: RunId, reason: &str, change: &MembershipChange) -> StoreResult<()>;
    fn decide_change(&mut self, run: RunId, sequence: u32, state: HeldState) -> StoreResult<()>;
    fn decide_members(
        &mut self,
        run: RunId,
        group: GroupKey,
        connector: ConnectorId,
        state: HeldState,
    ) -> StoreResult<()>;
    /// No limit holds changes of the entry in the connector's next complete run.
    fn approve_entry(&mut self, connector: ConnectorId, entry: EntryKind, key: u32) -> StoreResult<()>;
    /// What [`approve_entry`](Self::approve_entry) noted is used up.
    fn forget_approved_entries(&mut self, connector: ConnectorId) -> StoreResult<()>;
    /// The plan's file of that checksum is applied by the run.
    fn note_applied_plan(&mut self, plan: &str, run: RunId) -> StoreResult<()>;
    /// The connector's next run shapes the person again, whatever is known of them.
    fn shape_again(&mut self, connector: ConnectorId, external_id: &str) -> StoreResult<()>;
    /// The next run of every connector that knows the person shapes them again. They have to be in the directory.
    fn shape_user_again(&mut self, user: UserKey) -> StoreResult<()>;
    /// The connector's next run compares everything with the directory, also where it reads that nothing changed.
    fn look_again(&mut self, connector: ConnectorId) -> StoreResult<()>;
    /// The connector is paused: see [`Pause`]. One that is already stays so as it was.
    fn pause(
        &mut self,
        connector: ConnectorId,
        since: jiff::Timestamp,
        run: Option<RunId>,
    ) -> StoreResult<()>;
    /// It is no longer.
    fn end_pause(&mut self, connector: ConnectorId) -> StoreResult<()>;
    /// What still waits of the connector's earlier runs is superseded.
    fn supersede_held(&mut self, connector: ConnectorId) -> StoreResult<()>;
    fn end_run(&mut self, run: RunId, outcome: &str, at: jiff::Timestamp, report: &str) -> StoreResult<()>;
    /// Takes what a run changed and held, and its report, out of the history.
    fn prune_run(&mut self, run: RunId, at: jiff::Timestamp) -> StoreResult<()>;

    fn commit(self: Box<Self>) -> StoreResult<()>;
}
