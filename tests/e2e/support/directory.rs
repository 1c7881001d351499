use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::place::Place;

/// What the command line shows of the directory, by the provider's ids; those of other connectors than `acme` with
/// the connector's name before them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Directory {
    /// Without key and connector.
    pub users: BTreeMap<String, Value>,
    /// Without key and connector. A group that rules made up goes by its name.
    pub groups: BTreeMap<String, Value>,
    /// The ids of each group's members.
    pub members: BTreeMap<String, BTreeSet<String>>,
    /// Our own keys, of users and groups.
    pub keys: BTreeMap<String, u64>,
}

impl Directory {
    pub fn read(place: &Place) -> Self {
        let list = |what: &str| -> Vec<Value> {
            match place.run(&[what, "--json"]).exits(0).json() {
                Value::Array(entries) => entries,
                other => panic!("{other}"),
            }
        };
        let mut directory = Self::default();
        let mut ids = BTreeMap::new();
        for user in list("users") {
            let (id, key, fields) = taken_apart(user);
            ids.insert(fields["userName"].as_str().unwrap().to_owned(), id.clone());
            directory.keys.insert(id.clone(), key);
            directory.users.insert(id, fields.into());
        }
        for group in list("groups") {
            let (id, key, mut fields) = taken_apart(group);
            let count = fields.remove("memberCount").unwrap();
            let name = fields["displayName"].as_str().unwrap();
            let shown = place.run(&["group", "--json", "--", name]).exits(0).json();
            let members = shown["members"].as_array().unwrap().iter();
            let members: BTreeSet<String> = members.map(|name| ids[name.as_str().unwrap()].clone()).collect();
            assert_eq!(count, members.len(), "{name}");
            directory.members.insert(id.clone(), members);
            directory.keys.insert(id.clone(), key);
            directory.groups.insert(id, fields.into());
        }
        directory
    }

    /// The first thing in which this differs from what is wanted, if there is one. A key may be new, not another.
    pub fn difference(&self, wanted: &Self) -> Option<String> {
        fn first<V: PartialEq + std::fmt::Debug>(
            what: &str,
            found: &BTreeMap<String, V>,
            wanted: &BTreeMap<String, V>,
        ) -> Option<String> {
            let ids: BTreeSet<&String> = found.keys().chain(wanted.keys()).collect();
            let id = ids.into_iter().find(|id| found.get(*id) != wanted.get(*id))?;
            Some(format!("{what} {id}\n found: {:?}\nwanted: {:?}", found.get(id), wanted.get(id)))
        }
        let known = |keys: &BTreeMap<String, u64>, other: &BTreeMap<String, u64>| {
            let both = keys.iter().filter(|(id, _)| other.contains_key(*id));
            both.map(|(id, key)| (id.clone(), *key)).collect()
        };
        first("user", &self.users, &wanted.users)
            .or_else(|| first("group", &self.groups, &wanted.groups))
            .or_else(|| first("members of", &self.members, &wanted.members))
            .or_else(|| first("key of", &known(&self.keys, &wanted.keys), &known(&wanted.keys, &self.keys)))
    }

    /// The user's fields and attributes.
    #[track_caller]
    pub fn user(&self, name: &str) -> &Value {
        self.users
            .values()
            .find(|user| user["userName"] == name)
            .unwrap_or_else(|| panic!("there is no {name}"))
    }

    /// The names of a group's members.
    #[track_caller]
    pub fn members_of(&self, group: &str) -> Vec<&str> {
        let (id, _) = self
            .groups
            .iter()
            .find(|(_, fields)| fields["displayName"] == group)
            .unwrap_or_else(|| panic!("there is no group {group}"));
        let mut names: Vec<&str> =
            self.members[id].iter().map(|id| self.users[id]["userName"].as_str().unwrap()).collect();
        names.sort_unstable();
        names
    }

    pub fn user_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.users.values().map(|user| user["userName"].as_str().unwrap()).collect();
        names.sort_unstable();
        names
    }

    pub fn group_names(&self) -> Vec<&str> {
        let mut names: Vec<&str> =
            self.groups.values().map(|group| group["displayName"].as_str().unwrap()).collect();
        names.sort_unstable();
        names
    }
}

fn taken_apart(entry: Value) -> (String, u64, Map<String, Value>) {
    let Value::Object(mut fields) = entry else { panic!("{entry}") };
    let key = fields.remove("key").and_then(|key| key.as_u64()).unwrap();
    let connector = fields.remove("connector").unwrap();
    let id = fields.get("externalId").or(fields.get("displayName")).and_then(Value::as_str).unwrap();
    let id = match connector.as_str().unwrap() {
        "acme" => id.to_owned(),
        other => format!("{other} {id}"),
    };
    (id, key, fields)
}
