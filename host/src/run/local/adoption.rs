//! What a connector that takes over would find of a file's people.

use rustc_hash::FxHashMap;
use serde::Serialize;

use super::table::Table;
use crate::directory::{ConnectorId, Reader, StoreResult, UserKey, fold};

/// One connector's people beside a file's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Adoption {
    pub connector: String,
    /// People that it has read, as of its last sync; without any nothing can be said.
    pub known: u64,
    /// In the order of the file.
    pub matches: Vec<Match>,
    /// Those whom several people match, or who match one whom another matches better.
    pub ambiguous: Vec<Ambiguous>,
    /// User names that nobody matches.
    pub local: Vec<String>,
}

/// A row and the person at the provider who is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Match {
    pub user_name: String,
    /// `user name` or `mail`.
    pub by: &'static str,
    /// As the provider, or a rule, names them.
    pub person: String,
    /// The provider's.
    pub id: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Ambiguous {
    pub user_name: String,
    /// User names at the provider.
    pub people: Vec<String>,
}

/// A person of the mirror.
struct Person {
    user_name: String,
    id: String,
}

/// Compares by user name, and where nobody has it by e-mail address, upper and lower case meaning the same.
///
/// Of people who are in the directory it takes what rules made of them, of the others what the provider gave.
pub fn adoption_of(
    reader: &dyn Reader,
    connector: ConnectorId,
    name: &str,
    table: &Table,
) -> StoreResult<Adoption> {
    let mut keys: FxHashMap<String, UserKey> = FxHashMap::default();
    reader.user_keys(connector, &mut |id, key| {
        keys.insert(id.to_owned(), key);
    })?;
    let mut mirrored = Vec::new();
    reader.mirror_users(connector, &mut |user| mirrored.push((user.id, user.number)))?;
    let mut people: Vec<Person> = Vec::new();
    let (mut by_name, mut by_mail) = (FxHashMap::default(), FxHashMap::default());
    for (id, number) in mirrored {
        let shaped = keys.get(&id).map(|key| reader.user(*key)).transpose()?.flatten();
        let (user_name, email) = match shaped {
            Some(entry) => (entry.user_name, entry.email),
            None => match reader.mirror_user_record(number)? {
                Some(record) => (record.username, record.email),
                None => continue,
            },
        };
        let index = people.len();
        by_name.entry(fold(&user_name)).or_insert_with(Vec::new).push(index);
        if let Some(email) = email {
            by_mail.entry(fold(&email)).or_insert_with(Vec::new).push(index);
        }
        people.push(Person { user_name, id });
    }
    let mut adoption = Adoption {
        connector: name.to_owned(),
        known: people.len() as u64,
        matches: Vec::new(),
        ambiguous: Vec::new(),
        local: Vec::new(),
    };
    let found: Vec<(&'static str, &[usize])> = table
        .rows
        .iter()
        .map(|row| {
            let named =
                by_name.get(&fold(&row.user_name)).map(|people: &Vec<usize>| ("user name", &people[..]));
            let mailed = || by_mail.get(&fold(row.email()?)).map(|people: &Vec<usize>| ("mail", &people[..]));
            named.or_else(mailed).unwrap_or(("", &[]))
        })
        .collect();
    // A person whom several rows mean is that of the one with the name.
    let mut meant: FxHashMap<usize, Vec<&'static str>> = FxHashMap::default();
    for (by, people) in &found {
        people.iter().for_each(|person| meant.entry(*person).or_default().push(by));
    }
    for (row, (by, indexes)) in table.rows.iter().zip(found) {
        let user_name = row.user_name.clone();
        let alone = |index: usize| {
            let rivals = &meant[&index];
            rivals.len() == 1
                || (by == "user name" && rivals.iter().filter(|rival| **rival == by).count() == 1)
        };
        match indexes {
            [] => adoption.local.push(user_name),
            [index] if alone(*index) => {
                let Person { user_name: person, id } = &people[*index];
                let (person, id) = (person.clone(), id.clone());
                adoption.matches.push(Match { user_name, by, person, id });
            }
            several => {
                let people = several.iter().map(|index| people[*index].user_name.clone()).collect();
                adoption.ambiguous.push(Ambiguous { user_name, people });
            }
        }
    }
    Ok(adoption)
}
