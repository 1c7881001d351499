//! What undoes a run, found by comparing what it did with the directory of now.

use std::collections::{BTreeMap, BTreeSet};

use roaring::RoaringBitmap;
use serde_json::Value as Json;

use super::entry::Entry;
use super::error::RollbackError;
use super::fields::{Fields, Net, attribute, flat};
use super::selection::Selection;
use crate::directory::{
    AliasChange, Change, EntryKind, GroupKey, KeptChange, MembershipChange, PatchError, Reader, RunId,
};
use crate::run::error::RunError;
use crate::run::report::ReportedProblem;

/// The run that is to be undone, and whose it is.
pub(super) struct Deed<'a> {
    pub run: RunId,
    pub connector: &'a str,
    pub only: &'a [String],
}

/// What takes it back.
#[derive(Default)]
pub(super) struct Inverse {
    pub changes: Vec<Change>,
    pub members: Vec<MembershipChange>,
    /// Under whose ids entries are known: as they are to be. `after` is nothing where the id is to lead nowhere.
    pub aliases: Vec<AliasChange>,
    pub kept: Vec<KeptChange>,
    /// What was changed later and stays as it is, each with both sides.
    pub later: Vec<ReportedProblem>,
}

impl Inverse {
    pub fn of(deed: &Deed<'_>, reader: &dyn Reader) -> Result<Self, RollbackError> {
        let (mut changes, mut members) = (Vec::new(), Vec::new());
        reader.changes(deed.run, &mut |change| {
            changes.push(change);
            true
        })?;
        reader.membership_changes(deed.run, &mut |change| {
            members.push(change);
            true
        })?;
        let selection = Selection::of(deed.only, deed.run, &changes, &members, reader)?;
        let mut draft = Draft::new(deed, reader, &members)?;
        let mut entries: BTreeMap<(EntryKind, u32), Vec<&Change>> = BTreeMap::new();
        for change in changes.iter().filter(|change| selection.has(change.entry, change.key)) {
            entries.entry((change.entry, change.key)).or_default().push(change);
        }
        for ((kind, key), changes) in entries {
            draft.entry(kind, key, &changes)?;
        }
        for change in &members {
            draft.membership(change, &selection)?;
        }
        draft.aliases(&selection)?;
        draft.kept(&selection)?;
        Ok(draft.inverse)
    }
}

pub(super) struct Draft<'a> {
    pub deed: &'a Deed<'a>,
    pub reader: &'a dyn Reader,
    pub inverse: Inverse,
    /// Who is in a group that the run did not bring them into, and the groups that they are in.
    joined_otherwise: RoaringBitmap,
    filled_otherwise: RoaringBitmap,
    /// Entries that the run removed and that come back, and that it made and that go.
    comes_back: BTreeSet<(EntryKind, u32)>,
    goes: BTreeSet<(EntryKind, u32)>,
    /// Entries of which something can't be undone that what lies beside them goes with.
    pub staying: BTreeSet<(EntryKind, u32)>,
    /// Entries that go back to another owner: what they are, and whose they were until then, by which id.
    pub owners: Vec<(EntryKind, u32, String, String)>,
}

impl<'a> Draft<'a> {
    fn new(
        deed: &'a Deed<'a>,
        reader: &'a dyn Reader,
        members: &[MembershipChange],
    ) -> Result<Self, RunError> {
        let mut brought: BTreeMap<GroupKey, RoaringBitmap> = BTreeMap::new();
        for change in members {
            *brought.entry(change.group).or_default() |= &change.added;
        }
        let (mut joined, mut filled) = (RoaringBitmap::new(), RoaringBitmap::new());
        reader.memberships(&mut |group, _, mut all| {
            if let Some(brought) = brought.get(&group) {
                all -= brought;
            }
            if !all.is_empty() {
                filled.insert(group.0);
            }
            joined |= all;
        })?;
        Ok(Self {
            deed,
            reader,
            inverse: Inverse::default(),
            joined_otherwise: joined,
            filled_otherwise: filled,
            comes_back: BTreeSet::new(),
            goes: BTreeSet::new(),
            staying: BTreeSet::new(),
            owners: Vec::new(),
        })
    }

    fn reason(&self) -> String {
        format!("run {} is undone", self.deed.run.0)
    }

    fn later(&mut self, kind: EntryKind, name: &str, why: String) {
        self.inverse.later.push(ReportedProblem {
            kind: kind.as_str().to_owned(),
            id: None,
            name: Some(name.to_owned()),
            code: "changed-later".to_owned(),
            message: why,
            hint: None,
        });
    }

    /// ` by run 14`, where a later run is kept to have changed the entry.
    fn by(&self, kind: EntryKind, key: u32) -> Result<String, RunError> {
        let last = self.reader.last_changes(kind, key, 1)?.into_iter().next();
        let later = last.filter(|(run, ..)| *run > self.deed.run);
        Ok(later.map(|(run, ..)| format!(" by run {}", run.0)).unwrap_or_default())
    }

    fn entry(&mut self, kind: EntryKind, key: u32, changes: &[&Change]) -> Result<(), RunError> {
        let unreadable = |error: PatchError| unreadable(self.deed.run, kind, key, &error);
        let Some(net) = Net::of(changes.iter().copied()).map_err(unreadable)? else { return Ok(()) };
        let name = changes.last().map(|change| change.name.clone()).unwrap_or_default();
        let now = Entry::of(self.reader, kind, key)?;
        match (net, now) {
            // Gone already, or there again.
            (Net::Made(_), None) | (Net::Removed(_), Some(_)) => {}
            (Net::Made(made), Some(now)) => self.unmake(key, &made, &now)?,
            (Net::Removed(fields), None) => {
                let entry = Entry::from_fields(kind, key, self.deed.connector, fields).map_err(unreadable)?;
                let create = match &entry {
                    Entry::User(user) => Change::create_user(user),
                    Entry::Group(group) => Change::create_group(group),
                };
                self.comes_back.insert((kind, key));
                self.inverse.changes.push(create.because(&self.reason()));
            }
            (Net::Changed(_), None) => {
                let by = self.by(kind, key)?;
                self.later(kind, &name, format!("it was deleted{by}"));
            }
            (Net::Changed(fields), Some(now)) => self.restore(key, fields, &now)?,
        }
        Ok(())
    }

    /// An entry that the run made goes, unless somebody built on it.
    fn unmake(&mut self, key: u32, made: &Fields, now: &Entry) -> Result<(), RunError> {
        let kind = now.kind();
        let fields = flat(now.fields());
        let filled = match kind {
            EntryKind::User => &self.joined_otherwise,
            EntryKind::Group => &self.filled_otherwise,
        };
        if now.connector() == self.deed.connector && fields == *made && !filled.contains(key) {
            let delete = match now {
                Entry::User(user) => Change::delete_user(user),
                Entry::Group(group) => Change::delete_group(group),
            };
            self.goes.insert((kind, key));
            self.inverse.changes.push(delete.because(&self.reason()));
            return Ok(());
        }
        let by = self.by(kind, key)?;
        let mut built = Vec::new();
        if now.connector() != self.deed.connector {
            built.push(format!("it is connector {}'s now{by}", now.connector()));
        }
        let names: BTreeSet<&String> = made.keys().chain(fields.keys()).collect();
        for name in names.into_iter().filter(|name| made.get(*name) != fields.get(*name)) {
            let (then, now) = (shown(made.get(name)), shown(fields.get(name)));
            built.push(format!("{} is {now} now{by}, and was made as {then}", plain(name)));
        }
        if filled.contains(key) {
            built.push(match kind {
                EntryKind::User => "it came into groups otherwise".to_owned(),
                EntryKind::Group => "it got members otherwise".to_owned(),
            });
        }
        self.staying.insert((kind, key));
        let name = now.name().to_owned();
        self.later(kind, &name, format!("it stays, because {}", built.join(", ")));
        Ok(())
    }

    /// Each field gets back what it had, where it is as the run left it.
    fn restore(
        &mut self,
        key: u32,
        changed: BTreeMap<String, (Option<Json>, Option<Json>)>,
        now: &Entry,
    ) -> Result<(), RunError> {
        let kind = now.kind();
        let mut fields = flat(now.fields());
        fields.insert(CONNECTOR.to_owned(), now.connector().into());
        let stays = |name: &str, (was, then): &(Option<Json>, Option<Json>)| {
            let now = fields.get(name);
            now != was.as_ref() && now != then.as_ref()
        };
        // Whose an entry is and by which id are one thing.
        let owner = [CONNECTOR, ID];
        let owner_stays =
            owner.iter().any(|name| changed.get(*name).is_some_and(|change| stays(name, change)));
        let (mut later, mut back) = (Vec::new(), Vec::new());
        for (name, change) in &changed {
            if stays(name, change) || owner_stays && owner.contains(&name.as_str()) {
                later.push(name.clone());
            } else {
                back.push(name.clone());
            }
        }
        let by = if later.is_empty() { String::new() } else { self.by(kind, key)? };
        if owner_stays {
            self.staying.insert((kind, key));
        }
        for name in later {
            let (was, then) = &changed[&name];
            let now_is = shown(fields.get(&name));
            let (was, then) = (shown(was.as_ref()), shown(then.as_ref()));
            let run = self.deed.run.0;
            let why =
                format!("{} is {now_is} now{by}, and run {run} made it {then} from {was}", plain(&name));
            let entry_name = now.name().to_owned();
            self.later(kind, &entry_name, why);
        }
        for name in back {
            fields.remove(&name);
            let was = changed.get(&name).and_then(|(was, _)| was.clone());
            fields.extend(was.map(|was| (name, was)));
        }
        let connector = match fields.remove(CONNECTOR) {
            Some(Json::String(connector)) => connector,
            _ => now.connector().to_owned(),
        };
        let unreadable = |error: PatchError| unreadable(self.deed.run, kind, key, &error);
        let after = Entry::from_fields(kind, key, &connector, fields).map_err(unreadable)?;
        if connector != now.connector()
            && let Some(id) = now.external_id()
        {
            self.owners.push((kind, key, now.connector().to_owned(), id.to_owned()));
        }
        let changes = match (now, &after) {
            (Entry::User(now), Entry::User(after)) => Change::between_users(now, after),
            (Entry::Group(now), Entry::Group(after)) => Change::between_groups(now, after),
            _ => Vec::new(),
        };
        let reason = self.reason();
        self.inverse.changes.extend(changes.into_iter().map(|change| change.because(&reason)));
        Ok(())
    }

    /// Whether the entry is in the directory afterwards.
    pub fn will_be(&self, kind: EntryKind, key: u32) -> Result<bool, RunError> {
        let place = (kind, key);
        Ok(self.comes_back.contains(&place)
            || !self.goes.contains(&place) && Entry::of(self.reader, kind, key)?.is_some())
    }

    fn membership(&mut self, change: &MembershipChange, selection: &Selection) -> Result<(), RunError> {
        let MembershipChange { group, connector, added, removed } = change;
        if self.staying.contains(&(EntryKind::Group, group.0)) {
            return Ok(());
        }
        let now = self.reader.members_from(*group, *connector)?;
        let mut leave = selection.members(group.0, added) & &now;
        if !self.goes.contains(&(EntryKind::Group, group.0)) {
            leave = leave.iter().filter(|key| !self.staying.contains(&(EntryKind::User, *key))).collect();
        }
        let mut back = RoaringBitmap::new();
        let mut gone = Vec::new();
        for key in selection.members(group.0, removed) - &now {
            match self.will_be(EntryKind::User, key)? {
                true => drop(back.insert(key)),
                false => gone.push(key),
            }
        }
        let there = self.reader.group(*group)?;
        if there.is_none() && leave.is_empty() && back.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let last = self.reader.last_name(EntryKind::Group, group.0)?;
        let name = there.map(|group| group.name).or(last).unwrap_or_else(|| format!("number {}", group.0));
        // The group went together with these memberships in a later run, or will go.
        if !self.will_be(EntryKind::Group, group.0)? {
            if !back.is_empty() {
                let number = back.len();
                let people = if number == 1 { "person does" } else { "people do" };
                let by = self.by(EntryKind::Group, group.0)?;
                self.later(
                    EntryKind::Group,
                    &name,
                    format!("it was deleted{by}, so that {number} {people} not come back into it"),
                );
            }
            back.clear();
        }
        for key in gone {
            let who = self.reader.last_name(EntryKind::User, key)?.unwrap_or_else(|| format!("number {key}"));
            let by = self.by(EntryKind::User, key)?;
            self.later(
                EntryKind::User,
                &who,
                format!("it was deleted{by}, so that it does not come back into group {name}"),
            );
        }
        if !leave.is_empty() || !back.is_empty() {
            let (group, connector) = (*group, *connector);
            self.inverse.members.push(MembershipChange { group, connector, added: back, removed: leave });
        }
        Ok(())
    }
}

const CONNECTOR: &str = "connector";
const ID: &str = "externalId";

/// An attribute by its own name.
fn plain(name: &str) -> &str {
    attribute(name).unwrap_or(name)
}

fn shown(value: Option<&Json>) -> String {
    value.map_or_else(|| "nothing".to_owned(), Json::to_string)
}

fn unreadable(run: RunId, kind: EntryKind, key: u32, error: &PatchError) -> RunError {
    RunError::Worker(format!("what run {} did to {} {key}: {error}", run.0, kind.as_str()))
}
