//! What the directory has to show of an organisation, worked out from the organisation itself and from what the
//! plugin's manifest promises, not from the plugin.

use okta_sim::RunningSim;
use serde_json::{Map, Value, json};

use super::directory::Directory;

/// What becomes a user's own field and no attribute.
const FIELDS: [&str; 5] = ["login", "email", "firstName", "lastName", "displayName"];

/// Everything that a sync with `attributes = ["*"]` makes of the organisation. No group
/// holds anybody who is deactivated, even where Okta lists them. Of groups whose names differ in case only, the one with the smallest id is there.
pub fn truth(sim: &RunningSim) -> Directory {
    let mut truth = Directory::default();
    for id in sim.user_ids() {
        truth.users.insert(id.clone(), user_entry(&sim.user(&id).unwrap()));
    }
    let mut ids = sim.group_ids();
    ids.sort();
    let mut names = Vec::new();
    for id in ids {
        let group = sim.group(&id).unwrap();
        let name = group["profile"]["name"].as_str().unwrap().to_lowercase();
        if names.contains(&name) {
            continue;
        }
        names.push(name);
        let everyone = group["type"] == "BUILT_IN" && group["profile"]["name"] == "Everyone";
        let mut members = if everyone { sim.user_ids() } else { sim.member_ids(&id).unwrap() };
        members.retain(|user| sim.user(user).is_some_and(|user| user["status"] != "DEPROVISIONED"));
        truth.members.insert(id.clone(), members.into_iter().collect());
        truth.groups.insert(id, group_entry(&group));
    }
    truth
}

/// What a directory that was `before` has to show after a complete run: the organisation, who is not there any
/// more as they were but disabled, in the groups that still are, and groups that are not as they were. Keys stay.
pub fn expected(sim: &RunningSim, before: &Directory) -> Directory {
    let mut expected = truth(sim);
    for (id, user) in &before.users {
        if !expected.users.contains_key(id) {
            let mut user = user.clone();
            user["active"] = false.into();
            expected.users.insert(id.clone(), user);
            for (group, members) in &mut expected.members {
                if before.members.get(group).is_some_and(|before| before.contains(id)) {
                    members.insert(id.clone());
                }
            }
        }
    }
    for (id, group) in &before.groups {
        if !expected.groups.contains_key(id) {
            expected.groups.insert(id.clone(), group.clone());
            expected.members.insert(id.clone(), before.members[id].clone());
        }
    }
    expected.keys.clone_from(&before.keys);
    expected
}

/// A user as Okta lists one → as the directory shows them.
fn user_entry(user: &Value) -> Value {
    let profile = user["profile"].as_object().unwrap();
    let text = |name: &str| profile.get(name).and_then(Value::as_str).filter(|text| !text.trim().is_empty());
    let mut entry = Map::new();
    let mut put = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            entry.insert(name.to_owned(), value.into());
        }
    };
    let names: Vec<&str> = ["firstName", "lastName"].into_iter().filter_map(text).collect();
    let full_name = Some(names.join(" ")).filter(|name| !name.is_empty());
    put("externalId", user["id"].as_str().map(str::to_owned));
    put("userName", text("login").map(str::to_owned));
    put("email", text("email").map(str::to_owned));
    put("displayName", text("displayName").map(str::to_owned).or(full_name));
    put("givenName", text("firstName").map(str::to_owned));
    put("familyName", text("lastName").map(str::to_owned));
    let active = ["ACTIVE", "PROVISIONED", "RECOVERY", "PASSWORD_EXPIRED", "LOCKED_OUT"];
    entry.insert("active".to_owned(), active.contains(&user["status"].as_str().unwrap()).into());

    let mut attributes = Map::new();
    for name in ["status", "created", "activated", "statusChanged"] {
        attributes.insert(name.to_owned(), user[name].clone());
    }
    attributes.insert("type.id".to_owned(), user["type"]["id"].clone());
    for (name, value) in profile.iter().filter(|(name, _)| !FIELDS.contains(&name.as_str())) {
        attributes.insert(format!("profile.{name}"), value.clone());
    }
    attributes.retain(|_, value| !value.is_null());
    entry.insert("attributes".to_owned(), attributes.into());
    entry.into()
}

/// A group as Okta lists one → as the directory shows it.
fn group_entry(group: &Value) -> Value {
    let profile = group["profile"].as_object().unwrap();
    let mut entry = json!({ "externalId": group["id"], "displayName": profile["name"] });
    if let Some(description) = profile["description"].as_str().filter(|text| !text.trim().is_empty()) {
        entry["description"] = description.into();
    }
    let mut attributes = Map::new();
    for name in ["created", "objectClass", "type"] {
        attributes.insert(name.to_owned(), group[name].clone());
    }
    attributes.insert("source.id".to_owned(), group["source"]["id"].clone());
    for (name, value) in profile.iter().filter(|(name, _)| !["name", "description"].contains(&name.as_str()))
    {
        attributes.insert(format!("profile.{name}"), value.clone());
    }
    attributes.retain(|_, value| !value.is_null());
    entry["attributes"] = attributes.into();
    entry
}
