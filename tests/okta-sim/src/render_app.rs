//! Writing applications and their assignments as JSON.

use serde_json::{Value, json};

use crate::app::App;
use crate::fields::Parts;
use crate::ids::{Id, IdKind};
use crate::org::Org;
use crate::render;
use crate::time::Timestamp;

/// Writes an application, in the shape of the specification's SAML example.
pub(crate) fn app(out: &mut Vec<u8>, index: u32, app: &App, base: &str) {
    let id = Id::of(IdKind::App, index);
    let id: &str = &id;
    let own = format!("{base}/api/v1/apps/{id}");
    write(
        out,
        &json!({
            "id": id,
            "orn": format!("orn:okta:idp:00opQ3k5dSimulated00:apps:{}:{id}", app.name),
            "name": app.name,
            "label": app.label,
            "status": "ACTIVE",
            "created": time(app.created),
            "lastUpdated": time(app.last_updated),
            "accessibility": { "selfService": false, "errorRedirectUrl": null, "loginRedirectUrl": null },
            "visibility": {
                "autoLaunch": false,
                "autoSubmitToolbar": false,
                "hide": { "iOS": false, "web": false },
                "appLinks": { format!("{}_link", app.name): true },
            },
            "features": [],
            "signOnMode": "SAML_2_0",
            "credentials": {
                "userNameTemplate": { "template": "${source.login}", "type": "BUILT_IN" },
                "signing": {},
            },
            "settings": { "app": {}, "notifications": { "vpn": {
                "network": { "connection": "DISABLED" }, "message": null, "helpUrl": null,
            } } },
            "_links": {
                "self": { "href": own },
                "users": { "href": format!("{own}/users") },
                "groups": { "href": format!("{own}/groups") },
                "deactivate": { "href": format!("{own}/lifecycle/deactivate") },
            },
        }),
    );
}

/// Writes the assignment of a user; `embed` adds the user.
pub(crate) fn app_user(
    out: &mut Vec<u8>,
    org: &Org,
    (app_index, app): (u32, &App),
    index: u32,
    base: &str,
    embed: bool,
) {
    let Some(user) = org.user(index) else { return };
    let (app_id, id) = (Id::of(IdKind::App, app_index), Id::of(IdKind::User, index));
    let direct = app.users.get(&index);
    let through = if direct.is_none() { org.assigned_through(app, index) } else { None };
    let since = direct.or_else(|| app.groups.get(&through?)).copied().unwrap_or(app.created);
    let mut links = json!({
        "app": { "href": format!("{base}/api/v1/apps/{}", &*app_id) },
        "user": { "href": format!("{base}/api/v1/users/{}", &*id) },
    });
    if let Some(group) = through {
        let name = org.group(group).map(|group| group.name.as_str());
        let group = Id::of(IdKind::Group, group);
        links["group"] = json!({ "name": name, "href": format!("{base}/api/v1/groups/{}", &*group) });
    }
    let profile: Value = ["email", "firstName", "lastName", "displayName"]
        .iter()
        .filter_map(|name| Some(((*name).to_owned(), user.attribute(name)?.into_owned())))
        .collect();
    write(
        out,
        &json!({
            "id": &*id,
            "externalId": null,
            "created": time(since),
            "lastUpdated": time(since),
            "scope": if direct.is_some() { "USER" } else { "GROUP" },
            "status": "ACTIVE",
            "statusChanged": time(since),
            "passwordChanged": null,
            "syncState": "DISABLED",
            "credentials": { "userName": user.login() },
            "profile": profile,
            "_links": links,
        }),
    );
    if embed {
        embedded(out, "user", |out| render::user(out, &id, &user, base, &Parts::default(), true));
    }
}

/// Writes the assignment of a group; `embed` adds the group.
pub(crate) fn app_group(
    out: &mut Vec<u8>,
    org: &Org,
    (app_index, app): (u32, &App),
    index: u32,
    base: &str,
    embed: bool,
) {
    let (app_id, id) = (Id::of(IdKind::App, app_index), Id::of(IdKind::Group, index));
    let own = format!("{base}/api/v1/apps/{}", &*app_id);
    write(
        out,
        &json!({
            "id": &*id,
            "priority": app.groups.range(..index).count(),
            "lastUpdated": time(app.groups.get(&index).copied().unwrap_or(app.created)),
            "profile": {},
            "_links": {
                "app": { "href": own },
                "self": { "href": format!("{own}/groups/{}", &*id) },
                "group": { "href": format!("{base}/api/v1/groups/{}", &*id) },
            },
        }),
    );
    if let Some(group) = org.group(index).filter(|_| embed) {
        embedded(out, "group", |out| render::group(out, org, index, group, base, false));
    }
}

/// Adds an embedded object to the object just written.
fn embedded(out: &mut Vec<u8>, name: &str, render: impl FnOnce(&mut Vec<u8>)) {
    out.pop();
    out.extend_from_slice(b",\"_embedded\":{\"");
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\":");
    render(out);
    out.extend_from_slice(b"}}");
}

fn time(time: Timestamp) -> String {
    time.to_string()
}

fn write(out: &mut Vec<u8>, value: &Value) {
    // Writing to a Vec can't fail.
    let _ = serde_json::to_writer(out, value);
}
