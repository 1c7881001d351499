//! Whom a trial can be about: the people and groups of a mirror.

use rustc_hash::FxHashMap;

use crate::directory::{ConnectorId, MembersState, MirrorGroup, Reader, StoreError, fold};
use crate::model::{Group, User};

/// Whom a trial is about.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Subjects {
    pub person: Option<User>,
    /// All groups without a person, else theirs.
    pub groups: Vec<Group>,
}

/// Everybody of a connector's mirror, with their groups, as the provider gave them. People are read when they are
/// asked for: their records don't all fit into memory.
pub struct Everyone<'a> {
    reader: &'a dyn Reader,
    pub(super) groups: Vec<Group>,
    /// The people's numbers, in the order of the provider's ids.
    people: Vec<u32>,
    /// Places in `groups`, by a person's number.
    groups_of: FxHashMap<u32, Vec<u32>>,
    /// Groups whose members were not read, because rules drop them: people may be in them.
    pub unread: Vec<String>,
}

impl<'a> Everyone<'a> {
    pub fn of_mirror(reader: &'a dyn Reader, connector: ConnectorId) -> Result<Self, StoreError> {
        let (people, groups) = present(reader, connector)?;
        let mut groups_of: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        for (at, group) in (0_u32..).zip(&groups) {
            for person in reader.mirror_members(group.number)?.unwrap_or_default() {
                groups_of.entry(person).or_default().push(at);
            }
        }
        let unread = unread(&groups);
        let groups = groups.into_iter().map(|group| group.record).collect();
        Ok(Self { reader, groups, people, groups_of, unread })
    }

    /// Nothing was ever read.
    pub fn is_empty(&self) -> bool {
        self.people.is_empty() && self.groups.is_empty()
    }

    /// Some people at a time, each with the places of their groups.
    pub(super) fn batches(
        &self,
        size: usize,
    ) -> impl Iterator<Item = Result<Vec<(User, &[u32])>, StoreError>> {
        self.people.chunks(size).map(|numbers| {
            let read = numbers.iter().map(|number| {
                let groups = self.groups_of.get(number).map(Vec::as_slice).unwrap_or_default();
                Ok(self.reader.mirror_user_record(*number)?.map(|user| (user, groups)))
            });
            read.filter_map(Result::transpose).collect()
        })
    }
}

/// The numbers of the people, and the groups, that the last reading returned.
fn present(reader: &dyn Reader, connector: ConnectorId) -> Result<(Vec<u32>, Vec<MirrorGroup>), StoreError> {
    let (mut people, mut groups) = (Vec::new(), Vec::new());
    reader.mirror_users(connector, &mut |user| {
        if user.absent_since.is_none() {
            people.push(user.number);
        }
    })?;
    reader.mirror_groups(connector, &mut |group| {
        if group.absent_since.is_none() {
            groups.push(group);
        }
    })?;
    Ok((people, groups))
}

fn unread(groups: &[MirrorGroup]) -> Vec<String> {
    let unread = groups.iter().filter(|group| group.members == MembersState::Unread);
    unread.map(|group| group.record.name.clone()).collect()
}

/// Whom a name can mean in a mirror.
#[derive(Debug, Default)]
pub struct Found {
    /// Nobody was ever read.
    pub empty: bool,
    /// Each with groups; several may share a mail address.
    pub people: Vec<Subjects>,
    /// Groups whose members were not read, because rules drop them: the person may be in them.
    pub unread: Vec<String>,
}

/// The person of that user name, or else of that provider's id, or else of that mail address, with their groups, as
/// the provider gave them.
pub fn find_in_mirror(reader: &dyn Reader, connector: ConnectorId, who: &str) -> Result<Found, StoreError> {
    let (numbers, groups) = present(reader, connector)?;
    let mut found = Found { empty: numbers.is_empty(), ..Found::default() };
    let mut matches: [Vec<(u32, User)>; 3] = Default::default();
    for number in numbers {
        let Some(user) = reader.mirror_user_record(number)? else { continue };
        let same = |text: &str| fold(text) == fold(who);
        let rank = match &user {
            user if same(&user.username) => 0,
            user if user.id == who => 1,
            user if user.email.as_deref().is_some_and(same) => 2,
            _ => continue,
        };
        matches[rank].push((number, user));
    }
    for (number, user) in matches.into_iter().find(|matches| !matches.is_empty()).unwrap_or_default() {
        let mut subjects = Subjects { person: Some(user), groups: Vec::new() };
        for group in &groups {
            if reader.mirror_members(group.number)?.is_some_and(|members| members.contains(number)) {
                subjects.groups.push(group.record.clone());
            }
        }
        found.people.push(subjects);
    }
    found.unread = unread(&groups);
    Ok(found)
}
