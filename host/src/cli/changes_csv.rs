//! The changes of a run or of a plan as comma-separated values: one line for each field that gets another value, for
//! each member that comes or goes, and for each entry that is created, disabled or enabled as a whole.

use serde_json::{Map, Value};

use super::held_view::ShownHeld;
use super::listing::{Listing, in_words};
use super::output::Output;
use super::plan::{ShownChange, ShownMembers};
use super::report::Failure;
use crate::directory::ChangeKind;

/// `held`: why it is not done; nothing where it is.
pub(super) const COLUMNS: [&str; 8] = ["kind", "entry", "name", "field", "before", "after", "reason", "held"];

/// What is changed, then what is held.
pub(super) fn print(
    output: Output,
    (changes, memberships): (&[ShownChange], &[ShownMembers]),
    held: &ShownHeld,
) -> Result<(), Failure> {
    let columns = COLUMNS.map(str::to_owned);
    let mut listing = Listing::start(output, true, &columns, in_words)?;
    for line in rows(changes, memberships).chain(rows(&held.changes, &held.memberships)) {
        listing.row(|| line, || Value::Null)?;
    }
    listing.end("Nothing changes.")
}

/// Under [`COLUMNS`].
pub(super) fn rows<'a>(
    changes: &'a [ShownChange],
    memberships: &'a [ShownMembers],
) -> impl Iterator<Item = Vec<Value>> + 'a {
    changes.iter().flat_map(lines).chain(memberships.iter().flat_map(members))
}

fn members(members: &ShownMembers) -> impl Iterator<Item = Vec<Value>> + '_ {
    let line = |kind: &str, before: Value, after: Value| {
        let group = members.group.as_str().into();
        let held = members.held.as_deref().into();
        vec![kind.into(), "group".into(), group, "member".into(), before, after, Value::Null, held]
    };
    let added = members.added.iter().map(move |name| line("add-member", Value::Null, name.as_str().into()));
    let removed = members.removed.iter();
    added.chain(removed.map(move |name| line("remove-member", name.as_str().into(), Value::Null)))
}

fn lines(change: &ShownChange) -> Vec<Vec<Value>> {
    let line = |field: &str, before: Value, after: Value| {
        vec![
            change.kind.into(),
            change.entry.into(),
            change.name.as_str().into(),
            field.into(),
            before,
            after,
            change.reason.as_deref().into(),
            change.held.as_deref().into(),
        ]
    };
    let whole = [ChangeKind::Create, ChangeKind::Disable, ChangeKind::Enable, ChangeKind::Delete];
    if whole.iter().any(|kind| kind.as_str() == change.kind) {
        return vec![line("", Value::Null, Value::Null)];
    }
    let before = flat(change.before.as_ref());
    let after = flat(Some(&change.after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort();
    names.dedup();
    let value = |fields: &Map<String, Value>, name: &str| fields.get(name).cloned().unwrap_or_default();
    names.into_iter().map(|name| line(name, value(&before, name), value(&after, name))).collect()
}

/// Attributes beside the fields.
fn flat(fields: Option<&Value>) -> Map<String, Value> {
    let mut flat = Map::new();
    for (name, value) in fields.and_then(Value::as_object).into_iter().flatten() {
        match value {
            Value::Object(attributes) if name == "attributes" => flat.extend(attributes.clone()),
            value => drop(flat.insert(name.clone(), value.clone())),
        }
    }
    flat
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(kind: ChangeKind, before: Option<Value>, after: Value) -> ShownChange {
        let (kind, name) = (kind.as_str(), "ann".into());
        ShownChange {
            kind,
            entry: "user",
            key: 1,
            name,
            before,
            after,
            reason: None,
            held: None,
            state: None,
        }
    }

    #[test]
    fn an_update_is_a_line_for_each_field() {
        let update = change(
            ChangeKind::Update,
            Some(json!({ "email": "a@b.c", "attributes": { "profile.department": "Sales" } })),
            json!({ "attributes": { "profile.department": "Support", "profile.level": 3 } }),
        );
        let lines: Vec<String> = lines(&update).iter().map(|line| crate::cli::csv::line(line)).collect();
        assert_eq!(
            lines.concat(),
            "update,user,ann,email,a@b.c,,,\n\
             update,user,ann,profile.department,Sales,Support,,\n\
             update,user,ann,profile.level,,3,,\n"
        );
    }

    #[test]
    fn what_happens_to_an_entry_as_a_whole_is_one_line() {
        for kind in [ChangeKind::Create, ChangeKind::Disable, ChangeKind::Enable, ChangeKind::Delete] {
            let change = change(kind, None, json!({ "userName": "ann", "active": true }));
            assert_eq!(lines(&change).len(), 1);
        }
        let rename = change(ChangeKind::Rename, Some(json!({ "userName": "a" })), json!({ "userName": "b" }));
        assert_eq!(lines(&rename)[0][3..6], [json!("userName"), json!("a"), json!("b")]);
    }
}
