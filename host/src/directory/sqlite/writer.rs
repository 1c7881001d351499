use roaring::RoaringBitmap;
use rusqlite::{Params, Transaction, params};

use super::file::DatabaseFile;
use super::open::end_run;
use crate::directory::plain;
use crate::directory::{
    Change, ConnectorId, Counters, EntryKind, GroupEntry, GroupKey, HeldState, MembersState,
    MembershipChange, MirrorGroup, MirrorUser, RunId, StoreResult, UserEntry, UserKey, Writer, fold,
};

pub(super) struct SqliteWriter<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) file: DatabaseFile,
}

impl SqliteWriter<'_> {
    fn execute(&self, sql: &str, params: impl Params) -> StoreResult<()> {
        self.executed(sql, params).map(|_| ())
    }

    /// How many rows it changed.
    fn executed(&self, sql: &str, params: impl Params) -> StoreResult<usize> {
        self.transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(params))
            .map_err(|source| self.file.error("written", source))
    }

    /// An entry that changes its owner stays known to the one before, by that one's id of it.
    fn keep_alias(
        &self,
        entry: EntryKind,
        key: u32,
        owner: ConnectorId,
        id: Option<&str>,
    ) -> StoreResult<()> {
        let sql = match entry {
            EntryKind::User => {
                "INSERT INTO entry_alias SELECT 'user', connector, external_id, key FROM directory_user
                 WHERE key = ?1 AND connector <> ?2 ON CONFLICT DO UPDATE SET key = excluded.key"
            }
            EntryKind::Group => {
                "INSERT INTO entry_alias SELECT 'group', connector, external_id, key FROM directory_group
                 WHERE key = ?1 AND connector <> ?2 AND external_id IS NOT NULL
                 ON CONFLICT DO UPDATE SET key = excluded.key"
            }
        };
        // A group without an id leaves none behind, and may yet be taken over.
        if self.executed(sql, params![key, owner.0])? == 0 && entry == EntryKind::User {
            return Ok(());
        }
        self.execute(
            "DELETE FROM entry_alias WHERE entry = ?1 AND connector = ?2 AND id = ?3",
            params![entry.as_str(), owner.0, id],
        )
    }
}

/// Roaring's portable serialisation.
fn packed(members: &RoaringBitmap) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(members.serialized_size());
    members.serialize_into(&mut bytes).expect("writing to memory can't fail");
    bytes
}

/// A folded form that no name has, for the time between two names: names hold no control characters.
fn between_names(key: u32) -> String {
    format!("\u{0}{key}")
}

impl Writer for SqliteWriter<'_> {
    fn set_counters(&mut self, counters: Counters) -> StoreResult<()> {
        let Counters { mirror_user, mirror_group, user, group } = counters;
        for (name, next) in
            [("mirror_user", mirror_user), ("mirror_group", mirror_group), ("user", user), ("group", group)]
        {
            self.execute("UPDATE counter SET next = ?2 WHERE name = ?1", params![name, next])?;
        }
        Ok(())
    }

    fn put_mirror_user(&mut self, connector: ConnectorId, user: &MirrorUser) -> StoreResult<()> {
        self.execute(
            "INSERT INTO mirror_user (connector, id, number, digest, shaping, absent_since, dropped_since)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT DO UPDATE SET digest = ?4, shaping = ?5, absent_since = ?6, dropped_since = ?7",
            params![
                connector.0,
                user.id,
                user.number,
                user.digest,
                user.shaping,
                user.absent_since.map(|run| run.0),
                user.dropped_since.map(|run| run.0)
            ],
        )
    }

    fn put_mirror_user_record(&mut self, number: u32, record: &str) -> StoreResult<()> {
        self.execute(
            "INSERT OR REPLACE INTO mirror_user_record (number, record) VALUES (?1, ?2)",
            params![number, record],
        )
    }

    fn put_mirror_group(&mut self, connector: ConnectorId, group: &MirrorGroup) -> StoreResult<()> {
        let members = match group.members {
            MembersState::Known => "known",
            MembersState::Unknown => "unknown",
            MembersState::Unread => "unread",
        };
        let record = serde_json::to_string(&group.record)
            .map_err(|error| self.file.corrupt(format!("group {}: {error}", group.record.id)))?;
        self.execute(
            "INSERT INTO mirror_group
               (connector, id, number, members, absent_since, record, dropped_since, version)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
             ON CONFLICT DO UPDATE SET
               members = ?4, absent_since = ?5, record = ?6, dropped_since = ?7, version = ?8",
            params![
                connector.0,
                group.record.id,
                group.number,
                members,
                group.absent_since.map(|run| run.0),
                record,
                group.dropped_since.map(|run| run.0),
                group.version
            ],
        )
    }

    fn put_mirror_members(&mut self, group: u32, members: &RoaringBitmap) -> StoreResult<()> {
        self.execute(
            "INSERT OR REPLACE INTO mirror_membership (\"group\", members) VALUES (?1, ?2)",
            params![group, packed(members)],
        )
    }

    fn set_checkpoint(&mut self, connector: ConnectorId, name: &str, value: &str) -> StoreResult<()> {
        self.execute(
            "INSERT OR REPLACE INTO checkpoint (connector, name, value) VALUES (?1, ?2, ?3)",
            params![connector.0, name, value],
        )
    }

    fn release_user_name(&mut self, key: UserKey) -> StoreResult<()> {
        self.execute(
            "UPDATE directory_user SET folded = ?2 WHERE key = ?1",
            params![key.0, between_names(key.0)],
        )
    }

    fn create_user(&mut self, connector: ConnectorId, entry: &UserEntry) -> StoreResult<()> {
        self.execute(
            "INSERT INTO directory_user (key, connector, external_id, user_name, folded, display_name, given_name,
                                         family_name, email, active, attributes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
            params![
                entry.key.0,
                connector.0,
                entry.external_id,
                entry.user_name,
                fold(&entry.user_name),
                entry.display_name,
                entry.given_name,
                entry.family_name,
                entry.email,
                entry.active,
                plain::attributes(&entry.attributes),
            ],
        )
    }

    fn update_user(&mut self, connector: ConnectorId, entry: &UserEntry) -> StoreResult<()> {
        self.keep_alias(EntryKind::User, entry.key.0, connector, Some(&entry.external_id))?;
        self.execute(
            "UPDATE directory_user SET connector = ?2, external_id = ?3, user_name = ?4, folded = ?5,
                    display_name = ?6, given_name = ?7, family_name = ?8, email = ?9, active = ?10, attributes = ?11
             WHERE key = ?1",
            params![
                entry.key.0,
                connector.0,
                entry.external_id,
                entry.user_name,
                fold(&entry.user_name),
                entry.display_name,
                entry.given_name,
                entry.family_name,
                entry.email,
                entry.active,
                plain::attributes(&entry.attributes),
            ],
        )
    }

    fn delete_user(&mut self, key: UserKey) -> StoreResult<()> {
        self.execute(
            "UPDATE mirror_user SET shaping = zeroblob(16) WHERE (connector, id) IN
             (SELECT connector, id FROM entry_alias WHERE entry = 'user' AND key = ?1)",
            [key.0],
        )?;
        self.execute("DELETE FROM entry_alias WHERE entry = 'user' AND key = ?1", [key.0])?;
        self.execute("DELETE FROM kept WHERE user = ?1", [key.0])?;
        self.execute("DELETE FROM directory_user WHERE key = ?1", [key.0])
    }

    fn keep(&mut self, user: UserKey, name: &str) -> StoreResult<()> {
        self.execute(
            "INSERT INTO kept (user, name) VALUES (?1, ?2) ON CONFLICT DO NOTHING",
            params![user.0, name],
        )
    }

    fn forget_kept(&mut self, user: UserKey, name: &str) -> StoreResult<()> {
        self.execute("DELETE FROM kept WHERE user = ?1 AND name = ?2", params![user.0, name])
    }

    fn release_group_name(&mut self, key: GroupKey) -> StoreResult<()> {
        self.execute(
            "UPDATE directory_group SET folded = ?2 WHERE key = ?1",
            params![key.0, between_names(key.0)],
        )
    }

    fn create_group(&mut self, connector: ConnectorId, entry: &GroupEntry) -> StoreResult<()> {
        self.execute(
            "INSERT INTO directory_group (key, connector, external_id, name, folded, description, attributes)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                entry.key.0,
                connector.0,
                entry.external_id,
                entry.name,
                fold(&entry.name),
                entry.description,
                plain::attributes(&entry.attributes),
            ],
        )
    }

    fn update_group(&mut self, connector: ConnectorId, entry: &GroupEntry) -> StoreResult<()> {
        self.keep_alias(EntryKind::Group, entry.key.0, connector, entry.external_id.as_deref())?;
        self.execute(
            "UPDATE directory_group SET connector = ?2, external_id = ?3, name = ?4, folded = ?5, description = ?6,
                    attributes = ?7
             WHERE key = ?1",
            params![
                entry.key.0,
                connector.0,
                entry.external_id,
                entry.name,
                fold(&entry.name),
                entry.description,
                plain::attributes(&entry.attributes),
            ],
        )
    }

    fn delete_group(&mut self, key: GroupKey) -> StoreResult<()> {
        self.execute("DELETE FROM directory_membership WHERE \"group\" = ?1", [key.0])?;
        self.execute("DELETE FROM entry_alias WHERE entry = 'group' AND key = ?1", [key.0])?;
        self.execute("DELETE FROM directory_group WHERE key = ?1", [key.0])
    }

    fn put_alias(&mut self, connector: ConnectorId, entry: EntryKind, id: &str, key: u32) -> StoreResult<()> {
        self.execute(
            "INSERT INTO entry_alias (entry, connector, id, key) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET key = excluded.key",
            params![entry.as_str(), connector.0, id, key],
        )
    }

    fn remove_alias(&mut self, connector: ConnectorId, entry: EntryKind, id: &str) -> StoreResult<()> {
        self.execute(
            "DELETE FROM entry_alias WHERE entry = ?1 AND connector = ?2 AND id = ?3",
            params![entry.as_str(), connector.0, id],
        )
    }

    fn set_members(
        &mut self,
        group: GroupKey,
        connector: ConnectorId,
        members: &RoaringBitmap,
    ) -> StoreResult<()> {
        self.execute(
            "INSERT INTO directory_membership (\"group\", connector, members) VALUES (?1, ?2, ?3)
             ON CONFLICT DO UPDATE SET members = ?3",
            params![group.0, connector.0, packed(members)],
        )
    }

    fn add_change(&mut self, run: RunId, sequence: u32, change: &Change) -> StoreResult<()> {
        self.execute(
            "INSERT INTO change (run, sequence, kind, entry, key, name, before, after, reason)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
            params![
                run.0,
                sequence,
                change.kind.as_str(),
                change.entry.as_str(),
                change.key,
                change.name,
                change.before,
                change.after,
                change.reason
            ],
        )
    }

    fn add_membership_change(&mut self, run: RunId, change: &MembershipChange) -> StoreResult<()> {
        self.execute(
            "INSERT INTO membership_change (run, \"group\", connector, added, removed) VALUES (?1, ?2, ?3, ?4, ?5)",
            params![run.0, change.group.0, change.connector.0, packed(&change.added), packed(&change.removed)],
        )
    }

    fn hold_change(&mut self, run: RunId, sequence: u32, reason: &str, change: &Change) -> StoreResult<()> {
        self.execute(
            "INSERT INTO held_change (run, sequence, state, reason, kind, entry, key, name, before, after, because)
             VALUES (?1, ?2, 'waiting', ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
            params![
                run.0,
                sequence,
                reason,
                change.kind.as_str(),
                change.entry.as_str(),
                change.key,
                change.name,
                change.before,
                change.after,
                change.reason
            ],
        )
    }

    fn hold_members(&mut self, run: RunId, reason: &str, change: &MembershipChange) -> StoreResult<()> {
        self.execute(
            "INSERT INTO held_membership (run, \"group\", connector, state, reason, added, removed)
             VALUES (?1, ?2, ?3, 'waiting', ?4, ?5, ?6)",
            params![
                run.0,
                change.group.0,
                change.connector.0,
                reason,
                packed(&change.added),
                packed(&change.removed)
            ],
        )
    }

    fn decide_change(&mut self, run: RunId, sequence: u32, state: HeldState) -> StoreResult<()> {
        self.execute(
            "UPDATE held_change SET state = ?3 WHERE run = ?1 AND sequence = ?2",
            params![run.0, sequence, state.as_str()],
        )
    }

    fn decide_members(
        &mut self,
        run: RunId,
        group: GroupKey,
        connector: ConnectorId,
        state: HeldState,
    ) -> StoreResult<()> {
        self.execute(
            "UPDATE held_membership SET state = ?4 WHERE run = ?1 AND \"group\" = ?2 AND connector = ?3",
            params![run.0, group.0, connector.0, state.as_str()],
        )
    }

    fn approve_entry(&mut self, connector: ConnectorId, entry: EntryKind, key: u32) -> StoreResult<()> {
        self.execute(
            "INSERT OR IGNORE INTO approved_entry (connector, entry, key) VALUES (?1, ?2, ?3)",
            params![connector.0, entry.as_str(), key],
        )
    }

    fn forget_approved_entries(&mut self, connector: ConnectorId) -> StoreResult<()> {
        self.execute("DELETE FROM approved_entry WHERE connector = ?1", [connector.0])
    }

    fn note_applied_plan(&mut self, plan: &str, run: RunId) -> StoreResult<()> {
        self.execute("INSERT INTO applied_plan (plan, run) VALUES (?1, ?2)", params![plan, run.0])
    }

    fn shape_again(&mut self, connector: ConnectorId, external_id: &str) -> StoreResult<()> {
        self.execute(
            "UPDATE mirror_user SET shaping = zeroblob(16) WHERE connector = ?1 AND id = ?2",
            params![connector.0, external_id],
        )
    }

    fn shape_user_again(&mut self, user: UserKey) -> StoreResult<()> {
        self.execute(
            "UPDATE mirror_user SET shaping = zeroblob(16) WHERE (connector, id) IN
             (SELECT connector, external_id FROM directory_user WHERE key = ?1 UNION ALL
              SELECT connector, id FROM entry_alias WHERE entry = 'user' AND key = ?1)",
            [user.0],
        )
    }

    fn look_again(&mut self, connector: ConnectorId) -> StoreResult<()> {
        // Whoever comes first: who waits to be shaped makes a run look at everything.
        self.execute(
            "UPDATE mirror_user SET shaping = zeroblob(16) WHERE connector = ?1 AND id =
             (SELECT min(id) FROM mirror_user WHERE connector = ?1)",
            [connector.0],
        )
    }

    fn pause(
        &mut self,
        connector: ConnectorId,
        since: jiff::Timestamp,
        run: Option<RunId>,
    ) -> StoreResult<()> {
        self.execute(
            "INSERT INTO pause (connector, since, run) VALUES (?1, ?2, ?3) ON CONFLICT DO NOTHING",
            params![connector.0, since.to_string(), run.map(|run| run.0)],
        )
    }

    fn end_pause(&mut self, connector: ConnectorId) -> StoreResult<()> {
        self.execute("DELETE FROM pause WHERE connector = ?1", [connector.0])
    }

    fn supersede_held(&mut self, connector: ConnectorId) -> StoreResult<()> {
        for table in ["held_change", "held_membership"] {
            self.execute(
                &format!(
                    "UPDATE {table} SET state = 'superseded'
                     WHERE state = 'waiting' AND run IN (SELECT id FROM run WHERE connector = ?1)"
                ),
                [connector.0],
            )?;
        }
        Ok(())
    }

    fn end_run(&mut self, run: RunId, outcome: &str, at: jiff::Timestamp, report: &str) -> StoreResult<()> {
        for table in ["alias_change", "kept_change"] {
            self.execute(&format!("UPDATE {table} SET run = ?1 WHERE run IS NULL"), [run.0])?;
        }
        end_run(&self.transaction, run, outcome, at, report)
            .map_err(|source| self.file.error("written", source))
    }

    fn prune_run(&mut self, run: RunId, at: jiff::Timestamp) -> StoreResult<()> {
        for table in
            ["change", "membership_change", "held_change", "held_membership", "alias_change", "kept_change"]
        {
            self.execute(&format!("DELETE FROM {table} WHERE run = ?1"), [run.0])?;
        }
        // Whether a run that held something applied the rest is what later runs count by.
        self.execute(
            "UPDATE run SET pruned_at = ?2, report = CASE
               WHEN outcome = 'held' AND json_extract(report, '$.held.applied') THEN '{\"held\":{\"applied\":true}}'
               ELSE 'null' END
             WHERE id = ?1",
            params![run.0, at.to_string()],
        )
    }

    fn commit(self: Box<Self>) -> StoreResult<()> {
        let Self { transaction, file } = *self;
        transaction.commit().map_err(|source| file.error("written", source))
    }
}
