//! Single edits.

use super::draft::Draft;
use super::error::{LocalError, describe_group, describe_user};
use crate::directory::{GroupKey, LOCAL, UserEntry, UserKey, fold};
use crate::model::Value;
use crate::run::report::ReportedProblem;

/// Which of a connector's fields and attributes may be set here: connector and name.
pub type Keeps<'a> = &'a dyn Fn(&str, &str) -> bool;

fn existing(draft: &Draft<'_>, user: UserKey) -> Result<UserEntry, LocalError> {
    draft.user(user)?.ok_or_else(|| LocalError::NoUser { name: format!("of key {}", user.0) })
}

/// Gives a field or attribute a value. On a connector's entry it then stays as it is, where the connector allows that.
pub fn set(
    draft: &mut Draft<'_>,
    user: UserKey,
    name: &str,
    value: &str,
    keeps: Keeps<'_>,
) -> Result<(), LocalError> {
    let before = existing(draft, user)?;
    let name = meant(&before, name)?;
    allowed(&before, &name, keeps)?;
    let mut after = before.clone();
    match name.as_str() {
        "userName" => {
            let value = checked_name("user", value)?;
            let holder = draft.user_named(value)?.filter(|holder| holder.key != user);
            if let Some(holder) = holder {
                return Err(LocalError::TakenUser { name: value.to_owned(), holder: describe_user(&holder) });
            }
            after.user_name = value.to_owned();
        }
        "active" => {
            after.active = boolean(value).ok_or_else(|| refused(&name, value, "it is true or false"))?;
        }
        "displayName" | "givenName" | "familyName" | "email" => {
            if value.is_empty() {
                return Err(refused(&name, value, "`--unset` takes a value away"));
            }
            set_text(&mut after, &name, Some(value.to_owned()));
        }
        attribute => {
            let known = before.attributes.iter().find(|known| known.name == attribute);
            let value = typed(&name, value, known.map(|known| &known.value))?;
            after.set_attribute(attribute, Some(value));
        }
    }
    if before.connector != LOCAL {
        draft.keep(user, &name, true);
    }
    draft.put_user(after)?;
    Ok(())
}

/// Takes a value away; on a connector's entry the connector's next run brings back what the provider has.
pub fn unset(draft: &mut Draft<'_>, user: UserKey, name: &str) -> Result<(), LocalError> {
    let mut entry = existing(draft, user)?;
    if entry.connector != LOCAL {
        let kept = draft.reader().kept_of(user)?;
        // It may be set to nothing, so that the entry does not know its name.
        let known = kept.iter().find(|kept| kept.eq_ignore_ascii_case(name)).cloned();
        let name = known.map_or_else(|| meant(&entry, name), Ok)?;
        if !kept.contains(&name) {
            return Err(LocalError::NotSet { user: entry.user_name, name });
        }
        draft.keep(user, &name, false);
        draft.notice(ReportedProblem {
            kind: "user".to_owned(),
            id: Some(entry.external_id),
            name: Some(entry.user_name),
            code: "no-longer-kept".to_owned(),
            message: format!(
                "`{name}` is the provider's again, from the next sync of {} on",
                entry.connector
            ),
            hint: None,
        });
        return Ok(());
    }
    let name = meant(&entry, name)?;
    match name.as_str() {
        "userName" | "active" => {
            return Err(LocalError::Field { name, why: "every user has it" });
        }
        name => set_text(&mut entry, name, None),
    }
    draft.put_user(entry)?;
    Ok(())
}

/// Takes a local user out of the directory.
pub fn remove(draft: &mut Draft<'_>, user: UserKey) -> Result<(), LocalError> {
    let entry = existing(draft, user)?;
    if entry.connector != LOCAL {
        let (name, connector) = (entry.user_name, entry.connector);
        return Err(LocalError::NotLocal { what: "user", name, connector });
    }
    draft.remove_user(entry)?;
    Ok(())
}

/// Local memberships, in local groups and in those of connectors.
pub fn add_members(draft: &mut Draft<'_>, group: GroupKey, users: &[UserKey]) -> Result<(), LocalError> {
    draft.members(group)?.extend(users.iter().map(|user| user.0));
    Ok(())
}

/// Takes local memberships away; what a connector gave stays.
pub fn remove_members(draft: &mut Draft<'_>, group: GroupKey, users: &[UserKey]) -> Result<(), LocalError> {
    for user in users {
        let entry = existing(draft, *user)?;
        if !draft.members(group)?.remove(user.0) && draft.reader().members(group)?.contains(user.0) {
            let name = draft.group(group)?.map(|group| group.name).unwrap_or_default();
            draft.notice(ReportedProblem {
                kind: "user".to_owned(),
                id: Some(entry.external_id),
                name: Some(entry.user_name),
                code: "given-by-connector".to_owned(),
                message: format!("stays a member of {name:?}: a connector gave that membership"),
                hint: None,
            });
        }
    }
    Ok(())
}

/// An empty local group.
pub fn create_group(draft: &mut Draft<'_>, name: &str) -> Result<(), LocalError> {
    let name = checked_name("group", name)?;
    if let Some(holder) = draft.group_named(name)? {
        return Err(LocalError::TakenGroup { name: name.to_owned(), holder: describe_group(&holder) });
    }
    draft.new_group(name);
    Ok(())
}

/// A local group, with the local memberships in it.
pub fn delete_group(draft: &mut Draft<'_>, group: GroupKey) -> Result<(), LocalError> {
    let Some(entry) = draft.group(group)? else {
        return Err(LocalError::NoGroup { name: format!("of key {}", group.0) });
    };
    if entry.connector != LOCAL {
        let (name, connector) = (entry.name, entry.connector);
        return Err(LocalError::NotLocal { what: "group", name, connector });
    }
    let local = draft.members(group)?.clone();
    if !draft.reader().members(group)?.is_subset(&local) {
        return Err(LocalError::Filled { name: entry.name });
    }
    draft.remove_group(entry)?;
    Ok(())
}

/// The field or attribute that is meant: a field by its name, else an attribute by its name or the last part of it, as
/// in `rollcall users --columns`; else a new attribute. Case does not count in names that are known.
fn meant(entry: &UserEntry, name: &str) -> Result<String, LocalError> {
    if let Some(field) = UserEntry::FIELDS.into_iter().find(|field| field.eq_ignore_ascii_case(name)) {
        return match field {
            "connector" | "externalId" | "key" => {
                Err(LocalError::Field { name: field.to_owned(), why: "it never changes" })
            }
            field => Ok(field.to_owned()),
        };
    }
    checked_name("attribute", name)?;
    let attributes = || entry.attributes.iter().map(|attribute| attribute.name.as_str());
    let last = |attribute: &&str| attribute.rsplit('.').next().unwrap_or_default().eq_ignore_ascii_case(name);
    let found =
        attributes().find(|known| known.eq_ignore_ascii_case(name)).or_else(|| attributes().find(last));
    Ok(found.unwrap_or(name).to_owned())
}

fn allowed(entry: &UserEntry, name: &str, keeps: Keeps<'_>) -> Result<(), LocalError> {
    if entry.connector == LOCAL || keeps(&entry.connector, name) {
        return Ok(());
    }
    let (user, connector) = (entry.user_name.clone(), entry.connector.clone());
    Err(LocalError::NotKept { user, connector, name: name.to_owned() })
}

fn refused(name: &str, value: &str, why: &'static str) -> LocalError {
    LocalError::Value { name: name.to_owned(), value: value.to_owned(), why }
}

/// A value of the kind that the attribute has already; a text where it has none.
fn typed(name: &str, text: &str, known: Option<&Value>) -> Result<Value, LocalError> {
    match known {
        Some(Value::Boolean(_)) => {
            boolean(text).map(Value::Boolean).ok_or_else(|| refused(name, text, "it holds true or false"))
        }
        Some(Value::Integer(_)) => {
            text.parse().map(Value::Integer).map_err(|_| refused(name, text, "it holds a whole number"))
        }
        Some(Value::Decimal(_)) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Value::Decimal(number)),
            _ => Err(refused(name, text, "it holds a number")),
        },
        Some(Value::Texts(_)) => Ok(Value::Texts(
            text.split(';').map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect(),
        )),
        Some(Value::Json(_)) => Err(refused(name, text, "it holds a structure, which can't be set here")),
        Some(Value::Text(_)) | None => Ok(Value::Text(text.to_owned())),
    }
}

pub(super) fn boolean(text: &str) -> Option<bool> {
    match fold(text.trim()).as_str() {
        "true" => Some(true),
        "false" => Some(false),
        _ => None,
    }
}

/// A name without blanks around it.
pub(super) fn checked_name<'n>(what: &'static str, name: &'n str) -> Result<&'n str, LocalError> {
    let trimmed = name.trim();
    let why = match trimmed {
        "" => "it is empty",
        text if text.contains(char::is_control) => "it holds a control character",
        _ => return Ok(trimmed),
    };
    Err(LocalError::Name { what, name: name.to_owned(), why })
}

/// A core field that is a text, or an attribute.
pub(super) fn set_text(entry: &mut UserEntry, name: &str, value: Option<String>) {
    match name {
        "displayName" => entry.display_name = value,
        "givenName" => entry.given_name = value,
        "familyName" => entry.family_name = value,
        "email" => entry.email = value,
        attribute => entry.set_attribute(attribute, value.map(Value::Text)),
    }
}
