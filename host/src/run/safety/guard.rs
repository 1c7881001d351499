use roaring::RoaringBitmap;
use rustc_hash::{FxHashMap, FxHashSet};

use super::limits::{LimitKind, OnLimit};
use crate::directory::{Change, ChangeKind, GroupKey, MembershipChange, Reader, fold};
use crate::run::error::RunError;
use crate::run::leavers::Fate;
use crate::run::plan::{Kinds, Plan, PlanInputs, PlannedMembers, count_changes, count_users};
use crate::run::report::{Counts, MembershipCounts, RunReport};
use crate::run::staging::Action;

/// Which kinds are over their limit, each with the sentence that says so.
type Over = Vec<(LimitKind, String)>;

const TAKES_AWAY: [ChangeKind; 3] = [ChangeKind::Disable, ChangeKind::Delete, ChangeKind::Anonymize];

/// Takes out of a finished plan what protection forbids and what is over a limit.
pub fn guard(
    plan: &mut Plan,
    inputs: &PlanInputs<'_>,
    override_limits: bool,
    report: &mut RunReport,
) -> Result<(), RunError> {
    let mut guard = Guard { plan, inputs, stuck: FxHashSet::default(), stuck_groups: FxHashSet::default() };
    let protected = guard.protect(report)?;
    // There is nothing yet that could be taken away by mistake.
    let first = inputs.reader.last_applied(inputs.connector)?.is_none();
    let over = if first { Vec::new() } else { guard.over()? };
    let sentences: Vec<String> = over.iter().map(|(_, sentence)| sentence.clone()).collect();
    if over.is_empty() || override_limits {
        report.overridden = sentences;
        if protected {
            guard.count(report);
        }
        return Ok(());
    }
    let applied = inputs.policy.safety.on_limit == OnLimit::Withhold;
    match applied {
        true => guard.withhold(&over)?,
        false => guard.hold_all(&sentences.join("; "))?,
    }
    guard.shape_again();
    guard.count(report);
    let (held, reader) = (&guard.plan.held, inputs.reader);
    report.held = Some(held.report(applied, sentences, |members| {
        let held = held.changes.iter().find(|(_, change)| {
            change.kind == ChangeKind::Create
                && change.entry == crate::directory::EntryKind::Group
                && change.key == members.group.0
        });
        match held {
            Some((_, change)) => Ok(change.name.clone()),
            None => guard.plan.group_name(reader, members.group),
        }
    })?);
    Ok(())
}

struct Guard<'a, 'p> {
    plan: &'p mut Plan,
    inputs: &'a PlanInputs<'a>,
    /// Folded user names that stay taken, because whoever was to free them is held.
    stuck: FxHashSet<String>,
    /// The same of groups.
    stuck_groups: FxHashSet<String>,
}

impl Guard<'_, '_> {
    fn reader(&self) -> &dyn Reader {
        self.inputs.reader
    }

    /// True when something was taken out.
    fn protect(&mut self, report: &mut RunReport) -> Result<bool, RunError> {
        let safety = &self.inputs.policy.safety;
        let mut spared: Vec<(u32, String)> = Vec::new();
        let mut notes = Vec::new();
        if !safety.protect.is_empty() {
            for user in
                self.plan.users.iter().filter(|user| TAKES_AWAY.iter().any(|kind| user.kinds.has(*kind)))
            {
                let Some(before) = self.reader().user(user.key)? else { continue };
                if let Some(why) = safety.protects(&before, self.reader())? {
                    let kinds = TAKES_AWAY.iter().filter(|kind| user.kinds.has(**kind));
                    let kinds: Vec<&str> = kinds.map(|kind| kind.as_str()).collect();
                    let what = kinds.join(" and ");
                    notes.push(format!("user {} stays: {what} is forbidden by {why}", before.user_name));
                    spared.push((user.key.0, before.user_name));
                }
            }
        }
        let keys: RoaringBitmap = spared.iter().map(|(key, _)| *key).collect();
        let protected = self.take(|key, kind| keys.contains(key) && TAKES_AWAY.contains(&kind))?;
        if !safety.protect_groups.is_empty() {
            notes.extend(self.protect_groups()?);
        }
        let cleaned = &keys & &self.plan.cleaned;
        self.give_back(|_, removed| removed & &cleaned);
        // What was to be taken from them is planned, and told, again.
        self.shape_people(&keys);
        let changed = !protected.is_empty() || !notes.is_empty();
        if !keys.is_empty() {
            self.let_go(&FxHashMap::default())?;
        }
        notes.truncate(RunReport::LISTED);
        report.protected = notes;
        Ok(changed)
    }

    fn protect_groups(&mut self) -> Result<Vec<String>, RunError> {
        let safety = &self.inputs.policy.safety;
        let mut notes = Vec::new();
        let (mut kept, mut stay) = (Vec::new(), FxHashSet::default());
        for group in std::mem::take(&mut self.plan.groups) {
            match safety.protects_group(&group.entry).filter(|_| group.action == Action::Delete) {
                Some(pattern) => {
                    notes.push(format!("group {} stays: delete is forbidden by {pattern}", group.entry.name));
                    self.stuck_groups.insert(fold(&group.entry.name));
                    stay.insert(group.entry.key);
                }
                None => kept.push(group),
            }
        }
        self.plan.groups = kept;
        self.give_back(
            |group, removed| if stay.contains(&group) { removed.clone() } else { RoaringBitmap::new() },
        );
        let mut people = RoaringBitmap::new();
        for at in 0..self.plan.memberships.len() {
            if !self.empties(&self.plan.memberships[at])? {
                continue;
            }
            let Some(entry) = self.reader().group(self.plan.memberships[at].group)? else { continue };
            let Some(pattern) = safety.protects_group(&entry) else { continue };
            notes.push(format!(
                "group {} keeps its members: that it has none is forbidden by {pattern}",
                entry.name
            ));
            let members = &mut self.plan.memberships[at];
            members.all |= &members.removed;
            people |= std::mem::take(&mut members.removed);
        }
        self.shape_people(&people);
        self.plan.memberships.retain(|members| !members.added.is_empty() || !members.removed.is_empty());
        Ok(notes)
    }

    /// Lets people stay in groups that the plan takes them out of.
    fn give_back(&mut self, stays: impl Fn(GroupKey, &RoaringBitmap) -> RoaringBitmap) {
        for members in &mut self.plan.memberships {
            let stay = stays(members.group, &members.removed);
            members.all |= &stay;
            members.removed -= &stay;
        }
        self.plan.memberships.retain(|members| !members.added.is_empty() || !members.removed.is_empty());
    }

    fn empties(&self, members: &PlannedMembers) -> Result<bool, RunError> {
        Ok(members.all.is_empty()
            && !members.removed.is_empty()
            && self.reader().members(members.group)? == members.removed)
    }

    fn emptied(&self) -> Result<Vec<u32>, RunError> {
        let deleted = self.plan.groups.iter().filter(|group| group.action == Action::Delete);
        let mut keys: Vec<u32> = deleted.map(|group| group.entry.key.0).collect();
        for members in &self.plan.memberships {
            if self.empties(members)? {
                keys.push(members.group.0);
            }
        }
        keys.sort_unstable();
        keys.dedup();
        Ok(keys)
    }

    /// Of the people whom the last reading gave, how many this one does not give, and how many they are. Whoever has no
    /// entry any more, or one that is disabled as it has to be, has nothing to lose: approved is approved.
    fn missing(&self) -> Result<(u64, u64), RunError> {
        let reading = &self.plan.reading;
        let (missing, known) = reading.missing();
        if self.inputs.policy.safety.bound(LimitKind::Listing).exceeded(missing, known).is_none() {
            return Ok((missing, known));
        }
        let newly = |person: u32| {
            let state = reading.state(person);
            let given = state.known.is_some_and(|known| known.absent_since.is_none());
            given && !state.seen() && !state.unreadable
        };
        let mut gone = (0..reading.len() as u32)
            .filter(|person| newly(*person) && reading.state(*person).key.is_none())
            .count();
        for absentee in self.inputs.absent.iter().filter(|one| one.fate == Fate::Settled && newly(one.person))
        {
            gone += usize::from(self.reader().user(absentee.key)?.is_some_and(|entry| !entry.active));
        }
        Ok((missing - gone as u64, known))
    }

    /// Which limits the plan is over. What the connector has is counted only where it is asked for.
    fn over(&self) -> Result<Over, RunError> {
        let has = |kind| self.plan.users.iter().filter(|user| user.kinds.has(kind)).count() as u64;
        let (missing, known) = self.missing()?;
        let mut totals = None;
        let mut over = Over::new();
        for kind in LimitKind::ALL {
            let number = match kind {
                LimitKind::Disables => has(ChangeKind::Disable),
                LimitKind::Deletes => has(ChangeKind::Delete) + has(ChangeKind::Anonymize),
                LimitKind::Removals => {
                    self.plan.memberships.iter().map(|members| members.removed.len()).sum()
                }
                LimitKind::Renames => has(ChangeKind::Rename),
                LimitKind::Listing => missing,
                LimitKind::GroupsEmptied => self.emptied()?.len() as u64,
            };
            let bound = self.inputs.policy.safety.bound(kind);
            if number == 0 || bound.exceeded(number, 0).is_none() {
                continue;
            }
            if totals.is_none() {
                totals = Some(self.reader().totals(Some(self.inputs.connector_name))?);
            }
            let (users, groups, memberships) = totals.unwrap_or_default();
            let of = match kind {
                LimitKind::Listing => known,
                LimitKind::Removals => memberships,
                LimitKind::GroupsEmptied => groups,
                LimitKind::Disables | LimitKind::Deletes | LimitKind::Renames => users,
            };
            if let Some(limit) = bound.exceeded(number, of) {
                over.push((kind, kind.sentence(number, of, &limit)));
            }
        }
        Ok(over)
    }

    /// Holds the kinds that are over their limit, and what can't be without them.
    fn withhold(&mut self, over: &Over) -> Result<(), RunError> {
        let mut reasons: FxHashMap<LimitKind, &str> = FxHashMap::default();
        for (kind, sentence) in over {
            reasons.insert(*kind, sentence);
        }
        // Whoever is missing in a listing in doubt may be there: nothing is taken away on its word.
        if let Some(listing) = reasons.get(&LimitKind::Listing).copied() {
            self.plan.mirror.doubts_absence = true;
            for kind in
                [LimitKind::Disables, LimitKind::Deletes, LimitKind::Removals, LimitKind::GroupsEmptied]
            {
                reasons.entry(kind).or_insert(listing);
            }
        }
        let reason = |kind: ChangeKind| match kind {
            ChangeKind::Disable => reasons.get(&LimitKind::Disables),
            ChangeKind::Delete | ChangeKind::Anonymize => reasons.get(&LimitKind::Deletes),
            ChangeKind::Rename => reasons.get(&LimitKind::Renames),
            ChangeKind::Create | ChangeKind::Update | ChangeKind::Enable => None,
        };
        let taken = self.take(|_, kind| reason(kind).is_some())?;
        let taken = taken.into_iter().map(|change| (reason(change.kind).unwrap_or(&"").to_string(), change));
        self.plan.held.changes.extend(taken);
        self.hold_groups(&reasons)?;
        self.let_go(&reasons)
    }

    fn hold_groups(&mut self, reasons: &FxHashMap<LimitKind, &str>) -> Result<(), RunError> {
        let Some(reason) = reasons.get(&LimitKind::GroupsEmptied) else { return Ok(()) };
        for group in std::mem::take(&mut self.plan.groups) {
            if group.action == Action::Delete {
                self.stuck_groups.insert(fold(&group.entry.name));
                self.plan
                    .held
                    .changes
                    .extend(group.changes.into_iter().map(|change| (reason.to_string(), change)));
            } else {
                self.plan.groups.push(group);
            }
        }
        Ok(())
    }

    /// Holds what needs a name that stays taken, and the memberships of everybody who is held.
    fn let_go(&mut self, reasons: &FxHashMap<LimitKind, &str>) -> Result<(), RunError> {
        const NAME: &str = "needs the name of an entry that is held or protected";
        while !self.stuck.is_empty() {
            let mut wanting = RoaringBitmap::new();
            for at in 0..self.plan.users.len() {
                let user = self.plan.users[at];
                if user.kinds.has(ChangeKind::Create)
                    || (user.frees_name && user.kinds.has(ChangeKind::Rename))
                {
                    let staged = self.plan.staged(&user)?;
                    if self.stuck.contains(&fold(&staged.entry.user_name)) {
                        wanting.insert(user.key.0);
                    }
                }
            }
            if wanting.is_empty() {
                break;
            }
            let names = [ChangeKind::Create, ChangeKind::Rename];
            let taken = self.take(|key, kind| wanting.contains(key) && names.contains(&kind))?;
            self.plan.held.changes.extend(taken.into_iter().map(|change| (NAME.to_owned(), change)));
        }
        let mut groups_held = FxHashSet::default();
        while !self.stuck_groups.is_empty() {
            let mut waits = Vec::new();
            let stuck = std::mem::take(&mut self.stuck_groups);
            for group in std::mem::take(&mut self.plan.groups) {
                let wants = group.action == Action::Create || group.renames;
                if wants && stuck.contains(&fold(&group.entry.name)) {
                    waits.push(group);
                } else {
                    self.plan.groups.push(group);
                }
            }
            for group in waits {
                if group.action == Action::Create {
                    groups_held.insert(group.entry.key);
                } else if let Some(before) = self.inputs.reader.group(group.entry.key)? {
                    self.stuck_groups.insert(fold(&before.name));
                }
                self.plan
                    .held
                    .changes
                    .extend(group.changes.into_iter().map(|change| (NAME.to_owned(), change)));
            }
        }
        self.hold_members(reasons, &groups_held)
    }

    fn hold_members(
        &mut self,
        reasons: &FxHashMap<LimitKind, &str>,
        groups_held: &FxHashSet<crate::directory::GroupKey>,
    ) -> Result<(), RunError> {
        const ENTRY: &str = "belongs to an entry that is held";
        let held_of = |kind: ChangeKind| -> RoaringBitmap {
            let users = self.plan.held.changes.iter().filter(|(_, change)| {
                change.kind == kind && change.entry == crate::directory::EntryKind::User
            });
            users.map(|(_, change)| change.key).collect()
        };
        let (created, deleted) = (held_of(ChangeKind::Create), held_of(ChangeKind::Delete));
        // Whoever is not disabled yet is not taken out of the groups for it either.
        let waits = held_of(ChangeKind::Disable) | held_of(ChangeKind::Anonymize);
        let deleted = deleted | (waits & &self.plan.cleaned);
        let goes = self.plan.users.iter().filter(|user| user.kinds.has(ChangeKind::Delete));
        let goes: RoaringBitmap = goes.map(|user| user.key.0).collect();
        let groups_go = self.plan.groups.iter().filter(|group| group.action == Action::Delete);
        let groups_go: FxHashSet<_> = groups_go.map(|group| group.entry.key).collect();
        let emptied = match reasons.get(&LimitKind::GroupsEmptied) {
            Some(_) => self.emptied()?,
            None => Vec::new(),
        };
        for members in std::mem::take(&mut self.plan.memberships) {
            let mut members = members;
            let (added, removed, reason) = if groups_held.contains(&members.group) {
                (members.added.clone(), members.removed.clone(), ENTRY)
            } else {
                let added = &members.added & &created;
                // Who is deleted, or whose group is, can't stay a member.
                match reasons.get(&LimitKind::Removals) {
                    _ if groups_go.contains(&members.group) => (added, RoaringBitmap::new(), ENTRY),
                    Some(reason) => (added, &members.removed - &goes, *reason),
                    None if emptied.binary_search(&members.group.0).is_ok() => {
                        (added, &members.removed - &goes, reasons[&LimitKind::GroupsEmptied])
                    }
                    None => (added, &members.removed & &deleted, ENTRY),
                }
            };
            members.all -= &added;
            members.all |= &removed;
            members.added -= &added;
            members.removed -= &removed;
            if !added.is_empty() || !removed.is_empty() {
                let change =
                    MembershipChange { group: members.group, connector: members.connector, added, removed };
                self.plan.held.members.push((reason.to_owned(), change));
            }
            if !members.added.is_empty() || !members.removed.is_empty() {
                self.plan.memberships.push(members);
            }
        }
        Ok(())
    }

    fn hold_all(&mut self, reason: &str) -> Result<(), RunError> {
        let mut changes = std::mem::take(&mut self.plan.held.changes);
        self.plan.each_change(|change| changes.push((reason.to_owned(), change.clone())))?;
        self.plan.held.changes = changes;
        self.plan.users.clear();
        self.plan.groups.clear();
        for members in std::mem::take(&mut self.plan.memberships) {
            let PlannedMembers { group, connector, added, removed, .. } = members;
            let change = MembershipChange { group, connector, added, removed };
            self.plan.held.members.push((reason.to_owned(), change));
        }
        Ok(())
    }

    /// Takes changes of users out of the plan; what is left of an entry stays in it.
    fn take(&mut self, takes: impl Fn(u32, ChangeKind) -> bool) -> Result<Vec<Change>, RunError> {
        let mut taken = Vec::new();
        for at in 0..self.plan.users.len() {
            let user = self.plan.users[at];
            if !ChangeKind::ALL.iter().any(|kind| user.kinds.has(*kind) && takes(user.key.0, *kind)) {
                continue;
            }
            let mut staged = self.plan.staged(&user)?;
            if let Some(person) = self.plan.reading.index_of(&staged.entry.external_id) {
                self.plan.mirror.shape_again(person);
            }
            if user.frees_name
                && let Some(before) = self.inputs.reader.user(user.key)?
            {
                self.stuck.insert(fold(&before.user_name));
            }
            if staged.action != Action::Update {
                taken.extend(staged.into_changes().1);
                self.plan.users[at].kinds = Kinds::default();
                continue;
            }
            let (go, stay): (Vec<Change>, Vec<Change>) =
                staged.changes.drain(..).partition(|change| takes(user.key.0, change.kind));
            for change in &go {
                staged.entry = staged
                    .entry
                    .patched(&change.reversed())
                    .map_err(|error| RunError::Worker(format!("a planned change does not fit: {error}")))?;
            }
            let names = [ChangeKind::Rename, ChangeKind::Anonymize];
            let frees_name = user.frees_name && stay.iter().any(|change| names.contains(&change.kind));
            if user.frees_name
                && frees_name
                && let Some(before) = self.inputs.reader.user(user.key)?
            {
                self.stuck.remove(&fold(&before.user_name));
            }
            taken.extend(go);
            staged.changes = stay;
            // A name that the rest of the changes told of is the one that stays.
            for change in &mut staged.changes {
                change.name.clone_from(&staged.entry.user_name);
            }
            self.plan.users[at].kinds = Kinds::of(staged.changes.iter().map(|change| change.kind));
            self.plan.users[at].frees_name = frees_name;
            self.plan.restage(at, &staged)?;
        }
        self.plan.users.retain(|user| user.kinds != Kinds::default());
        Ok(taken)
    }

    fn shape_again(&mut self) {
        let held = self.plan.held.members.iter();
        let people =
            held.fold(RoaringBitmap::new(), |all, (_, change)| all | &change.added | &change.removed);
        self.shape_people(&people);
    }

    fn shape_people(&mut self, keys: &RoaringBitmap) {
        if keys.is_empty() {
            return;
        }
        for person in 0..self.plan.reading.len() as u32 {
            if self.plan.reading.state(person).key.is_some_and(|key| keys.contains(key.0)) {
                self.plan.mirror.shape_again(person);
            }
        }
    }

    /// Counts what is left to apply.
    fn count(&self, report: &mut RunReport) {
        let Counts { created, updated, renamed, disabled, enabled, removed, anonymized, .. } =
            Counts::default();
        count_users(&self.plan.users, &mut report.users);
        let groups = std::mem::take(&mut report.groups);
        report.groups =
            Counts { created, updated, renamed, disabled, enabled, removed, anonymized, ..groups };
        for group in &self.plan.groups {
            count_changes(&mut report.groups, &group.changes);
        }
        let members = self.plan.memberships.iter();
        let (added, ended) = members.fold((0, 0), |(added, ended), members| {
            (added + members.added.len(), ended + members.removed.len())
        });
        let stay = report.memberships.removed.saturating_sub(ended);
        let before = std::mem::take(&mut report.memberships);
        report.memberships =
            MembershipCounts { created: added, removed: ended, unchanged: before.unchanged + stay, ..before };
    }
}
