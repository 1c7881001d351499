//! Whom a name means.

use crate::directory::{ConnectorId, MirrorUser, Reader, StoreResult, UserEntry, UserFilter, fold};
use crate::model::User;

/// How many names like the one asked for are told.
const NEAREST: usize = 3;

/// The directory's users by user name, else by id, else by mail address, which several may share.
pub fn find_users(reader: &dyn Reader, who: &str) -> StoreResult<Vec<UserEntry>> {
    if let Some(user) = reader.user_by_name(&fold(who))? {
        return Ok(vec![user]);
    }
    let by_id = reader.users_by_id(who)?;
    if !by_id.is_empty() {
        return Ok(by_id);
    }
    let mut found = Vec::new();
    let filter = UserFilter { text: Some(who.to_owned()), ..UserFilter::default() };
    reader.users(&filter, &mut |user| {
        if user.email.as_deref().is_some_and(|email| fold(email) == fold(who)) {
            found.push(user);
        }
        true
    })?;
    Ok(found)
}

/// Somebody of the mirror, absent or not, by id; else by user name; else by mail address.
pub(super) fn find_read(
    reader: &dyn Reader,
    connector: ConnectorId,
    who: &str,
) -> StoreResult<Vec<(MirrorUser, User)>> {
    let mut found = Vec::new();
    if let Some(known) = reader.mirror_user(connector, who)? {
        found.extend(reader.mirror_user_record(known.number)?.map(|record| (known, record)));
        return Ok(found);
    }
    let (mut by_name, mut by_mail) = (Vec::new(), Vec::new());
    reader.mirror_user_records(connector, &mut |_, record| {
        if fold(&record.username) == fold(who) {
            by_name.push(record);
        } else if record.email.as_deref().is_some_and(|mail| fold(mail) == fold(who)) {
            by_mail.push(record);
        }
    })?;
    for record in if by_name.is_empty() { by_mail } else { by_name } {
        found.extend(reader.mirror_user(connector, &record.id)?.map(|known| (known, record)));
    }
    Ok(found)
}

/// Names of the directory that are like this one: those that hold it, then those that a mistyped one may mean.
pub(super) fn nearest(reader: &dyn Reader, who: &str) -> StoreResult<Vec<String>> {
    let folded = fold(who);
    let mut near: Vec<(usize, String)> = Vec::new();
    let short = folded.split('@').next().unwrap_or_default().to_owned();
    reader.users(&UserFilter::default(), &mut |user| {
        let name = fold(&user.user_name);
        let distance = match name.contains(&folded) {
            true => 0,
            false => {
                let whole = strsim::damerau_levenshtein(&folded, &name);
                let first = name.split('@').next().unwrap_or_default();
                whole.min(strsim::damerau_levenshtein(&short, first))
            }
        };
        // A third of the word may be wrong.
        if distance <= (short.chars().count() / 3).max(1) {
            near.push((distance, user.user_name));
            near.sort();
            near.truncate(NEAREST);
        }
        true
    })?;
    Ok(near.into_iter().map(|(_, name)| name).collect())
}
