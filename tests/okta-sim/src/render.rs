//! Writing users and groups as JSON straight into the response's buffer.

use std::io::Write;

use serde_json::Value;

use crate::fields::Parts;
use crate::ids::{self, IdKind};
use crate::model::{Group, GroupType, Profile, Provider, Status, User};
use crate::org::Org;
use crate::time::Timestamp;

/// The organisation's one user type.
pub(crate) const USER_TYPE: &str = "oty1h2pQ3k5dDefault0";
/// The application that imported groups come from.
pub(crate) const SOURCE_APP: &str = "0oa2v0el0gP90aqjJ0g7";
/// The user schema linked from single users.
const SCHEMA: &str = "osc1h2pQ3k5dDefault0";

/// Writes a user. `base` is the scheme and host for links. Lists carry only the `self` link and, unless
/// omitted, credentials (270 of 270 recorded list items); single users link what can be done with them.
pub(crate) fn user(out: &mut Vec<u8>, id: &str, user: &User, base: &str, parts: &Parts, single: bool) {
    out.extend_from_slice(b"{\"id\":\"");
    out.extend_from_slice(id.as_bytes());
    out.push(b'"');
    if parts.wants("status") {
        out.extend_from_slice(b",\"status\":");
        plain(out, user.status.as_str());
    }
    for (name, key, value) in [
        ("created", ",\"created\":", Some(user.created)),
        ("activated", ",\"activated\":", user.activated),
        ("statusChanged", ",\"statusChanged\":", user.status_changed),
        ("lastLogin", ",\"lastLogin\":", user.last_login),
        ("lastUpdated", ",\"lastUpdated\":", Some(user.last_updated)),
        ("passwordChanged", ",\"passwordChanged\":", user.password_changed),
    ] {
        if parts.wants(name) {
            out.extend_from_slice(key.as_bytes());
            timestamp(out, value);
        }
    }
    if parts.wants("type") {
        out.extend_from_slice(b",\"type\":{\"id\":\"");
        out.extend_from_slice(USER_TYPE.as_bytes());
        out.extend_from_slice(b"\"}");
    }
    if let Some(target) = user.transitioning_to
        && !parts.omit_transitioning
        && parts.wants("transitioningToStatus")
    {
        key(out, "transitioningToStatus");
        plain(out, target.as_str());
    }
    if parts.wants_profile() {
        key(out, "profile");
        profile(out, user, parts);
    }
    if !parts.omit_credentials && parts.wants("credentials") {
        key(out, "credentials");
        credentials(out, user);
    }
    // A projected user has no links: the specification's example of `fields` shows none.
    if parts.wants("_links") {
        key(out, "_links");
        user_links(out, id, user, base, parts, single);
    }
    out.push(b'}');
}

fn profile(out: &mut Vec<u8>, user: &User, parts: &Parts) {
    out.push(b'{');
    match &user.profile {
        Profile::Generated(generator, index) => {
            generator.write_profile(out, *index, |name| parts.wants_attribute(name));
        }
        Profile::Own(attributes) => {
            let start = out.len();
            for (name, value) in attributes.iter().filter(|(name, _)| parts.wants_attribute(name)) {
                if out.len() != start {
                    out.push(b',');
                }
                text(out, name);
                out.push(b':');
                json(out, value);
            }
        }
    }
    out.push(b'}');
}

fn credentials(out: &mut Vec<u8>, user: &User) {
    out.push(b'{');
    if user.password_changed.is_some() {
        out.extend_from_slice(b"\"password\":{},");
    }
    let before = out.len();
    out.extend_from_slice(b"\"emails\":[{\"value\":");
    if email(out, user) {
        out.extend_from_slice(b",\"status\":\"VERIFIED\",\"type\":\"PRIMARY\"}],");
    } else {
        out.truncate(before);
    }
    let provider = match user.provider {
        Provider::Okta => r#""provider":{"type":"OKTA","name":"OKTA"}}"#,
        Provider::ActiveDirectory => r#""provider":{"type":"ACTIVE_DIRECTORY","name":"corp.acme.example"}}"#,
        Provider::Federation => r#""provider":{"type":"FEDERATION","name":"FEDERATION"}}"#,
    };
    out.extend_from_slice(provider.as_bytes());
}

/// Writes the e-mail address, unless it is no text.
fn email(out: &mut Vec<u8>, user: &User) -> bool {
    match &user.profile {
        Profile::Generated(generator, index) => {
            generator.write_email(out, *index);
            true
        }
        Profile::Own(_) => match user.attribute("email").as_deref() {
            Some(email @ Value::String(_)) => {
                json(out, email);
                true
            }
            _ => false,
        },
    }
}

fn user_links(out: &mut Vec<u8>, id: &str, user: &User, base: &str, parts: &Parts, single: bool) {
    for part in ["{\"self\":{\"href\":\"", base, "/api/v1/users/", id, "\"}"] {
        out.extend_from_slice(part.as_bytes());
    }
    if single {
        let _ = write!(
            out,
            ",\"schema\":{{\"href\":\"{base}/api/v1/meta/schemas/user/{SCHEMA}\"}},\
             \"type\":{{\"href\":\"{base}/api/v1/meta/types/user/{USER_TYPE}\"}}"
        );
        let lifecycle: &[&str] = match user.status {
            Status::Active | Status::Recovery | Status::PasswordExpired => &["suspend", "deactivate"],
            Status::LockedOut => &["unlock", "deactivate"],
            Status::Suspended => &["unsuspend", "deactivate"],
            Status::Provisioned => &["reactivate", "deactivate"],
            Status::Staged | Status::Deprovisioned => &["activate"],
        };
        for verb in lifecycle.iter().filter(|verb| **verb != "unlock" || !parts.omit_credentials_links) {
            let _ = write!(
                out,
                ",\"{verb}\":{{\"href\":\"{base}/api/v1/users/{id}/lifecycle/{verb}\",\"method\":\"POST\"}}"
            );
        }
        if !parts.omit_credentials_links {
            for (name, path) in [
                ("resetPassword", "lifecycle/reset_password"),
                ("forgotPassword", "credentials/forgot_password"),
                ("expirePassword", "lifecycle/expire_password"),
                ("changeRecoveryQuestion", "credentials/change_recovery_question"),
                ("changePassword", "credentials/change_password"),
            ] {
                let _ = write!(
                    out,
                    ",\"{name}\":{{\"href\":\"{base}/api/v1/users/{id}/{path}\",\"method\":\"POST\"}}"
                );
            }
        }
    }
    out.push(b'}');
}

/// Writes the group at an index. `stats` embeds `usersCount`, as `expand=stats` asks, counted now even where a
/// search shows an older group.
pub(crate) fn group(out: &mut Vec<u8>, org: &Org, index: u32, group: &Group, base: &str, stats: bool) {
    let id = ids::encode(IdKind::Group, index);
    let _ = write!(out, "{{\"id\":\"{id}\"");
    for (name, value) in [
        ("created", group.created),
        ("lastUpdated", group.last_updated),
        ("lastMembershipUpdated", group.last_membership_updated),
    ] {
        key(out, name);
        timestamp(out, Some(value));
    }
    let imported = group.kind == GroupType::AppGroup;
    let class = if imported { "okta:windows_security_principal" } else { "okta:user_group" };
    let _ = write!(
        out,
        ",\"objectClass\":[\"{class}\"],\"type\":\"{}\",\"profile\":{{\"name\":",
        group.kind.as_str()
    );
    text(out, &group.name);
    key(out, "description");
    match &group.description {
        Some(description) => text(out, description),
        None => out.extend_from_slice(b"null"),
    }
    if imported {
        for (name, value) in directory_attributes(index, group) {
            key(out, name);
            text(out, &value);
        }
    }
    out.push(b'}');
    if imported {
        let _ = write!(out, ",\"source\":{{\"id\":\"{SOURCE_APP}\"}}");
    }
    let picture = if imported { "active_directory" } else { "okta" };
    out.extend_from_slice(b",\"_links\":{\"logo\":[");
    for (size, separator) in [("medium", ","), ("large", "],")] {
        let _ = write!(
            out,
            "{{\"name\":\"{size}\",\"href\":\"{base}/assets/img/logos/groups/{picture}-{size}.png\",\
             \"type\":\"image/png\"}}{separator}"
        );
    }
    if imported {
        let _ = write!(out, "\"source\":{{\"href\":\"{base}/api/v1/apps/{SOURCE_APP}\"}},");
    }
    let _ = write!(
        out,
        "\"users\":{{\"href\":\"{base}/api/v1/groups/{id}/users\"}},\
         \"apps\":{{\"href\":\"{base}/api/v1/groups/{id}/apps\"}}}}"
    );
    if stats {
        let _ = write!(
            out,
            ",\"_embedded\":{{\"stats\":{{\"usersCount\":{},\"appsCount\":{},\"groupPushMappingsCount\":0,\
             \"hasAdminPrivilege\":{},\"_links\":{{\"users\":{{\"href\":\"{base}/api/v1/groups/{id}/users\"}}}}}}}}",
            org.group(index).map_or(0, |now| org.member_count(now)),
            org.apps.iter().filter(|app| app.groups.contains_key(&index)).count(),
            group.members_forbidden
        );
    }
    out.push(b'}');
}

/// The profile attributes of a group imported from Active Directory.
pub(crate) fn directory_attributes(index: u32, group: &Group) -> [(&'static str, String); 6] {
    [
        ("groupType", "Security".to_owned()),
        ("samAccountName", group.name.clone()),
        ("objectSid", format!("S-1-5-21-717838489-685202119-709183397-{}", 1100 + index)),
        ("groupScope", "Global".to_owned()),
        ("dn", format!("CN={},OU=Groups,DC=corp,DC=acme,DC=example", group.name)),
        ("windowsDomainQualifiedName", format!("CORP\\{}", group.name)),
    ]
}

fn key(out: &mut Vec<u8>, name: &str) {
    out.extend_from_slice(b",\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
}

fn timestamp(out: &mut Vec<u8>, value: Option<Timestamp>) {
    match value {
        Some(value) => {
            out.push(b'"');
            value.write(out);
            out.push(b'"');
        }
        None => out.extend_from_slice(b"null"),
    }
}

/// Writes a text that needs no escaping.
fn plain(out: &mut Vec<u8>, value: &str) {
    out.push(b'"');
    out.extend_from_slice(value.as_bytes());
    out.push(b'"');
}

fn text(out: &mut Vec<u8>, value: &str) {
    // Writing text to a Vec can't fail.
    let _ = serde_json::to_writer(out, value);
}

fn json(out: &mut Vec<u8>, value: &Value) {
    let _ = serde_json::to_writer(out, value);
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::fields::Projection;
    use crate::population::Population;

    const BASE: &str = "http://127.0.0.1:1";

    fn rendered(parts: &Parts, single: bool) -> Value {
        let org = Population { awkward: false, ..Population::default() }.build();
        let mut out = Vec::new();
        user(&mut out, "00uX", &org.user(3).unwrap(), BASE, parts, single);
        serde_json::from_slice(&out).unwrap()
    }

    #[test]
    fn a_listed_user_has_the_recorded_shape_and_about_the_recorded_size() {
        let user = rendered(&Parts::default(), false);
        let keys: Vec<&str> = user.as_object().unwrap().keys().map(String::as_str).collect();
        for name in ["id", "status", "created", "activated", "statusChanged", "lastLogin", "lastUpdated"] {
            assert!(keys.contains(&name), "{name}");
        }
        assert_eq!(user["profile"]["secondEmail"], Value::Null);
        assert_eq!(user["_links"].as_object().unwrap().len(), 1);
        // The mean of the recorded user objects is 1,270 bytes.
        assert!((1000..1500).contains(&user.to_string().len()), "{}", user.to_string().len());
    }

    #[test]
    fn a_projection_leaves_only_what_was_asked_and_the_id() {
        let parts = Parts {
            projection: Some(Projection::parse("status,profile:(firstName,city)").unwrap()),
            ..Parts::default()
        };
        let user = rendered(&parts, false);
        assert_eq!(user.as_object().unwrap().len(), 3);
        assert_eq!(user["profile"].as_object().unwrap().len(), 2);
    }

    #[test]
    fn omitted_credentials_are_gone_with_their_links() {
        let parts = Parts { omit_credentials: true, omit_credentials_links: true, ..Parts::default() };
        let user = rendered(&parts, true);
        assert_eq!(user.get("credentials"), None);
        assert_eq!(user["_links"].get("resetPassword"), None);
        assert!(rendered(&Parts::default(), true)["_links"].get("resetPassword").is_some());
    }

    #[test]
    fn every_awkward_object_is_valid_json() {
        let org = Population { users: 400, ..Population::default() }.build();
        for index in 0..org.user_indices() {
            let mut out = Vec::new();
            user(&mut out, "00uX", &org.user(index).unwrap(), BASE, &Parts::default(), true);
            serde_json::from_slice::<Value>(&out).unwrap();
        }
        for (index, entry) in org.groups.iter().enumerate() {
            let mut out = Vec::new();
            group(&mut out, &org, index as u32, entry.as_ref().unwrap(), BASE, true);
            serde_json::from_slice::<Value>(&out).unwrap();
        }
    }
}
