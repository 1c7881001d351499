use super::answer::ExplainInputs;
use super::find::{find_read, find_users};
use crate::directory::{ConnectorId, EntryKind, MirrorUser, Reader, UserEntry, UserKey};
use crate::model::User;
use crate::run::error::RunError;

/// Whom it is about, as far as they are known.
#[derive(Default)]
pub(super) struct Person {
    pub entry: Option<UserEntry>,
    /// The entry is another connector's, and theirs.
    pub alias: bool,
    pub read: Option<(MirrorUser, User)>,
    /// Somebody else of that name, whom this connector does not know.
    pub other: Option<UserEntry>,
    /// They have another name by now.
    pub renamed: bool,
    /// Key and last name of an entry that is gone.
    pub gone: Option<(u32, String)>,
}

impl Person {
    pub fn find(inputs: &ExplainInputs<'_>, number: Option<ConnectorId>) -> Result<Self, RunError> {
        let ExplainInputs { reader, connector, asked, .. } = *inputs;
        let mut found = find_users(reader, asked)?;
        if found.len() > 1 && found.iter().any(|entry| entry.connector == connector) {
            found.retain(|entry| entry.connector == connector);
        }
        if found.len() > 1 {
            let people = found.iter().map(|entry| format!("{} ({})", entry.user_name, entry.external_id));
            return Err(RunError::SeveralPeople { who: asked.to_owned(), people: people.collect() });
        }
        let mut person = Self::default();
        if let Some(entry) = found.pop() {
            match id_of(inputs, number, &entry)? {
                Some(id) => {
                    person.alias = entry.connector != connector;
                    person.entry = Some(entry);
                    person.read = read_by_id(reader, number, &id)?;
                    return Ok(person);
                }
                None => person.other = Some(entry),
            }
        }
        let mut read = number.map(|number| find_read(reader, number, asked)).transpose()?.unwrap_or_default();
        if read.len() > 1 {
            let people = read.iter().map(|(_, user)| format!("{} ({})", user.username, user.id));
            return Err(RunError::SeveralPeople { who: asked.to_owned(), people: people.collect() });
        }
        if let Some((known, user)) = read.pop() {
            let own = reader.users_by_id(&user.id)?.into_iter().find(|entry| entry.connector == connector);
            person.entry = match own {
                Some(own) => Some(own),
                None => aliased(inputs, number, &user.id)?,
            };
            person.alias = person.entry.as_ref().is_some_and(|entry| entry.connector != connector);
            person.read = Some((known, user));
            return Ok(person);
        }
        if person.other.is_none()
            && let [former] = reader.former(EntryKind::User, asked)?.as_slice()
        {
            match reader.user(UserKey(former.key))? {
                Some(entry) => {
                    let id = id_of(inputs, number, &entry)?;
                    person.read = id.map(|id| read_by_id(reader, number, &id)).transpose()?.flatten();
                    person.alias = entry.connector != connector;
                    person.renamed = true;
                    person.entry = Some(entry);
                }
                None => person.gone = Some((former.key, former.name.clone())),
            }
        }
        Ok(person)
    }
}

fn read_by_id(
    reader: &dyn Reader,
    number: Option<ConnectorId>,
    id: &str,
) -> Result<Option<(MirrorUser, User)>, RunError> {
    let known = number.map(|number| reader.mirror_user(number, id)).transpose()?.flatten();
    let Some(known) = known else { return Ok(None) };
    Ok(reader.mirror_user_record(known.number)?.map(|record| (known, record)))
}

/// The provider's id of the entry's person, where the connector knows them.
fn id_of(
    inputs: &ExplainInputs<'_>,
    number: Option<ConnectorId>,
    entry: &UserEntry,
) -> Result<Option<String>, RunError> {
    if entry.connector == inputs.connector {
        return Ok(Some(entry.external_id.clone()));
    }
    let mut found = None;
    if let Some(number) = number {
        inputs.reader.aliases(number, &mut |kind, id, key| {
            if kind == EntryKind::User && key == entry.key.0 {
                found = Some(id.to_owned());
            }
        })?;
    }
    Ok(found)
}

/// The entry of another connector that is the person of this id.
fn aliased(
    inputs: &ExplainInputs<'_>,
    number: Option<ConnectorId>,
    wanted: &str,
) -> Result<Option<UserEntry>, RunError> {
    let Some(number) = number else { return Ok(None) };
    let mut found = None;
    inputs.reader.aliases(number, &mut |kind, id, key| {
        if kind == EntryKind::User && id == wanted {
            found = Some(UserKey(key));
        }
    })?;
    Ok(found.map(|key| inputs.reader.user(key)).transpose()?.flatten())
}
