//! What became of one entry over time, and what of the history can go.

use rusqlite::params;
use serde_json::Value as Json;

use super::reader::SqliteReader;
use crate::directory::{
    AliasChange, ConnectorId, EntryKind, Former, GroupKey, KeptChange, KeptRun, Past, PastWhat, Reader,
    RunId, RunRow, StoreResult, UserKey, fold,
};

impl SqliteReader<'_> {
    pub(super) fn past_of_entry(&self, entry: EntryKind, key: u32) -> StoreResult<Vec<Past>> {
        let mut past = Vec::new();
        let sql = "SELECT kind, entry, key, name, before, after, reason, run FROM change
                   WHERE entry = ?1 AND key = ?2 ORDER BY run, sequence";
        self.rows(sql, params![entry.as_str(), key], |row| {
            let run = RunId(self.get(row, 7)?);
            past.push(Past { run, what: PastWhat::Changed(self.change(row, run)?) });
            Ok(true)
        })?;
        match entry {
            EntryKind::User => self.memberships_of_user(UserKey(key), &mut past)?,
            EntryKind::Group => self.memberships_of_group(GroupKey(key), &mut past)?,
        }
        // Within a run what happened to the entry comes before its memberships, as a plan shows it.
        past.sort_by_key(|past| past.run);
        Ok(past)
    }

    /// Every kept change of memberships is looked into: they are packed per group, not per person.
    fn memberships_of_user(&self, user: UserKey, past: &mut Vec<Past>) -> StoreResult<()> {
        let sql = "SELECT \"group\", added, removed, connector, run FROM membership_change
                   ORDER BY run, \"group\", connector";
        self.rows(sql, [], |row| {
            let change = self.membership_change(row)?;
            let what = match (change.added.contains(user.0), change.removed.contains(user.0)) {
                (true, _) => PastWhat::Joined(change.group),
                (_, true) => PastWhat::Left(change.group),
                (false, false) => return Ok(true),
            };
            past.push(Past { run: RunId(self.get(row, 4)?), what });
            Ok(true)
        })
    }

    fn memberships_of_group(&self, group: GroupKey, past: &mut Vec<Past>) -> StoreResult<()> {
        let sql = "SELECT \"group\", added, removed, connector, run FROM membership_change
                   WHERE \"group\" = ?1 ORDER BY run, connector";
        self.rows(sql, [group.0], |row| {
            let what = PastWhat::Members(self.membership_change(row)?);
            past.push(Past { run: RunId(self.get(row, 4)?), what });
            Ok(true)
        })
    }

    pub(super) fn formerly(&self, entry: EntryKind, asked: &str) -> StoreResult<Vec<Former>> {
        let wanted = fold(asked);
        let mut keys: Vec<u32> = Vec::new();
        let sql = "SELECT key, before FROM change
                   WHERE entry = ?1 AND kind IN ('delete', 'rename', 'anonymize') ORDER BY key";
        self.rows(sql, [entry.as_str()], |row| {
            let (key, before): (u32, Option<String>) = (self.get(row, 0)?, self.get(row, 1)?);
            if keys.last() != Some(&key) && before.is_some_and(|before| had(&before, asked, &wanted)) {
                keys.push(key);
            }
            Ok(true)
        })?;
        keys.into_iter().map(|key| self.former(entry, key)).collect()
    }

    fn former(&self, entry: EntryKind, key: u32) -> StoreResult<Former> {
        let gone = match entry {
            EntryKind::User => self.one("SELECT 1 FROM directory_user WHERE key = ?1", [key], |_| Ok(()))?,
            EntryKind::Group => {
                self.one("SELECT 1 FROM directory_group WHERE key = ?1", [key], |_| Ok(()))?
            }
        }
        .is_none();
        let sql = "SELECT coalesce(json_extract(before, '$.externalId'), json_extract(after, '$.externalId'))
                   FROM change WHERE entry = ?1 AND key = ?2 AND kind IN ('create', 'delete') ORDER BY run DESC LIMIT 1";
        let external_id = self.one(sql, params![entry.as_str(), key], |row| row.get(0))?.flatten();
        let name = self.last_name(entry, key)?.unwrap_or_default();
        Ok(Former { key, name, external_id, gone })
    }

    pub(super) fn runs_kept(&self, connector: Option<&str>) -> StoreResult<Vec<KeptRun>> {
        let mut runs: Vec<KeptRun> = Vec::new();
        let sql = "SELECT r.id, c.name, r.started_at, r.connector, r.outcome = ?2
                       OR EXISTS (SELECT 1 FROM held_change WHERE run = r.id AND state = 'waiting')
                       OR EXISTS (SELECT 1 FROM held_membership WHERE run = r.id AND state = 'waiting')
                   FROM run r JOIN connector c ON c.id = r.connector
                   WHERE r.pruned_at IS NULL AND (?1 IS NULL OR c.name = ?1)
                   ORDER BY c.name, r.id DESC";
        let mut applied = None;
        self.rows(sql, params![connector, RunRow::RUNNING], |row| {
            let connector: String = self.get(row, 1)?;
            let latest = runs.last().is_none_or(|last| last.connector != connector);
            if latest {
                applied = self.latest_applied(self.get(row, 3)?)?;
            }
            let run = RunId(self.get(row, 0)?);
            let needed = latest || Some(run) == applied || self.get(row, 4)?;
            runs.push(KeptRun { run, connector, started_at: self.get(row, 2)?, needed });
            Ok(true)
        })?;
        Ok(runs)
    }

    pub(super) fn aliases_changed(&self, run: RunId) -> StoreResult<Vec<AliasChange>> {
        let mut changes = Vec::new();
        let sql =
            "SELECT entry, connector, id, before, after FROM alias_change WHERE run = ?1 ORDER BY rowid";
        self.rows(sql, [run.0], |row| {
            let entry: String = self.get(row, 0)?;
            changes.push(AliasChange {
                entry: if entry == EntryKind::User.as_str() { EntryKind::User } else { EntryKind::Group },
                connector: ConnectorId(self.get(row, 1)?),
                id: self.get(row, 2)?,
                before: self.get(row, 3)?,
                after: self.get(row, 4)?,
            });
            Ok(true)
        })?;
        Ok(changes)
    }

    pub(super) fn marks_changed(&self, run: RunId) -> StoreResult<Vec<KeptChange>> {
        let mut changes = Vec::new();
        let sql = "SELECT user, name, kept FROM kept_change WHERE run = ?1 ORDER BY rowid";
        self.rows(sql, [run.0], |row| {
            let user = UserKey(self.get(row, 0)?);
            changes.push(KeptChange { user, name: self.get(row, 1)?, kept: self.get(row, 2)? });
            Ok(true)
        })?;
        Ok(changes)
    }

    pub(super) fn number_of_changes(&self, run: RunId) -> StoreResult<u64> {
        let sql = "SELECT (SELECT count(*) FROM change WHERE run = ?1)
                        + (SELECT count(*) FROM membership_change WHERE run = ?1)";
        Ok(self.one(sql, [run.0], |row| row.get::<_, i64>(0))?.unwrap_or(0) as u64)
    }
}

/// Whether the fields before a change have that name, id or address.
fn had(before: &str, asked: &str, wanted: &str) -> bool {
    let fields: Json = serde_json::from_str(before).unwrap_or_default();
    let text = |name: &str| fields[name].as_str();
    text("externalId") == Some(asked)
        || ["userName", "email"].into_iter().filter_map(text).any(|text| fold(text) == wanted)
        // The name of a group; of a person it identifies nobody.
        || fields["userName"].is_null() && text("displayName").is_some_and(|name| fold(name) == wanted)
}

#[cfg(test)]
mod tests {
    use roaring::RoaringBitmap;

    use crate::directory::{
        Change, ConnectorId, EntryKind, Former, GroupEntry, GroupKey, MembershipChange, PastWhat, RunId,
        RunStart, SqliteStore, Store, UserEntry, UserKey,
    };
    use crate::model::{Group, User};

    const ANN: UserKey = UserKey(7);
    const STAFF: GroupKey = GroupKey(3);

    fn ann(name: &str) -> UserEntry {
        let user = User {
            id: "00u7".into(),
            username: name.into(),
            email: Some("Ann@mail.example".into()),
            ..User::default()
        };
        UserEntry::from_user(ANN, "acme", user)
    }

    fn staff() -> GroupEntry {
        let group = Group { id: "00g3".into(), name: "Staff".into(), ..Group::default() };
        GroupEntry::from_group(STAFF, "acme", group)
    }

    fn run(
        store: &mut SqliteStore,
        changes: &[Change],
        members: Option<(&[u32], &[u32])>,
    ) -> (RunId, ConnectorId) {
        let connector = store.connector("acme").unwrap();
        let at = jiff::Timestamp::UNIX_EPOCH;
        let run = store.begin_run(&RunStart { connector, mode: "full", at }).unwrap();
        let mut writer = store.write().unwrap();
        for (sequence, change) in changes.iter().enumerate() {
            writer.add_change(run, sequence as u32, change).unwrap();
        }
        if let Some((added, removed)) = members {
            let packed = |keys: &[u32]| keys.iter().copied().collect::<RoaringBitmap>();
            let change =
                MembershipChange { group: STAFF, connector, added: packed(added), removed: packed(removed) };
            writer.add_membership_change(run, &change).unwrap();
        }
        writer.end_run(run, "done", at, "null").unwrap();
        writer.commit().unwrap();
        (run, connector)
    }

    /// Who is deleted is still found, by what identified them to the end, or earlier.
    #[test]
    fn an_entry_that_is_gone_has_a_history() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = SqliteStore::open(&folder.path().join("x.db")).unwrap();
        let created = [Change::create_user(&ann("ann")), Change::create_group(&staff())];
        let (first, _) = run(&mut store, &created, Some((&[7, 8], &[])));
        run(&mut store, &[], Some((&[9], &[])));
        let renamed = Change::between_users(&ann("ann"), &ann("Ann.B"));
        let (third, _) = run(&mut store, &renamed, None);
        let (fourth, _) = run(
            &mut store,
            &[Change::delete_user(&ann("Ann.B")), Change::delete_group(&staff())],
            Some((&[], &[7])),
        );
        let reader = store.read().unwrap();
        let who = Former { key: 7, name: "Ann.B".into(), external_id: Some("00u7".into()), gone: true };
        for asked in ["ANN", "ann.b", "00u7", "ann@MAIL.example"] {
            assert_eq!(reader.former(EntryKind::User, asked).unwrap(), std::slice::from_ref(&who), "{asked}");
        }
        for asked in ["an", "00U7", "Staff", ""] {
            assert_eq!(reader.former(EntryKind::User, asked).unwrap(), [], "{asked}");
        }
        assert_eq!(reader.former(EntryKind::Group, "STAFF").unwrap()[0].key, STAFF.0);
        assert_eq!(reader.last_name(EntryKind::User, 7).unwrap().as_deref(), Some("Ann.B"));
        assert_eq!(reader.last_name(EntryKind::User, 8).unwrap(), None);

        let past = reader.past(EntryKind::User, 7).unwrap();
        let told: Vec<(RunId, &str)> = past
            .iter()
            .map(|past| match &past.what {
                PastWhat::Changed(change) => (past.run, change.kind.as_str()),
                PastWhat::Joined(STAFF) => (past.run, "joins"),
                PastWhat::Left(STAFF) => (past.run, "leaves"),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(
            told,
            [(first, "create"), (first, "joins"), (third, "rename"), (fourth, "delete"), (fourth, "leaves")]
        );
        let past = reader.past(EntryKind::Group, 3).unwrap();
        let members = past.iter().filter(|past| matches!(past.what, PastWhat::Members(_))).count();
        assert_eq!((past.len(), members), (5, 3));
    }
}
