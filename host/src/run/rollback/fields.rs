//! The fields of an entry with each attribute beside them, so that a change of one is compared alone.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json};

use crate::directory::{Change, ChangeKind, PatchError};

/// By name; an attribute's is `attributes.` and its own. Sorted, as an entry's attributes are.
pub(super) type Fields = BTreeMap<String, Json>;

const ATTRIBUTES: &str = "attributes";

pub(super) fn flat(fields: Map<String, Json>) -> Fields {
    let mut all = Fields::new();
    for (name, value) in fields {
        match value {
            Json::Object(attributes) if name == ATTRIBUTES => all.extend(
                attributes.into_iter().map(|(attribute, value)| (format!("{ATTRIBUTES}.{attribute}"), value)),
            ),
            value => drop(all.insert(name, value)),
        }
    }
    all
}

pub(super) fn nested(all: Fields) -> Map<String, Json> {
    let (mut fields, mut attributes) = (Map::new(), Map::new());
    for (name, value) in all {
        match attribute(&name) {
            Some(attribute) => attributes.insert(attribute.to_owned(), value),
            None => fields.insert(name, value),
        };
    }
    if !attributes.is_empty() {
        fields.insert(ATTRIBUTES.to_owned(), attributes.into());
    }
    fields
}

/// The attribute's own name.
pub(super) fn attribute(name: &str) -> Option<&str> {
    name.strip_prefix(ATTRIBUTES)?.strip_prefix('.')
}

/// What a run did to one entry, all of its changes taken together.
#[derive(Debug, PartialEq)]
pub(super) enum Net {
    Made(Fields),
    Removed(Fields),
    /// Each changed field before and after; nothing where the entry had none.
    Changed(BTreeMap<String, (Option<Json>, Option<Json>)>),
}

impl Net {
    /// `changes` are those of one entry, in the order in which they were made; nothing where they cancel out.
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Result<Option<Self>, PatchError> {
        let mut net: Option<Self> = None;
        for change in changes {
            let (mut before, mut after) = (flat(change.fields_before()?), flat(change.fields_after()?));
            net = match (change.kind, net) {
                (ChangeKind::Create, _) => Some(Self::Made(after)),
                (ChangeKind::Delete, Some(Self::Made(_))) => None,
                (ChangeKind::Delete, Some(Self::Changed(fields))) => {
                    for (name, (was, _)) in fields {
                        before.remove(&name);
                        before.extend(was.map(|was| (name, was)));
                    }
                    Some(Self::Removed(before))
                }
                (ChangeKind::Delete, _) => Some(Self::Removed(before)),
                (_, Some(Self::Made(mut fields))) => {
                    fields.retain(|name, _| !before.contains_key(name));
                    fields.append(&mut after);
                    Some(Self::Made(fields))
                }
                (_, earlier) => {
                    let mut fields = match earlier {
                        Some(Self::Changed(fields)) => fields,
                        _ => BTreeMap::new(),
                    };
                    let names: Vec<String> = before.keys().chain(after.keys()).cloned().collect();
                    for name in names {
                        let (was, is) = (before.remove(&name), after.remove(&name));
                        if was.is_none() && is.is_none() {
                            continue;
                        }
                        fields.entry(name).and_modify(|(_, last)| last.clone_from(&is)).or_insert((was, is));
                    }
                    Some(Self::Changed(fields))
                }
            };
        }
        Ok(net)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory::{UserEntry, UserKey};
    use crate::model::{Attribute, User};

    fn ann(name: &str, attributes: &[(&str, &str)]) -> UserEntry {
        let user = User {
            id: "u".into(),
            username: name.into(),
            attributes: attributes.iter().map(|(name, value)| Attribute::new(*name, *value)).collect(),
            ..User::default()
        };
        UserEntry::from_user(UserKey(7), "acme", user)
    }

    #[test]
    fn fields_are_the_same_flat_and_nested() {
        let fields = ann("ann", &[("a", "1"), ("profile.b.c", "2")]).fields();
        let all = flat(fields.clone());
        assert!(all.contains_key("attributes.profile.b.c"), "{all:?}");
        assert_eq!(nested(all), fields);
    }

    #[test]
    fn the_changes_of_one_entry_are_taken_together() {
        let steps = [ann("a", &[("x", "1")]), ann("b", &[("x", "2")]), ann("c", &[("y", "1")])];
        let changes: Vec<Change> =
            steps.windows(2).flat_map(|pair| Change::between_users(&pair[0], &pair[1])).collect();
        let text = |text: &str| Some(Json::from(text));
        assert_eq!(
            Net::of(&changes),
            Ok(Some(Net::Changed(BTreeMap::from([
                ("attributes.x".to_owned(), (text("1"), None)),
                ("attributes.y".to_owned(), (None, text("1"))),
                ("userName".to_owned(), (text("a"), text("c"))),
            ]))))
        );
        let made = Change::create_user(&steps[0]);
        let all = || std::iter::once(&made).chain(&changes);
        assert_eq!(Net::of(all()), Ok(Some(Net::Made(flat(steps[2].fields())))));
        let gone = Change::delete_user(&steps[2]);
        assert_eq!(Net::of(all().chain([&gone])), Ok(None));
        assert_eq!(
            Net::of(changes.iter().chain([&gone])),
            Ok(Some(Net::Removed(flat(steps[0].fields())))),
            "as it was before the run"
        );
    }
}
