use std::collections::BTreeMap;

use roaring::RoaringBitmap;
use rusqlite::types::FromSql;
use rusqlite::{OptionalExtension, Params, Row, Transaction, params};
use serde_json::{Map, Value as Json};

use super::file::DatabaseFile;
use crate::directory::entry::attributes_from_json;
use crate::directory::plain;
use crate::directory::{
    AliasChange, Change, ChangeKind, ConnectorId, Counters, EntryKind, Former, GroupEntry, GroupFilter,
    GroupKey, HeldChange, HeldMembers, HeldState, KeptChange, KeptRun, MembersState, MembershipChange,
    MirrorGroup, MirrorUser, Order, Past, Pause, Reader, RunId, RunRow, StoreResult, UserEntry, UserFilter,
    UserKey,
};
use crate::model::{Attribute, User};

pub(super) struct SqliteReader<'a> {
    pub(super) transaction: Transaction<'a>,
    pub(super) file: DatabaseFile,
}

const USER: &str =
    "SELECT u.key, c.name, u.external_id, u.user_name, u.display_name, u.given_name, u.family_name,
                           u.email, u.active, u.attributes
                    FROM directory_user u JOIN connector c ON c.id = u.connector";

/// Along the index of names, so that a million users are listed without being sorted first: the index is named and
/// the join is a cross join (which SQLite doesn't turn around) because the planner would rather sort.
const USER_BY_NAME: &str =
    "SELECT u.key, c.name, u.external_id, u.user_name, u.display_name, u.given_name, u.family_name,
                                   u.email, u.active, u.attributes
                            FROM directory_user u INDEXED BY directory_user_by_name
                            CROSS JOIN connector c ON c.id = u.connector";

const USER_FILTER: &str = "WHERE (?1 IS NULL OR c.name = ?1) AND (?2 IS NULL OR u.active = ?2)";

const GROUP: &str = "SELECT g.key, c.name, g.external_id, g.name, g.description, g.attributes
                     FROM directory_group g JOIN connector c ON c.id = g.connector";

const RUN: &str = "SELECT r.id, c.name, r.mode, r.outcome, r.started_at, r.ended_at, r.report, r.pruned_at
                   FROM run r JOIN connector c ON c.id = r.connector";

impl SqliteReader<'_> {
    fn failed(&self, source: rusqlite::Error) -> crate::directory::StoreError {
        self.file.error("read", source)
    }

    pub(super) fn one<T>(
        &self,
        sql: &str,
        params: impl Params,
        map: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> StoreResult<Option<T>> {
        self.transaction
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row(params, map).optional())
            .map_err(|source| self.failed(source))
    }

    /// Calls `each` with every row until it says stop.
    pub(super) fn rows(
        &self,
        sql: &str,
        params: impl Params,
        mut each: impl FnMut(&Row<'_>) -> StoreResult<bool>,
    ) -> StoreResult<()> {
        let failed = |source| self.failed(source);
        let mut statement = self.transaction.prepare_cached(sql).map_err(failed)?;
        let mut rows = statement.query(params).map_err(failed)?;
        while let Some(row) = rows.next().map_err(failed)? {
            if !each(row)? {
                break;
            }
        }
        Ok(())
    }

    pub(super) fn get<T: FromSql>(&self, row: &Row<'_>, column: usize) -> StoreResult<T> {
        row.get(column).map_err(|source| self.failed(source))
    }

    fn bitmap(&self, row: &Row<'_>, column: usize) -> StoreResult<RoaringBitmap> {
        let bytes = row
            .get_ref(column)
            .and_then(|value| Ok(value.as_blob()?))
            .map_err(|source| self.failed(source))?;
        RoaringBitmap::deserialize_from(bytes)
            .map_err(|error| self.file.corrupt(format!("packed memberships: {error}")))
    }

    fn attributes(&self, row: &Row<'_>, column: usize) -> StoreResult<Vec<Attribute>> {
        let text: String = self.get(row, column)?;
        let object: Map<String, Json> =
            serde_json::from_str(&text).map_err(|error| self.file.corrupt(format!("attributes: {error}")))?;
        Ok(attributes_from_json(object))
    }

    fn user_entry(&self, row: &Row<'_>) -> StoreResult<UserEntry> {
        Ok(UserEntry {
            key: UserKey(self.get(row, 0)?),
            connector: self.get(row, 1)?,
            external_id: self.get(row, 2)?,
            user_name: self.get(row, 3)?,
            display_name: self.get(row, 4)?,
            given_name: self.get(row, 5)?,
            family_name: self.get(row, 6)?,
            email: self.get(row, 7)?,
            active: self.get(row, 8)?,
            attributes: self.attributes(row, 9)?,
        })
    }

    fn group_entry(&self, row: &Row<'_>) -> StoreResult<GroupEntry> {
        Ok(GroupEntry {
            key: GroupKey(self.get(row, 0)?),
            connector: self.get(row, 1)?,
            external_id: self.get(row, 2)?,
            name: self.get(row, 3)?,
            description: self.get(row, 4)?,
            attributes: self.attributes(row, 5)?,
        })
    }

    fn mirrored_user(&self, row: &Row<'_>) -> StoreResult<MirrorUser> {
        Ok(MirrorUser {
            id: self.get(row, 0)?,
            number: self.get(row, 1)?,
            digest: self.hash(row, 2)?,
            shaping: self.hash(row, 3)?,
            absent_since: self.get::<Option<i64>>(row, 4)?.map(RunId),
            dropped_since: self.get::<Option<i64>>(row, 5)?.map(RunId),
        })
    }

    fn mirrored_group(&self, row: &Row<'_>) -> StoreResult<MirrorGroup> {
        let id: String = self.get(row, 0)?;
        let record: String = self.get(row, 4)?;
        let state: String = self.get(row, 2)?;
        Ok(MirrorGroup {
            number: self.get(row, 1)?,
            members: match state.as_str() {
                "known" => MembersState::Known,
                "unknown" => MembersState::Unknown,
                "unread" => MembersState::Unread,
                other => {
                    return Err(self.file.corrupt(format!("members of mirror group {id} are {other:?}")));
                }
            },
            absent_since: self.get::<Option<i64>>(row, 3)?.map(RunId),
            dropped_since: self.get::<Option<i64>>(row, 5)?.map(RunId),
            version: self.get(row, 6)?,
            record: serde_json::from_str(&record)
                .map_err(|error| self.file.corrupt(format!("record of mirror group {id}: {error}")))?,
        })
    }

    fn first_user(&self, sql: &str, params: impl Params) -> StoreResult<Option<UserEntry>> {
        let mut found = None;
        self.rows(sql, params, |row| {
            found = Some(self.user_entry(row)?);
            Ok(false)
        })?;
        Ok(found)
    }

    fn first_group(&self, sql: &str, params: impl Params) -> StoreResult<Option<GroupEntry>> {
        let mut found = None;
        self.rows(sql, params, |row| {
            found = Some(self.group_entry(row)?);
            Ok(false)
        })?;
        Ok(found)
    }

    pub(super) fn change(&self, row: &Row<'_>, run: RunId) -> StoreResult<Change> {
        let kind: String = self.get(row, 0)?;
        let entry: String = self.get(row, 1)?;
        Ok(Change {
            kind: ChangeKind::parse(&kind)
                .ok_or_else(|| self.file.corrupt(format!("a change of run {} is of kind {kind:?}", run.0)))?,
            entry: if entry == EntryKind::User.as_str() { EntryKind::User } else { EntryKind::Group },
            key: self.get(row, 2)?,
            name: self.get(row, 3)?,
            before: self.get(row, 4)?,
            after: self.get(row, 5)?,
            reason: self.get(row, 6)?,
        })
    }

    pub(super) fn membership_change(&self, row: &Row<'_>) -> StoreResult<MembershipChange> {
        Ok(MembershipChange {
            group: GroupKey(self.get(row, 0)?),
            added: self.bitmap(row, 1)?,
            removed: self.bitmap(row, 2)?,
            connector: ConnectorId(self.get(row, 3)?),
        })
    }

    pub(super) fn latest_applied(&self, connector: i64) -> StoreResult<Option<RunId>> {
        let sql = "SELECT max(id) FROM run WHERE connector = ?1 AND (outcome IN ('done', 'problems')
                   OR outcome = 'held' AND json_extract(report, '$.held.applied'))";
        let latest: Option<Option<i64>> = self.one(sql, [connector], |row| row.get(0))?;
        Ok(latest.flatten().map(RunId))
    }

    fn held_state(&self, row: &Row<'_>, column: usize) -> StoreResult<HeldState> {
        let word: String = self.get(row, column)?;
        HeldState::parse(&word).ok_or_else(|| self.file.corrupt(format!("a held change is {word:?}")))
    }

    fn hash(&self, row: &Row<'_>, column: usize) -> StoreResult<[u8; 16]> {
        row.get(column).map_err(|source| self.failed(source))
    }
}

fn run_row(row: &Row<'_>) -> rusqlite::Result<RunRow> {
    Ok(RunRow {
        id: RunId(row.get(0)?),
        connector: row.get(1)?,
        mode: row.get(2)?,
        outcome: row.get(3)?,
        started_at: row.get(4)?,
        ended_at: row.get(5)?,
        report: row.get(6)?,
        pruned_at: row.get(7)?,
    })
}

impl Reader for SqliteReader<'_> {
    fn counters(&self) -> StoreResult<Counters> {
        let next = |name: &str| -> StoreResult<u32> {
            self.one("SELECT next FROM counter WHERE name = ?1", [name], |row| row.get(0))?
                .ok_or_else(|| self.file.corrupt(format!("no counter {name}")))
        };
        Ok(Counters {
            mirror_user: next("mirror_user")?,
            mirror_group: next("mirror_group")?,
            user: next("user")?,
            group: next("group")?,
        })
    }

    fn mirror_users(&self, connector: ConnectorId, each: &mut dyn FnMut(MirrorUser)) -> StoreResult<()> {
        let sql = "SELECT id, number, digest, shaping, absent_since, dropped_since FROM mirror_user
                   WHERE connector = ?1 ORDER BY id";
        self.rows(sql, [connector.0], |row| {
            each(self.mirrored_user(row)?);
            Ok(true)
        })
    }

    fn mirror_user(&self, connector: ConnectorId, id: &str) -> StoreResult<Option<MirrorUser>> {
        let sql = "SELECT id, number, digest, shaping, absent_since, dropped_since FROM mirror_user
                   WHERE connector = ?1 AND id = ?2";
        let mut found = None;
        self.rows(sql, params![connector.0, id], |row| {
            found = Some(self.mirrored_user(row)?);
            Ok(false)
        })?;
        Ok(found)
    }

    fn mirror_user_records(
        &self,
        connector: ConnectorId,
        each: &mut dyn FnMut(u32, User),
    ) -> StoreResult<()> {
        let sql = "SELECT r.number, r.record FROM mirror_user_record r
                   WHERE r.number IN (SELECT number FROM mirror_user WHERE connector = ?1) ORDER BY r.number";
        self.rows(sql, [connector.0], |row| {
            let number = self.get(row, 0)?;
            let text: String = self.get(row, 1)?;
            let record = plain::read_record(&text)
                .map_err(|error| self.file.corrupt(format!("record of mirror user {number}: {error}")))?;
            each(number, record);
            Ok(true)
        })
    }

    fn has_unshaped(&self, connector: ConnectorId) -> StoreResult<bool> {
        let sql = "SELECT 1 FROM mirror_user WHERE connector = ?1 AND shaping = zeroblob(16) LIMIT 1";
        Ok(self.one(sql, [connector.0], |_| Ok(()))?.is_some())
    }

    fn mirror_user_record(&self, number: u32) -> StoreResult<Option<User>> {
        let sql = "SELECT record FROM mirror_user_record WHERE number = ?1";
        let text: Option<String> = self.one(sql, [number], |row| row.get(0))?;
        text.map(|text| plain::read_record(&text))
            .transpose()
            .map_err(|error| self.file.corrupt(format!("record of mirror user {number}: {error}")))
    }

    fn mirror_groups(&self, connector: ConnectorId, each: &mut dyn FnMut(MirrorGroup)) -> StoreResult<()> {
        let sql = "SELECT id, number, members, absent_since, record, dropped_since, version FROM mirror_group
                   WHERE connector = ?1 ORDER BY id";
        self.rows(sql, [connector.0], |row| {
            each(self.mirrored_group(row)?);
            Ok(true)
        })
    }

    fn mirror_group(&self, connector: ConnectorId, id: &str) -> StoreResult<Option<MirrorGroup>> {
        let sql = "SELECT id, number, members, absent_since, record, dropped_since, version FROM mirror_group
                   WHERE connector = ?1 AND id = ?2";
        let mut found = None;
        self.rows(sql, params![connector.0, id], |row| {
            found = Some(self.mirrored_group(row)?);
            Ok(false)
        })?;
        Ok(found)
    }

    fn unread_groups(&self, connector: ConnectorId, limit: usize) -> StoreResult<Vec<(String, String)>> {
        let sql = "SELECT id, number, members, absent_since, record, dropped_since, version FROM mirror_group
                   WHERE connector = ?1 AND members = 'unknown' AND absent_since IS NULL ORDER BY id LIMIT ?2";
        let mut found = Vec::new();
        self.rows(sql, params![connector.0, limit as i64], |row| {
            let record = self.mirrored_group(row)?.record;
            found.push((record.id, record.name));
            Ok(true)
        })?;
        Ok(found)
    }

    fn checkpoints(&self, connector: ConnectorId) -> StoreResult<BTreeMap<String, String>> {
        let mut found = BTreeMap::new();
        self.rows("SELECT name, value FROM checkpoint WHERE connector = ?1", [connector.0], |row| {
            found.insert(self.get(row, 0)?, self.get(row, 1)?);
            Ok(true)
        })?;
        Ok(found)
    }

    fn mirror_members(&self, group: u32) -> StoreResult<Option<RoaringBitmap>> {
        let mut found = None;
        self.rows("SELECT members FROM mirror_membership WHERE \"group\" = ?1", [group], |row| {
            found = Some(self.bitmap(row, 0)?);
            Ok(false)
        })?;
        Ok(found)
    }

    fn user_keys(&self, connector: ConnectorId, each: &mut dyn FnMut(&str, UserKey)) -> StoreResult<()> {
        let sql = "SELECT external_id, key FROM directory_user WHERE connector = ?1 ORDER BY external_id";
        self.rows(sql, [connector.0], |row| {
            let key = UserKey(self.get(row, 1)?);
            let id =
                row.get_ref(0).and_then(|value| Ok(value.as_str()?)).map_err(|source| self.failed(source))?;
            each(id, key);
            Ok(true)
        })
    }

    fn aliases(&self, connector: ConnectorId, each: &mut dyn FnMut(EntryKind, &str, u32)) -> StoreResult<()> {
        let sql = "SELECT entry, id, key FROM entry_alias WHERE connector = ?1 ORDER BY entry, id";
        self.rows(sql, [connector.0], |row| {
            let (entry, id): (String, String) = (self.get(row, 0)?, self.get(row, 1)?);
            let entry = if entry == EntryKind::User.as_str() { EntryKind::User } else { EntryKind::Group };
            each(entry, &id, self.get(row, 2)?);
            Ok(true)
        })
    }

    fn connector_id(&self, name: &str) -> StoreResult<Option<ConnectorId>> {
        self.one("SELECT id FROM connector WHERE name = ?1", [name], |row| row.get(0).map(ConnectorId))
    }

    fn user(&self, key: UserKey) -> StoreResult<Option<UserEntry>> {
        self.first_user(&format!("{USER} WHERE u.key = ?1"), [key.0])
    }

    fn user_by_name(&self, folded: &str) -> StoreResult<Option<UserEntry>> {
        self.first_user(&format!("{USER} WHERE u.folded = ?1"), [folded])
    }

    fn users_by_id(&self, external_id: &str) -> StoreResult<Vec<UserEntry>> {
        let mut found = Vec::new();
        self.rows(&format!("{USER} WHERE u.external_id = ?1 ORDER BY u.key"), [external_id], |row| {
            found.push(self.user_entry(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    fn users(&self, filter: &UserFilter, each: &mut dyn FnMut(UserEntry) -> bool) -> StoreResult<()> {
        let sql = match filter.order {
            Order::Key => format!("{USER} {USER_FILTER} ORDER BY u.key"),
            Order::Name => format!("{USER_BY_NAME} {USER_FILTER} ORDER BY u.folded"),
        };
        let wanted = filter.text.as_deref().map(str::to_lowercase);
        self.rows(&sql, params![filter.connector, filter.active], |row| {
            if let Some(keys) = &filter.keys
                && !keys.contains(self.get(row, 0)?)
            {
                return Ok(true);
            }
            let entry = self.user_entry(row)?;
            let texts = [Some(&entry.user_name), entry.display_name.as_ref(), entry.email.as_ref()];
            let matches = match &wanted {
                Some(wanted) => texts.into_iter().flatten().any(|text| text.to_lowercase().contains(wanted)),
                None => true,
            };
            let matches = matches && filter.values.iter().all(|(name, value)| entry.holds(name, value));
            Ok(!matches || each(entry))
        })
    }

    fn kept(&self, each: &mut dyn FnMut(UserKey, &str)) -> StoreResult<()> {
        self.rows("SELECT user, name FROM kept ORDER BY user, name", [], |row| {
            let name: String = self.get(row, 1)?;
            each(UserKey(self.get(row, 0)?), &name);
            Ok(true)
        })
    }

    fn kept_of(&self, user: UserKey) -> StoreResult<Vec<String>> {
        let mut names = Vec::new();
        self.rows("SELECT name FROM kept WHERE user = ?1 ORDER BY name", [user.0], |row| {
            names.push(self.get(row, 0)?);
            Ok(true)
        })?;
        Ok(names)
    }

    fn user_names(&self, keys: &RoaringBitmap, each: &mut dyn FnMut(UserKey, &str)) -> StoreResult<()> {
        for key in keys {
            self.rows("SELECT user_name FROM directory_user WHERE key = ?1", [key], |row| {
                let name = row
                    .get_ref(0)
                    .and_then(|value| Ok(value.as_str()?))
                    .map_err(|source| self.failed(source))?;
                each(UserKey(key), name);
                Ok(false)
            })?;
        }
        Ok(())
    }

    fn group(&self, key: GroupKey) -> StoreResult<Option<GroupEntry>> {
        self.first_group(&format!("{GROUP} WHERE g.key = ?1"), [key.0])
    }

    fn group_by_name(&self, folded: &str) -> StoreResult<Option<GroupEntry>> {
        self.first_group(&format!("{GROUP} WHERE g.folded = ?1"), [folded])
    }

    fn groups_by_id(&self, external_id: &str) -> StoreResult<Vec<GroupEntry>> {
        let mut found = Vec::new();
        self.rows(&format!("{GROUP} WHERE g.external_id = ?1 ORDER BY g.key"), [external_id], |row| {
            found.push(self.group_entry(row)?);
            Ok(true)
        })?;
        Ok(found)
    }

    fn groups(&self, filter: &GroupFilter, each: &mut dyn FnMut(GroupEntry) -> bool) -> StoreResult<()> {
        let order = match filter.order {
            Order::Key => "g.key",
            Order::Name => "g.folded",
        };
        let sql = format!("{GROUP} WHERE (?1 IS NULL OR c.name = ?1) ORDER BY {order}");
        let wanted = filter.text.as_deref().map(str::to_lowercase);
        self.rows(&sql, params![filter.connector], |row| {
            if let Some(keys) = &filter.keys
                && !keys.contains(self.get(row, 0)?)
            {
                return Ok(true);
            }
            let entry = self.group_entry(row)?;
            let matches = wanted.as_ref().is_none_or(|wanted| entry.name.to_lowercase().contains(wanted));
            Ok(!matches || each(entry))
        })
    }

    fn members_from(&self, group: GroupKey, connector: ConnectorId) -> StoreResult<RoaringBitmap> {
        let mut members = RoaringBitmap::new();
        let sql = "SELECT members FROM directory_membership WHERE \"group\" = ?1 AND connector = ?2";
        self.rows(sql, params![group.0, connector.0], |row| {
            members = self.bitmap(row, 0)?;
            Ok(false)
        })?;
        Ok(members)
    }

    fn members(&self, group: GroupKey) -> StoreResult<RoaringBitmap> {
        let mut members = RoaringBitmap::new();
        self.rows("SELECT members FROM directory_membership WHERE \"group\" = ?1", [group.0], |row| {
            members |= self.bitmap(row, 0)?;
            Ok(true)
        })?;
        Ok(members)
    }

    fn memberships(&self, each: &mut dyn FnMut(GroupKey, ConnectorId, RoaringBitmap)) -> StoreResult<()> {
        let sql =
            "SELECT \"group\", connector, members FROM directory_membership ORDER BY \"group\", connector";
        self.rows(sql, [], |row| {
            each(GroupKey(self.get(row, 0)?), ConnectorId(self.get(row, 1)?), self.bitmap(row, 2)?);
            Ok(true)
        })
    }

    fn groups_given(&self, connector: ConnectorId) -> StoreResult<Vec<GroupKey>> {
        let mut groups = Vec::new();
        let sql = "SELECT \"group\" FROM directory_membership WHERE connector = ?1 ORDER BY \"group\"";
        self.rows(sql, [connector.0], |row| {
            groups.push(GroupKey(self.get(row, 0)?));
            Ok(true)
        })?;
        Ok(groups)
    }

    fn givers(&self, group: GroupKey) -> StoreResult<Vec<ConnectorId>> {
        let mut givers = Vec::new();
        let sql = "SELECT connector FROM directory_membership WHERE \"group\" = ?1 ORDER BY connector";
        self.rows(sql, [group.0], |row| {
            givers.push(ConnectorId(self.get(row, 0)?));
            Ok(true)
        })?;
        Ok(givers)
    }

    fn groups_of(&self, user: UserKey) -> StoreResult<Vec<GroupKey>> {
        let mut groups = Vec::new();
        self.rows("SELECT \"group\", members FROM directory_membership ORDER BY \"group\"", [], |row| {
            let group = GroupKey(self.get(row, 0)?);
            if groups.last() != Some(&group) && self.bitmap(row, 1)?.contains(user.0) {
                groups.push(group);
            }
            Ok(true)
        })?;
        Ok(groups)
    }

    fn totals(&self, connector: Option<&str>) -> StoreResult<(u64, u64, u64)> {
        let count = |table: &str| -> StoreResult<u64> {
            let sql = format!(
                "SELECT count(*) FROM {table} WHERE ?1 IS NULL OR connector = (SELECT id FROM connector WHERE name = ?1)"
            );
            Ok(self.one(&sql, [connector], |row| row.get::<_, i64>(0))?.unwrap_or(0) as u64)
        };
        let mut memberships = 0;
        let sql = "SELECT members FROM directory_membership
                   WHERE ?1 IS NULL OR connector = (SELECT id FROM connector WHERE name = ?1)";
        self.rows(sql, [connector], |row| {
            memberships += self.bitmap(row, 0)?.len();
            Ok(true)
        })?;
        Ok((count("directory_user")?, count("directory_group")?, memberships))
    }

    fn last_applied(&self, connector: ConnectorId) -> StoreResult<Option<RunId>> {
        self.latest_applied(connector.0)
    }

    fn applied_since(&self, connector: ConnectorId, run: RunId) -> StoreResult<u64> {
        let sql =
            "SELECT count(*) FROM run WHERE connector = ?1 AND id >= ?2 AND mode NOT IN ('approve', 'apply', 'changes', 'user',
                   'rollback')
                   AND (outcome IN ('done', 'problems')
                        OR outcome = 'held' AND json_extract(report, '$.held.applied'))";
        let count: Option<i64> = self.one(sql, params![connector.0, run.0], |row| row.get(0))?;
        Ok(count.unwrap_or(0) as u64)
    }

    fn runs(&self, connector: Option<&str>, limit: u32) -> StoreResult<Vec<RunRow>> {
        let mut runs = Vec::new();
        let sql = format!("{RUN} WHERE ?1 IS NULL OR c.name = ?1 ORDER BY r.id DESC LIMIT ?2");
        self.rows(&sql, params![connector, limit], |row| {
            runs.push(run_row(row).map_err(|source| self.failed(source))?);
            Ok(true)
        })?;
        Ok(runs)
    }

    fn runs_in_mode(&self, connector: &str, mode: &str, limit: u32) -> StoreResult<Vec<RunRow>> {
        let mut runs = Vec::new();
        let sql = format!("{RUN} WHERE c.name = ?1 AND r.mode = ?2 ORDER BY r.id DESC LIMIT ?3");
        self.rows(&sql, params![connector, mode, limit], |row| {
            runs.push(run_row(row).map_err(|source| self.failed(source))?);
            Ok(true)
        })?;
        Ok(runs)
    }

    fn run(&self, id: RunId) -> StoreResult<Option<RunRow>> {
        self.one(&format!("{RUN} WHERE r.id = ?1"), [id.0], run_row)
    }

    fn changes(&self, run: RunId, each: &mut dyn FnMut(Change) -> bool) -> StoreResult<()> {
        let sql = "SELECT kind, entry, key, name, before, after, reason FROM change WHERE run = ?1 ORDER BY sequence";
        self.rows(sql, [run.0], |row| Ok(each(self.change(row, run)?)))
    }

    fn membership_changes(
        &self,
        run: RunId,
        each: &mut dyn FnMut(MembershipChange) -> bool,
    ) -> StoreResult<()> {
        let sql = "SELECT \"group\", added, removed, connector FROM membership_change
                   WHERE run = ?1 ORDER BY \"group\", connector";
        self.rows(sql, [run.0], |row| Ok(each(self.membership_change(row)?)))
    }

    fn held_changes(&self, run: RunId) -> StoreResult<Vec<HeldChange>> {
        let mut held = Vec::new();
        let sql = "SELECT kind, entry, key, name, before, after, because, sequence, reason, state
                   FROM held_change WHERE run = ?1 ORDER BY sequence";
        self.rows(sql, [run.0], |row| {
            held.push(HeldChange {
                change: self.change(row, run)?,
                sequence: self.get(row, 7)?,
                reason: self.get(row, 8)?,
                state: self.held_state(row, 9)?,
            });
            Ok(true)
        })?;
        Ok(held)
    }

    fn held_members(&self, run: RunId) -> StoreResult<Vec<HeldMembers>> {
        let mut held = Vec::new();
        let sql = "SELECT \"group\", added, removed, connector, reason, state FROM held_membership
                   WHERE run = ?1 ORDER BY \"group\", connector";
        self.rows(sql, [run.0], |row| {
            held.push(HeldMembers {
                change: self.membership_change(row)?,
                reason: self.get(row, 4)?,
                state: self.held_state(row, 5)?,
            });
            Ok(true)
        })?;
        Ok(held)
    }

    fn holding_runs(&self, connector: Option<&str>) -> StoreResult<Vec<RunId>> {
        let mut runs = Vec::new();
        let sql = "SELECT r.id FROM run r JOIN connector c ON c.id = r.connector
                   WHERE (?1 IS NULL OR c.name = ?1)
                     AND (EXISTS (SELECT 1 FROM held_change WHERE run = r.id AND state = 'waiting')
                          OR EXISTS (SELECT 1 FROM held_membership WHERE run = r.id AND state = 'waiting'))
                   ORDER BY r.id";
        self.rows(sql, [connector], |row| {
            runs.push(RunId(self.get(row, 0)?));
            Ok(true)
        })?;
        Ok(runs)
    }

    fn last_reading(&self, connector: ConnectorId) -> StoreResult<Option<RunId>> {
        let sql = "SELECT max(id) FROM run WHERE connector = ?1 AND outcome IN ('done', 'problems', 'held')
                   AND mode NOT IN ('approve', 'apply', 'rollback')";
        let latest: Option<Option<i64>> = self.one(sql, [connector.0], |row| row.get(0))?;
        Ok(latest.flatten().map(RunId))
    }

    fn approved_entries(&self, connector: ConnectorId) -> StoreResult<Vec<(EntryKind, u32)>> {
        let mut entries = Vec::new();
        let sql = "SELECT entry = 'user', key FROM approved_entry WHERE connector = ?1 ORDER BY 1 DESC, 2";
        self.rows(sql, [connector.0], |row| {
            let kind = if self.get(row, 0)? { EntryKind::User } else { EntryKind::Group };
            entries.push((kind, self.get(row, 1)?));
            Ok(true)
        })?;
        Ok(entries)
    }

    fn applied_plan(&self, plan: &str) -> StoreResult<Option<RunId>> {
        self.one("SELECT run FROM applied_plan WHERE plan = ?1", [plan], |row| row.get(0).map(RunId))
    }

    fn pause(&self, connector: ConnectorId) -> StoreResult<Option<Pause>> {
        self.one("SELECT since, run FROM pause WHERE connector = ?1", [connector.0], |row| {
            Ok(Pause { since: row.get(0)?, run: row.get::<_, Option<i64>>(1)?.map(RunId) })
        })
    }

    fn rollbacks_of(&self, run: RunId) -> StoreResult<Vec<RunId>> {
        let mut runs = Vec::new();
        let sql = "SELECT id FROM run WHERE mode = 'rollback' AND outcome IN ('done', 'problems')
                   AND json_extract(report, '$.undid') = ?1 ORDER BY id";
        self.rows(sql, [run.0], |row| {
            runs.push(RunId(self.get(row, 0)?));
            Ok(true)
        })?;
        Ok(runs)
    }

    fn alias_changes(&self, run: RunId) -> StoreResult<Vec<AliasChange>> {
        self.aliases_changed(run)
    }

    fn kept_changes(&self, run: RunId) -> StoreResult<Vec<KeptChange>> {
        self.marks_changed(run)
    }

    fn alias(&self, connector: ConnectorId, entry: EntryKind, id: &str) -> StoreResult<Option<u32>> {
        let sql = "SELECT key FROM entry_alias WHERE entry = ?1 AND connector = ?2 AND id = ?3";
        self.one(sql, params![entry.as_str(), connector.0, id], |row| row.get(0))
    }

    fn identity(&self) -> StoreResult<String> {
        let id = self.one("SELECT id FROM identity", [], |row| row.get(0))?;
        id.ok_or_else(|| self.file.corrupt("it has no identity".to_owned()))
    }

    fn connectors(&self) -> StoreResult<Vec<(ConnectorId, String)>> {
        let mut connectors = Vec::new();
        self.rows("SELECT id, name FROM connector ORDER BY id", [], |row| {
            connectors.push((ConnectorId(self.get(row, 0)?), self.get(row, 1)?));
            Ok(true)
        })?;
        Ok(connectors)
    }

    fn last_name(&self, entry: EntryKind, key: u32) -> StoreResult<Option<String>> {
        let sql =
            "SELECT name FROM change WHERE entry = ?1 AND key = ?2 ORDER BY run DESC, sequence DESC LIMIT 1";
        self.one(sql, params![entry.as_str(), key], |row| row.get(0))
    }

    fn last_changes(
        &self,
        entry: EntryKind,
        key: u32,
        limit: u32,
    ) -> StoreResult<Vec<(RunId, String, ChangeKind)>> {
        let mut changes = Vec::new();
        let sql = "SELECT c.run, r.started_at, c.kind FROM change c JOIN run r ON r.id = c.run
                   WHERE c.entry = ?1 AND c.key = ?2 ORDER BY c.run DESC, c.sequence LIMIT ?3";
        self.rows(sql, params![entry.as_str(), key, limit], |row| {
            let kind: String = self.get(row, 2)?;
            if let Some(kind) = ChangeKind::parse(&kind) {
                changes.push((RunId(self.get(row, 0)?), self.get(row, 1)?, kind));
            }
            Ok(true)
        })?;
        Ok(changes)
    }

    fn past(&self, entry: EntryKind, key: u32) -> StoreResult<Vec<Past>> {
        self.past_of_entry(entry, key)
    }

    fn former(&self, entry: EntryKind, asked: &str) -> StoreResult<Vec<Former>> {
        self.formerly(entry, asked)
    }

    fn last_pruned(&self) -> StoreResult<Option<RunRow>> {
        self.one(&format!("{RUN} WHERE r.pruned_at IS NOT NULL ORDER BY r.id DESC LIMIT 1"), [], run_row)
    }

    fn kept_runs(&self, connector: Option<&str>) -> StoreResult<Vec<KeptRun>> {
        self.runs_kept(connector)
    }

    fn changes_of(&self, run: RunId) -> StoreResult<u64> {
        self.number_of_changes(run)
    }
}
